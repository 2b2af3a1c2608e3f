"""Face landmarks: 478 points per face (468 of the mesh, 5 per iris) from the models in mediapipe's wheel.

The mesh network needs a face that fills a good part of its picture, and its own detector finds only near faces.
Therefore a still picture is searched first, with a far-range and a near-range detector on the whole picture and then
on tiles. Each face is cut out with a margin, and the mesh network runs on the cut-out. In a video the face is tracked;
the search is repeated only where the face is lost. ``points.py`` names the points.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

_SEARCH_LONG_SIDE = 1024
"""Pixels; a view is scaled down to this side before the detectors search it."""
_CROP_SIDE = 640
"""Pixels; a larger cut-out is scaled down to this side for the mesh network."""
_MIN_MESH_SIDE = 192
"""Pixels; a smaller cut-out is scaled up to this side (the mesh network's own input size)."""
_STILL_PASSES = 3
"""Passes of a still picture through the tracker. With one pass, in the detector's box, the landmarks are off by a few
per cent."""
_MIN_CONFIDENCE = 0.5
"""Confidence from which mediapipe reports a face, and keeps on tracking one (its default)."""
_MARGINS = (2.0, 1.5, 3.0)
"""Sides of the cut-out in sides of the detected box, tried in this order until the mesh network finds a face."""
_RELOCATED_MARGIN = 2.2
"""Side of the region in which a video's face is tracked, in sides of the box around its landmarks: room to move."""
_SAME_PLACE = 0.3
"""Least overlap of a found face with the detected box it was searched in. A smaller overlap means another face."""
_SAME_FACE = 0.4
"""Overlap of two boxes from which both are taken to show the same face."""
_VIEW_PAD = 0.25
"""Border around the picture in the first view, in long sides: a face that fills the picture is only found with it."""
_TILINGS = (2, 4)
"""Tiles along the long side, tried in this order; neighbouring tiles overlap by half a tile."""
_BLANK = np.zeros((64, 64, 3), np.uint8)
"""A graph prints its set-up while it runs its first picture. This picture is run first, inside ``_quiet``."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the messages that mediapipe's C++ code writes to file descriptor 2 while it starts.

    No Python setting can turn them off.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _solutions() -> Any:
    """mediapipe's ``solutions`` package (untyped), imported late, because it takes seconds, and without messages."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet():
        import mediapipe
    return mediapipe.solutions


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``image`` scaled to ``size`` (width, height); with area averages where it shrinks."""
    import cv2

    shrinks = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _cut(image: np.ndarray, x0: float, y0: float, side: float) -> tuple[np.ndarray, int, int]:
    """Cut the square (x0, y0, side) out of ``image``; also returns the integer x and y of its corner.

    Beyond the image its edge pixels are repeated.
    """
    left, top, extent = int(np.floor(x0)), int(np.floor(y0)), max(int(np.ceil(side)), 2)
    height, width = image.shape[:2]
    inside = image[max(top, 0) : max(min(top + extent, height), 1), max(left, 0) : max(min(left + extent, width), 1)]
    pad = (
        (max(-top, 0), max(top + extent - height, 0)),
        (max(-left, 0), max(left + extent - width, 0)),
        (0, 0),
    )
    return np.ascontiguousarray(np.pad(inside, pad, mode="edge")), left, top


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over the smaller area of two boxes (x0, y0, x1, y1)."""
    lower = np.maximum(a[:2], b[:2])
    upper = np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.clip(upper - lower, 0, None)))
    return shared / max(min(float(np.prod(a[2:] - a[:2])), float(np.prod(b[2:] - b[:2]))), 1e-9)


