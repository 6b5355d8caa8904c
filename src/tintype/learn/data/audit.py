"""Checks a collection of photographs before it is used for training.

Each picture is decoded once, checked by the same tests as in training, and reduced to a difference
hash of 256 bits: whether each of 16 x 16 cells is brighter than its left neighbour. Copies that
were scaled or recompressed differ in a few bits. All pairs are compared by one product of matrices
of +1 and -1: 56,000 pictures take twenty seconds on one core. Search trees and indices pay off only
far beyond that.
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
from PIL.PngImagePlugin import PngInfo

from tintype.errors import shown
from tintype.files.own import png_mark
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.manifest import PhotoSource, file_hash, is_dev, read_sources
from tintype.learn.data.own_outputs import is_own_output, named_as_outputs
from tintype.learn.data.photos import decode_small, reason_to_drop
from tintype.learn.data.pictures import PixelBudget

Kind = Literal[
    "broken",
    "made by Tintype",
    "too small",
    "grey",
    "sepia",
    "duplicate",
    "near duplicate",
    "split leak",
    "leak",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

NEAR = 10
"""Maximum number of differing bits, of 256, for near duplicates."""
_ALIKE = 0.95
"""Minimum correlation of their thumbnails: plain skies may share a hash, but not the picture."""
_SAME = 0.99
"""Correlation above which two pictures are near duplicates whatever their hashes: in flat areas the
bits depend on compression noise. Of 3,545 scenes saved as JPEG and as WebP, the hash alone finds
74 %, and both criteria together find all, without false positives."""
_BLOCK = 2048
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "eval"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in a picture.

    Attributes:
        kind: Its kind. A ``split leak`` is a (near) duplicate in another split of the same data, a
            ``leak`` one in the held-out data.
        picture: The picture concerned.
        twin: The picture that it duplicates; None if the problem concerns a single picture.
        bits: Number of differing bits of the two hashes, of 256; 0 for a single picture.
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
        findings: Sorted by kind, then in the order of the pictures.
        irregular: Number of entries left out because they are not regular files.
    """

    pictures: int
    against: int
    findings: tuple[Finding, ...]
    irregular: int = 0

    def counts(self) -> dict[Kind, int]:
        """Number of findings of each kind, including zeros."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in KINDS}


@dataclass(frozen=True, slots=True)
class _DecodedPhotos:
    """Pictures that could be decoded: their sources, file hashes and grey thumbnails."""

    sources: list[PhotoSource]
    digests: list[bytes]
    small: NDArray[np.float32]  # (N, 16, 17) grey in [0, 255]


def audit(
    sources: Sequence[PhotoSource],
    against: Sequence[PhotoSource] = (),
    *,
    min_colorfulness: float,
    dev_share: float,
    report: Callable[[str], None],
) -> Audit:
    """Finds grey, toned, broken and duplicate pictures, and leaks.

    Args:
        sources: The pictures that would be trained on.
        against: Held-out pictures, which must not be among them.
        min_colorfulness: Below this a picture counts as grey.
        dev_share: Share of dev, chosen by the hash of the file, where no folder names the split.
        report: Called with progress messages.

    Raises:
        LearnError: A container cannot be read.
    """
    findings: list[Finding] = []
    decoded = _decode_all(sources, findings, min_colorfulness, report)
    held_out = _decode_all(against, None, min_colorfulness, report)
    report("comparing")
    splits = [
        split_of(source, digest, dev_share)
        for source, digest in zip(decoded.sources, decoded.digests, strict=True)
    ]
    findings += _repeats(decoded, splits)
    findings += _leaks(decoded, held_out)
    findings.sort(key=lambda finding: KINDS.index(finding.kind))
    return Audit(len(sources), len(against), tuple(findings))


def split_of(source: PhotoSource, digest: bytes, dev_share: float) -> str:
    """The split of a picture: named by a folder, otherwise determined by its hash."""
    for part in PurePosixPath(source.member).parts[:-1]:
        if part.lower() in _SPLITS:
            return part.lower()
    return "dev" if is_dev(digest, dev_share) else "train"


def _decode_all(
    sources: Sequence[PhotoSource],
    findings: list[Finding] | None,
    min_colorfulness: float,
    report: Callable[[str], None],
) -> _DecodedPhotos:
    kept: list[PhotoSource] = []
    digests: list[bytes] = []
    small: list[NDArray[np.uint8]] = []
    named, budget = named_as_outputs(sources), PixelBudget()
    for index, (source, data) in enumerate(read_sources(sources)):
        if index and index % 5000 == 0:
            report(f"{index} of {len(sources)}")
        rgb_u8 = decode_small(data, admit=budget.admission(source.container, data))
        own = source in named or is_own_output(data)
        if findings is not None:
            reason = reason_to_drop(rgb_u8, min_colorfulness, own=own)
            findings.extend(Finding(kind, source) for kind in KINDS if kind == reason)
        if rgb_u8 is not None and not own:  # an output resembles its source, which is not a problem
            kept.append(source)
            digests.append(file_hash(data))
            small.append(grey_thumbnail(rgb_u8))
    for remark in budget.remarks():
        report(remark)
    array = np.array(small, np.float32).reshape(-1, 16, 17)
    return _DecodedPhotos(kept, digests, array)


def grey_thumbnail(rgb_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(16, 17) grey thumbnail of an (H, W, 3) picture, for the difference hash."""
    image = Image.fromarray(rgb_u8).convert("L")
    return np.asarray(image.resize((17, 16), Image.Resampling.BOX))


