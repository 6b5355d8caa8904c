"""The command `tintype serve`: serves the page for the browser, and the HTTP API."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tintype.cli.parsing import MOST_JOBS, Command, Option, above_zero
from tintype.cli.show import print_result, say, show_blocks
from tintype.cli.values import FolderType, ModelType, NumberType, WholeType
from tintype.engine.bundle import DEFAULT_NAME
from tintype.engine.devices import DeviceName
from tintype.engine.settings import SETTINGS
from tintype.web.server_options import PORT, ServerOptions

if TYPE_CHECKING:
    from tintype.web.serve import Invitation


@dataclass(frozen=True, slots=True)
class ServeArguments:
    """Arguments of `tintype serve`; None stands for options that are not given."""

    host: str | None
    allow_host: tuple[str, ...]
    port: int | None
    model: str | None
    device: DeviceName | None
    pairs: Path | None
    jobs: int | None
    queue: int | None
    memory: int | None
    max_megapixels: float | None
    no_browser: bool
    no_sandbox: bool


def serve(argv: ServeArguments) -> int:
    """Serves until Ctrl-C.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        TintypeError: The server cannot start.
    """
    from tintype.web.serve import listen, open_browser

    given: dict[str, Any] = {
        "host": argv.host,
        "hosts": argv.allow_host,
        "port": argv.port,
        "model": argv.model,
        "device": argv.device,
        "pairs": argv.pairs,
        "jobs": argv.jobs,
        "waiting": argv.queue,
        "memory": argv.memory,
        "max_pixels": None if argv.max_megapixels is None else round(argv.max_megapixels * 1e6),
        "sandbox": not argv.no_sandbox,
    }
    options = ServerOptions(**{key: value for key, value in given.items() if value is not None})
    place: list[str] = []

    def opened() -> None:
        print_result(place[0])
        if not argv.no_browser:
            open_browser(place[0])

    server = listen(options, invite=_show_invitation, opened=opened)
    for note in server.notes:
        say(note)
    page = "which-is-real" if argv.pairs else ""
    place.append(server.entry(page))
    say(f"Tintype is at {place[0]}; press Ctrl-C to stop it.")
    with contextlib.suppress(KeyboardInterrupt):  # the intended way to stop it
        server.run()
    say("Tintype has stopped.")
    return 0


def _show_invitation(invitation: "Invitation") -> None:
    say(
        f"To open the page on another device in this network, once: {invitation.url} with the code "
        f"{invitation.code}"
    )
    show_blocks(invitation.qr)


_DEFAULTS = ServerOptions()

SERVE = Command(
    "serve",
    arguments=ServeArguments,
    run=serve,
    usage="[OPTIONS]",
    help="""Opens a page in the browser to colour, compare, correct and save photographs.

    It accepts connections from this machine only, works offline, and keeps everything in memory.
    Press Ctrl-C to stop it. Programs can use the same server; see /openapi.json.""",
    params=[
        Option(
            "--host",
            metavar="ADDRESS",
            show_default=_DEFAULTS.host,
            help="Listen on this address, such as 0.0.0.0 for the home network; other devices "
            "then need a code, which is printed as text and as a QR code.",
        ),
        Option(
            "--allow-host",
            multiple=True,
            metavar="NAME",
            help="Also answer requests for this host name, such as that of a reverse proxy. Can be "
            "repeated.",
        ),
        Option(
            "--port",
            type=WholeType(min=0, max=65_535),
            metavar="N",
            show_default=f"{PORT}, or another if it is taken",
            help="Listen on this port; 0 picks a free one.",
        ),
        Option("--no-browser", is_flag=True, help="Do not open a browser."),
        Option(
            "--model",
            type=ModelType(),
            metavar="MODEL",
            show_default=DEFAULT_NAME,
            help='A model by name (see "tintype models"), or a model file.',
        ),
        Option(
            "--device",
            type=click.Choice(SETTINGS["device"].choices),
            show_default=_DEFAULTS.device,
            help=SETTINGS["device"].help,
        ),
        Option(
            "--pairs",
            type=FolderType(),
            metavar="DIR",
            help="Colour photographs for the page /which-is-real. The coloured version of name.jpg "
            "is name.color.jpg beside it; if that is missing, the model creates it.",
        ),
        Option(
            "--jobs",
            type=WholeType(min=1, max=MOST_JOBS),
            metavar="N",
            show_default="one per core",
            help="Number of photographs to colour in parallel.",
        ),
        Option(
            "--queue",
            type=WholeType(min=0, max=10_000),
            metavar="N",
            show_default=str(_DEFAULTS.waiting),
            help="Number of photographs that may wait; further requests are refused with status "
            "503.",
        ),
        Option(
            "--memory",
            type=WholeType(min=16, max=1 << 24),
            metavar="MIB",
            show_default=str(_DEFAULTS.memory),
            help="Memory limit for open photographs; the least recently used are dropped.",
        ),
        Option(
            "--max-megapixels",
            type=NumberType(),
            callback=above_zero,
            metavar="NUMBER",
            show_default=f"{_DEFAULTS.max_pixels / 1e6:g}",
            help="Refuse pictures larger than this.",
        ),
        Option(
            "--no-sandbox",
            is_flag=True,
            help="Decode pictures in the server's own process. By default a child process does, "
            "with limits on memory and time and, on Linux, no access to files or the network.",
        ),
    ],
)
