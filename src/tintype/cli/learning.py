"""The bridge from the command to `tintype.learn`: training, evaluation, export.

`tintype.cli.app` calls `main` with the words after the command's name. Everything below the fence
is imported inside the functions, so that a person without torch gets one line that says what to
install.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tintype.cli import evaluation
from tintype.cli.parsing import Parser, say
from tintype.errors import LearnError, TintypeError, UsageError

_NEEDED = ("torch", "safetensors", "pydantic", "onnx", "scipy")
_INTERRUPTED = 130


def main(command: str, words: list[str]) -> int:
    """Runs one of the learning commands.

    Args:
        command: ``data``, ``train``, ``evaluate``, ``export`` or ``compare``.
        words: What stands after it.

    Returns:
        The exit code.

    Raises:
        TintypeError: What went wrong, for the door to print.
    """
    options = _COMMANDS[command][0]().parse_args(words)
    _require_extra()
    return _COMMANDS[command][1](options)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """The parsers of the learning commands, by their names."""
    return {name: parser() for name, (parser, _) in _COMMANDS.items()}


def _require_extra() -> None:
    import importlib.util

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LearnError(
            f"Learning needs {', '.join(missing)}, which is not installed.",
            advice='Type: pip install "tintype[learn]" (CONTRIBUTING.md: torch without CUDA).',
        )


def _train_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="tintype train", description="Train a model by a recipe.")
    parser.add_argument("recipe", type=Path, help="a TOML file, as in recipes/own.toml")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders or zips")
    parser.add_argument(
        "--never", type=Path, nargs="+", help="evaluation pictures; refuse to train on any of them"
    )
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--init", type=Path, help="checkpoint whose weights a new run starts from")
    parser.add_argument("--classifier", type=Path, help="grey classifier a trunk starts from")
    parser.add_argument("--max-seconds", type=float, help="stop after this time, resumable")
    parser.add_argument("--max-samples", type=int, help="stop at this many samples, resumable")
    parser.add_argument("--cooldown", type=int, metavar="SAMPLES", help="lower the rate to zero")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded photographs")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def _train(options: argparse.Namespace) -> int:
    import torch

    from tintype.learn.data.manifest import find_sources, refuse_overlap
    from tintype.learn.data.photos import open_photos
    from tintype.learn.recipe import read_recipe
    from tintype.learn.train.distributed import join_team
    from tintype.learn.train.loop import train
    from tintype.learn.train.run import TrainingSession

    recipe = read_recipe(options.recipe)
    run = options.run or Path("runs") / recipe.name
    begun = (run / "checkpoint.safetensors").exists()
    if begun and not options.resume:
        raise LearnError(f"{run}: a run is there already.", advice="Add --resume, or choose --run.")
    if options.resume and not begun:
        raise LearnError(f"{run}: there is no run to resume.", advice="Leave --resume out.")
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.never:
        data = recipe.data
        sources = find_sources(
            options.data,
            exclude=data.exclude,
            only_groups=data.only_groups,
            only_labels=data.only_labels,
        )
        refuse_overlap(sources, find_sources(options.never))
    team = join_team()
    if team.size > 1 and device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    # The first process decodes, the others read what it has written.
    if team.rank > 0:
        team.wait()
    photos = open_photos(options.data, recipe.data, cache=options.cache)
    if team.rank == 0:
        team.wait()
    dev = int(photos.dev.sum())
    say(f"{len(photos)} photographs, {dev} of them dev, left out: {photos.dropped}")
    session = TrainingSession(
        max_seconds=options.max_seconds,
        max_samples=options.max_samples,
        cooldown=options.cooldown,
        init=options.init,
        classifier=options.classifier,
        device=device,
        team=team,
        say=say if team.rank == 0 else _say_nothing,
    )
    progress = train(run, recipe, photos, session)
    if team.rank > 0:
        return 0
    say(f"{run}: {progress.samples} samples in {progress.seconds:.0f} s")
    print(run / "checkpoint.safetensors")  # noqa: T201 - the result
    return 0


def _data_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="tintype data", description="Look at photographs before training on them.")
    # A word for what is done, so that more can be done with data one day.
    parser.add_argument("what", choices=["audit"], help="find bad and repeated pictures, and leaks")
    parser.add_argument("paths", type=Path, nargs="+", metavar="path", help="folders or zips")
    parser.add_argument(
        "--against", type=Path, nargs="+", help="pictures that must not be among them"
    )
    parser.add_argument("--sheet", type=Path, help="write a picture of the finds, a PNG")
    parser.add_argument("--json", action="store_true", help="print the finds as JSON")
    parser.add_argument(
        "--min-colorfulness", type=float, default=5.0, help="grey below this (default: 5)"
    )
    parser.add_argument(
        "--dev-share", type=float, default=0.04, help="share of dev (default: 0.04)"
    )
    return parser


def _data(options: argparse.Namespace) -> int:
    from tintype.learn.data.audit import audit, sheet_bytes, to_json, to_text
    from tintype.learn.data.manifest import find_sources

    if options.sheet and options.sheet.suffix.lower() != ".png":
        raise LearnError(f"{options.sheet}: the sheet is a PNG.", advice="Name it NAME.png.")
    found = audit(
        find_sources(options.paths),
        find_sources(options.against) if options.against else (),
        min_colorfulness=options.min_colorfulness,
        dev_share=options.dev_share,
        tell=say,
    )
    if options.sheet:
        data = sheet_bytes(found)
        try:
            options.sheet.write_bytes(data)
        except OSError as error:
            raise LearnError(f"{options.sheet}: cannot be written ({error.strerror}).") from None
    print(to_json(found) if options.json else to_text(found), end="")  # noqa: T201 - the result
    return 0


def _export_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tintype export", description="Make a bundle (ONNX with its card) of a run."
    )
    parser.add_argument(
        "run", type=Path, help="the run's folder, or weights that --checkpoint has written"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="the run's data again")
    parser.add_argument("--card", type=Path, help="TOML with what the card says of the model")
    parser.add_argument(
        "--precision",
        choices=["float16", "int8", "float32"],
        default="float16",
        help="float16 is stored only, half the size (default); int8 a quarter and faster",
    )
    parser.add_argument(
        "--rank",
        type=int,
        default=64,
        help="mixtures of features that the decoder's filters see, where the network can do with "
        "few (default: 64); 0 leaves them as trained",
    )
    parser.add_argument(
        "--start",
        type=Path,
        nargs="+",
        metavar="CHECKPOINT",
        help="weights to mix in: the run's --init, or those of runs from the same --init; of "
        "several, their average",
    )
    parser.add_argument(
        "--start-share", type=float, default=0.25, metavar="SHARE", help="of them (default: 0.25)"
    )
    parser.add_argument(
        "--vividness",
        type=float,
        help="default tau (default: what the run counted decoded colours at, else 0.9, and 0.8 for "
        "--weights rarity)",
    )
    parser.add_argument(
        "--temperature", type=float, help="default T (default: as for --vividness, else 0.38)"
    )
    parser.add_argument(
        "--weights",
        choices=["fitted", "rarity"],
        help="rarity alone, or corrected by what comes out on dev (default: fitted, and rarity for "
        "a run that counted decoded colours)",
    )
    parser.add_argument(
        "--calibrate",
        type=float,
        default=1.0,
        metavar="T",
        help="temperature of the distribution that is shown, found on dev; the colours stay the "
        "same (default: 1, as trained)",
    )
    parser.add_argument("--checkpoint", type=Path, help="also write the weights in fp16 here")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded photographs")
    return parser


def _export(options: argparse.Namespace) -> int:
    import tomllib

    from tintype.learn.export.bundle import (
        calibrated,
        default_card,
        export,
        lightness_examples,
        load_trained,
        mix_with_start,
        predicts_distribution,
        save_weights,
    )
    from tintype.learn.export.class_weights import FEWEST, decoding_of, fitted, look_at_dev

    if not 0 <= options.start_share <= 1:
        raise UsageError("--start-share is a share.", advice="Give a number from 0 to 1.")
    if options.rank < 0:
        raise UsageError("--rank is below 0.", advice="Give 64, or 0 to leave the filters alone.")
    trained = load_trained(options.run)
    if options.start:
        trained = mix_with_start(trained, options.start, options.start_share)
    decoding = decoding_of(
        trained,
        weights=options.weights,
        vividness=options.vividness,
        temperature=options.temperature,
    )
    card = default_card(trained, vividness=decoding.vividness, temperature=decoding.temperature)
    if options.card:
        card |= tomllib.loads(options.card.read_text(encoding="utf-8"))
    calibration, check = lightness_examples(trained, options.data, cache=options.cache)
    vividness, temperature = float(card["vividness"]), float(card["temperature"])
    if decoding.fitted and predicts_distribution(trained.model) and vividness > 0:
        size = card["sizes"]["normal"]
        places = look_at_dev(trained, options.data, size=size, cache=options.cache)
        if places.photographs < FEWEST:
            say(f"dev has {places.photographs} photographs, too few to fit weights: rarity alone")
        else:
            trained = fitted(trained, places, vividness=vividness, temperature=temperature)
            say(f"weights fitted on {places.photographs} photographs of dev")
    shown = trained
    if options.calibrate != 1:
        shown = calibrated(trained, options.calibrate)
        card["temperature"] = temperature / options.calibrate
    report = export(
        shown,
        options.output,
        card=card,
        calibration=calibration,
        check=check,
        precision=options.precision,
        rank=options.rank,
    )
    say(f"difference from torch, in ab: {report}")
    if options.checkpoint:
        save_weights(trained, options.checkpoint)
    print(options.output)  # noqa: T201 - the result
    return 0


def _compare_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tintype compare",
        description="Train every method of a folder that is missing, score all, write one page.",
    )
    parser.add_argument("recipes", type=Path, help="a folder of TOML files, as recipes/report")
    parser.add_argument("--data", type=Path, nargs="+", help="folders or zips to train on")
    parser.add_argument("--evaluation", type=Path, nargs="+", help="folders or zips to score on")
    parser.add_argument("--budget", type=_duration, help="train each so long: 20m, 2h, 90s")
    parser.add_argument("--samples", type=int, help="train each on so many photographs")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these rows alone")
    parser.add_argument("--limit", type=int, help="at most so many pictures of each set")
    parser.add_argument("--size", type=int, default=256, help="side of the squares (default: 256)")
    parser.add_argument("--threads", type=int, default=2, help="pictures at a time (default: 2)")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/report"), help="runs (default: runs/report)"
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=Path("docs/reproduction"),
        help="results; the page lies beside the folder (default: docs/reproduction)",
    )
    parser.add_argument(
        "--originals",
        type=Path,
        default=Path("docs/reproduction/originals"),
        help="photographs for the figures (default: docs/reproduction/originals)",
    )
    parser.add_argument("--page-only", action="store_true", help="make the page of what is there")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded photographs")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def _duration(text: str) -> float:
    """Seconds of ``20m``, ``2h``, ``90s`` or ``90``."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in "smh" else (text, "s")
    return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def _compare(options: argparse.Namespace) -> int:
    import torch

    from tintype.learn.compare.command import Comparison, compare
    from tintype.learn.compare.page import write_page
    from tintype.learn.compare.run import read_recipes

    page = options.into.with_suffix(".md")
    if options.page_only:
        write_page(options.into, read_recipes(options.recipes))
        print(page)  # noqa: T201 - the result
        return 0
    if not options.data or not options.evaluation:
        raise UsageError(
            "tintype compare: --data and --evaluation are needed.",
            advice="Without them --page-only makes the page of what is there.",
        )
    if options.budget is None and options.samples is None:
        raise UsageError(
            "tintype compare: say how long.", advice="Add --budget 20m or --samples N."
        )
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    told = Comparison(
        recipes=options.recipes,
        data=options.data,
        evaluation=options.evaluation,
        runs=options.runs,
        into=options.into,
        cache=options.cache,
        originals=options.originals,
        seconds=options.budget,
        samples=options.samples,
        only=options.only,
        limit=options.limit,
        size=options.size,
        threads=options.threads,
        device=device,
    )
    if not compare(told, say):
        return _INTERRUPTED
    print(page)  # noqa: T201 - the result
    return 0


def _say_nothing(_text: str) -> None:
    """What every process but the first of a team says."""


_COMMANDS = {
    "data": (_data_parser, _data),
    "train": (_train_parser, _train),
    "evaluate": (evaluation.parser, evaluation.evaluate),
    "export": (_export_parser, _export),
    "compare": (_compare_parser, _compare),
}


def _alone(words: list[str]) -> int:
    """The commands without the door, as torchrun starts them."""
    try:
        return main(words[0], words[1:])
    except TintypeError as error:
        say(str(error))
        return error.exit_code


if __name__ == "__main__":
    sys.exit(_alone(sys.argv[1:]))
