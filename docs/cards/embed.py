"""Puts an exported model into the package, in place of the one that is there.

    tintype export RUN -o new.onnx --data DATA ... --card docs/cards/tintype-own.toml
    python docs/cards/embed.py new.onnx

With `--vividness` the file first gets another default, chosen on dev; its network does not change.

The file is verified by its own hash and its card before it is used. Afterwards, make again what
depends on the model: `tests/golden/make_goldens.py`, `examples/make_before_after.py`,
`examples/make_true_colors.py`, `make moving-picture`, the pages of `benchmarks/`, and the card in
this folder.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from tintype.engine.bundle import DEFAULT_NAME, load_bundle
from tintype.learn.export.card import with_vividness

BUNDLES = Path(__file__).parents[2] / "src" / "tintype" / "engine" / "bundles"
MOST_BYTES = 25_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--vividness", type=float)
    options = parser.parse_args()
    bundle = load_bundle(options.file)
    data = bundle.data
    if options.vividness is not None:
        data = with_vividness(data, options.vividness)
    if bundle.name != DEFAULT_NAME:
        sys.exit(f"{bundle.path} is {bundle.name}, but what is embedded is {DEFAULT_NAME}.")
    if len(data) > MOST_BYTES:
        sys.exit(f"{bundle.path} has {len(data)} bytes, more than {MOST_BYTES}.")
    index = BUNDLES / "index.json"
    pinned = json.loads(index.read_text())
    (BUNDLES / pinned[DEFAULT_NAME]["file"]).write_bytes(data)
    pinned[DEFAULT_NAME]["sha256"] = sha256 = hashlib.sha256(data).hexdigest()
    index.write_text(json.dumps(pinned, indent=1) + "\n")
    print(f"{DEFAULT_NAME} {bundle.card.version} {sha256[:12]} is embedded.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
