"""TIFF of any number of bits, in either order of bits, and with inks, YCbCr and whole pictures."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo.formats.test_tiff import one
from photo.samples import saved, scene, table_profile
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode_colors, decode_layer, photo_from_array
from tintype.photo.encode import encode
from tintype.photo.formats import tiff_bits
from tintype.photo.metadata import ifd

HEIGHT, WIDTH = 11, 13
REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)

Tags = dict[int, tuple[int, ...] | bytes]


def tiff(blocks: list[bytes], tags: Tags, *, order: str = "<") -> bytes:
    """A TIFF of one page whose strips or tiles are these bytes."""
    head, body, offsets = ifd.header(order)[:4], b"", []
    for block in blocks:
        offsets.append(8 + len(body))
        body += block + b"\0" * (len(block) % 2)
    tiled = 322 in tags
    entries: dict[int, Any] = {
        256: (WIDTH,),
        257: (HEIGHT,),
        259: (1,),
        (324 if tiled else 273): tuple(offsets),
        (325 if tiled else 279): tuple(map(len, blocks)),
    } | tags
    if 273 in tags:  # tiles where strips belong
        entries = {tag: entries[tag] for tag in entries if tag not in (324, 325)}
        entries |= {273: tuple(offsets), 279: tuple(map(len, blocks))}
    made = {
        tag: ifd.DirectoryEntry(7, len(value), value)
        if isinstance(value, bytes)
        else ifd.integer_entry(order, ifd.LONG, *value)
        for tag, value in sorted(entries.items())
    }
    base = 8 + len(body)
    start = base.to_bytes(4, "little" if order == "<" else "big")
    return head + start + body + ifd.serialize(made, order=order, base=base)


def packed(samples: np.ndarray, bits: int) -> bytes:
    """(rows, columns, channels) one after the other, each row from a new byte."""
    rows = []
    for row in samples.reshape(len(samples), -1):
        text = "".join(f"{int(value):0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return b"".join(rows)


def of_bits(samples: np.ndarray, bits: int, tags: Tags | None = None, **kind: Any) -> bytes:
    """A TIFF of one strip, or of three planes."""
    channels = samples.shape[2]
    basic: Tags = {258: (bits,) * channels, 262: (2 if channels >= 3 else 1,), 277: (channels,)}
    return tiff([packed(samples, bits)], basic | (tags or {}), **kind)


def numbers(bits: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(bits)
    found = rng.integers(0, 1 << bits, (HEIGHT, WIDTH, channels))
    found.flat[:2] = 0, (1 << bits) - 1
    return found


def light(samples: np.ndarray, bits: int) -> np.ndarray:
    """Y' within 0 and 1."""
    share = samples / ((1 << bits) - 1)
    return share[..., 0] if share.shape[2] < 3 else share[..., :3] @ (0.299, 0.587, 0.114)


def shown(photo: Any) -> np.ndarray:
    return photo.grey / float(np.iinfo(photo.grey.dtype).max)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
def test_any_number_of_bits_is_read(bits: int, channels: int, order: str) -> None:
    samples = numbers(bits, channels)
    found = one(of_bits(samples, bits, order=order))
    deep = bits > 8
    assert found.grey.dtype == (np.uint16 if deep else np.uint8)
    step = 1 / (65_535 if deep else 255)
    assert np.abs(shown(found) - light(samples, bits)).max() <= 1.01 * step
    # The largest value is white, and the smallest black.
    if channels == 1:
        assert found.grey.flat[:2].tolist() == [0, 65_535 if deep else 255]
    if channels in (2, 4):
        assert found.alpha is not None
        assert np.abs(found.alpha * step - samples[..., -1] / ((1 << bits) - 1)).max() <= step
    said = f"Its {bits}-bit values are written with 16 bits; 0 is black, {(1 << bits) - 1} is white"
    assert any(said in note for note in found.meta.notes) == deep


def test_different_values_of_12_bits_stay_different() -> None:
    every = np.arange(4096, dtype=np.uint16)
    spread = tiff_bits.spread(every, 12)
    assert spread[0] == 0
    assert spread[-1] == 65_535
    assert np.abs(spread - every * (65_535 / 4095)).max() <= 0.5
    assert (np.diff(spread.astype(int)) >= 16).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
