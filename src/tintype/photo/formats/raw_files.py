"""Raw files of cameras and scanners, so that nobody takes their preview for the photograph.

Most are TIFF files whose first page is a small preview. What a sensor counted is in another
directory or in a block of the maker's own, in a form that needs developing: black level, white
balance, tone curve.

Known are, by their signature: Canon (CRW, CR2, CR3), Fujifilm (RAF), Kyocera Contax (RAW), Lytro
(LFP), Minolta (MRW), Olympus (ORF), Panasonic and Leica (RW2, RWL), Phase One (IIQ), RED (R3D),
Sigma (X3F); by a tag that finished pictures do not have: Adobe and all who write DNG (GPR of GoPro
among them), Hasselblad (3FR, FFF), Kodak (KDC), Leaf (MOS), Sony (ARW, SR2); and by the kind or the
compression of their pixels, whoever wrote them: Epson (ERF), Kodak (DCR), Mamiya (MEF), Nikon (NEF,
NRW), Pentax (PEF), Samsung (SRW), Sony (ARW) and others.

Sources: Adobe DNG 1.7 (tag 50706, photometric interpretations 32803 and 34892); TIFF/EP (ISO
12234-2); the signatures as libmagic and ExifTool 12.57 list them; compressions as libtiff and
ExifTool list them; tags of makers as ExifTool lists them for the first directory.
"""

from collections.abc import Iterable

from tintype.photo.formats import tiff_tags
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata.ifd import Directory, TiffStructure

_DNG_VERSION = 50706
# A color filter array, and linear raw.
_RAW_PIXELS = frozenset({32803, 34892})
# Of Sony, Samsung, Kodak, Nikon and Pentax; lossy DNG.
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 32772, 32867, 34713, 34892, 65000, 65535})
# Where makers put what a sensor counted, or how to read it.
_RAW_TAGS = {
    _DNG_VERSION: "DNG",
    28672: "ARW",  # SonyRawFileType
    34310: "MOS",  # LeafData
    46275: "3FR",  # HasselbladRawImage
    65024: "KDC",  # KDC_IFD
}
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
# With where the first directory begins, or the pixels of an ordinary TIFF could be taken for one.
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
    for directory in directories:
        for tag, name in _RAW_TAGS.items():
            if tag in directory.entries:
                _refuse(file, f" ({name})")
        pixels = tiff_tags.values(structure, directory, tiff_tags.PHOTOMETRIC, 1)[0]
        packing = tiff_tags.values(structure, directory, tiff_tags.COMPRESSION, 1)[0]
        if pixels in _RAW_PIXELS or packing in _RAW_COMPRESSIONS:
            _refuse(file, "")


def _refuse_by(signatures: tuple[tuple[int, bytes, str], ...], file: InputFile) -> None:
    for at, signature, name in signatures:
        if file.data.startswith(signature, at):
            _refuse(file, f" ({name})")


def _refuse(file: InputFile, name: str) -> None:
    file.refuse(
        f"is a raw file{name}",
        "Develop it first, in a raw converter, and save it as TIFF or JPEG.",
    )
