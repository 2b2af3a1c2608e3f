"""Pairs of faces seen in a mirror, and the other way round."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor

from core.head.rotation import euler_to_matrix, matrix_to_euler
from core.keypoints.anchors import MIRRORED
from core.keypoints.pose import HeadPose
from core.motion.channels import CHANNELS, EXPRESSIONS

from ...common.mirror import HEAD_SIGNS, other_side
from .data import Faces, middle

MIRROR_COLUMNS = [CHANNELS.index(other_side(name)) for name in CHANNELS]
"""Where each channel of a mirrored face comes from."""
MIRROR_SIGNS = torch.tensor([1.0] * len(EXPRESSIONS) + HEAD_SIGNS.tolist())
"""Its sign."""
_ACROSS = torch.tensor([-1.0, 1.0])


def mirrored(faces: Faces) -> Faces:
    """The pairs seen in a mirror."""

    def turned(pose: HeadPose) -> HeadPose:
        signs = torch.tensor([-1.0, 1.0, 1.0])
        return HeadPose(pose.rotation * signs[:, None] * signs, pose.place * _ACROSS, pose.scale)

    pictures = {name: getattr(faces, name).flip(-1) for name in ("source", "truth", "weight")}
    windows = {name: getattr(faces, name)[..., MIRROR_COLUMNS] * MIRROR_SIGNS for name in ("window", "driven_window")}
    anchors = {name: getattr(faces, name)[:, MIRRORED] * _ACROSS for name in ("anchors", "driven_anchors")}
    return Faces(pose=turned(faces.pose), driven_pose=turned(faces.driven_pose), **pictures, **windows, **anchors)


def the_other_way(faces: Faces) -> Faces:
    """The truths as sources, and the sources as truths. Their windows hold still."""
    count, length = faces.window.shape[:2]
    head = len(EXPRESSIONS)
    motion = middle(faces.driven_window)[:, head:]
    back = euler_to_matrix(motion[:, :3]).mT
    reverse = torch.cat([matrix_to_euler(back), -(back @ motion[:, 3:, None])[..., 0]], 1)

    def still(window: Tensor, moved: Tensor) -> Tensor:
        held = torch.cat([middle(window)[:, :head], moved], 1)
        return held[:, None].expand(-1, length, -1)

    return replace(
        faces,
        source=faces.truth,
        truth=faces.source,
        pose=faces.driven_pose,
        driven_pose=faces.pose,
        anchors=faces.driven_anchors,
        driven_anchors=faces.anchors,
        window=still(faces.driven_window, torch.zeros(count, motion.shape[1])),
        driven_window=still(faces.window, reverse),
    )


def chosen(which: Tensor, some: Faces, others: Faces) -> Faces:
    """The pairs of ``some`` where ``which`` (B,) bool is true, else those of ``others``."""

    def pick(a: Tensor | HeadPose, b: Tensor | HeadPose) -> Tensor | HeadPose:
        if isinstance(a, HeadPose):
            return HeadPose(*(pick(getattr(a, f.name), getattr(b, f.name)) for f in fields(HeadPose)))  # type: ignore[arg-type]
        assert isinstance(b, Tensor)
        return torch.where(which.reshape(-1, *(1,) * (a.dim() - 1)), a, b)

    values = {f.name: pick(getattr(some, f.name), getattr(others, f.name)) for f in fields(Faces)}
    return Faces(**values)  # type: ignore[arg-type]
