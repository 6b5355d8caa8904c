"""The evaluation protocol: the shipped file, through the engine, on pictures never trained on.

Every picture is scaled so that its short side is `size` and cut to the square in the middle; its
grey is coloured by the engine as any photograph is, and the result is compared with the true
colours. The grey itself is a row of the table (the floor) and so is the truth (the ceiling).
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.hints import Hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Quality, Settings
from tintype.errors import LearnError
from tintype.learn.data.manifest import Source, find_sources, read_sources
from tintype.learn.data.photos import Photos
from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.metrics import (
    ab_distance,
    auc,
    colorfulness,
    delta_e_2000,
    interval,
    psnr,
)
from tintype.learn.evaluate.perceptual import Judges
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

_HINT_RADIUS = 2


@dataclass(frozen=True, slots=True)
class Score:
    """What one picture got."""

    colorfulness: float
    true_colorfulness: float
    psnr: float
    ab: float
    delta_e: float
    auc: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a method, on a set, with its settings.

    Attributes:
        name: The method.
        group: The evaluation set.
        vividness: tau, or None where it does not apply.
        pictures: How many.
        cf_ratio: Mean colourfulness over the mean colourfulness of the truth.
        psnr: dB, mean over pictures.
        ab: Mean ab distance.
        ab_interval: 95 % bootstrap interval over pictures.
        delta_e: Mean CIEDE2000.
        delta_e_interval: Likewise.
        auc: Raw, percent.
        perceptual: LPIPS, KID and FID by their exact names, where they were asked for.
    """

    name: str
    group: str
    vividness: float | None
    pictures: int
    cf_ratio: float
    psnr: float
    ab: float
    ab_interval: tuple[float, float]
    delta_e: float
    delta_e_interval: tuple[float, float]
    auc: float
    perceptual: Mapping[str, Figure] = field(default_factory=dict)


def load_squares(
    paths: Sequence[Path], *, size: int, limit: int | None = None
) -> dict[str, list[NDArray[np.uint8]]]:
    """The evaluation pictures by group.

    Args:
        paths: Folders or zips.
        size: Side of the square.
        limit: At most so many of each group, spread evenly over it; None takes all.

    Returns:
        Lists of (size, size, 3) sRGB.

    Raises:
        LearnError: A picture cannot be read.
    """
    squares: dict[str, list[NDArray[np.uint8]]] = {}
    for source, data in read_sources(choose_sources(paths, limit=limit)):
        try:
            with Image.open(io.BytesIO(data)) as image:
                square = to_square(image.convert("RGB"), size)
        except (OSError, ValueError) as error:
            raise LearnError(f"{source.container}/{source.member}: {error}.") from None
        squares.setdefault(source.group, []).append(square)
    return squares


def choose_sources(paths: Sequence[Path], *, limit: int | None = None) -> list[Source]:
    """The pictures of folders and zips, or an even choice of each group.

    Args:
        paths: Folders or zips.
        limit: At most so many of each group, spread evenly over it; None takes all.
    """
    chosen: list[Source] = []
    sources = find_sources(paths)
    for group in sorted({source.group for source in sources}):
        members = [source for source in sources if source.group == group]
        if limit and limit < len(members):
            members = [members[i] for i in np.linspace(0, len(members) - 1, limit).astype(int)]
        chosen += members
    return chosen


def dev_squares(
    photos: Photos, *, size: int, limit: int | None = None
) -> dict[str, list[NDArray[np.uint8]]]:
    """The dev split by group: for choosing settings, which the evaluation sets are never used for.

    Args:
        photos: The training data.
        size: Side of the square.
        limit: At most so many of each group, spread evenly over it; None takes all.

    Returns:
        Lists of (size, size, 3) sRGB.
    """
    squares = {}
    for group, name in enumerate(photos.group_names):
        index = np.flatnonzero(photos.dev & (photos.groups == group))
        if limit and limit < len(index):
            index = index[np.linspace(0, len(index) - 1, limit).astype(int)]
        pictures = [Image.fromarray(photos.picture(int(i))) for i in index]
        squares[f"{name} (dev)"] = [to_square(picture, size) for picture in pictures]
    return squares


def to_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Short side to `size`, the middle cut out."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    filter_ = Image.Resampling.BICUBIC if side < size else Image.Resampling.LANCZOS
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), filter_, box=box))


