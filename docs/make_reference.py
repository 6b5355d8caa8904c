"""Writes the parts of docs/, of the manual page and of openapi.json that follow from the code.

What was measured is put in as well.

    python docs/make_reference.py

Between ``<!-- generated: NAME -->`` and ``<!-- end -->`` stands what this program says, and between
the same words in comments of roff in docs/man/tintype.1; everything else on the pages is written by
hand. A test fails while a page differs.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

import tintype
from tintype import errors
from tintype.cli.group import COLOR, COMMANDS, TINTYPE
from tintype.engine.onnx_file import OPERATORS
from tintype.engine.setting_row import Interface, Setting
from tintype.engine.settings import LAYERS, OUTPUT, SETTINGS, rows_of
from tintype.photo.formats.registry import table_markdown
from tintype.web import request

HERE = Path(__file__).parent
PAGES = (*sorted((HERE / "reference").glob("*.md")), HERE / "promises.md")
MANUAL = HERE / "man" / "tintype.1"
PACKAGE = Path(tintype.__file__).parent
OPENAPI = PACKAGE / "web" / "page" / "openapi.json"
BLOCK = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


SCRIPTS = (
    "mutants", "bombs", "size", "calls", "names", "disk", "kills", "training", "load", "limits",
    "models", "privacy", "sandbox", "fuzz",
)  # fmt: skip
"""Of tests/promises, in the order of docs/promises.md."""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


# ----- the command -----


def command_of(name: str) -> tuple[click.Command, click.Context]:
    """A command by its name, and the context that its help is made in."""
    command = TINTYPE.get_command(click.Context(TINTYPE), name)
    assert command is not None
    return command, click.Context(command)


def options_of(name: str) -> Callable[[], str]:
    """The options of a command as its help shows them."""

    def make() -> str:
        command, context = command_of(name)
        records = [
            param.get_help_record(context)
            for param in command.params
            if isinstance(param, click.Option)
        ]
        rows = [(f"`{record[0]}`", " ".join(record[1].split())) for record in records if record]
        return table(("option", "what it does"), rows)

    return make


# ----- errors -----


def error_table() -> str:
    """Every error a user can meet, with its exit code."""
    kinds = [errors.TintypeError, *_below(errors.TintypeError)]
    rows = []
    for kind in kinds:
        depth = len(kind.__mro__) - len(errors.TintypeError.__mro__)
        first = (kind.__doc__ or "").strip().splitlines()[0]
        rows.append((f"{'&nbsp;&nbsp;' * depth}`{kind.__name__}`", str(kind.exit_code), first))
    return table(("error", "exit code", "what happened"), rows)


def _below(kind: type[errors.TintypeError]) -> Iterator[type[errors.TintypeError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _below(child)


# ----- recipes and cards, read from the source so that no extra is needed -----


def recipe_table() -> str:
    """Every key of a recipe with its default."""
    classes = _classes(PACKAGE / "learn" / "recipe.py")
    whole = {item.target.id: item for item in _fields(classes["Recipe"])}
    rows = []
    for name, item in whole.items():
        kind = ast.unparse(item.annotation)
        if kind not in classes:
            rows.append((f"`{name}`", _kind(item), "", "The name of the run and of its model."))
            continue
        for field, text in _documented(classes[kind]):
            key = field.target.id.rstrip("_")  # `lambda` is a word of Python, so not a name in it
            rows.append((f"`{name}.{key}`", _kind(field), _default(field), text))
    return table(("key", "kind", "default", "meaning"), rows)


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


class _Field(ast.AnnAssign):
    target: ast.Name


def _fields(node: ast.ClassDef) -> list[_Field]:
    return [item for item in node.body if isinstance(item, ast.AnnAssign)]  # type: ignore[misc]


def _documented(node: ast.ClassDef) -> Iterator[tuple[_Field, str]]:
    for item, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(item, ast.AnnAssign):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = " ".join(str(after.value.value).split()).replace("``", "`")
            yield item, text  # type: ignore[misc]


def _kind(field: _Field) -> str:
    return f"`{ast.unparse(field.annotation)}`"


def _default(field: _Field) -> str:
    value = field.value
    if isinstance(value, ast.Call):
        named = {word.arg: word.value for word in value.keywords}
        limits = [f"{key} {ast.unparse(named[key])}" for key in _LIMITS if key in named]
        text = f"`{ast.unparse(named['default'])}`" if "default" in named else "`{}`"
        said = ", ".join(_LIMITS[limit.split()[0]] + limit.split(" ", 1)[1] for limit in limits)
        return f"{text}{f', {said}' if said else ''}"
    return "" if value is None else f"`{ast.unparse(value)}`"


_LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "ge": "at least ",
        "gt": "above ",
        "le": "at most ",
        "lt": "below ",
        "multiple_of": "a multiple of ",
    }
)


def card_table() -> str:
    """Every key of a card."""
    node = _classes(PACKAGE / "engine" / "bundle.py")["Card"]
    text = ast.get_docstring(node) or ""
    meaning = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", text, re.MULTILINE))
    rows = [
        (
            f"`{item.target.id}`",
            _kind(item),
            " ".join(meaning[item.target.id].split()).replace("``", "`"),
        )
        for item in _fields(node)
    ]
    return table(("key", "kind", "meaning"), rows)


def operator_list() -> str:
    """Every operator that a model may run."""
    return ", ".join(f"`{name}`" for name in sorted(OPERATORS)) + "."


# ----- the HTTP API -----


def openapi_rewritten(text: str) -> str:
    """openapi.json with what follows from the table of settings as the code says it now."""
    data = json.loads(text)
    schemas = request.schemas(place="#/components/schemas/{name}")
    data["components"]["schemas"] |= schemas
    written = [_output_parameter(row) for row in OUTPUT.values() if "http" in row.interfaces]
    color, file = data["paths"]["/v1/color"], data["paths"]["/v1/photos/{id}/file"]
    color["post"]["parameters"] = [*_setting_parameters(schemas["Settings"]), *written]
    file["post"]["parameters"] = written
    parameters = data["paths"]["/v1/layers"]["post"]["parameters"]
    (kind,) = (one for one in parameters if one["name"] == "kind")
    kind["schema"]["enum"] = list(LAYERS)
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }


def _setting_parameters(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings in the query of an address, where a hint is a text and strokes are not."""
    for name, value in schema["properties"].items():
        if name == "hints":
            text = f"{SETTINGS[name].help} X,Y,#c04030 or X,Y,#c04030,RADIUS; can be repeated."
            yield _parameter("hint", {"type": "array", "items": {"type": "string"}}, text)
        elif name in SETTINGS:
            plain = {key: value[key] for key in value if key != "description"}
            # In a query, what is null is left out.
            found = plain.pop("anyOf", [{}])[0]
            if plain.get("default", "") in (None, ""):
                plain.pop("default", None)
            yield _parameter(name, plain | found, value["description"])


