"""Tintype's own model: a U-Net that predicts a distribution over 313 colours at a quarter size.

The distribution is trained unweighted, so it remains a calibrated posterior; vividness is a
parameter of decoding (`tintype.engine.color_distribution`). The encoder is an ImageNet-pretrained
EfficientNet-Lite: on a small budget nothing helps more than pretraining.

Hints enter through a separate branch (`hint_path`) without biases and norms, which adds exactly
zero if there are no hints: adding it to a trained network does not change its predictions.

Sources: U-Net (Ronneberger et al. 2015) for the skip connections, Zhang et al. 2016 for the 313
outputs, Iizuka et al. 2016, section 3.3, for the global vector that is broadcast to every location.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import BINS
from tintype.errors import LearnError
from tintype.learn.models.attention import Attention
from tintype.learn.models.blocks import AnnealedMean, GreyTrunk
from tintype.learn.models.channel_pruning import PrunableLayer, narrow
from tintype.learn.models.color_queries import ColorQueries
from tintype.learn.models.efficientnet import EfficientNetLite, freeze_blocks, imagenet_weights
from tintype.learn.models.hint_path import HintPath
from tintype.learn.models.lowrank import factor
from tintype.learn.models.non_local_mean import NonLocalMean
from tintype.learn.recipe import ModelRecipe

TITLE = "EfficientNet-Lite U-Net over 313 colours"
PAPER = ""


def _layer(conv: str, norm: str, hint: int, reader: str) -> PrunableLayer:
    """A convolution with its norm and the hint convolution of the same size."""
    norms = tuple(f"{norm}.{n}" for n in ("weight", "bias", "running_mean", "running_var"))
    rows = (f"{conv}.weight", *norms, f"hints.out.{hint}.weight")
    return PrunableLayer(rows, f"{norm}.weight", f"{reader}.weight")


_BOTTOM = ("lateral.weight", "lateral.bias", "whole.weight", "whole.bias", "hints.out.3.weight")
_LAYERS = (
    PrunableLayer(_BOTTOM, "lateral.weight", "up16.conv.weight"),
    _layer("up16.conv", "up16.norm", 2, "up8.conv"),
    _layer("up8.conv", "up8.norm", 1, "up4.conv"),
    _layer("up4.conv", "up4.norm", 0, "refine"),
    PrunableLayer(
        ("refine.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"),
        "norm.weight",
        "head.weight",
    ),
)
"""The layers of the decoder that can be pruned, from 1/32 to the outputs."""


def _in_one_piece(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


class UNetUp(nn.Module):
    """Upsamples by 2, concatenates the encoder's features of that size, and convolves."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.mix: nn.Module = nn.Identity()
        self.conv = nn.Conv2d(inputs + skip, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, inputs, h, w), (B, skip, 2h, 2w) -> (B, outputs, 2h, 2w)."""
        x = F.interpolate(self.mix(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        if x.requires_grad:
            # The gradient is a slice of the concatenated one, which torch resamples five times more
            # slowly than a contiguous one.
            x.register_hook(_in_one_piece)  # type: ignore[no-untyped-call]
        return F.relu(self.norm(self.conv(torch.cat([x, skip], dim=1))))


class ResNetPyramid(nn.Module):
    """Features of a grey ResNet-18 from 1/4 to 1/32, with the interface of `EfficientNetLite`."""

    channels = (0, 64, 128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.trunk = GreyTrunk(4)

    def forward(self, L: Tensor) -> list[Tensor]:
        """(B, 1, H, W) -> five tensors; the first is the lightness, as 1/2 has no features."""
        return [L, *self.trunk.pyramid(L)]


class OwnNet(nn.Module):
    """L to logits over the 313 bins at a quarter of the size.

    Args:
        encoder: ``lite0``, ``lite2`` or ``resnet18``.
        widths: Channels of the decoder at 1/32, 1/16, 1/8 and 1/4.
        temperature: T of the annealed mean in `to_ab`.
        hints: Whether it accepts hints.
        global_vector: Whether a global vector is broadcast to every location.
        attention: Whether there is an `Attention` at 1/16.
        non_local: Whether there is a `NonLocalMean` before the output layers.
        color_queries: Number of `ColorQueries` that contribute to the outputs; 0 for none.
    """

    multiple = 32
    stride = 4
    bins = BINS

    # More than seven parameters: one for each key of the recipe that configures the network.
    def __init__(
        self,
        encoder: str = "lite0",
        widths: tuple[int, int, int, int] = (256, 256, 192, 128),
        temperature: float = 0.38,
        *,
        hints: bool = False,
        global_vector: bool = True,
        attention: bool = False,
        non_local: bool = False,
        color_queries: int = 0,
    ) -> None:
        super().__init__()
        self.takes_hints = hints
        self.widths = widths
        self.encoder_name = encoder
        self.encoder = ResNetPyramid() if encoder == "resnet18" else EfficientNetLite(encoder)
        _, c4, c8, c16, c32 = self.encoder.channels
        self.lateral = nn.Conv2d(c32, widths[0], 1)
        self.whole = nn.Linear(c32, widths[0]) if global_vector else None
        self.up16 = UNetUp(widths[0], c16, widths[1])
        self.attention = Attention(widths[1]) if attention else nn.Identity()
        self.up8 = UNetUp(widths[1], c8, widths[2])
        self.up4 = UNetUp(widths[2], c4, widths[3])
        self.refine: nn.Module = nn.Conv2d(widths[3], widths[3], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(widths[3])
        self.surfaces = NonLocalMean() if non_local else None
        self.head = nn.Conv2d(widths[3], BINS, 1)
        self.queries = None
        if color_queries:
            self.queries = ColorQueries(color_queries, widths[3], widths[1], widths[2], BINS)
        self.mean = AnnealedMean(temperature)
        self.only_hints = False
        if hints:
            self.hints = HintPath(widths)

    def train(self, mode: bool = True) -> "OwnNet":
        """Sets training mode; if only the hint branch is trained, only for that branch."""
        super().train(mode)
        if self.only_hints:
            for name, part in self.named_children():
                part.train(mode and name == "hints")
        return self

    def train_hints_alone(self) -> None:
        """Freezes all weights and running statistics except those of the hint branch.

        Raises:
            LearnError: There is no hint branch.
        """
        if not self.takes_hints:
            raise LearnError("model.train_only_hints needs model.hints = true.")
        self.only_hints = True
        self.requires_grad_(False)
        self.hints.requires_grad_(True)

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """Predicts logits from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 32.
            hints: (B, 3, H, W) a and b in CIELAB units and a mask of 0 and 1; None means no hints.

        Returns:
            (B, 313, H/4, W/4).
        """
        return self.with_pyramid(L, hints)[1]

    @property
    def channels(self) -> Sequence[int]:
        """Channels of the encoder's features at 1/2, 1/4, 1/8, 1/16 and 1/32."""
        return self.encoder.channels

    def with_pyramid(self, L: Tensor, hints: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """The encoder's features at all sizes, and the logits.

        Args:
            L: As for `forward`.
            hints: As for `forward`.
        """
        pyramid: list[Tensor] = self.encoder(L)
        return pyramid, self._decoded(L, pyramid, hints)[1]

    def with_features(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The logits, and features for matching locations of two pictures.

        The encoder's features at 1/16 describe semantics, the decoder's at 1/8 boundaries and
        colour; both are normalised at each location, so they have equal weight.

        Args:
            L: As for `forward`.
            hints: As for `forward`.

        Returns:
            (B, 313, H/4, W/4) logits, and (B, channels, H/8, W/8) features.
        """
        pyramid = self.encoder(L)
        x8, logits = self._decoded(L, pyramid, hints)
        x16 = F.interpolate(pyramid[3], scale_factor=2.0, mode="bilinear", align_corners=False)
        return logits, torch.cat([F.normalize(x16), F.normalize(x8)], dim=1)

    def _decoded(
        self, L: Tensor, pyramid: Sequence[Tensor], hints: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Computes the decoder's features at 1/8 and the logits from the encoder's features."""
        _, x4, x8, x16, x32 = pyramid
        whole = self.whole(x32.mean(dim=(2, 3)))[:, :, None, None] if self.whole else 0.0
        added = self.hints(hints) if self.takes_hints and hints is not None else [0.0] * 4
        x = F.relu(self.lateral(x32) + whole + added[0])  # (B, 256, H/32, W/32)
        sixteenth = self.attention(self.up16(x, x16) + added[1])  # (B, 256, H/16, W/16)
        eighth = self.up8(sixteenth, x8) + added[2]  # (B, 192, H/8, W/8)
        x = self.up4(eighth, x4) + added[3]  # (B, 128, H/4, W/4)
        x = F.relu(self.norm(self.refine(x)))
        if self.surfaces is not None:
            # Before the last layers, which are linear: equivalent to averaging the 313 logits.
            x = self.surfaces(x, L, eighth)
        logits: Tensor = self.head(x)
        if self.queries is not None:
            logits = logits + self.queries(x, sixteenth, eighth)
        return eighth, logits

    def to_ab(self, raw: Tensor) -> Tensor:
        """The annealed mean (Zhang 2016, equation 5).

        Args:
            raw: (B, 313, h, w) logits.

        Returns:
            (B, 2, h, w) in CIELAB units.
        """
        ab: Tensor = self.mean(raw)
        return ab

    def apply_temperature(self, temperature: float) -> None:
        """Divides the logits permanently.

        Args:
            temperature: Above 0; below 1 sharpens the distribution.
        """
        assert self.head.bias is not None
        with torch.no_grad():
            self.head.weight.div_(temperature)
            self.head.bias.div_(temperature)
            if self.queries is not None:
                self.queries.out.weight.div_(temperature)

    def factored(self, L: Tensor, hints: Tensor | None, rank: int) -> "OwnNet":
        """The same network with the decoder's filters factored at a low rank.

        Args:
            L: As for `forward`: the photographs that the factors are fitted on.
            hints: As for `forward`.
            rank: Number of channels that the inputs are projected to, at each size.

        Returns:
            A copy for inference; its weights have different names.
        """
        small = copy.deepcopy(self).eval()
        ups = (small.up16, small.up8, small.up4)
        inputs_of: dict[nn.Module, Tensor] = {}

        def record(conv: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
            inputs_of[conv] = inputs[0]

        convs = [*(up.conv for up in ups), small.refine]
        hooks = [conv.register_forward_hook(record) for conv in convs]
        with torch.no_grad():
            small(L, hints)
        for handle in hooks:
            handle.remove()
        for up in ups:
            up.mix, up.conv = factor(up.conv, inputs_of[up.conv], up.inputs, rank)
        assert isinstance(small.refine, nn.Conv2d)
        width = small.refine.in_channels
        small.refine = nn.Sequential(*factor(small.refine, inputs_of[small.refine], width, rank))
        return small

    def warm_start(self, weights: Mapping[str, Tensor]) -> None:
        """Loads weights of a network that is wider, or lacks the hint branch or colour queries.

        Weights of a distilled encoder (`tintype.learn.models.grey_encoder`) are accepted too: they
        are loaded into the encoder, and the decoder keeps its weights.

        Args:
            weights: By name.

        Raises:
            LearnError: They belong to another encoder, or to a narrower network.
        """
        if "classes.weight" in weights:
            self._load_encoder(weights)
            return
        fitting = narrow(weights, _LAYERS, (*self.widths, self.widths[-1]))
        own = self.state_dict()
        if self.takes_hints:
            fitting = {n: t for n, t in own.items() if n.startswith("hints.")} | fitting
        if self.queries is not None:
            fitting = {n: t for n, t in own.items() if n.startswith("queries.")} | fitting
        if {n: t.shape for n, t in fitting.items()} != {n: t.shape for n, t in own.items()}:
            raise LearnError(
                "Its weights are of a network of another kind or size.",
                advice="Set model.encoder and model.hints as in its recipe.",
            )
        self.load_state_dict(fitting)

    def _load_encoder(self, weights: Mapping[str, Tensor]) -> None:
        found = {n: t for n, t in weights.items() if n.startswith("encoder.")}
        own = {n: t for n, t in self.state_dict().items() if n.startswith("encoder.")}
        if {n: t.shape for n, t in found.items()} != {n: t.shape for n, t in own.items()}:
            raise LearnError(
                f"The encoder of the checkpoint is not {self.encoder_name}.",
                advice="Set model.encoder as in the recipe of that run.",
            )
        self.load_state_dict(self.state_dict() | found)

    def load_classifier(self, weights: Mapping[str, Tensor]) -> None:
        """Loads the trunk of a grey ResNet-18 classifier into the encoder.

        Args:
            weights: All weights of the classifier by name.

        Raises:
            LearnError: The encoder is not a ResNet-18, or a tensor does not fit.
        """
        if not isinstance(self.encoder, ResNetPyramid):
            raise LearnError(
                f"The encoder {self.encoder_name} cannot start from a grey ResNet-18.",
                advice='Set model.encoder = "resnet18".',
            )
        self.encoder.trunk.load_classifier(weights)

    def load_pretrained(self) -> None:
        """Loads the ImageNet weights into the encoder.

        Raises:
            LearnError: There are none, or the package that contains them is not installed.
        """
        if isinstance(self.encoder, ResNetPyramid):
            raise LearnError(
                "There are no ImageNet weights of a grey ResNet-18.",
                advice='Set model.init = "classifier", or pretrained = false.',
            )
        self.encoder.load_imagenet(imagenet_weights(self.encoder_name))


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe; encoder blocks before `train_encoder_from` are frozen.

    Raises:
        LearnError: The encoder's blocks cannot be frozen, or attention does not fit the widths.
    """
    if recipe.attention and recipe.widths[1] % 32:
        raise LearnError("model.attention needs a second width that is a multiple of 32.")
    if recipe.color_queries and recipe.widths[3] % 32:
        raise LearnError("model.color_queries needs a last width that is a multiple of 32.")
    model = OwnNet(
        encoder=recipe.encoder,
        widths=recipe.widths,
        hints=recipe.hints,
        global_vector=recipe.global_vector,
        attention=recipe.attention,
        non_local=recipe.non_local,
        color_queries=recipe.color_queries,
    )
    if recipe.train_encoder_from > 0:
        if not isinstance(model.encoder, EfficientNetLite):
            raise LearnError(
                f"The encoder {recipe.encoder} is trained as a whole.",
                advice="Leave model.train_encoder_from out.",
            )
        freeze_blocks(model.encoder, recipe.train_encoder_from)
    if recipe.train_only_hints:
        model.train_hints_alone()
    return model
