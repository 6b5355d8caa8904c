"""Writes the coloured film: its video and the other streams of the source, in one container.

Muxers write random numbers and dates unless this is disabled (``bitexact``), so the same film
always results in the same bytes.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.container.core import Flags
from av.stream import Stream
from av.video.stream import VideoStream

from tintype.errors import FilmError, shown
from tintype.photo.metadata.provenance import Provenance
from tintype.video.clock import AnyPacket, FilmClock, codec_name, is_cover
from tintype.video.container import open_film
from tintype.video.encoding import Encoding, configure_encoder, encoder_name, extradata_digest
from tintype.video.packets import Timeline, complete_times, merged_packets
from tintype.video.provenance import add_provenance
from tintype.video.request import Window
from tintype.video.segments import SegmentStore
from tintype.video.sound import add_sound, sound_encoder
from tintype.video.source import FilmSource, OtherStream
from tintype.video.tags import film_tags, set_timecode, stream_tags

_MAX_TIMESCALE = 1_000_000  # times of a half-hour film still fit into 32 bits
_TRIAL_PACKETS = 2  # of each stream, for testing a container
_TRIAL_SEARCH = 2000  # maximum number of packets searched for them


def supported_streams(
    source: FilmSource, encoding: Encoding, *, convert_sound: bool = False
) -> tuple[OtherStream, ...]:
    """The other streams that the container supports, found by trying.

    Args:
        source: The film.
        encoding: Determines the container.
        convert_sound: Whether unsupported sound is compressed again.

    Returns:
        The supported streams, except those that the muxer writes itself, and how each is written.
    """
    wanted = [stream for stream in source.other_streams if not stream.regenerated]
    found = []
    with open_film(source.path) as container:
        samples = first_packets(container, wanted, source.clock)
        for stream in wanted:
            ways = [stream]
            if stream.kind == "audio" and encoding.muxer == "matroska":
                ways.append(replace(stream, wave=True))
            if stream.kind == "audio" and convert_sound and stream.codec:
                ways.append(replace(stream, encoder=sound_encoder(encoding)))
            old, packets = container.streams[stream.index], samples[stream.index]
            supported = (way for way in ways if _supports(source, encoding, way, old, packets))
            if (way := next(supported, None)) is not None:
                found.append(way)
    return tuple(found)


def write_film(
    file: BinaryIO,
    store: SegmentStore,
    source: FilmSource,
    encoding: Encoding,
    copied: Sequence[OtherStream],
    *,
    provenance: Provenance,
    window: Window | None = None,
) -> None:
    """Joins the finished segments and copies the other streams.

    Args:
        file: The output.
        store: The segments.
        source: The film.
        encoding: Of the segments.
        copied: The other streams, as `supported_streams` returned them.
        provenance: Of the output.
        window: The part that was coloured; its times begin at 0. None is the whole film.

    Raises:
        OSError: The file cannot be written.
        FilmError: The muxer refuses a stream that it accepted in the test.
    """
    sink = Sink(file)
    timeline = Timeline(store, source, window)
    with open_film(source.path) as container:
        try:
            with open_output(sink, encoding, source, copied) as out:
                streams = add_streams(out, container, source, encoding, copied)
                out.metadata.update(add_provenance(film_tags(container), provenance))
                set_timecode(out, streams[source.index], source, encoding, timeline.shift)
                out.set_chapters(cast(Any, _chapters(container, timeline, source.clock)))
                out.start_encoding()
                _check_same_encoder(streams[source.index], store)
                for packet in merged_packets(
                    container, streams, copied, source, store=store, timeline=timeline
                ):
                    out.mux_one(packet)
                    sink.check()
        except av.FFmpegError as error:
            sink.check()
            raise FilmError(
                f"The streams of {shown(source.path)} cannot be written to a {encoding.muxer} "
                f"container ({error.strerror}).",
                advice="Give a name that ends in .mkv.",
            ) from error
    sink.check()


# ----- streams -----


def open_output(
    sink: "Sink", encoding: Encoding, source: FilmSource, copied: Sequence[OtherStream]
) -> OutputContainer:
    """The output container, empty.

    Args:
        sink: Where it is written.
        encoding: Of the film.
        source: The film.
        copied: The other streams that it will have.
    """
    if any(stream.wave for stream in copied):
        return _open_wave_output(sink)
    options = {}
    if encoding.muxer in ("mp4", "mov"):
        # The unit of a start later than 0; milliseconds by default.
        options["movie_timescale"] = str(min(source.time_base.denominator, _MAX_TIMESCALE))
    out = av.open(
        cast(Any, sink),
        "w",
        format=encoding.muxer,
        container_options=options,
        metadata_errors="surrogateescape",
    )
    out.flags |= cast(int, Flags.bitexact.value)
    return out


def _open_wave_output(sink: "Sink") -> OutputContainer:
    """A Matroska container that accepts any sound that a WAVE file can hold.

    FFmpeg's muxer can write it, but when queried beforehand, as PyAV does, it reports as
    unsupported whatever is not in its own list of codecs. The segment muxer is not queried: here it
    passes everything on to one Matroska file.
    """
    out = av.open(
        "film%d.mkv",
        "w",
        format="segment",
        container_options={
            "segment_format": "matroska",
            "segment_format_options": "fflags=+bitexact",
            "segment_time": str(1 << 30),
        },
        io_open=lambda _name, _flags, _options: sink,
        metadata_errors="surrogateescape",
    )
    out.flags |= cast(int, Flags.bitexact.value)
    return out


def add_streams(
    out: OutputContainer,
    container: InputContainer,
    source: FilmSource,
    encoding: Encoding,
    copied: Sequence[OtherStream],
) -> dict[int, Stream]:
    """Adds the streams of the output.

    Args:
        out: The output, opened.
        container: The film, opened.
        source: The film.
        encoding: Of the film.
        copied: The other streams.

    Returns:
        The streams that receive packets, by the index of their stream in the source, in its order.
    """
    covers = _cover_pictures(source, copied) if encoding.muxer == "matroska" else {}
    wanted = {stream.index: stream for stream in copied}
    streams: dict[int, Stream] = {}
    for stream in container.streams:
        if stream.index == source.index:
            streams[stream.index] = _add_video(out, stream, source, encoding)
        elif stream.index in wanted and stream.index in covers:
            _add_cover(out, stream, covers[stream.index])
        elif stream.index in wanted:
            streams[stream.index] = _add_other(out, stream, wanted[stream.index])
    return streams


def _add_video(
    out: OutputContainer, old: Stream | None, source: FilmSource, encoding: Encoding
) -> VideoStream:
    # This encoder encodes nothing: opened like those of the segments, it provides the header.
    stream = out.add_stream(encoder_name(encoding), rate=source.rate, time_base=source.time_base)
    video = cast(VideoStream, stream)
    configure_encoder(video.codec_context, source, encoding)
    if encoding.codec == "h265" and encoding.muxer in ("mp4", "mov"):
        video.codec_context.codec_tag = "hvc1"  # required by Apple's players
    if source.display_matrix is not None:
        video.set_display_matrix(source.display_matrix)
    if old is not None:
        video.disposition = old.disposition
        video.metadata.update(stream_tags(old))
    return video


def _add_other(out: OutputContainer, old: Stream, how: OtherStream) -> Stream:
    if how.encoder is None:
        stream = out.add_stream_from_template(old, opaque=True)
    else:
        stream = add_sound(out, cast(AudioStream, old), how.encoder)
    stream.metadata.update(old.metadata)
    stream.disposition = old.disposition
    return stream


def _add_cover(out: OutputContainer, old: Stream, picture: bytes) -> None:
    """Adds a cover picture to Matroska, where it is an attached file, not a stream."""
    name = codec_name(old) or "bin"
    extension, subtype = ("jpg", "jpeg") if name == "mjpeg" else (name, name)
    filename = old.metadata.get("filename", f"cover.{extension}")
    out.add_attachment(filename, old.metadata.get("mimetype", f"image/{subtype}"), picture)


def _cover_pictures(source: FilmSource, copied: Sequence[OtherStream]) -> dict[int, bytes]:
    """The cover pictures among the streams, by their index."""
    with open_film(source.path) as container:
        covers = [s for s in copied if is_cover(container.streams[s.index])]
        return {
            index: bytes(packets[0])
            for index, packets in first_packets(container, covers, source.clock).items()
            if packets
        }


def first_packets(
    container: InputContainer, wanted: Sequence[OtherStream], clock: FilmClock
) -> dict[int, list[AnyPacket]]:
    """The first packets of some streams.

    Args:
        container: The film, at its beginning.
        wanted: The streams.
        clock: Corrects the times of the packets.

    Returns:
        At most two packets each, by the index of their stream.
    """
    found: dict[int, list[AnyPacket]] = {stream.index: [] for stream in wanted}
    if not found:
        return found
    correct = clock.corrector()
    try:
        for number, packet in enumerate(container.demux()):
            correct(packet)
            packets = found.get(packet.stream_index)
            if packets is not None and len(packets) < _TRIAL_PACKETS and packet.size > 0:
                packets.append(packet)
            if number > _TRIAL_SEARCH or all(
                len(packets) == (1 if is_cover(container.streams[index]) else _TRIAL_PACKETS)
                for index, packets in found.items()
            ):
                break
    except (av.FFmpegError, OSError):
        pass  # enough for the test; damage is reported when the frames are read
    return found


def _supports(
    source: FilmSource,
    encoding: Encoding,
    how: OtherStream,
    stream: Stream,
    packets: Sequence[AnyPacket],
) -> bool:
    """Whether the container supports a stream other than the video, written in a given way."""
    try:
        with open_output(Sink(io.BytesIO()), encoding, source, (how,)) as out:
            _add_video(out, None, source, encoding)
            if encoding.muxer == "matroska" and is_cover(stream):
                _add_cover(out, stream, bytes(packets[0]) if packets else b"")
                packets = []
            else:
                copy = _add_other(out, stream, how)
            out.start_encoding()
            for packet in [] if how.encoder else packets:
                complete_times(packet)
                packet.stream = copy
                try:
                    out.mux_one(packet)
                finally:
                    packet.stream = stream
    except (av.FFmpegError, ValueError):
        return False
    return True


def _check_same_encoder(stream: Stream, store: SegmentStore) -> None:
    own = extradata_digest(stream.codec_context)
    if any(index.extradata != own for index in store.segments):
        raise FilmError(
            "The parts of the film were compressed by different encoders.",
            advice=f"Remove {shown(store.folder)} and start again.",
        )


def _chapters(
    container: InputContainer, timeline: Timeline, clock: FilmClock
) -> list[dict[str, Any]]:
    window = timeline.window
    found = cast("list[dict[str, Any]]", container.chapters())
    shift = timeline.shift + clock.begin
    if shift == 0 and window is None:
        return found
    kept = []
    for chapter in found:
        unit = chapter["time_base"]
        moved = round(shift / unit)
        begin, until = max(0, chapter["start"] - moved), chapter["end"] - moved
        if window is not None:
            until = min(round(window.seconds / unit), until)
        if begin < until:
            kept.append(chapter | {"start": begin, "end": until})
    return kept


class Sink:
    """A file whose writes never fail inside FFmpeg, which would carry on; `check` raises later."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Writes, unless a write has failed before."""
        if self._error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._error = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As for any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As for any file."""
        return self._file.tell()

    def close(self) -> None:
        """Does nothing: the file belongs to the caller."""

    def check(self) -> None:
        """Raises the error of a failed write.

        Raises:
            OSError: A write has failed.
        """
        if self._error is not None:
            raise self._error
