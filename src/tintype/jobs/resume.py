"""Resume: what an earlier run has done already, and how a later one knows.

A target is done when it says itself that it was made from the same input, by the same model, with
the same settings. Where a format has no room to say so (BMP, PPM), a line in a small state file
beside it does, together with the hash of the target; the line is written before the target, so that
a run killed between the two leaves a line without a target, never a target without a line.
"""

import json
import os
import stat
import sys
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from tintype.errors import WriteError, shown
from tintype.photo.packets import read_provenance
from tintype.photo.provenance import Provenance, provenance_from_json

STATE_FILE = ".tintype-state.jsonl"


@dataclass(slots=True)
class Marks:
    """Reads who made a file, from the file itself or from the state file beside it.

    Remembers the last state file it parsed, because a folder's files come one after the other.
    """

    _path: Path | None = None
    _stamp: tuple[int, int] = (0, 0)
    _rows: dict[str, dict[str, Provenance]] = field(default_factory=dict)

    def of(self, path: Path, data: bytes) -> Provenance | None:
        """Who made a file.

        Args:
            path: Where it stands.
            data: What is in it.

        Returns:
            None where it was not made by Tintype, or was changed since.
        """
        written = read_provenance(data)
        if written is not None:
            return written
        rows = self._state(path.parent / STATE_FILE).get(path.name)
        return None if rows is None else rows.get(sha256(data).hexdigest())

    def _state(self, path: Path) -> dict[str, dict[str, Provenance]]:
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                return {}  # a pipe would be waited for
            stamp = found.st_size, found.st_mtime_ns
            if path != self._path or stamp != self._stamp:
                self._rows = _parse(path.read_bytes())
                self._path, self._stamp = path, stamp
        except OSError:
            return {}
        return self._rows


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
            _lock(file)
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


def _parse(data: bytes) -> dict[str, dict[str, Provenance]]:
    rows: dict[str, dict[str, Provenance]] = {}
    for line in data.splitlines():
        # Ours are ASCII; whatever became of a line, it costs no more than itself.
        text = line.decode("ascii", "replace")
        provenance = provenance_from_json(text)
        if provenance is None:
            continue
        row = json.loads(text)
        output, digest = row.get("output"), row.get("sha256")
        if isinstance(output, str) and isinstance(digest, str):
            rows.setdefault(output, {})[digest] = provenance
    return rows


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        # Closing the file releases the lock. The byte locked lies beyond any state file.
        file.seek(1 << 40)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        # Closing the file releases the lock.
        fcntl.flock(file, fcntl.LOCK_EX)
