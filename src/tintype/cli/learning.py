"""The one bridge from the command to `tintype.learn`: training, evaluation, export.

`tintype.cli.app` calls `main` with the words after the command's name. Everything below the fence is
imported inside the functions, so that a person without torch gets one line that says what to install.
"""

import argparse
import sys
from pathlib import Path

from tintype.errors import LearnError, TintypeError

_NEEDED = ("torch", "safetensors", "pydantic", "onnx")


def main(command: str, words: list[str]) -> int:
    """Runs one of the learning commands.

    Args:
        command: ``train``, ``evaluate`` or ``export``.
        words: What stands after it.

    Returns:
        The exit code.

    Raises:
        TintypeError: What went wrong, for the door to print.
    """
    options = _COMMANDS[command][0]().parse_args(words)
    _require_extra()
    return _COMMANDS[command][1](options)


def _require_extra() -> None:
    import importlib.util

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LearnError(
            f"Learning needs {', '.join(missing)}, which is not installed.",
            hint='Type: pip install "tintype[learn]" (see CONTRIBUTING.md for torch without CUDA).',
        )


def _train_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tintype train", description="Train a model by a recipe.")
    parser.add_argument("recipe", type=Path, help="a TOML file, as in recipes/own.toml")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders or zips")
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--init", type=Path, help="checkpoint whose weights a new run starts from")
    parser.add_argument("--max-seconds", type=float, help="stop after this time, resumable")
    parser.add_argument("--max-samples", type=int, help="stop at this many samples, resumable")
    parser.add_argument("--cooldown", type=int, metavar="SAMPLES", help="lower the rate to zero")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded photographs")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def _train(options: argparse.Namespace) -> int:
    import torch

    from tintype.learn.data.photos import open_photos
    from tintype.learn.recipe import read_recipe
    from tintype.learn.train.loop import Sitting, train

    recipe = read_recipe(options.recipe)
    run = options.run or Path("runs") / recipe.name
    begun = (run / "checkpoint.safetensors").exists()
    if begun and not options.resume:
        raise LearnError(f"{run}: a run is there already.", hint="Add --resume, or choose --run.")
    if options.resume and not begun:
        raise LearnError(f"{run}: there is no run to resume.", hint="Leave --resume out.")
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    photos = open_photos(options.data, recipe.data, cache=options.cache)
    _say(
        f"{len(photos)} photographs, {int(photos.dev.sum())} of them dev, left out: {photos.dropped}"
    )
    sitting = Sitting(
        max_seconds=options.max_seconds,
        max_samples=options.max_samples,
        cooldown=options.cooldown,
        init=options.init,
        device=device,
    )
    progress = train(run, recipe, photos, sitting)
    _say(f"{run}: {progress.samples} samples in {progress.seconds:.0f} s")
    print(run / "checkpoint.safetensors")  # noqa: T201 - the result
    return 0


def _say(text: str) -> None:
    print(f"tintype: {text}", file=sys.stderr)  # noqa: T201 - progress


_COMMANDS = {"train": (_train_parser, _train)}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except TintypeError as error:
        _say(str(error))
        sys.exit(error.exit_code)
