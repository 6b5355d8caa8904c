"""Shared by all commands: a common style of options and help, parsed into one frozen value.

click parses the arguments; each command adds the type of the value and the function that runs.
Nothing here imports what a command needs for its work.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from tintype.cli.show import print_result
from tintype.cli.values import NumberType
from tintype.numerals import number_of

Arguments = TypeVar("Arguments")

MOST_JOBS = 1024
"""Limit on processes or threads; anything higher is a typing error."""
LARGEST = 1e6
"""Upper limit of every option that is a number above 0: a terapixel, or eleven days."""


class Option(click.Option):
    """An option that shows its default in the help.

    Args:
        names: As typed.
        first_page: Whether ``--help`` shows it, or only ``--help-all``.
        rest: As for `click.Option`. If the default is defined by the callee and too expensive to
            import for display, ``show_default`` is its text, and a test compares the two.
    """

    def __init__(self, *names: str, first_page: bool = True, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(names, **{"show_default": True} | rest)
        self.first_page = first_page

    def get_help_extra(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type is private
        """The bracketed part after the help; a text default without click's parentheses."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        if extra.get("range") == "x<=None":  # click's text for a number without bounds
            del extra["range"]
        return extra


class Several(Option):
    """An option with one or more values: ``--data A B C``, or ``--data A --data B``.

    Args:
        names: As typed.
        metavar: The name of one value.
        rest: As for `Option`.
    """

    def __init__(self, *names: str, metavar: str, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(*names, multiple=True, metavar=f"{metavar}...", **rest)


class OptionalNumber(Option):
    """An option whose number may be omitted: ``--preview``, or ``--preview 20``.

    The next argument is its value only if it is a number, so a file may follow the bare option.

    Args:
        names: As typed.
        bare: The value without a number.
        rest: As for `Option`.
    """

    def __init__(self, *names: str, bare: float, metavar: str, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(
            *names,
            type=NumberType(),
            is_flag=False,
            flag_value=bare,
            metavar=f"[{metavar}]",
            **rest,
        )
        self.bare = bare


class Command(click.Command):
    """A command whose arguments become one frozen value.

    Args:
        name: As typed after ``tintype``.
        usage: What follows the name in the first line of the help.
        help: What it does, in paragraphs.
        params: Its arguments and options, without ``--help``.
        arguments: The type of the value; its fields are the parameters.
        run: Called with the value; returns the exit code.
        flags: More options that print something and exit, listed before ``--help``.
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
        """Parses the arguments, including the short forms of `Several` and `OptionalNumber`."""
        end = args.index("--") + 1 if "--" in args else len(args)
        argv = _bare_numbers(self.params, _repeated_names(ctx, self.params, args[:end]))
        return super().parse_args(ctx, argv + args[end:])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the usage line."""
        formatter.write_usage(ctx.command_path.strip(), self._usage)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the common options, and for ``--help-all`` the others."""
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
    """An option that prints something and exits."""
    return Option(
        *names, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=help
    )


def show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Prints the help; for ``--help-all``, all of it."""
    if value:
        ctx.meta[_ALL] = param.name == "help_all"
        print_result(ctx.get_help())
        ctx.exit()


def above_zero(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    """Refuses a value that is not a number above 0, or is implausibly large."""
    # click's own range accepts "nan" and "inf".
    if value is not None and not 0 < value <= LARGEST:
        problem = f"more than {LARGEST:,.0f}" if value > LARGEST else "not above 0"
        raise click.BadParameter(f"{value} is {problem}.")
    return value


def last_values_dropped(command: click.Command, argv: Sequence[str]) -> list[str]:
    """Drops trailing values of a `Several` option, so the arguments end with its name.

    The second value is then completed in the same way as the first.

    Args:
        command: The command being completed.
        argv: Its arguments, without the one being completed.
    """
    names = {name for param in command.params if isinstance(param, Several) for name in param.opts}
    for index in range(len(argv) - 1, -1, -1):
        if _is_option(argv[index]):
            return list(argv[: index + 1]) if argv[index] in names else list(argv)
    return list(argv)


def _repeated_names(
    ctx: click.Context, params: Sequence[click.Parameter], argv: Sequence[str]
) -> list[str]:
    """Rewrites ``--data A B`` as ``--data A --data B``, the form click accepts."""
    names = {name for param in params if isinstance(param, Several) for name in param.opts}
    spelt: list[str] = []
    name, values = "", 0  # the `Several` option that the next argument may belong to
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
    """Rewrites ``--preview FILM`` as ``--preview=10 FILM``."""
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
        return math.isfinite(number_of(word))
    except ValueError:
        return False
