"""The tables of the page: a row per method, with the best values in bold."""

from collections.abc import Mapping, Sequence

from tintype.learn.compare.results import DEMONSTRATION, EVERYTHING, Result
from tintype.learn.compare.seeds import seeds_of
from tintype.learn.compare.untrained_rows import OTHERS
from tintype.learn.evaluate.figures import FIGURES, Figure
from tintype.learn.recipe import Recipe

MISSING = "not trained yet"
UNMEASURED = "not measured yet"
HEAD = ("cf_ratio", "ab_mae", "ab_rmse", "delta_e", "auc", "auc_rebalanced", "psnr", "ssim")
TAIL = (
    "cf_difference",
    "cf_differences",
    "accuracy_2",
    "accuracy_5",
    "accuracy_2_code",
    "accuracy_5_code",
)
_TITLES = {"grey-input": "grey input", "ground-truth": "ground truth"}
_DISTRIBUTION_COLUMNS = {
    "nll": "NLL (nats)",
    "calibration": "calibration error (%)",
    "calibration_bins": "over bins (%)",
    "coverage": "coverage (%)",
}


def row_names(recipes: Sequence[Recipe]) -> list[str]:
    """The names of all rows: bounds, our own model, the recipes, methods with user input."""
    bounds, helped = OTHERS[:3], OTHERS[3:]
    named = (recipe.name for recipe in recipes if recipe.name != DEMONSTRATION)
    return [*bounds, *named, *helped]


def title(name: str, results: Mapping[str, Result]) -> str:
    """The title of a row, with a mark if it is not automatic."""
    shown = _TITLES.get(name, name)
    if name in results and results[name].kind == "not automatic":
        return f"{shown} (not automatic)"
    return shown


def absent(name: str) -> str:
    """The cell of a row without a result."""
    return UNMEASURED if name in OTHERS else MISSING


def table(
    names: Sequence[str],
    results: Mapping[str, Result],
    block: str,
    figures: Sequence[str],
    *,
    group: str = EVERYTHING,
) -> str:
    """A table of figures in one block.

    Args:
        names: The rows.
        results: Results by name; rows without a result are marked.
        block: ``published`` or ``equal``.
        figures: The columns; keys of `FIGURES`.
        group: The evaluation set, or the union of all.
    """
    best = {figure: _best(names, results, block, figure, group) for figure in figures}
    rows = []
    for name in names:
        result = results.get(name)
        if result is None:
            rows.append([title(name, results), absent(name), *[""] * (len(figures) - 1)])
            continue
        if result.kind == "classifier":
            continue
        found = (result.published if block == "published" else result.equal).get(group)
        if found is None:
            if result.kind != "bound":
                why = "no factor makes it colourful enough"
                rows.append([title(name, results), why, *[""] * (len(figures) - 1)])
            continue
        cells = [_cell(figure, found[figure]) for figure in figures]
        if block == "equal":
            cells = [
                f"**{cell}**" if name == best[figure] else cell
                for figure, cell in zip(figures, cells, strict=True)
            ]
        rows.append([title(name, results), *cells])
    return markdown(["method", *(FIGURES[figure].title for figure in figures)], rows)


def _best(
    names: Sequence[str], results: Mapping[str, Result], block: str, figure: str, group: str
) -> str | None:
    better = FIGURES[figure].better
    if better == "one":
        return None
    found = {
        name: getattr(results[name], block)[group][figure][0]
        for name in names
        if name in results
        and results[name].kind in ("method", "own")
        and group in getattr(results[name], block)
    }
    if len(found) < 2:
        return None
    return (min if better == "low" else max)(found, key=lambda name: found[name])


def _cell(figure: str, found: Figure) -> str:
    value, low, high = (f"{number:.{FIGURES[figure].digits}f}" for number in found)
    return value if low == high == value else f"{value} ({low}–{high})"


def over_seeds(names: Sequence[str], results: Mapping[str, Result]) -> str:
    """The mean and the range of each method over its seeds; empty if each has only one."""
    rows = []
    for name in names:
        seeds = [result for (result,) in seeds_of(results, name)]
        if len(seeds) < 2:
            continue
        cells = [_range([s.published[EVERYTHING]["cf_ratio"][0] for s in seeds], "cf_ratio")]
        for figure in ("delta_e", "auc_rebalanced"):
            found = [s.equal[EVERYTHING][figure][0] for s in seeds if EVERYTHING in s.equal]
            cells.append(_range(found, figure) if len(found) == len(seeds) else "")
        rows.append([title(name, results), str(len(seeds)), *cells])
    if not rows:
        return ""
    head = ["method", "seeds", "CF ratio (i)", "ΔE2000 (ii)", "AuC rebal. (ii)"]
    return (
        "## Over seeds\n\nThe mean over runs with different random numbers, and their range. The "
        "other tables show the first seed.\n\n" + markdown(head, rows)
    )


