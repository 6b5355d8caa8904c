"""BMP with bit fields for pixels: any layout of 16 or 32 bits, of which Pillow supports a few.

Graphics programs write four bits a channel, ten bits a channel, and the bytes in other orders.

Source: Microsoft, "Bitmap storage": BITMAPINFOHEADER, BI_BITFIELDS and BI_ALPHABITFIELDS.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile

_HEADER_AT, _MASKS_AT = 14, 54
_INFO_BYTES, _WITH_ALPHA_BYTES = 40, 56
_BIT_FIELDS, _ALPHA_BIT_FIELDS = 3, 6
_METERS = 0.0254  # per inch


@dataclass(frozen=True, slots=True)
class FieldLayout:
    """The layout of a BMP with bit fields.

    Attributes:
        width: Columns.
        height: Rows.
        top_down: Whether the first row is the upper one.
        bits: Per pixel, 16 or 32.
        masks: Of red, green and blue, and of alpha if there is one.
        start: Where the pixels begin.
        dpi: Dots per inch, or None.
    """

    width: int
    height: int
    top_down: bool
    bits: int
    masks: tuple[int, ...]
    start: int
    dpi: tuple[float, float] | None


def read_layout(data: bytes) -> FieldLayout | None:
    """The layout of a BMP with bit fields; None for any other, and for implausible fields."""
    if len(data) < _MASKS_AT + 16:
        return None
    (start, header, width, height, _, bits, compression, _, across, down) = struct.unpack_from(
        "<IIiiHHIIii", data, 10
    )
    if header < _INFO_BYTES or compression not in (_BIT_FIELDS, _ALPHA_BIT_FIELDS):
        return None
    has_alpha = header >= _WITH_ALPHA_BYTES or compression == _ALPHA_BIT_FIELDS
    masks = struct.unpack_from("<4I" if has_alpha else "<3I", data, _MASKS_AT)
    if has_alpha and not masks[3]:
        masks = masks[:3]
    if bits not in (16, 32) or not _are_fields(masks, bits):
        return None
    dpi = (across * _METERS, down * _METERS) if min(across, down) > 0 else None
    return FieldLayout(width, abs(height), height < 0, bits, masks, start, dpi)


def read_fields(file: InputFile, layout: FieldLayout) -> DecodedPage:
    """The pixels of a BMP with bit fields; 16-bit if a field has more than 8 bits.

    Raises:
        UnreadablePhotoError: The file ends too early.
        PhotoTooLargeError: It has more pixels than the limit.
    """
    file.check_size(layout.width, layout.height)
    bytes_a_pixel = layout.bits // 8
    row = (layout.width * bytes_a_pixel + 3) // 4 * 4
    if len(file.data) < layout.start + row * layout.height:
        file.fail("the file ends too early")
    rows = np.frombuffer(file.data, np.uint8, row * layout.height, layout.start)
    rows = np.ascontiguousarray(rows.reshape(layout.height, row)[:, : layout.width * bytes_a_pixel])
    pixels = rows.view(f"<u{bytes_a_pixel}")
    pixels = pixels if layout.top_down else pixels[::-1]
    wide = any(mask.bit_count() > 8 for mask in layout.masks)
    dtype = np.dtype(np.uint16 if wide else np.uint8)
    channels = [_field(pixels, mask, dtype) for mask in layout.masks]
    rgb = np.stack(channels[:3], -1)
    page = DecodedPage(rgb if wide else Image.fromarray(rgb))
    page.alpha = channels[3] if len(channels) > 3 else None
    page.dpi = layout.dpi
    return page


def _are_fields(masks: tuple[int, ...], bits: int) -> bool:
    """Whether masks are runs of bits that do not overlap; some, not all, may be empty."""
    runs = any(masks[:3]) and all(not mask or _is_run(mask) for mask in masks)
    together = 0
    for mask in masks:
        if together & mask or mask >> bits:
            return False
        together |= mask
    return runs


def _is_run(mask: int) -> bool:
    lowest = mask & -mask
    return (mask // lowest + 1).bit_count() == 1


def _field(pixels: NDArray[Any], mask: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """One channel, scaled to the full range of the type; of more than 16 bits, the upper ones."""
    if not mask:
        return np.zeros(pixels.shape, dtype)
    beyond = max(0, mask.bit_count() - 16)
    shift = (mask & -mask).bit_length() - 1 + beyond
    largest, top = (1 << (mask.bit_count() - beyond)) - 1, int(np.iinfo(dtype).max)
    table = ((np.arange(largest + 1, dtype=np.uint64) * top + largest // 2) // largest).astype(
        dtype
    )
    return np.asarray(table[(pixels & mask) >> shift])
