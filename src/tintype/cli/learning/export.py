"""The command `tintype export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tintype.cli.learning import with_extra
from tintype.cli.learning.shared_options import WEIGHTS, cache_option, data_option
from tintype.cli.parsing import Command, Option, Several
from tintype.cli.roles import check_roles
from tintype.cli.show import print_path, say
from tintype.cli.values import FileType, NumberType, OutputType, WholeType
from tintype.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tintype.learn.export.weights import Trained


@dataclass(frozen=True, slots=True)
class ExportArguments:
    """Arguments of `tintype export`; None stands for options that are not given."""

    run: Path
    output: Path
    data: tuple[Path, ...]
    card: Path | None
    precision: str
    rank: int | None
    start: tuple[Path, ...]
    start_share: float
    ensemble: tuple[Path, ...]
    ensemble_share: float
    vividness: float | None
    temperature: float | None
    weights: str | None
    calibrate: float
    checkpoint: Path | None
    cache: Path


@with_extra
def export_model(argv: ExportArguments) -> int:
    """Writes a model file.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        LearnError: The run or its data cannot be read, or torch and ONNX Runtime differ.
    """
    from tintype.learn.export.bundle import export, lightness_examples
    from tintype.learn.export.card import completed_by, default_card
    from tintype.learn.export.class_weights import decoding_of
    from tintype.learn.export.graph import predicts_distribution
    from tintype.learn.export.weights import (
        calibrated,
        load_trained,
        mix_with_start,
        save_weights,
        with_ensemble,
    )

    _check_targets(argv)
    if argv.run.suffix.lower() == ".onnx":
        return _model_to_int8(argv)
    trained = load_trained(argv.run)
    if argv.start:
        trained = mix_with_start(trained, argv.start, argv.start_share)
    if argv.ensemble:
        trained = with_ensemble(trained, argv.ensemble, argv.ensemble_share)
    given = {"vividness": argv.vividness, "temperature": argv.temperature}
    decoding = decoding_of(trained, weights=argv.weights, **given)
    card = default_card(trained, vividness=decoding.vividness, temperature=decoding.temperature)
    if argv.card:
        card = completed_by(card, argv.card)
    calibration, check = lightness_examples(trained, argv.data, cache=argv.cache)
    if decoding.fitted and predicts_distribution(trained.model) and float(card["vividness"]) > 0:
        trained = _with_fitted_weights(trained, card, argv)
    written = trained
    if argv.calibrate != 1:
        written = calibrated(trained, argv.calibrate)
        card["temperature"] = float(card["temperature"]) / argv.calibrate
    report = export(
        written,
        argv.output,
        card=card,
        calibration=calibration,
        check=check,
        precision=argv.precision,
        rank=argv.rank,
    )
    _say_differences(report)
    if argv.checkpoint:
        save_weights(trained, argv.checkpoint)
    print_path(str(argv.output))
    return 0


def _model_to_int8(argv: ExportArguments) -> int:
    """Runs `tintype export MODEL.onnx --precision int8`, which needs no training run."""
    from tintype.engine.bundle import load_bundle
    from tintype.learn.export.bundle import lightness_of, to_int8

    if argv.precision != "int8":
        raise UsageError(
            "A model file can only be converted to int8.",
            advice="Add --precision int8, or give the folder of a run.",
        )
    for_runs = {
        "--card": argv.card,
        "--rank": argv.rank,
        "--start": argv.start or None,
        "--ensemble": argv.ensemble or None,
        "--vividness": argv.vividness,
        "--temperature": argv.temperature,
        "--weights": argv.weights,
        "--checkpoint": argv.checkpoint,
    }
    for option, given in for_runs.items():
        if given is not None:
            raise UsageError(f"{option} is only for runs; a model file keeps its own value.")
    bundle = load_bundle(argv.run)
    calibration, check = lightness_of(argv.data, cache=argv.cache)
    report = to_int8(bundle, argv.output, calibration=calibration, check=check)
    say(f"difference from {argv.run.name}, in ab: {report}")
    print_path(str(argv.output))
    return 0


def _say_differences(report: "Mapping[str, float]") -> None:
    from tintype.learn.export.bundle import RANK_LEFT_OUT

    if RANK_LEFT_OUT in report:
        say(
            "The decoder's filters stay as trained (--rank 0): with fewer mixtures the colours "
            f"would differ by {report[RANK_LEFT_OUT]} ab, as they do after a short training."
        )
    say(f"difference from torch, in ab: {report}")


def _check_targets(argv: ExportArguments) -> None:
    from tintype.engine.onnx_file import is_own_model
    from tintype.files.own import check_replaceable
    from tintype.learn.train.checkpoint import is_checkpoint

    inputs = [("RUN", str(argv.run)), ("--card", None if argv.card is None else str(argv.card))]
    inputs += [("--start", str(path)) for path in argv.start or ()]
    inputs += [("--ensemble", str(path)) for path in argv.ensemble or ()]
    checkpoint = None if argv.checkpoint is None else str(argv.checkpoint)
    check_roles(inputs, [("-o", str(argv.output)), ("--checkpoint", checkpoint)])
    check_replaceable(argv.output, is_own_model, overwrite=True, what="a model")
    if argv.checkpoint is not None:
        check_replaceable(argv.checkpoint, is_checkpoint, overwrite=True, what="a checkpoint")


def _with_fitted_weights(
    trained: "Trained", card: dict[str, Any], argv: ExportArguments
) -> "Trained":
    from tintype.learn.export.class_weights import FEWEST, fitted, predict_dev

    size = card["sizes"]["normal"]
    predictions = predict_dev(trained, argv.data, size=size, cache=argv.cache)
    if predictions.photographs < FEWEST:
        say(f"dev has {predictions.photographs} photographs, too few to fit weights; using rarity")
        return trained
    say(f"weights fitted on {predictions.photographs} photographs of dev")
    vividness, temperature = float(card["vividness"]), float(card["temperature"])
    return fitted(trained, predictions, vividness=vividness, temperature=temperature)


EXPORT = Command(
    "export",
    arguments=ExportArguments,
    run=export_model,
    usage="[OPTIONS] RUN",
    help="""Makes a model file (ONNX with its card) from a training run.

    RUN is the folder of the run, or weights written by --checkpoint. The export is refused
    unless ONNX Runtime and torch give the same colours.

    RUN may also be a model file, to convert it to int8 (--precision int8) with any photographs as
    --data. This is refused if the colours differ by more than 0.5 ab on average.""",
    params=[
        click.Argument(["run"], type=FileType(".safetensors", ".onnx"), metavar="RUN"),
        Option(
            "-o",
            "--output",
            type=OutputType(".onnx"),
            required=True,
            metavar="FILE",
            help="The model file to write.",
        ),
        data_option("The data that the run was trained on; for a model file, any photographs."),
        Option(
            "--card",
            type=FileType(".toml"),
            metavar="FILE",
            help="A TOML file with fields for the model's card.",
        ),
        Option(
            "--precision",
            type=click.Choice(["float16", "int8", "float32"]),
            default="float16",
            help="How the weights are stored: float16 halves the file and computes in float32; "
            "int8 halves it again and is faster, with slightly different colours.",
        ),
        Option(
            "--rank",
            type=WholeType(min=0),
            metavar="N",
            show_default="64, or 0 where that changes the colours, as after a short training",
            help="Reduce the inputs of the decoder's filters to N mixtures of features, for "
            "networks that allow it; 0 leaves the filters as trained.",
        ),
        Several(
            "--start",
            type=WEIGHTS,
            metavar="CHECKPOINT",
            help="Mix in these weights: those given as --init, or those of runs from the same "
            "--init. Several are averaged.",
        ),
        Option(
            "--start-share",
            type=NumberType(0, 1),
            default=0.25,
            metavar="SHARE",
            help="Share of the weights that are mixed in.",
        ),
        Several(
            "--ensemble",
            type=WEIGHTS,
            metavar="CHECKPOINT",
            help="Average the predictions of the network with those of these networks, which may "
            "have been trained independently. The model is as large and as slow as all of them.",
        ),
        Option(
            "--ensemble-share",
            type=NumberType(0, 1, min_open=True, max_open=True),
            default=0.5,
            metavar="SHARE",
            help="Weight of their predictions in total.",
        ),
        Option(
            "--vividness",
            type=NumberType(0, 2),
            metavar="NUMBER",
            show_default="that of the run's loss on decoded colours; else 0.9, or 0.8 with "
            "--weights rarity",
            help="Default vividness (tau) of the model.",
        ),
        Option(
            "--temperature",
            type=NumberType(0.01, 1),
            metavar="NUMBER",
            show_default="that of the run's loss on decoded colours; else 0.38",
            help="Default temperature (T) of the model.",
        ),
        Option(
            "--weights",
            type=click.Choice(["fitted", "rarity"]),
            show_default="rarity for a run with a loss on decoded colours, else fitted",
            help="Weight the colours by rarity alone, or correct these weights by the colours "
            "predicted on dev.",
        ),
        Option(
            "--calibrate",
            type=NumberType(min=0, min_open=True),
            default=1.0,
            metavar="T",
            help="Temperature that calibrates the distribution, as found on dev; the colours do "
            "not change.",
        ),
        Option(
            "--checkpoint",
            type=OutputType(".safetensors"),
            metavar="FILE",
            help="Also write the weights, in float16.",
        ),
        cache_option(),
    ],
)
