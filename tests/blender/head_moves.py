"""Run on a .blend that the command line saved: asserts that the head moves and the strip is in place.

Needs no extension: what was baked must play in any Blender.
"""

import bpy

scene = bpy.context.scene
editor = scene.sequence_editor
strips = list(editor.strips if hasattr(editor, "strips") else editor.sequences)
by_kind = {strip.type: strip for strip in strips}
assert set(by_kind) == {"SOUND", "IMAGE"}, [strip.type for strip in strips]
starts = [strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start for strip in strips]
assert len(set(starts)) == 1, f"sound and pictures start together: {starts}"

rig = next(thing for thing in scene.objects if thing.type == "ARMATURE")
assert len(rig.animation_data.nla_tracks) == 1 and not rig.animation_data.nla_tracks[0].mute
skin = next(child for child in rig.children if child.type == "MESH")
tails, jaws = [], []
for frame in range(scene.frame_start, scene.frame_end + 1):
    scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    tails.append(rig.evaluated_get(graph).pose.bones["head"].tail.copy())
    jaws.append(skin.evaluated_get(graph).data.shape_keys.key_blocks["jawOpen"].value)
moved = max((a - tails[0]).length for a in tails)
assert moved > 1e-4, f"the head's tip moved {moved} m"
assert max(jaws) - min(jaws) > 0.02, f"jawOpen from {min(jaws)} to {max(jaws)}"
print(f"head tip moved {moved * 1000:.1f} mm, jawOpen {min(jaws):.2f} to {max(jaws):.2f}")
