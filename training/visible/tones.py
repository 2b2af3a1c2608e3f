"""The same face with another skin, other paint and in other light: what must not decide whether a face is seen.

On dark skin the white of an eye is the brightest place of the cut-out, on light skin the eye is the darkest one. So a
model that is to judge all people needs both. Functions take a random generator, an image (H, W, 3) uint8 RGB and the
face mesh (478, 3) px, and return a new image of the same size in which eyes and mouth are seen as before.
"""

from __future__ import annotations

import random

import cv2
import numpy as np

from core.face.points import EYE_CORNERS, LID_RINGS, LIPS_INNER_RING, LIPS_OUTER_RING, OUTER_EYES

from .canvas import as_bytes, filled, skin_colour

TONES = ("dark", "medium", "light")
DARK, LIGHT = 45.0, 66.0
"""CIE lightness L* of the skin below which it counts as dark, and from which it counts as light."""
_BRIGHTNESSES = (30.0, 220.0)
"""Range of a new skin's brightness, in levels."""
_HUES = ((1.28, 0.90, 0.78), (1.12, 0.95, 0.86))
"""Red, green and blue of dark and of light skin, relative to its brightness."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_WAYS = ("gamma", "dim", "warm or cold", "side", "pale", "grey", "small", "noise")


def skin_lightness(image: np.ndarray, face: np.ndarray) -> float:
    """CIE lightness L* of the skin, 0–100."""
    pixel = (skin_colour(image, face) / 255).astype(np.float32)[None, None]
    return float(cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0, 0])


def tone_of(image: np.ndarray, face: np.ndarray) -> str:
    """One of ``TONES``."""
    lightness = skin_lightness(image, face)
    return TONES[(lightness >= DARK) + (lightness >= LIGHT)]


def retoned(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The person with skin of any tone. The whites of the eyes and the teeth keep most of their brightness."""
    bright = r.uniform(*_BRIGHTNESSES)
    share = (bright - _BRIGHTNESSES[0]) / (_BRIGHTNESSES[1] - _BRIGHTNESSES[0])
    hue = np.array(_HUES[0]) + share * (np.array(_HUES[1]) - np.array(_HUES[0]))
    wanted = np.clip(bright * hue, 8, 245)
    own = np.clip(skin_colour(image, face), 8, 245)
    value = image.astype(np.float32)
    if bright < own @ _LUMA:
        changed = value * (wanted / own)
    else:  # a power, so that nothing burns out
        changed = 255 * (value / 255) ** np.clip(np.log(wanted / 255) / np.log(own / 255), 0.1, 1.5)
    openings = [face[list(ring), :2] for ring in (*LID_RINGS, LIPS_INNER_RING)]
    kept = np.maximum.reduce([filled(image, ring) for ring in openings])
    kept = cv2.GaussianBlur(kept, (0, 0), max(0.006 * _unit(face), 0.4))[..., None] * r.uniform(0.2, 0.8)
    return as_bytes(changed + kept * (value - changed))


def made_up(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Dark lids, deep shadow in the eyes' sockets, or both; sometimes lips of another brightness."""
    unit, shade = _unit(face), np.ones(image.shape[:2], np.float32)
    lids, sockets = r.choice([(True, False), (False, True), (True, True)])
    dark, deep = r.uniform(0.35, 0.75), r.uniform(0.45, 0.8)
    width, height = r.uniform(0.17, 0.24), r.uniform(0.08, 0.14)
    wide, high, above = r.uniform(0.22, 0.32), r.uniform(0.14, 0.22), r.uniform(0.0, 0.06)
    for corners, ring in zip(EYE_CORNERS, LID_RINGS, strict=True):
        middle = face[list(corners), :2].mean(0)
        if lids:
            around = _spot(image, middle, width * unit, height * unit, 0.02 * unit)
            shade *= 1 - (1 - dark) * around * (1 - filled(image, face[list(ring), :2]))
        if sockets:
            shade *= 1 - (1 - deep) * _spot(image, middle - (0, above * unit), wide * unit, high * unit, 0.06 * unit)
    if r.random() < 0.5:
        lips = cv2.GaussianBlur(filled(image, face[list(LIPS_OUTER_RING), :2]), (0, 0), max(0.01 * unit, 0.5))
        shade *= 1 + (r.uniform(0.4, 1.4) - 1) * lips
    return as_bytes(image * shade[..., None])


def relit(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The picture in other light, in the greys of an old film, with little contrast, small, or noisy."""
    way = r.choice(_WAYS)
    value: np.ndarray = image.astype(np.float32) / 255
    if way == "gamma":
        value = value ** r.uniform(0.5, 2.2)
    elif way == "dim":
        value = value * r.uniform(0.25, 0.8)
    elif way == "warm or cold":
        heat = r.uniform(-0.45, 0.45)
        value = value * np.array([1 + heat, 1.0, 1 - heat], np.float32) * r.uniform(0.6, 1.0)
    elif way == "side":
        place = (np.arange(image.shape[1]) - face[:, 0].mean()) / max(np.ptp(face[:, 0]), 1)
        slope = r.choice([-1, 1]) * r.uniform(1.5, 6)
        light = r.uniform(0.2, 0.6) + 0.8 / (1 + np.exp(-np.clip(slope * place, -30, 30)))
        value = value * light[None, :, None].astype(np.float32)
    elif way == "pale":
        low, high = r.uniform(0.0, 0.45), r.uniform(0.25, 0.5)
        value = low + high * value
    elif way == "grey":
        share = np.array([r.random() ** 2 + 0.02 for _ in range(3)], np.float32)
        value = np.repeat((value @ (share / share.sum()))[..., None], 3, 2) ** r.uniform(0.7, 1.4)
    elif way == "small":
        size = np.maximum(np.array(image.shape[1::-1]) * min(1.0, r.uniform(24, 60) / _unit(face)), 8).astype(int)
        small = cv2.resize(value, size.tolist(), interpolation=cv2.INTER_AREA)
        value = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    else:
        grain = np.random.default_rng(r.randrange(1 << 30)).normal(0, r.uniform(0.01, 0.06), image.shape)
        value = value + grain.astype(np.float32)
    return as_bytes(255 * value)


def varied(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The person with another skin, sometimes made up and in other light."""
    image = retoned(r, image, face)
    if r.random() < 0.3:
        image = made_up(r, image, face)
    return relit(r, image, face) if r.random() < 0.4 else image


def _unit(face: np.ndarray) -> float:
    return max(float(np.linalg.norm(face[OUTER_EYES[0], :2] - face[OUTER_EYES[1], :2])), 1.0)


def _spot(image: np.ndarray, middle: np.ndarray, width: float, height: float, soft: float) -> np.ndarray:
    """(H, W) float32 soft ellipse."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = middle + np.stack([width * np.cos(turn), height * np.sin(turn)], 1)
    return cv2.GaussianBlur(filled(image, ring), (0, 0), max(soft, 0.5))
