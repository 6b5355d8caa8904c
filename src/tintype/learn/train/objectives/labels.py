"""Cross-entropy over the labels of photographs: the grey classifier that a trunk starts from."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.data.batches import Batch
from tintype.learn.train.objectives.contract import Objective


class Labels(Objective):
    """What is in the picture, from its grey alone."""

    learns_colors: ClassVar[bool] = False
    learns_labels: ClassVar[bool] = True

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean cross-entropy in nats, and the share of right answers."""
        logits = model(batch.L).float()
        right = (logits.detach().argmax(dim=1) == batch.labels).float().mean()
        return {"loss": F.cross_entropy(logits, batch.labels), "accuracy": right}
