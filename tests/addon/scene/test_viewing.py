"""The window's 3D views show a new head, textured, and nothing of the user's view is spoilt."""

import bpy
import numpy as np
import pytest
from soliloquy.addon.scene import viewing

from tests.addon.scene.found_head import add_head, head_box, in_view, is_found, views


def test_without_a_window(default, monkeypatch):
    monkeypatch.setattr(viewing, "window_with", lambda context, scene: None)
    before = views()[0].region_3d.view_distance
    rig = add_head()
    assert bpy.context.view_layer.objects.active == rig and rig.select_get()
    assert views()[0].region_3d.view_distance == before


def test_local_view(default):
    space = views()[0]
    area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(area=area, region=region):
        bpy.ops.view3d.localview(frame_selected=False)
    assert space.local_view is not None
    if not bpy.data.objects["Cube"].local_view_get(space):
        pytest.skip("this Blender has no local view without a screen")
    rig = add_head()
    assert rig.local_view_get(space) and rig.children[0].local_view_get(space) and is_found(rig)


@pytest.mark.parametrize("kind", ["RENDERED", "MATERIAL", "WIREFRAME"])
def test_only_a_solid_view_is_textured(default, kind):
    shading = views()[0].shading
    shading.type = kind
    colours = shading.color_type, shading.wireframe_color_type
    add_head()
    assert (shading.type, shading.color_type, shading.wireframe_color_type) == (kind, *colours)


def test_a_view_through_the_camera_stays_while_there_is_another(default):
    window, area = bpy.context.window, next(a for a in bpy.context.window.screen.areas if a.type == "VIEW_3D")
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    other = next(area for area in window.screen.areas if area.type == "DOPESHEET_EDITOR")
    other.type = "VIEW_3D"
    other.spaces.active.region_3d.view_perspective = "ORTHO"
    rig = add_head()
    assert area.spaces.active.region_3d.view_perspective == "CAMERA"
    assert in_view(other.spaces.active, head_box(rig))
    other.type = "DOPESHEET_EDITOR"
    rig = add_head()
    assert area.spaces.active.region_3d.view_perspective == "PERSP" and in_view(area.spaces.active, head_box(rig))


def test_a_window_without_a_3d_view_prepares_the_other_workspaces(default):
    """Add Head is mostly pressed in the sequencer: the 3D view that the user goes to afterwards shows the head."""
    area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
    area.type = "SEQUENCE_EDITOR"
    rig = add_head()
    modeling = next(area for area in bpy.data.screens["Modeling"].areas if area.type == "VIEW_3D").spaces.active
    centre = head_box(rig).mean(axis=0)
    assert np.allclose(modeling.region_3d.view_location, centre, atol=1e-4)
    assert modeling.shading.color_type == "TEXTURE"
