"""Random motion of head, eyes, lids and brows for any speech, from published numbers. Each call gives one of many
plausible motions.

No available corpus has both free speech and a moving head. So the prior learns the relation between the two from here,
and the appearance of real motion from tracked video. The numbers are from the sources named next to them, or are marked
as choices.

Sources
-------
Argyle & Cook 1976, *Gaze and Mutual Gaze*; Kendon 1967: speakers look away as they begin a turn.
Bahill, Clark & Stark 1975: main sequence of saccades.
Bentivoglio et al. 1997: 17 blinks a minute at rest, 26 in conversation, log-normally distributed.
Cavé et al. 1996; Flecha-García 2010: brow raises go with pitch accents and begin just before them.
Evinger et al. 1994: large gaze shifts come with a blink.
Freedman & Sparks 2000; Lee, Badler & Badler 2002: beyond about 10–15° the head takes part in a gaze shift.
Graf et al. 2002: nods and brow raises on prosodic events; amplitudes of a few degrees.
Hadar et al. 1983: head moves through about 90 % of speech and little in pauses; classes 0.2–1.8, 1.8–3.7, 3.7–7 Hz.
Lee, Badler & Badler 2002 (*Eyes Alive*): saccade sizes, directions and intervals of talking people.
Munhall et al. 2004; Yehia et al. 2002: head motion correlates with pitch and loudness.
Nakano & Kitazawa 2010; Hömke et al. 2017: blinks gather at the ends of phrases and in pauses.
Trutoiu et al. 2011; VanderWerf et al. 2003: lids close in about 0.1 s and open two to three times slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from core.motion.channels import FPS
from core.prior.features import FEATURE_GROUPS, FEATURES, GAZE_FULL, d_nl
from core.prior.windows import ease

from ...speech.prosody import Prosody

BLINK_RATE = (13.0, 33.0)
"""Blinks a minute of one person talking: around Bentivoglio's 26, and the range required of the product."""
BLINK_SECONDS = (0.1, 0.4)
"""Seconds from the lid's first movement to its rest."""
MUTUAL_SECONDS, AWAY_SECONDS = 3.13, 0.93
"""Mean times of looking at the listener and away while talking (Lee et al. 2002: 93.9 and 27.8 frames at 30 a second).
"""
SACCADE_DIRECTIONS = (15.54, 6.46, 17.69, 7.44, 16.80, 7.89, 20.38, 7.79)
"""Percent of saccades towards 0°, 45°, … 315° (Lee et al. 2002, table 1; 0° right, 90° up)."""
_INDEX = {name: i for i, name in enumerate(FEATURES)}


def draw_blink_rate(rng: np.random.Generator) -> float:
    """Random blink rate of one person, blinks a minute within ``BLINK_RATE``."""
    return float(np.clip(rng.lognormal(np.log(22.0), 0.22), BLINK_RATE[0] + 1, BLINK_RATE[1] - 1))


@dataclass(frozen=True)
class Style:
    """How lively one person is at one time; drawn for each motion.

    Angles are in degrees, lengths in centimetres, rates per minute.
    """

    head: float
    nod: float
    nod_share: float
    pitch_follow: float
    brow: float
    brow_share: float
    blink_rate: float
    away: float
    lid: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """A random style. Distributions are log-normal, because people differ by factors, not by offsets."""
        return cls(
            head=float(rng.lognormal(0.0, 0.35)),
            nod=float(rng.lognormal(np.log(2.4), 0.35)),
            nod_share=float(rng.uniform(0.35, 0.8)),
            pitch_follow=float(rng.normal(0.22, 0.12)),
            brow=float(rng.lognormal(np.log(0.3), 0.35)),
            brow_share=float(rng.uniform(0.1, 0.45)),
            blink_rate=draw_blink_rate(rng),
            away=float(rng.lognormal(0.0, 0.3)),
            lid=float(abs(rng.normal(0.06, 0.05))),
        )


