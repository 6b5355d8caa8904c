"""What comes in: modes, depths, profiles, orientation, and what is refused with one line."""

import io
import struct
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms, ImageOps

from photo.samples import (
    ADOBE_RGB,
    SRGB,
    XMP,
    deep,
    deep_png,
    exif_block,
    exif_facts,
    gamma_curve,
    grey_profile,
    png_chunk,
    png_with,
    rgb_profile,
    saved,
    scene,
    srgb_curve,
    srgb_parametric,
    table_profile,
)
from tintype.errors import PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode, decode_colors, photo_from_array, photo_from_image
from tintype.photo.metadata import icc
from tintype.photo.photo import Photo, rgb_to_grey


def one(data: bytes) -> Photo:
    (photo,) = decode(data, name="x")
    return photo


def pillow_grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


RGB = Image.fromarray(scene())


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "PPM"])
def test_the_grey_is_what_pillow_converts_to(form: str) -> None:
    photo = one(saved(RGB, form))
    assert np.array_equal(photo.grey, pillow_grey(RGB))
    assert (photo.bits, photo.shape, photo.alpha, photo.tone) == (8, (40, 56), None, "color")
    assert photo.color is None
    assert photo.meta.format == form


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "GIF"])
def test_small_depths_and_palettes_become_their_grey(form: str, mode: str) -> None:
    data = saved(RGB.convert(mode), form)
    with Image.open(io.BytesIO(data)) as image:
        expected = pillow_grey(image.convert("RGB"))
    assert np.array_equal(one(data).grey, expected)


@pytest.mark.parametrize("compression", [None, "group4", "packbits", "tiff_lzw"])
def test_a_tiff_whose_zero_is_white_is_not_a_negative(compression: str | None) -> None:
    mode = "1" if compression == "group4" else "L"
    image = RGB.convert("L").convert(mode)
    black, white = (
        saved(image, "TIFF", compression=compression, tiffinfo={262: sign}) for sign in (1, 0)
    )
    with Image.open(io.BytesIO(white)) as back:
        assert back.tag_v2[262] == 0
        assert np.array_equal(one(white).grey, pillow_grey(back))
    assert np.array_equal(one(black).grey, pillow_grey(image))


def test_a_palette_with_transparency_gives_alpha() -> None:
    image = RGB.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    photo = one(saved(image, "PNG", transparency=bytes([0, 128, *[255] * 14])))
    assert photo.alpha is not None
    indices = np.asarray(image)
    assert set(np.unique(photo.alpha[indices == 1])) == {128}
    assert set(np.unique(photo.alpha[indices == 0])) == {0}


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_transparent_grey_of_a_png_of_few_bits(bits: int) -> None:
    steps = 2**bits
    row = sum((i % steps) << (8 - bits - bits * i) for i in range(8 // bits))
    width = 8 // bits
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, 0, 0, 0, 0)),
            png_chunk(b"tRNS", struct.pack(">H", 1)),
            png_chunk(b"IDAT", zlib.compress(bytes([0, row]))),
            png_chunk(b"IEND", b""),
        )
    )
    photo = one(png_with(data))
    values = np.arange(width) % steps
    assert photo.grey[0].tolist() == (values * 255 // (steps - 1)).tolist()
    assert photo.alpha is not None
    assert photo.alpha[0].tolist() == np.where(values == 1, 0, 255).tolist()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_set_aside(form: str, mode: str) -> None:
    image = RGB.convert(mode)
    alpha = scene(seed=5)[..., 0]
    image.putalpha(Image.fromarray(alpha))
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    photo = one(saved(image, form, **options))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, alpha)
    assert np.array_equal(photo.grey, pillow_grey(image))


def test_16_bit_grey_is_whole() -> None:
    pixels = deep(channels=1)
    for data in (
        deep_png(pixels),
        saved(Image.fromarray(pixels), "TIFF"),
        saved(pixels, "JPEG2000"),
    ):
        photo = one(data)
        assert photo.bits == 16
        assert np.array_equal(photo.grey, pixels)


