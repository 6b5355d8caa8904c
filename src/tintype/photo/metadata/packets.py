"""The XMP packet of a file, and the provenance in it, without decoding a pixel."""

import io
import warnings

from PIL import AvifImagePlugin

from tintype.photo.formats import boxes, jpeg, png
from tintype.photo.formats.raw import READING_ERRORS
from tintype.photo.formats.registry import sniff
from tintype.photo.metadata import ifd
from tintype.photo.metadata.provenance import Provenance, provenance_from_json
from tintype.photo.metadata.xmp import provenance_json

_TIFF_XMP = 700


def read_provenance(data: bytes) -> Provenance | None:
    """Reads what `encode` wrote, from any format that has a place for it.

    Args:
        data: The file.

    Returns:
        None where the file says nothing, is damaged, or is no picture.
    """
    text = provenance_json(xmp_packet(data))
    return None if text is None else provenance_from_json(text)


def xmp_packet(data: bytes) -> bytes | None:
    """Finds the packet of a JPEG, PNG, TIFF (first page), WebP, AVIF or JPEG 2000 file.

    Args:
        data: The file.

    Returns:
        None where there is none, or the file is damaged before it.
    """
    kind = sniff(data)
    if kind == "JPEG":
        return jpeg.segments(data).xmp
    if kind == "PNG":
        return png.chunks(data).xmp
    if kind == "TIFF":
        return _tiff(data)
    if kind == "WEBP":
        return boxes.webp_header(data).xmp
    if kind == "JPEG2000":
        return boxes.jp2_metadata(data).xmp
    return _avif(data) if kind == "AVIF" else None


def _tiff(data: bytes) -> bytes | None:
    try:
        structure = ifd.open_structure(data)
        entry = structure.directory(structure.first).entries.get(_TIFF_XMP)
    except ifd.DamagedTagsError:
        return None
    return entry.data if entry else None


def _avif(data: bytes) -> bytes | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            packet = AvifImagePlugin.AvifImageFile(io.BytesIO(data)).info.get("xmp")
    except READING_ERRORS:
        return None
    return packet if isinstance(packet, bytes) else None