def test_24_bits_are_three_bytes_in_the_order_of_the_file(channels: int, order: str) -> None:
    samples = numbers(24, channels)
    raw = samples.astype("<u4" if order == "<" else ">u4").view(np.uint8)
    raw = raw.reshape(HEIGHT, WIDTH * channels, 4)
    raw = raw[..., :3] if order == "<" else raw[..., 1:]
    tags: Tags = {258: (24,) * channels, 262: (2 if channels == 3 else 1,), 277: (channels,)}
    found = one(tiff([raw.tobytes()], tags, order=order))
    low, high = samples.min(), samples.max()
    wanted = light(samples, 24)
    wanted = (wanted * ((1 << 24) - 1) - low) / (high - low)
    assert np.abs(shown(found) - wanted).max() <= 1 / 65_535
    assert "24-bit integer" in found.meta.notes[0]


@pytest.mark.parametrize(
    "tags",
    [{262: (0,)}, {317: (2,)}, {278: (4,)}, {322: (16,), 323: (16,)}, {284: (2,)}],
    ids=["white is zero", "differences", "strips", "tile", "planes"],
)
@pytest.mark.parametrize("bits", [6, 12])
def test_forms_of_packed_samples(bits: int, tags: Tags) -> None:
    samples = numbers(bits, 3 if 284 in tags else 1)
    stored = samples
    if 317 in tags:
        stored = np.diff(samples, axis=1, prepend=0) % (1 << bits)
    if 322 in tags:
        stored = np.pad(samples, ((0, 16 - HEIGHT), (0, 16 - WIDTH), (0, 0)))
    blocks = [packed(stored, bits)]
    if 278 in tags:
        blocks = [packed(samples[at : at + 4], bits) for at in range(0, HEIGHT, 4)]
    if 284 in tags:
        blocks = [packed(samples[..., i : i + 1], bits) for i in range(3)]
    channels = samples.shape[2]
    basic: Tags = {258: (bits,) * channels, 262: (2 if channels == 3 else 1,), 277: (channels,)}
    found = one(tiff(blocks, basic | tags))
    wanted = light(samples, bits)
    wanted = 1 - wanted if 262 in tags else wanted
    assert np.abs(shown(found) - wanted).max() <= (0.5 if bits > 8 else 1) / 255


@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (8, 3), (12, 1), (12, 3), (16, 1), (16, 3)])
@pytest.mark.parametrize("compression", [1, 8])
def test_the_lowest_bit_first(compression: int, bits: int, channels: int) -> None:
    samples = numbers(bits, channels)
    if compression == 8:
        import zlib

        block = zlib.compress(packed(samples, bits))
    else:
        block = packed(samples, bits)
    block = REVERSED[np.frombuffer(block, np.uint8)].tobytes()
    tags: Tags = {
        258: (bits,) * channels,
        259: (compression,),
        262: (2 if channels == 3 else 1,),
        266: (2,),
        277: (channels,),
    }
    found = one(tiff([block], tags, order=">"))
    assert np.abs(shown(found) - light(samples, bits)).max() <= 1 / 255


def test_tiles_that_are_listed_where_strips_belong() -> None:
    pixels = scene(32, 32)[..., 0]
    blocks = [pixels[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16)]
    size: Tags = {256: (32,), 257: (32,), 322: (16,), 323: (16,), 273: (0,)}
    found = one(tiff(blocks, {258: (8,), 262: (1,), 277: (1,)} | size))
    assert np.array_equal(found.grey, pixels)


def test_too_few_bytes_for_12_bits_are_damage() -> None:
    data = tiff([packed(numbers(12), 12)[:-1]], {258: (12,), 262: (1,), 277: (1,)})
    with pytest.raises(UnreadablePhotoError, match="a strip ends too early"):
        one(data)


def test_a_palette_of_16_bits() -> None:
    rng = np.random.default_rng(3)
    palette = rng.integers(0, 65_536, (3, 1 << 16))
    indices = numbers(16)
    data = of_bits(indices, 16, {262: (3,), 320: tuple(palette.ravel().tolist())}, order=">")
    wanted = photo_from_array(palette.T[indices[..., 0]].astype(np.uint16))
    assert np.array_equal(one(data).grey, wanted.grey)
    with pytest.raises(UnreadablePhotoError, match="palette is missing"):
        one(of_bits(indices, 16, {262: (3,)}, order=">"))


# --- inks ---------------------------------------------------------------------------------------


