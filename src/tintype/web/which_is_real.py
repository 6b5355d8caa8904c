"""Which is real? Pairs of a real photograph and its recoloured grey version, and the fooling rate.

Source: the real-or-fake test of R. Zhang, P. Isola, A. Efros, "Colorful Image Colorization", ECCV
2016, section 3.1; the interval is Wilson's (E. B. Wilson, "Probable Inference, the Law of
Succession, and Statistical Inference", 1927).
"""

import csv
import io
import math
import random
import secrets
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.engine.devices import DeviceName
from tintype.engine.predict import Engine
from tintype.engine.settings import SETTINGS, Settings
from tintype.errors import PhotoError, UnreadablePhotoError, UsageError, shown
from tintype.files.local import read_input
from tintype.photo.decode import decode_colors
from tintype.photo.encode import encode
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.photo import Metadata, Photo, rgb_to_grey
from tintype.web.errors import GoneError, MalformedError

SIDE = 640
"""Longest side of a displayed picture, in pixels."""
_SIDES = ("left", "right")
SHARED = ""
"""The round of clients that did not begin one, with all pairs; each key has its own answers."""
_LOOK = "Look at the files in the folder that --pairs names."
_SHOWN = 16  # cached encoded pairs
_ROUNDS = 1000  # of all keys; their answers still count when they are dropped
_ANSWERS = 100_000  # of all keys


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer.

    Attributes:
        round: Number of the round, from 1; 0 for one that was not begun.
        number: Of the pair in it.
        file: Name of the real photograph.
        real: The side it was shown on.
        taken: The side that the visitor chose as real.
        seconds: Time to answer.
    """

    round: int
    number: int
    file: str
    real: str
    taken: str
    seconds: float


@dataclass(slots=True)
class _Round:
    """The pairs shown to one visitor.

    Attributes:
        number: From 1; 0 for one that was not begun.
        files: The indices of the photographs, in display order.
        real: The side on which each real photograph is shown.
        answers: By the number of the pair.
    """

    number: int
    files: list[int]
    real: list[str]
    answers: dict[int, Answered] = field(default_factory=dict)


class Pairs:
    """The pairs of a folder, with order and sides determined by a seed.

    Each key sees only its own rounds, and what is kept for one is dropped only while it has most.

    A file ``name.color.jpg`` beside ``name.jpg`` is its coloured version, made by any tool; if it
    is missing, our own model makes one.

    Args:
        folder: Colour photographs.
        engine: The loaded model.
        seed: The same seed produces the same rounds in the same order.
        device: What the network runs on.
        max_pixels: Photographs with more pixels are refused.

    Raises:
        UsageError: There are no photographs in the folder.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        *,
        seed: int = 0,
        device: DeviceName = SETTINGS["device"].default,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if not folder.is_dir():
            raise UsageError(
                f"{shown(folder)} is not a folder.", advice="Give a folder of photographs."
            )
        self._engine = engine
        self._settings = Settings(device=device)
        self._max_pixels = max_pixels
        every = sorted(filter(_is_picture, folder.iterdir()))
        self._files = [file for file in every if not file.stem.endswith(".color")]
        if not self._files:
            raise UsageError(f"There is no photograph in {shown(folder)}.")
        self._draw = random.Random(seed)
        self._asked: Counter[int] = Counter()
        self._unreadable: set[int] = set()  # those found so far
        self._begun = -1
        self._rounds: OrderedDict[tuple[str, str], _Round] = OrderedDict()  # by owner and name
        self._all = self._deal(len(self._files))
        self._answers: dict[str, deque[Answered]] = {}  # by owner
        self._shown: OrderedDict[int, tuple[bytes, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def __len__(self) -> int:
        return len(self._files) - len(self._unreadable)

    def _deal(self, most: int) -> _Round:
        """Draws at most this many pairs that can be shown, preferring those shown least often."""
        files = [file for file in range(len(self._files)) if file not in self._unreadable]
        self._draw.shuffle(files)
        files = sorted(files, key=lambda file: self._asked[file])[:most]
        self._begun += 1
        if self._begun:  # the first one contains all pairs, and may never be played
            self._asked.update(files)
        self._draw.shuffle(files)
        return _Round(self._begun, files, [self._draw.choice(_SIDES) for _ in files])

    def begin(self, most: int, *, owner: str = "") -> str:
        """Begins a round for one visitor.

        Args:
            most: Maximum number of pairs.
            owner: The visitor's key.

        Returns:
            Its name, for the other methods.

        Raises:
            UnreadablePhotoError: No pair can be shown.
        """
        name = secrets.token_urlsafe(9)
        with self._lock:
            if not len(self):
                raise UnreadablePhotoError("None of the pairs can be shown.", advice=_LOOK)
            self._keep(owner, name, self._deal(most))
        return name

    def _keep(self, owner: str, name: str, new: _Round) -> None:
        """Adds a round; if there are too many, the oldest of the key with the most is dropped."""
        counts = Counter(owner for owner, _ in self._rounds)
        counts[owner] += 1
        if len(self._rounds) >= _ROUNDS:
            most = max(counts[owner] for owner, _ in self._rounds)
            oldest = [key for key in self._rounds if counts[key[0]] == most]
            # Pairs of a round that was not begun could be answered again if it were dropped.
            del self._rounds[min(oldest, key=lambda key: key[1] == SHARED)]
        self._rounds[owner, name] = new

    def picture(self, number: int, side: str, *, name: str = SHARED, owner: str = "") -> bytes:
        """One of the two pictures as a JPEG, both with the same grey, size and compression.

        Args:
            number: From 0.
            side: ``left`` or ``right``.
            name: Of the round.
            owner: The visitor's key.

        Raises:
            GoneError: There is no such pair, or the visitor has no such round.
            UnreadablePhotoError: Its file cannot be read, or is not a colour photograph. The error
                does not reveal the file's name or path to the visitor.
        """
        with self._lock:
            playing = self._round(owner, name, number, side)
        file = playing.files[number]
        with self._making:
            if file not in self._shown:
                try:
                    self._shown[file] = self._make(self._files[file])
                except PhotoError:
                    with self._lock:
                        self._unreadable.add(file)
                    raise _not_shown(number) from None
                with self._lock:
                    self._unreadable.discard(file)  # its files were mended
                if len(self._shown) > _SHOWN:
                    self._shown.popitem(last=False)
            self._shown.move_to_end(file)
            true, ours = self._shown[file]
        return true if side == playing.real[number] else ours

    def _make(self, file: Path) -> tuple[bytes, bytes]:
        true = _shrunk(self._colors(file))
        rivals = sorted(filter(_is_picture, file.parent.glob(f"{_escaped(file.stem)}.color.*")))
        if rivals:
            size = (true.shape[1], true.shape[0])
            resized = Image.fromarray(self._colors(rivals[0])).resize(
                size, Image.Resampling.BICUBIC
            )
            return _jpeg(true), _jpeg(np.asarray(resized))
        photo = Photo(rgb_to_grey(true), None, "grey", Metadata("JPEG"))
        colored = self._engine.colorize(photo, self._settings).color
        assert isinstance(colored, np.ndarray)
        return _jpeg(true), _jpeg(colored)

    def _colors(self, file: Path) -> NDArray[np.uint8]:
        most = self._max_pixels
        data = read_input(file, max_pixels=most)
        return decode_colors(data, name=shown(file), max_pixels=most)[0]

    def answer(
        self, number: int, taken: str, seconds: float, *, name: str = SHARED, owner: str = ""
    ) -> dict[str, Any]:
        """Records an answer.

        Args:
            number: Of the pair.
            taken: The side that the visitor chose as real.
            seconds: Time to answer.
            name: Of the round.
            owner: The visitor's key.

        Returns:
            The real side, and `facts`.

        Raises:
            GoneError: There is no such pair, or the visitor has no such round.
            MalformedError: It was already answered, or `taken` is not a side.
            UnreadablePhotoError: Its pictures cannot be shown, so the answer would be a guess.
        """
        with self._lock:
            playing = self._round(owner, name, number, taken)
            if playing.files[number] in self._unreadable:
                raise _not_shown(number)
            if number in playing.answers:
                raise MalformedError(f"Pair {number} has already been answered.")
            file, real = self._files[playing.files[number]].name, playing.real[number]
            given = Answered(playing.number, number, file, real, taken, seconds)
            playing.answers[number] = given
            self._answers.setdefault(owner, deque()).append(given)
            if sum(map(len, self._answers.values())) > _ANSWERS:
                max(self._answers.values(), key=len).popleft()
        return {"real": real} | self.facts(name=name, owner=owner)

    def facts(self, *, name: str = SHARED, owner: str = "") -> dict[str, Any]:
        """The results of a round, and of all rounds together.

        Args:
            name: Of the round.
            owner: The visitor's key.

        Returns:
            The number of ``pairs`` of the round, `_count` of its answers, the ``answers`` with
            ``number``, ``real`` and ``taken``, and under ``everyone`` the count of all rounds.

        Raises:
            GoneError: The visitor has no such round.
        """
        with self._lock:
            playing = self._round(owner, name)
            answers = [playing.answers[number] for number in sorted(playing.answers)]
            everyone = _count(chain.from_iterable(self._answers.values()))
        told = [{"number": a.number, "real": a.real, "taken": a.taken} for a in answers]
        pairs = {"pairs": len(playing.files)}
        return pairs | _count(answers) | {"answers": told, "everyone": everyone}

    def csv(self, *, owner: str | None = None) -> str:
        """Answers as CSV, one per line.

        Args:
            owner: Only those of this key; None gives all.
        """
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(["number", "file", "real", "taken", "fooled", "seconds", "round"])
        with self._lock:
            kept = self._answers if owner is None else {owner: self._answers.get(owner, ())}
            answers = list(chain.from_iterable(kept.values()))
        for a in answers:
            fooled = int(a.taken != a.real)
            rows.writerow(
                [
                    a.number,
                    _plain_cell(a.file),
                    a.real,
                    a.taken,
                    fooled,
                    f"{a.seconds:.2f}",
                    a.round,
                ]
            )
        return out.getvalue()

    def _round(self, owner: str, name: str, number: int = 0, side: str = _SIDES[0]) -> _Round:
        """The round of this name, after checking the number and the side."""
        if side not in _SIDES:
            raise MalformedError("The side must be left or right.")
        if name == SHARED and (owner, name) not in self._rounds:
            self._keep(owner, name, replace(self._all, answers={}))
        playing = self._rounds.get((owner, name))
        if playing is None:
            raise GoneError("This round is no longer known.", advice="Begin another one.")
        if not 0 <= number < len(playing.files):
            raise GoneError(f"There are {len(playing.files)} pairs, counted from 0.")
        return playing


def _is_picture(file: Path) -> bool:
    """Whether it is a regular file, or a link to one, with the name of a picture."""
    return format_of_suffix(file.suffix) is not None and file.is_file()


def _not_shown(number: int) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"The photographs of pair {number} cannot be shown.", advice=_LOOK)


def _count(answers: Iterable[Answered]) -> dict[str, Any]:
    """How often visitors were fooled, with a confidence interval.

    Returns:
        ``answered``, ``fooled``, ``rate`` and its 95 % confidence interval, ``low`` to ``high``; a
        perfect colorizer reaches 50 %.
    """
    fooled = [answer.taken != answer.real for answer in answers]
    low, high = wilson(sum(fooled), len(fooled))
    rate = sum(fooled) / len(fooled) if fooled else None
    return {
        "answered": len(fooled),
        "fooled": sum(fooled),
        "rate": rate,
        "low": low,
        "high": high,
    }


def wilson(hits: int, trials: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a proportion; (0, 1) without trials."""
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


def _plain_cell(text: str) -> str:
    """A name encodable in UTF-8, escaped so that a spreadsheet does not treat it as a formula.

    Source: OWASP, "CSV Injection".
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
