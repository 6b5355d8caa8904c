"""Pairs for blind judges: a photograph coloured by two models, or by one next to its true colours.

    python benchmarks/blind_pairs.py make A B --photos PATH ... --out DIR [--count 40] [--seed 0]
        [--dev] [--labels PATTERN ...] [--key FILE]
    python benchmarks/blind_pairs.py score KEY VERDICTS ...

`make` colours photographs with the models A and B (names or files; B may be the word `truth`)
through the engine with default settings, puts both results side by side, and shuffles pairs and
sides by the seed; each model is on the left in half of the pairs. DIR receives `pair-001.jpg` etc.,
at most 1000 px wide, `page-1.jpg` etc. with six pairs each, the question in `question.txt`, and an
empty `verdicts.csv`. Nothing in DIR says which side is which. That is in FILE, by default
DIR-key.json next to DIR, which judges must not see. PATH is a folder or a zip; --dev restricts
training packs to their held-out share and the sets `news` and `cfcnet`. If B is `truth`, grey and
toned photographs are left out.

`score` reads the judges' verdicts, one file per judge: CSV with the columns pair and verdict, or
JSON, either a list of such objects or an object from pair to verdict. A verdict is left, right or
tie. For two models it names the better side, and a pair is won by the model that more judges
prefer; with the truth it names the side taken for the real photograph, and each verdict counts.
Intervals are Wilson's, 95 %.
"""

import argparse
import csv
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import FOREIGN, OWN, Model, Picture, read_models
from PIL import Image, ImageDraw, ImageFont

from tintype.errors import LearnError
from tintype.learn.data.manifest import (
    PhotoSource,
    file_hash,
    find_sources,
    is_dev,
    matches,
    read_sources,
)
from tintype.learn.data.photos import reason_to_drop
from tintype.learn.recipe import read_recipe
from tintype.photo.decode import decode_colors
from tintype.web.which_is_real import wilson

TRUTH = "truth"
WIDTH, HEIGHT = 496, 640  # of a side
GAP = 8
ACROSS, DOWN = 2, 3
CELL = (624, 316)
VERDICTS = ("left", "right", "tie")
BETTER = """Each picture shows one photograph, coloured in two ways. Which side is coloured better?
"""
REAL = """Each picture shows one photograph twice: one side has its real colours, the other was
coloured by a program. Which side is the real one?
"""
ANSWER = """
Fill in verdicts.csv: the number of each pair, and left, right, or tie if you cannot say. Judge what
you see; the sides are shuffled for each pair.
"""


def choose(
    paths: Sequence[Path], count: int, seed: int, *, dev: bool, labels: Sequence[str], colored: bool
) -> list[tuple[str, Picture]]:
    """Photographs in an order that the seed decides: name, and (H, W, 3).

    Args:
        paths: Folders or zips.
        count: How many.
        seed: Of the order.
        dev: Only what is held out of training packs, and what is foreign in them.
        labels: Patterns of folders; empty for all.
        colored: Only those that have colours of their own.

    Raises:
        LearnError: There are fewer.
    """
    recipe = read_recipe(OWN).data
    sources = find_sources(paths, only_labels=labels)
    random.Random(seed).shuffle(sources)
    found: list[tuple[str, Picture]] = []
    for source in sources:
        if len(found) == count:
            return found
        ((_, data),) = read_sources([source])
        if dev and not held_out(source, data, recipe.dev_share):
            continue
        rgb, _ = decode_colors(data, name=source.member)
        if colored and reason_to_drop(rgb, recipe.min_colorfulness) in {"grey", "sepia"}:
            continue
        image = Image.fromarray(rgb)
        image.thumbnail((2 * WIDTH, 2 * WIDTH), Image.Resampling.LANCZOS)
        found.append((source.member, np.asarray(image)))
    if len(found) < count:
        raise LearnError(f"{count} photographs are wanted, and {len(found)} can be used.")
    return found


def held_out(source: PhotoSource, data: bytes, dev_share: float) -> bool:
    """Whether nobody trains on a photograph of a training pack."""
    return matches(source.label, FOREIGN) or is_dev(file_hash(data), dev_share)


