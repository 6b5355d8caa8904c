"""The plan: which picture becomes which file, decided before a pixel is read.

A plan is walked twice: once to refuse what cannot end well, once to work. It is never held as a
list: of each picture stay two digests, and its name while its folder is walked, which together are
less than a hundred bytes. Walking is deterministic: the words in their order, each folder's names
sorted, files before folders.
"""

import glob
import heapq
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path, PurePath, PurePosixPath

from tintype.errors import TintypeError, UnreadablePhotoError, UsageError, shown
from tintype.files.atomic import target_exists
from tintype.files.remote import Place, Remote, kind_of, listing, place_of
from tintype.jobs.digests import Digests, digest
from tintype.jobs.report import LINK_OUTSIDE, Row
from tintype.photo.formats.registry import format_of_suffix, writable_formats
from tintype.photo.naming import target_name

_SORTED_AT_A_TIME = 4096


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

    source: Place
    target: Place
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
        inputs: Files, folders and patterns as they were given; URLs name files and folders.
        into: Folder for the outputs, the structure of each input folder mirrored below it; None
            puts each output beside its source.
        output: The one output of the one input.
        recursive: Enter folders inside folders.
        format: A key of `tintype.photo.formats.registry.FORMATS`; None keeps each picture's own.
        overwrite: Earlier outputs may be replaced; then inputs need to be told apart from them.
        palettes: Versions of each picture; more than one get a number each, ``name.color-2.jpg``.
    """

    inputs: Sequence[str]
    into: Place | None = None
    output: Place | None = None
    recursive: bool = False
    format: str | None = None
    overwrite: bool = False
    palettes: int = 1
    _input_ids: Digests = field(default_factory=Digests, init=False, repr=False)

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
                    "-o names one file, but there are several inputs.", advice="Give --into FOLDER."
                )
            if isinstance(item, Job):
                met = seen.meet(item)
                if met is _Met.CLASH:
                    first = self._first_with_target_of(item)
                    if first.source != item.source:  # and not two digests that are equal by chance
                        raise _clash(first, item)
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
            if met is _Met.AGAIN:
                continue
            if met is _Met.CLASH and self._first_with_target_of(item).source != item.source:
                # Appeared since `check`: too late to refuse the run, never too late to keep both.
                clash = UsageError(f"Another input has the same output {shown(item.target)}.")
                yield Row.failure(item.source, clash)
                continue
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
            if isinstance(path, Remote):
                yield from self._walk_remote(path, counts, alone=len(paths) == 1)
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
                        advice="Pipe it in: tintype - < INPUT > OUTPUT.",
                    ),
                )

    def _expand(self) -> Iterator[Place | Row]:
        """The words as places; patterns are expanded here because some shells do not."""
        for word in self.inputs:
            path = place_of(word)
            if isinstance(path, Remote):
                yield path
                continue
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
        real_into = _real(self.into) if isinstance(self.into, Path) else None
        # The folders on the way down, and of each the names of those inside that still wait.
        way: list[tuple[Path, Iterator[str]]] = []
        here: Path | None = root
        while way or here is not None:
            if here is None:
                folder, waiting = way[-1]
                name = next(waiting, None)
                if name is None:
                    way.pop()
                    continue
                here = folder / name
                # An output folder inside the input folder holds our outputs, not inputs.
                if real_into is not None and _real(here) == real_into:
                    here = None
                    continue
            try:
                names = _names_in(here, counts)
            except OSError as error:
                yield Row.failure(here, _unreadable(here, error))
                here = None
                continue
            for name in names.pictures:
                path = here / name
                if name in names.links and not _leads_inside(path, real_root):
                    yield Row.skip(path, LINK_OUTSIDE)
                elif name in names.links and not _is_file(path):
                    counts.left_alone += 1
                else:
                    yield self._job(path, path.relative_to(root))
            if self.recursive:
                way.append((here, iter(names.folders)))
            else:
                counts.not_entered += sum(
                    real_into is None or _real(here / name) != real_into for name in names.folders
                )
            here = None

    def _walk_remote(self, place: Remote, counts: _Counts, *, alone: bool) -> Iterator[Job | Row]:
        try:
            found = kind_of(place)
        except UnreadablePhotoError as error:
            yield Row.failure(place, error)
            return
        if found == "folder":
            yield from self._walk_store(place, counts)
        else:
            yield self._job(place, PurePosixPath(place.name), alone=alone)

    def _walk_store(self, root: Remote, counts: _Counts) -> Iterator[Job | Row]:
        """As `_walk_folder`; a store has no links, but names that no disk would have."""
        waiting = [PurePosixPath()]
        while waiting:
            relative = waiting.pop()
            folder = root / relative
            try:
                entries = listing(folder)
            except UnreadablePhotoError as error:
                yield Row.failure(folder, error)
                continue
            below = []
            for entry in entries:
                if not entry.safe:
                    yield Row.failure(folder, _unsafe(folder, entry.name))
                elif entry.is_folder:
                    if folder / entry.name != self.into:
                        below.append(relative / entry.name)
                elif not _is_picture(entry.name):
                    counts.left_alone += not entry.name.startswith(".tintype-")
                else:
                    yield self._job(folder / entry.name, relative / entry.name)
            if self.recursive:
                waiting.extend(reversed(below))
            else:
                counts.not_entered += len(below)

    def _job(self, source: Place, relative: PurePath, *, alone: bool = False) -> Job | Row:
        if self.output is not None:
            return Job(source, self.output, alone)
        try:
            name = self._target_name(source)
        except TintypeError as error:
            return Row.failure(source, error)
        folder = source.parent if self.into is None else self.into / relative.parent
        return Job(source, folder / name, alone)

    def _target_name(self, source: Place) -> str:
        if isinstance(source, Path):
            return target_name(source, self.format)
        if format_of_suffix(source.suffix) is None:
            raise UnreadablePhotoError(
                f"The name {shown(source)} does not say a picture format.",
                advice="Copy it here, and colour the copy.",
            )
        return target_name(Path(source.name), self.format)

    # ----- refusing -----

    def _check_options(self) -> None:
        if self.output is not None:
            if self.palettes > 1:
                raise UsageError(
                    "-o names one file, but there are several palettes.",
                    advice="Give --into FOLDER.",
                )
            if self.into is not None:
                raise UsageError("-o and --into contradict each other.", advice="Give one of them.")
            if (
                isinstance(self.output, Path)
                and target_exists(self.output)
                and self.output.is_dir()
            ):
                raise UsageError(
                    f"{shown(self.output)} is a folder.", advice="-o names a file; give --into."
                )
            check_output_name(self.output, self.format)
            if len(self.inputs) == 1 and same_file(place_of(self.inputs[0]), self.output):
                raise UsageError(
                    f"{shown(self.output)} is the input itself, which is never replaced.",
                    advice="Give another name to -o.",
                )
        if isinstance(self.into, Path) and target_exists(self.into) and not self.into.is_dir():
            raise UsageError(f"--into {shown(self.into)} is a file, not a folder.")

    def _first_with_target_of(self, second: Job) -> Job:
        """The first job with a job's target: the digests only say that there is one."""
        places = _Places()
        wanted = places.key(second.target)
        for item in self._versions(self._walk(_Counts())):
            if isinstance(item, Job) and places.key(item.target) == wanted:
                return item
        return second  # gone meanwhile

    # ----- telling inputs from earlier outputs -----

    def _note_input(self, job: Job) -> None:
        if self.overwrite:
            self._input_ids.put(_identity(job.source), 1)

    def _mark_inputs(self, job: Job) -> Job:
        if not self.overwrite:
            return job
        try:
            is_input = self._input_ids.get(_identity(job.target)) is not None
        except OSError:
            return job
        return replace(job, target_is_input=is_input)


