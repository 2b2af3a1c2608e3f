import bpy

settings = (getattr(bpy.context.workspace, "sequencer_scene", None) or bpy.context.scene).soliloquy
style = settings.takes[settings.active_take].style

style.liveliness = 0.5
style.lips = 1.0
style.jaw = 1.0
style.cheeks = 1.0
style.nose = 1.0
style.brows = 0.8
style.blink = 1.0
style.gaze = 1.0
style.head = 1.0
