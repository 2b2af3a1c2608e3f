"""The detailed head's texture, brows, hair and file, from a photograph of known colours with a known fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.detailed_head import rig
from core.detailed_head.brows import grow_brows
from core.detailed_head.hair import make_hair
from core.detailed_head.lids import lid_zone
from core.detailed_head.model import DetailedHead
from core.detailed_head.parts import DETAILED_PARTS
from core.detailed_head.texture import SKIN, paint_texture
from core.head.camera import pinhole
from core.motion.channels import SHAPES
from core.neural_head.regions import Regions
from core.portrait.portrait import Portrait
from core.portrait.texture import texels_of
from core.wire.names import HEAD_MATERIALS, JOINTS, WRINKLE_FILES
from tests.core.portrait.test_rig import SIDE, portrait_of

TEXELS, DISTANCE = 512, 130.0
SKIN_COLOUR, BLUE, HAIR = (205, 160, 140), (20, 30, 220), (60, 40, 30)


def pixels_of(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    camera = points + portrait.translation
    return pinhole(torch.from_numpy(camera).double(), portrait.focal, torch.tensor(portrait.centre)).numpy()


def painted(head: DetailedHead) -> tuple[Portrait, Regions]:
    """A skin-coloured face between the brow's height and the chin's; above it hair; blue elsewhere."""
    picture = np.full((SIDE, SIDE, 3), BLUE, np.uint8)
    portrait = replace(portrait_of(picture), translation=np.array([0.5, -3.0, -DISTANCE], np.float32))
    neutral = head.neutral(torch.from_numpy(portrait.identity)).numpy()
    marks = pixels_of(neutral[head.landmarks68.numpy()], portrait)
    left, right = marks[:17, 0].min(), marks[:17, 0].max()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    brow = marks[17:27, 1].min() - 12
    face = (columns > left) & (columns < right) & (rows > brow) & (rows < marks[8, 1])
    crown = pixels_of(neutral[[neutral[:, 1].argmax()]], portrait)[0, 1]
    hair = (columns > left - 8) & (columns < right + 8) & (rows > crown - 10) & (rows <= brow)
    picture[face], picture[hair] = SKIN_COLOUR, HAIR
    colour = np.array(HAIR, np.float32)
    return portrait, Regions(
        face.astype(np.float32), hair.astype(np.float32), colour, np.array(SKIN_COLOUR, np.float32), np.array(BLUE)
    )


@pytest.fixture(scope="module")
def scene(head: DetailedHead) -> tuple[Portrait, Regions]:
    return painted(head)


@pytest.fixture(scope="module")
def texture(head, model, scene) -> np.ndarray:
    with torch.no_grad():
        return paint_texture(head, model, *scene, TEXELS)


class Cap:
    """A volume of hair 2 cm thick around the skull, above a height."""

    def __init__(self, lowest: float = -20.0, highest: float = 40.0) -> None:
        self.lowest, self.highest = lowest, highest

    def distance(self, points: torch.Tensor) -> torch.Tensor:
        away = (points - torch.tensor([0.0, 3.5, -0.5])) / torch.tensor([9.7, 12.0, 11.5])
        shell = 10 * (away.norm(dim=1) - 1)
        return torch.maximum(shell, torch.maximum(self.lowest - points[:, 1], points[:, 1] - self.highest))


def skin_texels(head: DetailedHead) -> tuple[np.ndarray, np.ndarray]:
    texels = texels_of(head, TEXELS)
    part = head.triangle_part.numpy()[texels.triangle]
    chosen = np.isin(part, [DETAILED_PARTS.index(name) for name in SKIN])
    return texels.row[chosen], texels.column[chosen]


def test_skin_has_no_hair_and_no_background_on_it(head, texture):
    found = texture[skin_texels(head)].astype(int)
    assert np.abs(found - SKIN_COLOUR).max() < 45, "every texel of the skin looks like skin"
    assert np.abs(found - SKIN_COLOUR).mean() < 8


def test_without_the_mask_they_would_be_there(head, model, scene):
    portrait, regions = scene
    everything = replace(regions, skin=np.ones_like(regions.skin))
    with torch.no_grad():
        found = paint_texture(head, model, portrait, everything, TEXELS)[skin_texels(head)].astype(int)
    assert np.abs(found - SKIN_COLOUR).max() > 100


def test_lids_have_skin_of_their_own(head, model):
    """What the photograph shows in and at the open eye is nowhere on the lids' skin."""
    portrait, regions = painted(head)
    neutral = head.neutral(torch.from_numpy(portrait.identity)).numpy()
    for loop in (head.contour_eye_left, head.contour_eye_right):
        eye = pixels_of(neutral[loop.numpy()], portrait)
        low, high = np.floor(eye.min(0) - 2).astype(int), np.ceil(eye.max(0) + 2).astype(int)
        portrait.image[low[1] : high[1], low[0] : high[0]] = (255, 0, 255)
    with torch.no_grad():
        found = paint_texture(head, model, portrait, regions, TEXELS)
    texels = texels_of(head, TEXELS)
    zone = lid_zone(head)[head.triangles.numpy()[texels.triangle]].min(1) > 0.99
    assert zone.sum() > 200
    lids = found[texels.row[zone], texels.column[zone]].astype(int)
    assert np.abs(lids - SKIN_COLOUR).max() < 60