def smooth_noise(rng: np.random.Generator, frames: int, low: float, high: float, slope: float) -> np.ndarray:
    """(T,) noise of unit deviation with power ∝ 1/f^slope between ``low`` and ``high`` Hz.

    It is cut from a longer periodic series, so that its end does not return to its first value.
    """
    size = 2 ** int(np.ceil(np.log2(max(frames, 64) * 2 + 512)))
    frequency = np.fft.rfftfreq(size, 1.0 / FPS)
    gain = np.where(frequency >= low, np.maximum(frequency, low) ** (-slope / 2), 0.0)
    gain *= np.exp(-0.5 * np.maximum(frequency - high, 0.0) ** 2 / (0.25 * high) ** 2)
    phase = rng.normal(size=len(frequency)) + 1j * rng.normal(size=len(frequency))
    noise = np.fft.irfft(phase * gain, size)
    start = int(rng.integers(0, size - frames + 1))
    return noise[start : start + frames] / np.sqrt(np.mean(noise**2))


def _pulse(frames: int, centre: float, rise: float, fall: float) -> np.ndarray:
    """(T,) bump from 0 to 1 at ``centre`` and back to 0, in frames: raised cosines, like a minimum-jerk stroke."""
    offset = np.arange(frames) - centre
    width = np.where(offset < 0, rise, fall)
    return np.where(np.abs(offset) < width, 0.5 + 0.5 * np.cos(np.pi * offset / width), 0.0)


def _steps(frames: int, times: list[float], values: list[float], durations: list[float]) -> np.ndarray:
    """(T,) curve that begins with ``values[0]`` and eases to each next value from its time on over its duration
    (frames).
    """
    curve = np.full(frames, values[0])
    axis = np.arange(frames)
    for before, value, time, duration in zip(values, values[1:], times[1:], durations[1:], strict=False):
        curve = curve + (value - before) * ease(np.clip((axis - time) / max(duration, 1e-3), 0.0, 1.0))
    return curve


def blink_profile(phase: np.ndarray, closing: float, hold: float, opening: float) -> np.ndarray:
    """Lid closure 0–1 at ``phase`` seconds after the start of a blink: fast down, short rest, slow exponential-like up.

    Trutoiu et al. 2011 measured this asymmetry. The lid opens its last tenth most slowly.
    """
    down = ease(np.clip(phase / closing, 0.0, 1.0))
    up = np.clip((phase - closing - hold) / opening, 0.0, 1.0)
    return np.where(phase < 0, 0.0, np.where(phase < closing + hold, down, (1.0 - up) ** 2 * (1.0 + 2.0 * up)))


def blink_times(rng: np.random.Generator, prosody: Prosody, rate: float) -> list[float]:
    """Frames at which blinks begin: log-normal intervals at ``rate`` a minute, attracted to phrase ends and pauses.

    σ = 0.6 of the logarithm of the intervals gives the long upper tail of Bentivoglio et al. 1997. A blink within 0.6 s
    of a phrase's end moves there six times in ten. Nakano & Kitazawa 2010 found speakers' blinks at the ends and in
    pauses.
    """
    sigma = 0.6
    mean_log = np.log(60.0 / rate) - sigma**2 / 2
    ends = np.array([end for _, end in prosody.phrases], dtype=float)
    times: list[float] = []
    now = float(rng.uniform(0, 60.0 / rate)) * FPS
    while now < prosody.frames:
        time = now
        if len(ends) and rng.random() < 0.6:
            nearest = ends[np.abs(ends - now).argmin()]
            if abs(nearest - now) < 0.6 * FPS:
                time = nearest + rng.normal(1.0, 2.0)
        if not times or time - times[-1] > 0.5 * FPS:
            times.append(time)
        # The interval counts from the unmoved blink, so that moving blinks to phrase ends keeps the rate.
        now += max(0.5, rng.lognormal(mean_log, sigma)) * FPS
    return times


def _blinks(rng: np.random.Generator, frames: int, times: list[float]) -> np.ndarray:
    """(T,) eyeBlink weight. Each blink reaches 1 on at least one frame, because its rest lasts a frame (40 ms) or
    more."""
    weight = np.zeros(frames)
    axis = np.arange(frames) / FPS
    for time in times:
        closing, opening = rng.uniform(0.07, 0.11), rng.uniform(0.12, 0.22)
        hold = rng.uniform(0.04, 0.06)
        weight = np.maximum(weight, blink_profile(axis - time / FPS, closing, hold, opening))
    return weight


