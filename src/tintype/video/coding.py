"""How the coloured film is compressed: which codec can hold it, and an encoder for it.

Threads are a fixed number, because x264 and x265 give other bytes with other numbers; a film that
was interrupted and one that was not must be the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from tintype.errors import FilmError, UsageError, shown
from tintype.video.defaults import CRF, Codec
from tintype.video.source import Source, picture_format

CONTAINERS: Mapping[str, str] = MappingProxyType(
    {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
)
"""Endings of what can be written, and FFmpeg's muxer for each."""

THREADS = 4
"""Of an encoder, whatever the machine has."""


@dataclass(frozen=True, slots=True)
class _Encoder:
    """What is known of one encoder."""

    name: str
    title: str
    bits: tuple[int, ...]
    crf: float | None
    most: float


_ENCODERS: Mapping[Codec, _Encoder] = MappingProxyType(
    {
        "h264": _Encoder("libx264", "H.264", (8, 10), CRF["h264"], 51.0),
        "h265": _Encoder("libx265", "H.265", (8, 10, 12), CRF["h265"], 51.0),
        "ffv1": _Encoder("ffv1", "FFV1", (8, 9, 10, 12, 14, 16), None, 0.0),
    }
)


@dataclass(frozen=True, slots=True)
class Coding:
    """How to compress.

    Attributes:
        codec: Which codec.
        crf: Constant rate factor, from 0, smaller is better and larger; None for lossless coding.
        muxer: FFmpeg's name of the container's format.
    """

    codec: Codec
    crf: float | None
    muxer: str

    @property
    def lossless(self) -> bool:
        """Whether the luminance comes back bit for bit."""
        return self.crf is None

    def said(self) -> dict[str, object]:
        """What of it changes the bytes of the film."""
        return {"codec": self.codec, "crf": self.crf}


def choose(
    source: Source,
    suffix: str,
    *,
    codec: Codec | None = None,
    crf: float | None = None,
    lossless: bool = False,
) -> Coding:
    """Which codec holds a film, as far as the user leaves that open.

    Args:
        source: The film.
        suffix: Ending of the output's name.
        codec: What the user wants; None is H.264, or the first that holds as many bits. Without
            loss it is FFV1 where the container is Matroska.
        crf: What the user wants; None is what hardly anybody can tell from the original.
        lossless: Without loss.

    Raises:
        UsageError: The wishes contradict each other, or the ending is of no container for them.
        FilmError: The codec cannot hold the film, or this installation lacks it.
    """
    muxer = CONTAINERS.get(suffix.lower())
    if muxer is None:
        raise UsageError(
            f"A film cannot be written to a name that ends in {shown(suffix) or 'nothing'}.",
            advice=f"Use one of {', '.join(CONTAINERS)}.",
        )
    if codec is None:
        codec = _fitting(source, muxer, lossless=lossless)
    known = _ENCODERS[codec]
    if codec == "ffv1" and muxer != "matroska":
        raise UsageError(
            "FFV1 is written into Matroska only.",
            advice="Give a name that ends in .mkv, or another --codec.",
        )
    if crf is not None and (lossless or known.crf is None):
        raise UsageError("--crf says how much is lost, but nothing is.", advice="Leave --crf out.")
    if crf is not None and not 0 <= crf <= known.most:
        raise UsageError(f"--crf {crf} is out of range.", advice=f"Use 0 to {known.most:g}.")
    if source.layout.bits not in known.bits:
        raise FilmError(
            f"{shown(source.path)} has {source.layout.bits} bits, which {known.title} does not "
            "hold.",
            advice="Give --codec ffv1 and a name that ends in .mkv.",
        )
    if known.name not in av.codecs_available:
        raise FilmError(
            f"The FFmpeg of this installation has no {known.name}, which writes {known.title}.",
            advice="Give --codec ffv1, or install the wheels of PyAV: pip install --upgrade av.",
        )
    if lossless or known.crf is None:
        return Coding(codec, None, muxer)
    return Coding(codec, known.crf if crf is None else float(crf), muxer)


