"""The same photograph in other colours does not run the network again, and is the same picture."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tintype.engine.bundle import Bundle
from tintype.engine.cache import CachingEngine, PredictionCache
from tintype.engine.hints import hint_of
from tintype.engine.layers import Mask, mask_from
from tintype.engine.network import NetworkOutput
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import Settings
from tintype.errors import UsageError
from tintype.photo.photo import Photo

PhotoOf = Callable[[np.ndarray], Photo]


def mask(shape: tuple[int, int]) -> Mask:
    """White on its left half."""
    pixels = np.zeros(shape, np.uint8)
    pixels[:, : shape[1] // 2] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return mask_from(file.getvalue(), name="mask.png")


@pytest.fixture
def counted(hinted: Bundle, monkeypatch: pytest.MonkeyPatch) -> tuple[CachingEngine, list[object]]:
    """An engine, and what its network was asked."""
    engine = CachingEngine(hinted, threads=1)
    runs: list[object] = []
    run = engine.network("cpu").run

    def counting(L: np.ndarray, hints: np.ndarray | None = None) -> NetworkOutput:
        runs.append(L.shape)
        return run(L, hints)

    monkeypatch.setattr(engine.network("cpu"), "run", counting)
    return engine, runs


PAINTED = [
    Settings(vividness=0.3),
    Settings(vividness=1.5, warmth=0.4),
    Settings(mask=mask((128, 192))),
]
ASKED = [Settings(quality="normal"), Settings(hints=(hint_of(20, 30, "#c04030", 8),))]


@pytest.mark.parametrize("settings", [*PAINTED, *ASKED])
def test_the_network_runs_again_only_for_what_it_is_told(
    counted: tuple[CachingEngine, list[object]],
    hinted: Bundle,
    photo_of: PhotoOf,
    cameraman: np.ndarray,
    settings: Settings,
) -> None:
    engine, runs = counted
    grey = np.ascontiguousarray(cameraman[:128, :192])
    engine.colorize(photo_of(grey))
    before = len(runs)
    assert before > 0
    again = engine.colorize(photo_of(grey.copy()), settings).color
    assert (len(runs) > before) == (settings in ASKED)
    expected = Engine(hinted, threads=1).colorize(photo_of(grey), settings).color
    np.testing.assert_array_equal(again, expected)


def test_another_photograph_is_another_one(
    counted: tuple[CachingEngine, list[object]], photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    engine, runs = counted
    grey = np.ascontiguousarray(cameraman[:128, :192])
    first = engine.predict(photo_of(grey))
    before = len(runs)
    changed = grey.copy()
    changed[40, 50] ^= 1
    assert engine.predict(photo_of(changed)) is not first
    engine.predict(photo_of(grey.reshape(192, 128)))  # the same bytes in another shape
    assert len(runs) >= before + 2


def test_a_mask_of_another_size_is_refused_all_the_same(
    counted: tuple[CachingEngine, list[object]], photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    engine, _ = counted
    photo = photo_of(np.ascontiguousarray(cameraman[:128, :192]))
    engine.colorize(photo)
    with pytest.raises(UsageError, match="mask"):
        engine.colorize(photo, Settings(mask=mask((4, 4))))


# ----- how much is kept -----


def prediction(size: int) -> Prediction:
    planes = np.zeros(size // 8, np.float32)
    return Prediction(None, planes, planes, None, None)  # type: ignore[arg-type]


def made(cache: PredictionCache, *names: str) -> list[str]:
    """Which of them had to be made."""
    runs: list[str] = []
    for name in names:
        cache.get((name, ""), lambda name=name: runs.append(name) or prediction(1000))  # type: ignore[misc]
    return runs


def test_the_least_recently_used_go_when_the_budget_is_spent() -> None:
    cache = PredictionCache(2500)
    assert made(cache, "a", "b", "a", "c", "a", "b") == ["a", "b", "c", "b"]
    assert cache.size == 2000


def test_the_newest_is_kept_whatever_the_budget() -> None:
    cache = PredictionCache(0)
    assert made(cache, "a", "a", "b", "a") == ["a", "b", "a"]
    assert cache.size == 1000
    assert not cache.drop_oldest()


def test_what_is_forgotten_takes_no_room() -> None:
    cache = PredictionCache(10_000)
    made(cache, "a", "b", "c")
    cache.forget("b")
    assert cache.size == 2000
    assert cache.drop_oldest()
    assert made(cache, "c", "a", "b") == ["a", "b"]


def test_hints_that_the_network_does_not_take_do_not_run_it_again(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    engine = CachingEngine(tiny, threads=1)
    photo = photo_of(np.ascontiguousarray(cameraman[:128, :192]))
    hinted = Settings(hints=(hint_of(20, 30, "#c04030", 8),))
    assert engine.predict(photo, hinted) is engine.predict(photo)
    expected = Engine(tiny, threads=1).colorize(photo, hinted).color
    np.testing.assert_array_equal(engine.colorize(photo, hinted).color, expected)
