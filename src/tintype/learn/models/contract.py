"""The interfaces of networks: lightness in, a trainable output, and chroma decoded from it."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class ColorizationNetwork(Protocol):
    """A colorization network; see `docs/reference/models.md`.

    Attributes:
        multiple: Both sides of the input must be multiples of this.
        stride: Ratio of input size to output size.
    """

    multiple: int
    stride: int

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) lightness in [0, 100] -> the raw output, on which the loss is defined."""
        ...

    def to_ab(self, raw: Tensor) -> Tensor:
        """The output of `forward` -> (B, 2, H / stride, W / stride) chroma in CIELAB units."""
        ...


@runtime_checkable
class Pretrained(Protocol):
    """A network with published pretrained weights."""

    def load_pretrained(self) -> None:
        """Loads the pretrained weights.

        Raises:
            LearnError: The package that contains them is not installed.
        """
        ...


@runtime_checkable
class WarmStarting(Protocol):
    """A network that can start from the weights of a similar one."""

    def warm_start(self, weights: Mapping[str, Tensor]) -> None:
        """Loads compatible weights.

        Args:
            weights: By name, of a network that may be wider or lack some parts.

        Raises:
            LearnError: They do not fit.
        """
        ...


@runtime_checkable
class Factorable(Protocol):
    """A network whose filters can be factored at a low rank."""

    def factored(self, L: Tensor, hints: Tensor | None, rank: int) -> nn.Module:
        """A copy with filters of this rank, fitted on some photographs; see `OwnNet.factored`."""
        ...


@runtime_checkable
class TemperatureScaling(Protocol):
    """A network over bins whose logits can be divided by a temperature."""

    def apply_temperature(self, temperature: float) -> None:
        """Divides the logits permanently; a temperature below 1 sharpens the distribution."""
        ...


@runtime_checkable
class ClassifierInitialized(Protocol):
    """A network whose trunk can start from a grey classifier."""

    def load_classifier(self, weights: Mapping[str, Tensor]) -> None:
        """Loads the classifier's trunk.

        Args:
            weights: All weights of the classifier by name.

        Raises:
            LearnError: A tensor of the trunk is missing or has another shape.
        """
        ...


@runtime_checkable
class Hintable(Protocol):
    """A network that may accept hints in addition to lightness.

    Attributes:
        takes_hints: Whether it accepts hints.
    """

    takes_hints: bool

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """As in `ColorizationNetwork`; hints are (B, 3, H, W) a, b and mask, or None."""
        ...


@runtime_checkable
class MatchingNetwork(Protocol):
    """A network with features for matching locations of two pictures."""

    def with_features(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The output of `forward`, and (B, channels, h, w) features, matched by cosine similarity.

        Their stride is that of the output or a multiple of it.
        """
        ...


@runtime_checkable
class PyramidNetwork(Protocol):
    """A network over bins that also returns the features of its encoder."""

    @property
    def channels(self) -> Sequence[int]:
        """Channels of the features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
        ...

    def with_pyramid(self, L: Tensor, hints: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """The features at these sizes, and the output of `forward`."""
        ...


def takes_hints(model: nn.Module) -> bool:
    """Whether a network accepts hints."""
    return isinstance(model, Hintable) and model.takes_hints


def run_network(model: nn.Module, L: Tensor, hints: Tensor | None) -> Tensor:
    """Runs a network on lightness and, if it accepts them, hints.

    Args:
        model: A colorization network.
        L: (B, 1, H, W).
        hints: (B, 3, H, W), or None.
    """
    raw: Tensor = model(L, hints) if takes_hints(model) else model(L)
    return raw


def stride_of(model: nn.Module) -> int:
    """Ratio of input size to output size of a network."""
    assert isinstance(model, ColorizationNetwork)
    return model.stride
