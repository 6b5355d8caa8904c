"""Colours and the class distribution of a classifier (Vitoria et al. 2020, section 3.1)."""

from typing import ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.models.efficientnet import CLASSES, VARIANTS, Classifier, imagenet_weights
from tintype.learn.recipe import Recipe
from tintype.learn.train.objectives.contract import Objective

_LEAST = 128  # side of the pictures that the classifier sees; it was trained at 224


@runtime_checkable
class SemanticGenerator(Protocol):
    """A network that predicts colours and ImageNet's classes."""

    stride: int

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) lightness -> (B, 2, H / stride, W / stride) colours."""
        ...

    def with_classes(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H, W) lightness -> (B, 2, H / stride, W / stride) colours, (B, 1000) logits."""
        ...

    def from_ab(self, ab: Tensor) -> Tensor:
        """(B, 2, h, w) in CIELAB units -> the scale of the predicted colours."""
        ...


class Semantic(Objective):
    """Squared error of the colours, and divergence from a classifier's distribution over classes.

    The adversarial term is added by `tintype.learn.train.wasserstein`.

    The classifier sees the lightness as a grey picture, as in the released code. It is an
    EfficientNet-Lite with ImageNet's weights, in place of the paper's VGG-16.

    Args:
        recipe: Weight of the classes, and the classifier; ``pretrained = false`` gives an untrained
            one, for tests.
    """

    needs_discriminator: ClassVar[bool] = True
    network: ClassVar[type] = SemanticGenerator

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.class_weight = recipe.loss.class_weight
        teacher = Classifier(recipe.model.encoder, inputs=3)
        if recipe.model.pretrained:
            teacher.load_imagenet(imagenet_weights(recipe.model.encoder))
        self.teacher = teacher.requires_grad_(False).eval()

    @classmethod
    def from_recipe(cls, recipe: Recipe, _prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe)

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """See `Objective`."""
        super().check(recipe)
        if recipe.model.encoder not in VARIANTS:
            raise LearnError(
                f"{recipe.name}: there is no classifier with the encoder {recipe.model.encoder}.",
                advice=f"Set model.encoder to {' or '.join(VARIANTS)}.",
            )
        if recipe.model.classes not in {0, CLASSES}:
            raise LearnError(
                f"{recipe.name}: the classifier has {CLASSES} classes, but model.classes is "
                f"{recipe.model.classes}.",
                advice="Leave model.classes out.",
            )

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The values of `terms`."""
        values, _ = self.terms(model, batch)
        return values

    def terms(self, model: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """The sum of both terms, each term, and the generated colours.

        Args:
            model: A `SemanticGenerator`.
            batch: The photographs.

        Returns:
            ``loss``, ``colors`` (mean squared error at full size, of a and b scaled to [0, 1]),
            ``divergence`` (nats) and ``agreement`` (how often the top-1 classes agree); and
            (B, 2, H, W) colours in that scale, each repeated as by nearest-neighbour upsampling.
        """
        assert isinstance(model, SemanticGenerator)
        raw, logits = model.with_classes(batch.L)
        fake = _to_full_size(raw, model.stride)
        colors = F.mse_loss(fake, model.from_ab(batch.ab))
        known = self.known(batch.L)
        divergence = F.kl_div(F.log_softmax(logits.float(), dim=1), known, reduction="batchmean")
        same = (logits.detach().argmax(dim=1) == known.argmax(dim=1)).float().mean()
        loss = colors + self.class_weight * divergence
        values = {"loss": loss, "colors": colors, "divergence": divergence, "agreement": same}
        return values, fake

    def generate(self, model: nn.Module, L: Tensor) -> Tensor:
        """(B, 1, H, W) lightness -> the generated colours, as from `terms`."""
        assert isinstance(model, SemanticGenerator)
        return _to_full_size(model.forward(L), model.stride)

    @torch.no_grad()
    def known(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) lightness -> (B, 1000), the distribution of the classifier."""
        side = max(_LEAST, *L.shape[2:])
        grey = F.interpolate(L, size=(side, side), mode="bilinear", align_corners=False)
        # `train` of the objective's owner must not reach its batch normalisation.
        _, logits = self.teacher.eval()(grey.expand(-1, 3, -1, -1))
        return torch.softmax(logits.float(), dim=1)


def _to_full_size(raw: Tensor, stride: int) -> Tensor:
    """Repeats every location, as the last layer of the authors' generator."""
    return F.interpolate(raw.float(), scale_factor=float(stride), mode="nearest")
