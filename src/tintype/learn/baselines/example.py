"""Colours taken from another picture: Welsh, Ashikhmin and Mueller, 2002.

"Transferring Color to Greyscale Images": the lightness of a reference in colour is brought to the
mean and deviation of the grey picture; some two hundred of its pixels, one at random in each cell
of a grid, are the samples; and every grey pixel takes the chroma of the sample that is most like it
in lightness and in the deviation around it (section 2, global matching; no swatches).

Deviations: CIELAB instead of the decorrelated space of Ruderman, so that it is measured as the
networks are. Where the paper lets a user choose the reference, `References` finds one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.errors import LearnError
from tintype.learn.data.audit import NEAR, difference_signs, grey_thumbnail
from tintype.learn.data.photos import Photos

AUTOMATIC = False
"""It is given a photograph in colour; tables that list it beside networks must state that."""

_WINDOW = 5
_HOG_SIDE = 64
_CELLS = 4
_DIRECTIONS = 8


def predict(
    L: NDArray[np.floating], reference_u8: NDArray[np.uint8], *, samples: int = 225, seed: int
) -> NDArray[np.float32]:
    """Gives each pixel the chroma of the most similar sample of a reference.

    Args:
        L: (H, W) lightness in [0, 100].
        reference_u8: (h, w, 3) sRGB, at least 5 x 5.
        samples: Number of pixels sampled from the reference; rounded down to a square.
        seed: Of the draw in each cell.

    Returns:
        (2, H, W) CIELAB units.

    Raises:
        LearnError: The reference is too small.
    """
    if min(reference_u8.shape[:2]) < _WINDOW:
        raise LearnError(f"A reference of {reference_u8.shape[:2]} pixels is too small.")
    lab = rgb01_to_lab(reference_u8 / 255)
    lightness = lab[..., 0]
    gain = float(L.std()) / max(float(lightness.std()), 1e-6)
    remapped = (lightness - lightness.mean()) * gain + L.mean()
    rows, columns = _jittered(lightness.shape, int(samples**0.5), seed)
    wanted = np.stack([L, local_deviation(L)], -1).reshape(-1, 2).astype(np.float32)
    offered = np.stack([remapped, local_deviation(remapped)], -1)[rows, columns].astype(np.float32)
    # Nearest in both at equal weight; |x|^2 is the same for all samples and left out.
    distance = (offered**2).sum(axis=1) - 2 * wanted @ offered.T  # (H W, samples)
    nearest = distance.argmin(axis=1)
    ab = lab[rows, columns, 1:][nearest]
    return np.asarray(ab.T.reshape(2, *L.shape), np.float32)


def _jittered(
    shape: tuple[int, ...], side: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of one random pixel in each of ``side`` x ``side`` cells."""
    draw = np.random.default_rng(seed)
    cell = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    place = (cell + draw.random(cell.shape)) / side * np.array(shape)
    return place[:, 0].astype(np.int64), place[:, 1].astype(np.int64)


def local_deviation(L: NDArray[np.floating]) -> NDArray[np.float64]:
    """(H, W) standard deviation of the 5 x 5 pixels around each; the edge is repeated."""
    padded = np.pad(L.astype(np.float64), _WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW, _WINDOW))
    return np.asarray(windows.std(axis=(2, 3)))


@dataclass(frozen=True, slots=True)
class References:
    """Training pictures that a grey one can take its colours from.

    They are found by hand-made features of the grey: its thumbnail, and where its edges point.
    Features of a network would find better ones, but then this would be no method without
    training.

    Attributes:
        photos: Where they lie.
        indices: (N,) which of them may be taken: no dev.
        features: (N, 384) float32.
        signs: (N, 256) difference hashes, by which the grey picture itself is recognised.
    """

    photos: Photos
    indices: NDArray[np.int64]
    features: NDArray[np.float32]
    signs: NDArray[np.float32]

    def nearest(self, grey_u8: NDArray[np.uint8]) -> int:
        """The index in ``photos`` of the most similar picture that is not this one.

        Args:
            grey_u8: (H, W) Y'.

        Raises:
            LearnError: All there is is a copy of the picture itself.
        """
        rgb_u8 = np.repeat(grey_u8[..., None], 3, axis=2)
        own = difference_signs(grey_thumbnail(rgb_u8)[None].astype(np.float32))[0]
        copies = self.signs @ own >= 256 - 2 * NEAR
        if copies.all():
            raise LearnError("There is no other picture to take colours from.")
        likeness = np.where(copies, -np.inf, self.features @ grey_features(grey_u8))
        return int(self.indices[likeness.argmax()])


def open_references(photos: Photos) -> References:
    """Describes every training picture; a quarter of a minute for 50,000.

    Raises:
        LearnError: All pictures are dev.
    """
    indices = np.flatnonzero(~photos.dev)
    if len(indices) == 0:
        raise LearnError("There is no training picture to take colours from.")
    features = np.empty((len(indices), 256 + _CELLS**2 * _DIRECTIONS), np.float32)
    small = np.empty((len(indices), 16, 17), np.float32)
    for row, index in enumerate(indices):
        rgb_u8 = photos.picture(int(index))
        features[row] = grey_features(np.asarray(Image.fromarray(rgb_u8).convert("L")))
        small[row] = grey_thumbnail(rgb_u8)
    return References(photos, indices, features, difference_signs(small))


def grey_features(grey_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(384,) descriptor of a grey picture: two unit vectors, invariant to brightness and contrast.

    The first 256 numbers are its thumbnail of 16 x 16; the others are the strength of the edges in
    each of 8 directions, for each of 4 x 4 cells.
    """
    image = Image.fromarray(grey_u8)
    thumbnail = np.asarray(image.resize((16, 16), Image.Resampling.BOX), np.float32).ravel()
    middle = np.asarray(image.resize((_HOG_SIDE, _HOG_SIDE), Image.Resampling.BILINEAR), np.float32)
    down, right = np.gradient(middle)
    direction = np.arctan2(down, right) / (2 * np.pi) % 1 * _DIRECTIONS
    at = np.arange(_HOG_SIDE) * _CELLS // _HOG_SIDE
    cell = at[:, None] * _CELLS + at
    slot = cell * _DIRECTIONS + direction.astype(np.int64) % _DIRECTIONS
    edges = np.bincount(
        slot.ravel(), weights=np.hypot(down, right).ravel(), minlength=_CELLS**2 * _DIRECTIONS
    )
    return np.concatenate([_unit(thumbnail - thumbnail.mean()), _unit(np.sqrt(edges))])


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)
