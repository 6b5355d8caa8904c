"""Measures how fast a device is and how far its pixels are from the CPU's, since drivers differ."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tintype.engine.bundle import Bundle
from tintype.engine.devices import ALIKE, AUTOMATIC, DEVICES, Device, DeviceName
from tintype.engine.network import Network
from tintype.engine.sessions import check_device
from tintype.engine.settings import Settings
from tintype.errors import ModelError, UsageError
from tintype.photo.photo import Metadata, Photo

if TYPE_CHECKING:
    from tintype.engine.predict import Engine

_SIDE = 512


def sample() -> Photo:
    """Noise with the spectrum of photographs: the amplitude falls with the frequency.

    On it, devices differ from the CPU about as much as on photographs.

    Source: Field 1987, Relations between the statistics of natural images and the response
    properties of cortical cells.
    """
    white = np.random.default_rng(0).normal(size=(_SIDE, _SIDE))
    frequency = np.fft.fftfreq(_SIDE)
    radius = np.hypot(frequency[:, None], frequency)
    radius[0, 0] = 1  # the mean
    noise = np.fft.ifft2(np.fft.fft2(white) / radius).real
    grey = 128 + 45 * noise / noise.std()
    return Photo(np.asarray(grey.clip(0, 255), np.uint8), None, "grey", Metadata("PNG"))


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The share of pixels that differ by at most one step in each channel."""
    steps = np.abs(one.astype(np.int16) - other).max(axis=-1)
    return float((steps <= 1).mean())


def measure(engine: "Engine", device: DeviceName) -> float:
    """The share of a sample's pixels for which a device is at most one step from the CPU.

    Args:
        engine: The engine whose network is run on both.
        device: Any device.
    """
    photo = sample()
    found = engine.colorize(photo, Settings(quality="normal", device=device)).color
    expected = engine.colorize(photo, Settings(quality="normal", device="cpu")).color
    assert isinstance(found, np.ndarray)
    assert isinstance(expected, np.ndarray)
    return alike(found, expected)


def share_text(share: float) -> str:
    """A share of pixels as a percentage, never rounded up to 100 % or to the promised share."""
    steps = 100 if share >= 0.99 else 1
    return f"{np.floor(share * 100 * steps) / steps:g} %"


def note(device: Device, share: float) -> str:
    """The note on an output's device; empty if the pixels match the CPU's."""
    if share >= ALIKE:
        return ""
    return (
        f"Predicted on {device.title}, whose colours differ from the CPU's: {share_text(share)} of "
        "a sample's pixels are within one step."
    )


# ----- all of them -----

_INPUT = 256  # pixels on each side of the input that is timed
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """Measurements of a device on this machine.

    Attributes:
        name: Its name, as passed to ``--device``.
        tried: Whether the authors have run this device.
        missing: Why it is not available and what to do; empty if it is available.
        start: Seconds until the first result: loading the library and the network, and the first
            run.
        seconds: The fastest of a few runs on an input of 256 x 256 pixels, with all cores.
        alike: The share of a sample's pixels that are at most one step from the CPU's.
    """

    name: str
    tried: bool
    missing: str = ""
    start: float | None = None
    seconds: float | None = None
    alike: float | None = None

    def sentence(self) -> str:
        """The measurements as text for people."""
        if self.seconds is None or self.start is None or self.alike is None:
            return f"not available. {self.missing}"
        text = f"{self.seconds * 1000:.0f} ms for {_INPUT} x {_INPUT} pixels, first result after "
        text += f"{self.start:.1f} s"
        if self.name == AUTOMATIC:
            return f"{text}; the default"
        text += f"; {share_text(self.alike)} of the pixels within one step of the CPU's"
        return text if self.tried else f"{text}; not tested by the authors"


def survey(bundle: Bundle) -> Iterator[Found]:
    """Measures every device with a short run.

    Args:
        bundle: The model.

    Yields:
        The measurements of each device, in the order of the table.
    """
    from tintype.engine.predict import Engine  # here because it imports this module

    engine = Engine(bundle)
    for device in DEVICES.values():
        try:
            check_device(device)
            start, seconds = _timed(engine.network(cast(DeviceName, device.name)))
            share = measure(engine, cast(DeviceName, device.name))
        except (ModelError, UsageError) as error:
            why = str(error).removeprefix(f"The device {device.name} is not available: ")
            yield Found(device.name, device.tried, f"{why[:1].upper()}{why[1:]}")
        else:
            yield Found(device.name, device.tried, "", start, seconds, share)


def _timed(network: Network) -> tuple[float, float]:
    """Seconds until the first result, and of the fastest run after it."""
    L = np.linspace(0, 100, _INPUT * _INPUT, dtype=np.float32).reshape(1, 1, _INPUT, _INPUT)
    taken = []
    for _ in range(1 + _ROUNDS):
        began = time.perf_counter()
        network.run(L)
        taken.append(time.perf_counter() - began)
    return taken[0], min(taken[1:])
