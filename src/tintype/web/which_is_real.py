"""Which is real? Pairs of a true photograph and its coloured grey, and a count of who was fooled.

Source: R. Zhang, P. Isola, A. Efros, "Colorful Image Colorization", ECCV 2016, section 3.1, whose
real-or-fake test this is, at home; the interval is Wilson's (E. B. Wilson, "Probable Inference, the
Law of Succession, and Statistical Inference", 1927).
"""

import csv
import io
import math
import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import UsageError, shown
from tintype.files.local import read_input
from tintype.photo.decode import decode_colors
from tintype.photo.encode import encode
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.photo import Metadata, Photo, rgb_to_grey
from tintype.web.errors import GoneError, MalformedError

SIDE = 640
"""Longest side of a shown picture, in pixels."""
_SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer.

    Attributes:
        number: Of the pair.
        file: Its true photograph.
        real: The side it stood on.
        taken: The side that somebody took for it.
        seconds: How long that took.
    """

    number: int
    file: str
    real: str
    taken: str
    seconds: float


class Pairs:
    """The pairs of a folder, in an order and on sides that a seed decides.

    Beside ``name.jpg``, a file ``name.color.jpg`` is its coloured version, by whatever tool; where
    there is none, our own model makes one.

    Args:
        folder: Colour photographs.
        engine: The loaded model.
        seed: One seed gives the same pairs in the same order.

    Raises:
        UsageError: There are no photographs in the folder.
    """

    def __init__(self, folder: Path, engine: Engine, *, seed: int = 0) -> None:
        if not folder.is_dir():
            raise UsageError(
                f"{shown(folder)} is not a folder.", advice="Give a folder of photographs."
            )
        self._engine = engine
        every = sorted(f for f in folder.iterdir() if format_of_suffix(f.suffix) and f.is_file())
        self._files = [file for file in every if not file.stem.endswith(".color")]
        if not self._files:
            raise UsageError(f"There is no photograph in {shown(folder)}.")
        draw = random.Random(seed)
        draw.shuffle(self._files)
        self._real = [draw.choice(_SIDES) for _ in self._files]
        self._answers: list[Answered] = []
        self._shown: dict[int, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._files)

    def picture(self, number: int, side: str) -> bytes:
        """One of the two pictures as a JPEG, both with the same grey, size and compression.

        Args:
            number: From 0.
            side: ``left`` or ``right``.

        Raises:
            GoneError: There is no such pair.
            PhotoError: Its file cannot be read, or is no colour photograph.
        """
        self._check(number, side)
        with self._lock:
            if number not in self._shown:
                self._shown.clear()  # one pair at a time is looked at
                self._shown[number] = self._make(self._files[number])
            true, ours = self._shown[number]
        return true if side == self._real[number] else ours

    def _make(self, file: Path) -> tuple[bytes, bytes]:
        true = _shrunk(decode_colors(read_input(file, max_pixels=MAX_PIXELS), name=shown(file))[0])
        rivals = list(file.parent.glob(f"{_escaped(file.stem)}.color.*"))
        if rivals:
            data = read_input(rivals[0], max_pixels=MAX_PIXELS)
            other = decode_colors(data, name=shown(rivals[0]))[0]
            size = (true.shape[1], true.shape[0])
            resized = Image.fromarray(other).resize(size, Image.Resampling.BICUBIC)
            return _jpeg(true), _jpeg(np.asarray(resized))
        photo = Photo(rgb_to_grey(true), None, "grey", Metadata("JPEG"))
        colored = self._engine.colorize(photo, Settings()).color
        assert isinstance(colored, np.ndarray)
        return _jpeg(true), _jpeg(colored)

    def answer(self, number: int, taken: str, seconds: float) -> dict[str, Any]:
        """Counts an answer.

        Args:
            number: Of the pair.
            taken: The side that somebody took for the true one.
            seconds: How long that took.

        Returns:
            Which was real, and `facts`.

        Raises:
            GoneError: There is no such pair.
            MalformedError: It was answered already, or `taken` is no side.
        """
        self._check(number, taken)
        with self._lock:
            if any(answer.number == number for answer in self._answers):
                raise MalformedError(f"Pair {number} has already been answered.")
            name, real = self._files[number].name, self._real[number]
            self._answers.append(Answered(number, name, real, taken, seconds))
        return {"real": self._real[number]} | self.facts()

    def facts(self) -> dict[str, Any]:
        """How many pairs there are, how often somebody was fooled, and what that may be in truth.

        Returns:
            ``pairs``, ``answered``, ``fooled``, ``rate`` and its 95 % interval ``low`` to ``high``;
            50 % is a perfect colorizer.
        """
        answered = len(self._answers)
        fooled = sum(answer.taken != answer.real for answer in self._answers)
        low, high = wilson(fooled, answered)
        rate = fooled / answered if answered else None
        return {
            "pairs": len(self._files),
            "answered": answered,
            "fooled": fooled,
            "rate": rate,
            "low": low,
            "high": high,
        }

    def csv(self) -> str:
        """Every answer, a line each."""
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(["number", "file", "real", "taken", "fooled", "seconds"])
        for a in self._answers:
            rows.writerow(
                [a.number, a.file, a.real, a.taken, int(a.taken != a.real), f"{a.seconds:.2f}"]
            )
        return out.getvalue()

    def _check(self, number: int, side: str) -> None:
        if side not in _SIDES:
            raise MalformedError("The side must be left or right.")
        if not 0 <= number < len(self._files):
            raise GoneError(f"There are {len(self._files)} pairs, counted from 0.")


def wilson(hits: int, trials: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share; (0, 1) where nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    middle = share + z * z / (2 * trials)
    scale = 1 + z * z / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def _shrunk(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(rgb)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(image)


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    photo = Photo(rgb_to_grey(rgb), None, "color", Metadata("JPEG"), color=rgb)
    return encode([photo], format="JPEG", provenance=None).data


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
