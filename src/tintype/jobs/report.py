"""The report of a run: a result for each input, and counts."""

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from io import RawIOBase
from pathlib import Path
from typing import Any, Literal, Self, get_args

from tintype.errors import TintypeError, UsageError, WriteError, shown
from tintype.files.atomic import refuse_shared
from tintype.files.local import read_regular
from tintype.files.lock import NO_LOCKS, try_lock
from tintype.jobs.digest_table import DigestTable, digest
from tintype.photo.photo import Tone

Status = Literal["done", "already_done", "skipped", "failed", "planned"]

COLOR_PHOTO = "a colour photograph"
OWN_OUTPUT = "an output of Tintype"
LINK_OUTSIDE = "a link that leads out of the folder"
CORRECTED = "corrected by hand"

_SKIPPED = {
    COLOR_PHOTO: "in colour",
    OWN_OUTPUT: "made by Tintype",
    LINK_OUTSIDE: "linked from outside",
}


_UNREPORTED = frozenset({"exit_code", "unwritable", "stops", "thumbnails"})


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of one input.

    Attributes:
        status: "done" (coloured now), "already_done" (by an earlier run), "skipped" or "failed";
            "planned" in a dry run, which writes no report.
        input: Its path.
        output: Path of the output that was written or exists, otherwise None.
        sha256: Hash of the output.
        input_sha256: Hash of the input, if it could be read.
        seconds: Time from opening the input until its output was written.
        reason: Why it was skipped, or counts as done although it was made with other settings.
        error: Error message.
        advice: What to do about it.
        notes: Sentences about what could not be preserved, or anything unusual.
        grey_check: Result of comparing the grey of the output with that of the input, if requested.
        tone: Tone of the input; only for "done".
        exit_code: Exit status of the error; not part of the report, nor are the following.
        unwritable: What refused the output: "disk" (full or read-only) or "folder" (no permission).
        stops: Whether the run ends with this result, because others would fail in the same way.
        thumbnails: JPEG thumbnails of before and after, if requested.
    """

    status: Status
    input: str
    output: str | None = None
    sha256: str | None = None
    input_sha256: str | None = None
    seconds: float = 0.0
    reason: str | None = None
    error: str | None = None
    advice: str | None = None
    notes: tuple[str, ...] = ()
    grey_check: str | None = None
    tone: Tone | None = None
    exit_code: int = 0
    unwritable: Literal["", "disk", "folder"] = ""
    stops: bool = False
    thumbnails: tuple[bytes, bytes] | None = None

    @classmethod
    def failure(
        cls, source: object, error: TintypeError, *, unwritable: Literal["", "disk", "folder"] = ""
    ) -> Self:
        """The result of an input that could not be coloured."""
        return cls(
            "failed",
            str(source),
            error=error.message,
            advice=error.advice or None,
            exit_code=error.exit_code,
            unwritable=unwritable,
        )

    @classmethod
    def skip(cls, source: object, reason: str) -> Self:
        """The result of an input that was skipped."""
        return cls("skipped", str(source), reason=reason)

    def to_json(self) -> str:
        """One line of the report, in ASCII, so that no file name can break it.

        Undecodable bytes of a name are lone surrogates, as in Python.
        """
        fields = asdict(replace(self, thumbnails=None))
        return json.dumps({name: fields[name] for name in fields if name not in _UNREPORTED})

    def timed(self, seconds: float) -> "JobResult":
        """Returns a copy with the given time."""
        return replace(self, seconds=round(seconds, 3))


_REPORTED = {row.name for row in fields(JobResult)} - _UNREPORTED
_ADDED = {"advice", "tone"}
"""Fields that the first reports did not have."""

_MOST_EARLIER = 64 << 20
"""Bytes of an earlier report whose lines can be put back: about a hundred thousand inputs."""


@dataclass(slots=True)
class Tally:
    """Counts of a run.

    Attributes:
        status: Number of results by status.
        reasons: Number of inputs that were skipped, or corrected by hand, by reason.
        toned: Number of photographs coloured now that were toned in one hue.
        write_failures: Number of photographs that were coloured but could not be written.
    """

    status: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    toned: int = 0
    write_failures: int = 0

    def add(self, result: JobResult) -> None:
        """Counts one result."""
        self.status[result.status] += 1
        if result.reason is not None:
            self.reasons[result.reason] += 1
        self.toned += result.tone == "toned"
        if result.exit_code == WriteError.exit_code:
            self.write_failures += 1

    @property
    def exit_code(self) -> int:
        """0 if everything is done, 1 if some inputs failed, 3 if nothing could be done."""
        failed = self.status["failed"]
        if failed == 0:
            return 0
        return 3 if failed == self.status.total() and not self.write_failures else 1

    def sentence(self) -> str:
        """The counts as text: ``12 coloured, 3 already done, 1 failed``."""
        planned = self.status["planned"]
        parts = [f"{planned} to colour" if planned else f"{self.status['done']} coloured"]
        if self.toned:
            parts[0] += f" ({self.toned} toned in one hue)"
        if self.status["already_done"]:
            by_hand = self.reasons[CORRECTED]
            kept = f" ({by_hand} {CORRECTED})" if by_hand else ""
            parts.append(f"{self.status['already_done']} already done{kept}")
        if self.status["skipped"]:
            why = ", ".join(
                f"{self.reasons[reason]} {words}"
                for reason, words in _SKIPPED.items()
                if self.reasons[reason]
            )
            parts.append(f"{self.status['skipped']} skipped ({why})")
        if self.status["failed"]:
            parts.append(f"{self.status['failed']} failed")
        return ", ".join(parts)


class Report:
    """A report file that is written line by line, so that its progress can be followed.

    Args:
        file: The open file; None writes nothing.
        path: Its path.
        earlier: The report that it replaces.
    """

    def __init__(self, file: RawIOBase | None, path: Path, *, earlier: bytes = b"") -> None:
        self._file = file
        self._path = path
        self._earlier = earlier
        self._reached = DigestTable()
        self.stopped = False

    def add(self, result: JobResult) -> None:
        """Writes one result.

        Raises:
            WriteError: The file cannot be written.
        """
        if self._file is None:
            return
        try:
            line = result.to_json().encode("ascii") + b"\n"
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self.stopped = result.stops
        if self._earlier:
            self._reached.put(_key(result.input), 1)

    def check(self) -> None:
        """Checks that what was written is still there, at the end of a run.

        Raises:
            WriteError: The file was removed or replaced.
        """
        if self._file is None:
            return
        opened = os.fstat(self._file.fileno())
        if not stat.S_ISREG(opened.st_mode):
            return
        with suppress(OSError):
            if os.path.samestat(opened, self._path.stat()):
                return
        raise WriteError(
            f"The report {shown(self._path)} was removed or replaced during the run.",
            advice="The same command writes it again.",
        )

    def put_back(self) -> None:
        """Adds the lines of the earlier report for inputs that a run has not reached."""
        if self._file is None or not self._earlier:
            return
        kept = bytearray()
        for line in self._earlier.splitlines(keepends=True):
            row = _row(line)
            if row is not None and self._reached.get(_key(row["input"])) is None:
                kept += line
        # It cannot be done better on a full disk, and the run's own error is reported.
        with suppress(OSError):
            end = os.fstat(self._file.fileno()).st_size
            written = self._file.write(kept) or 0
            if written < len(kept):  # no part of a line
                self._file.truncate(end + kept.rfind(b"\n", 0, written) + 1)


def _key(name: object) -> int:
    return digest(str(name).encode("utf-8", "surrogatepass"))


@contextmanager
def open_report(path: Path | None) -> Iterator[Report]:
    """Opens a report. An earlier report is replaced; other files never are.

    A resumed run reports every input again, so the new report is complete. If a run ends early, the
    earlier lines of the inputs that it has not reached are put back.

    Args:
        path: The file, by convention with the extension .jsonl; None writes no report.

    Yields:
        The open report.

    Raises:
        UsageError: The file exists and is not a report.
        WriteError: It cannot be created.
    """
    if path is None:
        yield Report(None, Path())
        return
    if str(path) == "-":
        raise UsageError("--report needs the name of a file; stdout lists the outputs.")
    try:
        # A broken link also belongs to someone.
        if os.path.lexists(path) and not (path.exists() and _is_report(path)):
            raise UsageError(
                f"{shown(path)} exists and is not a report made by Tintype.",
                advice="Give --report another name.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: each line is written at once, and closing after a failure does not fail again.
        # Not "w": another run's report must not be truncated before the lock is held.
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        report = Report(file, path, earlier=_begin(file, path))
        try:
            yield report
        except BaseException:
            report.put_back()
            raise
        if report.stopped:
            report.put_back()


def _begin(file: RawIOBase, path: Path) -> bytes:
    """Empties a report that no other run is writing, and returns its contents."""
    if not path.is_file():
        return b""  # a pipe has no lock and nothing to empty
    earlier = b""
    try:
        refuse_shared(os.fstat(file.fileno()))
        if not _locked(file):
            raise UsageError(
                f"Another run is writing the report {shown(path)}.",
                advice="Give --report another name, or wait for that run.",
            )
        with suppress(OSError):
            earlier = read_regular(path, most=_MOST_EARLIER)
        file.truncate(0)
    except OSError as error:
        raise _unwritable(path, error) from error
    return earlier


def _locked(file: RawIOBase) -> bool:
    try:
        return try_lock(file.fileno())
    except OSError as error:
        # On a file system without locks this is unknown, and must not stop the run.
        if error.errno in NO_LOCKS:
            return True
        raise


def _is_report(path: Path) -> bool:
    # A pipe, as in --report >(jq .), has no contents to lose.
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return stat.S_ISFIFO(mode)
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    return not first or _row(first) is not None


def _row(line: bytes) -> dict[str, Any] | None:
    """A line of a report; None if it is not one."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    # Exactly these fields: lists of other programs have some of them as well.
    ours = (
        isinstance(data, dict)
        and _REPORTED - _ADDED <= data.keys() <= _REPORTED
        and data["status"] in get_args(Status)
    )
    return data if ours else None


def _unwritable(path: Path, error: OSError) -> WriteError:
    return WriteError(f"The report {shown(path)} cannot be written: {error.strerror or error}.")
