"""What the command prints: results on stdout, everything else on stderr."""

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
    """One line on stderr, whatever is in the text.

    Args:
        text: A sentence. Control characters in it are shown, not sent to the terminal.
    """
    _write_line(f"tintype: {shown(text)}")


def show_blocks(draw: Callable[[], str]) -> None:
    """A picture of Unicode blocks on stderr, bright on black whatever the colours of the terminal.

    Args:
        draw: Makes its lines; called only where stderr is a terminal that can show them.
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
    # None where the process was started without stderr; nobody can be told anything then.
    if sys.stderr is not None:
        try:
            print(line, file=sys.stderr, flush=True)  # noqa: T201
        except OSError:  # nobody reads it any more: a closed pipe, a terminal that was closed
            _silence(sys.stderr.fileno())


def print_result(text: str) -> None:
    """One line of text on stdout.

    A reader that has seen enough (`| head -1`) does not stop the work.

    Args:
        text: For people, or JSON.

    Raises:
        WriteError: stdout cannot be written, for another reason than that nobody reads it.
    """
    encoding = (sys.stdout.encoding if sys.stdout is not None else None) or "utf-8"
    _write_out((text + "\n").encode(encoding, "backslashreplace"))


def print_path(path: str) -> None:
    """The path of a result on stdout, for programs byte for byte, for people printable.

    Args:
        path: As it is on the disk.

    Raises:
        WriteError: As `print_result`.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        print_result(shown(path))
    else:
        _write_out(os.fsencode(path) + b"\n")


def write_picture(data: bytes) -> None:
    """The bytes of a picture on stdout.

    Args:
        data: A whole file.

    Raises:
        WriteError: They did not all arrive.
    """
    try:
        if sys.stdout is None:
            raise WriteError("There is no standard output to write to.")
        _write_all(sys.stdout.buffer, data)
    except OSError as error:
        _silence(sys.stdout.fileno())
        raise WriteError(f"Standard output failed: {error.strerror or error}.") from error


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """Writes all of it: with PYTHONUNBUFFERED a stream may take less at a time."""
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
    """Lets whatever is still buffered, and whatever follows, go nowhere.

    Otherwise Python reports the same failure again while it shuts down.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Bar:
    """A progress bar on stderr.

    Args:
        progress: Of rich.
        total: How many items there are, about; 0 where nobody knows.
    """

    def __init__(self, progress: "Progress", total: int) -> None:
        self._progress = progress
        self._total = total
        self._task = progress.add_task("colouring", total=total or None)

    def print(self, line: str) -> None:
        """One line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def step(self) -> None:
        """One item more is done."""
        self._progress.advance(self._task)

    def begin_at(self, done: int) -> None:
        """So many were done by an earlier run, and took no time of this one."""
        self._progress.reset(self._task, total=self._total or None, completed=done)

    def set(self, done: int) -> None:
        """So many items are done."""
        total = max(self._total, done) if self._total else None
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def progress_bar(total: int, *, unit: str = "") -> Iterator[Bar | None]:
    """A bar with the time left, where stderr is a terminal.

    Args:
        total: How many items there are, about; 0 where nobody knows.
        unit: What they are called.

    Yields:
        The bar; None where there is no terminal.
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
    """Messages and paths of a run, with or without a progress bar below them."""

    def __init__(self, bar: Bar | None = None) -> None:
        self._bar = bar

    def say(self, text: str) -> None:
        """One line on stderr, above the bar where there is one."""
        if self._bar is None:
            say(text)
        else:
            self._bar.print(f"tintype: {shown(text)}")

    def written(self, path: str) -> None:
        """The path of a result.

        On a terminal with a bar thousands of paths would hide what matters; a pipe gets them all.
        """
        if self._bar is None or not (sys.stdout is not None and sys.stdout.isatty()):
            print_path(path)

    def step(self) -> None:
        """One input more is done."""
        if self._bar is not None:
            self._bar.step()


@contextmanager
def screen(items: int) -> Iterator[Screen]:
    """A screen; with a bar for several inputs where stderr is a terminal.

    Args:
        items: How many inputs there are.

    Yields:
        The screen.
    """
    if items < 2:
        yield Screen()
        return
    with progress_bar(items) as bar:
        yield Screen(bar)
