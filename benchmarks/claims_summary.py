"""The summary of `claims.py`: a table for each experiment, and the runs that are missing.

Intervals are Student's, of the mean over seeds, at 95 %. A verdict needs three seeds that agree.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from measuring import markdown

from tintype.learn.compare.curves import draw_curves
from tintype.learn.compare.report_claims import PLAYS
from tintype.learn.recipe import Recipe
from tintype.learn.train.checkpoint import write_whole

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""97.5 % quantile of Student's distribution, by number of seeds."""
ARMS = {
    "l1": "L1",
    "l2": "L2",
    "ce": "cross-entropy",
    "ce-rebalanced": "cross-entropy, class weights",
}
FIGURES = ((10, 20, 30), (15, 18, 21))
"""Epochs of the report's figures 10 and 11."""
SHOWN = ("lambda-3-l1", "lambda-3-l2-plateau")
"""The system of the report and its improved one, in the arms of the grid."""

Rows = Sequence[Mapping[str, Any]]
Found = Mapping[str, Any]
Curve = tuple[np.ndarray, np.ndarray]


class Task(Protocol):
    """What the summary needs of a run; see `claims.Task`."""

    experiment: str
    arm: str
    recipe: Recipe

    @property
    def name(self) -> str: ...

    def result(self, runs: Path) -> Path: ...


