"""The interface of objectives, with their properties."""

from typing import ClassVar, Self

from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import Recipe


class Objective(nn.Module):
    """The loss of a step, with further values for the log.

    Other code reads these attributes instead of the kind, so that a new objective is its
    own file, its line in `OBJECTIVES` and its name in `LossRecipe.kind`.

    Attributes:
        learns_colors: Whether the network that it trains colours.
        learns_labels: Whether the label of a photograph is its target. The network then needs a
            class for each, and a picture shows one.
        over_bins: Whether the network predicts a distribution over the 313 colours, whose decoded
            colours can be trained as well.
        needs_discriminator: Whether a second network judges the pictures of the first.
    """

    learns_colors: ClassVar[bool] = True
    learns_labels: ClassVar[bool] = False
    over_bins: ClassVar[bool] = False
    needs_discriminator: ClassVar[bool] = False

    @classmethod
    def from_recipe(cls, _recipe: Recipe, _prior: Tensor) -> Self:
        """The objective with the weights of a recipe; an objective without any needs no own.

        Args:
            _recipe: All its tables.
            _prior: (313,) share of training pixels in each bin.
        """
        return cls()

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Scalars by name; ``loss`` is minimised, the others are logged."""
        raise NotImplementedError

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Refuses recipes that need what this objective cannot do.

        Args:
            recipe: With this objective.

        Raises:
            LearnError: Two keys contradict each other.
        """
        kind = recipe.loss.kind
        if recipe.loss.decoded and not cls.over_bins:
            raise LearnError(
                f'{recipe.name}: loss.decoded needs a distribution, which loss.kind = "{kind}" '
                "does not train.",
                advice='Set loss.kind = "classification", or leave loss.decoded out.',
            )
        if recipe.data.mosaic and cls.learns_labels:
            raise LearnError(
                f"{recipe.name}: data.mosaic shows several labels at once, and "
                f'loss.kind = "{kind}" learns one for each picture.',
                advice="Leave data.mosaic out.",
            )
        if recipe.train.watch_collapse and not cls.needs_discriminator:
            raise LearnError(
                f"{recipe.name}: train.watch_collapse needs a discriminator.",
                advice='Set loss.kind = "adversarial", or watch_collapse = false.',
            )
