"""What every network promises: lightness in, something trainable out, and chroma for the world."""

from typing import Protocol, runtime_checkable

from torch import Tensor


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
