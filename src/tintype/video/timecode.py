"""Timecode: the time of day, or the position on a tape, of each frame (SMPTE ST 12-1).

A film stores the timecode of its first frame, and players count on from there. It is stated by the
container or by the frames themselves: in the GOP headers of MPEG-2, the messages of H.264 and HEVC.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

_PATTERN = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})([:;.])(\d{1,3})")
_DAY = 24 * 3600
_MAX_RATE = 255  # the highest rate that a timecode track can state
_TOLERANCE = 1  # seconds; a GOP header refers to the frame shown first, not the one coded first
_DROPPED = Fraction(1001, 1000)  # nominal over real rate of films that drop frame numbers


@dataclass(frozen=True, slots=True)
class Timecode:
    """The timecode of a frame.

    Attributes:
        number: The frame's number, counted from midnight.
        rate: Number of frames counted as a second.
        drop: Whether two numbers (at 60: four) are skipped each minute except every tenth, so a
            film with 29.97 frames per second stays in step with the clock.
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
        """Numbers skipped per minute."""
        return self.rate // 15


def read_timecode(text: str, rate: Fraction) -> Timecode | None:
    """Reads a timecode, as written by containers and FFmpeg.

    Args:
        text: ``01:02:03:04``, or ``01:02:03;04`` where frame numbers are dropped.
        rate: Of the film, frames per second.

    Returns:
        None if it is not a valid timecode, or not valid for a film of this rate.
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
    """The timecode of the first frame, derived from those that frames of a film state.

    Args:
        found: Seconds since the first frame, and the timecode stated there.
        rate: Of the film, frames per second.

    Returns:
        The timecode, or None if there is none or it is meaningless, as many encoders write zero
        everywhere; and a sentence for users if it does not continue as it begins, or None.
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
    """Frames between two timecodes, which may be on different sides of midnight."""
    forward = (one + -other.number).number
    return min(forward, (other + -one.number).number)
