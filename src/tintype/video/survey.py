"""Examines a film at several places: it may not continue like its first frame.

Broadcasts and discs begin with a logo or with black, often progressive and untagged, and continue
interlaced and tagged. Whatever is written for the whole film is decided from frames throughout it.
"""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tintype.video.decode import has_too_many_scans
from tintype.video.side_data import filtered, frame_side_data, timecode_of

_PLACES = 12
_FRAMES = 3  # at each place
_COLLECT_AFTER = 16_000_000  # pixels
# Where the clean aperture of a track is described (ISO/IEC 14496-12), and the size of the header
# and the fixed fields of each box on the way.
_WAY = ((b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16))
_SAMPLE_ENTRY = 86
_MAX_BOXES = 10_000


class Tags(NamedTuple):
    """The meaning of the codes of a frame, as numbers from ITU-T H.273.

    Attributes:
        matrix: MatrixCoefficients.
        color_range: FFmpeg's AVColorRange.
        primaries: ColourPrimaries.
        transfer: TransferCharacteristics.
    """

    matrix: int
    color_range: int
    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Findings from frames throughout a film.

    Attributes:
        tags: The tags of most frames.
        tags_change: Whether other frames have different ones.
        aspect: Of a pixel, width by height, in most of the film; None if unknown.
        aspect_changes: Whether it differs elsewhere.
        interlaced: Whether a frame is two fields, anywhere.
        progressive: Whether a frame is whole, anywhere.
        top_first: Whether the upper field comes first in most frames that are two fields; None if
            there are none.
        order_changes: Whether the order is different elsewhere.
        side_data: Data attached to frames besides their pictures, by FFmpeg's names.
        packet_data: Data attached to packets of the video, by FFmpeg's names.
        timecodes: Times of frames on the clock of the first one, in the stream's unit, and the
            timecodes that they state.
    """

    tags: Tags
    tags_change: bool
    aspect: Fraction | None
    aspect_changes: bool
    interlaced: bool
    progressive: bool
    top_first: bool | None
    order_changes: bool
    side_data: dict[str, bytes]
    packet_data: frozenset[str]
    timecodes: tuple[tuple[int, str], ...]


class _Look(NamedTuple):
    """What matters about a frame: the frames themselves would take gigabytes.

    Attributes:
        tags: Its tags.
        top_first: Whether its upper field comes first; None if it is not two fields.
        side_data: Data attached to it, by FFmpeg's names.
        timecode: The time of the frame in the stream's unit, that unit, and the timecode that the
            frame states; None if it states none.
    """

    tags: Tags
    top_first: bool | None
    side_data: dict[str, bytes]
    timecode: tuple[int, Fraction, str] | None


def survey(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    seconds: Fraction | None,
    *,
    begin: Fraction = Fraction(0),
) -> Survey:
    """Decodes some frames from all over a film.

    Args:
        container: The film, opened; its read position changes.
        stream: The video.
        first: Its first frame.
        seconds: The duration of the film; None if it is unknown.
        begin: Seconds on the clock of the file that correspond to 0 on the clock of `first`.
    """
    packet_data: set[str] = set()
    aspects = [stream.codec_context.sample_aspect_ratio]
    looks, seen = [_look(first)], 0
    for frame in _samples(container, stream, seconds, packet_data):
        if (frame.width, frame.height) == (first.width, first.height):
            looks.append(_look(frame))
            aspects.append(stream.codec_context.sample_aspect_ratio)
        seen += frame.width * frame.height
        if seen > _COLLECT_AFTER:  # a frame and PyAV's list of its side data refer to each other
            del frame
            gc.collect()
            seen = 0
    tags = Counter(look.tags for look in looks)
    known = Counter(aspect for aspect in aspects if aspect)
    orders = Counter(look.top_first for look in looks if look.top_first is not None)
    side_data: dict[str, bytes] = {}
    for look in looks:
        side_data = look.side_data | side_data
    return Survey(
        tags=tags.most_common(1)[0][0],
        tags_change=len(tags) > 1,
        aspect=known.most_common(1)[0][0] if len(known) > 1 else stream.sample_aspect_ratio or None,
        aspect_changes=len(known) > 1,
        interlaced=any(look.top_first is not None for look in looks),
        progressive=not all(look.top_first is not None for look in looks),
        top_first=orders.most_common(1)[0][0] if orders else None,
        order_changes=len(orders) > 1,
        side_data=side_data,
        packet_data=frozenset(packet_data),
        timecodes=tuple(_timecodes(looks, begin)),
    )


def clean_aperture(path: Path) -> bytes:
    """The clean aperture that a QuickTime or MP4 file states for a track; empty if there is none.

    Args:
        path: The film.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            return next(_apertures(file, 0, end, 0), b"")
    except OSError:
        return b""


