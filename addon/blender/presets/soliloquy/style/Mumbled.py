import bpy

settings = (getattr(bpy.context.workspace, "sequencer_scene", None) or bpy.context.scene).soliloquy
style = settings.takes[settings.active_take].style

style.liveliness = 0.7
style.lips = 0.6
style.jaw = 0.5
style.cheeks = 1.0
style.nose = 1.0
style.brows = 1.0
style.blink = 1.0
style.gaze = 1.0
style.head = 1.0
