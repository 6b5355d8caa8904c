"""Reads the times of all packets of a film, and decides what has to be corrected.

The result is a `FilmClock`; `tintype.video.clock` explains what is corrected and why.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer

from tintype.video.clock import FINE, AnyPacket, FilmClock, StreamClock, is_cover
from tintype.video.container import is_broadcast, open_film

_FORWARD = 10  # seconds; a shorter gap belongs to the recording, and is kept
_BACKWARD = 2  # frames; less counts as a stumble
_INTERLEAVED = 2  # maximum distance in the file between sound and its pictures, seconds
_LATE = 1  # seconds; in containers whose clock starts at 0, an earlier start is intended
_SMALLEST = 88_200  # in `FINE`, between two packets: 1/8000 s, the coarsest clock of sound
_SEARCH = 100  # packets after which times that do not continue count as another clock
_NO_TIME = -(1 << 63)
_IN_ORDER = ("audio", "video")  # kinds of streams whose times have to increase


@dataclass(slots=True)
class _Track:
    """The packets of one stream, in file order.

    Attributes:
        kind: FFmpeg's media type, such as ``audio``.
        unit: Seconds.
        times: Decoding times in `unit`; `_NO_TIME` if missing.
        places: Numbers of the packets among all packets of the file.
        step: Typical duration of a packet in `unit`.
        shown: Times at which the first packets are shown.
    """

    kind: str
    unit: Fraction
    times: "array[int]" = field(default_factory=lambda: array("q"))
    places: "array[int]" = field(default_factory=lambda: array("q"))
    step: int = 1
    shown: list[int | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the file with one clock.

    Attributes:
        place: Number of its first video packet among all packets of the file.
        begin: Seconds, of its first video packet.
        end: Seconds, of the end of its last one.
    """

    place: int
    begin: Fraction
    end: Fraction


def read_clock(path: Path, video: int) -> FilmClock:
    """Reads the times of all packets of a film, and decides what has to be corrected.

    Args:
        path: The film.
        video: Index of the stream that is coloured.

    Raises:
        FilmError: The file cannot be opened.
    """
    with open_film(path) as container:
        own_zero = not is_broadcast(container)
        tracks = _tracks(container)
    pictures = tracks.get(video)
    if pictures is None:
        return FilmClock()
    parts = _parts(pictures, tracks, jumps=not own_zero)
    assigned = {
        index: [0] * len(track.times) if len(parts) == 1 else _assign(track, parts, pictures)
        for index, track in tracks.items()
    }
    moves = _moves(parts, tracks, assigned)
    begin = _begin(tracks, assigned, own_zero=own_zero)
    offsets = [move - begin for move in moves]
    streams = {
        index: _corrected(track, assigned[index], offsets, keep=index == video)
        for index, track in tracks.items()
    }
    plain = StreamClock()
    return FilmClock(
        begin=begin,
        streams={index: stream for index, stream in streams.items() if stream != plain},
        joins=tuple(part.begin + move for part, move in zip(parts, offsets, strict=True))[1:],
        end=parts[-1].end + offsets[-1],
    )


# ----- what is in the file -----