class FaceMesh:
    """Finds the 478 landmarks of every face in a picture, or of one face in a video.

    Parameters
    ----------
    video
        True: the pictures are consecutive frames of one shot, and the first face is tracked from frame to frame.
        False: each picture is searched on its own and may show several faces.
    largest
        In a video, track the largest face of the first picture that shows one. Otherwise any of its faces is tracked,
        which is quicker to find.
    """

    def __init__(self, video: bool = False, largest: bool = False) -> None:
        self.video, self._largest = video, largest
        solutions = _solutions()
        self._face_mesh = solutions.face_mesh.FaceMesh
        self._face_detection = solutions.face_detection.FaceDetection
        self._detectors: list[Any] = []
        self._region: tuple[float, float, float] | None = None
        self._mesh = self._new_mesh()

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks."""
        for graph in (self._mesh, *self._detectors):
            graph.close()
        self._detectors = []

    def detect(self, image: np.ndarray) -> list[np.ndarray]:
        """Landmarks of the faces in ``image``.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB.

        Returns
        -------
        list of ndarray
            One (478, 3) float32 array per face, the largest face first. x and y are pixels of ``image`` (pixel centres
            at integers + 0.5); z has the same scale, and smaller is nearer. Empty when no face is found.
        """
        if not self.video:
            return self._search(image)
        unseen = self._largest and self._region is None
        found = None if unseen else self._run(image, self._region)
        if found is None:
            found = self._relocate(image)
        return [] if found is None else [found]

    def _new_mesh(self) -> Any:
        with _quiet():
            mesh = self._face_mesh(
                static_image_mode=False,
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=_MIN_CONFIDENCE,
                min_tracking_confidence=_MIN_CONFIDENCE,
            )
            mesh.process(_BLANK)
        return mesh

    def _run(self, image: np.ndarray, region: tuple[float, float, float] | None, times: int = 1) -> np.ndarray | None:
        """Run the mesh network inside ``region`` (x0, y0, side) of ``image``: one face in pixels of ``image``, or None.

        The picture goes through the tracker ``times`` times. Each pass looks where the previous one found the face.
        """
        left = top = 0
        if region is not None:
            image, left, top = _cut(image, *region)
        height, width = image.shape[:2]
        scale = 1.0
        if region is not None and (width > _CROP_SIDE or width < _MIN_MESH_SIDE):
            scale = (_CROP_SIDE if width > _CROP_SIDE else _MIN_MESH_SIDE) / width
            image = _resize(image, (round(width * scale), round(height * scale)))
        image = np.ascontiguousarray(image)
        for _ in range(times):
            result = self._mesh.process(image)
        if not result.multi_face_landmarks:
            return None
        points = np.array([(p.x, p.y, p.z) for p in result.multi_face_landmarks[0].landmark], dtype=np.float32)
        points *= np.array([width, height, width], dtype=np.float32)
        return points + np.array([left, top, 0], dtype=np.float32)

    def _relocate(self, image: np.ndarray) -> np.ndarray | None:
        """Search the whole picture for the lost face, and from then on track it inside a region around it."""
        faces = self._search(image)
        if not faces:
            return None
        lower, upper = faces[0][:, :2].min(0), faces[0][:, :2].max(0)
        side = _RELOCATED_MARGIN * float((upper - lower).max())
        self._region = (*((lower + upper) / 2 - side / 2).tolist(), side)
        self._forget()
        again = self._run(image, self._region, _STILL_PASSES)
        return faces[0] if again is None else again

    def _forget(self) -> None:
        """Reset the tracker, so that it detects the face again in its next picture."""
        with _quiet():
            self._mesh.reset()
            self._mesh.process(_BLANK)

    def _search(self, image: np.ndarray) -> list[np.ndarray]:
        """Landmarks of all faces of one picture, the largest face first."""
        faces: list[np.ndarray] = []
        kept: list[np.ndarray] = []
        for box in self._boxes(image):
            for margin in _MARGINS:
                side = margin * float((box[2:] - box[:2]).max())
                corner = (box[:2] + box[2:]) / 2 - side / 2
                self._forget()
                found = self._run(image, (float(corner[0]), float(corner[1]), side), _STILL_PASSES)
                if found is not None:
                    break
            if found is None:
                continue
            bounds = np.concatenate([found[:, :2].min(0), found[:, :2].max(0)])
            if overlap(bounds, box) > _SAME_PLACE and all(overlap(bounds, other) < _SAME_FACE for other in kept):
                kept.append(bounds)
                faces.append(found)
        return sorted(faces, key=lambda face: -float(np.ptp(face[:, 0]) * np.ptp(face[:, 1])))

    def _boxes(self, image: np.ndarray) -> list[np.ndarray]:
        """Boxes (x0, y0, x1, y1) in pixels that may show a face, the likeliest first.

        Tiles are searched only if the whole picture shows no face.
        """
        if not self._detectors:
            with _quiet():
                self._detectors = [
                    self._face_detection(model_selection=selection, min_detection_confidence=_MIN_CONFIDENCE)
                    for selection in (1, 0)  # mediapipe's far-range and near-range detector
                ]
                for detector in self._detectors:
                    detector.process(_BLANK)
        height, width = image.shape[:2]
        long_side = max(height, width)
        pad = _VIEW_PAD * long_side
        views = [(-pad, -pad, long_side + 2 * pad), (0.0, 0.0, float(long_side))]
        boxes = self._detect_views(image, views)
        if not boxes and long_side > 2 * _MIN_MESH_SIDE:
            for parts in _TILINGS:
                side = long_side / parts
                steps = np.arange(0, parts - 0.49, 0.5) * side
                tiles = [(float(x), float(y), side) for y in steps if y < height for x in steps if x < width]
                boxes = self._detect_views(image, tiles)
                if boxes:
                    break
        return boxes

    def _detect_views(self, image: np.ndarray, views: list[tuple[float, float, float]]) -> list[np.ndarray]:
        """Boxes that the detectors find in square views (x0, y0, side) of ``image``, the likeliest first."""
        scored: list[tuple[float, np.ndarray]] = []
        for view in views:
            part, left, top = _cut(image, *view)
            side = part.shape[0]
            if side > _SEARCH_LONG_SIDE:
                part = _resize(part, (_SEARCH_LONG_SIDE, _SEARCH_LONG_SIDE))
            for detector in self._detectors:
                for detection in detector.process(part).detections or []:
                    box = detection.location_data.relative_bounding_box
                    corner = np.array([box.xmin * side + left, box.ymin * side + top])
                    bounds = np.concatenate([corner, corner + np.array([box.width, box.height]) * side])
                    scored.append((float(detection.score[0]), bounds))
        scored.sort(key=lambda item: -item[0])
        kept: list[np.ndarray] = []
        for _, bounds in scored:
            if all(overlap(bounds, other) < _SAME_FACE for other in kept):
                kept.append(bounds)
        return kept
