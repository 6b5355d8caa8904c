"""The list of formats, and how one is found: by name, by file extension, by contents.

Everything about a format is in its own module. A new format is that module and a line here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tintype.photo.formats.avif import AVIF
from tintype.photo.formats.bmp import BMP
from tintype.photo.formats.codec import COLUMNS, Codec, Column
from tintype.photo.formats.gif import GIF
from tintype.photo.formats.heic import HEIC
from tintype.photo.formats.jpeg import JPEG
from tintype.photo.formats.jpeg2000 import JPEG2000
from tintype.photo.formats.png import PNG
from tintype.photo.formats.ppm import PPM
from tintype.photo.formats.tiff import TIFF
from tintype.photo.formats.webp import WEBP

# In the order of the printed table. Contents are matched in this order too: an AVIF file may also
# list the brands of HEIC.
CODECS: tuple[Codec, ...] = (JPEG, PNG, TIFF, WEBP, AVIF, JPEG2000, BMP, PPM, HEIC, GIF)

FORMATS: Mapping[str, Codec] = MappingProxyType({codec.name: codec for codec in CODECS})
"""Every format that can be read; those with a `write` function can also be written."""

_BY_SUFFIX = {suffix: codec.name for codec in CODECS for suffix in codec.suffixes}


def format_of_suffix(suffix: str) -> str | None:
    """The format that a file extension implies.

    Args:
        suffix: With its dot, in any case.

    Returns:
        A key of `FORMATS`, or None.
    """
    return _BY_SUFFIX.get(suffix.lower())


def writable_format(name: str) -> str | None:
    """The format that a user names for the output.

    Args:
        name: Of the format, or one of its extensions with or without the dot; in any case.

    Returns:
        A key of `FORMATS`, or None if it is unknown or can only be read.
    """
    typed = name.lower().removeprefix(".")
    found = next((key for key in FORMATS if key.lower() == typed), None)
    found = found or format_of_suffix(f".{typed}")
    return found if found in writable_formats() else None


def writable_formats() -> tuple[str, ...]:
    """Keys of the formats that can be written."""
    return tuple(codec.name for codec in CODECS if codec.write is not None)


def sniff(data: bytes) -> str | None:
    """The format of a file, judging by its first bytes: names may be wrong, contents are not.

    Args:
        data: The file, or at least its first 512 bytes.

    Returns:
        A key of `FORMATS`, or None for anything else.
    """
    return next((codec.name for codec in CODECS if codec.sniff(data)), None)


def codec_of_pillow(name: str | None) -> Codec | None:
    """The codec for the format that Pillow found.

    Args:
        name: Pillow's name; an MPO begins with a JPEG, and a DIB is a BMP without its first header.
    """
    return FORMATS.get({"MPO": "JPEG", "DIB": "BMP"}.get(name or "", name or ""))


def readable_titles() -> str:
    """The readable formats, as a list in a sentence: ``JPEG, PNG and GIF``."""
    *titles, last = (codec.title for codec in CODECS)
    return f"{', '.join(titles)} and {last}"


def reads(codec: Codec) -> frozenset[Column]:
    """What is read from a file of a format."""
    return codec.carries if codec.reads is None else codec.reads


def _cell(codec: Codec, target: Codec, column: Column) -> str:
    """What becomes of a property when a file of one format is written in another."""
    if column == "provenance":
        return "yes" if column in target.carries else ""
    if column not in reads(codec):
        return ""
    if column == "comment" and column not in target.carries:
        return "as text" if "PNG text" in target.carries else "named"
    if column == "unknown parts" and codec is not target:
        return "named"
    return "yes" if column in target.carries else "named"


def accepted_types() -> tuple[str, ...]:
    """Readable formats as MIME types and extensions, for the ``accept`` of a file chooser."""
    found = [name for codec in CODECS for name in (codec.mime, *codec.suffixes)]
    return tuple(dict.fromkeys(found))


def table_markdown() -> str:
    """The table of docs/reference/formats.md."""
    head = ["format", "endings", "written as", *COLUMNS, "remarks"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for codec in CODECS:
        target = FORMATS[codec.writes]
        cells = [_cell(codec, target, column) for column in COLUMNS]
        endings = " ".join(f"`{suffix}`" for suffix in codec.suffixes)
        lines.append(
            "| " + " | ".join([codec.title, endings, target.title, *cells, codec.note]) + " |"
        )
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines) + "\n"
