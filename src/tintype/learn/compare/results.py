"""The results of a method: one JSON file, from which alone the page is made."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tintype.errors import LearnError
from tintype.learn.evaluate.figures import Figure
from tintype.learn.recipe import Recipe
from tintype.learn.train.checkpoint import write_whole

DEMONSTRATION = "collapse-on-purpose"
"""The recipe that demonstrates a collapse; no row of the tables."""

EVERYTHING = "all"
"""The name under which all evaluation pictures are taken together."""


@dataclass(frozen=True, slots=True)
class Result:
    """One method.

    Attributes:
        name: Of its recipe, and of this file.
        kind: ``method``, ``classifier`` (does not colour), ``demonstration`` (of a collapse),
            ``bound``, ``own`` or ``not automatic``.
        recipe: What differs from the defaults.
        recipe_hash: SHA-256 of that.
        data_hash: Of the photographs trained on.
        samples: Photographs trained on, repetitions included.
        seconds: Time spent training.
        device: What trained it.
        measured: What it was measured on: sets and their numbers of pictures, size, hash.
        published: Block (i), as published: set -> figure -> value and interval.
        equal: Block (ii), chroma scaled to the truth's colourfulness, likewise; empty without.
        gain: The factor of block (ii), found on dev; None where there is none.
        distribution: Set -> likelihood, calibration, coverage; empty without a distribution.
        temperature: Fitted on dev for these; None without.
        perceptual: By the networks of others that are installed: block -> metric -> figure.
        native: Figures at the size trained on, where that is smaller than 64 px.
        pictures: Block -> column -> a number for each picture of all sets, for paired comparisons.
        parameters: Of the network.
        gmac: Multiplications with addition at 256 px, in thousands of millions.
        file_bytes: Of the exported file.
        milliseconds: Of one 256-px inference on one core.
        sha256: Of the exported file.
        curve: Some points of the training log.
        dev: Every measurement of dev.
        verdicts: Verdicts of the collapse detector, in order.
        strip: The sample pictures, a file beside this one.
        epochs: Samples and strip of kept weights, in order.
        note: Anything a reader must know.
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
    """The verdicts that are a collapse: those after a first healthy one.

    A generator that has hardly been trained may be as garish as a collapsed one.

    Args:
        result: An adversarial method's.
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


def write_result(folder: Path, result: Result) -> None:
    """Writes ``NAME.json``.

    Raises:
        LearnError: No room or no permission.
    """
    values = {key: _rounded(value) for key, value in dataclasses.asdict(result).items()}
    # One key a line: the long lists of a file stay out of each other's way.
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    write_whole(folder / f"{result.name}.json", text.encode())


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def read_result(path: Path) -> Result:
    """Reads one back.

    Raises:
        LearnError: Not one of these files.
    """
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise LearnError(
            f"{path}: not the result of a comparison ({error}).",
            advice="Delete it; `tintype compare` makes it again.",
        ) from None


def read_results(folder: Path) -> dict[str, Result]:
    """Every result of a folder by its name."""
    return {path.stem: read_result(path) for path in sorted(folder.glob("*.json"))}
