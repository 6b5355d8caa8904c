"""Films where a photograph is expected: their beginnings, as FFmpeg writes them."""

from pathlib import Path

import numpy as np
import pytest

from photo.samples import saved
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode
from tintype.photo.formats.film import is_film
from tintype.photo.formats.registry import sniff
from tintype.photo.naming import target_name

FILMS = {
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "mov": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "old mov": b"\0\0\0\x20moov\0\0\0\x6cmvhd",
    "mkv": b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x23B\x86\x81\1",
    "avi": b"RIFF\xe4\2\0\0AVI LIST",
    "ts": (b"G@\x11\x10" + b"\xff" * 184) * 4,
    "m2ts": (b"\0\0\0\0G@\x11\x10" + b"\xff" * 184) * 4,
    "mpg": b"\0\0\1\xba!\0\1\0",
    "wmv": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "mxf": bytes.fromhex("060e2b34020501010d01020101020400"),
    "ogv": b"OggS\0\2" + b"\0" * 22 + b"\x80theora\3\2\1",
}


@pytest.mark.parametrize("kind", FILMS)
def test_a_film_is_told_from_a_damaged_photograph(kind: str, tmp_path: Path) -> None:
    assert is_film(FILMS[kind])
    with pytest.raises(UnsupportedPhotoError, match=r"x is a film.*tintype video"):
        decode(FILMS[kind], name="x")
    path = tmp_path / "reel"
    path.write_bytes(FILMS[kind])
    with pytest.raises(UnsupportedPhotoError, match="reel is a film"):
        target_name(path)


def test_an_ending_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "holiday.DV"
    with pytest.raises(UnreadablePhotoError, match="cannot be read"):
        target_name(path)  # it is not there
    path.write_bytes(b"\x1f\7\0")
    with pytest.raises(UnsupportedPhotoError, match="is a film"):
        target_name(path)


@pytest.mark.parametrize("data", [b"", b"G", b"OggS\0\2vorbis", b"RIFF\0\0\0\0WAVE", b"\0" * 600])
def test_other_files_are_no_films(data: bytes) -> None:
    assert not is_film(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "GIF", "PPM"])
def test_no_photograph_is_a_film(form: str) -> None:
    data = saved(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64).astype(np.uint8), form)
    assert sniff(data) is not None
    assert not is_film(data)
