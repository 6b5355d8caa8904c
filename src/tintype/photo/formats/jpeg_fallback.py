"""The second JPEG decoder: Pillow's libjpeg, for files that TurboJPEG's interface does not support.

That interface supports only the usual sampling factors; the library below it reads any integer
ratio. Pillow ignores its warnings, so missing or left-over data is detected by changing the last
bytes of the coded part.
"""

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from tintype.photo.formats import jpeg_scans, jpeg_segments

_SHRUNK = 8
_PROGRESSIVE = 0xC2
# Meaningless coded data, longer than any picture's block needs to be visible.
_NONSENSE = b"\xa5\x5a\x69\x96" * 8


class UnsupportedSamplingError(Exception):
    """Sampling factors that no decoder here supports, in the message. Callers give advice."""


def decode(data: bytes, colors: str, *, small: bool = False) -> NDArray[np.uint8]:
    """Decodes a JPEG with unusual sampling factors.

    Args:
        data: The file, as returned by `tintype.photo.formats.jpeg_mend.mended`.
        colors: "GRAY" for the luminance, or "RGB".
        small: Whether to shrink to about an eighth.

    Returns:
        (H, W, 1) or (H, W, 3).

    Raises:
        UnsupportedSamplingError: A component would have to be enlarged by a non-integer factor.
        ValueError: The file is damaged.
    """
    header = jpeg_segments.read_header(data)
    _check_factors(header)
    try:
        _check_end(data, header)
        picture = _decoded(data, colors)
    except OSError as error:
        raise ValueError(str(error)) from error
    if small:
        # The library can shrink while decoding, but not with all of these factors.
        picture = picture.reduce(_SHRUNK)
    return np.array(picture).reshape(picture.height, picture.width, -1)


def decode_lossless(data: bytes) -> Image.Image:
    """Decodes a JPEG whose pixels are predicted from their neighbours (frame ``FF C3``), 8-bit.

    Args:
        data: The file, without the metadata that may precede the frame.

    Returns:
        Mode "L" or "RGB".

    Raises:
        ValueError: The file is damaged.
    """
    try:
        _check_end(data, jpeg_segments.read_header(data))
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.load()
    except OSError as error:
        raise ValueError(str(error)) from error
    return image


def _check_factors(header: jpeg_segments.JpegHeader) -> None:
    across = [factor[1] for factor in header.factors]
    down = [factor[2] for factor in header.factors]
    if not across or min(*across, *down) < 1 or max(*across, *down) > 4:
        raise ValueError("its sampling factors make no sense")
    if any(max(across) % h or max(down) % v for h, v in zip(across, down, strict=True)):
        listed = ", ".join(f"{h}x{v}" for h, v in zip(across, down, strict=True))
        raise UnsupportedSamplingError(listed)


def _decoded(data: bytes, colors: str) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    mode = "L" if colors == "GRAY" else "RGB"
    # The Y plane itself, not the grey of RGB.
    image.draft(mode, image.size)
    return image.convert(mode)


def _digest(data: bytes) -> bytes:
    """Digest of all decoded components: two pictures in memory would be expensive."""
    return hashlib.sha256(_decoded(data, "RGB").tobytes()).digest()


def _check_end(data: bytes, header: jpeg_segments.JpegHeader) -> None:
    """Checks that the decoder needed all of the coded data and no more.

    More data after the last block must change nothing, and other data in place of the last bytes
    must change something. (In a progressive picture these are the least significant bits, which
    may be invisible.)

    Raises:
        ValueError: Data is missing or left over.
    """
    part = jpeg_scans.read(data, header.scan_header_at)
    if part.end is None or not part.scans:
        raise ValueError("its end is missing")
    coded, behind = data[: part.end - 2], data[part.end - 2 :]
    whole = _digest(data)
    if _digest(coded + _NONSENSE + behind) != whole:
        raise ValueError("premature end of its coded data")
    last_scan, last_header = part.scans[-1]
    cut = len(coded) - len(_NONSENSE)
    if header.frame == _PROGRESSIVE or cut < last_scan + 4 + len(last_header):
        return
    try:
        other = _digest(coded[:cut] + _NONSENSE + behind)
    except OSError:
        return
    if other == whole:
        raise ValueError("coded data is left over")
