"""How far a hint and a stroke reach, on the 30 objects outlined in objects.toml.

    python benchmarks/hint_reach.py [MODEL] --data PATH ... [--out FILE]
    python benchmarks/hint_reach.py [MODEL] --fit --data PATH ...

Each object gets a hint where a person would click, and then a stroke, of a colour opposite to the
one that the model gives it. A pixel takes the colour if it comes more than half of the way from its
own colour to the hint's, as far as sRGB has that at its lightness. `--fit` fits the prior of
`tintype.engine.hint_reach` to the outlines and says how well it does on other objects.

PATH are the folders people, objects and nature, the packs various-*.zip and period-00.zip.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from measuring import markdown, mean, shown, write_results
from numpy.typing import NDArray
from objects import OBJECTS, Example, examples, read_objects
from PIL import Image, ImageDraw, ImageFilter
from scipy.optimize import minimize

from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.engine import hint_reach as engine_reach
from tintype.engine.bundle import load_bundle
from tintype.engine.hints import Hint, hints_at
from tintype.engine.layers import Scribbles
from tintype.engine.predict import Engine
from tintype.engine.render import render_u8
from tintype.engine.settings import Settings
from tintype.engine.upsample import ChromaUp
from tintype.photo.photo import Metadata, Photo

F64 = NDArray[np.float64]

REACHES = (0.0, 0.5, 1.0)
RADIUS = 0.012  # of the short side: of a hint, and half of a stroke's width
CHROMA = 40.0  # of the hint, CIELAB units
GREY = 6.0  # chroma below which there is no opposite; the hint is blue
SEEN = 12  # steps of 255 that count as a change
FOLDS = 5


@dataclass(frozen=True)
class Result:
    """What one hint or stroke did.

    Attributes:
        name: Of the object.
        tool: "hint" or "stroke".
        reach: As in the settings.
        inside: Share of the object that took the colour.
        outside: Share of the rest that did.
        beyond: Largest change of a channel outside twice the width of what was painted.
        seconds: For the repainting, with the prediction without hints at hand.
    """

    name: str
    tool: str
    reach: float
    inside: float
    outside: float
    beyond: int
    seconds: float


def grey_photo(example: Example) -> Photo:
    grey = np.rint(example.rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return Photo(grey, None, "grey", Metadata("PNG"))


def radius_of(photo: Photo) -> int:
    return max(1, round(min(photo.shape) * RADIUS))


def painted(photo: Photo, example: Example) -> NDArray[np.bool_]:
    """(H, W) the pixels of the stroke."""
    image = Image.new("L", (photo.width, photo.height))
    ImageDraw.Draw(image).line(example.stroke, 255, 2 * radius_of(photo) + 1)
    return np.asarray(image) > 0


def opposite(color: F64) -> F64:
    """(2,) the a and b of a hint for something that has these."""
    chroma = np.hypot(*color)
    return np.array([10.0, -40.0]) if chroma < GREY else -color / chroma * CHROMA


def scribbles(where: NDArray[np.bool_], ab: F64, name: str) -> Scribbles:
    rgb = lab_to_rgb01(np.array([60.0, *ab])).clip(0, 1)
    pixels = np.zeros((*where.shape, 4), np.uint8)
    pixels[where] = [*np.rint(rgb * 255), 255]
    return Scribbles(name, name, pixels)


def tools(engine: Engine, photo: Photo, example: Example) -> Iterator[tuple[str, Settings, Any]]:
    """Each tool's name, settings, and the pixels that it covers."""
    prediction = engine.predict(photo, Settings())
    row, column = prediction.fit.output_place(*example.hint)
    ab = opposite(engine.chroma(prediction, Settings())[:, row, column].astype(np.float64))
    radius, (x, y) = radius_of(photo), example.hint
    covered = np.zeros(photo.shape, bool)
    covered[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = True
    yield "hint", Settings(hints=(Hint(x, y, float(ab[0]), float(ab[1]), radius),)), covered
    stroke = painted(photo, example)
    name = f"{example.marked.name} stroke"
    yield "stroke", Settings(scribbles=scribbles(stroke, ab, name)), stroke


def flat(photo: Photo, engine: Engine, ab: F64) -> NDArray[np.uint8]:
    """The photograph in one colour, as far as sRGB has it."""
    fit = engine.fit(photo.shape, "high")
    height, width = (side // fit.stride for side in fit.padded)
    planes = np.broadcast_to(ab.astype(np.float32)[:, None, None], (2, height, width)).copy()
    up = ChromaUp(planes, np.zeros(fit.padded, np.float32), fit, photo.shape)
    return render_u8(np.asarray(photo.grey, np.uint8), up, threads=1)


def chroma_of(rgb: NDArray[np.uint8]) -> F64:
    return rgb01_to_lab(rgb / 255)[..., 1:]


def far_from(where: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    image = Image.fromarray(where.astype(np.uint8) * 255)
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * pixels + 1))) == 0


