"""Photographs as one long uint8 array on disk, decoded once and then memory-mapped.

Decoding files in every epoch yields about 7,500 pictures per second and core; the array yields
200,000, and all of it fits into the memory of a GPU.
"""

import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tintype.color.cielab import rgb01_to_lab
from tintype.errors import LearnError
from tintype.learn.data.manifest import PhotoSource, file_hash, find_sources, is_dev, read_sources
from tintype.learn.data.own_outputs import MADE_HERE, is_own_output, named_as_outputs
from tintype.learn.evaluate.metrics import colorfulness
from tintype.learn.recipe import DataRecipe

_CACHE_VERSION = 4
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
    facts = json.loads((home / "index.json").read_text(encoding="utf-8"))
    table = np.load(home / "index.npy")
    return Photos(
        pixels=np.memmap(home / "pixels.u8", dtype=np.uint8, mode="r"),
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
        f"{_CACHE_VERSION}|{recipe.dev_share}|{recipe.min_colorfulness}".encode()
    )
    for container in sorted({source.container.resolve() for source in sources}):
        facts = container.stat()
        digest.update(f"{container}|{facts.st_size}|{facts.st_mtime_ns}".encode())
    for source in sources:
        digest.update(f"{source.group}/{source.member}\n".encode())
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
    named = named_as_outputs(sources)
    offset = 0
    try:
        with (work / "pixels.u8").open("wb") as out:
            for source, data in read_sources(sources):
                digest = file_hash(data)
                rgb_u8 = decode_small(data)
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


def _not_kept(cache: Path, error: OSError) -> LearnError:
    room = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return LearnError(
        f"{cache}: the decoded photographs cannot be kept ({error.strerror}).",
        advice=f"Choose {'a folder with more room' if room else 'another folder'} with --cache.",
    )


def decode_small(data: bytes) -> NDArray[np.uint8] | None:
    """A reduced RGB picture, or None if the file is not a picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                image.draft("RGB", (_LONGEST, _LONGEST))
                rgb = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
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
