"""Evaluation on regions with known colours: skin, snow, paper and cloth.

Rectangles were annotated by hand on colour photographs. Skin is compared with the true skin in
bands of lightness, because light and dark skin differ in hue and chroma; neutral surfaces must stay
neutral.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import Bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Quality, Settings
from tintype.errors import LearnError, brief, shown
from tintype.files.toml import read_toml
from tintype.learn.data.manifest import file_hash, find_sources, read_sources
from tintype.learn.data.pictures import decode_rgb
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

SKIN = "skin"
BANDS = ((0, 40), (40, 55), (55, 70), (70, 101))
"""Bands of true mean lightness."""
NEUTRAL_CHROMA = 6.0
_COLORED = 12.0
_SKIN_HUES = (25.0, 80.0)
_MIDDLE = 50.0  # degrees: close to the hues of skin, so they are far from where the circle is cut


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle on a photograph.

    Attributes:
        kind: ``skin``, or a neutral material such as ``snow``.
        picture: SHA-256 of the photograph's file.
        box: left, top, right, bottom in pixels of the upright picture; the last two exclusive.
    """

    kind: str
    picture: str
    box: tuple[int, int, int, int]


class Marked(NamedTuple):
    """A photograph with its rectangles, all of which are inside.

    Attributes:
        truth: (H, W, 3), upright.
        regions: Its rectangles.
    """

    truth: NDArray[np.uint8]
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class MeasuredRegion:
    """True and predicted colours of a rectangle.

    Attributes:
        kind: Kind of the region.
        lightness: True mean L.
        true: Median hue in degrees and median chroma of the truth.
        predicted: The same for the prediction.
        share: Its height relative to the shorter side of the picture that was coloured.
    """

    kind: str
    lightness: float
    true: tuple[float, float]
    predicted: tuple[float, float]
    share: float = 1.0


