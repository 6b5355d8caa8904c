"""What every objective promises."""

from typing import Protocol

from torch import Tensor, nn

from tintype.learn.data.batches import Batch


class Objective(Protocol):
    """A step's loss and what the log should say beside it."""

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Scalars by name; ``loss`` is minimised, the others are logged."""
        ...