def test_brows_grow_where_the_texture_is_dark(head, scene):
    portrait, _ = scene
    neutral = head.neutral(torch.from_numpy(portrait.identity)).numpy()
    picture = np.full((TEXELS, TEXELS, 3), SKIN_COLOUR, np.uint8)
    assert grow_brows(head, neutral, picture) is None
    texels = texels_of(head, TEXELS)
    marks = neutral[head.landmarks68.numpy()[17:27]]
    middle = neutral[head.triangles.numpy()].mean(1)
    near = np.linalg.norm(middle[:, None] - marks[None], axis=-1).min(1) < 0.4
    dark = near[texels.triangle]
    picture[texels.row[dark], texels.column[dark]] = (40, 30, 25)
    brows = grow_brows(head, neutral, picture)
    assert brows is not None
    assert np.linalg.norm(brows.vertices[:, None] - marks[None], axis=-1).min(1).max() < 2.0
    assert np.abs(brows.colour - (40, 30, 25)).max() < 10
    assert np.allclose(brows.weights.sum(1), 1) and brows.weights.min() >= 0
    assert (
        np.linalg.norm(brows.vertices - np.einsum("nk,nkc->nc", brows.weights, neutral[brows.anchors]), axis=1).max()
        < 0.6
    )


def test_hair_has_the_photographs_outline(head, scene):
    portrait, regions = scene
    neutral = head.neutral(torch.from_numpy(portrait.identity)).numpy()
    hair = make_hair(head, portrait, regions, neutral, Cap())
    assert hair is not None
    assert (hair.faces >= 0).all(), "only quads"
    assert hair.faces.max() < len(hair.vertices) and np.isfinite(hair.vertices).all()
    rows, columns = np.nonzero(regions.hair > 0.5)
    found = pixels_of(hair.vertices, portrait)
    unit = portrait.focal / DISTANCE
    assert abs(found[:, 1].min() - rows.min()) < 1.2 * unit, "the top"
    assert abs(found[:, 0].min() - columns.min()) < 2.0 * unit and abs(found[:, 0].max() - columns.max()) < 2.0 * unit
    # In front it ends at the border to the skin.
    front = hair.vertices[:, 2] > 5.5
    assert abs(found[front, 1].max() - rows.max()) < 2.0 * unit
    assert set(np.unique(hair.texture[..., 3])) >= {0, 255}


def test_short_hair_lies_on_the_nape(head, scene):
    """A volume that ends above the neck, as learned ones do; short hair behind goes on and becomes thin."""
    portrait, regions = scene
    neutral = head.mean.numpy()
    hair = make_hair(head, portrait, regions, neutral, Cap(lowest=2))
    assert hair is not None
    behind = hair.vertices[(hair.vertices[:, 2] < -3) & (np.abs(hair.vertices[:, 0]) < 3)]
    lowest = behind[behind[:, 1] < -1]
    away = np.linalg.norm(lowest[:, None] - neutral[head.part_vertices("skin").numpy()], axis=-1).min(1)
    assert len(lowest) and lowest[:, 1].min() > -5 and away.max() < 1.2
    assert hair.vertices[hair.vertices[:, 2] > 0, 1].min() > 0, "only behind"


