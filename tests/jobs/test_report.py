import errno
import io
import json
import os
from pathlib import Path

import pytest

from tintype.errors import UnreadablePhotoError, UsageError, WriteError
from tintype.jobs.report import COLOR_PHOTO, OWN_OUTPUT, JobResult, Report, Tally, open_report

DONE = JobResult("done", "in.png", "out.png", sha256="ab", input_sha256="cd", seconds=0.5)


def test_toned_photographs_are_counted() -> None:
    done = [JobResult("done", "a", tone=tone) for tone in ("toned", "grey", "toned")]
    assert tally(*done).sentence() == "3 coloured (2 toned in one hue)"
    assert '"tone": "toned"' in done[0].to_json()


def tally(*results: JobResult) -> Tally:
    counted = Tally()
    for result in results:
        counted.add(result)
    return counted


def failed(kind: type[UnreadablePhotoError | WriteError] = UnreadablePhotoError) -> JobResult:
    return JobResult.failure(Path("x"), kind("It went wrong.", advice="Do this."))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([DONE], 0),
        ([JobResult.skip(Path("x"), COLOR_PHOTO)], 0),
        ([DONE, failed()], 1),
        ([JobResult.skip(Path("x"), COLOR_PHOTO), failed()], 1),
        ([failed()], 3),
        ([failed(), failed()], 3),
        ([failed(WriteError)], 1),
        ([failed(WriteError), failed()], 1),
    ],
)
def test_exit_codes(results: list[JobResult], code: int) -> None:
    assert tally(*results).exit_code == code


def test_the_last_line_counts_everything() -> None:
    results = [DONE, JobResult("already_done", "x"), failed()]
    results += [
        JobResult.skip(Path("x"), reason) for reason in (COLOR_PHOTO, OWN_OUTPUT, OWN_OUTPUT)
    ]
    assert tally(*results).sentence() == (
        "1 coloured, 1 already done, 3 skipped (1 in colour, 2 made by Tintype), 1 failed"
    )


def test_a_result_is_one_ascii_line_for_any_name() -> None:
    name = os.fsdecode(b"line\nbreak \xff \x1b[31m") + "é"
    line = JobResult.failure(Path(name), UnreadablePhotoError("No.", advice="Yes.")).to_json()
    assert line.isascii()
    assert "\n" not in line
    result = json.loads(line)
    assert result["input"] == name
    assert (result["status"], result["error"], result["advice"]) == ("failed", "No.", "Yes.")
    assert "exit_code" not in result


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for seconds in (1.0, 2.0):
        with open_report(path) as report:
            report.add(DONE.timed(seconds))
    results = [json.loads(line) for line in path.read_text().splitlines()]
    assert [result["seconds"] for result in results] == [2.0]
    for contents in (b"\x89PNG\r\n\x1a\n", b"my notes\n", b'{"status": 1}\n', b"[1]\n"):
        other = tmp_path / "other"
        other.write_bytes(contents)
        with pytest.raises(UsageError, match="not a report"), open_report(other):
            pass
        assert other.read_bytes() == contents


def test_a_list_with_some_fields_of_a_report_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    row = json.loads(DONE.to_json())
    few = {name: row[name] for name in ("status", "input", "output", "sha256")}
    for other in (few, row | {"score": 1}, row | {"status": "ok"}, row | {"status": ["done"]}):
        path.write_text(json.dumps(other) + "\n")
        with pytest.raises(UsageError, match="not a report"), open_report(path):
            pass
        assert json.loads(path.read_text()) == other
    del row["advice"], row["tone"]  # an early report
    path.write_text(json.dumps(row) + "\n")
    with open_report(path):
        assert path.read_bytes() == b""


def test_a_report_is_not_written_through_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "report.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="not a report"), open_report(tmp_path / "report.jsonl"):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("empty", [True, False])
def test_a_report_with_another_name_is_not_changed(tmp_path: Path, empty: bool) -> None:
    kept = tmp_path / "kept.jsonl"
    with open_report(kept) as report:
        if not empty:
            report.add(DONE)
    before = kept.read_bytes()
    (tmp_path / "report.jsonl").hardlink_to(kept)
    with pytest.raises(WriteError, match="hard link"), open_report(tmp_path / "report.jsonl"):
        pass
    assert kept.read_bytes() == before


def test_a_report_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(WriteError, match="cannot be written"), open_report(tmp_path / "x/x.jsonl"):
        pass
    with pytest.raises(UsageError, match="not a report"), open_report(tmp_path):
        pass


class Disk(io.RawIOBase):
    """A file on a disk with little room."""

    def __init__(self, room: int) -> None:
        self._room = room

    def write(self, data: object) -> int:
        if self._room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = min(self._room, len(bytes(data)))
        self._room -= written
        return written


@pytest.mark.parametrize("room", [0, 10])
def test_a_full_disk_ends_the_report(room: int) -> None:
    with pytest.raises(WriteError, match="No space left"):
        Report(Disk(room), Path("out.jsonl")).add(DONE)


def test_a_file_of_brackets_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(UsageError, match="not a report"), open_report(path):
        pass
