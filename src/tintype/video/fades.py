"""Fades from and to black: how dark each frame is, compared with its shot in full light.

A fade multiplies R'G'B', and with it the differences that a stream stores as chroma. The network is
not aware of this: for a dark frame it predicts a dark scene, while earlier predictions keep their
chroma as the light fades. So the gain of a fade is measured, frames are coloured as they look in
full light, and their chroma is multiplied by the gain.

The gain is the slope between the sorted luma of two frames, which motion hardly changes. A fade in
is only known at its end: frames of a shot that begins dark wait until it no longer gets lighter.
Frames that get darker wait until the reason is certain.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tintype.video.frames import Frame
from tintype.video.layout import PlaneLayout, Samples

_THUMBNAIL = (32, 24)
_FADED_BELOW = 0.95  # gain above which a frame is as light as its shot
_CERTAIN = 0.45  # gain that a fade out reaches, and little else while the picture is unchanged
_CLEARLY_FADED = 0.7  # gain that flicker does not reach
_DARK = 0.5  # lightest Y' of a frame, 0 to 1, up to which a shot may begin with a fade
_BLACK = 0.03  # lightest Y' of a frame without a picture
_MISFIT = 0.15  # deviation of the sorted luma from a line, in its standard deviations
_MISFIT_NEAR_BLACK = 0.6  # when few codes are left
_NEAR_BLACK = 0.3  # gain
_SAME_SHOT = 0.6  # correlation of two frames
_OFFSET = 0.06  # of Y': black that is not quite black
_STILL = 4  # frames after which a fade in counts as ended
_RISE = 1.015  # minimum factor by which it gets lighter over these frames
_REFERENCE_FRAMES = 24  # after which a later frame becomes the reference
_MOST_BYTES = 1 << 28  # limit for the frames that wait
_STAND_IN = 0.5  # gain from which a prediction is as good as in full light


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a fade has changed a frame: its Y' is ``gain * (Y' in full light) + offset``.

    Attributes:
        gain: Below 1.
        offset: Of Y' in 0..1.
        stand_in: A lighter frame of the same fade, to predict colours from, and its own exposure;
            None if there is no better frame.
    """

    gain: float
    offset: float = 0.0
    stand_in: "tuple[Samples, Exposure | None] | None" = None

    @property
    def is_too_dark(self) -> bool:
        """Whether too little of the picture is visible to predict colours from."""
        return self.gain < _NEAR_BLACK and self.stand_in is None

    def undone(self, grey: Samples) -> Samples:
        """The frame in full light.

        Args:
            grey: (H, W) uint8 or uint16, full range.

        Returns:
            The same shape and type.
        """
        top = np.iinfo(grey.dtype).max
        codes = np.arange(top + 1, dtype=np.float64) / top
        light = np.clip((codes - self.offset) / self.gain, 0, 1)
        return np.take(np.rint(light * top).astype(grey.dtype), grey)

    def applied(self, chroma: Samples, layout: PlaneLayout) -> Samples:
        """Applies the fade to a chroma plane.

        Args:
            chroma: Of the frame in full light, as the stream stores it.
            layout: The layout of the stream.
        """
        neutral = 128 << (layout.bits - 8)
        differences = (chroma.astype(np.float32) - neutral) * np.float32(self.gain)
        return np.asarray(np.rint(differences) + neutral, chroma.dtype)


