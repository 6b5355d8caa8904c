"""Kinds of BMP that the reader does not know are unsupported, never damaged."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tintype.errors import PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode

SIZE = (16, 12)


def bmp() -> bytearray:
    """A whole BMP of 24 bits."""
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (*SIZE[::-1], 3), np.uint8)).save(file, "BMP")
    return bytearray(file.getvalue())


def with_depth(bits: int) -> bytes:
    data = bmp()
    struct.pack_into("<H", data, 28, bits)
    return bytes(data)


def with_compression(number: int) -> bytes:
    data = bmp()
    struct.pack_into("<I", data, 30, number)
    return bytes(data)


def of_fields(
    pixels: np.ndarray, bits: int, masks: tuple[int, ...], *, header: int = 40, down: bool = False
) -> bytes:
    """A BMP whose pixels are these numbers, with these bit fields."""
    height, width = pixels.shape
    rows = pixels.astype(f"<u{bits // 8}")
    raw = b"".join(row.tobytes() + bytes(-row.nbytes % 4) for row in (rows if down else rows[::-1]))
    size = (header, width, -height if down else height, 1, bits)
    compression = 6 if len(masks) == 4 and header == 40 else 3
    info = struct.pack("<IiiHHIIiiII", *size, compression, len(raw), 11_811, 11_811, 0, 0)
    info = (info + struct.pack(f"<{len(masks)}I", *masks)).ljust(header, b"\0")
    start = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", start + len(raw), 0, 0, start) + info + raw


@pytest.mark.parametrize("header", [40, 56, 124])
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0x0F00, 0x00F0, 0x000F)),
        (16, (0x0F00, 0x00F0, 0x000F, 0xF000)),
        (16, (0x7C00, 0x03E0, 0x001F, 0x8000)),
        (16, (0xE000, 0x1C00, 0x0300)),
        (32, (0x3FF00000, 0x000FFC00, 0x000003FF)),
        (32, (0xFFE00000, 0x1FFC00, 0x3FF)),
        (32, (0xFF, 0xFF00, 0xFF0000)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        (32, (0xFC000000, 0x03FFFE00, 0x1F0, 0xF)),
        (16, (0xFF00, 0x00FF, 0)),
    ],
)
def test_bit_fields_of_any_layout_are_read(
    bits: int, masks: tuple[int, ...], down: bool, header: int
) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 1 << bits, (12, 15), np.uint64)
    (found,) = decode(of_fields(pixels, bits, masks, header=header, down=down), name="a.bmp")
    wide = any(mask.bit_count() > 8 for mask in masks)
    top = 65_535 if wide else 255
    fields = []
    for mask in masks:
        shift, largest = (mask & -mask).bit_length() - 1, (1 << mask.bit_count()) - 1
        if not mask:
            shift, largest = 0, 1
        fields.append(((pixels & np.uint64(mask)) >> np.uint64(shift)).astype(float) / largest)
    rgb = np.stack(fields[:3], -1) @ (0.299, 0.587, 0.114)
    # Pillow, which reads the usual layouts, expands five bits by repeating them.
    assert np.abs(found.grey - rgb * top).max() <= (5 if (0x7C00 in masks) else 1)
    if len(masks) == 4 and (header > 40 or 0x7C00 not in masks) and 0x8000 not in masks:
        assert found.alpha is not None
        assert np.abs(found.alpha - fields[3] * top).max() <= 1
    assert found.meta.dpi == pytest.approx((300, 300), abs=0.1)


def test_pixels_that_are_missing_are_damage() -> None:
    data = of_fields(np.zeros((12, 15), np.uint64), 16, (0x0F00, 0x00F0, 0x000F))
    with pytest.raises(UnreadablePhotoError, match="ends too early"):
        decode(data[:-2], name="a.bmp")


def with_masks(*masks: int) -> bytes:
    """32 bits a pixel, with masks that make no sense."""
    return of_fields(np.zeros((12, 16), np.uint64), 32, masks)


@pytest.mark.parametrize(
    "data",
    [
        with_depth(3),
        with_compression(4),  # a JPEG inside, which is none
        with_compression(6),
        with_masks(0xFF000000, 0xFF0000, 0x01FE00),
        with_masks(0xFF000000, 0xFF0000, 0x505),
    ],
    ids=["3 bits", "no JPEG inside", "alpha masks", "overlapping", "bits apart"],
)
def test_a_kind_that_the_reader_does_not_know_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedPhotoError, match=r"cannot be read: unsupported.*Save it as PNG"):
        decode(data, name="a.bmp")


def test_a_cut_one_is_damaged() -> None:
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(bytes(bmp()[:200]), name="a.bmp")


def test_a_reader_that_finds_it_too_large_does_not_call_it_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise Image.DecompressionBombError("Image size (9 pixels) exceeds limit of 3 pixels.")

    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile._open", refuse)
    with pytest.raises(PhotoTooLargeError, match="more pixels than its format's reader accepts"):
        decode(bytes(bmp()), name="a.bmp")


# --- rows with a palette, run lengths, and headers of other programs ------------------------------

PALETTE = np.random.default_rng(2).integers(0, 256, (256, 3), np.uint8)


def grey_of_palette(indices: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(PALETTE[indices]).convert("L"))


def header_of(kind: int, size: tuple[int, int], bits: int, compression: int, used: int) -> bytes:
    """The second header: 12 bytes are those of OS/2 1, up to 64 those of OS/2 2."""
    if kind == 12:
        return struct.pack("<IHHHH", 12, *size, 1, bits)
    fields = (*size, 1, bits, compression, 0, 11_811, 11_811, used, 0)
    return struct.pack("<IiiHHIIiiII", kind, *fields).ljust(kind, b"\0")[:kind]


def with_rows(
    raw: bytes,
    bits: int,
    *,
    kind: int = 40,
    size: tuple[int, int] = (15, 12),
    compression: int = 0,
    colors: int | None = None,
    stated: int | None = None,
) -> bytes:
    """A BMP of these rows, with the first colours of the palette."""
    count = (1 << bits if bits <= 8 else 0) if colors is None else colors
    entries = PALETTE[np.arange(count) % 256, ::-1]
    if kind != 12:
        entries = np.pad(entries, ((0, 0), (0, 1)))
    info = header_of(kind, size, bits, compression, count if stated is None else stated)
    start = 14 + len(info) + entries.nbytes
    head = b"BM" + struct.pack("<IHHI", start + len(raw), 0, 0, start)
    return head + info + entries.tobytes() + raw


def indices_of(bits: int) -> np.ndarray:
    return np.random.default_rng(bits).integers(0, 1 << bits, (12, 15), np.uint8)


def plain_rows(indices: np.ndarray, bits: int) -> bytes:
    """The lowest row first, each padded to four bytes."""
    rows = b""
    for row in indices[::-1]:
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 32)
        rows += int(text, 2).to_bytes(len(text) // 8, "big")
    return rows


def read_grey(data: bytes) -> np.ndarray:
    (found,) = decode(data, name="a.bmp")
    return found.grey


@pytest.mark.parametrize("kind", [12, 16, 20, 36, 40, 52, 56, 60, 64, 108, 124])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_are_read_with_every_header(bits: int, kind: int) -> None:
    indices = indices_of(bits)
    found = read_grey(with_rows(plain_rows(indices, bits), bits, kind=kind))
    assert np.array_equal(found, grey_of_palette(indices))


@pytest.mark.parametrize(
    ("colors", "stated"), [(300, 300), (256, 300), (256, 305_402_420), (200, 200), (200, 250)]
)
def test_palettes_of_odd_sizes_are_read(colors: int, stated: int) -> None:
    indices = np.minimum(indices_of(8), min(colors, 256) - 1)
    data = with_rows(plain_rows(indices, 8), 8, colors=colors, stated=stated)
    assert np.array_equal(read_grey(data), grey_of_palette(indices))


@pytest.mark.parametrize("kind", [16, 20, 64])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_colours_are_read_with_headers_of_os2(bits: int, kind: int) -> None:
    rng = np.random.default_rng(4)
    size = bits // 8
    stored = rng.integers(0, 256, (12, 15, size), np.uint8)
    raw = b"".join(row.tobytes() + bytes(-row.nbytes % 4) for row in stored[::-1])
    if bits == 16:
        codes = stored.view("<u2")[..., 0]
        rgb = np.stack([codes >> shift & 31 for shift in (10, 5, 0)], -1) / 31
    else:
        rgb = stored[..., 2::-1] / 255
    wanted = rgb @ (0.299, 0.587, 0.114) * 255
    found = read_grey(with_rows(raw, bits, kind=kind))
    # Pillow expands five bits by repeating them.
    assert np.abs(found - wanted).max() <= (2 if bits == 16 else 1.01)


def runs(*rows: bytes, end: bool = True) -> bytes:
    return b"\0\0".join(rows) + (b"\0\1" if end else b"")


def test_run_lengths_that_leave_pixels_out_are_said() -> None:
    # From below: five of colour 3 and two skipped; a row of its own; and the end.
    raw = runs(b"\5\3", b"\0\7\1\2\3\4\5\6\7\0")
    (found,) = decode(with_rows(raw, 8, size=(7, 3), compression=1), name="a.bmp")
    wanted = np.array([[0] * 7, [1, 2, 3, 4, 5, 6, 7], [3] * 5 + [0] * 2])
    assert np.array_equal(found.grey, grey_of_palette(wanted))
    assert any("Some of its pixels are not coded" in note for note in found.meta.notes)


def test_run_lengths_of_4_bits_that_end_early_are_said() -> None:
    raw = runs(b"\7\x12", b"\0\2\1\1\0\4\x34\x56")
    (found,) = decode(with_rows(raw, 4, size=(7, 3), compression=2), name="a.bmp")
    wanted = np.array([[0, 3, 4, 5, 6, 0, 0], [0] * 7, [1, 2, 1, 2, 1, 2, 1]])
    assert np.array_equal(found.grey, grey_of_palette(wanted))
    assert any("Some of its pixels are not coded" in note for note in found.meta.notes)


def test_run_lengths_of_24_bits_are_read() -> None:
    red, rest = b"\0\0\xff", bytes(range(9))
    raw = runs(b"\4" + red, b"\1" + red + b"\0\3" + rest + b"\0")
    data = with_rows(raw, 24, kind=64, size=(4, 2), compression=4)
    wanted = np.zeros((2, 4, 3), np.uint8)
    wanted[1], wanted[0, 0] = (255, 0, 0), (255, 0, 0)
    wanted[0, 1:] = np.frombuffer(rest, np.uint8).reshape(3, 3)[:, ::-1]
    assert np.array_equal(read_grey(data), np.asarray(Image.fromarray(wanted).convert("L")))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (runs(b"\7\3", end=False), "ends too early"),
        (runs(b"\7\3"), ""),
        (b"\0\7\1\2", "ends too early"),
        (runs(b"\7\3", b"\x09\3"), "too many pixels"),
        (runs(b"", b"", b"", b"", b"\1\3"), "too many pixels"),
        (b"\0\2\0\0" * 100, "make no sense"),
    ],
)
def test_run_lengths_that_are_cut_or_too_long_are_damage(raw: bytes, why: str) -> None:
    data = with_rows(raw, 8, kind=20, size=(7, 3), compression=1)
    if not why:
        assert read_grey(data).shape == (3, 7)
        return
    with pytest.raises(UnreadablePhotoError, match=why):
        decode(data, name="a.bmp")


def test_missing_rows_of_2_bits_are_damage() -> None:
    data = with_rows(plain_rows(indices_of(2), 2), 2)
    with pytest.raises(UnreadablePhotoError, match="ends too early"):
        decode(data[:-1], name="a.bmp")
    with pytest.raises(PhotoTooLargeError):
        decode(data, name="a.bmp", max_pixels=100)


@pytest.mark.parametrize("kind", [12, 16, 40, 124])
def test_a_file_that_ends_anywhere_is_damaged(kind: int) -> None:
    data = with_rows(plain_rows(indices_of(2), 2), 2, kind=kind)
    for end in range(27, len(data) - 1, 3):
        with pytest.raises((UnreadablePhotoError, UnsupportedPhotoError)):
            decode(data[:end], name="a.bmp")


@pytest.mark.parametrize("bits", [1, 8, 24])
def test_a_picture_of_a_clipboard_has_no_file_header(bits: int) -> None:
    whole = bytes(bmp()) if bits == 24 else with_rows(plain_rows(indices_of(bits), bits), bits)
    assert np.array_equal(read_grey(whole[14:]), read_grey(whole))


def test_a_picture_of_a_clipboard_with_bit_fields() -> None:
    pixels = np.random.default_rng(1).integers(0, 1 << 16, (12, 15), np.uint64)
    whole = of_fields(pixels, 16, (0x0F00, 0x00F0, 0x000F))
    assert np.array_equal(read_grey(whole[14:]), read_grey(whole))


@pytest.mark.parametrize(("compression", "form"), [(4, "JPEG"), (5, "PNG")])
@pytest.mark.parametrize("kind", [40, 124])
def test_a_picture_inside_is_read(kind: int, compression: int, form: str) -> None:
    file = io.BytesIO()
    Image.fromarray(PALETTE[indices_of(8)]).save(file, form, dpi=(300, 300))
    inside = file.getvalue()
    data = with_rows(inside, 0, kind=kind, compression=compression, colors=0)
    assert np.array_equal(read_grey(data), decode(inside, name="x")[0].grey)
    with pytest.raises((UnreadablePhotoError, UnsupportedPhotoError)):
        decode(data[: len(data) // 2], name="a.bmp")
