"""How often models' colours go wrong, by kind of failure, compared with how often the truth does.

Pictures of dev at 256 px, coloured through the engine and evaluated in 64 x 64 places. A colour has
a chroma of at least 12; brown is a hue from 40 to 95 degrees, green from 100 to 150, blue from 220
to 300, red from -20 to 40; neutral means a chroma below 6. A surface is a connected part of the
grey without an edge; an even surface has one colour in truth.
docs/explanation/where-it-goes-wrong.md explains the kinds. Every picture is coloured clean and
aged: as a red-blind emulsion would have recorded it, then softened, faded or darkened, with grain.
The first table has the figures with a target, the second one all figures of the clean pictures, or
with --old of the aged ones. Brackets are 95 % bootstrap intervals over pictures.

    python benchmarks/failures.py [MODEL ...] --data PACK ... [--old] [--limit 75]
        [--quality high] [--vividness 1] [--labels PATTERN ...] [--out FILE]

A model is a name or a file; the default is the embedded model. Of the packs only the held-out share
is used, and all of their sets `news` and `cfcnet`: at most --limit pictures of each group, the same
ones each time. FILE receives the tables as .md and the numbers as .json.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import (
    Columns,
    Model,
    Picture,
    columns_of,
    dev_pictures,
    markdown,
    mean,
    read_models,
    squares,
    write_results,
)
from numpy.typing import NDArray
from old_photographs import RED_BLIND, cell, dark, faded, grainy
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
from scipy.ndimage import label as connected

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.settings import Settings
from tintype.photo.photo import rgb_to_grey

Floats = NDArray[np.float64]
PLACES = 64
COLOR = 12.0
NEUTRAL = 6.0
EDGE = 2.5  # L a place
SURFACE = PLACES * PLACES // 64
EVEN = 4.0
SPOT = PLACES * PLACES // 400
CLEAN, AGED, TRUTH = "clean", "aged", "truth"
BROWN = "pictures whose colours are brown, four fifths and more, %"
MAROON = "pictures where a tenth of the dark neutral locations is red, %"
TWO_COLORS = "even surfaces in two colours, %"
SPOTS = "even surfaces with a saturated spot, %"


class Look:
    """One picture in 64 x 64 places."""

    def __init__(self, rgb_u8: NDArray[np.uint8]) -> None:
        lab = rgb01_to_lab(rgb_u8 / 255)
        step = len(lab) // PLACES
        lab = lab.reshape(PLACES, step, PLACES, step, 3).mean(axis=(1, 3))
        self.L, self.ab = lab[..., 0], lab[..., 1:]
        self.chroma = np.hypot(self.ab[..., 0], self.ab[..., 1])
        self.hue = np.degrees(np.arctan2(self.ab[..., 1], self.ab[..., 0]))

    def colored(self, low: float, high: float) -> NDArray[np.bool_]:
        """Where there is a colour of a hue between."""
        found: NDArray[np.bool_] = (self.chroma >= COLOR) & ((self.hue - low) % 360 < high - low)
        return found

    def brown(self) -> NDArray[np.bool_]:
        return self.colored(40, 95)

    def green(self) -> NDArray[np.bool_]:
        return self.colored(100, 150)

    def red(self) -> NDArray[np.bool_]:
        return self.colored(-20, 40)

    def blue(self) -> NDArray[np.bool_]:
        return self.colored(220, 300)


def surfaces(L: Floats) -> list[NDArray[np.bool_]]:
    parts, number_of = connected(gaussian_gradient_magnitude(L, 1) < EDGE)
    found = [parts == number for number in range(1, number_of + 1)]
    return [one for one in found if one.sum() >= SURFACE]


def spread(look: Look, parts: Sequence[NDArray[np.bool_]]) -> float:
    """How far colours lie from the mean of their surface, in ab; NaN without surfaces."""
    off = [np.hypot(*(look.ab[one] - look.ab[one].mean(axis=0)).T) for one in parts]
    return float(np.sqrt((np.concatenate(off) ** 2).mean())) if off else float("nan")


def with_spot(look: Look, parts: Sequence[NDArray[np.bool_]]) -> float:
    """Percent of surfaces with a spot whose chroma is 15 above their median."""
    found = []
    for one in parts:
        strong = one & (look.chroma > np.median(look.chroma[one]) + 15)
        sizes = np.bincount(connected(strong)[0].ravel())[1:]
        found.append(bool((sizes >= SPOT).any()))
    return 100 * float(np.mean(found)) if found else float("nan")


def in_two_colors(look: Look, parts: Sequence[NDArray[np.bool_]]) -> float:
    """Percent of surfaces of which two of the four hues each cover a seventh."""
    hues = look.brown(), look.green(), look.blue(), look.red()
    found = [sum(hue[one].mean() > 1 / 7 for hue in hues) > 1 for one in parts]
    return 100 * float(np.mean(found)) if found else float("nan")


def share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """In percent; NaN where there are too few."""
    return 100 * float(of[among].mean()) if among.sum() >= SURFACE else float("nan")


def figures(look: Look, truth: Look) -> dict[str, float]:
    """Of a result, or of the truth itself."""
    parts = surfaces(truth.L)
    even = [one for one in parts if spread(truth, [one]) < EVEN]
    colored = look.chroma >= COLOR
    one_hue = share(look.brown(), colored) >= 80 and colored.mean() >= 0.2
    strong = (truth.chroma >= 2 * COLOR) & ~truth.brown()
    dark = (truth.L < 40) & (truth.chroma < NEUTRAL)
    plain = (truth.L >= 40) & (truth.chroma < NEUTRAL)
    grey_light = [one for one in parts if one[0].any() and truth.L[one].mean() >= 60]
    sky = np.logical_or.reduce([*grey_light, np.zeros_like(dark)]) & (truth.chroma < NEUTRAL)
    return {
        BROWN: 100.0 * one_hue,
        "strong colours that are not brown: rendered brown, %": share(look.brown(), strong),
        "strong colours that are not brown: rendered without colour, %": share(~colored, strong),
        "light neutral locations rendered brown, %": share(look.brown(), plain),
        "light neutral locations rendered green, %": share(look.green(), plain),
        "dark neutral locations rendered in a colour, %": share(colored, dark),
        "dark neutral locations rendered red, %": share(look.red(), dark),
        MAROON: 100.0 * (share(look.red(), dark) >= 10),
        "area brown, %": 100 * float(look.brown().mean()),
        "area green, %": 100 * float(look.green().mean()),
        "area blue, %": 100 * float(look.blue().mean()),
        "area red, %": 100 * float(look.red().mean()),
        "brown locations rendered green, %": share(look.green(), truth.brown()),
        "green locations rendered brown, %": share(look.brown(), truth.green()),
        "spread of colour within a surface, ab": spread(look, parts),
        "spread of colour within an even surface, ab": spread(look, even),
        TWO_COLORS: in_two_colors(look, even),
        SPOTS: with_spot(look, even),
        "surfaces in two colours, %": in_two_colors(look, parts),
        "surfaces with a saturated spot, %": with_spot(look, parts),
        "grey sky rendered blue, %": share(look.blue(), sky),
    }


def as_old(truth: NDArray[np.uint8], *, faint: bool) -> NDArray[np.uint8]:
    """(H, W) grey as an old print of the scene might have it: faint, or dark."""
    seen = gaussian_filter(np.rint(truth @ RED_BLIND).astype(np.uint8), 1)
    return grainy(faded(seen) if faint else dark(seen))


class Target(NamedTuple):
    """What is asked of a figure, given what it is in truth."""

    name: str
    pictures: str
    words: str
    met: Callable[[float, float], bool] | None


def is_close(ours: float, true: float) -> bool:
    return abs(ours - true) <= 0.5


TARGETS = (
    Target(TWO_COLORS, CLEAN, "truth ± 0.5", is_close),
    Target(SPOTS, CLEAN, "truth ± 0.5", is_close),
    Target(MAROON, AGED, "at most 3", lambda ours, true: ours <= 3),
    Target(BROWN, CLEAN, "at most truth + 6", lambda ours, true: ours <= true + 6),
    Target(BROWN, AGED, "", None),
)


def count(models: Sequence[Model], truths: Sequence[Picture]) -> dict[str, dict[str, Columns]]:
    """By pictures (clean, aged) and label (of a model, or the truth) a figure for each picture."""
    greys = {
        CLEAN: [rgb_to_grey(truth) for truth in truths],
        AGED: [as_old(truth, faint=number % 2 == 0) for number, truth in enumerate(truths)],
    }
    looks = [Look(truth) for truth in truths]
    true = columns_of([figures(one, one) for one in looks])
    found = {}
    for how, inputs in greys.items():
        found[how] = {TRUTH: true}
        for model in models:
            seen = [Look(model.render(grey)) for grey in inputs]
            found[how][model.label] = columns_of(
                [figures(one, truth) for one, truth in zip(seen, looks, strict=True)]
            )
    return found


def known(values: Floats) -> Floats:
    """Of the pictures that have what a figure is of."""
    return values[~np.isnan(values)]


def cells(values: Floats) -> str:
    """Mean and interval, or nothing where no picture has it."""
    return cell(known(values)) if known(values).size else ""


def target_table(found: Mapping[str, Mapping[str, Columns]]) -> str:
    labels = [name for name in found[CLEAN] if name != TRUTH]
    rows = []
    for target in TARGETS:
        values = found[target.pictures]
        true = known(values[TRUTH][target.name])
        row = [target.name, f"{target.pictures}, {len(true)}", cells(true), target.words]
        for name in labels:
            ours = known(values[name][target.name])
            met = None
            if target.met is not None and len(true):
                met = target.met(float(ours.mean()), float(true.mean()))
            row += [cells(ours), {None: "", True: "yes", False: "**no**"}[met]]
        rows.append(row)
    titles = ["what", "pictures", TRUTH, "target"]
    return markdown([*titles, *(title for name in labels for title in (name, "met"))], rows)


def full_table(columns: Mapping[str, Columns]) -> str:
    labels = [name for name in columns if name != TRUTH]
    rows = []
    for name, true in columns[TRUTH].items():
        number = str(len(known(true)))
        rows.append([name, number, cells(true), *(cells(columns[of][name]) for of in labels)])
    return markdown(["what", "pictures", TRUTH, *labels], rows)


def facts(found: Mapping[str, Mapping[str, Columns]]) -> dict[str, Any]:
    """Means with their intervals, by clean and aged, model and figure."""
    return {
        how: {
            name: {of: mean(known(values)) for of, values in columns.items() if known(values).size}
            for name, columns in by_label.items()
        }
        for how, by_label in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=75)
    parser.add_argument("--vividness", type=float)
    parser.add_argument("--quality", choices=["fast", "normal", "high"], default="high")
    parser.add_argument("--old", action="store_true", help="all figures of the aged pictures")
    parser.add_argument("--labels", nargs="+", default=[], help="only folders like these")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pictures = dev_pictures(options.data, limit=options.limit, labels=options.labels)
    truths = [picture for members in pictures.values() for picture in squares(members)]
    settings = Settings(options.vividness, options.quality)
    found = count(read_models(options.models, settings), truths)
    groups = ", ".join(f"{group} {len(members)}" for group, members in pictures.items())
    which = AGED if options.old else CLEAN
    text = f"{len(truths)} pictures of dev: {groups}\n\n{target_table(found)}\n\n"
    write_results(options.out, f"{text}All, {which}:\n\n{full_table(found[which])}", facts(found))


if __name__ == "__main__":
    main()
