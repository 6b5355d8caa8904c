"""Tables of `claims_summary.py`: means over seeds, scenes beside animals, and CIFAR-10."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import markdown

from tintype.learn.compare.report_claims import NAZERI

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""97.5 % quantile of Student's distribution, by number of seeds."""
ARMS = {
    "l1": "L1",
    "l2": "L2",
    "ce": "cross-entropy",
    "ce-rebalanced": "cross-entropy, class weights",
}
CONTENTS = ("scenery", "animals")

Found = Mapping[str, Any]


def mean_over_seeds(values: Sequence[float]) -> tuple[float, float, float] | None:
    """The mean and its interval; the interval is infinite with one seed.

    Args:
        values: One for each seed, at most five; None is returned for none.
    """
    if not values:
        return None
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = STUDENT[len(values)] * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def shown(values: Sequence[float], digits: int = 2) -> str:
    """The mean, its interval if there are several seeds, and the number of seeds."""
    found = mean_over_seeds(values)
    if found is None:
        return ""
    mean, low, high = (f"{number:.{digits}f}" for number in found)
    return mean if len(values) < 2 else f"{mean} ({low} to {high})"


def copied(picture: Path, into: Path) -> str:
    """A picture of a run beside the summary; returns its name there."""
    name = f"claims-{picture.parent.name}-{picture.name}"
    shutil.copyfile(picture, into / name)
    return name


def content(found: Sequence[Found]) -> dict[str, Any]:
    """The errors by arm, content and seed, and whether animals are farther from the truth."""
    table: dict[str, dict[str, dict[str, Found]]] = {}
    for one in found:
        for name, scores in one["by_content"].items():
            table.setdefault(one["arm"], {}).setdefault(name, {})[str(one["seed"])] = scores
    return {"by_arm": table, "verdicts": {arm: worse(row) for arm, row in table.items()}}


def worse(row: Mapping[str, Mapping[str, Found]]) -> str:
    """Whether the colours of animals are worse than those of scenes, in every seed.

    Compared is the share of the error that is left of that of grey pictures.

    Args:
        row: Scores by content and seed.
    """
    scenery, animals = (row.get(name, {}) for name in CONTENTS)
    seeds = sorted(scenery.keys() & animals.keys())
    if len(seeds) < 3:
        return f"withheld: {len(seeds)} of 3 seeds"
    farther = [remaining(animals[seed]) > remaining(scenery[seed]) for seed in seeds]
    return "worse" if all(farther) else "undecided" if any(farther) else "not worse"


def remaining(scores: Found) -> float:
    """The error in ab over that of leaving the pictures grey."""
    return float(scores["ab"] / scores["grey_ab"])


def content_text(facts: Found) -> str:
    """The table of scenes beside animals; empty where nothing was measured."""
    if not facts["by_arm"]:
        return ""
    rows, pictures = [], {}
    for arm, row in facts["by_arm"].items():
        cells = []
        for name in CONTENTS:
            scores = list(row[name].values())
            pictures[name] = max(one["pictures"] for one in scores)
            cells.append(shown([remaining(one) for one in scores]))
            cells.append(shown([one["cf_ratio"] for one in scores]))
        rows.append([ARMS.get(arm, f"cDCGAN, {arm}"), *cells, facts["verdicts"][arm]])
    head = [
        "network",
        "scenery: error left",
        "scenery: colourfulness",
        "animals: error left",
        "animals: colourfulness",
        "animals are",
    ]
    return (
        "## Scenery and animals, as in figures 7 and 8\n\nAll networks have seen outdoor scenes "
        f"alone. Measured on up to {pictures['scenery']} scenes held out and "
        f"{pictures['animals']} animals. *Error left*: the distance in a and b over that of "
        "leaving the pictures grey; above 1 grey would be nearer. Colourfulness is relative to "
        "the truth's.\n\n" + markdown(head, rows)
    )


def cifar_text(found: Sequence[Found], runs: Path, into: Path) -> str:
    """Nazeri's figures beside ours; empty where the run is not done."""
    if not found:
        return ""
    (one,) = found
    titles = {
        "ab_mae": "mean absolute error in a and b",
        "accuracy_2": "accuracy at 2 %, a and b",
        "accuracy_2_code": "accuracy at 2 %, as in their code",
        "accuracy_5": "accuracy at 5 %, a and b",
        "accuracy_5_code": "accuracy at 5 %, as in their code",
    }
    rows = [
        [title, f"{one[key]:.1f}", str(NAZERI.get(key, "not given"))]
        for key, title in titles.items()
    ]
    (name,) = one["strips"].values()
    return (
        "## CIFAR-10\n\nThe cDCGAN at a quarter of its width, one seed, "
        f"{one['samples']:,} training samples of {one['photographs']:,} pictures (theirs: the "
        f"whole width, 200 epochs of 50,000), measured on {one['pictures']:,} of "
        "the test part. So the figures are not comparable with theirs; they say what a small "
        "network reaches.\n\n"
        + markdown(["", "ours", "Nazeri et al."], rows)
        + f"\n\n![CIFAR-10]({copied(runs / one['run'] / name, into)})"
    )
