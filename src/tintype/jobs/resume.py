"""Resume: what an earlier run has done already, and how a later one knows.

A target is done when it says itself that it was made from the same input, by the same model, with
the same settings. Where a format has no room to say so (BMP, PPM), a line in a small state file
beside it does, together with the hash of the target; the line is written before the target, so that
a run killed between the two leaves a line without a target, never a target without a line.
"""

import json
import os
import stat
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import IO

from tintype.errors import WriteError, shown
from tintype.files.lock import wait_for_lock
from tintype.files.remote import Place
from tintype.jobs.digests import Digests, digest
from tintype.photo.decode import read_provenance
from tintype.photo.metadata.provenance import Provenance, provenance_from_json

STATE_FILE = ".tintype-state.jsonl"


class Marks:
    """Reads who made a file, from the file itself or from the state file beside it.

    Of the last state file it keeps where each line stands, because a folder's files come one after
    the other, and reads only what was added since: while a folder is coloured, every output adds
    a line.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file = (0, 0)
        self._read = 0
        self._lines = Digests()

    def of(self, place: Place, data: bytes) -> Provenance | None:
        """Who made a file.

        Args:
            place: Where it stands. In a store there is no state file beside it.
            data: What is in it.

        Returns:
            None where it was not made by Tintype, or was changed since.
        """
        written = read_provenance(data)
        if written is not None:
            return written
        if not isinstance(place, Path):
            return None
        try:
            path = place.parent / STATE_FILE
            if not stat.S_ISREG(path.stat().st_mode):
                return None  # a pipe would be waited for
            with path.open("rb") as file:
                return self._said_of(place.name, sha256(data).hexdigest(), file)
        except OSError:
            return None

    def _said_of(self, name: str, sha: str, file: IO[bytes]) -> Provenance | None:
        for _ in range(2):
            self._follow(file)
            at = self._lines.get(_key(name, sha))
            if at is None:
                return None
            file.seek(at)
            said = _parsed(file.readline())
            if said is not None and said[:2] == (name, sha):
                return said[2]
            self._path = None  # somebody has written the file anew: it is read from its beginning
        return None

    def _follow(self, file: IO[bytes]) -> None:
        """Notes where the lines stand that were added since."""
        path, found = Path(file.name), os.fstat(file.fileno())
        identity = found.st_dev, found.st_ino
        if path != self._path or identity != self._file or found.st_size < self._read:
            self._path, self._file, self._read, self._lines = path, identity, 0, Digests()
        file.seek(self._read)
        for line in file:
            if not line.endswith(b"\n"):
                break  # half of one: a run is writing it, or was killed
            said = _parsed(line)
            if said is not None:
                self._lines.put(_key(said[0], said[1]), self._read)
            self._read += len(line)


def remember(target: Path, data: bytes, provenance: Provenance) -> None:
    """Adds a line to the state file beside a target that is about to be written.

    Args:
        target: The file that will hold `data`.
        data: Bytes that carry no provenance.
        provenance: What they would say if they could.

    Raises:
        WriteError: The state file cannot be written.
    """
    path = target.parent / STATE_FILE
    row = {"output": target.name, "sha256": sha256(data).hexdigest(), **asdict(provenance)}
    line = json.dumps(row).encode("ascii") + b"\n"
    try:
        with path.open("a+b") as file:
            wait_for_lock(file)
            # A killed run may have left half a line: it is ended here, and ignored when read.
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WriteError(f"{shown(path)} cannot be written: {error.strerror or error}.") from error


def _key(name: str, sha: str) -> int:
    return digest(f"{name}/{sha}".encode("utf-8", "surrogatepass"))


def _parsed(line: bytes) -> tuple[str, str, Provenance] | None:
    """Name and hash of an output, and who made it; None for what is no line of ours."""
    # Ours are ASCII; whatever became of a line, it costs no more than itself.
    text = line.decode("ascii", "replace")
    provenance = provenance_from_json(text)
    if provenance is None:
        return None
    row = json.loads(text)
    name, sha = row.get("output"), row.get("sha256")
    return (name, sha, provenance) if isinstance(name, str) and isinstance(sha, str) else None
