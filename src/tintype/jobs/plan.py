"""The plan: which picture becomes which file, decided before a pixel is read.

A plan is walked twice: once to refuse what cannot end well, once to work. It is never held as a
list, so that fifty thousand pictures cost some hundred bytes each, however long their paths are.
Walking is deterministic: the words in their order, each folder's names sorted, files before
folders.
"""

import glob
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path

from tintype.api import target_name
from tintype.errors import TintypeError, UnreadablePhotoError, UsageError, shown
from tintype.jobs.report import LINK_OUTSIDE, Row
from tintype.photo.encode import stands_at
from tintype.photo.formats import format_of_suffix, writable_formats


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to colour.

    Attributes:
        source: The file to read.
        target: The file to write.
        alone: The only picture of the run, named by the user: colour photographs are not skipped.
        target_is_input: What stands at the target is another input of the same run.
        palette: Which of several versions this is, from 1; 0 where there is only one.
    """

    source: Path
    target: Path
    alone: bool = False
    target_is_input: bool = False
    palette: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """What one walk over the plan met.

    Attributes:
        items: Rows that the run will have, failures met while walking included.
        left_alone: Files in folders that are no pictures by their ending, and hidden ones.
        not_entered: Folders inside folders that were not entered.
    """

    items: int
    left_alone: int
    not_entered: int


@dataclass(slots=True)
class _Counts:
    left_alone: int = 0
    not_entered: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Inputs and where their outputs go.

    Attributes:
        inputs: Files, folders and patterns as they were given.
        into: Folder for the outputs, the structure of each input folder mirrored below it; None
            puts each output beside its source.
        output: The one output of the one input.
        recursive: Enter folders inside folders.
        format: A key of `tintype.photo.formats.FORMATS`; None keeps each picture's own.
        overwrite: Earlier outputs may be replaced; then inputs need to be told apart from them.
        palettes: Versions of each picture; more than one get a number each, ``name.color-2.jpg``.
    """

    inputs: Sequence[str]
    into: Path | None = None
    output: Path | None = None
    recursive: bool = False
    format: str | None = None
    overwrite: bool = False
    palettes: int = 1
    _input_ids: set[tuple[int, int]] = field(default_factory=set, init=False, repr=False)

    def check(self) -> Census:
        """Walks everything once and refuses what would lose a picture.

        Returns:
            The counts, for a progress bar and the last line.

        Raises:
            UsageError: Two inputs would be written to one file, the options contradict each other,
                or the output is the input.
        """
        self._check_options()
        counts = _Counts()
        seen = _Seen()
        items = 0
        for item in self._versions(self._walk(counts)):
            if self.output is not None and items:
                raise UsageError(
                    "-o names one file, but there are several inputs.", hint="Give --into FOLDER."
                )
            if isinstance(item, Job):
                met = seen.meet(item)
                if met is _Met.CLASH:
                    self._refuse_clash(item)
                if met is _Met.AGAIN:
                    continue
                self._note_input(item)
            items += 1
        return Census(items, counts.left_alone, counts.not_entered)

    def __iter__(self) -> Iterator[Job | Row]:
        """Walks the plan.

        Yields:
            Jobs to run, and rows for what failed or was skipped while walking.
        """
        seen = _Seen()
        for item in self._versions(self._walk(_Counts())):
            if isinstance(item, Row):
                yield item
                continue
            met = seen.meet(item)
            if met is _Met.CLASH:
                # Appeared since `check`: too late to refuse the run, never too late to keep both.
                clash = UsageError(f"Another input has the same output {shown(item.target)}.")
                yield Row.failure(item.source, clash)
            elif met is _Met.NEW:
                yield self._mark_inputs(item)

    def _versions(self, items: Iterator[Job | Row]) -> Iterator[Job | Row]:
        """Each picture's versions, one after the other."""
        for item in items:
            if isinstance(item, Row) or self.palettes == 1:
                yield item
                continue
            for number in range(1, self.palettes + 1):
                name = f"{item.target.stem}-{number}{item.target.suffix}"
                yield replace(item, target=item.target.with_name(name), palette=number)

    # ----- walking -----

    def _walk(self, counts: _Counts) -> Iterator[Job | Row]:
        paths = list(self._expand())
        for path in paths:
            if isinstance(path, Row):
                yield path
                continue
            try:
                mode = path.stat().st_mode
            except (OSError, ValueError) as error:
                yield Row.failure(path, _unreadable(path, error))
                continue
            if stat.S_ISDIR(mode):
                yield from self._walk_folder(path, counts)
            elif stat.S_ISREG(mode):
                yield self._job(path, Path(path.name), alone=len(paths) == 1)
            else:
                yield Row.failure(
                    path,
                    UnreadablePhotoError(
                        f"{shown(path)} is not a regular file.",
                        hint="Pipe it in: tintype - < INPUT > OUTPUT.",
                    ),
                )

    def _expand(self) -> Iterator[Path | Row]:
        """The words as paths; patterns are expanded here because some shells do not."""
        for word in self.inputs:
            path = Path(word)
            if not word:
                # To `Path` it is the current folder; in a script it is a variable that is not set.
                yield Row.failure(path, UnreadablePhotoError("The name of an input is empty."))
                continue
            if not glob.has_magic(word) or os.path.lexists(path):
                yield path
                continue
            # Names that hold brackets exist literally and were taken above.
            found = sorted(glob.glob(word, recursive=True))  # noqa: PTH207
            if not found:
                yield Row.failure(
                    path, UnreadablePhotoError(f"No file matches the pattern {shown(word)}.")
                )
            yield from map(Path, found)

    def _walk_folder(self, root: Path, counts: _Counts) -> Iterator[Job | Row]:
        real_root = _real(root)
        real_into = None if self.into is None else _real(self.into)
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                yield Row.failure(folder, _unreadable(folder, error))
                continue
            below = []
            for entry in entries:
                path = folder / entry.name
                if entry.is_dir(follow_symlinks=False):
                    # An output folder inside the input folder holds our outputs, not inputs.
                    if real_into is None or _real(path) != real_into:
                        below.append(path)
                elif not _is_picture(entry):
                    # Our own state file is nothing that the user should wonder about.
                    counts.left_alone += not entry.name.startswith(".tintype-")
                elif entry.is_symlink() and not _leads_inside(path, real_root):
                    yield Row.skip(path, LINK_OUTSIDE)
                elif not _is_file(entry):
                    counts.left_alone += 1
                else:
                    yield self._job(path, path.relative_to(root))
            if self.recursive:
                waiting.extend(reversed(below))
            else:
                counts.not_entered += len(below)

    def _job(self, source: Path, relative: Path, *, alone: bool = False) -> Job | Row:
        if self.output is not None:
            return Job(source, self.output, alone)
        try:
            name = target_name(source, self.format)
        except TintypeError as error:
            return Row.failure(source, error)
        folder = source.parent if self.into is None else self.into / relative.parent
        return Job(source, folder / name, alone)

    # ----- refusing -----

    def _check_options(self) -> None:
        if self.output is not None:
            if self.palettes > 1:
                raise UsageError(
                    "-o names one file, but there are several palettes.", hint="Give --into FOLDER."
                )
            if self.into is not None:
                raise UsageError("-o and --into contradict each other.", hint="Give one of them.")
            if stands_at(self.output) and self.output.is_dir():
                raise UsageError(
                    f"{shown(self.output)} is a folder.", hint="-o names a file; give --into."
                )
            check_output_name(self.output, self.format)
            if len(self.inputs) == 1 and _same_file(Path(self.inputs[0]), self.output):
                raise UsageError(
                    f"{shown(self.output)} is the input itself, which is never replaced.",
                    hint="Give another name to -o.",
                )
        if self.into is not None and stands_at(self.into) and not self.into.is_dir():
            raise UsageError(f"--into {shown(self.into)} is a file, not a folder.")

    def _refuse_clash(self, second: Job) -> None:
        places = _Places()
        wanted = places.key(second.target)
        # The digests say that there is a first one; only a second walk says which.
        first = next(
            item
            for item in self._versions(self._walk(_Counts()))
            if isinstance(item, Job) and places.key(item.target) == wanted
        )
        raise UsageError(
            f"{shown(first.source)} and {shown(second.source)} would both be written to "
            f"{shown(second.target)}.",
            hint="Nothing was coloured. Run them separately with different --into folders, "
            "or without --format.",
        )

    # ----- telling inputs from earlier outputs -----

    def _note_input(self, job: Job) -> None:
        if self.overwrite:
            found = job.source.stat()
            self._input_ids.add((found.st_dev, found.st_ino))

    def _mark_inputs(self, job: Job) -> Job:
        if not self.overwrite:
            return job
        try:
            found = job.target.stat()
        except OSError:
            return job
        is_input = (found.st_dev, found.st_ino) in self._input_ids
        return replace(job, target_is_input=is_input)


