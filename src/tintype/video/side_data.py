"""The data attached to the frames and streams of a film, and what becomes of each kind.

FFmpeg calls it side data. For frames and for streams, a table defines for every kind whether it is
used up, written again, or lost; other kinds are lost, and reported under FFmpeg's own name.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.video.frame import VideoFrame

from tintype.errors import shown
from tintype.video.defaults import Codec

CLEAN_APERTURE = "CLEAN_APERTURE"
"""Our name for a `clap` that FFmpeg does not report, such as one that is not in whole pixels."""

_BOTH: tuple[Codec, ...] = ("h264", "h265")
_STALE_SEI = (  # the settings of the encoder that made the source, written by x264 and x265
    bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"),
    bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e"),
)
_UUID = 16  # bytes, at the start of an unregistered message
_SIXTEENTHS = 16  # the unit of a pan-scan window
# Values of FFmpeg's AVFrameSideDataType for which PyAV has no name.
_UNNAMED = MappingProxyType({28: "LCEVC", 29: "VIEW_ID", 30: "3D_REFERENCE_DISPLAYS", 31: "EXIF"})
_UNNAMED_PROGRAMS = ("Service01", "FFmpeg")  # FFmpeg's defaults
_MAX_UNNAMED = 16  # kinds without a name that are removed from one frame


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of side data.

    Attributes:
        what: For messages, with its verb; empty if nothing is lost, because it describes how the
            source was compressed, or is used up in decoding.
        codecs: Codecs with which it is written again.
    """

    what: str = ""
    codecs: tuple[Codec, ...] = ()


_USED = Kind()
_HDR10 = Kind("HDR10 data is", _BOTH)
_DOLBY = Kind("Dolby Vision data is")
_LCEVC = Kind("enhancement layer (LCEVC) is")
_AFD = Kind("active format description is")
_3D = Kind("data on its 3D arrangement is")
_DISPLAYS = Kind("data on 3D displays is")
_EXIF = Kind("EXIF data of frames is")
_AMBIENT = Kind("data on the ambient light is")
_SPHERICAL = Kind("data on its spherical projection is")
_ICC = Kind("ICC profile is")

FRAME_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "A53_CC": Kind("closed captions are", _BOTH),
        "MASTERING_DISPLAY_METADATA": _HDR10,
        "CONTENT_LIGHT_LEVEL": _HDR10,
        "DYNAMIC_HDR_PLUS": Kind("HDR10+ data is"),
        "DYNAMIC_HDR_VIVID": Kind("HDR Vivid data is"),
        "DOVI_RPU_BUFFER": _DOLBY,
        "DOVI_METADATA": _DOLBY,
        "AMBIENT_VIEWING_ENVIRONMENT": _AMBIENT,
        "AFD": _AFD,
        "PANSCAN": Kind("pan-scan window is"),
        "STEREO3D": _3D,
        "3D_REFERENCE_DISPLAYS": _DISPLAYS,
        "VIEW_ID": Kind("further views (MV-HEVC) are"),
        "SPHERICAL": _SPHERICAL,
        "ICC_PROFILE": _ICC,
        CLEAN_APERTURE: Kind("clean aperture is"),
        "EXIF": _EXIF,
        "LCEVC": _LCEVC,
        "SEI_UNREGISTERED": Kind("user data in its frames (unregistered SEI messages) is"),
        "REGIONS_OF_INTEREST": Kind("regions of interest are"),
        "DETECTION_BBOXES": Kind("boxes around detected objects are"),
        # The first is carried as the timecode of the film, from which the others follow.
        "GOP_TIMECODE": _USED,
        "S12M_TIMECODE": _USED,
        "DISPLAYMATRIX": _USED,  # written to the container
        "FILM_GRAIN_PARAMS": _USED,  # decoders have added the grain
        "MOTION_VECTORS": _USED,
        "VIDEO_ENC_PARAMS": _USED,
        "VIDEO_HINT": _USED,
        # Of sound, whose packets are copied.
        "MATRIXENCODING": _USED,
        "DOWNMIX_INFO": _USED,
        "REPLAYGAIN": _USED,
        "SKIP_SAMPLES": _USED,
        "AUDIO_SERVICE_TYPE": _USED,
    }
)
"""For frames, by the names of FFmpeg's AVFrameSideDataType."""

CROPPING = "Frame Cropping"
"""How a container tells players to hide edges: PixelCrop in Matroska, `clap` in QuickTime."""