def read_regions(path: Path) -> list[Region]:
    """Reads a file of rectangles.

    Raises:
        LearnError: It cannot be read, or an entry is incomplete.
    """
    try:
        return [
            Region(str(entry["kind"]), str(entry["picture"]), _box(entry["box"]))
            for entry in read_toml(path, error=LearnError)["region"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise LearnError(
            f"{shown(path)}: {brief(error)} is missing or wrong.",
            advice="Each [[region]] has a kind, a picture and a box of four whole numbers.",
        ) from None


def _box(values: object) -> tuple[int, int, int, int]:
    match values:
        case [int(left), int(top), int(right), int(bottom)] if (
            0 <= left < right and 0 <= top < bottom
        ):
            return left, top, right, bottom
    raise ValueError(f"box {brief(values)}")


def region_tables(
    bundles: Sequence[Bundle],
    regions: Sequence[Region],
    paths: Sequence[Path],
    *,
    vividness: Sequence[float],
    quality: Quality,
    threads: int,
) -> Iterator[str]:
    """The tables of `tintype evaluate --regions`, of each model at each vividness.

    Args:
        bundles: The models.
        regions: From `read_regions`.
        paths: Folders or zips with the photographs.
        vividness: Values of tau; empty uses each model's default.
        quality: Quality setting of the engine.
        threads: Threads of the network.

    Yields:
        A heading and its tables.

    Raises:
        LearnError: A photograph is missing, or a rectangle exceeds it.
    """
    for bundle in bundles:
        engine = Engine(bundle, threads=threads)
        for tau in vividness or [bundle.card.vividness]:
            measured = measure_regions(engine, regions, paths, settings=Settings(tau, quality))
            yield f"{bundle.name}, vividness {tau:g}\n\n{regions_to_markdown(measured)}"


def measure_regions(
    engine: Engine,
    regions: Sequence[Region],
    paths: Sequence[Path],
    *,
    settings: Settings | None = None,
) -> list[MeasuredRegion]:
    """Colours whole photographs and measures their rectangles.

    Args:
        engine: The engine with the shipped model.
        regions: From `read_regions`.
        paths: Folders or zips with the photographs.
        settings: None is the model's own default.

    Raises:
        LearnError: A photograph is missing, or a rectangle exceeds it.
    """
    return measure_marked(engine, read_marked(regions, paths), settings=settings)


def read_marked(regions: Sequence[Region], paths: Sequence[Path]) -> list[Marked]:
    """Loads the photographs that have annotated rectangles.

    Args:
        regions: From `read_regions`.
        paths: Folders or zips with the photographs.

    Raises:
        LearnError: A photograph is missing, or a rectangle exceeds it.
    """
    wanted: dict[str, list[Region]] = {}
    for region in regions:
        wanted.setdefault(region.picture, []).append(region)
    found: list[Marked] = []
    for source, data in read_sources(find_sources(paths)):
        marked = wanted.pop(file_hash(data).hex(), None)
        if marked is None:
            continue
        try:
            truth = np.asarray(decode_rgb(data))
        except ValueError as error:
            raise LearnError(f"{shown(source.container / source.member)}: {error}.") from None
        for region in marked:
            if region.box[2] > truth.shape[1] or region.box[3] > truth.shape[0]:
                raise LearnError(
                    f"{source.member}: the rectangle {region.box} exceeds the picture."
                )
        found.append(Marked(truth, tuple(marked)))
    if wanted:
        raise LearnError(
            f"{len(wanted)} of the annotated photographs are not in {', '.join(map(str, paths))}.",
            advice="Give all the data that the rectangles were annotated on with --data.",
        )
    return found


def measure_marked(
    engine: Engine,
    marked: Sequence[Marked],
    *,
    settings: Settings | None = None,
    copies: int = 1,
) -> list[MeasuredRegion]:
    """Colours photographs and measures their rectangles.

    With several copies, a photograph is tiled with copies of itself, like a face in a crowd: the
    network sees the whole mosaic at its working size, so each face is smaller.

    Args:
        engine: The engine with the shipped model.
        marked: From `read_marked`.
        settings: None is the model's own default.
        copies: Number of copies per row and per column, every second one mirrored. The central one
            is measured.
    """
    measured: list[MeasuredRegion] = []
    for truth, regions in marked:
        color = _colorize_among(engine, truth, copies, settings)
        labs = rgb01_to_lab(truth / 255), rgb01_to_lab(color / 255)
        for region in regions:
            left, top, right, bottom = region.box
            true, predicted = (lab[top:bottom, left:right].reshape(-1, 3) for lab in labs)
            measured.append(
                MeasuredRegion(
                    region.kind,
                    float(true[:, 0].mean()),
                    hue_chroma(true),
                    hue_chroma(predicted),
                    (bottom - top) / (copies * min(truth.shape[:2])),
                )
            )
    return measured


def _colorize_among(
    engine: Engine, truth: NDArray[np.uint8], copies: int, settings: Settings | None
) -> NDArray[np.uint8]:
    """Colours a mosaic of copies and returns the central one: (H, W, 3), like the truth."""
    height, width = truth.shape[:2]
    row = np.concatenate([truth[:, :: 1 - 2 * (i % 2)] for i in range(copies)], axis=1)
    wall = np.tile(row, (copies, 1, 1))
    photo = Photo(rgb_to_grey(wall), None, "color", Metadata("PNG"))
    color = engine.colorize(photo, settings).color
    assert isinstance(color, np.ndarray)
    middle = (copies - 1) // 2
    left = (middle - middle % 2) * width  # a copy that is not mirrored
    return np.asarray(color[middle * height :][:height, left : left + width], np.uint8)


def looks_like_skin(one: MeasuredRegion) -> bool:
    """Whether the predicted colour of a rectangle is a skin colour: not grey, with a hue of skin.

    That is a chroma of at least 12 and a hue from 25 to 80 degrees, as in the true colours of 69 of
    the 72 skin rectangles annotated on dev.
    """
    return is_skin(*one.predicted)


def is_skin(hue: float, chroma: float) -> bool:
    """Whether a colour is in the range of skin colours.

    Args:
        hue: In degrees.
        chroma: In CIELAB units.
    """
    low, high = _SKIN_HUES
    return chroma >= _COLORED and low <= hue <= high


def hue_chroma(lab: NDArray[np.float64]) -> tuple[float, float]:
    """The median colour of some pixels.

    Args:
        lab: (N, 3).

    Returns:
        Hue in degrees, from -130 to 230, and chroma.
    """
    a, b = np.median(lab[:, 1:], axis=0).tolist()
    hue = (np.degrees(np.arctan2(b, a)) - _MIDDLE + 180) % 360 - 180 + _MIDDLE
    return float(hue), float(np.hypot(a, b))


def regions_to_markdown(measured: Sequence[MeasuredRegion]) -> str:
    """Two tables: skin by lightness, with the truth's interquartile range, and neutral regions."""
    lines = [
        "| skin, true L | regions | true hue | hue | true chroma | chroma | inside |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_skin_row(name, band) for name, band in skin_bands(measured).items()]
    lines += ["", "| neutral | regions | true chroma | chroma | below 6 |", "|---|---|---|---|---|"]
    kinds: Mapping[str, list[MeasuredRegion]] = {
        kind: [one for one in measured if one.kind == kind]
        for kind in sorted({one.kind for one in measured} - {SKIN})
    }
    every = [one for one in measured if one.kind != SKIN]
    for kind, members in [*kinds.items(), *([("all", every)] if every else [])]:
        chroma = float(np.median([one.predicted[1] for one in members]))
        true = float(np.median([one.true[1] for one in members]))
        yes = "yes" if chroma < NEUTRAL_CHROMA else "no"
        lines.append(f"| {kind} | {len(members)} | {true:.1f} | {chroma:.1f} | {yes} |")
    return "\n".join(lines) + "\n"


def skin_bands(measured: Sequence[MeasuredRegion]) -> dict[str, list[MeasuredRegion]]:
    """The rectangles of skin by true lightness; empty bands are left out."""
    bands = {
        f"{low}–{min(high, 100)}": [
            one for one in measured if one.kind == SKIN and low <= one.lightness < high
        ]
        for low, high in BANDS
    }
    return {name: band for name, band in bands.items() if band}


def is_inside(band: Sequence[MeasuredRegion]) -> tuple[bool, bool]:
    """Whether median hue and median chroma are within the truth's interquartile range."""
    hue, chroma = (low <= ours <= high for low, ours, high in _middle_halves(band))
    return hue, chroma


def _middle_halves(band: Sequence[MeasuredRegion]) -> list[tuple[float, float, float]]:
    """For hue and chroma: the truth's quartiles and our median."""
    found = []
    for which in (0, 1):
        low, high = np.percentile([one.true[which] for one in band], [25, 75])
        ours = float(np.median([one.predicted[which] for one in band]))
        found.append((float(low), ours, float(high)))
    return found


def _skin_row(name: str, band: Sequence[MeasuredRegion]) -> str:
    cells = []
    for (low, ours, high), unit in zip(_middle_halves(band), ("°", ""), strict=True):
        cells += [f"{low:.0f}–{high:.0f}{unit}", f"{ours:.0f}{unit}"]
    inside = is_inside(band)
    hue, chroma = ("yes" if one else "no" for one in inside)
    verdict = "yes" if all(inside) else f"hue {hue}, chroma {chroma}"
    return f"| {name} | {len(band)} | {' | '.join(cells)} | {verdict} |"
