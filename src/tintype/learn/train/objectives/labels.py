"""Cross-entropy over labels of photographs, for the grey classifier that initialises a trunk."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.data.batches import Batch
from tintype.learn.models.resnet import GreyResNet18
from tintype.learn.train.objectives.contract import Objective


class Labels(Objective):
    """Classifies pictures from their grey alone."""

    learns_colors: ClassVar[bool] = False
    learns_labels: ClassVar[bool] = True
    network: ClassVar[type] = GreyResNet18

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean cross-entropy in nats, and the accuracy."""
        logits = model(batch.L).float()
        right = (logits.detach().argmax(dim=1) == batch.labels).float().mean()
        return {"loss": F.cross_entropy(logits, batch.labels), "accuracy": right}
