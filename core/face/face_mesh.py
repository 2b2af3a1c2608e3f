"""Face landmarks: 478 points a face (468 of the mesh, 5 an iris) from the models in mediapipe's wheel.

The mesh network wants a face that fills a good part of its picture, and its own detector sees near faces only.
So still pictures are searched first (a far-range and a near-range detector on the whole picture, then on tiles), each
face is cut out with a margin, and the mesh runs on the cut-out. Video is tracked: the search is repeated only where a
face is lost.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import numpy as np

LANDMARKS = 478
IRIS_RIGHT = slice(468, 473)
"""The person's right iris: centre, then four points around it."""
IRIS_LEFT = slice(473, 478)
CONTOUR = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Mesh points on the face's outline, which slide over the skin as the head turns (forehead, then person's left, chin,
right)."""
OUTER_EYES = (33, 263)
"""Outer eye corners: the person's right, left."""
INNER_LIPS = (13, 14)
MOUTH_CORNERS = (61, 291)

_SEARCH_LONG_SIDE = 1024
_CROP_SIDE = 640
_MIN_MESH_SIDE = 192
_STILL_PASSES = 3
"""Passes of a still picture through the tracker; the detector's box alone leaves the landmarks a few per cent off."""
_BLANK = np.zeros((64, 64, 3), np.uint8)
"""A graph reports its set-up while its first picture runs; this one takes that picture's place inside ``_quiet``."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what mediapipe's C++ side writes to file descriptor 2 while it starts (no Python setting reaches it)."""
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


def _solutions():
    """mediapipe's ``solutions`` package, imported late (it takes seconds) and quietly."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet():
        import mediapipe
    return mediapipe.solutions


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``image`` at (width, height) ``size``; area averaging when it shrinks."""
    import cv2

    shrinks = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _cut(image: np.ndarray, x0: float, y0: float, side: float) -> tuple[np.ndarray, int, int]:
    """The square (x0, y0, side) of ``image``, edge pixels repeated where it leaves it; with its integer corner."""
    left, top, side = int(np.floor(x0)), int(np.floor(y0)), max(int(np.ceil(side)), 2)
    height, width = image.shape[:2]
    inside = image[max(top, 0) : max(min(top + side, height), 1), max(left, 0) : max(min(left + side, width), 1)]
    pad = (
        (max(-top, 0), max(top + side - height, 0)),
        (max(-left, 0), max(left + side - width, 0)),
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
    """478 landmarks of every face in a picture, or of one face through a video.

    Parameters
    ----------
    video
        True: pictures are consecutive frames of one shot; the first face is tracked from frame to frame.
        False: each picture is searched by itself and may hold several faces.
    """

    def __init__(self, video: bool = False) -> None:
        self.video = video
        solutions = _solutions()
        self._face_mesh = solutions.face_mesh.FaceMesh
        self._face_detection = solutions.face_detection.FaceDetection
        self._detectors: list = []
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
        One (478, 3) float32 array a face, largest first: x, y in pixels of ``image`` (pixel centres at integer + 0.5),
        z in the same scale, smaller is nearer. Empty when no face is found.
        """
        if not self.video:
            return self._search(image)
        found = self._run(image, self._region)
        if found is None:
            found = self._relocate(image)
        return [] if found is None else [found]

    def _new_mesh(self):
        with _quiet():
            mesh = self._face_mesh(
                static_image_mode=False,
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=0.5,
                min_tracking_confidence=0.5,
            )
            mesh.process(_BLANK)
        return mesh

    def _run(self, image: np.ndarray, region: tuple[float, float, float] | None, times: int = 1) -> np.ndarray | None:
        """One face by the mesh network inside ``region`` (x0, y0, side) of ``image``, in pixels of ``image``.

        The picture runs ``times`` through the tracker: each pass looks where the last one found the face.
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
        """Find the lost face by searching the whole picture, and track from there inside a region around it."""
        faces = self._search(image)
        if not faces:
            return None
        lower, upper = faces[0][:, :2].min(0), faces[0][:, :2].max(0)
        side = 2.2 * float((upper - lower).max())
        self._region = (*((lower + upper) / 2 - side / 2).tolist(), side)
        self._forget()
        again = self._run(image, self._region, _STILL_PASSES)
        return faces[0] if again is None else again

    def _forget(self) -> None:
        """Make the tracker detect its next picture afresh."""
        with _quiet():
            self._mesh.reset()
            self._mesh.process(_BLANK)

    def _search(self, image: np.ndarray) -> list[np.ndarray]:
        faces: list[np.ndarray] = []
        kept: list[np.ndarray] = []
        for box in self._boxes(image):
            for margin in (2.0, 1.5, 3.0):
                side = margin * float((box[2:] - box[:2]).max())
                corner = (box[:2] + box[2:]) / 2 - side / 2
                self._forget()
                found = self._run(image, (float(corner[0]), float(corner[1]), side), _STILL_PASSES)
                if found is not None:
                    break
            if found is None:
                continue
            bounds = np.concatenate([found[:, :2].min(0), found[:, :2].max(0)])
            if overlap(bounds, box) > 0.3 and all(overlap(bounds, other) < 0.4 for other in kept):
                kept.append(bounds)
                faces.append(found)
        return sorted(faces, key=lambda face: -float(np.ptp(face[:, 0]) * np.ptp(face[:, 1])))

    def _boxes(self, image: np.ndarray) -> list[np.ndarray]:
        """Boxes (x0, y0, x1, y1) in pixels that may hold a face, likeliest first; tiles only where the whole shows
        none."""
        if not self._detectors:
            with _quiet():
                self._detectors = [
                    self._face_detection(model_selection=selection, min_detection_confidence=0.5)
                    for selection in (1, 0)
                ]
                for detector in self._detectors:
                    detector.process(_BLANK)
        height, width = image.shape[:2]
        long_side = max(height, width)
        pad = 0.25 * long_side  # a face that fills the frame is only found with room around it
        views = [(-pad, -pad, long_side + 2 * pad), (0.0, 0.0, float(long_side))]
        boxes = self._detect_views(image, views)
        if not boxes and long_side > 2 * _MIN_MESH_SIDE:
            for parts in (2, 4):
                side = long_side / parts
                steps = np.arange(0, parts - 0.49, 0.5) * side
                tiles = [(float(x), float(y), side) for y in steps if y < height for x in steps if x < width]
                boxes = self._detect_views(image, tiles)
                if boxes:
                    break
        return boxes

    def _detect_views(self, image: np.ndarray, views: list[tuple[float, float, float]]) -> list[np.ndarray]:
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
            if all(overlap(bounds, other) < 0.4 for other in kept):
                kept.append(bounds)
        return kept
