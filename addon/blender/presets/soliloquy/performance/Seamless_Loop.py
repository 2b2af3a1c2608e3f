import bpy

settings = (getattr(bpy.context.workspace, "sequencer_scene", None) or bpy.context.scene).soliloquy
performance = settings.performance

performance.liveliness = -0.2
performance.set_persona = False
performance.persona = 0
performance.head_amplitude = 1.0
performance.gaze_amplitude = 1.0
performance.brow_amplitude = 1.0
performance.lid_amplitude = 1.0
performance.cheek_amplitude = 1.0
performance.set_blink_rate = False
performance.blink_rate = 18.0
performance.gaze_to_camera = 0.0
performance.loop = True
performance.set_start_pose = False
performance.set_end_pose = False
settings.guidance_scale = 1.5
settings.articulation = 1.0
settings.body = 1.0