def inks(bits: int, *, black_only: bool = False) -> np.ndarray:
    found = numbers(bits, 4)
    if black_only:
        found[..., :3] = 0
    return found


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
def test_cmyk_of_more_than_8_bits_keeps_them(bits: int, planar: bool) -> None:
    samples = inks(bits)
    tags: Tags = {258: (bits,) * 4, 262: (5,), 277: (4,), 284: (2 if planar else 1,)}
    planes = [samples[..., i : i + 1] for i in range(4)] if planar else [samples]
    found = one(tiff([packed(plane, bits) for plane in planes], tags, order=">"))
    paper = 1 - samples / ((1 << bits) - 1)
    wanted = (paper[..., :3] * paper[..., 3:]) @ (0.299, 0.587, 0.114)
    assert found.grey.dtype == np.uint16
    assert np.abs(shown(found) - wanted).max() <= 2 / 65_535
    assert any("its grey is an estimate" in note for note in found.meta.notes)


def test_black_ink_of_16_bits_is_grey_as_it_is() -> None:
    samples = inks(16, black_only=True)
    found = one(of_bits(samples, 16, {262: (5,)}, order=">"))
    assert np.array_equal(found.grey, 65_535 - samples[..., 3])
    assert not any("estimate" in note for note in found.meta.notes)


def test_a_profile_of_inks_is_applied_to_16_bits_as_to_8() -> None:
    eight = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 4))
    profile = table_profile(b"CMYK", 4)
    of_8 = one(of_bits(eight, 8, {262: (5,), 34675: profile}))
    of_16 = one(of_bits(eight * 257, 16, {262: (5,), 34675: profile}, order=">"))
    assert np.array_equal(of_16.grey, of_8.grey)
    assert any("16 bits a channel are read as 8" in note for note in of_16.meta.notes)


def test_inks_of_16_bits_with_transparency_are_written_with_it() -> None:
    samples = numbers(16, 5)
    found = one(of_bits(samples, 16, {262: (5,), 338: (2,)}, order=">"))
    assert found.alpha is not None
    assert np.array_equal(found.alpha, samples[..., 4])
    again = one(encode([found], format="TIFF", provenance=None).data)
    assert np.array_equal(again.grey, found.grey)


def test_a_drawn_layer_of_16_bit_inks_is_cmyk() -> None:
    samples = inks(16)
    data = of_bits(samples, 16, {262: (5,)}, order=">")
    layer, _ = decode_layer(data, name="x", max_pixels=1000)
    assert layer.mode == "CMYK"
    assert np.array_equal(np.asarray(layer), samples >> 8)
    assert decode_colors(data, name="x")[0].shape == (HEIGHT, WIDTH, 3)


# --- YCbCr --------------------------------------------------------------------------------------


