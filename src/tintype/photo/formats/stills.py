"""The formats that Pillow decodes whole: WebP, AVIF, JPEG 2000, BMP, PPM, GIF; HEIC by its extra.

Pillow's classes are called directly instead of `Image.open`: that is the allow-list, and it leaves
the size limit to us (`Image.open` has one of its own, in a variable shared by the whole process).
"""

import io
import math
import re
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    PpmImagePlugin,
    WebPImagePlugin,
)

from tintype.photo.formats import av1, boxes
from tintype.photo.formats.raw import Raw, Source, split_modes
from tintype.photo.metadata import exif

# Tiles of JPEG 2000: the decoder takes kilobytes for each before it reads the first, and a picture
# has none that are smaller than 64 x 64 except a few.
_TILES = 64
_TILE_PIXELS = 64 * 64


def _open(kind: type[ImageFile.ImageFile], source: Source) -> ImageFile.ImageFile:
    """Opens a file and checks its size, before a pixel is decoded."""
    with source.reading():
        image = kind(io.BytesIO(source.data))
    source.check_size(*image.size)
    with source.reading():
        # Not how many frames there are: to count those of a GIF, all of it would be read.
        animated = bool(getattr(image, "is_animated", False))
    if animated:
        source.refuse("is an animation", "Save the frame you want as a still picture.")
    return image


def _pixels(image: ImageFile.ImageFile, source: Source) -> Raw:
    with source.reading():
        image.load()
        picture, alpha = split_modes(image, source)
    raw = Raw(picture, alpha)
    icc = image.info.get("icc_profile")
    raw.icc = icc if isinstance(icc, bytes) and icc else None
    block = image.info.get("exif")
    raw.exif = exif.without_prefix(block) if isinstance(block, bytes) and block else None
    packet = image.info.get("xmp")
    raw.xmp = packet if isinstance(packet, bytes) and packet else None
    dpi = image.info.get("dpi")
    if isinstance(dpi, tuple) and len(dpi) == 2 and min(dpi) > 0:
        raw.dpi = float(dpi[0]), float(dpi[1])
    raw.dpi = raw.dpi or exif.resolution(raw.exif)
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        raw.comment = comment.rstrip(b"\0").decode("utf-8", "surrogateescape") or None
    return raw


def _webp(source: Source) -> Raw:
    head = boxes.webp_header(source.data)
    if head.animated:
        source.refuse("is an animation", "Save the frame you want as a still picture.")
    # The decoder takes memory for the whole picture as soon as it is opened.
    source.check_size(head.width, head.height)
    raw = _pixels(_open(WebPImagePlugin.WebPImageFile, source), source)
    raw.packing = "lossless" if head.lossless else "lossy"
    return raw


def _avif(source: Source) -> Raw:
    if source.data[8:12] == b"avis":
        source.refuse("is an animation", "Save the frame you want as a still picture.")
    image = _open(AvifImagePlugin.AvifImageFile, source)
    pixels = av1.largest_frame(source.data)
    if pixels is None:
        source.fail("its structure makes no sense")
    source.check_pixels(pixels)
    raw = _pixels(image, source)
    # av1C (AV1-ISOBMFF section 2.3.3): in the byte after two come high_bitdepth and twelve_bit.
    found = re.search(rb"av1C\x81.(.)", source.data[: 1 << 16], re.DOTALL)
    if found and found[1][0] & 0x40:
        raw.notes = (f"Its {12 if found[1][0] & 0x20 else 10} bits a channel are read as 8.",)
    return raw


def _jpeg2000(source: Source) -> Raw:
    about = boxes.jp2_metadata(source.data)
    image = _open(Jpeg2KImagePlugin.Jpeg2KImageFile, source)
    if boxes.most_tiles(source.data) > _TILES + math.prod(image.size) // _TILE_PIXELS:
        source.fail("its tiles make no sense")
    raw = _pixels(image, source)
    raw.icc, raw.exif, raw.xmp = about.icc, about.exif, about.xmp
    raw.dpi = raw.dpi or exif.resolution(raw.exif)
    # The pixels of JPEG 2000 are upright; EXIF in it speaks of the file it was made from.
    raw.orientation = 1
    if about.bits > 8 and about.components > 1:
        raw.notes = (f"Its {about.bits} bits a channel are read as 8: convert it to TIFF first.",)
    if raw.comment and "OpenJPEG" in raw.comment:
        raw.comment = None  # the encoder's own signature
    return raw


def _bmp(source: Source) -> Raw:
    return _pixels(_open(BmpImagePlugin.BmpImageFile, source), source)


_PPM_HEAD = re.compile(
    rb"P([56])(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,5})\s"
)


def _ppm(source: Source) -> Raw:
    """PBM, PGM and PPM; two bytes a sample are read here, as Pillow halves them in colour."""
    head = _PPM_HEAD.match(source.data[:4096])
    if head is None or int(head[4]) < 256:
        return _pixels(_open(PpmImagePlugin.PpmImageFile, source), source)
    width, height, top = (int(head[i]) for i in (2, 3, 4))
    source.check_size(width, height)
    if top > 65_535:
        source.fail("its header is damaged")
    channels = 3 if head[1] == b"6" else 1
    count = width * height * channels
    if len(source.data) - head.end() < 2 * count:
        source.fail("the file ends too early")
    samples = np.frombuffer(source.data, ">u2", count, head.end()).astype(np.uint16)
    if top != 65_535:
        wide = np.minimum(samples, top).astype(np.uint32) * 65_535 + top // 2
        samples = (wide // top).astype(np.uint16)
    shape = (height, width, 3) if channels == 3 else (height, width)
    return Raw(samples.reshape(shape))


def _gif(source: Source) -> Raw:
    return _pixels(_open(GifImagePlugin.GifImageFile, source), source)


def _heic(source: Source) -> Raw:
    try:
        import pi_heif
    except ImportError:
        source.refuse(
            "is a HEIC photograph, which needs an extra", 'Type: pip install "tintype[heic]"'
        )
    with source.reading():
        file = pi_heif.open_heif(io.BytesIO(source.data), convert_hdr_to_8bit=True)
        first = file[file.primary_index]
    source.check_size(*first.size)
    with source.reading():
        picture, alpha = split_modes(first.to_pillow(), source)
    raw = Raw(picture, alpha)
    raw.icc = first.info.get("icc_profile") or None
    block = first.info.get("exif")
    raw.exif = exif.without_prefix(block) if block else None
    raw.xmp = first.info.get("xmp") or None
    raw.dpi = exif.resolution(raw.exif)
    raw.orientation = 1  # libheif has turned the pixels
    notes = []
    if len(file) > 1:
        notes.append(f"The file holds {len(file)} pictures; only the main one is coloured.")
    if int(first.info.get("bit_depth", 8)) > 8:
        notes.append(f"Its {first.info['bit_depth']} bits a channel are read as 8.")
    raw.notes = tuple(notes)
    return raw


READERS: Mapping[str, Callable[[Source], Raw]] = MappingProxyType(
    {
        "WEBP": _webp,
        "AVIF": _avif,
        "JPEG2000": _jpeg2000,
        "BMP": _bmp,
        "PPM": _ppm,
        "GIF": _gif,
        "HEIC": _heic,
    }
)
"""By format."""


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encodes with Pillow.

    Args:
        image: The picture.
        kind: Pillow's name of the format.
        **options: Of that format's writer.

    Returns:
        The file.
    """
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # Writers look into the EXIF block they are given and complain of what is odd in it.
        warnings.simplefilter("ignore")
        image.save(stream, kind, **options)
    return stream.getvalue()