def _output_parameter(row: Setting) -> dict[str, Any]:
    if row.kind == "flag":
        schema = {"type": "string", "enum": ["0", "1"], "default": f"{row.default_of('http'):d}"}
        return _parameter(row.name, schema, row.text("http"))
    if row.kind == "choice":
        schema = {"type": "string", "enum": list(row.choices), "default": row.default_of("http")}
        return _parameter(row.name, schema, row.text("http"))
    assert row.kind == "format"
    names = ", ".join(row.choices)
    text = f"{row.help.removesuffix('.')}: {names}; without it, {row.unset}."
    return _parameter(row.name, {"type": "string"}, text)


def _openapi() -> dict[str, Any]:
    text = OPENAPI.read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def http_paths() -> str:
    """Every path of the HTTP API."""
    rows = []
    for path, item in _openapi()["paths"].items():
        for method in ("get", "post", "delete"):
            if method in item:
                query = ", ".join(
                    f"`{p['name']}`"
                    for p in item[method].get("parameters", ())
                    if p["in"] == "query"
                )
                good = next(a for code, a in item[method]["responses"].items() if code < "300")
                kinds = ", ".join(good.get("content", {})) or "nothing"
                row = (f"`{method.upper()} {path}`", item[method]["summary"], query, kinds)
                rows.append(row)
    return table(("path", "what it does", "query", "answers with"), rows)


