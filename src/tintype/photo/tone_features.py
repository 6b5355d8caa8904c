"""Measures how far the colours of a picture depart from a toned print.

Toning is chroma that is a function of lightness: one hue, or one for the shadows and another for
the highlights. Paper yellows and lamps light unevenly, which adds a smooth function of the place.
Colours of a scene follow neither. Both functions are fitted, pixels far from them counting less
and less, so that a stamp, ink or a colour target hardly bend them.

Chroma is the logarithm of red over green and of blue over green, in steps of 0.01: there the
yellow of a paper or of a lamp is an addition, as bright in the highlights as in the shadows.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import REC601

F32 = NDArray[np.float32]

LEAST_SIDE = 96
"""Pixels of the longer side of the small copy that is measured."""

_LUMA = np.array(REC601, np.float32)
_FLOOR = 24.0  # added before the logarithm: noise in dark pixels is no colour
_BINS = 16  # knots over lightness
_BENDS = np.diff(np.eye(_BINS), 2, axis=0).T @ np.diff(np.eye(_BINS), 2, axis=0)
_STIFF = 2e-3  # how much bends of the curve cost
_ROUNDS = 4  # of reweighting
# A lightness with few pixels leans towards the whole picture, or it would explain itself away.
_PRIOR_PIXELS = 4
_RIDGE = 1e-2
_STEP = 4
# A frame is made of the lines at the edge of which this share differs from its colour by no more.
_FRAME_SHARE = 0.85
_FRAME_DIFFERENCE = 16
_FRAMES = 3  # one inside the other: a white margin, a coloured line, a mount
_LEAST_INSIDE = 0.3  # of each side
_DARK_MIDDLE_LIGHT = (15, 50, 85)  # percentiles of the lightness at which the tone is a feature

FEATURES = (
    *("residual 60, relative", "residual 90, relative", "residual 90", "residual 95"),
    *("green to magenta 80", "green to magenta 95", "yellow to blue 95"),
    *("flat residual 60, relative", "flat residual 90, relative", "flat residual 95"),
    *("flat green to magenta 95", "flat yellow to blue 95"),
    *("step 80, relative", "step 90, relative", "step 95"),
    *("tone", "chroma 98"),
    *(f"tone {name}" for name in ("dark", "middle", "light")),
    *(f"red {name}" for name in ("dark", "middle", "light")),
    *(f"blue {name}" for name in ("dark", "middle", "light")),
    *("lightness dark", "lightness light"),
)
"""What is measured. A number is a percentile over the pixels; *relative* residuals are divided by 2
plus a tenth of the tone; *flat* ones remain when the smooth function of the place is taken out,
too. A *step* is the difference of the residuals of two places near each other: at the outline of a
thing of another colour it is large, in a stain or in uneven light it is not."""


@dataclass(frozen=True, slots=True)
class Chroma:
    """The chroma of a small copy and the tone that was fitted to it.

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
        return cls(luma, chroma, (rgb.shape[0], rgb.shape[1]), _fit(luma, chroma, None)[0])

    def distance(self, luma: F32, chroma: F32) -> F32:
        """How far chroma (N, 2) is from the tone at each pixel's lightness (N,)."""
        return _length(chroma - _at(self.curve, luma))

    def strength(self) -> float:
        """How strong the tone is, where it is strong: the 90th percentile over the pixels."""
        return float(np.percentile(_length(_at(self.curve, self.luma)), 90))

    def features(self) -> F32:
        """The numbers that `FEATURES` names: logarithms of lengths, and others over 20."""
        toned = _at(self.curve, self.luma)
        residual = self._halved(self.chroma - toned)
        tone = _length(self._halved(toned))
        curve, smooth = _fit(self.luma, self.chroma, _places(self.shape))
        flat_tone = _at(curve, self.luma) + smooth
        flat_residual = self._halved(self.chroma - flat_tone)
        flat = _length(flat_residual)
        flat_relative = flat / (2 + 0.1 * _length(self._halved(flat_tone)))
        steps = self._steps(residual)
        step, step_relative = _length(steps), _length(steps) / (2 + 0.1 * float(np.median(tone)))
        length = _length(residual)
        relative = length / (2 + 0.1 * tone)
        green, yellow = _opponents(residual)
        levels = np.percentile(self.luma, _DARK_MIDDLE_LIGHT).astype(np.float32)
        tones = _at(self.curve, levels)
        lengths = [
            *np.percentile(relative, (60, 90)),
            *np.percentile(length, (90, 95)),
            *np.percentile(green, (80, 95)),
            np.percentile(yellow, 95),
            *np.percentile(flat_relative, (60, 90)),
            np.percentile(flat, 95),
            *(np.percentile(axis, 95) for axis in _opponents(flat_residual)),
            *np.percentile(step_relative, (80, 90)),
            np.percentile(step, 95),
            np.median(_length(toned)),
            np.percentile(_length(self.chroma), 98),
            *_length(tones),
        ]
        others = [*tones[:, 0], *tones[:, 1], levels[0], levels[2]]
        return np.concatenate(
            [np.log(np.asarray(lengths) + 0.3), np.asarray(others) / 20], dtype=np.float32
        )

    def _steps(self, halved: F32) -> F32:
        """Differences of values that `_halved` gave, `_STEP` pixels across and down."""
        rows, columns = (side // 2 for side in self.shape)
        if rows <= _STEP or columns <= _STEP or rows * columns != len(halved):
            return np.zeros((1, 2), np.float32)
        grid = halved.reshape(rows, columns, 2)
        across, down = grid[:, _STEP:] - grid[:, :-_STEP], grid[_STEP:] - grid[:-_STEP]
        return np.concatenate([across.reshape(-1, 2), down.reshape(-1, 2)])

    def _halved(self, values: F32) -> F32:
        """The means of 2 x 2 pixels: what compression smears over an edge cancels out."""
        rows, columns = (side // 2 for side in self.shape)
        if rows < 4 or columns < 4:
            return values
        grid = values.reshape(*self.shape, 2)[: 2 * rows, : 2 * columns]
        return np.asarray(grid.reshape(rows, 2, columns, 2, 2).mean((1, 3)).reshape(-1, 2))


def small_copy(picture: Image.Image) -> F32:
    """(H, W, 3) in 0..255, the longer side at most `LEAST_SIDE`; each pixel a mean."""
    factor = max(picture.size) // (2 * LEAST_SIDE)
    if factor > 1:
        picture = picture.reduce(factor)
    scale = LEAST_SIDE / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture.convert("RGB"), np.float32)


def inside_of_frames(rgb: F32) -> F32:
    """A picture without its mount, border or margin: of nearly one colour on three sides or more.

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


def luma_and_chroma(rgb: F32) -> tuple[F32, F32]:
    """Luma (N,) and chroma (N, 2) of (H, W, 3) in 0..255."""
    logarithm = np.log(rgb.reshape(-1, 3) + _FLOOR) * 100
    return rgb.reshape(-1, 3) @ _LUMA, logarithm[:, ::2] - logarithm[:, 1:2]


def _frame_lines(uniform: NDArray[np.bool_]) -> tuple[int, int]:
    """How many lines belong to a frame at either end, one blended with the picture among them."""
    others = np.flatnonzero(~uniform)
    if not len(others):
        return len(uniform), len(uniform)
    first, last = int(others[0]), len(uniform) - 1 - int(others[-1])
    return first + (first > 0), last + (last > 0)


def _places(shape: tuple[int, int]) -> F32:
    """(N, 7) of polynomials in the place of each pixel: second degree, and edges (fourth)."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    down, right = (plane.ravel() for plane in np.meshgrid(y, x, indexing="ij"))
    curved = [down**2 - 1 / 3, right**2 - 1 / 3, down**4 - 1 / 5, right**4 - 1 / 5]
    return np.stack([down, right, down * right, *curved], -1)


def _fit(luma: F32, chroma: F32, places: F32 | None) -> tuple[F32, F32]:
    """Fits a curve over lightness and, with `places`, a smooth function of the place.

    The curve is linear between its knots, with a penalty on its bends.

    Returns:
        (_BINS, 2), and (N, 2) or (1, 2) of zeros.
    """
    lower, part = _bins(luma)
    weights: F32 = np.ones(len(luma), np.float32)
    smooth = np.zeros((1, 2), np.float32)
    overall = np.median(chroma, axis=0)
    for _ in range(_ROUNDS):
        curve = _curve(lower, part, chroma - smooth, weights, overall)
        toned = curve[lower] * (1 - part[:, None]) + curve[lower + 1] * part[:, None]
        if places is not None:
            weighted = (places * weights[:, None]).T
            normal = weighted @ places + _RIDGE * len(luma) * np.eye(places.shape[1], dtype="f4")
            smooth = places @ np.linalg.solve(normal, weighted @ (chroma - toned))
        length = _length(chroma - toned - smooth)
        scale = 1 + 1.5 * float(np.median(length))
        weights = np.asarray(1 / (1 + (length / scale) ** 2), np.float32)
    return curve, smooth


def _curve(lower: NDArray[np.intp], part: F32, chroma: F32, weights: F32, overall: F32) -> F32:
    """(_BINS, 2) by weighted least squares, leaning to `overall` where there are few pixels."""
    mean = float(weights.mean())
    left, right = weights * (1 - part), weights * part
    normal = mean * (_STIFF * len(lower) * _BENDS + _PRIOR_PIXELS * np.eye(_BINS))
    at, after = np.arange(_BINS - 1), np.arange(1, _BINS)
    normal[at, at] += np.bincount(lower, left * (1 - part), _BINS)[:-1]
    normal[after, after] += np.bincount(lower, right * part, _BINS)[:-1]
    both = np.bincount(lower, left * part, _BINS)[:-1]
    normal[at, after] += both
    normal[after, at] += both
    total = np.empty((_BINS, 2))
    for axis in range(2):
        total[:, axis] = np.bincount(lower, left * chroma[:, axis], _BINS)
        total[1:, axis] += np.bincount(lower, right * chroma[:, axis], _BINS)[:-1]
    total += mean * _PRIOR_PIXELS * overall
    return np.linalg.solve(normal, total).astype(np.float32)


def _bins(luma: F32) -> tuple[NDArray[np.intp], F32]:
    # As logarithms, like the chroma: toning bends it most in the shadows.
    place = np.log1p(luma / _FLOOR) * np.float32((_BINS - 1.001) / np.log1p(255 / _FLOOR))
    lower = place.astype(np.intp)
    return lower, (place - lower).astype(np.float32)


def _at(curve: F32, luma: F32) -> F32:
    """The curve between its bins."""
    lower, part = _bins(luma)
    part = part[:, None]
    return np.asarray(curve[lower] * (1 - part) + curve[lower + 1] * part)


def _opponents(residual: F32) -> tuple[F32, F32]:
    """How far it is from green to magenta, and from yellow to blue."""
    red, blue = residual[:, 0], residual[:, 1]
    return np.abs(red + blue) / 2, np.abs(red - blue) / 2


def _length(values: F32) -> F32:
    return np.hypot(values[:, 0], values[:, 1])
