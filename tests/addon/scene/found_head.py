"""What the tests of Add Head share: pressing it, boxes of objects, and whether the user finds the head."""

from pathlib import Path

import bpy
import numpy as np
from soliloquy.addon.scene import head


def add_head():
    """Press Add Head; returns the armature."""
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    return bpy.context.scene.soliloquy.targets[-1].thing


def box_of(*things):
    """(2, 3) corners of the meshes of these objects in the world."""
    bpy.context.view_layer.update()
    points = [
        np.array([tuple(thing.matrix_world @ vertex.co) for vertex in thing.data.vertices])
        for thing in things
        if thing.type == "MESH"
    ]
    return np.stack([np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)])


def head_box(rig):
    return box_of(*rig.children)


def overlap(first, second):
    return bool(((first[0] < second[1]) & (first[1] > second[0])).all())


def apart(first, second):
    """Metres between two boxes, along the axis along which they are furthest apart."""
    return float(np.maximum(first[0] - second[1], second[0] - first[1]).max())


def cube(at=(0.0, 0.0, 0.0), size=(2.0, 2.0, 2.0)):
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=at)
    thing = bpy.context.view_layer.objects.active
    thing.scale = size
    bpy.context.view_layer.update()
    return thing


def views():
    screen = bpy.context.window.screen
    return [area.spaces.active for area in screen.areas if area.type == "VIEW_3D"]


def in_view(space, box):
    """Whether all corners of the box are inside the 3D view, and the box fills at least a third of its height."""
    region = space.region_3d
    area = next(area for area in bpy.context.window.screen.areas if area.spaces.active == space)
    short = min(area.width, area.height) / max(area.width, area.height)
    opening = np.array([1.0, short] if area.width > area.height else [short, 1.0]) * 36.0 / space.lens
    turn = np.array(region.view_rotation.inverted().to_matrix())
    corners = np.array([[box[i][0], box[j][1], box[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    seen = (corners - np.array(region.view_location)) @ turn.T
    depth = region.view_distance - seen[:, 2]
    places = seen[:, :2] / (depth[:, None] * opening)  # −1 … 1 in the view
    return bool((np.abs(places) < 1.0).all() and np.ptp(places[:, 1]) > 0.66)


def is_found(rig):
    """Selected alone, active, framed in every free 3D view of the window, and textured there."""
    layer = bpy.context.view_layer
    assert [thing for thing in layer.objects if thing.select_get()] == [rig]
    assert layer.objects.active == rig and rig.visible_get() and rig.children[0].visible_get()
    for space in views():
        if space.region_3d.view_perspective != "CAMERA":
            assert in_view(space, head_box(rig))
            assert space.shading.type != "SOLID" or space.shading.color_type == "TEXTURE"
    return True


def files_of_a_head():
    """Add a head and remove it again; returns the worker's answer, from which another one can be built."""
    first = add_head()
    made = next(Path(bpy.context.scene.soliloquy.output_dir).rglob("head.npz"))
    for thing in (*first.children, first):
        bpy.data.objects.remove(thing)
    return {"mesh": str(made), "texture": str(made.with_name("head.png"))}


def built(result, home=None):
    """Build a head as when the worker's answer comes; returns the armature and what the user is told."""
    told = []
    scene = bpy.context.scene
    for step in head.build(bpy.context, scene, result, home):
        told += [step] if isinstance(step, str) else []
    return scene.soliloquy.targets[-1].thing, told
