"""Timecode: what time of day, or of a tape, each frame has (SMPTE ST 12-1).

A film carries the timecode of its first frame, and players count on from there. Containers state
it, or the frames themselves do: the GOP headers of MPEG-2, the messages of H.264 and HEVC.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

_PATTERN = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})([:;.])(\d{1,3})")
_DAY = 24 * 3600
_MAX_RATE = 255  # that a timecode track can state
_TOLERANCE = 1  # seconds; a GOP header speaks of the frame shown first, not of the one coded first
_DROPPED = Fraction(1001, 1000)  # nominal by real rate of those films that drop frame numbers


@dataclass(frozen=True, slots=True)
class Timecode:
    """The timecode of a frame.

    Attributes:
        number: Of the frame, counted from midnight.
        rate: Frames that a second is counted as.
        drop: Whether two (at 60: four) numbers are left out each minute but every tenth, so that a
            film of 29.97 frames a second stays with the clock.
    """

    number: int
    rate: int
    drop: bool

    def __add__(self, frames: int) -> "Timecode":
        seconds = 600 * self.rate - 9 * self._left_out if self.drop else self.rate
        day = seconds * (144 if self.drop else _DAY)
        return Timecode((self.number + frames) % day, self.rate, self.drop)

    def __str__(self) -> str:
        number = self.number
        if self.drop:
            tens, rest = divmod(number, 600 * self.rate - 9 * self._left_out)
            minute = 60 * self.rate - self._left_out
            minutes = max(0, (rest - self._left_out) // minute)
            number += self._left_out * (9 * tens + minutes)
        seconds, frames = divmod(number, self.rate)
        hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if self.drop else ':'}{frames:02}"

    @property
    def _left_out(self) -> int:
        """Numbers left out in a minute."""
        return self.rate // 15


def read_timecode(text: str, rate: Fraction) -> Timecode | None:
    """Reads a timecode, as containers and FFmpeg write it.

    Args:
        text: ``01:02:03:04``, or ``01:02:03;04`` where frame numbers are dropped.
        rate: Of the film, frames per second.

    Returns:
        None if it is none, or none of a film of this rate.
    """
    match = _PATTERN.fullmatch(text.strip())
    nominal = round(rate)
    if match is None or not 1 <= nominal <= _MAX_RATE:
        return None
    hours, minutes, seconds, frames = (int(match[n]) for n in (1, 2, 3, 5))
    drop = match[4] != ":"
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        return None
    if drop and (nominal % 30 or rate * _DROPPED != nominal):
        return None
    number = (hours * 3600 + minutes * 60 + seconds) * nominal + frames
    if drop:
        total = hours * 60 + minutes
        number -= nominal // 15 * (total - total // 10)
    return Timecode(number, nominal, drop)


def start_of(
    found: Iterable[tuple[Fraction, str]], rate: Fraction
) -> tuple[str | None, str | None]:
    """The timecode of the first frame by those that frames of a film state.

    Args:
        found: Seconds since the first frame, and what the frame states there.
        rate: Of the film, frames per second.

    Returns:
        The timecode, None if there is none or it says nothing; and a sentence for users where it
        does not go on as it begins, or None. Many encoders write zero everywhere.
    """
    read = [(seconds, read_timecode(text, rate)) for seconds, text in sorted(found)]
    stated = [(seconds, code) for seconds, code in read if code is not None]
    if not any(code.number for _, code in stated):
        return None, None
    starts = [code + -round(seconds * rate) for seconds, code in stated]
    first = starts[0]
    steady = all(_distance(first, start) <= _TOLERANCE * first.rate for start in starts)
    if first.number == 0:
        sentence = "The timecodes of its frames do not count from its beginning; they are lost."
        return None, None if steady else sentence
    sentence = f"Its timecode jumps; the coloured film counts on from {first}."
    return str(first), None if steady else sentence


def _distance(one: Timecode, other: Timecode) -> int:
    """Frames between two timecodes, which may be on both sides of midnight."""
    forward = (one + -other.number).number
    return min(forward, (other + -one.number).number)
