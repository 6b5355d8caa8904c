"""What a small file may cost: the size of its frames, and the work to decode them."""

import io
import struct
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data

from tintype.errors import FilmError
from tintype.video import decode
from tintype.video.decode import Damage, read_frames
from tintype.video.defaults import MAX_FRAME_PIXELS
from tintype.video.encoding import choose_encoding, new_encoder
from tintype.video.layout import PlaneLayout
from tintype.video.probe import probe
from tintype.video.threads import frames_ahead
from video.clips import make_clip

_PEAK = """
import resource, sys
from pathlib import Path
from tintype.video.probe import probe
unit = 1 << (20 if sys.platform == "darwin" else 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
probe(Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // unit)
"""


def gif(path: Path, width: int, height: int, *, frames: int = 4) -> Path:
    """A hundred bytes: frames of this size that change one pixel."""
    frame = b"\x21\xf9\x04\0\x01\0\0\0\x2c" + struct.pack("<4H", 0, 0, 1, 1)
    frame += b"\0\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<2H", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    path.write_bytes(head + frame * frames + b";")
    return path


def progressive(path: Path, scans: int) -> Path:
    """A film of three JPEGs, each with its last scan repeated."""
    file = io.BytesIO()
    Image.fromarray(data.camera()[::4, ::4]).save(file, "JPEG", progressive=True)
    picture = file.getvalue()
    last = picture.rindex(b"\xff\xda")
    picture = picture[:-2] + picture[last:-2] * scans + picture[-2:]
    with av.open(path, "w") as out:
        stream = out.add_stream("mjpeg", rate=2)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuvj420p"
        for number in range(3):
            packet = av.Packet(picture)
            packet.pts = packet.dts = number
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 2), True
            out.mux(packet)
    return path


def test_frames_above_the_limit_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    assert 8192 * 4320 <= MAX_FRAME_PIXELS < 6001 * 6000
    path = gif(tmp_path / "a.gif", 6001, 6000)
    with pytest.raises(FilmError, match="6001 x 6000 pixels; the limit for films is 36 mega") as e:
        probe(path)
    assert "\n" not in str(e.value)
    largest = probe(gif(tmp_path / "b.gif", 6000, 6000, frames=1))
    assert largest.layout.shape == (6000, 6000)


def test_a_probe_does_not_hold_the_frames_that_it_looked_at(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = gif(tmp_path / "a.gif", 2600, 2000)
    command = [sys.executable, "-c", _PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300  # all 37 frames are 770 MB


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_frames_that_become_too_large_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    clock = Fraction(1, 25)
    small = make_clip(tmp_path / "a.ts", codec=codec, clock=clock)
    large = make_clip(tmp_path / "b.ts", codec=codec, clock=clock, size=(192, 256))
    path = tmp_path / "c.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr(decode, "MAX_FRAME_PIXELS", 128 * 96)
    damage = Damage()
    frames = list(read_frames(probe(path), damage))
    assert {frame.luma.shape for frame in frames} == {(96, 128)}
    assert damage.refused + damage.packets >= 10
    if codec == "libx264":
        assert "could not be decoded within the limits for films (36 mega" in damage.sentence()


def test_a_change_of_size_says_that_the_rest_is_left_out(tmp_path: Path) -> None:
    parts = [
        make_clip(tmp_path / f"{number}.ts", count=6, size=size)
        for number, size in enumerate([(96, 128), (48, 64), (96, 128)])
    ]
    path = tmp_path / "c.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    damage = Damage()
    assert len(list(read_frames(probe(path), damage))) <= 6
    assert damage.ended.endswith(", and everything from there on is left out")


def test_jpegs_with_too_many_scans_are_not_decoded(tmp_path: Path) -> None:
    path = progressive(tmp_path / "a.mkv", 20_000)
    started = time.process_time()
    with pytest.raises(FilmError, match=r"can be read\. 3 packets could not be decoded"):
        probe(path)
    assert time.process_time() - started < 1
    assert len(list(read_frames(probe(progressive(tmp_path / "b.mkv", 20)), Damage()))) == 3


def test_fewer_large_frames_are_held_at_a_time(tmp_path: Path) -> None:
    assert frames_ahead(PlaneLayout((4320, 7680)), 16) == 1
    assert frames_ahead(PlaneLayout((1080, 1920)), 16) == 16
    assert frames_ahead(PlaneLayout((2160, 3840), bits=10), 16) < 16
    source = probe(make_clip(tmp_path / "a.mp4"))
    large = replace(source, layout=replace(source.layout, shape=(4320, 7680)))
    for codec in ("h264", "h265"):
        encoding = choose_encoding(source, ".mkv", codec=codec, crf=None, lossless=False)
        assert "lookahead" in str(new_encoder(large, encoding).options)
        assert "lookahead" not in str(new_encoder(source, encoding).options)
    assert np.prod(source.layout.shape) < 16_000_000
