"""Colours that a file states without a profile: honoured on reading, corrected on writing."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from photo.samples import (
    ADOBE_RGB,
    SRGB,
    XMP,
    deep_png,
    exif_block,
    gamma_curve,
    opened,
    png_chunk,
    png_with,
    rgb_profile,
    saved,
    srgb_curve,
)
from photo.unknown import RGB, bmp, entry, heic, jpeg_with, tiff_with
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.formats.registry import FORMATS
from tintype.photo.metadata import color_space, exif, ifd
from tintype.photo.photo import Photo

ADOBE = rgb_profile(ADOBE_RGB, gamma_curve(563 / 256))
PNG = saved(RGB, "PNG")
GREY = RGB[..., 0]
# D65, then the primaries of Adobe RGB and of Display P3, in hundred-thousandths.
ADOBE_PLACES = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)
P3_PLACES = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
SRGB_PLACES = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def block(space: int | None, index: bytes | None, order: str = "<") -> bytes:
    """An EXIF block with a colour space and an interoperability index."""
    details: dict[int, ifd.DirectoryEntry | ifd.Tags] = {}
    if space is not None:
        details[40_961] = ifd.integer_entry(order, ifd.SHORT, space)
    if index is not None:
        details[40_965] = {1: entry(ifd.ASCII, index + b"\0")}
    tags = {271: ifd.text_entry("Canon"), 34_665: details}
    return ifd.header(order) + ifd.serialize(tags, order=order, base=8)


def stated(found: bytes | None) -> tuple[int | None, bytes | None]:
    """The colour space and the index that Pillow reads."""
    tags = Image.Exif()
    tags.load(found or b"")
    details = tags.get_ifd(0x8769)
    return details.get(40_961), tags.get_ifd(0xA005).get(1)


def converted(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """The grey of pixels with a profile, by LittleCMS and Pillow."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        "RGB",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    image = ImageCms.applyTransform(Image.fromarray(pixels).convert("RGB"), transform)
    assert image is not None
    return np.asarray(image.convert("L")).astype(int)


def with_exif(form: str, pixels: np.ndarray, given: bytes) -> bytes:
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    return saved(pixels, form, exif=b"Exif\0\0" + given, **options)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("space", "index"), [(0xFFFF, b"R03"), (None, b"R03"), (2, None), (2, b"R98")]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_adobe_rgb_by_exif_is_converted_and_no_longer_stated(
    form: str, space: int | None, index: bytes | None, order: str
) -> None:
    data = with_exif(form, RGB, block(space, index, order))
    found = one(data)
    expected = converted(np.asarray(opened(data).convert("RGB")), ADOBE)
    plain = np.asarray(opened(data).convert("L")).astype(int)
    assert np.abs(found.grey - expected).max() <= 1
    assert np.abs(plain - expected).max() > 1
    assert found.meta.converted
    assert found.meta.icc is not None
    written = encode([found], format=FORMATS[form].writes, provenance=None).data
    assert stated(one(written).meta.exif) == (
        None if space is None else 1,
        None if index is None else "R98",
    )
    assert np.abs(one(written).grey.astype(int) - found.grey).mean() < 1


def test_adobe_rgb_in_the_directories_of_a_tiff_is_converted() -> None:
    source = encode(
        [replace(one(PNG), meta=replace(one(PNG).meta, exif=block(0xFFFF, b"R03")), color=RGB)],
        format="TIFF",
        provenance=None,
    ).data
    found = one(source)
    assert np.abs(found.grey - converted(RGB, ADOBE)).max() <= 1
    assert stated(found.meta.exif) == (1, "R98")


def test_a_grey_jpeg_in_adobe_rgb_has_its_gamma() -> None:
    data = saved(GREY, "JPEG", quality=100, exif=b"Exif\0\0" + block(0xFFFF, b"R03"))
    shown = np.asarray(opened(data))
    expected = converted(np.repeat(shown[..., None], 3, 2), ADOBE)
    assert np.abs(one(data).grey - expected).max() <= 1


@pytest.mark.parametrize(
    "given", [block(1, b"R98"), block(0xFFFF, b"R98"), block(0xFFFF, None), block(1, b"R03")]
)
def test_other_statements_of_exif_mean_srgb(given: bytes) -> None:
    data = saved(RGB, "JPEG", exif=b"Exif\0\0" + given)
    assert not one(data).meta.converted
    assert np.array_equal(one(data).grey, one(saved(RGB, "JPEG")).grey)


def primaries_of(*parts: int) -> ifd.DirectoryEntry:
    return entry(
        ifd.RATIONAL, struct.pack(f"<{2 * len(parts)}I", *(n for p in parts for n in (p, 100)))
    )


