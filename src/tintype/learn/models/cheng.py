"""A small network applied to features of each pixel's neighbourhood, then a joint filter.

Source: Z. Cheng, Q. Yang, B. Sheng, "Deep Colorization", ICCV 2015, section 3. A pixel is described
by the 7 x 7 greys around it, a DAISY descriptor of 32 numbers and its wider surroundings; three
hidden layers with half as many neurons as inputs predict U and V of YUV. A joint bilateral filter
guided by the grey then removes errors of single pixels. Everything, including the filter, consists
of fixed convolutions and a few products, so one exported graph contains the whole method.

DAISY: E. Tola, V. Lepetit, P. Fua, "DAISY: An Efficient Dense Descriptor", PAMI 32(5), 2010,
section 3: rectified derivatives in 8 directions, smoothed by a Gaussian, sampled at the location
itself and, smoothed more, at three locations on a ring around it.

Deviations: the paper's third feature is the smoothed label histogram of a scene parser, which is
not available; a histogram of the greys in a wide window replaces it, so there is no information on
objects. There is one network for all pictures instead of one for each cluster of scenes, since
clusters depend on the parser's labels too. The paper does not state which layout of DAISY has 32
numbers. Colours outside the gamut are clipped before conversion to a and b.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.cielab import REC601, lab_to_rgb01, rgb01_to_lab
from tintype.learn.recipe import ModelRecipe

TITLE = "Patch features, a small network, a joint bilateral filter"
PAPER = "Z. Cheng, Q. Yang, B. Sheng, Deep Colorization, ICCV 2015"

_PATCH = 3  # radius: 7 x 7 greys
_DIRECTIONS = 8
_RING = 3  # locations on DAISY's ring
_RADIUS = 5.0  # of the ring, pixels
_SIGMA_CENTRE, _SIGMA_RING = 1.25, 2.5  # of DAISY's Gaussians, pixels
_FLAT = 0.01  # derivatives up to about this size are suppressed when a histogram is normalised
_LEVELS = 8  # levels of the wide histogram
_CELL = 8  # pixels; cells are pooled in windows of 3 x 3
_FILTER = 4  # radius of the bilateral filter, pixels
_SIGMA_SPACE = 3.0  # pixels
_SIGMA_GREY = 0.08  # of luma in [0, 1]
_U, _V = 0.492, 0.877  # BT.601: U = 0.492 (B - Y), V = 0.877 (R - Y)


class Daisy(nn.Module):
    """DAISY with one ring: 8 directions at the centre and at three locations around it."""

    slopes: Tensor
    down: Tensor
    across: Tensor
    channels = _DIRECTIONS * (1 + _RING)

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS)
        slope = torch.tensor([-0.5, 0.0, 0.5])
        kernels = torch.zeros(_DIRECTIONS, 1, 3, 3)
        kernels[:, 0, 1, :] += torch.cos(angles)[:, None] * slope
        kernels[:, 0, :, 1] += torch.sin(angles)[:, None] * slope
        self.register_buffer("slopes", kernels, persistent=False)
        around = torch.arange(_RING) * (2 * math.pi / _RING)
        zero = torch.zeros(1)
        y = torch.cat([zero, _RADIUS * torch.sin(around)])
        x = torch.cat([zero, _RADIUS * torch.cos(around)])
        sigma = torch.tensor([_SIGMA_CENTRE] + [_SIGMA_RING] * _RING)
        # A Gaussian centred on the ring smooths and samples in one operation.
        self.register_buffer("down", _gaussians(y, sigma)[:, None, :, None], persistent=False)
        self.register_buffer("across", _gaussians(x, sigma)[:, None, None, :], persistent=False)

    def forward(self, luma01: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 1] -> (B, 32, H, W), each histogram of length 1, or less if flat."""
        count, _, height, width = luma01.shape
        slopes = F.relu(F.conv2d(_padded(luma01, 1), self.slopes))
        reach = self.down.shape[2] // 2
        x = _padded(slopes.reshape(count * _DIRECTIONS, 1, height, width), reach)
        x = F.conv2d(F.conv2d(x, self.down), self.across, groups=1 + _RING)
        x = x.reshape(count, _DIRECTIONS, 1 + _RING, height, width)
        length = torch.sqrt(x.square().sum(dim=1, keepdim=True) + _FLAT**2)
        return (x / length).flatten(1, 2)


