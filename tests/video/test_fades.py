"""Fades from and to black: measured over the frames, and what chroma makes of them."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from skimage import data

from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.video.fades import Exposure, with_exposures
from tintype.video.frames import Frame
from tintype.video.layout import PlaneLayout
from tintype.video.render import Renderer

SHAPE = (96, 128)
LAYOUT = PlaneLayout(SHAPE, matrix="bt601", full_range=True)
PICTURES = {"coffee": data.coffee, "astronaut": data.astronaut, "rocket": data.rocket}


def still(name: str) -> np.ndarray:
    grey = PICTURES[name]()[..., 1]
    return cv2.resize(grey, SHAPE[::-1], interpolation=cv2.INTER_AREA).astype(float)


def fade(picture: np.ndarray, gains: list[float], *, flicker: float = 0) -> list[np.ndarray]:
    """The picture with these gains, moved by a pixel now and then, with grain."""
    rng = np.random.default_rng(4)
    frames = []
    for number, gain in enumerate(gains):
        moved = np.roll(picture, number // 4, axis=1) * gain * rng.normal(1, flicker)
        frames.append(moved + rng.normal(0, 1.5, SHAPE))
    return [frame.clip(0, 255).astype(np.uint8) for frame in frames]


def gains_of(lumas: list[np.ndarray], layout: PlaneLayout = LAYOUT) -> list[float]:
    frames = [Frame(number, number, 1, luma, None) for number, luma in enumerate(lumas)]
    found = list(with_exposures(frames, layout))
    assert [frame.number for frame in found] == list(range(len(frames)))
    return [1.0 if frame.exposure is None else frame.exposure.gain for frame in found]


OUT = [1.0] * 7 + [1 - n / 16 for n in range(1, 16)]
IN = [0.0, *[n / 16 for n in range(1, 16)], *[1.0] * 7]


@pytest.mark.parametrize("name", PICTURES)
def test_gains_of_fades_are_measured(name: str) -> None:
    for gains in (OUT, IN, [*IN, *OUT], [*OUT, 0.0, 0.0, *IN]):
        found = gains_of(fade(still(name), gains, flicker=0.01))
        for gain, got in zip(gains, found, strict=True):
            if gain == 1:
                assert got == 1
            elif gain > 0.1:
                assert got == pytest.approx(gain, rel=0.15)


def test_codes_of_the_stream_do_not_matter() -> None:
    narrow = PlaneLayout(SHAPE, bits=10)
    codes = [
        (64 + luma.astype(np.uint32) * 876 // 255).astype(np.uint16)
        for luma in fade(still("coffee"), OUT)
    ]
    assert gains_of(codes, narrow)[-3] == pytest.approx(OUT[-3], abs=0.03)


def pan(frames: int, start: float, end: float) -> Iterator[np.ndarray]:
    """From the light upper part of a picture to its dark lower part, or back."""
    picture = cv2.GaussianBlur(data.rocket()[..., 1], (0, 0), 1)
    for share in np.linspace(start, end, frames):
        top = int(share * (picture.shape[0] - 200))
        part = picture[top : top + 200, 100:400]
        yield cv2.resize(part, SHAPE[::-1], interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    "lumas",
    [
        fade(still("coffee"), [1.0] * 30, flicker=0.08),
        fade(still("astronaut"), [1.0] * 8 + [0.8, 1.0, 0.75, 1.0, 1.0]),
        fade(still("astronaut"), [0.35] * 30),
        [*pan(30, 0, 1)],
        [*pan(30, 1, 0)],
        [*fade(still("coffee"), [1.0] * 6), *fade(still("rocket"), [0.5] * 8)],
        [
            (still("coffee") * (1 - n / 20) + still("rocket") * n / 20).astype(np.uint8)
            for n in range(21)
        ],
    ],
    ids=["flicker", "lightning", "night", "pan down", "pan up", "cut to dark", "dissolve"],
)
def test_other_shots_are_in_full_light(lumas: list[np.ndarray]) -> None:
    assert gains_of(lumas) == [1.0] * len(lumas)


def test_an_exposure_is_undone_and_applied() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    exposure = Exposure(0.5, 8 / 255)
    assert np.abs(exposure.undone(grey[:8]).astype(int) - (grey[:8] * 2.0 - 16).clip(0)).max() <= 1
    chroma = np.array([[28, 128, 228]], np.uint8)
    assert exposure.applied(chroma, LAYOUT).tolist() == [[78, 128, 178]]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_bundle(), threads=1)


def relative_chroma(engine: Engine, lumas: list[np.ndarray]) -> list[float]:
    renderer = Renderer(engine, Settings(quality="normal"), LAYOUT)  # the default of films
    frames = [Frame(number, number, 1, luma, None) for number, luma in enumerate(lumas)]
    relative = []
    for frame in with_exposures(frames, LAYOUT):
        prepared = renderer.prepare(frame.luma, frame.number, frame.exposure)
        cb, cr = (p.astype(float) - 128 for p in renderer.render(prepared, frame.number / 25))
        relative.append(np.hypot(cb, cr).mean() / max(frame.luma.mean(), 1e-6))
    return relative


@pytest.mark.parametrize("gains", [OUT, IN], ids=["out", "in"])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_relative_chroma_stays_in_a_fade(engine: Engine, name: str, gains: list[float]) -> None:
    faded = relative_chroma(engine, fade(still(name), gains))
    # The same frames in full light, since the colours also vary as the picture moves.
    full = relative_chroma(engine, fade(still(name), [1.0] * len(gains)))
    off = [
        gain
        for gain, one, other in zip(gains, faded, full, strict=True)
        if gain > 0.15  # of 8 bits, less is left than the rounding of chroma
        and one != pytest.approx(other, rel=0.15)
    ]
    assert not off


def test_a_shot_in_full_light_is_rendered_as_ever(engine: Engine) -> None:
    lumas = fade(still("astronaut"), [1.0] * 4)
    one, other = (Renderer(engine, Settings(quality="fast"), LAYOUT) for _ in range(2))
    frames = [Frame(number, number, 1, luma, None) for number, luma in enumerate(lumas)]
    for frame, luma in zip(with_exposures(frames, LAYOUT), lumas, strict=True):
        got = one.render(one.prepare(frame.luma, frame.number, frame.exposure), 0)
        wanted = other.render(other.prepare(luma, frame.number), 0)
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
