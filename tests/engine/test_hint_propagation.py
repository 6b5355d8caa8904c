"""Told colours: exact where they were told, along what belongs together, not over edges."""

from collections.abc import Callable

import numpy as np
import pytest

from tintype.color.cielab import lab_to_rgb01
from tintype.engine.bundle import Bundle
from tintype.engine.geometry import plan_fit
from tintype.engine.grey_check import verify_grey
from tintype.engine.hint_propagation import spread
from tintype.engine.hints import Hint, hints_at, hold_hints
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.engine.upsample import ChromaUp, Pin
from tintype.photo.photo import HalfChroma, Photo

PhotoOf = Callable[[np.ndarray], Photo]


def two_halves() -> tuple[np.ndarray, np.ndarray]:
    """Luma with an edge down the middle, and a network that answers with one colour."""
    luma = np.full((32, 48), 90, np.float32)
    luma[:, 24:] = 200
    ab = np.zeros((2, 32, 48), np.float32)
    return luma, ab


def test_what_is_missing_spreads_to_the_edge_and_fades() -> None:
    luma, ab = two_halves()
    missing, told = np.zeros_like(ab), np.zeros((32, 48), bool)
    missing[:, 16, 12] = 40, -20
    told[16, 12] = True
    added = spread(missing, told, luma, ab)
    np.testing.assert_allclose(added[:, 16, 12], (40, -20), atol=0.5)
    assert added[0, 16, 14] > 15
    assert added[0, 16, 22] > 1
    assert abs(added[0, 16, 26]) < 0.1
    row = added[0, 16, 12:24]
    assert (np.diff(row) <= 0).all()
    np.testing.assert_allclose(added[1], -added[0] / 2, atol=1e-3)


def test_nothing_missing_adds_nothing() -> None:
    luma, ab = two_halves()
    told = np.zeros((32, 48), bool)
    assert np.abs(spread(np.zeros_like(ab), told, luma, ab)).max() == 0
    told[3, 4] = True
    assert np.abs(spread(np.zeros_like(ab), told, luma, ab)).max() == 0


def test_two_hints_each_hold_their_own() -> None:
    luma, ab = two_halves()
    fit = plan_fit((128, 192), short_side=128, multiple=32, stride=4)
    big = np.kron(luma, np.ones((4, 4), np.float32))
    hints = [Hint(40, 60, 50, 10, radius=2), Hint(150, 60, -30, 30, radius=2)]
    held = hold_hints(hints_at(hints, None, fit, cell=4), ab, big, fit)
    np.testing.assert_allclose(held[:, 15, 10], (50, 10), atol=0.6)
    np.testing.assert_allclose(held[:, 15, 37], (-30, 30), atol=0.6)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_pin_is_exact_at_full_size_in_any_strip(kind: type[np.unsignedinteger]) -> None:
    rng = np.random.default_rng(0)
    shape = (90, 120)
    fit = plan_fit(shape, short_side=64, multiple=32, stride=4)
    top = np.iinfo(kind).max
    grey = rng.integers(0, top, shape, dtype=kind)
    luma = rng.uniform(0, 255, fit.padded).astype(np.float32)
    ab = rng.uniform(-40, 40, (2, fit.padded[0] // 4, fit.padded[1] // 4)).astype(np.float32)
    pins = [Pin(30, 50, 3, (22.0, -11.0), 4.0), Pin(0, 119, 2, (-5.0, 60.0), 4.0)]
    up = ChromaUp(ab, luma, fit, shape, pins=pins, grey=grey)
    plain = ChromaUp(ab, luma, fit, shape)
    up.express(2, 100)
    plain.express(2, 100)
    rows = np.concatenate([up.rows(y, grey[y : y + 7]) for y in range(0, 90, 7)], axis=1)
    whole = plain.rows(0, grey)
    np.testing.assert_allclose(rows[0, 27:34, 47:54], 144, atol=1e-3)
    np.testing.assert_allclose(rows[1, 27:34, 47:54], 78, atol=1e-3)
    np.testing.assert_allclose(rows[0, :3, 117:], 90, atol=1e-3)
    # Far away nothing has changed.
    np.testing.assert_allclose(rows[:, 60:], whole[:, 60:], atol=1e-3)


@pytest.mark.parametrize("half_chroma", [False, True])
def test_a_told_colour_is_in_the_file_within_one_step(
    hinted: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, half_chroma: bool
) -> None:
    photo = photo_of(cameraman)
    engine = Engine(hinted, threads=1)
    hints = [Hint(200, 100, 20, 15, radius=3), Hint(60, 280, -10, 12, radius=0)]
    colored = engine.colorize(photo, Settings(hints=tuple(hints)), half_chroma=half_chroma)
    assert verify_grey(photo, colored).max_difference <= 1
    if half_chroma:
        assert isinstance(colored.color, HalfChroma)
        return
    assert isinstance(colored.color, np.ndarray)
    for hint in hints:
        got = colored.color[hint.y, hint.x].astype(int)
        assert np.abs(got - nearest(cameraman[hint.y, hint.x], hint)).max() <= 1
    by_itself = engine.colorize(photo).color
    assert isinstance(by_itself, np.ndarray)


def nearest(grey: int, hint: Hint) -> np.ndarray:
    """The sRGB colour with a hint's a and b whose luma is that of the grey, by bisection."""
    low, high = 0.0, 100.0
    for _ in range(60):
        L = (low + high) / 2
        rgb = lab_to_rgb01(np.array([L, hint.a, hint.b])) * 255
        low, high = (L, high) if rgb @ [0.299, 0.587, 0.114] < grey else (low, L)
    return np.rint(rgb).astype(int)


def test_a_network_that_takes_no_hints_has_them_all_the_same(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    hint = Hint(200, 100, 20, 15, radius=3)
    colored = Engine(tiny, threads=1).colorize(photo_of(cameraman), Settings(hints=(hint,)))
    assert isinstance(colored.color, np.ndarray)
    got = colored.color[hint.y, hint.x].astype(int)
    assert np.abs(got - nearest(cameraman[hint.y, hint.x], hint)).max() <= 1