@dataclass(frozen=True, slots=True)
class _Look:
    """The values of a frame from which a fade is measured.

    Attributes:
        thumbnail: Y' in 0..1, one value per place.
        sorted: The same values in order.
    """

    thumbnail: NDArray[np.float64]
    sorted: NDArray[np.float64]

    @property
    def lightest(self) -> float:
        """Y' that 2 % of the picture exceeds."""
        return float(self.sorted[-len(self.sorted) // 50])


def with_exposures(frames: Iterable[Frame], layout: PlaneLayout) -> Iterator[Frame]:
    """The frames of a film, with their `exposure` if they are in a fade.

    Args:
        frames: From the first one of the film or part, because earlier frames matter.
        layout: How the stream stores its pictures.
    """
    finder = _Finder()
    waiting: list[tuple[Frame, _Look]] = []  # until a shot that begins dark is in full light
    doubtful: list[Frame] = []  # until it is certain that it fades out
    for frame in frames:
        look = _look(frame.luma, layout)
        if finder.begins_dark(look, waiting=bool(waiting)):
            yield from _in_full_light(doubtful)
            doubtful = []
            waiting.append((frame, look))
            if not _is_rising([held for _, held in waiting]) or _are_many(waiting[0][0], waiting):
                yield from _released(waiting, finder)
                waiting = []
            continue
        yield from _released(waiting, finder)
        waiting = []
        exposure = finder.exposure(look)
        doubtful.append(replace(frame, exposure=exposure))
        if exposure is None or _are_many(frame, doubtful):
            yield from _in_full_light(doubtful)
            doubtful = []
        elif exposure.gain < _CERTAIN or finder.certain:
            finder.certain = True
            yield from doubtful
            doubtful = []
    yield from _in_full_light(doubtful)
    yield from _released(waiting, finder)


def _in_full_light(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames that became darker for another reason, such as a pan from the sky to the ground."""
    for frame in frames:
        yield replace(frame, exposure=None)


class _Finder:
    """Follows a film from frame to frame, and measures how far a fade out has progressed.

    Attributes:
        certain: Whether the current darkening is a fade out, and not a pan to something dark.
    """

    def __init__(self) -> None:
        self._previous: _Look | None = None
        self._reference: _Look | None = None
        self._age = 0
        self._exposure: Exposure | None = None
        self.certain = False
        self._gains: list[float] = []  # of the last frames, as long as they fit

    def begins_dark(self, look: _Look, *, waiting: bool) -> bool:
        """Whether a shot begins, or continues, as dark as the beginning of a fade in.

        Args:
            look: The look of the frame.
            waiting: Whether frames before it wait for the end of a fade.
        """
        previous = self._previous
        if look.lightest < _BLACK:
            return False
        if waiting:
            same = previous is None or _correlation(previous, look) > _SAME_SHOT
            self._previous = look
            return same
        new = (
            previous is None
            or previous.lightest < _BLACK
            or _correlation(previous, look) < _SAME_SHOT
        )
        if new and look.lightest < _DARK:
            self._previous = look
            return True
        return False

    def restart(self, look: _Look) -> None:
        """Starts anew: from here on the shot is in full light."""
        self._previous = self._reference = look
        self._age, self._exposure, self.certain = 0, None, False
        self._gains = [1.0]

    def exposure(self, look: _Look) -> Exposure | None:
        """The exposure of the next frame; None if it is in full light."""
        previous, reference = self._previous, self._reference
        self._previous = look
        self._age += 1
        if reference is None or previous is None or look.lightest < _BLACK:
            if self._exposure is None or reference is None:
                self.restart(look)
            return self._exposure
        near_black = self._exposure is not None and self._exposure.gain < _NEAR_BLACK
        gain, offset, misfit = _fit(look, reference)
        limit = _MISFIT_NEAR_BLACK if near_black else _MISFIT
        fits = misfit < limit and _correlation(previous, look) > (0 if near_black else _SAME_SHOT)
        self._gains = [*self._gains[-3:], gain] if fits else []
        if fits and gain < _FADED_BELOW and (self._exposure or _declines(self._gains)):
            if near_black and self._exposure is not None:
                gain = min(gain, self._exposure.gain)
            self._exposure = Exposure(max(gain, 0.01), offset)
            return self._exposure
        brightens = gain > 1 or (self._age > _REFERENCE_FRAMES and gain > 0.97)
        if not fits or brightens or self._age > 2 * _REFERENCE_FRAMES:
            self.restart(look)
        self._exposure, self.certain = None, False
        return None


def _declines(gains: list[float]) -> bool:
    """Whether it became darker for several frames in a row: old film flickers between frames."""
    drops = 0
    for before, after in pairwise(gains):
        drops = drops + 1 if after < before else 0
    return drops >= (2 if gains[-1] < _CLEARLY_FADED else 3)


def _released(waiting: list[tuple[Frame, _Look]], finder: _Finder) -> Iterator[Frame]:
    """The frames that have waited, with their exposures if it was a fade in."""
    if not waiting:
        return
    looks = [look for _, look in waiting]
    end = max(range(len(looks)), key=lambda number: looks[number].lightest)
    found: list[Exposure | None] = [None] * len(looks)
    if looks[end].lightest >= looks[0].lightest / _FADED_BELOW:
        gain, offset = 1.0, 0.0
        for number in range(end - 1, -1, -1):
            fitted, shift, misfit = _fit(looks[number], looks[end])
            if misfit < (_MISFIT_NEAR_BLACK if fitted < _NEAR_BLACK else 2 * _MISFIT):
                gain, offset = min(gain, fitted), shift
            if gain < _FADED_BELOW:
                found[number] = Exposure(max(gain, 0.01), offset)
    if found[0] is None or found[0].gain >= _CERTAIN:
        found = [None] * len(looks)
    light = next((n for n, e in enumerate(found) if e is None or e.gain >= _STAND_IN), None)
    for number, (frame, _) in enumerate(waiting):
        exposure = found[number]
        if exposure is not None and exposure.gain < _STAND_IN and light is not None:
            stand_in = waiting[light][0].luma, found[light]
            exposure = replace(exposure, stand_in=stand_in)
        yield replace(frame, exposure=exposure)
    finder.restart(looks[-1])


def _is_rising(looks: list[_Look]) -> bool:
    """Whether the last frames get lighter, or are too few to decide."""
    if len(looks) <= _STILL:
        return True
    return looks[-1].lightest > looks[-1 - _STILL].lightest * _RISE


def _are_many(frame: Frame, waiting: Sequence[object]) -> bool:
    return len(waiting) * 3 * frame.luma.nbytes > _MOST_BYTES


def _look(luma: Samples, layout: PlaneLayout) -> _Look:
    small = cv2.resize(luma, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float64)
    unit = 1 << (layout.bits - 8)
    black, white = (0, (1 << layout.bits) - 1) if layout.full_range else (16 * unit, 235 * unit)
    thumbnail = np.clip((small - black) / (white - black), 0, 1).ravel()
    return _Look(thumbnail, np.sort(thumbnail))


def _correlation(one: _Look, other: _Look) -> float:
    a, b = (look.thumbnail - look.thumbnail.mean() for look in (one, other))
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def _fit(look: _Look, reference: _Look) -> tuple[float, float, float]:
    """Gain and offset of a frame relative to another, and the misfit."""
    x, y = reference.sorted, look.sorted
    centred = x - x.mean()
    variance = float((centred**2).mean())
    if variance <= 0:
        return 1.0, 0.0, np.inf
    gain = float((centred * y).mean()) / variance
    offset = min(max(float(y.mean() - gain * x.mean()), -_OFFSET), _OFFSET)
    if gain <= 0:
        return 1.0, 0.0, np.inf
    misfit = float(np.sqrt(((y - gain * x - offset) ** 2).mean() / variance)) / gain
    return gain, max(offset, 0.0), misfit
