"""Predictions that are kept: the same photograph in other colours does not run the network again.

What a prediction depends on is the photograph's pixels and those settings that reach the network
(`tintype.engine.settings.Settings.for_network`). Everything else is decided when it is rendered.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.engine.bundle import Bundle
from tintype.engine.geometry import Fit
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import Settings
from tintype.photo.photo import Photo

Key = tuple[str, str]
"""Digest of the pixels, and the settings that reach the network."""


def digest_of(photo: Photo) -> str:
    """A digest of what a network sees of a photograph: its grey, at its depth and size."""
    pixels = hashlib.blake2b(np.ascontiguousarray(photo.grey).data, digest_size=16)
    pixels.update(f"{photo.grey.dtype} {photo.shape}".encode())
    return pixels.hexdigest()


def key_of(digest: str, settings: Settings, capabilities: Collection[str]) -> Key:
    """The key of a prediction.

    Args:
        digest: As `digest_of` gives it.
        settings: How it is coloured.
        capabilities: Of the model, as its card lists them.
    """
    return digest, settings.for_network(capabilities).canonical()


class PredictionCache:
    """Predictions of one model, the least recently used ones let go. Safe to use from threads.

    Args:
        budget: Bytes that they may take together; the newest is kept in any case, so that 0 keeps
            the last one alone.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: OrderedDict[Key, Prediction] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return self._size

    def get(self, key: Key, predict: Callable[[], Prediction]) -> Prediction:
        """The prediction of a key.

        Args:
            key: As `key_of` gives it.
            predict: Makes it where it is not kept. Two threads that miss at the same moment both
                make it; whoever cannot afford that holds a lock of its own.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        prediction = predict()
        with self._lock:
            self._remove(key)
            self._kept[key] = prediction
            self._size += size_of(prediction)
            while self._size > self._budget and len(self._kept) > 1:
                self._remove(next(iter(self._kept)))
        return prediction

    def kept(self, key: Key) -> Prediction | None:
        """The prediction of a key, where there is one; it counts as used."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def drop(self, key: Key) -> None:
        """Lets go of the prediction of a key, where there is one."""
        with self._lock:
            self._remove(key)

    def drop_oldest(self, *, keep: int = 1) -> int:
        """Lets go of the least recently used one.

        Args:
            keep: So many of the newest stay.

        Returns:
            Bytes that it took; 0 where there was none to let go.
        """
        with self._lock:
            if len(self._kept) <= keep:
                return 0
            before = self._size
            self._remove(next(iter(self._kept)))
            return before - self._size

    def forget(self, digest: str) -> None:
        """Lets go of all predictions for a photograph."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == digest]:
                self._remove(key)

    def _remove(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._size -= size_of(gone)


def size_of(prediction: Prediction) -> int:
    """Bytes that a prediction takes."""
    planes = (prediction.luma, prediction.ab, prediction.logits, prediction.features)
    own = sum(0 if plane is None else held_bytes(plane) for plane in planes)
    # The one without hints may be kept by itself too, and then counts twice: never too little.
    return own + (0 if prediction.plain is None else size_of(prediction.plain))


def least_bytes(fit: Fit, *, bins: int) -> int:
    """Bytes that a prediction will take at least, before there is one.

    Args:
        fit: As the engine plans it.
        bins: Of the model's distribution; 0 where it predicts none.
    """
    height, width = fit.padded
    places = (height // fit.stride) * (width // fit.stride)
    return np.dtype(np.float32).itemsize * (height * width + (2 + bins) * places)


def held_bytes(array: NDArray[Any]) -> int:
    """Bytes that an array keeps in memory: of a view, all that it is a view of."""
    base = array.base
    while isinstance(base, np.ndarray):
        array, base = base, base.base
    if isinstance(base, bytes | bytearray | memoryview):
        return max(array.nbytes, len(memoryview(base).cast("B")))
    return array.nbytes


class CachingEngine(Engine):
    """An engine that keeps its predictions.

    Args:
        bundle: The model.
        threads: As for `Engine`.
        budget: As for `PredictionCache`.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None, budget: int = 0) -> None:
        super().__init__(bundle, threads=threads)
        self._cache = PredictionCache(budget)

    def predict(self, photo: Photo, settings: Settings | None = None) -> Prediction:
        """See `Engine.predict`."""
        settings = settings or Settings()
        settings.check_size(photo.shape)
        key = key_of(digest_of(photo), settings, self.bundle.card.capabilities)
        predict = super().predict  # a name: `super` without arguments does not work in a lambda
        return self._cache.get(key, lambda: predict(photo, settings))
