"""The programs of the folder benchmarks as modules, and models that are made up."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def program(name: str) -> ModuleType:
    """One of them; they find each other by plain names, as when they are run."""
    if str(BENCHMARKS) not in sys.path:
        sys.path.append(str(BENCHMARKS))
    return importlib.import_module(name)


class Blend:
    """A model that knows the truth: so much of its colours, and so much of another colour."""

    def __init__(self, label: str, known: float, other: tuple[int, int, int] | None = None) -> None:
        self.label = label
        self.known = known
        self.other = other

    def recolor(self, truth: np.ndarray, gain: float = 1.0) -> np.ndarray:
        grey = truth.mean(axis=2, keepdims=True)
        other = grey if self.other is None else np.array(self.other)
        mixed = self.known * truth + (1 - self.known) * other
        return np.rint(grey + gain * (mixed - grey)).clip(0, 255).astype(np.uint8)

    def equal_gain(self, truths: list[np.ndarray]) -> float:
        return 1 / self.known
