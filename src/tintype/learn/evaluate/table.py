"""The table of scores: bounds, then each model by vividness, hints and palettes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tintype.engine.bundle import Bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Quality
from tintype.errors import UsageError
from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.palettes import best_of_palettes
from tintype.learn.evaluate.perceptual import PerceptualMetrics
from tintype.learn.evaluate.protocol import ScoreRow, bounds, evaluate


@dataclass(frozen=True, slots=True)
class Scoring:
    """Options for scoring models.

    Attributes:
        vividness: Values of tau; empty uses each model's default.
        hints: Numbers of points at which a model is given the true colour.
        palettes: Also score the best of this many palettes; None for no such row.
        quality: Quality setting of the engine.
        perceptual: Whether LPIPS, KID and FID are computed.
        threads: Number of pictures in parallel.
    """

    vividness: Sequence[float]
    hints: Sequence[int]
    palettes: int | None
    quality: Quality
    perceptual: bool
    threads: int


def score_models(
    bundles: Sequence[Bundle],
    squares: Mapping[str, Sequence[NDArray[np.uint8]]],
    scoring: Scoring,
    *,
    report: Callable[[str], None],
) -> list[ScoreRow]:
    """Scores models on every set.

    Args:
        bundles: The models.
        squares: Lists of (S, S, 3) truths by set.
        scoring: The options.
        report: Called with progress messages.

    Returns:
        The grey input and the truth of each set, then the rows of each model.

    Raises:
        UsageError: The networks behind LPIPS, KID and FID are missing.
        ModelError: A model does not accept hints, or has no distribution to derive palettes from.
    """
    perceptual_metrics = (
        {g: PerceptualMetrics(pictures) for g, pictures in squares.items()}
        if scoring.perceptual
        else {}
    )
    if scoring.perceptual and not any(one.names for one in perceptual_metrics.values()):
        raise UsageError(
            "The networks of LPIPS, KID and FID are not installed, or there are fewer than 3 "
            "pictures.",
            advice="See docs/how-to/compare.md, or leave out --perceptual.",
        )
    rows = bounds(squares, perceptual_metrics)
    for bundle in bundles:
        vividness = list(scoring.vividness) or [bundle.card.vividness]
        engine = Engine(bundle, threads=1)
        report(f"{bundle.name}: {sum(map(len, squares.values()))} pictures, vividness {vividness}")
        rows += evaluate(
            engine,
            squares,
            name=bundle.name,
            vividness=vividness,
            hints=scoring.hints,
            quality=scoring.quality,
            perceptual_metrics=perceptual_metrics,
            threads=scoring.threads,
        )
        if scoring.palettes:
            rows += best_of_palettes(
                engine,
                squares,
                name=bundle.name,
                count=scoring.palettes,
                quality=scoring.quality,
                threads=scoring.threads,
            )
    return rows


def rows_to_json(rows: Sequence[ScoreRow]) -> str:
    """The rows as a JSON list, with a final newline."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def is_rows(data: bytes) -> bool:
    """Whether a file was written with `rows_to_json`."""
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        return False
    names = {field.name for field in fields(ScoreRow)}
    return isinstance(rows, list) and all(isinstance(r, dict) and set(r) == names for r in rows)


def to_markdown(rows: Sequence[ScoreRow]) -> str:
    """The table, set by set."""
    names = list(dict.fromkeys(name for row in rows for name in row.perceptual))
    # The name of FID contains the number of pictures, which is a column of its own.
    more = [name.split(" (")[0] for name in names]
    titles = ["set", "method", "vividness", "pictures", "CF ratio", "PSNR", "ab distance"]
    titles += ["ΔE2000", "AuC", *dict.fromkeys(more)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for group in sorted({row.group for row in rows}):
        for row in (r for r in rows if r.group == group):
            tau = "" if row.vividness is None else f"{row.vividness:g}"
            ab = f"{row.ab:.2f} ({row.ab_interval[0]:.2f}–{row.ab_interval[1]:.2f})"
            low, high = row.delta_e_interval
            delta_e = f"{row.delta_e:.2f} ({low:.2f}–{high:.2f})"
            cells = [group, row.name, tau, str(row.pictures), f"{row.cf_ratio:.2f}"]
            cells += [f"{row.psnr:.2f}", ab, delta_e, f"{row.auc:.1f}"]
            figures = {name.split(" (")[0]: figure for name, figure in row.perceptual.items()}
            cells += [_figure(figures.get(title)) for title in dict.fromkeys(more)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ""
    value, low, high = figure
    digits = 3 if value < 1 else 1
    spread = "" if low == high else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{value:.{digits}f}{spread}"
