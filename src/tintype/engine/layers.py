"""Layers over a photograph: scribbled colours, and a mask of what to leave grey.

Both have the size of the upright photograph. They are identified by the hash of their file, so a
coloured file can record what it was made with.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype import cancellation
from tintype.color.cielab import rgb01_to_lab
from tintype.errors import PhotoError, PhotoTooLargeError, UsageError, shown
from tintype.files.local import read_regular
from tintype.photo.decode import decode_colors, decode_layer
from tintype.photo.limits import MAX_PIXELS

_PAINTED = 128  # alpha from which a pixel counts as painted
_MOST_BYTES = 1 << 28
_FOUND = 2  # layers whose painted pixels are cached
_SLICE = 1 << 20  # pixels that are processed at once: a large layer has a hundred times as many


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A picture over a photograph; two layers are equal if their files are.

    Attributes:
        path: Path that it was read from.
        sha256: SHA-256 of its file.
        pixels: (H, W) or (H, W, 4).
    """

    path: str
    sha256: str
    pixels: NDArray[np.uint8]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.sha256 == getattr(other, "sha256", None)

    def __hash__(self) -> int:
        return hash(self.sha256)

    def check_size(self, shape: tuple[int, int]) -> None:
        """Refuses a photograph of another size.

        Raises:
            UsageError: The sizes differ.
        """
        height, width = self.pixels.shape[:2]
        if (height, width) != shape:
            raise UsageError(
                f"{shown(self.path)} is {width} x {height}, but the photograph is "
                f"{shape[1]} x {shape[0]} as it is displayed.",
                advice="Draw it over the photograph, at the same size.",
            )


