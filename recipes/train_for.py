"""Trains one stage for a given time on one device and writes the weights in small parts.

For a machine that is available only for minutes: photographs are decoded once and kept in the
device's memory, training uses bfloat16 and channels-last memory, and the result is the moving
average in half precision, split into parts that are easy to transfer.

    python recipes/train_for.py recipes/own-decoder.toml --data packs/*.zip --seconds 500 \\
        --device cuda --run /tmp/run --cache /tmp/cache --out out/ --init encoder.safetensors
    python recipes/train_for.py --join out/ weights.safetensors

Called again with the same --run, it continues. The joined file can be used as --init of the next
stage and for ``tintype export``.
"""

import argparse
import sys
from pathlib import Path

from tintype.learn.data.photos import open_photos
from tintype.learn.recipe import read_recipe
from tintype.learn.train.checkpoint import load_checkpoint, part, save_weights
from tintype.learn.train.loop import train
from tintype.learn.train.run import CHECKPOINT, TrainingSession

PART = 16 * 2**20
NAME = "weights.safetensors"


def run(options: argparse.Namespace) -> None:
    """Trains the stage and writes the parts."""
    recipe = read_recipe(options.recipe)
    photos = open_photos(options.data, recipe.data, cache=options.cache)
    print(f"{len(photos)} photographs, left out: {photos.dropped}", flush=True)
    session = TrainingSession(
        max_seconds=options.seconds,
        init=options.init,
        cooldown=options.cooldown,
        device=options.device,
        report=print,
    )
    progress = train(options.run, recipe, photos, session)
    rate = progress.samples / max(progress.seconds, 1e-9)
    print(f"{progress.samples} samples in {progress.seconds:.0f} s, {rate:.0f} a second")
    tensors, progress, facts = load_checkpoint(options.run / CHECKPOINT)
    weights = {f"ema.{name}": tensor for name, tensor in part(tensors, "ema.").items()}
    whole = options.out / NAME
    save_weights(whole, weights, progress, facts)
    for name in split(whole):
        print(name)


def split(whole: Path) -> list[Path]:
    """Splits a file into numbered parts beside it and removes it, after removing earlier parts."""
    for old in whole.parent.glob(f"{whole.name}.[0-9]*"):
        old.unlink()
    data = whole.read_bytes()
    parts = []
    for number, start in enumerate(range(0, len(data), PART)):
        parts.append(whole.with_name(f"{whole.name}.{number:02d}"))
        parts[-1].write_bytes(data[start : start + PART])
    whole.unlink()
    return parts


def join(folder: Path, target: Path) -> None:
    """Joins the parts and verifies that the result can be read."""
    parts = sorted(folder.glob(f"{NAME}.[0-9]*"))
    if not parts:
        sys.exit(f"{folder} holds no {NAME}.00.")
    target.write_bytes(b"".join(name.read_bytes() for name in parts))
    _, progress, _ = load_checkpoint(target)
    print(f"{target}: {progress.samples} samples")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path, nargs="?")
    parser.add_argument("--join", type=Path, nargs=2, metavar=("FOLDER", "FILE"))
    parser.add_argument("--data", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--init", type=Path)
    parser.add_argument(
        "--cooldown", type=int, help="lower the learning rate to zero over this many samples"
    )
    parser.add_argument("--run", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.join:
        join(*options.join)
    elif all((options.recipe, options.data, options.seconds, options.run, options.out)):
        run(options)
    else:
        parser.error("RECIPE, --data, --seconds, --run and --out are needed, or --join")


if __name__ == "__main__":
    main()