def _gaze_shifts(rng: np.random.Generator, prosody: Prosody, style: Style) -> tuple[list[float], list[np.ndarray]]:
    """Frames of gaze shifts, and the new directions (yaw left, pitch down; degrees, relative to the world)."""
    times, targets = [0.0], [np.zeros(2)]
    turns = [start for i, (start, _) in enumerate(prosody.phrases) if i == 0 or start - prosody.phrases[i - 1][1] > 12]
    away, now = False, 0.0
    while True:
        mean = AWAY_SECONDS * style.away if away else MUTUAL_SECONDS
        following = now + max(0.2, rng.gamma(1.6, mean / 1.6)) * FPS
        # A speaker who looks at someone looks away when beginning a turn (Kendon 1967: in about 70 % of long turns).
        onset = next((t for t in turns if now + 5 < t + 0.0 < following), None)
        if not away and onset is not None and rng.random() < 0.6:
            following = onset + rng.normal(-2.0, 3.0)
        now = max(following, now + 4)
        if now >= prosody.frames:
            return times, targets
        away = not away
        size = min(-6.9 * np.log(rng.uniform(0.3, 15.0) / 15.7), 16.0)  # Lee et al. 2002, eq. 1; degrees
        direction = np.deg2rad(45.0 * rng.choice(8, p=np.array(SACCADE_DIRECTIONS) / sum(SACCADE_DIRECTIONS)))
        # Screen right is the person's left only by convention; the table is symmetric within a few percent.
        shift = size * np.array([np.cos(direction), -0.7 * np.sin(direction)])
        times.append(now)
        targets.append(shift if away else np.zeros(2))


def _gaze_world(rng: np.random.Generator, frames: int, times: list[float], targets: list[np.ndarray]) -> np.ndarray:
    """(T, 2) degrees: gaze shifts and, within each fixation, small saccades (0.3–1.2°, about two a second)."""
    small_times, small_targets = [], []
    for i, time in enumerate(times):
        end = times[i + 1] if i + 1 < len(times) else frames
        small_times.append(time)
        small_targets.append(targets[i])
        now = time + rng.uniform(0.3, 1.2) * FPS
        while now < end - 4:
            small_times.append(now)
            small_targets.append(targets[i] + rng.normal(0.0, 0.6, size=2))
            now += rng.uniform(0.3, 1.4) * FPS
    values = np.array(small_targets)
    amplitude = np.linalg.norm(np.diff(values, axis=0, prepend=values[:1]), axis=1)
    durations = list((0.021 + 0.0022 * amplitude) * FPS)  # main sequence, Bahill et al. 1975: 21 ms + 2.2 ms/°
    return np.stack([_steps(frames, small_times, list(values[:, k]), durations) for k in range(2)], axis=1)


def _sway(rng: np.random.Generator, prosody: Prosody, style: Style) -> np.ndarray:
    """(T, 3) degrees of head motion not related to accents: slow posture, swaying while speaking, resettling."""
    frames = prosody.frames
    # Hadar et al. 1983: motion in speech, little in pauses. The envelope is smooth; a sudden stop would be a jerk.
    active = 0.3 + 0.7 * scipy.ndimage.gaussian_filter1d(prosody.speech.astype(float), 6.0, mode="nearest")
    head = np.zeros((frames, 3))
    shifts = [start for i, (start, _) in enumerate(prosody.phrases) if i and rng.random() < 0.5]
    for axis, (posture, sway, shift) in enumerate(((1.5, 0.8, 1.2), (2.2, 1.0, 2.0), (1.3, 0.7, 1.2))):
        slow = smooth_noise(rng, frames, 0.04, 0.5, 2.0) * posture
        ordinary = smooth_noise(rng, frames, 0.4, 2.2, 2.0) * sway * active
        # A new posture between phrases: people resettle when they start something new.
        values = [0.0]
        for _ in shifts:
            values.append(0.4 * values[-1] + rng.normal(0.0, shift))
        durations = [0.0] + [rng.uniform(10, 20) for _ in shifts]
        resettled = _steps(frames, [0.0] + [s - 6.0 for s in shifts], values, durations)
        head[:, axis] = style.head * (slow + ordinary + resettled)
    return head


