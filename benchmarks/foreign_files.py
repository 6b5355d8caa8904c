"""Reads the test pictures of other projects, and lists which are refused and why.

    python benchmarks/foreign_files.py Pillow=FOLDER libtiff=FOLDER ... [--list LIST]

Every file below the folders is tried whose content is of a format that Tintype reads. What it
refuses is given to two other programs, Pillow and ImageMagick: only a file that one of them reads
without an error or a warning may be sound. Prints Markdown; LIST gets a line for each refusal.
"""

import argparse
import re
import shutil
import subprocess
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tintype.errors import TintypeError, UnsupportedPhotoError
from tintype.photo.decode import decode
from tintype.photo.formats.input_file import READING_ERRORS
from tintype.photo.formats.registry import sniff

MOST_BYTES = 64_000_000
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file.

    Attributes:
        path: Of the file.
        kind: "read", "unsupported" or "damaged".
        reason: The message without the name of the file; empty where it was read.
        others: The programs that read a refused file without a word.
    """

    path: Path
    kind: str
    reason: str = ""
    others: tuple[str, ...] = ()


def outcome(path: Path) -> Outcome:
    data = path.read_bytes()
    try:
        decode(data, name="FILE")
    except UnsupportedPhotoError as error:
        return Outcome(path, "unsupported", _reason(error), _read_by(path))
    except TintypeError as error:
        return Outcome(path, "damaged", _reason(error), _read_by(path))
    return Outcome(path, "read")


def _reason(error: TintypeError) -> str:
    """Numbers are left out, so that alike refusals count as one."""
    text = str(error).removeprefix("FILE ").removeprefix("is ").rstrip(".")
    return re.sub(r"\d[\d,. x]*", "N ", text).strip()


def _read_by(path: Path) -> tuple[str, ...]:
    readers = {"Pillow": _pillow, "ImageMagick": _magick}
    return tuple(name for name, reads in readers.items() if reads(path))


def _pillow(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path) as picture:
                picture.load()
    except (*READING_ERRORS, Warning, MemoryError):
        return False
    return True


def _magick(path: Path) -> bool:
    command = shutil.which("magick") or shutil.which("convert")
    if command is None:
        raise SystemExit("Install ImageMagick, which reads what is refused a second time.")
    try:
        done = subprocess.run(
            [command, path, "null:"], capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and not done.stderr


def pictures(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.stat().st_size > MOST_BYTES:
            continue
        with path.open("rb") as file:
            if sniff(file.read(512)) is not None:
                yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--list", type=Path)
    options = parser.parse_args()
    reasons: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    lines = []
    print("| project | files | read | unsupported | damaged | of the refused, read by another |")
    print("|---|---|---|---|---|---|")
    for named in options.folders:
        name, _, folder = named.partition("=")
        found = [outcome(path) for path in pictures(Path(folder))]
        kinds = Counter(each.kind for each in found)
        silent = sum(bool(each.others) for each in found)
        counts = [len(found), kinds["read"], kinds["unsupported"], kinds["damaged"], silent]
        print(f"| {name} | {' | '.join(map(str, counts))} |", flush=True)
        for each in found:
            if each.kind == "read":
                continue
            place = each.path.relative_to(folder)
            lines.append(f"{name}\t{place}\t{each.kind}\t{'+'.join(each.others)}\t{each.reason}")
            if each.others:
                reasons[each.kind, each.reason][name] += 1
    print("\n| refused as | reason | files |\n|---|---|---|")
    for (kind, reason), names in sorted(reasons.items(), key=lambda row: -row[1].total()):
        counted = ", ".join(f"{name} {count}" for name, count in names.most_common())
        print(f"| {kind} | {reason.replace('|', '/')} | {counted} |")
    if options.list is not None:
        options.list.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