def _samples(
    container: InputContainer,
    stream: VideoStream,
    seconds: Fraction | None,
    packet_data: set[str],
) -> Iterator[VideoFrame]:
    """Frames from several places; `packet_data` collects the side data of their packets."""
    if not seconds or stream.time_base is None:
        return
    for place in range(_PLACES):
        pts = (stream.start_time or 0) + round(seconds * place / _PLACES / stream.time_base)
        try:
            container.seek(pts, stream=stream)
            yield from islice(_decoded(container, stream, packet_data), _FRAMES)
        except (av.FFmpegError, ValueError, OSError):
            continue  # damage is reported when all frames are read


def _decoded(
    container: InputContainer, stream: VideoStream, packet_data: set[str]
) -> Iterator[VideoFrame]:
    for packet in container.demux(stream):
        if has_too_many_scans(packet, stream):
            continue
        packet_data.update(entry.data_desc for entry in packet.iter_sidedata())
        yield from packet.decode()


def _is_top_first(frame: VideoFrame) -> bool:
    """Whether the upper field of a frame is shown first, which PyAV does not provide."""
    return filtered(frame, "select", expr="eq(interlace_type,TOPFIRST)") is not None


def _timecodes(looks: Sequence[_Look], begin: Fraction) -> Iterator[tuple[int, str]]:
    for number, look in enumerate(looks):
        if look.timecode is not None:
            pts, unit, code = look.timecode
            yield pts - (0 if number == 0 else round(begin / unit)), code


def _look(frame: VideoFrame) -> _Look:
    code = timecode_of(frame)
    timecode = None
    if code is not None and frame.pts is not None and frame.time_base:
        timecode = frame.pts, frame.time_base, code
    return _Look(
        tags=_tags(frame),
        top_first=_is_top_first(frame) if frame.interlaced_frame else None,
        side_data=frame_side_data(frame),
        timecode=timecode,
    )


def _tags(frame: VideoFrame) -> Tags:
    return Tags(
        int(frame.colorspace),
        int(frame.color_range),
        int(frame.color_primaries),
        int(frame.color_trc),
    )


def _apertures(file: BinaryIO, start: int, end: int, depth: int) -> Iterator[bytes]:
    """The contents of all `clap` boxes on the known path."""
    for name, begin, until in _boxes(file, start, end):
        if depth == len(_WAY):  # a sample entry, of any codec
            for inner, first, last in _boxes(file, begin - 8 + _SAMPLE_ENTRY, until):
                if inner == b"clap":
                    file.seek(first)
                    yield file.read(last - first)
        elif name == _WAY[depth][0]:
            yield from _apertures(file, begin - 8 + _WAY[depth][1], until, depth + 1)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, begin, end) of the contents of the boxes between two positions in a file."""
    for _ in range(_MAX_BOXES):
        file.seek(start)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        header = 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if len(head) < 8 or size < header or start + size > end:
            return
        yield head[4:8], start + header, start + size
        start += size
