"""A network ready to run: the only module that imports ONNX Runtime.

The import takes a tenth of a second and the graph another, so both wait for the first photograph.
"""

import contextlib
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tintype import cancellation
from tintype.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

LARGEST: Mapping[str, int] = MappingProxyType({"ab": 1000, "logits": 10**6, "features": 10**6})
"""The largest number, without its sign, that a model may give in each output. Beyond it, what is
computed from it in float32 would not be finite."""


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """What a network answers.

    Attributes:
        ab: (1, 2, h, w) CIELAB units, at the card's default vividness and temperature.
        logits: (1, bins, h, w) log-probabilities up to a constant, or None.
        features: (1, channels, h', w') for matching, or None.
    """

    ab: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    features: NDArray[np.float32] | None

    def check(
        self, name: str, *, shape: tuple[int, int], bins: int, capabilities: Collection[str]
    ) -> None:
        """Refuses an answer that does not keep the contract: no colours are made from it.

        Args:
            name: Of the model, for the message.
            shape: (height, width) that the output must have.
            bins: Colours of the distribution, where there is one.
            capabilities: As its card lists them.

        Raises:
            ModelError: A part that the card lists is missing, has another shape or type, or numbers
                that are NaN or too large.
        """
        wanted = {"ab": (1, 2, *shape), "logits": (1, bins, *shape)}
        for part in ("ab", "logits", "features"):
            plane = getattr(self, part)
            if plane is None and part in capabilities:
                raise ModelError(
                    f"The card of the model {name} lists {part}, but its network has no such "
                    "output.",
                    advice="Export the model again with `tintype export`.",
                )
            if plane is None:
                continue
            expected = wanted.get(part, plane.shape)
            if plane.shape != expected or plane.ndim != 4 or plane.dtype != np.float32:
                raise ModelError(
                    f"The model {name} gives {part} as {plane.dtype} {plane.shape}, not as float32"
                    f" {expected}.",
                    advice="Export the model again with `tintype export`.",
                )
            # Not "max > most": NaN is in no range.
            if plane.size and not float(np.abs(plane).max()) <= LARGEST[part]:
                raise ModelError(
                    f"The model {name} gives {part} that are not numbers up to {LARGEST[part]:,}.",
                    advice="Use another model, or train and export it again.",
                )


_ASK_SECONDS = 0.05
"""How often it is asked whether an answer is still wanted."""


def _interruptible(
    session: "InferenceSession", names: list[str], feed: Mapping[str, NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """Runs a session in a thread of its own, so that it can be ended while it runs.

    Whatever is raised here while it runs, Ctrl-C in the main thread included, ends it after the
    operator that it is at; then it is raised.
    """
    import onnxruntime

    cancellation.check()
    options = onnxruntime.RunOptions()
    answer: Future[list[NDArray[np.float32]]] = Future()

    def run() -> None:
        try:
            answer.set_result(session.run(names, feed, options))
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


class Network:
    """One network on the CPU. Safe to use from several threads.

    Args:
        data: A verified ONNX file.
        name: What to call it in messages.
        threads: Threads for one photograph; None takes what ONNX Runtime thinks best.
    """

    def __init__(self, data: bytes, *, name: str, threads: int | None = None) -> None:
        self._data = data
        self._name = name
        self._threads = threads
        self._lock = threading.Lock()
        self._network: InferenceSession | None = None

    def _ready(self) -> "InferenceSession":
        with self._lock:
            if self._network is None:
                self._network = self._start()
        return self._network

    def _start(self) -> "InferenceSession":
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as ort

        options = onnxruntime.SessionOptions()
        # What was checked was an ONNX file; without this, bytes could be taken for another format.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.log_severity_level = 4  # errors arrive as exceptions; nothing is to be printed
        options.intra_op_num_threads = self._threads or 0
        options.inter_op_num_threads = 1
        # Threads that spin while waiting take the cores from NumPy, which has the next turn.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps its peak for ever, and the peak of a large photograph is needed for the
        # photograph; each run here is long enough to pay for its allocations.
        options.enable_cpu_mem_arena = False
        try:
            session = onnxruntime.InferenceSession(
                self._data, options, providers=["CPUExecutionProvider"]
            )
        except (
            ort.Fail,
            ort.InvalidArgument,
            ort.InvalidGraph,
            ort.InvalidProtobuf,
            ort.NotImplemented,
            ort.RuntimeException,
        ) as error:
            raise self._broken(error) from None
        inputs = {value.name for value in session.get_inputs()}
        outputs = {value.name for value in session.get_outputs()}
        if "L" not in inputs or "ab" not in outputs or not inputs <= {"L", "hints"}:
            raise ModelError(
                f"The model {self._name} has the inputs {sorted(inputs)} and the outputs"
                f" {sorted(outputs)}; a Tintype model takes L and gives ab.",
                advice="Export the model again with `tintype export`.",
            )
        return session

    def _broken(self, error: Exception) -> ModelError:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return ModelError(
            f"ONNX Runtime rejects the model {self._name}: {first}",
            advice="Export the model again with `tintype export`.",
        )

    def run(
        self, L: NDArray[np.float32], hints: NDArray[np.float32] | None = None
    ) -> NetworkOutput:
        """Asks the network.

        Args:
            L: (1, 1, h, w) lightness in [0, 100]; h and w multiples of the card's.
            hints: (1, 3, h, w) ab and mask, for networks that take them; None means no hints.

        Raises:
            ModelError: The graph does not load, does not keep the contract, or fails.
            WorkCancelledError: Nobody wants the answer any more.
        """
        from onnxruntime.capi import onnxruntime_pybind11_state as ort

        session = self._ready()
        feed = {"L": np.ascontiguousarray(L, np.float32)}
        if any(value.name == "hints" for value in session.get_inputs()):
            empty = np.zeros((1, 3, *L.shape[2:]), np.float32)
            feed["hints"] = empty if hints is None else np.ascontiguousarray(hints, np.float32)
        elif hints is not None:
            raise ModelError(
                f"The model {self._name} does not support hints.", advice="Use another model."
            )
        names = [value.name for value in session.get_outputs()]
        try:
            values = _interruptible(session, names, feed)
        except (
            ort.Fail,
            ort.InvalidArgument,
            ort.NotImplemented,
            ort.RuntimeException,
        ) as error:
            raise self._broken(error) from None
        got = dict(zip(names, values, strict=True))
        return NetworkOutput(got["ab"], got.get("logits"), got.get("features"))
