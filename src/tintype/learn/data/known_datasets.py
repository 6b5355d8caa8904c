"""Well-known data sets in their original distribution format, recognised by their files.

The path of a data set stands for its training part only; the test part has its own path. Other
folders and zips of folders need no recognition: the folders are the labels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tintype.errors import LearnError, shown
from tintype.learn.data import plain_pickle
from tintype.photo.formats.registry import FORMATS

SUFFIXES = frozenset(
    suffix for codec in FORMATS.values() if codec.write is not None for suffix in codec.suffixes
)
"""Files that count as pictures."""

_WORDNET = re.compile(r"n\d{8}")


class NamedSet(Protocol):
    """A data set with a known layout."""

    @property
    def group(self) -> str:
        """Its name."""
        ...

    def members(self) -> Iterator[tuple[str, str]]:
        """Name and label of each picture, sorted by name.

        Raises:
            LearnError: A list or batch cannot be read.
        """
        ...

    def read(self, member: str) -> bytes:
        """One picture as a file.

        Raises:
            LearnError: It does not exist.
        """
        ...


def recognize(path: Path) -> NamedSet | None:
    """The known data set at a path; None for plain folders or a zip.

    Args:
        path: The unpacked folder; for CIFAR-10 also a single batch, for Places365 also the folder
            of the validation part.
    """
    folder, batch = (path.parent, path.name) if path.is_file() else (path, "")
    if (folder / "batches.meta").is_file():
        return _Cifar(folder, (batch,) if batch else _PYTHON, binary=False)
    if (folder / "batches.meta.txt").is_file():
        return _Cifar(folder, (batch,) if batch else _BINARY, binary=True)
    if batch:
        return None
    if (path / _CATEGORIES).is_file():
        return _Places365(path, _places_list(path), training=True)
    if (path.parent / _CATEGORIES).is_file() and (path.parent / _VALIDATION).is_file():
        listed = (path.parent / _VALIDATION, path)
        # Folders of classes need no list.
        return _Places365(path.parent, listed, training=False) if _is_flat(path) else None
    for training in (path / "train", path / "ILSVRC" / "Data" / "CLS-LOC" / "train"):
        if training.is_dir() and (
            (path / "train.txt").is_file()
            or any(_WORDNET.fullmatch(folder.name) for folder in training.iterdir())
        ):
            return _Training(path.name, training)
    return None


def _is_flat(folder: Path) -> bool:
    return any(file.is_file() for file in folder.iterdir())


# ----- CIFAR-10 -----

_PYTHON = tuple(f"data_batch_{i}" for i in range(1, 6))
_BINARY = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_ROW = 3 * 32 * 32


def read_pickle(path: Path) -> dict[bytes, Any]:
    """Reads a dict from a Python 2 pickle, without executing any code in it.

    Args:
        path: The file.

    Returns:
        The dict; keys and strings are bytes.

    Raises:
        LearnError: The file is not a pickle, or contains more than numbers, strings, containers
            and arrays of numbers.
    """
    try:
        if path.stat().st_size > plain_pickle.MAX_BYTES:
            raise plain_pickle.PlainPickleError("it is too large")
        value = plain_pickle.loads(path.read_bytes())
    except (OSError, plain_pickle.PlainPickleError) as error:
        raise LearnError(
            f"{shown(path)}: not a batch of CIFAR-10 ({shown(error)}).",
            advice="Unpack cifar-10-python.tar.gz again, or use the binary version.",
        ) from None
    if not isinstance(value, dict):
        raise LearnError(f"{shown(path)}: not a batch of CIFAR-10 (it is not a dictionary).")
    return value


class _Cifar:
    """CIFAR-10 in either version: batches of 32 x 32 pictures, planes one after the other."""

    group = "cifar-10"

    def __init__(self, folder: Path, batches: tuple[str, ...], *, binary: bool) -> None:
        self._folder, self._batches, self._binary = folder, batches, binary
        self._open: tuple[str, NDArray[np.uint8], NDArray[np.int64]] | None = None

    def members(self) -> Iterator[tuple[str, str]]:
        names = self._names()
        for batch in self._batches:
            _, labels = self._load(batch)
            for index, label in enumerate(labels):
                if not 0 <= label < len(names):
                    raise LearnError(f"{self._folder / batch}: there is no class {label}.")
                yield f"{batch}/{index:05d}.ppm", names[label]

    def read(self, member: str) -> bytes:
        batch, index = member.removesuffix(".ppm").split("/")
        pixels, _ = self._load(batch)
        rgb_u8: bytes = pixels[int(index)].reshape(3, 32, 32).transpose(1, 2, 0).tobytes()
        return b"P6 32 32 255\n" + rgb_u8

    def _names(self) -> list[str]:
        if self._binary:
            return _lines(self._folder / "batches.meta.txt")
        path = self._folder / "batches.meta"
        names = read_pickle(path).get(b"label_names")
        if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
            raise LearnError(f"{path}: it contains no class names.")
        return [name.decode("ascii", "replace") for name in names]

    def _load(self, batch: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """(N, 3072) pixels and (N,) labels of one batch; the last one is kept."""
        if self._open is None or self._open[0] != batch:
            path = self._folder / batch
            pixels, labels = _binary_batch(path) if self._binary else _python_batch(path)
            self._open = batch, pixels, labels
        return self._open[1:]


def _python_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    values = read_pickle(path)
    pixels, labels = values.get(b"data"), values.get(b"labels")
    if (
        isinstance(pixels, np.ndarray)
        and isinstance(labels, list)
        and all(isinstance(label, int) for label in labels)
        and pixels.dtype == np.uint8
        and pixels.shape == (len(labels), _ROW)
    ):
        return pixels, np.array(labels, np.int64)
    raise LearnError(f"{path}: not a batch of CIFAR-10 (no pixels with their labels).")


def _binary_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LearnError(f"{path}: cannot be read ({error.strerror}).") from None
    if not data or len(data) % (1 + _ROW):
        raise LearnError(f"{path}: not a batch of CIFAR-10 (its length is {len(data)}).")
    rows = np.frombuffer(data, np.uint8).reshape(-1, 1 + _ROW)
    return rows[:, 1:], rows[:, 0].astype(np.int64)


# ----- Places365 -----

_CATEGORIES = "categories_places365.txt"
_TRAINING = "places365_train_standard.txt"
_VALIDATION = "places365_val.txt"
_ROOTS = ("data_256", "data_256_standard", "data_large", "data_large_standard", "train")


@dataclass(frozen=True, slots=True)
class _Places365:
    """Places365-Standard: lists of files with the number of their class."""

    root: Path
    listed: tuple[Path, Path]
    """The list, and the folder that its names start from."""
    training: bool

    @property
    def group(self) -> str:
        return "places365"

    def members(self) -> Iterator[tuple[str, str]]:
        names: dict[str, str] = {}
        for line in _lines(self.root / _CATEGORIES):
            name, number = _pair(line, self.root / _CATEGORIES)
            names[number] = re.sub(r"^/", "", name)
        for line in sorted(_lines(self.listed[0])):
            member, number = _pair(line, self.listed[0])
            if number not in names:
                raise LearnError(f"{self.listed[0]}: {_CATEGORIES} has no class {number}.")
            yield member.lstrip("/"), names[number]

    def read(self, member: str) -> bytes:
        return _read(self.listed[1], member)


def _places_list(root: Path) -> tuple[Path, Path]:
    """The training list of an unpacked Places365, and the folder of its pictures."""
    if not (root / _TRAINING).is_file():
        raise LearnError(
            f"{root}: {_CATEGORIES} is there, but no {_TRAINING}.",
            advice="Unpack the file lists of Places365-Standard beside it.",
        )
    for name in _ROOTS:
        if (root / name).is_dir():
            return root / _TRAINING, root / name
    raise LearnError(
        f"{root}: none of these folders exists: {', '.join(_ROOTS)}.",
        advice="Unpack the pictures of Places365-Standard beside the lists.",
    )


# ----- folders of classes below train and val: ImageNet, and Places365 in its easy form -----


@dataclass(frozen=True, slots=True)
class _Training:
    """The folders below ``train``; anything beside it is ignored."""

    group: str
    folder: Path

    def members(self) -> Iterator[tuple[str, str]]:
        for file in sorted(self.folder.rglob("*")):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                place = file.relative_to(self.folder)
                yield place.as_posix(), place.parts[0] if len(place.parts) > 1 else ""

    def read(self, member: str) -> bytes:
        return _read(self.folder, member)


# ----- lists of classes -----


def read_classes(path: Path) -> tuple[str, ...]:
    """Reads names of classes, one per line.

    ``IO_places365.txt`` is also supported, and selects its outdoor half: lines that end in 2 count,
    lines that end in 1 (indoor) do not. A slash in its names matches any one character, because the
    smaller editions of Places use ``_`` or ``-`` instead, some without the first letter.

    Args:
        path: A text file; empty lines and lines that start with # are ignored.

    Raises:
        LearnError: The file cannot be read, or contains no names.
    """
    names = []
    for line in _lines(path):
        name, _, number = line.rpartition(" ")
        if name and number in {"1", "2"}:
            if number == "2":
                pattern = name.lstrip("/").replace("/", "?")
                names += [pattern, pattern[2:]]
        elif not line.startswith("#"):
            names.append(line.lstrip("/"))
    if not names:
        raise LearnError(f"{path} names no class.", advice="Write one class per line.")
    return tuple(names)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LearnError(f"{path}: cannot be read ({error}).") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _pair(line: str, path: Path) -> tuple[str, str]:
    name, _, number = line.rpartition(" ")
    if not name or not number.isdigit():
        raise LearnError(f"{path}: {line!r} is not a name and a number.")
    return name, number


def _read(folder: Path, member: str) -> bytes:
    try:
        return (folder / member).read_bytes()
    except OSError as error:
        raise LearnError(f"{folder / member}: cannot be read ({error.strerror}).") from None
