"""The progress bar: on a terminal alone, counted on from where an earlier run stopped."""

import io
import re
import sys

import pytest

from tintype.cli.film import _report_to
from tintype.cli.show import _write_all, progress_bar, screen


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in place of stderr; from here on, as pytest replaces stderr before each test."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return found


def test_several_inputs_have_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    with screen(2) as view:
        view.say("one [bold]line[/bold]\n")
        view.step()
        view.step()
    shown = terminal.getvalue()
    assert "tintype: one [bold]line[/bold]\\n\n" in shown
    assert "colouring" in shown
    assert "2/2" in shown


def test_one_input_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    with screen(1) as view:
        view.step()
    assert terminal.getvalue() == ""


def test_a_film_goes_on_from_the_frames_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    with progress_bar(100, unit="frames") as bar:
        report = _report_to(bar)
        report(40)
        report(100)
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue())
    assert "100/100 frames," in shown
    assert "left" in shown


def test_a_pipe_gets_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(100, unit="frames") as bar:
        assert bar is None
        _report_to(bar)(7)
    with screen(3) as view:
        view.step()
    assert capsys.readouterr() == ("", "")


class Trickle(io.RawIOBase):
    """A stream without a buffer that takes a few bytes at a time, and then none."""

    def __init__(self, most: int) -> None:
        self.taken, self.most = b"", most

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int | None:
        part = bytes(data)[:7]  # type: ignore[call-overload]
        if len(self.taken) + len(part) > self.most:
            return None
        self.taken += part
        return len(part)


def test_an_unbuffered_stream_gets_all_of_a_picture() -> None:
    stream = Trickle(1000)
    _write_all(stream, bytes(range(200)))  # type: ignore[arg-type]
    assert stream.taken == bytes(range(200))
    with pytest.raises(BlockingIOError, match="non-blocking"):
        _write_all(Trickle(20), bytes(200))  # type: ignore[arg-type]
