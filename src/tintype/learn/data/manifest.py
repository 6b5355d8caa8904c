"""Lists the photographs of a data set and assigns them to splits.

A photograph is identified by the SHA-256 of its file. The split is a function of that hash
alone, so it does not depend on how folders are added, renamed or ordered, and a copy of a
photograph can never be in training and dev at once.
"""

import fnmatch
import hashlib
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tintype.errors import LearnError, shown
from tintype.files.zips import ListedZip
from tintype.learn.data.known_datasets import SUFFIXES, NamedSet, recognize
from tintype.learn.data.pictures import MOST_BYTES, read_picture

_MAX_RATIO = 100
"""Maximum ratio of a member's size to its size in the zip, for members of at least `_LARGE`: a zip
then expands to at most a hundred times its own size."""
_LARGE = 1 << 20
_MOST_LIST = 256 << 20
"""Maximum size of the member list of a zip in bytes: two million members and more."""

_ZIP_ERRORS = (
    # Encrypted, or compressed in a way that Python does not support (NotImplementedError is one).
    RuntimeError,
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, KeyError),
)


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """One photograph: its container and name.

    Attributes:
        container: A folder, a zip, or a data set that `tintype.learn.data.known_datasets` supports.
        member: Path inside the container, with forward slashes.
        label: The folders inside the container, as in ``a_abbey`` or ``faces/young``; may be empty.
        group: The container's name without suffix and number: ``places`` for ``places-01.zip``.
    """

    container: Path
    member: str
    label: str
    group: str


def find_sources(
    paths: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    only_groups: Sequence[str] = (),
    only_labels: Sequence[str] = (),
) -> list[PhotoSource]:
    """Lists the photographs of folders and zips, sorted.

    Args:
        paths: Folders (searched recursively; zips inside them are containers, too) or zips.
        exclude: Label patterns to leave out.
        only_groups: Groups to keep; empty keeps all.
        only_labels: Label patterns to keep; empty keeps all.

    Raises:
        LearnError: A path is missing, a zip is damaged, or nothing is left.
    """
    found: list[PhotoSource] = []
    for path in paths:
        for container in _containers(path):
            data_set = recognize(container)
            group = data_set.group if data_set else _group(container)
            if only_groups and group not in only_groups:
                continue
            for member, label in data_set.members() if data_set else _members(container):
                kept = not only_labels or matches(label, only_labels)
                if kept and not matches(label, exclude):
                    found.append(PhotoSource(container, member, label, group))
    if not found:
        raise LearnError(
            f"No photographs in {', '.join(map(str, paths))}.",
            advice="Give folders of pictures, or zips of folders.",
        )
    return sorted(found, key=lambda s: (s.group, s.container.name, s.member))


def count_irregular(paths: Sequence[Path]) -> int:
    """The entries of folders that have the name of a picture but are not regular files.

    These are pipes, devices, links that lead to them or nowhere, and folders; `find_sources` leaves
    them out.

    Args:
        paths: As for `find_sources`, which has accepted them.
    """
    return sum(
        file.suffix.lower() in SUFFIXES and not file.is_file()
        for path in paths
        for container in _containers(path)
        if container.is_dir()
        for file in container.rglob("*")
    )


def _group(container: Path) -> str:
    return re.sub(r"[-_]?\d+$", "", container.stem) or container.stem


def matches(label: str, patterns: Sequence[str]) -> bool:
    """Whether a label matches one of the patterns (`*` and `?`, case-sensitive)."""
    return any(fnmatch.fnmatchcase(label, pattern) for pattern in patterns)