def measure(engine: Engine, found: Sequence[Example]) -> Iterator[Result]:
    for example in found:
        photo = grey_photo(example)
        plain = engine.predict(photo, Settings())
        before = np.asarray(engine.render(photo, plain, Settings()).color)
        for tool, settings, covered in tools(engine, photo, example):
            places = hints_at(settings.hints, settings.scribbles, plain.fit, cell=plain.fit.stride)
            ab = places[:2, places[2] > 0].mean(axis=1).astype(np.float64)
            way = chroma_of(flat(photo, engine, ab)) - chroma_of(before)
            length = np.maximum((way**2).sum(axis=-1), 1)
            prediction = engine.predict(photo, settings)
            width = 2 * radius_of(photo) + 1
            for reach in REACHES:
                begun = time.perf_counter()
                one = replace(settings, reach=reach)
                after = np.asarray(engine.render(photo, prediction, one).color)
                seconds = time.perf_counter() - begun
                took = ((chroma_of(after) - chroma_of(before)) * way).sum(axis=-1) > length / 2
                moved = np.abs(after.astype(int) - before).max(axis=-1)
                yield Result(
                    example.marked.name,
                    tool,
                    reach,
                    float(took[example.mask].mean()),
                    float(took[~example.mask].mean()),
                    int(moved[far_from(covered, max(3, width // 2 + 1))].max()),
                    seconds,
                )


def table(results: Sequence[Result]) -> str:
    rows = []
    for tool in ("hint", "stroke"):
        for reach in REACHES:
            some = [r for r in results if (r.tool, r.reach) == (tool, reach)]
            inside = mean(np.array([100 * r.inside for r in some]))
            outside = mean(np.array([100 * r.outside for r in some]))
            still = sum(r.beyond <= SEEN for r in some)
            slow = 1000 * np.median([r.seconds for r in some])
            row = [tool, f"{reach:g}", shown(inside), shown(outside), f"{still} of {len(some)}"]
            rows.append([*row, f"{slow:.0f}"])
    titles = [
        "tool", "reach", "of the object, %", "of the rest, %",
        "nothing changes outside twice its width", "ms to render",
    ]  # fmt: skip
    return markdown(titles, rows)


# ----- the prior -----


def cues(engine: Engine, example: Example, tool: str) -> tuple[F64, F64]:
    """(n, 4) what the prior compares, and (n,) how much of each place is the object."""
    photo = grey_photo(example)
    plain = engine.predict(photo, Settings())
    settings = {name: value for name, value, _ in tools(engine, photo, example)}[tool]
    fit = plain.fit
    places = hints_at(settings.hints, settings.scribbles, fit, cell=fit.stride)
    around = engine_reach.surroundings(
        engine.chroma(plain, Settings()),
        plain.luma,
        fit,
        logits=plain.logits,
        features=plain.features,
    )
    found = engine_reach.cues(around, places[2] > 0)
    mask = Image.fromarray(example.mask.astype(np.float32))
    shape = tuple(-(-side // fit.stride) for side in fit.content)
    share = np.asarray(mask.resize(shape[::-1], Image.Resampling.BOX), np.float64)
    inside = np.stack([cue[: shape[0], : shape[1]].ravel() for cue in found], axis=1)
    return inside.astype(np.float64), share.ravel()


def fitted(parts: Sequence[tuple[F64, F64]]) -> F64:
    """Weights and bias of the logistic regression; every object counts alike."""
    x = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    weight = np.concatenate([np.full(len(part[1]), 1 / len(part[1])) for part in parts])
    middle, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    inputs = np.column_stack([(x - middle) / scale, np.ones(len(x))])

    def loss(w: F64) -> tuple[float, F64]:
        z = inputs @ w
        value = (weight * (np.logaddexp(0, z) - y * z)).sum() + 1e-3 * (w**2).sum()
        return float(value), inputs.T @ (weight * (1 / (1 + np.exp(-z)) - y)) + 2e-3 * w

    w = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x
    slopes = w[:-1] / scale
    return np.array([*slopes, w[-1] - (slopes * middle).sum()])


def fit(engine: Engine, found: Sequence[Example]) -> str:
    lines = []
    for tool in ("hint", "stroke"):
        parts = [cues(engine, example, tool) for example in found]
        right = []
        for fold in range(FOLDS):
            w = fitted([part for i, part in enumerate(parts) if i % FOLDS != fold])
            for x, y in parts[fold::FOLDS]:
                belongs = x @ w[:-1] + w[-1] > 0
                right.append(((belongs * y).sum() / y.sum(), (belongs * (1 - y)).mean()))
        inside, outside = 100 * np.mean(right, axis=0)
        weights = ", ".join(f"{number:.2f}" for number in fitted(parts))
        lines.append(f"{tool}: weights and bias {weights}; by itself, on objects not fitted to, ")
        lines[-1] += f"{inside:.0f} % of the object and {outside:.1f} % of the picture beside it"
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = list(examples(read_objects(OBJECTS), options.data))
    engine = Engine(load_bundle(options.model), threads=1)
    if options.fit:
        print(fit(engine, found), end="")
        return
    results = list(measure(engine, found))
    write_results(options.out, table(results), [asdict(result) for result in results])


if __name__ == "__main__":
    main()