def side_by_side(left: Picture, right: Picture) -> Image.Image:
    """Two pictures of one size as one, each brought to the size of a side."""
    cells = []
    for picture in (left, right):
        image = Image.fromarray(picture)
        scale = min(WIDTH / image.width, HEIGHT / image.height)
        size = (round(scale * image.width), round(scale * image.height))
        cells.append(image.resize(size, Image.Resampling.BICUBIC))
    pair = Image.new("RGB", (2 * cells[0].width + GAP, cells[0].height), "white")
    pair.paste(cells[0], (0, 0))
    pair.paste(cells[1], (cells[0].width + GAP, 0))
    return pair


def contact_page(pairs: Sequence[tuple[int, Image.Image]]) -> Image.Image:
    """Several pairs on one page, with their numbers."""
    page = Image.new("RGB", (ACROSS * CELL[0], DOWN * CELL[1]), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for place, (number, pair) in enumerate(pairs):
        left, top = CELL[0] * (place % ACROSS), CELL[1] * (place // ACROSS)
        small = pair.copy()
        small.thumbnail((CELL[0] - 8, CELL[1] - 22), Image.Resampling.LANCZOS)
        draw.text((left + 2, top + 1), f"pair {number}", "black", font=font)
        page.paste(small, (left + (CELL[0] - small.width) // 2, top + 18))
    return page


def sides(count: int, seed: int) -> list[bool]:
    """Whether A is left, in half of the pairs."""
    left = [number % 2 == 0 for number in range(count)]
    random.Random(seed + 1).shuffle(left)
    return left


def make(
    models: Sequence[Model], photographs: Sequence[tuple[str, Picture]], out: Path, seed: int
) -> dict[str, Any]:
    """Writes the pairs and pages.

    Args:
        models: Two, or one to be laid beside the truth.
        photographs: From `choose`.
        out: A folder that is empty or not there.
        seed: Of the sides.

    Returns:
        The key.

    Raises:
        LearnError: There is something in the folder.
    """
    if out.exists() and any(out.iterdir()):
        raise LearnError(f"{out} is not empty.", advice="Name a folder that is not there yet.")
    out.mkdir(parents=True, exist_ok=True)
    key: list[dict[str, object]] = []
    waiting: list[tuple[int, Image.Image]] = []
    for number, (name, truth) in enumerate(photographs, 1):
        first = models[0].recolor(truth)
        second = models[1].recolor(truth) if len(models) > 1 else truth
        a_left = sides(len(photographs), seed)[number - 1]
        pair = side_by_side(first, second) if a_left else side_by_side(second, first)
        pair.save(out / f"pair-{number:03d}.jpg", quality=92, subsampling=0)
        key.append({"pair": number, "left": "a" if a_left else "b", "photograph": name})
        waiting.append((number, pair))
        if len(waiting) == ACROSS * DOWN or number == len(photographs):
            page = 1 + (number - 1) // (ACROSS * DOWN)
            contact_page(waiting).save(out / f"page-{page}.jpg", quality=90, subsampling=0)
            waiting = []
    labels = [model.label for model in models] + [TRUTH]
    question = REAL if len(models) == 1 else BETTER
    (out / "question.txt").write_text(question + ANSWER, encoding="utf-8")
    rows = "".join(f"{row['pair']},\n" for row in key)
    (out / "verdicts.csv").write_text("pair,verdict\n" + rows, encoding="utf-8")
    return {"a": labels[0], "b": labels[1], "seed": seed, "pairs": key}


def read_verdicts(path: Path) -> dict[int, str]:
    """Verdicts by pair of one judge; pairs without one are left out.

    Raises:
        LearnError: Something else stands there.
    """
    text = path.read_text(encoding="utf-8-sig")
    found: dict[int, str] = {}
    try:
        for pair, verdict in _entries(path, text):
            if not verdict.strip():
                continue
            number, word = int(pair), verdict.strip().lower()
            if word not in VERDICTS or number in found:
                raise ValueError(f"pair {number}: {verdict}")
            found[number] = word
    except (KeyError, TypeError, ValueError) as error:
        raise LearnError(
            f"{path}: {error} is no verdict.", advice="Give each pair once: left, right or tie."
        ) from None
    return found


def _entries(path: Path, text: str) -> Iterator[tuple[str, str]]:
    if path.suffix.lower() == ".json":
        said = json.loads(text)
        if isinstance(said, dict):
            said = [{"pair": pair, "verdict": verdict} for pair, verdict in said.items()]
        yield from ((str(one["pair"]), str(one["verdict"] or "")) for one in said)
        return
    for row in csv.DictReader(text.splitlines()):
        yield str(row["pair"]), row["verdict"] or ""


def count_verdicts(
    key: Mapping[str, Any], judges: Sequence[Mapping[int, str]]
) -> tuple[Counter[str], Counter[str]]:
    """How often each side won, as ``a``, ``b`` or ``tie``: by pair, and by verdict.

    Raises:
        LearnError: A verdict is about a pair that is not there.
    """
    left = {int(one["pair"]): str(one["left"]) for one in key["pairs"]}
    by_pair: dict[int, Counter[str]] = {}
    for judge in judges:
        for pair, verdict in judge.items():
            if pair not in left:
                raise LearnError(f"There is no pair {pair}; the key belongs to other pairs.")
            other = {"a": "b", "b": "a"}[left[pair]]
            winner = {"left": left[pair], "right": other, "tie": "tie"}[verdict]
            by_pair.setdefault(pair, Counter())[winner] += 1
    pairs = Counter(
        "tie" if votes["a"] == votes["b"] else max("ab", key=votes.__getitem__)
        for votes in by_pair.values()
    )
    return pairs, sum(by_pair.values(), Counter())


def share(hits: int, trials: int) -> str:
    """A share in percent with Wilson's interval."""
    low, high = (100 * bound for bound in wilson(hits, trials))
    part = 100 * hits / trials if trials else 0.0
    return f"{hits} of {trials} ({part:.0f} %, 95 % {low:.0f} to {high:.0f})"


def report(key: Mapping[str, Any], judges: Sequence[Mapping[int, str]]) -> str:
    """What the verdicts say."""
    pairs, verdicts = count_verdicts(key, judges)
    a, b = key["a"], key["b"]
    answered, judged = pairs.total(), verdicts.total()
    lines = [f"{a} and {b}: {answered} of {len(key['pairs'])} pairs, {len(judges)} judges"]
    if b == TRUTH:
        decided = judged - verdicts["tie"]
        lines += [
            f"taken for the real one: {share(verdicts['a'], judged)} verdicts",
            f"of those who decided: {share(verdicts['a'], decided)}; {verdicts['tie']} ties",
        ]
        return "\n".join(lines)
    for side, label in (("a", a), ("b", b)):
        decided = answered - pairs["tie"]
        lines += [
            f"{label} preferred: {share(pairs[side], answered)} pairs; "
            f"of those decided {share(pairs[side], decided)}"
        ]
    lines.append(f"ties: {pairs['tie']}")
    if len(judges) > 1:
        of = ", ".join(f"{name} {verdicts[side]}" for side, name in (("a", a), ("b", b)))
        lines.append(f"verdicts: {of}, ties {verdicts['tie']}")
    return "\n".join(lines)


def make_command(options: argparse.Namespace) -> None:
    words = [options.a] if options.b == TRUTH else [options.a, options.b]
    photographs = choose(
        options.photos,
        options.count,
        options.seed,
        dev=options.dev,
        labels=options.labels,
        colored=options.b == TRUTH,
    )
    key = make(read_models(words), photographs, options.out, options.seed)
    path = options.key or options.out.with_name(f"{options.out.name}-key.json")
    path.write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out}, {path}")


def score_command(options: argparse.Namespace) -> None:
    key = json.loads(options.key.read_text(encoding="utf-8"))
    print(report(key, [read_verdicts(path) for path in options.verdicts]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    maker = commands.add_parser("make")
    maker.add_argument("a", metavar="A")
    maker.add_argument("b", metavar="B")
    maker.add_argument("--photos", type=Path, nargs="+", required=True)
    maker.add_argument("--out", type=Path, required=True)
    maker.add_argument("--count", type=int, default=40)
    maker.add_argument("--seed", type=int, default=0)
    maker.add_argument("--dev", action="store_true")
    maker.add_argument("--labels", nargs="+", default=[])
    maker.add_argument("--key", type=Path)
    maker.set_defaults(run=make_command)
    scorer = commands.add_parser("score")
    scorer.add_argument("key", metavar="KEY", type=Path)
    scorer.add_argument("verdicts", metavar="VERDICTS", type=Path, nargs="+")
    scorer.set_defaults(run=score_command)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