def check_output_name(output: Path, form: str | None) -> str | None:
    """Which format a named output asks for.

    Args:
        output: The file to be written.
        form: What --format says, or None.

    Returns:
        The format to write, or None where neither says one.

    Raises:
        UsageError: They contradict each other, or the ending is of a format that is only read.
    """
    said = format_of_suffix(output.suffix)
    if form is not None:
        if said is not None and said != form:
            raise UsageError(
                f"{shown(output.name)} is the name of a {said} file, but --format says {form}."
            )
        return form
    if said is not None and said not in writable_formats():
        raise UsageError(
            f"{said} can be read but not written.",
            hint=f"Name the output with the ending of one of {', '.join(writable_formats())}.",
        )
    if said is None:
        raise UsageError(
            f"The name {shown(output.name)} does not say a picture format.",
            hint="Give it an ending such as .jpg or .png, or --format.",
        )
    return said


class _Met(Enum):
    """What a job is to those before it."""

    NEW = auto()
    AGAIN = auto()
    CLASH = auto()


class _Seen:
    """Targets met so far, as digests: sixteen bytes for a path of any length."""

    def __init__(self) -> None:
        self._source_of: dict[bytes, bytes] = {}
        self._targets = _Places()
        self._sources = _Places()

    def meet(self, job: Job) -> _Met:
        target = self._targets.key(job.target)
        source = self._sources.key(job.source, exact=True)
        first = self._source_of.setdefault(target, source)
        if first is source:
            return _Met.NEW
        return _Met.AGAIN if first == source else _Met.CLASH


