"""The clock of a film: the times of all its streams, checked before the first frame is coloured.

In recordings of broadcasts and copies of discs the clock starts anywhere, restarts where two
recordings were joined, and stumbles where reception was bad. Muxers refuse such times, and only at
the end. So all packets are read once in advance, and corrections are decided for all streams
together: sound stays in sync with its pictures.

- A film begins at 0, even if its clock does not.
- Where the clock jumps, the film continues: from there, all streams are shifted by the same time.
- Times that are missing or do not increase are interpolated between their neighbours.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from av.packet import Packet
from av.stream import Disposition, Stream

AnyPacket: TypeAlias = "Packet[Any]"  # generic for type checkers only

FINE = Fraction(1, 705_600_000)
"""Seconds; the ticks of all common clocks are multiples. Short packets have less than one tick."""

_AT_JOIN = 3  # packets


@dataclass(frozen=True, slots=True)
class StreamClock:
    """Corrections for the packets of one stream, numbered from 0 in file order.

    Attributes:
        starts: Numbers of packets from which another offset applies; the first is 0.
        offsets: Seconds that are added to the times of the packets, for each start.
        repaired: Corrected decoding times of single packets, by number, in `FINE`.
        wrong: How many of these were off by more than the rounding of the container.
    """

    starts: tuple[int, ...] = (0,)
    offsets: tuple[Fraction, ...] = (Fraction(0),)
    repaired: Mapping[int, int] = field(default_factory=dict)
    wrong: int = 0

    def offset(self, number: int) -> Fraction:
        """Seconds that are added to the times of a packet."""
        return self.offsets[bisect_right(self.starts, number) - 1]


@dataclass(frozen=True, slots=True)
class FilmClock:
    """Corrections for all streams of a film.

    Attributes:
        begin: Seconds on the clock of the file at which the film begins; 0 if nothing is shifted.
        streams: By their index.
        joins: Seconds, on the corrected clock, at which the clock of the file jumps.
        end: Seconds, on the corrected clock, at which the video ends.
    """

    begin: Fraction = Fraction(0)
    streams: Mapping[int, StreamClock] = field(default_factory=dict)
    joins: tuple[Fraction, ...] = ()
    end: Fraction | None = None

    @property
    def seekable(self) -> bool:
        """Whether reading may begin anywhere: times are unambiguous, and no packet is counted."""
        return not self.joins and not any(
            len(stream.starts) > 1 or stream.repaired for stream in self.streams.values()
        )

    @property
    def wrong(self) -> int:
        """Number of packets whose times were missing or did not increase."""
        return sum(stream.wrong for stream in self.streams.values())

    def corrector(self) -> Callable[[AnyPacket], bool]:
        """A function that corrects the times of packets one by one as they are read.

        It returns whether the packet is at a join. FFmpeg calls such packets corrupt, because the
        counters of the container jump there too.
        """
        seen: dict[int, int] = {}

        def correct(packet: AnyPacket) -> bool:
            if packet.size == 0:
                return False
            index = packet.stream_index
            number = seen.get(index, 0)
            seen[index] = number + 1
            stream = self.streams.get(index)
            if stream is None or is_cover(packet.stream):
                return False
            ticks = round(stream.offset(number) / packet.time_base)
            pts, dts = packet.pts, packet.dts
            packet.pts = None if pts is None else pts + ticks
            packet.dts = None if dts is None else dts + ticks
            if number in stream.repaired:
                _set_time(packet, stream.repaired[number])
            return any(abs(number - start) <= _AT_JOIN for start in stream.starts[1:])

        return correct


def is_cover(stream: Stream) -> bool:
    """Whether a stream is a cover picture, which has no time."""
    return bool(stream.disposition & Disposition.attached_pic)


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; empty if it has none."""
    context = stream.codec_context
    codec = getattr(context, "codec", None)
    name = getattr(context, "name", None) if codec is None else codec.canonical_name
    return name or ""


def _set_time(packet: AnyPacket, time: int) -> None:
    """Sets the decoding time of a packet, in `FINE`."""
    if packet.stream.type == "audio":
        packet.duration = round((packet.duration or 0) * packet.time_base / FINE)
        packet.time_base = FINE
        packet.pts = packet.dts = time
    else:  # decoders need all times in one unit, and work out when the frame is shown
        packet.pts, packet.dts = None, round(time * FINE / packet.time_base)
