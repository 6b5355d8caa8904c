"""How often a model's colours go wrong, kind by kind, beside how often the truth looks the same.

What eyes find on contact sheets, counted: pictures of dev at 256 px through the engine, looked at
in 64 x 64 places. A colour has a chroma of 12 and more; brown is a hue from 40 to 95 degrees, green
from 100 to 150, blue from 220 to 300, red from -20 to 40; what is neutral has a chroma below 6. A
surface is a connected part of the grey without an edge in it, an even one has one colour in truth.
docs/explanation/where-it-goes-wrong.md says which failure each figure is of. With --old each grey
is first what a red-blind emulsion would have seen, then soft, faded or dark, and grainy.

    python benchmarks/failures.py --data DATA ... [--old] [--model FILE] [--limit 200] \\
        [--quality high] [--labels '*market*' ...]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from old_photographs import RED_BLIND, cell, colors, dark, faded, grainy
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, label

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.learn.data.photos import open_photos
from tintype.learn.evaluate.protocol import dev_squares
from tintype.learn.recipe import read_recipe
from tintype.photo.photo import rgb_to_grey

Floats = NDArray[np.float64]
OWN = Path(__file__).parents[1] / "recipes" / "own.toml"
PLACES = 64
COLOR = 12.0
NEUTRAL = 6.0
EDGE = 2.5  # L a place
SURFACE = PLACES * PLACES // 64
EVEN = 4.0
SPOT = PLACES * PLACES // 400


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
    parts, count = label(gaussian_gradient_magnitude(L, 1) < EDGE)
    found = [parts == number for number in range(1, count + 1)]
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
        sizes = np.bincount(label(strong)[0].ravel())[1:]
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
        "pictures whose colours are brown, four fifths and more, %": 100.0 * one_hue,
        "strong colours that are not brown: coloured brown, %": share(look.brown(), strong),
        "strong colours that are not brown: left without colour, %": share(~colored, strong),
        "light neutral places coloured brown, %": share(look.brown(), plain),
        "light neutral places coloured green, %": share(look.green(), plain),
        "dark neutral places given a colour, %": share(colored, dark),
        "dark neutral places coloured red, %": share(look.red(), dark),
        "pictures where a tenth of what is dark and neutral is red, %": 100.0
        * (share(look.red(), dark) >= 10),
        "area brown, %": 100 * float(look.brown().mean()),
        "area green, %": 100 * float(look.green().mean()),
        "area blue, %": 100 * float(look.blue().mean()),
        "area red, %": 100 * float(look.red().mean()),
        "brown places coloured green, %": share(look.green(), truth.brown()),
        "green places coloured brown, %": share(look.brown(), truth.green()),
        "spread of colour within a surface, ab": spread(look, parts),
        "spread of colour within an even surface, ab": spread(look, even),
        "even surfaces in two colours, %": in_two_colors(look, even),
        "even surfaces with a saturated spot, %": with_spot(look, even),
        "surfaces in two colours, %": in_two_colors(look, parts),
        "surfaces with a saturated spot, %": with_spot(look, parts),
        "grey sky coloured blue, %": share(look.blue(), sky),
    }


def as_old(truth: NDArray[np.uint8], *, faint: bool) -> NDArray[np.uint8]:
    """(H, W) grey as an old print of the scene might have it: faint, or dark."""
    seen = gaussian_filter(np.rint(truth @ RED_BLIND).astype(np.uint8), 1)
    return grainy(faded(seen) if faint else dark(seen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--vividness", type=float)
    parser.add_argument("--quality", choices=["fast", "normal", "high"], default="normal")
    parser.add_argument("--old", action="store_true", help="age the grey that is coloured")
    parser.add_argument("--labels", nargs="+", default=[], help="only folders like these")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    options = parser.parse_args()
    engine = Engine(load_bundle(options.model), threads=1)
    recipe = read_recipe(OWN).data.model_copy(update={"only_labels": tuple(options.labels)})
    photos = open_photos(options.data, recipe, cache=options.cache)
    squares = dev_squares(photos, size=256, limit=options.limit)
    pictures = [picture for group in squares.values() for picture in group]
    settings = Settings(options.vividness, options.quality)
    greys = [
        as_old(truth, faint=number % 2 == 0) if options.old else rgb_to_grey(truth)
        for number, truth in enumerate(pictures)
    ]
    rendered = [colors(engine, grey, settings) for grey in greys]
    truths = [Look(picture) for picture in pictures]
    ours = [figures(Look(one), truth) for one, truth in zip(rendered, truths, strict=True)]
    theirs = [figures(truth, truth) for truth in truths]
    model = f"{engine.bundle.name} {engine.bundle.card.version}"
    print(f"{model}, {len(pictures)} pictures of dev{', aged' if options.old else ''}\n")
    print("| what | pictures | truth | ours |")
    print("|---|---|---|---|")
    for name in ours[0]:
        mine, true = (np.array([one[name] for one in some]) for some in (ours, theirs))
        known = ~np.isnan(mine)
        print(f"| {name} | {known.sum()} | {true[known].mean():.1f} | {cell(mine[known])} |")


if __name__ == "__main__":
    main()
