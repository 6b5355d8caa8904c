"""The formats: how each is recognised, what it carries, and what is said when it cannot.

One table for everybody: decoding and encoding choose by it, the jobs take their file endings from
it, and the table of docs/reference/formats.md is made of it. Every cell of that table is checked by
a round trip in tests/photo/formats/test_registry.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

COLUMNS: tuple[str, ...] = (
    "grey 8",
    "grey 16",
    "RGB 16",
    "alpha",
    "ICC",
    "EXIF",
    "XMP",
    "DPI",
    "comment",
    "PNG text",
    "IPTC",
    "pages",
    "provenance",
)
"""What a format may carry, in the order of the printed table."""


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Attributes:
        name: Key of `FORMATS`.
        title: What people call it.
        suffixes: File endings in lower case with the dot; the first is the usual one.
        writes: The format that a coloured picture of this format is written in by default.
        carries: The columns of `COLUMNS` that a written file keeps.
        max_side: The longest side in pixels that the written format allows.
        note: A remark for the printed table.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    writes: str
    carries: frozenset[str]
    max_side: int
    note: str = ""


def _format(
    name: str,
    title: str,
    suffixes: str,
    carries: str,
    *,
    writes: str = "",
    max_side: int = 2**31 - 1,
    note: str = "",
) -> tuple[str, Format]:
    columns = frozenset(column.strip() for column in carries.split(",") if column.strip())
    unknown = columns - set(COLUMNS)
    if unknown:
        raise ValueError(f"unknown columns {sorted(unknown)}")
    endings = tuple(f".{suffix}" for suffix in suffixes.split())
    return name, Format(name, title, endings, writes or name, columns, max_side, note)


FORMATS: Mapping[str, Format] = MappingProxyType(
    dict(
        (
            _format(
                "JPEG",
                "JPEG",
                "jpg jpeg jpe jfif mpo",
                "grey 8, ICC, EXIF, XMP, DPI, comment, IPTC, provenance",
                max_side=65_500,
                note="of an MPO the first picture is coloured, and that is said",
            ),
            _format(
                "PNG",
                "PNG",
                "png",
                "grey 8, grey 16, RGB 16, alpha, ICC, EXIF, XMP, DPI, PNG text, provenance",
                note="animations (APNG) are refused",
            ),
            _format(
                "TIFF",
                "TIFF",
                "tif tiff",
                "grey 8, grey 16, RGB 16, alpha, ICC, EXIF, XMP, DPI, IPTC, pages, provenance",
                note="written uncompressed where the source was, otherwise with deflate",
            ),
            _format(
                "WEBP",
                "WebP",
                "webp",
                "grey 8, alpha, ICC, EXIF, XMP, DPI, provenance",
                max_side=16_383,
                note="lossless where the source was; animations are refused",
            ),
            _format(
                "AVIF",
                "AVIF",
                "avif",
                "grey 8, alpha, ICC, EXIF, XMP, DPI, provenance",
                max_side=65_535,
                note="10 and 12 bits are read as 8, and that is said; animations are refused",
            ),
            _format(
                "JPEG2000",
                "JPEG 2000",
                "jp2 j2k j2c jpx jpf",
                "grey 8, alpha, ICC, EXIF, XMP, DPI, comment, provenance",
                note="written lossless, in JP2 boxes; 16-bit grey is read, written with 8 bits",
            ),
            _format("BMP", "BMP", "bmp dib", "grey 8, DPI"),
            _format("PPM", "PPM, PGM, PBM", "ppm pgm pbm pnm", "grey 8, grey 16, RGB 16"),
            _format(
                "HEIC", "HEIC", "heic heif hif", "", writes="AVIF", note="needs the heic extra"
            ),
            _format("GIF", "GIF", "gif", "", writes="PNG", note="animations are refused"),
        )
    )
)
"""Every format that can be read; those whose `writes` is themselves can also be written."""

_BY_SUFFIX = {suffix: form.name for form in FORMATS.values() for suffix in form.suffixes}


def format_of_suffix(suffix: str) -> str | None:
    """The format that a file ending promises.

    Args:
        suffix: With its dot, any case.

    Returns:
        A key of `FORMATS`, or None.
    """
    return _BY_SUFFIX.get(suffix.lower())


def writable_formats() -> tuple[str, ...]:
    """Keys of the formats that can be written."""
    return tuple(form.name for form in FORMATS.values() if form.writes == form.name)


_BRANDS_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif")
_BRANDS_AVIF = (b"avif", b"avis")


def sniff(data: bytes) -> str | None:
    """The format of a file by its first bytes: names lie, contents do not.

    Args:
        data: The file, or at least its first 512 bytes.

    Returns:
        A key of `FORMATS`, or None for anything else.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return "TIFF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")):
        return "JPEG2000"
    if data.startswith(b"BM") and len(data) > 26:
        return "BMP"
    if len(data) > 2 and data[:1] == b"P" and data[1] in b"123456" and data[2] in b" \t\r\n#":
        return "PPM"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return _sniff_brands(data) if data[4:8] == b"ftyp" else None


def _sniff_brands(data: bytes) -> str | None:
    """AVIF or HEIC by the brands of ISO/IEC 14496-12 (`ftyp`)."""
    length = min(int.from_bytes(data[:4], "big"), 512)
    brands = [data[8:12], *(data[i : i + 4] for i in range(16, length, 4))]
    # The coding brands decide; the container brands mif1 and msf1 say nothing about the codec.
    if any(brand in _BRANDS_AVIF for brand in brands):
        return "AVIF"
    return "HEIC" if any(brand in _BRANDS_HEIC for brand in brands) else None


def table_markdown() -> str:
    """The table of docs/reference/formats.md."""
    head = ["format", "endings", "written as", *COLUMNS, "remarks"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for form in FORMATS.values():
        target = FORMATS[form.writes]
        cells = ["yes" if column in target.carries else "" for column in COLUMNS]
        endings = " ".join(f"`{suffix}`" for suffix in form.suffixes)
        lines.append(
            "| " + " | ".join([form.title, endings, target.title, *cells, form.note]) + " |"
        )
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines) + "\n"
