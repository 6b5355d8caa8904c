"""What runs a network on a device: the only module that imports ONNX Runtime or OpenVINO.

The import takes a tenth of a second and the graph another, so both wait for the first photograph.
Which library runs it on which device is a row of `tintype.engine.devices`.
"""

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tintype import cancellation
from tintype.engine.devices import Device
from tintype.errors import ModelError, UsageError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Planes = Mapping[str, NDArray[np.float32]]
"""Inputs or outputs of a network, by their names."""

_ASK_SECONDS = 0.05
"""How often it is asked whether an answer is still wanted."""


def check_device(device: Device) -> None:
    """Refuses a device that this machine does not have, before anything is begun.

    That a library lists a device does not mean that its driver is there: that shows when the
    network is loaded.

    Raises:
        UsageError: It is not there; the advice is what to install.
    """
    if device.runtime == "openvino":
        _openvino(device)
    elif device.name != "cpu":
        import onnxruntime

        if device.provider not in onnxruntime.get_available_providers():
            raise _missing(device, f"the ONNX Runtime that is installed has no {device.provider}")


def runtime_version(device: Device) -> str:
    """The library that runs a network on a device and its version, as in "onnxruntime 1.20.0".

    Its distribution has other names for other devices, so it is asked itself.

    Raises:
        UsageError: The device is not there.
    """
    check_device(device)
    runtime = importlib.import_module(device.runtime)
    return f"{device.runtime} {runtime.__version__}"


def _missing(device: Device, why: str) -> UsageError:
    return UsageError(f"The device {device.name} is not available: {why}.", advice=device.install)


def _openvino(device: Device) -> Any:  # noqa: ANN401 - its stubs come with the extra
    """OpenVINO's core, with what the device needs.

    Raises:
        UsageError: The extra is not installed, or the processor does not compute in bfloat16.
    """
    try:
        with _nothing_reported():
            import openvino
    except ModuleNotFoundError as error:
        if error.name != "openvino":
            raise
        raise _missing(device, "OpenVINO is not installed") from None
    core = openvino.Core()
    if device.bfloat16:
        # Without it OpenVINO would quietly compute in float32, or imitate it more slowly.
        able = core.get_property(device.provider, "OPTIMIZATION_CAPABILITIES")
        if "BF16" not in able:
            raise UsageError(
                f"The device {device.name} is not available: this processor does not compute in "
                "bfloat16.",
                advice="Use --device openvino or cpu.",
            )
    return core


@contextlib.contextmanager
def _nothing_reported() -> Iterator[None]:
    """Keeps OpenVINO from reporting that it is imported, which it does to Google Analytics.

    Its package imports the one that reports and does without where that is missing. What an own
    program has imported before is its own affair.
    """
    name = "openvino_telemetry"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # importing it now fails
    try:
        yield
    finally:
        del sys.modules[name]


class Session(Protocol):
    """A network that a library has loaded. Safe to use from several threads."""

    inputs: frozenset[str]
    outputs: tuple[str, ...]

    def run(self, feed: Planes) -> Planes:
        """Runs it; whatever is raised meanwhile, Ctrl-C included, ends it first."""