def _speech_strokes(rng: np.random.Generator, prosody: Prosody, style: Style) -> np.ndarray:
    """(T, 3) degrees of head motion that follows the voice: melody, loudness, and strokes on accents."""
    frames = prosody.frames
    head = np.zeros((frames, 3))
    loudness = scipy.ndimage.gaussian_filter1d(np.maximum(prosody.energy, -25.0) + 25.0, 2.5) / 25.0
    melody = scipy.ndimage.gaussian_filter1d(prosody.pitch.astype(float), 2.0)
    head[:, 0] -= style.pitch_follow * melody + rng.normal(0.3, 0.3) * style.head * (loudness - loudness.mean())
    for accent, strength in zip(prosody.accents, prosody.strengths, strict=True):
        if rng.random() > style.nod_share * (0.5 + strength):
            continue
        size = style.nod * (0.5 + strength) * rng.lognormal(0.0, 0.25)
        centre = accent + rng.normal(1.5, 1.5)  # the stroke peaks on or just after the accent (Kim et al. 2014)
        rise, fall = rng.uniform(3.5, 6.0), rng.uniform(5.0, 10.0)  # a half-cycle of 1.8–3.7 Hz, Hadar's ordinary class
        stroke = _pulse(frames, centre, rise, fall)
        kind = rng.random()
        if kind < 0.72:
            head[:, 0] += size * stroke - 0.25 * size * _pulse(frames, centre - rise - 2, 4.0, 4.0)
        elif kind < 0.86:
            head[:, 1] += rng.choice([-1, 1]) * 0.9 * size * stroke
        else:
            head[:, 2] += rng.choice([-1, 1]) * 0.8 * size * stroke
    return head


