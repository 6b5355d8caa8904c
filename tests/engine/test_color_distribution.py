"""From logits to colours: parity with the graph's own answer, and what vividness does."""

import numpy as np
import pytest

from tintype.color.abgrid import bin_centers
from tintype.engine import color_distribution
from tintype.engine.bundle import Bundle
from tintype.engine.network import Network, NetworkOutput


@pytest.fixture(scope="module")
def prediction(tiny: Bundle) -> NetworkOutput:
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, 64, 96)).astype(np.float32)
    return Network(tiny.data, name="tiny", threads=1).run(L)


def test_decoding_here_is_decoding_in_the_graph(tiny: Bundle, prediction: NetworkOutput) -> None:
    assert prediction.logits is not None
    got = color_distribution.colors(prediction.logits[0], tiny.card, vividness=tiny.card.vividness)
    np.testing.assert_allclose(got, prediction.ab[0], atol=1e-3)


def test_vividness_moves_towards_the_rare_colors(tiny: Bundle, prediction: NetworkOutput) -> None:
    assert prediction.logits is not None
    weights = np.array(tiny.card.log_weights)
    gains = []
    for vividness in (0, 0.5, 1, 2):
        biased = prediction.logits[0] + vividness * weights[:, None, None]
        mass = np.exp(biased - biased.max(axis=0))
        gains.append((weights[:, None, None] * mass / mass.sum(axis=0)).sum(axis=0).mean())
        got = color_distribution.colors(prediction.logits[0], tiny.card, vividness=vividness)
        assert got.shape == (2, 16, 24)
        if vividness == 0:
            calibrated = got
    assert gains == sorted(gains)
    assert np.abs(got - calibrated).mean() > 0.5


def test_palettes_begin_with_the_single_answer_and_share_everything(
    tiny: Bundle, prediction: NetworkOutput
) -> None:
    assert prediction.logits is not None
    logits = prediction.logits[0]
    found = color_distribution.palettes(logits, tiny.card, vividness=0.7, count=5)
    np.testing.assert_allclose(
        found[0].ab, color_distribution.colors(logits, tiny.card, vividness=0.7), atol=1e-4
    )
    assert len(found) == 5
    assert sum(one.share for one in found) == pytest.approx(1)
    rest = [one.share for one in found[1:]]
    assert rest == sorted(rest, reverse=True)
    again = color_distribution.palettes(logits, tiny.card, vividness=0.7, count=5)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.ab, other.ab)
    assert len(color_distribution.palettes(logits, tiny.card, vividness=0.7, count=1)) == 1


def test_palettes_move_what_is_open_and_leave_what_is_certain(tiny: Bundle) -> None:
    """Left: certain. Right: red or green, one as likely as the other."""
    centers = bin_centers()
    red = int(((centers - [60, 40]) ** 2).sum(axis=1).argmin())
    green = int(((centers - [-50, 40]) ** 2).sum(axis=1).argmin())
    blue = int(((centers - [10, -60]) ** 2).sum(axis=1).argmin())
    logits = np.full((313, 8, 8), -30, np.float32)
    logits[blue, :, :4] = 0
    logits[red, :, 4:] = logits[green, :, 4:] = 0
    found = color_distribution.palettes(logits, tiny.card, vividness=0, count=5)
    for one in found:
        np.testing.assert_allclose(one.ab[:, :, :4].mean(axis=(1, 2)), centers[blue], atol=1)
    a = [float(one.ab[0, :, 4:].mean()) for one in found]
    assert max(a) > 20
    assert min(a) < -20


def test_uncertainty_runs_from_none_to_all() -> None:
    even = np.zeros((313, 2, 3), np.float32)
    np.testing.assert_allclose(color_distribution.uncertainty(even), 1, atol=1e-5)
    certain = even.copy()
    certain[7] = 1000
    np.testing.assert_allclose(color_distribution.uncertainty(certain), 0, atol=1e-5)
    two = np.full((313, 1, 1), -1e4, np.float32)
    two[[5, 9]] = 0
    np.testing.assert_allclose(
        color_distribution.uncertainty(two), np.log(2) / np.log(313), atol=1e-5
    )


def test_uncertainty_is_the_entropy(prediction: NetworkOutput) -> None:
    assert prediction.logits is not None
    logits = prediction.logits[0].astype(np.float64)
    mass = np.exp(logits - logits.max(axis=0))
    mass /= mass.sum(axis=0)
    expected = -(mass * np.log(mass)).sum(axis=0) / np.log(313)
    np.testing.assert_allclose(
        color_distribution.uncertainty(prediction.logits[0]), expected, atol=1e-4
    )


def test_one_of_several_palettes_is_sober(tiny: Bundle, prediction: NetworkOutput) -> None:
    assert prediction.logits is not None
    logits = prediction.logits[0]
    sober = color_distribution.colors(logits, tiny.card, vividness=0)
    found = color_distribution.palettes(logits, tiny.card, vividness=0.9, count=5)
    assert sum(np.array_equal(one.ab, sober) for one in found) == 1
    # Not among two, where the other one shall be another colour; and not where all are sober.
    pair = color_distribution.palettes(logits, tiny.card, vividness=0.9, count=2)
    assert not any(np.array_equal(one.ab, sober) for one in pair)
    calm = color_distribution.palettes(logits, tiny.card, vividness=0, count=3)
    assert sum(np.array_equal(one.ab, sober) for one in calm) == 1
