"""The type of a file format: each format is described completely by a `Codec` in one module.

A codec decodes pages as stored in their container, and encodes pages that are ready to be written.
What all formats share is in `tintype.photo.decode` and `tintype.photo.encode`: profile, tone, grey
and orientation on reading; depth, transparency and provenance on writing.

The command lists the formats in its help, so a codec's module is imported long before a picture is
read: decoding and encoding libraries (NumPy, Pillow, libjpeg) are imported inside its functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tintype.photo.parts import NamedText, Part

if TYPE_CHECKING:
    from PIL import Image

    from tintype.photo.formats.input_file import InputFile
    from tintype.photo.photo import AttachedPage, Metadata, Photo, Pixels
    from tintype.photo.tone import FoundTone

Column = Literal[
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
    "unknown parts",
    "pages",
    "provenance",
]

COLUMNS: tuple[Column, ...] = get_args(Column)
"""What a format can carry, in the order of the printed table."""


@dataclass(slots=True)
class DecodedPage:
    """One page as stored in its container.

    Attributes:
        picture: 8 bits: a Pillow image of mode "L", "RGB" or "CMYK", or an (H, W) grey array.
            16 bits: (H, W), (H, W, 3) or, for CMYK, (H, W, 4) uint16.
        alpha: (H, W) of the same depth, or None.
        icc: Profile of these pixels.
        orientation: The container's own EXIF orientation; 1 if the pixels are already upright;
            None if only the metadata contains it.
        tone: None if it still has to be measured.
        exif: TIFF structure as found.
        xmp: Packet as found.
        dpi: This and the rest as in `Metadata`.
    """

    picture: "Image.Image | Pixels"
    alpha: "Pixels | None" = None
    icc: bytes | None = None
    orientation: int | None = None
    tone: "FoundTone | None" = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None
    text: tuple[NamedText, ...] = ()
    iptc: bytes | None = None
    parts: tuple[Part, ...] = ()
    attached: "tuple[AttachedPage, ...]" = ()
    packing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputMetadata:
    """Metadata ready to be written: the source's metadata merged with the provenance.

    Attributes:
        exif: TIFF structure.
        xmp: Packet.
        icc: Profile.
        dpi: Dots per inch; in `exif` too if the codec sets `dpi_in_exif`.
        comment: As in `Metadata`.
        text: As in `Metadata`.
        iptc: As in `Metadata`.
        parts: Parts for a file of this format.
        provenance_exif: The provenance alone, for a container that has no room for `exif`.
        provenance_xmp: The provenance alone, for a container that has no room for `xmp`.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None
    text: tuple[NamedText, ...] = ()
    iptc: bytes | None = None
    parts: tuple[Part, ...] = ()
    provenance_exif: bytes | None = None
    provenance_xmp: bytes | None = None


@dataclass(frozen=True, slots=True)
class OutputPage:
    """One page ready to be written.

    Attributes:
        photo: Its depth and transparency are supported by the format.
        metadata: Everything that is written with the pixels.
    """

    photo: "Photo"
    metadata: OutputMetadata


Sniff = Callable[[bytes], bool]
Check = Callable[["InputFile"], None]
Read = Callable[["InputFile", bool], list[DecodedPage]]
Write = Callable[[list[OutputPage], list[str]], bytes]
WriteExact = Callable[[OutputPage, bytes, list[str]], tuple[bytes, int]]


def _always(_meta: "Metadata") -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One file format.

    Attributes:
        name: Key of `tintype.photo.formats.registry.FORMATS`.
        title: Its common name.
        suffixes: File extensions in lower case with the dot; the first is the default.
        kept_suffixes: Extensions that a coloured file of this format keeps as the user spelled
            them. Those that promise something other than the written file (".pgm" a grey picture,
            ".mpo" several pictures) become the default instead.
        mime: Media type (RFC 6838).
        writes: Name of the format in which a coloured picture of this format is written by default;
            `name` if the codec has `write`.
        sniff: Whether the first 512 bytes of a file, or all of a shorter one, are of this format.
        read: Decodes the pages of a file. The flag requests colours, where decoding only the grey
            would be cheaper. Raises `UnreadablePhotoError`, `UnsupportedPhotoError` and
            `PhotoTooLargeError`.
        check: Refuses a file that would take a decoder far more time or memory than the size of its
            picture suggests; the errors are those of `read`, which calls it too. It is for readers
            that let Pillow decode. None if the size says everything.
        read_xmp: Finds the XMP packet of a file without decoding a pixel; returns None if there is
            none or the file is damaged before it. Formats that do not support XMP have no such
            function.
        write: Encodes pages, one unless `carries` has "pages", and appends a sentence to the list
            for everything that the file cannot hold. None for a format that is only read.
        write_exact: Encodes one page with the luminance coefficients of a source file of the same
            format, and returns the file and the number of blocks compared. None if the format does
            not support this.
        carries: What a written file keeps.
        reads: What is read from a file, for a format that is not written, or written with less.
        max_side: The longest side in pixels that the written format allows.
        half_chroma: Whether half-size chroma planes are stored unchanged.
        dpi_in_exif: Whether EXIF is the only place for dots per inch.
        grey_error: The most that the grey may differ from the source's on average, in steps of 255,
            if a file is not lossless.
        lossless: Whether a photo with these metadata keeps its grey exactly.
        note: A remark for the printed table.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    kept_suffixes: frozenset[str] = frozenset()
    mime: str
    writes: str
    sniff: Sniff
    read: Read
    check: Check | None = None
    read_xmp: Callable[[bytes], bytes | None] | None = None
    write: Write | None = None
    write_exact: WriteExact | None = None
    carries: frozenset[Column] = frozenset()
    reads: frozenset[Column] | None = None
    max_side: int = 2**31 - 1
    half_chroma: bool = False
    dpi_in_exif: bool = False
    grey_error: float = 0.0
    lossless: Callable[["Metadata"], bool] = _always
    note: str = ""
