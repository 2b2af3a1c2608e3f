"""Add Head is found: free of what is there, in a collection that is seen, and one undo takes all of it back."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import steps
from soliloquy.addon.jobs import jobs
from soliloquy.addon.scene import head, placement

from tests.addon.scene.found_head import (
    add_head,
    apart,
    box_of,
    built,
    cube,
    files_of_a_head,
    head_box,
    is_found,
    overlap,
    views,
)


def test_default_scene_beside_the_cube(default):
    rig = add_head()
    cube_box = box_of(bpy.data.objects["Cube"])
    assert 0.04 < apart(head_box(rig), cube_box) < 0.06, "close by, but not in the cube"
    assert rig.location.y == rig.location.z == 0.0, "at the cursor's height and depth"
    assert np.ptp(head_box(rig), axis=0)[2] == pytest.approx(0.24), "in its real size"
    assert rig.users_collection[0].name == "Collection" == rig.children[0].users_collection[0].name
    assert is_found(rig)


def test_empty_scene_at_the_cursor(default):
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    bpy.context.scene.cursor.location = (3.0, -2.0, 1.5)
    rig = add_head()
    assert rig.location[:] == (3.0, -2.0, 1.5) and is_found(rig)


def test_a_second_and_a_third_head_stand_side_by_side(default):
    heads = [add_head() for _ in range(3)]
    boxes = [head_box(rig) for rig in heads]
    assert not any(overlap(boxes[i], boxes[j]) for i in range(3) for j in range(i))
    assert is_found(heads[-1]) and len(bpy.context.scene.soliloquy.targets) == 3


def test_objects_everywhere(default):
    """A dense field of objects of many sizes: free of all of them, and not further away than the field's edge."""
    rng = np.random.default_rng(4)
    things = [cube(rng.uniform(-2.0, 2.0, 3).tolist(), rng.uniform(0.2, 1.5, 3).tolist()) for _ in range(60)]
    rig = add_head()
    assert not any(overlap(head_box(rig), box_of(thing)) for thing in things)
    assert np.abs(np.array(rig.location)).max() < 3.5 and is_found(rig)


def test_a_large_solid_object_and_a_ground(default):
    """A cube of 10 m with nothing in it is no room, and a ground plane is stood upon."""
    solid = bpy.data.objects["Cube"]
    solid.scale = (5.0, 5.0, 5.0)
    rig = add_head()
    assert not overlap(head_box(rig), box_of(solid)) and is_found(rig)
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    ground = cube(size=(50.0, 50.0, 0.001))
    rig = add_head()
    assert 0.0 < apart(head_box(rig), box_of(ground)) < 0.1
    assert rig.location.x == 0.0 and rig.location.z > 0.1


def test_in_a_room_it_stays_at_the_cursor(default):
    """A room has a camera or other things inside: the head isn't put outside of its walls."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    cube((0.0, 0.0, 1.3), (6.0, 6.0, 2.6))
    cube((1.5, 1.5, 0.5), (0.5, 0.5, 1.0))
    bpy.context.scene.cursor.location = (0.0, 1.0, 1.2)
    assert add_head().location[:] == pytest.approx((0.0, 1.0, 1.2))


def test_instances_are_in_the_way_and_hidden_objects_are_not(default):
    bpy.data.objects["Cube"].hide_set(True)
    assert add_head().location[:] == (0.0, 0.0, 0.0)
    bpy.ops.object.select_all(action="SELECT")
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    inner = bpy.data.collections.new("Inner")
    mesh = bpy.data.meshes.new("stone")
    mesh.from_pydata([(-1, -1, -1), (1, 1, 1), (1, -1, 1)], [], [(0, 1, 2)])
    inner.objects.link(bpy.data.objects.new("stone", mesh))
    empty = bpy.data.objects.new("instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", inner
    bpy.context.scene.collection.objects.link(empty)
    assert max(abs(value) for value in add_head().location) > 1.0


def nested(*names):
    """Collections inside each other; the innermost is active. Returns the layer collections."""
    parent, places = bpy.context.view_layer.layer_collection, []
    for name in names:
        parent.collection.children.link(bpy.data.collections.new(name))
        parent = parent.children[name]
        places.append(parent)
    bpy.context.view_layer.active_layer_collection = parent
    return places


def test_the_active_collection(default):
    nested("Set", "People")
    rig = add_head()
    assert rig.users_collection[0].name == "People" and is_found(rig)
    assert "collection" not in jobs.last_message()[0]


@pytest.mark.parametrize("how", ["eye", "screen", "parent"])
def test_a_hidden_active_collection(default, how):
    outer, inner = nested("Set", "People")
    if how == "eye":
        inner.hide_viewport = True
    elif how == "screen":
        inner.collection.hide_viewport = True
    else:
        outer.hide_viewport = True
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Set"].children["People"]
    rig = add_head()
    wanted = "Scene Collection" if how == "parent" else "Set"
    assert rig.users_collection[0].name == wanted and is_found(rig)


def test_an_excluded_active_collection(default):
    nested("Set")[0].exclude = True
    rig = add_head()
    assert rig.users_collection[0].name != "Set" and is_found(rig)


def test_a_linked_active_collection(default, tmp_path):
    library = tmp_path / "library.blend"
    stored = bpy.data.collections.new("Linked set")
    bpy.data.libraries.write(str(library), {stored})
    bpy.data.collections.remove(stored)
    with bpy.data.libraries.load(str(library), link=True) as (_, into):
        into.collections = ["Linked set"]
    bpy.context.scene.collection.children.link(into.collections[0])
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Linked set"]
    rig = add_head()
    assert rig.users_collection[0] == bpy.context.scene.collection and is_found(rig)
    assert "can't be used; the head is in “Scene Collection”" in jobs.last_message()[0]


def test_the_user_edits_something_when_the_head_arrives(default):
    """The mesh that is edited stays in edit mode, selected and active, and its edits aren't lost."""
    result = files_of_a_head()
    thing = bpy.data.objects["Cube"]
    bpy.ops.object.select_all(action="DESELECT")
    thing.select_set(True)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    before = views()[0].region_3d.view_distance
    rig, told = built(result)
    assert bpy.context.mode == "EDIT_MESH" and bpy.context.view_layer.objects.active == thing
    assert told == ["The head is not selected, because another object is being edited."]
    assert views()[0].region_3d.view_distance == before and len(rig.data.bones) == 6
    bpy.ops.object.mode_set(mode="OBJECT")
    assert not overlap(head_box(rig), box_of(thing))
    assert not [scene for scene in bpy.data.scenes if "workshop" in scene.name]