def _containers(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise LearnError(f"{path}: no such file or folder.", advice="Check the paths after --data.")
    if path.is_file():
        yield path
        return
    zips = sorted(path.glob("*.zip"))
    yield from zips
    if not zips:
        yield path


def _members(container: Path) -> Iterator[tuple[str, str]]:
    """Name and label of each picture."""
    for name in _pictures(container):
        label = str(PurePosixPath(name).parent)
        yield name, "" if label == "." else label


def _pictures(container: Path) -> Iterator[str]:
    if container.is_dir():
        for file in sorted(container.rglob("*")):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                yield file.relative_to(container).as_posix()
        return
    try:
        with ListedZip(container, most=_MOST_LIST) as archive:
            names = archive.namelist()
            packed = sum(info.compress_size for info in archive.infolist())
        if packed > container.stat().st_size:
            raise LearnError(
                f"{shown(container)}: its members overlap, so it is not a valid zip.",
                advice="Leave it out, or pack the pictures again.",
            )
    except _ZIP_ERRORS as error:
        raise LearnError(
            f"{shown(container)}: not a readable zip or folder ({shown(error)})."
        ) from None
    for name in sorted(names):
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            yield name


def read_sources(sources: Sequence[PhotoSource]) -> Iterator[tuple[PhotoSource, bytes]]:
    """Reads the files, opening each container once.

    A file that is far too large for a photograph, or a member of a zip that cannot be read
    (encrypted, damaged, compressed in an unsupported way, or too large), is returned as empty, and
    so counts as broken, like any file that is not a picture.

    Raises:
        LearnError: A container cannot be read.
    """
    container: Path | None = None
    data_set: NamedSet | None = None
    archive: zipfile.ZipFile | None = None
    try:
        for source in sources:
            if source.container != container:
                if archive:
                    archive.close()
                container = source.container
                data_set = recognize(container)
                plain = data_set is not None or container.is_dir()
                archive = None if plain else ListedZip(container, most=_MOST_LIST)
            if data_set:
                yield source, data_set.read(source.member)
            elif archive:
                yield source, _member(archive, source.member)
            else:
                yield source, read_picture(source.container / source.member)
    except (zipfile.BadZipFile, OSError) as error:
        raise LearnError(f"{container}: cannot be read ({error}).") from None
    finally:
        if archive:
            archive.close()


def files_of(sources: Sequence[PhotoSource]) -> Iterator[Path | None]:
    """The file that each photograph lies in; None for those in a zip, which is a file itself."""
    container: Path | None = None
    data_set: NamedSet | None = None
    for source in sources:
        if source.container != container:
            container = source.container
            data_set = recognize(container)
            plain = container.is_dir()
        if data_set:
            yield data_set.file(source.member)
        else:
            yield container / source.member if plain else None


def refuse_input(target: Path, sources: Sequence[PhotoSource]) -> None:
    """Refuses to replace a file that is one of the photographs, or contains them.

    Args:
        target: Path of an output.
        sources: The inputs.

    Raises:
        LearnError: It is one of their files.
    """
    if not target.exists():
        return
    for source, file in zip(sources, files_of(sources), strict=True):
        path = source.container if file is None else file
        if path.exists() and path.samefile(target):
            raise LearnError(
                f"{shown(target)} is one of the pictures that are read, so it is never replaced.",
                advice="Give another name, or leave it out.",
            )


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of a zip; empty if it cannot be read."""
    try:
        info = archive.getinfo(name)
        large = max(_LARGE, _MAX_RATIO * info.compress_size)
        if info.file_size > min(MOST_BYTES, large):
            return b""
        # The sizes in the zip may be false; more than the stated size is never read.
        with archive.open(info) as file:
            return file.read(info.file_size)
    except _ZIP_ERRORS:
        return b""


def refuse_overlap(training: Sequence[PhotoSource], evaluation: Sequence[PhotoSource]) -> None:
    """Raises an error if an evaluation picture is in the training data, whatever its name.

    Args:
        training: The training data.
        evaluation: Pictures that must not be in it.

    Raises:
        LearnError: A file is in both; the message contains both names.
    """
    held_out = {file_hash(data): source for source, data in read_sources(evaluation) if data}
    for source, data in read_sources(training):
        twin = held_out.get(file_hash(data))
        if twin:
            raise LearnError(
                f"{source.container}/{source.member} is the evaluation picture "
                f"{twin.container}/{twin.member}.",
                advice="Remove one of the two, or exclude its folder in the recipe.",
            )


def file_hash(data: bytes) -> bytes:
    """The SHA-256 that identifies a photograph, 32 bytes."""
    return hashlib.sha256(data).digest()


def is_dev(digest: bytes, dev_share: float) -> bool:
    """Whether a photograph belongs to the dev split.

    Args:
        digest: Its `file_hash`.
        dev_share: Share of all photographs that are dev, in [0, 1].
    """
    return int.from_bytes(digest[:8], "big") < dev_share * 2**64
