"""The two ends of the pipeline, each in its own thread: decoding ahead, and encoding."""

import math
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import av

from tintype.errors import FilmError, shown
from tintype.video.decode import Damage
from tintype.video.encoding import Encoding, extradata_digest, new_encoder
from tintype.video.frames import Frame
from tintype.video.layout import PlaneLayout
from tintype.video.segments import EncodedPacket, SegmentStore
from tintype.video.source import FilmSource

_T = TypeVar("_T")

_WAITING = 4  # maximum number of frames waiting to be encoded
_MOST_BYTES = 200_000_000  # limit for the frames that wait in one place


def frames_ahead(layout: PlaneLayout, most: int) -> int:
    """Number of frames that may wait in one place: fewer if they are large.

    Args:
        layout: How the stream stores its pictures.
        most: Number of frames, if they are small.
    """
    planes = 3.5 * math.prod(layout.shape)  # luma is held twice, and once more as grey
    return max(1, min(most, int(_MOST_BYTES / (planes * (1 if layout.bits == 8 else 2)))))


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """Marks the end of a segment among the frames for the encoder.

    Attributes:
        state: The renderer's state after the last frame.
        damage: What could not be read up to here.
        end: Whether the film ends here.
    """

    state: bytes
    damage: Damage
    end: bool


class Prefetcher(Iterator[_T]):
    """Runs an iterator in its own thread, some items ahead.

    Args:
        items: Used in that thread only.
        ahead: Number of items.
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
            BaseException: Raised by the iterator.
        """
        if self._ended:
            raise StopIteration
        item = self._ready.get()
        if item is None or isinstance(item, BaseException):
            self._ended = True
            raise StopIteration if item is None else item
        return item

    def close(self) -> None:
        """Stops the thread."""
        self._stop.set()
        _drain(self._ready)
        self._thread.join()

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            for item in self._items:
                if not _put(self._ready, item, self._stop):
                    return
        except BaseException as error:  # noqa: BLE001 (raised again by __next__)
            last = error
        _put(self._ready, last, self._stop)


class SegmentEncoder:
    """Encodes frames in its own thread, and writes the segments.

    Args:
        source: The film.
        encoding: How it is compressed.
        store: For the segments.
    """

    def __init__(self, source: FilmSource, encoding: Encoding, store: SegmentStore) -> None:
        self._source, self._encoding, self._store = source, encoding, store
        self._waiting: queue.Queue[Frame | SegmentEnd | None] = queue.Queue(
            frames_ahead(source.layout, _WAITING)
        )
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tintype-encode", daemon=True)
        self._thread.start()

    def put(self, item: Frame | SegmentEnd) -> None:
        """Adds a coloured frame, or ends a segment.

        Raises:
            BaseException: Raised for an earlier frame.
        """
        _put(self._waiting, item, self._stop)
        self._check()

    def finish(self) -> None:
        """Waits until everything is encoded.

        Raises:
            BaseException: As for `put`.
        """
        _put(self._waiting, None, self._stop)
        self._thread.join()
        self._check()

    def close(self) -> None:
        """Stops the thread; an unfinished segment is discarded."""
        self._stop.set()
        _drain(self._waiting)
        self._thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while self._encode_segment():
                pass
        except av.FFmpegError as error:
            self._error = FilmError(
                f"{shown(self._source.path)} cannot be encoded ({error.strerror})."
            )
        except BaseException as error:  # noqa: BLE001 (raised again by put and finish)
            self._error = error
        self._stop.set()

    def _encode_segment(self) -> bool:
        """Encodes one segment; returns whether another may follow."""
        context = writer = None
        duration = 0
        try:
            while (item := _get(self._waiting, self._stop)) is not None:
                if context is None or writer is None:
                    context = new_encoder(self._source, self._encoding)
                    writer = self._store.writer()
                frame = None if isinstance(item, SegmentEnd) else item.video_frame
                for packet in context.encode(frame):
                    assert packet.pts is not None, "the frames have times"
                    writer.add(EncodedPacket(packet.pts, packet.is_keyframe, bytes(packet)))
                if isinstance(item, SegmentEnd):
                    index = writer.finish(
                        item.state,
                        duration=duration,
                        end=item.end,
                        damage=item.damage,
                        extradata=extradata_digest(context),
                    )
                    self._store.add(index)
                    return True
                duration = item.duration
        finally:
            if writer is not None:
                writer.close()
        return False


def _put(items: "queue.Queue[_T]", item: _T, stop: threading.Event) -> bool:
    """Puts an item once there is room; returns False if the consumer has stopped."""
    while not stop.is_set():
        try:
            items.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    return False


def _get(items: "queue.Queue[Any]", stop: threading.Event) -> Any:  # noqa: ANN401
    """The next item; None once the producer has stopped."""
    while not stop.is_set():
        try:
            item = items.get(timeout=0.2)
        except queue.Empty:
            continue
        # Whoever stops the consumer drains the queue, and this may be the rest of a segment.
        return None if stop.is_set() else item
    return None


def _drain(items: "queue.Queue[Any]") -> None:
    while not items.empty():
        try:
            items.get_nowait()
        except queue.Empty:
            return
