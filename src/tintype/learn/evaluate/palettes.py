"""Best-of-N evaluation of palettes: the version of each picture nearest to the truth.

Selecting it requires the truth, so the name of the row says so.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tintype.engine.predict import Engine
from tintype.engine.settings import Quality, Settings
from tintype.learn.evaluate.protocol import Score, ScoreRow, row_of, score
from tintype.photo.photo import Metadata, Photo, rgb_to_grey


def best_of_palettes(
    engine: Engine,
    squares: Mapping[str, Sequence[NDArray[np.uint8]]],
    *,
    name: str,
    count: int,
    quality: Quality = "normal",
    threads: int = 2,
) -> list[ScoreRow]:
    """Scores the version of each picture that is nearest to the truth in CIEDE2000.

    Args:
        engine: A model that predicts a distribution.
        squares: From `load_squares`.
        name: Name of the model.
        count: Number of versions.
        quality: Quality setting of the engine.
        threads: Number of pictures in parallel.

    Raises:
        ModelError: The model has no distribution.
    """
    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for group, pictures in squares.items():
            title = f"{name}, best of {count} palettes"
            tau = engine.bundle.card.vividness
            settings = Settings(palettes=count, quality=quality)
            rows.append(row_of(title, group, tau, best_scores(engine, pictures, settings, pool)))
    return rows


def best_scores(
    engine: Engine,
    pictures: Sequence[NDArray[np.uint8]],
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> list[Score]:
    """The score of the version nearest to the truth, for each picture.

    Args:
        engine: A model that predicts a distribution.
        pictures: (H, W, 3) truths.
        settings: Settings, including the number of versions.
        pool: Colours pictures in parallel.

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
