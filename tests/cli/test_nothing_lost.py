"""Whatever is named on the command line: no file of somebody else's is replaced or removed."""

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tintype.cli.app import main
from tintype.cli.roles import check_roles, check_streams
from tintype.errors import TargetExistsError, UsageError, WriteError
from tintype.files.own import check_replaceable
from tintype.jobs import contact_sheet as sheets
from tintype.jobs.report import JobResult, open_report

Make = Callable[..., Path]
Capture = pytest.CaptureFixture[str]

FOREIGN = {
    "v.jpg": b"\xff\xd8\xff\xe0 somebody's photograph",
    "v.png": b"\x89PNG\r\n\x1a\n somebody's photograph",
    "h.json": b'[{"x": 1, "y": 1, "color": "#c04030"}]',
    "notes.html": b"<p>mine",
    "notes.jsonl": b"mine",
}


@pytest.fixture
def color(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_photo: Make
) -> Callable[..., int]:
    """`tintype photo.png WORDS` with the tiny model, among files of somebody else's."""
    monkeypatch.chdir(tmp_path)
    make_photo(Path("photo.png"))
    for name, data in FOREIGN.items():
        Path(name).write_bytes(data)
    return lambda *words: main(["--model", str(tiny_model), "--jobs", "1", "photo.png", *words])


@pytest.fixture
def unharmed(color: object) -> Iterator[None]:
    """All that was there before the command is there after it."""
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    yield
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    "words",
    [
        ["--save-settings", "v.jpg"],
        ["--save-settings", "h.json"],
        ["--hints", "h.json", "--save-settings", "h.json"],
        ["--hints", "h.json", "--report", "h.json"],
        ["--hints", "h.json", "--save-settings", "./sub/../h.json"],
        ["--certainty", "v.png"],
        ["--certainty", "photo.png"],
        ["-o", "v.png"],
        ["-o", "v.jpg"],
        ["-o", "photo.png"],
        ["--report", "notes.jsonl"],
        ["--report", "photo.png"],
        ["--contact-sheet", "notes.html"],
        ["--report", "x.html", "--contact-sheet", "x.html"],
        ["--save-settings", "x.json", "--report", "x.json"],
        ["-o", "x.png", "--certainty", "x.png"],
    ],
    ids=" ".join,
)
def test_with_overwrite_too_others_files_stay(
    color: Callable[..., int], capfd: Capture, words: list[str]
) -> None:
    Path("sub").mkdir()
    assert color(*words, "--overwrite") in {1, 2, 3}
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert not any(Path(name).exists() for name in ("x.html", "x.json", "x.png", "photo.color.png"))


