"""Hypercolumns of a VGG-16 to histograms of hue and chroma.

Source: G. Larsson, M. Maire, G. Shakhnarovich, "Learning Representations for Automatic
Colorization", ECCV 2016, sections 3 and 4. The activations of every layer of a fully convolutional
VGG-16 at a location are sampled bilinearly and concatenated to a hypercolumn of 12,417 numbers;
from it a hidden layer of 1,024 units predicts two histograms of 32 bins. Training samples a few
random locations of a picture; inference uses all of them, at a quarter of the size.

Hypercolumns for every location of a photograph would have 12,417 channels. The hidden layer is
linear before its ReLU, and so is sampling, so their order does not matter: each layer of the trunk
is projected to 1,024 channels at the coarser of its own size and the output's, resized to the
output's size, and added. The result is the same up to rounding; a test verifies it.

Deviations: the grey is the luma (Rec.601), not the mean of R, G and B, and the decoded colour is
shifted to that luma before it is clipped. The trunk is initialised randomly, as no VGG-16 trained
on grey pictures is available; its batch normalisation has neither scale nor shift, as in the
released training file, whose biases before it cancel and are left out. Locations are sampled from
the whole picture; the released file samples its centre only. The paper's weight on very dark and
very bright locations, where chroma is invisible, is left out of the chroma term.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.color.gamut import LUMA_SHARES
from tintype.learn.recipe import ModelRecipe

TITLE = "Hypercolumns to histograms of hue and chroma"
PAPER = (
    "G. Larsson, M. Maire, G. Shakhnarovich, Learning Representations for Automatic "
    "Colorization, ECCV 2016"
)

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and layers of VGG-16
_FULL = 4096  # of fc6 and fc7
_HIDDEN = 1024
_BINS = 32  # K
_MEAN_GREY = 0.4488  # of ImageNet, as in the released training file
_CERTAIN = 0.03  # eta of chromatic fading, section 4.2


class _Layer(nn.Module):
    """A convolution with batch normalisation, without scale and shift, and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h, w)."""
        return F.relu(self.norm(self.conv(x)))


class LarssonNet(nn.Module):
    """L to histograms of hue and chroma at a quarter of the size.

    Args:
        width: Factor of the paper's number of channels; the histograms keep their 32 bins.
    """

    multiple = 32
    stride = 4

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        channels = 1
        self.column = [1]  # channels of each part of a hypercolumn, beginning with the grey
        self.blocks = nn.ModuleList()
        for full, layers in _BLOCKS:
            block = nn.ModuleList()
            for _ in range(layers):
                inputs, channels = channels, max(1, round(full * width))
                block.append(_Layer(inputs, channels, kernel=3))
                self.column.append(channels)
            self.blocks.append(block)
        full = max(1, round(_FULL * width))
        self.fc6 = _Layer(channels, full, kernel=7)
        self.fc7 = _Layer(full, full, kernel=1)
        self.column += [full, full]
        hidden = max(1, round(_HIDDEN * width))
        self.mix = nn.Conv2d(sum(self.column), hidden, 1)
        self.heads = nn.Conv2d(hidden, 2 * _BINS, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts histograms at the centre of each block of 4 x 4 pixels.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 32.

        Returns:
            (B, 65, H/4, W/4): logits of 32 hues, of 32 chromas, and the luma in [0, 1].
        """
        luma01 = _luma01(L)
        size = (L.shape[2] // 4, L.shape[3] // 4)
        assert self.mix.bias is not None
        x = self.mix.bias[:, None, None]
        shares = torch.split_with_sizes(self.mix.weight, self.column, dim=1)
        for layer, share in zip(self._layers(luma01), shares, strict=True):
            # The cheaper order: layers finer than the output are resampled before they are
            # projected.
            if layer.shape[2] > size[0]:
                x = x + F.conv2d(_resize(layer, size), share)
            else:
                x = x + _resize(F.conv2d(layer, share), size)
        histograms = self.heads(self.dropout(F.relu(x)))  # (B, 64, H/4, W/4)
        return torch.cat([histograms, F.avg_pool2d(luma01, 4).to(histograms.dtype)], dim=1)

    def at_locations(self, L: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Predicts histograms at some locations from complete hypercolumns (section 3.2).

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 32.
            rows: (B, n) in [0, H - 1]; 0 is the centre of the first pixel; may be fractions.
            columns: (B, n) in [0, W - 1].

        Returns:
            (B, 2, 32, n) logits of hue and chroma.
        """
        x = (columns + 0.5) / L.shape[3] * 2 - 1
        y = (rows + 0.5) / L.shape[2] * 2 - 1
        grid = torch.stack([x, y], dim=-1)[:, None].float()  # (B, 1, n, 2)
        parts = [
            F.grid_sample(layer.float(), grid, padding_mode="border", align_corners=False)
            for layer in self._layers(_luma01(L))
        ]
        hidden = F.relu(self.mix(torch.cat(parts, dim=1)))  # (B, 1024, 1, n)
        histograms: Tensor = self.heads(self.dropout(hidden))
        return histograms.reshape(len(L), 2, _BINS, -1)

    def to_ab(self, raw: Tensor) -> Tensor:
        """The median chroma with the mean hue, faded where the hue is uncertain (section 4.2).

        Args:
            raw: (B, 65, h, w), the output of `forward`.

        Returns:
            (B, 2, h, w) in CIELAB units.
        """
        hues, chromas, luma01 = torch.split_with_sizes(raw.float(), [_BINS, _BINS, 1], dim=1)
        x, y = _mean_direction(torch.softmax(hues, dim=1))
        certainty = torch.sqrt(x.square() + y.square()) / _BINS
        chroma = _median(torch.softmax(chromas, dim=1)) * (certainty / _CERTAIN).clamp(max=1)
        rgb01 = _saturated(x, y) * chroma
        rgb01 = rgb01 + luma01 - _luma_of(rgb01)
        lab: Tensor = rgb01_to_lab(rgb01.clamp(0, 1).permute(0, 2, 3, 1), xp=torch)
        return lab[..., 1:].permute(0, 3, 1, 2)

    def _layers(self, luma01: Tensor) -> list[Tensor]:
        """The activations that make up a hypercolumn."""
        x = luma01 - _MEAN_GREY
        layers = [x]  # (B, 1, H, W)
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            for layer in block:
                x = layer(x)  # (B, 64, H, W) ... (B, 512, H/16, W/16)
                layers.append(x)
            x = F.max_pool2d(x, 2)
        for layer in (self.fc6, self.fc7):
            x = self.dropout(layer(x))  # (B, 4096, H/32, W/32)
            layers.append(x)
        return layers


def _luma01(L: Tensor) -> Tensor:
    """(B, 1, H, W) lightness of greys -> their luma in [0, 1]."""
    nothing = torch.zeros_like(L)
    luma01: Tensor = lab_to_rgb01(torch.stack([L, nothing, nothing], dim=-1), xp=torch)[..., 1]
    return luma01


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resamples bilinearly to another size."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _mean_direction(hues: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 32, h, w) probabilities of hues -> the coordinates of the mean, each (B, 1, h, w)."""
    middles = (torch.arange(_BINS, device=hues.device) + 0.5) * (2 * math.pi / _BINS)
    angles = middles[:, None, None]
    return (
        (hues * torch.cos(angles)).sum(dim=1, keepdim=True),
        (hues * torch.sin(angles)).sum(dim=1, keepdim=True),
    )


def _median(chromas: Tensor) -> Tensor:
    """(B, 32, h, w) probabilities of chromas -> (B, 1, h, w) median, linear within a bin."""
    before = chromas.cumsum(dim=1) - chromas
    below = (0.5 - before) / chromas.clamp_min(1e-9)  # fraction of each bin below the median
    return below.clamp(0, 1).mean(dim=1, keepdim=True)


def _saturated(x: Tensor, y: Tensor) -> Tensor:
    """Direction of a hue -> (B, 3, h, w) colour with chroma 1 and minimum channel 0 (as in HSV)."""
    # A mean of exactly zero has no angle. Its chroma is zero, so any colour will do.
    lost = (x == 0) & (y == 0)
    sixth = torch.atan2(y, torch.where(lost, 1.0, x)) * (3 / math.pi)  # (-3, 3], red at 0
    red = 2 - sixth.abs()
    red = red.clamp(0, 1)
    # Green and blue are like red, rotated by a third of the circle.
    green = 2 - _around(sixth - 2).abs()
    blue = 2 - _around(sixth + 2).abs()
    return torch.cat([red, green.clamp(0, 1), blue.clamp(0, 1)], dim=1)


def _around(sixth: Tensor) -> Tensor:
    """Angles in sixths of the circle, wrapped to [-3, 3]."""
    return sixth - 6 * torch.round(sixth / 6)


def _luma_of(rgb01: Tensor) -> Tensor:
    """(B, 3, h, w) -> (B, 1, h, w)."""
    weights = torch.tensor(LUMA_SHARES, device=rgb01.device)[:, None, None]
    return (rgb01 * weights).sum(dim=1, keepdim=True)


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe."""
    return LarssonNet(width=recipe.width)
