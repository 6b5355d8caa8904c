"""Fits and measures what tells a negative from a photograph (`tintype.photo.negative`).

    python benchmarks/negatives.py fit TRAIN.zip ... --held-out MORE.zip ... --each 2000
    python benchmarks/negatives.py measure TEST.zip ... --each 2000

Any zip files of photographs will do; their grey is taken, and its inverse serves as the negative.
`fit` prints the weights, and at which bound what share of the held-out photographs would be taken
for negatives. `measure` prints how many are taken for one with the weights and the bound of the
module, and how many negatives are found, each with its interval of 95 % (Wilson).
"""

import argparse
import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo import negative

SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")
FALSE_ALARMS = (0.001, 0.002, 0.005, 0.01)
RIDGE = 5e-3
STEPS = 12


def greys(file: Path, most: int) -> Iterator[NDArray[np.uint8]]:
    """Some of the pictures of a zip file, in an order that is always the same."""
    with zipfile.ZipFile(file) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(SUFFIXES))
        for index in np.random.default_rng(0).permutation(len(names))[:most]:
            picture = Image.open(io.BytesIO(archive.read(names[index])))
            yield np.asarray(picture.convert("L"))


def evidence_of(files: list[Path], most: int) -> NDArray[np.float64]:
    """(pictures, 116)."""
    found = [negative.evidence(grey) for file in files for grey in greys(file, most)]
    return np.array(found, np.float64)


def fitted(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression by Newton's method; a negative has the evidence with the other sign."""
    scale = np.sqrt((evidence**2).mean(0)) + 1e-6
    given = evidence / scale
    weights = np.zeros(given.shape[1])
    for _ in range(STEPS):
        probability = 1 / (1 + np.exp(-np.clip(given @ weights, -30, 30)))
        slope = given.T @ (probability - 1) / len(given) + RIDGE * weights
        bend = (given * (probability * (1 - probability))[:, None]).T @ given / len(given)
        weights -= np.linalg.solve(bend + RIDGE * np.eye(len(weights)), slope)
    return np.asarray(weights / scale)


def interval(count: int, of: int) -> str:
    """A share with its Wilson interval of 95 %, in per cent."""
    z, share = 1.96, count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    low, high = max(0.0, middle - half), middle + half
    return f"{count} of {of}, {share:.2%} ({low:.2%} to {high:.2%})"


def main() -> None:
    """Fits or measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("fit", "measure"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="+", type=Path, default=[])
    parser.add_argument("--each", type=int, default=2000, help="pictures of each file")
    argv = parser.parse_args()
    if argv.what == "fit":
        weights = fitted(evidence_of(argv.files, argv.each))
        scores = evidence_of(argv.held_out, argv.each) @ weights
        print(", ".join(f"{weight:.2f}" for weight in weights))
        print(f"held out: right {np.mean(scores > 0):.3f}")
        for share in FALSE_ALARMS:
            bound = np.quantile(scores, share)
            found = np.mean(-scores < bound)
            print(f"{share:.1%} taken for negatives: bound {bound:.2f}, found {found:.1%}")
        return
    for file in argv.files:
        pictures = list(greys(file, argv.each))
        wrong = sum(negative.is_negative(grey) for grey in pictures)
        found = sum(negative.is_negative(255 - grey) for grey in pictures)
        print(f"{file.name}: false {interval(wrong, len(pictures))}", end="; ")
        print(f"found {interval(found, len(pictures))}", flush=True)


if __name__ == "__main__":
    main()
