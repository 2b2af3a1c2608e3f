"""What the prior diffuses: the explicit features themselves, or the learned f_nl of core.representation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from ..motion.channels import CHANNELS, NONLIP_COLUMNS
from ..representation.model import Representation
from .features import channels_from_features, d_nl, features_from_channels


class FeatureSpace(Protocol):
    """A space of ``size`` numbers a frame, in which motion is diffused.

    ``exact`` is true if every feature is a number of the space. Only then can single features be kept in it.
    """

    size: int
    exact: bool

    def encode(self, features: np.ndarray) -> np.ndarray:
        """(…, 25) explicit features → (…, size)."""

    def decode(self, values: np.ndarray) -> np.ndarray:
        """(…, size) → (…, 25)."""

    def known(self, mask: np.ndarray) -> np.ndarray:
        """(…, 25) bool, which features are given → (…, size) bool, which numbers they fix."""


class ChannelSpace:
    """The explicit features themselves: nothing is converted."""

    size, exact = d_nl, True

    def encode(self, features: np.ndarray) -> np.ndarray:
        """The features."""
        return features

    def decode(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def known(self, mask: np.ndarray) -> np.ndarray:
        """The mask."""
        return mask


class CodeSpace:
    """f_nl of the learned representation: 64 numbers, each of which depends on all channels (paper, section 3.2)."""

    exact = False

    def __init__(self, representation: Representation) -> None:
        self.size = representation.config.nonlip
        self._representation = representation
        self._device = representation.mean.device

    @torch.inference_mode()
    def _through(self, network: Callable[[torch.Tensor], torch.Tensor], values: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device)).cpu().numpy()

    def encode(self, features: np.ndarray) -> np.ndarray:
        """MLP_m2nl of the channels."""
        channels = np.zeros((*features.shape[:-1], len(CHANNELS)), np.float32)
        channels[..., NONLIP_COLUMNS] = channels_from_features(features)
        return self._through(lambda x: self._representation.features_of_motion(x)[1], channels)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """D_nl, the motion decoder's part for everything except lips and jaw."""
        return features_from_channels(self._through(self._representation.decode_nonlip, values))

    def known(self, mask: np.ndarray) -> np.ndarray:
        """A code is known where all features of a frame are."""
        return np.broadcast_to(mask.all(axis=-1, keepdims=True), (*mask.shape[:-1], self.size)).copy()


class NormalisedSpace:
    """A space with its values normalised as the network sees them; itself a :class:`FeatureSpace`.

    Parameters
    ----------
    space
        The space.
    mean, deviation
        (size,) statistics of its values over the training motion.
    """

    def __init__(self, space: FeatureSpace, mean: np.ndarray, deviation: np.ndarray) -> None:
        self.size, self.exact = space.size, space.exact
        self._space, self._mean, self._deviation = space, mean, deviation

    def encode(self, features: np.ndarray) -> np.ndarray:
        """(…, 25) explicit features → (…, size) normalised values."""
        return (self._space.encode(features) - self._mean) / self._deviation

    def decode(self, values: np.ndarray) -> np.ndarray:
        """(…, size) normalised values → (…, 25) explicit features."""
        return self._space.decode(values * self._deviation + self._mean)

    def known(self, mask: np.ndarray) -> np.ndarray:
        """(…, 25) bool, which features are given → (…, size) bool, which values they fix."""
        return self._space.known(mask)
