"""The representation in training, with the heads and the small generator that its losses need, and its four stages.

*pretrain*: reenactment as in the paper (E_id gets another frame, E_v gets both frames with random changes), and all 59
channels are predicted from f_v. *contrastive*: L_cl ties MLP_cl(f_v) to f_a. The losses of pre-training continue, so
that nothing is forgotten. *curves*: MLP_m2l, MLP_m2nl and the motion decoder, from channels to features and back, learn
only from curves. They give f_nl coordinates that can express every curve. *disentangle*: E_v and E_id are fixed. MLP_ol
and MLP_nl learn f_nl under L_ol. It should match f_nl of the true curves, from which the decoder predicts the 32
channels and, with f_l, the generator paints the frame. Or *as in the paper*: f_nl learns only from painted frames and
L_ol, and f_l is that of the sound.

f_a and f_l are those of the shipped lip model, which is fixed. The users' curves come from the lip model, so the
features must fit it. And it has been trained on hundreds of voices, while the films here have few.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.face.reconstruction import SIZES, Reconstruction
from core.motion.channels import CHANNELS, EXPRESSIONS, LIP_CHANNELS, LIP_COLUMNS, NONLIP_COLUMNS
from core.representation.encoders import D_ID
from core.representation.model import Representation, RepresentationConfig

from ..common.contrastive import contrastive, retrieval
from .augment import AugmentConfig, disguised
from .data import Batch
from .decoder import DecoderConfig, FaceDecoder, pixel_loss
from .losses import MemoryBanks, about_clips, orthogonality, same_person


@dataclass(frozen=True)
class LossConfig:
    """Weights and settings of the losses.

    Attributes
    ----------
    pixels, channels, person, contrast, ol, met
        Weights of: the painted picture; channels predicted from f_v or f_nl; similarity of f_id for one person (see
        ``same_person``); L_cl; L_ol; distance between f_nl of views and f_nl of their true curves.
    temperature
        Temperature of L_cl and of ``same_person``.
    bank_steps
        K, the number of steps over which the correlations of L_ol are computed; 1 is the ablation without memory banks.
    heard
        Whether frames are painted with f_l of the sound instead of f_l of the tracked lips.
    painted
        Share of a batch that is painted. The generator takes longer than E_v.
    """

    pixels: float = 2.0
    channels: float = 1.0
    person: float = 0.1
    contrast: float = 0.5
    ol: float = 0.1
    met: float = 0.5
    temperature: float = 0.1
    bank_steps: int = 4
    heard: bool = False
    painted: float = 0.35
    augment: AugmentConfig = field(default_factory=AugmentConfig)


class Networks(nn.Module):
    """All networks in training. ``forward`` returns the losses of a stage, so that one module can be wrapped for
    several processes.

    ``lip_weight`` (27, 32) and ``lip_bias`` (27,) are the lip model's D_l. With ``kept`` E_id is fixed in all stages.
    """

    lip_weight: Tensor
    lip_bias: Tensor

    def __init__(self, config: RepresentationConfig, decoder: DecoderConfig, losses: LossConfig) -> None:
        super().__init__()
        self.losses, self.kept = losses, False
        self.representation = Representation(config)
        self.reading = nn.Linear(config.encoders.motion, len(CHANNELS))
        shape = config.encoders.map_shape
        self.reenact = FaceDecoder(decoder, shape, D_ID, config.encoders.motion)
        self.render = FaceDecoder(decoder, shape, D_ID, config.nonlip + config.lip)
        self.register_buffer("lip_weight", torch.zeros(len(LIP_CHANNELS), config.lip))
        self.register_buffer("lip_bias", torch.zeros(len(LIP_CHANNELS)))

    def forward(self, stage: str, batch: Batch, views: Tensor, banks: MemoryBanks | None = None) -> dict[str, Tensor]:
        """Losses of ``stage`` by name, including ``total``.

        ``views`` are the batch's driving views with random changes; *disentangle* takes their f_v from the batch.
        ``banks`` are read and, in training, extended.
        """
        if stage == "curves":
            return self._curves(batch)
        if stage == "disentangle":
            assert banks is not None
            return self._disentangle(batch, banks)
        f_v = self.representation.motion_encoder(views)
        terms = {"channels": self._channel_loss(self.reading(f_v).float(), batch)}
        train_identity = stage == "pretrain" and not self.kept
        source = self._sources(batch)
        with torch.set_grad_enabled(train_identity and torch.is_grad_enabled()):
            f_id, face = self.representation.identity_encoder.with_map(batch.views[source])
        terms["pixels"] = self._painted(self.reenact, batch, source, f_id, face, f_v.float())
        if train_identity:
            terms["person"] = same_person(f_id, batch.person[source], self.losses.temperature)
        if stage == "contrastive":
            f_cl = self.representation.mlp_cl(f_v).float().unflatten(0, (-1, batch.each))
            f_a = batch.f_a.unflatten(0, (-1, batch.each))  # (clips, each, d_a)
            terms["contrast"] = contrastive(f_cl, f_a, self.losses.temperature)
            terms["found"] = retrieval(f_cl.detach(), f_a)
        return self._total(terms)

    def _disentangle(self, batch: Batch, banks: MemoryBanks) -> dict[str, Tensor]:
        # L_ol is relative to each clip's mean, because identity and posture do not leak speech. It is computed in each
        # set separately: over several sets, one talker's correlations would hide another's.
        model = self.representation
        source = self._sources(batch)
        assert batch.f_v is not None
        with torch.no_grad():
            f_id, face = model.identity_encoder.with_map(batch.views[source])
        f_ol, f_nl = (f.float() for f in model.f_nl(batch.f_v))
        centred = (batch.channels - model.mean) / model.scale
        f_l = model.mlp_m2l(self._heard(batch) if self.losses.heard else centred[:, LIP_COLUMNS]).float()
        motion = torch.cat([f_nl, f_l.detach()], 1)
        moved, sound = (about_clips(values, batch.each) for values in (f_ol, batch.f_a))
        length = len(f_ol) // batch.parts
        stretches = [slice(i * length, (i + 1) * length) for i in range(batch.parts)]
        terms = {
            "pixels": self._painted(self.render, batch, source, f_id, face, motion),
            "channels": _masked(
                F.smooth_l1_loss(model.decoder(f_nl).float(), centred[:, NONLIP_COLUMNS], reduction="none"),
                batch.observed[:, NONLIP_COLUMNS],
            ),
            "met": _relative(f_nl, model.mlp_m2nl(centred[:, NONLIP_COLUMNS]).float()),
            "ol": torch.stack([orthogonality(*banks.joined(moved, sound, rows)) for rows in stretches]).mean(),
        }
        if self.training:
            banks.remember(moved, sound)
        return self._total(terms)

    def _curves(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of the way from channels to features and back, using only curves.

        D_l must recover the lips from f_l, and f_l must match E_a's code if D_l gives the same lips. f_nl has zero mean
        and unit deviation, and the motion decoder must recover the other channels from it, even with a small error.
        """
        model = self.representation
        centred = (batch.channels - model.mean) / model.scale
        f_nl = model.mlp_m2nl(centred[:, NONLIP_COLUMNS]).float()
        shaken = f_nl + 0.1 * torch.randn_like(f_nl)
        scale, mean = model.scale[LIP_COLUMNS], model.mean[LIP_COLUMNS]
        lips = (self.spoken(model.mlp_m2l(centred[:, LIP_COLUMNS]).float()) - mean) / scale
        again = model.mlp_m2l(self._heard(batch)).float()
        terms = {
            "rest": F.smooth_l1_loss(model.decoder(shaken).float(), centred[:, NONLIP_COLUMNS]),
            "lips": F.smooth_l1_loss(lips, centred[:, LIP_COLUMNS]),
            "codes": _relative(again, batch.f_l),
            "moments": f_nl.mean(0).square().mean() + (f_nl.std(0) - 1.0).square().mean(),
        }
        return terms | {"total": terms["rest"] + terms["lips"] + terms["codes"] + 0.1 * terms["moments"]}

    def start_from(self, reader: Reconstruction) -> None:
        """Start from R: copy E_v, and the layer that predicts weights and rotation from f_v."""
        self.representation.motion_encoder.start_from(reader)
        first = SIZES["identity"]
        told = slice(first, first + len(EXPRESSIONS) + 3)  # R's expression and rotation are adjacent
        rows = slice(0, len(EXPRESSIONS) + 3)
        mean, scale = self.representation.mean[rows], self.representation.scale[rows]
        head = reader.head
        assert isinstance(head, nn.Linear)
        with torch.no_grad():
            self.reading.weight[rows] = head.weight[told] / scale[:, None]
            self.reading.bias[rows] = (head.bias[told] - mean) / scale

    def spoken(self, f_l: Tensor) -> Tensor:
        """The 27 weights that the lip model's D_l gives for f_l (…, 32)."""
        return f_l @ self.lip_weight.T + self.lip_bias

    def _heard(self, batch: Batch) -> Tensor:
        """(B, 27) lip channels of the batch's sound, centred and scaled for MLP_m2l."""
        mean, scale = self.representation.mean[LIP_COLUMNS], self.representation.scale[LIP_COLUMNS]
        return (self.spoken(batch.f_l) - mean) / scale

    def _sources(self, batch: Batch) -> Tensor:
        """Rows of the batch that are sources of painted views: two of each clip, the first and the middle one."""
        clips = torch.arange(len(batch.views) // batch.each, device=batch.views.device) * batch.each
        return torch.stack([clips, clips + batch.each // 2], 1).flatten()  # increasing

    def rows_to_paint(self, batch: Batch, source: Tensor) -> Tensor:
        """Rows of the batch to paint, evenly spread over the rows that are not sources and whose person has another
        view in the clip."""
        wanted = batch.alike.clone()
        wanted[source] = False
        rows = torch.nonzero(wanted)[:, 0]
        count = round(self.losses.painted * len(rows))
        return rows[torch.linspace(0, len(rows) - 1, count, device=rows.device).long()] if count else rows[:0]

    def _painted(
        self, generator: FaceDecoder, batch: Batch, source: Tensor, f_id: Tensor, face: Tensor, motion: Tensor
    ) -> Tensor:
        """Loss of some views painted by ``generator`` from the rows, f_id and maps of the sources and the motion of all
        rows."""
        paint = self.rows_to_paint(batch, source)
        own = torch.searchsorted(source, paint, right=True) - 1  # the last source before a painted view
        first = source[own]
        picture = generator(batch.views[first], f_id[own], face[own], motion[first], motion[paint])
        if len(paint) == 0:
            return picture.sum()
        return pixel_loss(picture, F.adaptive_avg_pool2d(batch.views[paint], picture.shape[-1]))

    def _channel_loss(self, read: Tensor, batch: Batch) -> Tensor:
        centred = (batch.channels - self.representation.mean) / self.representation.scale
        return _masked(F.smooth_l1_loss(read, centred, reduction="none"), batch.observed)

    def _total(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        total = sum(getattr(self.losses, name) * value for name, value in terms.items() if hasattr(self.losses, name))
        return terms | {"total": torch.as_tensor(total)}


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` where ``mask`` is set; 0 if it is set nowhere."""
    return (values * mask).sum() / mask.sum().clamp_min(1)


def _relative(told: Tensor, wanted: Tensor) -> Tensor:
    """Smooth L_1 of features (N, F) in units of the mean deviation of ``wanted``, at least 0.05; 0 without rows."""
    if len(told) == 0:
        return told.sum()
    spread = wanted.std(0, correction=0).mean().clamp_min(0.05)
    return F.smooth_l1_loss(told / spread, wanted / spread)


def disguise(batch: Batch, config: AugmentConfig, generator: torch.Generator, one_crop: bool) -> Tensor:
    """The batch's driving views with random changes, as E_v gets them in training. With ``one_crop`` all views of a
    clip have the same crop and shape."""
    return disguised(batch.views, config, generator, batch.each if one_crop else 1)
