"""What makes a shell complete the words of `tintype`: one script for each shell.

The scripts are written from the vocabulary and then know it by heart: a Tab starts no Python,
except for the names of models, which are asked of `tintype models`. The alternative, click's own
completion, starts the command at every Tab and knows nothing of the commands that argparse reads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from tintype._version import __version__
from tintype.cli.options import COMMANDS
from tintype.cli.vocabulary import Spoken, Word, vocabulary


def script(shell: str) -> str:
    """The script for one shell.

    Args:
        shell: A key of `SCRIPTS`.

    Returns:
        Its text, with the last newline.
    """
    head = f"# Completion of tintype {__version__}, written by: tintype completion {shell}\n\n"
    # zsh finds a function's script by its first line.
    first = "#compdef tintype\n" if shell == "zsh" else ""
    return first + head + SCRIPTS[shell](vocabulary())


# ----- bash -----

# Written for bash 3.2 too, which macOS still has. `=` stands between words of its own there, an
# opened quote or a backslash is part of the word, and a folder may begin with ~.
_BASH = r"""
_tintype_files() {
    local found
    while IFS= read -r found; do
        if [[ -d ${found/#\~/$HOME} || ( $1 != / && $found =~ $1 ) ]]; then
            COMPREPLY+=("$found")
        fi
    done < <(compgen -f -- "$word")
    type compopt >/dev/null 2>&1 && compopt -o filenames
}

_tintype_offer() {
    local IFS=$' \t\n'
    case $1 in
        words:*) COMPREPLY+=($(compgen -W "${1#words:}" -- "$word")) ;;
        files:*) _tintype_files "${1#files:}" ;;
        models:*)
            _tintype_files "${1#models:}"
            COMPREPLY+=($(compgen -W "$("${COMP_WORDS[0]}" models 2>/dev/null | cut -d' ' -f1)" \
                -- "$word"))
            ;;
    esac
}

_tintype() {
    local word=${COMP_WORDS[COMP_CWORD]} command= option= options= offered= most=0 away=1
    local -i index
    COMPREPLY=()
    if ((COMP_CWORD > 1)); then
        case ${COMP_WORDS[1]} in
            @COMMANDS@) command=${COMP_WORDS[1]} ;;
        esac
    fi
    if [[ $word == = ]]; then
        word= option=${COMP_WORDS[COMP_CWORD - 1]}
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    else
        for ((index = COMP_CWORD - 1; index > 0; index--)); do
            [[ ${COMP_WORDS[index]} == -?* ]] && break
        done
        option=${COMP_WORDS[index]} away=$((COMP_CWORD - index))
        for ((index = 1; index < COMP_CWORD; index++)); do
            [[ ${COMP_WORDS[index]} == -- ]] && option=--
        done
    fi
    case "$command $option" in
@OPTIONS@
    esac
    if ((away > most)) || [[ $word == -* && $most != 1 ]]; then
        offered=
        case $command in
