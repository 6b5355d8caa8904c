"""Distance in ab: the report's L1 and L2 variants of its CNN."""

from typing import Literal

from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.models.contract import Colorizer, answer

_RANGE = 110.0  # of a and b; keeps the loss near 1, so that rates carry over from other losses


class Regression(nn.Module):
    """Mean absolute or mean squared distance between predicted and true ab.

    Source: the report's own CNN, "L1" and "L2".

    Args:
        distance: ``l1`` or ``l2``.
    """

    def __init__(self, distance: Literal["l1", "l2"]) -> None:
        super().__init__()
        self.distance = distance

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean over pixels and both channels, of ab divided by 110."""
        assert isinstance(model, Colorizer)
        guess = model.to_ab(answer(model, batch.L, batch.hints)).float()
        difference = (guess - batch.ab_at(model.stride)) / _RANGE
        loss = difference.abs() if self.distance == "l1" else difference.square()
        return {"loss": loss.mean()}
