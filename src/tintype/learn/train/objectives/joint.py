"""Colours and labels together (Iizuka et al. 2016, section 3.5)."""

from typing import ClassVar, Protocol, Self, runtime_checkable

from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.data.batches import Batch
from tintype.learn.recipe import Recipe
from tintype.learn.train.objectives.contract import Objective

_RANGE = 200.0  # from -100 to 100, which the paper's sigmoid spans


@runtime_checkable
class TwoHeaded(Protocol):
    """A network that predicts colours and the class of the scene."""

    stride: int

    def with_classes(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H, W) lightness -> the output of `forward`, and (B, classes) logits."""
        ...

    def to_ab(self, raw: Tensor) -> Tensor:
        """The output of `forward` -> (B, 2, H / stride, W / stride) in CIELAB units."""
        ...


class Joint(Objective):
    """Squared error of the colours plus a weighted cross-entropy of the labels.

    Source: Iizuka et al. 2016, equation 4. The squared Frobenius norm there is read as a mean over
    pixels and channels: only then does the paper's weight of 1/300 make the two terms comparable.

    Args:
        class_weight: Weight of the cross-entropy (alpha in the paper).
    """

    learns_labels: ClassVar[bool] = True
    network: ClassVar[type] = TwoHeaded

    def __init__(self, class_weight: float) -> None:
        super().__init__()
        self.class_weight = class_weight

    @classmethod
    def from_recipe(cls, recipe: Recipe, _prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe.loss.class_weight)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The sum, its two terms, and the accuracy of the labels."""
        assert isinstance(model, TwoHeaded)
        raw, logits = model.with_classes(batch.L)
        error = (model.to_ab(raw).float() - batch.ab_at(model.stride)) / _RANGE
        colors = error.square().mean()
        labels = F.cross_entropy(logits.float(), batch.labels)
        right = (logits.detach().argmax(dim=1) == batch.labels).float().mean()
        return {
            "loss": colors + self.class_weight * labels,
            "colors": colors,
            "labels": labels,
            "accuracy": right,
        }