def _range(values: Sequence[float], figure: str) -> str:
    digits = FIGURES[figure].digits
    mean, low, high = sum(values) / len(values), min(values), max(values)
    return f"{mean:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def per_set(names: Sequence[str], results: Mapping[str, Result]) -> str:
    """Both blocks for each evaluation set, if there are several."""
    groups = sorted(
        {group for r in results.values() for group in r.published if group != EVERYTHING}
    )
    if len(groups) < 2:
        return ""
    some = ("cf_ratio", "ab_mae", "delta_e", "auc_rebalanced", "psnr")
    parts = ["## Results by set"]
    for group in groups:
        for block, heading in (("published", "block (i)"), ("equal", "block (ii)")):
            parts.append(f"### {group}, {heading}")
            parts.append(table(names, results, block, some, group=group))
    return "\n\n".join(parts)


def distributions(names: Sequence[str], results: Mapping[str, Result]) -> str:
    """Likelihood, calibration and coverage of methods that predict a distribution."""
    rows = []
    for name in names:
        result = results.get(name)
        if result is None or EVERYTHING not in result.distribution:
            continue
        found = result.distribution[EVERYTHING]
        cells = [
            "{:.2f} ({:.2f}–{:.2f})".format(*found[key]) if key in found else ""
            for key in _DISTRIBUTION_COLUMNS
        ]
        rows.append([name, f"{result.temperature:.2f}", *cells])
    text = (
        "## Calibration of the distribution\n\nFor methods that predict a distribution over the "
        "313 colours, at vividness 0 with one temperature fitted on dev. Calibration error: the "
        "difference between the mass within 10 ab units of the mode and the frequency with which "
        "the truth lies there. Over bins: the same for whole bins (empty where it was not "
        "measured). Coverage: how often the smallest set of colours with 90 % of the mass contains "
        "the true one; 90 is ideal."
    )
    if not rows:
        return f"{text}\n\nNone has been measured yet."
    return f"{text}\n\n{markdown(['method', 'temperature', *_DISTRIBUTION_COLUMNS.values()], rows)}"


def perceptual(names: Sequence[str], results: Mapping[str, Result]) -> str:
    """A table of perceptual metrics, if their networks were installed."""
    text = "## LPIPS, KID and FID"
    blocks = {"published": "Block (i), as published", "equal": "Block (ii), equally colourful"}
    measured = [r for r in results.values() if r.perceptual]
    if not measured:
        return (
            f"{text}\n\nNot measured: their networks were not installed "
            "([how](how-to/compare.md#lpips-kid-and-fid))."
        )
    without = [
        name
        for name in names
        if name in results and results[name].published and not results[name].perceptual
    ]
    parts = [
        f"{text}\n\nAll pictures; lower is better. KID does not have the bias of FID with few "
        "pictures. Both only rank these rows and cannot be compared with published "
        "values. FID has no interval."
    ]
    if without:
        parts.append(
            f"Not measured for {', '.join(without)}: they were scored before the networks were "
            "installed."
        )
    for block, heading in blocks.items():
        parts.append(f"{heading}:\n\n{_perceptual_table(names, results, block)}")
    return "\n\n".join(parts)


def _perceptual_table(names: Sequence[str], results: Mapping[str, Result], block: str) -> str:
    found = {
        name: results[name].perceptual[block]
        for name in names
        if name in results and block in results[name].perceptual
    }
    metrics = list(dict.fromkeys(metric for figures in found.values() for metric in figures))
    # The truth has distance 0 from itself, and the grey is not a method.
    judged = [name for name in found if results[name].kind in ("method", "own")]
    best = {
        metric: min(
            ((found[name][metric][0], name) for name in judged if metric in found[name]),
            default=(0.0, ""),
        )[1]
        for metric in metrics
    }
    rows = []
    for name, figures in found.items():
        cells = [
            _perceptual_cell(metric, figures[metric]) if metric in figures else ""
            for metric in metrics
        ]
        if block == "equal":
            cells = [
                f"**{cell}**" if best.get(metric) == name else cell
                for metric, cell in zip(metrics, cells, strict=True)
            ]
        rows.append([title(name, results), *cells])
    return markdown(["method", *metrics], rows)


def _perceptual_cell(metric: str, figure: Figure) -> str:
    digits = 3 if metric.startswith("LPIPS") else 1
    value, low, high = (f"{number:.{digits}f}" for number in figure)
    return value if low == high == value else f"{value} ({low}–{high})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
