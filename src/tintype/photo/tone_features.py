"""Measures how far the colours of a picture depart from those of a toned print.

Toning is chroma that is a function of lightness: one hue, or one for the shadows and another for
the highlights. Paper yellows, stains spread and lamps light unevenly, which adds a smooth function
of position. The colours of a scene follow neither. The residual after fitting both
(`tintype.photo.tone_fit`) is measured over all pixels, and in the ways in which prints differ from
scenes:

- *across*: perpendicular to the direction in which most of it lies. Yellowing that the functions
  cannot follow lies in one direction, the colours of a scene in several.
- *off the hue*: perpendicular to the hue of the tone, for the same reason.
- *middle*, *blocks*: without the outer fifth at each edge, and as percentiles over parts of the
  picture. A colour target, a border, a date or a stamp covers only a few places.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.tone_fit import F32, curve_at, fitted, luma_and_chroma, slopes, waves

LEAST_SIDE = 96
"""Pixels of the longer side of the small copy that is measured."""

_STEP = 4
_BLOCK = 6  # pixels a side, of the half-size copy
_ALONG = 1 / 16  # of the length of a residual, always counted as across
_EDGE = 0.2  # of each side, left out for the middle
# A frame consists of lines at the edge in which at least this share of the pixels has its colour,
# to within this difference.
_FRAME_SHARE = 0.85
_FRAME_DIFFERENCE = 16
_FRAMES = 3  # one inside the other: a white margin, a coloured line, a mount
_LEAST_INSIDE = 0.3  # of each side
_DARK_MIDDLE_LIGHT = (15, 50, 85)  # percentiles of the lightness at which the tone is a feature

_LEVELS = ("dark", "middle", "light")
FEATURES = (
    *("residual 60, relative", "residual 90, relative", "residual 90", "residual 95"),
    *("green to magenta 80", "green to magenta 95", "yellow to blue 95"),
    *("flat residual 60, relative", "flat residual 90, relative", "flat residual 95"),
    *("flat green to magenta 95", "flat yellow to blue 95"),
    *("wavy residual 60, relative", "wavy residual 90, relative", "wavy residual 95"),
    *("wavy green to magenta 95", "wavy yellow to blue 95"),
    *("across 60", "across 80", "across 95"),
    *("wavy across 60", "wavy across 80", "wavy across 95"),
    *("off the hue 60", "off the hue 80", "off the hue 95"),
    *("wavy off the hue 60", "wavy off the hue 80", "wavy off the hue 95"),
    *("middle residual 60, relative", "middle residual 90, relative"),
    *("middle wavy residual 60, relative", "middle wavy residual 90, relative"),
    *("block 30, relative", "block 50, relative", "block 70, relative"),
    *("step 80, relative", "step 90, relative", "step 95"),
    *("tone", "chroma 98"),
    *(f"tone {name}" for name in _LEVELS),
    *(f"red {name}" for name in _LEVELS),
    *(f"blue {name}" for name in _LEVELS),
    *("lightness dark", "lightness light"),
)
"""The features. A number is a percentile over the pixels; *relative* residuals are divided by 2
plus a tenth of the tone. *Flat* residuals remain after slopes over the picture are removed as well,
*wavy* ones after waves are. A *step* is the difference between the residuals of two nearby places:
it is large at the outline of an object of another colour, and small in a stain or in uneven
light."""


@dataclass(frozen=True, slots=True)
class _Residual:
    """The chroma that a fit leaves over, on a half-size copy.

    Attributes:
        chroma: (N, 2).
        length: (N,).
        relative: (N,) the length over 2 plus a tenth of the tone.
    """

    chroma: F32
    length: F32
    relative: F32

    @classmethod
    def of(cls, chroma: F32, toned: F32) -> Self:
        """From chroma and the values fitted to it, both (N, 2)."""
        left = chroma - toned
        length = _length(left)
        return cls(left, length, np.asarray(length / (2 + 0.1 * _length(toned))))

    def across(self) -> NDArray[np.float64]:
        """Percentiles of its distance from the line along which most of it lies.

        A share of the length always counts, because two colours lie on one line, too.
        """
        _, axes = np.linalg.eigh(self.chroma.T @ self.chroma)
        found = np.percentile(np.abs(self.chroma @ axes[:, 0]), (60, 80, 95))
        return np.asarray(np.hypot(found, _ALONG * np.percentile(self.length, 95)))

    def off(self, hue: F32) -> F32:
        """(N,) distance from the line of a hue (2,)."""
        along = hue / (np.hypot(*hue) + 1)
        return np.abs(self.chroma @ np.array([-along[1], along[0]], np.float32))


@dataclass(frozen=True, slots=True)
class Chroma:
    """The chroma of a small copy, and the tone fitted to it.

    Attributes:
        luma: (N,) 0 to 255.
        chroma: (N, 2).
        shape: Rows and columns of the copy.
        curve: (_BINS, 2) the chroma at each lightness.
    """

    luma: F32
    chroma: F32
    shape: tuple[int, int]
    curve: F32

    @classmethod
    def of(cls, rgb: F32) -> Self:
        """Measures a small copy, (H, W, 3) in 0..255."""
        luma, chroma = luma_and_chroma(rgb)
        return cls(luma, chroma, (rgb.shape[0], rgb.shape[1]), fitted(luma, chroma, None)[0])

    def distance(self, luma: F32, chroma: F32) -> F32:
        """Distance of chroma (N, 2) from the tone at each pixel's lightness (N,)."""
        return _length(chroma - curve_at(self.curve, luma))

    def strength(self) -> float:
        """Strength of the tone where it is strong: the 90th percentile over the pixels."""
        return float(np.percentile(_length(curve_at(self.curve, self.luma)), 90))

    def features(self) -> F32:
        """The values named in `FEATURES`: logarithms of lengths, and the others divided by 20."""
        toned = curve_at(self.curve, self.luma)
        plain, flat, wavy = self._residuals(toned)
        hue = np.median(toned, axis=0)
        levels = np.percentile(self.luma, _DARK_MIDDLE_LIGHT).astype(np.float32)
        tones = curve_at(self.curve, levels)
        lengths = [
            *np.percentile(plain.relative, (60, 90)),
            *np.percentile(plain.length, (90, 95)),
            *np.percentile(_opponents(plain.chroma)[0], (80, 95)),
            np.percentile(_opponents(plain.chroma)[1], 95),
            *_spread(flat),
            *_spread(wavy),
            *plain.across(),
            *wavy.across(),
            *(n for left in (plain, wavy) for n in np.percentile(left.off(hue), (60, 80, 95))),
            *(n for left in (plain, wavy) for n in np.percentile(self._middle(left), (60, 90))),
            *np.percentile(self._blocks(plain), (30, 50, 70)),
            *self._steps(plain, float(np.median(_length(self._halved(toned))))),
            np.median(_length(toned)),
            np.percentile(_length(self.chroma), 98),
            *_length(tones),
        ]
        others = [*tones[:, 0], *tones[:, 1], levels[0], levels[2]]
        return np.concatenate(
            [np.log(np.asarray(lengths) + 0.3), np.asarray(others) / 20], dtype=np.float32
        )

    def _residuals(self, toned: F32) -> tuple[_Residual, _Residual, _Residual]:
        """Residuals of the curve alone, of the curve and slopes, and of the curve and waves."""
        chroma = self._halved(self.chroma)
        curve, smooth = fitted(self.luma, self.chroma, slopes(self.shape))
        flat = self._halved(curve_at(curve, self.luma) + smooth)
        luma = self._halved(self.luma[:, None])[:, 0]
        curve, smooth = fitted(luma, chroma, waves(self._half_shape, luma))
        wavy = curve_at(curve, luma) + smooth
        plain = self._halved(toned)
        return _Residual.of(chroma, plain), _Residual.of(chroma, flat), _Residual.of(chroma, wavy)

    def _middle(self, left: _Residual) -> F32:
        rows, columns = self._half_shape
        top, side = int(_EDGE * rows), int(_EDGE * columns)
        return left.relative.reshape(rows, columns)[top : rows - top, side : columns - side]

    def _blocks(self, left: _Residual) -> F32:
        """The 75th percentile of each block."""
        rows, columns = self._half_shape
        high, wide = min(_BLOCK, rows), min(_BLOCK, columns)
        grid = left.relative.reshape(rows, columns)[: rows // high * high, : columns // wide * wide]
        blocks = grid.reshape(rows // high, high, columns // wide, wide).swapaxes(1, 2)
        return np.percentile(blocks.reshape(-1, high * wide), 75, axis=1)

    def _steps(self, left: _Residual, tone: float) -> list[float]:
        """Differences `_STEP` pixels across and down: two relative percentiles, one of the length.

        Args:
            left: The residual at each pixel.
            tone: Its strength.
        """
        rows, columns = self._half_shape
        if min(rows, columns) <= _STEP:
            return [0.0, 0.0, 0.0]
        grid = left.chroma.reshape(rows, columns, 2)
        across, down = grid[:, _STEP:] - grid[:, :-_STEP], grid[_STEP:] - grid[:-_STEP]
        steps = _length(np.concatenate([across.reshape(-1, 2), down.reshape(-1, 2)]))
        return [*np.percentile(steps, (80, 90)) / (2 + 0.1 * tone), np.percentile(steps, 95)]

    @property
    def _half_shape(self) -> tuple[int, int]:
        """Shape that `_halved` returns; very small copies are not halved."""
        rows, columns = (side // 2 for side in self.shape)
        return self.shape if min(rows, columns) < 4 else (rows, columns)

    def _halved(self, values: F32) -> F32:
        """Means of 2 x 2 pixels (N, C): what compression smears over an edge cancels out."""
        if self._half_shape == self.shape:
            return values
        rows, columns = self._half_shape
        grid = values.reshape(*self.shape, -1)[: 2 * rows, : 2 * columns]
        means = grid.reshape(rows, 2, columns, 2, -1).mean((1, 3))
        return np.asarray(means.reshape(rows * columns, -1))


def small_copy(picture: Image.Image) -> F32:
    """(H, W, 3) in 0..255, the longer side at most `LEAST_SIDE`; each pixel is a mean."""
    factor = max(picture.size) // (2 * LEAST_SIDE)
    if factor > 1:
        picture = picture.reduce(factor)
    scale = LEAST_SIDE / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture.convert("RGB"), np.float32)


def inside_of_frames(rgb: F32) -> F32:
    """Crops a mount, border or margin: nearly one colour on three sides or more.

    Args:
        rgb: (H, W, 3) in 0..255.

    Returns:
        A part of it, at least `_LEAST_INSIDE` of each side.
    """
    height, width = rgb.shape[:2]
    for _ in range(_FRAMES):
        edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        near = np.abs(rgb - np.median(edge, axis=0)).max(-1) < _FRAME_DIFFERENCE
        top, bottom = _frame_lines(near.mean(1) >= _FRAME_SHARE)
        left, right = _frame_lines(near.mean(0) >= _FRAME_SHARE)
        if sum(lines > 0 for lines in (top, bottom, left, right)) < 3:
            break
        inside = rgb[top : rgb.shape[0] - bottom, left : rgb.shape[1] - right]
        if inside.shape[0] < _LEAST_INSIDE * height or inside.shape[1] < _LEAST_INSIDE * width:
            break
        rgb = inside
    return rgb


def _frame_lines(uniform: NDArray[np.bool_]) -> tuple[int, int]:
    """Number of frame lines at either end, including one that blends with the picture."""
    others = np.flatnonzero(~uniform)
    if not len(others):
        return len(uniform), len(uniform)
    first, last = int(others[0]), len(uniform) - 1 - int(others[-1])
    return first + (first > 0), last + (last > 0)


def _spread(left: _Residual) -> list[float]:
    return [
        *np.percentile(left.relative, (60, 90)),
        np.percentile(left.length, 95),
        *(np.percentile(axis, 95) for axis in _opponents(left.chroma)),
    ]


def _opponents(residual: F32) -> tuple[F32, F32]:
    """Its components from green to magenta, and from yellow to blue."""
    red, blue = residual[:, 0], residual[:, 1]
    return np.abs(red + blue) / 2, np.abs(red - blue) / 2


def _length(values: F32) -> F32:
    return np.hypot(values[:, 0], values[:, 1])
