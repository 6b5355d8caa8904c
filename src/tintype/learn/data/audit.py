"""Checks a collection of photographs before it is used for training.

Each picture is decoded once, judged by the very tests that training drops pictures by, and reduced
to a difference hash of 256 bits: whether each of 16 x 16 places is brighter than the one to its
left. Copies that were scaled or recompressed differ in a few bits. All pairs are compared, as
one product of matrices of +1 and -1: 56,000 pictures in twenty seconds of one core, where trees
and indices only pay far beyond that.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tintype.errors import shown
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.manifest import PhotoSource, file_hash, is_dev, read_sources
from tintype.learn.data.photos import decode_small, reason_to_drop

Kind = Literal[
    "broken", "too small", "grey", "sepia", "duplicate", "near duplicate", "split leak", "leak"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

NEAR = 10
"""Bits of 256 in which two pictures differ that count as the same."""
_ALIKE = 0.95
"""Correlation of the two little greys: plain skies share their hash, not their picture."""
_SAME = 0.99
"""Correlation from which they are one picture whatever their hashes: in flat areas the noise
of a second compression decides the bits. Of 3,545 scenes saved as JPEG and as WebP, the hash alone
finds 74 %, both together all, and nothing else."""
_BLOCK = 2048
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "eval"})


@dataclass(frozen=True, slots=True)
class Find:
    """A problem that was found.

    Attributes:
        kind: Its kind. A ``split leak`` is a (near) duplicate in another split of the same data,
            a ``leak`` one in the data that must never be trained on.
        picture: The picture concerned.
        twin: The picture it repeats; None for a fault of one picture alone.
        bits: How many bits of 256 the two hashes differ in; 0 for one picture alone.
    """

    kind: Kind
    picture: PhotoSource
    twin: PhotoSource | None = None
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes:
        pictures: Number of pictures checked.
        against: Number of pictures they were compared with.
        finds: Sorted by kind, then as the pictures are.
    """

    pictures: int
    against: int
    finds: tuple[Find, ...]

    def counts(self) -> dict[Kind, int]:
        """How many finds of each kind, zeros too."""
        counted = Counter(find.kind for find in self.finds)
        return {kind: counted[kind] for kind in KINDS}


@dataclass(frozen=True, slots=True)
class _DecodedPhotos:
    """Pictures that could be decoded: their sources, file hashes and little greys."""

    sources: list[PhotoSource]
    digests: list[bytes]
    small: NDArray[np.float32]  # (N, 16, 17) grey in [0, 255]


def audit(
    sources: Sequence[PhotoSource],
    against: Sequence[PhotoSource] = (),
    *,
    min_colorfulness: float,
    dev_share: float,
    tell: Callable[[str], None],
) -> Audit:
    """Finds grey, toned, broken and repeated pictures, and leaks.

    Args:
        sources: The pictures that would be trained on.
        against: Pictures that must not be among them.
        min_colorfulness: Below this a picture counts as grey.
        dev_share: Share that the hash of a file puts into dev, where no folder names the split.
        tell: Receives progress messages.

    Raises:
        LearnError: A container cannot be read.
    """
    finds: list[Find] = []
    decoded = _decode_all(sources, finds, min_colorfulness, tell)
    held_out = _decode_all(against, None, min_colorfulness, tell)
    tell("comparing")
    splits = [
        split_of(source, digest, dev_share)
        for source, digest in zip(decoded.sources, decoded.digests, strict=True)
    ]
    finds += _repeats(decoded, splits)
    finds += _leaks(decoded, held_out)
    finds.sort(key=lambda find: KINDS.index(find.kind))
    return Audit(len(sources), len(against), tuple(finds))


def split_of(source: PhotoSource, digest: bytes, dev_share: float) -> str:
    """The split a picture belongs to: the folder that names one, else the one of its hash."""
    for part in PurePosixPath(source.member).parts[:-1]:
        if part.lower() in _SPLITS:
            return part.lower()
    return "dev" if is_dev(digest, dev_share) else "train"


