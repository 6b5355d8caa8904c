"""The interface of objectives."""

from typing import ClassVar, Self

from torch import Tensor, nn

from tintype.color.abgrid import BINS
from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.recipe import Recipe


class Objective(nn.Module):
    """Computes the loss of a step and other values for the log.

    Other code depends on these attributes and not on the kind, so a new objective only needs
    its own module, an entry in `OBJECTIVES` and a name in `LossRecipe.kind`.

    Attributes:
        learns_colors: Whether it trains a colorization network.
        learns_labels: Whether the target is the label of a photograph. The network then needs a
            class for each label, and each picture must have a single label.
        over_bins: Whether the network predicts a distribution over the 313 colours, so that a loss
            on decoded colours is possible.
        needs_discriminator: Whether a discriminator is also trained.
        network: What it trains: a class of networks, or a protocol.
    """

    learns_colors: ClassVar[bool] = True
    learns_labels: ClassVar[bool] = False
    over_bins: ClassVar[bool] = False
    needs_discriminator: ClassVar[bool] = False
    network: ClassVar[type] = ColorizationNetwork

    @classmethod
    def from_recipe(cls, _recipe: Recipe, _prior: Tensor) -> Self:
        """Creates the objective from a recipe. Objectives without options need not override it.

        Args:
            _recipe: The whole recipe.
            _prior: (313,) share of training pixels in each bin.
        """
        return cls()

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Scalars by name; ``loss`` is minimised, the others are logged."""
        raise NotImplementedError

    @classmethod
    def fits(cls, model: nn.Module) -> bool:
        """Whether a network has the outputs on which this objective is defined."""
        bins = getattr(model, "bins", 0)
        return isinstance(model, cls.network) and (bins == BINS or not cls.over_bins)

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Rejects recipes that this objective does not support.

        Args:
            recipe: A recipe with this objective.

        Raises:
            LearnError: Two keys contradict each other.
        """
        kind = recipe.loss.kind
        for key in ("decoded", "teacher"):
            if getattr(recipe.loss, key) and not cls.over_bins:
                raise LearnError(
                    f'{recipe.name}: loss.{key} needs a distribution, which loss.kind = "{kind}" '
                    "does not train.",
                    advice=f'Set loss.kind = "classification", or leave loss.{key} out.',
                )
        if recipe.data.mosaic and cls.learns_labels:
            raise LearnError(
                f"{recipe.name}: data.mosaic puts several labels into one picture, but "
                f'loss.kind = "{kind}" needs one label per picture.',
                advice="Leave data.mosaic out.",
            )
        if recipe.train.watch_collapse and not cls.needs_discriminator:
            raise LearnError(
                f"{recipe.name}: train.watch_collapse needs a discriminator.",
                advice="Choose a loss.kind that has one, or set watch_collapse = false.",
            )
