"""Dual decoders: one restores the size, in the other colour queries attend to its features.

Source: X. Kang, T. Yang, W. Ouyang, P. Ren, L. Li, X. Xie, "DDColor: Towards Photo-Realistic Image
Colorization via Dual Decoders", ICCV 2023, section 3, with the numbers of the authors' code. The
specification is `docs/explanation/dual-decoders.md`.

Deviations: the encoder is the EfficientNet-Lite of our own network and not a ConvNeXt, so that the
decoders can be compared; convolutions have no spectral norm; the grey has one channel and not three
where it joins the queries' maps; the output is a and b divided by 110, as of the other generators.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import AB_LIMIT
from tintype.errors import LearnError
from tintype.learn.models.attention import HEAD, attend
from tintype.learn.models.efficientnet import EfficientNetLite, freeze_blocks, imagenet_weights
from tintype.learn.recipe import ModelRecipe

TITLE = "Dual decoders with colour queries on EfficientNet-Lite"
PAPER = (
    "X. Kang, T. Yang, W. Ouyang, P. Ren, L. Li, X. Xie, DDColor: Towards Photo-Realistic Image "
    "Colorization via Dual Decoders, ICCV 2023"
)

QUERIES = 100
_WIDTH = 256  # of queries and of the features at full size; twice that at 1/16 and 1/8
_BLOCKS = 9
_LEVELS = 3  # 1/16, 1/8 and 1/4, in turn
_HIDDEN = 8  # times the width, between the layers of a feed-forward network
_PERIOD = 10_000.0  # of the positional encoding
_MIDDLE, _SPREAD = 50.0, 25.0  # of lightness, as in `tintype.learn.models.blocks`


class ShuffleUp(nn.Module):
    """Enlarges features: a 1 x 1 convolution, ReLU, pixel shuffle, and a blur over 2 x 2 pixels.

    Sources: W. Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016, for the
    shuffle; A. Aitken et al., "Checkerboard Artifact Free Sub-Pixel Convolution", 2017, for initial
    weights that are nearest-neighbour interpolation; Y. Sugawara et al., "Super-Resolution Using
    Convolutional Neural Networks Without Any Checkerboard Artifacts", ICIP 2018, for the blur.

    Args:
        inputs: Channels.
        outputs: Channels.
        times: By how much each side grows.
        norm: Whether batch normalisation follows the convolution, which then has no bias.
    """

    def __init__(self, inputs: int, outputs: int, times: int, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs * times**2, 1, bias=not norm)
        self.norm = nn.BatchNorm2d(outputs * times**2) if norm else nn.Identity()
        self.shuffle = nn.PixelShuffle(times)
        filters = torch.empty(outputs, inputs, 1, 1)
        nn.init.kaiming_normal_(filters)
        with torch.no_grad():
            self.conv.weight.copy_(filters.repeat_interleave(times**2, dim=0))
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, times h, times w)."""
        y = self.shuffle(F.relu(self.norm(self.conv(x))))
        return F.avg_pool2d(F.pad(y, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class PixelUp(nn.Module):
    """Doubles the size, joins the encoder's features of that size, and convolves."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.up = ShuffleUp(inputs, outputs, 2, norm=True)
        self.norm_skip = nn.BatchNorm2d(skip)
        self.conv = nn.Conv2d(outputs + skip, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, inputs, h, w), (B, skip, 2h, 2w) -> (B, outputs, 2h, 2w)."""
        joined = F.relu(torch.cat([self.up(x), self.norm_skip(skip)], dim=1))
        y: Tensor = self.norm(F.relu(self.conv(joined)))
        return y


class PixelDecoder(nn.Module):
    """Restores the size (section 3.2).

    Args:
        channels: Channels of the encoder's features at 1/4, 1/8, 1/16 and 1/32.
        width: Channels at 1/4 and at full size; twice that at 1/16 and 1/8.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        c4, c8, c16, c32 = channels
        self.up16 = PixelUp(c32, c16, 2 * width)
        self.up8 = PixelUp(2 * width, c8, 2 * width)
        self.up4 = PixelUp(2 * width, c4, width)
        self.up1 = ShuffleUp(width, width, 4, norm=False)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features at 1/4, 1/8, 1/16 and 1/32 -> at 1/16, 1/8, 1/4 and full size."""
        x4, x8, x16, x32 = features
        sixteenth = self.up16(x32, x16)
        eighth = self.up8(sixteenth, x8)
        quarter = self.up4(eighth, x4)
        return [sixteenth, eighth, quarter, self.up1(quarter)]


class QueryBlock(nn.Module):
    """Queries attend to the locations of a feature map, then to each other (section 3.3).

    Norms follow the sums, and the ReLU and the positional encodings are those of DETR; the block of
    `tintype.learn.models.color_queries` has its norms before, no positions, and a narrower hidden
    layer.

    Source: Kang et al. 2023, equations 1 to 3; N. Carion et al., "End-to-End Object Detection with
    Transformers", ECCV 2020, for where the positional encodings are added.

    Args:
        width: Channels of queries and locations, a multiple of 32.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # Queries, keys and values in one matrix, as torch has them.
        self.cross = nn.Linear(width, 3 * width)
        self.cross_out = nn.Linear(width, width)
        self.norm_cross = nn.LayerNorm(width)
        self.own = nn.Linear(width, 3 * width)
        self.own_out = nn.Linear(width, width)
        self.norm_own = nn.LayerNorm(width)
        self.wider = nn.Linear(width, _HIDDEN * width)
        self.narrower = nn.Linear(_HIDDEN * width, width)
        self.norm = nn.LayerNorm(width)
        for layer in (
            self.cross,
            self.cross_out,
            self.own,
            self.own_out,
            self.wider,
            self.narrower,
        ):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, queries: Tensor, identity: Tensor, places: Tensor, positions: Tensor
    ) -> Tensor:
        """Refines the queries.

        Args:
            queries: (B, n, width).
            identity: (n, width), what tells the queries apart; added where they are compared.
            places: (B, m, width) features of the locations.
            positions: (m, width), added where locations are compared.

        Returns:
            (B, n, width).
        """
        found = _attended(self.cross, queries + identity, places + positions, places)
        queries = self.norm_cross(queries + self.cross_out(found))
        same = queries + identity
        queries = self.norm_own(queries + self.own_out(_attended(self.own, same, same, queries)))
        more: Tensor = self.norm(queries + self.narrower(F.relu(self.wider(queries))))
        return more


def _attended(weights: nn.Linear, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention with the three parts of one matrix: (B, n, width)."""
    width = query.shape[2]
    rows = (slice(part * width, (part + 1) * width) for part in range(3))
    parts = zip((query, key, value), rows, strict=True)
    return attend(*(F.linear(x, weights.weight[row], weights.bias[row]) for x, row in parts))


class ColorDecoder(nn.Module):
    """Refines learned colour queries by features of three sizes in turn (section 3.3).

    Args:
        channels: Channels of the features at 1/16, 1/8 and 1/4.
        width: Channels of a query, a multiple of 32.
        count: Number of queries.
    """

    def __init__(self, channels: Sequence[int], width: int, count: int) -> None:
        super().__init__()
        self.width = width
        self.queries = nn.Parameter(torch.randn(count, width))
        self.identity = nn.Parameter(torch.randn(count, width))
        self.level = nn.Parameter(torch.randn(_LEVELS, width))
        self.project = nn.ModuleList(nn.Linear(inputs, width) for inputs in channels)
        self.blocks = nn.ModuleList(QueryBlock(width) for _ in range(_BLOCKS))
        self.norm = nn.LayerNorm(width)
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(width, width), nn.ReLU()]
        self.embed = nn.Sequential(*layers, nn.Linear(width, width))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features at 1/16, 1/8 and 1/4 -> (B, count, width) colour queries."""
        places, positions = [], []
        for level, (project, x) in enumerate(zip(self.project, features, strict=True)):
            places.append(project(x.flatten(2).transpose(1, 2)) + self.level[level])
            positions.append(sine_positions(x.shape[2], x.shape[3], self.width, x.device))
        queries = self.queries.expand(len(features[0]), -1, -1)
        for index, block in enumerate(self.blocks):
            level = index % _LEVELS
            queries = block(queries, self.identity, places[level], positions[level])
        embedded: Tensor = self.embed(self.norm(queries))
        return embedded


def sine_positions(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Sines and cosines of the row, then of the column, from 0 to one turn over the picture.

    Args:
        height: Rows.
        width: Columns.
        channels: A multiple of 4.
        device: Where to.

    Returns:
        (height * width, channels).
    """
    half = channels // 2
    steps = torch.arange(half, device=device) // 2
    slower = _PERIOD ** (2 * steps / half)

    def along(count: int) -> Tensor:
        places = torch.arange(1, count + 1, device=device).float()
        # Divided by the last one and not by the count, of which an exported graph has no number.
        angles = (places / places[-1] * (2 * torch.pi))[:, None] / slower
        waves = torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=2)
        return waves.flatten(1)  # (count, half)

    rows = along(height)[:, None].expand(-1, width, -1)
    columns = along(width)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


