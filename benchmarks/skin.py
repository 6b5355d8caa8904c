"""How much of the skin that was marked by hand is rendered as skin, compared with the truth.

The marks in skin.toml (faces, hands and arms, of 1905-1944 and of today) are examined in three
views of their photographs, each coloured through the engine with default settings:

- portrait: a square of five times the mark's longer side around it, but at least 96 pixels and at
  most the short side of the stored picture, scaled to 256 px;
- whole: the photograph as it is stored;
- 43 px: the surroundings of the mark, scaled so that five times its longer side, or the short side
  of the picture, becomes 43 of 256 px. Beyond the edges copies of the photograph are added, upright
  and each second one mirrored, so a portrait becomes a grid of portraits.

Skin means a median chroma of at least 12 and a hue from 25 to 80 degrees. "Of the truth's" is the
number of marks that pass this test as rendered, relative to the number that pass in the true
colours of the same view; "kept" counts only marks that pass in the true colours. "Chalk" counts
marks with a chroma below 6 where the truth has at least 12 and another mark of the same photograph
passes. Intervals are 95 % bootstrap intervals over photographs.

    python benchmarks/skin.py [MODEL ...] --data PACK ... [--out FILE]

A model is a name or a file; the default is the embedded model. PACK ... are dev-period-00.zip and
people-*.zip. FILE receives the table as .md and every mark as .json. A model takes about two
minutes of one core.
"""

import argparse
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Model, Picture, find_by_hash, markdown, read_models, shown, write_results
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.errors import LearnError
from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.regions import NEUTRAL_CHROMA, hue_chroma, is_skin

MARKS = Path(__file__).with_name("skin.toml")
KINDS = ("face", "hand", "arm")
TONES = ("light", "medium", "dark")
AGES = ("old", "new")
PORTRAIT = 5.0
LEAST = 96  # pixels of the stored picture: nothing is enlarged more than 2.7 times
SIDE = 256
SMALL = 43
COLORED = 12.0
TRUTH = "truth"
TARGETS = {"portrait": 95.0, "43 px": 85.0}
"""Percent of the truth's own rate."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mark:
    """A rectangle of skin.

    Attributes:
        picture: SHA-256 of the photograph's file.
        age: ``old`` or ``new``.
        kind: ``face``, ``hand`` or ``arm``.
        tone: ``light``, ``medium`` or ``dark``.
        box: left, top, right, bottom as shares of width and height.
    """

    picture: str
    age: str
    kind: str
    tone: str
    box: Box

    @property
    def words(self) -> tuple[str, str, str]:
        return self.age, self.kind, self.tone


@dataclass(frozen=True)
class View:
    """A picture to be coloured, and where in it a mark is: left, top, right, bottom in pixels."""

    rgb: Picture
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Seen:
    """A mark in one view: hue and chroma in truth and of each model."""

    mark: Mark
    view: str
    colors: Mapping[str, tuple[float, float]]


def read_marks(path: Path) -> list[Mark]:
    """Reads a file of marks.

    Raises:
        LearnError: It cannot be read, or an entry is not whole.
    """
    try:
        pictures = tomllib.loads(path.read_text(encoding="utf-8"))["picture"]
        marks = [
            Mark(one["sha256"], one["age"], mark["kind"], mark["tone"], tuple(mark["box"]))
            for one in pictures
            for mark in one["marks"]
        ]
        for mark in marks:
            left, top, right, bottom = mark.box
            inside = 0 <= left < right <= 1 and 0 <= top < bottom <= 1
            named = mark.age in AGES and mark.kind in KINDS and mark.tone in TONES
            if not (inside and named):
                raise ValueError(f"{mark}")
    except OSError as error:
        raise LearnError(f"{path}: cannot be read ({error.strerror}).") from None
    except (KeyError, TypeError, ValueError) as error:
        raise LearnError(f"{path}: {error} is missing or wrong.") from None
    return marks


def find_pictures(marks: Sequence[Mark], paths: Sequence[Path]) -> dict[str, Picture]:
    """The marked photographs by hash.

    Raises:
        LearnError: One is not there.
    """
    wanted = {mark.picture for mark in marks}
    found = find_by_hash(wanted, paths)
    if len(found) < len(wanted):
        raise LearnError(
            f"{len(wanted) - len(found)} of the marked photographs are not in the packs.",
            advice="Name dev-period-00.zip and all people-*.zip after --data.",
        )
    return found


def window(truth: Picture, box: Box, side: float, size: int) -> View:
    """A square of the picture and of copies around it, scaled to a size.

    Args:
        truth: (H, W, 3).
        box: Of the mark; the square lies around it, inside the picture where it fits.
        side: Of the square, in pixels of the picture.
        size: Pixels that the square gets.
    """
    ends = []
    for axis, (low, high) in enumerate(((box[1], box[3]), (box[0], box[2]))):
        length = truth.shape[axis]
        start = (low + high) / 2 * length - side / 2
        fits = side <= length
        ends.append(min(max(start, 0), length - side) if fits else start)
    top, left = ends
    margin = int(
        np.ceil(max(0, -top, -left, top + side - truth.shape[0], left + side - truth.shape[1]))
    )
    wide = np.pad(truth, ((0, 0), (margin, margin), (0, 0)), mode="symmetric")
    grown = np.pad(wide, ((margin, margin), (0, 0), (0, 0)), mode="wrap")
    corner = (left + margin, top + margin, left + margin + side, top + margin + side)
    how = Image.Resampling.BICUBIC if size > side else Image.Resampling.LANCZOS
    rgb = np.asarray(Image.fromarray(grown).resize((size, size), how, box=corner))
    scale = size / side
    height, width = truth.shape[:2]
    inside = pixels(
        scale * (box[0] * width - left),
        scale * (box[1] * height - top),
        scale * (box[2] * width - left),
        scale * (box[3] * height - top),
    )
    return View(rgb, inside)


def pixels(left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
    """A rectangle in whole pixels, of at least one."""
    x, y = round(left), round(top)
    return x, y, max(x + 1, round(right)), max(y + 1, round(bottom))


def views(truth: Picture, box: Box) -> dict[str, View]:
    """The three views of a mark."""
    height, width = truth.shape[:2]
    longer = max((box[2] - box[0]) * width, (box[3] - box[1]) * height)
    side = min(PORTRAIT * longer, height, width)
    whole = pixels(box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return {
        "portrait": window(truth, box, min(max(side, LEAST), height, width), SIDE),
        "whole": View(truth, whole),
        f"{SMALL} px": window(truth, box, side * SIDE / SMALL, SIDE),
    }


def color_of(rgb: Picture, box: tuple[int, int, int, int]) -> tuple[float, float]:
    """Median hue and chroma of a rectangle."""
    left, top, right, bottom = box
    part = rgb[top:bottom, left:right].reshape(-1, 3)
    return hue_chroma(rgb01_to_lab(part / 255))


def look_at(
    models: Sequence[Model], marks: Sequence[Mark], pictures: Mapping[str, Picture]
) -> Iterator[Seen]:
    """Every mark in every view."""
    for mark in marks:
        for name, view in views(pictures[mark.picture], mark.box).items():
            colors = {TRUTH: color_of(view.rgb, view.box)}
            for model in models:
                colors[model.label] = color_of(model.recolor(view.rgb), view.box)
            yield Seen(mark, name, colors)


def rates(seen: Sequence[Seen], label: str, rounds: int = 1000) -> dict[str, Figure]:
    """Percent of marks rendered as skin: of all, of the truth's own rate, of those so in truth."""
    names = sorted({one.mark.picture for one in seen})
    counts = np.zeros((len(names), 4))
    for one in seen:
        true, ours = is_skin(*one.colors[TRUTH]), is_skin(*one.colors[label])
        counts[names.index(one.mark.picture)] += (1, true, ours, true and ours)
    drawn = np.random.default_rng(0).integers(0, len(names), (rounds, len(names)))

    def figure(of: int, among: int) -> Figure:
        sums = counts[drawn].sum(axis=1)
        shares = 100 * sums[:, of] / np.maximum(sums[:, among], 1)
        low, high = np.percentile(shares, [2.5, 97.5])
        total = counts.sum(axis=0)
        return float(100 * total[of] / max(total[among], 1)), float(low), float(high)

    return {"rate": figure(2, 0), "of the truth's": figure(2, 1), "kept": figure(3, 1)}