def test_a_pgm_and_a_ppm_of_two_bytes_are_whole() -> None:
    pixels = deep()
    head = b"P6\n# a comment\n56 40\n65535\n"
    photo = one(head + pixels.astype(">u2").tobytes())
    assert np.array_equal(photo.grey, photo_from_array(pixels).grey)
    grey = one(b"P5 56 40 1023 " + (pixels[..., 0] & 1023).astype(">u2").tobytes())
    assert grey.bits == 16
    assert np.abs(grey.grey - (pixels[..., 0] & 1023) * (65_535 / 1023)).max() <= 0.5


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(form: str) -> None:
    inks = np.dstack([scene(), scene(seed=3)[..., :1]])
    image = Image.fromarray(inks, "CMYK")
    profile = table_profile(b"CMYK", 4)
    data = saved(image, form, icc_profile=profile)
    stored = Image.open(io.BytesIO(data))
    expected = ImageCms.profileToProfile(
        stored,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    photo = one(data)
    assert np.abs(photo.grey.astype(int) - pillow_grey(expected)).max() <= 1
    assert photo.meta.icc == icc.srgb_profile()


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize("profile", [None, b"none at all", grey_profile(gamma_curve(2.2))])
def test_black_ink_alone_is_grey_and_needs_no_profile(form: str, profile: bytes | None) -> None:
    grey = pillow_grey(RGB).astype(np.uint8)
    inks = np.zeros((*grey.shape, 4), np.uint8)
    inks[..., 3] = 255 - grey
    options = {"icc_profile": profile} if profile else {}
    if form == "JPEG":
        options["quality"] = 100
    found = one(saved(Image.fromarray(inks, "CMYK"), form, **options))
    assert found.tone == "grey"
    assert np.abs(found.grey.astype(int) - grey).max() <= (2 if form == "JPEG" else 0)
    assert len(found.meta.notes) == bool(profile)
    inks[3, 5, 1] = 90
    notes = one(saved(Image.fromarray(inks, "CMYK"), form, **options)).meta.notes
    assert "its grey is an estimate" in notes[-1]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize("profile", [None, b"none at all", grey_profile(gamma_curve(2.2))])
def test_cmyk_without_a_profile_is_read_as_viewers_show_it(
    form: str, profile: bytes | None
) -> None:
    inks = np.dstack([scene(), scene(seed=3)[..., :1] // 2])
    options = {"icc_profile": profile} if profile else {}
    data = saved(Image.fromarray(inks, "CMYK"), form, **options)
    found = one(data)
    stored = np.asarray(Image.open(io.BytesIO(data))).astype(float) / 255
    shown = np.round((1 - stored[..., :3]) * (1 - stored[..., 3:]) * 255)
    assert np.abs(found.grey - pillow_grey(Image.fromarray(shown.astype(np.uint8)))).max() <= 1
    assert "CMYK without a usable profile" in found.meta.notes[-1]
    assert found.meta.icc is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("curve", [srgb_curve(), srgb_parametric()])
def test_a_profile_that_is_srgb_is_kept_byte_for_byte(form: str, curve: bytes) -> None:
    profile = rgb_profile(SRGB, curve)
    photo, plain = one(saved(RGB, form, icc_profile=profile)), one(saved(RGB, form))
    assert photo.meta.icc == profile
    assert np.array_equal(photo.grey, plain.grey)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_other_colours_are_converted_to_srgb(form: str) -> None:
    profile = rgb_profile(ADOBE_RGB, gamma_curve(2.2))
    data = saved(RGB, form, icc_profile=profile)
    stored = Image.open(io.BytesIO(data)).convert("RGB")
    expected = ImageCms.profileToProfile(
        stored, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    )
    photo = one(data)
    assert np.abs(photo.grey.astype(int) - pillow_grey(expected)).max() <= 1
    assert np.abs(photo.grey.astype(int) - pillow_grey(stored)).max() > 3
    assert photo.meta.icc == icc.srgb_profile()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_a_grey_profile_is_applied_and_never_put_on_colours(form: str) -> None:
    grey = RGB.convert("L")
    photo = one(saved(grey, form, icc_profile=grey_profile(gamma_curve(1.0))))
    stored = one(saved(grey, form)).grey
    linear = stored / 255
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(photo.grey - expected * 255).max() <= 1.5
    assert photo.meta.icc == icc.srgb_profile()


def test_an_rgb_profile_on_grey_pixels_is_kept_or_applied() -> None:
    grey = RGB.convert("L")
    srgb = rgb_profile(SRGB, srgb_curve())
    kept = one(saved(grey, "PNG", icc_profile=srgb))
    assert kept.meta.icc == srgb
    assert np.array_equal(kept.grey, np.asarray(grey))
    adobe = one(saved(grey, "PNG", icc_profile=rgb_profile(ADOBE_RGB, gamma_curve(1.8))))
    assert np.abs(adobe.grey.astype(int) - np.asarray(grey)).max() > 3


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_16_bit_colours_are_converted_as_finely_as_8_bit_ones(gamma: float) -> None:
    profile = rgb_profile(ADOBE_RGB, gamma_curve(gamma))
    narrow = one(saved(RGB, "PNG", icc_profile=profile)).grey.astype(int)
    wide = icc.to_srgb_u16(scene().astype(np.uint16) * 257, icc.open_profile(profile))
    assert np.abs(rgb_to_grey(wide) / 257 - narrow).max() <= 1.5


def test_16_bit_greys_are_converted_by_their_profile() -> None:
    pixels = deep(channels=1)
    with_profile = saved(
        Image.fromarray(pixels), "TIFF", icc_profile=grey_profile(gamma_curve(1.0))
    )
    photo = one(with_profile)
    linear = pixels / 65_535
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert photo.bits == 16
    assert np.abs(photo.grey - expected * 65_535).max() <= 1


def test_16_bit_colours_with_a_profile_of_tables_keep_their_depth() -> None:
    profile = b"x\0\0" + zlib.compress(table_profile(b"RGB ", 3))
    photo = one(png_with(deep_png(deep()), png_chunk(b"iCCP", profile)))
    assert photo.bits == 16
    assert len(np.unique(photo.grey)) > 256


@pytest.mark.parametrize(
    "profile", [b"nonsense", table_profile(b"CMYK", 4), rgb_profile(SRGB, b"")]
)
def test_a_profile_that_is_damaged_or_does_not_fit_is_left_out_and_said(profile: bytes) -> None:
    photo = one(saved(RGB, "PNG", icc_profile=profile))
    assert photo.meta.icc is None
    assert "profile" in " ".join(photo.meta.notes)
    assert np.array_equal(photo.grey, pillow_grey(RGB))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_pixels_are_upright_and_the_tag_says_so(form: str, orientation: int, order: str) -> None:
    stored = ImageOps.exif_transpose(RGB)
    data = saved(stored, form, exif=b"Exif\0\0" + exif_block(orientation, order=order))
    with Image.open(io.BytesIO(data)) as image:
        expected = pillow_grey(ImageOps.exif_transpose(image))
    photo = one(data)
    assert photo.shape == ((56, 40) if orientation > 4 else (40, 56))
    assert np.abs(photo.grey.astype(int) - expected).max() <= (3 if form in ("JPEG", "AVIF") else 0)
    facts = exif_facts(photo.meta.exif)
    assert facts["orientation"] in (None, 1)
    if form != "TIFF":
        assert facts["size"] == photo.shape
        assert not facts["thumbnail"]


def test_an_orientation_that_only_xmp_knows_is_applied() -> None:
    photo = one(saved(RGB, "JPEG", xmp=XMP))
    assert photo.shape == (56, 40)
    assert b'tiff:Orientation="6"' not in (photo.meta.xmp or b"")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_refused(form: str) -> None:
    frames = [Image.fromarray(scene(seed=i)) for i in range(3)]
    data = saved(frames[0], form, save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedPhotoError, match="is an animation") as refused:
        decode(data, name="x")
    assert ("tintype video FILE" in refused.value.advice) == (form != "WEBP")


def test_of_several_pictures_in_one_jpeg_the_first_is_taken_and_that_is_said() -> None:
    frames = [Image.fromarray(scene(seed=i)) for i in range(2)]
    photo = one(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert np.array_equal(photo.grey, one(saved(frames[0], "JPEG")).grey)
    assert photo.meta.notes == ("It contains 2 pictures (MPO); only the first is coloured.",)


@pytest.mark.parametrize("data", [b"", b"not a picture at all\n", b"\0" * 600])
def test_what_is_no_picture_is_said_in_one_line(data: bytes) -> None:
    with pytest.raises(UnreadablePhotoError) as caught:
        decode(data, name="letter.jpg")
    assert str(caught.value).startswith("letter.jpg is ")
    assert "\n" not in str(caught.value)


def test_a_text_that_is_called_jpg_is_called_text() -> None:
    with pytest.raises(UnreadablePhotoError, match="looks like text"):
        decode(b"Dear all,\nplease find attached...", name="x.jpg")


FORMS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "PPM", "GIF"]


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_was_cut_off_is_refused(form: str, part: float) -> None:
    data = saved(Image.fromarray(scene(120, 160)), form)
    with pytest.raises(UnreadablePhotoError, match=r"^x\.y is (damaged|not a picture)"):
        decode(data[: int(len(data) * part)], name="x.y")


@pytest.mark.parametrize("form", FORMS)
def test_too_many_pixels_are_refused_before_decoding(form: str) -> None:
    data = saved(RGB, form)
    with pytest.raises(PhotoTooLargeError, match="--max-megapixels 1"):
        decode(data, name="x", max_pixels=40 * 56 - 1)
    assert len(decode(data, name="x", max_pixels=40 * 56)) == 1


def test_all_pages_together_count() -> None:
    pages = [Image.fromarray(scene(seed=i)) for i in range(3)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(PhotoTooLargeError, match=r"x has pages \("):
        decode(data, name="x", max_pixels=3 * 40 * 56 - 1)
    assert len(decode(data, name="x", max_pixels=3 * 40 * 56)) == 3


def test_a_heic_is_read_and_will_be_written_as_avif() -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="no HEIC writer for the test picture")
    pytest.importorskip("pi_heif", reason="the heic extra is not installed")
    stream = io.BytesIO()
    pillow_heif.from_pillow(RGB).save(stream, quality=95, exif=b"Exif\0\0" + exif_block(1))
    photo = one(stream.getvalue())
    assert photo.meta.format == "HEIC"
    assert np.abs(photo.grey.astype(int) - pillow_grey(RGB)).mean() < 3
    assert exif_facts(photo.meta.exif)["make"] == "Camera works"


def test_a_heic_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(UnsupportedPhotoError, match=r'pip install "tintype-colorizer\[heic\]"'):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), name="x.heic")


@pytest.mark.parametrize("mode", ["F", "LAB", "I"])
def test_pixels_that_are_no_photograph_are_refused(mode: str) -> None:
    image = (
        Image.new(mode, (4, 4))
        if mode != "I"
        else Image.fromarray(np.full((4, 4), 70_000, np.int32))
    )
    with pytest.raises(UnsupportedPhotoError, match="pixels"):
        photo_from_image(image)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "YCbCr", "HSV", "I;16"])
