"""Names the versions of a photograph by how their colours differ.

A version is one palette of `tintype.engine.color_distribution.palettes`. Names describe how it
differs from the suggested version rather than how likely it is: a near-grey version is nearest to
most of a wide distribution, so it has the largest share.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LookName = Literal["suggested", "quieter", "bolder", "warmer", "greener", "cooler", "rosier"]
"""Name of a version relative to the suggested one."""

_WASH = 0.95
"""Mean resultant length of the chroma above which a version is a wash of a single tint."""
_LEAST = 2.0
"""Mean difference of ab above which a version is named; less is hardly visible."""
_BOLDER = 0.7
"""Weight of higher chroma: every shifted version has more, and its hue characterises it better."""
_HUES: dict[LookName, float] = {"rosier": 0, "warmer": 75, "greener": 150, "cooler": 255}
"""Directions in the ab plane, in degrees."""


def look_names(versions: Sequence[NDArray[np.floating]]) -> list[LookName | None]:
    """Names each version of a photograph.

    "Quieter" and "bolder" are scored by how much the mean chroma differs from that of the suggested
    version; the others by how far the mean colour, at equal chroma, lies in the direction of a hue.
    Each name is used once, in the assignment with the best total score.

    Args:
        versions: (2, h, w) ab of each, the suggested one first; at least one.

    Returns:
        A name for each; None for a version that is a wash of a single tint, or that hardly differs
        from the suggested one or from a version with the same name.
    """
    means, chromas = _statistics(versions)
    fits = []
    for number in range(1, len(versions)):
        washed = chromas[number] > chromas[0] and _is_wash(means[number], chromas[number])
        fits.append({} if washed else _fits(means, chromas, number))
    return ["suggested", *_assigned(fits)]


def _assigned(fits: Sequence[dict[LookName, float]]) -> list[LookName | None]:
    """The assignment of names, each used at most once, with the highest total score."""
    # Keyed by the set of names used so far: at most 64 sets, so the search is exhaustive.
    best: dict[frozenset[LookName], tuple[float, list[LookName | None]]] = {frozenset(): (0.0, [])}
    for row in fits:
        following: dict[frozenset[LookName], tuple[float, list[LookName | None]]] = {}
        for given, (total, names) in best.items():
            free = [(name, fit) for name, fit in row.items() if name not in given and fit >= _LEAST]
            for name, fit in [(None, 0.0), *free]:
                key = given if name is None else given | {name}
                if total + fit > following.get(key, (-1.0, []))[0]:
                    following[key] = (total + fit, [*names, name])
        best = following
    return max(best.values(), key=lambda found: found[0])[1]


def _is_wash(mean: NDArray[np.float64], chroma: float) -> bool:
    """Whether almost all chroma of a version has one hue, from its mean ab and its mean chroma."""
    return bool(np.hypot(*mean) >= _WASH * chroma)


def _statistics(
    versions: Sequence[NDArray[np.floating]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) mean ab, and (n,) mean chroma."""
    flat = [np.asarray(ab, np.float64).reshape(2, -1) for ab in versions]
    means = np.stack([ab.mean(axis=1) for ab in flat])
    chromas = np.array([np.hypot(*ab).mean() for ab in flat])
    return means, chromas


def _fits(
    means: NDArray[np.float64], chromas: NDArray[np.float64], number: int
) -> dict[LookName, float]:
    """How well each name fits a version, in units of ab."""
    more = float(chromas[number] - chromas[0])
    found: dict[LookName, float] = {"bolder": _BOLDER * more, "quieter": -more}
    # More or less of the same colours is not a change of hue.
    moved = means[number] - means[0] * (chromas[number] / max(float(chromas[0]), 1e-6))
    # Warm and cool are relative; green and rose must actually be present.
    redness = float(means[number][0])
    absent = {"greener": redness > 0, "rosier": redness < 0}
    for name, degrees in _HUES.items():
        direction = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
        found[name] = 0.0 if absent.get(name) else float(moved @ direction)
    return found
