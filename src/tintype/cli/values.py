"""Parameter types for options and arguments (files, folders, models, formats) with completion.

click calls a type to complete an incomplete argument. Files are listed here rather than by the
shell, so every shell offers the same: folders, and files with supported endings.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from tintype.errors import UsageError, brief
from tintype.numerals import number_of, whole_of
from tintype.photo.formats.film import FILM_SUFFIXES
from tintype.photo.formats.registry import FORMATS, writable_format, writable_formats

PICTURES = tuple(ending for form in FORMATS.values() for ending in form.suffixes)
"""Endings of the files that are read as photographs."""

FILMS = FILM_SUFFIXES
"""Endings of films that a shell offers."""

FORMAT_NAMES = tuple(key.lower() for key in writable_formats())
"""Formats that can be written, as typed."""


# As in tintype.files.remote, which is slow to import.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class FileType(click.ParamType[Any]):
    """A file. The command checks whether it exists.

    Args:
        endings: Endings that completion offers, in lower case with the dot; none for any file.
        made: Converts the argument.
    """

    name = "file"

    def __init__(self, *endings: str, made: Callable[[str], Any] = Path) -> None:
        self.endings, self.made = endings, made

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        """The converted argument."""
        several = isinstance(param, click.Argument) and param.nargs == -1
        if not value and not several:  # of several, an empty name is one that fails
            # `Path` would treat it as the current folder, but in a script it is an unset variable.
            self.fail("the name is empty.", param, ctx)
        self._check(value, param, ctx)
        return self.made(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """Folders, and files with these endings."""
        return [
            CompletionItem(path, type="dir" if folder else "plain")
            for path, folder in _below(incomplete)
            if folder or self._fits(path)
        ]

    def _check(
        self, _value: str, _param: click.Parameter | None, _ctx: click.Context | None
    ) -> None:
        """Refuses what cannot be such a file."""

    def _fits(self, path: str) -> bool:
        return not self.endings or path.lower().endswith(self.endings)


class OutputType(FileType):
    """A file that is written."""

    def _check(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        if value.endswith(("/", os.sep)):  # which `Path` would drop
            self.fail(f"{brief(repr(value))} names a folder, not a file.", param, ctx)


class LocalFileType(FileType):
    """A file to read, which cannot be a URL."""

    def _check(self, value: str, param: click.Parameter | None, _ctx: click.Context | None) -> None:
        # As a path a URL would lose a slash, and not be found. A folder may be called "http:".
        if _URL.match(value) and not os.path.lexists(value):
            is_option = isinstance(param, click.Option)
            name = param.opts[0] if is_option and param else getattr(param, "metavar", "It")
            raise UsageError(
                f"{name} names a file on this machine, but {brief(value, most=200)} is a URL."
            )


class FolderType(FileType):
    """A folder."""

    name = "folder"

    def _fits(self, path: str) -> bool:
        return False


class ModelType(FileType):
    """The name of a model, or a model file."""

    name = "model"

    def __init__(self) -> None:
        super().__init__(".onnx", made=str)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """The models on this machine, folders, and model files."""
        from tintype.engine.bundle import list_bundles

        names = [bundle.name for bundle in list_bundles()[0]]
        named = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return named + super().shell_complete(ctx, param, incomplete)


class NumberType(click.FloatRange):
    """A number as `tintype.numerals` reads it, which is finite and within the bounds.

    Without bounds, whoever uses the number checks its range, and says which it is.
    """

    def convert(
        self,
        value: str | float,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The number."""
        try:
            number = number_of(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{brief(repr(value))} is not a valid float.", param, ctx)
        number = super().convert(number, param, ctx)
        if not (math.isfinite(number) or self.min is self.max is None):
            self.fail(f"{number!r} is not a number.", param, ctx)
        return number


class WholeType(click.IntRange):
    """A whole number within bounds, as `tintype.numerals` reads it."""

    def convert(
        self,
        value: str | int,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """The number."""
        try:
            number = whole_of(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{brief(repr(value))} is not a valid integer.", param, ctx)
        return super().convert(number, param, ctx)


class ChoiceType(click.Choice[str]):
    """One of several values, which may also be given by a former name.

    Args:
        choices: The values.
        former: Former names and their values; help and completion omit them.
    """

    def __init__(self, choices: Sequence[str], *, former: Mapping[str, str]) -> None:
        super().__init__(choices)
        self.former = former

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The value by its current name."""
        return super().convert(self.former.get(value, value), param, ctx)


class FormatType(click.ParamType[str]):
    """A format by its name or by any of its endings."""

    name = "format"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The key of the format that was typed."""
        found = writable_format(value)
        if found is None:
            self.fail(f"{value!r} is not one of {', '.join(FORMAT_NAMES)}.", param, ctx)
        return found

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """The names of the formats."""
        return [CompletionItem(name) for name in FORMAT_NAMES if name.startswith(incomplete)]


def _below(incomplete: str) -> Iterator[tuple[str, bool]]:
    """Paths that begin with this text, as they would be typed, and whether each is a folder.

    Hidden files are omitted unless the name begins with a dot. An unreadable folder counts as
    empty.
    """
    folder, start = os.path.split(incomplete)
    try:
        place = os.path.expanduser(folder) or "."  # noqa: PTH111 - leaves an unknown ~name alone
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        hidden = entry.name.startswith(".") and not start.startswith(".")
        # Shells receive one line per item.
        if entry.name.startswith(start) and not hidden and "\n" not in entry.name:
            yield os.path.join(folder, entry.name), entry.is_dir()  # noqa: PTH118
