"""The unfinished film: encoded segments of some seconds each, in a folder beside the output.

A segment is a file that is either complete or does not exist. It contains the packets of the
encoder and the final state of the renderer, so a later run continues from there. The folder records
what its segments depend on; if anything differs, it is emptied.

A segment file consists of packets one after the other, the renderer's state, an index of both as
JSON, the length of the index in four bytes, and the SHA-256 of everything before. No container
format is used: those with exact times (MP4) are complete only when closed, and Matroska rounds
times to milliseconds.
"""

import hashlib
import json
import os
import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import msgspec

from tintype.errors import FilmError, shown
from tintype.files.lock import try_lock
from tintype.video.decode import Damage

_SUFFIX = ".segment"
_KEY_FILE, _LOCK_FILE = "job.json", "lock"
_SEGMENT = re.compile(r"(\d{6,}\.(segment|tmp)|job\.tmp)")
_OWN = re.compile(rf"({_SEGMENT.pattern}|job\.json|lock)")
_MOST_INDEX = 1 << 24  # bytes
_CHUNK = 1 << 20
_ARRAYS = {"pts": "q", "sizes": "q", "keyframes": "b"}


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One packet of an encoder.

    Attributes:
        pts: When its frame is shown, in the stream's time base.
        keyframe: Whether decoding can start here.
        data: Its bytes.
    """

    pts: int
    keyframe: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """The index of a segment.

    Attributes:
        pts: When the frame of each packet is shown, in the order of the packets.
        sizes: Of each packet, in bytes.
        keyframes: Whether each packet is a keyframe, 0 or 1.
        duration: Of the frame that is shown last, in the stream's time base.
        state_size: Of the renderer's state, in bytes.
        end: Whether the film ends here.
        damage: What could not be read up to here.
        extradata: SHA-256 of the encoder's extradata; the same in all segments.
    """

    pts: "array[int]"
    sizes: "array[int]"
    keyframes: "array[int]"
    duration: int
    state_size: int
    end: bool
    damage: Damage
    extradata: str

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.pts)


class _Fields(msgspec.Struct, forbid_unknown_fields=True):
    """An index as written to the file."""

    pts: list[int]
    sizes: list[int]
    keyframes: list[int]
    duration: int
    state_size: int
    end: bool
    damage: Damage
    extradata: str

    def index(self) -> SegmentIndex:
        """The index as used in memory.

        Raises:
            OverflowError: A number is too large for its array.
        """
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        arrays = {name: array(typecode, fields[name]) for name, typecode in _ARRAYS.items()}
        return SegmentIndex(**(fields | arrays))


class SegmentStore:
    """The folder of an unfinished film, locked by one process at a time.

    Args:
        target: The film that will be written.
        key: Everything that determines its bytes.

    Raises:
        FilmError: Another process has locked it, or something else is in its place.
        OSError: The folder cannot be created.
    """

    def __init__(self, target: Path, key: str) -> None:
        self.folder: Path = _folder(target)
        self.folder.mkdir(exist_ok=True)
        if (foreign := _foreign(self.folder)) is not None:
            raise FilmError(
                f"{shown(foreign)} was not written by Tintype, and is in the place of an "
                "unfinished film.",
                advice="Move it away, or give -o another name.",
            )
        self._lock: IO[bytes] = (self.folder / _LOCK_FILE).open("a+b")
        if not _locked(self._lock):
            self._lock.close()
            raise FilmError(
                f"Another Tintype process is writing {shown(target)}.",
                advice="Wait for it to finish.",
            )
        self.segments: list[SegmentIndex] = []
        """The finished segments, in order."""
        try:
            self._load(key)
        except BaseException:
            self._lock.close()
            raise

    def _load(self, key: str) -> None:
        if _read_key(self.folder) != key:
            self._clear(keep=0)
            _write_complete(self.folder / _KEY_FILE, key.encode("utf-8"))
            return
        while (index := _read_index(self._path(len(self.segments)))) is not None:
            self.segments.append(index)
        self._clear(keep=len(self.segments))

    @property
    def frames(self) -> int:
        """Number of finished frames."""
        return sum(index.frames for index in self.segments)

    @property
    def complete(self) -> bool:
        """Whether all segments are finished."""
        return bool(self.segments) and self.segments[-1].end

    def state(self) -> bytes | None:
        """State of the renderer after the last finished segment; None if there is none."""
        if not self.segments:
            return None
        with self._path(len(self.segments) - 1).open("rb") as file:
            file.seek(sum(self.segments[-1].sizes))
            return file.read(self.segments[-1].state_size)

    def packets(self) -> Iterator[EncodedPacket]:
        """All packets of all segments, read one by one."""
        for number, index in enumerate(self.segments):
            with self._path(number).open("rb") as file:
                for pts, size, keyframe in zip(
                    index.pts, index.sizes, index.keyframes, strict=True
                ):
                    yield EncodedPacket(pts, bool(keyframe), file.read(size))

    def writer(self) -> "SegmentWriter":
        """A writer for the next segment."""
        return SegmentWriter(self._path(len(self.segments)))

    def add(self, index: SegmentIndex) -> None:
        """Adds a segment that has just been written."""
        self.segments.append(index)

    def close(self) -> None:
        """Unlocks the folder; its contents stay."""
        self._lock.close()

    def remove(self) -> None:
        """Removes the folder and the files that Tintype has written there."""
        self._clear(keep=0)
        self._lock.close()
        with suppress(OSError):
            (self.folder / _KEY_FILE).unlink(missing_ok=True)
            (self.folder / _LOCK_FILE).unlink(missing_ok=True)
            self.folder.rmdir()

    def _clear(self, *, keep: int) -> None:
        kept = {self._path(number).name for number in range(keep)}
        for path in list(self.folder.iterdir()):
            if path.name not in kept and _SEGMENT.fullmatch(path.name):
                path.unlink()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}{_SUFFIX}"


def stored_key(target: Path) -> str | None:
    """The key of the unfinished film; None if there is none.

    Args:
        target: The film.
    """
    return _read_key(_folder(target))


def remove_segments(target: Path) -> None:
    """Removes the folder of an unfinished film, if there is one and nothing else in its place.

    Args:
        target: The film.

    Raises:
        FilmError: Another process has locked it.
        OSError: It cannot be removed.
    """
    folder = _folder(target)
    if folder.is_dir() and _foreign(folder) is None:
        SegmentStore(target, "").remove()


def _read_key(folder: Path) -> str | None:
    with suppress(OSError, ValueError):
        if (folder / _KEY_FILE).stat().st_size <= _MOST_INDEX:
            return (folder / _KEY_FILE).read_text(encoding="utf-8")
    return None


def _foreign(folder: Path) -> Path | None:
    """What is in the place of an unfinished film but not written by Tintype, or None."""
    # The target of a link belongs to somebody else, whatever the names in it.
    if folder.is_symlink():
        return folder
    found = [
        entry.name
        for entry in os.scandir(folder)
        if not (_OWN.fullmatch(entry.name) and entry.is_file(follow_symlinks=False))
    ]
    return folder / min(found) if found else None


def _folder(target: Path) -> Path:
    # Without the extension: the same segments can be used for another container.
    return target.with_name(f".tintype-{target.stem}.part")


class SegmentWriter:
    """Writes one segment, packet by packet, so a segment is never held in memory as a whole.

    Args:
        path: The name of the complete segment.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_suffix(".tmp")
        self._file = self._temporary.open("wb")
        self._digest = hashlib.sha256()
        # Arrays, because there is a number for each frame, and a film may be long.
        self._pts, self._sizes, self._keyframes = array("q"), array("q"), array("b")

    def add(self, packet: EncodedPacket) -> None:
        """Adds a packet."""
        self._write(packet.data)
        self._pts.append(packet.pts)
        self._sizes.append(len(packet.data))
        self._keyframes.append(packet.keyframe)

    def finish(
        self, state: bytes, *, duration: int, end: bool, damage: Damage, extradata: str
    ) -> SegmentIndex:
        """Completes the segment and gives it its name.

        Args:
            state: The renderer's state after the last frame.
            duration: As in `SegmentIndex`.
            end: As in `SegmentIndex`.
            damage: As in `SegmentIndex`.
            extradata: As in `SegmentIndex`.
        """
        index = SegmentIndex(
            pts=self._pts,
            sizes=self._sizes,
            keyframes=self._keyframes,
            duration=duration,
            state_size=len(state),
            end=end,
            damage=damage,
            extradata=extradata,
        )
        fields = asdict(index) | {name: list(getattr(index, name)) for name in _ARRAYS}
        text = json.dumps(fields, separators=(",", ":")).encode()
        for part in (state, text, len(text).to_bytes(4, "big")):
            self._write(part)
        self._file.write(self._digest.digest())
        _sync(self._file)
        self._file.close()
        self._temporary.replace(self._path)
        return index

    def close(self) -> None:
        """Discards the segment if it is not finished."""
        self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


def _read_index(path: Path) -> SegmentIndex | None:
    """The index of a segment; None if the segment is missing or damaged."""
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
            fields = msgspec.json.decode(file.read(min(length, _MOST_INDEX)), type=_Fields)
        index = fields.index()
    # A checksum that does not match is damage as well; RecursionError comes from endless brackets.
    except (OSError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None
    packed = sum(index.sizes) + index.state_size
    counts = {len(index.pts), len(index.sizes), len(index.keyframes)}
    whole = size - digest.digest_size - 4 - length
    fits = len(counts) == 1 and packed == whole and min([*index.sizes, index.state_size]) >= 0
    return index if fits else None


def _write_complete(path: Path, data: bytes) -> None:
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
        return True  # without locks, users must ensure that only one process runs
