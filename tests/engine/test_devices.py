"""Devices: which library runs the network, what it is told, and what is said where it cannot.

OpenVINO is run. CUDA, DirectML and Core ML are not: of them it is tested that they are chosen, and
that nothing else is run in their place.
"""

import ctypes
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

from tintype.cancellation import WorkCancelledError, cancelled_when
from tintype.engine import device_check
from tintype.engine.bundle import Bundle
from tintype.engine.devices import ALIKE, DEVICES, DeviceName, device_of
from tintype.engine.network import Network
from tintype.engine.predict import Engine
from tintype.engine.sessions import check_device, runtime_version
from tintype.engine.settings import SETTINGS, Settings
from tintype.errors import ModelError, UsageError
from tintype.photo.photo import Photo
from tintype.pipeline import notes_on

UNTRIED = ("cuda", "directml", "coreml")


def lightness(seed: int, height: int = 64, width: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32)


@pytest.fixture(scope="module")
def openvino(tiny: Bundle) -> Network:
    """The tiny model in OpenVINO, for two at a time."""
    if find_spec("openvino") is None:  # importing it here would report that
        pytest.skip("the openvino extra is not installed")
    return Network(tiny.data, name="tiny", threads=1, device=DEVICES["openvino"], at_once=2)


# ----- the table -----


def test_every_name_is_a_device() -> None:
    assert set(get_args(DeviceName)) == {"auto", *DEVICES}
    assert SETTINGS["device"].choices == get_args(DeviceName)
    assert device_of("auto") is device_of("cpu") is DEVICES["cpu"]
    assert all(row.install for name, row in DEVICES.items() if name != "cpu")
    assert {name for name, row in DEVICES.items() if not row.tried} == set(UNTRIED)


@pytest.mark.parametrize("name", UNTRIED)
def test_a_missing_device_is_one_line_with_what_to_install(name: DeviceName) -> None:
    device = replace(device_of(name), provider="NoSuchExecutionProvider")
    with pytest.raises(UsageError, match=f"device {name} is not available") as error:
        check_device(device)
    assert "NoSuchExecutionProvider" in error.value.message
    assert error.value.advice == device_of(name).install
    assert "\n" not in str(error.value)


def test_without_the_extra_openvino_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    for name in ("openvino", "openvino-bf16"):
        with pytest.raises(UsageError, match=r"pip install 'tintype-colorizer\[openvino\]'"):
            check_device(DEVICES[name])


def test_bfloat16_needs_a_processor_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    core = SimpleNamespace(get_property=lambda *_: ["FP32", "INT8"])
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=lambda: core))
    check_device(DEVICES["openvino"])
    with pytest.raises(UsageError, match="does not compute in bfloat16"):
        check_device(DEVICES["openvino-bf16"])


# ----- ONNX Runtime's other devices -----


