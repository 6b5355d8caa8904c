"""The planes of a frame: its stored luma, bit for bit, and the chroma written beside it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from tintype.video.layout import Samples
from tintype.video.source import FULL_RANGE, FilmSource, planar_format

if TYPE_CHECKING:
    from tintype.video.fades import Exposure

_PACKED = {"yuyv422": 0, "yvyu422": 0, "uyvy422": 1}  # the first luma byte of every pair
_HIGH_BITS = re.compile(r"p[024]1[0-6][lb]e")  # p010le: 10 bits at the upper end of 16
_SWS_BT2020 = 9  # SWS_CS_BT2020


@dataclass(slots=True)
class Frame:
    """One frame of a film.

    Attributes:
        number: From 0, counted from where reading began.
        pts: When it is shown, in the stream's `time_base`.
        duration: For how long, in `time_base`; 0 if the decoder does not know.
        luma: ``layout.shape``, the codes of the stream.
        video_frame: FFmpeg's frame with all its properties; it is encoded with new chroma.
        exposure: How a fade has changed it; None if it is in full light.
    """

    number: int
    pts: int
    duration: int
    luma: Samples
    video_frame: VideoFrame
    exposure: "Exposure | None" = None


def luma_frame(decoded: VideoFrame, source: FilmSource, number: int, pts: int) -> Frame:
    """A decoded frame with its luma.

    Args:
        decoded: By FFmpeg.
        source: The film.
        number: Of the frame.
        pts: When it is shown.
    """
    duration = int(decoded.duration or 0)
    shape = source.layout.shape
    if source.in_place:
        return Frame(number, pts, duration, _plane(decoded, 0, shape), decoded)
    converted = _converted(decoded, source)
    stored = _stored_luma(decoded, source)
    luma = _plane(converted, 0, shape) if stored is None else stored
    return Frame(number, pts, duration, luma, converted)


def with_chroma(frame: Frame, source: FilmSource, cb: Samples, cr: Samples) -> VideoFrame:
    """A frame with new chroma, ready to be encoded.

    Args:
        frame: As decoded; its `video_frame` is modified.
        source: The film.
        cb: ``layout.chroma_shape``.
        cr: As `cb`.

    Returns:
        The frame, with the luma of the source.
    """
    result = frame.video_frame
    result.make_writable()  # the decoder may still need the old one
    if not source.in_place:
        _fill(result, 0, frame.luma)
    _fill(result, 1, cb)
    _fill(result, 2, cr)
    result.pts, result.time_base = frame.pts, source.time_base
    result.pict_type = 0  # the encoder decides
    result.colorspace = source.matrix_tag
    result.color_range = FULL_RANGE if source.layout.full_range else 1
    result.color_primaries, result.color_trc = source.primaries, source.transfer
    return result


def _converted(frame: VideoFrame, source: FilmSource) -> VideoFrame:
    """The frame in the encoder's pixel format, with its properties."""
    layout = source.layout
    spaces = {"bt709": Colorspace.ITU709, "bt601": Colorspace.ITU601, "bt2020": _SWS_BT2020}
    color_range = ColorRange.JPEG if layout.full_range else ColorRange.MPEG
    return frame.reformat(
        format=planar_format(layout.bits, layout.subsampled),
        src_colorspace=spaces[layout.matrix],
        dst_colorspace=spaces[layout.matrix],
        src_color_range=ColorRange.JPEG if source.pixel_format.rgb else color_range,
        dst_color_range=color_range,
        threads=1,
    )


def _stored_luma(frame: VideoFrame, source: FilmSource) -> Samples | None:
    """The luma of a frame, bit for bit, however it is packed.

    Args:
        frame: As decoded.
        source: The film.

    Returns:
        ``layout.shape``; None if the frame has no luma that could be extracted.
    """
    pixel_format, shape = source.pixel_format, source.layout.shape
    if pixel_format.name in _PACKED:
        packed = _plane(frame, 0, (shape[0], 2 * shape[1]))
        return np.ascontiguousarray(packed[:, _PACKED[pixel_format.name] :: 2])
    components = frame.format.components
    if pixel_format.rgb or any(part.plane == components[0].plane for part in components[1:]):
        return None
    luma = _plane(frame, 0, shape)
    if frame.format.is_big_endian:
        luma = luma.byteswap()
    if _HIGH_BITS.fullmatch(pixel_format.name):
        luma = luma >> np.uint16(16 - pixel_format.bits)
    return luma


def _plane(frame: VideoFrame, index: int, shape: tuple[int, int]) -> Samples:
    """A copy of a plane without the padding at the end of its rows."""
    plane = frame.planes[index]
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    rows = np.frombuffer(cast(Any, plane), dtype)
    rows = rows.reshape(-1, abs(plane.line_size) // rows.itemsize)
    cropped = rows[: shape[0], : shape[1]]
    return np.array(cropped[::-1] if plane.line_size < 0 else cropped)


def _fill(frame: VideoFrame, index: int, values: Samples) -> None:
    plane = frame.planes[index]
    width = plane.line_size // values.itemsize
    rows = np.frombuffer(cast(Any, plane), values.dtype).reshape(-1, width)
    rows[: values.shape[0], : values.shape[1]] = values