STREAM_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        CROPPING: Kind("cropping is"),
        "Stereo 3D": _3D,
        "3D Reference Displays Info": _DISPLAYS,
        "Spherical Mapping": _SPHERICAL,
        "ICC Profile": _ICC,
        "EXIF metadata": _EXIF,
        "LCEVC NAL data": _LCEVC,
        "DOVI configuration record": _DOLBY,
        "HDR10+ Dynamic Metadata (SMPTE 2094-40)": Kind("HDR10+ data is"),
        "Mastering display metadata": _HDR10,
        "Content light level metadata": _HDR10,
        "Ambient viewing environment": _AMBIENT,
        "A53 Closed Captions": Kind("closed captions are", _BOTH),
        "Active Format Description data": _AFD,
        "Matroska BlockAdditional": Kind("data beside its frames (Matroska BlockAdditional) is"),
        "Fallback track": Kind("reference to a track that replaces it is"),
        "Producer Reference Time": Kind("clock times of its recording are"),
        "RTCP Sender Report": Kind("clock times of its transmission are"),
        "SMPTE ST 12-1:2014 timecode": _USED,  # carried as the timecode of the film
        "Display Matrix": _USED,  # written to the container
        # How the source was compressed, or is stored.
        "Palette": _USED,
        "New Extradata": _USED,
        "Param Change": _USED,
        "H263 MB Info": _USED,
        "Quality stats": _USED,
        "CPB properties": _USED,
        "MPEGTS Stream ID": _USED,
        "Encryption initialization data": _USED,
        "Encryption info": _USED,
        "Strings Metadata": _USED,
        "Metadata Update": _USED,
        "Replay Gain": Kind("replay gain is"),
        "Audio Service Type": Kind("kind of service of its sound is"),
        # Of sound and of texts, whose packets are copied.
        "Skip Samples": _USED,
        "JP Dual Mono": _USED,
        "Subtitle Position": _USED,
        "WebVTT ID": _USED,
        "WebVTT Settings": _USED,
        "IAMF Mix Gain Parameter Data": _USED,
        "IAMF Demixing Info Parameter Data": _USED,
        "IAMF Recon Gain Info Parameter Data": _USED,
    }
)
"""For streams and packets, by the names that FFmpeg prints for its AVPacketSideDataType."""


def frame_side_data(frame: VideoFrame) -> dict[str, bytes]:
    """The meaningful side data of a frame, by FFmpeg's names.

    Args:
        frame: As decoded.
    """
    data: dict[str, bytes] = {}
    for name, value in _entries(frame):
        if name not in _SAYS or _SAYS[name](value, frame):
            data.setdefault(name, value)
    return data


