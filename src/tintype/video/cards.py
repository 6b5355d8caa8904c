"""Title cards: text on a plain ground, which has no colours.

A network trained on photographs mistakes the ground of a card for sky or wood. A card is recognised
by features that a scene never combines: most of the picture is one even tone, and the rest is thin
strokes, all much lighter or all much darker than it, arranged in rows. The measurements are in
`docs/experiments/title-cards-and-fades.md`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_EVEN = 0.55  # minimum share of the ground in a card
_BLANK = 0.985  # share of the ground in a card without text
_CONTRAST = 32  # minimum difference of ground and strokes, in steps of Y'
_STROKES = (0.003, 0.35)  # share of the strokes
_BETWEEN = 0.25  # share of pixels that are neither: edges of strokes, shadows, dirt
_ONE_SIDE = 0.9  # share of the strokes that are lighter than the ground, or darker
_THICKEST = 0.03  # of the height: anything thicker is not a stroke
_THICK = 0.12  # share of the strokes that may be thicker: ornaments, initials
_UNEVEN, _UNEVEN_BLANK = 3.0, 1.5  # steps of Y': deviation of the ground over the picture
_LETTER = (0.012, 0.15)  # of the height: height of letters, or of words that run together
_LETTERS, _IN_ROWS = 4, 0.6  # minimum number, and share of them in a row
_SHADING = 60.0  # steps of Y' between the lightest and darkest places of the ground
_BLOCKS = 8


def is_card(luma: NDArray[np.uint8]) -> bool:
    """Whether a frame is a title card, or blank.

    Args:
        luma: (h, w) Y' of the whole frame, about 200 to 400 pixels high.
    """
    height = luma.shape[0]
    if min(luma.shape) < 2 * _BLOCKS:
        return False
    smooth = cv2.medianBlur(np.ascontiguousarray(luma), 3)
    histogram = np.bincount(smooth.ravel(), minlength=256).astype(np.float64)
    tone = int(np.argmax(np.convolve(histogram, np.ones(7), "same")))
    offset = smooth.astype(np.float32) - tone
    grain = float(np.median(np.abs(luma.astype(np.float32) - smooth)))
    near = float(np.clip(8 + 2 * grain, 8, 16))
    if float((np.abs(offset) <= near + _SHADING / 2).mean()) < _EVEN:
        return False  # most scenes, without further tests
    shading = _shading(offset)
    if np.ptp(shading) > _SHADING:
        return False
    offset -= shading
    ground = np.abs(offset) <= near
    share = float(ground.mean())
    if share < _EVEN:
        return False
    uneven = _unevenness(offset, ground)
    if share >= _BLANK:
        return uneven <= _UNEVEN_BLANK
    strokes = np.abs(offset) >= _CONTRAST
    total = float(strokes.mean())
    if uneven > _UNEVEN or not _STROKES[0] <= total <= _STROKES[1]:
        return False
    if 1 - share - total > _BETWEEN:
        return False
    lighter = float((offset[strokes] > 0).mean())
    if max(lighter, 1 - lighter) < _ONE_SIDE:
        return False
    side = 2 * round(_THICKEST * height / 2) + 1
    kernel = np.ones((max(3, side), max(3, side)), np.uint8)
    thick = cv2.morphologyEx(strokes.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return float(thick.mean()) <= _THICK * total and _stands_in_rows(strokes)


def _shading(offset: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light of a lamp or lens on the ground: a quadratic surface, in steps of Y'."""
    height, width = offset.shape
    y, x = np.meshgrid(np.linspace(-1, 1, _BLOCKS), np.linspace(-1, 1, _BLOCKS), indexing="ij")
    medians = np.array(
        [
            [np.median(part) for part in np.array_split(rows, _BLOCKS, axis=1)]
            for rows in np.array_split(offset, _BLOCKS, axis=0)
        ]
    )
    terms = _terms(x.ravel(), y.ravel())
    weights = np.ones(medians.size)
    for _ in range(4):  # blocks full of strokes are not the ground
        found, *_rest = np.linalg.lstsq(terms * weights[:, None], medians.ravel() * weights)
        weights = 1 / (1 + np.abs(medians.ravel() - terms @ found) / 4)
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.asarray((_terms(x.ravel(), y.ravel()) @ found).reshape(height, width), np.float32)


def _terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _unevenness(offset: NDArray[np.float32], ground: NDArray[np.bool_]) -> float:
    """Standard deviation of the ground's local mean over the picture, in steps of Y'."""
    height, width = offset.shape
    found = []
    for rows in np.array_split(np.arange(height), _BLOCKS):
        for columns in np.array_split(np.arange(width), _BLOCKS):
            block = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            if ground[block].mean() > 0.3:
                found.append(offset[block][ground[block]].mean())
    return float(np.std(found)) if found else np.inf


def _stands_in_rows(strokes: NDArray[np.bool_]) -> bool:
    """Whether the strokes resemble letters: many, of similar height, side by side."""
    height = strokes.shape[0]
    _, _, boxes, centres = cv2.connectedComponentsWithStats(strokes.astype(np.uint8))
    high = boxes[1:, cv2.CC_STAT_HEIGHT] / height
    letters = (high >= _LETTER[0]) & (high <= _LETTER[1])
    if letters.sum() < _LETTERS:
        return False
    middle = centres[1:, 1][letters] / height
    sizes = high[letters]
    apart = np.abs(middle[:, None] - middle[None, :])
    beside = (apart < 0.35 * np.maximum(sizes[:, None], sizes[None, :])).sum(axis=1) - 1
    return float((beside >= 2).mean()) >= _IN_ROWS