def check_output_name(output: Place, form: str | None) -> str | None:
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
            advice=f"Name the output with the ending of one of {', '.join(writable_formats())}.",
        )
    if said is None:
        raise UsageError(
            f"The name {shown(output.name)} does not say a picture format.",
            advice="Give it an ending such as .jpg or .png, or --format.",
        )
    return said


class _Met(Enum):
    """What a job is to those before it."""

    NEW = auto()
    AGAIN = auto()
    CLASH = auto()


class _Seen:
    """Targets met so far and whose they are, as digests."""

    def __init__(self) -> None:
        self._sources = Digests()
        self._target_places = _Places()
        self._source_places = _Places()

    def meet(self, job: Job) -> _Met:
        target = digest(self._target_places.key(job.target))
        source = digest(self._source_places.key(job.source, exact=True))
        first = self._sources.get(target)
        if first is None:
            self._sources.put(target, source)
            return _Met.NEW
        return _Met.AGAIN if first == source else _Met.CLASH


class _Places:
    """Where a path leads, whatever it is spelled like.

    Two folders are the same when they are the same on the disk. Two names in one folder are treated
    as the same when any common file system would: letters differing only by case (NTFS, APFS), or
    one character in two Unicode spellings (APFS, HFS+).
    """

    def __init__(self) -> None:
        self._folder: Place | None = None
        self._where = ""

    def key(self, path: Place, *, exact: bool = False) -> bytes:
        if path.parent != self._folder:
            self._folder = path.parent
            self._where = _where(path.parent)
        name = path.name if exact else _folded(path.name)
        text = f"{self._where}/{name}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).digest()


