"""A film in the making: finished segments of some seconds each, in a folder beside the output.

A segment is one file that is there whole or not at all. It holds the packets of the encoder, and
what the painter remembers at its end, so that a later run goes on exactly there. The folder knows
what it was made of; for anything else it begins anew.

The file: packets one after the other, the painter's state, a JSON object about both, its length
in four bytes, and the SHA-256 of everything before. No container of others is used: those that
keep times exactly (MP4) are whole only when closed, and Matroska rounds them to milliseconds.
"""

import hashlib
import json
import os
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tintype.errors import FilmError, shown
from tintype.files.lock import try_lock
from tintype.video.source import Damage

_SUFFIX = ".segment"
_JOB, _LOCK = "job.json", "lock"
_CHUNK = 1 << 20
_ARRAYS = {"pts": "q", "sizes": "q", "keys": "b"}


@dataclass(frozen=True, slots=True)
class Coded:
    """One packet of an encoder.

    Attributes:
        pts: When its frame is shown, in the stream's time base.
        key: Whether a player can begin here.
        data: As the encoder gave it.
    """

    pts: int
    key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What a segment says about itself.

    Attributes:
        pts: When the frame of each packet is shown, in the order of the packets.
        sizes: Length of each.
        keys: Whether a player can begin there, 0 or 1.
        duration: Of the frame that is shown last, in the stream's time base.
        state: Length of the painter's memory.
        end: Whether the film ends here.
        damage: What could not be read up to here.
        extradata: SHA-256 of the encoder's, which all segments share.
    """

    pts: "array[int]"
    sizes: "array[int]"
    keys: "array[int]"
    duration: int
    state: int
    end: bool
    damage: Damage
    extradata: str

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.pts)


class Work:
    """The folder of one film in the making, held by one process at a time.

    Args:
        target: The film that will be written.
        key: All that its bytes depend on.

    Raises:
        FilmError: Another process is at it.
        OSError: The folder cannot be made.
    """

    def __init__(self, target: Path, key: str) -> None:
        self.folder: Path = _folder(target)
        self.folder.mkdir(exist_ok=True)
        self._lock: IO[bytes] = (self.folder / _LOCK).open("a+b")
        if not _locked(self._lock):
            self._lock.close()
            raise FilmError(
                f"Another Tintype is making {shown(target)}.", advice="Wait for it to finish."
            )
        self.told: list[Told] = []
        """The segments that are done, in their order."""
        try:
            self._reuse(key)
        except BaseException:
            self._lock.close()
            raise

    def _reuse(self, key: str) -> None:
        job = self.folder / _JOB
        same = False
        with suppress(OSError, ValueError):
            same = job.read_text(encoding="utf-8") == key
        if not same:
            self._clear(keep=0)
            _write_whole(job, key.encode("utf-8"))
            return
        while (told := _read_told(self._path(len(self.told)))) is not None:
            self.told.append(told)
        self._clear(keep=len(self.told))

    @property
    def frames(self) -> int:
        """How many are done."""
        return sum(told.frames for told in self.told)

    @property
    def complete(self) -> bool:
        """Whether all segments are done."""
        return bool(self.told) and self.told[-1].end

    def state(self) -> bytes | None:
        """What the painter remembers at the end of what is done; None where nothing is."""
        if not self.told:
            return None
        with self._path(len(self.told) - 1).open("rb") as file:
            file.seek(sum(self.told[-1].sizes))
            return file.read(self.told[-1].state)

    def packets(self) -> Iterator[Coded]:
        """All packets of all segments, read one by one."""
        for number, told in enumerate(self.told):
            with self._path(number).open("rb") as file:
                for pts, size, key in zip(told.pts, told.sizes, told.keys, strict=True):
                    yield Coded(pts, bool(key), file.read(size))

    def writer(self) -> "Writer":
        """A writer of the next segment."""
        return Writer(self._path(len(self.told)))

    def add(self, told: Told) -> None:
        """Counts a segment that was just written."""
        self.told.append(told)

    def close(self) -> None:
        """Lets others have the folder; what is in it stays."""
        self._lock.close()

    def remove(self) -> None:
        """Removes the folder and what Tintype has put there."""
        self._clear(keep=0)
        self._lock.close()
        with suppress(OSError):
            (self.folder / _JOB).unlink(missing_ok=True)
            (self.folder / _LOCK).unlink(missing_ok=True)
            self.folder.rmdir()

    def _clear(self, *, keep: int) -> None:
        kept = {self._path(number).name for number in range(keep)}
        for path in [*self.folder.glob(f"*{_SUFFIX}"), *self.folder.glob("*.tmp")]:
            if path.name not in kept:
                path.unlink()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}{_SUFFIX}"


def remove_work(target: Path) -> None:
    """Removes the folder of a film in the making, where there is one.

    Args:
        target: The film.

    Raises:
        FilmError: Another process is at it.
        OSError: It cannot be removed.
    """
    if _folder(target).is_dir():
        Work(target, "").remove()


def _folder(target: Path) -> Path:
    return target.with_name(f".tintype-{target.name}.part")


class Writer:
    """Writes one segment, packet by packet, so that a large one needs no memory.

    Args:
        path: Its name once it is whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_suffix(".tmp")
        self._file = self._temporary.open("wb")
        self._digest = hashlib.sha256()
        # Arrays, because of a long film there are as many numbers as it has frames.
        self._pts, self._sizes, self._keys = array("q"), array("q"), array("b")

    def add(self, packet: Coded) -> None:
        """Adds a packet."""
        self._write(packet.data)
        self._pts.append(packet.pts)
        self._sizes.append(len(packet.data))
        self._keys.append(packet.key)

    def finish(
        self, state: bytes, *, duration: int, end: bool, damage: Damage, extradata: str
    ) -> Told:
        """Makes it whole.

        Args:
            state: What the painter remembers.
            duration: As in `Told`, and so are the others.
            end: Whether the film ends.
            damage: Up to here.
            extradata: Of the encoder.
        """
        told = Told(
            self._pts, self._sizes, self._keys, duration, len(state), end, damage, extradata
        )
        said = asdict(told) | {key: list(getattr(told, key)) for key in _ARRAYS}
        text = json.dumps(said, separators=(",", ":")).encode()
        for part in (state, text, len(text).to_bytes(4, "big")):
            self._write(part)
        self._file.write(self._digest.digest())
        _sync(self._file)
        self._file.close()
        self._temporary.replace(self._path)
        return told

    def close(self) -> None:
        """Leaves it unfinished, where it is not finished."""
        self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


def _read_told(path: Path) -> Told | None:
    """What a segment says about itself; None where it is missing or not whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            digest = hashlib.sha256()
            left = size - digest.digest_size
            while left > 0:
                part = file.read(min(_CHUNK, left))
                digest.update(part)
                left -= len(part)
            if file.read() != digest.digest():
                return None
            file.seek(size - digest.digest_size - 4)
            length = int.from_bytes(file.read(4), "big")
            file.seek(size - digest.digest_size - 4 - length)
            said = json.loads(file.read(length))
    except OSError:
        return None
    arrays = {key: array(kind, said[key]) for key, kind in _ARRAYS.items()}
    return Told(**(said | arrays | {"damage": Damage(**said["damage"])}))


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        _sync(file)
    temporary.replace(path)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _locked(file: IO[bytes]) -> bool:
    try:
        return try_lock(file)
    except OSError:
        return True  # a file system without locks; two at once are then the user's own affair
