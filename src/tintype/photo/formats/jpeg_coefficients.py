"""The DCT coefficients of a JPEG, read and written without decoding a pixel.

The libjpeg-turbo inside the package jpeglib (the extra ``exact``) does the work. Its shared library
is called only here, directly instead of through the package: the package's reader keeps application
segments in a table of fixed size, leaves copies of photographs in the temporary folder when its
process is killed, and selects its library for the whole process.

Its input is always reduced to what decoding needs, and only after the ordinary decoder has accepted
all of it (`tintype.photo.formats.jpeg_pixels`).

Source: ITU-T T.81 annexes A.2 (blocks and sampling factors) and B.2 (frames, scans).
"""

import ctypes
import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tintype.errors import UnsupportedPhotoError
from tintype.photo.formats.decoder_warnings import captured_stderr
from tintype.photo.formats.jpeg_mend import is_harmless

_LIBRARY = "turbo210"
_SIDE = 8
_BLOCK = 64
# The library's names for colour spaces (jpeglib.h, J_COLOR_SPACE), and its flag for Huffman tables
# made for the file instead of the default ones: a few per cent smaller.
_YCC = 3
_OPTIMIZE = 1 << 6


class CoefficientsError(ValueError):
    """They cannot be read or written. Never reaches a user: callers raise an error that does."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a JPEG, as stored in its file.

    Attributes:
        blocks: (rows, columns, 64) quantised coefficients, int16; row by row within each block.
        table: (64,) quantisation steps, uint16, in the same order.
    """

    blocks: NDArray[np.int16]
    table: NDArray[np.uint16]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Component)
            and np.array_equal(self.blocks, other.blocks)
            and np.array_equal(self.table, other.table)
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # arrays have none either


def check_installed() -> None:
    """Checks that the library is available.

    Raises:
        UnsupportedPhotoError: The extra is not installed.
    """
    if _file_of_library() is None:
        raise UnsupportedPhotoError(
            "Keeping the luminance of a JPEG exactly needs an extra.",
            advice="Type: pip install 'tintype-colorizer[exact]'",
        )


def blocks_of(side: int, factor: int = 1, most: int = 1) -> int:
    """The number of blocks of a component along one side of a picture (T.81, A.1.1 and A.2.4).

    Args:
        side: Of the picture, in pixels.
        factor: The component's sampling factor.
        most: The largest factor of any component.
    """
    return -(-side * factor // (most * _SIDE))


def read(data: bytes, sizes: list[tuple[int, int]]) -> list[Component]:
    """Reads the first components of a file.

    Args:
        data: A JPEG written by this process, or one that the decoder has accepted, reduced by
            `jpeg_segments.without_metadata`.
        sizes: (rows, columns) in blocks of the requested components, at most three and at most as
            many as the header states.

    Raises:
        CoefficientsError: The file is damaged.
    """
    blocks = [np.empty((*size, _BLOCK), np.int16) for size in sizes]
    wanted = [plane.ctypes.data for plane in blocks] + [None] * (4 - len(blocks))
    tables = np.zeros((4, _BLOCK), np.uint16)
    which = np.zeros(4, np.int16)
    with _scratch(data) as path, captured_stderr() as printed:
        succeeded = library().read_jpeg_dct(
            os.fsencode(path), *wanted, tables.ctypes.data, which.ctypes.data
        )
    # The library continues after damage and only prints a warning.
    if not succeeded or not all(is_harmless(warning) for warning in printed):
        raise CoefficientsError("; ".join(printed))
    return [
        Component(plane, tables[number])
        for plane, number in zip(blocks, which[: len(blocks)].tolist(), strict=True)
    ]


def write(luma: Component, cb: Component, cr: Component, shape: tuple[int, int]) -> bytes:
    """Writes a JPEG with half-size chroma (4:2:0), in one scan.

    Args:
        luma: Y.
        cb: Its table is used for both.
        cr: As large as `cb`.
        shape: (height, width) of the picture.

    Returns:
        The file, without metadata.

    Raises:
        CoefficientsError: A coefficient is too large for an 8-bit sequential JPEG.
    """
    planes = [np.ascontiguousarray(part.blocks) for part in (luma, cb, cr)]
    tables = np.ascontiguousarray(np.stack([luma.table, cb.table]))
    with _scratch() as path, captured_stderr() as printed:
        succeeded = library().write_jpeg_dct(
            None,
            os.fsencode(path),
            *(plane.ctypes.data for plane in planes),
            None,
            (ctypes.c_int * 2)(*shape),
            (ctypes.c_int * 6)(*(side for plane in planes for side in plane.shape[:2])),
            (ctypes.c_int * 6)(2, 2, 1, 1, 1, 1),
            _YCC,
            3,
            tables.ctypes.data,
            -1,
            (ctypes.c_short * 4)(0, 1, 1, -1),
            0,
            None,
            None,
            None,
            _OPTIMIZE,
            _OPTIMIZE,
        )
        data = path.read_bytes()
    # Warnings are not damage here: tables that only an extended JPEG supports are written with one.
    if not succeeded:
        raise CoefficientsError("; ".join(printed))
    return data


@functools.cache
def _file_of_library() -> Path | None:
    package = find_spec("jpeglib")
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0]) / "cjpeglib"
    found = (file for file in sorted(folder.glob(f"cjpeglib_{_LIBRARY}.*")) if file.is_file())
    return next(found, None)


@functools.cache
def library() -> Any:  # noqa: ANN401 (ctypes has no better name for it)
    """The library, loaded once; after that, on Linux only in-memory files are opened.

    Raises:
        UnsupportedPhotoError: The extra is not installed.
    """
    check_installed()
    _files_in_memory_have_names()
    library = ctypes.CDLL(str(_file_of_library()))
    text, pointer, short, number = (
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_short,
        ctypes.c_int,
    )
    library.read_jpeg_dct.argtypes = [text, *[pointer] * 4, pointer, pointer]
    library.write_jpeg_dct.argtypes = [
        *[text] * 2,
        *[pointer] * 4,  # Y, Cb, Cr, K
        *[pointer] * 3,  # sizes: of the picture, in blocks, sampling factors
        *[number] * 2,  # colour space, components
        pointer,  # quantisation tables
        short,  # quality
        pointer,  # which table each component has
        number,  # segments
        *[pointer] * 3,
        *[ctypes.c_uint] * 2,  # which flags are set, and their values
    ]
    return library


@functools.cache
def _files_in_memory_have_names() -> bool:
    return sys.platform == "linux" and Path("/proc/self/fd").is_dir()


@contextmanager
def _scratch(data: bytes = b"") -> Iterator[Path]:
    """A temporary file, for a library that accepts only file names.

    On Linux it is in memory and belongs to the process: however that ends, nothing is left.
    """
    if _files_in_memory_have_names():
        with os.fdopen(os.memfd_create("tintype"), "wb") as file:
            file.write(data)
            file.flush()
            yield Path(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory(prefix="tintype-") as folder:
        path = Path(folder) / "coefficients.jpg"
        path.write_bytes(data)
        yield path
