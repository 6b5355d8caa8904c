"""Distance in ab: the L1 and L2 variants of the report's CNN."""

from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.models.contract import ColorizationNetwork, run_network
from tintype.learn.train.objectives.contract import Objective

_RANGE = 110.0  # of a and b; keeps the loss near 1, so that rates transfer from other losses


class L1(Objective):
    """Mean absolute distance between predicted and true ab.

    Source: the report's own CNN, "L1".
    """

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean over pixels and both channels, of ab divided by 110."""
        return {"loss": _difference(model, batch).abs().mean()}


class L2(Objective):
    """Mean squared distance between predicted and true ab.

    Source: the report's own CNN, "L2".
    """

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean over pixels and both channels, of ab divided by 110."""
        return {"loss": _difference(model, batch).square().mean()}


def _difference(model: nn.Module, batch: Batch) -> Tensor:
    """(B, 2, h, w) between predicted and true ab, divided by their range."""
    assert isinstance(model, ColorizationNetwork)
    predicted = model.to_ab(run_network(model, batch.L, batch.hints)).float()
    return (predicted - batch.ab_at(model.stride)) / _RANGE