def ycbcr(across: int, down: int) -> tuple[np.ndarray, bytes]:
    """Y of a picture, and its data units with chroma that is neutral."""
    luma = numbers(8)[..., 0].astype(np.uint8)
    rows, columns = math.ceil(HEIGHT / down) * down, math.ceil(WIDTH / across) * across
    wide = np.pad(luma, ((0, rows - HEIGHT), (0, columns - WIDTH)))
    units = wide.reshape(rows // down, down, columns // across, across).swapaxes(1, 2)
    units = units.reshape(rows // down, columns // across, -1)
    neutral = np.full((*units.shape[:2], 2), 128, np.uint8)
    return luma, np.concatenate([units, neutral], -1).tobytes()


@pytest.mark.parametrize("down", [1, 2, 4])
@pytest.mark.parametrize("across", [1, 2, 4])
def test_uncompressed_ycbcr_is_read_with_its_sampling(across: int, down: int) -> None:
    luma, data = ycbcr(across, down)
    tags: Tags = {258: (8, 8, 8), 262: (6,), 277: (3,), 530: (across, down)}
    assert np.array_equal(one(tiff([data], tags)).grey, luma)


def test_the_range_and_the_shares_of_ycbcr_count() -> None:
    pixels = np.array([[[16, 128, 128], [235, 128, 128], [81, 90, 240]]], np.uint8)
    ratios = b"".join(
        number.to_bytes(4, "little") + (1).to_bytes(4, "little")
        for number in (16, 235, 128, 240, 128, 240)
    )
    tags: dict[int, Any] = {258: (8, 8, 8), 262: (6,), 277: (3,), 530: (1, 1)}
    data = tiff([pixels.tobytes()], tags | {256: (3,), 257: (1,)})
    structure = ifd.open_structure(data)
    entries = structure.directory(structure.first).entries | {532: ifd.DirectoryEntry(5, 6, ratios)}
    stated = ifd.header("<")[:4] + len(data).to_bytes(4, "little") + data[8:]
    stated += ifd.serialize(entries, order="<", base=len(data))
    rgb, _ = decode_colors(stated, name="x")
    assert rgb[0, 0].tolist() == [0, 0, 0]
    assert rgb[0, 1].tolist() == [255, 255, 255]
    # Red of video, as Rec.601 has it.
    assert np.abs(rgb[0, 2].astype(int) - (255, 0, 0)).max() <= 3


def test_ycbcr_in_planes_of_different_size_is_unsupported() -> None:
    tags: Tags = {258: (8, 8, 8), 262: (6,), 277: (3,), 284: (2,), 530: (2, 2)}
    sizes = (HEIGHT * WIDTH, 42, 42)
    with pytest.raises(UnsupportedPhotoError, match="planes of different size"):
        one(tiff([bytes(size) for size in sizes], tags))


# --- whole pictures in strips, and other compressions --------------------------------------------


def webp(pixels: np.ndarray) -> bytes:
    return saved(pixels, "WEBP", lossless=True)


def png(pixels: np.ndarray) -> bytes:
    return saved(pixels, "PNG")


def jpeg2000(pixels: np.ndarray) -> bytes:
    return saved(pixels, "JPEG2000", no_jp2=True)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("compression", "coded"), [(50001, webp), (34933, png), (34712, jpeg2000), (33005, jpeg2000)]
)
def test_strips_that_are_pictures(
    compression: int, coded: Callable[[np.ndarray], bytes], channels: int
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 16, channels), np.uint8)
    tags: Tags = {
        256: (16,), 257: (32,), 258: (8,) * channels, 259: (compression,), 262: (2,),
        277: (channels,), 278: (16,),
    }  # fmt: skip
    found = one(tiff([coded(pixels[:16]), coded(pixels[16:])], tags))
    assert np.array_equal(found.grey, np.asarray(Image.fromarray(pixels[..., :3]).convert("L")))
    if channels == 4:
        assert found.alpha is not None
        assert np.array_equal(found.alpha, pixels[..., 3])


def of_webp(data: bytes, **tags: Any) -> bytes:
    basic: Tags = {256: (16,), 257: (16,), 258: (8, 8, 8), 259: (50001,), 262: (2,), 277: (3,)}
    return tiff([data], basic | {int(tag[1:]): value for tag, value in tags.items()})


def test_pictures_in_strips_that_do_not_fit_are_not_stretched() -> None:
    small = webp(np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(UnreadablePhotoError, match="a WebP strip has 16 x 8 pixels"):
        one(of_webp(small))
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        one(of_webp(webp(np.zeros((16, 16, 3), np.uint8))[:-9]))
    with pytest.raises(UnsupportedPhotoError, match="WebP pictures in an unusual form"):
        one(of_webp(webp(np.zeros((16, 16, 3), np.uint8)), t258=(16, 16, 16)))


@pytest.mark.parametrize(
    ("compression", "name"),
    [(34887, "LERC"), (50002, "JPEG XL"), (34934, "JPEG XR"), (34661, "JBIG"), (61_000, "61000")],
)
def test_a_compression_that_nothing_here_knows_is_unsupported(compression: int, name: str) -> None:
    data = tiff([bytes(100)], {258: (8,), 259: (compression,), 262: (1,), 277: (1,)})
    with pytest.raises(UnsupportedPhotoError, match=f"compressed with .*{name}, which cannot"):
        one(data)


@pytest.mark.parametrize(("compression", "name"), [(6, "old-style JPEG"), (32809, "ThunderScan")])
def test_what_libtiff_reads_half_is_unsupported_where_it_fails(compression: int, name: str) -> None:
    bits = 4 if compression == 32809 else 8
    data = tiff([bytes(30)], {258: (bits,), 259: (compression,), 262: (1,), 277: (1,)})
    with pytest.raises(UnsupportedPhotoError, match=f"TIFF with {name} that cannot be read"):
        one(data)


def test_samples_without_a_stated_kind_are_integers() -> None:
    samples = numbers(16)
    assert np.array_equal(one(of_bits(samples, 16, {339: (4,)}, order=">")).grey, samples[..., 0])
