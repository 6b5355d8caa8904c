"""A rehearsal says what a run does, and writes nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.cli.app import main
from tintype.cli.rehearsal import size_text, time_text
from tintype.jobs.rehearse import Estimate
from video.clips import make_clip

Make = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def run(
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--model", str(tiny_model)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def rehearse(run: Run, *words: str) -> tuple[int, str, str]:
    """Runs with ``--dry-run``, and compares the folder before and after."""
    before = tree(Path())
    result = run(*words, "--dry-run")
    assert tree(Path()) == before
    return result


def test_a_folder_is_listed_as_it_would_be_colored(run: Run, make_photo: Make) -> None:
    for number in range(3):
        make_photo(Path(f"album/{number}.png"), seed=number)
    assert run("album/0.png")[0] == 0
    Image.fromarray(skimage.data.astronaut()[::4, ::4]).save("album/color.png")
    Path("album/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    Path("album/1.color.png").write_bytes(b"something else")
    Path("album/.color.tmp-1").write_bytes(b"of a run that was killed")
    code, out, err = rehearse(run, "album")
    assert out.splitlines() == ["album/2.png -> album/2.color.png"]
    for line in (
        "album/0.png is already done: album/0.color.png.",
        "album/0.color.png is skipped: an output of Tintype.",
        "album/color.png is skipped: a colour photograph.",
        "album/broken.jpg",
        "album/1.color.png exists and was not written by Tintype",
        "Nothing is written. 1 to colour, 1 already done, 2 skipped (1 in colour, 1 made by",
    ):
        assert line in err
    assert "Estimated from 1 of them, coloured in memory:" in err
    assert "free)" in err
    real, written, said = run("album")
    assert written.splitlines() == ["album/2.color.png"]
    assert code == real == 1
    assert "1 coloured, 1 already done, 2 skipped" in said


def test_space_is_estimated_from_what_was_colored(run: Run, make_photo: Make) -> None:
    make_photo(Path("a.png"), height=96, width=128)
    code, out, err = rehearse(run, "a.png", "--into", "out", "--layer")
    assert (code, out) == (0, "a.png -> out/a.color.ora\n")
    assert not Path("out").exists()
    run("a.png", "--into", "out", "--layer")
    assert size_text(Path("out/a.color.ora").stat().st_size) in err


def test_other_files_are_named_and_not_written(run: Run, make_photo: Make) -> None:
    make_photo(Path("a.png"))
    words = ["--report", "r.jsonl", "--contact-sheet", "s.html", "--certainty", "c.png"]
    code, _, err = rehearse(run, "a.png", *words, "--save-settings", "how.json")
    assert code == 0
    for option, name in zip(words[::2], words[1::2], strict=True):
        assert f"{option} would write {name}." in err
    assert "--save-settings would write how.json." in err


def test_what_a_run_refuses_is_refused(run: Run, make_photo: Make) -> None:
    make_photo(Path("a.png"))
    assert rehearse(run, "a.png", "-o", "a.png")[0] == 2
    assert rehearse(run, "a.png", "-o", "-")[0] == 2
    assert rehearse(run, "missing.png")[0] == run("missing.png")[0] == 3


def test_no_temporary_file_is_cleaned_up(run: Run, make_photo: Make) -> None:
    make_photo(Path("a.png"))
    assert run("a.png")[0] == 0
    code, out, err = rehearse(run, "a.png")
    assert (code, out) == (0, "")
    assert "already done" in err
    assert "Estimated" not in err


def test_a_graft_can_be_rehearsed(run: Run, make_photo: Make) -> None:
    make_photo(Path("a.png"))
    with Image.open("a.png") as image:
        rgb = np.asarray(image.convert("RGB")).copy()
    rgb[..., 0] //= 2
    Image.fromarray(rgb).save("c.png")
    assert main(["graft", "c.png", "a.png", "--dry-run"]) == 0
    assert sorted(tree(Path())) == ["a.png", "c.png"]


def test_a_film_is_checked_and_estimated(
    tiny_model: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(Path("film.mp4"), count=6)
    before = tree(Path())
    capsys.readouterr()
    words = ["video", "film.mp4", "--model", str(tiny_model)]
    assert main([*words, "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert out == "film.mp4 -> film.color.mp4\n"
    assert "Nothing is written. 6 frames to colour." in err
    assert "Estimated from the first 6 frames, coloured in memory:" in err
    assert [path.name for path in Path().iterdir()] == ["film.mp4"]
    assert tree(Path()) == before
    Path("film.color.mp4").write_bytes(b"something else")
    assert main([*words, "--dry-run"]) != 0


def test_the_first_photograph_counts_for_time_only_where_it_is_alone() -> None:
    estimate = Estimate(pixels=400)
    estimate.add(pixels=100, seconds=9, size=50)
    assert (estimate.seconds(1), estimate.space) == (36, 200)
    estimate.add(pixels=100, seconds=1, size=70)
    assert (estimate.seconds(1), estimate.space) == (4, 240)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.0 kB"),
        (9_940, "9.9 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (3e15, "3,000 TB"),
    ],
)
def test_sizes(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1 s"), (99, "99 s"), (100, "2 min"), (5969, "99 min"), (5970, "1.7 h"), (1e6, "278 h")],
)
def test_times(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