def needs_matroska(source: Source, codec: Codec | None) -> bool:
    """Whether no other container holds what a film is compressed with.

    Args:
        source: The film.
        codec: What the user wants; None leaves it open.
    """
    return codec == "ffv1" or (codec is None and source.layout.bits not in _ENCODERS["h265"].bits)


def _fitting(source: Source, muxer: str, *, lossless: bool) -> Codec:
    if (lossless and muxer == "matroska") or needs_matroska(source, None):
        return "ffv1"
    return "h264" if source.layout.bits in _ENCODERS["h264"].bits else "h265"


def fitted(source: Source, coding: Coding) -> tuple[Source, tuple[str, ...]]:
    """A film as a codec can hold it, and what that changes.

    Args:
        source: As it was found.
        coding: The codec.

    Returns:
        The source with another sampling of its chroma where that must be, and remarks.
    """
    said = []
    height, width = source.layout.shape
    down, across = source.layout.halved
    odd = (down and height % 2) or (across and width % 2)
    if coding.codec != "ffv1" and odd:
        halved = (False, across and not width % 2)
        source = replace(source, layout=replace(source.layout, halved=halved))
        said.append(
            f"{width} x {height} is odd, so chroma is written at full size, which not every player "
            "shows."
        )
    if coding.lossless and coding.codec == "h264":
        said.append("Lossless H.264 is shown by few players; --codec ffv1 is made for archives.")
    if source.lossless and not coding.lossless:
        said.append("The film is stored without loss; --lossless keeps it so.")
    form = picture_format(source.layout.bits, source.layout.halved)
    if not source.in_place and not source.kind.rgb:
        said.append(
            f"Its pictures are stored as {source.kind.name} and written as {form}; the luminance "
            "is the same."
        )
    if source.interlaced and coding.codec == "h265":
        said.append("H.265 is written as whole frames here; --codec h264 keeps the fields apart.")
    return source, tuple(said)


def encoder(source: Source, coding: Coding) -> VideoCodecContext:
    """A new encoder; all that are made of the same arguments give the same bytes.

    Args:
        source: The film, as `fitted`.
        coding: How.
    """
    name = _ENCODERS[coding.codec].name
    context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
    prepare(context, source, coding)
    return context


def encoder_name(coding: Coding) -> str:
    """FFmpeg's name of the encoder."""
    return _ENCODERS[coding.codec].name


def extradata_digest(context: CodecContext) -> str:
    """SHA-256 of what an open encoder says once for all its packets."""
    return hashlib.sha256(context.extradata or b"").hexdigest()


def prepare(context: VideoCodecContext, source: Source, coding: Coding) -> None:
    """Tells an encoder everything about a film, before it is opened.

    Args:
        context: The encoder.
        source: The film, as `fitted`.
        coding: How.
    """
    layout = source.layout
    context.height, context.width = layout.shape
    context.pix_fmt = picture_format(layout.bits, layout.halved)
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
    if source.interlaced and coding.codec == "h264":
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    context.thread_count = THREADS
    context.options = _options(coding)


def _options(coding: Coding) -> dict[str, str]:
    if coding.codec == "ffv1":
        # Version 3 with a checksum in every slice, as archives ask for (RFC 9043).
        return {"level": "3", "slicecrc": "1", "g": "1"}
    quality = {"qp": "0"} if coding.lossless else {"crf": f"{coding.crf:g}"}
    if coding.codec == "h264":
        # As small and as close as "medium" on grain, at 60 % of its time.
        return {"preset": "faster", **quality}
    fixed = f"pools={THREADS}:frame-threads=2:log-level=none"
    if coding.lossless:
        return {"preset": "fast", "x265-params": f"{fixed}:lossless=1"}
    return {"preset": "fast", **quality, "x265-params": fixed}
