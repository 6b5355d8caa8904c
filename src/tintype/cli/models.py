"""The command `tintype models`: lists the models on this machine and their cards."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from tintype.cli.parsing import Command, Option
from tintype.cli.show import print_result, say
from tintype.cli.values import ModelType
from tintype.errors import ModelError, UsageError, shown

if TYPE_CHECKING:
    from tintype.engine.bundle import Bundle


@dataclass(frozen=True, slots=True)
class ModelsArguments:
    """Arguments of `tintype models`."""

    names: tuple[str, ...]
    json: bool
    devices: bool


def show_models(argv: ModelsArguments) -> int:
    """Prints a line for each model, or the cards of those named.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code: 1 if a model is damaged.

    Raises:
        ModelError: No model is installed, or none has that name.
    """
    from tintype.engine.bundle import list_bundles, load_bundle

    if argv.devices:
        return _show_devices(argv)
    broken = 0
    if argv.names:
        bundles = tuple(load_bundle(name) for name in argv.names)
    else:
        bundles, errors = list_bundles()
        broken = len(errors)
        for error in errors:
            say(str(error))
    for bundle in bundles:
        if argv.json:
            print_result(json.dumps(_card_fields(bundle)))
        elif argv.names:
            for key, value in _card_fields(bundle).items():
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                print_result(shown(f"{key:13}{text}"))
        else:
            print_result(shown(_line(bundle)))
    if not bundles:
        raise ModelError("No model is installed.", advice="Install Tintype again.")
    return 1 if broken else 0


def _show_devices(argv: ModelsArguments) -> int:
    """Prints a line for each device: its speed here, and how close its pixels are to the CPU's."""
    from tintype.engine.bundle import load_bundle
    from tintype.engine.device_check import survey

    if len(argv.names) > 1:
        raise UsageError("--devices accepts only one model.")
    bundle = load_bundle(*argv.names)
    for found in survey(bundle):
        if argv.json:
            print_result(json.dumps(asdict(found)))
        else:
            print_result(shown(f"{found.name:14}{found.sentence()}"))
    return 0


def _line(bundle: "Bundle") -> str:
    from tintype.engine.bundle import DEFAULT_NAME

    card = bundle.card
    mark = " (default)" if bundle.embedded and bundle.name == DEFAULT_NAME else ""
    paper = f", after {card.paper}" if card.paper else ""
    size = f"{len(bundle.data) / 2**20:.1f} MB"
    return f"{card.name} {card.version}{mark}: {card.title}{paper}; {card.license}; {size}"


def _card_fields(bundle: "Bundle") -> dict[str, Any]:
    fields = asdict(bundle.card)
    # Three hundred numbers that only the engine uses.
    del fields["log_weights"]
    return fields | {"file": str(bundle.path), "sha256": bundle.sha256}


MODELS = Command(
    "models",
    arguments=ModelsArguments,
    run=show_models,
    usage="[OPTIONS] [MODEL]...",
    help="Lists the installed models; with names, prints the full cards of those models. With "
    "--devices, tests what a model can run on here.",
    params=[
        click.Argument(["names"], nargs=-1, metavar="MODEL...", type=ModelType()),
        Option("--json", is_flag=True, help="Print a JSON line for each model or device."),
        Option(
            "--devices",
            is_flag=True,
            help="List the devices, their speed on this machine, and how close their pixels are to "
            "the CPU's.",
        ),
    ],
)
