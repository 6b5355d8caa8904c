"""Sound that few containers hold: copied where it can be, compressed again where that is wanted."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tintype.engine.bundle import Bundle
from tintype.video.plan import plan
from tintype.video.request import FilmRequest, Window
from video.clips import make_clip, packets_of, samples_of, video_of
from video.conftest import LOSSLESS, MILLI, colored

TICK = Fraction(1, 25)
CONVERTED = replace(LOSSLESS, convert_sound=True)


def old_film(path: Path, sound: str, count: int = 10, **more: object) -> Path:
    codec = "mpeg2video" if path.suffix == ".m2ts" else "mpeg4"
    return make_clip(path, count=count, codec=codec, clock=TICK, sound=sound, **more)


@pytest.mark.parametrize("codec", ["wmav1", "wmav2", "adpcm_ms", "pcm_alaw", "pcm_mulaw"])
def test_sound_of_wave_files_is_copied_into_matroska(
    tmp_path: Path, bundle: Bundle, codec: str
) -> None:
    path = old_film(tmp_path / "a.avi", codec)
    job = colored(path, bundle, FilmRequest())
    assert job.target.name == "a.color.mkv"
    assert not any("left out" in warning for warning in job.warnings)
    with av.open(str(job.target)) as container:
        assert container.streams.audio[0].codec_context.name == codec
        assert 0.3 < container.duration / av.time_base < 0.8
    assert [data for _, data in packets_of(job.target, "audio")] == [
        data for _, data in packets_of(path, "audio")
    ]
    again = colored(path, bundle, FilmRequest(), tmp_path / "b.mkv")
    assert again.target.read_bytes() == job.target.read_bytes()


def test_chapters_beside_such_sound_are_left_out_and_said(tmp_path: Path, bundle: Bundle) -> None:
    source = make_clip(
        tmp_path / "a.mov", size=(48, 64), sound="pcm_alaw", chapters=True, title="Harbour"
    )
    job = colored(source, bundle, FilmRequest(), tmp_path / "b.mkv")
    assert any("chapters are left out" in warning for warning in job.warnings)
    with av.open(str(job.target)) as container:
        assert container.metadata["title"] == "Harbour"
    assert not any(
        "chapters" in warning for warning in plan(source, None, LOSSLESS, bundle).warnings
    )


def test_sound_that_no_container_holds_is_named_and_kept_on_request(
    tmp_path: Path, bundle: Bundle
) -> None:
    path = old_film(tmp_path / "a.m2ts", "pcm_bluray", muxing={"mpegts_m2ts_mode": "1"})
    plain = plan(path, None, FilmRequest(), bundle)
    assert any("left out. --convert-sound" in warning for warning in plain.warnings)
    job = colored(path, bundle, CONVERTED)
    assert any("compressed again as FLAC" in warning for warning in job.warnings)
    assert np.array_equal(samples_of(job.target), samples_of(path))
    times = [float(time) for time, _ in packets_of(job.target, "audio")]
    assert times[0] == pytest.approx(0, abs=0.02)
    assert plain.provenance.settings != job.provenance.settings


def test_sound_is_compressed_as_aac_for_quicktime(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", size=(48, 64), sound="flac", clock=MILLI)
    job = colored(path, bundle, CONVERTED, tmp_path / "b.mov")
    with av.open(str(job.target)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.metadata["language"]) == ("aac", "eng")
    old, new = samples_of(path), samples_of(job.target)
    assert abs(new.shape[1] - old.shape[1]) < 4096
    assert np.abs(new).max() == pytest.approx(np.abs(old).max(), rel=0.2)


def test_a_preview_has_its_part_of_converted_sound(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", count=50, size=(48, 64), sound="flac", clock=MILLI)
    request = replace(CONVERTED, window=Window(Fraction(1), Fraction(1, 2)))
    job = colored(path, bundle, request, tmp_path / "b.mov")
    assert samples_of(job.target).shape[1] / 48000 == pytest.approx(0.5, abs=0.15)
    assert len(video_of(job.target)) == 13


def test_sound_that_the_container_holds_is_copied_all_the_same(
    tmp_path: Path, bundle: Bundle
) -> None:
    path = make_clip(tmp_path / "a.mp4", size=(48, 64), sound="aac")
    job = colored(path, bundle, CONVERTED)
    assert packets_of(job.target, "audio") == packets_of(path, "audio")


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "pcm_s24le"])
def test_pcm_becomes_quicktime_not_mp4(tmp_path: Path, bundle: Bundle, codec: str) -> None:
    path = old_film(tmp_path / "a.avi", codec)
    job = colored(path, bundle, FilmRequest())
    assert job.target.name == "a.color.mov"
    assert any("it becomes a.color.mov" in warning for warning in job.warnings)
    assert np.array_equal(samples_of(job.target), samples_of(path))


def test_pcm_in_mp4_is_warned_of(tmp_path: Path, bundle: Bundle) -> None:
    path = old_film(tmp_path / "a.avi", "pcm_s24le")
    warnings = plan(path, tmp_path / "b.mp4", FilmRequest(), bundle).warnings
    assert any("in an MP4 as noise" in warning for warning in warnings)
    for name in ("b.mov", "b.mkv"):
        warnings = plan(path, tmp_path / name, FilmRequest(), bundle).warnings
        assert not any("noise" in warning or "becomes" in warning for warning in warnings)
