"""Where the model guesses and where it errs, side by side: four photographs that anyone may have.

From left to right: what went in, what came out, the map of `--certainty`, and how far the colours
are from the true ones, black for none and white for 60 ab units and more. The model knows nothing
of the last one; where it is light the map should be light too. With --print, Spearman's rank of the
two over the places of each photograph that the network answers for.

    python benchmarks/certainty.py [--model FILE] [--print]
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.learn.evaluate.metrics import ab_distance
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

ROOT = Path(__file__).parents[1]
ORIGINALS = ROOT / "docs" / "reproduction" / "originals"
SHEET = ROOT / "benchmarks" / "certainty.jpg"
NAMES = ("astronaut", "chelsea", "coffee", "rocket")
FAR = 60.0
GAP = 4
STRIDE = 4
"""Pixels of these photographs to a place of the answer."""


def row(engine: Engine, truth: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """(H, 4 W, 3) of one photograph, and the rank of guess and error."""
    grey = rgb_to_grey(truth)
    photo = Photo(grey, None, "color", Metadata("PNG"))
    answer = engine.predict(photo, Settings())
    color = np.asarray(engine.render(photo, answer, Settings()).color, np.uint8)
    guess = engine.uncertainty(photo, answer)
    error = ab_distance(rgb01_to_lab(color / 255), rgb01_to_lab(truth / 255))
    places = [
        values.reshape(values.shape[0] // STRIDE, STRIDE, -1, STRIDE).mean(axis=(1, 3)).ravel()
        for values in (guess.astype(np.float64), error)
    ]
    far = np.rint(255 * (error / FAR).clip(0, 1)).astype(np.uint8)
    shown = [np.repeat(one[..., None], 3, axis=2) for one in (grey, guess, far)]
    white = np.full((len(grey), GAP, 3), 255, np.uint8)
    parts = [shown[0], white, color, white, shown[1], white, shown[2]]
    return np.concatenate(parts, axis=1), float(spearmanr(*places).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--print", action="store_true", help="only the ranks; no picture")
    options = parser.parse_args()
    engine = Engine(load_bundle(options.model), threads=1)
    rows = []
    for name in NAMES:
        with Image.open(ORIGINALS / f"{name}.jpg") as image:
            picture, rank = row(engine, np.asarray(image.convert("RGB")))
        rows += [picture, np.full((GAP, picture.shape[1], 3), 255, np.uint8)]
        print(f"{name}: {rank:.2f}")
    if not options.print:
        Image.fromarray(np.concatenate(rows[:-1])).save(SHEET, quality=88, optimize=True)
        print(SHEET)


if __name__ == "__main__":
    main()