def _where(folder: Place) -> str:
    """Identity of the nearest folder that exists, then the names that do not exist yet."""
    if isinstance(folder, Remote):
        return folder.url
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


def _clash(first: Job, second: Job) -> UsageError:
    return UsageError(
        f"{shown(first.source)} and {shown(second.source)} would both be written to "
        f"{shown(second.target)}.",
        advice="Nothing was coloured. Run them separately with different --into folders, "
        "or without --format.",
    )


def _identity(place: Place) -> int:
    """A file, on the disk whatever its names."""
    if isinstance(place, Remote):
        return digest(place.url.encode("utf-8", "surrogatepass"))
    found = place.stat()
    return digest(b"%d:%d" % (found.st_dev, found.st_ino))


class _Packed:
    """Names that come out sorted, and take little more than their letters.

    A string of its own takes fifty bytes beside its letters, and a folder may hold a million. So
    they are sorted and packed some thousands at a time, and these are merged when they are read.
    """

    def __init__(self) -> None:
        self._sorted: list[bytes] = []
        self._new: list[str] = []

    def add(self, name: str) -> None:
        self._new.append(name)
        if len(self._new) == _SORTED_AT_A_TIME:
            self._pack()

    def __iter__(self) -> Iterator[str]:
        self._pack()
        return heapq.merge(*map(_unpacked, self._sorted))

    def _pack(self) -> None:
        self._new.sort()
        # No file system has a slash in a name.
        text = "/".join([*self._new, ""])
        self._sorted.append(text.encode("utf-8", "surrogatepass"))
        self._new.clear()


def _unpacked(names: bytes) -> Iterator[str]:
    at = 0
    while at < len(names):
        end = names.index(b"/", at)
        yield names[at:end].decode("utf-8", "surrogatepass")
        at = end + 1


@dataclass(frozen=True, slots=True)
class _Names:
    """What is in a folder.

    Attributes:
        pictures: Files and links that are pictures by their ending.
        folders: Folders.
        links: Those of the pictures that are links.
    """

    pictures: _Packed = field(default_factory=_Packed)
    folders: _Packed = field(default_factory=_Packed)
    links: set[str] = field(default_factory=set)


def _names_in(folder: Path, counts: _Counts) -> _Names:
    names = _Names()
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                names.folders.add(entry.name)
            elif not _is_picture(entry.name):
                # Our own state file is nothing that the user should wonder about.
                counts.left_alone += not entry.name.startswith(".tintype-")
            elif entry.is_symlink():
                names.pictures.add(entry.name)
                names.links.add(entry.name)
            elif entry.is_file():
                names.pictures.add(entry.name)
            else:
                counts.left_alone += 1
    return names


def _is_picture(name: str) -> bool:
    # Hidden files with picture endings are other programs' (AppleDouble "._photo.jpg", thumbnails).
    return not name.startswith(".") and format_of_suffix(Path(name).suffix) is not None


def _is_file(path: Path) -> bool:
    """Whether it is a regular file, links followed; a loop of links leads to none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _leads_inside(link: Path, real_root: Path) -> bool:
    return _real(link).is_relative_to(real_root)


def _real(path: Path) -> Path:
    """Where a path leads. `Path.resolve` does the same, and raises where links form a loop."""
    return Path(os.path.realpath(path))


def same_file(one: Place, other: Place) -> bool:
    """Whether two places are one; places that do not exist are not."""
    if isinstance(one, Remote) or isinstance(other, Remote):
        return one == other
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _unsafe(folder: Remote, name: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(
        f"In {shown(folder)} there is a name that no folder on a disk can hold: {shown(name)}.",
        advice="Rename it there.",
    )


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