def test_the_primaries_that_a_camera_states_beside_its_index_become_those_of_srgb() -> None:
    tags = {
        318: primaries_of(31, 33),
        319: primaries_of(64, 33, 21, 71, 15, 6),
        34_665: {40_965: {1: entry(ifd.ASCII, b"R03\0")}},
    }
    given = ifd.header("<") + ifd.serialize(tags, order="<", base=8)
    found = Image.Exif()
    found.load(one(saved(RGB, "JPEG", exif=b"Exif\0\0" + given)).meta.exif or b"")
    assert found[319] == (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
    assert found[318] == (0.3127, 0.329)
    plain = ifd.header("<") + ifd.serialize({319: tags[319]}, order="<", base=8)
    found.load(one(saved(RGB, "JPEG", exif=b"Exif\0\0" + plain)).meta.exif or b"")
    assert found[319] == (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


# --- TIFF ---------------------------------------------------------------------------------------


def transfer(*tables: np.ndarray) -> ifd.DirectoryEntry:
    return entry(ifd.SHORT, np.concatenate(tables).astype("<u2").tobytes())


def table(exponent: float, codes: int = 256) -> np.ndarray:
    return np.round(np.linspace(0, 1, codes) ** exponent * 65_535)


def test_primaries_of_a_tiff_are_honoured() -> None:
    adobe = tiff_with({319: primaries_of(64, 33, 21, 71, 15, 6), 301: transfer(table(563 / 256))})
    plain = tiff_with({319: primaries_of(64, 33, 30, 60, 15, 6)})
    assert np.array_equal(one(plain).grey, one(tiff_with({})).grey)
    assert one(plain).meta.notes == one(adobe).meta.notes == ()
    assert one(adobe).meta.converted
    by_png = one(
        png_with(PNG, chrm((31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)))
    )
    assert np.abs(one(adobe).grey.astype(int) - by_png.grey).max() <= 2
    written = encode([one(adobe)], format="TIFF", provenance=None).data
    assert not {301, 318, 319} & set(opened(written).tag_v2)
    assert np.array_equal(one(written).grey, one(adobe).grey)


@pytest.mark.parametrize("exponent", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_transfer_function_of_a_tiff_is_honoured_at_both_depths(
    dtype: type, inverted: bool, exponent: float
) -> None:
    codes = np.iinfo(dtype).max + 1
    ramp = np.tile(np.linspace(0, codes - 1, 300).round().astype(dtype), (4, 1))
    stored = codes - 1 - ramp if inverted else ramp
    light = table(exponent, codes)
    data = tiff_with(
        {
            262: entry(ifd.SHORT, struct.pack("<H", 0 if inverted else 1)),
            301: transfer(light[::-1] if inverted else light),
        },
        stored,
    )
    expected = encoded((ramp / (codes - 1)) ** exponent)
    assert np.abs(one(data).grey / (codes - 1) - expected).max() < 1.1 / 255
    assert one(data).meta.notes == ()


@pytest.mark.parametrize("exponent", [2.2, 2.15, 2.3])
def test_the_default_transfer_function_of_tiff_changes_nothing(exponent: float) -> None:
    tables = transfer(*[table(exponent)] * 3)
    assert np.array_equal(one(tiff_with({301: tables})).grey, one(tiff_with({})).grey)


def test_channels_may_have_curves_of_their_own() -> None:
    data = tiff_with({301: transfer(table(1.0), table(2.2), table(3.0))})
    linear = np.stack([(RGB[..., i] / 255) ** e for i, e in enumerate((1.0, 2.2, 3.0))], -1)
    shown = np.round(encoded(linear) * 255).astype(np.uint8)
    wanted = np.asarray(Image.fromarray(shown).convert("L")).astype(int)
    assert np.abs(one(data).grey - wanted).max() <= 2


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({319: primaries_of(64, 33)}, "invalid chromaticities (PrimaryChromaticities)"),
        ({319: primaries_of(0, 0, 0, 0, 0, 0)}, "invalid chromaticities (PrimaryChromaticities)"),
        ({318: primaries_of(34, 36)}, "a white without primaries (WhitePoint)"),
        ({318: primaries_of(34)}, "an invalid white (WhitePoint)"),
        ({301: transfer(table(2.2)[::-1])}, "decreasing transfer function (TransferFunction)"),
        ({301: transfer(table(2.2)[:100])}, "of the wrong size (TransferFunction)"),
    ],
)
def test_statements_of_a_tiff_that_make_no_sense_are_named(
    tags: dict[int, ifd.DirectoryEntry], said: str
) -> None:
    found = one(tiff_with(tags))
    assert np.array_equal(found.grey, one(tiff_with({})).grey)
    assert said in found.meta.notes[0]
    assert found.meta.notes[0].endswith("the pixels are treated as sRGB.")


def test_a_profile_beats_what_the_tags_of_a_tiff_state() -> None:
    srgb = rgb_profile(SRGB, srgb_curve())
    profile = ifd.DirectoryEntry(ifd.UNDEFINED, len(srgb), srgb)
    found = one(tiff_with({34_675: profile, 301: transfer(table(1.0))}))
    assert np.array_equal(found.grey, one(tiff_with({})).grey)


def test_a_profile_beats_what_exif_states() -> None:
    srgb = rgb_profile(SRGB, srgb_curve())
    data = saved(RGB, "JPEG", icc_profile=srgb, exif=b"Exif\0\0" + block(0xFFFF, b"R03"))
    assert np.array_equal(one(data).grey, one(saved(RGB, "JPEG")).grey)
    assert one(data).meta.icc == srgb
    assert stated(one(data).meta.exif) == (1, "R98")


def test_cmyk_is_never_adobe_rgb() -> None:
    assert not exif.is_adobe_rgb(None)
    assert not exif.is_adobe_rgb(b"II*\0")
    assert not exif.is_adobe_rgb(exif_block())
    loop = bytearray(block(0xFFFF, b"R03"))
    loop[4:8] = b"\xff\xff\0\0"
    assert not exif.is_adobe_rgb(bytes(loop))


def test_a_packet_says_srgb_where_it_named_another_space() -> None:
    packet = XMP.replace(
        b'tiff:Orientation="6"',
        b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:ColorSpace="65535" '
        b'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        b'photoshop:ICCProfile="Adobe RGB (1998)"',
    )
    data = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    assert b"Adobe RGB (1998)" in (one(data).meta.xmp or b"")
    wide = jpeg_with(
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
        (0xE1, b"Exif\0\0" + block(0xFFFF, b"R03")),
    )
    told = one(wide).meta.xmp or b""
    assert b"Adobe RGB" not in told
    assert b">sRGB IEC61966-2.1</photoshop:ICCProfile>" in told
    assert b">1</exif:ColorSpace>" in told


# --- PNG ----------------------------------------------------------------------------------------


def gama(exponent: float) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", round(exponent * 100_000)))


def chrm(places: tuple[int, ...]) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *places))


