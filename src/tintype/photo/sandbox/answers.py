"""The types of answers, and the checks that each must pass before it is used."""

import math
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.errors import brief
from tintype.photo.formats.registry import FORMATS
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Metadata, Photo, Pixels, Tone
from tintype.photo.sandbox.wire import NonsenseError

_PACKINGS = frozenset({"", "none", "deflate", "lossless", "lossy"})
_MOST_NOTES = 1000
_MOST_NOTE = 2000


class Page(msgspec.Struct, frozen=True):
    """A page of a photograph."""

    grey: Pixels
    alpha: Pixels | None
    tone: Tone
    meta: Metadata

    @classmethod
    def of(cls, photo: Photo) -> "Page":
        """From a photo that has just been decoded."""
        return cls(photo.grey, photo.alpha, photo.tone, photo.meta)

    def photo(self) -> Photo:
        """The photo.

        Raises:
            NonsenseError: It is not what a decoder returns.
        """
        _check(self.grey.ndim == 2 and self.grey.dtype in (np.uint8, np.uint16), "grey")
        if self.alpha is not None:
            same = self.alpha.shape == self.grey.shape and self.alpha.dtype == self.grey.dtype
            _check(same, "alpha")
        return Photo(self.grey, self.alpha, self.tone, _checked(self.meta))


class Pages(msgspec.Struct, frozen=True):
    """The pages of a file."""

    pages: tuple[Page, ...]

    def photos(self, max_pixels: int) -> tuple[Photo, ...]:
        """The photos.

        Args:
            max_pixels: Of all of them together.

        Raises:
            NonsenseError: They are not what a decoder returns.
        """
        photos = tuple(page.photo() for page in self.pages)
        attached = [part.pixels.size for photo in photos for part in photo.meta.attached]
        pixels = sum(photo.grey.size for photo in photos) + sum(attached)
        _check(len(photos) > 0 and pixels <= max_pixels, f"{pixels} pixels")
        return photos


class Colors(msgspec.Struct, frozen=True):
    """The colours of a picture."""

    rgb: Pixels
    tone: Tone

    def checked(self) -> tuple[NDArray[np.uint8], Tone]:
        """The colours and the tone.

        Raises:
            NonsenseError: They are not what a decoder returns.
        """
        return _rgb(self.rgb), self.tone


class Layer(msgspec.Struct, frozen=True):
    """A picture as it is stored."""

    mode: Literal["L", "RGB", "CMYK"]
    pixels: Pixels
    alpha: Pixels | None

    def checked(self) -> tuple[Image.Image, NDArray[np.uint8] | None]:
        """The image and its transparency.

        Raises:
            NonsenseError: The pixels are not of this mode.
        """
        channels = {"L": (), "RGB": (3,), "CMYK": (4,)}[self.mode]
        shape = self.pixels.shape[:2]
        _check(self.pixels.dtype == np.uint8 and self.pixels.shape == (*shape, *channels), "layer")
        if self.alpha is not None:
            _check(self.alpha.shape == shape and self.alpha.dtype == np.uint8, "alpha")
        size = int(shape[1]), int(shape[0])
        return Image.frombytes(self.mode, size, self.pixels.tobytes()), self.alpha


class ProvenanceFound(msgspec.Struct, frozen=True):
    """The provenance that a file states."""

    provenance: Provenance | None


class ShownGrey(msgspec.Struct, frozen=True):
    """The grey that another decoder shows, and whether a profile is in the file."""

    grey: Pixels | None = None
    has_profile: bool = False

    def checked(self) -> tuple[NDArray[np.uint8], bool] | None:
        """The grey, and whether there is a profile; None if nothing is shown.

        Raises:
            NonsenseError: It is not a grey picture.
        """
        if self.grey is None:
            return None
        _check(self.grey.ndim == 2 and self.grey.dtype == np.uint8, "grey")
        return self.grey, self.has_profile


class Luminance(msgspec.Struct, frozen=True):
    """The luminance of a JPEG: as pixels and as coefficients."""

    pixels: Pixels
    blocks: Pixels
    table: Pixels

    def checked(
        self, size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint16]]:
        """The pixels and the coefficients.

        Args:
            size: (rows, columns) of blocks that the picture has.

        Raises:
            NonsenseError: The shapes or types differ.
        """
        _check(self.pixels.ndim == 2 and self.pixels.dtype == np.uint8, "luminance")
        _check(self.blocks.shape == (*size, 64) and self.blocks.dtype == np.int16, "coefficients")
        _check(self.table.shape == (64,) and self.table.dtype == np.uint16, "table")
        return self.pixels, self.blocks, self.table


class Small(msgspec.Struct, frozen=True):
    """A small copy of a picture, or as much of it as a thumbnail needs."""

    rgb: Pixels

    def checked(self) -> NDArray[np.uint8]:
        """The pixels.

        Raises:
            NonsenseError: They are not a colour picture.
        """
        return _rgb(self.rgb)


class Picture(msgspec.Struct, frozen=True):
    """A picture to be encoded: a request of ours, not an answer.

    Attributes:
        kind: Pillow's name for the format.
        mode: Pillow's.
        size: (width, height).
        pixels: As returned by `Image.tobytes`.
        options: For the encoder of that format.
    """

    kind: str
    mode: str
    size: tuple[int, int]
    pixels: bytes
    options: dict[str, Any]


class EncodedFile(msgspec.Struct, frozen=True):
    """An encoded file, or why the encoder refused."""

    data: Pixels | None = None
    refused: str = ""

    def checked(self) -> bytes:
        """The file.

        Raises:
            ValueError: Raised by the encoder.
            NonsenseError: It is not a file.
        """
        if self.data is None:
            raise ValueError(brief(self.refused, most=_MOST_NOTE))
        _check(self.data.ndim == 1 and self.data.dtype == np.uint8, "a file")
        return self.data.tobytes()


class Protection(msgspec.Struct, frozen=True):
    """How the child is confined, apart from being a separate process."""

    filtered: bool


def _checked(meta: Metadata) -> Metadata:
    _check(meta.format in FORMATS, "format")
    _check(meta.turned in range(1, 9), "orientation")
    _check(meta.packing in _PACKINGS, "packing")
    _check(meta.dpi is None or all(math.isfinite(value) for value in meta.dpi), "resolution")
    for page in meta.attached:
        deep = np.uint16 if page.bits == 16 else np.uint8
        _check(page.bits in (1, 8, 16) and page.pixels.ndim == 2, "attached page")
        _check(page.pixels.dtype == deep, "attached page")
    _check(len(meta.notes) <= _MOST_NOTES, "notes without end")
    notes = tuple(brief(note, most=_MOST_NOTE) for note in meta.notes)
    return meta if notes == meta.notes else replace(meta, notes=notes)


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    _check(pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8, "colours")
    return pixels


def _check(sound: bool, what: str) -> None:
    if not sound:
        raise NonsenseError(what)