class ChengNet(nn.Module):
    """L to U and V at full size, with a small network that is applied to every pixel.

    Args:
        width: Factor of the paper's number of hidden neurons, which is half that of the inputs.
    """

    multiple = _CELL
    stride = 1

    neighbours: Tensor
    space: Tensor

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        self.daisy = Daisy()
        inputs = (2 * _PATCH + 1) ** 2 + Daisy.channels + _LEVELS
        hidden = max(1, round(inputs / 2 * width))
        self.first = nn.Conv2d(inputs, hidden, 1)
        self.second = nn.Conv2d(hidden, hidden, 1)
        self.third = nn.Conv2d(hidden, hidden, 1)
        self.last = nn.Conv2d(hidden, 2, 1)
        self.register_buffer("neighbours", _shifts(_PATCH), persistent=False)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts colours from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.

        Returns:
            (B, 3, H, W): U, V and the luma in [0, 1].
        """
        luma01 = _luma01(L)
        x = self.features(luma01)  # (B, 89, H, W)
        x = F.relu(self.first(x))  # (B, 44, H, W)
        x = F.relu(self.second(x))  # (B, 44, H, W)
        x = F.relu(self.third(x))  # (B, 44, H, W)
        return torch.cat([self.last(x).float(), luma01], dim=1)

    def features(self, luma01: Tensor) -> Tensor:
        """The features of each pixel: (B, 1, H, W) in [0, 1] -> (B, 89, H, W)."""
        patch = F.conv2d(_padded(luma01, _PATCH), self.neighbours) - 0.5  # (B, 49, H, W)
        return torch.cat([patch, self.daisy(luma01), _wide_histogram(luma01)], dim=1)

    def to_ab(self, raw: Tensor) -> Tensor:
        """The filtered colours in CIELAB.

        Args:
            raw: (B, 3, H, W), the output of `forward`.

        Returns:
            (B, 2, H, W) in CIELAB units.
        """
        uv, luma01 = raw[:, :2].float(), raw[:, 2:].float()
        uv = joint_bilateral(uv, luma01)
        blue, red = luma01 + uv[:, :1] / _U, luma01 + uv[:, 1:] / _V
        green = (luma01 - REC601[0] * red - REC601[2] * blue) / REC601[1]
        rgb01 = torch.cat([red, green, blue], dim=1).clamp(0, 1)
        lab: Tensor = rgb01_to_lab(rgb01.permute(0, 2, 3, 1), xp=torch)
        return lab[..., 1:].permute(0, 3, 1, 2)


def joint_bilateral(uv: Tensor, luma01: Tensor) -> Tensor:
    """Averages colours over neighbours of similar grey (section 3.4).

    Args:
        uv: (B, 2, H, W) colours.
        luma01: (B, 1, H, W) in [0, 1].

    Returns:
        (B, 2, H, W).
    """
    shifts = _shifts(_FILTER).to(uv.device)
    near = torch.arange(-_FILTER, _FILTER + 1, device=uv.device).float()
    squared = (near[:, None].square() + near.square()).flatten()
    grey = F.conv2d(_padded(luma01, _FILTER), shifts)  # (B, 81, H, W)
    unlike = (grey - luma01).square() / (2 * _SIGMA_GREY**2)
    weights = torch.exp(-unlike - squared[:, None, None] / (2 * _SIGMA_SPACE**2))
    weights = weights / weights.sum(dim=1, keepdim=True)
    averages = [
        (weights * F.conv2d(_padded(channel, _FILTER), shifts)).sum(dim=1, keepdim=True)
        for channel in (uv[:, :1], uv[:, 1:])
    ]
    return torch.cat(averages, dim=1)


def _wide_histogram(luma01: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 8, H, W): a normalised histogram of the greys around each pixel."""
    levels = torch.linspace(0, 1, _LEVELS, device=luma01.device)[:, None, None]
    # A grey between two levels is split between them.
    shares = F.relu(1 - (luma01 - levels).abs() * (_LEVELS - 1))
    cells = F.avg_pool2d(shares, _CELL)  # (B, 8, H/8, W/8)
    wide = F.avg_pool2d(_padded(cells, 1), 3, stride=1)
    return F.interpolate(wide, scale_factor=float(_CELL), mode="bilinear", align_corners=False)


def _luma01(L: Tensor) -> Tensor:
    """(B, 1, H, W) lightness of greys -> their luma in [0, 1]."""
    nothing = torch.zeros_like(L)
    luma01: Tensor = lab_to_rgb01(torch.stack([L, nothing, nothing], dim=-1), xp=torch)[..., 1]
    return luma01


def _padded(x: Tensor, margin: int) -> Tensor:
    """Pads by repeating edge pixels."""
    return F.pad(x, (margin, margin, margin, margin), mode="replicate")


def _shifts(radius: int) -> Tensor:
    """Kernels (n, 1, d, d) that each pick one of the n = d * d neighbours, d = 2 radius + 1."""
    side = 2 * radius + 1
    return torch.eye(side * side).view(-1, 1, side, side)


def _gaussians(middles: Tensor, sigma: Tensor) -> Tensor:
    """(n,) centres and standard deviations in pixels -> (n, k) kernels, each summing to 1."""
    reach = math.ceil(_RADIUS + 2.5 * _SIGMA_RING)
    places = torch.arange(-reach, reach + 1).float()
    kernels = torch.exp(-((places - middles[:, None]) ** 2) / (2 * sigma[:, None] ** 2))
    return kernels / kernels.sum(dim=1, keepdim=True)


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe."""
    return ChengNet(width=recipe.width)
