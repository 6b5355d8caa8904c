"""How fast a device is, and how far its pixels are from the CPU's: measured, as drivers differ."""

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
    """Noise whose spectrum is that of photographs: the amplitude falls with the frequency.

    How far a device is from the CPU is about the same on it as on photographs.

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
    """The share of pixels of a sample for which a device is at most one step from the CPU.

    Args:
        engine: It runs its network on both.
        device: Any.
    """
    photo = sample()
    found = engine.colorize(photo, Settings(quality="normal", device=device)).color
    expected = engine.colorize(photo, Settings(quality="normal", device="cpu")).color
    assert isinstance(found, np.ndarray)
    assert isinstance(expected, np.ndarray)
    return alike(found, expected)


def share_text(share: float) -> str:
    """A share of pixels as people read it: never rounded up to all, or to what is promised."""
    steps = 100 if share >= 0.99 else 1
    return f"{np.floor(share * 100 * steps) / steps:g} %"


def note(device: Device, share: float) -> str:
    """What an output says of its device; empty where the pixels are the CPU's."""
    if share >= ALIKE:
        return ""
    return (
        f"Predicted on {device.title}, whose colours differ: of a sample, {share_text(share)} of "
        "the pixels are within one step of the CPU's."
    )


# ----- all of them -----

_INPUT = 256  # pixels on each side of the input that is timed
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to say of a device on this machine.

    Attributes:
        name: What ``--device`` takes.
        tried: Whether somebody has run this device before.
        missing: Why it is not available and what to do; empty where it is.
        start: Seconds until the first answer: the library, the network, and the first run.
        seconds: The best of a few runs on an input of 256 x 256 pixels, with all cores.
        alike: The share of pixels of a sample that are at most one step from the CPU's.
    """

    name: str
    tried: bool
    missing: str = ""
    start: float | None = None
    seconds: float | None = None
    alike: float | None = None

    def sentence(self) -> str:
        """What a person reads."""
        if self.seconds is None or self.start is None or self.alike is None:
            return f"not available. {self.missing}"
        text = f"{self.seconds * 1000:.0f} ms for {_INPUT} x {_INPUT} pixels, first answer after "
        text += f"{self.start:.1f} s"
        if self.name == AUTOMATIC:
            return f"{text}; the default"
        text += f"; {share_text(self.alike)} of the pixels within one step of the CPU's"
        return text if self.tried else f"{text}; not tried by the authors"


def survey(bundle: Bundle) -> Iterator[Found]:
    """Tries every device with a short run.

    Args:
        bundle: The model.

    Yields:
        What was found of each, in the order of the table.
    """
    from tintype.engine.predict import Engine  # which reads this module

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
    """Seconds until the first answer, and of the fastest one after it."""
    L = np.linspace(0, 100, _INPUT * _INPUT, dtype=np.float32).reshape(1, 1, _INPUT, _INPUT)
    taken = []
    for _ in range(1 + _ROUNDS):
        began = time.perf_counter()
        network.run(L)
        taken.append(time.perf_counter() - began)
    return taken[0], min(taken[1:])
