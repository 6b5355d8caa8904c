"""Photo: the grey to be coloured, and everything else that must survive.

A `Photo` is upright and in sRGB. Its grey is Y', the Rec.601 luma of the sRGB-encoded picture, and
nothing after `decode` ever changes it. The colours of the source are not kept, only the kind of
picture it was (`tone`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import rgb_u16_to_luma_u16
from tintype.photo.parts import NamedText, Part

Tone = Literal["grey", "toned", "color"]
"""Kind of source: no chroma, one hue throughout (sepia, selenium), or a colour photograph."""

AttachedKind = Literal["mask", "infrared"]
"""A page attached to a photograph: its opacity, or the dust on its film."""

ATTACHED_TITLES: Mapping[AttachedKind, str] = MappingProxyType(
    {"mask": "a transparency mask", "infrared": "an infrared copy"}
)
"""Their names in messages."""

Pixels = NDArray[Any]
"""uint8 or uint16: (H, W) grey or alpha, (H, W, 3) sRGB."""

# Rows per strip where a 16-bit luma needs wide integers: bounds the temporary memory.
_STRIP = 256


@dataclass(frozen=True, slots=True)
class HalfChroma:
    """JFIF chroma planes at half size, sited as in 4:2:0.

    Attributes:
        cb: (ceil(H/2), ceil(W/2)), 128 is neutral.
        cr: The same shape.
    """

    cb: NDArray[np.uint8]
    cr: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AttachedPage:
    """A page that belongs to a photograph and has nothing to colour.

    Attributes:
        kind: Kind of page.
        pixels: (H, W) uint8 or uint16, upright; a 1-bit mask has the values 0 and 255.
        bits: Per stored sample: 1, 8 or 16.
        flags: TIFF's NewSubfileType.
        title: Distinguishes it from a photograph if its flags do not.
    """

    kind: AttachedKind
    pixels: Pixels
    bits: int
    flags: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Everything about a photograph except its pixels, ready to be written again.

    Attributes:
        format: The source's format, a key of `tintype.photo.formats.registry.FORMATS`.
        icc: A profile that describes the pixels as they are now (sRGB or equal to it), byte for
            byte that of the source if it already did; None if the source had none.
        exif: A TIFF structure without the ``Exif`` prefix; orientation 1, thumbnail removed.
        xmp: An RDF packet, orientation 1, thumbnails removed.
        dpi: Horizontal and vertical dots per inch.
        comment: JPEG or GIF comment, JPEG 2000 comment.
        text: PNG text chunks.
        iptc: Photoshop resource blocks (``8BIM``) with captions and keywords, thumbnails removed.
        parts: Unrecognised parts, for a file of the same format.
        attached: Masks and infrared copies, to be written unchanged.
        packing: How the source compressed its samples, if the target can do the same: "none" or
            "deflate" (TIFF), "lossless" or "lossy" (WebP).
        notes: Plain sentences on what was already lost in reading.
        turned: The EXIF orientation that was applied to make the stored pixels upright.
        converted: Whether a profile changed the pixels in the conversion to sRGB.
    """

    format: str
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None
    text: tuple[NamedText, ...] = ()
    iptc: bytes | None = None
    parts: tuple[Part, ...] = ()
    attached: tuple[AttachedPage, ...] = ()
    packing: str = ""
    notes: tuple[str, ...] = ()
    turned: int = 1
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """One still picture.

    Attributes:
        grey: (H, W) uint8 or uint16, Y' as Pillow's ``convert("L")`` gives it.
        alpha: (H, W) of the same type, or None.
        tone: The kind of picture that the source was.
        meta: Everything that is written beside the pixels.
        color: None until coloured; (H, W, 3) sRGB of the same type as the grey, or half-size chroma
            planes that are combined with the grey in a JPEG (8 bits only).
        turn: The EXIF orientation in which it will be stored, 1 for upright. All attributes are
            upright regardless; but half-size chroma belongs to pairs of rows and columns, which
            are counted from the edge that comes first in the file.
    """

    grey: Pixels
    alpha: Pixels | None
    tone: Tone
    meta: Metadata
    color: Pixels | HalfChroma | None = None
    turn: int = 1

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.grey.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.grey.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bits(self) -> int:
        """Bits per sample, 8 or 16."""
        return int(self.grey.dtype.itemsize) * 8


def rgb_to_grey(rgb: Pixels) -> Pixels:
    """The luma of `tintype.color.cielab`, for whole pictures.

    Args:
        rgb: (H, W, 3) uint8 or uint16, encoded sRGB.

    Returns:
        (H, W) of the same type.
    """
    if rgb.dtype == np.uint8:
        # Pillow's C loop is the same arithmetic, five times faster than NumPy.
        return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).convert("L"))
    grey = np.empty(rgb.shape[:2], np.uint16)
    for top in range(0, rgb.shape[0], _STRIP):
        grey[top : top + _STRIP] = rgb_u16_to_luma_u16(rgb[top : top + _STRIP])
    return grey