def _decode_all(
    sources: Sequence[PhotoSource],
    finds: list[Find] | None,
    min_colorfulness: float,
    tell: Callable[[str], None],
) -> _DecodedPhotos:
    kept: list[PhotoSource] = []
    digests: list[bytes] = []
    small: list[NDArray[np.uint8]] = []
    for index, (source, data) in enumerate(read_sources(sources)):
        if index and index % 5000 == 0:
            tell(f"{index} of {len(sources)}")
        rgb_u8 = decode_small(data)
        if finds is not None:
            reason = reason_to_drop(rgb_u8, False, min_colorfulness)
            finds.extend(Find(kind, source) for kind in KINDS if kind == reason)
        if rgb_u8 is not None:
            kept.append(source)
            digests.append(file_hash(data))
            small.append(little_grey(rgb_u8))
    array = np.array(small, np.float32).reshape(-1, 16, 17)
    return _DecodedPhotos(kept, digests, array)


def little_grey(rgb_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(16, 17) grey of an (H, W, 3) picture, what the difference hash compares."""
    image = Image.fromarray(rgb_u8).convert("L")
    return np.asarray(image.resize((17, 16), Image.Resampling.BOX))


def difference_signs(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 256) of +1 and -1: whether a place is brighter than the one to its left."""
    brighter = small[:, :, 1:] > small[:, :, :-1]
    return np.where(brighter, np.float32(1), np.float32(-1)).reshape(-1, 256)


def _close_pairs(
    mine: NDArray[np.float32], theirs: NDArray[np.float32], *, same: bool
) -> list[tuple[int, int, int]]:
    """(index, index, bits) of all pairs of little greys that are nearly one picture.

    Args:
        mine: (N, 16, 17).
        theirs: (M, 16, 17).
        same: The two are one and the same; then only pairs with the second index the smaller.
    """
    signs, other = difference_signs(mine), difference_signs(theirs)
    standardized, other_standardized = _standardized(mine), _standardized(theirs)
    pairs: list[tuple[int, int, int]] = []
    for top in range(0, len(signs), _BLOCK):
        for left in range(0, min(top + 1, len(other)) if same else len(other), _BLOCK):
            agreeing = signs[top : top + _BLOCK] @ other[left : left + _BLOCK].T
            alike = standardized[top : top + _BLOCK] @ other_standardized[left : left + _BLOCK].T
            near = (agreeing >= 256 - 2 * NEAR) & (alike >= _ALIKE)
            for row, column in np.argwhere(near | (alike >= _SAME)):
                i, j = top + int(row), left + int(column)
                if not same or j < i:
                    pairs.append((i, j, round((256 - float(agreeing[row, column])) / 2)))
    return pairs


def _standardized(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 272) of mean 0 and length 1; a picture of one grey keeps length 0, like no other."""
    flat = small.reshape(len(small), 272)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))


def _repeats(decoded: _DecodedPhotos, splits: Sequence[str]) -> list[Find]:
    """Each picture that repeats an earlier one, once; and again where the two are split up."""
    finds: list[Find] = []
    first: dict[bytes, int] = {}
    best: dict[int, tuple[int, int]] = {}
    for i, digest in enumerate(decoded.digests):
        j = first.setdefault(digest, i)
        if j != i:
            best[i] = (-1, j)  # before any near one
    for i, j, bits in _close_pairs(decoded.small, decoded.small, same=True):
        best[i] = min(best.get(i, (bits, j)), (bits, j))
        if splits[i] != splits[j]:
            finds.append(Find("split leak", decoded.sources[i], decoded.sources[j], bits))
    for i, (bits, j) in sorted(best.items()):
        kind: Kind = "duplicate" if bits < 0 else "near duplicate"
        finds.append(Find(kind, decoded.sources[i], decoded.sources[j], max(bits, 0)))
    return finds


def _leaks(decoded: _DecodedPhotos, held_out: _DecodedPhotos) -> list[Find]:
    """Each picture of the first that is one of the second, exactly or nearly."""
    twins: dict[int, tuple[int, int]] = {}
    held_out_index = {digest: j for j, digest in enumerate(held_out.digests)}
    for i, digest in enumerate(decoded.digests):
        if digest in held_out_index:
            twins[i] = (0, held_out_index[digest])
    for i, j, bits in _close_pairs(decoded.small, held_out.small, same=False):
        twins[i] = min(twins.get(i, (bits, j)), (bits, j))
    return [
        Find("leak", decoded.sources[i], held_out.sources[j], bits)
        for i, (bits, j) in sorted(twins.items())
    ]


def to_text(found: Audit) -> str:
    """The counts as a Markdown table, with the first find of each kind."""
    lines = ["| find | pictures | first |", "|---|---:|---|"]
    first = {find.kind: find for find in reversed(found.finds)}
    for kind, count in found.counts().items():
        example = f"{_name(first[kind].picture)}" if count else ""
        twin = first[kind].twin if count else None
        lines.append(f"| {kind} | {count} | {example}{f' = {_name(twin)}' if twin else ''} |")
    checked = f"{found.pictures} pictures"
    lines.append(f"\n{checked} against {found.against}" if found.against else f"\n{checked}")
    return "\n".join(lines) + "\n"


def to_json(found: Audit) -> str:
    """Everything found, as one JSON object."""
    finds = [
        {
            "kind": find.kind,
            "picture": _name(find.picture),
            "twin": _name(find.twin) if find.twin else None,
            "bits": find.bits,
        }
        for find in found.finds
    ]
    facts = {"pictures": found.pictures, "against": found.against, "counts": found.counts()}
    return json.dumps(facts | {"finds": finds}, indent=1) + "\n"


def _name(source: PhotoSource) -> str:
    return shown(f"{source.container}/{source.member}")


def contact_sheet(found: Audit, *, tile: int = 96, columns: int = 12) -> Image.Image:
    """Some finds of each kind, spread evenly; a repeated picture above the one it repeats.

    Args:
        found: What to show.
        tile: Side of a picture.
        columns: Pictures in a row; each kind has one row, or two with twins.

    Raises:
        LearnError: A container cannot be read.
    """
    shown: list[tuple[Kind, int, list[Find]]] = []
    for kind in KINDS:
        finds = [find for find in found.finds if find.kind == kind]
        if finds:
            chosen = evenly_spaced(len(finds), columns)
            shown.append((kind, len(finds), [finds[i] for i in chosen]))
    title = 18
    rows = [1 + any(find.twin for find in some) for _, _, some in shown]
    height = max(title, sum(title + lines * tile for lines in rows))
    sheet = Image.new("RGB", (columns * tile, height), "white")
    draw = ImageDraw.Draw(sheet)
    if not shown:
        draw.text((4, 3), "nothing found", fill="black")
    top = 0
    for (kind, count, some), lines in zip(shown, rows, strict=True):
        draw.text((4, top + 3), f"{kind}: {count}", fill="black")
        for column, find in enumerate(some):
            for line, source in enumerate((find.picture, find.twin)):
                if source is not None:
                    place = (column * tile, top + title + line * tile)
                    sheet.paste(_tile(source, tile), place)
        top += title + lines * tile
    return sheet


def _tile(source: PhotoSource, side: int) -> Image.Image:
    ((_, data),) = read_sources([source])
    rgb_u8 = decode_small(data)
    tile = Image.new("RGB", (side, side), "lightgrey")
    if rgb_u8 is None:
        ImageDraw.Draw(tile).line((0, 0, side, side), fill="red")
        return tile
    picture = Image.fromarray(rgb_u8)
    picture.thumbnail((side - 2, side - 2), Image.Resampling.BOX)
    tile.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return tile


def sheet_bytes(found: Audit) -> bytes:
    """The contact sheet as PNG."""
    out = io.BytesIO()
    contact_sheet(found).save(out, format="PNG")
    return out.getvalue()