@ARGUMENTS@
        esac
        if [[ $word == -* && $option != -- ]]; then
            offered=words:$options
        fi
    fi
    word=${word#[\"\']}
    word=${word//\\/}
    if [[ -n $offered ]]; then
        _tintype_offer "$offered"
    fi
    if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then
        _tintype_offer 'words:@WORDS@'
    fi
}

complete -F _tintype tintype
"""


def _bash(commands: Sequence[Spoken]) -> str:
    options: dict[str, list[str]] = {}
    for command in commands:
        for word in command.options:
            if word.takes != "nothing":
                most = 999 if word.many else 1
                offer = f"offered={_quoted(_bash_offer(word))} most={most}"
                options.setdefault(offer, []).extend(f"'{command.name} {n}'" for n in word.names)
    arguments = []
    for command in commands:
        names = " ".join(name for word in command.options for name in word.names)
        lines = [f"options={_quoted(names)}"]
        if command.arguments:
            first, last = command.arguments[0], command.arguments[-1]
            lines.append(f"offered={_quoted(_bash_offer(last))}")
            if first is not last:
                lines.append(f"((COMP_CWORD == 2)) && offered={_quoted(_bash_offer(first))}")
        inside = "\n".join(f"                {line}" for line in lines)
        arguments.append(f"            '{command.name}')\n{inside}\n                ;;")
    cases = [f"        {'|'.join(names)}) {offer} ;;" for offer, names in options.items()]
    return _filled(
        _BASH,
        {
            "COMMANDS": "|".join(COMMANDS),
            "WORDS": " ".join(COMMANDS),
            "OPTIONS": "\n".join(cases),
            "ARGUMENTS": "\n".join(arguments),
        },
    )


def _bash_offer(word: Word) -> str:
    match word.takes:
        case "choice":
            return f"words:{' '.join(word.choices)}"
        case "folder":
            return "files:/"  # which no name ends with: folders alone
        case "file":
            return f"files:{_either_case(word.endings)}"
        case "model":
            return f"models:{_either_case(word.endings)}"
        case _:
            return ""


def _either_case(endings: Sequence[str]) -> str:
    r"""A regular expression for endings in both cases: ``\.([jJ][pP][gG])$``; of none, any name."""
    both = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in e[1:]) for e in endings)
    return rf"\.({'|'.join(both)})$" if endings else ""


# ----- zsh -----

# The last line lets the script be sourced as well as found among the functions of zsh.
_ZSH = r"""
_tintype_models() {
    local -a names
    names=(${(f)"$(${(Q)program} models 2>/dev/null | cut -d' ' -f1)"})
    (($#names)) && compadd -a names
    _files -g '*.(#i)onnx(-.)'
}

_tintype() {
    local program=$words[1] curcontext=$curcontext context state line
    typeset -A opt_args
    if ((CURRENT > 2)); then
        case $words[2] in
@COMMANDS@
        esac
    elif [[ $words[2] != -* ]]; then
        local -a commands=(
@WORDS@
        )
        _describe -t commands command commands
    fi
    _arguments -s -S \
@PHOTOS@
}

if [[ $funcstack[1] == _tintype ]]; then _tintype "$@"; else compdef _tintype tintype; fi
"""


def _zsh(commands: Sequence[Spoken]) -> str:
    cases = []
    for command in commands[1:]:
        specs = _indented(_zsh_specs(command), 20)
        cases.append(
            f"            {command.name})\n"
            "                shift words\n"
            "                ((CURRENT--))\n"
            f"                _arguments -s -S \\\n{specs}\n"
            "                return\n"
            "                ;;"
        )
    words = [f"            {_quoted(f'{name}:{text}')}" for name, text in COMMANDS.items()]
    return _filled(
        _ZSH,
        {
            "COMMANDS": "\n".join(cases),
            "WORDS": "\n".join(words),
            "PHOTOS": _indented(_zsh_specs(commands[0]), 8),
        },
    )


def _zsh_specs(command: Spoken) -> Iterator[str]:
    """What `_arguments` of zsh is told, one word of the command each."""
    for word in command.options:
        text = _escaped(word.text, r"\[]:")
        value = "" if word.takes == "nothing" else f":{_escaped(word.metavar, ':')}:"
        # An option is offered once, unless more of it means something.
        once = "*" if word.again or word.many else f"({' '.join(word.names)})"
        for name in word.names:
            joined = "=" if value and name.startswith("--") else ""
            action = _zsh_action(word) if value else ""
            yield _quoted(f"{once}{name}{joined}[{text}]{value}{action}")
    many = any(word.many for word in command.options)
    for word in command.arguments:
        action = "_files" if many and word.takes in {"file", "folder"} else _zsh_action(word)
        yield _quoted(f"{'*' if word.many else ''}:{_escaped(word.metavar, ':')}:{action}")


def _zsh_action(word: Word) -> str:
    match word.takes:
        case "choice":
            return f"({' '.join(word.choices)})"
        case "folder":
            return "_files -/"
        case "file" if word.endings:
            return f'_files -g "*.(#i)({"|".join(e[1:] for e in word.endings)})(-.)"'
        case "file":
            return "_files"
        case "model":
            return "_tintype_models"
        case _:
            return " "


# ----- fish -----

_FISH = r"""
function __tintype_in -d 'Whether the command is this one; without a name, the one that colours'
    set -l words (commandline -opc)
    set -l command ''
    if set -q words[2]; and contains -- $words[2] @WORDS@
        set command $words[2]
    end
    test "$command" = "$argv[1]"
end

function __tintype_first -d 'Whether this is the first word'
    test (count (commandline -opc)) -eq 1
end

function __tintype_second -d 'Whether this is the first word after the command'
    test (count (commandline -opc)) -eq 2
end

function __tintype_files -d 'Folders, and files with these endings'
    # Names, each with a description behind a tab.
    __fish_complete_path (commandline -ct) |
        string match -r -i -- "^[^\t]*(?:/|\.(?:$argv[1]))(?:\t.*)?\$"
end

function __tintype_models -d 'Names of models, and their files'
    set -l words (commandline -opc)
    $words[1] models 2>/dev/null | string replace -r ' .*' ''
    __tintype_files onnx
end

complete -c tintype -f
@COMMANDS@
@ALL@
"""


def _fish(commands: Sequence[Spoken]) -> str:
    lines = []
    for command in commands:
        here = f"complete -c tintype -n '__tintype_in {command.name or _EMPTY}'"
        for word in command.options:
            names = "".join(
                f" -{'l' if name.startswith('--') else 's'} {name.lstrip('-')}"
                for name in word.names
            )
            lines.append(f"{here}{names}{_fish_offer(word, 'option')} -d {_fish_quoted(word.text)}")
        many = any(word.many for word in command.options)
        for index, word in enumerate(command.arguments):
            where = here
            if len(command.arguments) > 1:
                place = "__tintype_second" if index == 0 else "not __tintype_second"
                where = here.removesuffix("'") + f"; and {place}'"
            paths = many and word.takes in {"file", "folder"}
            lines.append(f"{where}{' -F' if paths else _fish_offer(word, 'argument')}")
    first = [
        f"complete -c tintype -n __tintype_first -a {name} -d {_fish_quoted(text)}"
        for name, text in COMMANDS.items()
    ]
    return _filled(
        _FISH,
        {"WORDS": " ".join(COMMANDS), "COMMANDS": "\n".join(first), "ALL": "\n".join(lines)},
    )


_EMPTY = '""'


def _fish_offer(word: Word, kind: str) -> str:
    only = " -x" if kind == "option" else ""
    match word.takes:
        case "nothing":
            return ""
        case "choice":
            return f"{only} -a '{' '.join(word.choices)}'"
        case "folder":
            return f"{only} -a '(__fish_complete_directories (commandline -ct))'"
        case "file" if word.endings:
            return f"{only} -a '(__tintype_files \"{'|'.join(e[1:] for e in word.endings)}\")'"
        case "file":
            return " -r -F" if kind == "option" else " -F"
        case "model":
            return f"{only} -a '(__tintype_models)'"
        case _:
            return only


def _fish_quoted(text: str) -> str:
    return f"'{_escaped(text, _FISH_SPECIAL)}'"


_FISH_SPECIAL = "\\'"


# ----- all of them -----


def _quoted(text: str) -> str:
    """One word of a shell, whatever is in it."""
    inside = text.replace("'", "'\\''")
    return f"'{inside}'"


def _escaped(text: str, special: str) -> str:
    return "".join(f"\\{c}" if c in special else c for c in text)


def _indented(lines: Iterator[str], width: int) -> str:
    return " \\\n".join(" " * width + line for line in lines)


def _filled(template: str, parts: Mapping[str, str]) -> str:
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template.lstrip("\n")


SCRIPTS: Mapping[str, Callable[[Sequence[Spoken]], str]] = MappingProxyType(
    {"bash": _bash, "zsh": _zsh, "fish": _fish}
)
"""The shells, and what writes their scripts."""
