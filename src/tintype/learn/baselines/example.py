"""Example-based colorization: Welsh, Ashikhmin and Mueller, 2002.

"Transferring Color to Greyscale Images": the lightness of a colour reference is normalised to the
mean and standard deviation of the grey picture. About 200 of its pixels, one at random in each cell
of a grid, are the samples. Each grey pixel takes the chroma of the sample that is nearest in
lightness and in local standard deviation (section 2, global matching; no swatches).

Deviations: CIELAB instead of the decorrelated space of Ruderman, as in the evaluation of the
networks. In the paper a user chooses the reference; here `References` finds one.
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
"""It receives a colour photograph; tables that compare it with networks must state that."""

_WINDOW = 5
_HOG_SIDE = 64
_CELLS = 4
_DIRECTIONS = 8


def predict(
    L: NDArray[np.floating], reference_u8: NDArray[np.uint8], *, samples: int = 225, seed: int
) -> NDArray[np.float32]:
    """Assigns to each pixel the chroma of the most similar sample of a reference.

    Args:
        L: (H, W) lightness in [0, 100].
        reference_u8: (h, w, 3) sRGB, at least 5 x 5.
        samples: Number of pixels sampled from the reference, rounded down to a square number.
        seed: Seed of the sampling.

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
    targets = np.stack([L, local_deviation(L)], -1).reshape(-1, 2).astype(np.float32)
    candidates = np.stack([remapped, local_deviation(remapped)], -1)[rows, columns].astype(
        np.float32
    )
    # Both features have equal weight. |x|^2 is the same for all samples and left out.
    distance = (candidates**2).sum(axis=1) - 2 * targets @ candidates.T  # (H W, samples)
    nearest = distance.argmin(axis=1)
    ab = lab[rows, columns, 1:][nearest]
    return np.asarray(ab.T.reshape(2, *L.shape), np.float32)


def _jittered(
    shape: tuple[int, ...], side: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of one random pixel in each of ``side`` x ``side`` cells."""
    draw = np.random.default_rng(seed)
    cell = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    position = (cell + draw.random(cell.shape)) / side * np.array(shape)
    return position[:, 0].astype(np.int64), position[:, 1].astype(np.int64)


def local_deviation(L: NDArray[np.floating]) -> NDArray[np.float64]:
    """(H, W) standard deviation in a window of 5 x 5 pixels; edge pixels are repeated."""
    padded = np.pad(L.astype(np.float64), _WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW, _WINDOW))
    return np.asarray(windows.std(axis=(2, 3)))


@dataclass(frozen=True, slots=True)
class References:
    """Training pictures that can serve as references.

    They are retrieved by hand-crafted features of the grey: a thumbnail and histograms of edge
    directions. Features of a network would find better ones, but then the method would need
    training.

    Attributes:
        photos: The photographs.
        indices: (N,) indices of the photographs that may be used; dev is left out.
        features: (N, 384) float32.
        signs: (N, 256) difference hashes, for recognising copies of the grey picture.
    """

    photos: Photos
    indices: NDArray[np.int64]
    features: NDArray[np.float32]
    signs: NDArray[np.float32]

    def nearest(self, grey_u8: NDArray[np.uint8]) -> int:
        """The index in ``photos`` of the most similar picture, copies of this one excluded.

        Args:
            grey_u8: (H, W) Y'.

        Raises:
            LearnError: There are only copies of the picture.
        """
        rgb_u8 = np.repeat(grey_u8[..., None], 3, axis=2)
        own = difference_signs(grey_thumbnail(rgb_u8)[None].astype(np.float32))[0]
        copies = self.signs @ own >= 256 - 2 * NEAR
        if copies.all():
            raise LearnError("There is no other picture to use as a reference.")
        likeness = np.where(copies, -np.inf, self.features @ grey_features(grey_u8))
        return int(self.indices[likeness.argmax()])


def open_references(photos: Photos) -> References:
    """Computes the features of every training picture; 50,000 take a quarter of a minute.

    Raises:
        LearnError: All pictures are dev.
    """
    indices = np.flatnonzero(~photos.dev)
    if len(indices) == 0:
        raise LearnError("There is no training picture to use as a reference.")
    features = np.empty((len(indices), 256 + _CELLS**2 * _DIRECTIONS), np.float32)
    small = np.empty((len(indices), 16, 17), np.float32)
    for row, index in enumerate(indices):
        rgb_u8 = photos.picture(int(index))
        features[row] = grey_features(np.asarray(Image.fromarray(rgb_u8).convert("L")))
        small[row] = grey_thumbnail(rgb_u8)
    return References(photos, indices, features, difference_signs(small))


def grey_features(grey_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(384,) descriptor of a grey picture: two unit vectors, invariant to brightness and contrast.

    The first 256 numbers are a thumbnail of 16 x 16; the others are the strength of edges in 8
    directions for each of 4 x 4 cells.
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
