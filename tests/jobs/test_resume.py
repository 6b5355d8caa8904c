import json
import os
import tracemalloc
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest

from tintype.errors import WriteError
from tintype.files.temporary import STATE_FILE
from tintype.jobs import resume
from tintype.jobs.resume import ProvenanceReader, record_provenance
from tintype.photo.metadata.provenance import Provenance

MADE = Provenance("Tintype", "0.1.0", "tiny", "aa", '{"quality":"normal"}', "bb")
DATA = b"BM, as if it were a picture"


def test_a_format_without_room_is_remembered_beside(tmp_path: Path) -> None:
    target = tmp_path / "x.color.bmp"
    record_provenance(target, DATA, MADE)
    assert ProvenanceReader().read(target, DATA) == MADE


def test_another_file_under_the_name_is_not_ours(tmp_path: Path) -> None:
    target = tmp_path / "x.color.bmp"
    record_provenance(target, DATA, MADE)
    assert ProvenanceReader().read(target, DATA + b"edited") is None
    assert ProvenanceReader().read(tmp_path / "y.color.bmp", DATA) is None


def test_lines_that_are_added_meanwhile_are_seen(tmp_path: Path) -> None:
    reader = ProvenanceReader()
    target = tmp_path / "x.color.bmp"
    assert reader.read(target, DATA) is None
    record_provenance(target, DATA, MADE)
    assert reader.read(target, DATA) == MADE
    record_provenance(target, DATA + b"2", MADE)
    assert reader.read(target, DATA) == MADE
    assert reader.read(target, DATA + b"2") == MADE


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
    record_provenance(target, DATA, MADE)
    with (tmp_path / STATE_FILE).open("ab") as file:
        file.write(rest)
    other = tmp_path / "y.color.bmp"
    record_provenance(other, DATA, MADE)
    assert ProvenanceReader().read(target, DATA) == MADE
    assert ProvenanceReader().read(other, DATA) == MADE


def test_names_of_any_bytes_are_remembered(tmp_path: Path) -> None:
    target = tmp_path / (os.fsdecode(b"\xff\n") + "é.bmp")
    record_provenance(target, DATA, MADE)
    (line,) = (tmp_path / STATE_FILE).read_bytes().splitlines()
    assert json.loads(line)["sha256"] == sha256(DATA).hexdigest()
    assert ProvenanceReader().read(target, DATA) == MADE


def test_a_state_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).mkdir()
    with pytest.raises(WriteError, match="state"):
        record_provenance(tmp_path / "x.bmp", DATA, MADE)


@pytest.mark.parametrize("there", [True, False])
def test_a_state_file_is_not_written_through_a_link(tmp_path: Path, there: bool) -> None:
    diary, folder = tmp_path / "diary", tmp_path / "scans"
    folder.mkdir()
    if there:
        diary.write_text("my diary")
    (folder / STATE_FILE).symlink_to(diary)
    with pytest.raises(WriteError, match=r"state.*is a link"):
        record_provenance(folder / "x.bmp", DATA, MADE)
    assert not there or diary.read_text() == "my diary"
    assert diary.exists() == there


def test_a_state_file_with_another_name_is_not_changed(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    record_provenance(tmp_path / "x.bmp", DATA, MADE)
    notes.hardlink_to(tmp_path / STATE_FILE)
    before = notes.read_bytes()
    with pytest.raises(WriteError, match=r"state.*hard link"):
        record_provenance(tmp_path / "y.bmp", DATA, MADE)
    assert notes.read_bytes() == before


@pytest.mark.parametrize(
    "contents",
    [
        b"my notes",
        b"\xff\xd8\xff a photograph",
        b'{"output": "x", "score": 1}\n',
        b"\n",
        b'{\n "a": 1\n}\n',
    ],
)
def test_a_file_of_somebody_else_is_not_continued(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / STATE_FILE).write_bytes(contents)
    with pytest.raises(WriteError, match=r"state.*not from Tintype"):
        record_provenance(tmp_path / "x.bmp", DATA, MADE)
    assert (tmp_path / STATE_FILE).read_bytes() == contents


@pytest.mark.parametrize("cut", [0, 1, 12, 40])
def test_a_state_file_whose_first_line_was_cut_off_is_continued(tmp_path: Path, cut: int) -> None:
    record_provenance(tmp_path / "x.bmp", DATA, MADE)
    state = tmp_path / STATE_FILE
    state.write_bytes(state.read_bytes()[:cut])
    for name in ("y.bmp", "z.bmp"):
        record_provenance(tmp_path / name, DATA, MADE)
        assert ProvenanceReader().read(tmp_path / name, DATA) == MADE


def test_a_pipe_for_a_state_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / STATE_FILE)
    with pytest.raises(WriteError, match="is not a regular file"):
        record_provenance(tmp_path / "x.bmp", DATA, MADE)


def test_a_state_file_is_read_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    of_json = resume.provenance_from_json
    monkeypatch.setattr(
        resume, "provenance_from_json", lambda text: parsed.append(text) or of_json(text)
    )
    reader = ProvenanceReader()
    for number in range(50):
        target = tmp_path / f"{number}.bmp"
        record_provenance(target, DATA + b"%d" % number, MADE)
        assert reader.read(target, DATA + b"%d" % number) == MADE
    # Each line when it is found, and again when it is looked up; the first one before another is
    # added to it.
    assert len(parsed) == 100 + 49


def test_a_state_file_that_somebody_has_rewritten_is_read_again(tmp_path: Path) -> None:
    reader = ProvenanceReader()
    one, two = tmp_path / "1.bmp", tmp_path / "2.bmp"
    record_provenance(one, DATA, MADE)
    record_provenance(two, DATA, MADE)
    assert reader.read(two, DATA) == MADE
    state = tmp_path / STATE_FILE
    first, second = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(b" \n" + second + first)
    assert reader.read(one, DATA) == MADE
    assert reader.read(two, DATA) == MADE
    state.write_bytes(second)
    assert reader.read(one, DATA) is None
    assert reader.read(two, DATA) == MADE
    state.unlink()
    assert reader.read(two, DATA) is None


def test_a_state_file_of_any_length_is_read_in_little_memory(tmp_path: Path) -> None:
    targets = tmp_path / "x.color.bmp", tmp_path / "y.color.bmp"
    record_provenance(targets[0], DATA, MADE)
    with (tmp_path / STATE_FILE).open("r+b") as file:
        file.truncate(200 << 20)  # takes no room on the disk
    tracemalloc.start()
    record_provenance(targets[1], DATA, MADE)
    reader = ProvenanceReader()
    assert [reader.read(target, DATA) for target in targets] == [MADE, MADE]
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