def evaluate(
    engine: Engine,
    squares: dict[str, list[NDArray[np.uint8]]],
    *,
    name: str,
    vividness: Iterable[float],
    hints: Iterable[int] = (0,),
    quality: Quality = "normal",
    judges: Mapping[str, Judges] = MappingProxyType({}),
    threads: int = 2,
) -> list[Row]:
    """Scores a model at several vividnesses, and told the truth at several numbers of places.

    Args:
        engine: The model as it is shipped.
        squares: From `load_squares`.
        name: Of the rows.
        vividness: The values of tau.
        hints: Numbers of `true_hints`; a row with some is not automatic and its name says so.
        quality: Of the engine.
        judges: Of each set, for LPIPS, KID and FID; empty for none.
        threads: Pictures at a time.

    Raises:
        ModelError: There are hints and the model takes none.
    """
    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for group, pictures in squares.items():
            for tau, told in product(vividness, hints):
                settings = Settings(vividness=tau, quality=quality)
                painted = paint(engine, pictures, settings, pool, told=told)
                title = f"{name}, told {told} colours" if told else name
                row = _row(title, group, tau, list(pool.map(score, painted, pictures)))
                if group in judges:
                    row = replace(row, perceptual=judges[group].judge(painted))
                rows.append(row)
    return rows


