"""Reading film: what a file holds, what cannot be kept of it, and its pictures one after the other.

FFmpeg reads it, through PyAV. A film may name other files or addresses (playlists do); they are not
opened, or are empty, so that nothing is read but the file that was given.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tintype.errors import FilmError, shown
from tintype.video.layout import Layout, Matrix

Samples = NDArray[Any]
"""A plane as a stream stores it: uint8 for 8 bits, uint16 for more."""

# AVColorSpace, AVColorTransferCharacteristic, AVColorPrimaries: ITU-T H.273, tables 2 to 4.
UNSPECIFIED = 2
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
_TAGS: dict[Matrix, int] = {"bt709": 1, "bt601": 6, "bt2020": 9}
_NEARLY = {4: "FCC", 7: "SMPTE 240M", 10: "BT.2020 of constant luminance"}
_HDR = {16: "PQ", 18: "HLG"}
_FULL = 2  # AVCOL_RANGE_JPEG

_LOSSLESS = {"ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "magicyuv", "lagarith", "v210"}
_LOSSLESS |= {"v410", "r210", "png", "qtrle", "zlib", "ljpeg", "jpegls", "hymt"}
_PACKED = {"yuyv422": 0, "yvyu422": 0, "uyvy422": 1}  # the first luma byte of every pair
_HIGH = re.compile(r"p[024]1[0-6][lb]e")  # p010le: 10 bits at the upper end of 16
_SWS_BT2020 = 9  # SWS_CS_BT2020
_LIST = b"#EXTM3U"
# What FFmpeg makes of a text: the art of terminals, lists of other files, programs that draw.
_NO_FILMS = {
    "tty",
    "bin",
    "xbin",
    "adf",
    "idf",
    "concat",
    "hls",
    "dash",
    "sdp",
    "lavfi",
    "ffmetadata",
}
_THREADS = 2  # of the decoder


@dataclass(frozen=True, slots=True)
class Kind:
    """How the pictures lie in the decoder's frames.

    Attributes:
        name: FFmpeg's name of the pixel format.
        bits: Of one sample.
        halved: As `Layout.halved`.
        grey: There is no chroma at all.
        rgb: There is no plane of luminance; it is computed.
        alpha: There is transparency.
    """

    name: str
    bits: int
    halved: tuple[bool, bool]
    grey: bool
    rgb: bool
    alpha: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """A stream that goes through untouched.

    Attributes:
        index: In the file.
        what: For messages: ``sound 1 (aac, eng)``.
        remade: QuickTime keeps chapters and timecode as streams, which its muxers make anew.
    """

    index: int
    what: str
    remade: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What a film file is, as far as it decides how the coloured one is written.

    Attributes:
        path: The file.
        container: FFmpeg's name of the format, ``mov,mp4,m4a,3gp,3g2,mj2``.
        codec: Of the video.
        kind: How its pictures lie in the decoder's frames.
        layout: How the pictures are stored that are coloured; same as the source's own where it
            has luminance and chroma.
        index: Of the video stream in the file.
        time_base: Of the video stream, seconds.
        rate: Frames a second, nominal.
        frames: How many there are, about; 0 where nobody knows.
        seconds: How long the video says it is; None where it does not.
        sure: That is said of the video, and not of the longest stream.
        first: Time of the first picture, in `time_base`; seconds are counted from there.
        aspect: Of a pixel, width by height.
        display_matrix: How players turn the picture; nine numbers, or None.
        primaries: ITU-T H.273 ColourPrimaries; 2 is unspecified.
        transfer: ITU-T H.273 TransferCharacteristics; 2 is unspecified.
        field_order: FFmpeg's AVFieldOrder.
        interlaced: The frames are two fields each.
        copied: The other streams, in their order.
        warnings: What cannot be kept, or is not what it seems; a sentence each.
    """

    path: Path
    container: str
    codec: str
    kind: Kind
    layout: Layout
    index: int
    time_base: Fraction
    rate: Fraction
    frames: int
    seconds: Fraction | None
    sure: bool
    first: int
    aspect: Fraction | None
    display_matrix: tuple[int, ...] | None
    primaries: int
    transfer: int
    field_order: int
    interlaced: bool
    copied: tuple[Copied, ...]
    warnings: tuple[str, ...]

    @property
    def matrix_tag(self) -> int:
        """ITU-T H.273 MatrixCoefficients of what is written."""
        return _TAGS[self.layout.matrix]

    @property
    def in_place(self) -> bool:
        """Whether new chroma can be written into the decoder's own frames."""
        return self.kind.name == picture_format(self.layout.bits, self.layout.halved)

    @property
    def lossless(self) -> bool:
        """Whether it was stored without loss."""
        return self.codec in _LOSSLESS


