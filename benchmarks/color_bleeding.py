"""How much colour bleeds over edges: photographs coloured at full size, against their true colours.

The pictures are those of full_resolution.toml, at most 2400 pixels long. A change of colour is the
gradient of a and b in CIELAB (central differences, sigma 1); an edge is where the true picture's L
or its chroma is among the tenth of strongest gradients. Bleeding is the share of all the result's
change of colour that lies farther than 0.4 % of the longest side from every edge. The control has
the engine's colours, shrunk to the grid of the network's answer and enlarged bicubically without a
look at the grey. "Change far away" is the mean of the change there, in ab a pixel; "near" is as
close to an edge of the true chroma.

    python benchmarks/color_bleeding.py FOLDER [MODEL ...] [--sheet FILE]

FOLDER holds the unpacked packages, in any order; color_bleeding.md says how to get them. MODEL is a
name or a file, the embedded model if there is none. `--sheet` writes crops at 100 % around the
strongest change of true colour: grey, truth, and for each model its colours and the control's.
"""

import argparse
import hashlib
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from tintype.color import gamut_grid
from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.geometry import plan_fit
from tintype.engine.predict import Engine
from tintype.learn.evaluate.metrics import colorfulness, interval
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

LIST = Path(__file__).with_name("full_resolution.toml")
PYTHON = "scikit-image"
"""The package whose pictures lie where it is installed."""
FEWEST = 12
LONGEST = 2400
REACH = 0.004
STRONGEST = 0.1
CROP = 320
CONTROL = ", plain bicubic"


@dataclass
class Truth:
    """A photograph and where its edges are.

    Attributes:
        rgb: (H, W, 3).
        ab: (2, H, W).
        change: (H, W) gradient of the true chroma.
        far: (H, W) farther than the reach from every edge.
        near: (H, W) within the reach of an edge of the chroma.
    """

    rgb: U8
    ab: F32
    change: F32
    far: NDArray[np.bool_]
    near: NDArray[np.bool_]


