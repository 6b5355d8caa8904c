import errno
import io
import json
import os
from contextlib import suppress
from dataclasses import replace
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

    def __init__(self, room: int, file: io.RawIOBase | None = None) -> None:
        self._room = room
        self._file = file

    def write(self, data: object) -> int:
        if self._room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = min(self._room, len(bytes(data)))
        if self._file is not None:
            self._file.write(bytes(data)[:written])
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


@pytest.mark.parametrize("end", ["stops", "interrupted"])
def test_a_run_that_ends_early_keeps_the_earlier_lines_of_what_it_has_not_reached(
    tmp_path: Path, end: str
) -> None:
    path = tmp_path / "r.jsonl"
    earlier = [replace(DONE, input=name, output=f"{name}.png") for name in ("a", "b", "b", "c")]
    with open_report(path) as report:
        for row in earlier:
            report.add(row)
    with path.open("a") as file:
        file.write('{"status": "done"}\nno report\n')
    new = replace(DONE, status="failed", input="a", stops=end == "stops")
    expected = [new, *earlier[1:]]
    with suppress(KeyboardInterrupt), open_report(path) as report:
        report.add(new)
        assert path.read_text() == new.to_json() + "\n"
        if end == "interrupted":
            raise KeyboardInterrupt
    assert path.read_text() == "".join(row.to_json() + "\n" for row in expected)
    with open_report(path) as report:  # and a whole run replaces them all
        report.add(DONE)
    assert path.read_text() == DONE.to_json() + "\n"


def test_what_is_put_back_is_whole_lines_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = "".join(replace(DONE, input=name).to_json() + "\n" for name in "abc").encode()
    for room, lines in ((len(earlier), 3), (len(earlier) - 1, 2), (10, 0)):
        path = tmp_path / "r.jsonl"
        with path.open("wb", buffering=0) as file:
            monkeypatch.setattr(Disk, "fileno", lambda _, file=file: file.fileno())
            monkeypatch.setattr(Disk, "truncate", lambda _, size, file=file: file.truncate(size))
            report = Report(Disk(room, file), path, earlier=earlier)
            report.put_back()
        assert path.read_bytes() == b"".join(earlier.splitlines(keepends=True)[:lines])
    monkeypatch.setattr("tintype.jobs.report._MOST_EARLIER", len(earlier) - 1)
    path.write_bytes(earlier)
    with open_report(path) as report:
        report.add(replace(DONE, input="a", stops=True))
    assert len(path.read_bytes().splitlines()) == 1


def test_a_device_is_no_report_and_a_pipe_may_be_one(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        return
    (tmp_path / "link").symlink_to(os.devnull)
    for path in (Path(os.devnull), tmp_path / "link"):
        with pytest.raises(UsageError, match="not a report"), open_report(path):
            pass
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with open_report(pipe) as report:
        report.add(DONE)
        report.check()
    assert os.read(reading, 1 << 16).decode() == DONE.to_json() + "\n"
    os.close(reading)
