import json
import os
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest

from tintype.errors import WriteError
from tintype.jobs import resume
from tintype.jobs.resume import STATE_FILE, Marks, remember
from tintype.photo.metadata.provenance import Provenance

MADE = Provenance("Tintype", "0.1.0", "tiny", "aa", '{"quality":"normal"}', "bb")
DATA = b"BM, as if it were a picture"


def test_a_format_without_room_is_remembered_beside(tmp_path: Path) -> None:
    target = tmp_path / "x.color.bmp"
    remember(target, DATA, MADE)
    assert Marks().of(target, DATA) == MADE


def test_another_file_under_the_name_is_not_ours(tmp_path: Path) -> None:
    target = tmp_path / "x.color.bmp"
    remember(target, DATA, MADE)
    assert Marks().of(target, DATA + b"edited") is None
    assert Marks().of(tmp_path / "y.color.bmp", DATA) is None


def test_lines_that_are_added_meanwhile_are_seen(tmp_path: Path) -> None:
    marks = Marks()
    target = tmp_path / "x.color.bmp"
    assert marks.of(target, DATA) is None
    remember(target, DATA, MADE)
    assert marks.of(target, DATA) == MADE
    remember(target, DATA + b"2", MADE)
    assert marks.of(target, DATA) == MADE
    assert marks.of(target, DATA + b"2") == MADE


def damaged_row(byte: bytes) -> bytes:
    """A line of ours in which one byte is no text."""
    row = {"output": "z.color.bmp", "sha256": "00" * 32, **asdict(MADE)}
    return json.dumps(row).encode().replace(b"tiny", b"ti" + byte + b"y") + b"\n"


@pytest.mark.parametrize(
    "rest",
    [
        b'{"output": "x.color.b',
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b"\n",
        b"[" * 100_000 + b"\n",
        damaged_row(b"\xff"),
        damaged_row(b"\xe1\x80"),
    ],
)
def test_a_damaged_state_file_spoils_only_its_own_lines(tmp_path: Path, rest: bytes) -> None:
    target = tmp_path / "x.color.bmp"
    remember(target, DATA, MADE)
    with (tmp_path / STATE_FILE).open("ab") as file:
        file.write(rest)
    other = tmp_path / "y.color.bmp"
    remember(other, DATA, MADE)
    assert Marks().of(target, DATA) == MADE
    assert Marks().of(other, DATA) == MADE


def test_names_of_any_bytes_are_remembered(tmp_path: Path) -> None:
    target = tmp_path / (os.fsdecode(b"\xff\n") + "é.bmp")
    remember(target, DATA, MADE)
    (line,) = (tmp_path / STATE_FILE).read_bytes().splitlines()
    assert json.loads(line)["sha256"] == sha256(DATA).hexdigest()
    assert Marks().of(target, DATA) == MADE


def test_a_state_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).mkdir()
    with pytest.raises(WriteError, match="state"):
        remember(tmp_path / "x.bmp", DATA, MADE)


def test_a_state_file_is_read_once_however_often_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    of_json = resume.provenance_from_json
    monkeypatch.setattr(
        resume, "provenance_from_json", lambda text: parsed.append(text) or of_json(text)
    )
    marks = Marks()
    for number in range(50):
        target = tmp_path / f"{number}.bmp"
        remember(target, DATA + b"%d" % number, MADE)
        assert marks.of(target, DATA + b"%d" % number) == MADE
    # Each line when it is met, and again when it is asked for.
    assert len(parsed) == 100


def test_a_state_file_that_somebody_has_written_anew_is_read_anew(tmp_path: Path) -> None:
    marks = Marks()
    one, two = tmp_path / "1.bmp", tmp_path / "2.bmp"
    remember(one, DATA, MADE)
    remember(two, DATA, MADE)
    assert marks.of(two, DATA) == MADE
    state = tmp_path / STATE_FILE
    first, second = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(b" \n" + second + first)
    assert marks.of(one, DATA) == MADE
    assert marks.of(two, DATA) == MADE
    state.write_bytes(second)
    assert marks.of(one, DATA) is None
    assert marks.of(two, DATA) == MADE
    state.unlink()
    assert marks.of(two, DATA) is None
