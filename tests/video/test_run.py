"""A film in, a coloured film out: its frames, the other streams, and its provenance."""

import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from tintype.engine.bundle import Bundle
from tintype.video.decode import Damage
from tintype.video.plan import plan
from tintype.video.provenance import film_provenance
from tintype.video.request import FilmRequest, Window
from tintype.video.run import color
from video.clips import make_clip, packets_of, video_of
from video.conftest import LOSSLESS, MILLI, FakeRenderer, assert_same_luma, colored

# ----- frames -----


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.mp4", {}),
        ("a.mov", {"form": "yuv422p10le"}),
        ("a.mkv", {"clock": MILLI, "form": "yuv444p"}),
        ("a.mp4", {"form": "yuv420p10le", "color_range": 2}),
        ("a.mkv", {"clock": MILLI, "codec": "ffv1", "size": (91, 117)}),
        ("a.mkv", {"clock": MILLI, "codec": "ffv1", "form": "yuv420p16le"}),
        ("a.mkv", {"clock": MILLI, "codec": "ffv1", "form": "gray10le"}),
        ("a.avi", {"clock": Fraction(1, 25), "codec": "mjpeg", "form": "yuvj422p"}),
        ("a.ts", {"clock": Fraction(1, 25), "codec": "mpeg2video"}),
        ("a.webm", {"clock": MILLI, "codec": "libvpx-vp9"}),
    ],
)
def test_times_and_luminance_are_untouched(
    tmp_path: Path, bundle: Bundle, name: str, more: dict[str, object]
) -> None:
    path = make_clip(tmp_path / name, **more)
    job = colored(path, bundle)
    assert_same_luma(path, job.target, job.source.clock.begin)
    renderer = FakeRenderer(job.source.layout)
    with av.open(str(job.target)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.colorspace == job.source.matrix_tag
        full = job.source.layout.full_range
        assert stream.codec_context.color_range == (2 if full else 1)
    for number, (_, luma, chroma) in enumerate(video_of(job.target)):
        cb, cr = renderer.render(renderer.prepare(luma, number), 0)
        assert np.array_equal(chroma[0], cb)
        assert np.array_equal(chroma[1], cr)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_times_of_a_variable_rate_stay(tmp_path: Path, bundle: Bundle, codec: str) -> None:
    rng = random.Random(3)
    times = [517]
    while len(times) < 23:
        times.append(times[-1] + rng.choice([1, 7, 130, 512, 513, 3000]))
    path = make_clip(tmp_path / "a.mp4", count=23, times=times)
    job = colored(path, bundle, FilmRequest(codec=codec, lossless=True))
    assert_same_luma(path, job.target)


def test_compressed_pictures_are_close_and_small(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", options={"qp": "0"}, size=(240, 320))
    job = colored(path, bundle, FilmRequest(crf=18), tmp_path / "b.mp4")
    pairs = zip(video_of(path), video_of(job.target), strict=True)
    assert max(np.abs(a.astype(float) - b).mean() for (_, a, _), (_, b, _) in pairs) < 2
    assert job.target.stat().st_size < path.stat().st_size


def test_odd_sizes_keep_their_size(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", size=(91, 117), clock=MILLI)
    job = colored(path, bundle, FilmRequest(codec="h264", lossless=True))
    assert_same_luma(path, job.target)
    assert any("117 x 91 is odd" in warning for warning in job.warnings)


def test_fields_stay_fields(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", options={"x264-params": "tff=1"})
    job = colored(path, bundle)
    assert_same_luma(path, job.target)
    with av.open(str(job.target)) as container:
        assert next(container.decode(video=0)).interlaced_frame
        assert container.streams.video[0].codec_context.field_order == job.source.field_order


def test_rotation_and_pixel_aspect_stay(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", turned=90, aspect=Fraction(16, 15))
    job = colored(path, bundle)
    assert job.source.layout.turn == 1
    with av.open(str(job.target)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)
        assert next(container.decode(video=0)).rotation == 90


def test_seconds_are_counted_from_the_first_picture(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=4, times=[6400, 6912, 7424, 9000])
    created = []

    def create(layout: object) -> FakeRenderer:
        created.append(FakeRenderer(layout))
        return created[-1]

    color(plan(path, None, LOSSLESS, bundle), bundle, renderers=create)
    assert created[0].seconds == pytest.approx([0, 0.04, 0.08, 2600 / 12800])


def test_the_real_renderer_colours_a_film(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=6)
    job = plan(path, None, LOSSLESS, bundle)
    assert color(job, bundle) == (6, Damage())
    assert_same_luma(path, job.target)
    assert all(np.ptp(plane) > 0 for _, _, chroma in video_of(job.target) for plane in chroma)


# ----- other streams and metadata -----


def streams_of(path: Path) -> list[tuple[str, str | None, str | None, int]]:
    with av.open(str(path)) as container:
        return [
            (s.type, s.name, s.metadata.get("language"), int(s.disposition))
            for s in container.streams
        ]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.mp4", {"sound": "aac", "texts": "mov_text"}),
        ("a.mkv", {"sound": "libopus", "texts": "subrip", "clock": MILLI}),
        ("a.mkv", {"sound": "flac", "attachment": b"a font", "clock": MILLI}),
        ("a.mov", {"sound": "pcm_s16le"}),
    ],
)
def test_all_other_streams_are_copied(
    tmp_path: Path, bundle: Bundle, name: str, more: dict[str, object]
) -> None:
    path = make_clip(tmp_path / name, chapters=True, title="A day", **more)
    job = colored(path, bundle, FilmRequest(crf=20))
    assert job.warnings == ()
    assert streams_of(job.target) == streams_of(path)
    for kind in ("audio", "subtitle"):
        assert packets_of(job.target, kind) == packets_of(path, kind)
    with av.open(str(path)) as old, av.open(str(job.target)) as new:
        assert new.metadata["title"] == "A day"
        chapters = [
            [(c["start"] * c["time_base"], c["metadata"]) for c in container.chapters()]
            for container in (old, new)
        ]
        assert chapters[0] == chapters[1]
        assert len(chapters[0]) == 2
        if "attachment" in more:
            assert new.streams.attachments[0].data == b"a font"


def test_unsupported_streams_are_reported_before_the_work(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", texts="subrip", attachment=b"font", clock=MILLI)
    job = plan(path, tmp_path / "b.mp4", LOSSLESS, bundle)
    found = [warning for warning in job.warnings if "does not support" in warning]
    assert ["subtitles 1 (subrip, deu)" in found[0], "attachment 1" in found[1]] == [True, True]
    assert not job.target.exists()
    color(job, bundle, renderers=FakeRenderer)
    assert [kind for kind, *_ in streams_of(job.target)] == ["video"]


@pytest.mark.parametrize(
    ("codecs", "named"),
    [
        ((b"A_AAC", b"A_XXX"), "sound 1 (unknown codec"),
        ((b"A_AAC", b"A_\xff\xfe\x80"), "sound 1 (unknown codec"),
        ((b"S_TEXT/UTF8", b"S_TEXT/XXXX"), "subtitles 1 (unknown codec"),
    ],
    ids=["sound", "no text", "subtitles"],
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_stream_of_an_unknown_codec_is_left_out_with_a_warning(
    tmp_path: Path, bundle: Bundle, codecs: tuple[bytes, bytes], named: str, suffix: str
) -> None:
    path = make_clip(tmp_path / "a.mkv", sound="aac", texts="subrip", clock=MILLI)
    data = path.read_bytes()
    assert codecs[0] in data
    path.write_bytes(data.replace(*codecs))
    job = plan(path, tmp_path / f"b{suffix}", LOSSLESS, bundle)
    assert any(f"does not support {named}" in warning for warning in job.warnings)
    assert all(warning.isprintable() for warning in job.warnings)
    color(job, bundle, renderers=FakeRenderer)
    assert "video" in [kind for kind, *_ in streams_of(job.target)]


def test_another_container_becomes_one_that_supports_all_streams(
    tmp_path: Path, bundle: Bundle
) -> None:
    tick = Fraction(1, 25)
    one = make_clip(tmp_path / "a.avi", codec="mpeg4", clock=tick, sound="libmp3lame")
    other = make_clip(tmp_path / "b.avi", codec="mpeg4", clock=tick, sound="wmav2")
    deep = make_clip(tmp_path / "c.nut", codec="ffv1", form="yuv420p16le", clock=tick)
    names = [plan(path, None, FilmRequest(), bundle).target.name for path in (one, other, deep)]
    assert names == ["a.color.mp4", "b.color.mkv", "c.color.mkv"]


def test_a_cover_picture_is_copied(tmp_path: Path, bundle: Bundle) -> None:
    cover = tmp_path / "cover.jpg"
    Image.new("RGB", (60, 40), "red").save(cover)
    path = make_clip(tmp_path / "a.mkv", attachment=cover.read_bytes(), cover=True, clock=MILLI)
    one = colored(path, bundle, FilmRequest(), tmp_path / "b.mkv")
    other = colored(path, bundle, FilmRequest(), tmp_path / "c.mp4")
    back = colored(other.target, bundle, FilmRequest(), tmp_path / "d.mkv")
    for job in (one, other, back):
        with av.open(str(job.target)) as container:
            assert len(container.streams) == 2
            assert container.streams[1].disposition & Disposition.attached_pic
            packets = [p for p in container.demux(container.streams[1]) if p.size]
            assert bytes(packets[0]) == cover.read_bytes()


def test_timecode_is_regenerated(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mov", timecode="10:20:30:04")
    job = colored(path, bundle, FilmRequest())
    assert job.warnings == ()
    assert streams_of(job.target) == streams_of(path)
    with av.open(str(job.target)) as container:
        assert container.streams.data[0].metadata["timecode"] == "10:20:30:04"


def test_further_videos_are_copied(tmp_path: Path, bundle: Bundle) -> None:
    one = make_clip(tmp_path / "one.mp4")
    path = tmp_path / "two.mp4"
    with av.open(str(one)) as old, av.open(str(path), "w") as new:
        streams = [new.add_stream_from_template(old.streams.video[0], opaque=True) for _ in "ab"]
        for packet in old.demux(video=0):
            if packet.size:
                again = av.Packet(bytes(packet))
                again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                again.is_keyframe = packet.is_keyframe
                for each, stream in zip((packet, again), streams, strict=True):
                    each.stream = stream
                    new.mux(each)
    job = colored(path, bundle)
    assert "only one (stream 0) is coloured" in job.warnings[0]
    assert_same_luma(path, job.target)
    with av.open(str(one)) as old, av.open(str(job.target)) as new:
        wanted = [bytes(packet) for packet in old.demux(video=0) if packet.size]
        assert [bytes(packet) for packet in new.demux(video=1) if packet.size] == wanted


def test_a_comment_stays_above_the_provenance(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    with av.open(str(path)) as old, av.open(str(tmp_path / "b.mp4"), "w") as new:
        new.metadata["comment"] = "Found in the attic.\nReel 2."
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    first = colored(tmp_path / "b.mp4", bundle)
    second = colored(first.target, bundle)
    for job in (first, second):
        with av.open(str(job.target)) as container:
            comment = container.metadata["comment"]
            assert film_provenance(container.metadata) == job.provenance
        assert comment.startswith("Found in the attic.\nReel 2.\nTintype ")
        assert comment.count("tintype:{") == 1


def test_a_preview_is_a_part_with_its_sound(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=50, sound="aac", chapters=True)
    window = Window(Fraction(1, 2), Fraction(1))
    job = colored(path, bundle, replace(LOSSLESS, window=window))
    assert job.target.name == "a.preview.mp4"
    assert job.frames == 25
    old, new = video_of(path), video_of(job.target)
    assert len(new) == 25
    for (when, luma, _), (then, same, _) in zip(old[13:], new, strict=False):
        assert when - old[13][0] == then
        assert np.array_equal(luma, same)
    sound = packets_of(job.target, "audio")
    assert 45 <= len(sound) <= 47
    assert sound[0][1] in [data for _, data in packets_of(path, "audio")[24:28]]
    assert 0 <= sound[0][0] < Fraction(1, 40)
    with av.open(str(job.target)) as container:
        ends = [float(c["end"] * c["time_base"]) for c in container.chapters()]
    assert ends == pytest.approx([0.5 - 0.02, 1.0], abs=0.03)
