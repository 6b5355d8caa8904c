"""The commands for data, training, evaluation and export, which use `tintype.learn`.

There is one module per command. `tintype.learn` is imported inside the functions, so that help and
usage errors do not need torch. If it is missing, a one-line error says what to install.
"""

from collections.abc import Callable
from typing import TypeVar

from tintype.errors import LearnError

Arguments = TypeVar("Arguments")

_NEEDED = ("torch", "safetensors", "pydantic", "onnx", "scipy")


def with_extra(run: Callable[[Arguments], int]) -> Callable[[Arguments], int]:
    """Wraps a command so that it fails with an error if the packages for training are missing.

    Args:
        run: Runs the command.
    """

    def checked(arguments: Arguments) -> int:
        import importlib.util

        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise LearnError(
                f"Training needs packages that are not installed: {', '.join(missing)}.",
                advice='Type: pip install "tintype-colorizer[learn]" (see CONTRIBUTING.md for '
                "torch without CUDA).",
            )
        return run(arguments)

    return checked
