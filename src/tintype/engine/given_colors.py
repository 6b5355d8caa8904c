"""Applies the colours of another program's version of a photograph to the photograph's own grey.

Other colorizers produce small pictures with altered lightness and no metadata. Only their chroma is
used here: it is upsampled to the size of the photograph like a network's chroma, guided by the
photograph's lightness.
"""

import hashlib
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.geometry import Fit, luma_down
from tintype.engine.layers import Layer, colors_of
from tintype.engine.prediction import Prediction
from tintype.errors import UsageError, shown
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.photo import rgb_to_grey

_MOST_PIXELS = 1 << 20
"""A larger picture is shrunk; from there, the photograph's lightness guides the chroma."""
_SAME_SHAPE = 0.02
"""Largest difference between the aspect ratios of two versions of a photograph."""
_LOOK = 64  # long side, in pixels, at which lightness is compared
_SAME_PHOTOGRAPH = 0.6
"""Smallest correlation between the lightness of two versions of a photograph."""


class GivenColors(Layer):
    """A photograph in colour, in any size.

    Attributes:
        path: Path that it was read from.
        sha256: SHA-256 of its file.
        pixels: (H, W, 3) sRGB, upright, shrunk to the size that is useful.
    """

    __slots__ = ()

    def check_size(self, shape: tuple[int, int]) -> None:
        """Refuses a photograph of another aspect ratio.

        Args:
            shape: (height, width) of the photograph.

        Raises:
            UsageError: It is cropped, rotated or another photograph.
        """
        height, width = self.pixels.shape[:2]
        # A small picture cannot match the aspect ratio any closer.
        rounding = 1 / min(height, width) + 1 / min(shape)
        if abs(np.log(height * shape[1] / (width * shape[0]))) > _SAME_SHAPE + rounding:
            raise UsageError(
                f"{shown(self.path)} is {width} x {height}, but the photograph is "
                f"{shape[1]} x {shape[0]} as it is displayed.",
                advice="Give a version of the same photograph, neither cropped nor rotated.",
            )

    def prediction(self, grey: NDArray[np.unsignedinteger]) -> Prediction:
        """The prediction that an engine renders for the photograph.

        Args:
            grey: (H, W) of the photograph.

        Returns:
            Chroma for each pixel of the smaller of the two pictures, without a distribution.

        Raises:
            UsageError: It shows another photograph.
        """
        shape = grey.shape[0], grey.shape[1]
        self.check_size(shape)
        self._check_lightness(grey)
        size = min(shape[0], self.pixels.shape[0]), min(shape[1], self.pixels.shape[1])
        fit = Fit(shape, size, size, 1)
        rgb = np.asarray(_resized(self.pixels, size))
        ab = np.moveaxis(rgb01_to_lab(rgb / np.float32(255))[..., 1:], -1, 0)
        return Prediction(
            fit, luma_down(grey, fit), np.ascontiguousarray(ab, np.float32), None, None
        )

    def _check_lightness(self, grey: NDArray[np.unsignedinteger]) -> None:
        longest = max(grey.shape)
        size = tuple(max(1, round(side * _LOOK / longest)) for side in grey.shape)
        fit = Fit((grey.shape[0], grey.shape[1]), (size[0], size[1]), (size[0], size[1]), 1)
        one = luma_down(grey, fit).ravel()
        other = rgb_to_grey(np.asarray(_resized(self.pixels, (size[0], size[1])))).ravel()
        if one.std() < 1 or other.std() < 1:
            return
        alike = float(np.corrcoef(one, other)[0, 1])
        if alike < _SAME_PHOTOGRAPH:
            raise UsageError(
                f"{shown(self.path)} does not show the same photograph: the correlation of their "
                f"lightness is {alike:.2f}.",
                advice="Give a version of the same photograph, neither mirrored nor rotated.",
            )

    @classmethod
    def of(cls, data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Self:
        """Reads the colours from a file's bytes.

        Args:
            data: A picture file, of any format that can be coloured.
            name: Its name, for messages.
            max_pixels: A picture with more pixels is refused without decoding it.

        Raises:
            UsageError: It is not a picture, or has no colours.
        """
        rgb = colors_of(data, name=name, max_pixels=max_pixels)
        scale = (_MOST_PIXELS / (rgb.shape[0] * rgb.shape[1])) ** 0.5
        if scale < 1:
            size = round(rgb.shape[0] * scale), round(rgb.shape[1] * scale)
            rgb = np.asarray(_resized(rgb, (max(1, size[0]), max(1, size[1]))))
        return cls(name, hashlib.sha256(data).hexdigest(), np.ascontiguousarray(rgb))


def _resized(rgb: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Resizes a picture to (height, width), averaging pixels where it is shrunk."""
    image = Image.fromarray(rgb)
    return image.resize(size[::-1], Image.Resampling.BOX, reducing_gap=3.0)
