"""Whether a toned, faded, soft, grainy or worn photograph gets the colours of its clean version.

Each picture's grey is coloured clean and damaged, at the engine's defaults. The colours of the two
are compared under the same clean grey, so that only what the model made of the damage counts: mean
distance in ab, CIEDE2000, and the ratio of colourfulness. Of photographs in a grey mount it is
asked whether the card stays grey, and what it does to the rest.

    python benchmarks/old_photographs.py DATA ... [--model FILE] [--limit 100]
"""

import argparse
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.learn.evaluate.metrics import ab_distance, colorfulness, delta_e_2000, interval
from tintype.learn.evaluate.protocol import load_squares
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

Grey = NDArray[np.uint8]
DRAW = np.random.default_rng(0)
RED_BLIND = np.array([0.05, 0.45, 0.50])  # an orthochromatic emulsion sees no red


def sepia(grey: Grey) -> Grey:
    """Toned as a scanner sees it, then read as any toned photograph is."""
    level = grey[..., None] / 255
    paper, ink = np.array([0.98, 0.92, 0.78]), np.array([0.18, 0.11, 0.06])
    toned = np.rint(255 * (ink + (paper - ink) * level)).astype(np.uint8)
    return np.asarray(rgb_to_grey(toned), np.uint8)


def faded(grey: Grey) -> Grey:
    return np.rint(0.25 * 255 + 0.55 * grey).astype(np.uint8)


def dark(grey: Grey) -> Grey:
    return np.rint(255 * (grey / 255) ** 1.5).astype(np.uint8)


def soft(grey: Grey) -> Grey:
    return np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(2)))


def grainy(grey: Grey) -> Grey:
    noisy = grey + DRAW.normal(0, 12, grey.shape)
    return np.rint(noisy.clip(0, 255)).astype(np.uint8)


def scratched(grey: Grey) -> Grey:
    hurt = grey.copy()
    for column in DRAW.integers(0, grey.shape[1], 4):
        hurt[:, column : column + 2] = 230
    for y, x in zip(*(DRAW.integers(0, side, 30) for side in grey.shape), strict=True):
        hurt[y : y + 3, x : x + 3] = 240
    return hurt


def compressed(grey: Grey) -> Grey:
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=15)
    return np.asarray(Image.open(file))


def halftone(grey: Grey) -> Grey:
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    step = 2 * np.pi / (5 * 2**0.5)
    screen = 0.5 + 0.25 * (np.cos(step * (x + y)) + np.cos(step * (x - y)))
    dots = 1 / (1 + np.exp(-6 * (grey / 255 - 1 + screen)))
    return np.rint(255 * (0.5 * dots + 0.5 * grey / 255)).astype(np.uint8)


DAMAGES: Mapping[str, Callable[[Grey], Grey]] = {
    "sepia": sepia,
    "faded": faded,
    "dark": dark,
    "soft (2 px)": soft,
    "grain (12 of 255)": grainy,
    "scratches and dust": scratched,
    "JPEG, quality 15": compressed,
    "halftone": halftone,
}


def colors(engine: Engine, grey: Grey, settings: Settings | None = None) -> NDArray[np.uint8]:
    color = engine.colorize(Photo(grey, None, "grey", Metadata("PNG")), settings).color
    assert isinstance(color, np.ndarray)
    return np.asarray(color, np.uint8)


def under(lab: NDArray[np.float64], L: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chroma of one picture with the lightness of another, as a screen can show it."""
    joined = np.concatenate([L[..., None], lab[..., 1:]], axis=-1)
    return np.asarray(rgb01_to_lab(lab_to_rgb01(joined).clip(0, 1)), np.float64)


def cell(values: NDArray[np.float64]) -> str:
    """Mean and 95 % interval of one figure of each picture."""
    low, high = interval(values)
    return f"{values.mean():.1f} ({low:.1f}–{high:.1f})"


def damaged(
    engine: Engine, pictures: Sequence[NDArray[np.uint8]]
) -> dict[str, NDArray[np.float64]]:
    """By damage (N, 4): ab and CIEDE2000 from the clean one, colourfulness, the clean one's."""
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for truth in pictures:
        grey = rgb_to_grey(truth)
        clean = colors(engine, grey)
        lab = rgb01_to_lab(clean / 255)
        inputs = {name: damage(grey) for name, damage in DAMAGES.items()}
        inputs["red-blind emulsion"] = np.rint(truth @ RED_BLIND).astype(np.uint8)
        for name, worn in inputs.items():
            other = colors(engine, worn)
            there = under(rgb01_to_lab(other / 255), lab[..., 0])
            here = under(lab, lab[..., 0])
            distance = float(ab_distance(there, here).mean())
            delta = float(delta_e_2000(there, here).mean())
            found.setdefault(name, []).append(
                (distance, delta, colorfulness(other), colorfulness(clean))
            )
    return {name: np.array(rows) for name, rows in found.items()}


def damage_table(found: Mapping[str, NDArray[np.float64]]) -> str:
    """What `damaged` has found."""
    lines = [
        "| damage | ab distance from clean | ΔE2000 from clean | colourfulness / clean |",
        "|---|---|---|---|",
    ]
    for name, rows in found.items():
        cells = [cell(rows[:, column]) for column in (0, 1)]
        ratio = rows[:, 2].mean() / rows[:, 3].mean()
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio:.2f} |")
    return "\n".join(lines)


def opening(side: int, form: str) -> NDArray[np.bool_]:
    """(side, side) of a mount: where the photograph is seen."""
    across = (np.arange(side) + 0.5) * 2 / side - 1
    x, y = np.abs(across)[None, :], across[:, None]
    if form == "oval":
        return np.asarray((x / 0.8) ** 2 + (y / 0.9) ** 2 < 1)
    straight = (x < 0.88) & (np.abs(y) < 0.88)
    arched = (y > -0.2) | ((x / 0.88) ** 2 + ((y + 0.2) / 0.68) ** 2 < 1)
    return np.asarray(straight & arched if form == "arch" else straight)


def mount_table(engine: Engine, pictures: Sequence[NDArray[np.uint8]]) -> str:
    """How grey a mount stays, and how far the colours within are from those without it."""
    lines = [
        "| mount | grey | chroma of the mount | coloured area, % | ab distance within |",
        "|---|---|---|---|---|",
    ]
    greys = [rgb_to_grey(truth) for truth in pictures]
    clean = [rgb01_to_lab(colors(engine, grey) / 255) for grey in greys]
    for form in ("arch", "oval", "margin"):
        for level in (30, 130, 235):
            rows = []
            for grey, alone in zip(greys, clean, strict=True):
                seen = opening(len(grey), form)
                lab = rgb01_to_lab(colors(engine, np.where(seen, grey, level)) / 255)
                chroma = np.hypot(lab[..., 1], lab[..., 2])[~seen]
                apart = ab_distance(lab, alone)[seen]
                rows.append((chroma.mean(), 100 * (chroma >= 12).mean(), apart.mean()))
            lines.append(f"| {form} | {level} | {' | '.join(map(cell, np.array(rows).T))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    engine = Engine(load_bundle(options.model) if options.model else None, threads=1)
    squares = load_squares(options.data, size=256, limit=options.limit)
    pictures = [picture for group in squares.values() for picture in group]
    print(f"{engine.bundle.name}, {len(pictures)} pictures\n")
    print(damage_table(damaged(engine, pictures)))
    print(f"\n{mount_table(engine, pictures)}")


if __name__ == "__main__":
    main()
