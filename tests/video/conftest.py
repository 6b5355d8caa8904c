"""Shared by the tests of film: a renderer that needs no network."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tintype.engine.bundle import Bundle, load_bundle
from tintype.video.layout import PlaneLayout
from tintype.video.plan import FilmJob, plan
from tintype.video.request import FilmRequest
from tintype.video.run import color
from video.clips import video_of

MILLI = Fraction(1, 1000)
LOSSLESS = FilmRequest(lossless=True)


class FakeRenderer:
    """Replaces `Renderer`: the colours of a frame depend on all frames before it."""

    def __init__(self, layout: PlaneLayout) -> None:
        self.layout = layout
        self.sum = 0
        self.seconds: list[float] = []

    def prepare(self, luma: np.ndarray, number: int, _exposure: object = None) -> tuple[int, int]:
        assert luma.shape == self.layout.shape
        return int(luma[::7, ::5].sum()), number

    def render(self, frame: tuple[int, int], seconds: float) -> tuple[np.ndarray, np.ndarray]:
        self.sum = (self.sum * 31 + frame[0] + frame[1]) % 1_000_003
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
def bundle(tiny_model: Path) -> Bundle:
    return load_bundle(tiny_model)


def colored(
    path: Path, bundle: Bundle, request: FilmRequest = LOSSLESS, target: Path | None = None
) -> FilmJob:
    """The job of a film that was coloured in segments of five frames."""
    job = plan(path, target, request, bundle)
    color(job, bundle, renderers=FakeRenderer, segment_frames=5)
    return job


def assert_same_luma(one: Path, other: Path, begin: Fraction = Fraction(0)) -> None:
    """Both films have the same times, counted from `begin`, and the same luma, bit for bit."""
    before, after = video_of(one), video_of(other)
    assert [when - begin for when, *_ in before] == [when for when, *_ in after]
    for (_, old, _), (_, new, _) in zip(before, after, strict=True):
        assert np.array_equal(old, new)
