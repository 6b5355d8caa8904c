"""How often a colour photograph is taken for a toned one, and a monochrome picture for the other.

Photographs in colour are read as they are. Monochrome pictures of every kind that `tone_prints`
knows are made of the grey of others, from 192 to 2000 pixels, with scanner noise and in several
file formats. All go through `decode`, as for any user. Pictures of the packs that are monochrome
(or drawn) are left out; tone.toml names them, found by eye before the decision was measured.

    python benchmarks/tone.py measure PACK.zip:COUNT ... [--made 40]
    python benchmarks/tone.py fit PACK.zip:COUNT ...      writes src/tintype/photo/tone_weights.py
    python benchmarks/tone.py time

The packs for `fit` are others than those for `measure`.
"""

import argparse
import io
import time
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tone_prints import KINDS, UNFITTED, scanned

from tintype.photo.decode import decode
from tintype.photo.tone import find_tone
from tintype.photo.tone_features import FEATURES, Chroma, inside_of_frames, small_copy
from tintype.web.which_is_real import wilson

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "src/tintype/photo/tone_weights.py"
F64 = NDArray[np.float64]

MISSED = 0.7
"""Per cent of the colour photographs it is fitted to that the threshold gives up."""
_PENALTY = 1e-4
_CLEAR = 8  # log-odds
_FOLDS = 5
_COLOR_KEPT = "colour photographs taken for grey or toned"
_SKIPPED = "monochrome pictures taken for colour photographs"