def difference_signs(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 256) of +1 and -1: whether a cell is brighter than its left neighbour."""
    brighter = small[:, :, 1:] > small[:, :, :-1]
    return np.where(brighter, np.float32(1), np.float32(-1)).reshape(-1, 256)


def _close_pairs(
    mine: NDArray[np.float32], theirs: NDArray[np.float32], *, same: bool
) -> list[tuple[int, int, int]]:
    """(index, index, bits) of all pairs of thumbnails that are near duplicates.

    Args:
        mine: (N, 16, 17).
        theirs: (M, 16, 17).
        same: Whether the two are identical; then the second index of each pair is the smaller one.
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
    """(N, 272) of mean 0 and norm 1; a uniform picture has norm 0, so it matches no other."""
    flat = small.reshape(len(small), 272)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))


def _repeats(decoded: _DecodedPhotos, splits: Sequence[str]) -> list[Finding]:
    """A finding for each duplicate of an earlier picture, and another if their splits differ."""
    findings: list[Finding] = []
    first: dict[bytes, int] = {}
    best: dict[int, tuple[int, int]] = {}
    for i, digest in enumerate(decoded.digests):
        j = first.setdefault(digest, i)
        if j != i:
            best[i] = (-1, j)  # an exact duplicate precedes near ones
    for i, j, bits in _close_pairs(decoded.small, decoded.small, same=True):
        best[i] = min(best.get(i, (bits, j)), (bits, j))
        if splits[i] != splits[j]:
            findings.append(Finding("split leak", decoded.sources[i], decoded.sources[j], bits))
    for i, (bits, j) in sorted(best.items()):
        kind: Kind = "duplicate" if bits < 0 else "near duplicate"
        findings.append(Finding(kind, decoded.sources[i], decoded.sources[j], max(bits, 0)))
    return findings


def _leaks(decoded: _DecodedPhotos, held_out: _DecodedPhotos) -> list[Finding]:
    """A finding for each picture that is an exact or near duplicate of a held-out one."""
    twins: dict[int, tuple[int, int]] = {}
    held_out_index = {digest: j for j, digest in enumerate(held_out.digests)}
    for i, digest in enumerate(decoded.digests):
        if digest in held_out_index:
            twins[i] = (0, held_out_index[digest])
    for i, j, bits in _close_pairs(decoded.small, held_out.small, same=False):
        twins[i] = min(twins.get(i, (bits, j)), (bits, j))
    return [
        Finding("leak", decoded.sources[i], held_out.sources[j], bits)
        for i, (bits, j) in sorted(twins.items())
    ]


