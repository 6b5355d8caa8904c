"""A cache of predictions: rendering a photograph in other colours does not run the network again.

A prediction depends on the photograph's pixels and on the settings that reach the network
(`tintype.engine.settings.Settings.for_network`). Everything else is applied when it is rendered.
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
    """A digest of the photograph's grey, including its bit depth and size."""
    pixels = hashlib.blake2b(np.ascontiguousarray(photo.grey).data, digest_size=16)
    pixels.update(f"{photo.grey.dtype} {photo.shape}".encode())
    return pixels.hexdigest()


def key_of(digest: str, settings: Settings, capabilities: Collection[str]) -> Key:
    """The key of a prediction.

    Args:
        digest: As returned by `digest_of`.
        settings: How the photograph is coloured.
        capabilities: Capabilities of the model, as listed in its card.
    """
    return digest, settings.for_network(capabilities).canonical()


class PredictionCache:
    """A least-recently-used cache of one model's predictions. Thread-safe.

    Args:
        budget: Maximum total size in bytes. The newest prediction is always kept, so 0 keeps only
            the last one.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: OrderedDict[Key, Prediction] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Total size of the cached predictions, in bytes."""
        return self._size

    def get(self, key: Key, predict: Callable[[], Prediction]) -> Prediction:
        """The prediction of a key, computed on a cache miss.

        Args:
            key: As returned by `key_of`.
            predict: Computes the prediction. Two threads that miss at the same time both call it;
                callers that cannot afford that must hold their own lock.
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
        """The cached prediction of a key, or None; it counts as used."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def drop(self, key: Key) -> None:
        """Removes the prediction of a key, if it is cached."""
        with self._lock:
            self._remove(key)

    def drop_oldest(self, *, keep: int = 1) -> int:
        """Removes the least recently used prediction.

        Args:
            keep: How many of the newest predictions to keep.

        Returns:
            Its size in bytes; 0 if nothing was removed.
        """
        with self._lock:
            if len(self._kept) <= keep:
                return 0
            before = self._size
            self._remove(next(iter(self._kept)))
            return before - self._size

    def forget(self, digest: str) -> None:
        """Removes all predictions for a photograph."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == digest]:
                self._remove(key)

    def _remove(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._size -= size_of(gone)


def size_of(prediction: Prediction) -> int:
    """Size of a prediction in bytes."""
    planes = (prediction.luma, prediction.ab, prediction.logits, prediction.features)
    own = sum(0 if plane is None else held_bytes(plane) for plane in planes)
    # The one without hints may also be cached by itself; then it counts twice, never too little.
    return own + (0 if prediction.plain is None else size_of(prediction.plain))


def least_bytes(fit: Fit, *, bins: int) -> int:
    """A lower bound on the size of a prediction in bytes, before it is computed.

    Args:
        fit: As planned by the engine.
        bins: Number of bins of the model's distribution; 0 if it predicts none.
    """
    height, width = fit.padded
    places = (height // fit.stride) * (width // fit.stride)
    return np.dtype(np.float32).itemsize * (height * width + (2 + bins) * places)


def held_bytes(array: NDArray[Any]) -> int:
    """Bytes that an array holds in memory; for a view, the size of the whole base array."""
    base = array.base
    while isinstance(base, np.ndarray):
        array, base = base, base.base
    if isinstance(base, bytes | bytearray | memoryview):
        return max(array.nbytes, len(memoryview(base).cast("B")))
    return array.nbytes


class CachingEngine(Engine):
    """An engine that caches its predictions.

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
        predict = super().predict  # `super` without arguments does not work in a lambda
        return self._cache.get(key, lambda: predict(photo, settings))
