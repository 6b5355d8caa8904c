"""The server's in-memory store; the least recently used items are dropped when space is needed."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

from tintype.engine.cache import (
    Key,
    PredictionCache,
    digest_of,
    held_bytes,
    least_bytes,
    size_of,
)
from tintype.engine.layers import Layer, forget_painted, painted_bytes
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import LAYERS, Settings
from tintype.engine.settings_parsing import layer_from
from tintype.errors import UsageError, brief
from tintype.photo.decode import decode
from tintype.web.errors import GoneError, TooLargeError
from tintype.web.stored_photo import StoredPhoto

_NAME = "The picture"


class HeldPhotos:
    """Photographs, layers and predictions. Thread-safe.

    Args:
        engine: The loaded model.
        max_pixels: Photographs with more pixels are refused.
        budget: Maximum total bytes held: photographs with everything derived from them, layers,
            predictions, and request bodies.
    """

    def __init__(self, engine: Engine, *, max_pixels: int, budget: int) -> None:
        self.engine = engine
        self._max_pixels = max_pixels
        self._budget = budget
        self._stored: OrderedDict[tuple[str, str], StoredPhoto] = OrderedDict()  # by owner and id
        # The key includes the kind, so a mask is never used as scribbles.
        self._layers: OrderedDict[tuple[str, str, str], Layer] = OrderedDict()
        self.predictions = PredictionCache(budget)
        self._reserved = 0
        self._lock = threading.Lock()

    def reserve(self, size: int) -> bool:
        """Counts bytes of a request body as held, and drops other items to make room.

        Returns:
            Whether there is room; if not, the bytes are not counted.
        """
        with self._lock:
            self._reserved += size
            room = self._let_go(keep=0) <= self._budget
            if not room:
                self._reserved -= size
            return room

    def release(self, size: int) -> None:
        """Stops counting reserved bytes."""
        with self._lock:
            self._reserved -= size

    def add(self, data: bytes, *, owner: str, name: str = "") -> StoredPhoto:
        """Stores a photograph. The network runs only when it is first coloured; its grey is ready.

        Args:
            data: The file's bytes.
            owner: The owner's key.
            name: File name, for messages only.

        Raises:
            PhotoError: It cannot be read, or is too large.
            TooLargeError: It needs more memory than the whole budget.
        """
        stored = self.open(data, owner=owner, name=name)
        fit = self.engine.fit(stored.page.shape, Settings().quality)
        self._check_size(stored.size + least_bytes(fit, bins=self.engine.bundle.card.bins))
        with self._lock:
            self._stored[owner, stored.id] = stored
            self._let_go()
        return stored

    def _check_size(self, size: int) -> None:
        if size > self._budget:
            raise TooLargeError(
                f"This needs {size >> 20} MiB of memory, and the server's limit is"
                f" {self._budget >> 20} MiB.",
                advice="Start the server with a larger --memory, or use POST /v1/color.",
            )

    def open(self, data: bytes, *, owner: str, name: str = "") -> StoredPhoto:
        """Opens a photograph for a single request, without storing it.

        Args:
            data: The file's bytes.
            owner: The owner's key.
            name: File name, for messages only.

        Raises:
            PhotoError: It cannot be read, or is too large.
        """
        name = name or _NAME
        photos = decode(data, name=name, max_pixels=self._max_pixels)
        digest = digest_of(photos[0])
        return StoredPhoto(secrets.token_urlsafe(9), owner, data, name, photos, digest)

    def get(self, name: str, *, owner: str) -> StoredPhoto:
        """A held photograph.

        Args:
            name: Its id.
            owner: The requester's key.

        Raises:
            GoneError: It is not or no longer held, or belongs to another owner.
        """
        with self._lock:
            if (owner, name) not in self._stored:
                raise GoneError("This photograph is no longer available.", advice="Send it again.")
            self._stored.move_to_end((owner, name))
            return self._stored[owner, name]

    def remove(self, name: str, *, owner: str) -> None:
        """Removes a photograph; arguments and errors as for `get`."""
        stored = self.get(name, owner=owner)
        with self._lock:
            self._stored.pop((owner, name), None)
        self.predictions.forget(stored.digest)

    def add_layer(self, kind: str, data: bytes, *, owner: str, name: str = "") -> str:
        """Stores a picture that settings can refer to.

        Args:
            kind: One of `tintype.engine.settings.LAYERS`.
            data: The file's bytes.
            owner: The owner's key.
            name: File name, for messages only.

        Returns:
            The id of the layer.

        Raises:
            UsageError: The kind is unknown, or the picture is not suitable for it.
            TooLargeError: As for `add`.
        """
        if kind not in LAYERS:
            raise UsageError(
                f"{brief(repr(kind))} is not a kind of layer.", advice=f"Use {', '.join(LAYERS)}."
            )
        layer = layer_from(
            kind, data, name=name or f"The picture for {kind}", max_pixels=self._max_pixels
        )
        self._check_size(held_bytes(layer.pixels))
        number = secrets.token_urlsafe(9)
        with self._lock:
            self._layers[owner, kind, number] = layer
            self._let_go()
        return number

    def _let_go(self, *, keep: int = 1) -> int:
        """Drops the least recently used items until the rest fits.

        Args:
            keep: How many of the newest items of each kind always stay.

        Returns:
            Bytes held afterwards.
        """
        total = self._total()
        if total > self._budget:
            total -= painted_bytes()  # quick to compute again
            forget_painted()
        while len(self._layers) > keep and total > self._budget:
            _, layer = self._layers.popitem(last=False)
            total -= held_bytes(layer.pixels)
        for stored in self._stored.values():  # their tiles can be rendered again
            if total > self._budget:
                total -= stored.parts_size
                stored.parts.clear()
        # A prediction can be recomputed; a photograph would have to be uploaded again.
        while total > self._budget and (freed := self.predictions.drop_oldest(keep=keep)):
            total -= freed
        while len(self._stored) > keep and total > self._budget:
            _, gone = self._stored.popitem(last=False)
            self.predictions.forget(gone.digest)
            total = self._total()
        return total

    def _total(self) -> int:
        layers = sum(held_bytes(layer.pixels) for layer in self._layers.values())
        photos = sum(stored.size for stored in self._stored.values())
        return layers + photos + self.predictions.size + painted_bytes() + self._reserved

    def make_room(self) -> None:
        """Drops the least recently used items until everything fits."""
        with self._lock:
            self._let_go()

    def kept(
        self, stored: StoredPhoto, key: Key, predict: Callable[[], Prediction], lock: threading.Lock
    ) -> Prediction:
        """A prediction, cached as long as there is room.

        Args:
            stored: Its photograph.
            key: Of the prediction.
            predict: Computes it.
            lock: Held during the computation, so the network runs only once.

        Raises:
            TooLargeError: With its photograph, it needs more memory than the whole budget.
        """
        if found := self.predictions.kept(key):
            return found
        with lock:
            prediction = self.predictions.get(key, predict)
        size = stored.size + size_of(prediction)
        if size > self._budget:
            self.predictions.forget(stored.digest)
        self._check_size(size)
        with self._lock:
            self._let_go()
        return prediction

    def layer(self, owner: str, kind: str, name: str) -> Layer:
        """A held layer.

        Args:
            owner: The requester's key.
            kind: As for `add_layer`.
            name: The id that `add_layer` returned.

        Raises:
            GoneError: It is not or no longer held, or belongs to another owner.
        """
        with self._lock:
            layer = self._layers.get((owner, kind, name))
        if layer is None:
            raise GoneError(
                f"No layer with this id is available for {kind}.", advice="Send it again."
            )
        return layer
