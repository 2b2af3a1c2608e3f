"""Portraits: a standard photograph is fitted, and each kind of wrong input has its own clear error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import BadInputError
from core.face.points import OUTER_EYES
from core.face.visible import Seen
from core.head.camera import Fit, project
from core.head.rotation import euler_to_matrix
from core.portrait import find, fit, load
from core.portrait.fit import face_fitter
from core.portrait.load import load_portrait
from core.portrait.picture import MAX_LONG_SIDE, decode
from core.portrait.portrait import Portrait
from tests.at_once import run_two

DATA = Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
needs_portraits = pytest.mark.skipif(not (DATA / "portraits").is_dir(), reason="no real portraits at hand")


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="module")
def fitted(photograph: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> tuple[Portrait, Path]:
    path = tmp_path_factory.mktemp("portrait") / "Bild mit Ümläuten 肖像.png"
    photograph.save(path)
    return load_portrait(path), path


def refused(path: Path) -> str:
    """Code of the error for ``path``; its message must be one sentence with a hint."""
    with pytest.raises(BadInputError) as caught:
        load_portrait(path)
    error = caught.value
    assert error.exit_code == 2
    assert error.message.endswith(".") and "\n" not in error.message and len(error.message) < 250
    assert error.hint.endswith(".")
    return error.code


def test_standard_photograph_fits(fitted: tuple[Portrait, Path]) -> None:
    portrait = fitted[0]
    assert portrait.image.shape == (512, 512, 3) and portrait.landmarks.shape == (478, 3)
    assert portrait.residual < 0.03
    assert (portrait.expression >= 0).all() and (portrait.expression <= 1).all()
    assert np.abs(np.degrees(portrait.rotation)).max() < 30
    x0, y0, side = portrait.crop
    face = portrait.landmarks[:468, :2]
    assert (face > [x0, y0]).all() and (face < [x0 + side, y0 + side]).all()
    assert face[:, 1].min() - y0 > 0.2 * np.ptp(face[:, 1])  # room for hair


def test_fit_is_the_same_every_time(fitted: tuple[Portrait, Path]) -> None:
    again = load_portrait(fitted[1])
    for name in ("landmarks", "identity", "expression", "rotation", "translation"):
        assert np.array_equal(getattr(again, name), getattr(fitted[0], name)), name


def test_cache_gives_the_same_portrait_without_fitting(
    fitted: tuple[Portrait, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_portrait(fitted[1], tmp_path)
    (kept,) = tmp_path.glob("*.npz")

    def must_not_run(*_: object) -> None:
        raise AssertionError("fitted again although the fit is cached")

    with monkeypatch.context() as patch:
        patch.setattr(load, "fit_portrait", must_not_run)
        second = load_portrait(fitted[1], tmp_path)
    assert second.crop == first.crop and second.focal == first.focal and second.digest == first.digest
    assert np.array_equal(second.identity, first.identity) and np.array_equal(second.image, first.image)
    assert all(array.flags.writeable for array in (second.identity, second.landmarks, second.rotation))
    kept.write_bytes(kept.read_bytes()[:100])  # a damaged cache file is made again
    assert np.array_equal(load_portrait(fitted[1], tmp_path).identity, first.identity)


@pytest.mark.parametrize("name", ["landmarks", "identity", "expression", "rotation", "centre", "crop", "focal"])
def test_a_cache_file_with_other_content_is_not_believed(
    name: str, fitted: tuple[Portrait, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "fit_portrait", lambda *_: fitted[0])
    load_portrait(fitted[1], tmp_path)
    (kept,) = tmp_path.glob("*.npz")
    with np.load(kept) as stored:
        whole = {key: stored[key] for key in stored.files}
    right = whole[name]
    wrong = [np.array("x"), np.zeros(0), np.zeros((2, 2)), np.full(right.shape, np.nan), np.ones(right.shape, int)]
    for array in [*wrong, np.zeros((9, *right.shape, 9))]:
        np.savez(kept, **(whole | {name: array}))
        assert load_portrait(fitted[1], tmp_path) is fitted[0]
    np.savez(kept, **{key: value for key, value in whole.items() if key != name})
    assert load_portrait(fitted[1], tmp_path) is fitted[0]
    np.savez(kept, **whole, more=np.zeros(1))
    assert load_portrait(fitted[1], tmp_path) is fitted[0]
    np.savez(kept, **whole)
    assert load_portrait(fitted[1], tmp_path) is not fitted[0]


STAND_IN = """
import sys
from pathlib import Path
import numpy as np
from core.portrait import load
from tests.at_once import meet, meet_before_renaming
name, folder, picture, cache = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
def fit(image, digest, *_):
    meet(folder, "fit", name)
    shapes = {"landmarks": (478, 3), "identity": 50, "expression": 53, "rotation": 3, "translation": 3, "centre": 2}
    arrays = {key: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for key, shape in shapes.items()}
    return load.Portrait(image=image, focal=500.0, crop=(1.0, 2.0, 3.0), residual=0.01, digest=digest, **arrays)
