"""What the bars for our own model say of a model: one page, made again by one command.

Colours, palettes, honesty, quality and hints on the evaluation sets, at 256 px through the engine;
temperatures fitted on dev; skin and what is neutral in the rectangles of regions.toml; damaged
pictures against their clean versions. What stands on the page below the last heading is kept.

    python benchmarks/own_model.py --data DATA ... --evaluation ZIP ... [--model FILE] [--limit 100]
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from old_photographs import damage_table, damaged, mount_table

from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.learn.compare.curves import Points, draw_curves
from tintype.learn.data.photos import open_photos
from tintype.learn.evaluate.distribution import (
    DistributionSample,
    certainty_rank,
    fit_temperature,
    honesty,
    predict,
)
from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.metrics import interval
from tintype.learn.evaluate.palettes import best_scores
from tintype.learn.evaluate.protocol import (
    Score,
    colorize,
    dev_squares,
    load_squares,
    score,
)
from tintype.learn.evaluate.regions import (
    NEUTRAL_CHROMA,
    SKIN,
    Marked,
    is_inside,
    looks_like_skin,
    measure_marked,
    read_marked,
    read_regions,
    regions_to_markdown,
    skin_bands,
)
from tintype.learn.recipe import read_recipe

HERE = Path(__file__).parent
PAGE = HERE / "own_model.md"
LAST = "## What is missed, and why\n"
MOUNTS = """The same pictures in an even grey mount, which has no colour: what the card is painted
(a colour is a chroma of 12 and more), and how far the rest is from what it is without it."""
CROWDS = (1, 2, 3, 4, 6, 8)
PALETTES = 5
DEV = 200  # photographs of each group
HINTS = (1, 5, 20)
TOLD = "ΔE2000 when hint_count"
OLD_PRINTS = {"sepia": 2.5, "faded": 4.0}
"""Damages after which the colours stay the same within so much, in CIEDE2000."""
NORMAL = Settings(quality="normal")
CURVES = HERE / "own_model_hints.png"
Squares = Mapping[str, Sequence[NDArray[np.uint8]]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bar:
    """A line of the table; `met` is None where no bar is set."""

    what: str
    group: str
    figure: str
    bar: str = ""
    met: bool | None = None


def shown(figure: Figure, digits: int = 1, unit: str = "") -> str:
    value, low, high = (f"{part:.{digits}f}" for part in figure)
    return f"{value}{unit} ({low} to {high})"


def mean(values: Floats) -> Figure:
    return (float(values.mean()), *interval(values))


def nearer(before: Floats, after: Floats, rounds: int = 1000) -> Figure:
    """By how many percent the mean has fallen, on the same pictures, resampled in pairs."""
    rows = np.random.default_rng(0).integers(0, len(before), (rounds, len(before)))
    fallen = 100 * (1 - after[rows].mean(axis=1) / before[rows].mean(axis=1))
    low, high = np.percentile(fallen, [2.5, 97.5])
    return float(100 * (1 - after.mean() / before.mean())), float(low), float(high)


def delta_e(scores: Sequence[Score]) -> Floats:
    return np.array([one.delta_e for one in scores])


def scored(
    engine: Engine,
    pictures: Sequence[NDArray[np.uint8]],
    pool: ThreadPoolExecutor,
    settings: Settings,
    hint_count: int = 0,
) -> list[Score]:
    rendered = colorize(engine, pictures, settings, pool, hint_count=hint_count)
    return [score(*pair) for pair in zip(rendered, pictures, strict=True)]


def color_bars(engine: Engine, squares: Squares) -> tuple[list[Bar], Mapping[str, Points]]:
    """Palettes and hints, and the curve of each set: distance from the truth by number of hints."""
    bars = []
    curves: dict[str, list[tuple[float, float]]] = {}
    with ThreadPoolExecutor(1) as pool:
        for group, pictures in squares.items():
            single = scored(engine, pictures, pool, Settings())
            best = best_scores(engine, pictures, Settings(palettes=PALETTES), pool)
            fallen = nearer(delta_e(single), delta_e(best))
            what = f"best of {PALETTES} palettes, nearer in ΔE2000"
            bars.append(Bar(what, group, shown(fallen, 1, " %"), "at least 15 %", fallen[0] >= 15))
            bars.append(Bar(f"{TOLD} no colour", group, shown(mean(delta_e(single)), 2)))
            curves[group] = [(0, float(delta_e(single).mean()))]
            fewer = single
            for hint_count in HINTS:
                more = scored(engine, pictures, pool, Settings(), hint_count)
                fallen = nearer(delta_e(fewer), delta_e(more))
                figure = f"{shown(mean(delta_e(more)), 2)}, {shown(fallen, 1, ' %')} nearer"
                what = f"{TOLD} {hint_count} true colour{'s' * (hint_count > 1)}"
                bars.append(Bar(what, group, figure, "nearer than with fewer", fallen[1] > 0))
                curves[group].append((hint_count, float(delta_e(more).mean())))
                fewer = more
    return bars, curves


def single_bars(engine: Engine, squares: Squares) -> list[Bar]:
    """Quality of the single prediction: cheap, so measured on more pictures than the others."""
    bars = []
    with ThreadPoolExecutor(1) as pool:
        for group, pictures in squares.items():
            usual = scored(engine, pictures, pool, Settings())
            normal = scored(engine, pictures, pool, NORMAL)
            bars += _of_single(f"{group}, {len(pictures)}", usual, normal)
    return bars


def _of_single(group: str, usual: Sequence[Score], normal: Sequence[Score]) -> list[Bar]:
    bars = []
    for how, scores in (("", usual), (", normal quality", normal)):
        color = np.array([[one.colorfulness, one.true_colorfulness] for one in scores])
        ratio = float(color[:, 0].mean() / color[:, 1].mean())
        met = 0.9 <= ratio <= 1.1
        what = f"colourfulness, of the truth's{how}"
        bars += [
            Bar(what, group, f"{ratio:.2f}", "0.9 to 1.1", met),
            Bar(f"ΔE2000 of the single answer{how}", group, shown(mean(delta_e(scores)), 2)),
        ]
    fallen = nearer(delta_e(normal), delta_e(usual))
    what = "high quality, nearer in ΔE2000 than normal"
    return [*bars, Bar(what, group, shown(fallen, 1, " %"), "above 0", fallen[1] > 0)]


def honesty_bars(bundle: Bundle, squares: Squares, dev: Squares) -> list[Bar]:
    """Of the distribution that people are shown, the mean of high quality."""

    def predict_high(pictures: Sequence[NDArray[np.uint8]]) -> list[DistributionSample]:
        return predict(bundle, pictures, threads=1, quality="high")

    on_dev = [sample for some in dev.values() for sample in predict_high(some)]
    sharp, soft = fit_temperature(on_dev), fit_temperature(on_dev, neighbors=5)
    bars = []
    for group, samples in {
        "dev": on_dev,
        **{group: predict_high(some) for group, some in squares.items()},
    }.items():
        place = f"{group}, {len(samples)}"
        for how, temperature in (("as it is shown", 1.0), (f"T = {sharp:.2f}", sharp)):
            found = honesty(samples, temperature)
            error, coverage = found["calibration_bins"], found["coverage"]
            inside = 88 <= coverage[0] <= 92
            over_bins = f"calibration error over bins, {how}"
            sets = f"90 % sets hold the truth, {how}"
            bars += [
                Bar(over_bins, place, shown(error, 1, " %"), "below 3 %", error[0] < 3),
                Bar(sets, place, shown(coverage, 1, " %"), "88 to 92 %", inside),
            ]
        disc = honesty(samples, soft)["calibration"]
        within = f"calibration error within 10 ab units, T = {soft:.2f}"
        rank = certainty_rank(samples, bundle.card)
        bars += [
            Bar(within, place, shown(disc, 1, " %"), "below 3 %", disc[0] < 3),
            Bar("rank of entropy with error", place, shown(rank, 2), "above 0", rank[1] > 0),
        ]
    return bars


def region_bars(engine: Engine, marked: Sequence[Marked]) -> tuple[list[Bar], str]:
    """The bars, and the tables behind them."""
    seen = measure_marked(engine, marked)
    verdicts = [is_inside(band) for band in skin_bands(seen).values()]
    neutral: dict[str, list[float]] = {}
    for one in seen:
        if one.kind != SKIN:
            neutral.setdefault(one.kind, []).append(one.predicted[1])
    chroma = float(np.median(np.concatenate(list(neutral.values()))))
    low = sum(np.median(kind) < NEUTRAL_CHROMA for kind in neutral.values())
    rows = []
    for which, name in enumerate(("hue", "chroma")):
        good = sum(verdict[which] for verdict in verdicts)
        figure, met = f"{good} of {len(verdicts)} bands of lightness", good == len(verdicts)
        rows.append(Bar(f"skin's {name} within the truth's middle half", "dev", figure, "all", met))
    met = chroma < NEUTRAL_CHROMA
    rows.append(Bar("median chroma of what is neutral", "dev", f"{chroma:.1f}", "below 6", met))
    figure, met = f"{low} of {len(neutral)} kinds", low == len(neutral)
    rows.append(Bar("kinds of neutral things below 6", "dev", figure, "all", met))
    return rows, regions_to_markdown(seen)


def old_print_bars(found: Mapping[str, Floats]) -> list[Bar]:
    """How far the colours of a toned and of a faded print are from the clean one's."""
    bars = []
    for name, bound in OLD_PRINTS.items():
        figure = mean(found[name][:, 1])
        pictures = f"both sets, {len(found[name])}"
        what = f"ΔE2000 of a {name} print from the clean one"
        bars.append(Bar(what, pictures, shown(figure), f"below {bound}", figure[0] < bound))
    return bars