def http_settings() -> str:
    """Every key of the settings."""
    known = _openapi()["components"]["schemas"]["Settings"]["properties"]
    rows = [(f"`{key}`", value["description"]) for key, value in known.items()]
    return table(("key", "what it does"), rows)


def http_statuses() -> str:
    """Every status of an error."""
    found = _openapi()["components"]["responses"]
    return table(
        ("status", "meaning"), [(code, answer["description"]) for code, answer in found.items()]
    )


# ----- the Python API, and the whole table -----


def python_signature() -> str:
    """How `tintype.colorize` is called."""
    parameters = inspect.signature(tintype.colorize).parameters.values()
    words = [
        parameter.name
        if parameter.default is inspect.Parameter.empty
        else f"{parameter.name}={json.dumps(parameter.default)}"
        if isinstance(parameter.default, str)
        else f"{parameter.name}={parameter.default}"
        for parameter in parameters
    ]
    return f"`colorize({words[0]}, *, {', '.join(words[1:])})`\n"


def python_options() -> str:
    """The settings as keyword arguments."""
    rows = []
    for row in rows_of("python").values():
        value = row.default_of("python")
        default = f"`{json.dumps(value) if isinstance(value, str) else value}`"
        if row.unset:
            default += f", {row.unset}"
        rows.append((f"`{row.name}`", _values(row, "python"), default, _meaning(row, "python")))
    return table(("option", "values", "default", "what it does"), rows)


def _values(row: Setting, interface: Interface) -> str:
    quote = '"' if interface == "python" else ""
    match row.kind:
        case "hints":
            return "a sequence" if interface == "python" else "a list"
        case "layer":
            return (
                "a path, `bytes`, a PIL image or an array" if interface == "python" else "a picture"
            )
        case "flag":
            return "yes or no"
        case "choice" | "format":
            return ", ".join(f"`{quote}{choice}{quote}`" for choice in row.choices)
        case "count" if row.low is None:
            return "a whole number"
        case _:
            return row.range_text


def _meaning(row: Setting, interface: Interface) -> str:
    return f"{row.help} {row.spelling[interface]}" if interface in row.spelling else row.help


INTERFACES: Mapping[Interface, str] = MappingProxyType(
    {
        "command": "the command",
        "film": "films",
        "http": "HTTP",
        "python": "Python",
        "file": "the settings file",
    }
)

STAGES = MappingProxyType({"network": "the network", "decoding": "decoding", "writing": "writing"})


def settings_table() -> str:
    """The whole table of settings and output options."""
    rows = []
    for row in (*SETTINGS.values(), *OUTPUT.values()):
        value = row.default_of("command")
        default = row.default_text("command") or {True: "yes", False: "no"}.get(value, "")
        default += "".join(
            f"; {INTERFACES[name]}: {row.default_text(name) or ('yes' if other else 'no')}"
            for name, other in row.defaults.items()
        )
        interfaces = ", ".join(
            text for interface, text in INTERFACES.items() if interface in row.interfaces
        )
        rows.append(
            (
                f"`{row.name}`",
                _values(row, "command"),
                default,
                row.help,
                STAGES[row.stage],
                interfaces,
            )
        )
    head = ("setting", "values", "default", "what it does", "done again", "available in")
    return table(head, rows)


# ----- what was measured -----


def figures(script: str) -> Callable[[], str]:
    """What one script of tests/promises measured, as docs/promises.json holds it."""

    def make() -> str:
        results = json.loads((HERE / "promises.json").read_text(encoding="utf-8"))
        if script not in results:
            return table(("measured", "figure"), [("nothing yet", "see `make promises`")])
        found = results[script]
        rows = [(what, said) for what, said in found["figures"].items()]
        kept = "kept" if found["kept"] else "**broken**"
        when = f"{found['date']}, {found['machine']}, {found['seconds']:.0f} s"
        return table(("measured", "figure"), [*rows, (f"the promise is {kept}", when)])

    return make


