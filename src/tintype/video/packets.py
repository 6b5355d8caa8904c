"""The packets of the output: newly encoded video, and packets of other streams, by decoding time.

Packets are read from the segments and from the source one by one; none are kept in memory.
"""

import heapq
import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from tintype.video.clock import AnyPacket, codec_name, is_cover
from tintype.video.request import Window
from tintype.video.segments import SegmentStore
from tintype.video.sound import SoundConverter
from tintype.video.source import FilmSource, OtherStream

_INTERLEAVED = 2  # maximum distance in a file between sound and its pictures, seconds


class Timeline:
    """When the frames of the output are shown and decoded.

    Each segment has its own encoder, which is not aware of the decoding times of the others. So
    these are computed again over the whole film: the decoding time of a packet is the time at which
    the frame d positions earlier is shown, where d is the largest distance by which the encoder has
    moved a frame. H.264 requires no more.

    Args:
        store: The segments.
        source: The film.
        window: The part that was coloured; None is the whole film.

    Attributes:
        window: As given.
        shift: Seconds that are subtracted from all times, so that a part begins at 0.
    """

    def __init__(self, store: SegmentStore, source: FilmSource, window: Window | None) -> None:
        encoded = array("q")
        for index in store.segments:
            encoded.extend(index.pts)
        self._shown = array("q", sorted(encoded))
        positions = (bisect_left(self._shown, pts) for pts in encoded)
        self._delay = max((number - at for number, at in enumerate(positions)), default=0)
        step = self._shown[1] - self._shown[0] if len(self._shown) > 1 else 1
        self._before = [self._shown[0] - step * (self._delay - n) for n in range(self._delay)]
        self._last_duration = store.segments[-1].duration or step
        self.window = window
        self.shift = Fraction(0) if window is None else self._shown[0] * source.time_base

    def dts(self, number: int) -> int:
        """Decoding time of a packet.

        Args:
            number: Of the packet in the film, from 0.
        """
        if number < self._delay:
            return self._before[number]
        return int(self._shown[number - self._delay])

    def duration(self, pts: int) -> int:
        """How long a frame is shown.

        Args:
            pts: When it is shown.
        """
        following = bisect_left(self._shown, pts) + 1
        if following < len(self._shown):
            return int(self._shown[following]) - pts
        return self._last_duration


def merged_packets(
    container: InputContainer,
    streams: dict[int, Stream],
    copied: Sequence[OtherStream],
    source: FilmSource,
    *,
    store: SegmentStore,
    timeline: Timeline,
) -> Iterator[AnyPacket]:
    """All packets of the output by decoding time.

    Args:
        container: The source, opened for this.
        streams: Streams of the output, by the index of their stream in the source.
        copied: The other streams, and how they are written.
        source: The film.
        store: Its segments.
        timeline: Of the output.
    """
    video = _video_packets(streams[source.index], source, store, timeline)
    converters = {
        stream.index: SoundConverter(
            cast(AudioStream, container.streams[stream.index]),
            cast(AudioStream, streams[stream.index]),
        )
        for stream in copied
        if stream.encoder is not None
    }
    others = _copied_packets(container, streams, converters, source, timeline)
    return heapq.merge(video, others, key=_decoding_time)


def complete_times(packet: AnyPacket) -> None:
    """Sets the decoding time of a packet that has none, and both times of a cover picture."""
    if packet.pts is None and is_cover(packet.stream):
        packet.pts = 0
    if packet.dts is None:
        packet.dts = packet.pts
    if packet.pts is None:
        packet.pts = packet.dts


def _video_packets(
    stream: Stream, source: FilmSource, store: SegmentStore, timeline: Timeline
) -> Iterator[AnyPacket]:
    moved = round(timeline.shift / source.time_base)
    for number, encoded in enumerate(store.packets()):
        packet: AnyPacket = Packet(encoded.data)
        packet.stream = stream
        packet.time_base = source.time_base
        packet.pts, packet.dts = encoded.pts - moved, timeline.dts(number) - moved
        packet.duration = timeline.duration(encoded.pts)
        packet.is_keyframe = encoded.keyframe
        yield packet


def _copied_packets(
    container: InputContainer,
    streams: dict[int, Stream],
    converters: Mapping[int, SoundConverter],
    source: FilmSource,
    timeline: Timeline,
) -> Iterator[AnyPacket]:
    """Packets of the other streams. Damage is reported when the frames are read, not here."""
    window, shift = timeline.window, timeline.shift
    copied = {index: stream for index, stream in streams.items() if index != source.index}
    for stream in container.streams:
        if stream.index not in copied:
            stream.discard = av.stream.Discard.all
    if not copied:
        return
    if window is not None and window.start > 0 and source.clock.seekable:
        start = source.first_pts * source.time_base + source.clock.begin + window.start
        with suppress(av.FFmpegError):  # if this fails, it is read from the beginning
            container.seek(round((start - _INTERLEAVED) * av.time_base))
    correct = source.clock.corrector()
    last: dict[int, Fraction] = {}
    for packet in _demuxed(container):
        index = packet.stream_index
        correct(packet)
        if index not in copied or packet.size == 0:
            continue
        complete_times(packet)
        if packet.dts is None or _is_gap(packet):
            continue
        if window is not None and not is_cover(packet.stream):
            if not _is_within(packet, window, shift):
                continue
            moved = round(shift / packet.time_base)
            packet.dts -= moved
            packet.pts = None if packet.pts is None else packet.pts - moved
        if index in last and _decoding_time(packet) < last[index]:
            packet.dts = math.ceil(last[index] / packet.time_base)  # muxers need increasing times
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        last[index] = _decoding_time(packet)
        if index in converters:
            yield from converters[index].packets(packet)
            continue
        packet.stream = copied[index]
        yield packet
    for converter in converters.values():
        yield from converter.packets(None)


def _demuxed(container: InputContainer) -> Iterator[AnyPacket]:
    """Packets of a container, as far as it can be read."""
    try:
        yield from container.demux()
    except (av.FFmpegError, OSError):
        return


def _is_gap(packet: AnyPacket) -> bool:
    """Whether it is an empty text between two MP4 subtitles, which the muxer adds itself."""
    return packet.size == 2 and codec_name(packet.stream) == "mov_text" and bytes(packet) == b"\0\0"


def _is_within(packet: AnyPacket, window: Window, shift: Fraction) -> bool:
    time = (packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base
    return shift <= time < shift + window.seconds


def _decoding_time(packet: AnyPacket) -> Fraction:
    return (packet.dts or 0) * packet.time_base
