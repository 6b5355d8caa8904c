"""A film from its file to its coloured file: planned, coloured in segments, resumed, put together.

One thread decodes, several let the network look, one paints in order, one encodes; each waits for
the next when it is ahead, so that a film of any length needs the memory of some frames. What is
finished lies in segments (`tintype.video.segments`); the same command goes on after the last one,
and gives the same bytes as if it had never stopped.
"""

import hashlib
import json
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import av

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.predict import Engine
from tintype.engine.render import usable_cores
from tintype.engine.settings import Settings, default_settings
from tintype.errors import FilmError, ModelError, TargetExistsError, UsageError, shown
from tintype.files.atomic import open_atomically, remove_abandoned, write_error
from tintype.photo.metadata.provenance import Provenance
from tintype.video.coding import (
    CONTAINERS,
    Codec,
    Coding,
    choose,
    encoder,
    extradata_digest,
    fitted,
    needs_matroska,
)
from tintype.video.layout import Layout
from tintype.video.mark import made_by
from tintype.video.mux import Window, carried, write_film
from tintype.video.render import EVERY, STEADY, Renderer, Shot
from tintype.video.segments import Coded, Work, remove_work
from tintype.video.source import (
    Copied,
    Damage,
    Picture,
    Samples,
    Source,
    complete,
    look_at,
    opened,
    pictures,
)

SEGMENT = 120
"""Frames of a segment: what an interrupted job does again, at most, and how often a picture stands
for itself in the film."""

_T = TypeVar("_T")

DEFAULTS = default_settings("film")
"""How a film is coloured by default: its frames are too many to look at each at two sizes."""


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """How a film is to be coloured.

    Attributes:
        settings: As for a photograph; what is about places belongs to shots.
        shots: What is said about shots.
        steady: As for `Renderer`.
        every: As for `Renderer`.
        codec: As for `tintype.video.coding.choose`, and so are the next two.
        crf: See there.
        lossless: See there.
        window: Only this part; None is all of it.
    """

    settings: Settings = DEFAULTS
    shots: tuple[Shot, ...] = ()
    steady: float | None = None
    every: int | None = None
    codec: Codec | None = None
    crf: float | None = None
    lossless: bool = False
    window: Window | None = None

    def canonical(self, coding: Coding) -> str:
        """One spelling for one meaning, as provenance and resumed runs compare it."""
        said: dict[str, Any] = json.loads(self.settings.canonical())
        said |= coding.said()
        said["steady"] = STEADY if self.steady is None else float(self.steady)
        said["every"] = EVERY if self.every is None else self.every
        if self.shots:
            said["shots"] = [_shot_said(shot) for shot in self.shots]
        if self.window is not None:
            said["window"] = [str(self.window.start), str(self.window.seconds)]
        return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _shot_said(shot: Shot) -> dict[str, Any]:
    said: dict[str, Any] = {"at": float(shot.start)}
    if shot.hints:
        said["hints"] = [[h.x, h.y, float(h.a), float(h.b), h.radius] for h in shot.hints]
    if shot.reference is not None:
        said["reference"] = shot.reference.sha256
    return said


class Colors(Protocol):
    """Who finds the colours: `Renderer`, or what a test puts in its place."""

    def look(self, luma: Samples, number: int) -> Any:  # noqa: ANN401
        """As `Renderer.look`."""

    def render(self, look: Any, seconds: float) -> tuple[Samples, Samples]:  # noqa: ANN401
        """As `Renderer.render`."""

    def state(self) -> bytes:
        """As `Renderer.state`."""

    def restore(self, state: bytes) -> None:
        """As `Renderer.restore`."""


@dataclass(frozen=True, slots=True)
class Job:
    """A film that can be coloured: all that could be refused has been looked at.

    Attributes:
        source: The film, as the codec holds it.
        target: The file to write.
        coding: How it is compressed.
        copied: The other streams that go with it.
        request: How.
        made: What the output says about itself.
        warnings: What cannot be kept; a sentence each.
        done: The output is there already, made of the same.
        frames: How many there will be, about; 0 where nobody knows.
    """

    source: Source
    target: Path
    coding: Coding
    copied: tuple[Copied, ...]
    request: FilmRequest
    made: Provenance
    warnings: tuple[str, ...]
    done: bool
    frames: int


