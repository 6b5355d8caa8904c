"""All figures of a method on a set of pictures, with intervals over pictures.

Each picture has a row of plain numbers; figures are computed from the columns. So a set can be
resampled without scoring pictures again, and two methods can be compared picture by picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tintype.color.abgrid import AB_LIMIT, rebalancing_weights, soft_code_table
from tintype.color.cielab import rgb01_to_lab
from tintype.learn.evaluate.metrics import (
    Floats,
    ab_distance,
    accuracy,
    auc,
    auc_curve,
    colorfulness,
    delta_e_2000,
    psnr,
    ssim,
)

Figure = tuple[float, float, float]
"""A value and its 95 % interval."""
Columns = Mapping[str, Floats]

_MOST_DECIBELS = 99.0


@dataclass(frozen=True, slots=True)
class Definition:
    """How a figure is computed from columns.

    Attributes:
        title: Column title in tables.
        digits: Number of decimals.
        better: ``high``, ``low``, or ``one`` where 1 is best.
        make: Computes it from columns: (..., N) to (...).
    """

    title: str
    digits: int
    better: str
    make: Callable[[Columns], Floats]


def _mean(name: str) -> Callable[[Columns], Floats]:
    def make(columns: Columns) -> Floats:
        return np.asarray(columns[name].mean(axis=-1))

    return make


def _cf_ratio(columns: Columns) -> Floats:
    return np.asarray(columns["cf"].mean(axis=-1) / columns["true_cf"].mean(axis=-1))


def _cf_difference(columns: Columns) -> Floats:
    return np.asarray(np.abs(columns["cf"].mean(axis=-1) - columns["true_cf"].mean(axis=-1)))


def _cf_differences(columns: Columns) -> Floats:
    return np.asarray(np.abs(columns["cf"] - columns["true_cf"]).mean(axis=-1))


def _rmse(columns: Columns) -> Floats:
    return np.asarray(np.sqrt(columns["ab_mse"].mean(axis=-1)))


def _auc_rebalanced(columns: Columns) -> Floats:
    return np.asarray(columns["rare_area"].sum(axis=-1) / columns["rare_mass"].sum(axis=-1))


FIGURES: Mapping[str, Definition] = MappingProxyType(
    {
        "cf_ratio": Definition("CF ratio", 2, "one", _cf_ratio),
        "cf_difference": Definition("ΔCF of means", 1, "low", _cf_difference),
        "cf_differences": Definition("mean ΔCF", 1, "low", _cf_differences),
        "ab_mae": Definition("ab-MAE", 2, "low", _mean("ab_mae")),
        "ab_rmse": Definition("ab-RMSE", 2, "low", _rmse),
        "delta_e": Definition("ΔE2000", 2, "low", _mean("delta_e")),
        "auc": Definition("AuC raw", 1, "high", _mean("auc")),
        "auc_rebalanced": Definition("AuC rebal.", 1, "high", _auc_rebalanced),
        "accuracy_2": Definition("acc 2 %", 1, "high", _mean("accuracy_2")),
        "accuracy_5": Definition("acc 5 %", 1, "high", _mean("accuracy_5")),
        "accuracy_2_code": Definition("acc 2 % (code)", 1, "high", _mean("accuracy_2_code")),
        "accuracy_5_code": Definition("acc 5 % (code)", 1, "high", _mean("accuracy_5_code")),
        "psnr": Definition("PSNR", 2, "high", _mean("psnr")),
        "ssim": Definition("SSIM", 3, "high", _mean("ssim")),
    }
)


def rarity(prior: NDArray[np.floating]) -> Floats:
    """Weights of true colours in the rebalanced AuC: their inverse frequency.

    Source: Zhang et al. 2016, section 3.1: their equation 4 with lambda 0 and a smoothed prior.
        Colours that do not occur in training have the weight of the rarest colour that does.

    Args:
        prior: (313,) share of training pixels in each bin.

    Returns:
        (313,) weights.
    """
    weights = rebalancing_weights(prior.astype(np.float64), uniform=0.0)
    return np.asarray(np.minimum(weights, weights[prior > 0].max()))


def measure(
    rgb_u8: NDArray[np.uint8], truth_u8: NDArray[np.uint8], rare: Floats
) -> dict[str, float]:
    """Computes the row of one picture.

    Args:
        rgb_u8: (H, W, 3) result of a method.
        truth_u8: (H, W, 3).
        rare: (313,) from `rarity`.
    """
    lab, truth = rgb01_to_lab(rgb_u8 / 255), rgb01_to_lab(truth_u8 / 255)
    off = lab[..., 1:] - truth[..., 1:]
    distance = ab_distance(lab, truth)
    area, mass = auc_curve(distance, rare[nearest_bins(truth[..., 1:])])
    row = {
        "cf": colorfulness(rgb_u8),
        "true_cf": colorfulness(truth_u8),
        "ab_mae": float(np.abs(off).mean()),
        "ab_mse": float((off**2).mean()),
        "delta_e": float(delta_e_2000(lab, truth).mean()),
        "auc": auc(distance),
        "rare_area": area,
        "rare_mass": mass,
        "psnr": min(psnr(rgb_u8, truth_u8), _MOST_DECIBELS),
        "ssim": ssim(rgb_u8, truth_u8),
    }
    for percent in (2, 5):
        row[f"accuracy_{percent}"] = accuracy(lab, truth, percent, with_lightness=False)
        row[f"accuracy_{percent}_code"] = accuracy(lab, truth, percent, with_lightness=True)
    return row


def nearest_bins(ab: Floats) -> NDArray[np.intp]:
    """The bin nearest to each colour.

    Args:
        ab: (..., 2) CIELAB units.

    Returns:
        (...) indices into the 313.
    """
    nearest = soft_code_table(1)[0][..., 0]
    cell = np.clip(np.rint(ab).astype(int) + AB_LIMIT, 0, 2 * AB_LIMIT)
    return np.asarray(nearest[cell[..., 0], cell[..., 1]], np.intp)


def columns_of(rows: Sequence[Mapping[str, float]]) -> dict[str, Floats]:
    """Converts the rows of pictures to (N,) columns."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def summarize(columns: Columns, *, rounds: int = 1000, seed: int = 0) -> dict[str, Figure]:
    """Every figure with its 95 % bootstrap interval over the pictures.

    Args:
        columns: From `columns_of`.
        rounds: Number of resamples.
        seed: Seed of the resampling.
    """
    number = len(next(iter(columns.values())))
    drawn = np.random.default_rng(seed).integers(0, number, (rounds, number))
    resampled = {name: column[drawn] for name, column in columns.items()}
    figures = {}
    for name, definition in FIGURES.items():
        low, high = np.percentile(definition.make(resampled), [2.5, 97.5])
        figures[name] = (float(definition.make(columns)), float(low), float(high))
    return figures


def difference(one: Columns, other: Columns, figure: str, *, rounds: int = 1000) -> Figure:
    """The paired difference of two methods, with its interval over pictures.

    Args:
        one: Columns of one method.
        other: Columns of the other, for the same pictures in the same order.
        figure: A key of `FIGURES` whose columns are given.
        rounds: Number of resamples.

    Returns:
        The figure of `one` minus that of `other`.
    """
    make = FIGURES[figure].make
    number = len(next(iter(one.values())))
    drawn = np.random.default_rng(0).integers(0, number, (rounds, number))
    apart = make({n: c[drawn] for n, c in one.items()}) - make(
        {n: c[drawn] for n, c in other.items()}
    )
    low, high = np.percentile(apart, [2.5, 97.5])
    return float(make(one) - make(other)), float(low), float(high)
