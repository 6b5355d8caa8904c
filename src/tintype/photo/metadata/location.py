"""Removes the location from a photograph's metadata."""

from dataclasses import replace

from tintype.photo.metadata import exif, iptc, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.parts import NamedText, listed
from tintype.photo.photo import Metadata, Photo

_RAW_PROFILE = "Raw profile type"  # how ImageMagick hides EXIF in PNG text
# Keywords of PNG texts that name a place, without the group that ImageMagick writes before them.
_PLACES = frozenset(
    {"city", "country", "countrycode", "coverage", "location", "state", "sublocation"}
)


def without_location(photo: Photo) -> Photo:
    """A photo without coordinates and place names in the metadata fields intended for them.

    Titles, captions, comments and keywords stay as written. A block that cannot be parsed is left
    out entirely, and so is anything unrecognised, such as a maker note: a location may be in it.
    The photo's notes report this.
    """
    meta = photo.meta
    notes = list(meta.notes)
    if exif.has_maker_note(meta.exif):
        notes.append("The camera's maker note is left out because it may contain a location.")
    try:
        tags = exif.without_location(meta.exif)
    except DamagedTagsError:
        tags = None
        notes.append("Its EXIF block is damaged, and left out because it may contain a location.")
    try:
        packet = xmp.without_location(meta.xmp)
    except xmp.DamagedXmpError:
        packet = None
        notes.append("Its XMP is damaged, and left out because it may contain a location.")
    captions, remarks = iptc.without_location(meta.iptc)
    notes += remarks
    text = tuple(text for text in meta.text if not _may_name_a_place(text))
    if meta.parts:
        names = listed(part.name for part in meta.parts)
        notes.append(f"Left out because they may contain a location: {names}.")
    cleaned: Metadata = replace(
        meta, exif=tags, xmp=packet, iptc=captions, text=text, parts=(), notes=tuple(notes)
    )
    return replace(photo, meta=cleaned)


def _may_name_a_place(text: NamedText) -> bool:
    keyword = text.keyword
    if keyword.startswith(_RAW_PROFILE):
        return True
    name = keyword.rpartition(":")[2].replace(" ", "").replace("-", "").lower()
    return name.startswith("gps") or name in _PLACES
