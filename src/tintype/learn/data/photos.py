"""Photographs as one long uint8 array on disk, decoded once and then memory-mapped.

Decoding files in every epoch yields about 7,500 pictures per second and core; the array yields
200,000, and all of it fits into the memory of a GPU.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.errors import LearnError, brief, reason, shown
from tintype.files.local import read_regular
from tintype.learn.data.manifest import (
    PhotoSource,
    file_hash,
    files_of,
    find_sources,
    is_dev,
    read_sources,
)
from tintype.learn.data.own_outputs import MADE_HERE, is_own_output, named_as_outputs
from tintype.learn.data.pictures import PixelBudget, decode_rgb
from tintype.learn.evaluate.metrics import colorfulness
from tintype.learn.recipe import DataRecipe

_CACHE_VERSION = 4
_DAY = 24 * 60 * 60
_FILES = frozenset({"pixels.u8", "index.npy", "index.json"})
_MOST_FACTS = 256 << 20
_LONGEST = 512  # training uses no more, and a folder of 12-MP photos must still fit


@dataclass(frozen=True, slots=True)
class Photos:
    """Decoded photographs, in the order of their sources.

    Attributes:
        pixels: (bytes,) uint8, every picture's (H, W, 3) rows one after the other.
        offsets: (N,) int64, where each picture starts.
        heights: (N,) int32.
        widths: (N,) int32.
        groups: (N,) int32, index into `group_names`.
        labels: (N,) int32, index into `label_names`.
        dev: (N,) bool, the split.
        group_names: Names of the groups.
        label_names: Names of the labels.
        dropped: How many were left out, by reason.
        data_hash: SHA-256 over the hashes of all kept files, in order.
    """

    pixels: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    groups: NDArray[np.int32]
    labels: NDArray[np.int32]
    dev: NDArray[np.bool_]
    group_names: tuple[str, ...]
    label_names: tuple[str, ...]
    dropped: dict[str, int]
    data_hash: str

    def __len__(self) -> int:
        return len(self.offsets)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """One photograph.

        Returns:
            (H, W, 3) sRGB.
        """
        height, width = int(self.heights[index]), int(self.widths[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


def open_photos(paths: Sequence[Path], recipe: DataRecipe, *, cache: Path) -> Photos:
    """The photographs of folders and zips, from the cache if they are in it.

    Args:
        paths: Folders or zips.
        recipe: Which photographs are left out, and the share of dev.
        cache: Folder for the decoded arrays; safe to delete.

    Raises:
        LearnError: There is nothing to read, or no space for the cache.
    """
    sources = find_sources(
        paths,
        exclude=recipe.exclude,
        only_groups=recipe.only_groups,
        only_labels=recipe.only_labels,
    )
    home = cache / _cache_key(sources, recipe)
    if not (home / "index.json").exists():
        _build(sources, recipe, home)
    try:
        return _kept(home)
    except (OSError, ValueError, EOFError, RecursionError, MemoryError) as error:
        raise LearnError(
            f"{shown(home)}: the decoded photographs in this folder are damaged "
            f"({brief(reason(error), most=120)}).",
            advice="Delete that folder; the same command decodes them again.",
        ) from None


class _Facts(TypedDict):
    groups: list[str]
    labels: list[str]
    dropped: dict[str, int]
    data_hash: str


def _kept(home: Path) -> Photos:
    """The photographs of a folder of the cache.

    Raises:
        OSError, ValueError, EOFError, RecursionError, MemoryError: A file is missing or damaged.
    """
    facts = msgspec.convert(json.loads(read_regular(home / "index.json", most=_MOST_FACTS)), _Facts)
    table = np.load(home / "index.npy")
    pixels = np.memmap(home / "pixels.u8", dtype=np.uint8, mode="r")
    if not isinstance(table, np.ndarray) or table.dtype != _INDEX or table.ndim != 1:
        raise ValueError("index.npy is another table")
    sides = np.stack([table["height"], table["width"]]).astype(np.int64)
    ends = table["offset"] + 3 * sides[0] * sides[1]
    if table["offset"].min() < 0 or sides.min() < 1 or sides.max() > _LONGEST:
        raise ValueError("index.npy has sizes that no picture has")
    if ends.max() > len(pixels):
        raise ValueError("pixels.u8 is too short")
    for name, names in (("group", facts["groups"]), ("label", facts["labels"])):
        if not 0 <= table[name].min() <= table[name].max() < len(names):
            raise ValueError(f"index.npy has a {name} without a name")
    return Photos(
        pixels=pixels,
        offsets=table["offset"],
        heights=table["height"],
        widths=table["width"],
        groups=table["group"],
        labels=table["label"],
        dev=table["dev"],
        group_names=tuple(facts["groups"]),
        label_names=tuple(facts["labels"]),
        dropped=facts["dropped"],
        data_hash=facts["data_hash"],
    )


def _cache_key(sources: Sequence[PhotoSource], recipe: DataRecipe) -> str:
    digest = hashlib.sha256(
        f"{_CACHE_VERSION}|{recipe.dev_share}|{recipe.min_colorfulness}".encode(
            errors="backslashreplace"
        )
    )
    for container in sorted({source.container.resolve() for source in sources}):
        facts = container.stat()
        digest.update(
            f"{container}|{facts.st_size}|{facts.st_mtime_ns}".encode(errors="backslashreplace")
        )
    for source, file in zip(sources, files_of(sources), strict=True):
        digest.update(f"{source.group}/{source.member}\n".encode(errors="backslashreplace"))
        # The time of a folder does not tell that a file in it was written again.
        if file is not None and file.exists():  # what is missing is named when it is read
            facts = file.stat()
            digest.update(
                f"{facts.st_size}|{facts.st_mtime_ns}\n".encode(errors="backslashreplace")
            )
    return digest.hexdigest()[:24]


_INDEX = np.dtype(
    [
        ("offset", np.int64),
        ("height", np.int32),
        ("width", np.int32),
        ("group", np.int32),
        ("label", np.int32),
        ("dev", np.bool_),
    ]
)


def _build(sources: Sequence[PhotoSource], recipe: DataRecipe, home: Path) -> None:
    """Decodes everything once; the folder gets its name only when it is complete."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(home.parent)
        work = Path(tempfile.mkdtemp(prefix="building-", dir=home.parent))
    except OSError as error:
        raise _not_kept(home.parent, error) from None
    groups = sorted({s.group for s in sources})
    labels = sorted({s.label for s in sources})
    group_index = {name: index for index, name in enumerate(groups)}
    label_index = {name: index for index, name in enumerate(labels)}
    dropped: Counter[str] = Counter()
    digests: set[bytes] = set()
    rows: list[tuple[int, int, int, int, int, bool]] = []
    whole = hashlib.sha256()
    named, budget = named_as_outputs(sources), PixelBudget()
    offset = 0
    try:
        with (work / "pixels.u8").open("wb") as out:
            for source, data in read_sources(sources):
                digest = file_hash(data)
                rgb_u8 = decode_small(data, admit=budget.admission(source.container, data))
                own = source in named or is_own_output(data)
                reason = reason_to_drop(
                    rgb_u8, recipe.min_colorfulness, own=own, duplicate=digest in digests
                )
                if rgb_u8 is None or reason:
                    dropped[reason] += 1
                    continue
                digests.add(digest)
                whole.update(digest)
                out.write(rgb_u8.tobytes())
                height, width = rgb_u8.shape[:2]
                dev = is_dev(digest, recipe.dev_share)
                group, label = group_index[source.group], label_index[source.label]
                rows.append((offset, height, width, group, label, dev))
                offset += rgb_u8.size
        if not rows:
            raise LearnError(
                f"None of the {len(sources)} pictures is usable ({dict(dropped)}).",
                advice="Training needs colour photographs.",
            )
        np.save(work / "index.npy", np.array(rows, dtype=_INDEX))
        facts = {
            "groups": groups,
            "labels": labels,
            "dropped": dict(dropped),
            "data_hash": whole.hexdigest(),
        }
        (work / "index.json").write_text(json.dumps(facts), encoding="utf-8")
        if not home.exists():  # another process may have been faster
            os.rename(work, home)  # noqa: PTH104 - Path.rename reads the same, this says "atomic"
    except OSError as error:
        raise _not_kept(home.parent, error) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_abandoned(cache: Path) -> None:
    """Removes what killed processes have left: nothing has been written there for a day."""
    for folder in cache.glob("building-*"):
        with contextlib.suppress(OSError):  # another process has just completed or removed it
            if folder.is_symlink():
                continue
            files = [*folder.iterdir()]
            latest = max(path.lstat().st_mtime for path in (folder, *files))
            if {file.name for file in files} <= _FILES and latest < time.time() - _DAY:
                shutil.rmtree(folder, ignore_errors=True)


