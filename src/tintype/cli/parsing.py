"""What all commands share: options and help in one style, and words that become one frozen value.

click parses the words; a command adds what they become and what is then done. Nothing here imports
what a command needs for its work.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from tintype.cli.show import print_result

Arguments = TypeVar("Arguments")

MOST_JOBS = 1024
"""Processes or threads; more is a slip of the finger."""
LARGEST = 1e6
"""Of any option that is a number above 0: a terapixel, or eleven days."""


class Option(click.Option):
    """An option that shows its default in the help.

    Args:
        names: As they are typed.
        first_page: Whether it stands on the first page of help, or only behind ``--help-all``.
        rest: As for `click.Option`. Where the default is the callee's and cannot be imported just
            to show it, ``show_default`` is its text, and a test compares the two.
    """

    def __init__(self, *names: str, first_page: bool = True, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(names, **{"show_default": True} | rest)
        self.first_page = first_page

    def get_help_extra(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type is private
        """What stands in brackets after the help; a text without click's parentheses."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


class Several(Option):
    """An option with one or more values: ``--data A B C``, or ``--data A --data B``.

    Args:
        names: As they are typed.
        metavar: What one value is called.
        rest: As for `Option`.
    """

    def __init__(self, *names: str, metavar: str, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(*names, multiple=True, metavar=f"{metavar}...", **rest)


class OptionalNumber(Option):
    """An option whose number may be left out: ``--preview``, or ``--preview 20``.

    What follows it is its value only where it is a number, so that a file may follow the bare one.

    Args:
        names: As they are typed.
        bare: The value without a number.
        rest: As for `Option`.
    """

    def __init__(self, *names: str, bare: float, metavar: str, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(
            *names, type=float, is_flag=False, flag_value=bare, metavar=f"[{metavar}]", **rest
        )
        self.bare = bare


class Command(click.Command):
    """A command whose words become one frozen value.

    Args:
        name: As it is typed after ``tintype``.
        usage: What follows the name, for the first line of the help.
        help: What it does, in paragraphs.
        params: Its arguments and options, without ``--help``.
        arguments: The type of the value; its fields are the parameters.
        run: What is done with the value; returns the exit code.
        flags: More options that print something and end, before ``--help``.
    """

    def __init__(
        self,
        name: str,
        *,
        usage: str,
        help: str,  # noqa: A002 - click's word
        params: Sequence[click.Parameter],
        arguments: Callable[..., Arguments],
        run: Callable[[Arguments], int],
        flags: Sequence[click.Option] = (),
    ) -> None:
        super().__init__(
            name,
            help=help,
            params=[*params, *flags, flag("-h", "--help", callback=show_help, help=_THIS_PAGE)],
            add_help_option=False,
            callback=lambda **given: run(arguments(**given)),
        )
        self._usage = usage

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the words, the shorter spellings of `Several` and `OptionalNumber` among them."""
        end = args.index("--") + 1 if "--" in args else len(args)
        argv = _bare_numbers(self.params, _repeated_names(ctx, self.params, args[:end]))
        return super().parse_args(ctx, argv + args[end:])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes how the command is called."""
        formatter.write_usage(ctx.command_path.strip(), self._usage)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the common options, and the others where all are asked for."""
        options = [param for param in self.params if isinstance(param, Option)]
        groups = {"Options": [o for o in options if o.first_page]}
        if ctx.meta.get(_ALL):
            groups["More options"] = [o for o in options if not o.first_page]
        for title, members in groups.items():
            with formatter.section(title):
                formatter.write_dl([r for o in members if (r := o.get_help_record(ctx))])


_ALL = "tintype.help_all"
_THIS_PAGE = "Show this page."


def flag(*names: str, callback: Callable[..., None], help: str) -> Option:  # noqa: A002
    """An option that prints something and ends the command."""
    return Option(
        *names, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=help
    )


def show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Prints the help; all of it for an option called ``--help-all``."""
    if value:
        ctx.meta[_ALL] = param.name == "help_all"
        print_result(ctx.get_help())
        ctx.exit()


def above_zero(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    """Refuses what is not a number above 0, or is more than any machine could do."""
    # click's own range lets "nan" through, and "inf" is no number of pixels.
    if value is not None and not 0 < value <= LARGEST:
        problem = f"more than {LARGEST:,.0f}" if value > LARGEST else "not above 0"
        raise click.BadParameter(f"{value} is {problem}.")
    return value


def last_values_dropped(command: click.Command, argv: Sequence[str]) -> list[str]:
    """Words that end with the name of a `Several` option, where they end with its values.

    A shell that completes the second value is then offered what it is offered for the first.

    Args:
        command: Whose words they are.
        argv: Without the one that is being completed.
    """
    names = {name for param in command.params if isinstance(param, Several) for name in param.opts}
    for index in range(len(argv) - 1, -1, -1):
        if _is_option(argv[index]):
            return list(argv[: index + 1]) if argv[index] in names else list(argv)
    return list(argv)


def _repeated_names(
    ctx: click.Context, params: Sequence[click.Parameter], argv: Sequence[str]
) -> list[str]:
    """``--data A B`` spelt ``--data A --data B``, as click takes several values."""
    names = {name for param in params if isinstance(param, Several) for name in param.opts}
    spelt: list[str] = []
    name, values = "", 0  # the `Several` option that the next word may belong to
    for word in argv:
        if _is_option(word):
            if name and not values and not ctx.resilient_parsing:
                raise click.BadOptionUsage(name, f"Option {name!r} requires an argument.", ctx)
            name, values = (word if word in names else ""), 0
        elif name:
            if values:
                spelt.append(name)
            values += 1
        spelt.append(word)
    return spelt


def _bare_numbers(params: Sequence[click.Parameter], argv: Sequence[str]) -> list[str]:
    """``--preview FILM`` spelt ``--preview=10 FILM``."""
    bare = {
        name: param.bare
        for param in params
        if isinstance(param, OptionalNumber)
        for name in param.opts
    }
    return [
        f"{word}={bare[word]}" if word in bare and not _is_number(following) else word
        for word, following in zip(argv, [*argv, ""][1:], strict=True)
    ]


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _is_number(word)


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
