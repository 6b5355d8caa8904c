"""The page: everything on it is computed from the JSON files, nothing is typed in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tintype.learn.compare.claims import judge_claims
from tintype.learn.compare.curves import draw_curves
from tintype.learn.compare.results import DEMONSTRATION, Result, collapses, read_results
from tintype.learn.compare.tables import (
    HEAD,
    MISSING,
    TAIL,
    absent,
    distributions,
    markdown,
    per_set,
    perceptual,
    row_names,
    table,
    title,
)
from tintype.learn.models.registry import MODELS
from tintype.learn.recipe import Recipe
from tintype.learn.train.checkpoint import write_whole
from tintype.learn.train.objectives import objective_of

_SHORT_SECONDS = 20 * 60
_INTRO = """# Every method of the report, on the same photographs

Made by `tintype compare` from the files in the folder `reproduction`; nothing here is typed in but
for remarks on where a run took place.
[How to make it again](how-to/compare.md).

**What this is not.** All networks below were trained by us, from scratch unless their row says
otherwise, on far fewer photographs and for far less time than their authors trained theirs. None of
this speaks of the published weights of any paper, and no figure here is comparable with a published
one.
"""

_PROTOCOL = """## How it was measured

Each picture is scaled to a square of {size} px; its grey goes through the engine, as any photograph
does, and the result is compared with the true colours. Every network that is
trained here is run at the size it was trained at, the embedded one at the normal size of its
card, once. {pictures} Intervals are 95 % bootstrap intervals over pictures.

- **Block (i)**: each method as published: a distribution over colours is decoded by the annealed
  mean at T = 0.38, without weights beyond those of its training.
- **Block (ii)**: each method's chroma times one factor, found on dev, so that it is as colourful as
  the truth. "Best" means best here, in bold; otherwise any dull method wins.
- CF is the colourfulness of Hasler and Süsstrunk; its ratio is the mean of the set over the mean of
  the truth. ab-MAE and ab-RMSE are over a and b in CIELAB units. AuC is Zhang's, thresholds 0 to
  150; the rebalanced one weighs a pixel by how rare its true colour is in the training set.
- Accuracy counts pixels whose a and b are right within 2 or 5 % of their range; "code" asks for the
  lightness too, as Nazeri's code does, which a method that keeps the grey gets almost for nothing.
