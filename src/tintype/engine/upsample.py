"""Upsamples chroma to the photograph's size, guided by lightness; hints stay exact.

The method is bicubic upsampling plus chroma detail inferred from luminance,
``out = U(ab) + U(slope) (Y' - U(Y'_low))``, where U is bicubic upsampling and slope is the local
regression of ab on Y' at the network's size. Rejected alternatives, including guided filters and
joint bilateral upsampling, are measured in `benchmarks/chroma_upsampling.md`.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype import cancellation
from tintype.engine.geometry import Fit

_REGULARITY = 80 * 2.55**2
"""Variance of Y' (in steps of 255) below which a slope is not trusted: 80 in L."""
_ALIKE = 20.0  # steps of Y' over which pixels near a pin get less of its colour
_ON_ONE_THREAD = 1 << 18
"""Number of multiplications up to which OpenBLAS wakes no other threads. These would spin for
longer than the product takes, and all the time in the worker processes of a folder."""


def chroma_slope(ab: NDArray[np.float32], luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """How chroma changes with luma around each place: the slope of a local regression.

    Args:
        ab: (2, h, w) CIELAB units.
        luma: (h, w) Y' in 0..255.

    Returns:
        (2, h, w) CIELAB units per step of Y'.
    """
    mean, mean_ab = _window_mean(luma[None]), _window_mean(ab)
    variance = _window_mean(luma[None] ** 2) - mean**2
    covariance = _window_mean(ab * luma) - mean_ab * mean
    return np.asarray(covariance / (np.maximum(variance, 0) + np.float32(_REGULARITY)))


def _window_mean(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over 3 x 3 pixels, with the edges replicated."""
    p = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = p[:, :-2] + p[:, 1:-1] + p[:, 2:]
    return np.asarray((rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / np.float32(9))


@dataclass(frozen=True, slots=True)
class Pin:
    """A square in the photograph with a given colour.

    Attributes:
        y: Its middle row.
        x: Its middle column.
        radius: It has 2 radius + 1 rows and columns.
        ab: The colour, CIELAB units.
        fade: Standard deviation, in pixels, over which the colour fades around the square.
    """

    y: int
    x: int
    radius: int
    ab: tuple[float, float]
    fade: float


class ChromaUp:
    """Chroma at full size, one strip at a time.

    Columns are upsampled to full width once, for the few rows of the network's output; each strip
    then needs only a small matrix product.

    Args:
        ab: (2, h, w) the network's output, CIELAB units, padding included.
        luma: ``fit.padded`` the network's input, Y' in 0..255.
        fit: Placement of the photograph in the input.
        shape: (height, width) to upsample to: the photograph's, or half of it.
        pins: Squares that get their colour exactly, in pixels of `shape`; a later one covers an
            earlier one.
        grey: (height, width) of `shape`, for the surroundings of pins; not needed without pins.
        scribbles: (2, height, width) of `shape`, CIELAB units, and (height, width) their opacity at
            each pixel, 0 to 1; they cover the pins.
        mask: (height, width) of `shape`, how much of its colour each pixel gets, 0 to 1.
    """

    # Eight parameters: the overlays (pins, scribbles, mask) are optional and keyword-only.
    def __init__(
        self,
        ab: NDArray[np.float32],
        luma: NDArray[np.float32],
        fit: Fit,
        shape: tuple[int, int],
        *,
        pins: Sequence[Pin] = (),
        grey: NDArray[np.unsignedinteger] | None = None,
        scribbles: tuple[NDArray[np.float16], NDArray[np.float16]] | None = None,
        mask: NDArray[np.float32] | None = None,
    ) -> None:
        self.shape = shape
        self._scribbles = scribbles
        self._mask = mask
        assert grey is not None or not pins, "pins need the grey around them"
        self._pins = [] if grey is None else _placed(pins, shape, grey)
        self._coding = (1.0, 0.0)
        height, width = ab.shape[1:]
        low = luma.reshape(height, fit.stride, width, fit.stride).mean(axis=(1, 3))
        planes = np.concatenate([ab, chroma_slope(ab, low), low[None]]).astype(np.float32)
        self._taps = _row_taps(shape[0], fit.content[0] / fit.stride, height - 1)
        right = fit.content[1] / fit.stride
        self._columns = np.stack([_widen(plane, shape[1], right) for plane in planes])
        # Injected detail is a few steps of luma times the slope; stray values beyond are clipped.
        self.largest: float = float(np.abs(planes[:2]).max() + 24 * np.abs(planes[2:4]).max())
        self.largest = max(self.largest, *(abs(c) for pin in pins for c in pin.ab), 0.0)
        if scribbles is not None:
            self.largest = max(self.largest, float(np.abs(scribbles[0]).max()))

    def express(self, scale: float, offset: float) -> None:
        """Makes `rows` return ``ab * scale + offset``, which would be two passes at full size."""
        self._columns[:4] *= np.float32(scale)
        self._columns[:2] += np.float32(offset)
        self._coding = (scale, offset)

    def part(self, rows: slice, columns: slice) -> "ChromaUp":
        """The same for one part of the picture, whose rows and columns count from 0.

        Args:
            rows: Rows of `shape`, with a start and a stop.
            columns: Columns, likewise.
        """
        part = copy.copy(self)
        part.shape = rows.stop - rows.start, columns.stop - columns.start
        known, weights = self._taps
        part._taps = known[:, rows], weights[:, rows]
        part._columns = self._columns[:, :, columns].copy()  # `express` changes them
        part._pins = [pin.from_place(rows.start, columns.start) for pin in self._pins]
        if self._scribbles is not None:
            painted, share = self._scribbles
            part._scribbles = painted[:, rows, columns], share[rows, columns]
        if self._mask is not None:
            part._mask = self._mask[rows, columns]
        return part

    @property
    def size(self) -> int:
        """Size in memory, in bytes."""
        over = (*(self._scribbles or ()), *(() if self._mask is None else (self._mask,)))
        return sum(array.nbytes for array in (*self._taps, self._columns, *over))

    def rows(self, top: int, luma: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Chroma of some rows.

        Args:
            top: The first row.
            luma: (n, W) Y' of these rows, 8 or 16 bits.

        Returns:
            (2, n, W) a and b, CIELAB units unless `express` has changed them.
        """
        rows, taps = (part[:, top : top + luma.shape[0]] for part in self._taps)
        first, last = int(rows[0, 0]), int(rows[3, -1])
        weights = np.zeros((luma.shape[0], last - first + 1), np.float32)
        for row, tap in zip(rows, taps, strict=True):  # at the edges two taps meet in one row
            weights[np.arange(luma.shape[0]), row - first] += tap
        known = self._columns[:, first : last + 1]
        planes = np.empty((5, *luma.shape), np.float32)
        step = max(1, _ON_ONE_THREAD // known[0].size)
        for above in range(0, luma.shape[0], step):
            part = slice(above, above + step)
            np.matmul(weights[part], known, out=planes[:, part])
        detail = luma.astype(np.float32)
        if luma.dtype == np.uint16:
            detail *= np.float32(255 / 65535)
        detail -= planes[4]
        planes[2:4] *= detail
        planes[:2] += planes[2:4]
        for pin in self._uncovered(top, luma.shape):
            cancellation.check()
            self._set(pin, top, luma, planes[:2])
        self._overlay(slice(top, top + luma.shape[0]), planes[:2])
        return planes[:2]

    def _uncovered(self, top: int, shape: tuple[int, ...]) -> list["_Placed"]:
        """The pins that count in some rows: the last one that covers them all, and later ones."""
        first = 0
        for place, pin in enumerate(self._pins):
            if (
                pin.rows.start <= top
                and pin.rows.stop >= top + shape[0]
                and pin.columns.start <= 0
                and pin.columns.stop >= shape[1]
            ):
                first = place
        return self._pins[first:]

    def _overlay(self, rows: slice, ab: NDArray[np.float32]) -> None:
        """Applies the scribbles, and fades out the pixels that stay grey."""
        scale, offset = (np.float32(number) for number in self._coding)
        if self._scribbles is not None:
            rendered, share = self._scribbles
            painted = share[rows] > 0
            if painted.any():
                wanted = rendered[:, rows][:, painted].astype(np.float32) * scale + offset
                ab[:, painted] += share[rows][painted] * (wanted - ab[:, painted])
        if self._mask is not None:
            ab -= offset
            ab *= self._mask[rows]
            ab += offset

    def _set(
        self,
        pin: "_Placed",
        top: int,
        luma: NDArray[np.unsignedinteger],
        ab: NDArray[np.float32],
    ) -> None:
        """Gives a pin's square its colour, and similar pixels near by a share of it."""
        reach = int(3 * pin.fade) + 1
        first = max(top, pin.rows.start - reach)
        last = min(top + luma.shape[0], pin.rows.stop + reach)
        if first >= last:
            return
        left = max(0, pin.columns.start - reach)
        right = min(luma.shape[1], pin.columns.stop + reach)
        if left >= right:
            return
        part = slice(first - top, last - top), slice(left, right)
        y = _outside(np.arange(first, last), pin.rows)
        x = _outside(np.arange(left, right), pin.columns)
        apart = (y[:, None] ** 2 + x**2) / (2 * pin.fade**2)
        steps = 1 if luma.dtype == np.uint8 else 255 / 65535
        unlike = (luma[part] * np.float32(steps) - pin.luma) ** 2 / (2 * _ALIKE**2)
        share = np.exp(-apart - unlike).astype(np.float32)
        scale, offset = self._coding
        square = (
            slice(max(pin.rows.start, first) - top, max(min(pin.rows.stop, last) - top, 0)),
            slice(max(pin.columns.start, 0), max(pin.columns.stop, 0)),
        )
        for plane, value in zip(ab, pin.ab, strict=True):
            coded = np.float32(value * scale + offset)
            plane[part] += share * (coded - plane[part])
            plane[square] = coded  # to the bit, whatever an earlier pin left: see `_uncovered`


@dataclass(frozen=True, slots=True)
class _Placed:
    """A pin cropped to the picture, and its mean Y' in 0..255."""

    rows: slice
    columns: slice
    ab: tuple[float, float]
    fade: float
    luma: float

    def from_place(self, row: int, column: int) -> "_Placed":
        """The same pin, with rows and columns relative to a given origin."""
        rows = slice(self.rows.start - row, self.rows.stop - row)
        columns = slice(self.columns.start - column, self.columns.stop - column)
        return replace(self, rows=rows, columns=columns)


def _placed(
    pins: Sequence[Pin], shape: tuple[int, int], grey: NDArray[np.unsignedinteger]
) -> list[_Placed]:
    steps = 1 if grey.dtype == np.uint8 else 255 / 65535
    means: dict[tuple[int, ...], float] = {}  # pins larger than the picture have one square
    placed = []
    for pin in pins:
        cancellation.check()
        rows, columns = (
            slice(max(0, middle - pin.radius), min(side, middle + pin.radius + 1))
            for middle, side in zip((pin.y, pin.x), shape, strict=True)
        )
        square = rows.start, rows.stop, columns.start, columns.stop
        if square not in means:
            means[square] = float(grey[rows, columns].mean())
        placed.append(_Placed(rows, columns, pin.ab, pin.fade, means[square] * steps))
    return placed


def _outside(places: NDArray[np.intp], span: slice) -> NDArray[np.float64]:
    """Distance of each position from a span, 0 within it."""
    far = np.maximum(np.maximum(span.start - places, places - span.stop + 1), 0)
    return np.asarray(far, np.float64)


def _widen(plane: NDArray[np.float32], width: int, right: float) -> NDArray[np.float32]:
    image = Image.fromarray(plane)
    box = (0, 0, right, plane.shape[0])
    return np.asarray(image.resize((width, plane.shape[0]), Image.Resampling.BICUBIC, box=box))


def _row_taps(
    height: int, extent: float, last: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Bicubic interpolation (Keys, a = -1/2, as in Pillow) between the known rows.

    Args:
        height: Number of rows of the picture.
        extent: Number of known rows that they cover.
        last: The last known row; the edge is replicated beyond it.

    Returns:
        (4, height) indices of known rows, and (4, height) their weights, which sum to 1.
    """
    position = (np.arange(height) + 0.5) * (extent / height) - 0.5
    base = np.floor(position).astype(np.intp)
    t = position - base
    weights = np.stack(
        [
            -0.5 * t**3 + t**2 - 0.5 * t,
            1.5 * t**3 - 2.5 * t**2 + 1,
            -1.5 * t**3 + 2 * t**2 + 0.5 * t,
            0.5 * t**3 - 0.5 * t**2,
        ]
    )
    return np.clip(base + np.arange(-1, 3)[:, None], 0, last), weights.astype(np.float32)