def _tracks(container: InputContainer) -> dict[int, _Track]:
    tracks: dict[int, _Track] = {}
    for place, packet in enumerate(_packets(container)):
        if packet.size == 0 or is_cover(packet.stream):
            continue
        track = tracks.get(packet.stream_index)
        if track is None:
            track = _Track(packet.stream.type, packet.time_base)
            tracks[packet.stream_index] = track
        time = packet.dts if packet.dts is not None else packet.pts
        track.times.append(_NO_TIME if time is None else time)
        track.places.append(place)
        if len(track.shown) < _SEARCH:
            track.shown.append(packet.pts if packet.pts is not None else packet.dts)
    for track in tracks.values():
        known = [time for time in track.times if time != _NO_TIME]
        gaps = sorted(later - time for time, later in pairwise(known) if later > time)
        track.step = gaps[len(gaps) // 2] if gaps else 1
    return tracks


def _packets(container: InputContainer) -> Iterator[AnyPacket]:
    """Packets, as far as the film can be read; damage is reported when the frames are read."""
    try:
        yield from container.demux()
    except (av.FFmpegError, OSError):
        return


# ----- where the clock jumps -----


def _parts(video: _Track, tracks: Mapping[int, _Track], *, jumps: bool) -> list[_Part]:
    """Divides a file into parts, each with one clock.

    Args:
        video: The stream that is coloured.
        tracks: All streams.
        jumps: Whether the clock of the container may jump ahead.
    """
    unit, step = video.unit, video.step
    known = [number for number, time in enumerate(video.times) if time != _NO_TIME]
    if not known:
        return [_Part(0, Fraction(0), Fraction(0))]
    starts = [known[0]]
    for before, number, after in zip(known, known[1:], [*known[2:], None], strict=False):
        old, new = video.times[before], video.times[number]
        then = new + step if after is None else video.times[after]
        back = new < old - _BACKWARD * step and then <= old
        ahead = jumps and (new - old) * unit > _FORWARD and then >= new
        if back or (ahead and not _is_gap(old * unit, new * unit, tracks)):
            starts.append(number)
    ends = [video.times[_last_before(known, start)] + step for start in starts[1:]]
    ends.append(video.times[known[-1]] + step)
    return [
        _Part(video.places[start], video.times[start] * unit, end * unit)
        for start, end in zip(starts, ends, strict=True)
    ]


def _last_before(known: Sequence[int], number: int) -> int:
    return known[bisect_right(known, number) - 2]


def _is_gap(before: Fraction, after: Fraction, tracks: Mapping[int, _Track]) -> bool:
    """Whether sound continues where pictures are missing, so the clock did not jump."""
    for track in tracks.values():
        if track.kind == "audio":
            low, high = (before + 1) / track.unit, (after - 1) / track.unit
            if any(low < time < high for time in track.times):
                return True
    return False


def _assign(track: _Track, parts: Sequence[_Part], video: _Track) -> list[int]:
    """The part of each packet. Streams are interleaved, so they do not all jump at one place."""
    places = [part.place for part in parts]
    dense = track.kind in _IN_ORDER
    near = _INTERLEAVED / track.unit
    found, current = [], 0
    before: int | None = None
    for place, time in zip(track.places, track.times, strict=True):
        here = max(0, bisect_right(places, place) - 1)
        if track is video or time == _NO_TIME:
            current = max(current, here)
        else:
            goes_on = dense and before is not None and before <= time < before + near
            if not goes_on or time * track.unit > parts[current].end + _INTERLEAVED:
                now = video.times[max(0, bisect_right(video.places, place) - 1)] * video.unit
                current = max(current, _nearest(time * track.unit, here, now, parts))
            before = time
        found.append(current)
    return found


def _nearest(time: Fraction, here: int, now: Fraction, parts: Sequence[_Part]) -> int:
    """The part whose clock shows a time: that of the surrounding pictures, or one next to it.

    Args:
        time: Seconds.
        here: The part of the surrounding pictures.
        now: Seconds, the time of these pictures.
        parts: All parts.
    """
    away = {here: abs(time - now)}
    if here > 0 and now < parts[here].begin + _INTERLEAVED:
        away[here - 1] = abs(time - parts[here - 1].end)
    if here + 1 < len(parts) and now > parts[here].end - _INTERLEAVED:
        away[here + 1] = abs(time - parts[here + 1].begin)
    return min(away, key=lambda part: (away[part], abs(part - here)))


def _moves(
    parts: Sequence[_Part], tracks: Mapping[int, _Track], assigned: Mapping[int, list[int]]
) -> list[Fraction]:
    """Seconds to move each part by, so no stream of it begins before the previous part ended."""
    moves = [Fraction(0)]
    for number in range(1, len(parts)):
        moves.append(parts[number - 1].end + moves[-1] - parts[number].begin)
        for index, track in tracks.items():
            if track.kind != "audio":
                continue
            old = _times_of(track, assigned[index], number - 1)
            new = _times_of(track, assigned[index], number)
            if old and new:
                end = (max(old) + track.step) * track.unit + moves[-2]
                moves[-1] = max(moves[-1], end - min(new) * track.unit)
    return moves


def _times_of(track: _Track, assigned: Sequence[int], part: int) -> list[int]:
    return [
        time
        for time, its in zip(track.times, assigned, strict=True)
        if its == part and time != _NO_TIME
    ]


def _begin(
    tracks: Mapping[int, _Track], assigned: Mapping[int, list[int]], *, own_zero: bool
) -> Fraction:
    """Seconds on the container's clock at which the film begins; 0 if its own zero applies."""
    starts = [
        shown * track.unit
        for index, track in tracks.items()
        if track.kind in _IN_ORDER
        for shown, part in zip(track.shown, assigned[index], strict=False)
        if shown is not None and part == 0
    ]
    begin = min(starts, default=Fraction(0))
    return Fraction(0) if own_zero and begin <= _LATE else begin


# ----- the corrections of one stream -----


def _corrected(
    track: _Track, assigned: Sequence[int], offsets: Sequence[Fraction], *, keep: bool
) -> StreamClock:
    """The corrections of a stream.

    Args:
        track: The stream.
        assigned: The part of each packet.
        offsets: Of each part, seconds.
        keep: Whether to keep times that do not increase: decoding puts frames in order.
    """
    starts, found = [0], [offsets[assigned[0]] if assigned else offsets[0]]
    for number, (old, new) in enumerate(pairwise(assigned), 1):
        if old != new:
            starts.append(number)
            found.append(offsets[new])
    clock = StreamClock(tuple(starts), tuple(found))
    if track.kind not in _IN_ORDER:
        return clock
    fine = track.unit / FINE
    moves = [round(offset / FINE) for offset in clock.offsets]
    times: list[int | None] = []
    at = 0
    for number, time in enumerate(track.times):
        at += at + 1 < len(starts) and starts[at + 1] <= number
        times.append(None if time == _NO_TIME else round(time * fine) + moves[at])
    step = round(track.step * fine)
    repaired = _outliers(times) if keep else _repaired(times, step)
    close = (times[number] for number in repaired)
    wrong = sum(
        old is None or abs(old - new) > fine
        for old, new in zip(close, repaired.values(), strict=True)
    )
    return StreamClock(clock.starts, clock.offsets, repaired, wrong)


def _outliers(times: Sequence[int | None]) -> dict[int, int]:
    """Single packets whose time is far from those of both neighbours, which are consecutive.

    Args:
        times: Decoding times in `FINE`, or None.
    """
    far = _FORWARD / FINE
    found = {}
    for number in range(1, len(times) - 1):
        before, time, after = times[number - 1 : number + 2]
        if before is None or time is None or after is None:
            continue
        if abs(time - before) > far and abs(time - after) > far and 0 < after - before < far:
            found[number] = before + (after - before) // 2
    return found


def _repaired(times: Sequence[int | None], step: int) -> dict[int, int]:
    """The packets whose time is missing or does not increase, and what it should be.

    Args:
        times: Decoding times in `FINE`, or None.
        step: Typical duration of a packet.
    """
    # With a shorter step, a packet moved behind the last one would still be too close to it.
    step = max(step, _SMALLEST)
    found: dict[int, int] = {}
    last: int | None = None
    number = moved = 0
    while number < len(times):
        time = times[number]
        time = None if time is None else time + moved
        after = next((t + moved for t in times[number + 1 : number + 2] if t is not None), None)
        stumbles = last is not None and time is not None and time < last + _SMALLEST
        ahead = False  # later than the next packet, and less plausible
        if last is not None and time is not None and after is not None and last < after < time:
            ahead = abs(time - last - step) > abs(after - last - step)
        if time is not None and not stumbles and not ahead:
            if moved:
                found[number] = time
            last, number = time, number + 1
            continue
        start = 0 if last is None else last + step
        until = _goes_on(times, number, last, moved)
        if until is None and time is not None:
            moved += start - time  # another clock, which starts anew
            continue
        count = (len(times) if until is None else until) - number
        for at in range(count):
            if until is None:
                found[number + at] = start + at * step
                continue
            end = cast(int, times[until]) + moved
            first = end - (count + 1) * step if last is None else last
            found[number + at] = first + (end - first) * (at + 1) // (count + 1)
        last, number = found[number + count - 1], number + count
    return found


def _goes_on(times: Sequence[int | None], number: int, last: int | None, moved: int) -> int | None:
    """The next packet whose time leaves room for those since the last good one, or None."""
    for at in range(number + 1, min(len(times), number + _SEARCH)):
        time = times[at]
        if time is None:
            continue
        room = (at - number + 1) * _SMALLEST
        after = next((t for t in times[at + 1 : at + 2] if t is not None), None)
        if (last is None or time + moved >= last + room) and (after is None or after > time):
            return at
    return None