@dataclass(slots=True)
class Described:
    """Information that FFmpeg prints about a container and PyAV does not provide.

    Attributes:
        streams: The side data of each stream, by its index: names and descriptions.
        programs: Tags of the programmes of a broadcast: programme number and tag name.
        groups: The kinds of groups that streams form, as FFmpeg names them.
    """

    streams: dict[int, dict[str, str]] = field(default_factory=dict)
    programs: list[tuple[int, str]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def describe(container: InputContainer) -> Described:
    """Reads the description of a container that FFmpeg prints.

    Args:
        container: The film.
    """
    return read_description(_description(container))


def read_description(text: str) -> Described:
    """Reads a description of a container.

    Args:
        text: As FFmpeg's ``av_dump_format`` prints it.
    """
    found = Described()
    stream: dict[str, str] = {}
    program, heading = 0, ""
    for line in text.splitlines():
        if (start := re.match(r" {2,4}Stream #0:(\d+)", line)) is not None:
            stream, program, heading = found.streams.setdefault(int(start[1]), {}), 0, ""
        elif (start := re.match(r" {2}Program (\d+)", line)) is not None:
            program, heading = int(start[1]), ""
        elif (start := re.match(r" {2}Stream group #\S+ (.+?):", line)) is not None:
            found.groups.append(start[1])
            program, heading = 0, ""
        elif (entry := re.fullmatch(r" {6,8}(\S[^:]*?) *(?:: ?(.*))?", line)) is not None:
            if heading == "Side data:":
                stream[entry[1]] = (entry[2] or "").strip()
            elif heading == "Metadata:" and program and entry[2] not in _UNNAMED_PROGRAMS:
                found.programs.append((program, entry[1]))
        elif not line.startswith(" " * 9):  # not the next line of a tag
            heading = line.strip()
    return found


def lost_side_data(
    frames: Iterable[str], streams: Mapping[str, str], codec: Codec, *, in_place: bool
) -> Iterator[str]:
    """A sentence for each kind of side data that is lost.

    Args:
        frames: Names of the side data of frames.
        streams: Names of the side data of the stream and its packets, with descriptions.
        codec: The codec of the output.
        in_place: Whether the decoder's own frames are encoded again, with their side data.
    """
    lost: dict[str, str] = {}
    for kinds, names in ((FRAME_KINDS, frames), (STREAM_KINDS, streams)):
        for name in names:
            kind = kinds.get(name, Kind(f"data called {shown(name)} is"))
            captions = kind.what.startswith("closed captions")
            if kind.what and (codec not in kind.codecs or (captions and not in_place)):
                keeps = codec == "ffv1" and kind.codecs == _BOTH
                lost[kind.what] = " --codec h264 and h265 keep them." if keeps else ""
    for what, advice in lost.items():
        if what == STREAM_KINDS[CROPPING].what:
            yield _cropping(streams[CROPPING])
        else:
            yield f"Its {what} lost.{advice}"


def timecode_of(frame: VideoFrame) -> str | None:
    """The timecode that a frame itself states (MPEG-2 GOP header, SMPTE ST 12-1), or None.

    Args:
        frame: As decoded.
    """
    return frame.metadata.get("timecode")


def filtered(frame: VideoFrame, name: str, **options: str) -> VideoFrame | None:
    """A frame as one of FFmpeg's filters returns it.

    Args:
        frame: As decoded.
        name: Of the filter.
        **options: Of the filter.

    Returns:
        None if the filter outputs no frame.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 1000),  # no filter used here reads it
    )
    step, sink = graph.add(name, **options), graph.add("buffersink")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    source.push(frame)
    source.push(None)
    try:
        return cast(VideoFrame, sink.pull())
    except av.EOFError:
        return None


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """How players turn the picture; nine numbers, or None.

    Args:
        frame: As decoded.
    """
    data = frame_side_data(frame).get("DISPLAYMATRIX")
    return None if data is None else tuple(int(v) for v in np.frombuffer(data, np.int32))


def _cropping(description: str) -> str:
    """The message about a container that hides edges: every pixel stays, and is shown."""
    edges = re.fullmatch(r"(\d+)/(\d+)/(\d+)/(\d+)", description)
    if edges is None:
        return "Its cropping by the container is lost: players show whole frames."
    sides = zip(("left", "right", "top", "bottom"), edges.groups(), strict=True)
    text = ", ".join(f"{side} {pixels}" for side, pixels in sides)
    return (
        f"Its container hides edges of the frames ({text} pixels); they are coloured and kept, and "
        "players will show them."
    )


def _entries(frame: VideoFrame) -> list[tuple[str, bytes]]:
    """All side data of a frame; kinds that PyAV does not support have no contents."""
    unknown: list[tuple[str, bytes]] = []
    while True:
        try:
            entries = [cast(Any, entry) for entry in frame.side_data]
        except ValueError as error:  # PyAV's message: "31 is not a valid Type"
            number = re.match(r"\d+", str(error))
            if number is None or len(unknown) >= _MAX_UNNAMED:
                raise
            kind = int(number[0])
            unknown.append((_UNNAMED.get(kind, f"frame data {kind}"), b""))
            frame = _without(frame, kind)
            continue
        return [(entry.type.name, bytes(entry)) for entry in entries] + unknown


def _without(frame: VideoFrame, kind: int) -> VideoFrame:
    """A frame without side data of one kind."""
    return cast(VideoFrame, filtered(frame, "sidedata", mode="delete", type=str(kind)))


def _is_foreign_message(data: bytes, _frame: VideoFrame) -> bool:
    return data[:_UUID] not in _STALE_SEI


def _is_panned(data: bytes, frame: VideoFrame) -> bool:
    """Whether FFmpeg's AVPanScan selects part of the picture; MPEG-2 decoders attach empty ones."""
    _, width, height = (int(value) for value in np.frombuffer(data[:12], np.int32))
    whole = (frame.width * _SIXTEENTHS, frame.height * _SIXTEENTHS)
    return width > 0 and height > 0 and (width < whole[0] or height < whole[1])


_SAYS: Mapping[str, Callable[[bytes, VideoFrame], bool]] = MappingProxyType(
    {"SEI_UNREGISTERED": _is_foreign_message, "PANSCAN": _is_panned}
)


def _description(container: InputContainer) -> str:
    """FFmpeg's description of a container, which PyAV passes on only at this log level."""
    level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    try:
        return cast(str, cast(Any, container).dumps_format())
    finally:
        av.logging.set_skip_repeated(skip)
        av.logging.set_level(level)