class OnnxRuntime:
    """ONNX Runtime on any of its devices."""

    def __init__(self, data: bytes, device: Device, name: str, threads: int | None) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as ort

        self._name = name
        self._errors = (
            ort.EPFail,
            ort.Fail,
            ort.InvalidArgument,
            ort.InvalidGraph,
            ort.InvalidProtobuf,
            ort.NotImplemented,
            ort.RuntimeException,
        )
        options = onnxruntime.SessionOptions()
        # What was checked was an ONNX file; without this, bytes could be taken for another format.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.log_severity_level = 4  # errors arrive as exceptions; nothing is to be printed
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        # Threads that spin while waiting take the cores from NumPy, which has the next turn.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps its peak for ever, and the peak of a large photograph is needed for the
        # photograph; each run here is long enough to pay for its allocations.
        options.enable_cpu_mem_arena = False
        # DirectML does not work with it, and inputs of many shapes gain nothing by it elsewhere.
        options.enable_mem_pattern = device.name == "cpu"
        try:
            session = onnxruntime.InferenceSession(
                data, options, providers=[(device.provider, dict(device.options))]
            )
        except self._errors as error:
            raise _rejected("ONNX Runtime", name, error) from None
        # Where a driver is missing it takes the CPU and says so in its log alone.
        if device.provider not in session.get_providers():
            raise _missing(device, f"ONNX Runtime cannot load its {device.provider}")
        session.disable_fallback()
        self._session: InferenceSession = session
        self.inputs = frozenset(value.name for value in session.get_inputs())
        self.outputs = tuple(value.name for value in session.get_outputs())

    def run(self, feed: Planes) -> Planes:
        """See `Session`."""
        try:
            values = self._interruptible(feed)
        except self._errors as error:
            raise _rejected("ONNX Runtime", self._name, error) from None
        return dict(zip(self.outputs, values, strict=True))

    def _interruptible(self, feed: Planes) -> list[NDArray[np.float32]]:
        """Runs it in a thread of its own, so that it can be ended after the operator it is at."""
        import onnxruntime

        cancellation.check()
        options = onnxruntime.RunOptions()
        answer: Future[list[NDArray[np.float32]]] = Future()

        def run() -> None:
            try:
                answer.set_result(self._session.run(list(self.outputs), feed, options))
            except Exception as error:  # noqa: BLE001 - raised in the thread that asked
                answer.set_exception(error)

        thread = threading.Thread(target=run, name="tintype-network", daemon=True)
        try:
            thread.start()
            while True:
                with contextlib.suppress(TimeoutError):
                    return answer.result(_ASK_SECONDS)
                cancellation.check()
        finally:
            options.terminate = True
            with contextlib.suppress(RuntimeError):  # interrupted before it had started
                thread.join()


class OpenVino:
    """OpenVINO on the CPU.

    It is given the bytes that were checked, and keeps nothing on the disk. Its requests each hold
    the memory of a run, so they are used again.
    """

    def __init__(
        self, data: bytes, device: Device, name: str, threads: int | None, at_once: int
    ) -> None:
        self._name = name
        options: dict[str, Any] = {
            **device.options,
            "NUM_STREAMS": at_once,
            "INFERENCE_NUM_THREADS": (threads or 0) * at_once,
            # Processes that each have one thread would all be bound to the first core.
            "ENABLE_CPU_PINNING": False,
        }
        core = _openvino(device)

        def load() -> Any:  # noqa: ANN401
            return core.compile_model(core.read_model(data, b""), device.provider, options)

        # In a thread of its own: it gives the thread that compiles a stack for signals, and takes
        # the memory back without a word when it is done. Ctrl-C would then crash the main thread.
        with ThreadPoolExecutor(1, "tintype-openvino") as loader:
            try:
                self._compiled = loader.submit(load).result()
            except RuntimeError as error:
                raise _rejected("OpenVINO", name, error) from None
        self._idle: list[Any] = []
        self.inputs = frozenset(value.any_name for value in self._compiled.inputs)
        self.outputs = tuple(value.any_name for value in self._compiled.outputs)

    def run(self, feed: Planes) -> Planes:
        """See `Session`."""
        cancellation.check()
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            request.start_async(feed)
            while not request.wait_for(round(_ASK_SECONDS * 1000)):
                cancellation.check()
            # Copies: the next run writes into the same memory.
            found = {name: np.array(request.get_tensor(name).data) for name in self.outputs}
        except RuntimeError as error:
            raise _rejected("OpenVINO", self._name, error) from None
        except BaseException:
            request.cancel()
            with contextlib.suppress(RuntimeError):  # that it was ended
                request.wait()
            raise
        self._idle.append(request)
        return found


def _rejected(runtime: str, name: str, error: Exception) -> ModelError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(
        f"{runtime} rejects the model {name}: {first}",
        advice="Export the model again with `tintype export`.",
    )
