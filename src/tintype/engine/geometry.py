"""Scales a photograph's lightness down to the network's input, and places it there.

Y' is downsampled and then converted to L. Averaging L instead costs a table look-up at full size
and changes the network's input by 0.1 L on average (`benchmarks/chroma_upsampling.py` prints it).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import luma01_to_L
from tintype.errors import UsageError

_LARGEST_AREA = 4
"""The input has at most the area of this many squares of the card's size; panoramas are shrunk
further."""
_LARGEST_GAIN = 4
"""A tiny picture is enlarged at most by this factor: a 1 x 1 does not need 256 pixels."""
_CHANNELS = 16
"""Channels of an output that are resampled at a time."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a photograph is placed in a network's input.

    Attributes:
        shape: (height, width) of the photograph.
        content: (height, width) of the photograph in the input, from the upper left corner.
        padded: (height, width) of the input.
        stride: Input pixels per output pixel.
    """

    shape: tuple[int, int]
    content: tuple[int, int]
    padded: tuple[int, int]
    stride: int

    def output_place(self, x: int, y: int) -> tuple[int, int]:
        """Row and column of the network's output for a pixel of the photograph.

        Raises:
            UsageError: The pixel is outside the photograph.
        """
        height, width = self.shape
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(
                f"The point {x},{y} is outside the photograph of {width} x {height}.",
                advice="Count pixels from 0 at the upper left corner.",
            )
        row = int((y + 0.5) * self.content[0] / height / self.stride)
        column = int((x + 0.5) * self.content[1] / width / self.stride)
        return row, column


def plan_fit(shape: tuple[int, int], *, short_side: int, multiple: int, stride: int) -> Fit:
    """Chooses the network's input size, preserving the aspect ratio and padding to a multiple.

    Args:
        shape: (height, width) of the photograph.
        short_side: Target length of the short side in pixels. A tiny photograph is enlarged at most
            four times, and a very long one gets at most the area of four squares.
        multiple: Height and width are padded to multiples of this.
        stride: Input pixels per output pixel.
    """
    height, width = shape
    area = _LARGEST_AREA * short_side**2
    scale = min(
        short_side / min(shape),
        (area / (height * width)) ** 0.5,
        area / multiple / max(shape),  # the padding of a one-pixel-high row counts towards the area
        _LARGEST_GAIN,
    )
    content = max(1, round(height * scale)), max(1, round(width * scale))
    padded = -(-content[0] // multiple) * multiple, -(-content[1] // multiple) * multiple
    return Fit(shape, content, padded, stride)


def luma_down(grey: NDArray[np.unsignedinteger], fit: Fit) -> NDArray[np.float32]:
    """Y' at the network's input size, mirrored into the padding.

    Args:
        grey: (H, W) Y', uint8 or uint16.
        fit: Placement of the photograph in the input.

    Returns:
        ``fit.padded`` Y' in 0..255.
    """
    height, width = fit.content
    grey_u8 = grey if grey.dtype == np.uint8 else _upper_byte(grey)
    # Reducing by an integer factor first reads the large picture once, at memory bandwidth.
    small = Image.fromarray(grey_u8).resize(
        (width, height), Image.Resampling.BICUBIC, reducing_gap=2.0
    )
    luma = np.asarray(small, np.float32)
    below, right = fit.padded[0] - height, fit.padded[1] - width
    return np.pad(luma, ((0, below), (0, right)), mode="symmetric")


def regrid(planes: NDArray[np.float32], there: Fit, here: Fit) -> NDArray[np.float32]:
    """Resamples the output of a network from one input size to another, bilinearly.

    Args:
        planes: (n, h, w) of the output for `there`, padding included.
        there: Placement of the photograph in that input.
        here: Placement in the other one.

    Returns:
        (n, h', w') on the grid of the output for `here`, the padding filled with the last
        values.
    """
    # A few channels at a time fit in a core's cache, which halves the time.
    size = here.padded[0] // here.stride, here.padded[1] // here.stride
    found = np.empty((len(planes), *size), np.float32)
    for first in range(0, len(planes), _CHANNELS):
        some = slice(first, first + _CHANNELS)
        found[some] = _regridded(planes[some], there, here)
    return found


def _regridded(planes: NDArray[np.float32], there: Fit, here: Fit) -> NDArray[np.float32]:
    for axis in (0, 1):
        ratio = there.content[axis] * here.stride / (here.content[axis] * there.stride)
        last = planes.shape[1 + axis] - 1
        position = (np.arange(here.padded[axis] // here.stride) + 0.5) * ratio - 0.5
        position = position.clip(0, last)
        low = position.astype(np.intp)
        share = (position - low).astype(np.float32).reshape(-1, *[1] * (1 - axis))
        below, above = (np.take(planes, i, 1 + axis) for i in (low, np.minimum(low + 1, last)))
        above -= below
        above *= share
        above += below
        planes = above
    return planes


def _upper_byte(grey: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """The upper byte, rounded: the network's input has 8-bit steps, in training too."""
    upper = np.empty(grey.shape, np.uint8)
    for top in range(0, grey.shape[0], 64):
        strip = grey[top : top + 64].astype(np.uint32)
        upper[top : top + 64] = (strip * 255 + 32767) // 65535
    return upper


def luma_to_input(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) Y' in 0..255 to the network's (1, 1, h, w) L in 0..100."""
    return np.asarray(luma01_to_L(luma / 255), np.float32)[None, None]
