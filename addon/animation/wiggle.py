"""Moves one destination of a mapping for a moment, without keys, and puts it back."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..rig import targets
from ..rig.mapping import PROPERTY, SHAPE, Rule
from ..rig.targets import BonePose
from ..words import say


class Wiggle:
    """A rule's destination, to be set to any part of its full travel.

    ``problem`` says why it can't be moved; it is empty where it can.
    """

    def __init__(self, thing: bpy.types.Object, rule: Rule) -> None:
        self._thing, self._rule = thing, rule
        self._bone: bpy.types.PoseBone | None = None
        self._holders: list[tuple[Any, str, float]] = []
        self.problem = targets.why_not(thing)
        if self.problem:
            return
        if rule.kind == SHAPE:
            for mesh in targets.meshes_of(thing):
                key = mesh.data.shape_keys.key_blocks.get(rule.name)
                if key is not None:
                    self._holders.append((key, "value", key.value))
        elif rule.kind == PROPERTY:
            owner = targets.holder(thing, rule)
            if owner is not None:
                self._holders.append((owner, f'["{bpy.utils.escape_identifier(rule.name)}"]', float(owner[rule.name])))
        else:
            self._bone = thing.pose.bones.get(rule.name) if thing.pose else None
        if self._bone is not None:
            self._before = self._bone.matrix_basis.copy()
        elif not self._holders:
            self.problem = say("“{target}” has no “{name}”", target=thing.name, name=rule.name)

    def set(self, share: float) -> None:
        """Move to ``share`` (0–1) of what the channel at 1 would do."""
        value = self._rule.multiplier * share + self._rule.offset
        if self._bone is not None:
            pose = BonePose(self._bone, targets.bone_basis(self._thing, self._bone.bone), 1)
            pose.add(self._rule, np.array([value]))
            for channel in pose.channels():
                array = getattr(self._bone, channel.path.rpartition(".")[2])
                array[channel.index] = float(channel.values[0])
        for owner, name, before in self._holders:
            if name == "value":
                owner.value = value
            else:
                owner[self._rule.name] = before + value
        self._thing.update_tag()

    def restore(self) -> None:
        """As it was."""
        if self._bone is not None:
            self._bone.matrix_basis = self._before
        for owner, name, before in self._holders:
            if name == "value":
                owner.value = before
            else:
                owner[self._rule.name] = before
        self._thing.update_tag()
