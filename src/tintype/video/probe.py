"""Probes a film file: reads its properties and its first frame, without colouring anything."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tintype.errors import FilmError, shown
from tintype.video.clock import FilmClock, codec_name
from tintype.video.container import open_film
from tintype.video.decode import (
    MEGAPIXELS,
    Damage,
    first_frame,
    limit_frames,
    plain_format_name,
)
from tintype.video.defaults import MAX_FRAME_PIXELS
from tintype.video.layout import Matrix, PlaneLayout, orientation
from tintype.video.packet_times import read_clock
from tintype.video.side_data import CLEAN_APERTURE, CROPPING, describe, display_matrix
from tintype.video.source import FULL_RANGE, FilmSource, OtherStream, PixelFormat
from tintype.video.survey import Survey, Tags, clean_aperture, survey
from tintype.video.timecode import start_of

# AVColorSpace, AVColorTransferCharacteristic: ITU-T H.273, tables 3 and 4.
_UNSPECIFIED = 2
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
_APPROXIMATED = {4: "FCC", 7: "SMPTE 240M", 10: "BT.2020 of constant luminance"}
_WITHOUT_CODEC = frozenset({"attachment", "data"})
_PROGRESSIVE, _TOP_FIRST, _BOTTOM_FIRST = 1, 2, 3  # FFmpeg's AVFieldOrder; 0 is unknown
_UPRIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)
_TOLD_FROM = 10  # seconds: nearly every broadcast starts a second or two after 0
_HDR = {16: "PQ", 18: "HLG"}


def probe(path: Path) -> FilmSource:
    """Reads the properties of a film, and its first frame.

    Args:
        path: The file.

    Raises:
        FilmError: It cannot be read, has no video, or cannot be coloured.
    """
    with open_film(path) as container:
        stream = _video_stream(container, path)
        _check_size(stream, path)
        limit_frames(stream)
        clock = read_clock(path, stream.index)
        damage = Damage()
        frame = first_frame(container, stream, clock, damage)
        if frame is None:
            why = f" {damage.sentence()}" if damage.refused else ""
            raise FilmError(f"{shown(path)}: none of its frames can be read.{why}")
        pixel_format = _pixel_format(frame)
        seconds, exact_duration = _duration(container, stream)
        described = describe(container).streams.get(stream.index, {})
        found = survey(container, stream, frame, seconds, begin=clock.begin)
        layout, assumptions = _layout(frame, pixel_format, found.tags)
        warnings = [*assumptions, *_warnings(container, stream, frame, pixel_format, found)]
        warnings += _clock_warnings(clock)
        first_pts = frame.pts or 0
        unit = cast(Fraction, stream.time_base)
        if clock.joins and clock.end is not None:  # FFmpeg does not correct the clock
            seconds, exact_duration = clock.end - first_pts * unit, True
        rate = stream.guessed_rate or stream.average_rate or Fraction(25)
        side_data, stream_data = _side_data(path, container, found, described)
        codes = found.timecodes[:1] if clock.joins else found.timecodes
        timecode, remark = _timecode(container, stream, codes, first_pts, rate)
        warnings += [] if remark is None else [remark]
        return FilmSource(
            path=path,
            container=container.format.name,
            codec=stream.codec_context.name,
            pixel_format=pixel_format,
            layout=layout,
            index=stream.index,
            time_base=unit,
            rate=rate,
            frames=stream.frames or (0 if seconds is None else round(seconds * rate)),
            seconds=seconds,
            exact_duration=exact_duration,
            first_pts=first_pts,
            clock=clock,
            aspect=found.aspect,
            display_matrix=display_matrix(frame),
            primaries=found.tags.primaries,
            transfer=found.tags.transfer,
            field_order=_field_order(stream, found),
            interlaced=found.interlaced,
            whole_frames=found.progressive,
            order_changes=found.order_changes,
            side_data=side_data,
            stream_data=stream_data,
            timecode=timecode,
            other_streams=tuple(_other_streams(container, stream)),
            chapters=len(container.chapters()),
            warnings=tuple(warnings),
        )


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise FilmError(f"{shown(path)} has no video.")
    best = container.streams.best("video")
    stream = next((s for s in streams if best is not None and s.index == best.index), streams[0])
    if stream.codec_context is None:
        raise FilmError(f"{shown(path)}: the installed FFmpeg cannot decode its video.")
    return stream


def _check_size(stream: VideoStream, path: Path) -> None:
    height, width = stream.codec_context.height, stream.codec_context.width
    if height * width > MAX_FRAME_PIXELS:
        raise FilmError(
            f"{shown(path)} has frames of {width} x {height} pixels; the limit for films is "
            f"{MEGAPIXELS} megapixels.",
            advice="Make it smaller first, for example with ffmpeg -vf scale=3840:-2.",
        )


def _pixel_format(frame: VideoFrame) -> PixelFormat:
    found = frame.format
    components = found.components
    has_chroma = len(components) > 2
    bits = 8 if found.has_palette else min(16, max(part.bits for part in components))
    # Neither palettes nor single bits have a luma plane.
    rgb = found.is_rgb or found.has_palette or found.is_bayer or found.is_bit_stream or bits < 8
    subsampled = (False, False)
    if has_chroma and not rgb:
        # 64 is divisible by every subsampling factor; 4:1:1 and 4:1:0 have a quarter.
        subsampled = found.chroma_height(64) < 64, found.chroma_width(64) < 64
        subsampled = (False, False) if subsampled == (True, False) else subsampled
    return PixelFormat(
        name=plain_format_name(found.name),
        bits=max(8, bits),
        subsampled=(True, True) if rgb or not has_chroma else subsampled,
        grey=not rgb and not has_chroma,
        rgb=rgb,
        alpha=any(part.is_alpha for part in components),
    )


def _layout(
    frame: VideoFrame, pixel_format: PixelFormat, tags: Tags
) -> tuple[PlaneLayout, list[str]]:
    """The layout of the coloured frames, and a sentence for each assumption."""
    assumptions = []
    height, width = frame.height, frame.width
    untagged: Matrix = "bt709" if height >= 720 or width >= 1280 else "bt601"
    tag = tags.matrix
    matrix = untagged if pixel_format.rgb else _MATRICES.get(tag, untagged)
    if not pixel_format.rgb and tag not in _MATRICES and tag not in (0, _UNSPECIFIED):
        assumptions.append(f"Its colour matrix ({tag}) is unknown; BT.{matrix[2:]} is assumed.")
    if tag in _APPROXIMATED and not pixel_format.rgb:
        assumptions.append(
            f"Its colour matrix, {_APPROXIMATED[tag]}, is treated as BT.{matrix[2:]}."
        )
    full_range = tags.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    if pixel_format.grey and tags.color_range not in (1, FULL_RANGE):
        full_range = True  # as FFmpeg assumes of untagged grey
    turn, mirrored = orientation(display_matrix(frame) or _UPRIGHT) or (0, False)
    layout = PlaneLayout(
        shape=(height, width),
        bits=pixel_format.bits,
        matrix=matrix,
        full_range=full_range and not pixel_format.rgb,
        subsampled=pixel_format.subsampled,
        turn=turn,
        mirrored=mirrored,
    )
    return layout, assumptions


def _warnings(
    container: InputContainer,
    stream: VideoStream,
    frame: VideoFrame,
    pixel_format: PixelFormat,
    found: Survey,
) -> Iterator[str]:
    if found.tags_change:
        yield "Its colour tags change within the film; those of most of it are used for all."
    if found.aspect_changes:
        yield (
            f"Its pixel aspect changes within the film; {found.aspect}, that of most of it, is "
            "used for all."
        )
    if found.tags.transfer in _HDR:
        yield (
            f"The film is HDR ({_HDR[found.tags.transfer]}): its brightness and tags are kept, "
            "but colours are chosen as for ordinary film."
        )
    if pixel_format.rgb:
        yield (
            "The film is stored as RGB and is written as luma and chroma (Y'CbCr); the grey of its "
            "frames is kept, rounded once."
        )
    beside = {key.casefold(): value for key, value in stream.metadata.items()}.get("alpha_mode")
    if pixel_format.alpha or beside == "1":  # of VP8 and VP9, which few decoders read
        yield "The film has transparency, which is lost."
    if found.interlaced:
        partly = "partly interlaced" if found.progressive else "interlaced"
        yield (
            f"The film is {partly} and stays so; both fields of a frame share their colours, "
            "which may fringe where things move fast."
        )
    if orientation(display_matrix(frame) or _UPRIGHT) is None:
        yield (
            f"Players turn the film by {frame.rotation} degrees, or skew it; it is coloured as "
            "stored."
        )
    others = [
        s
        for s in container.streams.video
        if s.index != stream.index and not s.disposition & Disposition.attached_pic
    ]
    if others:
        yield (
            f"The film has {len(others) + 1} video streams; only one (stream {stream.index}) is "
            "coloured."
        )


def _clock_warnings(clock: FilmClock) -> Iterator[str]:
    if clock.begin >= _TOLD_FROM:
        yield f"Its clock begins at {float(clock.begin):.1f} s; the coloured film begins at 0."
    for join in clock.joins:
        yield (
            f"Its clock jumps at {float(join):.1f} s, as if recordings were joined there; the "
            "coloured film continues there, pictures and sound together."
        )
    if clock.wrong:
        times = "1 packet" if clock.wrong == 1 else f"{clock.wrong:,} packets"
        yield f"The times of {times} are missing or do not increase; they are corrected."


def _duration(container: InputContainer, stream: VideoStream) -> tuple[Fraction | None, bool]:
    """The duration in seconds, and whether it is that of the video, not of the whole file."""
    unit = cast(Fraction, stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag is not None:  # Matroska
        hours, minutes, rest = tag.groups()
        end = int(hours) * 3600 + int(minutes) * 60 + Fraction(rest)
        return max(Fraction(0), end - (stream.start_time or 0) * unit), True
    if stream.duration and "mp4" in container.format.name:
        return stream.duration * unit, True
    # For other containers FFmpeg reports the duration of the file for every stream.
    return (Fraction(container.duration, av.time_base) if container.duration else None), False


def _field_order(stream: VideoStream, found: Survey) -> int:
    order = int(stream.codec_context.field_order)
    if found.top_first is None:
        return order or _PROGRESSIVE
    # If the film begins progressive, or states nothing, the frames themselves decide.
    return order if order > _PROGRESSIVE else (_TOP_FIRST if found.top_first else _BOTTOM_FIRST)


def _side_data(
    path: Path, container: InputContainer, found: Survey, described: Mapping[str, str]
) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """The data attached to frames, and the data attached to the stream and its packets."""
    stream_data = dict.fromkeys(sorted(found.packet_data), "") | dict(described)
    if "mp4" not in container.format.name or CROPPING in stream_data:
        return found.side_data, stream_data
    aperture = clean_aperture(path)
    return found.side_data | ({CLEAN_APERTURE: aperture} if aperture else {}), stream_data


def _timecode(
    container: InputContainer,
    stream: VideoStream,
    codes: Sequence[tuple[int, str]],
    first_pts: int,
    rate: Fraction,
) -> tuple[str | None, str | None]:
    """The timecode of the first frame, if only frames state it, and a sentence if it jumps."""
    if any(key.casefold() == "timecode" for key in (*stream.metadata, *container.metadata)):
        return None, None  # this tag is copied
    unit = cast(Fraction, stream.time_base)
    return start_of((((pts - first_pts) * unit, code) for pts, code in codes), rate)


def _other_streams(container: InputContainer, video: VideoStream) -> Iterator[OtherStream]:
    words = {"audio": "sound", "subtitle": "subtitles", "video": "video"}
    counts: dict[str, int] = {}
    for stream in container.streams:
        if stream.index == video.index:
            continue
        kind = stream.type
        if stream.disposition & Disposition.attached_pic:
            kind = "cover picture"  # type: ignore[assignment]
        counts[kind] = counts.get(kind, 0) + 1
        name = codec_name(stream)
        unknown = "" if name or stream.type in _WITHOUT_CODEC else "unknown codec"
        details = ", ".join(v for v in (name or unknown, stream.metadata.get("language")) if v)
        label = f"{words.get(kind, kind)} {counts[kind]} ({shown(details)})"
        chapters = stream.discard == av.stream.Discard.all
        regenerated = stream.type == "data" and (chapters or "timecode" in stream.metadata)
        yield OtherStream(stream.index, label, name, stream.type, regenerated)
