"""What every network promises: lightness in, something trainable out, and chroma for the world."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Colorizer(Protocol):
    """The contract of `docs/reference/models.md`.

    Attributes:
        multiple: Both sides of the input must be multiples of this.
        stride: The output is this many times smaller than the input.
    """

    multiple: int
    stride: int

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) lightness in [0, 100] -> what the paper trains."""
        ...

    def to_ab(self, raw: Tensor) -> Tensor:
        """What `forward` gives -> (B, 2, H / stride, W / stride) chroma in CIELAB units."""
        ...


@runtime_checkable
class Pretrained(Protocol):
    """A network that can start from weights which others have trained."""

    def load_pretrained(self) -> None:
        """Puts them in.

        Raises:
            LearnError: The package that carries them is not installed.
        """
        ...


@runtime_checkable
class OnClassifier(Protocol):
    """A network whose trunk can start from a grey classifier."""

    def load_classifier(self, weights: Mapping[str, Tensor]) -> None:
        """Puts the classifier's trunk in.

        Args:
            weights: All weights of the classifier by name.

        Raises:
            LearnError: A tensor of the trunk is missing or has another shape.
        """
        ...


def stride_of(model: nn.Module) -> int:
    """How many times smaller than the input a network's output is."""
    assert isinstance(model, Colorizer)
    return model.stride