class _Places:
    """Where a path leads, whatever it is spelled like.

    Two folders are the same when they are the same on the disk. Two names in one folder are treated
    as the same when any common file system would: letters differing only by case (NTFS, APFS), or
    one character in two Unicode spellings (APFS, HFS+).
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._where = ""

    def key(self, path: Path, *, exact: bool = False) -> bytes:
        if path.parent != self._folder:
            self._folder = path.parent
            self._where = _where(path.parent)
        name = path.name if exact else _folded(path.name)
        text = f"{self._where}/{name}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).digest()


def _where(folder: Path) -> str:
    """Identity of the nearest folder that exists, then the names that do not exist yet."""
    folder = _real(folder)
    missing: list[str] = []
    while True:
        try:
            found = folder.stat()
        except OSError:
            missing.append(_folded(folder.name))
            if folder == folder.parent:
                return "/".join(reversed(missing))
            folder = folder.parent
            continue
        return "/".join([f"{found.st_dev}:{found.st_ino}", *reversed(missing)])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _is_picture(entry: os.DirEntry[str]) -> bool:
    # Hidden files with picture endings are other programs' (AppleDouble "._photo.jpg", thumbnails).
    return not entry.name.startswith(".") and format_of_suffix(Path(entry.name).suffix) is not None


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file, links followed; a loop of links leads to none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _leads_inside(link: Path, real_root: Path) -> bool:
    return _real(link).is_relative_to(real_root)


def _real(path: Path) -> Path:
    """Where a path leads. `Path.resolve` does the same, and raises where links form a loop."""
    return Path(os.path.realpath(path))


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _unreadable(path: Path, error: Exception) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"{shown(path)}: {reason(error)}.")


def reason(error: Exception) -> str:
    """What the operating system says, without numbers and without the path.

    Args:
        error: Any error; of an `OSError` only its text is taken.

    Returns:
        Half a sentence in lower case without a full stop.
    """
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return text[:1].lower() + text[1:].rstrip(".")
