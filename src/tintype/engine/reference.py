"""Transfers the colours of a reference picture to a photograph.

The network computes features of both. Each position of the photograph is matched with the positions
of the reference whose features are most similar, and among those with the ones of similar
lightness. The mean of their colours is added to the distribution at that position, with a weight
that grows with the similarity and with the agreement of the candidates. A position without a match
is shifted towards the overall palette of the reference. Vividness, warmth, palettes and certainty
then apply to the result.

Sources: T. Welsh, M. Ashikhmin, K. Mueller, "Transferring Color to Greyscale Images", SIGGRAPH
2002, for the lightness within a match; M. He et al., "Deep Exemplar-based Colorization", SIGGRAPH
2018, section 3.1, for matching features of a network. The sum of distributions is our own.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.abgrid import BINS, bin_centers
from tintype.color.cielab import rgb01_to_lab
from tintype.engine.geometry import Fit
from tintype.engine.layers import Layer, colors_of
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.photo import rgb_to_grey

F32 = NDArray[np.float32]

_MOST_PIXELS = 1 << 20
"""A larger reference is shrunk: the network's input has at most half a million pixels."""

_CANDIDATES = 8  # positions of the reference for each position of the photograph
_COSINE = 0.05  # softness of the weight by similarity
_LUMA = 12.0  # steps of Y', softness of the weight by lightness
_SURE = (0.4, 0.7)  # cosines from which a match counts at all, and in full
_AROUND = 2  # output positions on each side that must agree
_LEAST = 0.01  # weight of a position without a match among its neighbours
_WIDTH = 5.0  # CIELAB units by which a colour may be off in a good match
_PALETTE_WEIGHT = 0.2  # share of the way to the reference's palette where nothing matches
_PALETTE_WIDTH = 10.0  # CIELAB units over which a palette is smoothed
_LARGEST_SHIFT = 2.0  # nats
_RARE = 1e-4  # probability below which all bins of a palette are treated alike

_BLOCK = 32
"""Positions at a time on both sides of a product. OpenBLAS computes products of this size on one
thread, so sums are the same on every machine with the same instruction set, and wakes no others."""


class Reference(Layer):
    """A picture in colour, of any size.

    Attributes:
        path: Path that it was read from.
        sha256: SHA-256 of its file.
        pixels: (H, W, 3) sRGB, upright, shrunk to the size that is useful.
    """

    __slots__ = ()

    def grey(self) -> NDArray[np.uint8]:
        """(H, W) Y'."""
        return np.asarray(rgb_to_grey(self.pixels), np.uint8)

    def ab_down(self, fit: Fit) -> F32:
        """Its colours at the size of a network's output.

        Args:
            fit: Its placement in the network's input.

        Returns:
            (2, h, w) CIELAB units, mirrored into the padding like its lightness.
        """
        height, width = fit.content
        small = Image.fromarray(self.pixels).resize(
            (width, height), Image.Resampling.BICUBIC, reducing_gap=2.0
        )
        below, right = fit.padded[0] - height, fit.padded[1] - width
        rgb = np.pad(np.asarray(small), ((0, below), (0, right), (0, 0)), mode="symmetric")
        ab = rgb01_to_lab(rgb / np.float32(255))[..., 1:]
        rows, columns = fit.padded[0] // fit.stride, fit.padded[1] // fit.stride
        cells = ab.reshape(rows, fit.stride, columns, fit.stride, 2).mean(axis=(1, 3))
        return np.asarray(np.moveaxis(cells, -1, 0), np.float32)


