"""A film that does not go on as it begins, and what is attached to its frames."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tintype.engine.bundle import Bundle
from tintype.video.plan import plan
from tintype.video.probe import probe
from tintype.video.request import FilmRequest
from video.clips import add_captions, change_times, fields_of, make_clip, side_data_of
from video.conftest import MILLI, assert_same_luma, colored

TICK = Fraction(1, 25)
HDR10 = (
    "log-level=none:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
    "L(10000000,1):max-cll=1000,400"
)


def joined(folder: Path, one: dict[str, object], other: dict[str, object]) -> Path:
    """A logo of five frames and a film of twenty, in one transport stream."""
    first = make_clip(folder / "one.ts", count=5, clock=TICK, **one)
    second = make_clip(folder / "two.ts", count=20, clock=TICK, **other)
    change_times(second, lambda _kind, _number, time: time + 5 * 3600)
    path = folder / "film.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    return path


# ----- a film that does not go on as it begins -----


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_a_progressive_logo_does_not_make_a_film_progressive(
    tmp_path: Path, bundle: Bundle, codec: str
) -> None:
    path = joined(tmp_path, {}, {"options": {"x264-params": "tff=1"}})
    with av.open(str(path)) as container:
        fields = [frame.interlaced_frame for frame in container.decode(video=0)]
    assert fields == [False] * 5 + [True] * 20
    job = colored(path, bundle, FilmRequest(codec=codec, lossless=True), tmp_path / "b.mkv")
    assert job.source.interlaced
    assert any("partly interlaced" in warning for warning in job.warnings)
    assert_same_luma(path, job.target, job.source.clock.begin)
    with av.open(str(job.target)) as container:
        found = [frame.interlaced_frame for frame in container.decode(video=0)]
    # FFV1 has a mark for each frame; an H.264 stream has one for all.
    assert found == (fields if codec == "ffv1" else [True] * 25)


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_the_field_that_is_first_stays_so(
    tmp_path: Path, bundle: Bundle, codec: str, order: str
) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", clock=MILLI, fields=[order])
    job = colored(path, bundle, FilmRequest(codec=codec, lossless=True), tmp_path / "b.mkv")
    assert fields_of(path) == fields_of(job.target) == order[0].upper() * 12
    with av.open(str(job.target)) as container:
        stated = container.streams.video[0].codec_context.field_order
    assert stated == job.source.field_order == {"tff": 2, "bff": 3}[order]
    assert not any("--codec ffv1 keeps the" in warning for warning in job.warnings)


MIXED = "of each frame"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (["tff", "bff"], "order of its fields changes"),
        (["tff", "prog"], "whole frames are flagged"),
    ],
)
def test_marks_of_single_frames_are_kept_in_ffv1_and_named_in_h264(
    tmp_path: Path, bundle: Bundle, fields: list[str], named: str
) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", clock=MILLI, fields=fields)
    kept = colored(path, bundle, FilmRequest(codec="ffv1"), tmp_path / "b.mkv")
    assert fields_of(path) == fields_of(kept.target)
    assert not any(MIXED in warning for warning in kept.warnings)
    job = plan(path, tmp_path / "c.mp4", FilmRequest(), bundle)
    (warning,) = [text for text in job.warnings if MIXED in text]
    assert named in warning


def test_a_progressive_film_is_not_called_interlaced(tmp_path: Path) -> None:
    source = probe(joined(tmp_path, {}, {}))
    assert (source.interlaced, source.field_order) == (False, 1)
    assert source.warnings == ()


def test_the_tags_of_most_of_a_film_count(tmp_path: Path) -> None:
    logo, film = ({"colorspace": kind, "color_primaries": kind} for kind in (1, 9))
    source = probe(joined(tmp_path, logo, film))
    assert (source.layout.matrix, source.primaries) == ("bt2020", 9)
    assert any("colour tags change" in warning for warning in source.warnings)


def test_the_pixel_aspect_of_most_of_a_film_counts(tmp_path: Path, bundle: Bundle) -> None:
    wide = Fraction(16, 11)
    path = joined(tmp_path, {"aspect": Fraction(12, 11)}, {"aspect": wide})
    job = colored(path, bundle, target=tmp_path / "b.mp4")
    assert any("pixel aspect changes" in warning for warning in job.warnings)
    with av.open(str(job.target)) as container:
        assert container.streams.video[0].sample_aspect_ratio == wide


# ----- what is attached to frames -----


@pytest.mark.parametrize("codec", ["h264", "h265", "ffv1"])
def test_captions_are_carried_or_named(tmp_path: Path, bundle: Bundle, codec: str) -> None:
    path = add_captions(make_clip(tmp_path / "a.ts", count=6, clock=TICK))
    job = colored(path, bundle, FilmRequest(codec=codec), tmp_path / "b.mkv")
    named = [warning for warning in job.warnings if "captions" in warning]
    if codec == "ffv1":
        assert named == ["Its closed captions are lost. --codec h264 and h265 keep them."]
    else:
        assert named == []
        assert side_data_of(job.target)["A53_CC"] == side_data_of(path)["A53_CC"]


@pytest.mark.parametrize("codec", ["h264", "h265", "ffv1"])
def test_hdr10_data_is_carried_or_named(tmp_path: Path, bundle: Bundle, codec: str) -> None:
    path = make_clip(
        tmp_path / "a.mkv",
        count=3,
        codec="libx265",
        form="yuv420p10le",
        clock=MILLI,
        options={"x265-params": HDR10},
        color_trc=16,
        colorspace=9,
        color_primaries=9,
    )
    job = colored(path, bundle, FilmRequest(codec=codec), tmp_path / "b.mkv")
    named = [warning for warning in job.warnings if "HDR10" in warning]
    if codec == "ffv1":
        assert named == ["Its HDR10 data is lost. --codec h264 and h265 keep them."]
        return
    assert named == []
    old, new = side_data_of(path), side_data_of(job.target)
    for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert new[kind] == old[kind]
