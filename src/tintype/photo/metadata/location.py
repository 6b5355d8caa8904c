"""Removes from a photograph where it was taken."""

from dataclasses import replace

from tintype.photo.metadata import exif, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.parts import listed
from tintype.photo.photo import Metadata, Photo

_RAW_PROFILE = "Raw profile type"  # how ImageMagick hides EXIF in PNG text


def without_location(photo: Photo) -> Photo:
    """A photo without coordinates in its metadata; place names in captions stay.

    A block that cannot be parsed is left out as a whole, and the photo's notes say so: it may hold
    coordinates.
    """
    meta = photo.meta
    notes = list(meta.notes)
    try:
        tags = exif.without_location(meta.exif)
    except DamagedTagsError:
        tags = None
        notes.append("Its EXIF block is damaged, and left out because it may hold a location.")
    try:
        packet = xmp.without_location(meta.xmp)
    except xmp.DamagedXmpError:
        packet = None
        notes.append("Its XMP is damaged, and left out because it may hold a location.")
    text = tuple(text for text in meta.text if not text.keyword.startswith(_RAW_PROFILE))
    if meta.parts:
        names = listed(part.name for part in meta.parts)
        notes.append(f"Left out, because a location may be in them: {names}.")
    cleaned: Metadata = replace(
        meta, exif=tags, xmp=packet, text=text, parts=(), notes=tuple(notes)
    )
    return replace(photo, meta=cleaned)
