"""Outputs that are turned: every pixel is there, in another place, and nothing else is changed."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.hints import parse_hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings
from tintype.errors import UsageError
from tintype.photo.decode import decode
from tintype.photo.photo import Photo
from tintype.photo.turning import QUARTERS, turned
from tintype.pipeline import Request, colorize_photos, provenance_of
from web.conftest import TINY

SIZE = (101, 67)  # odd, so that the pairs of a JPEG are counted from another edge
TURNS = {"90": -1, "180": 2, "270": 1}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_bundle(TINY), threads=1)


@pytest.fixture(scope="module")
def write(engine: Engine) -> Callable[..., bytes]:
    def written(data: bytes, form: str, rotate: str, hints: tuple[str, ...] = ()) -> bytes:
        settings = Settings(hints=tuple(parse_hint(hint) for hint in hints))
        output = Output(format=form, rotate=rotate)  # type: ignore[arg-type]
        photos = decode(data, name="photo", max_pixels=10**6)
        return colorize_photos(
            photos,
            Request(settings, output),
            name="photo",
            engine=engine,
            provenance=provenance_of(data, engine.bundle, settings, output),
        ).data

    return written


def photograph(form: str, **more: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(skimage.data.camera()).resize(SIZE).save(file, form, **more)
    return file.getvalue()


@pytest.mark.parametrize("degrees", list(TURNS))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_the_pixels_are_turned(write: Callable[..., bytes], form: str, degrees: str) -> None:
    data = photograph("PNG")
    flat, round_ = write(data, form, "0"), write(data, form, degrees)
    before, after = (
        np.asarray(Image.open(io.BytesIO(one)).convert("RGB"), int) for one in (flat, round_)
    )
    expected = np.rot90(before, TURNS[degrees])
    assert after.shape == expected.shape
    if form in ("PNG", "TIFF"):
        np.testing.assert_array_equal(after, expected)
    else:
        assert np.abs(after - expected).mean() < 2.5
    # The grey is that of the source, as exactly as without turning.
    greys = [decode(one, name="x", max_pixels=10**6)[0].grey for one in (data, round_, flat)]
    source = np.rot90(greys[0], TURNS[degrees]).astype(int)
    assert np.abs(greys[1] - source).max() <= np.abs(greys[2].astype(int) - greys[0]).max() + 6
    if form in ("PNG", "TIFF"):
        np.testing.assert_array_equal(greys[1], source)


def test_a_place_is_that_of_the_photograph_as_it_came(write: Callable[..., bytes]) -> None:
    data = photograph("PNG")
    out = write(data, "PNG", "90", ("10,50,#c04030,4",))
    pixels = np.asarray(Image.open(io.BytesIO(out)), int)
    # Row 50 of 67 from the top is column 67 - 1 - 50 of the turned picture.
    spot = pixels[9:12, 15:18]
    assert (spot[..., 0] - spot[..., 2]).mean() > 15


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG"])
def test_metadata_tells_of_the_turned_picture(write: Callable[..., bytes], form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "A street"
    exif.get_ifd(0x8769)[0xA002] = SIZE[0]
    exif.get_ifd(0x8769)[0xA003] = SIZE[1]
    data = photograph("JPEG", exif=exif, dpi=(300, 150))
    flat, round_ = (Image.open(io.BytesIO(write(data, form, degrees))) for degrees in ("0", "270"))
    assert flat.size == SIZE[::-1]  # its own orientation
    assert round_.size == SIZE
    for image in (flat, round_):
        found = image.getexif()
        assert found.get(0x0112, 1) == 1
        assert found[0x010E] == "A street"
        details = found.get_ifd(0x8769)
        if 0xA002 in details:
            assert (details[0xA002], details[0xA003]) == image.size
    dpi = [tuple(round(float(n)) for n in image.info["dpi"]) for image in (flat, round_)]
    assert dpi == [(150, 300), (300, 150)]


def test_four_quarters_are_none() -> None:
    (photo,) = decode(photograph("JPEG"), name="x", max_pixels=10**6)
    once = photo
    for _ in range(4):
        once = turned(once, QUARTERS["90"])
    np.testing.assert_array_equal(once.grey, photo.grey)
    back = turned(turned(photo, QUARTERS["90"]), QUARTERS["270"])
    assert isinstance(back, Photo)
    np.testing.assert_array_equal(back.grey, photo.grey)


def test_half_size_chroma_meets_its_grey_again(write: Callable[..., bytes]) -> None:
    # What would show pairs that are counted from the wrong edge: the luma of the decoded colours.
    data = photograph("JPEG", quality=95)
    for degrees in ("0", *TURNS):
        image = Image.open(io.BytesIO(write(data, "JPEG", degrees)))
        luma = np.asarray(image.convert("RGB").convert("L"), int)
        grey = np.asarray(Image.open(io.BytesIO(data)), int)
        source = np.rot90(grey, TURNS.get(degrees, 0))
        assert np.abs(luma - source).mean() < 1.2, degrees


def test_what_is_kept_exactly_is_not_turned() -> None:
    with pytest.raises(UsageError):
        Output(keep_luminance="exact", rotate="90")
    with pytest.raises(UsageError):
        Output(rotate="45")  # type: ignore[arg-type]
