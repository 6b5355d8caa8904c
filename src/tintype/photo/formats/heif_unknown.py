"""What AVIF and HEIC files contain besides the picture and its metadata.

Sources: ISO/IEC 14496-12 sections 8.11 (meta box and items), ISO/IEC 23008-12 sections 6 and 9
(items, properties, entity groups).
"""

import struct
from collections.abc import Iterator

from tintype.photo.formats.iso_boxes import IsoBox, read_boxes
from tintype.photo.parts import UnknownParts, shown_name

_CONTAINER = frozenset({b"ftyp", b"meta", b"mdat", b"free", b"skip"})
_META = frozenset({b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat", b"free", b"dinf"})
# Coded pictures, pictures derived from several, and metadata that the decoder returns.
_ITEMS = frozenset({b"av01", b"hvc1", b"hvc2", b"grid", b"iden", b"iovl", b"Exif"})
_XMP_TYPE = b"application/rdf+xml"
_PROPERTIES = frozenset({
    b"ispe", b"pixi", b"colr", b"av1C", b"hvcC", b"irot", b"imir", b"clap", b"pasp", b"auxC",
    b"a1op", b"a1lx", b"lsel", b"free",
})  # fmt: skip
_LIGHT_STEPS = 10_000  # per cd/m2
_ALPHA = (b"auxiliary:alpha", b"auxid:1")


def read_unknown(data: bytes, unknown: UnknownParts) -> None:
    """Sorts the parts that no decoder returns.

    Boxes beside the picture are carried, because nothing in them is addressed by its position in
    the file. The contents of the item box belong to pictures that are not written.

    Args:
        data: The file.
        unknown: Receives the parts.
    """
    for box in read_boxes(data):
        if box.kind == b"meta":
            _read_meta(box.body, unknown)
        elif box.kind not in _CONTAINER:
            unknown.carry(f"box {shown_name(box.kind)}", box.kind, box.body)


def stated_profile(data: bytes, notes: list[str]) -> bytes | None:
    """A profile for the code points that a picture states; None for sRGB and if none are stated.

    Args:
        data: The file.
        notes: Receives a sentence if they cannot be honoured.
    """
    from tintype.photo.metadata import color_space, hdr

    points, peak = _code_points(data)
    if points is None:
        return None
    try:
        profile = color_space.of_code_points(*points, peak)
    except color_space.UnusableColorsError as error:
        notes.append(f"Its colours are stated by {error}: the pixels are treated as sRGB.")
        return None
    if points[1] in hdr.NAMES:
        notes.append(hdr.note(points[1], peak))
    return profile


def _code_points(data: bytes) -> tuple[tuple[int, int] | None, float | None]:
    """Primaries and transfer function of the first colour property that has them (12.1.5).

    Also the light of the brightest pixel in cd/m2, from the first light property (12.1.6, 12.1.7).
    """
    from tintype.photo.metadata import hdr

    points, brightest, mastering = None, 0.0, 0.0
    for box in _properties(data):
        if box.kind == b"colr" and box.body[:4] == b"nclx" and len(box.body) > 8:
            primaries, transfer = struct.unpack_from(">HH", box.body, 4)
            points = points or (primaries, transfer)
        elif box.kind == b"clli" and len(box.body) >= 4:
            brightest = brightest or float(int.from_bytes(box.body[:2], "big"))
        elif box.kind == b"mdcv" and len(box.body) >= 24:
            mastering = mastering or int.from_bytes(box.body[16:20], "big") / _LIGHT_STEPS
    return points, hdr.stated_peak(brightest, mastering)


def _properties(data: bytes) -> Iterator[IsoBox]:
    """The properties of all items."""
    for meta in read_boxes(data):
        if meta.kind != b"meta":
            continue
        for outer in read_boxes(meta.body, 4):
            if outer.kind != b"iprp":
                continue
            for inner in read_boxes(outer.body):
                if inner.kind == b"ipco":
                    yield from read_boxes(inner.body)


def _read_meta(body: bytes, unknown: UnknownParts) -> None:
    for box in read_boxes(body, 4):
        if box.kind == b"iinf":
            for entry in read_boxes(box.body, 8 if box.body[:1] != b"\0" else 6):
                _read_item(entry.body, unknown)
        elif box.kind == b"iprp":
            for part in read_boxes(box.body):
                if part.kind == b"ipco":
                    _read_properties(part.body, unknown)
        elif box.kind not in _META:
            unknown.leave(f"box {shown_name(box.kind)}")


def _read_item(entry: bytes, unknown: UnknownParts) -> None:
    """One item by its kind, and its media type if it has one (8.11.6)."""
    at = 6 + (4 if entry[:1] >= b"\3" else 2)
    kind = entry[at : at + 4]
    if kind == b"mime":
        media_type = entry[at + 4 :].partition(b"\0")[2].partition(b"\0")[0]
        if media_type != _XMP_TYPE:
            unknown.leave(f"item {shown_name(media_type)}")
    elif kind and kind not in _ITEMS:
        unknown.leave(f"item {shown_name(kind)}")


def _read_properties(body: bytes, unknown: UnknownParts) -> None:
    for box in read_boxes(body):
        if box.kind == b"auxC":
            name = box.body[4:].partition(b"\0")[0]
            if not name.endswith(_ALPHA):
                unknown.leave(f"auxiliary picture {shown_name(name.rpartition(b':')[2])}")
        elif box.kind not in _PROPERTIES:
            unknown.leave(f"property {shown_name(box.kind)}")
