"""Decodes a film: frames in display order, each with its luma and a frame to encode."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tintype.errors import reason, shown
from tintype.photo.formats.jpeg_scans import START_OF_SCAN, too_many_scans
from tintype.video.clock import AnyPacket, FilmClock
from tintype.video.container import is_broadcast, open_film
from tintype.video.defaults import LARGE_FRAME_PIXELS, MAX_FRAME_PIXELS
from tintype.video.frames import Frame, luma_frame
from tintype.video.source import FilmSource

_THREADS = 2
MEGAPIXELS = MAX_FRAME_PIXELS // 1_000_000
_JPEG_CODECS = frozenset({"mjpeg", "mjpegb", "amv", "sp5x", "thp", "smvjpeg", "mxpeg"})
_LONG_GOP = 15  # seconds between two keyframes, at most
_WITHOUT_PTS = {"avi"}  # containers, by FFmpeg's name, that store only the order of decoding


@dataclass(slots=True)
class Damage:
    """Parts of a film that could not be read.

    Attributes:
        packets: Number of packets that the decoder refused.
        refused: Number of packets that are not decoded, because they would take too much memory or
            time: frames above `MAX_FRAME_PIXELS`, and JPEGs with too many scans.
        times: Number of frames whose times did not increase and were corrected.
        ended: Why reading ended before the end of the film; empty if it did not.
    """

    packets: int = 0
    times: int = 0
    ended: str = ""
    refused: int = 0

    def sentence(self) -> str:
        """A sentence for users; empty if nothing is damaged."""
        parts = []
        if self.packets:
            parts.append(f"{_count(self.packets, 'damaged packet')} could not be read")
        if self.refused:
            parts.append(
                f"{_count(self.refused, 'packet')} could not be decoded within the limits for "
                f"films ({MEGAPIXELS} megapixels, and the scans of a progressive JPEG)"
            )
        if self.times:
            parts.append(f"{_count(self.times, 'frame')} had impossible times")
        if self.ended:
            parts.append(self.ended)
        text = "; ".join(parts)
        return f"{text[:1].upper()}{text[1:]}." if text else ""


def read_frames(
    source: FilmSource, damage: Damage, *, start: Fraction | None = None, skip: int = 0
) -> Iterator[Frame]:
    """The frames of a film in display order.

    Args:
        source: The film, as probed.
        damage: Records what could not be read.
        start: Seconds since the first frame; earlier frames are left out.
        skip: Number of frames to decode but not return, because they are finished. Decoding them is
            the only way to ensure that the following frames are the same.

    Yields:
        Frames with increasing times.
    """
    with open_film(source.path) as container:
        stream = container.streams.video[_video_number(container, source.index)]
        limit_frames(stream)
        # Each thread has frames of its own.
        large = math.prod(source.layout.shape) > LARGE_FRAME_PIXELS
        stream.thread_type = "AUTO"
        stream.thread_count = 1 if large else _THREADS
        if source.exact_duration:  # otherwise their times are needed to find the end of the film
            for other in container.streams:
                if other.index != source.index:
                    other.discard = av.stream.Discard.all
        start_pts = None
        if start is not None and start > 0:
            start_pts = source.first_pts + round(start / source.time_base)
            if source.clock.seekable:
                seconds = source.clock.begin
                if is_broadcast(container):
                    seconds -= _LONG_GOP  # seeking in these does not land on a keyframe
                stored = start_pts + round(seconds / source.time_base)
                with suppress(av.FFmpegError):  # if this fails, it is read from the beginning
                    container.seek(stored, stream=stream)
        position = _Position()
        times = _FrameTimes(source, damage)
        number = 0
        for decoded in _decode(container, stream, damage, position, source.clock.corrector()):
            if _differs(decoded, source):
                damage.ended = (
                    f"the size or format of its frames changes at {_clock_time(decoded.time)}, "
                    "and everything from there on is left out"
                )
                return
            pts = times.of(decoded)
            if start_pts is not None and pts < start_pts:
                continue
            pts = times.advance(pts)
            end = pts + max(times.step, int(decoded.duration or 0))
            position.reach(end * source.time_base)
            damage.packets += decoded.is_corrupt
            number += 1
            if number > skip:
                yield luma_frame(decoded, source, number - 1, pts)
        if not damage.ended:
            damage.ended = _premature_end(source, position)


def first_frame(
    container: InputContainer, stream: VideoStream, clock: FilmClock, damage: Damage
) -> VideoFrame | None:
    """The first frame of a stream that can be decoded; None if there is none."""
    return next(_decode(container, stream, damage, _Position(), clock.corrector()), None)


def limit_frames(stream: VideoStream) -> None:
    """Makes the decoder refuse frames above `MAX_FRAME_PIXELS`, before it allocates them.

    Args:
        stream: Not decoded yet.
    """
    # FFmpeg rounds the width up to a multiple of 64 before it compares.
    stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS + MAX_FRAME_PIXELS // 50)}


def has_too_many_scans(packet: AnyPacket, stream: VideoStream) -> bool:
    """Whether a packet is a JPEG whose progressive scans would take minutes.

    Args:
        packet: Of the stream.
        stream: The video.
    """
    context = stream.codec_context
    return context.name in _JPEG_CODECS and too_many_scans(
        bytes(packet).count(START_OF_SCAN) - 1, context.width * context.height
    )


def plain_format_name(name: str) -> str:
    """The name of a pixel format without the J that marks full range in old names.

    Args:
        name: FFmpeg's name. The frame states its range as well.
    """
    return name.replace("yuvj", "yuv")


class _FrameTimes:
    """When each frame is shown, as in players, with increasing times.

    Some containers (AVI) do not store when a frame is shown, only the order in which packets are
    decoded, and the times that demuxers infer are wrong for frames that refer to later ones.
    Decoders return both times; the one that went back less often is used, as in FFmpeg's "best
    effort".

    Attributes:
        step: Nominal duration of a frame, in the stream's time base.
    """

    def __init__(self, source: FilmSource, damage: Damage) -> None:
        self.step: int = max(1, round(1 / (source.rate * source.time_base)))
        self._source = source
        self._damage = damage
        self._last: int | None = None
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        # A head start of one for containers in which these are known to be invented.
        self._wrong_pts = int(source.container in _WITHOUT_PTS)
        self._wrong_dts = 0

    def of(self, frame: VideoFrame) -> int:
        """The time of the next frame, as stored."""
        pts, dts = frame.pts, frame.dts
        if pts is not None:
            self._wrong_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if dts is not None:
            self._wrong_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if self._wrong_pts > self._wrong_dts:
            pts = dts
        if pts is not None:
            return pts
        return self._source.first_pts if self._last is None else self._last + self.step

    def advance(self, pts: int) -> int:
        """The time of the next frame: `pts` if it increases, otherwise one that does."""
        if self._last is not None and pts <= self._last:
            self._damage.times += 1
            far_back = self._last - pts > 1 / self._source.time_base
            pts = self._last + (self.step if far_back else 1)
        self._last = pts
        return pts


class _Position:
    """How far a film has been read.

    Attributes:
        seconds: On the container's clock.
    """

    def __init__(self) -> None:
        self.seconds: Fraction | None = None

    def reach(self, seconds: Fraction) -> None:
        """Records that something ends at this time."""
        if self.seconds is None or seconds > self.seconds:
            self.seconds = seconds


def _decode(
    container: InputContainer,
    stream: VideoStream,
    damage: Damage,
    position: _Position,
    correct: Callable[[AnyPacket], bool],
) -> Iterator[VideoFrame]:
    """All frames; packets that the decoder refuses are counted and left out."""
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            damage.ended = f"it cannot be read further ({shown(reason(error))})"
            packet = None
        at_join = packet is not None and correct(packet)
        if packet is not None and packet.stream_index != stream.index:
            if packet.pts is not None:
                position.reach((packet.pts + (packet.duration or 0)) * packet.time_base)
            continue
        if packet is not None and has_too_many_scans(packet, stream):
            damage.refused += 1
            continue
        try:
            if packet is not None and packet.size > 0:
                damage.packets += packet.is_corrupt and not at_join
                yield from cast("list[VideoFrame]", packet.decode())
            elif packet is None:
                yield from stream.decode(None)
        except av.EOFError:
            pass  # the decoder was flushed before
        except (av.FFmpegError, ValueError):
            if stream.codec_context.width * stream.codec_context.height > MAX_FRAME_PIXELS:
                damage.refused += 1
            else:
                damage.packets += 1
        if packet is None:
            return


def _video_number(container: InputContainer, index: int) -> int:
    return [stream.index for stream in container.streams.video].index(index)


def _differs(frame: VideoFrame, source: FilmSource) -> bool:
    name = plain_format_name(frame.format.name)
    return (frame.height, frame.width) != source.layout.shape or name != source.pixel_format.name


def _premature_end(source: FilmSource, position: _Position) -> str:
    """The message that a film ended before its stated duration; empty if it did not."""
    if source.seconds is None or position.seconds is None:
        return ""
    read = position.seconds - source.first_pts * source.time_base
    # The duration of a file may be rounded, and counts from the start of its first stream.
    slack = 2 / source.rate if source.exact_duration else max(Fraction(1, 2), source.seconds / 50)
    if read + slack >= source.seconds:
        return ""
    return f"it breaks off after {_clock_time(read)} of {_clock_time(source.seconds)}"


def _clock_time(seconds: Fraction | float | None) -> str:
    minutes, rest = divmod(float(seconds or 0), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