def reference_from(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Reference:
    """Reads a reference from a file's bytes.

    Args:
        data: A picture file, of any format that can be coloured.
        name: Its name, for messages.
        max_pixels: A picture with more pixels is refused without decoding it.

    Raises:
        UsageError: It is not a picture, or has no colours.
    """
    rgb = colors_of(data, name=name, max_pixels=max_pixels)
    factor = int(np.ceil((rgb.shape[0] * rgb.shape[1] / _MOST_PIXELS) ** 0.5))
    if factor > 1:
        rgb = np.asarray(Image.fromarray(rgb).reduce(factor))
    return Reference(name, hashlib.sha256(data).hexdigest(), np.ascontiguousarray(rgb))


@dataclass(frozen=True, slots=True)
class MatchFeatures:
    """A network's features of a picture, one vector per cell, and the lightness inside each cell.

    Attributes:
        features: (cells, channels) of length 1, with the picture's own mean subtracted.
        luma: (cells, k k) Y' in 0..255 of the output positions inside each cell.
        shape: (height, width) of the output.
    """

    features: F32
    luma: F32
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ReferenceColors:
    """The features and colours of a reference.

    Attributes:
        features: The cells to match.
        ab: (cells, k k, 2) CIELAB units.
        palette: (313,) share of each colour, smoothed.
    """

    features: MatchFeatures
    ab: F32
    palette: NDArray[np.float64]


def match_features(features: F32, luma: F32, fit: Fit) -> MatchFeatures:
    """Prepares a picture for matching.

    Args:
        features: (channels, h', w') of the network.
        luma: ``fit.padded`` the network's input, Y' in 0..255.
        fit: Placement of the picture in that input.
    """
    rows, columns = fit.padded[0] // fit.stride, fit.padded[1] // fit.stride
    low = luma.reshape(rows, fit.stride, columns, fit.stride).mean(axis=(1, 3))
    vectors = features.reshape(features.shape[0], -1).T
    # Subtract the picture's own mean: what all positions have in common does not distinguish them.
    vectors = vectors - vectors.mean(axis=0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.asarray(vectors / np.maximum(length, 1e-6), np.float32)
    side = rows // features.shape[1]
    return MatchFeatures(
        np.ascontiguousarray(vectors), _into_cells(low[None], side)[..., 0], low.shape
    )


def reference_colors(reference: Reference, features: F32, luma: F32, fit: Fit) -> ReferenceColors:
    """Prepares a reference, once for all photographs; other arguments as for `match_features`."""
    matched = match_features(features, luma, fit)
    ab = reference.ab_down(fit)
    side = matched.shape[0] // features.shape[1]
    flat = ab.reshape(2, -1)
    share = np.bincount(_nearest_bins(flat), minlength=BINS) / flat.shape[1]
    return ReferenceColors(matched, _into_cells(ab, side), _smooth() @ share)


def shift_towards(logits: F32, target: MatchFeatures, reference: ReferenceColors) -> F32:
    """Shifts a distribution towards the colours of a reference.

    Args:
        logits: (313, h, w) log-probabilities up to a constant.
        target: Features of the photograph.
        reference: Features and colours of the reference.

    Returns:
        (313, h, w) log-probabilities up to a constant.
    """
    flat = logits.reshape(BINS, -1)
    ab, spread, cosine = _matched(target, reference)
    low, high = _SURE
    sure = np.clip((cosine - low) / (high - low), 0, 1)
    ab, spread = _smoothed(ab, spread, sure, target)
    strength = sure / (np.float32(_WIDTH**2) + spread)
    # -|bin - ab|^2 / 2, without the terms that are the same for all bins.
    centers = bin_centers()
    added = centers @ (strength * ab)
    added -= (centers**2).sum(axis=1, keepdims=True) * (strength / 2)
    added += _palette_shift(flat, reference)[:, None] * (1 - sure)
    return np.asarray((flat + added).reshape(logits.shape), np.float32)


def _matched(target: MatchFeatures, reference: ReferenceColors) -> tuple[F32, F32, F32]:
    """Matches each output position with the reference.

    Returns:
        (2, n) mean colour of the candidates, (n,) their variance, (n,) cosine of the best.
    """
    cells, inside = target.luma.shape
    ab = np.empty((cells, inside, 2), np.float32)
    spread = np.empty((cells, inside), np.float32)
    best = np.empty((cells, inside), np.float32)
    blocks = _in_blocks(reference.features.features)
    for top in range(0, cells, _BLOCK):
        part = slice(top, top + _BLOCK)
        cosine = _cosines(target.features[part], blocks, len(reference.ab))
        count = min(_CANDIDATES, cosine.shape[1])
        chosen = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(cosine, chosen, axis=1)  # (b, count)
        highest = found.max(axis=1, keepdims=True)
        best[part] = highest
        unlike = target.luma[part, :, None, None] - reference.features.luma[chosen][:, None]
        weight = (found - highest)[:, None, :, None] / _COSINE - unlike**2 / (2 * _LUMA**2)
        weight = weight.reshape(*weight.shape[:2], -1)  # (b, inside, count inside)
        weight = np.exp(weight - weight.max(axis=2, keepdims=True))
        weight /= weight.sum(axis=2, keepdims=True)
        colors = reference.ab[chosen].reshape(len(chosen), -1, 2)
        mean = weight @ colors  # (b, inside, 2)
        square = weight @ (colors**2).sum(axis=2, keepdims=True)
        ab[part] = mean
        spread[part] = np.maximum(square[..., 0] - (mean**2).sum(axis=2), 0) / 2
    planes = np.concatenate([ab, spread[..., None], best[..., None]], axis=2)
    a, b, variance, cosines = _out_of_cells(planes, target.shape)
    return np.stack([a, b]), variance, cosines


def _smoothed(ab: F32, spread: F32, sure: F32, target: MatchFeatures) -> tuple[F32, F32]:
    """Averages each position over its neighbours of similar lightness.

    A single position that differs from its neighbours would be visible as a stain. Where neighbours
    disagree the variance grows, so none of them has much weight.

    Args:
        ab: (2, n) colours.
        spread: (n,) their variances.
        sure: (n,) their weights, 0 to 1.
        target: Features of the photograph.

    Returns:
        (2, n) colours and (n,) variances.
    """
    height, width = target.shape
    luma = _out_of_cells(target.luma[..., None], target.shape).reshape(height, width)
    summed = np.concatenate([ab, [2 * spread + (ab**2).sum(axis=0), np.ones_like(spread)]])
    weighted = ((sure + np.float32(_LEAST)) * summed).reshape(-1, height, width)
    total = np.zeros_like(weighted)
    for down in range(-_AROUND, _AROUND + 1):
        for across in range(-_AROUND, _AROUND + 1):
            rows, columns = _overlap(height, down), _overlap(width, across)
            ours, theirs = (slice(None), rows[0], columns[0]), (slice(None), rows[1], columns[1])
            unlike = luma[ours[1:]] - luma[theirs[1:]]
            alike = np.exp(-(unlike**2) / np.float32(2 * _LUMA**2))
            total[ours] += alike * weighted[theirs]
    total = total.reshape(4, -1)
    mean = total[:2] / total[3]
    variance = np.maximum(total[2] / total[3] - (mean**2).sum(axis=0), 0) / 2
    return mean, variance


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """The positions that have a neighbour at this offset, and those neighbours."""
    ours = slice(max(0, -shift), max(0, size - max(0, shift)))
    return ours, slice(ours.start + shift, max(ours.start, ours.stop) + shift)


def _in_blocks(features: F32) -> F32:
    """(n, channels) to (n / block, channels, block), zero-padded at the end."""
    count = -(-len(features) // _BLOCK)
    padded = np.zeros((count * _BLOCK, features.shape[1]), np.float32)
    padded[: len(features)] = features
    return np.ascontiguousarray(padded.reshape(count, _BLOCK, -1).transpose(0, 2, 1))


def _cosines(rows: F32, blocks: F32, count: int) -> F32:
    """Cosines of (b, channels) with all positions of a reference: (b, count)."""
    product = np.matmul(rows, blocks)  # (blocks, b, block)
    return np.asarray(product.transpose(1, 0, 2).reshape(len(rows), -1)[:, :count])


def _palette_shift(flat: F32, reference: ReferenceColors) -> NDArray[np.float32]:
    """(313,) nats that shift the picture's mean distribution towards a palette."""
    mass = np.exp(flat - flat.max(axis=0))
    mass /= mass.sum(axis=0)
    own = _smooth() @ mass.mean(axis=1, dtype=np.float64)
    ratio = np.log(reference.palette + _RARE) - np.log(own + _RARE)
    return np.asarray(_PALETTE_WEIGHT * np.clip(ratio, -_LARGEST_SHIFT, _LARGEST_SHIFT), np.float32)


def _smooth() -> NDArray[np.float64]:
    """(313, 313) matrix that spreads the share of each colour over its neighbours."""
    centers = bin_centers().astype(np.float64)
    squared = ((centers[:, None] - centers[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / (2 * _PALETTE_WIDTH**2))
    return np.asarray(kernel / kernel.sum(axis=0))


def _nearest_bins(ab: F32) -> NDArray[np.intp]:
    """(n,) the bin of each of (2, n) colours."""
    centers = bin_centers()
    distance = (centers**2).sum(axis=1, keepdims=True) - 2 * centers @ ab
    return np.asarray(distance.argmin(axis=0))


def _into_cells(planes: F32, side: int) -> F32:
    """(c, h, w) to (h w / side^2, side^2, c): groups the positions of each cell."""
    count, height, width = planes.shape
    cut = planes.reshape(count, height // side, side, width // side, side)
    return np.ascontiguousarray(cut.transpose(1, 3, 2, 4, 0).reshape(-1, side * side, count))


def _out_of_cells(cells: F32, shape: tuple[int, int]) -> F32:
    """The inverse: (cells, side^2, c) to (c, h w)."""
    side = round(cells.shape[1] ** 0.5)
    rows, columns = shape[0] // side, shape[1] // side
    cut = cells.reshape(rows, columns, side, side, -1).transpose(4, 0, 2, 1, 3)
    return np.ascontiguousarray(cut.reshape(cells.shape[2], -1))
