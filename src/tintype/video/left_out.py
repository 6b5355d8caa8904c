"""What the container of the coloured film cannot carry, found by writing one and reading it back.

Containers support different tags, stream flags and attached data, and drop the others without
warning. A trial container of a few packets, with everything in the film except its frames, shows
what is preserved.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from tintype.errors import reason, shown
from tintype.video.clock import AnyPacket, is_cover
from tintype.video.container import open_film
from tintype.video.encoding import Encoding
from tintype.video.mux import (
    Sink,
    add_streams,
    first_packets,
    open_output,
)
from tintype.video.packets import complete_times
from tintype.video.side_data import STREAM_KINDS, Described, Kind, describe
from tintype.video.source import FilmSource, OtherStream
from tintype.video.tags import film_tags, set_timecode, stream_tags

_TITLES: Mapping[str, str] = {"mp4": "MP4", "mov": "QuickTime", "matroska": "Matroska"}
# What containers state about themselves or about a stream's bytes, and what they state anew.
_BOOKKEEPING = ("handler_name", "vendor_id", "encoder", "duration", "language", "creation_time")
_STATISTICS = ("bps", "number_of_frames", "number_of_bytes", "_statistics")
_MARKS = (
    Disposition.default,  # always set for the first stream of a kind
    Disposition.attached_pic,
    Disposition.timed_thumbnails,
    Disposition.still_image,
)
_MAX_NAMES = 8
_FAKE = b"\0\0\0\1\x65\x88"  # a packet that no decoder will see


def left_out_by_container(
    source: FilmSource, encoding: Encoding, copied: tuple[OtherStream, ...]
) -> Iterator[str]:
    """A sentence for each kind of thing that the output container does not support.

    Args:
        source: The film.
        encoding: Determines the container.
        copied: The other streams, and how they are written.
    """
    trial = io.BytesIO()
    kept = {stream.index: stream for stream in copied}
    title = _TITLES[encoding.muxer]
    advice = "" if encoding.muxer == "matroska" else " -o NAME.mkv may keep them."
    try:
        with open_film(source.path) as old:
            written = _write(trial, old, source, encoding, copied)
            with av.open(trial, "r", metadata_errors="surrogateescape") as new:
                found = [stream for stream in new.streams if stream.type != "attachment"]
                labels = {source.index: "video"} | {s.index: s.label for s in copied}
                before, after = describe(old), describe(new)
                pairs = [
                    (labels[index], old.streams[index], stream)
                    for index, stream in zip(written, found, strict=False)
                ]
                lost = {
                    "tags": [
                        *_tags(old, new, pairs, source),
                        *(f"{shown(name)} (programme {n})" for n, name in before.programs),
                    ],
                    "stream flags": list(_marks(pairs)),
                    "data attached to streams": list(_data(before, after, pairs, source)),
                    "groups of streams": [
                        shown(group) for group in before.groups if group not in after.groups
                    ],
                }
                if len(new.chapters()) < len(old.chapters()) and not _has_wave(kept.values()):
                    yield f"{title} does not support its chapters, which are lost.{advice}"
    except (av.FFmpegError, ValueError) as error:
        yield (
            f"Tags and stream flags that {title} does not support may be lost; which ones "
            f"cannot be determined ({shown(reason(error))})."
        )
        return
    for what, names in lost.items():
        if names:
            more = len(names) - _MAX_NAMES
            text = ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
            yield f"{title} does not support some {what}, which are lost: {text}.{advice}"


def _write(
    file: io.BytesIO,
    container: InputContainer,
    source: FilmSource,
    encoding: Encoding,
    copied: tuple[OtherStream, ...],
) -> list[int]:
    """Writes a container with some packets.

    Returns:
        The source indices of the streams that have packets, in their order.
    """
    packets = first_packets(container, copied, source.clock)
    converted = {stream.index for stream in copied if stream.encoder is not None}
    with open_output(Sink(file), encoding, source, copied) as out:
        streams = add_streams(out, container, source, encoding, copied)
        out.metadata.update(film_tags(container))
        set_timecode(out, streams[source.index], source, encoding)
        out.set_chapters(cast(Any, container.chapters()))
        out.start_encoding()
        streams = {i: stream for i, stream in streams.items() if stream.type != "attachment"}
        for index, stream in streams.items():
            real = [] if index in converted else packets.get(index, [])
            for packet in real or [_fake_packet(source)]:
                _mux(out, packet, stream)
    file.seek(0)
    return list(streams)


def _fake_packet(source: FilmSource) -> AnyPacket:
    packet: AnyPacket = Packet(_FAKE)
    packet.pts = packet.dts = 0
    packet.time_base, packet.is_keyframe, packet.duration = source.time_base, True, 1
    return packet


def _mux(out: OutputContainer, packet: AnyPacket, stream: Stream) -> None:
    before = packet.stream
    if before is not None:
        complete_times(packet)
    packet.stream = stream
    try:
        out.mux_one(packet)
    finally:
        if before is not None:
            packet.stream = before


def _has_wave(streams: Iterable[OtherStream]) -> bool:
    return any(stream.wave for stream in streams)


def _tags(
    old: InputContainer,
    new: InputContainer,
    pairs: list[tuple[str, Stream, Stream]],
    source: FilmSource,
) -> Iterator[str]:
    """The tags that are lost, each with the name of what it belongs to.

    Containers keep some tags on the film, others on a stream, so one may move to the other.
    """
    film, everywhere = film_tags(old), dict(new.metadata)
    for stream in new.streams:
        everywhere |= stream.metadata
    yield from (f"{name} (film)" for name in _missing(film, everywhere))
    for label, before, after in pairs:
        video = before.index == source.index
        wanted = stream_tags(before) if video else before.metadata
        own = {key: value for key, value in wanted.items() if film.get(key) != value}
        found = after.metadata | (new.metadata if video else {})
        yield from (f"{name} ({label})" for name in _missing(own, found))


def _missing(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """The missing keys; containers may store a value under another key."""
    keys = {key.casefold() for key in found}
    for key, value in sorted(wanted.items()):
        name = key.casefold()
        if name in _BOOKKEEPING or name.startswith(_STATISTICS) or not value:
            continue
        if name not in keys and value not in found.values():
            yield shown(key)


def _marks(pairs: list[tuple[str, Stream, Stream]]) -> Iterator[str]:
    """The dispositions that are lost."""
    for label, before, after in pairs:
        if is_cover(before):
            continue
        for mark in Disposition:
            if mark not in _MARKS and before.disposition & mark and not after.disposition & mark:
                yield f"{str(mark.name).replace('_', ' ')} ({label})"


def _data(
    before: Described, after: Described, pairs: list[tuple[str, Stream, Stream]], source: FilmSource
) -> Iterator[str]:
    """The data attached to streams other than the video that is lost."""
    for label, one, other in pairs:
        if one.index == source.index:
            continue  # `tintype.video.side_data` reports these: they depend on the codec
        for name in before.streams.get(one.index, {}):
            known = STREAM_KINDS.get(name, Kind(name))
            if known.what and name not in after.streams.get(other.index, {}):
                yield f"{shown(name)} ({label})"
