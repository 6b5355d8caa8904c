"""What must hold for every photo, whatever is in it."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps

from photo.samples import PROVENANCE, opened, saved
from tintype.color import cielab
from tintype.errors import TintypeError
from tintype.photo.decode import decode, photo_from_array, photo_from_image, read_provenance
from tintype.photo.encode import encode
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.orientation import upright
from tintype.photo.photo import HalfChroma, Metadata, Photo, rgb_to_grey

FEW = settings(max_examples=25, deadline=None)

sides = st.integers(1, 24)
text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


@st.composite
def pictures(draw: st.DrawFn, channels: int = 3) -> np.ndarray:
    """(H, W, channels) of 8 or 16 bits, with as many extreme values as hypothesis likes."""
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    return draw(arrays(dtype, (draw(sides), draw(sides), channels)))


def test_colour_and_photo_agree_on_the_luma() -> None:
    rng = np.random.default_rng(0)
    narrow = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    wide = rng.integers(0, 65_536, (600, 7, 3), dtype=np.uint16)
    assert np.array_equal(rgb_to_grey(narrow), cielab.rgb_u8_to_luma_u8(narrow))
    assert np.array_equal(rgb_to_grey(wide), cielab.rgb_u16_to_luma_u16(wide))


@FEW
@given(pictures())
def test_neutral_pixels_are_their_own_grey(rgb: np.ndarray) -> None:
    neutral = np.repeat(rgb[..., :1], 3, axis=2)
    assert np.array_equal(rgb_to_grey(neutral), neutral[..., 0])


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@FEW
@given(rgb=pictures(), alpha=st.booleans())
def test_the_grey_of_a_written_file_is_the_grey_of_the_source(
    form: str, rgb: np.ndarray, alpha: bool
) -> None:
    photo = photo_from_array(rgb)
    top = np.iinfo(rgb.dtype).max
    mask = (top - photo.grey).astype(rgb.dtype) if alpha else None
    colored = Photo(photo.grey, mask, photo.tone, Metadata(form), color=rgb)
    (back,) = decode(encode([colored], format=form, provenance=PROVENANCE).data, name="x")
    assert back.bits == photo.bits
    assert np.array_equal(back.grey, photo.grey)
    assert (back.alpha is None) == (mask is None)
    assert mask is None or np.array_equal(back.alpha, mask)


@FEW
@given(grey=arrays(np.uint8, st.tuples(sides, sides)), data=st.data())
def test_the_grey_of_a_jpeg_moves_by_half_a_step_at_most(
    grey: np.ndarray, data: st.DataObject
) -> None:
    half = ((grey.shape[0] + 1) // 2, (grey.shape[1] + 1) // 2)
    # Chroma that the gamut allows at every luma; beyond it RGB readers clip, the Y plane does not.
    chroma = HalfChroma(
        *(data.draw(arrays(np.uint8, half, elements=st.integers(118, 138))) for _ in range(2))
    )
    photo = Photo(grey, None, "grey", Metadata("JPEG"), color=chroma)
    (back,) = decode(encode([photo], format="JPEG", provenance=PROVENANCE).data, name="x")
    assert np.abs(back.grey.astype(int) - grey).mean() <= 0.5


@FEW
@given(arrays(np.uint8, st.tuples(sides, sides)), st.integers(1, 8))
def test_turning_agrees_with_pillow(grey: np.ndarray, orientation: int) -> None:
    image = Image.fromarray(grey)
    image.getexif()[274] = orientation
    assert np.array_equal(upright(grey, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@FEW
@given(grey=arrays(np.uint8, st.tuples(sides, sides)))
def test_all_eight_orientations_of_one_picture_agree(form: str, grey: np.ndarray) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    for orientation in range(1, 9):
        tags = Image.Exif()
        tags[274] = orientation
        # The stored picture that becomes `grey` when it is turned: turn it the other way.
        inverse = {6: 8, 8: 6}.get(orientation, orientation)
        stored = Image.fromarray(upright(grey, inverse)).convert("RGB")
        (photo,) = decode(saved(stored, form, exif=tags, **options), name="x")
        assert np.array_equal(photo.grey, grey)


@FEW
@given(pictures())
def test_the_three_doors_give_the_same_photo(rgb: np.ndarray) -> None:
    photo = photo_from_array(rgb)
    (again,) = decode(encode([_plain(rgb)], format="TIFF", provenance=None).data, name="x")
    assert np.array_equal(photo.grey, again.grey)
    if rgb.dtype == np.uint8:
        assert np.array_equal(photo.grey, photo_from_image(Image.fromarray(rgb)).grey)
        assert np.array_equal(photo.grey, np.asarray(Image.fromarray(rgb).convert("L")))


def _plain(rgb: np.ndarray) -> Photo:
    return Photo(rgb_to_grey(rgb), None, "color", Metadata("TIFF"), color=rgb)


@FEW
@given(st.builds(Provenance, text, text, text, text, text, text))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "JPEG2000"])
def test_any_provenance_is_read_back(form: str, provenance: Provenance) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    data = encode([_plain(pixels)], format=form, provenance=provenance).data
    assert read_provenance(data) == provenance
    assert opened(data).size == (8, 8)


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_are_a_photo_or_an_error_of_ours(data: bytes) -> None:
    for head in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM", b"P6 ", b"GIF89a"):
        with suppress(TintypeError):
            assert all(photo.grey.size for photo in decode(head + data, name="x", max_pixels=9999))