def photographs(packs: Sequence[str], monochrome: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Name and file of COUNT photographs of each pack, drawn by chance, always the same ones."""
    for pack in packs:
        path, _, count = pack.rpartition(":")
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            order = np.random.default_rng(25).permutation(len(names))[: int(count)]
            for name in sorted(names[i] for i in order):
                full = f"{Path(path).name}/{name}"
                if full not in monochrome and name.endswith((".webp", ".jpg", ".png")):
                    yield full, archive.read(name)


def made(
    files: Sequence[tuple[str, bytes]],
    kinds: Iterable[str],
    each: int,
    *,
    seed: int,
    largest: int,
) -> Iterator[tuple[str, bytes]]:
    """Kind and file of `each` monochrome pictures of some kinds, from the photographs in turn."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(files))
    turn = 0
    for kind in kinds:
        for _ in range(each):
            photo = Image.open(io.BytesIO(files[order[turn % len(files)]][1])).convert("RGB")
            turn += 1
            yield kind, scanned(kind, photo, draw, largest)


def measure(packs: Sequence[str], each: int) -> str:
    """The table of the page."""
    files = list(photographs(packs, listed()))
    wrong: dict[str, list[bool]] = defaultdict(list)
    for name, data in files:
        tone = decode(data, name=name)[0].tone
        wrong[f"colour: {name.split('/')[0]}"].append(tone != "color")
        if tone != "color":
            print(f"{tone}: {name}")
    color = [miss for misses in wrong.values() for miss in misses]
    for kind, data in made(files, [*KINDS, *UNFITTED], each, seed=1, largest=2000):
        wrong[kind].append(decode(data, name=kind)[0].tone == "color")
    grey = [miss for kind in KINDS for miss in wrong[kind]]
    others = [miss for kind in UNFITTED for miss in wrong[kind]]
    lines = ["| pictures | how many | wrong | share (95 %) |", "|---|---:|---:|---:|"]
    lines += [_row(f"**{_COLOR_KEPT}**", color)]
    lines += [_row(name, misses) for name, misses in wrong.items() if name.startswith("colour:")]
    lines += [_row(f"**{_SKIPPED}**", grey)]
    lines += [_row(kind, wrong[kind]) for kind in KINDS]
    lines += [_row(f"**{_SKIPPED}, of kinds that were not fitted**", others)]
    lines += [_row(kind, wrong[kind]) for kind in UNFITTED]
    return "\n".join(lines) + "\n"


def _row(title: str, wrong: Sequence[bool]) -> str:
    low, high = (100 * bound for bound in wilson(sum(wrong), len(wrong)))
    share = 100 * sum(wrong) / len(wrong)
    return f"| {title} | {len(wrong)} | {sum(wrong)} | {share:.1f} % ({low:.1f} to {high:.1f}) |"


def listed() -> frozenset[str]:
    """The monochrome pictures of the packs."""
    facts = tomllib.loads((HERE / "tone.toml").read_text(encoding="utf-8"))
    return frozenset(facts["monochrome"])


def features_of(data: bytes) -> NDArray[np.float32]:
    """What the decision is made from."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return Chroma.of(inside_of_frames(small_copy(picture))).features()


def fitted(features: F64, color: NDArray[np.bool_]) -> tuple[F64, F64, F64]:
    """Means, scales and weights (the last one the bias) of a logistic regression.

    Both classes count alike. Newton's method, with a small penalty on the squares of the weights.
    """
    means, scales = features.mean(0), features.std(0) + 1e-9
    terms = np.column_stack([(features - means) / scales, np.ones(len(features))])
    count = len(color)
    counts = np.where(color, count / 2 / color.sum(), count / 2 / (~color).sum())
    penalty = _PENALTY * count * np.append(np.ones(features.shape[1]), 0)
    weights = np.zeros(terms.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-terms @ weights))
        slope = terms.T @ (counts * (color - chance)) - penalty * weights
        bend = (terms * (counts * chance * (1 - chance))[:, None]).T @ terms + np.diag(penalty)
        step = np.linalg.solve(bend + 1e-9 * np.eye(len(bend)), slope)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return means, scales, weights


def fitted_near(features: F64, color: NDArray[np.bool_]) -> tuple[F64, F64, F64]:
    """Fitted to all pictures, and then again to those that are not clear from that."""
    near = np.abs(scores(fitted(features, color), features)) < _CLEAR
    return fitted(features[near], color[near])


def scores(fit: tuple[F64, F64, F64], features: F64) -> F64:
    """Log-odds of being in colour."""
    means, scales, weights = fit
    return np.asarray((features - means) / scales @ weights[:-1] + weights[-1])


def cross_validated(features: F64, color: NDArray[np.bool_]) -> F64:
    """Scores by the four fifths that a picture is not in."""
    fold = np.arange(len(color)) * 7919 % _FOLDS
    found = np.empty(len(color))
    for number in range(_FOLDS):
        out = fold == number
        found[out] = scores(fitted_near(features[~out], color[~out]), features[out])
    return found


def fit(packs: Sequence[str], each: int) -> None:
    """Fits the weights and writes them; says what cross-validation gives."""
    files = list(photographs(packs, listed()))
    names = [name for name, _ in files]
    rows = [features_of(data) for _, data in files]
    for kind, data in made(files, KINDS, each, seed=0, largest=400):
        names.append(kind)
        rows.append(features_of(data))
    features = np.array(rows, np.float64)
    color = np.arange(len(rows)) < len(files)
    found = cross_validated(features, color)
    threshold = float(np.percentile(found[color], MISSED))
    skipped = {}
    for kind in KINDS:
        skipped[kind] = np.mean([found[at] > threshold for at, n in enumerate(names) if n == kind])
    print(f"{len(files)} photographs in colour, {MISSED} % of them missed:")
    for at in sorted(np.flatnonzero(color & (found <= threshold)), key=lambda at: found[at]):
        print(f"  {names[at]}, {found[at]:.1f}")
    print(f"monochrome pictures skipped: {np.mean(found[~color] > threshold):.1%}, of each kind:")
    for kind, share in skipped.items():
        print(f"  {kind}: {share:.1%}")
    write(fitted_near(features, color), threshold)


def write(fit: tuple[F64, F64, F64], threshold: float) -> None:
    """Writes the module of the weights."""
    lines = [
        '"""Weights of `tintype.photo.tone`: written by benchmarks/tone.py fit."""\n',
        f"THRESHOLD = {threshold:.4f}",
        f"BIAS = {fit[2][-1]:.5g}",
        "# Mean, scale and weight.",
        "TERMS = (",
    ]
    for name, mean, scale, weight in zip(FEATURES, fit[0], fit[1], fit[2][:-1], strict=True):
        lines.append(f"    ({mean:.5g}, {scale:.5g}, {weight:.5g}),  # {name}")
    WEIGHTS.write_text("\n".join([*lines, ")\n"]), encoding="utf-8")


def timed() -> Mapping[str, float]:
    """Milliseconds of processor time for a 12-megapixel photograph, the best of seven."""
    draw = np.random.default_rng(0)
    small = Image.fromarray(draw.integers(0, 256, (75, 100, 3)).astype(np.uint8))
    photo = small.resize((4000, 3000), Image.Resampling.BICUBIC)
    jpeg = io.BytesIO()
    photo.save(jpeg, "JPEG", quality=90)
    tasks = {
        "find_tone, from decoded pixels": lambda: find_tone(photo),
        "decode, JPEG": lambda: decode(jpeg.getvalue(), name="x"),
    }
    found = {}
    for name, task in tasks.items():
        best = np.inf
        for _ in range(7):
            start = time.process_time()
            task()
            best = min(best, time.process_time() - start)
        found[name] = best * 1000
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["measure", "fit", "time"])
    parser.add_argument("packs", nargs="*", metavar="PACK.zip:COUNT")
    parser.add_argument("--made", type=int, default=40, help="monochrome pictures of each kind")
    given = parser.parse_args()
    if given.task == "measure":
        print(measure(given.packs, given.made))
    elif given.task == "fit":
        fit(given.packs, given.made)
    else:
        for name, milliseconds in timed().items():
            print(f"{name}: {milliseconds:.1f} ms")


if __name__ == "__main__":
    main()
