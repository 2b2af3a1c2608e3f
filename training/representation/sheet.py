"""Pictures to check the representation by eye: source, driving frame, E_v's input, and the painted picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.motion.channels import LIP_COLUMNS

from .data import Batch
from .networks import Networks

SIDE = 128
"""Side of every picture of a sheet, pixels."""


@torch.inference_mode()
def write_sheet(networks: Networks, stage: str, batch: Batch, views: Tensor, path: Path) -> None:
    """Write a sheet with one column for each view: its source (the clip's first view), the view, its changed version
    ``views``, and the picture painted with f_v.

    In the last stage pictures are painted with (f_nl, f_l), and in a fifth row with f_l of the clip's first view: there
    the lips must not move, but everything else must.
    """
    model = networks.representation
    clips = torch.arange(len(views), device=views.device) // batch.each * batch.each
    source = batch.views[clips]
    f_id, face = model.identity_encoder.with_map(source)
    f_v = model.motion_encoder(views)
    rows = [source, batch.views, views]
    if stage == "disentangle":
        f_nl = model.f_nl(f_v)[1]
        centred = (batch.channels - model.mean) / model.scale
        f_l = model.mlp_m2l(centred[:, LIP_COLUMNS])
        first = torch.cat([f_nl, f_l], 1)[clips]
        for lips in (f_l, f_l[clips]):
            rows.append(networks.render(source, f_id, face, first, torch.cat([f_nl, lips], 1)))
    else:
        rows.append(networks.reenact(source, f_id, face, f_v[clips], f_v))
    sized = [F.interpolate(row.float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False) for row in rows]
    lines = [torch.cat(list(row), 2) for row in sized]  # (3, S, B · S)
    sheet = (torch.cat(lines, 1).permute(1, 2, 0) * 255 + 0.5).clamp(0, 255).byte().cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]))
