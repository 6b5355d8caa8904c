"""Several networks as one: the weighted mean of their logits, a geometric mean of distributions.

Networks that were trained apart make different errors, such as a stain here or there, and the mean
keeps what they agree on. Hints and features work as in the members.

Sources: T. Dietterich, "Ensemble Methods in Machine Learning", 2000; G. Hinton, "Training Products
of Experts by Minimizing Contrastive Divergence", 2002, section 1, for the mean of logits.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from tintype.color.abgrid import BINS
from tintype.errors import LearnError
from tintype.learn.models import own
from tintype.learn.models.blocks import AnnealedMean
from tintype.learn.models.own import OwnNet
from tintype.learn.recipe import ModelRecipe

TITLE = "Ensemble of networks over 313 colours"
PAPER = ""


class Ensemble(nn.Module):
    """The weighted mean of the logits of several networks.

    Args:
        members: Networks over the 313 colours, all with or all without hints.
        shares: Weight of each; they add up to 1.
        temperature: T of the annealed mean in `to_ab`.
    """

    multiple = OwnNet.multiple
    stride = OwnNet.stride
    bins = BINS

    def __init__(
        self, members: Sequence[OwnNet], shares: Sequence[float], temperature: float = 0.38
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.shares = tuple(shares)
        self.takes_hints = members[0].takes_hints
        self.mean = AnnealedMean(temperature)

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """(B, 1, H, W) lightness -> (B, 313, H/4, W/4) logits; see `OwnNet.forward`."""
        return self._mean([member(L, hints) for member in self.members])

    def with_features(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The logits, and the features of the first member; see `OwnNet.with_features`."""
        first, *others = self._networks
        logits, features = first.with_features(L, hints)
        return self._mean([logits, *(member(L, hints) for member in others)]), features

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 313, h, w) logits -> (B, 2, h, w) ab, the annealed mean (Zhang 2016, equation 5)."""
        ab: Tensor = self.mean(raw)
        return ab

    def apply_temperature(self, temperature: float) -> None:
        """Divides the logits permanently; see `OwnNet.apply_temperature`."""
        for member in self._networks:
            member.apply_temperature(temperature)

    def factored(self, L: Tensor, hints: Tensor | None, rank: int) -> "Ensemble":
        """The ensemble of the factored members; see `OwnNet.factored`."""
        members = [member.factored(L, hints, rank) for member in self._networks]
        return Ensemble(members, self.shares, self.mean.temperature).eval()

    @property
    def _networks(self) -> list[OwnNet]:
        return [member for member in self.members if isinstance(member, OwnNet)]

    def _mean(self, logits: Sequence[Tensor]) -> Tensor:
        total = logits[0] * self.shares[0]
        for each, share in zip(logits[1:], self.shares[1:], strict=True):
            total = total + each * share
        return total


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe, with random weights.

    Raises:
        LearnError: There are no members, they differ in their inputs, or have other weights.
    """
    members = [own.build(member) for member in recipe.members]
    if len(members) < 2:
        raise LearnError(
            "model.kind = ensemble needs at least two model.members.",
            advice="Make it of trained networks: tintype export RUN --ensemble CHECKPOINT.",
        )
    networks = [member for member in members if isinstance(member, OwnNet)]
    if any(member.kind != "own" for member in recipe.members) or len(networks) < len(members):
        raise LearnError("All members of an ensemble must be of kind own.")
    if len({member.takes_hints for member in networks}) > 1:
        raise LearnError("All members of an ensemble must take hints, or none of them.")
    shares = recipe.member_shares or (1 / len(members),) * len(members)
    if len(shares) != len(members):
        raise LearnError("model.member_shares must have one number for each of model.members.")
    total = sum(shares)
    return Ensemble(networks, [share / total for share in shares])
