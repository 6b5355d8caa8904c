"""The check of the grey asks another decoder as well: a file that is read wrongly is found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import PngImagePlugin

from photo.samples import (
    ADOBE_RGB,
    deep,
    exif_block,
    gamma_curve,
    png_chunk,
    png_with,
    rgb_profile,
    saved,
)
from photo.unknown import RGB
from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.photo import decode as decoding
from tintype.photo.decode import decode
from tintype.photo.metadata import icc
from tintype.photo.other_decoder import SAME, difference_shown
from tintype.pipeline import Request, colorize_photos, provenance_of

GREY = RGB[..., 0]


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Engine:
    return Engine(load_bundle(tiny_model))


def checked(data: bytes, engine: Engine, *, wrongly: bool = False) -> str:
    photos = decode(data, name="x")
    if wrongly:
        photos = tuple(replace(photo, grey=np.zeros_like(photo.grey)) for photo in photos)
    request = Request(check_grey=True)
    provenance = provenance_of(data, engine.bundle, request.settings, request.output)
    colored = colorize_photos(
        photos, request, name="x", engine=engine, provenance=provenance, source=data
    )
    return str(colored.grey_check)


FILES = {
    "PNG": lambda: saved(GREY, "PNG"),
    "PNG, 16 bits": lambda: saved(deep(channels=1), "PNG"),
    "TIFF": lambda: saved(GREY, "TIFF"),
    "JPEG": lambda: saved(GREY, "JPEG"),
    "JPEG, a profile": lambda: saved(
        RGB, "JPEG", icc_profile=rgb_profile(ADOBE_RGB, gamma_curve(2.2))
    ),
    "a turned JPEG": lambda: saved(GREY, "JPEG", exif=_turned()),
    "WebP": lambda: saved(RGB, "WEBP"),
}


def _turned() -> bytes:
    from photo.samples import exif_block

    return b"Exif\0\0" + exif_block(6)


@pytest.mark.parametrize("kind", FILES)
def test_what_is_read_rightly_is_confirmed(kind: str, engine: Engine) -> None:
    said = checked(FILES[kind](), engine)
    assert "another decoder" not in said
    assert "no other" not in said


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "a turned JPEG"])
def test_what_is_read_wrongly_is_found_though_both_greys_are_equal(
    kind: str, engine: Engine
) -> None:
    said = checked(FILES[kind](), engine, wrongly=True)
    assert float(said.split("(Pillow) the mean difference is ")[1]) > 50
    if kind != "JPEG":
        assert "identical at all 2,240 pixels; but" in said


def test_an_applied_absurd_profile_would_be_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case that made every pixel black, with "identical" as the verdict."""
    profile = rgb_profile(((0, 0, 0),) * 3, gamma_curve(2.2))
    data = saved(RGB, "PNG", icc_profile=profile)
    assert "another decoder" not in checked(data, engine)
    plain = icc.Profile(profile, "RGB", False)
    monkeypatch.setattr(decoding, "usable_profile", lambda _page, _notes: plain)
    assert "the mean difference is 1" in checked(data, engine)


def test_what_it_cannot_show_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    linear = png_with(saved(GREY, "PNG"), png_chunk(b"gAMA", b"\0\1\x86\xa0"))
    assert checked(linear, engine).endswith("; no other installed decoder can read the input")
    (photo,) = decode(saved(GREY, "PNG"), name="x")
    assert difference_shown(photo, b"no picture", b"no picture") is None
    assert difference_shown(photo, saved(GREY[1:], "PNG"), saved(GREY, "PNG")) is None
    turned = saved(GREY[1:], "PNG", exif=exif_block(orientation=6))
    with monkeypatch.context() as patched:  # nothing is decoded in order to be turned
        patched.setattr(PngImagePlugin.PngImageFile, "load", lambda _image: pytest.fail("loaded"))
        assert difference_shown(photo, turned, saved(GREY, "PNG")) is None
    converted = replace(photo, meta=replace(photo.meta, converted=True))
    assert difference_shown(converted, saved(GREY, "PNG"), saved(GREY, "PNG")) is None
    assert difference_shown(photo, saved(GREY, "PNG"), saved(GREY + 4, "PNG")) > SAME
