"""Timecode: of the first frame, carried into the output wherever the film states it."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tintype.engine.bundle import Bundle
from tintype.video.request import FilmRequest, Window
from tintype.video.timecode import read_timecode, start_of
from video.clips import change_times, make_clip
from video.conftest import MILLI, colored

TICK = Fraction(1, 25)
NTSC = Fraction(30000, 1001)
CODE = "01:02:03:04"


# ----- arithmetic -----


@pytest.mark.parametrize(
    ("text", "rate", "frames", "wanted"),
    [
        (CODE, Fraction(25), 0, CODE),
        (CODE, Fraction(25), 25, "01:02:04:04"),
        (CODE, Fraction(24000, 1001), 20, "01:02:04:00"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("00:00:00:00", Fraction(25), -1, "23:59:59:24"),
        # Two numbers are left out at the beginning of each minute but every tenth (SMPTE ST 12-1).
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),
        ("01:00:00.00", NTSC, 0, "01:00:00;00"),
        ("23:59:59;29", NTSC, 1, "00:00:00;00"),
        ("00:00:59;59", 2 * NTSC, 1, "00:01:00;04"),
    ],
)
def test_timecodes_are_counted_on(text: str, rate: Fraction, frames: int, wanted: str) -> None:
    code = read_timecode(text, rate)
    assert code is not None
    assert str(code + frames) == wanted


def test_dropped_numbers_never_occur() -> None:
    code = read_timecode("00:00:00;00", NTSC)
    assert code is not None
    texts = [str(code + frames) for frames in range(20_000)]
    assert len(set(texts)) == len(texts)
    assert [text for text in texts if text.endswith(("00;00", "00;01"))] == [
        "00:00:00;00",
        "00:00:00;01",
        "00:10:00;00",
        "00:10:00;01",
    ]
    for text in texts[::97]:
        assert str(read_timecode(text, NTSC)) == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", 25),
        ("one o'clock", 25),
        ("24:00:00:00", 25),
        ("00:60:00:00", 25),
        ("00:00:00:25", 25),
        ("00:00:00;00", 25),
        (CODE, 0),
        (CODE, 1000),
    ],
)
def test_what_is_no_timecode_is_not_read(text: str, rate: int) -> None:
    assert read_timecode(text, Fraction(rate)) is None


def test_the_start_is_counted_back_from_the_first_frame_that_states_it() -> None:
    found = [(Fraction(2), "01:00:02:00"), (Fraction(1), "01:00:01:00")]
    assert start_of(found, Fraction(25)) == ("01:00:00:00", None)


def test_zero_everywhere_says_nothing() -> None:
    assert start_of([(Fraction(n), "00:00:00:00") for n in range(5)], Fraction(25)) == (None, None)
    assert start_of([], Fraction(25)) == (None, None)


def test_a_jump_is_named() -> None:
    found = [(Fraction(0), "01:00:00:00"), (Fraction(10), "02:00:00:00")]
    start, sentence = start_of(found, Fraction(25))
    assert start == "01:00:00:00"
    assert sentence == "Its timecode jumps; the coloured film counts on from 01:00:00:00."


# ----- films -----


def timecode_of(path: Path) -> str | None:
    """As the video of a film states it."""
    with av.open(str(path)) as container:
        tags = container.streams.video[0].metadata
        return {key.casefold(): value for key, value in tags.items()}.get("timecode")


def mpeg2(path: Path, code: str, **more: object) -> Path:
    return make_clip(
        path, codec="mpeg2video", options={"gop_timecode": code, "g": "5"}, clock=TICK, **more
    )


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_the_timecode_of_mpeg2_is_carried(tmp_path: Path, bundle: Bundle, name: str) -> None:
    job = colored(mpeg2(tmp_path / "a.mpg", CODE), bundle, target=tmp_path / name)
    assert timecode_of(job.target) == CODE
    assert not any("timecode" in warning for warning in job.warnings)


def test_a_timecode_that_jumps_is_named(tmp_path: Path, bundle: Bundle) -> None:
    first = mpeg2(tmp_path / "one.ts", CODE, count=25)
    second = mpeg2(tmp_path / "two.ts", "09:00:00:00", count=25)
    change_times(second, lambda _kind, _number, time: time + 25 * 3600)
    path = tmp_path / "film.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    job = colored(path, bundle, target=tmp_path / "b.mkv")
    assert f"Its timecode jumps; the coloured film counts on from {CODE}." in job.warnings
    assert timecode_of(job.target) == CODE


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_a_part_has_the_timecode_of_its_own_first_frame(
    tmp_path: Path, bundle: Bundle, name: str
) -> None:
    path = make_clip(tmp_path / "a.mov", count=40, timecode=CODE)
    window = Window(Fraction(1), Fraction(1, 5))
    job = colored(path, bundle, FilmRequest(window=window, crf=20), tmp_path / name)
    assert timecode_of(job.target) == "01:02:04:04"


@pytest.mark.parametrize("name", ["b.mp4", "b.mov"])
def test_a_timecode_that_is_none_does_not_stop_the_film_at_its_end(
    tmp_path: Path, bundle: Bundle, name: str
) -> None:
    path = make_clip(tmp_path / "a.mkv", count=4, timecode="99 o'clock", clock=MILLI)
    job = colored(path, bundle, target=tmp_path / name)
    assert timecode_of(job.target) is None
    assert any("TIMECODE (video)" in warning for warning in job.warnings)


def test_a_rate_that_no_timecode_has_does_not_stop_the_film_at_its_end(
    tmp_path: Path, bundle: Bundle
) -> None:
    times = [0, 1, 2, 3]  # milliseconds
    path = make_clip(
        tmp_path / "a.mkv", count=4, clock=MILLI, times=times, rate=1000, timecode=CODE
    )
    job = colored(path, bundle, target=tmp_path / "b.mov")
    assert job.source.rate == 1000
    assert any("TIMECODE (video)" in warning for warning in job.warnings)
