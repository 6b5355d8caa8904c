"""The properties of a film file that determine how the coloured film is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tintype.video.clock import FilmClock
from tintype.video.layout import Matrix, PlaneLayout

_LOSSLESS = {"ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "magicyuv", "lagarith", "v210"}
_LOSSLESS |= {"v410", "r210", "png", "qtrle", "zlib", "ljpeg", "jpegls", "hymt"}

# MatrixCoefficients of ITU-T H.273, table 4.
_MATRIX_TAGS: dict[Matrix, int] = {"bt709": 1, "bt601": 6, "bt2020": 9}

FULL_RANGE = 2
"""FFmpeg's AVCOL_RANGE_JPEG; limited range is 1."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How a decoder stores its frames.

    Attributes:
        name: FFmpeg's name of the pixel format.
        bits: Per sample.
        subsampled: As `PlaneLayout.subsampled`.
        grey: Whether there is no chroma.
        rgb: Whether there is no luma plane, so luma has to be computed.
        alpha: Whether there is transparency.
    """

    name: str
    bits: int
    subsampled: tuple[bool, bool]
    grey: bool
    rgb: bool
    alpha: bool


@dataclass(frozen=True, slots=True)
class OtherStream:
    """A stream other than the coloured video.

    Attributes:
        index: In the file.
        label: For messages: ``sound 1 (aac, eng)``.
        codec: FFmpeg's name; empty if it has none.
        kind: FFmpeg's media type, such as ``audio``.
        regenerated: Whether the muxer writes it by itself: QuickTime stores chapters and timecode
            as streams.
        wave: Whether Matroska describes it like a WAVE file (``A_MS/ACM``), because it has no name
            of its own for the codec.
        encoder: Name of the encoder that compresses it again; None if it is copied.
    """

    index: int
    label: str
    codec: str = ""
    kind: str = "data"
    regenerated: bool = False
    wave: bool = False
    encoder: str | None = None

    @property
    def is_pcm(self) -> bool:
        """Whether it is uncompressed sound."""
        return re.match(r"pcm_[suf]\d", self.codec) is not None


@dataclass(frozen=True, slots=True)
class FilmSource:
    """A film file.

    Attributes:
        path: The file.
        container: FFmpeg's name of the format, ``mov,mp4,m4a,3gp,3g2,mj2``.
        codec: Of the video.
        pixel_format: Of the decoder's frames.
        layout: Of the coloured frames; the same as that of the source if it has luma and chroma.
        index: Of the video stream in the file.
        time_base: Of the video stream, seconds.
        rate: Frames per second, nominal.
        frames: Number of frames, approximately; 0 if unknown.
        seconds: Duration of the video; None if unknown.
        exact_duration: Whether `seconds` is stated for the video itself, not for the whole file.
        first_pts: Time of the first frame, in `time_base` and as corrected; seconds are counted
            from there.
        clock: How the times of all streams are corrected.
        aspect: Of a pixel, width by height.
        display_matrix: How players turn the picture; nine numbers, or None.
        primaries: ITU-T H.273 ColourPrimaries; 2 is unspecified.
        transfer: ITU-T H.273 TransferCharacteristics; 2 is unspecified.
        field_order: FFmpeg's AVFieldOrder.
        interlaced: Whether a frame is two fields, anywhere in the film.
        whole_frames: Whether a frame is whole, anywhere in the film.
        order_changes: Whether the field that is shown first changes within the film.
        side_data: Data attached to frames besides their pictures, by FFmpeg's names.
        stream_data: Data attached to the stream and its packets, by FFmpeg's names, each with a
            description.
        timecode: Of the first frame, as stated by the frames themselves; None if they do not.
        other_streams: The other streams, in file order.
        chapters: Number of chapters.
        warnings: What cannot be preserved, or had to be assumed; a sentence each.
    """

    path: Path
    container: str
    codec: str
    pixel_format: PixelFormat
    layout: PlaneLayout
    index: int
    time_base: Fraction
    rate: Fraction
    frames: int
    seconds: Fraction | None
    exact_duration: bool
    first_pts: int
    clock: FilmClock
    aspect: Fraction | None
    display_matrix: tuple[int, ...] | None
    primaries: int
    transfer: int
    field_order: int
    interlaced: bool
    whole_frames: bool
    order_changes: bool
    side_data: Mapping[str, bytes]
    stream_data: Mapping[str, str]
    timecode: str | None
    other_streams: tuple[OtherStream, ...]
    chapters: int
    warnings: tuple[str, ...]

    @property
    def matrix_tag(self) -> int:
        """ITU-T H.273 MatrixCoefficients of the coloured film."""
        return _MATRIX_TAGS[self.layout.matrix]

    @property
    def in_place(self) -> bool:
        """Whether new chroma can be written into the decoder's own frames."""
        return self.pixel_format.name == planar_format(self.layout.bits, self.layout.subsampled)

    @property
    def lossless(self) -> bool:
        """Whether the source is losslessly compressed."""
        return self.codec in _LOSSLESS


def planar_format(bits: int, subsampled: tuple[bool, bool]) -> str:
    """FFmpeg's name of a planar Y'CbCr format.

    Args:
        bits: 8 to 16 per sample.
        subsampled: As `PlaneLayout.subsampled`; (True, False) has no common name and is not
            accepted.
    """
    sampling = {(True, True): "420", (False, True): "422", (False, False): "444"}[subsampled]
    return f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le")