class _FakeSession:
    """What ONNX Runtime would give where a driver is there, or is not."""

    loaded: tuple[str, ...] = ()
    asked: list[Any] = []  # noqa: RUF012 - set anew by the fixture

    def __init__(self, data: bytes, options: Any, *, providers: list[Any]) -> None:
        self.asked.append((providers, options.enable_mem_pattern))

    def get_providers(self) -> list[str]:
        return [*self.loaded, "CPUExecutionProvider"]

    def disable_fallback(self) -> None:
        self.asked.append("no fallback")

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="L")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="ab")]

    def run(self, names: list[str], feed: dict[str, np.ndarray], options: Any) -> list[np.ndarray]:
        height, width = feed["L"].shape[2:]
        return [np.zeros((1, 2, height // 4, width // 4), np.float32)]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> type[_FakeSession]:
    """An ONNX Runtime that lists all devices."""
    import onnxruntime

    every = [row.provider for row in DEVICES.values() if row.runtime == "onnxruntime"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: every)
    monkeypatch.setattr(onnxruntime, "InferenceSession", _FakeSession)
    monkeypatch.setattr(_FakeSession, "loaded", tuple(every))
    monkeypatch.setattr(_FakeSession, "asked", [])
    return _FakeSession


@pytest.mark.parametrize("name", UNTRIED)
def test_the_device_that_is_named_is_the_one_that_is_asked(
    name: str, gpu: type[_FakeSession]
) -> None:
    device = DEVICES[name]
    Network(b"", name="any", device=device).run(lightness(0))
    assert gpu.asked == [([(device.provider, dict(device.options))], False), "no fallback"]


@pytest.mark.parametrize("name", UNTRIED)
def test_the_cpu_is_not_taken_in_its_place(
    name: str, gpu: type[_FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "loaded", ())
    with pytest.raises(UsageError, match=f"device {name} is not available: .* cannot load"):
        Network(b"", name="any", device=DEVICES[name]).run(lightness(0))


def test_cuda_computes_in_float32() -> None:
    assert DEVICES["cuda"].options["use_tf32"] == "0"


# ----- OpenVINO -----


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (64, 64)])
def test_openvino_gives_what_the_cpu_gives(
    openvino: Network, tiny: Bundle, size: tuple[int, int]
) -> None:
    expected = Network(tiny.data, name="tiny", threads=1).run(lightness(1, *size))
    found = openvino.run(lightness(1, *size))
    np.testing.assert_allclose(found.ab, expected.ab, atol=1e-3)
    assert found.logits is not None
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-3)
    assert found.features is None


def test_openvino_may_be_asked_from_several_threads(openvino: Network) -> None:
    alone = [openvino.run(lightness(n)).ab for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda n: openvino.run(lightness(n)).ab, range(4)))
    for expected, got in zip(alone, together, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_an_answer_of_openvino_that_nobody_wants_is_not_waited_for(openvino: Network) -> None:
    with cancelled_when(lambda: True), pytest.raises(WorkCancelledError):
        openvino.run(lightness(0))
    asked = iter([False, True, True])
    with cancelled_when(lambda: next(asked, True)), pytest.raises(WorkCancelledError):
        openvino.run(lightness(0, 1024, 1024))
    assert np.isfinite(openvino.run(lightness(0)).ab).all()


class _SignalStack(ctypes.Structure):
    """stack_t of POSIX."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def test_openvino_leaves_the_signals_of_the_main_thread_alone(openvino: Network) -> None:
    """The memory that it would give them is gone later, and Ctrl-C would end in a crash."""

    if sys.platform == "win32":
        return  # where there is no such stack

    def pointer() -> int | None:
        stack = _SignalStack()
        assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
        return stack.pointer  # type: ignore[no-any-return]

    before = pointer()
    network = Network(openvino._data, name="tiny", threads=1, device=DEVICES["openvino"])
    network.run(lightness(0))
    assert pointer() == before


def test_a_graph_that_openvino_rejects_is_one_line(
    openvino: Network, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match="rejects the model broken") as error:
        Network(b"no graph", name="broken", device=DEVICES["openvino"]).run(lightness(0))
    assert "\n" not in str(error.value)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_openvino_reports_to_nobody(openvino: Network) -> None:
    # At its import it would, to Google Analytics, and write below the home folder.
    openvino.run(lightness(0))
    assert "openvino" in sys.modules
    assert "openvino_telemetry" not in sys.modules
    assert "openvino.tools.ovc.telemetry_stub" in sys.modules


def test_the_runtime_says_its_version(openvino: Network) -> None:
    assert runtime_version(DEVICES["cpu"]).startswith("onnxruntime 1.")
    assert runtime_version(DEVICES["openvino"]).startswith("openvino 20")


# ----- what is recorded and said -----


def test_the_cpu_is_recorded_as_the_default_and_others_by_name() -> None:
    assert Settings(device="cpu").canonical() == Settings().canonical()
    assert '"device":"openvino"' in Settings(device="openvino").canonical()
    capabilities = ("logits",)
    keys = {
        Settings(device=name).for_network(capabilities).canonical() for name in get_args(DeviceName)
    }
    assert len(keys) == len(DEVICES)


def test_the_share_of_pixels_within_one_step() -> None:
    one = np.zeros((10, 10, 3), np.uint8)
    other = one.copy()
    other[0, 0, 1] = 1
    assert device_check.alike(one, other) == 1
    other[0, :5, 2] = 2
    assert device_check.alike(one, other) == 0.95
    assert device_check.alike(other, one) == 0.95


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100 %"), (0.99999, "99.99 %"), (0.9989, "99.89 %"), (0.719, "71 %")]
)
def test_a_share_is_not_rounded_up(share: float, text: str) -> None:
    assert device_check.share_text(share) == text


def test_a_device_that_differs_says_so_and_is_measured_once(
    tiny: Bundle, cameraman: np.ndarray, photo_of: Callable[[np.ndarray], Photo],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    measured = []

    def measure(engine: Engine, device: DeviceName) -> float:
        measured.append(device)
        return {"openvino": ALIKE, "openvino-bf16": ALIKE - 1e-6}[device]

    monkeypatch.setattr(device_check, "measure", measure)
    engine = Engine(tiny, threads=1)
    assert engine.device_note(Settings()) == engine.device_note(Settings(device="cpu")) == ""
    assert measured == []
    for _ in range(2):
        assert engine.device_note(Settings(device="openvino")) == ""
        note = engine.device_note(Settings(device="openvino-bf16"))
    assert "bfloat16" in note
    assert "99.89 %" in note
    assert measured == ["openvino", "openvino-bf16"]


def test_the_note_stands_among_those_on_the_photograph(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_check, "measure", lambda *_: 0.5)
    engine, photo = Engine(tiny, threads=1), device_check.sample()
    assert notes_on([photo], Settings(), photo.tone, engine) == []
    (note,) = notes_on([photo], Settings(device="openvino"), photo.tone, engine)
    assert "50 % of a sample's pixels are within one step" in note


def test_openvino_keeps_the_promise(openvino: Network, tiny: Bundle) -> None:
    assert device_check.measure(Engine(tiny, threads=1), "openvino") >= ALIKE


def test_all_devices_are_listed(openvino: Network, tiny: Bundle) -> None:
    found = {each.name: each for each in device_check.survey(tiny)}
    assert list(found) == list(DEVICES)
    assert found["cpu"].alike == 1
    assert found["cpu"].sentence().endswith("the default")
    assert (found["openvino"].alike or 0) >= ALIKE
    assert "of the pixels within one step" in found["openvino"].sentence()
    missing = [each for each in found.values() if each.missing]
    assert {each.name for each in missing} >= {"directml"} or sys.platform == "win32"
    for each in missing:
        assert each.seconds is None
        assert each.sentence().startswith("not available. ")
