"""How the coloured film is compressed: the choice of a codec, and its encoder.

Encoders use a fixed number of threads, because the output of x264 and x265 depends on it, and a
film that was interrupted must be identical to one that was not.
"""

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import cast

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from tintype.errors import FilmError, UsageError, shown
from tintype.video.defaults import CRF, LARGE_FRAME_PIXELS, Codec
from tintype.video.side_data import lost_side_data
from tintype.video.source import FilmSource, planar_format

CONTAINERS: Mapping[str, str] = MappingProxyType(
    {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
)
"""Extensions of the containers that can be written, and FFmpeg's muxer for each."""

THREADS = 4
"""Threads of an encoder, the same on every machine."""
_SHORT_LOOKAHEAD: Mapping[Codec, str] = MappingProxyType({"h264": "3", "h265": "5"})
"""How many frames an encoder looks ahead if they are large: it holds them all, and at 8K the 20 of
x264's preset take 3 GB. x265 requires more than its consecutive B-frames."""


_MASTERING = struct.Struct("=22i")  # ten rational numbers, and two flags for which are known
_LIGHT = struct.Struct("=2I")


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Properties of an encoder.

    Attributes:
        name: FFmpeg's name.
        title: For messages.
        bits: Supported bits per sample.
        crf: Default constant rate factor; None if the codec is always lossless.
        max_crf: The largest constant rate factor.
    """

    name: str
    title: str
    bits: tuple[int, ...]
    crf: float | None
    max_crf: float


_ENCODERS: Mapping[Codec, _Encoder] = MappingProxyType(
    {
        "h264": _Encoder("libx264", "H.264", (8, 10), CRF["h264"], 51.0),
        "h265": _Encoder("libx265", "H.265", (8, 10, 12), CRF["h265"], 51.0),
        "ffv1": _Encoder("ffv1", "FFV1", (8, 9, 10, 12, 14, 16), None, 0.0),
    }
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """Codec, quality and container of the coloured film.

    Attributes:
        codec: Which codec.
        crf: Constant rate factor, from 0; lower is better quality and a larger file. None is
            lossless.
        muxer: FFmpeg's name of the container format.
    """

    codec: Codec
    crf: float | None
    muxer: str

    @property
    def lossless(self) -> bool:
        """Whether luma is preserved bit for bit."""
        return self.crf is None

    def canonical(self) -> dict[str, object]:
        """The fields that determine the bytes of the film."""
        return {"codec": self.codec, "crf": self.crf}


def choose_encoding(
    source: FilmSource,
    suffix: str,
    *,
    codec: Codec | None = None,
    crf: float | None = None,
    lossless: bool = False,
) -> Encoding:
    """Chooses a codec that can hold a film, as far as the user left it open.

    Args:
        source: The film.
        suffix: Extension of the output.
        codec: As requested; None is H.264, or the first codec that supports the bit depth. For
            lossless compression it is FFV1 if the container is Matroska.
        crf: As requested; None is one at which hardly anybody sees a difference.
        lossless: Whether to compress without loss.

    Raises:
        UsageError: The options contradict each other or the extension.
        FilmError: The codec cannot hold the film, or this installation lacks it.
    """
    muxer = CONTAINERS.get(suffix.lower())
    if muxer is None:
        raise UsageError(
            f"A film cannot be written to a name that ends in {shown(suffix) or 'nothing'}.",
            advice=f"Use one of {', '.join(CONTAINERS)}.",
        )
    if codec is None:
        codec = _default_codec(source, muxer, lossless=lossless)
    known = _ENCODERS[codec]
    if codec == "ffv1" and muxer != "matroska":
        raise UsageError(
            "FFV1 can only be written to Matroska.",
            advice="Give a name that ends in .mkv, or another --codec.",
        )
    if crf is not None and (lossless or known.crf is None):
        raise UsageError("--crf does not apply to lossless compression.", advice="Leave --crf out.")
    if crf is not None and not 0 <= crf <= known.max_crf:
        raise UsageError(f"--crf {crf} is out of range.", advice=f"Use 0 to {known.max_crf:g}.")
    if source.layout.bits not in known.bits:
        raise FilmError(
            f"{shown(source.path)} has {source.layout.bits} bits per sample, which {known.title} "
            "does not support.",
            advice="Give --codec ffv1 and a name that ends in .mkv.",
        )
    if known.name not in av.codecs_available:
        raise FilmError(
            f"The installed FFmpeg has no {known.name}, which encodes {known.title}.",
            advice="Give --codec ffv1, or install the wheels of PyAV: pip install --upgrade av.",
        )
    if lossless or known.crf is None:
        return Encoding(codec, None, muxer)
    return Encoding(codec, known.crf if crf is None else float(crf), muxer)


def needs_matroska(source: FilmSource, codec: Codec | None) -> bool:
    """Whether only Matroska supports the codec that a film will have.

    Args:
        source: The film.
        codec: As requested; None leaves it open.
    """
    return codec == "ffv1" or (codec is None and source.layout.bits not in _ENCODERS["h265"].bits)


def _default_codec(source: FilmSource, muxer: str, *, lossless: bool) -> Codec:
    if (lossless and muxer == "matroska") or needs_matroska(source, None):
        return "ffv1"
    return "h264" if source.layout.bits in _ENCODERS["h264"].bits else "h265"


def adapt_to_encoding(source: FilmSource, encoding: Encoding) -> tuple[FilmSource, tuple[str, ...]]:
    """A film with the chroma sampling that a codec supports, and warnings about the encoding.

    Args:
        source: As probed.
        encoding: As chosen.

    Returns:
        The source, with a different chroma sampling if necessary, and a sentence for each warning.
    """
    warnings = []
    height, width = source.layout.shape
    down, across = source.layout.subsampled
    odd = (down and height % 2) or (across and width % 2)
    if encoding.codec != "ffv1" and odd:
        subsampled = (False, across and not width % 2)
        source = replace(source, layout=replace(source.layout, subsampled=subsampled))
        warnings.append(
            f"{width} x {height} is odd, so chroma is written at full size, which not every player "
            "supports."
        )
    if encoding.lossless and encoding.codec == "h264":
        warnings.append(
            "Few players support lossless H.264; --codec ffv1 is intended for archives."
        )
    if source.lossless and not encoding.lossless:
        warnings.append("The film is stored losslessly; --lossless keeps it lossless.")
    if not source.in_place and not source.pixel_format.rgb:
        written = planar_format(source.layout.bits, source.layout.subsampled)
        warnings.append(
            f"The frames are stored as {source.pixel_format.name} and written as {written}; the "
            "luma is the same."
        )
    warnings += lost_side_data(
        source.side_data, source.stream_data, encoding.codec, in_place=source.in_place
    )
    warnings += _field_warnings(source, encoding)
    return source, tuple(warnings)


def _field_warnings(source: FilmSource, encoding: Encoding) -> Iterator[str]:
    """What becomes of the flags of single frames, which only FFV1 keeps for each of them."""
    if not source.interlaced or encoding.codec == "ffv1":
        return
    if encoding.codec == "h265":
        yield "H.265 is written as whole frames here; --codec h264 keeps the fields separate."
        return
    if source.whole_frames:
        yield (
            "In H.264 its whole frames are flagged as two fields, like the others; --codec ffv1 "
            "keeps the flag of each frame."
        )
    if source.order_changes:
        yield (
            "The order of its fields changes within the film, and in H.264 some frames before a "
            "change get the order after it; --codec ffv1 keeps the order of each frame."
        )


def new_encoder(source: FilmSource, encoding: Encoding) -> VideoCodecContext:
    """A new encoder; encoders with the same arguments produce the same bytes.

    Args:
        source: The film, as adapted.
        encoding: As chosen.
    """
    name = _ENCODERS[encoding.codec].name
    context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
    configure_encoder(context, source, encoding)
    return context


def encoder_name(encoding: Encoding) -> str:
    """FFmpeg's name of the encoder."""
    return _ENCODERS[encoding.codec].name


def extradata_digest(context: CodecContext) -> str:
    """SHA-256 of the extradata of an open encoder: the header that all its packets share."""
    return hashlib.sha256(context.extradata or b"").hexdigest()


def configure_encoder(context: VideoCodecContext, source: FilmSource, encoding: Encoding) -> None:
    """Sets all properties of an encoder before it is opened.

    Args:
        context: The encoder.
        source: The film, as adapted.
        encoding: As chosen.
    """
    layout = source.layout
    context.height, context.width = layout.shape
    context.pix_fmt = planar_format(layout.bits, layout.subsampled)
    context.time_base = source.time_base
    context.framerate = source.rate
    if source.aspect:
        context.sample_aspect_ratio = source.aspect
    context.color_range = 2 if layout.full_range else 1
    context.colorspace = source.matrix_tag
    context.color_primaries = source.primaries
    context.color_trc = source.transfer
    context.field_order = source.field_order
    context.flags |= Flags.global_header
    if source.interlaced and encoding.codec == "h264":
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    context.thread_count = THREADS
    context.options = _options(encoding, source)


def _options(encoding: Encoding, source: FilmSource) -> dict[str, str]:
    if encoding.codec == "ffv1":
        # Version 3 with a checksum in every slice, as archives require (RFC 9043).
        return {"level": "3", "slicecrc": "1", "g": "1"}
    quality = {"qp": "0"} if encoding.lossless else {"crf": f"{encoding.crf:g}"}
    if math.prod(source.layout.shape) > LARGE_FRAME_PIXELS:
        quality["rc-lookahead"] = _SHORT_LOOKAHEAD[encoding.codec]
    if encoding.codec == "h264":
        # As small and as accurate as "medium" on grain, in 60 % of its time.
        hdr = _hdr_parameters(source, "mastering-display", "cll")
        return {"preset": "faster", **quality} | ({"x264-params": hdr} if hdr else {})
    fixed = f"pools={THREADS}:frame-threads=2:log-level=none"
    if "rc-lookahead" in quality:
        fixed = f"{fixed}:rc-lookahead={quality.pop('rc-lookahead')}"
    if encoding.lossless:
        quality, fixed = {}, f"{fixed}:lossless=1"
    if hdr := _hdr_parameters(source, "master-display", "max-cll"):
        fixed = f"{fixed}:{hdr}"
    captions = {"a53cc": "1"} if "A53_CC" in source.side_data else {}
    return {"preset": "fast", **quality, **captions, "x265-params": fixed}


def _hdr_parameters(source: FilmSource, display: str, light: str) -> str:
    """HDR10 metadata (SMPTE ST 2086, CTA-861.3) as parameters of x264 and x265.

    Args:
        source: The film, with FFmpeg's AVMasteringDisplayMetadata and AVContentLightMetadata.
        display: Name of the parameter for the mastering display.
        light: Name of the parameter for the light level of the content.
    """
    found = []
    data = source.side_data.get("MASTERING_DISPLAY_METADATA", b"")
    if len(data) >= _MASTERING.size:
        *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(data)
        values = [Fraction(n, d or 1) for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
        if has_primaries and has_luminance:
            red, green, blue, white = (
                f"({round(x * 50_000)},{round(y * 50_000)})"
                for x, y in zip(values[:8:2], values[1:8:2], strict=True)
            )
            darkest, brightest = (round(value * 10_000) for value in values[8:])
            found.append(f"{display}=G{green}B{blue}R{red}WP{white}L({brightest},{darkest})")
    data = source.side_data.get("CONTENT_LIGHT_LEVEL", b"")
    if len(data) >= _LIGHT.size:
        found.append("{}={},{}".format(light, *_LIGHT.unpack_from(data)))
    return ":".join(found)
