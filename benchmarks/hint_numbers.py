"""PSNR against the number of given true colours, for models that take hints and for scribbles.

    python benchmarks/hint_numbers.py [MODEL ...] --evaluation PATH ... [--limit 50] [--out FILE]

Without MODEL the embedded one is measured. Every method is given the same colours: means of 5 x 5
pixels at random places, more of them where there are more. Each model appears twice: as the product
shows it, with hints that hold at their pixels and reach no further than their object, and as the
network alone answers. "scribble" is Levin, Lischinski and Weiss 2004; without hints it is the grey.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from measuring import Floats, Picture, markdown, mean, shown, write_results
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.geometry import luma_to_input
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import LearnError
from tintype.learn.baselines import scribble
from tintype.learn.compare.curves import Points, draw_curves
from tintype.learn.evaluate.metrics import psnr
from tintype.learn.evaluate.protocol import colorize, load_squares, to_square, true_hints
from tintype.learn.evaluate.recolor import recolor
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

NUMBERS = (0, 1, 2, 5, 10, 20, 50, 100, 500)
SIDE = 128  # of the pictures whose scribbles are spread; more takes minutes for each
NORMAL = Settings(quality="normal")

Method = Callable[[Picture, int], Picture]
"""Colours the grey of a picture, given so many of its true colours."""


def shown_by(engine: Engine) -> Method:
    """The product."""
    pool = ThreadPoolExecutor(1)
    return lambda truth, count: colorize(engine, [truth], NORMAL, pool, hint_count=count)[0]


def alone(engine: Engine) -> Method:
    """The network's own answer to the hints, everywhere."""

    def answer(truth: Picture, count: int) -> Picture:
        photo = Photo(rgb_to_grey(truth), None, "grey", Metadata("PNG"))
        given = replace(NORMAL, hints=tuple(true_hints(truth, count)))
        prediction = replace(engine.predict(photo, given), plain=None)
        return np.asarray(engine.render(photo, prediction, NORMAL).color, np.uint8)

    return answer


def scribbled(truth: Picture, count: int) -> Picture:
    """The colours spread over the picture by optimisation."""
    grey = rgb_to_grey(truth)
    if not count:
        return np.repeat(grey[..., None], 3, axis=2)
    side = min(SIDE, len(truth))
    points = marked(truth, count, side)
    small = to_square(Image.fromarray(grey), side)
    return recolor(grey, scribble.predict(luma_to_input(small.astype(np.float32))[0, 0], points))


def marked(truth: Picture, count: int, side: int) -> scribble.ScribbledPixels:
    """The hints in a picture of another side; each covers at least one pixel."""
    ab, where = np.zeros((2, side, side), np.float32), np.zeros((side, side), bool)
    share = side / len(truth)
    for hint in true_hints(truth, count):
        edges = [
            (int((place - hint.radius) * share), int(np.ceil((place + hint.radius + 1) * share)))
            for place in (hint.y, hint.x)
        ]
        rows, columns = (slice(max(0, low), high) for low, high in edges)
        ab[:, rows, columns] = np.array([hint.a, hint.b])[:, None, None]
        where[rows, columns] = True
    return scribble.ScribbledPixels(ab, where)


def methods(words: Sequence[str]) -> Iterator[tuple[str, Method]]:
    """Every method by name."""
    for word in words or [None]:
        bundle = load_bundle(word)
        if "hints" not in bundle.card.capabilities:
            raise LearnError(
                f"The model {bundle.name} takes no hints.", advice="Leave it out of the command."
            )
        engine = Engine(bundle, threads=1)
        yield bundle.name, shown_by(engine)
        yield f"{bundle.name}, the network alone", alone(engine)
    yield "scribble", scribbled


def distances(method: Method, truths: Sequence[Picture], count: int) -> Floats:
    """(n,) PSNR in dB of each picture."""
    return np.array([psnr(method(truth, count), truth) for truth in truths])


def table(found: dict[str, dict[int, Floats]]) -> str:
    numbers = list(next(iter(found.values())))
    rows = [
        [name, *(shown(mean(by_number[number]), 2) for number in numbers)]
        for name, by_number in found.items()
    ]
    return markdown(["PSNR (dB) with hints", *map(str, numbers)], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--evaluation", type=Path, nargs="+", required=True)
    parser.add_argument("--numbers", type=int, nargs="+", default=NUMBERS)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sets = load_squares(options.evaluation, size=options.size, limit=options.limit)
    truths = [truth for some in sets.values() for truth in some]
    found: dict[str, dict[int, Floats]] = {}
    for name, method in methods(options.models):
        found[name] = {count: distances(method, truths, count) for count in options.numbers}
    facts = {
        name: {str(count): values.tolist() for count, values in by_number.items()}
        for name, by_number in found.items()
    }
    write_results(options.out, table(found), facts)
    if options.out is not None:
        lines: dict[str, Points] = {
            name: [(float(np.log10(n + 1)), float(v.mean())) for n, v in by_number.items()]
            for name, by_number in found.items()
        }
        picture = options.out.with_suffix(".png")
        draw_curves(picture, lines, x="log10 of the number of hints and 1", y="PSNR (dB)")


if __name__ == "__main__":
    main()