def to_text(found: Audit) -> str:
    """The counts as a Markdown table, with the first finding of each kind."""
    lines = ["| finding | pictures | first |", "|---|---:|---|"]
    first = {finding.kind: finding for finding in reversed(found.findings)}
    for kind, count in found.counts().items():
        example = shown(_name(first[kind].picture)) if count else ""
        twin = first[kind].twin if count else None
        lines.append(
            f"| {kind} | {count} | {example}{f' = {shown(_name(twin))}' if twin else ''} |"
        )
    checked = f"{found.pictures} pictures"
    lines.append(f"\n{checked} against {found.against}" if found.against else f"\n{checked}")
    if found.irregular:
        lines.append(f"left out, not regular files: {found.irregular}")
    return "\n".join(lines) + "\n"


def to_json(found: Audit) -> str:
    """All findings, as one JSON object; bytes of names that are not text are lone surrogates."""
    findings = [
        {
            "kind": finding.kind,
            "picture": _name(finding.picture),
            "twin": _name(finding.twin) if finding.twin else None,
            "bits": finding.bits,
        }
        for finding in found.findings
    ]
    facts = {
        "pictures": found.pictures,
        "against": found.against,
        "not_regular_files": found.irregular,
        "counts": found.counts(),
    }
    return json.dumps(facts | {"finds": findings}, indent=1) + "\n"


def _name(source: PhotoSource) -> str:
    return f"{source.container}/{source.member}"


def contact_sheet(found: Audit, *, tile: int = 96, columns: int = 12) -> Image.Image:
    """Evenly spaced findings of each kind; duplicates above the pictures that they duplicate.

    Args:
        found: The findings.
        tile: Side of a picture, in pixels.
        columns: Pictures per row; each kind has one row, or two if it has duplicates.

    Raises:
        LearnError: A container cannot be read.
    """
    shown: list[tuple[Kind, int, list[Finding]]] = []
    for kind in KINDS:
        findings = [finding for finding in found.findings if finding.kind == kind]
        if findings:
            chosen = evenly_spaced(len(findings), columns)
            shown.append((kind, len(findings), [findings[i] for i in chosen]))
    title = 18
    rows = [1 + any(finding.twin for finding in some) for _, _, some in shown]
    height = max(title, sum(title + lines * tile for lines in rows))
    sheet = Image.new("RGB", (columns * tile, height), "white")
    draw = ImageDraw.Draw(sheet)
    if not shown:
        draw.text((4, 3), "nothing found", fill="black")
    top, budget = 0, PixelBudget()
    for (kind, count, some), lines in zip(shown, rows, strict=True):
        draw.text((4, top + 3), f"{kind}: {count}", fill="black")
        for column, finding in enumerate(some):
            for line, source in enumerate((finding.picture, finding.twin)):
                if source is not None:
                    corner = (column * tile, top + title + line * tile)
                    sheet.paste(_tile(source, tile, budget), corner)
        top += title + lines * tile
    return sheet


def _tile(source: PhotoSource, side: int, budget: PixelBudget) -> Image.Image:
    ((_, data),) = read_sources([source])
    rgb_u8 = decode_small(data, admit=budget.admission(source.container, data))
    tile = Image.new("RGB", (side, side), "lightgrey")
    if rgb_u8 is None:
        ImageDraw.Draw(tile).line((0, 0, side, side), fill="red")
        return tile
    picture = Image.fromarray(rgb_u8)
    picture.thumbnail((side - 2, side - 2), Image.Resampling.BOX)
    tile.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return tile


SHEET = "audit sheet"
"""The marker that identifies a sheet."""


def sheet_bytes(found: Audit) -> bytes:
    """The contact sheet as PNG."""
    out = io.BytesIO()
    text = PngInfo()
    text.add_text("Software", png_mark(SHEET))
    contact_sheet(found).save(out, format="PNG", pnginfo=text)
    return out.getvalue()
