"""The face that is found is a face whose eyes and mouth are seen, in any light and however the picture is held."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import BadInputError
from core.face.face_mesh import FaceMesh
from core.face.points import CONTOUR
from core.face.visible import look
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.places import ASSETS
from core.portrait.fit import fit_portrait
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.portrait.remarks import edge_width, eye_openings, remarks
from core.portrait.shading import flat_share
from core.renderer import Renderer
from training.visible import covers


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    image: np.ndarray = pytest.importorskip("skimage.data", reason="the photograph comes with scikit-image").astronaut()
    return image


@pytest.fixture(scope="module")
def face(photograph: np.ndarray) -> np.ndarray:
    with FaceMesh() as mesh:
        return mesh.detect(photograph)[0]


@pytest.fixture(scope="module")
def fitted(photograph: np.ndarray) -> Portrait:
    return fit_portrait(photograph)


def code(image: np.ndarray) -> str:
    """Code of the error that a picture gives, or "" if it is fitted."""
    try:
        fit_portrait(np.ascontiguousarray(image))
    except BadInputError as error:
        assert error.message.endswith(".") and error.hint.endswith(".")
        return error.code
    return ""


@pytest.mark.parametrize("name", list(covers.OVER_MOUTH))
def test_a_covered_mouth_is_refused_with_its_reason(name: str, photograph: np.ndarray, face: np.ndarray) -> None:
    codes = [code(covers.OVER_MOUTH[name](random.Random(100 + k), photograph, face)) for k in range(7)]
    assert codes.count("portrait_hidden_mouth") >= 6 and set(codes) <= {"portrait_hidden_mouth", ""}


@pytest.mark.parametrize("name", [*covers.OVER_EYES, *covers.OVER_AN_EYE])
def test_covered_eyes_are_refused_with_their_reason(name: str, photograph: np.ndarray, face: np.ndarray) -> None:
    cover = {**covers.OVER_EYES, **covers.OVER_AN_EYE}[name]
    codes = [code(cover(random.Random(100 + k), photograph, face)) for k in range(7)]
    assert codes.count("portrait_hidden_eyes") >= 5 and set(codes) <= {"portrait_hidden_eyes", "portrait_no_face", ""}


def test_even_black_ellipses_over_the_eyes(photograph: np.ndarray) -> None:
    image = photograph.copy()
    for left, top, right, bottom in ((190, 80, 226, 108), (228, 80, 264, 108)):
        middle, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
        cv2.ellipse(image, middle, axes, 0, 0, 360, (15, 15, 15), -1)
    assert code(image) == "portrait_hidden_eyes"


def test_tinted_glasses_are_accepted(photograph: np.ndarray, face: np.ndarray) -> None:
    assert [code(covers.shaded(random.Random(k), photograph, face)) for k in range(6)] == [""] * 6


def test_treatments_that_leave_a_face_are_accepted(photograph: np.ndarray) -> None:
    grey = np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    painted = cv2.stylization(photograph)
    noisy = np.clip(photograph + np.random.default_rng(0).normal(0, 12, photograph.shape), 0, 255).astype(np.uint8)
    for image in (grey, painted, noisy, photograph[:, ::-1], cv2.GaussianBlur(photograph, (0, 0), 2)):
        assert code(image) == ""


@pytest.mark.parametrize("angle", [0, 40, 90, 120, 160, 180, 200, 240, 270, 330])
def test_the_face_is_found_however_the_picture_is_held(
    angle: int, photograph: np.ndarray, fitted: Portrait, face: np.ndarray
) -> None:
    turn = cv2.getRotationMatrix2D((226, 150), angle, 1.0)
    portrait = fit_portrait(cv2.warpAffine(photograph, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    wanted = face[:, :2] @ turn[:, :2].T + turn[:, 2]
    if portrait.quarters:
        wanted = 512 - wanted
    assert np.linalg.norm(portrait.landmarks[:468, :2] - wanted[:468], axis=1).mean() < 3
    assert abs(portrait.residual - fitted.residual) < 0.003
    upside_down = 135 < angle < 225
    assert (portrait.quarters == 2) == upside_down
    assert any("on its head" in remark for remark in remarks(portrait)) == upside_down


def test_a_turned_photograph_comes_turned_from_the_cache(photograph: np.ndarray, tmp_path: Path) -> None:
    alpha = np.full(photograph.shape[:2], 255, np.uint8)
    alpha[:100] = 0  # below the head of the picture that stands on its head
    picture = np.dstack([photograph[::-1, ::-1], alpha])
    Image.fromarray(picture).save(tmp_path / "p.png")
    first, second = (load_portrait(tmp_path / "p.png", tmp_path / "cache") for _ in range(2))
    for portrait in (first, second):
        assert portrait.quarters == 2 and portrait.alpha is not None and not portrait.alpha[-100:].any()
        assert np.array_equal(portrait.image[:400], photograph[:400])
    assert np.array_equal(first.landmarks, second.landmarks)


@pytest.mark.parametrize(
    ("factor", "shift", "wanted"),
    [(0.18, 0, ""), (0.1, 0, ""), (0.1, 200, ""), (0.04, 0, "portrait_too_dark"), (0.01, 0, "portrait_too_dark"),
     (1.9, 20, "portrait_too_bright"), (0.0, 255, "portrait_too_bright"),
     (0.04, 180, "portrait_too_pale")],
)  # fmt: skip
def test_dark_and_burnt_out_photographs_are_never_called_drawn(
    factor: float, shift: float, wanted: str, photograph: np.ndarray
) -> None:
    image = np.clip(photograph * factor + shift, 0, 255).astype(np.uint8)
    assert code(image) in ({wanted, "portrait_no_face"} if wanted == "portrait_too_pale" else {wanted})


def test_flatness_is_measured_against_the_contrast(photograph: np.ndarray, face: np.ndarray) -> None:
    plain = flat_share(photograph, face)
    assert plain < 0.05 and flat_share((photograph * 0.15).astype(np.uint8), face) < 0.3
    filled = photograph.copy()
    cv2.fillPoly(filled, [face[list(CONTOUR), :2].astype(np.int32)], (230, 180, 150))
    for factor in (1.0, 0.3):
        assert flat_share((filled * factor).astype(np.uint8), face) > 0.8


def test_the_face_of_the_self_test_is_seen() -> None:
    portrait = load_portrait(ASSETS / "self_test.jpg")
    assert min(look(portrait.image, portrait.landmarks).parts) > 1


def test_shut_eyes_and_blur_are_told(photograph: np.ndarray, fitted: Portrait) -> None:
    assert remarks(fitted) == ()
    weights = np.zeros((1, len(EXPRESSIONS)), np.float32)
    weights[0, [EXPRESSIONS.index("eyeBlink_L"), EXPRESSIONS.index("eyeBlink_R")]] = 1
    still = np.zeros((1, 3), np.float32)
    renderer = Renderer(HeadModel.load(), fitted, 512, framing="crop", painter=None)
    (shut,) = renderer.render(Motion(weights, still, still))
    asleep = fit_portrait(shut)
    assert max(eye_openings(asleep.landmarks)) < 0.6 * max(eye_openings(fitted.landmarks))
    assert [remark for remark in remarks(asleep) if "shut" in remark]
    blurred = fit_portrait(cv2.GaussianBlur(photograph, (0, 0), 4))
    assert edge_width(blurred.image, blurred.landmarks) > 2 * edge_width(photograph, fitted.landmarks)
    assert [remark for remark in remarks(blurred) if "blurred" in remark]