class Scribbles(Layer):
    """Colours painted on a transparent layer.

    Attributes:
        path: Path that it was read from.
        sha256: SHA-256 of its file.
        pixels: (H, W, 4) sRGB and alpha. Only the hue and chroma of pixels that are at least half
            opaque are used.
    """

    __slots__ = ()

    def fitted(self, shape: tuple[int, int]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """The layer at another size.

        Args:
            shape: (height, width), at most the layer's own.

        Returns:
            (2, height, width) a and b, averaged over the painted pixels of each cell, and
            (height, width) where any pixel is painted.
        """
        own = self.pixels.shape[:2]
        painted = _painted(self)
        if shape == own:
            ab = np.zeros((2, own[0] * own[1]), np.float16)
            covered = np.zeros(own[0] * own[1], bool)
            for where, chroma in painted.slices():
                ab[:, where] = chroma
                covered[where] = True
            return ab.reshape(2, *own), covered.reshape(own)
        size = shape[0] * shape[1]
        count, sums = np.zeros(size, np.int64), np.zeros((2, size))
        for where, chroma in painted.slices():
            rows, columns = np.divmod(where.astype(np.int64), own[1])
            place = (rows * shape[0] // own[0]) * shape[1] + columns * shape[1] // own[1]
            count += np.bincount(place, minlength=size)
            sums += [np.bincount(place, plane, minlength=size) for plane in chroma]
        mean = sums / np.maximum(count, 1)
        return mean.reshape(2, *shape).astype(np.float16), count.reshape(shape) > 0

    def sampled(
        self, grey: NDArray[np.unsignedinteger]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """About a thousand of the painted pixels: (n,) their Y' and (n, 2) their a and b.

        Args:
            grey: (H, W) of the photograph.
        """
        painted = _painted(self)
        some = slice(None, None, max(1, len(painted.where) // 1000))
        luma = grey.reshape(-1)[painted.where[some]].astype(np.float64)
        return luma, painted.chroma[:, painted.which[some]].T.astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Painted:
    """The painted pixels of a layer.

    Attributes:
        where: (n,) flat row-major indices.
        which: (n,) their colours, as indices.
        chroma: (2, colours) a and b.
    """

    where: NDArray[np.uint32]
    which: NDArray[np.uint32]
    chroma: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        return self.where.nbytes + self.which.nbytes + self.chroma.nbytes

    def slices(self) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.float32]]]:
        """(m,) indices and (2, m) a and b of some of them after the other.

        Raises:
            WorkCancelledError: Nobody waits for the result any more.
        """
        for start in range(0, len(self.where), _SLICE):
            cancellation.check()
            part = slice(start, start + _SLICE)
            yield self.where[part], self.chroma[:, self.which[part]]


class _Found:
    """Caches the painted pixels of layers, since the same strokes are needed at several sizes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Painted] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, layer: Scribbles) -> _Painted:
        with self._lock:
            if layer.sha256 in self._kept:
                self._kept.move_to_end(layer.sha256)
                return self._kept[layer.sha256]
        found = _find_painted(layer)
        with self._lock:
            self._kept[layer.sha256] = found
            while len(self._kept) > _FOUND:
                self._kept.popitem(last=False)
        return found

    @property
    def size(self) -> int:
        """Size of the cache in bytes."""
        with self._lock:
            return sum(painted.nbytes for painted in self._kept.values())

    def clear(self) -> None:
        """Empties the cache."""
        with self._lock:
            self._kept.clear()


_painted = _Found()


def painted_bytes() -> int:
    """Bytes of cached painted pixels, apart from the layers themselves."""
    return _painted.size


def forget_painted() -> None:
    """Empties the cache of painted pixels; they are found again when needed."""
    _painted.clear()


def _find_painted(layer: Scribbles) -> _Painted:
    flat = layer.pixels.reshape(-1, 4)
    count = sum(
        np.count_nonzero(flat[start : start + _SLICE, 3] >= _PAINTED)
        for start in range(0, len(flat), _SLICE)
    )
    where, which = np.empty(count, np.uint32), np.empty(count, np.uint32)
    found: list[tuple[slice, NDArray[np.uint32]]] = []  # pixels, and the colours among them
    end = 0
    for start in range(0, len(flat), _SLICE):
        cancellation.check()
        part = flat[start : start + _SLICE]
        here = np.flatnonzero(part[:, 3] >= _PAINTED)
        place = slice(end, end := end + len(here))
        where[place] = here + start
        packed = _packed(part[here])
        # What is painted with a brush has few colours in long runs, of which one pixel is enough.
        runs = np.flatnonzero(np.diff(packed, prepend=~packed[:1]))
        colors, among = np.unique(packed[runs], return_inverse=True)
        which[place] = np.repeat(among, np.diff(runs, append=len(packed)))
        found.append((place, colors))
    known = np.unique(np.concatenate([colors for _, colors in found]))
    for place, colors in found:
        which[place] = np.searchsorted(known, colors)[which[place]]
    rgb = np.stack([known >> 16, known >> 8 & 255, known & 255], axis=-1)
    chroma = rgb01_to_lab(rgb / 255)[:, 1:].astype(np.float32)
    return _Painted(where, which, np.ascontiguousarray(chroma.T))


class Mask(Layer):
    """How much of its colour each pixel gets.

    Attributes:
        path: Path that it was read from.
        sha256: SHA-256 of its file.
        pixels: (H, W): white is coloured, black stays grey.
    """

    __slots__ = ()

    def fitted(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """(height, width) of 0 to 1, at another size."""
        image = Image.fromarray(self.pixels)
        if shape != self.pixels.shape:
            image = image.resize(shape[::-1], Image.Resampling.BOX)
        return np.asarray(image, np.float32) / np.float32(255)


def scribbles_from(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Scribbles:
    """Reads scribbles from a file's bytes.

    Args:
        data: A picture file with transparency: PNG, WebP or TIFF.
        name: Its name, for messages.
        max_pixels: A picture with more pixels is refused without decoding it.

    Raises:
        UsageError: It is not a picture, has no transparency, or nothing is painted.
    """
    image, alpha = _open(data, name, max_pixels)
    if alpha is None:
        raise UsageError(
            f"{shown(name)} has no transparency, so every pixel would be a hint.",
            advice="Paint on an empty layer and save that layer alone, as a PNG.",
        )
    pixels = np.dstack([np.asarray(image.convert("RGB")), alpha])
    if not (pixels[..., 3] >= _PAINTED).any():
        raise UsageError(f"Nothing is painted in {shown(name)}.")
    return Scribbles(name, hashlib.sha256(data).hexdigest(), pixels)


def mask_from(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Mask:
    """Reads a mask from a file's bytes: white is coloured, black stays grey.

    Args:
        data: A picture file; colours are converted to luma.
        name: Its name, for messages.
        max_pixels: A picture with more pixels is refused without decoding it.

    Raises:
        UsageError: It is not a picture, or has transparent areas, whose meaning is undefined.
    """
    image, alpha = _open(data, name, max_pixels)
    if alpha is not None:
        raise UsageError(
            f"{shown(name)} has transparent areas, so it is not a mask.",
            advice="Save it without transparency: white is coloured, black stays grey.",
        )
    return Mask(name, hashlib.sha256(data).hexdigest(), np.asarray(image.convert("L")))


def colors_of(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """(H, W, 3) upright sRGB of a colour picture.

    Args:
        data: A picture file, of any format that can be coloured.
        name: Its name, for messages.
        max_pixels: A picture with more pixels is refused without decoding it.

    Raises:
        UsageError: It is not a picture, or has no colours.
    """
    try:
        rgb, tone = decode_colors(data, name=shown(name), max_pixels=max_pixels)
    except PhotoError as error:
        raise UsageError(error.message, advice=error.advice) from error
    if tone == "grey":
        raise UsageError(f"{shown(name)} has no colours.", advice="Give a colour picture.")
    return rgb


def read_bytes(path: Path, *, most: int = _MOST_BYTES, regular: bool = False) -> bytes:
    """Reads a file named in the settings.

    Args:
        path: A file of any kind; an endless device is read no further than `most`.
        most: Larger files are refused, in bytes.
        regular: Refuse anything but a regular file. Whoever types an option may name a pipe, but
            whoever wrote a file must not make the command wait or read its input.

    Raises:
        UsageError: It cannot be read, or is too large.
    """
    try:
        if regular:
            return read_regular(path, most=most)
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{shown(str(path))} cannot be read: {why}.") from error
    if len(data) > most:
        raise UsageError(f"{shown(str(path))} is longer than {most >> 20} MiB.")
    return data


def _open(data: bytes, name: str, max_pixels: int) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """The picture and its alpha channel."""
    try:
        return decode_layer(data, name=shown(name), max_pixels=max_pixels)
    except PhotoTooLargeError as error:
        raise UsageError(f"{shown(name)} is too large for a layer.") from error
    except PhotoError as error:
        raise UsageError(
            f"{shown(name)} is not a readable picture.", advice="Give a PNG."
        ) from error


def _packed(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Packs (N, 4) into one number per colour."""
    wide = rgba.astype(np.uint32)
    return np.asarray(wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2], np.uint32)
