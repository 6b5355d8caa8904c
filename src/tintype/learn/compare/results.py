"""The results of a method: a JSON file; the page is computed from these files only."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from tintype.errors import LearnError, brief, shown
from tintype.files.json_text import parse_json
from tintype.learn.evaluate.figures import FIGURES, Figure
from tintype.learn.recipe import Recipe
from tintype.learn.train.checkpoint import write_own

DEMONSTRATION = "collapse-on-purpose"
"""The recipe that demonstrates a collapse; it is not a row of the tables."""

EVERYTHING = "all"
"""The name of the union of all evaluation sets."""


KEPT_COLUMNS = ("cf", "true_cf", "ab_mae", "delta_e", "auc", "rare_area", "rare_mass")
"""Columns that are stored for every picture, for paired comparisons of methods."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Measured(TypedDict):
    sets: dict[str, _Count]
    size: _Count
    dev: _Count
    sha256: str


class _Evaluation(TypedDict):
    samples: _Count
    dev_loss: float
    dev_accuracy: NotRequired[float]
    dev_d_accuracy: NotRequired[float]


class _Verdict(TypedDict):
    samples: _Count
    collapsed: bool | float


class _Epoch(TypedDict):
    samples: _Count
    strip: str


_PARTS: Mapping[str, Any] = {
    "samples": _Count,
    "parameters": _Count,
    "file_bytes": _Count,
    "measured": _Measured,
    "dev": list[_Evaluation],
    "verdicts": list[_Verdict],
    "epochs": list[_Epoch],
}
"""What the parts of a file must hold, where there are any, beyond the types of `Result`."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one method.

    Attributes:
        name: Name of the recipe and of this file.
        kind: ``method``, ``classifier`` (does not colour), ``demonstration`` (of a collapse),
            ``bound``, ``own`` or ``not automatic``.
        recipe: Keys that differ from the defaults, as adapted to the data.
        recipe_hash: SHA-256 of such keys of the recipe as written.
        data_hash: Hash of the training photographs.
        samples: Photographs trained on, counting repetitions.
        seconds: Time spent training.
        device: Device that trained it.
        measured: The evaluation data: number of pictures of each set, size, hash.
        published: Block (i), as published: set -> figure -> value and interval.
        equal: The same for block (ii), chroma scaled to the truth's colourfulness; may be empty.
        gain: The factor of block (ii), fitted on dev; None if there is none.
        distribution: Set -> likelihood, calibration, coverage; empty without a distribution.
        temperature: Temperature fitted on dev for these; None without a distribution.
        perceptual: Perceptual metrics whose networks are installed: block -> metric -> figure.
        native: Figures at the training size, if that is smaller than 64 px.
        pictures: Block -> column -> a number per picture of all sets, for paired comparisons.
        parameters: Number of parameters.
        gmac: Billions of multiply-accumulate operations at 256 px.
        file_bytes: Size of the exported file.
        milliseconds: Time of a 256-px inference on one core.
        sha256: Hash of the exported file.
        curve: Points of the training log, thinned out.
        dev: All evaluations on dev.
        verdicts: Verdicts of the collapse detector, in order.
        strip: File name of the sample strip.
        epochs: Samples and strip of intermediate weights, in order.
        note: A remark for readers.
    """

    name: str
    kind: str = "method"
    recipe: dict[str, Any] = field(default_factory=dict)
    recipe_hash: str = ""
    data_hash: str = ""
    samples: int = 0
    seconds: float = 0.0
    device: str = ""
    measured: dict[str, Any] = field(default_factory=dict)
    published: dict[str, dict[str, Figure]] = field(default_factory=dict)
    equal: dict[str, dict[str, Figure]] = field(default_factory=dict)
    gain: float | None = None
    distribution: dict[str, dict[str, Figure]] = field(default_factory=dict)
    temperature: float | None = None
    perceptual: dict[str, dict[str, Figure]] = field(default_factory=dict)
    native: dict[str, Figure] = field(default_factory=dict)
    pictures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    parameters: int | None = None
    gmac: float | None = None
    file_bytes: int | None = None
    milliseconds: float | None = None
    sha256: str = ""
    curve: list[dict[str, Any]] = field(default_factory=list)
    dev: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    strip: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


def collapses(result: Result) -> list[dict[str, Any]]:
    """The verdicts that report a collapse: those after the first healthy one.

    A generator that has hardly been trained may be as oversaturated as a collapsed one.

    Args:
        result: The result of an adversarial method.
    """
    healthy = [not row["collapsed"] for row in result.verdicts]
    first = healthy.index(True) if any(healthy) else 0
    return [row for row in result.verdicts[first:] if row["collapsed"]]


def recipe_hash(recipe: Recipe) -> str:
    """A hash of the keys of a recipe that are not at their defaults."""
    return hashlib.sha256(json.dumps(short_recipe(recipe), sort_keys=True).encode()).hexdigest()


def short_recipe(recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe that are not at their defaults, for JSON."""
    return recipe.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def is_result(data: bytes) -> bool:
    """Whether a file was written by `write_result`."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"name", "recipe_hash", "measured", "curve"} <= set(found)


def write_result(folder: Path, result: Result) -> None:
    """Writes ``NAME.json``.

    Raises:
        TargetExistsError: There is a file that is not a result.
        LearnError: The file cannot be written.
    """
    values = {key: _rounded(value) for key, value in dataclasses.asdict(result).items()}
    # One key per line, so diffs stay readable.
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    write_own(folder / f"{result.name}.json", text.encode(), is_result, what="a result")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def read_result(path: Path) -> Result:
    """Reads a result.

    Raises:
        LearnError: The file is not a result.
    """
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        result = msgspec.convert(found, Result)
        if unknown := found.keys() - {field.name for field in dataclasses.fields(Result)}:
            raise ValueError(f"there is an unknown key `{min(unknown)}`")
        _check(result, found)
        return Result(**found)
    except (OSError, ValueError) as error:
        raise LearnError(
            f"{shown(path)}: not a result of `tintype compare` ({brief(error, most=200)}).",
            advice="Delete it; `tintype compare` creates it again.",
        ) from None


def _check(result: Result, found: Mapping[str, Any]) -> None:
    """Refuses a result without what the page is computed from.

    Args:
        result: The result.
        found: The same values as they were read.

    Raises:
        ValueError: A part is missing, of another kind, or out of range.
    """
    for name, kind in _PARTS.items():
        if found.get(name):
            msgspec.convert(found[name], kind)
    for block in (result.published, result.equal):
        if block and EVERYTHING not in block:
            raise ValueError(f"there is no set `{EVERYTHING}`")
    native = [result.native] if result.native else []
    for figures in (*result.published.values(), *result.equal.values(), *native):
        if missing := FIGURES.keys() - figures:
            raise ValueError(f"there is no figure `{min(missing)}`")
    if result.distribution and result.temperature is None:
        raise ValueError("there is no `temperature`")
    for columns in result.pictures.values():
        lengths = {len(column) for column in columns.values()}
        if not set(KEPT_COLUMNS) <= columns.keys() or len(lengths) != 1 or 0 in lengths:
            raise ValueError("columns are missing or of different lengths in `pictures`")


def read_results(folder: Path) -> dict[str, Result]:
    """All results of a folder, by name."""
    return {path.stem: read_result(path) for path in sorted(folder.glob("*.json"))}