def test_an_image_gives_the_same_photo_as_its_file(mode: str) -> None:
    image = Image.fromarray(deep(channels=1)) if mode == "I;16" else RGB.convert(mode)
    photo = photo_from_image(image)
    if mode in ("YCbCr", "HSV"):
        assert np.array_equal(photo.grey, pillow_grey(image.convert("RGB")))
        return
    same = one(saved(image, "PNG"))
    assert np.array_equal(photo.grey, same.grey)
    assert (photo.alpha is None) == (same.alpha is None)


def test_an_image_is_turned_and_its_profile_applied() -> None:
    adobe = rgb_profile(ADOBE_RGB, gamma_curve(2.2))
    data = saved(RGB, "PNG", exif=b"Exif\0\0" + exif_block(6), icc_profile=adobe)
    photo = photo_from_image(Image.open(io.BytesIO(data)))
    assert np.array_equal(photo.grey, one(data).grey)
    assert photo.meta.icc == icc.srgb_profile()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
def test_arrays_of_every_shape_become_photos(shape: tuple[int, ...], dtype: type) -> None:
    array = np.random.default_rng(1).integers(0, 256, shape).astype(dtype)
    photo = photo_from_array(array)
    assert photo.shape == (5, 7)
    assert photo.grey.dtype == dtype
    assert (photo.alpha is not None) == (array.ndim == 3 and shape[-1] in (2, 4))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(UnsupportedPhotoError, match="is not a picture"):
        photo_from_array(array)


def test_photos_are_values() -> None:
    photo = photo_from_array(scene())
    with pytest.raises(AttributeError):
        photo.tone = "grey"  # type: ignore[misc]
    assert replace(photo, tone="grey").tone == "grey"


def test_colours_are_read_where_they_are_wanted() -> None:
    coffee = skimage.data.coffee()
    for form, tolerance in (("PNG", 0), ("TIFF", 0), ("JPEG", 6)):
        file = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 3
        Image.fromarray(coffee[::-1, ::-1].copy()).save(file, form, quality=95, exif=exif)
        rgb, tone = decode_colors(file.getvalue(), name=form)
        assert tone == "color"
        assert np.abs(rgb.astype(int) - coffee).mean() <= tolerance
    for pixels in (skimage.data.camera(), skimage.data.camera().astype(np.uint16) * 257):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        rgb, tone = decode_colors(file.getvalue(), name="grey")
        assert tone == "grey"
        np.testing.assert_array_equal(rgb, np.repeat(skimage.data.camera()[..., None], 3, axis=2))