def found(folder: Path) -> Iterator[Path]:
    """The listed pictures, in the order of the list; says which are missing."""
    listed = tomllib.loads(LIST.read_text())["picture"]
    endings = {Path(entry["path"]).suffix for entry in listed}
    at = {}
    for root in (folder, Path(skimage.data.__file__).parent):
        for path in root.rglob("*"):
            if path.suffix in endings and path.is_file():
                at[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    missing = [entry for entry in listed if entry["sha256"] not in at]
    if missing:
        names = ", ".join(Path(entry["path"]).name for entry in missing)
        packages = {entry["package"] for entry in missing}
        ways = ["`pip install scikit-image==0.26.0`"] if PYTHON in packages else []
        if debian := " ".join(sorted(packages - {PYTHON})):
            get = f"`apt-get download {debian}` on Debian 13"
            ways = [get, f"`dpkg-deb -x FILE {folder}` for each", *ways]
        print(f"Missing below {folder}: {names}. Type {', '.join(ways)}.", file=sys.stderr)
    if len(listed) - len(missing) < FEWEST:
        sys.exit(1)
    return (at[entry["sha256"]] for entry in listed if entry["sha256"] in at)


def photograph(path: Path) -> U8:
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    rgb.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def lab(rgb: U8) -> F32:
    """(3, H, W)."""
    planes = np.asarray(rgb01_to_lab(rgb / np.float32(255)), np.float32)
    return np.ascontiguousarray(np.moveaxis(planes, -1, 0))


def gradient(planes: F32) -> F32:
    total = np.zeros(planes.shape[1:], np.float32)
    for plane in planes:
        for slope in np.gradient(gaussian_filter(plane, 1)):
            total += slope**2
    return np.sqrt(total)


def strongest(change: F32) -> NDArray[np.bool_]:
    edges: NDArray[np.bool_] = change >= np.quantile(change, 1 - STRONGEST)
    return edges


def within(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = distance_transform_edt(~edges) <= REACH * max(edges.shape)
    return near


def truth(rgb: U8) -> Truth:
    planes = lab(rgb)
    change = gradient(planes[1:])
    edges = strongest(change)
    far = ~within(edges | strongest(gradient(planes[:1])))
    return Truth(rgb, planes[1:], change, far, within(edges))


def colored(engine: Engine, grey: U8) -> U8:
    color = engine.colorize(Photo(grey, None, "color", Metadata("PNG"))).color
    assert isinstance(color, np.ndarray)
    return color.astype(np.uint8, copy=False)


def blurred(engine: Engine, grey: U8, color: U8) -> U8:
    """The control: the same colours, the grey not asked where they end."""
    card = engine.bundle.card
    height, width = grey.shape
    fit = plan_fit(
        (height, width), short_side=card.sizes["normal"], multiple=card.multiple, stride=card.stride
    )
    grid = round(fit.content[1] / fit.stride), round(fit.content[0] / fit.stride)
    ab = np.empty((2, height, width), np.float32)
    for plane, out in zip(lab(color)[1:], ab, strict=True):
        low = Image.fromarray(plane).resize(grid, Image.Resampling.BOX)
        out[:] = np.asarray(low.resize((width, height), Image.Resampling.BICUBIC))
    step = gamut_grid.step_for(float(np.abs(ab).max()))
    scale, offset = gamut_grid.rgb_u8_coding(step)
    codes = np.clip(ab * scale + offset, 0, 255).astype(np.uint8)
    return gamut_grid.codes_to_rgb_u8(grey, codes, step=step)


def measured(color: U8, true: Truth) -> list[float]:
    """Bleeding in percent, change far away, distance in ab near and elsewhere, colourfulness."""
    ab = lab(color)[1:]
    change = gradient(ab)
    distance = np.hypot(*(ab - true.ab))
    return [
        100 * float(change[true.far].sum(dtype=float) / change.sum(dtype=float)),
        float(change[true.far].mean()),
        float(distance[true.near].mean()),
        float(distance[~true.near].mean()),
        colorfulness(color),
    ]


def crops(pictures: list[U8], true: Truth) -> U8:
    """The same square of each picture, side by side."""
    height, width = true.change.shape
    peak = np.unravel_index(int(gaussian_filter(true.change, 8).argmax()), (height, width))
    top = int(np.clip(int(peak[0]) - CROP // 2, 0, max(0, height - CROP)))
    left = int(np.clip(int(peak[1]) - CROP // 2, 0, max(0, width - CROP)))
    row = np.zeros((CROP, CROP * len(pictures), 3), np.uint8)
    for number, picture in enumerate(pictures):
        square = picture[top : top + CROP, left : left + CROP]
        row[: square.shape[0], number * CROP : number * CROP + square.shape[1]] = square
    return row


def cell(values: NDArray[np.float64], digits: int) -> str:
    low, high = interval(values)
    return f"{values.mean():.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--sheet", type=Path, metavar="FILE")
    options = parser.parse_args()
    pictures = list(found(options.folder))
    engines = [Engine(load_bundle(model)) for model in options.models or [None]]
    scores: dict[str, list[list[float]]] = {"truth": []}
    rows, even = [], []
    for path in pictures:
        true = truth(photograph(path))
        grey = np.asarray(rgb_to_grey(true.rgb), np.uint8)
        shown = [np.repeat(grey[..., None], 3, axis=2), true.rgb]
        even.append(100 * float(true.far.mean()))
        scores["truth"].append(measured(true.rgb, true))
        for engine in engines:
            color = colored(engine, grey)
            control = blurred(engine, grey, color)
            name = f"{engine.bundle.name} {engine.bundle.card.version}"
            scores.setdefault(name, []).append(measured(color, true))
            scores.setdefault(name + CONTROL, []).append(measured(control, true))
            shown += [color, control]
        if options.sheet:
            rows.append(crops(shown, true))
    print(f"{len(pictures)} photographs of up to {LONGEST} pixels.\n")
    print("| colours | bleeding, % | change far away | ab distance near | elsewhere | CF ratio |")
    print("|---|---|---|---|---|---|")
    table = {name: np.array(values).T for name, values in scores.items()}
    for name, (bleeding, change, near, elsewhere, colors) in table.items():
        distances = f"{cell(near, 2)} | {cell(elsewhere, 2)}" if name != "truth" else "0 | 0"
        ratio = colors.mean() / table["truth"][-1].mean()
        shares = f"{cell(bleeding, 1)} | {cell(change, 2)}"
        print(f"| {name} | {shares} | {distances} | {ratio:.2f} |")
    print(f"\nEvenly distributed change would bleed by {cell(np.array(even), 1)} %.")
    for name in table:
        if name + CONTROL in table:
            more = table[name + CONTROL][0] - table[name][0]
            print(f"The control of {name} bleeds by {cell(more, 1)} points more (paired).")
    if rows:
        Image.fromarray(np.concatenate(rows)).save(options.sheet)


if __name__ == "__main__":
    main()
