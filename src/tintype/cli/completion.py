"""The command `tintype completion`, and the completions returned when Tab is pressed.

click finds the completions; this module adds what its shell support lacks. Its scripts for bash and
fish cannot mix commands with files and split names at spaces and commas, so those two are replaced;
the one for zsh is click's. Its script for PowerShell, new in click 8.5, does not quote names.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from tintype.cli.group import COLOR, COMMANDS, COMPLETE, TINTYPE
from tintype.cli.parsing import Command, last_values_dropped
from tintype.cli.show import print_result

if TYPE_CHECKING:
    Item: TypeAlias = CompletionItem[str]  # at run time only from click 8.5 on


class _Completion(ShellComplete):
    """Completions common to all shells."""

    def get_completions(self, args: list[str], incomplete: str) -> "list[Item]":
        """The completions of an incomplete argument.

        Args:
            args: The arguments before it, without the program's name.
            incomplete: The part typed so far, unquoted.
        """
        name = args[0] if args and args[0] in COMMANDS else COLOR
        command = TINTYPE.get_command(click.Context(TINTYPE), name)
        assert command is not None
        items = super().get_completions(last_values_dropped(command, args), incomplete)
        if not args:
            named = [CompletionItem(word, help=text) for word, text in COMMANDS.items()]
            items = [item for item in named if item.value.startswith(incomplete)] + items
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("--"):
            # A shell replaces the whole word; click returns only the value.
            items = [CompletionItem(f"{option}={item.value}", help=item.help) for item in items]
        return items


class Bash(_Completion, BashComplete):
    """Also works in bash 3.2, which macOS still ships."""

    # With `filenames`, readline quotes what it inserts and adds a slash to folders.
    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' found
    COMPREPLY=()
    while read -r found; do
        COMPREPLY+=("$found")
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o filenames -F %(complete_func)s %(prog_name)s
"""

    def source(self) -> str:
        """The script; click's method would refuse old versions of bash."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """The preceding arguments and the incomplete one; bash splits words at each ``=``."""
        args, incomplete = super().get_completion_args()
        return [word for word in args if word != "="], "" if incomplete == "=" else incomplete

    def format_completion(self, item: "Item") -> str:
        """Only the value."""
        return item.value


class Zsh(_Completion, ZshComplete):
    """Leaves folders to zsh, which adds no space after them."""

    def get_completions(self, args: list[str], incomplete: str) -> "list[Item]":
        """The completions; a single item represents all folders."""
        items = super().get_completions(args, incomplete)
        others = [item for item in items if item.type != "dir"]
        if incomplete.startswith("~"):
            # zsh would quote the tilde.
            others = [CompletionItem(os.path.expanduser(item.value)) for item in others]  # noqa: PTH111
        return others if len(others) == len(items) else [*others, CompletionItem("", type="dir")]


class Fish(_Completion, FishComplete):
    """Each line is the inserted text, a tab and its description."""

    source_template = """\
function %(complete_func)s
    set -l program (commandline -opc)[1]
    env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
        COMP_CWORD=(commandline -t) $program 2>/dev/null
end

complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""

    def format_completion(self, item: "Item") -> str:
        """The value, with a slash after folders, and the description."""
        value = f"{item.value}/" if item.type == "dir" else item.value
        return f"{value}\t{_line(item.help)}"


class PowerShell(_Completion):
    """For Windows PowerShell 5.1 and PowerShell 7.

    The arguments arrive unquoted, one per line: Windows paths contain backslashes, which click's
    own splitting would interpret as escapes.
    """

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $line, $cursor)

    $before = $line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor }
    $words = foreach ($element in $before) {
        if ($element -is [Management.Automation.Language.StringConstantExpressionAst]) {
            $element.Value
        } else {
            $element.Extent.Text
        }
    }
    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [Text.Encoding]::UTF8
        $env:%(complete_var)s = 'powershell_complete'
        $env:COMP_WORDS = $words -join "`n"
        $env:COMP_CWORD = $word.Trim("'", '"')
        foreach ($answer in & %(prog_name)s 2>$null) {
            $value, $help = $answer -split "`t", 2
            $typed = $value
            if ($value -match '[^\\w.:=+/\\\\~-]') {
                $typed = "'" + ($value -replace "'", "''") + "'"
            }
            [Management.Automation.CompletionResult]::new($typed, $value, 'ParameterValue', $help)
        }
    } finally {
        [Console]::OutputEncoding = $encoding
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_CWORD -ErrorAction Ignore
    }
}
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The preceding arguments and the incomplete one."""
        argv = os.environ.get("COMP_WORDS", "").split("\n")
        return argv[1:], os.environ.get("COMP_CWORD", "")

    def format_completion(self, item: "Item") -> str:
        """The value and its description, which must not be empty."""
        return f"{item.value}\t{_line(item.help) or item.value}"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


SHELLS: Mapping[str, type[ShellComplete]] = MappingProxyType(
    {shell.name: shell for shell in (Bash, Zsh, Fish, PowerShell)}
)
"""The shells by name."""


def answer(instruction: str) -> int:
    """Prints completions for a shell on stdout.

    Args:
        instruction: The value that its script assigns to `COMPLETE`, such as ``bash_complete``.

    Returns:
        The exit code.
    """
    for shell in SHELLS.values():
        add_completion_class(shell)
    return shell_complete(TINTYPE, {}, "tintype", COMPLETE, instruction)


def script(shell: str) -> str:
    """The script that sets up completion in a shell.

    Args:
        shell: A key of `SHELLS`.
    """
    return SHELLS[shell](TINTYPE, {}, "tintype", COMPLETE).source()


@dataclass(frozen=True, slots=True)
class CompletionArguments:
    """Arguments of `tintype completion`."""

    shell: Literal["bash", "zsh", "fish", "powershell"]


def print_script(argv: CompletionArguments) -> int:
    """Prints the script for a shell.

    Args:
        argv: The parsed arguments.
    """
    print_result(script(argv.shell).rstrip("\n"))
    return 0


COMPLETION = Command(
    "completion",
    arguments=CompletionArguments,
    run=print_script,
    usage="[OPTIONS] SHELL",
    help="""Prints a script that lets the Tab key complete commands, options, their values, models
    and photographs.

    SHELL is bash, zsh, fish or powershell. For the current shell only, type
    source <(tintype completion bash). To install it, see docs/how-to/shell-completion.md.""",
    params=[
        click.Argument(["shell"], metavar="SHELL", type=click.Choice(list(SHELLS)), required=True),
    ],
)
