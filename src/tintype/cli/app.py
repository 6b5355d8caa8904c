"""The command: words become options, options become one call, the call becomes an exit code.

Nothing heavy is imported before it is known to be needed, so that help and mistakes in the words
are answered at once.
"""

import contextlib
import difflib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tintype.cli.options import (
    COMMANDS,
    LEARNING,
    help_page,
    parse_completion,
    parse_film,
    parse_inspect,
    parse_models,
    parse_photos,
    parse_serve,
)
from tintype.cli.show import print_result, say
from tintype.errors import (
    ModelError,
    PhotoError,
    TintypeError,
    UsageError,
    shown,
)

if TYPE_CHECKING:
    from tintype.engine.bundle import Bundle

INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        words: The words after the program's name; None takes those of this process.

    Returns:
        The exit code: 0 all done, 1 some files failed, 2 usage, 3 nothing could be done, 130
        interrupted.
    """
    words = sys.argv[1:] if words is None else words
    try:
        return _dispatch(list(words))
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        hint = "Type tintype --help."
        if any(word.startswith("-") and os.path.lexists(word) for word in words):
            hint = "A file whose name begins with - is named after --, or as ./-NAME."
        say(f"{error.format_message()} {hint}")
        return UsageError.exit_code
    except TintypeError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("Interrupted. The same command continues where this one stopped.")
        return INTERRUPTED
    except MemoryError:
        say("There is not enough memory.")
        return TintypeError.exit_code
    except Exception as error:
        # The door: a fault of ours is one line as well, unless somebody looks for it.
        if os.environ.get("TINTYPE_TRACEBACK"):
            raise
        say(
            f"A fault in Tintype: {type(error).__name__}: {error}. Please report it; with "
            "TINTYPE_TRACEBACK=1 in the environment it says where."
        )
        return TintypeError.exit_code


def _dispatch(words: list[str]) -> int:
    if not words:
        if sys.stderr is not None:
            print(help_page(), file=sys.stderr)  # noqa: T201
        return UsageError.exit_code
    first = words[0]
    if first not in COMMANDS:
        _refuse_misspelt(first)
        from tintype.cli.coloring import color_photographs

        return color_photographs(parse_photos(words))
    if first in LEARNING:
        return _learning(first, words[1:])
    if first == "models":
        return _models(words[1:])
    if first == "video":
        return _film(words[1:])
    if first == "serve":
        return _serve(words[1:])
    if first == "completion":
        return _completion(words[1:])
    return _inspect(words[1:])


def _refuse_misspelt(first: str) -> None:
    """A first word that is almost a command and no file at all is most likely meant as one."""
    if first.isalpha() and not os.path.lexists(first):
        meant = difflib.get_close_matches(first.lower(), COMMANDS, n=1, cutoff=0.75)
        if meant:
            raise UsageError(
                f"There is neither a file nor a command named {first}.",
                advice=f"Did you mean tintype {meant[0]}?",
            )


# ----- film -----


def _film(words: list[str]) -> int:
    told = parse_film(words)
    from tintype.cli import film

    return film.color_film(told)


# ----- the page -----


def _serve(words: list[str]) -> int:
    told = parse_serve(words)
    from tintype.web.serve import Options as ServeOptions
    from tintype.web.serve import listen, open_browser

    given: dict[str, Any] = {
        "host": told.host,
        "port": told.port,
        "model": told.model,
        "pairs": None if told.pairs is None else Path(told.pairs),
        "jobs": told.jobs,
        "waiting": told.queue,
        "memory": told.memory,
        "max_pixels": None if told.max_megapixels is None else round(told.max_megapixels * 1e6),
    }
    options = ServeOptions(**{key: value for key, value in given.items() if value is not None})
    place: list[str] = []

    def opened() -> None:
        print_result(place[0])
        if not told.no_browser:
            open_browser(place[0])

    server = listen(options, said=say, opened=opened)
    page = "which-is-real" if told.pairs else ""
    place.append(server.url + page)
    say(f"Tintype is at {place[0]} and ends with Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):  # how it is meant to be ended
        server.run()
    say("Tintype has stopped.")
    return 0


# ----- looking -----


def _inspect(words: list[str]) -> int:
    told = parse_inspect(words)
    from tintype.cli.film import inspect_film
    from tintype.jobs.inspect import inspect

    failed = 0
    for photo in told.photos:
        try:
            found = inspect_film(Path(photo)) or inspect(Path(photo))
        except TintypeError as error:
            failed += 1
            say(str(error))
            if told.json:
                print_result(json.dumps({"file": photo, "error": error.message}))
            continue
        print_result(found.to_json() if told.json else found.sentence())
    if failed == 0:
        return 0
    return PhotoError.exit_code if failed == len(told.photos) else 1


def _models(words: list[str]) -> int:
    told = parse_models(words)
    from tintype.engine.bundle import DEFAULT_NAME, list_bundles, load_bundle

    broken = 0
    if told.names:
        bundles = tuple(load_bundle(name) for name in told.names)
    else:
        bundles, errors = list_bundles()
        broken = len(errors)
        for error in errors:
            say(str(error))
    for bundle in bundles:
        if told.json:
            print_result(json.dumps(_card_fields(bundle)))
        elif told.names:
            for key, value in _card_fields(bundle).items():
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                print_result(shown(f"{key:13}{text}"))
        else:
            card = bundle.card
            mark = " (default)" if bundle.embedded and bundle.name == DEFAULT_NAME else ""
            paper = f", after {card.paper}" if card.paper else ""
            size = f"{len(bundle.data) / 2**20:.1f} MB"
            line = f"{card.name} {card.version}{mark}: {card.title}{paper}; {card.license}; {size}"
            print_result(shown(line))
    if not bundles:
        raise ModelError("There is no model on this machine.", advice="Install Tintype again.")
    return 1 if broken else 0


def _card_fields(bundle: "Bundle") -> dict[str, Any]:
    fields = asdict(bundle.card)
    # Three hundred numbers that only the engine reads.
    del fields["log_weights"]
    return fields | {"file": str(bundle.path), "sha256": bundle.sha256}


# ----- the rest -----


def _completion(words: list[str]) -> int:
    told = parse_completion(words)
    from tintype.cli.completion import script

    print_result(script(told.shell).rstrip("\n"))
    return 0


def _learning(command: str, words: list[str]) -> int:
    """Hands a command on to the one module that knows how to learn."""
    from tintype.cli import learning

    return learning.main(command, words)