- A sepia picture has a better PSNR than most good colorizations: never the headline.
"""


def write_page(folder: Path, recipes: Sequence[Recipe]) -> Path:
    """Writes the page beside the folder of the results, and the curves into it.

    Args:
        folder: Of the JSON files.
        recipes: Every method there should be, in the order of the rows.

    Returns:
        The page.
    """
    results = read_results(folder)
    names = row_names(recipes)
    parts = [_INTRO, _protocol(results), _training(names, results, recipes)]
    parts.append("## Block (i): as published\n\n" + table(names, results, "published", HEAD))
    parts.append(table(names, results, "published", TAIL))
    parts.append("## Block (ii): equally colourful\n\n" + table(names, results, "equal", HEAD))
    parts.append(table(names, results, "equal", TAIL))
    parts.append(per_set(names, results))
    parts.append(distributions(names, results))
    parts.append(perceptual(names, results))
    parts.append(_claims(results))
    parts.append(_strips(names, results, folder))
    parts.append(_epochs(results, recipes, folder))
    parts.append(_on_purpose(results, folder))
    parts.append(_curves(results, folder))
    parts.append(_cards(results, recipes))
    page = folder.with_suffix(".md")
    write_whole(page, ("\n\n".join(part.strip() for part in parts if part) + "\n").encode())
    return page


def _protocol(results: Mapping[str, Result]) -> str:
    measured = {
        r.measured["sha256"]: r.measured for r in results.values() if r.measured and r.published
    }
    if not measured:
        return _PROTOCOL.format(size=256, pictures="Nothing is measured yet.")
    pictures = []
    for facts in measured.values():
        sets = ", ".join(f"{number} of {name}" for name, number in facts["sets"].items())
        pictures.append(f"{sets}; {facts['dev']} of dev for what is fitted")
    text = f"Pictures: {pictures[0]}."
    if len(pictures) > 1:
        text = (
            "**The rows were measured on different pictures** ("
            + " / ".join(pictures)
            + "); run the command again before comparing them."
        )
    data = {r.data_hash for r in results.values() if r.kind == "method"}
    if len(data) > 1:
        text += " **The methods were trained on different photographs.**"
    size = next(iter(measured.values()))["size"]
    return _PROTOCOL.format(size=size, pictures=text)


def _training(
    names: Sequence[str], results: Mapping[str, Result], recipes: Sequence[Recipe]
) -> str:
    rows = []
    for name in names:
        result = results.get(name)
        if result is None:
            rows.append([title(name, results), absent(name), *[""] * 8])
            continue
        if result.kind == "bound":
            continue
        seconds = f"{result.seconds / 60:.0f} min" if result.seconds else ""
        remarks = [result.note] if result.note else []
        if result.kind in ("method", "classifier") and result.seconds < _SHORT_SECONDS:
            remarks.append("**short run**")
        rows.append(
            [
                title(name, results),
                f"{result.samples:,}" if result.samples else "",
                seconds,
                result.device,
                "" if result.parameters is None else f"{result.parameters / 1e6:.2f}",
                "" if result.gmac is None else f"{result.gmac:.2f}",
                "" if result.file_bytes is None else f"{result.file_bytes / 1e6:.1f}",
                "" if result.milliseconds is None else f"{result.milliseconds:.0f}",
                "" if result.gain is None else f"{result.gain:.2f}",
                "; ".join(remarks),
            ]
        )
    head = [
        "method",
        "photographs seen",
        "training",
        "trained on",
        "parameters (M)",
        "GMAC",
        "file (MB)",
        "CPU ms",
        "factor (ii)",
        "remarks",
    ]
    text = (
        "## What was trained\n\nGMAC and milliseconds (one core, median) are for one 256-px "
        "picture. A run below 20 minutes is a short one."
    )
    short = [r for r in results.values() if r.kind == "method" and r.seconds < _SHORT_SECONDS]
    if short:
        text += f" {len(short)} of the runs here are short: read their rows as a beginning."
    if len({r.device for r in results.values() if r.kind == "method"}) > 1:
        text += (
            " **Not all were trained on the same machine or in the same precision**: equal minutes "
            "are not equal work, so look at the photographs seen."
        )
    missing = [r.name for r in recipes if r.name not in results and r.name != DEMONSTRATION]
    if missing:
        text += f" {len(missing)} of {len(recipes)} methods are {MISSING}."
    return f"{text}\n\n{markdown(head, rows)}"


def _claims(results: Mapping[str, Result]) -> str:
    rows = [[claim.text, f"**{claim.verdict}**", claim.figures] for claim in judge_claims(results)]
    return (
        "## The report's claims, one by one\n\n"
        "*Held*, *not held* and *undecided* (the interval has both signs in it) speak of these "
        "runs; what needs longer runs to show is *not observed at this scale*.\n\n"
        + markdown(["claim", "verdict", "our figures"], rows)
    )


def _strips(names: Sequence[str], results: Mapping[str, Result], folder: Path) -> str:
    rows = []
    for name in ("ground-truth", "grey-input", *names[2:]):
        result = results.get(name)
        if result is None:
            rows.append([title(name, results), absent(name)])
        elif result.strip:
            rows.append([title(name, results), f"![{name}]({folder.name}/{result.strip})"])
    return (
        "## The same photographs by every method\n\nThe report's figures 6 to 8 made again, as "
        "published (block (i)). None of these photographs was trained on; all of them may be given "
        "to anyone ([credits](reproduction/originals/CREDITS.md)).\n\n"
        + markdown(["method", "astronaut, cat, coffee, rocket"], rows)
    )


def _epochs(results: Mapping[str, Result], recipes: Sequence[Recipe], folder: Path) -> str:
    names = [
        recipe.name
        for recipe in recipes
        if objective_of(recipe).needs_discriminator and recipe.name != DEMONSTRATION
    ]
    parts = [
        "## The GANs on the way\n\nThe report's figures 10 and 11 made again: kept weights, from "
        "the beginning to the end of each run, before its improvement and after."
    ]
    kept = {name: results[name].epochs for name in names if name in results}
    beside = [name for name, found in kept.items() if found]
    # Before the improvement on the left, as the report has it.
    beside.sort(key=lambda name: name.endswith("improved"))
    rows = [
        [_epoch_cell(name, kept[name][place : place + 1], folder) for name in beside]
        for place in range(max((len(kept[name]) for name in beside), default=0))
    ]
    if rows:
        parts.append(markdown(beside, rows))
    for name in names:
        if name not in results:
            parts.append(f"**{name}**: {MISSING}.")
            continue
        without = "" if kept[name] else "No weights were kept on the way. "
        parts.append(f"**{name}**: {without}{_verdicts(results[name])}")
    return "\n\n".join(parts)


def _epoch_cell(name: str, found: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """What one generator made at one point; empty where it has no such point."""
    return "".join(
        f"{one['samples']:,} photographs<br>![{name}]({folder.name}/{one['strip']})"
        for one in found
    )


def _on_purpose(results: Mapping[str, Result], folder: Path) -> str:
    text = (
        "## A generator collapsed on purpose\n\nSo that one sees what a collapse looks like, and "
        "that it is noticed: the cDCGAN without the distance that holds it near the truth, at many "
        f"times the learning rate (`{DEMONSTRATION}.toml`)."
    )
    result = results.get(DEMONSTRATION)
    if result is None:
        return f"{text}\n\n{DEMONSTRATION}: {MISSING}."
    return f"{text} {_verdicts(result)}\n\n![{DEMONSTRATION}]({folder.name}/{result.strip})"


def _verdicts(result: Result) -> str:
    if not result.verdicts:
        return "The collapse detector was off."
    fallen = collapses(result)
    if not fallen:
        return f"The collapse detector ran {len(result.verdicts)} times and found none."
    first = fallen[0]
    why = first.get("reasons", "")
    return (
        f"The collapse detector ran {len(result.verdicts)} times and found a collapse "
        f"{len(fallen)} times, first at {first['samples']:,} photographs. {why}"
    ).strip()


def _curves(results: Mapping[str, Result], folder: Path) -> str:
    pair = ("rescnn-ce", "rescnn-ce-scratch")
    text = "## Learning curves: what classifier pretraining buys"
    lines = {name: results[name].dev for name in pair if name in results and results[name].dev}
    if not lines:
        return f"{text}\n\nrescnn-ce and rescnn-ce-scratch: {MISSING}."
    points = {
        name: [(row["samples"], row["dev_loss"]) for row in rows] for name, rows in lines.items()
    }
    draw_curves(folder / "curves.png", points, x="photographs seen", y="loss on dev")
    missing = "".join(f" {name}: {MISSING}." for name in pair if name not in lines)
    drawn = f"![curves]({folder.name}/curves.png)"
    return f"{text}\n\nLoss on dev by photographs seen.{missing}\n\n{drawn}"


def _cards(results: Mapping[str, Result], recipes: Sequence[Recipe]) -> str:
    rows = []
    for recipe in recipes:
        result, file = results.get(recipe.name), MODELS[recipe.model.kind]
        rows.append(
            [
                recipe.name,
                file.TITLE,
                file.PAPER,
                MISSING if result is None else f"`{result.recipe_hash[:16]}`",
                "" if result is None or not result.sha256 else f"`{result.sha256[:16]}`",
            ]
        )
    head = ["recipe", "what it is", "source", "recipe's hash", "model file's hash"]
    return (
        "## What each row is\n\nThe first 16 digits of each SHA-256; the whole ones, the recipe as "
        "trained and the log's points are in the JSON file of the row. Each exported model carries "
        "its card inside.\n\n" + markdown(head, rows)
    )
