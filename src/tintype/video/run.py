"""The run: colours a planned film in segments, then joins them; an interrupted run can be resumed.

One thread decodes, several predict, one renders the frames in order, one encodes. Each waits for
the next if it is ahead, so a film of any length needs memory for only a few frames. Finished frames
are stored in segments (`tintype.video.segments`); a later run continues after the last one and
produces the same bytes as an uninterrupted one.
"""

import json
import zipfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any, cast

import av

from tintype.engine.bundle import Bundle
from tintype.engine.cores import usable_cores
from tintype.errors import FilmError, shown
from tintype.files.atomic import open_atomically, write_error
from tintype.files.temporary import remove_abandoned
from tintype.video.decode import Damage, read_frames
from tintype.video.fades import with_exposures
from tintype.video.frames import Frame, with_chroma
from tintype.video.mux import write_film
from tintype.video.plan import FilmJob
from tintype.video.render import FrameRenderer, RendererFactory, renderer_factory
from tintype.video.request import Window
from tintype.video.segments import SegmentStore, remove_segments, stored_key
from tintype.video.source import FilmSource
from tintype.video.threads import Prefetcher, SegmentEncoder, SegmentEnd, frames_ahead

SEGMENT_FRAMES = 120
"""Frames per segment: the most that an interrupted run repeats, and the largest distance between
keyframes."""


def color(
    job: FilmJob,
    bundle: Bundle,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int], None] = lambda _frames: None,
    renderers: RendererFactory | None = None,
    segment_frames: int = SEGMENT_FRAMES,
) -> tuple[int, Damage]:
    """Colours a film, from where an earlier run stopped.

    Args:
        job: The job, as planned and not done.
        bundle: The model.
        overwrite: Whether an existing output may be replaced.
        on_progress: Called with the number of finished frames, first with that of earlier runs.
        renderers: Creates the renderer; None uses `renderer_factory`.
        segment_frames: Frames of a segment.

    Returns:
        The number of frames in the film, and what could not be read.

    Raises:
        FilmError: None of its frames can be read, or another process is writing it.
        WriteError: The disk is full, or permission is denied.
        TargetExistsError: The output was created meanwhile.
    """
    remove_abandoned(job.target.parent)
    renderer = (renderers or renderer_factory(job.request, bundle))(job.source.layout)
    try:
        with closing(SegmentStore(job.target, _key(job, segment_frames))) as store:
            if not store.complete:
                _color_rest(job, store, renderer, on_progress, segment_frames)
            if store.frames == 0:
                store.remove()
                raise FilmError(f"{shown(job.source.path)}: none of its frames can be read.")
            _write(job, store, overwrite=overwrite)
            frames, damage = store.frames, store.segments[-1].damage
            store.remove()
    except av.FFmpegError as error:  # some are OSErrors too, of reading
        raise FilmError(
            f"{shown(job.source.path)} cannot be read further ({error.strerror})."
        ) from error
    except OSError as error:
        raise write_error(job.target, error, option="-o") from error
    return frames, damage


def clean_up(job: FilmJob) -> None:
    """Removes the segments of a run that was killed after its film was complete.

    Those of another film, such as one with the same name in another container, stay.

    Args:
        job: A job that is done.

    Raises:
        FilmError: Another process is writing it.
        WriteError: They cannot be removed.
    """
    try:
        key = json.loads(stored_key(job.target) or "null")
    except (ValueError, RecursionError):
        key = None  # damaged, and so useless
    # The same folder serves a film in another container, which may be unfinished.
    if isinstance(key, dict) and key.get("provenance") != _provenance(job):
        return
    try:
        remove_segments(job.target)
    except OSError as error:
        raise write_error(job.target, error, option="-o") from error


def _write(job: FilmJob, store: SegmentStore, *, overwrite: bool) -> None:
    with open_atomically(job.target, overwrite=overwrite, option="-o") as file:
        write_film(
            file,
            store,
            job.source,
            job.encoding,
            job.copied,
            provenance=job.provenance,
            window=job.request.window,
        )


def _key(job: FilmJob, segment_frames: int) -> str:
    """Everything that determines the bytes of the segments."""
    data = {
        "provenance": _provenance(job),
        "layout": repr(job.source.layout),
        "segment": segment_frames,
        "ffmpeg": {"av": av.__version__} | {k: list(v) for k, v in av.library_versions.items()},
    }
    return json.dumps(data, sort_keys=True)


def _provenance(job: FilmJob) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(job.provenance.to_json()))


def _color_rest(
    job: FilmJob,
    store: SegmentStore,
    renderer: FrameRenderer,
    on_progress: Callable[[int], None],
    segment_frames: int,
) -> None:
    """Colours the frames that are not in any segment yet."""
    state = store.state()
    if state is not None:
        try:
            renderer.restore(state)
        # The checksum matched, so somebody made it this way on purpose.
        except (LookupError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise FilmError(
                f"{shown(store.folder)} contains an unfinished film that cannot be resumed.",
                advice="Remove that folder, and run the same command again.",
            ) from error
    number = store.frames
    on_progress(number)
    damage = Damage()
    source, window = job.source, job.request.window
    start = None if window is None else window.start
    wanted = frames_until(source, window, read_frames(source, damage, start=start))
    # Whether a frame is in a fade depends on earlier frames, including the finished ones.
    frames = islice(with_exposures(wanted, source.layout), number, None)
    cores = usable_cores()
    ahead = frames_ahead(source.layout, cores)
    prepared: deque[tuple[Frame, Future[Any]]] = deque()
    with (
        closing(Prefetcher(frames, ahead)) as decoded,
        closing(SegmentEncoder(source, job.encoding, store)) as encoder,
        ThreadPoolExecutor(cores) as predictors,
    ):
        try:
            while True:
                while len(prepared) <= ahead and (frame := next(decoded, None)) is not None:
                    future = predictors.submit(
                        renderer.prepare, frame.luma, frame.number, frame.exposure
                    )
                    prepared.append((frame, future))
                if not prepared:
                    break
                frame, future = prepared.popleft()
                seconds = float((frame.pts - source.first_pts) * source.time_base)
                cb, cr = renderer.render(future.result(), seconds)
                encoder.put(replace(frame, video_frame=with_chroma(frame, source, cb, cr)))
                number += 1
                on_progress(number)
                # The last segment ends with the film, even if it is as long as the others.
                if number % segment_frames == 0 and prepared:
                    encoder.put(SegmentEnd(renderer.state(), replace(damage), end=False))
            if number > 0:
                encoder.put(SegmentEnd(renderer.state(), replace(damage), end=True))
            encoder.finish()
        finally:
            for _, future in prepared:
                future.cancel()


def frames_until(
    source: FilmSource, window: Window | None, frames: Iterator[Frame]
) -> Generator[Frame, None, None]:
    """The frames up to the end of the requested part.

    Args:
        source: The film, as probed.
        window: The part; None is all of it.
        frames: The frames from the beginning of the part.
    """
    if window is None:
        yield from frames
        return
    end = source.first_pts + (window.start + window.seconds) / source.time_base
    for frame in frames:
        if frame.pts >= end:
            return
        yield frame