def _not_kept(cache: Path, error: OSError) -> LearnError:
    room = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return LearnError(
        f"{cache}: the decoded photographs cannot be kept ({error.strerror}).",
        advice=f"Choose {'a folder with more room' if room else 'another folder'} with --cache.",
    )


def decode_small(
    data: bytes, *, admit: Callable[[int], bool] | None = None
) -> NDArray[np.uint8] | None:
    """A reduced RGB picture, or None if `decode_rgb` refuses the file.

    Args:
        data: The file.
        admit: As for `decode_rgb`.
    """
    try:
        rgb = decode_rgb(data, least=_LONGEST, admit=admit)
    except ValueError:
        return None
    if max(rgb.size) > _LONGEST:
        rgb.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
    return np.asarray(rgb)


def reason_to_drop(
    rgb_u8: NDArray[np.uint8] | None,
    min_colorfulness: float,
    *,
    own: bool = False,
    duplicate: bool = False,
) -> str:
    """Why a picture is left out of training; empty if it is used.

    Args:
        rgb_u8: (H, W, 3), or None if the file is not a picture.
        min_colorfulness: Below this (Hasler and Suesstrunk) a picture counts as grey.
        own: Whether it is an output of this program.
        duplicate: Whether the same file was there before.
    """
    if rgb_u8 is None:
        return "broken"
    if own:
        return MADE_HERE
    if duplicate:
        return "duplicate"
    if min(rgb_u8.shape[:2]) < 32:
        return "too small"
    if colorfulness(rgb_u8) < min_colorfulness:
        return "grey"
    return "sepia" if is_sepia(rgb_u8) else ""


def is_sepia(rgb_u8: NDArray[np.uint8]) -> bool:
    """Whether a picture is one hue throughout: a toned print, not a colour photograph.

    A toned print's chroma is a function of its lightness, so within a band of lightness the colour
    hardly varies. Sunsets and deserts share one hue too, but not one colour at each lightness.

    Args:
        rgb_u8: (H, W, 3).
    """
    step = max(1, min(rgb_u8.shape[:2]) // 48)
    lab = rgb01_to_lab(rgb_u8[::step, ::step].reshape(-1, 3) / 255)
    chroma = float(np.hypot(lab[:, 1], lab[:, 2]).mean())
    if chroma < 4:
        return False
    spread = 0.0
    for low in range(0, 100, 10):
        band = lab[(lab[:, 0] >= low) & (lab[:, 0] < low + 10), 1:]
        if len(band) > 1:
            spread += float(np.hypot(*band.std(axis=0))) * len(band)
    # Chosen by inspection: at twice these thresholds half of the finds are seas, fog and deserts.
    return spread / len(lab) < max(1.4, 0.17 * chroma)
