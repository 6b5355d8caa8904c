"""A network ready to run; its output is checked in the same way for every device."""

import contextlib
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tintype.engine import onnx_graph
from tintype.engine.devices import DEVICES, Device
from tintype.engine.sessions import OnnxRuntime, OpenVino, Session, check_device
from tintype.errors import ModelError, UsageError

LARGEST: Mapping[str, int] = MappingProxyType({"ab": 1000, "logits": 10**6, "features": 10**6})
"""The largest absolute value allowed in each output of a model. Beyond it, float32 values computed
from it would not be finite."""


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """The output of a network.

    Attributes:
        ab: (1, 2, h, w) CIELAB units, at the card's default vividness and temperature; None if it
            was not requested.
        logits: (1, bins, h, w) log-probabilities up to a constant, or None.
        features: (1, channels, h', w') for matching, or None.
    """

    ab: NDArray[np.float32] | None
    logits: NDArray[np.float32] | None
    features: NDArray[np.float32] | None

    def check(
        self, name: str, *, shape: tuple[int, int], bins: int, capabilities: Collection[str]
    ) -> None:
        """Refuses an output that violates the model contract.

        Args:
            name: Name of the model, for the message.
            shape: (height, width) that the output must have.
            bins: Number of colours of the distribution, if there is one.
            capabilities: Capabilities listed in the model's card.

        Raises:
            ModelError: A plane that the card lists is missing, has the wrong shape or type, or
                contains values that are NaN or too large.
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
                    f"The model {name} outputs {part} as {plane.dtype} {plane.shape}, not float32"
                    f" {expected}.",
                    advice="Export the model again with `tintype export`.",
                )
            # Not "max > most": NaN is in no range.
            if plane.size and not max(plane.max(), -plane.min()) <= LARGEST[part]:
                raise ModelError(
                    f"The model {name} outputs {part} that are not all numbers up to "
                    f"{LARGEST[part]:,}.",
                    advice="Use another model, or train and export it again.",
                )


class Network:
    """One network on one device. Thread-safe.

    Args:
        data: A verified ONNX file.
        name: Its name in messages.
        threads: Threads per photograph; None uses the library's default.
        device: The device that it runs on.
        at_once: Number of concurrent photographs. OpenVINO would otherwise process them one after
            the other; ONNX Runtime ignores it.
        without: Outputs that are not needed; they are removed from the graph.
    """

    def __init__(
        self,
        data: bytes,
        *,
        name: str,
        threads: int | None = None,
        device: Device = DEVICES["cpu"],
        at_once: int = 1,
        without: Collection[str] = (),
    ) -> None:
        self._data = data
        self._name = name
        self._threads = threads
        self._device = device
        self._at_once = at_once
        self._without = without
        self._lock = threading.Lock()
        self._sessions: dict[bool, Session] = {}

    def _ready(self, *, hinted: bool) -> Session:
        """The session for inputs with hints, or without, where the hint branch is removed."""
        with self._lock:
            if hinted not in self._sessions:
                self._sessions[hinted] = self._start(hinted=hinted)
            return self._sessions[hinted]

    def prepare(self, *, hinted: bool = False) -> None:
        """Loads the network; errors are ignored here and raised again by `run`.

        Args:
            hinted: Whether it will be run with hints.
        """
        with contextlib.suppress(ModelError, UsageError, MemoryError):
            self._ready(hinted=hinted)

    def _start(self, *, hinted: bool) -> Session:
        check_device(self._device)
        zero = () if hinted else ("hints",)
        data = onnx_graph.reduced(self._data, without=self._without, zero=zero)
        given = data, self._device, self._name, self._threads
        session: Session
        if self._device.runtime == "openvino":
            session = OpenVino(*given, self._at_once)
        else:
            session = OnnxRuntime(*given)
        inputs, outputs = session.inputs, {*session.outputs}
        outputs |= onnx_graph.output_names(self._data)
        if "L" not in inputs or "ab" not in outputs or not inputs <= {"L", "hints"}:
            raise ModelError(
                f"The model {self._name} has the inputs {sorted(inputs)} and the outputs"
                f" {sorted(outputs)}; a Tintype model has the input L and the output ab.",
                advice="Export the model again with `tintype export`.",
            )
        return session

    def run(
        self, L: NDArray[np.float32], hints: NDArray[np.float32] | None = None
    ) -> NetworkOutput:
        """Runs the network.

        Args:
            L: (1, 1, h, w) lightness in [0, 100]; h and w are multiples of the card's `multiple`.
            hints: (1, 3, h, w) ab and mask, for networks with a hint input; None means no hints.

        Raises:
            ModelError: The graph does not load, violates the model contract, or fails.
            UsageError: The device is not available.
            WorkCancelledError: The result is no longer wanted.
        """
        session = self._ready(hinted=hints is not None)
        feed = {"L": np.ascontiguousarray(L, np.float32)}
        if "hints" in session.inputs:
            empty = np.zeros((1, 3, *L.shape[2:]), np.float32)
            feed["hints"] = empty if hints is None else np.ascontiguousarray(hints, np.float32)
        elif hints is not None:
            raise ModelError(
                f"The model {self._name} does not support hints.", advice="Use another model."
            )
        got = session.run(feed)
        return NetworkOutput(got.get("ab"), got.get("logits"), got.get("features"))