def cicp(*points: int) -> bytes:
    return png_chunk(b"cICP", bytes(points))


def encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light as sRGB, by the book."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("exponent", [1.0, 1 / 1.8, 0.6, 1 / 2.6])
def test_the_gamma_of_a_scan_is_honoured_at_both_depths(exponent: float) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    expected = encoded((ramp / 255) ** (1 / exponent))
    eight = one(png_with(saved(ramp, "PNG"), gama(exponent)))
    assert np.abs(eight.grey - expected * 255).max() <= 1
    deep = one(png_with(deep_png(ramp.astype(np.uint16) * 257), gama(exponent)))
    assert deep.bits == 16
    assert np.abs(deep.grey / 257 - expected * 255).max() < 0.6
    written = encode([eight], format="PNG", provenance=None).data
    assert b"gAMA" not in written
    assert "icc_profile" in opened(written).info
    assert np.array_equal(one(written).grey, eight.grey)


@pytest.mark.parametrize(
    "chunks",
    [
        (gama(0.45455),),
        (gama(0.45),),
        (gama(0.45455), chrm(SRGB_PLACES)),
        (png_chunk(b"sRGB", b"\0"), gama(0.45455)),
        (png_chunk(b"sRGB", b"\0"), gama(1.0)),
        (cicp(1, 13, 0, 1),),
        (cicp(1, 1, 0, 1), gama(1.0)),
    ],
)
def test_statements_of_srgb_change_nothing_and_are_carried(chunks: tuple[bytes, ...]) -> None:
    found = one(png_with(PNG, *chunks))
    assert np.array_equal(found.grey, one(PNG).grey)
    assert found.meta.icc is None
    written = encode([found], format="PNG", provenance=None)
    assert all(chunk in written.data for chunk in chunks)
    assert written.lost == ()


def test_the_order_of_precedence_is_that_of_the_specification() -> None:
    srgb = rgb_profile(SRGB, srgb_curve())
    with_profile = saved(RGB, "PNG", icc_profile=srgb)
    assert np.array_equal(one(png_with(with_profile, gama(1.0))).grey, one(PNG).grey)
    assert one(png_with(with_profile, gama(1.0))).meta.icc == srgb
    code_points = png_with(saved(RGB, "PNG", icc_profile=ADOBE), cicp(1, 13, 0, 1))
    assert np.array_equal(one(code_points).grey, one(PNG).grey)
    r03 = saved(RGB, "PNG", exif=b"Exif\0\0" + block(0xFFFF, b"R03"))
    assert np.array_equal(one(png_with(r03, png_chunk(b"sRGB", b"\0"))).grey, one(PNG).grey)


