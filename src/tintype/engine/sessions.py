"""Runs a network on a device: the only module that imports ONNX Runtime or OpenVINO.

Importing the library takes a tenth of a second and loading the graph another, so both are deferred
until the first photograph. `tintype.engine.devices` defines which library each device uses.
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
"""Interval at which cancellation is checked."""


def check_device(device: Device) -> None:
    """Refuses an unavailable device before any work starts.

    A library may list a device whose driver is missing; that is detected only when the network is
    loaded.

    Raises:
        UsageError: The device is not available; the advice says what to install.
    """
    if device.runtime == "openvino":
        _openvino(device)
    elif device.name != "cpu":
        import onnxruntime

        if device.provider not in onnxruntime.get_available_providers():
            raise _missing(device, f"the installed ONNX Runtime has no {device.provider}")


def runtime_version(device: Device) -> str:
    """The library that runs a network on a device and its version, as in "onnxruntime 1.20.0".

    The version is read from the imported module, since the name of its distribution depends on the
    device.

    Raises:
        UsageError: The device is not available.
    """
    check_device(device)
    runtime = importlib.import_module(device.runtime)
    return f"{device.runtime} {runtime.__version__}"


def _missing(device: Device, why: str) -> UsageError:
    return UsageError(f"The device {device.name} is not available: {why}.", advice=device.install)


def _openvino(device: Device) -> Any:  # noqa: ANN401 - its stubs come with the extra
    """OpenVINO's core, checked for the requirements of the device.

    Raises:
        UsageError: The extra is not installed, or the processor does not support bfloat16.
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
        # Without hardware bfloat16, OpenVINO would silently use float32 or a slower emulation.
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
    """Keeps OpenVINO from reporting its import to Google Analytics.

    OpenVINO imports a telemetry package and works without it if it is missing. A package that the
    calling program has already imported is left alone.
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
    """A network loaded by a library. Thread-safe."""

    inputs: frozenset[str]
    outputs: tuple[str, ...]

    def run(self, feed: Planes) -> Planes:
        """Runs the network; an exception raised meanwhile, including Ctrl-C, ends the run first."""


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
        # The file was checked as ONNX; without this, it could be interpreted as another format.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        # Without this, two roundings to int8 in a row become one, with other results: then the part
        # of a model that needs no hints would differ from the whole.
        options.add_session_config_entry("session.disable_double_qdq_remover", "1")
        options.log_severity_level = 4  # errors are raised as exceptions; print nothing
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        # Threads that spin while waiting would take cores from NumPy, which runs next.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena never releases its peak, and a large photograph needs that memory elsewhere;
        # runs are long enough that the cost of allocation does not matter.
        options.enable_cpu_mem_arena = False
        # For the first shape it would request all memory of a run as one block, which glibc asks
        # the system for again in each run: 40 % more time at 384 pixels. DirectML has none of it.
        options.enable_mem_pattern = False
        try:
            session = onnxruntime.InferenceSession(
                data, options, providers=[(device.provider, dict(device.options))]
            )
        except self._errors as error:
            raise _rejected("ONNX Runtime", name, error) from None
        # If a driver is missing, ONNX Runtime falls back to the CPU and only logs it.
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
        """Runs the network in its own thread, so that it can be ended after any operator."""
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

    It loads the checked bytes and writes nothing to disk. Each request holds the memory of one run,
    so requests are reused.
    """

    def __init__(
        self, data: bytes, device: Device, name: str, threads: int | None, at_once: int
    ) -> None:
        self._name = name
        options: dict[str, Any] = {
            **device.options,
            "NUM_STREAMS": at_once,
            "INFERENCE_NUM_THREADS": (threads or 0) * at_once,
            # Otherwise single-threaded processes would all be pinned to the first core.
            "ENABLE_CPU_PINNING": False,
        }
        core = _openvino(device)

        def load() -> Any:  # noqa: ANN401
            return core.compile_model(core.read_model(data, b""), device.provider, options)

        # Compiled in a separate thread: OpenVINO gives the compiling thread a signal stack and
        # silently frees its memory afterwards. In the main thread, Ctrl-C would then crash.
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
            with contextlib.suppress(RuntimeError):  # the request was cancelled
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
