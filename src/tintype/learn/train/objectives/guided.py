"""The two stages of user-guided colorization (Zhang et al. 2017, section 3).

The class of a colour is the nearest of 529 points; one pixel's colour is the target of each output.
Distances are of a and b divided by 110, summed over both and averaged over locations.
"""

from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import AB_LIMIT
from tintype.learn.data.batches import Batch
from tintype.learn.models.contract import takes_hints
from tintype.learn.models.user_guided import nearest_class
from tintype.learn.train.objectives.contract import Objective

_REGRESSION = 10.0
"""Weight of the distance relative to the cross-entropy, as in the authors' code."""
_DELTA = 1 / AB_LIMIT
"""Up to which difference the Huber loss is quadratic: one unit of a or b."""


@runtime_checkable
class TwoBranches(Protocol):
    """A network with a distribution over classes and a regression, of which one trains the rest."""

    def with_branches(
        self, L: Tensor, hints: Tensor | None = None, *, train_classes: bool
    ) -> tuple[Tensor, Tensor]:
        """See `tintype.learn.models.user_guided.UserGuidedNet.with_branches`."""
        ...


class _Guided(Objective):
    """Cross-entropy of the classes plus the weighted distance of the regression."""

    train_classes: ClassVar[bool]
    network: ClassVar[type] = TwoBranches

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``loss`` and its two terms: ``classes`` in nats, and ``distance``."""
        assert isinstance(model, TwoBranches)
        hints = batch.hints if takes_hints(model) else None
        logits, raw = model.with_branches(batch.L, hints, train_classes=self.train_classes)
        stride = batch.L.shape[2] // logits.shape[2]
        classes = F.cross_entropy(logits.float(), nearest_class(batch.ab_point(stride)))
        distance = self.distance(raw.float(), batch.ab / AB_LIMIT)
        loss = classes + _REGRESSION * distance
        return {"loss": loss, "classes": classes, "distance": distance}

    def distance(self, raw: Tensor, true: Tensor) -> Tensor:
        """A scalar from two (B, 2, H, W) in [-1, 1]."""
        raise NotImplementedError


class GuidedClasses(_Guided):
    """Stage 1: the classes train the features, the regression is learned on top of them.

    Source: Zhang et al. 2017, in the version of the authors' code.
    """

    train_classes: ClassVar[bool] = True

    def distance(self, raw: Tensor, true: Tensor) -> Tensor:
        """The absolute difference, summed over a and b."""
        return (raw - true).abs().sum(dim=1).mean()


class GuidedRegression(_Guided):
    """Stage 2: the regression trains the features, the classes are learned on top of them.

    Source: Zhang et al. 2017, equations 1 and 2.
    """

    train_classes: ClassVar[bool] = False

    def distance(self, raw: Tensor, true: Tensor) -> Tensor:
        """The Huber loss summed over a and b, divided by its threshold: far away it is L1."""
        return F.huber_loss(raw, true, reduction="none", delta=_DELTA).sum(dim=1).mean() / _DELTA
