"""The evaluation protocol: the shipped model file, run by the engine on held-out pictures.

Every picture is scaled so that its short side is `size` and cropped to the central square. The
engine colours its grey like any photograph, and the result is compared with the true colours. The
grey input and the truth are also rows of the table, as the floor and the ceiling.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from tintype.errors import LearnError, shown
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.manifest import PhotoSource, find_sources, read_sources
from tintype.learn.data.own_outputs import MADE_HERE, is_own_output, named_as_outputs
from tintype.learn.data.photos import Photos
from tintype.learn.data.pictures import PixelBudget, decode_rgb
from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.metrics import (
    ab_distance,
    auc,
    colorfulness,
    delta_e_2000,
    interval,
    psnr,
)
from tintype.learn.evaluate.perceptual import PerceptualMetrics
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

_HINT_RADIUS = 2


@dataclass(frozen=True, slots=True)
class Score:
    """The metrics of one picture."""

    colorfulness: float
    true_colorfulness: float
    psnr: float
    ab: float
    delta_e: float
    auc: float


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One line of the table: a method, on a set, with its settings.

    Attributes:
        name: The method.
        group: The evaluation set.
        vividness: tau, or None where it does not apply.
        pictures: Number of pictures.
        cf_ratio: Mean colourfulness over the mean colourfulness of the truth.
        psnr: dB, mean over pictures.
        ab: Mean ab distance.
        ab_interval: 95 % bootstrap interval over pictures.
        delta_e: Mean CIEDE2000.
        delta_e_interval: Likewise.
        auc: Raw, percent.
        perceptual: LPIPS, KID and FID by their exact names, if requested.
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
    paths: Sequence[Path],
    *,
    size: int,
    limit: int | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, list[NDArray[np.uint8]]]:
    """The evaluation pictures by group.

    Args:
        paths: Folders or zips.
        size: Side of the square.
        limit: Maximum per group, evenly spaced; None for no limit.
        report: As for `choose_sources`.

    Returns:
        Lists of (size, size, 3) sRGB.

    Raises:
        LearnError: A picture cannot be read, or none is left.
    """
    squares: dict[str, list[NDArray[np.uint8]]] = {}
    budget = PixelBudget()
    for source, data in read_sources(choose_sources(paths, limit=limit, report=report)):
        try:
            rgb = decode_rgb(data, admit=budget.admission(source.container, data))
            square = to_square(rgb, size)
        except ValueError as error:
            raise LearnError(
                f"{shown(source.container / source.member)}: {error}.",
                advice="Take it out of the evaluation pictures, or replace it.",
            ) from None
        squares.setdefault(source.group, []).append(square)
    return squares


def choose_sources(
    paths: Sequence[Path],
    *,
    limit: int | None = None,
    report: Callable[[str], None] | None = None,
) -> list[PhotoSource]:
    """The photographs of folders and zips, or an evenly spaced subset of each group.

    Outputs of this program are left out: a model would be measured against colours of a model.

    Args:
        paths: Folders or zips.
        limit: Maximum per group, evenly spaced; None for no limit.
        report: Called with a sentence on how many outputs were left out, if any.

    Raises:
        LearnError: A container cannot be read, or none of it is a photograph.
    """
    chosen: list[PhotoSource] = []
    every = find_sources(paths)
    named = named_as_outputs(every)
    sources = [source for source in every if source not in named]
    for group in sorted({source.group for source in sources}):
        members = [source for source in sources if source.group == group]
        chosen += [members[i] for i in evenly_spaced(len(members), limit or len(members))]
    photos = [source for source, data in read_sources(chosen) if not is_own_output(data)]
    own = len(named) + len(chosen) - len(photos)
    if not photos:
        raise LearnError(
            f"All {own} pictures were made by Tintype.", advice="Give photographs in colour."
        )
    if own and report is not None:
        left_out = {MADE_HERE: own}
        report(f"{len(photos)} photographs, left out: {left_out}")
    return photos


def dev_squares(
    photos: Photos, *, size: int, limit: int | None = None
) -> dict[str, list[NDArray[np.uint8]]]:
    """The dev split by group, for choosing settings; evaluation sets are never used for that.

    Args:
        photos: The training data.
        size: Side of the square.
        limit: Maximum per group, evenly spaced; None for no limit.

    Returns:
        Lists of (size, size, 3) sRGB.
    """
    squares = {}
    for group, name in enumerate(photos.group_names):
        index = np.flatnonzero(photos.dev & (photos.groups == group))
        index = index[evenly_spaced(len(index), limit or len(index))]
        pictures = [Image.fromarray(photos.picture(int(i))) for i in index]
        squares[f"{name} (dev)"] = [to_square(picture, size) for picture in pictures]
    return squares


def to_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Scales the short side to `size` and crops the central square."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    filter_ = Image.Resampling.BICUBIC if side < size else Image.Resampling.LANCZOS
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), filter_, box=box))


# More than seven parameters, all passed by name: the options of the command.
def evaluate(
    engine: Engine,
    squares: Mapping[str, Sequence[NDArray[np.uint8]]],
    *,
    name: str,
    vividness: Iterable[float],
    hints: Iterable[int] = (0,),
    quality: Quality = "normal",
    perceptual_metrics: Mapping[str, PerceptualMetrics] = MappingProxyType({}),
    threads: int = 2,
) -> list[ScoreRow]:
    """Scores a model at several vividnesses and with several numbers of true hints.

    Args:
        engine: The engine with the shipped model.
        squares: From `load_squares`.
        name: Name of the rows.
        vividness: The values of tau.
        hints: Numbers of `true_hints`; the name of a row with hints says that it is not automatic.
        quality: Quality setting of the engine.
        perceptual_metrics: LPIPS, KID and FID by set; empty for none.
        threads: Number of pictures in parallel.

    Raises:
        ModelError: There are hints, but the model does not accept any.
    """
    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for group, pictures in squares.items():
            for tau, hint_count in product(vividness, hints):
                settings = Settings(vividness=tau, quality=quality)
                colorized = colorize(engine, pictures, settings, pool, hint_count=hint_count)
                title = f"{name}, {hint_count} true colours given" if hint_count else name
                row = row_of(title, group, tau, list(pool.map(score, colorized, pictures)))
                if group in perceptual_metrics:
                    row = replace(row, perceptual=perceptual_metrics[group].measure(colorized))
                rows.append(row)
    return rows


def colorize(
    engine: Engine,
    pictures: Sequence[NDArray[np.uint8]],
    settings: Settings,
    pool: ThreadPoolExecutor,
    *,
    hint_count: int = 0,
) -> list[NDArray[np.uint8]]:
    """Colours the grey of pictures.

    Args:
        engine: The engine with the shipped model.
        pictures: (H, W, 3) truths.
        settings: Without hints.
        pool: Colours pictures in parallel.
        hint_count: Number of `true_hints`.
    """

    def one(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
        photo = Photo(rgb_to_grey(truth), None, "color", Metadata("PNG"))
        given = replace(settings, hints=tuple(true_hints(truth, hint_count)))
        color = engine.colorize(photo, given).color
        assert isinstance(color, np.ndarray)
        return np.asarray(color, np.uint8)

    return list(pool.map(one, pictures))


def true_hints(truth_u8: NDArray[np.uint8], count: int) -> list[Hint]:
    """True colours at random points, each the mean of 5 x 5 pixels.

    Args:
        truth_u8: (H, W, 3) the true picture; the points depend on it only.
        count: Number of points. A larger number extends the list of a smaller one.
    """
    if not count:
        return []
    ab = rgb01_to_lab(truth_u8 / 255)[..., 1:]
    draw = np.random.default_rng(int(truth_u8.astype(np.uint64).sum()))
    points = (draw.random((count, 2)) * truth_u8.shape[:2]).astype(int)
    found = []
    for y, x in points.tolist():
        near = ab[max(0, y - _HINT_RADIUS) : y + _HINT_RADIUS + 1]
        near = near[:, max(0, x - _HINT_RADIUS) : x + _HINT_RADIUS + 1]
        a, b = near.mean(axis=(0, 1)).tolist()
        found.append(Hint(x, y, a, b, radius=_HINT_RADIUS))
    return found


def bounds(
    squares: Mapping[str, Sequence[NDArray[np.uint8]]],
    perceptual_metrics: Mapping[str, PerceptualMetrics] = MappingProxyType({}),
) -> list[ScoreRow]:
    """The first rows of every table: the grey input and the truth.

    Args:
        squares: From `load_squares`.
        perceptual_metrics: As for `evaluate`; applied to the grey input only.
    """
    rows = []
    for group, pictures in squares.items():
        grey = [np.repeat(rgb_to_grey(p)[..., None], 3, axis=2) for p in pictures]
        scores = [score(g, p) for g, p in zip(grey, pictures, strict=True)]
        row = row_of("grey input", group, None, scores)
        if group in perceptual_metrics:
            row = replace(row, perceptual=perceptual_metrics[group].measure(grey))
        rows.append(row)
        rows.append(row_of("ground truth", group, None, [score(p, p) for p in pictures]))
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


def row_of(name: str, group: str, tau: float | None, scores: Sequence[Score]) -> ScoreRow:
    """Computes the means over pictures, and their intervals.

    Args:
        name: Name of the method.
        group: The evaluation set.
        tau: The vividness, or None where it does not apply.
        scores: One per picture.
    """
    table = {key: np.array([asdict(s)[key] for s in scores]) for key in asdict(scores[0])}
    return ScoreRow(
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


def at_colorfulness(rows: Sequence[ScoreRow], ratio: float) -> tuple[float, float] | None:
    """Distance in ab and CIEDE2000 of one method on one set at a given colourfulness.

    Methods are compared at equal colourfulness; otherwise any dull method wins.

    Args:
        rows: The curve: one method, one set, several vividnesses.
        ratio: The target colourfulness ratio.

    Returns:
        Both, interpolated along the curve, or None if the curve does not reach the ratio.
    """
    curve = sorted(rows, key=lambda row: row.cf_ratio)
    ratios = [row.cf_ratio for row in curve]
    if not ratios[0] <= ratio <= ratios[-1]:
        return None
    ab = float(np.interp(ratio, ratios, [row.ab for row in curve]))
    return ab, float(np.interp(ratio, ratios, [row.delta_e for row in curve]))
