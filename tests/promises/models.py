"""A model that is not what it says is not used: flipped bytes, swapped cards, other files.

    PYTHONPATH=tests python -m promises.models [--rounds 2000] [--seed 0]

A round is one byte changed: in the file of a model of one's own, and every tenth time in the file
that comes with the package. Besides: a card out of another file, a file under another's name, and a
model that names other settings than those that were saved with it.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from promises.outcome import TINY, Outcome, Words, run_script
from tintype.engine import bundle as bundles
from tintype.engine.bundle import (
    CARD_KEY,
    DEFAULT_NAME,
    HASH_KEY,
    Bundle,
    load_bundle,
)
from tintype.engine.onnx_file import read_metadata
from tintype.engine.settings import Output, Settings
from tintype.errors import ModelError, TintypeError
from tintype.jobs.sidecar import Sidecar


def refused(path: Path | str) -> str:
    """The line that a model is refused with; empty where it is taken."""
    try:
        load_bundle(path)
    except ModelError as error:
        return str(error)
    return ""


@contextlib.contextmanager
def package(folder: Path, data: bytes, pinned: str) -> Iterator[Path]:
    """A package whose one model is `data`, pinned as something."""
    folder.mkdir(exist_ok=True)
    (folder / "own.onnx").write_bytes(data)
    index = {DEFAULT_NAME: {"file": "own.onnx", "sha256": pinned}}
    (folder / "index.json").write_text(json.dumps(index))
    before = bundles._EMBEDDED
    bundles._EMBEDDED = folder
    try:
        yield folder / "own.onnx"
    finally:
        bundles._EMBEDDED = before


def flips(words: Words, folder: Path, outcome: Outcome) -> tuple[int, int]:
    rng = np.random.default_rng(words.seed)
    tiny, own = TINY.read_bytes(), load_bundle()
    mine = packaged = 0
    path = folder / "mine.onnx"
    for number in range(words.rounds):
        at = int(rng.integers(0, len(tiny)))
        changed = bytearray(tiny)
        changed[at] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        line = refused(path)
        outcome.expect(bool(line) and "\n" not in line, f"byte {at} of a model is not noticed")
        mine += 1
        if number % 10 == 0:
            at = int(rng.integers(0, len(own.data)))
            changed = bytearray(own.data)
            changed[at] ^= int(rng.integers(1, 256))
            with package(folder / "package", bytes(changed), own.sha256):
                outcome.expect("damaged" in refused(DEFAULT_NAME), f"byte {at} of the package's")
            packaged += 1
    return mine, packaged


def with_card(data: bytes, card: dict[str, object]) -> bytes:
    """A model's file with another card of the same length, which its hash does not fit."""
    old = read_metadata(data, where="x")[CARD_KEY].encode()
    new = json.dumps(card).encode()
    return data.replace(old, new[: len(old)].ljust(len(old)))


def signed(data: bytes) -> bytes:
    """The file with the hash that fits it, as whoever made it would have written."""
    claimed = read_metadata(data, where="x")[HASH_KEY].encode()
    zeros = data.replace(claimed, b"0" * 64)
    return data.replace(claimed, hashlib.sha256(zeros).hexdigest().encode())


def swaps(folder: Path, outcome: Outcome) -> int:
    tiny = TINY.read_bytes()
    other = TINY.with_name("tiny-ab.onnx").read_bytes()
    cases = 0

    def expect(path: Path | str, data: bytes | None, words: str) -> None:
        nonlocal cases
        cases += 1
        if data is not None:
            Path(path).write_bytes(data)
        line = refused(path)
        outcome.expect(words in line and "\n" not in line, f"{words}: says {line!r}")

    card = json.loads(read_metadata(tiny, where="x")[CARD_KEY])
    stranger = json.loads(read_metadata(other, where="x")[CARD_KEY])
    path = folder / "x.onnx"
    expect(path, with_card(tiny, card | {"temperature": 0.9}), "SHA-256")
    expect(path, with_card(other, stranger | {"license": "none"}), "SHA-256")
    elsewhere = b"\x3a\x11\x2a\x0f\x6a\x0d\x0a\x08location\x12\x01w"  # a tensor in file w
    expect(path, signed(tiny + elsewhere), "another file")
    expect(path, signed(tiny + b"\x3a\x08\x0a\x06\x22\x04Loop"), "operator")
    for key, value in (("bins", 7), ("stride", 0), ("sizes", {}), ("vividness", 9), ("name", "")):
        # The hash fits: what is checked is what the card says.
        expect(path, signed(with_card(tiny, card | {key: value})), "card")
    digits = read_metadata(other, where="x")[HASH_KEY].encode()
    mine = read_metadata(tiny, where="x")[HASH_KEY].encode()
    expect(path, tiny.replace(mine, digits), "SHA-256")
    expect(path, tiny + tiny, "twice")  # parsers merge the two, hashes and cards included
    expect(path, tiny[:-1], "ONNX")
    # Under the name of another: the package's own name is the package's model, whatever lies there.
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    os.environ["TINTYPE_HOME"] = str(models.parent)
    shutil.copy(TINY, models / f"{DEFAULT_NAME}.onnx")
    outcome.expect(
        load_bundle(DEFAULT_NAME).embedded, "the package's name is taken by another file"
    )
    cases += 1
    shutil.copy(TINY, models / "good.onnx")
    outcome.expect(load_bundle("good").card.name == "tiny", "a good model is refused")
    (models / "good.onnx").write_bytes(with_card(tiny, card | {"temperature": 0.9}))
    expect("good", None, "SHA-256")
    with package(folder / "package", tiny, hashlib.sha256(other).hexdigest()):
        expect(DEFAULT_NAME, None, "damaged")
    saved_with_another(load_bundle(TINY), outcome)
    return cases + 1


def saved_with_another(tiny: Bundle, outcome: Outcome) -> None:
    sidecar = Sidecar("tiny", "ab" * 32, Settings(), Output())
    try:
        sidecar.check(tiny, Path("settings.json"))
        outcome.expect(False, "settings of another model are taken")
    except TintypeError as error:
        outcome.expect("another model" in str(error), str(error))


def check(words: Words, outcome: Outcome) -> None:
    home = os.environ.get("TINTYPE_HOME")
    with tempfile.TemporaryDirectory() as place:
        mine, packaged = flips(words, Path(place), outcome)
        cases = swaps(Path(place), outcome)
    if home is None:
        os.environ.pop("TINTYPE_HOME", None)
    else:
        os.environ["TINTYPE_HOME"] = home
    outcome.figures = {
        "bytes changed in a model of one's own": f"{mine:,}",
        "bytes changed in the package's model": f"{packaged:,}",
        "swapped cards, hashes and files": str(cases),
        "taken all the same": str(len(outcome.broken)),
    }


if __name__ == "__main__":
    sys.exit(run_script("models", check, rounds=2000, quick=60))
