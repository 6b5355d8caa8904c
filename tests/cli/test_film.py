"""`tintype video` in this process: words in, exit code, stdout and stderr out."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from skimage import data

pytest.importorskip("av")
pytest.importorskip("cv2")

from tintype.cli import film
from tintype.cli.app import main
from tintype.cli.film import parse_time, read_shots
from tintype.cli.options import VIDEO, FilmArguments
from tintype.errors import UsageError
from video.clips import make_clip, video_of

Capture = pytest.CaptureFixture[str]
Run = Callable[..., int]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_HOME", str(tmp_path / "home"))


@pytest.fixture
def color(tiny_model: Path) -> Run:
    """`tintype video WORDS` with the tiny model."""
    return lambda *words: main(["video", "--model", str(tiny_model), *words])


def parse_film(words: list[str]) -> FilmArguments:
    return FilmArguments.of(**VIDEO.make_context("video", words).params)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


# ----- words -----


def test_nothing_given_is_none() -> None:
    words = parse_film(["a.mp4"])
    given = {name: getattr(words, name) for name in words.__slots__ if name != "film"}
    assert words.film == "a.mp4"
    assert given.pop("hint") == ()
    assert given.pop("given") == {}
    assert given == {
        n: False if n in {"lossless", "convert_sound", "overwrite", "dry_run"} else None
        for n in given
    }


def test_everything_given_arrives() -> None:
    typed = (
        "a.mp4 -o b.mkv --vividness 1.5 --steady 0.5 --every 3 --quality high --warmth -0.5 "
        "--reference r.jpg --hint 1,2,#c04030 --hint 3,4,#ffffff,5 --shots s.toml --preview 5 "
        "--start 1:30 --codec h265 --crf 20 --lossless --convert-sound --model m --overwrite "
        "--dry-run"
    )
    assert parse_film(typed.split()) == FilmArguments(
        film="a.mp4",
        output="b.mkv",
        given={"vividness": 1.5, "quality": "high", "warmth": -0.5, "reference": "r.jpg"},
        steady=0.5,
        every=3,
        hint=("1,2,#c04030", "3,4,#ffffff,5"),
        shots="s.toml",
        preview=5.0,
        start="1:30",
        codec="h265",
        crf=20.0,
        lossless=True,
        convert_sound=True,
        model="m",
        overwrite=True,
        dry_run=True,
    )
    assert parse_film(["a.mp4", "--preview", "-o", "b.mp4"]).preview == 10
    before_the_film = parse_film(["--preview", "a.mp4"])
    assert (before_the_film.film, before_the_film.preview) == ("a.mp4", 10)
    assert parse_film(["--preview", "2.5", "a.mp4"]).preview == 2.5
    assert parse_film(["--", "--preview"]).film == "--preview"
    with pytest.raises(click.BadParameter, match="not a valid float"):
        parse_film(["--preview=1_0", "a.mp4"])
    with pytest.raises(click.UsageError):  # the number that is none is taken for the film
        parse_film(["--preview", "1_0", "a.mp4"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12", 12), ("12.5", Fraction(25, 2)), ("1:30", 90), ("0:12.5", 12.5), ("1:02:03", 3723)],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "a", "-1", "1:", "1:2:3:4", "1h", "1_0", "\u0661", " 1"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        parse_time(text)


def test_shots_are_read() -> None:
    Image.fromarray(data.coffee()[::8, ::8]).save("harbour.png")
    Path("shots.toml").write_text(
        '[[shot]]\nat = "0:12.5"\nhints = ["120,80,#c04030", "1,2,#4060a0,3"]\n'
        '[[shot]]\nat = 90\nreference = "harbour.png"\n'
    )
    one, other = read_shots(Path("shots.toml"))
    assert (one.start, len(one.hints), one.reference) == (12.5, 2, None)
    assert (one.hints[1].x, one.hints[1].y, one.hints[1].radius) == (1, 2, 3)
    assert (other.start, other.hints) == (90.0, ())
    assert other.reference is not None
    assert other.reference.pixels.shape == (50, 75, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shot = 3", "has no shots"),
        ("[[shots]]\nat = 3", "has no shots"),
        ("[[shot]]\nat = 3\nhint = []", "unknown key, hint"),
        ("[[shot]]\nhints = []", "Shot 1 of s.toml is incomplete"),
        ("[[shot]]\nat = 'noon'", "Shot 1 of s.toml: The time noon"),
        ("[[shot]]\nat = 0\nhints = ['1,2']", "Shot 1 of s.toml: "),
        ("[[shot]]\nat = 0\nreference = 'none.png'", "none.png"),
        ("[[shot]]\nat = 0\nreference = '/dev/null'", "null cannot be read: it is not a regular"),
        ("[[shot", "not a TOML file"),
    ],
)
def test_shots_that_are_none(text: str, said: str) -> None:
    Path("s.toml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)):
        read_shots(Path("s.toml"))
    with pytest.raises(UsageError, match=r"none\.toml cannot be read"):
        read_shots(Path("none.toml"))


def test_a_pipe_that_shots_name_is_not_waited_for() -> None:
    if not hasattr(os, "mkfifo"):
        return
    os.mkfifo("pipe")
    Path("s.toml").write_text('[[shot]]\nat = 0\nreference = "pipe"')
    with pytest.raises(UsageError, match="pipe cannot be read: it is not a regular file"):
        read_shots(Path("s.toml"))


# ----- what it does -----


def test_a_film(color: Run, capfd: Capture) -> None:
    make_clip(Path("film.mp4"), count=6, sound="aac")
    assert color("film.mp4") == 0
    said = capfd.readouterr()
    assert said.out == "film.color.mp4\n"
    assert re.fullmatch(r"tintype: film\.mp4 is coloured, 6 frames in \d+\.\d s\.\n", said.err)
    assert names() == ["film.color.mp4", "film.mp4"]
    assert color("film.mp4") == 0
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "tintype: film.mp4 is already done: film.color.mp4.\n")
    assert color("film.mp4", "--warmth", "0.5") == 3
    assert "was made with other settings" in capfd.readouterr().err
    assert color("film.mp4", "--warmth", "0.5", "--overwrite") == 0


def test_it_says_what_it_is(color: Run, capfd: Capture) -> None:
    make_clip(Path("film.mkv"), count=4, clock=Fraction(1, 1000))
    assert color("film.mkv", "--steady", "0.5", "--crf", "20") == 0
    capfd.readouterr()
    assert main(["inspect", "film.color.mkv", "film.mkv"]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("film.color.mkv: Matroska film, coloured by Tintype")
    assert '"steady":0.5' in first
    assert second == "film.mkv: Matroska film, without Tintype provenance"
    assert main(["inspect", "--json", "film.color.mkv"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["coloured_by_tintype"] is True
    assert found["provenance"]["settings"]["crf"] == 20


def test_a_preview_from_somewhere(color: Run, capfd: Capture) -> None:
    make_clip(Path("film.mp4"), count=30)
    assert color("film.mp4", "--preview", "0.2", "--start", "0:00.4", "--lossless") == 0
    assert "film.preview.mp4\n" in capfd.readouterr().out
    old, new = video_of(Path("film.mp4")), video_of(Path("film.preview.mp4"))
    assert len(new) == 5
    assert np.array_equal(new[0][1], old[10][1])
    assert color("film.mp4", "--start", "3") == 2
    assert "Add --preview" in capfd.readouterr().err


def test_hints_typed_and_from_a_file_meet_at_the_first_shot() -> None:
    Path("shots.toml").write_text(
        "[[shot]]\nat = 0\nhints = ['1,2,#c04030']\n[[shot]]\nat = 5\nhints = ['3,4,#c04030']\n"
    )
    words = parse_film(
        ["a.mp4", "--hint", "5,6,#4060a0", "--shots", "shots.toml", "--vividness", "1.2"]
    )
    request = film._request(words)
    assert [(s.start, [(h.x, h.y) for h in s.hints]) for s in request.shots] == [
        (0.0, [(1, 2), (5, 6)]),
        (5.0, [(3, 4)]),
    ]
    assert request.settings.vividness == 1.2
    assert request.settings.hints == ()


def test_a_hint_colours_its_place(color: Run) -> None:
    make_clip(Path("film.mp4"), count=4)
    for name, colour in (("red", "#d02020"), ("blue", "#2040d0")):
        hint = f"88,64,{colour},6"
        assert color("film.mp4", "--lossless", "--hint", hint, "-o", f"{name}.mp4") == 0
    red, blue = (video_of(Path(f"{name}.mp4")) for name in ("red", "blue"))
    warmer = [
        int(warm[1][32, 44]) - int(cold[1][32, 44])
        for (_, _, warm), (_, _, cold) in zip(red, blue, strict=True)
    ]
    assert min(warmer[:2]) > 8
    assert max(map(abs, warmer[2:])) < 5  # behind the cut it is another shot


def test_what_cannot_be_kept_is_said_first(color: Run, capfd: Capture) -> None:
    make_clip(Path("film.mkv"), count=4, texts="subrip", clock=Fraction(1, 1000))
    assert color("film.mkv", "-o", "out.mp4") == 0
    said = capfd.readouterr().err.splitlines()
    assert said[0] == (
        "tintype: film.mkv: The output container does not support subtitles 1 (subrip, deu), "
        "which is left out. -o NAME.mkv may keep it."
    )
    assert "is coloured" in said[1]


def test_a_film_that_breaks_off_exits_with_1(color: Run, capfd: Capture) -> None:
    path = make_clip(Path("film.mkv"), count=60, clock=Fraction(1, 1000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert color("film.mkv", "--every", "9") == 1
    said = capfd.readouterr()
    assert said.out == "film.color.mkv\n"
    last = said.err.splitlines()[-1]
    assert last.startswith("tintype: film.mkv is damaged. It breaks off after 0:0")
    assert last.endswith(" The rest is coloured.")


def test_ctrl_c_stops_and_the_same_command_goes_on(tiny_model: Path) -> None:
    make_clip(Path("film.mp4"), count=130, size=(120, 160))
    words = [sys.executable, "-m", "tintype", "video", "film.mp4", "--model", str(tiny_model)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part = Path(".tintype-film.color.part")
    began = time.monotonic()
    while not (part / "000000.tmp").exists():  # the first segment is being written
        assert time.monotonic() - began < 60
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "tintype: Interrupted. The same command continues where this one stopped.\n"
    assert names() == [part.name, "film.mp4"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "film.color.mp4\n")
    assert names() == ["film.color.mp4", "film.mp4"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.mp4"], 3, "none.mp4 cannot be read: No such file or directory."),
        (["notes.txt"], 3, "notes.txt is not a film"),
        (["photo.png"], 3, "photo.png is not a film (png_pipe). A photograph is coloured by"),
        (["film.mp4", "-o", "film.mp4"], 2, "is an input (FILM) and an output (-o)"),
        (["film.mp4", "-o", "film.gif"], 2, "Use one of .mp4, .m4v, .mov, .mkv."),
        (["film.mp4", "-o", "no/where.mp4"], 1, "the folder does not exist"),
        (["film.mp4", "--steady", "3"], 2, "Use 0 to 0.99."),
        (["film.mp4", "--every", "0"], 2, "--every"),
        (["film.mp4", "--hint", "999,1,#c04030"], 2, "outside the film of 128 x 96"),
        (["film.mp4", "--vividness", "9"], 2, "Use 0 to 2."),
        (["http://a/b.mp4"], 2, "FILM names a file on this machine, but http://a/b.mp4 is a URL."),
        (["film.mp4", "--shots", "s3://a/b.toml"], 2, "--shots names a file on this machine"),
        (["film.mp4", "--reference", "s3://a/b.jpg"], 2, "but s3://a/b.jpg is a URL."),
        ([], 2, "FILM"),
    ],
)
def test_mistakes_are_one_line(
    color: Run, capfd: Capture, words: list[str], code: int, said: str
) -> None:
    make_clip(Path("film.mp4"), count=2)
    Path("notes.txt").write_text("no film\n" * 50)
    Image.fromarray(data.coffee()[::8, ::8]).save("photo.png")
    assert color(*words) == code
    err = capfd.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert names() == ["film.mp4", "notes.txt", "photo.png"]


def test_without_the_extra_one_line_says_what_to_type(
    color: Run, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert color("film.mp4") == 3
    assert capfd.readouterr().err == (
        "tintype: The packages for film are not installed. "
        "Type: pip install 'tintype-colorizer[video]'\n"
    )


def test_a_terminal_sees_progress(color: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pty = pytest.importorskip("pty")  # POSIX
    make_clip(Path("film.mp4"), count=12)
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def watch() -> None:
        with contextlib.suppress(OSError):  # nobody writes any more
            while part := os.read(ours, 4096):
                seen.append(part)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        assert color("film.mp4") == 0
    watcher.join(timeout=10)
    os.close(ours)
    text = b"".join(seen).decode()
    assert "12/12" in text
    assert "left" in text
