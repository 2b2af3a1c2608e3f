"""Turns of eyes and jaw at weight 1 for rigs without their own, in radians. Rounded: users see them in the rules."""

from __future__ import annotations

import math

from ...core.motion.channels import GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES

GAZE_SIDEWAYS = round(math.radians(GAZE_SIDEWAYS_DEGREES), 2)
GAZE_UP_DOWN = round(math.radians(GAZE_UP_DOWN_DEGREES), 2)
JAW_OPEN = 0.31
JAW_SIDEWAYS = 0.12