class DualDecodersNet(nn.Module):
    """L to a and b at full size.

    Args:
        encoder: ``lite0`` or ``lite2``.
        width: Factor of the paper's number of channels; those of a query are rounded to 32.
        count: Number of colour queries.
    """

    multiple = 32
    stride = 1

    def __init__(self, encoder: str = "lite2", *, width: float = 1.0, count: int = QUERIES) -> None:
        super().__init__()
        self.encoder_name = encoder
        self.encoder = EfficientNetLite(encoder)
        channels = max(HEAD, HEAD * round(_WIDTH * width / HEAD))
        self.pixels = PixelDecoder(self.encoder.channels[1:], channels)
        self.colors = ColorDecoder((2 * channels, 2 * channels, channels), channels, count)
        self.fuse = nn.Conv2d(count + 1, 2, 1)
        nn.init.normal_(self.fuse.weight, std=1e-3)
        assert self.fuse.bias is not None
        nn.init.zeros_(self.fuse.bias)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts colours from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 32.

        Returns:
            (B, 2, H, W), a and b divided by 110.
        """
        *features, full = self.pixels(self.encoder(L)[1:])
        queries = self.colors(features)  # (B, count, width)
        maps = (queries @ full.flatten(2)).unflatten(2, full.shape[2:])  # (B, count, H, W)
        ab: Tensor = self.fuse(torch.cat([maps, (L - _MIDDLE) / _SPREAD], dim=1))
        return ab

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 2, H, W) -> the same in CIELAB units."""
        return raw.float() * AB_LIMIT

    def from_lab(self, lab: Tensor) -> Tensor:
        """(B, 3, H, W) true L, a and b -> the target of `forward`."""
        return lab[:, 1:] / AB_LIMIT

    def load_pretrained(self) -> None:
        """Loads the ImageNet weights into the encoder.

        Raises:
            LearnError: The package that contains them is not installed.
        """
        self.encoder.load_imagenet(imagenet_weights(self.encoder_name))


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe; encoder blocks before `train_encoder_from` are frozen.

    Raises:
        LearnError: The encoder is not an EfficientNet-Lite.
    """
    if recipe.encoder == "resnet18":
        raise LearnError(
            "The dual decoders need an EfficientNet-Lite.",
            advice='Set model.encoder = "lite0" or "lite2".',
        )
    count = recipe.color_queries or QUERIES
    model = DualDecodersNet(recipe.encoder, width=recipe.width, count=count)
    freeze_blocks(model.encoder, recipe.train_encoder_from)
    return model