def write_summary(tasks: Sequence[Task], runs: Path, into: Path) -> None:
    """Writes claims.md, claims.json and their pictures from the runs that are done.

    Args:
        tasks: All runs, done or not.
        runs: Folder of the runs.
        into: Folder of the summary.
    """
    into.mkdir(parents=True, exist_ok=True)
    found = [read(task, runs) for task in tasks if task.result(runs).exists()]
    missing = [task.name for task in tasks if not task.result(runs).exists()]
    facts = {
        "vibrancy": vibrancy(of(found, "vibrancy")),
        "collapse": collapse(of(found, "collapse")),
        "pretraining": pretraining(of(found, "pretraining")),
        "missing": missing,
    }
    parts = [
        "# The claims of the report at a small scale",
        f"{len(found)} of {len(tasks)} runs are done. "
        "Intervals are 95 % intervals of the mean over seeds.",
        vibrancy_text(facts["vibrancy"], of(found, "vibrancy")),
        losses_text(of(found, "vibrancy"), runs, into),
        collapse_text(facts["collapse"], of(found, "collapse")),
        epochs_text(of(found, "collapse"), runs, into),
        pretraining_text(facts["pretraining"], of(found, "pretraining"), into),
        "## Runs that are missing\n\n" + ("; ".join(missing) + "." if missing else "None."),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    write_whole(into / "claims.md", text.encode())
    write_whole(into / "claims.json", (json.dumps(facts, indent=1) + "\n").encode())


def read(task: Task, runs: Path) -> dict[str, Any]:
    """The result of a run, with the name of its folder."""
    found: dict[str, Any] = json.loads(task.result(runs).read_text(encoding="utf-8"))
    return found | {"run": task.recipe.name}


def of(found: Rows, experiment: str) -> list[Found]:
    return [one for one in found if one["experiment"] == experiment]


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


def vibrancy(found: Rows) -> dict[str, Any]:
    """Colourfulness over the truth's, by loss and temperature, a value for each seed."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for one in found:
        for temperature, scores in one["by_temperature"].items():
            row = table.setdefault(f"{one['arm']}|{temperature}", {})
            row[str(one["seed"])] = scores
    return {"by_arm": table, "verdicts": vibrancy_verdicts(table)}


def vibrancy_verdicts(table: Mapping[str, Mapping[str, Found]]) -> dict[str, str]:
    """Whether cross-entropy is more colourful than L1 and L2, in every seed that has all three."""
    verdicts = {}
    for key, row in table.items():
        if not key.startswith("ce"):
            continue
        others = [table.get(f"{loss}|", {}) for loss in ("l1", "l2")]
        seeds = [seed for seed in row if all(seed in other for other in others)]
        more = [
            row[seed]["cf_ratio"] > max(other[seed]["cf_ratio"] for other in others)
            for seed in seeds
        ]
        less = [
            row[seed]["cf_ratio"] < min(other[seed]["cf_ratio"] for other in others)
            for seed in seeds
        ]
        agreed = "more" if all(more) else "less" if all(less) else "undecided"
        verdicts[key] = agreed if len(seeds) >= 3 else f"withheld: {len(seeds)} of 3 seeds"
    return verdicts


def vibrancy_text(facts: Found, found: Rows) -> str:
    if not found:
        return ""
    rows = []
    for arm, title in ARMS.items():
        keys = [key for key in facts["by_arm"] if key.split("|")[0] == arm]
        for key in sorted(keys, reverse=True):
            row = facts["by_arm"][key]
            columns = {
                name: [scores[name] for scores in row.values()]
                for name in ("cf_ratio", "ab", "delta_e")
            }
            each = ", ".join(f"{value:.2f}" for value in columns["cf_ratio"])
            rows.append(
                [
                    title,
                    key.split("|")[1],
                    shown(columns["cf_ratio"]),
                    each,
                    shown(columns["ab"], 1),
                    shown(columns["delta_e"], 1),
                    facts["verdicts"].get(key, ""),
                ]
            )
    head = ["loss", "T", "colourfulness", "each seed", "ab", "ΔE2000", "than L1 and L2"]
    photographs = sorted({one["samples"] for one in found})
    return (
        "## Vibrancy: L1, L2 and cross-entropy\n\nColourfulness (Hasler and Süsstrunk) of "
        f"{found[0]['pictures']} held-out pictures, relative to the truth's; "
        f"{listed(photographs)} training samples a run. At T = 1 a distribution is decoded to its "
        "mean. A lower T sharpens it, and without class weights sharpens it towards the most "
        "frequent colours, which are greys.\n\n" + markdown(head, rows)
    )


def listed(numbers: Sequence[int]) -> str:
    return " or ".join(f"{number:,}" for number in numbers)


def collapse(found: Rows) -> dict[str, Any]:
    """The epoch of the first collapse by arm and seed, with what the discriminator did."""
    keys = ("first_collapse", "epochs", "accuracy", "cuts", "reasons", "collapsed")
    table: dict[str, dict[str, Found]] = {}
    for one in found:
        table.setdefault(one["arm"], {})[str(one["seed"])] = {key: one[key] for key in keys}
    return table


def collapse_text(facts: Found, found: Rows) -> str:
    if not found:
        return ""
    rows = []
    for arm, seeds in facts.items():
        # "lambda-3-l1-plateau"
        weight, distance, *plateau = arm.removeprefix("lambda-").split("-")
        epochs = [one["first_collapse"] for one in seeds.values()]
        accuracies = [one["accuracy"] for one in seeds.values()]
        plays = sum(PLAYS[0] <= accuracy <= PLAYS[1] for accuracy in accuracies)
        rows.append(
            [
                weight,
                distance.upper() + (" + plateau" if plateau else ""),
                f"{sum(epoch is not None for epoch in epochs)} of {len(epochs)}",
                ", ".join("none" if epoch is None else str(epoch) for epoch in epochs),
                shown(accuracies),
                f"{plays} of {len(accuracies)}",
                ", ".join(str(one["cuts"]) for one in seeds.values()),
            ]
        )
    head = ["λ", "distance", "collapsed", "first epoch", "accuracy", "plays", "cuts of the rate"]
    one = found[0]
    return (
        f"## Collapse: λ, distance and plateau\n\n{one['epochs']} epochs of {one['photographs']} "
        "photographs. *First epoch*: of the first collapse, by seed. *Accuracy*: of the "
        "discriminator on held-out pictures, over the second half. It *plays* between "
        f"{PLAYS[0]} and {PLAYS[1]}.\n\n" + markdown(head, rows)
    )


def losses_text(found: Rows, runs: Path, into: Path) -> str:
    """The same pictures by every loss, by the first seed that is done."""
    rows = []
    for arm, title in ARMS.items():
        one = next((one for one in found if one["arm"] == arm), None)
        if one is not None:
            (name,) = one["strips"].values()
            rows.append([title, f"![{arm}]({copied(runs / one['run'] / name, into)})"])
    return markdown(["loss", "pictures"], rows) if rows else ""


def epochs_text(found: Rows, runs: Path, into: Path) -> str:
    """Figures 10 and 11 of the report: pictures by epoch, the first seed that is done."""
    parts = []
    for arm, epochs in zip(SHOWN, FIGURES, strict=True):
        one = next((one for one in found if one["arm"] == arm), None)
        if one is None:
            continue
        strips = {
            round(int(samples) / one["photographs"]): name
            for samples, name in one["strips"].items()
        }
        rows = [
            [str(epoch), f"![epoch {epoch}]({copied(runs / one['run'] / strips[epoch], into)})"]
            for epoch in epochs
            if epoch in strips
        ]
        if rows:
            title = f"**{arm}**, seed {one['seed']}"
            parts.append(f"{title}\n\n{markdown(['epoch', 'pictures'], rows)}")
    heading = "### Pictures by epoch, as in figures 10 and 11\n\n"
    return heading + "\n\n".join(parts) if parts else ""


def copied(picture: Path, into: Path) -> str:
    """A picture of a run beside the summary; returns its name there."""
    name = f"claims-{picture.parent.name}-{picture.name}"
    shutil.copyfile(picture, into / name)
    return name


def pretraining(found: Rows) -> dict[str, Any]:
    """The accuracy of the classifier, and for each seed where the curves of a pair cross."""
    classifier = next((one for one in found if one["arm"] == "classifier"), None)
    if classifier is None:
        return {}
    before = classifier["samples"] * classifier["seconds_per_photograph"]
    facts: dict[str, Any] = {
        "accuracy": classifier["dev"][-1]["dev_accuracy"],
        "classifier_seconds": before,
        "seeds": {},
    }
    for seed, (pretrained, scratch) in pairs(found).items():
        photographs = compare(curve(pretrained), curve(scratch))
        seconds = compare(timed(pretrained, before), timed(scratch))
        facts["seeds"][str(seed)] = {
            "lead_at_equal_photographs": photographs["lead"],
            "scratch_catches_up_at_photographs": photographs["ahead_until"],
            "ahead_from_seconds": seconds["ahead_from"],
            "compared_until_seconds": seconds["until"],
        }
    return facts


def pairs(found: Rows) -> dict[int, tuple[Found, Found]]:
    """The two runs of each seed that has both."""
    arms: dict[str, dict[int, Found]] = {"pretrained": {}, "scratch": {}}
    for one in found:
        if one["arm"] in arms:
            arms[one["arm"]][one["seed"]] = one
    both = sorted(arms["pretrained"].keys() & arms["scratch"].keys())
    return {seed: (arms["pretrained"][seed], arms["scratch"][seed]) for seed in both}


def curve(one: Found) -> Curve:
    """Loss on dev by photographs."""
    rows = one["dev"]
    return np.array([row["samples"] for row in rows]), np.array([row["dev_loss"] for row in rows])


def timed(one: Found, before: float = 0.0) -> Curve:
    """Loss on dev by seconds of one core, from the start of what precedes the run."""
    samples, loss = curve(one)
    return before + samples * one["seconds_per_photograph"], loss


def compare(first: Curve, second: Curve) -> dict[str, float | None]:
    """Where a curve is below another one, at the points of the first that the second covers.

    Args:
        first: Positions in ascending order, and losses.
        second: Likewise; interpolated between its points.

    Returns:
        ``lead``, the mean difference, positive where the first is lower; ``ahead_from``, the
        position from which the first is lower to the end, and ``ahead_until``, the position from
        which it is higher to the end, None where there is none; ``until``, the last position.
    """
    inside = (first[0] >= second[0][0]) & (first[0] <= second[0][-1])
    at = first[0][inside]
    if len(at) == 0:
        return {"lead": None, "ahead_from": None, "ahead_until": None, "until": None}
    lead = np.interp(at, *second) - first[1][inside]
    return {
        "lead": float(lead.mean()),
        "ahead_from": last_run(at, lead > 0),
        "ahead_until": last_run(at, lead < 0),
        "until": float(at[-1]),
    }


def last_run(at: np.ndarray, holds: np.ndarray) -> float | None:
    """The position from which something holds to the end; None if it does not hold there."""
    if not holds[-1]:
        return None
    fails = np.flatnonzero(~holds)
    return float(at[fails[-1] + 1] if len(fails) else at[0])


def pretraining_text(facts: Found, found: Rows, into: Path) -> str:
    if not facts:
        return ""
    text = (
        "## Pretraining on grey scenes\n\nThe classifier reaches a top-1 accuracy of "
        f"{facts['accuracy']:.1%} on held-out photographs in "
        f"{facts['classifier_seconds'] / 60:.0f} minutes of one core."
    )
    if not facts["seeds"]:
        return text
    rows = []
    for seed, one in facts["seeds"].items():
        crossing = minutes(one["ahead_from_seconds"])
        until = minutes(one["compared_until_seconds"])
        lead = one["lead_at_equal_photographs"]
        rows.append([seed, "" if lead is None else f"{lead:+.3f}", crossing, until])
    crossings = [one["ahead_from_seconds"] for one in facts["seeds"].values()]
    known = [seconds / 60 for seconds in crossings if seconds is not None]
    head = ["seed", "lead at equal photographs", "ahead in total time from", "compared until"]
    parts = [
        f"{text} Lead: how much lower the loss on dev is, on average. Total time includes the "
        "classifier.",
        markdown(head, rows),
        f"Crossing: {shown(known, 0)} minutes of total time, in {len(known)} of {len(crossings)} "
        "seeds."
        if known
        else "In total time the curves do not cross within these runs.",
    ]
    both = pairs(found)
    before = facts["classifier_seconds"]
    by_photographs, by_time = {}, {}
    for seed, (pretrained, scratch) in both.items():
        for name, one, start in (("pretrained", pretrained, before), ("scratch", scratch, 0.0)):
            by_photographs[f"{name}, seed {seed}"] = points(curve(one))
            seconds, loss = timed(one, start)
            by_time[f"{name}, seed {seed}"] = points((seconds / 60, loss))
    for name, lines, x in (
        ("claims-by-photographs.png", by_photographs, "training samples"),
        ("claims-by-time.png", by_time, "minutes of one core, the classifier included"),
    ):
        draw_curves(into / name, lines, x=x, y="loss on dev")
        parts.append(f"![{x}]({name})")
    return "\n\n".join(parts)


def points(line: Curve) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(*line, strict=True)]


def minutes(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds / 60:.0f} min"
