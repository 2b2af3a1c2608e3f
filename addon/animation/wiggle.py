"""Move one destination of a mapping for a moment, without keys, and restore it."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..rig import targets
from ..rig.mapping import PROPERTY, SHAPE, Rule
from ..rig.objects import pose_bone
from ..rig.targets import BonePose
from ..words import say


class Wiggle:
    """A rule's destination, which can be set to any part of its full travel.

    ``problem`` is the reason why it can't be moved. Empty: it can.
    """

    def __init__(self, thing: bpy.types.Object, rule: Rule) -> None:
        self._thing, self._rule = thing, rule
        self._bone: bpy.types.PoseBone | None = None
        self._before = Matrix()
        self._holders: list[tuple[Any, str, float]] = []
        self.problem = targets.why_not(thing)
        if self.problem:
            return
        if rule.kind == SHAPE:
            for keys in targets.shape_keys_on(thing):
                key = keys.key_blocks.get(rule.name)
                if key is not None:
                    self._holders.append((key, "value", key.value))
        elif rule.kind == PROPERTY:
            owner = targets.holder(thing, rule)
            if owner is not None:
                self._holders.append((owner, f'["{bpy.utils.escape_identifier(rule.name)}"]', float(owner[rule.name])))
        else:
            self._bone = pose_bone(thing, rule.name)
        if self._bone is not None:
            self._before = self._bone.matrix_basis.copy()
        elif not self._holders:
            self.problem = say("“{target}” has no “{name}”", target=thing.name, name=rule.name)

    def set(self, share: float) -> None:
        """Move to ``share`` (0–1) of the travel that the channel causes at 1."""
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
        """Restore the destination as it was before."""
        if self._bone is not None:
            self._bone.matrix_basis = self._before
        for owner, name, before in self._holders:
            if name == "value":
                owner.value = before
            else:
                owner[self._rule.name] = before
        self._thing.update_tag()
