"""ONNX Runtime behind one interface: quiet, checked, usable from several threads."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tintype.cancellation import WorkCancelledError, cancelled_when
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.network import Network, NetworkOutput
from tintype.engine.predict import Engine
from tintype.errors import ModelError
from tintype.photo.photo import Metadata, Photo


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


@pytest.mark.parametrize(
    ("part", "plane"),
    [
        ("ab", np.full((1, 2, 4, 6), np.nan, np.float32)),
        ("ab", np.full((1, 2, 4, 6), 2000, np.float32)),
        ("ab", np.zeros((1, 2, 4, 5), np.float32)),
        ("ab", np.zeros((1, 2, 4, 6), np.float64)),
        ("ab", np.zeros((2, 4, 6), np.float32)),
        ("logits", np.full((1, 313, 4, 6), -np.inf, np.float32)),
        ("logits", np.full((1, 313, 4, 6), 1e30, np.float32)),
        ("logits", np.zeros((1, 312, 4, 6), np.float32)),
        ("features", np.full((1, 8, 2, 3), np.inf, np.float32)),
        ("features", np.zeros((8, 2), np.float32)),
    ],
)
def test_an_answer_that_is_no_colour_is_refused(part: str, plane: np.ndarray) -> None:
    sound = {
        "ab": np.zeros((1, 2, 4, 6), np.float32),
        "logits": np.full((1, 313, 4, 6), -50, np.float32),
        "features": np.zeros((1, 8, 2, 3), np.float32),
    }
    known = ("logits", "features")
    NetworkOutput(**sound).check("tiny", shape=(4, 6), bins=313, capabilities=known)
    with pytest.raises(ModelError, match=f"tiny outputs {part}"):
        NetworkOutput(**sound | {part: plane}).check(
            "tiny", shape=(4, 6), bins=313, capabilities=known
        )


@pytest.mark.parametrize("part", ["logits", "features"])
def test_a_part_that_the_card_lists_must_be_there(part: str) -> None:
    ab = np.zeros((1, 2, 4, 6), np.float32)
    bare = NetworkOutput(ab, None, None)
    bare.check("tiny", shape=(4, 6), bins=313, capabilities=("hints",))
    with pytest.raises(ModelError, match=f"the model tiny lists {part}"):
        bare.check("tiny", shape=(4, 6), bins=313, capabilities=(part,))


def test_a_model_that_gives_no_numbers_colours_nothing(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Network.run

    def broken(self: Network, *args: np.ndarray, **more: np.ndarray) -> NetworkOutput:
        output = right(self, *args, **more)
        assert output.logits is not None
        return replace(output, logits=output.logits * np.float32("nan"))

    monkeypatch.setattr(Network, "run", broken)
    photo = Photo(np.zeros((40, 60), np.uint8), None, "grey", Metadata("PNG"))
    with pytest.raises(ModelError, match=r"tiny in tiny\.onnx outputs logits"):
        Engine(tiny).colorize(photo)


# ----- a run that is ended -----


class Slow:
    """A session that goes on until it is told to end, as ONNX Runtime's does."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="L")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="ab")]

    def run(self, _names: object, _feed: object, options: Any) -> None:
        self.begun.set()
        until = time.monotonic() + 30
        while not options.terminate and time.monotonic() < until:
            time.sleep(0.002)
        self.ended.set()
        raise RuntimeError("ended by its flag" if options.terminate else "not ended")


@pytest.fixture
def slow(tiny: Bundle) -> tuple[Network, Slow]:
    network, session = Network(tiny.data, name="tiny", threads=1), Slow()
    network._ready(hinted=False)._session = session  # type: ignore[attr-defined]
    return network, session


def test_work_that_is_no_longer_wanted_ends_the_network(slow: tuple[Network, Slow]) -> None:
    network, session = slow
    with cancelled_when(session.begun.is_set), pytest.raises(WorkCancelledError):
        network.run(lightness(0))
    assert session.ended.is_set()
    assert "tintype-network" not in [thread.name for thread in threading.enumerate()]


def test_ctrl_c_ends_the_network(slow: tuple[Network, Slow]) -> None:
    network, session = slow
    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        session.begun.wait(10)
        signal.pthread_kill(main, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        network.run(lightness(0))
    presser.join()
    assert session.ended.is_set()


def test_onnx_runtime_ends_at_the_next_operator() -> None:
    bundle = load_bundle()
    network = Network(bundle.data, name="own", threads=1)
    network.run(lightness(0))
    began = time.process_time()
    network.run(lightness(0, 512, 512))
    whole = time.process_time() - began
    answers = iter([False, False])
    began = time.process_time()
    with cancelled_when(lambda: next(answers, True)), pytest.raises(WorkCancelledError):
        network.run(lightness(0, 512, 512))
    assert time.process_time() - began < whole / 2
    assert network.run(lightness(0)).ab.shape == (1, 2, 16, 24)
