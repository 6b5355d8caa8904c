"""What a reference picture is worth, and what an unrelated one does.

The reference of a photograph is the same photograph in colour, mirrored, and 60 to 90 % of its area
cut out at random; the unrelated one is another photograph of the set. Everything at the engine's
defaults. The colours are compared with the truth: CIEDE2000, mean distance in ab, and the ratio of
colourfulness; the unrelated results also with what the model gives without a reference.

    python benchmarks/reference.py DATA ... [--model FILE] [--limit 100]
"""

import argparse
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import luma01_to_L, rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.reference import Reference
from tintype.engine.settings import Settings
from tintype.learn.baselines import example
from tintype.learn.evaluate.metrics import ab_distance, colorfulness, delta_e_2000, interval
from tintype.learn.evaluate.protocol import load_squares
from tintype.learn.evaluate.recolor import recolor
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

U8 = NDArray[np.uint8]
AREA = (0.6, 0.9)


def mirrored_part(picture: U8, draw: np.random.Generator) -> U8:
    """A random part of a picture, left and right exchanged."""
    share = draw.uniform(*AREA) ** 0.5
    height, width = (round(side * share) for side in picture.shape[:2])
    top = draw.integers(0, picture.shape[0] - height + 1)
    left = draw.integers(0, picture.shape[1] - width + 1)
    return np.ascontiguousarray(picture[top : top + height, left : left + width][:, ::-1])


def as_reference(picture: U8) -> Reference:
    return Reference("", hashlib.sha256(picture.tobytes()).hexdigest(), picture)


def colored(engine: Engine, grey: U8, reference: U8 | None = None) -> U8:
    settings = Settings(reference=None if reference is None else as_reference(reference))
    color = engine.colorize(Photo(grey, None, "grey", Metadata("PNG")), settings).color
    assert isinstance(color, np.ndarray)
    return np.asarray(color, np.uint8)


def welsh(grey: U8, reference: U8) -> U8:
    ab = example.predict(luma01_to_L(grey / 255), reference, seed=0)
    return recolor(grey, ab)


def rows_of(engine: Engine) -> Mapping[str, Callable[[U8, U8, U8], U8]]:
    """By name: what to make of a grey, a part of its truth, and another picture."""
    return MappingProxyType(
        {
            "grey": lambda grey, _part, _other: np.repeat(grey[..., None], 3, axis=2),
            "no reference": lambda grey, _part, _other: colored(engine, grey),
            "Welsh 2002, mirrored part": lambda grey, part, _other: welsh(grey, part),
            "ours, mirrored part": lambda grey, part, _other: colored(engine, grey, part),
            "Welsh 2002, unrelated": lambda grey, _part, other: welsh(grey, other),
            "ours, unrelated": lambda grey, _part, other: colored(engine, grey, other),
        }
    )


def cell(values: NDArray[np.float64], digits: int) -> str:
    low, high = interval(values)
    return f"{values.mean():.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def ratio(table: NDArray[np.float64]) -> str:
    """Mean colourfulness over the mean of the truth, resampled over pictures."""
    found, true = table[:, 3], table[:, 4]
    draw = np.random.default_rng(0).integers(0, len(found), (1000, len(found)))
    low, high = np.percentile(found[draw].mean(axis=1) / true[draw].mean(axis=1), [2.5, 97.5])
    return f"{found.mean() / true.mean():.2f} ({low:.2f}–{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    engine = Engine(load_bundle(options.model) if options.model else None, threads=1)
    methods = rows_of(engine)
    print(f"{engine.bundle.name}, {engine.bundle.sha256[:12]}\n")
    print("| set | colours | ΔE2000 | ab distance | change | colourfulness / truth's |")
    print("|---|---|---|---|---|---|")
    for group, pictures in load_squares(options.data, size=256, limit=options.limit).items():
        draw = np.random.default_rng(0)
        scores: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
        for index, truth in enumerate(pictures):
            grey = np.asarray(rgb_to_grey(truth), np.uint8)
            part = mirrored_part(truth, draw)
            other = pictures[(index + len(pictures) // 2) % len(pictures)]
            lab = rgb01_to_lab(truth / 255)
            plain = rgb01_to_lab(colored(engine, grey) / 255)
            for name, method in methods.items():
                color = method(grey, part, other)
                found = rgb01_to_lab(color / 255)
                scores[name].append(
                    (
                        float(delta_e_2000(found, lab).mean()),
                        float(ab_distance(found, lab).mean()),
                        float(ab_distance(found, plain).mean()),
                        colorfulness(color),
                        colorfulness(truth),
                    )
                )
        for name, rows in scores.items():
            table = np.array(rows)
            cells = [cell(table[:, column], 2) for column in (0, 1, 2)]
            print(f"| {group} | {name} | {' | '.join(cells)} | {ratio(table)} |", flush=True)


if __name__ == "__main__":
    main()
