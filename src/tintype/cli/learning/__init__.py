"""The bridge from the command to `tintype.learn`: data, training, evaluation, export.

A module for each command. Everything of `tintype.learn` is imported inside the functions, so that
help and mistakes need no torch, and a person without it gets one line that says what to install.
"""

from collections.abc import Callable
from typing import TypeVar

from tintype.errors import LearnError

Arguments = TypeVar("Arguments")

_NEEDED = ("torch", "safetensors", "pydantic", "onnx", "scipy")


def with_extra(run: Callable[[Arguments], int]) -> Callable[[Arguments], int]:
    """The same function, which first refuses to run without the packages of training.

    Args:
        run: What a command does.
    """

    def checked(arguments: Arguments) -> int:
        import importlib.util

        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise LearnError(
                f"Training needs {', '.join(missing)}, which is not installed.",
                advice='Type: pip install "tintype[learn]" (see CONTRIBUTING.md for torch without '
                "CUDA).",
            )
        return run(arguments)

    return checked