def test_edit_mode_is_refused_with_its_reason(default):
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Leave edit mode first"):
        bpy.ops.soliloquy.add_head()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert is_found(add_head())


def test_the_scene_was_changed_while_the_worker_measured(default):
    """The head goes where it was asked for; the scene that is shown now, its selection and views stay."""
    result = files_of_a_head()
    shown = bpy.context.scene
    other = bpy.data.scenes.new("Other")
    before = [space.region_3d.view_location.copy() for space in views()]
    selected = list(bpy.context.selected_objects)
    rig, _ = built(result, home=other)
    assert rig.users_scene == (other,) and rig.children[0].users_scene == (other,)
    assert other.view_layers[0].objects.active == rig and rig.select_get(view_layer=other.view_layers[0])
    assert bpy.context.scene == shown and list(bpy.context.selected_objects) == selected
    assert [space.region_3d.view_location for space in views()] == before


def test_real_size_in_a_scene_of_centimetres(default):
    default.unit_settings.scale_length = 0.01
    rig = add_head()
    assert np.ptp(head_box(rig), axis=0)[2] == pytest.approx(24.0, rel=1e-4)
    assert not overlap(head_box(rig), box_of(bpy.data.objects["Cube"])) and is_found(rig)


def test_one_undo_takes_all_of_it_back(default):
    def facts():
        layer = bpy.context.view_layer
        names = [sorted(block.name for block in blocks) for blocks in (bpy.data.objects, bpy.data.meshes,
                 bpy.data.armatures, bpy.data.materials, bpy.data.images, bpy.data.scenes)]  # fmt: skip
        selected = sorted(thing.name for thing in layer.objects if thing.select_get())
        return names, selected, layer.objects.active.name, len(bpy.context.scene.soliloquy.targets)

    result = files_of_a_head()
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.ops.ed.undo_push(message="before")
    before = facts()
    assert steps.Landing(lambda: head.build(bpy.context, bpy.context.scene, result), "Head").advance(float("inf"))
    assert facts() != before
    bpy.ops.ed.undo_push(message="Head")  # in a window `Landing` does this
    bpy.ops.ed.undo()
    assert facts() == before


def test_the_nearest_way_out_is_taken():
    """To the right at a tie, and through a row of boxes that touch each other."""
    wanted = np.array([[-0.1, -0.1, -0.1], [0.1, 0.1, 0.1]])
    boxes = np.array([[[-1, -1, -1], [1, 1, 1]], [[1, -1, -1], [2, 1, 1]]], float)
    moved = placement.clear_of(boxes, wanted, 0.05)
    assert moved[1, 0] == pytest.approx(-1.05, abs=1e-4)
    moved = placement.clear_of(boxes[:1], wanted, 0.05)
    assert moved[0, 0] == pytest.approx(1.05, abs=1e-4)
    assert np.array_equal(placement.clear_of(boxes[:0], wanted, 0.05), wanted)
