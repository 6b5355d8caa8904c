"""What every network promises: lightness in, something trainable out, and chroma for the world."""

from collections.abc import Mapping, Sequence
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
class Adopting(Protocol):
    """A network that can go on from the weights of a near relative."""

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Puts them in.

        Args:
            weights: By name, of a network that may be wider, or may lack parts that came later.

        Raises:
            LearnError: They do not fit.
        """
        ...


@runtime_checkable
class Factorable(Protocol):
    """A network with filters that need few mixtures of what goes in."""

    def factored(self, L: Tensor, hints: Tensor | None, rank: int) -> nn.Module:
        """A copy with `rank` of them, made by what some photographs give; see `OwnNet.factored`."""
        ...


@runtime_checkable
class Tempering(Protocol):
    """A network over bins whose logits can be divided."""

    def temper(self, temperature: float) -> None:
        """Divides them, for good; below 1 makes the distribution surer."""
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


@runtime_checkable
class Hintable(Protocol):
    """A network that may take hints beside the lightness.

    Attributes:
        takes_hints: Whether this one does.
    """

    takes_hints: bool

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """As `Colorizer.forward`, with (B, 3, H, W) a, b and mask; None means no hints."""
        ...


@runtime_checkable
class Matching(Protocol):
    """A network that can say which places of two pictures show the same."""

    def with_features(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As `Colorizer.forward`, and (B, channels, h, w) whose cosine says how alike places are.

        Their grid is as coarse as the output's or coarser by a whole factor.
        """
        ...


@runtime_checkable
class Seeing(Protocol):
    """A network over bins that shows what its encoder has seen."""

    @property
    def channels(self) -> Sequence[int]:
        """Of the features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
        ...

    def with_pyramid(self, L: Tensor, hints: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """As `Colorizer.forward`, and these features before it."""
        ...


def takes_hints(model: nn.Module) -> bool:
    """Whether a network takes hints."""
    return isinstance(model, Hintable) and model.takes_hints


def answer(model: nn.Module, L: Tensor, hints: Tensor | None) -> Tensor:
    """What a network makes of lightness and, where it takes them, hints.

    Args:
        model: Any that colours.
        L: (B, 1, H, W).
        hints: (B, 3, H, W), or None.
    """
    raw: Tensor = model(L, hints) if takes_hints(model) else model(L)
    return raw


def stride_of(model: nn.Module) -> int:
    """How many times smaller than the input a network's output is."""
    assert isinstance(model, Colorizer)
    return model.stride
