"""Histograms of hue and chroma at sampled locations (Larsson et al. 2016, section 4)."""

from typing import ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.recipe import LossRecipe, Recipe
from tintype.learn.train.objectives.contract import Objective

_WINDOW = 7  # pixels in each direction, as in the released training file; the paper has one pixel


@runtime_checkable
class AtLocations(Protocol):
    """A network that can predict sampled locations of a picture."""

    def at_locations(self, L: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """(B, 1, H, W) lightness, two of (B, n) -> (B, 2, K, n) logits of hue and chroma."""
        ...


class Histogram(Objective):
    """KL divergence of the chroma, plus that of the hue weighted by the chroma.

    Source: Larsson et al. 2016, equation 7. The true histograms are those of the pixels around a
        location.

    Args:
        recipe: Weight of the hue, number of locations.
    """

    network: ClassVar[type] = AtLocations

    def __init__(self, recipe: LossRecipe) -> None:
        super().__init__()
        self.hue_weight, self.samples = recipe.hue_weight, recipe.samples

    @classmethod
    def from_recipe(cls, recipe: Recipe, _prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe.loss)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean over all locations, and its two terms, in nats."""
        assert isinstance(model, AtLocations)
        count, _, height, width = batch.rgb.shape
        # In training the locations depend on the loop's seed; on dev they are always the same.
        draw = None if model.training else torch.Generator().manual_seed(0)
        rows = torch.randint(height, (count, self.samples), generator=draw).to(batch.L.device)
        columns = torch.randint(width, (count, self.samples), generator=draw).to(batch.L.device)
        logits = model.at_locations(batch.L, rows, columns).float()
        predicted = torch.log_softmax(logits.transpose(2, 3), dim=3)  # (B, 2, n, K)
        hues, chromas = hue_and_chroma(batch.rgb)
        bins = predicted.shape[3]
        hue = _divergence(_around(hues, rows, columns, bins), predicted[:, 0])
        chroma = _divergence(_around(chromas, rows, columns, bins), predicted[:, 1])
        weight = chromas.flatten(1).gather(1, rows * width + columns)
        hue, chroma = (weight * hue).mean(), chroma.mean()
        return {"loss": chroma + self.hue_weight * hue, "hue": hue, "chroma": chroma}


def hue_and_chroma(rgb01: Tensor) -> tuple[Tensor, Tensor]:
    """Hue and chroma in the bicone: the hue of HSV, and the largest channel minus the smallest.

    Args:
        rgb01: (B, 3, H, W) in [0, 1].

    Returns:
        Hue in [0, 1), 0 for greys, and chroma in [0, 1], each (B, H, W).
    """
    red, green, blue = rgb01.unbind(dim=1)
    most = rgb01.amax(dim=1)
    chroma = most - rgb01.amin(dim=1)
    span = chroma.clamp_min(1e-6)
    sixth = torch.where(
        most == red,
        (green - blue) / span,
        torch.where(most == green, 2 + (blue - red) / span, 4 + (red - green) / span),
    )
    hue = (sixth / 6).remainder(1)
    return torch.where(hue < 1, hue, 0.0), chroma


def _around(values: Tensor, rows: Tensor, columns: Tensor, bins: int) -> Tensor:
    """Histograms of the pixels around locations; edge pixels are repeated.

    Args:
        values: (B, H, W) in [0, 1].
        rows: (B, n).
        columns: (B, n).
        bins: K.

    Returns:
        (B, n, K); each histogram sums to 1.
    """
    count, height, width = values.shape
    near = torch.arange(_WINDOW, device=values.device) - _WINDOW // 2
    y = (rows[..., None, None] + near[:, None]).clamp(0, height - 1)  # (B, n, 7, 1)
    x = (columns[..., None, None] + near).clamp(0, width - 1)  # (B, n, 1, 7)
    locations = (y * width + x).flatten(1)  # (B, n * 49)
    bin_of = (values * bins).long().clamp(0, bins - 1).flatten(1)
    found = bin_of.gather(1, locations).view(count, rows.shape[1], _WINDOW**2)
    histogram = torch.zeros(count, rows.shape[1], bins, device=values.device)
    return histogram.scatter_add(2, found, torch.full_like(found, 1, dtype=torch.float32)) / (
        _WINDOW**2
    )


def _divergence(true: Tensor, predicted: Tensor) -> Tensor:
    """KL divergence between (B, n, K) probabilities and log-probabilities: (B, n), in nats."""
    return (torch.xlogy(true, true) - true * predicted).sum(dim=2)
