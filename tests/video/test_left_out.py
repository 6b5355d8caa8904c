"""What a container has no place for is named before the work begins, and nothing else is."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from tintype.engine.bundle import Bundle
from tintype.video.plan import plan
from tintype.video.request import FilmRequest
from video.clips import make_clip
from video.conftest import MILLI, colored


def tagged_clip(folder: Path) -> Path:
    """A Matroska film with tags that MP4 has no names for, and forced subtitles for the deaf."""
    plain = make_clip(folder / "plain.mkv", count=4, texts="subrip", sound="aac", clock=MILLI)
    path = folder / "a.mkv"
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        streams = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        new.metadata.update({"title": "A day", "reel_number": "7", "ARCHIVE": "shelf 3"})
        streams[0].metadata["scanner"] = "Oxberry"
        streams[2].disposition = Disposition.forced | Disposition.hearing_impaired
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    return path


def test_tags_without_a_place_are_named_with_what_they_belong_to(
    tmp_path: Path, bundle: Bundle
) -> None:
    job = colored(tagged_clip(tmp_path), bundle, target=tmp_path / "b.mp4")
    (tags,) = [warning for warning in job.warnings if "tags" in warning]
    assert tags == (
        "MP4 does not support some tags, which are lost: ARCHIVE (film), REEL_NUMBER (film), "
        "SCANNER (video). -o NAME.mkv may keep them."
    )
    with av.open(str(job.target)) as container:
        assert container.metadata["title"] == "A day"  # which was not named


@pytest.mark.parametrize("name", ["b.mkv", "b.mov"])
def test_marks_of_streams_arrive_or_are_named(tmp_path: Path, bundle: Bundle, name: str) -> None:
    job = colored(tagged_clip(tmp_path), bundle, target=tmp_path / name)
    with av.open(str(job.target)) as container:
        texts = next((s for s in container.streams if s.type == "subtitle"), None)
        kept = 0 if texts is None else int(texts.disposition)
    named = " ".join(job.warnings)
    if texts is None:
        assert "does not support subtitles 1" in named
        return
    assert kept & Disposition.forced.value or "forced (subtitles 1" in named
    assert kept & Disposition.hearing_impaired.value or "hearing impaired (subt" in named


def test_matroska_keeps_all_of_it(tmp_path: Path, bundle: Bundle) -> None:
    path = tagged_clip(tmp_path)
    job = colored(path, bundle, target=tmp_path / "b.mkv")
    assert job.warnings == ()
    with av.open(str(path)) as old, av.open(str(job.target)) as new:
        for key in ("REEL_NUMBER", "ARCHIVE", "title"):
            assert new.metadata[key] == old.metadata[key]
        assert [int(s.disposition) for s in new.streams] == [
            int(s.disposition) for s in old.streams
        ]


def test_marks_that_quicktime_does_not_know_are_named(tmp_path: Path, bundle: Bundle) -> None:
    plain = make_clip(tmp_path / "plain.mkv", count=4, sound="aac", clock=MILLI)
    path = tmp_path / "a.mkv"
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        streams = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        streams[1].disposition = Disposition.comment
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    warnings = plan(path, tmp_path / "b.mov", FilmRequest(), bundle).warnings
    assert any("comment (sound 1" in warning for warning in warnings)


def test_the_names_of_broadcast_programmes_are_named(tmp_path: Path, bundle: Bundle) -> None:
    path = tmp_path / "a.ts"
    make_clip(path, count=4, clock=Fraction(1, 25))
    data = path.read_bytes()
    assert plan(path, None, FilmRequest(), bundle).warnings == ()
    assert b"Service01" in data
    path = make_clip(
        tmp_path / "b.ts", count=4, clock=Fraction(1, 25), tags_of_film={"service_name": "Regional"}
    )
    warnings = plan(path, tmp_path / "b.mkv", FilmRequest(), bundle).warnings
    assert any("service_name (programme 1)" in warning for warning in warnings)


def test_the_tags_of_an_ogg_film_become_those_of_the_film(tmp_path: Path, bundle: Bundle) -> None:
    plain = make_clip(tmp_path / "plain.mkv", count=4, codec="ffv1", clock=MILLI)
    path = tmp_path / "a.ogg"
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        video = new.add_stream("libvpx", rate=25)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        video.metadata.update({"DATE": "1931", "artist": "A. Photographer"})
        for frame in old.decode(video=0):
            frame.pts, frame.time_base, frame.pict_type = frame.pts // 40, Fraction(1, 25), 0
            new.mux(video.encode(frame))
        new.mux(video.encode())
    job = colored(path, bundle, target=tmp_path / "b.mp4")
    assert not any("tags" in warning for warning in job.warnings)
    with av.open(str(job.target)) as container:
        assert container.metadata["date"] == "1931"
        assert container.metadata["artist"] == "A. Photographer"


def test_a_timecode_of_the_file_arrives_at_its_video(tmp_path: Path, bundle: Bundle) -> None:
    tags = {"timecode": "01:00:00:00"}
    path = make_clip(tmp_path / "a.mkv", count=4, clock=MILLI, tags_of_film=tags)
    job = colored(path, bundle, target=tmp_path / "b.mov")
    assert not any("tags" in warning for warning in job.warnings)
    with av.open(str(job.target)) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:00:00:00"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_an_ordinary_film_loses_nothing(tmp_path: Path, bundle: Bundle, suffix: str) -> None:
    path = make_clip(
        tmp_path / f"a{suffix}",
        count=4,
        sound="aac",
        chapters=True,
        title="A day",
        timecode="01:02:03:04",
        clock=MILLI if suffix == ".mkv" else make_clip.__kwdefaults__["clock"],
    )
    assert plan(path, None, FilmRequest(), bundle).warnings == ()