def plan(
    path: Path,
    target: Path | None,
    request: FilmRequest,
    bundle: Bundle,
    *,
    overwrite: bool = False,
) -> Job:
    """Looks at everything that can be known before a frame is coloured.

    Args:
        path: The film.
        target: The file to write; None is ``name.color.mp4`` beside it, in its own container where
            that is MP4, MOV or Matroska.
        request: How to colour.
        bundle: The model.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FilmError: It cannot be coloured.
        UsageError: The wishes contradict each other, or the output is the input.
        TargetExistsError: The output exists, and is not this film coloured like this.
    """
    found = look_at(path)
    if request.window is not None and request.window.start >= (
        found.seconds or request.window.start + 1
    ):
        raise UsageError(f"{shown(path)} is shorter than {float(request.window.start):g} s.")
    if target is None:
        target = _target(found, request)
    coding = choose(
        found, target.suffix, codec=request.codec, crf=request.crf, lossless=request.lossless
    )
    if target.exists() and target.samefile(path):
        raise UsageError(
            f"{shown(target)} is the film itself, which is never replaced.",
            advice="Give another name to -o.",
        )
    source, said = fitted(found, coding)
    _try_encoder(source, coding)
    _check_hints(source, request)
    _check_model(request, bundle)
    _renderer(request, bundle)(source.layout)  # says what is wrong with the wishes
    copied = carried(source, coding)
    made = Provenance(
        software="Tintype",
        version=__version__,
        model=bundle.card.name,
        model_sha256=bundle.sha256,
        settings=request.canonical(coding),
        input_sha256=_digest(path),
    )
    done = _is_done(target, made, overwrite=overwrite)
    warnings = (*source.warnings, *said, *_left_out(source, coding, copied))
    frames = source.frames
    if request.window is not None:
        most = round(request.window.seconds * source.rate)
        frames = min(frames, most) if frames else most
    return Job(source, target, coding, copied, request, made, warnings, done, frames)


def color(
    job: Job,
    bundle: Bundle,
    *,
    overwrite: bool = False,
    told: Callable[[int], None] = lambda _frames: None,
    colors: Callable[[Layout], Colors] | None = None,
    segment: int = SEGMENT,
) -> tuple[int, Damage]:
    """Colours a film, from where an earlier run has stopped.

    Args:
        job: As planned, and not done.
        bundle: The model.
        overwrite: Whether an existing output may be replaced.
        told: Called with the number of finished frames, those of earlier runs first.
        colors: Makes who finds the colours; None is `Renderer`.
        segment: Frames of a segment.

    Returns:
        How many frames the film has, and what of it could not be read.

    Raises:
        FilmError: Nothing of it can be read, or another process is at it.
        WriteError: The disk is full, or there is no permission.
        TargetExistsError: The output appeared meanwhile.
    """
    remove_abandoned(job.target.parent)
    renderer = (colors or _renderer(job.request, bundle))(job.source.layout)
    try:
        work = Work(job.target, _key(job, segment))
        with closing(work):
            if not work.complete:
                _color_rest(job, work, renderer, told, segment)
            if work.frames == 0:
                work.remove()
                raise FilmError(f"{shown(job.source.path)}: no picture of it can be read.")
            with open_atomically(job.target, overwrite=overwrite, option="-o") as file:
                write_film(
                    file,
                    work,
                    job.source,
                    job.coding,
                    job.copied,
                    made=job.made,
                    window=job.request.window,
                )
            frames, damage = work.frames, work.told[-1].damage
            work.remove()
    except av.FFmpegError as error:  # some are OSErrors too, of reading
        raise FilmError(
            f"{shown(job.source.path)} cannot be read further ({error.strerror})."
        ) from error
    except OSError as error:
        raise write_error(job.target, error, option="-o") from error
    return frames, damage


def tidy(job: Job) -> None:
    """Removes what a run has left that was killed after its film was whole.

    Args:
        job: One that is done.

    Raises:
        FilmError: Another process is at it.
        WriteError: It cannot be removed.
    """
    try:
        remove_work(job.target)
    except OSError as error:
        raise write_error(job.target, error, option="-o") from error


# ----- planning -----


def _try_encoder(source: Source, coding: Coding) -> None:
    try:
        encoder(source, coding).open()
    except (av.FFmpegError, ValueError) as error:
        height, width = source.layout.shape
        reason = getattr(error, "strerror", None) or error
        raise FilmError(
            f"{shown(source.path)}, {width} x {height}, cannot be encoded as {coding.codec} "
            f"({reason}).",
            advice="" if coding.codec == "ffv1" else "Give --codec ffv1.",
        ) from error


def _check_hints(source: Source, request: FilmRequest) -> None:
    """Now, and not when the shot's turn has come hours later."""
    height, width = source.layout.shape[:: -1 if source.layout.turn % 2 else 1]
    for shot in request.shots:
        for hint in shot.hints:
            if not (0 <= hint.x < width and 0 <= hint.y < height):
                raise UsageError(
                    f"The hint at {hint.x},{hint.y} is outside the film of {width} x {height}.",
                    advice="Count pixels from 0 at the upper left corner.",
                )


