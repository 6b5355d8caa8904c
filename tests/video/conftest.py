"""What the tests of film share: a painter that needs no network."""

import numpy as np
import pytest

from tintype.video.layout import Layout


class Brush:
    """Stands in for `Renderer`: the colours of a frame follow from all frames before it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.sum = 0
        self.seconds: list[float] = []

    def look(self, luma: np.ndarray, number: int) -> tuple[int, int]:
        assert luma.shape == self.layout.shape
        return int(luma[::7, ::5].sum()), number

    def render(self, look: tuple[int, int], seconds: float) -> tuple[np.ndarray, np.ndarray]:
        self.sum = (self.sum * 31 + look[0] + look[1]) % 1_000_003
        self.seconds.append(seconds)
        kind = np.uint8 if self.layout.bits == 8 else np.uint16
        rows = np.arange(self.layout.chroma_shape[0])[:, None]
        columns = np.arange(self.layout.chroma_shape[1])[None, :]
        codes = (60 + (rows + columns + self.sum) % 120) << (self.layout.bits - 8)
        return codes.astype(kind), codes[::-1, ::-1].astype(kind)

    def state(self) -> bytes:
        return str(self.sum).encode()

    def restore(self, state: bytes) -> None:
        self.sum = int(state)


@pytest.fixture
def bundle(tiny_model):
    from tintype.engine.bundle import load_bundle

    return load_bundle(tiny_model)
