"""The pixels of a JPEG, decoded and encoded by libjpeg-turbo.

Only the luminance is decoded, which costs a third of decoding to RGB and returns Y' before any
rounding through RGB. Grey and half-size chroma are passed to the encoder as planes.
"""

from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from tintype.photo.formats import jpeg_fallback, jpeg_mend
from tintype.photo.photo import HalfChroma, rgb_to_grey

# TurboJPEG's message about sampling factors that it does not support.
_UNKNOWN_SAMPLING = "Could not determine subsampling"

# Mean |Y - Y'| of a written file on a sample of its blocks; the promise is 0.5 overall.
_MEAN_ERROR = 0.4
_QUALITIES = (95, 96, 97, 98, 99, 100)
_BLOCK = 64
_MOST_PADDINGS = 2  # before restarts, and before the end
_SAMPLES_A_SIDE = 6


@dataclass(frozen=True, slots=True)
class DecodedPixels:
    """The result of decoding a file.

    Attributes:
        pixels: (H, W, 1) or (H, W, 3).
        data: The bytes that the decoder accepted: the file, or one from `jpeg_mend.mended`.
        notes: Irregularities in the file that affect no pixel, as sentences.
    """

    pixels: NDArray[np.uint8]
    data: bytes
    notes: tuple[str, ...] = ()


def read(data: bytes, colors: str, *, least: int = 0) -> DecodedPixels:
    """Decodes a JPEG; damage is an error, harmless deviations from the standard are not.

    Args:
        data: The file.
        colors: "GRAY" for the luminance, "RGB" or "CMYK".
        least: Shrink as far as the decoder can while each side keeps this many pixels; 0 disables
            it.

    Returns:
        The pixels, and the file as it was decoded.

    Raises:
        ValueError: The file is damaged.
        UnsupportedSamplingError: It has sampling factors that no decoder here supports.
    """
    try:
        return DecodedPixels(_simplejpeg(data, colors, least=least, strict=True), data)
    except ValueError:
        given, notes = jpeg_mend.mended(data)
    for attempt in range(_MOST_PADDINGS + 1):
        try:
            pixels = _simplejpeg(given, colors, least=least, strict=True)
            return DecodedPixels(pixels, given, notes)
        except ValueError as error:
            warning = str(error)
        if _UNKNOWN_SAMPLING in warning:
            pixels = jpeg_fallback.decode(given, colors, small=least > 0)
            return DecodedPixels(pixels, given, notes)
        shorter = jpeg_mend.without_padding(given, warning)
        if shorter is None or attempt == _MOST_PADDINGS:
            break
        given, notes = shorter[0], (*notes, shorter[1])
    if not jpeg_mend.is_harmless(warning):
        raise ValueError(warning)
    return DecodedPixels(_simplejpeg(given, colors, least=least, strict=False), given, notes)


def decode(data: bytes, colors: str, *, least: int = 0) -> NDArray[np.uint8]:
    """The pixels returned by `read`."""
    return read(data, colors, least=least).pixels


def _simplejpeg(data: bytes, colors: str, *, least: int, strict: bool) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, colorspace=colors, min_height=least, min_width=least, strict=strict
    )
    return pixels


def decode_luminance(data: bytes) -> NDArray[np.uint8]:
    """The Y plane of a JPEG as stored, (H, W)."""
    return decode(data, "GRAY")[..., 0]


def decode_rgb(data: bytes) -> NDArray[np.uint8]:
    """A JPEG written by this process, as (H, W, 3)."""
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
    return pixels


def decode_small(data: bytes, least: tuple[int, int]) -> NDArray[np.uint8]:
    """A JPEG written by this process, shrunk while it is decoded.

    Args:
        data: The file.
        least: Minimum (height, width) of the result.

    Returns:
        (h, w, 3).
    """
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data,
        colorspace="RGB",
        fastdct=True,
        fastupsample=True,
        min_height=least[0],
        min_width=least[1],
    )
    return pixels


def encode_planes(grey: NDArray[np.uint8], chroma: HalfChroma) -> bytes:
    """Encodes a grey with half-size chroma: the grey samples reach the encoder unchanged.

    Args:
        grey: (H, W).
        chroma: Its planes.

    Returns:
        A JPEG without metadata.
    """
    height, width = grey.shape
    if height % 2 or width % 2:
        # For an odd side the encoder reads one sample beyond the edge, whatever is there. Pass a
        # copy of the last one, as a view, so the file has the size of the photo.
        even = np.pad(grey, ((0, height % 2), (0, width % 2)), mode="edge")
        luma = even[:height, :width]
    else:
        luma = np.ascontiguousarray(grey)
    data: bytes = simplejpeg.encode_jpeg_yuv_planes(
        Y=luma,
        U=np.ascontiguousarray(chroma.cb),
        V=np.ascontiguousarray(chroma.cr),
        quality=quality_for(grey),
    )
    return data


def encode_pixels(pixels: NDArray[np.uint8]) -> bytes:
    """Encodes a grey (H, W) or RGB (H, W, 3) picture, chroma at full size.

    Returns:
        A JPEG without metadata.
    """
    grey = pixels.ndim == 2
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels[..., None] if grey else pixels),
        quality=quality_for(pixels if grey else rgb_to_grey(pixels)),
        colorspace="GRAY" if grey else "RGB",
        colorsubsampling="Gray" if grey else "444",
    )
    return data


def quality_for(grey: NDArray[np.uint8]) -> int:
    """The lowest quality from 95 up that keeps the grey within the promise.

    A sample of blocks on the 8-pixel grid is encoded and read back: they become exactly the blocks
    of the whole file. A fixed quality would have to be 99, for the noisiest scan; most photos, and
    all that were JPEGs before, need less.

    Args:
        grey: (H, W).

    Returns:
        95 to 100.
    """
    rows, columns = (
        np.unique(np.linspace(0, max(0, side - _BLOCK) // 8, _SAMPLES_A_SIDE).astype(int)) * 8
        for side in grey.shape
    )
    blocks = np.block(
        [[grey[y : y + _BLOCK, x : x + _BLOCK] for x in columns.tolist()] for y in rows.tolist()]
    )
    sample = np.ascontiguousarray(blocks)[..., None]
    for quality in _QUALITIES[:-1]:
        data = simplejpeg.encode_jpeg(sample, quality, "GRAY", "Gray")
        back = simplejpeg.decode_jpeg(data, colorspace="GRAY")
        if float(np.abs(back.astype(np.int16) - sample).mean()) <= _MEAN_ERROR:
            return quality
    return _QUALITIES[-1]
