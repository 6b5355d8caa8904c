"""Names for several versions of one photograph, from how their colours differ.

A version is one palette of `tintype.engine.color_distribution.palettes`. A person chooses by how it
differs from the suggested one, and not by how likely it is: a near-grey version is nearest to most
of a wide distribution, so its share is the largest.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LookName = Literal["suggested", "quieter", "bolder", "warmer", "greener", "cooler", "rosier"]
"""What a version is called in relation to the suggested one."""

_WASH = 0.95
"""Mean resultant length of the chroma from which a version is a wash of a single tint."""
_LEAST = 2.0
"""Mean difference of ab from which a version has a name; less is hardly seen."""
_BOLDER = 0.7
"""Weight of a greater chroma: every version that leans has more, and its hue says what it is."""
_HUES: dict[LookName, float] = {"rosier": 0, "warmer": 75, "greener": 150, "cooler": 255}
"""Directions in the ab plane, in degrees."""


def look_names(versions: Sequence[NDArray[np.floating]]) -> list[LookName | None]:
    """What each version of a photograph is called.

    "Quieter" and "bolder" fit by how much the mean chroma differs from that of the suggested
    version, the others by how far the mean colour, at equal chroma, lies in the direction of a hue.
    Each name is given once, so that all together fit best.

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
    """The assignment of names, none twice, whose fits are greatest in total."""
    # By the names that are given so far: at most 64 sets, so all of them are looked at.
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
    """Whether almost all chroma of a version has one hue; from its mean ab and its mean chroma."""
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
    # More or less of the same colours is no change of hue.
    moved = means[number] - means[0] * (chromas[number] / max(float(chromas[0]), 1e-6))
    # Warm and cool are relative; green and rose are colours that have to be there.
    redness = float(means[number][0])
    absent = {"greener": redness > 0, "rosier": redness < 0}
    for name, degrees in _HUES.items():
        direction = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
        found[name] = 0.0 if absent.get(name) else float(moved @ direction)
    return found
