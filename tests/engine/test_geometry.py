"""Lightness down and chroma up: any shape, no seams, no stretch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tintype.color.cielab import luma01_to_L
from tintype.engine.geometry import Fit, luma_down, luma_to_input, plan_fit, regrid
from tintype.engine.render import halved_range
from tintype.engine.upsample import ChromaUp, Pin, chroma_slope


@pytest.mark.parametrize(
    ("shape", "content", "padded"),
    [
        ((3000, 4000), (256, 341), (256, 352)),
        ((4000, 3000), (341, 256), (352, 256)),
        ((256, 256), (256, 256), (256, 256)),
        ((100, 150), (256, 384), (256, 384)),  # a small one grows
        ((20, 30), (80, 120), (96, 128)),  # a tiny one four times
        ((1, 1), (4, 4), (32, 32)),
        ((1000, 50_000), (72, 3620), (96, 3648)),  # a panorama keeps to an area
        ((50_000, 1000), (3620, 72), (3648, 96)),
        ((1, 100_000), (1, 8192), (32, 8192)),
    ],
)
def test_what_the_network_sees(
    shape: tuple[int, int], content: tuple[int, int], padded: tuple[int, int]
) -> None:
    fit = plan_fit(shape, short_side=256, multiple=32, stride=4)
    assert fit.shape == shape
    assert (fit.content, fit.padded) == (content, padded)
    assert fit.padded[0] * fit.padded[1] < 1.4 * 4 * 256**2


def test_shrinking_is_the_mean_of_what_was_there() -> None:
    rng = np.random.default_rng(0)
    coarse = np.asarray(
        Image.fromarray(rng.integers(0, 256, (8, 12), dtype=np.uint8)).resize((1200, 800))
    )
    fit = plan_fit((800, 1200), short_side=64, multiple=32, stride=4)
    small = luma_down(coarse, fit)
    assert small.shape == (64, 96)
    expected = np.asarray(Image.fromarray(coarse).resize((96, 64), Image.Resampling.BOX))
    assert np.abs(small - expected).mean() < 0.6


def test_16_bits_shrink_to_what_8_bits_do() -> None:
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (200, 300), dtype=np.uint8)
    fit = plan_fit((200, 300), short_side=64, multiple=32, stride=4)
    np.testing.assert_array_equal(
        luma_down(grey.astype(np.uint16) * 257, fit), luma_down(grey, fit)
    )


def test_padding_mirrors_the_picture() -> None:
    grey = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50).astype(np.uint8)
    fit = Fit((40, 50), (40, 50), (64, 64), 4)
    padded = luma_down(grey, fit)
    np.testing.assert_array_equal(padded[:40, :50], grey)
    np.testing.assert_array_equal(padded[40:, :50], grey[:-25:-1])
    np.testing.assert_array_equal(padded[:40, 50:], grey[:, :-15:-1])


def test_the_networks_input_is_the_lightness_of_the_grey() -> None:
    L = luma_to_input(np.array([[0, 128, 255]], np.float32))
    assert L.shape == (1, 1, 1, 3)
    assert L.dtype == np.float32
    np.testing.assert_allclose(L[0, 0, 0], luma01_to_L(np.array([0, 128, 255]) / 255), atol=1e-4)


def test_slope_finds_a_linear_relation_and_distrusts_flat_places() -> None:
    rng = np.random.default_rng(2)
    luma = rng.uniform(0, 255, (16, 24)).astype(np.float32)
    ab = np.stack([0.2 * luma + 3, -0.1 * luma])
    slope = chroma_slope(ab, luma)
    assert slope.shape == (2, 16, 24)
    assert np.abs(slope[0] - 0.2).mean() < 0.04
    assert np.abs(slope[1] + 0.1).mean() < 0.02
    noise = np.float32(100) + rng.normal(0, 1, (16, 24)).astype(np.float32)
    assert np.abs(chroma_slope(np.stack([0.2 * noise] * 2), noise)).max() < 0.02


def up_for(shape: tuple[int, int], *, detail: bool = True) -> tuple[ChromaUp, np.ndarray]:
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 256, shape, dtype=np.uint8)
    fit = plan_fit(shape, short_side=64, multiple=32, stride=4)
    luma = luma_down(grey, fit)
    grid = fit.padded[0] // 4, fit.padded[1] // 4
    ab = rng.uniform(-60, 60, (2, *grid)).astype(np.float32)
    return ChromaUp(ab, luma if detail else np.zeros_like(luma), fit, shape), grey


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (17, 33), (1, 500), (500, 1), (301, 457)])
@pytest.mark.parametrize("height", [1, 7, 64])
def test_strips_make_the_whole(shape: tuple[int, int], height: int) -> None:
    up, grey = up_for(shape)
    whole = up.rows(0, grey)
    strips = [up.rows(top, grey[top : top + height]) for top in range(0, shape[0], height)]
    np.testing.assert_allclose(np.concatenate(strips, axis=1), whole, atol=1e-3)


def test_without_detail_it_is_pillows_bicubic() -> None:
    shape = (310, 430)
    rng = np.random.default_rng(4)
    ab = rng.uniform(-60, 60, (2, 16, 24)).astype(np.float32)
    fit = Fit(shape, (64, 89), (64, 96), 4)
    up = ChromaUp(ab, np.zeros((64, 96), np.float32), fit, shape)
    got = up.rows(0, np.zeros(shape, np.uint8))
    for plane, channel in zip(got, ab, strict=True):
        expected = Image.fromarray(channel).resize(
            (430, 310), Image.Resampling.BICUBIC, box=(0, 0, 89 / 4, 16)
        )
        # At the borders Pillow leaves out what lies beyond, and here the edge counts again.
        inner = np.s_[40:-40]
        np.testing.assert_allclose(plane[inner], np.asarray(expected)[inner], atol=1e-2)


def test_constant_chroma_stays_constant_whatever_the_luma() -> None:
    shape = (123, 77)
    grey = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    fit = plan_fit(shape, short_side=64, multiple=32, stride=4)
    ab = np.ones((2, fit.padded[0] // 4, fit.padded[1] // 4), np.float32)
    ab *= np.array([20, -35], np.float32)[:, None, None]
    got = ChromaUp(ab, luma_down(grey, fit), fit, shape).rows(0, grey)
    np.testing.assert_allclose(got[0], 20, atol=0.01)
    np.testing.assert_allclose(got[1], -35, atol=0.01)


def test_detail_follows_luma_and_beats_bicubic() -> None:
    """A red square on green: chroma must turn where the luma does, not half a cell around it."""
    grey = np.full((512, 512), 200, np.uint8)
    grey[137:371, 137:371] = 80
    truth = np.where(grey[None] == 80, 40.0, -30.0)
    fit = plan_fit((512, 512), short_side=64, multiple=32, stride=4)
    luma = luma_down(grey, fit)
    ab = np.stack(
        [np.asarray(Image.fromarray(truth[0]).resize((16, 16), Image.Resampling.BOX))] * 2
    )
    with_detail = ChromaUp(ab.astype(np.float32), luma, fit, (512, 512)).rows(0, grey)
    without = ChromaUp(ab.astype(np.float32), luma * 0, fit, (512, 512)).rows(0, grey * 0)
    assert np.abs(with_detail - truth).mean() < 0.6 * np.abs(without - truth).mean()


def test_expressing_in_other_units_changes_nothing_else() -> None:
    up, grey = up_for((90, 120))
    before = up.rows(0, grey)
    up.express(2.0, 125.5)
    np.testing.assert_allclose(up.rows(0, grey), before * 2 + 125.5, atol=1e-2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (5, 7), (6, 8), (7, 4)])
def test_the_range_of_each_four_pixels(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(6).integers(0, 256, shape, dtype=np.uint8)
    lowest, highest = halved_range(grey)
    for row in range(-(-shape[0] // 2)):
        for column in range(-(-shape[1] // 2)):
            four = grey[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert lowest[row, column] == four.min()
            assert highest[row, column] == four.max()


@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    sides=st.tuples(st.integers(16, 100), st.integers(16, 100)),
)
def test_an_answer_at_another_size_keeps_its_places(
    height: int, width: int, sides: tuple[int, int]
) -> None:
    """Planes that say where they are in the photograph still say it on the other grid."""
    there, here = (plan_fit((height, width), short_side=n, multiple=32, stride=4) for n in sides)

    def places(fit: Fit) -> np.ndarray:
        y, x = ((np.arange(n // 4) + 0.5) * 4 for n in fit.padded)
        down, across = height / fit.content[0], width / fit.content[1]
        return np.stack(np.broadcast_arrays((y * down)[:, None], x * across)).astype(np.float32)

    known, wanted = places(there), places(here)
    got = regrid(known, there, here)
    assert got.shape == wanted.shape
    assert got.dtype == np.float32
    # Beyond its first and last places the other answer says nothing: they count on.
    limits = known[:, 0, 0], known[:, -1, -1]
    expected = [plane.clip(*ends) for plane, *ends in zip(wanted, *limits, strict=True)]
    np.testing.assert_allclose(got, np.stack(expected), rtol=1e-4, atol=1e-3)


def test_an_answer_at_its_own_size_stays_as_it_is() -> None:
    fit = plan_fit((200, 301), short_side=64, multiple=32, stride=4)
    planes = np.random.default_rng(0).normal(size=(3, 16, 24)).astype(np.float32)
    np.testing.assert_allclose(regrid(planes, fit, fit), planes, rtol=1e-6)


def test_of_pins_over_everything_only_the_last_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    fit = plan_fit((40, 60), short_side=32, multiple=32, stride=4)
    ab = rng.normal(0, 20, (2, fit.padded[0] // 4, fit.padded[1] // 4)).astype(np.float32)
    luma = rng.uniform(0, 255, fit.padded).astype(np.float32)
    grey = rng.integers(0, 256, (40, 60), np.uint8)
    wide = [Pin(7, x, 10**9, (x / 3, -x / 7), 10**9 / 3) for x in range(50)]
    small = Pin(20, 30, 2, (30.1, -40.3), 4)
    painted = []
    paint = ChromaUp._set

    def counted(self: ChromaUp, pin: object, *others: object) -> None:
        painted.append(pin)
        paint(self, pin, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(ChromaUp, "_set", counted)

    def rows(pins: list[Pin]) -> np.ndarray:
        return ChromaUp(ab, luma, fit, (40, 60), pins=pins, grey=grey).rows(0, grey)

    many = rows([small, *wide, small])
    assert len(painted) == 2
    np.testing.assert_array_equal(many, rows([wide[-1], small]))
    np.testing.assert_array_equal(many[0, 18:23, 28:33], np.float32(30.1))
    assert (many[0, 0] == np.float32(49 / 3)).all()