# ----- the manual page, in the language of man(7) -----

ROFF_BLOCK = re.compile(r'(\.\\" generated: (.+?)\n).*?(\.\\" end\n)', re.DOTALL)


def _roff(text: str) -> str:
    """A text in which nothing is a command of roff; a sentence ends with its line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"(?<=[a-z][.;:]) ", "\n", " ".join(text.split()))
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


def _roff_options(name: str) -> str:
    command, context = command_of(name)
    return "".join(
        _roff_option(param, context)
        for param in command.params
        if isinstance(param, click.Option) and not param.hidden
    )


def _roff_option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in sorted(option.opts, key=len))
    takes = "" if option.is_flag else f" \\fI{_roff(option.make_metavar(context))}\\fR"
    record = option.get_help_record(context)
    return f".TP\n{names}{takes}\n{_roff(record[1] if record else '')}\n"


def _roff_argument(argument: click.Argument, context: click.Context) -> str:
    word = _roff(argument.make_metavar(context).strip("[]").removesuffix("...").strip("]"))
    several = " ..." if argument.nargs == -1 else ""
    return f".IR {word}{several}" if argument.required else f".RI [ {word} ]{several.strip()}"


def _roff_paragraphs(name: str) -> str:
    paragraphs = inspect.cleandoc(command_of(name)[0].help or "").split("\n\n")
    return ".PP\n".join(f"{_roff(text)}\n" for text in paragraphs)


def manual_title() -> str:
    """The head of the page."""
    version = tintype.__version__
    changelog = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    date = re.search(
        rf"^## \[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)", changelog, re.MULTILINE
    )
    return f'.TH TINTYPE 1 "{date[1] if date else ""}" "Tintype {version}" "User Commands"\n'


def manual_commands() -> str:
    """A section for each command."""
    parts = []
    for name in COMMANDS:
        command, context = command_of(name)
        arguments = [
            _roff_argument(param, context)
            for param in command.params
            if isinstance(param, click.Argument)
        ]
        usage = "\n".join([f".B tintype {name}", ".RI [ OPTIONS ]", *arguments])
        parts.append(f".SS {name}\n{usage}\n.PP\n{_roff_paragraphs(name)}{_roff_options(name)}")
    return "".join(parts)


ROFF_GENERATED: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "title": manual_title,
        "photo description": lambda: _roff_paragraphs(COLOR),
        "photo options": lambda: _roff_options(COLOR),
        "commands": manual_commands,
    }
)


GENERATED: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "photo options": options_of(COLOR),
        **{f"{name} options": options_of(name) for name in COMMANDS},
        "paths": http_paths,
        "http settings": http_settings,
        "statuses": http_statuses,
        "python signature": python_signature,
        "python options": python_options,
        "settings": settings_table,
        "errors": error_table,
        "recipe": recipe_table,
        "card": card_table,
        "operators": operator_list,
        "formats": table_markdown,
        **{f"promise {script}": figures(script) for script in SCRIPTS},
    }
)


def rewritten(page: str) -> str:
    """A page with its generated parts as the code says them now."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}\n{GENERATED[found[2]]()}\n{found[3]}"

    def roff_block(found: re.Match[str]) -> str:
        return f"{found[1]}{ROFF_GENERATED[found[2]]()}{found[3]}"

    return ROFF_BLOCK.sub(roff_block, BLOCK.sub(block, page))


def main() -> int:
    """Rewrites every page that has generated parts."""
    # The description of the HTTP API first: a table is made from it.
    for path in (OPENAPI, *PAGES, MANUAL):
        page = path.read_text(encoding="utf-8")
        now = openapi_rewritten(page) if path == OPENAPI else rewritten(page)
        if now != page:
            path.write_text(now, encoding="utf-8")
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
