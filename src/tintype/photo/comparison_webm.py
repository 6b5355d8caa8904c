"""A sweep as a WebM film, for services that do not animate pictures."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tintype.errors import UnsupportedPhotoError

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_CODEC = "libvpx-vp9"
_MS = Fraction(1, 1000)
_BT709, _SRGB, _MPEG = 1, 13, 1
"""Matrix, primaries, transfer and range, as numbered by ITU-T H.273 and FFmpeg."""
_OPTIONS = {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"}


def can_write_webm() -> bool:
    """Whether the packages of the film extra, which write WebM, are installed."""
    return find_spec("av") is not None


def webm(
    frames: Iterable[NDArray[np.uint8]], durations: Iterable[int], *, title: str, comment: str
) -> bytes:
    """Writes a film in VP9, with a duration for each frame.

    Args:
        frames: (H, W, 3) sRGB each, all of one size. An odd side repeats its last row or column.
        durations: Of each frame, in milliseconds. The last frame is written twice, because nothing
            else marks the end of a film.
        title: Of the film.
        comment: On the film.

    Raises:
        UnsupportedPhotoError: The extra for film is not installed, or its FFmpeg has no VP9.
    """
    if not can_write_webm():
        raise UnsupportedPhotoError(
            "WebM needs the packages for film, which are not installed.",
            advice="Type: pip install 'tintype-colorizer[video]'",
        )
    import av

    if _CODEC not in av.codecs_available:
        raise UnsupportedPhotoError(
            f"The installed PyAV cannot write WebM: it has no {_CODEC}.",
            advice="Type: pip install --force-reinstall av",
        )
    file = io.BytesIO()
    # Bit-exact: no version and no random numbers, so one photograph always gives the same film.
    with av.open(file, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        container.metadata.update({"title": title, "comment": comment})
        made = container.add_stream(_CODEC, rate=1000, options=dict(_OPTIONS))
        stream = cast("VideoStream", made)
        for picture, start in _timed(frames, durations):
            if not start:
                _set_up(stream, picture)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_MPEG)
            frame.pts, frame.time_base = start, _MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _set_up(stream: "VideoStream", picture: NDArray[np.uint8]) -> None:
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = _MS
    context.colorspace, context.color_range = _BT709, _MPEG
    context.color_primaries = _BT709
    context.color_trc = _SRGB


def _timed(
    frames: Iterable[NDArray[np.uint8]], durations: Iterable[int]
) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Each frame with even sides, as halved chroma requires, and its start in milliseconds."""
    start, picture = 0, None
    for frame, duration in zip(frames, durations, strict=True):
        odd = [(0, side % 2) for side in frame.shape[:2]]
        picture = np.pad(frame, [*odd, (0, 0)], mode="edge")
        yield picture, start
        start += duration
    if picture is not None:
        yield picture, start
