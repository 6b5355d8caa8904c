"""ONNX Runtime behind one interface: quiet, checked, usable from several threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tintype.engine.bundle import Bundle
from tintype.engine.network import Network
from tintype.errors import ModelError


def lightness(seed: int, height: int = 64, width: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32)


def test_it_keeps_the_contract(tiny: Bundle) -> None:
    prediction = Network(tiny.data, name="tiny", threads=1).run(lightness(0))
    assert prediction.ab.shape == (1, 2, 16, 24)
    assert prediction.logits is not None
    assert prediction.logits.shape == (1, 313, 16, 24)
    assert prediction.features is None


def test_several_threads_may_ask_at_once(tiny: Bundle) -> None:
    session = Network(tiny.data, name="tiny", threads=1)
    alone = [Network(tiny.data, name="tiny", threads=1).run(lightness(n)).ab for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda n: session.run(lightness(n)).ab, range(8)))
    for expected, got in zip(alone, together, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_graph_that_does_not_load_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError) as error:
        Network(b"no graph at all", name="broken", threads=1).run(lightness(0))
    assert "broken" in str(error.value)
    assert "\n" not in str(error.value)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_an_input_that_does_not_fit_is_one_line(tiny: Bundle) -> None:
    session = Network(tiny.data, name="tiny", threads=1)
    with pytest.raises(ModelError, match="tiny"):
        session.run(np.zeros((1, 3, 32, 32), np.float32))


def test_hints_for_a_network_that_takes_none_are_refused(tiny: Bundle) -> None:
    session = Network(tiny.data, name="tiny", threads=1)
    with pytest.raises(ModelError, match="does not support hints"):
        session.run(lightness(0), hints=np.zeros((1, 3, 64, 96), np.float32))