def synthesise(
    prosody: Prosody,
    seed: int | np.random.Generator,
    carrier: np.ndarray | None = None,
    blinks: list[float] | None = None,
    brows: np.ndarray | None = None,
) -> np.ndarray:
    """One motion for this speech.

    Parameters
    ----------
    prosody
        Prosody of T frames.
    seed
        The same seed gives bit-identical motion.
    carrier
        (T, 6) real head rotation (radians) and translation (centimetres), used instead of the synthetic sway. Motion
        that follows the voice is added to it.
    blinks
        Frames at which real blinks begin, used instead of random ones.
    brows
        (T, 6) real weights of ``FEATURE_GROUPS["brows"]``, used instead of synthetic ones.

    Returns
    -------
    (T, 25) float32 features in the order of ``core.prior.features.FEATURES`` (radians, centimetres, weights).
    """
    rng = np.random.default_rng(seed)
    frames, style = prosody.frames, Style.draw(rng)
    motion = np.zeros((frames, d_nl), dtype=np.float64)

    def put(name: str, curve: np.ndarray) -> None:
        motion[:, _INDEX[name]] = curve

    shift_times, shift_targets = _gaze_shifts(rng, prosody, style)
    world = _gaze_world(rng, frames, shift_times, shift_targets)
    follow = scipy.ndimage.gaussian_filter1d(world, 4.0, axis=0, mode="nearest")
    head = _speech_strokes(rng, prosody, style)
    head[:, :2] += np.array([0.15, 0.25]) * follow[:, ::-1]
    if carrier is None:
        head += _sway(rng, prosody, style)
        # The neck also bends below the pivot, so the head shifts when it turns. Leaning is slower (0.2–0.4 cm).
        shift = style.head * np.stack([smooth_noise(rng, frames, 0.04, 0.5, 2.2) for _ in range(3)], axis=1)
        shift *= (0.4, 0.2, 0.4)
    else:
        head += np.rad2deg(carrier[:, :3])
        shift = carrier[:, 3:].astype(np.float64)
    head -= np.median(head, axis=0) * 0.7
    for axis, name in enumerate(("headPitch", "headYaw", "headRoll")):
        put(name, np.deg2rad(head[:, axis]))
    put("headX", shift[:, 0] + 0.05 * head[:, 1] - 0.03 * head[:, 2])
    put("headY", shift[:, 1] - 0.04 * head[:, 0])
    put("headZ", shift[:, 2] + 0.05 * head[:, 0])
    # Vestibulo-ocular reflex: the eyes turn against the head, so that the gaze stays on the listener. Beyond about 8°
    # of head turn the speaker is assumed to look in that direction, and the eyes compensate less.
    eye = world - rng.uniform(0.75, 1.0) * 8.0 * np.tanh(head[:, [1, 0]] / 8.0)
    put("gazeYaw", np.clip(eye[:, 0] / GAZE_FULL[0], -1, 1))
    put("gazePitch", np.clip(eye[:, 1] / GAZE_FULL[1], -1, 1))

    blinks = blink_times(rng, prosody, style.blink_rate) if blinks is None else list(blinks)
    for i in range(1, len(shift_times)):  # Evinger et al. 1994: large shifts come with blinks
        size = np.linalg.norm(shift_targets[i] - shift_targets[i - 1])
        near = min((abs(shift_times[i] - b) for b in blinks), default=np.inf)
        # It replaces a blink that is due anyway, so that the rate does not change.
        if size > 8 and near < 1.0 * FPS and rng.random() < 0.5:
            blinks[int(np.argmin([abs(shift_times[i] - b) for b in blinks]))] = shift_times[i] - 1
    closed = _blinks(rng, frames, blinks)
    lid = style.lid * (1.0 + 0.5 * smooth_noise(rng, frames, 0.05, 0.5, 1.5))
    put("blink", np.clip(np.maximum(closed, np.clip(lid, 0, 0.25)), 0, 1))

    raises, frowns = np.zeros(frames), np.zeros(frames)
    for accent, strength in zip(prosody.accents, prosody.strengths, strict=True):
        draw = rng.random()
        centre = accent + rng.normal(-1.5, 1.5)  # Flecha-García 2010: raises lead their accents by about 60 ms
        if draw < style.brow_share * (0.5 + strength):
            bump = _pulse(frames, centre, rng.uniform(4, 7), rng.uniform(6, 16))
            raises = np.maximum(raises, bump * style.brow * (0.6 + strength) * rng.lognormal(0, 0.25))
        elif draw > 0.95:
            frowns = np.maximum(frowns, _pulse(frames, centre, 6, 12) * rng.uniform(0.1, 0.35))
    mood = {name: smooth_noise(rng, frames, 0.03, 0.4, 2.0) for name in ("up", "down", "squint", "cheek")}
    raises = raises + 0.05 * np.maximum(mood["up"] + 0.5, 0)
    frowns = frowns + 0.04 * np.maximum(mood["down"] + 0.3, 0)
    squint = 0.05 * np.maximum(mood["squint"] + 1.0, 0)
    cheek = 0.04 * np.maximum(mood["cheek"] + 1.0, 0)
    for side in "LR":
        lopsided = rng.normal(1.0, 0.12)
        put(f"browInnerUp_{side}", raises * 0.9 * lopsided)
        put(f"browOuterUp_{side}", raises * 0.8 * (2.0 - lopsided))
        put(f"browDown_{side}", frowns * lopsided)
        put(f"eyeWide_{side}", np.maximum(raises - 0.15, 0) * 0.5 * (1 - closed))
        put(f"eyeSquint_{side}", squint + 0.15 * closed + 0.3 * frowns)
        put(f"cheekSquint_{side}", cheek * lopsided + 0.2 * frowns)
        put(f"noseSneer_{side}", 0.03 + 0.1 * frowns)
    if brows is not None:
        motion[:, list(FEATURE_GROUPS["brows"])] = brows
    expressions = slice(_INDEX["blink"], None)
    motion[:, expressions] = np.clip(motion[:, expressions], 0.0, 1.0)
    return motion.astype(np.float32)