def _check_model(request: FilmRequest, bundle: Bundle) -> None:
    references = [request.settings.reference, *(shot.reference for shot in request.shots)]
    needs = {"logits", "features"} if any(references) else set()
    missing = needs - set(bundle.card.capabilities)
    if missing:
        raise ModelError(
            f"The model {bundle.name} gives no {' and no '.join(sorted(missing))}, which "
            "references need.",
            advice="Leave --model out to use tintype-own.",
        )


def _target(source: Source, request: FilmRequest) -> Path:
    word = "color" if request.window is None else "preview"
    path = source.path
    suffix = path.suffix.lower()
    if needs_matroska(source, request.codec):
        suffix = ".mkv"
    if suffix not in CONTAINERS:
        suffix = ".mp4"
        coding = choose(
            source, suffix, codec=request.codec, crf=request.crf, lossless=request.lossless
        )
        wanted = [copied for copied in source.copied if not copied.remade]
        if len(carried(source, coding)) < len(wanted):
            suffix = ".mkv"
    return path.with_name(f"{path.stem}.{word}{suffix}")


def _left_out(source: Source, coding: Coding, copied: tuple[Copied, ...]) -> Iterator[str]:
    for stream in source.copied:
        if stream not in copied and not stream.remade:
            elsewhere = "" if coding.muxer == "matroska" else " -o NAME.mkv may keep it."
            yield f"The output has no room for {stream.what}, which is left out.{elsewhere}"
    exact = source.time_base.numerator == 1 and 1000 % source.time_base.denominator == 0
    if coding.muxer == "matroska" and "matroska" not in source.container and not exact:
        yield (
            "Matroska keeps times to the millisecond and begins at 0: frames may move by half of "
            "one, and all by what the sound begins before the pictures."
        )


def _is_done(target: Path, made: Provenance, *, overwrite: bool) -> bool:
    if not target.exists():
        return False
    try:
        with opened(target) as container:
            found = made_by(container.metadata)
    except FilmError:
        found = None
    if found == made:
        return True
    if overwrite:
        return False
    how = "was made with other settings" if found is not None else "exists already"
    raise TargetExistsError(f"{shown(target)} {how}.", advice="Move it away, or give --overwrite.")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FilmError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error


def _key(job: Job, segment: int) -> str:
    """All that the bytes of the segments depend on."""
    said = {
        "made": json.loads(job.made.to_json()),
        "layout": repr(job.source.layout),
        "muxer": job.coding.muxer,
        "segment": segment,
        "ffmpeg": {"av": av.__version__} | {k: list(v) for k, v in av.library_versions.items()},
    }
    return json.dumps(said, sort_keys=True)


def _renderer(request: FilmRequest, bundle: Bundle) -> Callable[[Layout], Colors]:
    def make(layout: Layout) -> Colors:
        # One thread for each look: several looks at a time use the cores better than one can.
        engine = Engine(bundle, threads=1)
        return Renderer(
            engine,
            request.settings,
            layout,
            shots=request.shots,
            steady=request.steady,
            every=request.every,
        )

    return make


# ----- colouring -----


@dataclass(frozen=True, slots=True)
class _Finished:
    """The end of a segment, among the frames for the encoder."""

    state: bytes
    damage: Damage
    end: bool


def _color_rest(
    job: Job, work: Work, colors: Colors, told: Callable[[int], None], segment: int
) -> None:
    """Colours what no segment holds yet."""
    state = work.state()
    if state is not None:
        colors.restore(state)
    number = work.frames
    told(number)
    damage = Damage()
    source, window = job.source, job.request.window
    start = None if window is None else window.start
    found = pictures(source, damage, start=start, skip=number)
    cores = usable_cores()
    looks: deque[tuple[Picture, Future[Any]]] = deque()
    with (
        closing(_Ahead(_until(source, window, found), cores)) as read,
        closing(_Coder(source, job.coding, work)) as coder,
        ThreadPoolExecutor(cores) as lookers,
    ):
        try:
            while True:
                while len(looks) <= cores and (picture := next(read, None)) is not None:
                    look = lookers.submit(colors.look, picture.luma, picture.number)
                    looks.append((picture, look))
                if not looks:
                    break
                picture, look = looks.popleft()
                seconds = float((picture.pts - source.first) * source.time_base)
                cb, cr = colors.render(look.result(), seconds)
                coder.put(replace(picture, frame=complete(picture, source, cb, cr)))
                number += 1
                told(number)
                # The last segment ends with the film, even where it is as long as the others.
                if number % segment == 0 and looks:
                    coder.put(_Finished(colors.state(), replace(damage), end=False))
            if number > 0:
                coder.put(_Finished(colors.state(), replace(damage), end=True))
            coder.finish()
        finally:
            for _, look in looks:
                look.cancel()


