"""Raw files of cameras and scanners, refused so their preview is not taken for the photograph.

Most are TIFF files whose first page is a small preview. The sensor data is in another directory or
in a block of the maker's own, in a form that needs developing: black level, white balance, tone
curve.

These are recognised by their signature: Canon (CRW, CR2, CR3), Fujifilm (RAF), Kyocera Contax
(RAW), Lytro (LFP), Minolta (MRW), Olympus (ORF), Panasonic and Leica (RW2, RWL), Phase One (IIQ),
RED (R3D), Sigma (X3F). By the kind or compression of their pixels, whoever wrote them: all DNG
files (including GoPro's GPR), Epson (ERF), Kodak (DCR), Mamiya (MEF), Nikon (NEF, NRW), Pentax
(PEF), Samsung (SRW), Sony (ARW) and others. By a tag of the maker's own together with its location:
DNG, Hasselblad (3FR, FFF), Kodak (KDC), Leaf (MOS), Sony (ARW, SR2).

Such a tag alone does not make a raw file: programs that copy all metadata copy it into the finished
TIFF. There the page that contains it is the photograph, and nothing large is stored beside its
pixels.

Sources: Adobe DNG 1.7 (tag 50706, photometric interpretations 32803 and 34892); TIFF/EP (ISO
12234-2); the signatures listed by libmagic and ExifTool 12.57; compressions listed by libtiff and
ExifTool; makers' tags listed by ExifTool for the first directory.
"""

from collections.abc import Iterable

from tintype.photo.formats import tiff_tags
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata.ifd import Directory, TiffStructure

_DNG_VERSION = 50706
_REDUCED = 1  # in NewSubfileType
# Photometric interpretations: colour filter array, and linear raw.
_RAW_PIXELS = frozenset({32803, 34892})
# Compressions of Sony, Samsung, Kodak, Nikon and Pentax; lossy DNG.
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 32772, 32867, 34713, 34892, 65000, 65535})
# Where makers store sensor data, or how to read it.
_SONY_RAW_FILE_TYPE, _LEAF_DATA = 28672, 34310
_RAW_TAGS = {
    _DNG_VERSION: "DNG",
    _SONY_RAW_FILE_TYPE: "ARW",
    _LEAF_DATA: "MOS",
    46275: "3FR",  # HasselbladRawImage
    65024: "KDC",  # KDC_IFD
}
# With one of these, grey of more than 8 bits is sensor data: a tag, and how its value begins.
_WITH_GREY = {_SONY_RAW_FILE_TYPE: b"", _LEAF_DATA: b"PKTS"}
# Other contents allowed in a finished file, beside pixels and known tags: EXIF, previews.
_BESIDE = 1 << 16
_SIGNATURES = (
    (0, b"FUJIFILMCCD-RAW", "RAF"),
    (0, b"IIRO", "ORF"),
    (0, b"IIRS", "ORF"),
    (0, b"MMOR", "ORF"),
    (0, b"IIU\0", "RW2"),
    (0, b"FOVb", "X3F"),
    (0, b"\0MRM", "MRW"),
    (4, b"ftypcrx ", "CR3"),
    (6, b"HEAPCCDR", "CRW"),
    (25, b"ARECOYK", "RAW"),
    (4, b"RED1", "R3D"),
    (4, b"RED2", "R3D"),
    (0, b"\x89LFP\r\n\x1a\n", "LFP"),
)
# Including the offset of the first directory, or the pixels of an ordinary TIFF could match.
_TIFF_SIGNATURES = (
    (4, b"\x10\0\0\0CR\2", "CR2"),
    (8, b"IIIITwaR", "IIQ"),
    (8, b"MMMMRawT", "IIQ"),
)


def refuse_by_signature(file: InputFile) -> None:
    """Refuses a raw file that no codec would recognise.

    Raises:
        UnsupportedPhotoError: It is one.
    """
    _refuse_by(_SIGNATURES, file)


def refuse_by_tags(
    file: InputFile, structure: TiffStructure, directories: Iterable[Directory]
) -> None:
    """Refuses a raw file that is a TIFF.

    Args:
        file: For messages.
        structure: Its tags.
        directories: All pages, and the directories below them.

    Raises:
        UnsupportedPhotoError: It is one.
    """
    _refuse_by(_TIFF_SIGNATURES, file)
    directories = list(directories)
    for directory in directories:
        for tag, name in _RAW_TAGS.items():
            if tag in directory.entries and (
                _is_raw_page(structure, directory, tag)
                or _hidden_bytes(file, structure, directories) > _BESIDE
            ):
                _refuse(file, f" ({name})")
        pixels = tiff_tags.values(structure, directory, tiff_tags.PHOTOMETRIC, 1)[0]
        packing = tiff_tags.values(structure, directory, tiff_tags.COMPRESSION, 1)[0]
        if pixels in _RAW_PIXELS or packing in _RAW_COMPRESSIONS:
            _refuse(file, "")


def _is_raw_page(structure: TiffStructure, directory: Directory, tag: int) -> bool:
    """Whether a page with a maker's tag is a preview, or sensor data."""
    if tiff_tags.values(structure, directory, tiff_tags.SUBFILE, 0)[0] & _REDUCED:
        return True
    if tag not in _WITH_GREY or not directory.entries[tag].data.startswith(_WITH_GREY[tag]):
        return False
    samples = tiff_tags.values(structure, directory, tiff_tags.SAMPLES, 1)[0]
    return samples == 1 and tiff_tags.values(structure, directory, tiff_tags.BITS, 1)[0] > 8


def _hidden_bytes(file: InputFile, structure: TiffStructure, directories: list[Directory]) -> int:
    """Bytes outside all pages and known tags, minus the bytes of the pixels of all pages."""
    pixels = known = 0
    for directory in directories:
        known += directory.size
        known += sum(
            len(entry.data) for tag, entry in directory.entries.items() if tag not in _RAW_TAGS
        )
        pixels += _stored_bytes(structure, directory)
    return len(file.data) - known - 2 * pixels


def _stored_bytes(structure: TiffStructure, directory: Directory) -> int:
    """Stored bytes of the pixels of a page."""
    for tag in (tiff_tags.TILE_COUNTS, tiff_tags.STRIP_COUNTS):
        if tag in directory.entries:
            return sum(tiff_tags.table(structure, directory, tag, tiff_tags.MAX_BLOCKS))
    width, height, samples, bits = (
        tiff_tags.values(structure, directory, tag, default)[0]
        for tag, default in (
            (tiff_tags.WIDTH, 0),
            (tiff_tags.HEIGHT, 0),
            (tiff_tags.SAMPLES, 1),
            (tiff_tags.BITS, 1),
        )
    )
    return width * height * samples * bits // 8


def _refuse_by(signatures: tuple[tuple[int, bytes, str], ...], file: InputFile) -> None:
    for at, signature, name in signatures:
        if file.data.startswith(signature, at):
            _refuse(file, f" ({name})")


def _refuse(file: InputFile, name: str) -> None:
    file.refuse(
        f"is a raw file{name}",
        "Develop it first, in a raw converter, and save it as TIFF or JPEG.",
    )
