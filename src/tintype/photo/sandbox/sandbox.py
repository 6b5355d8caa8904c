"""Decodes and encodes in child processes, with the functions of `tintype.photo`."""

import math
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.errors import UnreadablePhotoError
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Photo, Tone
from tintype.photo.sandbox import answers
from tintype.photo.sandbox.limits import Limits, encoding_limits_of, limits_of
from tintype.photo.sandbox.process import Child
from tintype.photo.sandbox.wire import NonsenseError, Request

_T = TypeVar("_T")
_V = TypeVar("_V")

OPERATIONS = "tintype.photo.sandbox.operations"
FORKS = sys.platform == "linux"
UNFILTERED = (
    "This system cannot filter system calls: decoders run in a process of their own with limits, "
    "but could open files."
)
"""The warning if `Sandbox.filtered` is False."""

_FREE_BYTES = 1 << 20  # of an encoded file

_FILES_PER_CHILD = 32
"""Applies if files do not get a process each."""


class Sandbox:
    """Child processes that decode and encode, one per concurrent request. Threads may share it.

    Its methods return and raise what the functions of the same names do. They also raise an
    `UnreadablePhotoError` if a decoder crashed or exceeded its limits, and an
    `UnsupportedPhotoError` if an encoder did. Cancelled work (see `tintype.cancellation`) ends
    within a tenth of a second, whatever library is running.

    Args:
        limits: The limits for a file, given its size in bytes and its maximum number of pixels.
        forks: Whether each file gets a process of its own; None if the system supports that.
    """

    def __init__(
        self, *, limits: Callable[[int, int], Limits] = limits_of, forks: bool | None = None
    ) -> None:
        self._limits = limits
        self._forks = FORKS if forks is None else forks
        self._idle: list[Child] = []
        self._lock = threading.Lock()
        # A caller that forgets to close it leaves no process behind.
        self._finish = weakref.finalize(self, _end, self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts a child without waiting for it."""
        self._give(self._take())

    def close(self) -> None:
        """Ends the children; a later request starts a new one."""
        with self._lock:
            children, self._idle[:] = list(self._idle), []
        _end(children)

    @property
    def filtered(self) -> bool:
        """Whether the system calls of decoders are filtered; starts a child."""
        asked = _Question("protection", b"", "", 0)
        return self._ask(asked, answers.Protection, lambda found: found.filtered)

    def decode(self, data: bytes, *, name: str, max_pixels: int) -> tuple[Photo, ...]:
        """`tintype.photo.decode.decode`."""
        asked = _Question("photos", data, name, max_pixels, 4)  # grey and alpha of 16 bits
        return self._ask(asked, answers.Pages, lambda found: found.photos(max_pixels))

    def decode_colors(
        self, data: bytes, *, name: str, max_pixels: int
    ) -> tuple[NDArray[np.uint8], Tone]:
        """`tintype.photo.decode.decode_colors`."""
        asked = _Question("colors", data, name, max_pixels, 3)
        return self._ask(asked, answers.Colors, answers.Colors.checked)

    def decode_layer(
        self, data: bytes, *, name: str, max_pixels: int
    ) -> tuple[Image.Image, NDArray[np.uint8] | None]:
        """`tintype.photo.decode.decode_layer`."""
        asked = _Question("layer", data, name, max_pixels, 5)  # CMYK and alpha
        return self._ask(asked, answers.Layer, answers.Layer.checked)

    def read_provenance(self, data: bytes) -> Provenance | None:
        """`tintype.photo.decode.read_provenance`; None also if its reader crashes."""
        asked = _Question("provenance", data, "", 0)
        try:
            return self._ask(asked, answers.ProvenanceFound, lambda found: found.provenance)
        except UnreadablePhotoError:
            return None

    def shown_grey(
        self, data: bytes, shape: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], bool] | None:
        """`tintype.photo.other_decoder.shown_grey`; None also if that decoder crashes."""
        pixels = shape[0] * shape[1]
        asked = _Question("shown", data, "", max(pixels, MAX_PIXELS), 1, shape)
        try:
            return self._ask(asked, answers.ShownGrey, answers.ShownGrey.checked)
        except UnreadablePhotoError:
            return None

    def small_colors(self, data: bytes, *, name: str, max_pixels: int) -> NDArray[np.uint8]:
        """`tintype.photo.thumbnail.small_colors`."""
        asked = _Question("small", data, name, max_pixels, 3)
        return self._ask(asked, answers.Small, answers.Small.checked)

    def read_luminance(
        self, data: bytes, size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint16]]:
        """`tintype.photo.formats.jpeg_exact.read_luminance`: pixels, coefficients, table.

        Raises:
            UnreadablePhotoError: If that raises a `ValueError`.
        """
        pixels = 64 * size[0] * size[1]
        # 16-bit coefficients, pixels, and the table.
        asked = _Question("luminance", data, "The source", pixels, 4, size)
        return self._ask(asked, answers.Luminance, lambda found: found.checked(size))

    def encode(self, image: Image.Image, kind: str, options: Mapping[str, object]) -> bytes:
        """`tintype.photo.formats.pillow.save`."""
        picture = answers.Picture(kind, image.mode, image.size, image.tobytes(), dict(options))
        data = msgspec.msgpack.encode(picture)
        pixels = math.prod(image.size)
        asked = _Question("file", data, f"The {kind}", pixels, encodes=True)
        return self._ask(asked, answers.EncodedFile, answers.EncodedFile.checked)

    def _ask(self, asked: "_Question", kind: type[_T], check: Callable[[_T], _V]) -> _V:
        """Sends a request to an idle child, and accepts an answer that passes `check`."""
        numbers = asked.numbers or (asked.max_pixels,)
        limits_of = encoding_limits_of if asked.encodes else self._limits
        limits = limits_of(len(asked.data), asked.max_pixels)
        size = len(asked.data)
        request = Request(asked.operation, asked.name, size, numbers, limits, asked.encodes)
        most = asked.most_bytes
        child = self._take()
        try:
            return check(child.ask(request, asked.data, kind, most_bytes=most))
        except NonsenseError as error:
            child.kill()
            raise request.failed(f"returned an invalid answer ({error})") from error
        finally:
            self._give(child)

    def _take(self) -> Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    return child
                child.kill()
        return Child(OPERATIONS, forks=self._forks)

    def _give(self, child: Child) -> None:
        if child.alive and (self._forks or child.served < _FILES_PER_CHILD):
            with self._lock:
                self._idle.append(child)
        else:
            child.kill()


class _Question(NamedTuple):
    """A request about a file or a picture, and how large the answer may be."""

    operation: str
    data: bytes
    name: str
    max_pixels: int
    pixel_bytes: int = 0
    numbers: tuple[int, ...] = ()
    encodes: bool = False

    @property
    def most_bytes(self) -> int:
        """Maximum for the planes of the answer."""
        if self.encodes:  # noise can grow in encoding, and metadata comes on top
            return 2 * len(self.data) + _FREE_BYTES
        return self.max_pixels * self.pixel_bytes


def _end(children: list[Child]) -> None:
    for child in children:
        child.kill()
