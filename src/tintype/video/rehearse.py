"""A rehearsal of a film: colours its first frames in memory, and writes nothing."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from tintype.engine.bundle import Bundle
from tintype.video.decode import Damage, read_frames
from tintype.video.encoding import new_encoder
from tintype.video.fades import with_exposures
from tintype.video.frames import Frame, with_chroma
from tintype.video.plan import FilmJob
from tintype.video.render import FrameRenderer, RendererFactory, renderer_factory
from tintype.video.run import frames_until

_MOST_FRAMES = 48
_MOST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FilmRate:
    """Measurements for the first frames.

    Attributes:
        frames: Number of frames coloured.
        seconds: For all of them, one after the other: a run overlaps its steps and is faster.
        bytes: Size of the resulting video.
    """

    frames: int
    seconds: float
    bytes: int


def measure(job: FilmJob, bundle: Bundle, *, renderers: RendererFactory | None = None) -> FilmRate:
    """Colours the first frames of a film in memory.

    Args:
        job: The job, as planned.
        bundle: The model.
        renderers: Creates the renderer; None uses that of a run.

    Raises:
        FilmError: The film cannot be opened.
    """
    source, window = job.source, job.request.window
    renderer = (renderers or renderer_factory(job.request, bundle))(source.layout)
    start = None if window is None else window.start
    frames = frames_until(source, window, read_frames(source, Damage(), start=start))
    with closing(frames):
        shown = islice(with_exposures(frames, source.layout), _MOST_FRAMES)
        return _rate(job, renderer, shown)


def _rate(job: FilmJob, renderer: FrameRenderer, frames: Iterator[Frame]) -> FilmRate:
    source = job.source
    encoder = new_encoder(source, job.encoding)
    count = size = 0
    began = time.monotonic()
    for frame in frames:
        seconds = float((frame.pts - source.first_pts) * source.time_base)
        prepared = renderer.prepare(frame.luma, frame.number, frame.exposure)
        cb, cr = renderer.render(prepared, seconds)
        colored = with_chroma(frame, source, cb, cr)
        size += sum(packet.size for packet in encoder.encode(colored))
        count += 1
        if time.monotonic() - began > _MOST_SECONDS:
            break
    if count:
        size += sum(packet.size for packet in encoder.encode(None))
    return FilmRate(count, time.monotonic() - began, size)