def test_primaries_without_a_profile_are_those_of_the_profile() -> None:
    wide = one(png_with(PNG, gama(256 / 563), chrm(ADOBE_PLACES)))
    assert np.abs(wide.grey - converted(RGB, ADOBE)).max() <= 1
    p3 = one(png_with(PNG, chrm(P3_PLACES)))
    by_points = one(png_with(PNG, cicp(12, 13, 0, 1)))
    assert np.abs(p3.grey.astype(int) - by_points.grey).max() <= 1
    assert p3.meta.converted
    assert not np.array_equal(p3.grey, one(PNG).grey)


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (cicp(99, 16, 0, 1), "colour primaries 99"),
        (cicp(9, 16, 0, 0), "narrow range"),
        (cicp(1, 13, 0, 0), "narrow range"),
        (cicp(99, 13, 0, 1), "colour primaries 99"),
        (cicp(1, 99, 0, 1), "transfer function 99"),
        (gama(0), "gamma of 0"),
        (gama(40), "gamma of 0.025"),
        (chrm((0,) * 8), "invalid chromaticities"),
        (chrm((31_270, 32_900) * 4), "invalid chromaticities"),
    ],
)
def test_what_cannot_be_honoured_is_said(chunk: bytes, said: str) -> None:
    found = one(png_with(PNG, chunk))
    assert said in found.meta.notes[0]
    assert np.array_equal(found.grey, one(PNG).grey)


def test_a_chunk_of_another_length_states_nothing() -> None:
    found = one(png_with(PNG, png_chunk(b"gAMA", b"\0"), png_chunk(b"cHRM", b"")))
    assert np.array_equal(found.grey, one(PNG).grey)


# --- other containers ---------------------------------------------------------------------------


def with_code_points(data: bytes, primaries: int, transfer: int) -> bytes:
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize("make", [lambda: saved(RGB, "AVIF", quality=95), heic])
def test_the_code_points_of_avif_and_heic_are_honoured(make: object) -> None:
    data = make()
    plain = one(with_code_points(data, 1, 13))
    wide = one(with_code_points(data, 12, 13))
    assert not plain.meta.converted
    assert wide.meta.converted
    shown = np.asarray(Image.fromarray(RGB))
    profile = color_space.of_code_points(12, 13)
    assert profile is not None
    expected = converted(shown, profile) - np.asarray(Image.fromarray(RGB).convert("L"))
    assert np.abs((wide.grey.astype(int) - plain.grey) - expected).mean() < 1


def test_romm_rgb_in_jpeg_2000_is_converted() -> None:
    data = saved(RGB, "JPEG2000")
    at = data.index(b"colr") + 7
    found = one(data[:at] + struct.pack(">I", 21) + data[at + 4 :])
    assert np.abs(found.grey - converted(RGB, color_space.romm_rgb())).max() <= 1
    strange = one(data[:at] + struct.pack(">I", 99) + data[at + 4 :])
    assert "colour space (99) is unknown" in strange.meta.notes[0]


def test_the_colours_of_a_bmp_are_those_of_its_header() -> None:
    plain = one(saved(RGB, "BMP")).grey
    assert np.array_equal(one(bmp(b"BGRs")).grey, plain)
    assert np.array_equal(one(bmp(bytes(4))).grey, plain)
    embedded = one(bmp(b"DEBM", profile=ADOBE))
    assert np.abs(embedded.grey - converted(RGB, ADOBE)).max() <= 1
    assert embedded.meta.notes == ()
    for gamma in (563 / 256, 256 / 563):
        points = struct.pack("<9I", *(round(v * 2**30) for row in XYZ_ADOBE for v in row))
        wide = one(bmp(bytes(4), places=points, gamma=gamma))
        assert np.abs(wide.grey - converted(RGB, ADOBE)).max() <= 1
    assert "in another file" in one(bmp(b"KNIL", profile=b"c:\\x.icm\0")).meta.notes[0]
    assert "invalid primaries" in one(bmp(bytes(4), places=b"\1" + bytes(35))).meta.notes[0]


# D65, as the header has them.
XYZ_ADOBE = ((0.5767, 0.2973, 0.0270), (0.1856, 0.6274, 0.0707), (0.1882, 0.0753, 0.9911))


def test_curves_of_other_standards_are_told_apart() -> None:
    assert color_space.of_code_points(2, 2) is None
    assert color_space.of_code_points(6, 6) is None
    assert color_space.of_code_points(1, 8) is not None
    assert color_space.of_gamma(None, None) is None
