"""Tags of a film and its video that remain true of the coloured one, and its timecode."""

from fractions import Fraction

from av.container import InputContainer, OutputContainer
from av.stream import Stream

from tintype.video.encoding import Encoding
from tintype.video.source import FilmSource
from tintype.video.timecode import read_timecode

# Statistics of the old video, which are wrong for the new one.
_STALE_TAGS = ("bps", "duration", "number_of_frames", "number_of_bytes", "_statistics", "encoder")
_BRAND_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})


def film_tags(container: InputContainer) -> dict[str, str]:
    """The tags of a film that remain true of the coloured one.

    Args:
        container: The film.
    """
    tags = dict(container.metadata)
    if container.format.name == "ogg" and not tags:  # this format has only tags of streams
        tags = {k: v for k, v in stream_tags(container.streams.video[0]).items() if k != "language"}
    return {k: v for k, v in tags.items() if k.casefold() not in _BRAND_TAGS}


def stream_tags(stream: Stream) -> dict[str, str]:
    """The tags of a video stream that remain true of the coloured one: all but old statistics.

    Args:
        stream: Of the film.
    """
    tags = stream.metadata.items()
    return {k: v for k, v in tags if not k.casefold().startswith(_STALE_TAGS)}


def set_timecode(
    out: OutputContainer,
    video: Stream,
    source: FilmSource,
    encoding: Encoding,
    shift: Fraction = Fraction(0),
) -> None:
    """Sets the timecode of the first frame: a tag, which MP4 and MOV turn into a track.

    Args:
        out: The output, with the tags of the source.
        video: The output video, with the tags of the source.
        source: The film.
        encoding: Determines the container.
        shift: Seconds by which the output begins later than the source.
    """
    if source.timecode is not None:
        video.metadata["timecode"] = source.timecode
    for tags in (out.metadata, video.metadata):
        for key in [key for key in tags if key.casefold() == "timecode"]:
            code = read_timecode(tags[key], source.rate)
            if code is not None:
                tags[key] = str(code + round(shift * source.rate))
            elif encoding.muxer != "matroska":
                del tags[key]  # the muxer would refuse it, at the end
