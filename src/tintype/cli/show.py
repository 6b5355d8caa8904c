"""Output of the command: results on stdout, everything else on stderr."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from tintype.errors import WriteError, shown

if TYPE_CHECKING:
    from rich.progress import Progress


def say(text: str) -> None:
    """Prints one line on stderr.

    Args:
        text: A sentence. Control characters are escaped, not sent to the terminal.
    """
    _write_line(f"tintype: {shown(text)}")


def show_blocks(draw: Callable[[], str]) -> None:
    """Prints a picture of Unicode blocks on stderr, white on black in any terminal theme.

    Args:
        draw: Returns its lines; called only if stderr is a terminal that can show them.
    """
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return
    lines = draw().splitlines()
    try:
        "".join(lines).encode(sys.stderr.encoding)
    except UnicodeEncodeError:
        return
    for line in lines:
        _write_line(f"\x1b[97;40m{line}\x1b[0m")


def _write_line(line: str) -> None:
    # None if the process was started without stderr; there is nowhere to print then.
    if sys.stderr is not None:
        try:
            print(line, file=sys.stderr, flush=True)  # noqa: T201
        except OSError:  # there is no reader: a closed pipe or terminal
            _silence(sys.stderr.fileno())


def print_result(text: str) -> None:
    """Prints one line on stdout.

    A reader that exits early (`| head -1`) does not stop the work.

    Args:
        text: Plain text or JSON.

    Raises:
        WriteError: Writing to stdout failed for a reason other than a closed pipe.
    """
    encoding = (sys.stdout.encoding if sys.stdout is not None else None) or "utf-8"
    _write_out((text + "\n").encode(encoding, "backslashreplace"))


def print_path(path: str) -> None:
    """Prints the path of a result on stdout: printable on a terminal, otherwise byte for byte.

    Args:
        path: As stored on disk.

    Raises:
        WriteError: As `print_result`.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        print_result(shown(path))
    else:
        _write_out(os.fsencode(path) + b"\n")


def write_picture(data: bytes) -> None:
    """Writes the bytes of a picture to stdout.

    Args:
        data: A whole file.

    Raises:
        WriteError: Not all bytes could be written.
    """
    try:
        if sys.stdout is None:
            raise WriteError("There is no standard output to write to.")
        _write_all(sys.stdout.buffer, data)
    except OSError as error:
        _silence(sys.stdout.fileno())
        raise WriteError(f"Standard output failed: {error.strerror or error}.") from error


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """Writes all data: with PYTHONUNBUFFERED, a single write may be partial."""
    left = memoryview(data)
    while left:
        taken = stream.write(left)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, "it is non-blocking, and its buffer is full")
        left = left[taken:]
    stream.flush()


def _write_out(data: bytes) -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        _write_all(sys.stdout.buffer, data)
    except BrokenPipeError:
        _silence(sys.stdout.fileno())
    except OSError as error:
        _silence(sys.stdout.fileno())
        raise WriteError(f"Standard output failed: {error.strerror or error}.") from error


def _silence(descriptor: int) -> None:
    """Discards buffered and further output.

    Otherwise Python reports the same failure again at shutdown.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Bar:
    """A progress bar on stderr.

    Args:
        progress: Of rich.
        total: Approximate number of items; 0 if unknown.
    """

    def __init__(self, progress: "Progress", total: int) -> None:
        self._progress = progress
        self._total = total
        self._task = progress.add_task("colouring", total=total or None)

    def print(self, line: str) -> None:
        """Prints one line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def step(self) -> None:
        """Counts one more item as done."""
        self._progress.advance(self._task)

    def begin_at(self, done: int) -> None:
        """Starts the bar at the number of items done by an earlier run."""
        self._progress.reset(self._task, total=self._total or None, completed=done)

    def set(self, done: int) -> None:
        """Sets the number of items done."""
        total = max(self._total, done) if self._total else None
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def progress_bar(total: int, *, unit: str = "") -> Iterator[Bar | None]:
    """A bar with the time left, if stderr is a terminal.

    Args:
        total: Approximate number of items; 0 if unknown.
        unit: Name of the items.

    Yields:
        The bar; None without a terminal.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    if unit:
        columns.append(TextColumn(f"{unit},"))
    columns += [Remaining(elapsed_when_finished=bool(unit))]
    if unit:
        columns.append(TextColumn("left"))
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        yield Bar(progress, total)


class Screen:
    """Prints the messages and paths of a run, with or without a progress bar below them."""

    def __init__(self, bar: Bar | None = None) -> None:
        self._bar = bar

    def say(self, text: str) -> None:
        """Prints one line on stderr, above the bar if there is one."""
        if self._bar is None:
            say(text)
        else:
            self._bar.print(f"tintype: {shown(text)}")

    def written(self, path: str) -> None:
        """Prints the path of a result.

        On a terminal with a bar, paths are omitted, since thousands would hide the messages; a pipe
        receives all of them.
        """
        if self._bar is None or not (sys.stdout is not None and sys.stdout.isatty()):
            print_path(path)

    def step(self) -> None:
        """Counts one more input as done."""
        if self._bar is not None:
            self._bar.step()


@contextmanager
def screen(items: int) -> Iterator[Screen]:
    """A screen; for several inputs, with a bar if stderr is a terminal.

    Args:
        items: The number of inputs.

    Yields:
        The screen.
    """
    if items < 2:
        yield Screen()
        return
    with progress_bar(items) as bar:
        yield Screen(bar)
