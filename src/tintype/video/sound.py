"""Sound that the output container does not support, compressed again."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from tintype.video.clock import AnyPacket
from tintype.video.encoding import Encoding

_ENCODERS: Mapping[str, str] = MappingProxyType({"matroska": "flac", "mp4": "aac", "mov": "aac"})
_TITLES: Mapping[str, str] = MappingProxyType({"flac": "FLAC", "aac": "AAC"})
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_BITS_PER_SECOND = 128_000  # of each channel, where the codec is lossy


def sound_encoder(encoding: Encoding) -> str:
    """FFmpeg's name of the encoder for sound: lossless if the container is intended for it."""
    return _ENCODERS[encoding.muxer]


def sound_title(encoder: str) -> str:
    """The name of a codec for sound, for messages."""
    return _TITLES[encoder]


def add_sound(out: OutputContainer, old: AudioStream, encoder: str) -> AudioStream:
    """Adds a stream for sound that is compressed again.

    Args:
        out: The output.
        old: The stream of the source.
        encoder: FFmpeg's name.
    """
    context = old.codec_context
    rate = context.sample_rate
    if encoder == "aac":
        rate = min(_AAC_RATES, key=lambda known: abs(known - rate))
    stream = cast(AudioStream, out.add_stream(encoder, rate=rate))
    stream.codec_context.layout = context.layout
    stream.codec_context.time_base = Fraction(1, rate)
    if encoder == "aac":
        stream.codec_context.bit_rate = _BITS_PER_SECOND * max(1, context.layout.nb_channels)
    else:
        deep = context.format.name in ("s32", "s32p")
        stream.codec_context.format = "s32" if deep else "s16"
    return stream


class SoundConverter:
    """Decodes packets of sound, and compresses them again.

    Args:
        old: The stream of the source.
        new: The stream of the output, as returned by `add_sound`.
    """

    def __init__(self, old: AudioStream, new: AudioStream) -> None:
        self._old, self._new = old, new

    def packets(self, packet: "AnyPacket | None") -> Iterator[AnyPacket]:
        """The output packets that are ready after a packet of the source.

        Args:
            packet: With its corrected times; None ends the sound.
        """
        try:
            frames = self._old.decode(packet)
        except av.FFmpegError:
            frames = []  # damaged: its neighbours keep their times
        for frame in frames:
            yield from self._encoded(frame)
        if packet is None:
            yield from self._encoded(None)

    def _encoded(self, frame: "AudioFrame | None") -> Iterator[AnyPacket]:
        for packet in self._new.encode(frame):
            packet.stream = self._new
            yield packet
