"""Writing film: the new pictures and everything else of the source, in one container.

Packets come from the segments and from the source, one by one; nothing is held. Muxers put random
numbers and dates into files unless told not to (``bitexact``); the same film is the same bytes.
"""

import heapq
import io
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, TypeAlias, cast

import av
from av.container import InputContainer, OutputContainer
from av.container.core import Flags
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from tintype.errors import FilmError, shown
from tintype.photo.metadata.provenance import Provenance
from tintype.video.coding import Coding, encoder_name, extradata_digest, prepare
from tintype.video.mark import marked
from tintype.video.segments import Work
from tintype.video.source import Copied, Source, opened

AnyPacket: TypeAlias = "Packet[Any]"  # generic for type checkers only

_STALE = ("bps", "duration", "number_of_frames", "number_of_bytes", "_statistics", "encoder")
_BRANDS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
_MOST_TIMESCALE = 1_000_000  # the times of a film of half an hour still fit into 32 bits
_TRIED = 2  # packets of each stream that a container is tried with
_LOOKED_AT = 2000  # packets of the film, at most, until those are found


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a film.

    Attributes:
        start: Seconds since the first picture.
        seconds: How long.
    """

    start: Fraction
    seconds: Fraction


def carried(source: Source, coding: Coding) -> tuple[Copied, ...]:
    """Which of the other streams the container takes; found by trying.

    Args:
        source: The film.
        coding: Says which container.

    Returns:
        Those that it takes; what is made anew is not among them.
    """
    wanted = [copied for copied in source.copied if not copied.remade]
    with opened(source.path) as container:
        samples = _samples(container, wanted)
        return tuple(
            copied
            for copied in wanted
            if _takes(source, coding, container.streams[copied.index], samples[copied.index])
        )


def write_film(
    file: BinaryIO,
    work: Work,
    source: Source,
    coding: Coding,
    copied: Sequence[Copied],
    *,
    made: Provenance,
    window: Window | None = None,
) -> None:
    """Puts the finished segments and the other streams together.

    Args:
        file: Written to.
        source: The film.
        coding: What the segments were made with.
        work: The segments.
        copied: The other streams, as `carried` allows.
        made: What the film says about itself.
        window: The part that was coloured; times then begin at 0. None is all of it.

    Raises:
        OSError: The file cannot be written.
        FilmError: The muxer refuses what it had taken when it was tried.
    """
    sink = _Sink(file)
    with opened(source.path) as container:
        times = _Times(work)
        shift = Fraction(times.shown[0]) * source.time_base if window else Fraction(0)
        try:
            with _output(sink, coding, source) as out:
                streams = _add_streams(out, container, source, coding, copied)
                out.metadata.update(marked(_kept(container.metadata, _BRANDS), made))
                out.set_chapters(cast(Any, _chapters(container, window, shift)))
                out.start_encoding()
                _check_same_encoder(streams[source.index], work)
                new = _new_packets(streams[source.index], source, work, times, shift)
                old = _old_packets(container, streams, source, window, shift)
                for packet in heapq.merge(new, old, key=_when):
                    out.mux_one(packet)
                    sink.check()
        except av.FFmpegError as error:
            sink.check()
            raise FilmError(
                f"The {coding.muxer} container refuses what is in {shown(source.path)} "
                f"({error.strerror}).",
                advice="Give a name that ends in .mkv.",
            ) from error
    sink.check()


# ----- streams -----


def _output(sink: "_Sink", coding: Coding, source: Source) -> OutputContainer:
    options = {}
    if coding.muxer in ("mp4", "mov"):
        # Where a film begins later than 0, that is counted in these; usually in milliseconds.
        options["movie_timescale"] = str(min(source.time_base.denominator, _MOST_TIMESCALE))
    out = av.open(
        cast(Any, sink),
        "w",
        format=coding.muxer,
        container_options=options,
        metadata_errors="surrogateescape",
    )
    out.flags |= cast(int, Flags.bitexact.value)
    return out


def _add_streams(
    out: OutputContainer,
    container: InputContainer,
    source: Source,
    coding: Coding,
    copied: Sequence[Copied],
) -> dict[int, Stream]:
    """The streams of the output, by the index of their stream in the source, in its order."""
    covers = _covers(source, copied) if coding.muxer == "matroska" else {}
    wanted = {stream.index for stream in copied}
    streams: dict[int, Stream] = {}
    for stream in container.streams:
        if stream.index == source.index:
            streams[stream.index] = _add_video(out, stream, source, coding)
        elif stream.index in wanted and stream.index in covers:
            _add_cover(out, stream, covers[stream.index])
        elif stream.index in wanted:
            streams[stream.index] = _add_copy(out, stream)
    return streams


def _add_video(
    out: OutputContainer, old: Stream | None, source: Source, coding: Coding
) -> VideoStream:
    # Its encoder encodes nothing: opened like those of the segments, it gives the header.
    stream = out.add_stream(encoder_name(coding), rate=source.rate, time_base=source.time_base)
    video = cast(VideoStream, stream)
    prepare(video.codec_context, source, coding)
    if coding.codec == "h265" and coding.muxer in ("mp4", "mov"):
        video.codec_context.codec_tag = "hvc1"  # what players of Apple ask for
    if source.display_matrix is not None:
        video.set_display_matrix(source.display_matrix)
    if old is not None:
        video.disposition = old.disposition
        metadata = _kept(old.metadata, frozenset())
        video.metadata.update(
            {k: v for k, v in metadata.items() if not k.casefold().startswith(_STALE)}
        )
    return video


def _add_copy(out: OutputContainer, old: Stream) -> Stream:
    stream = out.add_stream_from_template(old, opaque=True)
    stream.metadata.update(_kept(old.metadata, frozenset()))
    stream.disposition = old.disposition
    return stream


def _add_cover(out: OutputContainer, old: Stream, picture: bytes) -> None:
    """A cover picture for Matroska, where it is a file and no stream."""
    name = old.codec_context.codec.canonical_name
    ending, kind = ("jpg", "jpeg") if name == "mjpeg" else (name, name)
    filename = old.metadata.get("filename", f"cover.{ending}")
    out.add_attachment(filename, old.metadata.get("mimetype", f"image/{kind}"), picture)


def _covers(source: Source, copied: Sequence[Copied]) -> dict[int, bytes]:
    """The cover pictures among the streams, by their index."""
    with opened(source.path) as container:
        pictures = [s for s in copied if _is_cover(container.streams[s.index])]
        return {
            index: bytes(packets[0])
            for index, packets in _samples(container, pictures).items()
            if packets
        }


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _kept(metadata: dict[str, str], without: frozenset[str]) -> dict[str, str]:
    return {k: v for k, v in metadata.items() if k.casefold() not in without}


def _samples(container: InputContainer, wanted: Sequence[Copied]) -> dict[int, list[AnyPacket]]:
    found: dict[int, list[AnyPacket]] = {copied.index: [] for copied in wanted}
    if not found:
        return found
    try:
        for number, packet in enumerate(container.demux()):
            mine = found.get(packet.stream_index)
            if mine is not None and len(mine) < _TRIED and packet.size > 0:
                mine.append(packet)
            if number > _LOOKED_AT or all(
                len(some) == (1 if _is_cover(container.streams[index]) else _TRIED)
                for index, some in found.items()
            ):
                break
    except (av.FFmpegError, OSError):
        pass  # what is there is enough to try with; the damage is told where pictures are read
    return found


def _takes(source: Source, coding: Coding, stream: Stream, packets: list[AnyPacket]) -> bool:
    """Whether the container takes a stream beside the video."""
    try:
        with _output(_Sink(io.BytesIO()), coding, source) as out:
            _add_video(out, None, source, coding)
            if coding.muxer == "matroska" and _is_cover(stream):
                _add_cover(out, stream, bytes(packets[0]) if packets else b"")
                packets = []
            else:
                copy = _add_copy(out, stream)
            out.start_encoding()
            for packet in packets:
                _give_times(packet)
                packet.stream = copy
                out.mux_one(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _check_same_encoder(stream: Stream, work: Work) -> None:
    own = extradata_digest(stream.codec_context)
    if any(told.extradata != own for told in work.told):
        raise FilmError(
            "The parts of the film were compressed by different encoders.",
            advice=f"Remove {shown(work.folder)} and start again.",
        )


# ----- packets -----


class _Times:
    """When the frames are shown and decoded.

    Each segment has an encoder of its own, and those know nothing of each other's decoding times;
    so these are counted anew over the whole film: a packet's is the time at which the frame as
    many places earlier is shown as the encoder has moved frames. H.264 asks for nothing else.
    """

    def __init__(self, work: Work) -> None:
        coded = array("q")
        for told in work.told:
            coded.extend(told.pts)
        self.shown = array("q", sorted(coded))
        places = (bisect_left(self.shown, pts) for pts in coded)
        self.moved = max((number - place for number, place in enumerate(places)), default=0)
        step = self.shown[1] - self.shown[0] if len(self.shown) > 1 else 1
        self.before = [self.shown[0] - step * (self.moved - n) for n in range(self.moved)]
        self.last = work.told[-1].duration or step

    def dts(self, number: int) -> int:
        """When the packet is decoded that is the so-manyth."""
        return self.before[number] if number < self.moved else int(self.shown[number - self.moved])

    def duration(self, pts: int) -> int:
        """How long the frame is shown that is shown then."""
        following = bisect_left(self.shown, pts) + 1
        return int(self.shown[following]) - pts if following < len(self.shown) else self.last


def _new_packets(
    stream: Stream, source: Source, work: Work, times: _Times, shift: Fraction
) -> Iterator[AnyPacket]:
    moved = round(shift / source.time_base)
    for number, coded in enumerate(work.packets()):
        packet: AnyPacket = Packet(coded.data)
        packet.stream = stream
        packet.time_base = source.time_base
        packet.pts, packet.dts = coded.pts - moved, times.dts(number) - moved
        packet.duration = times.duration(coded.pts)
        packet.is_keyframe = coded.key
        yield packet


def _old_packets(
    container: InputContainer,
    streams: dict[int, Stream],
    source: Source,
    window: Window | None,
    shift: Fraction,
) -> Iterator[AnyPacket]:
    """Packets of the streams that go through; damaged ends are told where pictures are read."""
    for stream in container.streams:
        if stream.index == source.index or stream.index not in streams:
            stream.discard = av.stream.Discard.all
    last: dict[int, int] = {}
    if len(streams) == 1:
        return
    if window is not None and window.start > 0:
        with suppress(av.FFmpegError):  # then it is read from its beginning
            container.seek(round((source.first * source.time_base + window.start) * av.time_base))
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        index = packet.stream_index
        if index == source.index or index not in streams or packet.size == 0:
            continue
        _give_times(packet)
        if packet.dts is None or _is_gap(packet):
            continue
        timed = not _is_cover(packet.stream)
        if window is not None and timed:
            if not _within(packet, window, shift):
                continue
            moved = round(shift / packet.time_base)
            packet.dts -= moved
            packet.pts = None if packet.pts is None else packet.pts - moved
        still = packet.stream.type not in ("subtitle", "data")  # texts may come at one time
        if index in last and packet.dts < last[index] + still:
            packet.dts = last[index] + still  # as ffmpeg does; muxers want times that grow
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        last[index] = packet.dts
        packet.stream = streams[index]
        yield packet


def _give_times(packet: AnyPacket) -> None:
    """Where a packet has only one time, or is a cover picture, which has none."""
    if packet.pts is None and _is_cover(packet.stream):
        packet.pts = 0
    if packet.dts is None:
        packet.dts = packet.pts


def _is_gap(packet: AnyPacket) -> bool:
    """Whether it is an empty text between two of MP4's, which the muxer makes anew."""
    return packet.size == 2 and packet.stream.name == "mov_text" and bytes(packet) == b"\0\0"


def _within(packet: AnyPacket, window: Window, shift: Fraction) -> bool:
    when = (packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base
    return shift <= when < shift + window.seconds


def _when(packet: AnyPacket) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _chapters(
    container: InputContainer, window: Window | None, shift: Fraction
) -> list[dict[str, Any]]:
    found = cast("list[dict[str, Any]]", container.chapters())
    if window is None:
        return found
    kept = []
    for chapter in found:
        unit = chapter["time_base"]
        moved, end = round(shift / unit), round(window.seconds / unit)
        begin = max(0, chapter["start"] - moved)
        until = min(end, chapter["end"] - moved)
        if begin < until:
            kept.append(chapter | {"start": begin, "end": until})
    return kept


class _Sink:
    """A file that never fails inside FFmpeg, which would go on and fail again; `check` tells."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Writes, unless writing has failed before."""
        if self._error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._error = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of a file."""
        return self._file.tell()

    def check(self) -> None:
        """Raises what has failed.

        Raises:
            OSError: As it was.
        """
        if self._error is not None:
            raise self._error