def test_a_mask_is_not_the_output(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    mask = make_photo(Path("mm.png"), seed=1)
    before = mask.read_bytes()
    for words in (["-o", "mm.png"], ["--certainty", "mm.png"], ["--save-settings", "mm.png"]):
        assert color("--mask", "mm.png", *words, "--overwrite") == 2
        assert "mm.png is an input (--mask) and an output" in capfd.readouterr().err
    Path("link.png").hardlink_to(mask)
    assert color("--mask", "mm.png", "-o", "link.png", "--overwrite") == 2
    assert mask.read_bytes() == before


def test_an_output_of_ours_that_is_an_input_stays(
    color: Callable[..., int], capfd: Capture
) -> None:
    """It carries our mark, so the mark alone would not save it."""
    assert color() == 0
    before = Path("photo.color.png").read_bytes()
    words = ["--mask", "photo.color.png", "--vividness", "1.5", "--overwrite"]
    assert color(*words) == 2
    said = capfd.readouterr().err
    assert "photo.color.png is an input (--mask), and the output of photo.png" in said
    assert color(*words, "-o", "photo.color.png") == 2
    # Named by a settings file, it is an input as well.
    assert color("--mask", "photo.color.png", "-o", "y.png", "--save-settings", "s.json") == 0
    assert color("--settings", "s.json", "--overwrite") == 2
    assert color("--settings", "s.json", "-o", "z.png", "--save-settings", "s.json") == 2
    assert Path("photo.color.png").read_bytes() == before


@pytest.mark.parametrize("protocol", ["file://", "local://", "FILE://"])
def test_a_url_of_this_disk_is_no_way_around(
    color: Callable[..., int], capfd: Capture, protocol: str, tiny_model: Path
) -> None:
    assert color() == 0
    ours = Path("photo.color.png")
    before = ours.read_bytes()
    url = f"{protocol}{Path.cwd().as_posix()}/./photo.color.png"
    color_it = ["--model", str(tiny_model), "--vividness", "1.5", "--overwrite"]
    for words in (
        [url, "-o", "photo.color.png", *color_it],
        ["photo.color.png", "-o", url, *color_it],
        ["photo.png", "--colors", "photo.color.png", "-o", url, *color_it],
        ["graft", "photo.color.png", "photo.png", "-o", url, "--overwrite"],
    ):
        assert main(words) == 2
        assert "an input" in capfd.readouterr().err
        assert ours.read_bytes() == before


def test_an_output_that_is_coloured_again_is_an_input(
    color: Callable[..., int], capfd: Capture, tiny_model: Path
) -> None:
    assert color() == 0
    before = Path("photo.color.png").read_bytes()
    again = ["--model", str(tiny_model), "--overwrite", "--vividness", "1.5", "--jobs", "1"]
    words = ["photo.png", "photo.color.png", *again]
    assert main([*words, "--color-photos", "color"]) == 1
    assert "photo.color.png is one of the inputs, which are never" in capfd.readouterr().err
    assert Path("photo.color.png").read_bytes() == before
    # Otherwise it is skipped as an input, as with the pattern *.png, and made anew.
    assert main(words) == 0
    assert "1 coloured, 1 skipped" in capfd.readouterr().err
    assert Path("photo.color.png").read_bytes() != before


def test_what_is_ours_is_replaced_when_asked(color: Callable[..., int], capfd: Capture) -> None:
    words = ["--certainty", "map.png", "--save-settings", "s.json", "-o", "out.png"]
    assert color(*words) == 0
    first = {name: Path(name).read_bytes() for name in ("map.png", "s.json", "out.png")}
    assert color(*words) == 3
    assert "--overwrite" in capfd.readouterr().err
    assert color(*words, "--quality", "fast", "--overwrite") == 0
    assert all(Path(name).read_bytes() != data for name, data in first.items())


def test_a_stream_is_no_way_around(
    color: Callable[..., int], tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    import io
    import sys

    class Piped(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Piped(io.BytesIO(Path("photo.png").read_bytes())))
    for words in (["-o", "v.png"], ["-o", "h.json"], ["--hints", "h.json", "-o", "h.json"]):
        assert main(["--model", str(tiny_model), "-", *words, "--overwrite"]) in {2, 3}
    assert Path("v.png").read_bytes() == FOREIGN["v.png"]
    assert Path("h.json").read_bytes() == FOREIGN["h.json"]


def test_a_sheet_removes_and_replaces_only_its_own_pages(
    color: Callable[..., int], make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr(sheets, "PAGE_ITEMS", 2)
    for number in range(5):
        make_photo(Path(f"album/{number}.png"), seed=number)
    assert color("--contact-sheet", "album-001.html") == 0  # a sheet of another run
    other = Path("album-001.html").read_bytes()
    assert color("--contact-sheet", "album.html") == 0
    assert Path("album-001.html").read_bytes() == other
    capfd.readouterr()
    assert color("album", "--contact-sheet", "album.html") == 3
    assert "album-001.html exists and is not a page of album.html" in capfd.readouterr().err
    assert Path("album-001.html").read_bytes() == other
    # Its own pages go when there are fewer.
    assert color("album", "--contact-sheet", "all.html") == 0
    assert len(list(Path().glob("all-*.html"))) == 3
    Path("all-002.html").rename("all-004.html")  # and a page of it is no sheet
    assert color("--contact-sheet", "all-001.html") == 3
    assert color("--contact-sheet", "all.html") == 0
    left = {path.name for path in Path().glob("all-*.html")}
    assert left == {"all-003.html", "all-004.html"}  # what lies behind a gap is not looked for


def test_two_runs_do_not_write_one_report(color: Callable[..., int], capfd: Capture) -> None:
    Path("r.jsonl").write_text(_result("x").to_json() + "\n")
    with open_report(Path("r.jsonl")) as first:
        assert color("--report", "r.jsonl") == 2
        assert "Another run is writing the report r.jsonl" in capfd.readouterr().err
        assert not Path("photo.color.png").exists()
        first.add(_result("a"))
    assert [json.loads(x)["input"] for x in Path("r.jsonl").read_text().splitlines()] == ["a"]
    assert color("--report", "r.jsonl") == 0
    written = [json.loads(x)["input"] for x in Path("r.jsonl").read_text().splitlines()]
    assert written == ["photo.png"]


def test_two_runs_do_not_write_one_contact_sheet(
    color: Callable[..., int], capfd: Capture, tmp_path: Path
) -> None:
    with sheets.open_sheet(tmp_path / "s.html", items=1) as first:
        assert first is not None
        for name in ("s.html", "./s.html", str(tmp_path / "s.html")):
            assert color("--contact-sheet", name) == 2
            assert "Another run is writing the contact sheet" in capfd.readouterr().err
        assert not Path("photo.color.png").exists()
        assert color("--contact-sheet", "other.html") == 0  # which removes what is abandoned
        assert color("--contact-sheet", "s.html") == 2
        first.add(_result("a"))
    assert b">a<" in Path("s.html").read_bytes()
    assert color("--contact-sheet", "s.html") == 0
    assert not list(tmp_path.glob(".tintype-*"))


def _result(name: str) -> JobResult:
    return JobResult("done", name, "out")


@pytest.mark.parametrize("kind", ["file", "folder", "pipe", "dangling"])
def test_only_a_regular_file_with_the_mark_is_replaceable(tmp_path: Path, kind: str) -> None:
    import os

    path = tmp_path / "x"
    if kind == "file":
        path.write_bytes(b"mine")
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to(tmp_path / "none")
    elif hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        return
    with pytest.raises(TargetExistsError, match="never replaced"):
        check_replaceable(path, lambda data: data == b"ours", overwrite=True, what="a thing")


def test_what_is_not_there_or_empty_or_ours_is_free(tmp_path: Path) -> None:
    path = tmp_path / "x"
    check_replaceable(path, lambda _: False, overwrite=False, what="a thing")
    path.write_bytes(b"")
    check_replaceable(path, lambda _: False, overwrite=True, what="a thing")
    path.write_bytes(b"ours")
    check_replaceable(path, lambda data: data == b"ours", overwrite=True, what="a thing")
    with pytest.raises(TargetExistsError, match="already exists"):
        check_replaceable(path, lambda data: data == b"ours", overwrite=False, what="a thing")
    with pytest.raises(WriteError):
        check_replaceable(tmp_path / ("x" * 300), lambda _: True, overwrite=True, what="a thing")


def test_roles_of_links_and_of_what_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x")
    (tmp_path / "soft").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("a", "soft", "hard", "../" + tmp_path.name + "/a"):
        with pytest.raises(UsageError, match=r"an input \(IN\) and an output \(-o\)"):
            check_roles([("IN", str(file))], [("-o", str(tmp_path / name))])
    check_roles([("IN", str(file)), ("X", None), ("Y", "-")], [("-o", "-"), ("-p", None)])
    check_roles([("IN", str(tmp_path / "loop"))], [("-o", str(tmp_path / "none"))])
    with pytest.raises(UsageError, match="-o and -p name the same file"):
        check_roles([], [("-o", str(tmp_path / "n")), ("-p", str(tmp_path / "." / "n"))])


@pytest.mark.parametrize(
    "option", ["--report", "--save-settings", "--certainty", "--contact-sheet"]
)
@pytest.mark.parametrize("more", [[], ["--overwrite"]], ids=["", "overwrite"])
def test_no_other_output_has_the_name_of_the_coloured_photograph(
    color: Callable[..., int], capfd: Capture, option: str, more: list[str]
) -> None:
    assert color(option, "photo.color.png", *more) == 2
    said = capfd.readouterr().err
    assert f"{option} and the output of photo.png have the same name" in said
    assert not Path("photo.color.png").exists()


def test_a_link_that_leads_nowhere_stays(color: Callable[..., int], capfd: Capture) -> None:
    Path("link.png").symlink_to("nowhere/x.png")
    assert color("-o", "link.png", "--overwrite") == 3
    assert "link.png is not a regular file, and is never replaced" in capfd.readouterr().err
    assert Path("link.png").is_symlink()


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-", "-o", "photo.png", "--overwrite"], "photo.png and standard input are the same"),
        (["-"], "standard output and standard input are the same file"),
        (["photo.png", "-o", "-"], "standard output and photo.png are the same file"),
    ],
)
def test_a_redirected_input_is_not_written_to(
    words: list[str],
    message: str,
    color: object,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
) -> None:
    with Path("photo.png").open("a+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        if "--overwrite" not in words:
            monkeypatch.setattr(sys, "stdout", file)
        assert main(words) == 2
    assert message in capfd.readouterr().err


def test_other_streams_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    for stream in (None, io.StringIO()):
        monkeypatch.setattr(sys, "stdin", stream)
        check_streams([("PHOTO", "-"), ("--mask", None)], [("-o", str(tmp_path / "b"))])
    with (tmp_path / "a").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        check_streams([("PHOTO", "-")], [("-o", str(tmp_path / "new"))])
        with pytest.raises(UsageError, match="same file"):
            check_streams([("PHOTO", "-")], [("-o", str(tmp_path / "b"))])


STATE = "other/.tintype-state.jsonl"


@pytest.mark.parametrize("there", [b"", b"our mark", None], ids=["empty", "own mark", "missing"])
@pytest.mark.parametrize("option", ["--report", "--save-settings"])
def test_no_output_is_a_state_file(
    color: Callable[..., int], capfd: Capture, option: str, there: bytes | None
) -> None:
    """A run waits for the lock on a state file, also for its own."""
    Path("other").mkdir()
    if there is not None:
        ours = _result("x").to_json().encode() if option == "--report" else b"{}"
        Path(STATE).write_bytes(there and ours)
    Path("link.jsonl").symlink_to(STATE)
    before = [path.read_bytes() for path in Path("other").iterdir()]
    for name in (STATE, "link.jsonl", ".Tintype-state.jsonl", ".tintype-state-2.jsonl"):
        assert color(option, name, "--overwrite") == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert f"{name} has the name of a state file of Tintype" in line
    assert color(option, ".tintype-0123456789abcdef.tmp") == 2
    assert [path.read_bytes() for path in Path("other").iterdir()] == before
    assert not Path("photo.color.png").exists()
    with pytest.raises(UsageError, match="state file"):
        check_replaceable(Path(STATE), lambda _: True, overwrite=True, what="a table")


def test_a_report_that_is_gone_at_the_end_is_told_after_the_summary(
    color: Callable[..., int], make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    make_photo(Path("album/1.png"), seed=1)
    make_photo(Path("album/2.png"), seed=2)
    report, sheet = ["--report", "rep/r.jsonl"], ["--contact-sheet", "rep/s.html"]
    coloring = sys.modules["tintype.cli.coloring"]
    for number, words in enumerate((report, [*report, *sheet])):
        with monkeypatch.context() as patched:
            patched.setattr(coloring, "tell", lambda *_, **__: shutil.rmtree("rep", True))
            assert color("album", "--into", f"out{number}", *words) == 1
        said = capfd.readouterr().err.splitlines()
        assert "3 coloured; " in said[0]
        assert "The report rep/r.jsonl was removed or replaced during the run." in said[1]
        assert ["rep/s.html" in line for line in said[2:]] == ([True] if number else [])
    # The same command writes it again.
    assert color("album", "--into", "out0", *report) == 0
    assert len(Path("rep/r.jsonl").read_text().splitlines()) == 3
    monkeypatch.setattr(coloring, "tell", lambda *_, **__: Path("rep/r.jsonl").rename("old"))
    assert color("--report", "rep/r.jsonl") == 1


def test_a_name_that_is_taken_during_the_run_is_told_after_the_summary(
    color: Callable[..., int], make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    make_photo(Path("album/1.png"), seed=1)
    coloring = sys.modules["tintype.cli.coloring"]
    monkeypatch.setattr(coloring, "tell", lambda *_, **__: Path("s.html").write_text("mine"))
    assert color("album", "--contact-sheet", "s.html") == 1
    said = capfd.readouterr().err.splitlines()
    assert "2 coloured; " in said[0]
    assert "s.html exists and is not a contact sheet" in said[1]
    assert len(said) == 2
    assert Path("s.html").read_text() == "mine"