def chalk(seen: Sequence[Seen], label: str, among: Sequence[Seen]) -> int:
    """How many marks have lost their colour beside one of the same photograph that has not.

    Args:
        seen: The marks that are counted.
        label: Of the model.
        among: All marks in the same view.
    """
    with_skin: dict[str, set[Mark]] = {}
    for one in among:
        if is_skin(*one.colors[label]):
            with_skin.setdefault(one.mark.picture, set()).add(one.mark)
    return sum(
        one.colors[label][1] < NEUTRAL_CHROMA
        and one.colors[TRUTH][1] >= COLORED
        and bool(with_skin.get(one.mark.picture, set()) - {one.mark})
        for one in seen
    )


def parts(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    """All marks, and those of each age, kind and tone."""
    found = {"all": list(seen)}
    for value in (*AGES, *KINDS, *TONES):
        found[value] = [one for one in seen if value in one.mark.words]
    return {name: members for name, members in found.items() if members}


def table(seen: Sequence[Seen]) -> str:
    labels = [label for label in seen[0].colors if label != TRUTH]
    titles = ["view", "marks", "number", "skin in truth, %", "target"]
    for label in labels:
        titles += [f"{label}: of the truth's, %", "kept, %", "chalk"]
    rows = []
    for view in dict.fromkeys(one.view for one in seen):
        among = [one for one in seen if one.view == view]
        for name, members in parts(among).items():
            true = rates(members, TRUTH)["rate"][0]
            target = f"at least {TARGETS[view]:.0f}" if name == "all" and view in TARGETS else ""
            row = [view, name, str(len(members)), f"{true:.0f}", target]
            for label in labels:
                found = rates(members, label)
                cells = shown(found["of the truth's"], 0), shown(found["kept"], 0)
                row += [*cells, str(chalk(members, label, among))]
            rows.append(row)
    return markdown(titles, rows)


def facts(seen: Sequence[Seen]) -> dict[str, Any]:
    """The figures, and every mark."""
    labels = [label for label in seen[0].colors if label != TRUTH]
    figures = {}
    for view in dict.fromkeys(one.view for one in seen):
        among = [one for one in seen if one.view == view]
        figures[view] = {
            name: {
                "marks": len(some),
                TRUTH: rates(some, TRUTH)["rate"],
                **{
                    label: rates(some, label) | {"chalk": chalk(some, label, among)}
                    for label in labels
                },
            }
            for name, some in parts(among).items()
        }
    marks = [
        {
            "picture": one.mark.picture,
            "box": one.mark.box,
            "kind": one.mark.kind,
            "tone": one.mark.tone,
            "age": one.mark.age,
            "view": one.view,
            "hue_chroma": {k: [round(v, 1) for v in color] for k, color in one.colors.items()},
        }
        for one in seen
    ]
    return {"figures": figures, "marks": marks}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--marks", type=Path, default=MARKS)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    marks = read_marks(options.marks)
    pictures = find_pictures(marks, options.data)
    seen = list(look_at(read_models(options.models), marks, pictures))
    write_results(options.out, table(seen), facts(seen))


if __name__ == "__main__":
    main()
