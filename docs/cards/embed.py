"""Puts an exported model into the package, in place of the one that is there.

    tintype export RUN -o new.onnx --data DATA ... --card docs/cards/tintype-own.toml
    python docs/cards/embed.py new.onnx

The file is verified first, by its own hash and its card. What depends on the model is made again
afterwards: `tests/golden/make_goldens.py`, `examples/make_before_after.py`, the pages of
`benchmarks/`, and the card in this folder.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from tintype.engine.bundle import DEFAULT_NAME, load_bundle

BUNDLES = Path(__file__).parents[2] / "src" / "tintype" / "engine" / "bundles"
MOST_BYTES = 25_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    bundle = load_bundle(parser.parse_args().file)
    if bundle.name != DEFAULT_NAME:
        sys.exit(f"{bundle.path} is {bundle.name}, but what is embedded is {DEFAULT_NAME}.")
    if len(bundle.data) > MOST_BYTES:
        sys.exit(f"{bundle.path} has {len(bundle.data)} bytes, more than {MOST_BYTES}.")
    index = BUNDLES / "index.json"
    pinned = json.loads(index.read_text())
    shutil.copyfile(bundle.path, BUNDLES / pinned[DEFAULT_NAME]["file"])
    pinned[DEFAULT_NAME]["sha256"] = bundle.sha256
    index.write_text(json.dumps(pinned, indent=1) + "\n")
    print(f"{DEFAULT_NAME} {bundle.card.version} {bundle.sha256[:12]} is embedded.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