def test_grey_hair_before_a_blue_backdrop_is_grey(head, scene):
    portrait, regions = scene
    blueish = np.array((113, 122, 143), np.uint8)
    picture = np.where(regions.hair[..., None] > 0.5, blueish, portrait.image)
    grey = replace(portrait, image=picture)
    hair = make_hair(head, grey, replace(regions, hair_colour=blueish.astype(np.float32)), head.mean.numpy(), Cap())
    assert hair is not None
    solid = hair.texture[hair.texture[..., 3] > 200, :3].astype(int)
    assert np.median(np.ptp(solid, axis=1)) < 10


def test_no_strand_grows_where_the_volume_is_empty(head, scene):
    portrait, regions = scene
    assert make_hair(head, portrait, regions, head.mean.numpy(), Cap(lowest=40)) is None


def test_hair_below_a_bare_crown_leaves_the_crown_bare(head, scene):
    portrait, regions = scene
    sides = replace(regions, skin=np.maximum(regions.skin, regions.hair), hair=np.zeros_like(regions.hair))
    hair = make_hair(head, portrait, sides, head.mean.numpy(), Cap(highest=8))
    assert hair is not None
    assert hair.vertices[:, 1].max() < 11 and hair.vertices[:, 2].max() < 7, "bare above and in front"
    for side in (1, -1):
        assert (side * hair.vertices[:, 0] > 6).sum() > 100
    assert hair.vertices[:, 2].min() < -8, "hair behind"
    np.testing.assert_array_equal(np.unique(hair.faces), np.arange(len(hair.vertices)))


def test_file(head, model, scene, tmp_path, monkeypatch):
    portrait, regions = scene
    monkeypatch.setattr(rig, "find_regions", lambda portrait: regions)
    files = rig.write_detailed_head(model, portrait, tmp_path, TEXELS)
    assert set(files) == {"mesh", "texture", "hair", *WRINKLE_FILES}
    with np.load(files.pop("mesh"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    count = len(arrays["vertices"])
    assert arrays["shapes"].shape == (len(SHAPES), count, 3)
    assert arrays["weights"].shape == (count, len(JOINTS))
    assert np.allclose(arrays["weights"].sum(1), 1, atol=1e-5)
    assert tuple(arrays["material_names"]) == HEAD_MATERIALS
    eyes = np.isin(arrays["face_material"], [HEAD_MATERIALS.index("eyes"), HEAD_MATERIALS.index("cornea")])
    vertices = np.unique(arrays["faces"][eyes])
    vertices = vertices[vertices >= 0]
    assert not arrays["shapes"][:, vertices].any()
    assert set(arrays["weights"][vertices].argmax(1)) == {JOINTS.index("eye.L"), JOINTS.index("eye.R")}
    assert np.abs(arrays["shapes"][SHAPES.index("tongueOut")]).max() > 1
    for path in files.values():
        with Image.open(path) as picture:
            assert picture.info, "it says that it is synthetic"


def test_file_of_the_game_preset(model, scene, tmp_path, monkeypatch):
    portrait, regions = scene
    monkeypatch.setattr(rig, "find_regions", lambda portrait: regions)
    files = rig.write_detailed_head(model, portrait, tmp_path, TEXELS, game=True)
    assert set(files) == {"mesh", "texture", "hair", "normals"}
    with np.load(files["mesh"], allow_pickle=False) as file:
        triangles = len(file["faces"]) + 2 * len(file["hair_faces"])
        assert len(file["faces"]) < triangles < 8000
        assert file["shapes"].shape == (len(SHAPES), len(file["vertices"]), 3)
        assert file["faces"].max() == len(file["vertices"]) - 1 and file["face_uv"].max() == len(file["uv"]) - 1
    with Image.open(files["normals"]) as picture:
        assert picture.info and picture.mode == "RGB"