def _until(source: Source, window: Window | None, found: Iterator[Picture]) -> Iterator[Picture]:
    """The pictures up to the end of the part that is wanted."""
    if window is None:
        yield from found
        return
    end = source.first + (window.start + window.seconds) / source.time_base
    for picture in found:
        if picture.pts >= end:
            return
        yield picture


class _Ahead(Iterator[_T]):
    """An iterator whose items are made in a thread of their own, some of them ahead.

    Args:
        items: Where they come from; used in that thread alone.
        ahead: How many.
    """

    def __init__(self, items: Iterator[_T], ahead: int) -> None:
        self._items = items
        self._ready: queue.Queue[_T | BaseException | None] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="tintype-read", daemon=True)
        self._thread.start()

    def __next__(self) -> _T:
        """The next item.

        Raises:
            BaseException: What making it has raised.
        """
        if self._ended:
            raise StopIteration
        item = self._ready.get()
        if item is None or isinstance(item, BaseException):
            self._ended = True
            raise StopIteration if item is None else item
        return item

    def close(self) -> None:
        """Makes no more of them."""
        self._stop.set()
        _drain(self._ready)
        self._thread.join()

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            for item in self._items:
                if not _offer(self._ready, item, self._stop):
                    return
        except BaseException as error:  # noqa: BLE001 (raised again where the items are used)
            last = error
        _offer(self._ready, last, self._stop)


class _Coder:
    """Encodes in a thread of its own, and writes the segments.

    Args:
        source: The film.
        coding: How.
        work: Where the segments go.
    """

    def __init__(self, source: Source, coding: Coding, work: Work) -> None:
        self._source, self._coding, self._work = source, coding, work
        self._waiting: queue.Queue[Picture | _Finished | None] = queue.Queue(4)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tintype-encode", daemon=True)
        self._thread.start()

    def put(self, item: Picture | _Finished) -> None:
        """Adds a completed picture, or ends a segment.

        Raises:
            BaseException: What has failed before.
        """
        _offer(self._waiting, item, self._stop)
        self._check()

    def finish(self) -> None:
        """Waits until all is encoded; raises as `put`."""
        _offer(self._waiting, None, self._stop)
        self._thread.join()
        self._check()

    def close(self) -> None:
        """Leaves the segment that is not finished."""
        self._stop.set()
        _drain(self._waiting)
        self._thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while self._segment():
                pass
        except av.FFmpegError as error:
            self._error = FilmError(
                f"{shown(self._source.path)} cannot be encoded ({error.strerror})."
            )
        except BaseException as error:  # noqa: BLE001 (raised again by put and finish)
            self._error = error
        self._stop.set()

    def _segment(self) -> bool:
        """Encodes one segment; whether another may follow."""
        context = writer = None
        duration = 0
        try:
            while (item := _take(self._waiting, self._stop)) is not None:
                if context is None or writer is None:
                    context, writer = encoder(self._source, self._coding), self._work.writer()
                frame = None if isinstance(item, _Finished) else item.frame
                for packet in context.encode(frame):
                    assert packet.pts is not None, "the frames have times"
                    writer.add(Coded(packet.pts, packet.is_keyframe, bytes(packet)))
                if isinstance(item, _Finished):
                    told = writer.finish(
                        item.state,
                        duration=duration,
                        end=item.end,
                        damage=item.damage,
                        extradata=extradata_digest(context),
                    )
                    self._work.add(told)
                    return True
                duration = item.duration
        finally:
            if writer is not None:
                writer.close()
        return False


def _offer(items: "queue.Queue[_T]", item: _T, stop: threading.Event) -> bool:
    """Puts an item where there is room, unless nobody takes it any more."""
    while not stop.is_set():
        try:
            items.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    return False


def _take(items: "queue.Queue[Any]", stop: threading.Event) -> Any:  # noqa: ANN401
    """The next item, or None where nobody puts one any more."""
    while not stop.is_set():
        try:
            return items.get(timeout=0.2)
        except queue.Empty:
            continue
    return None


def _drain(items: "queue.Queue[Any]") -> None:
    while not items.empty():
        try:
            items.get_nowait()
        except queue.Empty:
            return
