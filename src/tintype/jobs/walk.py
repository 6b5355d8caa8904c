"""Walks the inputs of a plan in a fixed order: files, folders, patterns and URLs."""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from tintype.errors import UnreadablePhotoError, reason, shown
from tintype.files.remote import Location, RemotePath, is_folder, list_remote, parse_location
from tintype.jobs.folder import is_internal, is_picture, is_system_folder, list_folder
from tintype.jobs.report import LINK_OUTSIDE, JobResult
from tintype.jobs.same_file import real_path, real_place


@dataclass(slots=True)
class PlanCounts:
    """Counts of one walk.

    Attributes:
        items: Number of results of the run.
        other_files: Number of files in folders without the extension of a picture, or hidden.
        folders_not_entered: Number of subfolders that were not entered.
        system_folders: Number of hidden and system folders, which are entered only if they are an
            input themselves.
    """

    items: int = 0
    other_files: int = 0
    folders_not_entered: int = 0
    system_folders: int = 0


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture that was found.

    Attributes:
        source: The file.
        relative: Its path below the input folder, or its name if it is an input itself.
        alone: Whether it is the only input and was named by the user.
    """

    source: Location
    relative: PurePath
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """The pictures of some inputs, and results of those that cannot be read or are skipped.

    Args:
        inputs: As for `tintype.jobs.plan.Plan`.
        into: The output folder, which is not entered.
        recursive: Whether to enter subfolders.
        counts: Counts what is left out.
    """

    inputs: Sequence[str]
    into: Location | None
    recursive: bool
    counts: PlanCounts

    def __iter__(self) -> Iterator[FoundPicture | JobResult]:
        paths = list(self._expand())
        for path in paths:
            if isinstance(path, JobResult):
                yield path
                continue
            if isinstance(path, RemotePath):
                yield from self._remote(path, alone=len(paths) == 1)
                continue
            try:
                mode = path.stat().st_mode
            except (OSError, ValueError) as error:
                yield JobResult.failure(path, _unreadable(path, error))
                continue
            if stat.S_ISDIR(mode):
                yield from self._folder(path)
            elif stat.S_ISREG(mode):
                yield FoundPicture(path, Path(path.name), len(paths) == 1)
            else:
                yield JobResult.failure(
                    path,
                    UnreadablePhotoError(
                        f"{shown(path)} is not a regular file.",
                        advice="Pipe it in: tintype - < INPUT > OUTPUT.",
                    ),
                )

    def _expand(self) -> Iterator[Location | JobResult]:
        """The inputs as locations; patterns are expanded because some shells do not."""
        for word in self.inputs:
            path = parse_location(word)
            if isinstance(path, RemotePath):
                yield path
                continue
            if not word:
                # `Path` would treat it as the current folder, but in a script it is an unset
                # variable.
                error = UnreadablePhotoError("The name of an input is empty.")
                yield JobResult.failure(path, error)
                continue
            if not glob.has_magic(word) or os.path.lexists(path):
                yield path
                continue
            # A file whose name contains brackets was returned above.
            matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207
            if not matches:
                error = UnreadablePhotoError(f"No file matches the pattern {shown(word)}.")
                yield JobResult.failure(path, error)
            yield from map(Path, matches)

    def _folder(self, root: Path) -> Iterator[FoundPicture | JobResult]:
        real_root = real_path(root)
        real_into = None if self.into is None else real_place(self.into)
        # A stack of folders, each with the names of its remaining subfolders.
        ancestors: list[tuple[Path, Iterator[str]]] = []
        folder: Path | None = root
        while ancestors or folder is not None:
            if folder is None:
                parent, names = ancestors[-1]
                name = next(names, None)
                if name is None:
                    ancestors.pop()
                    continue
                folder = parent / name
                if is_system_folder(name):
                    self.counts.system_folders += 1
                    folder = None
                    continue
                # An output folder inside the input folder contains outputs, not inputs.
                if real_into is not None and real_path(folder) == real_into:
                    folder = None
                    continue
            try:
                listing = list_folder(folder)
            except OSError as error:
                yield JobResult.failure(folder, _unreadable(folder, error))
                folder = None
                continue
            self.counts.other_files += listing.other_files
            for name in listing.pictures:
                path = folder / name
                if name in listing.links and not real_path(path).is_relative_to(real_root):
                    yield JobResult.skip(path, LINK_OUTSIDE)
                elif name in listing.links and not _is_file(path):
                    self.counts.other_files += 1
                else:
                    yield FoundPicture(path, path.relative_to(root))
            if self.recursive:
                ancestors.append((folder, iter(listing.folders)))
            else:
                self.counts.folders_not_entered += sum(
                    real_into is None or real_path(folder / name) != real_into
                    for name in listing.folders
                    if not is_system_folder(name)
                )
            folder = None

    def _remote(self, path: RemotePath, *, alone: bool) -> Iterator[FoundPicture | JobResult]:
        try:
            folder = is_folder(path)
        except UnreadablePhotoError as error:
            yield JobResult.failure(path, error)
            return
        if folder:
            yield from self._remote_folder(path)
        else:
            yield FoundPicture(path, PurePosixPath(path.name), alone)

    def _remote_folder(self, root: RemotePath) -> Iterator[FoundPicture | JobResult]:
        """Like `_folder`. Stores have no links, but may have names that no disk can hold."""
        real_into = None if self.into is None else real_place(self.into)
        waiting = [PurePosixPath()]
        while waiting:
            relative = waiting.pop()
            folder = root / relative
            try:
                entries = list_remote(folder)
            except UnreadablePhotoError as error:
                yield JobResult.failure(folder, error)
                continue
            folders = []
            for entry in entries:
                if not entry.safe:
                    yield JobResult.failure(folder, _unsafe_name(folder, entry.name))
                elif entry.is_folder and is_system_folder(entry.name):
                    self.counts.system_folders += self.recursive
                elif entry.is_folder:
                    if real_into is None or real_place(folder / entry.name) != real_into:
                        folders.append(relative / entry.name)
                elif not is_picture(entry.name):
                    self.counts.other_files += not is_internal(entry.name)
                else:
                    yield FoundPicture(folder / entry.name, relative / entry.name)
            if self.recursive:
                waiting.extend(reversed(folders))
            else:
                self.counts.folders_not_entered += len(folders)


def _is_file(path: Path) -> bool:
    """Whether it is a regular file, following links; False for a loop of links."""
    try:
        return path.is_file()
    except OSError:
        return False


def _unsafe_name(folder: RemotePath, name: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(
        f"{shown(folder)} contains a name that no folder on a disk can hold: {shown(name)}.",
        advice="Rename it there.",
    )


def _unreadable(path: Path, error: Exception) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"{shown(path)}: {reason(error)}.")
