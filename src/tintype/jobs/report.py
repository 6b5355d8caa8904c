"""The report: one row per input, and the counts of a run."""

import errno
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from io import RawIOBase
from pathlib import Path
from typing import Literal, Self

from tintype.errors import TintypeError, UsageError, WriteError, shown

Status = Literal["done", "already_done", "skipped", "failed"]

COLOR_PHOTO = "a colour photograph"
OWN_OUTPUT = "an output of Tintype"
LINK_OUTSIDE = "a link that leads out of the folder"

_IN_COUNTS = {
    COLOR_PHOTO: "in colour",
    OWN_OUTPUT: "made by Tintype",
    LINK_OUTSIDE: "linked from outside",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one input.

    Attributes:
        status: "done" (coloured now), "already_done" (by an earlier run), "skipped" or "failed".
        input: Path as it was found.
        output: Path written or found, None where there is none.
        sha256: Of the output.
        input_sha256: Of the input, where it could be read.
        seconds: From opening the input to having its output on the disk.
        reason: Why it was skipped.
        error: What went wrong.
        advice: What to do about it.
        notes: Sentences on what the output could not keep or what was unusual.
        grey_check: What comparing the written grey with the input's gave, where asked for.
        exit_code: Of the error; not part of the report.
        thumbnails: Before and after, as JPEG files, where they are wanted; not part of the report.
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
    exit_code: int = 0
    thumbnails: tuple[bytes, bytes] | None = None

    @classmethod
    def failure(cls, source: object, error: TintypeError) -> Self:
        """A row for an input that could not be coloured."""
        return cls(
            "failed",
            str(source),
            error=error.message,
            advice=error.advice or None,
            exit_code=error.exit_code,
        )

    @classmethod
    def skip(cls, source: object, reason: str) -> Self:
        """A row for an input that was left alone on purpose."""
        return cls("skipped", str(source), reason=reason)

    def to_json(self) -> str:
        """One line of the report: ASCII, so that no name of a file can break it.

        Bytes in a name that are no text stand as lone surrogates, as Python reads and writes them.
        """
        fields = asdict(replace(self, thumbnails=None))
        del fields["exit_code"], fields["thumbnails"]
        return json.dumps(fields)

    def timed(self, seconds: float) -> "Row":
        """The same row with its time."""
        return replace(self, seconds=round(seconds, 3))


@dataclass(slots=True)
class Tally:
    """Counts of a run.

    Attributes:
        status: Rows by status.
        reasons: Skipped rows by reason.
        write_failures: Failed rows whose photograph was fine but could not be written.
    """

    status: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    write_failures: int = 0

    def add(self, row: Row) -> None:
        """Counts one row."""
        self.status[row.status] += 1
        if row.reason is not None:
            self.reasons[row.reason] += 1
        if row.exit_code == WriteError.exit_code:
            self.write_failures += 1

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed, 3 nothing could be done."""
        failed = self.status["failed"]
        if failed == 0:
            return 0
        return 3 if failed == self.status.total() and not self.write_failures else 1

    def sentence(self) -> str:
        """The counts in words: ``12 coloured, 3 already done, 1 failed``."""
        parts = [f"{self.status['done']} coloured"]
        if self.status["already_done"]:
            parts.append(f"{self.status['already_done']} already done")
        if self.status["skipped"]:
            why = ", ".join(
                f"{self.reasons[reason]} {words}"
                for reason, words in _IN_COUNTS.items()
                if self.reasons[reason]
            )
            parts.append(f"{self.status['skipped']} skipped ({why})")
        if self.status["failed"]:
            parts.append(f"{self.status['failed']} failed")
        return ", ".join(parts)


class Report:
    """A report file that is being written, a line at a time so that it can be followed."""

    def __init__(self, file: RawIOBase | None, path: Path) -> None:
        self._file = file
        self._path = path

    def add(self, row: Row) -> None:
        """Writes one row.

        Raises:
            WriteError: The disk is full or gone.
        """
        if self._file is None:
            return
        try:
            line = row.to_json().encode("ascii") + b"\n"
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _unwritable(self._path, error) from error


@contextmanager
def open_report(path: Path | None) -> Iterator[Report]:
    """Opens a report; an earlier report is replaced, any other file never.

    A run that continues an earlier one reports every input again, so nothing of the earlier report
    is missing in the new one.

    Args:
        path: Usually ends in .jsonl; None gives a report that goes nowhere.

    Yields:
        The open report.

    Raises:
        UsageError: Something else than a report stands there.
        WriteError: It cannot be created.
    """
    if path is None:
        yield Report(None, Path())
        return
    if str(path) == "-":
        raise UsageError("--report needs the name of a file; stdout carries the outputs' paths.")
    try:
        if path.exists() and not _is_report(path):
            raise UsageError(
                f"{shown(path)} exists and is no report of Tintype.",
                advice="Give --report another name.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer: each row is there at once, and closing after a failure fails no more.
        file = path.open("wb", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        yield Report(file, path)


def _is_report(path: Path) -> bool:
    # A device such as /dev/stderr may be written to; there is nothing in it to lose.
    if not path.is_file():
        return not path.is_dir()
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    if not first:
        return True
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"status", "input", "output", "sha256"} <= row.keys()


def _unwritable(path: Path, error: OSError) -> WriteError:
    return WriteError(f"The report {shown(path)} cannot be written: {error.strerror or error}.")
