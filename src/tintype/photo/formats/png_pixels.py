"""The pixels of a PNG, decoded and encoded with 8 or 16 bits.

Pillow decodes 16-bit RGB to 8 bits, but its unpackers can return either the high or the low bytes.
Two passes of C code yield all sixteen bits, interlaced or not, twenty times faster than unfiltering
Paeth rows in NumPy.

Source: PNG specification, third edition (W3C), sections 9 and 11.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin

from tintype import cancellation
from tintype.photo.formats import pillow
from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile
from tintype.photo.formats.png_chunks import SIGNATURE, PngChunks, write_chunk
from tintype.photo.photo import Pixels


def decode(file: InputFile, found: PngChunks) -> DecodedPage:
    """Decodes the pixels, 8 or 16 bits as stored.

    Args:
        file: For messages.
        found: The chunks of the file.

    Raises:
        UnreadablePhotoError: They are damaged.
    """
    if found.bits == 16 and found.kind != 0:
        return _decode_16(file, found)
    with file.reading():
        stream = io.BytesIO(b"".join(found.pixels))
        image: Image.Image = pillow.opened(PngImagePlugin.PngImageFile, stream, file)
        image.load()
        if found.kind == 0 and found.bits < 8 and found.transparent:
            # The file states it in its own range; the pixels have already been scaled to 0..255.
            transparent = int.from_bytes(found.transparent[:2], "big")
            image = image.convert("L")
            image.info["transparency"] = transparent * 255 // (2**found.bits - 1)
        picture, alpha = pillow.split_modes(image, file)
    return DecodedPage(picture, alpha)


# By colour type: the unpackers for high and low bytes. 16-bit grey with alpha has as many bytes per
# pixel as 8-bit RGBA, and the filters depend on nothing else.
_UNPACKERS = {2: ("RGB;16B", "RGB;16L"), 6: ("RGBA;16B", "RGBA;16L"), 4: ("RGBA", "")}


def _decode_16(file: InputFile, found: PngChunks) -> DecodedPage:
    """16-bit colour types 2, 4 and 6."""
    if found.kind not in _UNPACKERS:
        file.fail("its header is damaged")
    with file.reading():
        stream = b"".join(found.pixels)
        high, low = _UNPACKERS[found.kind]
        if found.kind == 4:
            both = _unpacked(file, stream, high)
            samples = np.ascontiguousarray(both).view(">u2").astype(np.uint16)
            return DecodedPage(np.ascontiguousarray(samples[..., 0]), samples[..., 1].copy())
        samples = _unpacked(file, stream, high).astype(np.uint16)
        samples <<= 8
        samples |= _unpacked(file, stream, low)
    rgb = np.ascontiguousarray(samples[..., :3])
    if found.kind == 6:
        return DecodedPage(rgb, samples[..., 3].copy())
    if found.transparent is not None and len(found.transparent) == 6:
        transparent = np.array(struct.unpack(">3H", found.transparent), np.uint16)
        alpha = np.where((rgb == transparent).all(-1), 0, 65_535).astype(np.uint16)
        return DecodedPage(rgb, alpha)
    return DecodedPage(rgb)


def _unpacked(file: InputFile, stream: bytes, rawmode: str) -> Pixels:
    image = pillow.opened(PngImagePlugin.PngImageFile, io.BytesIO(stream), file)
    # `load` would apply a transparent colour with 8 bits; here it has 16.
    image.tile = [image.tile[0]._replace(args=rawmode)]
    return np.asarray(image)


def encode(pixels: Pixels) -> bytes:
    """Encodes (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) with 8 or 16 bits.

    Returns:
        A PNG without metadata.
    """
    if pixels.dtype == np.uint8:
        stream = pillow.InSlices()
        # Level 1: level 6 takes five times as long and saves a few per cent.
        Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=1)
        return stream.getvalue()
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    worker = zlib.compressobj(1)
    body = [worker.compress(strip) for strip in _filtered(pixels.reshape(height, width, channels))]
    return b"".join(
        (
            SIGNATURE,
            write_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
            write_chunk(b"IDAT", b"".join([*body, worker.flush()])),
            write_chunk(b"IEND", b""),
        )
    )


def _filtered(pixels: Pixels, rows: int = 256) -> Iterator[bytes]:
    """Rows with filter 2 (Up) in strips: one subtraction, the best simple filter here."""
    height = pixels.shape[0]
    above = np.zeros((1, pixels.shape[1] * pixels.shape[2] * 2), np.uint8)
    for top in range(0, height, rows):
        cancellation.check()
        strip = pixels[top : top + rows].astype(">u2")
        bytes_ = strip.reshape(strip.shape[0], -1).view(np.uint8)
        out = np.empty((bytes_.shape[0], bytes_.shape[1] + 1), np.uint8)
        out[:, 0] = 2
        np.subtract(bytes_[:1], above, out=out[:1, 1:])
        np.subtract(bytes_[1:], bytes_[:-1], out=out[1:, 1:])
        above = bytes_[-1:].copy()
        yield out.tobytes()