def small_faces(engine: Engine, marked: Sequence[Marked], side: int) -> str:
    """A table: the marked skin in walls of more and more copies of its photograph."""
    kept = [
        one._replace(regions=tuple(region for region in one.regions if region.kind == SKIN))
        for one in marked
    ]
    skin = [one for one in kept if one.regions]
    lines = [
        "| copies | height at the network's size, px | hue | chroma | of the truth's "
        "| painted as skin, % | normal quality, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for copies in CROWDS:
        seen = measure_marked(engine, skin, copies=copies)
        once = measure_marked(engine, skin, copies=copies, settings=NORMAL)
        height = side * np.median([one.share for one in seen])
        hue, chroma = np.median([one.predicted for one in seen], axis=0)
        ratio = np.median([one.predicted[1] / one.true[1] for one in seen])
        like, like_once = (
            100 * np.mean([looks_like_skin(one) for one in some]) for some in (seen, once)
        )
        lines.append(
            f"| {copies} x {copies} | {height:.0f} | {hue:.0f}° | {chroma:.0f} | {ratio:.2f} "
            f"| {like:.0f} | {like_once:.0f} |"
        )
    return "\n".join(lines)


def table(bars: Sequence[Bar]) -> str:
    lines = ["| what | set | figure | bar | met |", "|---|---|---|---|---|"]
    for one in bars:
        met = {None: "", True: "yes", False: "**no**"}[one.met]
        lines.append(f"| {one.what} | {one.group} | {one.figure} | {one.bar} | {met} |")
    return "\n".join(lines)


def page(
    bundle: Bundle,
    bars: Sequence[Bar],
    regions: str,
    faces: str,
    damages: str,
    *,
    limit: int,
    minutes: float,
) -> str:
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else LAST
    return f"""# Our own model against its bars

{bundle.name} {bundle.card.version}, at its default settings. Made with

    python benchmarks/own_model.py --data DATA ... --evaluation ZIP ... --limit {limit}

on at most {limit} pictures of each set, spread evenly over it, for the damages a fifth of them, for
the single answer, calibration and sets of colours all; {minutes:.0f} minutes of one core. Brackets
are 95 % bootstrap intervals over the pictures; "nearer" is in pairs, on the same pictures. A bar is
met where the figure itself meets it; "above 0" and "nearer" ask it of the whole interval.

{table(bars)}

The best of five palettes is chosen by knowing the truth. Hints are the true colours of 5 x 5 pixels
at random places. Calibration and sets are at vividness 0: as the distribution is shown to people,
and at temperatures fitted on dev ([decision 27](../docs/adr/0027-calibration-over-whole-bins.md),
[31](../docs/adr/0031-calibrate-the-shown-distribution.md)); the rank is Spearman's, the error that
of the default answer.

## What hints are worth

![distance from the truth against the number of true colours hint_count]({CURVES.name})

## Skin, and what is neutral

Medians over the rectangles of regions.toml, on photographs of dev, coloured whole.

{regions.strip()}

## Small faces

The rectangles of skin again, each photograph one of a wall of copies of itself that is coloured
as one picture. The height is the median rectangle's, a forehead or a cheek; the faces are four to
eight times as high. Painted as skin is a chroma of 12 and more at a hue from 25 to 80 degrees,
where the true skin of 69 of the 72 lies. A wall of tiles is no crowd: all of it repeats, and
nothing but its tiles tells that they show people, so this is harsher than a photograph.

{faces}

## Damaged against clean

{damages}

{LAST}{old.partition(LAST)[2]}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--evaluation", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    options = parser.parse_args()
    bundle = load_bundle(options.model)
    engine = Engine(bundle, threads=1)
    squares = load_squares(options.evaluation, size=256, limit=options.limit)
    recipe = read_recipe(HERE.parent / "recipes" / "own.toml").data
    photos = open_photos(options.data, recipe, cache=options.cache)
    dev = dev_squares(photos, size=256, limit=DEV)
    every = load_squares(options.evaluation, size=256)
    colorful, curves = color_bars(engine, squares)
    draw_curves(CURVES, curves, x="true colours hint_count", y="CIEDE2000")
    bars = single_bars(engine, every) + colorful + honesty_bars(bundle, every, dev)
    marked = read_marked(read_regions(HERE / "regions.toml"), options.data)
    regional, regions = region_bars(engine, marked)
    faces = small_faces(engine, marked, bundle.card.sizes["normal"])
    some = [one for group in squares.values() for one in group[::5]]
    old = damaged(engine, some)
    bars += regional + old_print_bars(old)
    damages = f"{damage_table(old)}\n\n{MOUNTS}\n\n{mount_table(engine, some)}"
    minutes = time.process_time() / 60
    text = page(bundle, bars, regions, faces, damages, limit=options.limit, minutes=minutes)
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
