"""Recognises what an earlier run has finished, for resuming.

A target is finished if its provenance has the same input, model and settings. If its format cannot
store provenance (BMP, PPM), a line in a small state file beside it does so, with the hash of the
target. The line is written before the target, so a run that is killed between the two leaves a line
without a target, but never a target without a line.
"""

import errno
import json
import os
import stat
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import IO

from tintype.errors import shown
from tintype.files.atomic import kind_of, open_to_append
from tintype.files.lock import wait_for_lock
from tintype.files.remote import Location
from tintype.files.temporary import STATE_FILE
from tintype.jobs.digest_table import DigestTable, digest
from tintype.photo.decode import read_provenance
from tintype.photo.metadata.provenance import Provenance, provenance_from_json

_START = b'{"output": "'
_MOST_BYTES_OF_LINE = 1 << 20


class ProvenanceReader:
    """Reads the provenance of a file, from the file itself or from the state file beside it.

    It caches the offset of each line of the last state file, because the files of a folder are
    processed one after the other, and reads only new lines: while a folder is coloured, every
    output adds one.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._identity = (0, 0)
        self._size_read = 0
        self._offsets = DigestTable()

    def read(self, location: Location, data: bytes) -> Provenance | None:
        """The provenance of a file.

        Args:
            location: The file. Stores have no state files.
            data: Its contents.

        Returns:
            The provenance, or None if the file was not written by Tintype or has changed since.
        """
        written = read_provenance(data)
        if written is not None:
            return written
        if not isinstance(location, Path):
            return None
        try:
            path = location.parent / STATE_FILE
            if not stat.S_ISREG(path.stat().st_mode):
                return None  # opening a pipe would block
            with path.open("rb") as file:
                return self._look_up(location.name, sha256(data).hexdigest(), file)
        except OSError:
            return None

    def _look_up(self, name: str, sha: str, file: IO[bytes]) -> Provenance | None:
        for _ in range(2):
            self._read_new_lines(file)
            offset = self._offsets.get(_key(name, sha))
            if offset is None:
                return None
            file.seek(offset)
            record = _parsed(file.readline(_MOST_BYTES_OF_LINE))
            if record is not None and record[:2] == (name, sha):
                return record[2]
            self._path = None  # the file was rewritten: read it from the beginning
        return None

    def _read_new_lines(self, file: IO[bytes]) -> None:
        """Records the offsets of lines that were added since."""
        path, found = Path(file.name), os.fstat(file.fileno())
        identity = found.st_dev, found.st_ino
        if path != self._path or identity != self._identity or found.st_size < self._size_read:
            self._path, self._identity = path, identity
            self._size_read, self._offsets = 0, DigestTable()
        file.seek(self._size_read)
        # What is longer than any line of ours is read in parts, which are no lines of ours either.
        while line := file.readline(_MOST_BYTES_OF_LINE):
            if not line.endswith(b"\n") and len(line) < _MOST_BYTES_OF_LINE:
                break  # incomplete: a run is still writing it, or was killed
            record = _parsed(line)
            if record is not None:
                self._offsets.put(_key(record[0], record[1]), self._size_read)
            self._size_read += len(line)


def record_provenance(target: Path, data: bytes, provenance: Provenance) -> None:
    """Adds a line to the state file beside a target that is about to be written.

    Args:
        target: The file that will hold `data`.
        data: An output in a format that cannot store provenance.
        provenance: Provenance of the output.

    Raises:
        WriteError: The state file cannot be written, or another file has its name.
    """
    path = target.parent / STATE_FILE
    record = {"output": target.name, "sha256": sha256(data).hexdigest(), **asdict(provenance)}
    line = json.dumps(record).encode("ascii") + b"\n"
    try:
        with open_to_append(path) as file:
            wait_for_lock(file)
            if not _is_state(file):
                raise OSError(errno.EEXIST, "it is not from Tintype; move it away")
            # A killed run may have left an incomplete line, which is terminated here and ignored
            # later.
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise kind_of(error)(
            f"{shown(path)} cannot be written: {error.strerror or error}."
        ) from error


def _is_state(file: IO[bytes]) -> bool:
    """Whether a file begins with a line of ours; lines before it that were cut off are, too."""
    file.seek(0)
    while line := file.readline(_MOST_BYTES_OF_LINE):
        if _parsed(line) is not None:
            return True
        if not _is_cut_off(line.rstrip(b"\n")):
            return False
    return True


def _is_cut_off(line: bytes) -> bool:
    if not line or not (line.startswith(_START) or _START.startswith(line)):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False  # of another program


def _key(name: str, sha: str) -> int:
    return digest(f"{name}/{sha}".encode("utf-8", "surrogatepass"))


def _parsed(line: bytes) -> tuple[str, str, Provenance] | None:
    """Name, hash and provenance of an output; None if the line was not written by Tintype."""
    if not line.startswith(b"{"):  # the parts of an endless line would take long to decode
        return None
    # Lines are ASCII; a damaged line does not affect the others.
    text = line.decode("ascii", "replace")
    provenance = provenance_from_json(text)
    if provenance is None:
        return None
    record = json.loads(text)
    name, sha = record.get("output"), record.get("sha256")
    return (name, sha, provenance) if isinstance(name, str) and isinstance(sha, str) else None