def paint(
    engine: Engine,
    pictures: Sequence[NDArray[np.uint8]],
    settings: Settings,
    pool: ThreadPoolExecutor,
    *,
    told: int = 0,
) -> list[NDArray[np.uint8]]:
    """Colours the grey of pictures.

    Args:
        engine: The model as it is shipped.
        pictures: (H, W, 3) truths.
        settings: Without hints.
        pool: Pictures at a time.
        told: The number of `true_hints`.
    """

    def one(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
        photo = Photo(rgb_to_grey(truth), None, "color", Metadata("PNG"))
        given = replace(settings, hints=tuple(true_hints(truth, told)))
        color = engine.colorize(photo, given).color
        assert isinstance(color, np.ndarray)
        return np.asarray(color, np.uint8)

    return list(pool.map(one, pictures))


def best_of_palettes(
    engine: Engine,
    squares: dict[str, list[NDArray[np.uint8]]],
    *,
    name: str,
    count: int,
    quality: Quality = "normal",
    threads: int = 2,
) -> list[Row]:
    """Scores, of several versions of each picture, the one nearest to the truth in CIEDE2000.

    It shows whether the truth is among what the model thinks possible; nobody can choose so without
    knowing the truth, and the row's name says how it was chosen.

    Args:
        engine: A model that predicts a distribution.
        squares: From `load_squares`.
        name: Of the model.
        count: How many versions.
        quality: Of the engine.
        threads: Pictures at a time.

    Raises:
        ModelError: The model has no distribution.
    """
    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for group, pictures in squares.items():
            title = f"{name}, best of {count} palettes"
            tau = engine.bundle.card.vividness
            settings = Settings(palettes=count, quality=quality)
            rows.append(_row(title, group, tau, best_scores(engine, pictures, settings, pool)))
    return rows


def best_scores(
    engine: Engine,
    pictures: Sequence[NDArray[np.uint8]],
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> list[Score]:
    """What the version nearest to the truth gets, of each picture.

    Args:
        engine: A model that predicts a distribution.
        pictures: (H, W, 3) truths.
        settings: How, and how many versions.
        pool: Pictures at a time.

    Raises:
        ModelError: The model has no distribution.
    """

    def one(truth: NDArray[np.uint8]) -> Score:
        photo = Photo(rgb_to_grey(truth), None, "color", Metadata("PNG"))
        found = engine.versions(photo, settings)
        colors = (version.photo.color for version in found)
        scores = [score(c, truth) for c in colors if isinstance(c, np.ndarray)]
        return min(scores, key=lambda s: s.delta_e)

    return list(pool.map(one, pictures))


def true_hints(truth_u8: NDArray[np.uint8], count: int) -> list[Hint]:
    """True colours at random places, each the mean of 5 x 5 pixels.

    Args:
        truth_u8: (H, W, 3) the true picture; the places follow from it alone.
        count: How many. The first ones of a larger number are those of a smaller one.
    """
    if not count:
        return []
    ab = rgb01_to_lab(truth_u8 / 255)[..., 1:]
    draw = np.random.default_rng(int(truth_u8.astype(np.uint64).sum()))
    places = (draw.random((count, 2)) * truth_u8.shape[:2]).astype(int)
    found = []
    for y, x in places.tolist():
        near = ab[max(0, y - _HINT_RADIUS) : y + _HINT_RADIUS + 1]
        near = near[:, max(0, x - _HINT_RADIUS) : x + _HINT_RADIUS + 1]
        a, b = near.mean(axis=(0, 1)).tolist()
        found.append(Hint(x, y, a, b, radius=_HINT_RADIUS))
    return found


def bounds(
    squares: dict[str, list[NDArray[np.uint8]]],
    judges: Mapping[str, Judges] = MappingProxyType({}),
) -> list[Row]:
    """The rows that every table begins with: the grey input and the truth.

    Args:
        squares: From `load_squares`.
        judges: As for `evaluate`; they judge the grey input only.
    """
    rows = []
    for group, pictures in squares.items():
        grey = [np.repeat(rgb_to_grey(p)[..., None], 3, axis=2) for p in pictures]
        scores = [score(g, p) for g, p in zip(grey, pictures, strict=True)]
        row = _row("grey input", group, None, scores)
        if group in judges:
            row = replace(row, perceptual=judges[group].judge(grey))
        rows.append(row)
        rows.append(_row("ground truth", group, None, [score(p, p) for p in pictures]))
    return rows


def score(rgb_u8: NDArray[np.uint8], truth_u8: NDArray[np.uint8]) -> Score:
    """All metrics of one picture.

    Args:
        rgb_u8: (H, W, 3).
        truth_u8: (H, W, 3).
    """
    lab, truth = rgb01_to_lab(rgb_u8 / 255), rgb01_to_lab(truth_u8 / 255)
    distance = ab_distance(lab, truth)
    return Score(
        colorfulness=colorfulness(rgb_u8),
        true_colorfulness=colorfulness(truth_u8),
        psnr=min(psnr(rgb_u8, truth_u8), 99.0),
        ab=float(distance.mean()),
        delta_e=float(delta_e_2000(lab, truth).mean()),
        auc=auc(distance),
    )


def _row(name: str, group: str, tau: float | None, scores: Sequence[Score]) -> Row:
    table = {key: np.array([asdict(s)[key] for s in scores]) for key in asdict(scores[0])}
    return Row(
        name=name,
        group=group,
        vividness=tau,
        pictures=len(scores),
        cf_ratio=float(table["colorfulness"].mean() / table["true_colorfulness"].mean()),
        psnr=float(table["psnr"].mean()),
        ab=float(table["ab"].mean()),
        ab_interval=interval(table["ab"]),
        delta_e=float(table["delta_e"].mean()),
        delta_e_interval=interval(table["delta_e"]),
        auc=float(table["auc"].mean()),
    )


def at_colorfulness(rows: Sequence[Row], ratio: float) -> tuple[float, float] | None:
    """Distance in ab and CIEDE2000 of one method on one set at a given colourfulness.

    Methods are compared where they are equally colourful; otherwise any dull one wins.

    Args:
        rows: The curve: one method, one set, several vividnesses.
        ratio: The colourfulness ratio wanted.

    Returns:
        Both, interpolated along the curve, or None where the curve does not reach the ratio.
    """
    curve = sorted(rows, key=lambda row: row.cf_ratio)
    ratios = [row.cf_ratio for row in curve]
    if not ratios[0] <= ratio <= ratios[-1]:
        return None
    ab = float(np.interp(ratio, ratios, [row.ab for row in curve]))
    return ab, float(np.interp(ratio, ratios, [row.delta_e for row in curve]))


def to_markdown(rows: Sequence[Row]) -> str:
    """The table, sets one after the other."""
    names = list(dict.fromkeys(name for row in rows for name in row.perceptual))
    # FID's name has the number of pictures, which the table has already.
    more = [name.split(" (")[0] for name in names]
    titles = ["set", "method", "vividness", "pictures", "CF ratio", "PSNR", "ab distance"]
    titles += ["ΔE2000", "AuC", *dict.fromkeys(more)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for group in sorted({row.group for row in rows}):
        for row in (r for r in rows if r.group == group):
            tau = "" if row.vividness is None else f"{row.vividness:g}"
            ab = f"{row.ab:.2f} ({row.ab_interval[0]:.2f}–{row.ab_interval[1]:.2f})"
            low, high = row.delta_e_interval
            delta_e = f"{row.delta_e:.2f} ({low:.2f}–{high:.2f})"
            cells = [group, row.name, tau, str(row.pictures), f"{row.cf_ratio:.2f}"]
            cells += [f"{row.psnr:.2f}", ab, delta_e, f"{row.auc:.1f}"]
            figures = {name.split(" (")[0]: figure for name, figure in row.perceptual.items()}
            cells += [_figure(figures.get(title)) for title in dict.fromkeys(more)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ""
    value, low, high = figure
    digits = 3 if value < 1 else 1
    spread = "" if low == high else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{value:.{digits}f}{spread}"