@dataclass(slots=True)
class Picture:
    """One frame.

    Attributes:
        number: From 0, counted from where reading began.
        pts: When it is shown, in the stream's `time_base`.
        duration: How long, as far as the decoder knows; 0 where it does not.
        luma: ``layout.shape``, the codes of the stream.
        frame: The decoder's, with all that belongs to it; the encoder gets it with new chroma.
    """

    number: int
    pts: int
    duration: int
    luma: Samples
    frame: VideoFrame


@dataclass(slots=True)
class Damage:
    """What of a film could not be read.

    Attributes:
        packets: Pieces that the decoder refused.
        times: Frames whose times do not grow and were moved.
        ended: Why reading ended before the end of the film; empty where it did not.
    """

    packets: int = 0
    times: int = 0
    ended: str = ""

    def sentence(self) -> str:
        """For people; empty where nothing is wrong."""
        said = []
        if self.packets:
            said.append(f"{_count(self.packets, 'damaged piece')} could not be read")
        if self.times:
            said.append(f"{_count(self.times, 'frame')} had impossible times")
        if self.ended:
            said.append(self.ended)
        text = "; ".join(said)
        return f"{text[:1].upper()}{text[1:]}." if text else ""


def picture_format(bits: int, halved: tuple[bool, bool]) -> str:
    """FFmpeg's name for planar Y'CbCr.

    Args:
        bits: 8 to 16.
        halved: As `Layout.halved`; (True, False) has no common name and must not be asked for.
    """
    sampling = {(True, True): "420", (False, True): "422", (False, False): "444"}[halved]
    return f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le")


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A film file, open for reading.

    Args:
        path: Of the file; never a URL, whatever it looks like.

    Raises:
        FilmError: It cannot be read, or is no film.
    """
    try:
        if not path.is_file() and path.exists():
            raise FilmError(f"{shown(path)} is not a file.", advice="Name a film.")
        file = path.open("rb")
    except OSError as error:
        raise FilmError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error
    with file:
        # FFmpeg would wait for a list to grow, as long as the list says.
        if file.read(len(_LIST)) == _LIST:
            raise FilmError(f"{shown(path)} is no film, but a list of films.")
        file.seek(0)
        try:
            container = av.open(
                file,
                "r",
                metadata_errors="surrogateescape",
                container_options={"protocol_whitelist": "none"},
                buffer_size=1 << 18,
                io_open=_nothing_else,
            )
        except (av.FFmpegError, OSError) as error:
            text = f"{shown(path)} is no film, or is damaged ({_reason(error)})."
            raise FilmError(text) from error
        with container:
            if _no_film(container.format.name):
                raise FilmError(
                    f"{shown(path)} is no film ({container.format.name}).",
                    advice="A photograph is coloured by tintype PHOTO.",
                )
            yield container


def _no_film(name: str) -> bool:
    """Whether FFmpeg reads something as moving pictures that nobody filmed.

    Any text is an animation to it, as of a terminal; a single picture is a film of one frame, and a
    list of files one of other files.

    Args:
        name: FFmpeg's, of the container.
    """
    return name in _NO_FILMS or name.startswith("image2") or name.endswith("_pipe")


def _nothing_else(_url: str, _flags: int, _options: dict[str, str]) -> io.BytesIO:
    """Whatever a film refers to is empty: no playlist leads to another file or to the network."""
    return io.BytesIO()


def look_at(path: Path) -> Source:
    """Reads what a film is, and its first picture.

    Args:
        path: The file.

    Raises:
        FilmError: It cannot be read, has no video, or cannot be coloured.
    """
    with opened(path) as container:
        stream = _video(container, path)
        frame = _first_frame(container, stream, path)
        kind = _kind(frame)
        layout, said = _layout(frame, stream, kind)
        warnings = [*said, *_warnings(container, stream, frame, kind)]
        seconds, sure = _seconds(container, stream)
        rate = stream.guessed_rate or stream.average_rate or Fraction(25)
        matrix = _display_matrix(frame)
        return Source(
            path=path,
            container=container.format.name,
            codec=stream.codec_context.name,
            kind=kind,
            layout=layout,
            index=stream.index,
            time_base=cast(Fraction, stream.time_base),
            rate=rate,
            frames=stream.frames or (0 if seconds is None else round(seconds * rate)),
            seconds=seconds,
            sure=sure,
            first=frame.pts or 0,
            aspect=stream.sample_aspect_ratio or None,
            display_matrix=matrix,
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
            field_order=_field_order(stream, frame),
            interlaced=frame.interlaced_frame,
            copied=tuple(_copied(container, stream)),
            warnings=tuple(warnings),
        )


def pictures(
    source: Source, damage: Damage, *, start: Fraction | None = None, skip: int = 0
) -> Iterator[Picture]:
    """The frames of a film in the order they are shown.

    Args:
        source: What `look_at` has found.
        damage: Is told what could not be read.
        start: Seconds since the first picture; frames before that are left out.
        skip: So many frames of those are read and not given: they are done already. They are
            decoded, because only then is what follows surely the same.

    Yields:
        Pictures with growing times.
    """
    with opened(source.path) as container:
        stream = container.streams.video[_place(container, source.index)]
        stream.thread_type = "AUTO"
        stream.thread_count = _THREADS
        if source.sure:  # else their times are looked at, to know where the film ends
            for other in container.streams:
                if other.index != source.index:
                    other.discard = av.stream.Discard.all
        wanted = None
        if start is not None and start > 0:
            wanted = source.first + round(start / source.time_base)
            with suppress(av.FFmpegError):  # then it is read from its beginning
                container.seek(wanted, stream=stream)
        end = _End()
        last: int | None = None
        number = 0
        step = max(1, round(1 / (source.rate * source.time_base)))
        for frame in _decoded(container, stream, damage, end):
            if _differs(frame, source):
                damage.ended = f"the size or kind of its pictures changes at {_clock(frame.time)}"
                return
            pts = frame.pts
            if pts is None:
                pts = source.first if last is None else last + step
            if wanted is not None and pts < wanted:
                continue
            if last is not None and pts <= last:
                damage.times += 1
                pts = last + (step if last - pts > 1 / source.time_base else 1)
            last = pts
            end.reach((pts + max(step, int(frame.duration or 0))) * source.time_base)
            damage.packets += frame.is_corrupt
            number += 1
            if number > skip:
                yield _picture(frame, source, number - 1, pts)
        if not damage.ended:
            damage.ended = _broken_off(source, end)


class _End:
    """How far a film has been read.

    Attributes:
        seconds: On the container's clock.
    """

    def __init__(self) -> None:
        self.seconds: Fraction | None = None

    def reach(self, seconds: Fraction) -> None:
        """Something ends then."""
        if self.seconds is None or seconds > self.seconds:
            self.seconds = seconds


def _decoded(
    container: InputContainer, stream: VideoStream, damage: Damage, end: _End
) -> Iterator[VideoFrame]:
    """All frames; what the decoder refuses is counted and left out."""
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            damage.ended = f"it cannot be read further ({_reason(error)})"
            packet = None
        if packet is not None and packet.stream_index != stream.index:
            if packet.pts is not None:
                end.reach((packet.pts + (packet.duration or 0)) * packet.time_base)
            continue
        try:
            if packet is not None and packet.size > 0:
                damage.packets += packet.is_corrupt
                yield from cast("list[VideoFrame]", packet.decode())
            elif packet is None:
                yield from stream.decode(None)
        except av.EOFError:
            pass  # the decoder was emptied before
        except (av.FFmpegError, ValueError):
            damage.packets += 1
        if packet is None:
            return


def _broken_off(source: Source, end: _End) -> str:
    """That a film has ended before it said it would, in words; empty where it has not."""
    if source.seconds is None or end.seconds is None:
        return ""
    began = source.first * source.time_base
    read = end.seconds - began
    # What is said of all streams may be rounded, and counts from where the first of them begins.
    slack = 2 / source.rate if source.sure else max(Fraction(1, 2), source.seconds / 50)
    if read + slack >= source.seconds:
        return ""
    return f"it breaks off after {_clock(read)} of {_clock(source.seconds)}"


# ----- what it is -----


def _video(container: InputContainer, path: Path) -> VideoStream:
    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not found:
        raise FilmError(f"{shown(path)} has no moving pictures.")
    best = container.streams.best("video")
    stream = next((s for s in found if best is not None and s.index == best.index), found[0])
    if stream.codec_context is None:
        raise FilmError(f"{shown(path)} holds video of a kind that cannot be read here.")
    return stream


def _place(container: InputContainer, index: int) -> int:
    return [stream.index for stream in container.streams.video].index(index)


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    for frame in _decoded(container, stream, Damage(), _End()):
        return frame
    raise FilmError(f"{shown(path)}: no picture of it can be read.")


def _kind(frame: VideoFrame) -> Kind:
    form = frame.format
    parts = form.components
    color = len(parts) > 2
    bits = 8 if form.has_palette else min(16, max(part.bits for part in parts))
    # Palettes and single bits have no luminance plane either.
    rgb = form.is_rgb or form.has_palette or form.is_bayer or form.is_bit_stream or bits < 8
    halved = (False, False)
    if color and not rgb:
        # 64 is divisible by every sampling there is; 4:1:1 and 4:1:0 have a quarter.
        halved = form.chroma_height(64) < 64, form.chroma_width(64) < 64
        halved = (False, False) if halved == (True, False) else halved
    return Kind(
        name=_plain_name(form.name),
        bits=max(8, bits),
        halved=(True, True) if rgb or not color else halved,
        grey=not rgb and not color,
        rgb=rgb,
        alpha=any(part.is_alpha for part in parts),
    )


def _plain_name(name: str) -> str:
    # The J of old names says "full range", which the frame says as well.
    return name.replace("yuvj", "yuv")


def _layout(frame: VideoFrame, stream: VideoStream, kind: Kind) -> tuple[Layout, list[str]]:
    """How the pictures are stored, and what had to be assumed."""
    said = []
    height, width = frame.height, frame.width
    untagged: Matrix = "bt709" if height >= 720 or width >= 1280 else "bt601"
    tag = int(frame.colorspace)
    matrix = untagged if kind.rgb else _MATRICES.get(tag, untagged)
    if not kind.rgb and tag not in _MATRICES and tag not in (0, UNSPECIFIED):
        said.append(f"Its colour matrix ({tag}) is not known here; BT.{matrix[2:]} is assumed.")
    if tag in _NEARLY and not kind.rgb:
        said.append(f"Its colour matrix, {_NEARLY[tag]}, is taken for BT.{matrix[2:]}.")
    full = int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")
    if kind.grey and int(frame.color_range) not in (1, _FULL):
        full = True  # as FFmpeg takes a grey picture that does not say
    layout = Layout(
        shape=(height, width),
        bits=kind.bits,
        matrix=matrix,
        full_range=full and not kind.rgb,
        halved=kind.halved,
        turn=round(frame.rotation / 90) % 4,
    )
    return layout, said


def _warnings(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, kind: Kind
) -> list[str]:
    said = []
    if int(frame.color_trc) in _HDR:
        said.append(
            f"The film is HDR ({_HDR[int(frame.color_trc)]}): its brightness and tags are kept, "
            "but colours are chosen as for ordinary film."
        )
    if kind.rgb:
        said.append(
            "The film is stored as RGB and is written as luminance and chroma (Y'CbCr); its grey "
            "is that of the pictures, rounded once."
        )
    if kind.alpha:
        said.append("The film is transparent in places; transparency is lost.")
    if frame.interlaced_frame:
        said.append(
            "The film is interlaced: it stays so, and colours are made for both fields at once, so "
            "that they may fringe where things move fast."
        )
    if frame.rotation % 90:
        said.append(f"The film is turned by {frame.rotation} degrees; it is coloured as stored.")
    others = [
        s
        for s in container.streams.video
        if s.index != stream.index and not s.disposition & Disposition.attached_pic
    ]
    if others:
        said.append(
            f"The film has {len(others) + 1} video streams; only one (stream {stream.index}) is "
            "coloured."
        )
    return said


def _seconds(container: InputContainer, stream: VideoStream) -> tuple[Fraction | None, bool]:
    """How long the video says it is, and whether that is about the video and not about all."""
    unit = cast(Fraction, stream.time_base)
    told = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if told is not None:  # Matroska
        hours, minutes, rest = told.groups()
        end = int(hours) * 3600 + int(minutes) * 60 + Fraction(rest)
        return max(Fraction(0), end - (stream.start_time or 0) * unit), True
    if stream.duration and "mp4" in container.format.name:
        return stream.duration * unit, True
    # Elsewhere FFmpeg says of every stream what the container says of all.
    return (Fraction(container.duration, av.time_base) if container.duration else None), False


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    for data in frame.side_data:
        entry = cast(Any, data)
        if entry.type.name == "DISPLAYMATRIX":
            return tuple(int(v) for v in np.frombuffer(bytes(entry), np.int32))
    return None


def _field_order(stream: VideoStream, frame: VideoFrame) -> int:
    found = int(stream.codec_context.field_order)
    return found if found or frame.interlaced_frame else 1


def _copied(container: InputContainer, video: VideoStream) -> Iterator[Copied]:
    words = {"audio": "sound", "subtitle": "subtitles", "video": "video"}
    counts: dict[str, int] = {}
    for stream in container.streams:
        if stream.index == video.index:
            continue
        kind = stream.type
        if stream.disposition & Disposition.attached_pic:
            kind = "cover picture"  # type: ignore[assignment]
        counts[kind] = counts.get(kind, 0) + 1
        codec = getattr(stream.codec_context, "codec", None)
        name = stream.name if codec is None else codec.canonical_name
        details = ", ".join(v for v in (name, stream.metadata.get("language")) if v)
        what = f"{words.get(kind, kind)} {counts[kind]} ({shown(details)})"
        chapters = stream.discard == av.stream.Discard.all
        remade = stream.type == "data" and (chapters or "timecode" in stream.metadata)
        yield Copied(stream.index, what, remade)


# ----- frames -----


def _differs(frame: VideoFrame, source: Source) -> bool:
    size = frame.height, frame.width
    return size != source.layout.shape or _plain_name(frame.format.name) != source.kind.name


def _picture(frame: VideoFrame, source: Source, number: int, pts: int) -> Picture:
    duration = int(frame.duration or 0)
    if source.in_place:
        luma = _plane(frame, 0, source.layout.shape)
        return Picture(number, pts, duration, luma, frame)
    made = _remade(frame, source)
    own = _own_luminance(frame, source)
    luma = _plane(made, 0, source.layout.shape) if own is None else own
    return Picture(number, pts, duration, luma, made)


def _remade(frame: VideoFrame, source: Source) -> VideoFrame:
    """The frame as the encoder takes it, with its properties; the planes are written anew."""
    layout = source.layout
    spaces = {"bt709": Colorspace.ITU709, "bt601": Colorspace.ITU601, "bt2020": _SWS_BT2020}
    full = ColorRange.JPEG if layout.full_range else ColorRange.MPEG
    return frame.reformat(
        format=picture_format(layout.bits, layout.halved),
        src_colorspace=spaces[layout.matrix],
        dst_colorspace=spaces[layout.matrix],
        src_color_range=ColorRange.JPEG if source.kind.rgb else full,
        dst_color_range=full,
        threads=1,
    )


def _own_luminance(frame: VideoFrame, source: Source) -> Samples | None:
    """The luminance of a frame, bit for bit, however it is packed.

    Args:
        frame: From the decoder.
        source: What it is of.

    Returns:
        ``layout.shape``; None where it has none that could be taken out.
    """
    kind, shape = source.kind, source.layout.shape
    if kind.name in _PACKED:
        both = _plane(frame, 0, (shape[0], 2 * shape[1]))
        return np.ascontiguousarray(both[:, _PACKED[kind.name] :: 2])
    parts = frame.format.components
    if kind.rgb or any(part.plane == parts[0].plane for part in parts[1:]):
        return None
    luma = _plane(frame, 0, shape)
    if frame.format.is_big_endian:
        luma = luma.byteswap()
    if _HIGH.fullmatch(kind.name):
        luma = luma >> np.uint16(16 - kind.bits)
    return luma


def complete(picture: Picture, source: Source, cb: Samples, cr: Samples) -> VideoFrame:
    """A frame with new chroma, ready to be encoded.

    Args:
        picture: As `pictures` gave it; its frame is used up.
        source: What it is of.
        cb: ``layout.chroma_shape``.
        cr: As cb.

    Returns:
        The frame, with the luminance of the source.
    """
    frame = picture.frame
    frame.make_writable()  # the decoder may still need the old one
    if not source.in_place:
        _fill(frame, 0, picture.luma)
    _fill(frame, 1, cb)
    _fill(frame, 2, cr)
    frame.pts, frame.time_base = picture.pts, source.time_base
    frame.pict_type = 0  # the encoder decides anew
    frame.colorspace = source.matrix_tag
    frame.color_range = _FULL if source.layout.full_range else 1
    frame.color_primaries, frame.color_trc = source.primaries, source.transfer
    return frame


def _plane(frame: VideoFrame, index: int, shape: tuple[int, int]) -> Samples:
    """A copy of a plane without the padding behind its lines."""
    plane = frame.planes[index]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    lines = np.frombuffer(cast(Any, plane), kind)
    lines = lines.reshape(-1, abs(plane.line_size) // lines.itemsize)
    found = lines[: shape[0], : shape[1]]
    return np.array(found[::-1] if plane.line_size < 0 else found)


def _fill(frame: VideoFrame, index: int, values: Samples) -> None:
    plane = frame.planes[index]
    width = plane.line_size // values.itemsize
    lines = np.frombuffer(cast(Any, plane), values.dtype).reshape(-1, width)
    lines[: values.shape[0], : values.shape[1]] = values


# ----- words -----


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return shown(text[:1].lower() + text[1:])


def _clock(seconds: Fraction | float | None) -> str:
    total = float(seconds or 0)
    minutes, rest = divmod(total, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def with_layout(source: Source, **changes: Any) -> Source:  # noqa: ANN401
    """The same with other values of its layout."""
    return replace(source, layout=replace(source.layout, **changes))
