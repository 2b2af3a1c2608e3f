import bpy

settings = (getattr(bpy.context.workspace, "sequencer_scene", None) or bpy.context.scene).soliloquy
performance = settings.performance

performance.liveliness = -0.3
performance.set_persona = False
performance.persona = 0
performance.head_amplitude = 0.7
performance.gaze_amplitude = 0.6
performance.brow_amplitude = 1.0
performance.lid_amplitude = 1.0
performance.cheek_amplitude = 1.0
performance.set_blink_rate = True
performance.blink_rate = 20.0
performance.gaze_to_camera = 0.85
performance.loop = False
performance.set_start_pose = False
performance.set_end_pose = False
settings.guidance_scale = 1.5
settings.articulation = 1.0
settings.body = 1.0
