"""Layers over a photograph: painted colours are exact, and what is masked stays grey."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import Bundle
from tintype.engine.geometry import plan_fit
from tintype.engine.grey_check import verify_grey
from tintype.engine.hints import hint_of, hints_at
from tintype.engine.layers import (
    Scribbles,
    forget_painted,
    mask_from,
    painted_bytes,
    read_bytes,
    scribbles_from,
)
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import UsageError
from tintype.photo.photo import HalfChroma, Photo

PhotoOf = Callable[[np.ndarray], Photo]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def rendered(shape: tuple[int, int], *strokes: tuple[slice, slice, str]) -> bytes:
    layer = np.zeros((*shape, 4), np.uint8)
    for rows, columns, color in strokes:
        layer[rows, columns] = (*bytes.fromhex(color), 255)
    return png(layer)


def ab(color: str) -> np.ndarray:
    return rgb01_to_lab(np.frombuffer(bytes.fromhex(color), np.uint8) / 255)[1:]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_scribbles_are_exact_where_the_gamut_allows(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, kind: type
) -> None:
    shape = cameraman.shape[:2]
    strokes = (
        (slice(40, 44), slice(30, 200), "8a6a5a"),
        (slice(101, 260), slice(301, 303), "5a6a8a"),
    )
    scribbles = scribbles_from(rendered((shape[0], shape[1]), *strokes), name="strokes.png")
    grey = np.clip(cameraman, 90, 180)
    grey = grey if kind == np.uint8 else grey.astype(np.uint16) * 257
    photo = photo_of(grey)
    colored = Engine(tiny, threads=2).colorize(photo, Settings(scribbles=scribbles))
    assert verify_grey(photo, colored).max_difference == 0
    assert isinstance(colored.color, np.ndarray)
    lab = rgb01_to_lab(colored.color / np.iinfo(kind).max)
    for rows, columns, color in strokes:
        # One step of 8 bits is up to one unit of a or b.
        off = np.abs(lab[rows, columns, 1:] - ab(color)).max()
        assert off < (1.6 if kind == np.uint8 else 0.3)


def test_scribbles_spread_and_cover_hints(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    shape = 128, 192
    photo = photo_of(np.full(shape, 128, np.uint8))
    engine = Engine(tiny, threads=1)
    layer = rendered(shape, (slice(60, 64), slice(40, 120), "905070"))
    settings = Settings(
        scribbles=scribbles_from(layer, name="x"), hints=(hint_of(80, 62, "#309030", 1),)
    )
    colored, plain = (engine.colorize(photo, s).color for s in (settings, Settings()))
    assert isinstance(colored, np.ndarray)
    assert isinstance(plain, np.ndarray)
    np.testing.assert_allclose(rgb01_to_lab(colored[62, 80] / 255)[1:], ab("905070"), atol=1.6)
    moved = np.abs(colored.astype(int) - plain).sum(axis=-1)
    assert moved[70, 80] > 5
    assert moved[70, 80] > 2 * moved[10, 10]


def test_a_layer_is_told_in_any_size() -> None:
    layer = scribbles_from(
        rendered((200, 100), (slice(100, 101), slice(0, 100), "c04030")), name=""
    )
    fit = plan_fit((200, 100), short_side=50, multiple=32, stride=4)
    told = hints_at([], layer, fit, cell=1)
    assert told.shape == (3, *fit.padded)
    assert np.unique(np.nonzero(told[2])[0]).tolist() == [50]  # thin as it is, it is not lost
    assert told[2, 50, :50].all()
    assert told[2, 50, 50:].max() == 0
    np.testing.assert_allclose(told[:2, 50, 7], ab("c04030"), atol=0.05)


def test_a_layer_is_read_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noise = Scribbles("a.png", "noise", rng.integers(0, 256, (40, 30, 4), np.uint8))
    whole = [noise.fitted(shape) for shape in ((40, 30), (7, 11))]
    grey = rng.integers(0, 256, (40, 30), np.uint8)
    sampled = noise.sampled(grey)
    forget_painted()
    monkeypatch.setattr("tintype.engine.layers._SLICE", 64)
    for shape, (ab, where) in zip(((40, 30), (7, 11)), whole, strict=True):
        sliced = noise.fitted(shape)
        assert np.array_equal(sliced[1], where)
        assert np.allclose(sliced[0], ab, atol=0.07, rtol=0)  # a step of float16 at 64 to 128
    assert all(map(np.array_equal, noise.sampled(grey), sampled))
    painted = noise.pixels[..., 3] >= 128
    expected = rgb01_to_lab(noise.pixels[painted][:, :3] / 255)[:, 1:]
    assert np.allclose(np.moveaxis(whole[0][0], 0, -1)[painted], expected, atol=0.07)


def test_a_layer_painted_all_over_takes_twice_its_pixels() -> None:
    forget_painted()
    pixels = np.full((500, 400, 4), 255, np.uint8)
    Scribbles("a.png", "white", pixels).fitted((50, 40))
    assert painted_bytes() <= 2 * pixels.nbytes + 100
    forget_painted()


@pytest.mark.parametrize("half_chroma", [False, True])
def test_what_is_masked_stays_grey(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, half_chroma: bool
) -> None:
    mask = np.full(cameraman.shape[:2], 255, np.uint8)
    mask[100:200, 50:250] = 0
    mask[200:, :] = 128
    photo = photo_of(cameraman)
    engine = Engine(tiny, threads=2)
    settings = Settings(mask=mask_from(png(mask), name="mask.png"))
    colored, plain = (
        engine.colorize(photo, s, half_chroma=half_chroma).color for s in (settings, Settings())
    )
    if half_chroma:
        assert isinstance(colored, HalfChroma)
        assert isinstance(plain, HalfChroma)
        assert (colored.cb[50:100, 25:125] == 128).all()
        assert (colored.cr[50:100, 25:125] == 128).all()
        np.testing.assert_array_equal(colored.cb[:49], plain.cb[:49])
        half = np.abs(colored.cb[101:].astype(int) - 128), np.abs(plain.cb[101:].astype(int) - 128)
    else:
        assert isinstance(colored, np.ndarray)
        assert isinstance(plain, np.ndarray)
        assert np.ptp(colored[100:200, 50:250], axis=-1).max() == 0
        np.testing.assert_array_equal(colored[:99], plain[:99])
        half = np.ptp(colored[201:], axis=-1), np.ptp(plain[201:], axis=-1)
    assert half[0].mean() == pytest.approx(half[1].mean() / 2, rel=0.15)


def test_layers_that_do_not_fit_are_refused(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    engine = Engine(tiny, threads=1)
    mask = mask_from(png(np.zeros((20, 30), np.uint8)), name="small.png")
    with pytest.raises(UsageError, match=r"small.png is 30 x 20, but the photograph is 457 x 300"):
        engine.colorize(photo_of(cameraman), Settings(mask=mask))
    with pytest.raises(UsageError, match="no transparency"):
        scribbles_from(png(np.zeros((4, 4, 3), np.uint8)), name="opaque.png")
    with pytest.raises(UsageError, match="Nothing is painted"):
        scribbles_from(png(np.zeros((4, 4, 4), np.uint8)), name="empty.png")
    with pytest.raises(UsageError, match="transparent areas"):
        mask_from(png(np.zeros((4, 4, 4), np.uint8)), name="mask.png")
    for read in (scribbles_from, mask_from):
        with pytest.raises(UsageError, match="not a readable picture"):
            read(b"nothing", name="x.png")


def test_layers_are_known_by_their_files() -> None:
    one, two = (png(np.full((3, 3), value, np.uint8)) for value in (0, 9))
    said = [Settings(mask=mask_from(data, name="m")).canonical() for data in (one, two, one)]
    assert said[0] == said[2] != said[1]
    assert Settings(mask=mask_from(one, name="a")) == Settings(mask=mask_from(one, name="b"))
    assert "mask" not in Settings().canonical()


def test_layers_are_bounded_as_photographs_are(tmp_path: Path) -> None:
    large = png(np.zeros((200, 300, 4), np.uint8))
    for read in (scribbles_from, mask_from):
        with pytest.raises(UsageError, match="too large for a layer"):
            read(large, name="x.png", max_pixels=50_000)
    if Path("/dev/zero").exists():
        with pytest.raises(UsageError, match="longer than 1 MiB"):
            read_bytes(Path("/dev/zero"), most=1 << 20)
    with pytest.raises(UsageError, match="too long"):
        read_bytes(tmp_path / ("x" * 300))


def test_a_mask_of_16_bits_keeps_its_steps() -> None:
    deep = np.array([[0, 0x4000, 0x8000, 0xFFFF]], np.uint16)
    assert mask_from(png(deep), name="m").pixels.tolist() == [[0, 0x40, 0x80, 0xFF]]