load.fit_portrait = fit
meet_before_renaming(folder, name)
print(load.load_portrait(picture, cache).identity.sum())
"""


@pytest.mark.slow
def test_two_workers_fit_one_new_portrait_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the fit is a stand-in. Both workers have written their files before one of them renames its file."""
    picture, cache = tmp_path / "face.png", tmp_path / "cache"
    Image.new("RGB", (64, 64), (90, 110, 140)).save(picture)
    said = run_two(STAND_IN, tmp_path / "meet", str(picture), str(cache))
    assert [float(line) for line in said] == [sum(range(50))] * 2
    (kept,) = cache.iterdir()
    assert kept.name.startswith("portrait-") and kept.suffix == ".npz"

    def must_not_run(*_: object) -> None:
        raise AssertionError("the cache file isn't complete")

    monkeypatch.setattr(load, "fit_portrait", must_not_run)
    assert load_portrait(picture, cache).crop == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("trouble", ["full disk", "a file in place of the folder"])
def test_a_cache_that_cannot_be_written_is_no_error(
    trouble: str, fitted: tuple[Portrait, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    if trouble == "full disk":

        def write(path: Path, data: bytes) -> int:
            with path.open("wb") as stream:
                stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", write)
    else:
        cache.write_text("not a folder")
    monkeypatch.setattr(load, "fit_portrait", lambda *_: fitted[0])
    assert load_portrait(fitted[1], cache) is fitted[0]
    assert not cache.is_dir() or not list(cache.iterdir())


@pytest.mark.parametrize(
    ("variant", "tolerance"),
    [("rgba", 2.0), ("cmyk", 4.0), ("exif", 2.0), ("palette", 6.0), ("gray", 8.0), ("gray16", 8.0)],
)
def test_unusual_files_give_the_same_face(
    variant: str, tolerance: float, photograph: Image.Image, fitted: tuple[Portrait, Path], tmp_path: Path
) -> None:
    if variant == "rgba":
        path = tmp_path / "p.png"
        photograph.convert("RGBA").save(path)
    elif variant == "cmyk":
        path = tmp_path / "p.jpg"
        photograph.convert("CMYK").save(path, quality=95)
    elif variant == "exif":
        path = tmp_path / "p.jpg"
        exif = Image.Exif()
        exif[0x0112] = 6  # the reader has to turn it clockwise
        photograph.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    elif variant == "palette":
        path = tmp_path / "p.gif"
        photograph.quantize(256).save(path)
    elif variant == "gray":
        path = tmp_path / "p.png"
        photograph.convert("L").save(path)
    else:
        path = tmp_path / "p.png"
        Image.fromarray(np.asarray(photograph.convert("L")).astype(np.uint16) * 257).save(path)
    portrait = load_portrait(path)
    assert portrait.image.shape == (512, 512, 3) and portrait.image.dtype == np.uint8
    difference = np.linalg.norm(portrait.landmarks[:468, :2] - fitted[0].landmarks[:468, :2], axis=1)
    assert np.median(difference) < tolerance


def test_transparent_background_becomes_grey(photograph: Image.Image, tmp_path: Path) -> None:
    picture = photograph.convert("RGBA")
    picture.paste((255, 0, 0, 0), (0, 0, 40, 40))
    picture.save(tmp_path / "p.png")
    image = decode((tmp_path / "p.png").read_bytes(), "p.png").image
    assert np.ptp(image[:40, :40]) == 0 and image[0, 0, 0] == image[0, 0, 2]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_huge_picture_is_scaled_down(suffix: str, photograph: Image.Image, tmp_path: Path) -> None:
    big = Image.new("RGB", (20_000, 1_500), (90, 110, 140))
    big.paste(photograph.resize((1500, 1500)), (9000, 0))
    big.save(tmp_path / f"p.{suffix}", quality=80)
    image = decode((tmp_path / f"p.{suffix}").read_bytes(), "p").image
    assert max(image.shape) <= MAX_LONG_SIDE and abs(image.shape[1] / image.shape[0] - 20_000 / 1_500) < 0.1


def test_a_picture_too_large_to_decode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.portrait.picture_limits.MAX_DECODED_BYTES", 1_000_000)
    Image.new("RGB", (1_000, 1_000)).save(tmp_path / "p.png")
    assert refused(tmp_path / "p.png") == "portrait_too_large"


def test_missing_folder_empty_text_damaged(photograph: Image.Image, tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing.png") == "portrait_missing"
    assert refused(tmp_path) == "portrait_unreadable"
    (tmp_path / "empty.png").write_bytes(b"")
    assert refused(tmp_path / "empty.png") == "portrait_empty"
    (tmp_path / "text.jpg").write_text("Dear sir or madam,\n" * 40)
    assert refused(tmp_path / "text.jpg") == "portrait_not_image"
    photograph.save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    assert refused(tmp_path / "half.png") == "portrait_damaged"
    photograph.save(tmp_path / "whole.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:9000])
    assert refused(tmp_path / "half.jpg") == "portrait_damaged"


def test_no_face_two_faces_half_a_face(photograph: Image.Image, tmp_path: Path) -> None:
    def saved(picture: Image.Image) -> Path:
        picture.save(tmp_path / "p.png")
        return tmp_path / "p.png"

    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    assert refused(saved(Image.fromarray(noise))) == "portrait_no_face"
    assert refused(saved(Image.new("RGB", (300, 300), (200, 150, 120)))) == "portrait_no_face"
    assert refused(saved(Image.new("RGB", (30, 30)))) == "portrait_too_small"
    pair = Image.new("RGB", (1024, 512))
    pair.paste(photograph, (0, 0))
    pair.paste(photograph, (512, 0))
    assert refused(saved(pair)) == "portrait_several_faces"
    half = photograph.crop((222, 60, 420, 300))  # only her right half
    assert refused(saved(half)) in ("portrait_cut_off", "portrait_no_face", "portrait_profile", "portrait_poor_fit")


@pytest.mark.parametrize(
    ("factor", "shift", "code"),
    [(1.0, 0.0, None), (0.12, 0.0, "portrait_tiny_face"), (1.0, -190.0, "portrait_cut_off")],
)
def test_a_face_must_be_large_enough_and_inside_the_picture(
    factor: float, shift: float, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector is a stand-in that finds a frontal face, scaled about the picture's middle and moved to the side."""
    face = (shown_from(0.0) - (256, 256, 0)) * factor + (256 + shift, 256, 0)

    class Detector:
        def __init__(self, video: bool) -> None: ...

        def __enter__(self) -> Detector:
            return self

        def __exit__(self, *_: object) -> None: ...

        def detect(self, _: np.ndarray) -> list[np.ndarray]:
            return [face]

    monkeypatch.setattr(find, "FaceMesh", Detector)
    monkeypatch.setattr(find, "look", lambda *_: Seen((1.0, 1.0), 1.0))
    picture = np.random.default_rng(0).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    if code is None:
        assert np.array_equal(find.find_face(picture, "p.png").landmarks, face)
    else:
        with pytest.raises(BadInputError) as caught:
            find.find_face(picture, "p.png")
        assert caught.value.code == code


def shown_from(angle: float, noise: float = 0.0) -> np.ndarray:
    """Landmarks (478, 3) of the mean head, turned by ``angle`` radians, in a picture of 512 × 512 pixels."""
    model = face_fitter().whole
    shown = Fit(
        identity=torch.zeros(model.identity.shape[0]),
        focal=torch.tensor(1200.0),
        centre=torch.tensor([256.0, 256.0]),
        expression=torch.zeros(1, 53),
        rotation=euler_to_matrix(torch.tensor([[0.0, angle, 0.0]])),
        translation=torch.tensor([[0.0, 0.0, -90.0]]),
    )
    pixels = project(model.positions(shown.identity, shown.expression), shown)[0]
    pixels = pixels + noise * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    return np.concatenate([pixels.numpy(), np.zeros((478, 1), np.float32)], axis=1)


@pytest.mark.parametrize(
    ("landmarks", "code"),
    [((0.9, 0.0), "portrait_profile"), ((-0.9, 0.0), "portrait_profile"), ((0.1, 14.0), "portrait_poor_fit")],
)
def test_profiles_and_impossible_heads_are_refused(
    landmarks: tuple[float, float], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "find_face", lambda *_: find.Found(shown_from(*landmarks), 0))
    picture = np.random.default_rng(0).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    with pytest.raises(BadInputError) as caught:
        fit.fit_portrait(picture)
    assert caught.value.code == code
    monkeypatch.setattr(fit, "find_face", lambda *_: find.Found(shown_from(0.2), 0))
    found = fit.fit_portrait(picture)
    assert abs(found.rotation[1] - 0.2) < 0.03 and found.residual < 0.005


def test_small_face_in_a_large_picture_is_found(photograph: Image.Image, tmp_path: Path) -> None:
    scene = Image.new("RGB", (3000, 2000), (120, 130, 110))
    scene.paste(photograph, (2300, 1400))
    scene.save(tmp_path / "p.jpg", quality=90)
    portrait = load_portrait(tmp_path / "p.jpg")
    eyes = portrait.landmarks[list(OUTER_EYES), :2]
    assert (eyes > [2300, 1400]).all() and portrait.residual < 0.03


@pytest.mark.real_data
@needs_portraits
def test_real_portraits_fit(tmp_path: Path) -> None:
    files = sorted((DATA / "portraits").glob("*.jpg"))[::85]
    residuals = [load_portrait(path, tmp_path).residual for path in files]
    assert np.median(residuals) < 0.03 and max(residuals) < 0.05
