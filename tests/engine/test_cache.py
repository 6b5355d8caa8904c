"""The same photograph in other colours does not run the network again, and is the same picture."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tintype.engine.bundle import Bundle
from tintype.engine.cache import CachingEngine
from tintype.engine.hints import hint_of
from tintype.engine.layers import Mask, mask_from
from tintype.engine.network import NetworkOutput
from tintype.engine.predict import Engine
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
    run = engine._network.run

    def counting(L: np.ndarray, hints: np.ndarray | None = None) -> NetworkOutput:
        runs.append(L.shape)
        return run(L, hints)

    monkeypatch.setattr(engine._network, "run", counting)
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
