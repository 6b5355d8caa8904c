"""The photographs somebody is working on: in memory, the least recently used ones let go.

Predictions are kept (`tintype.engine.cache`), so a slider that moves is a matter of decoding
(`Engine.render`), at the size of the screen.
"""

import io
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import lab_to_rgb01
from tintype.color.gamut import solve_rgb01
from tintype.engine.cache import (
    Key,
    PredictionCache,
    digest_of,
    held_bytes,
    key_of,
    least_bytes,
    size_of,
)
from tintype.engine.devices import DeviceName
from tintype.engine.layers import Layer, forget_painted, painted_bytes
from tintype.engine.looks import LookName, look_names
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import LAYERS, SETTINGS, Output, Settings
from tintype.engine.settings_parsing import layer_from
from tintype.errors import UsageError, brief
from tintype.photo.comparison import SIDES as SIDES_OF_COMPARISONS
from tintype.photo.comparison import comparison
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.formats.registry import FORMATS
from tintype.photo.naming import layer_ending
from tintype.photo.photo import Photo
from tintype.photo.turning import QUARTERS, turned
from tintype.pipeline import Request, colorize_photos, provenance_of
from tintype.web.errors import GoneError, TooLargeError
from tintype.web.request import (
    ColorRequest,
    check_effort,
)
from tintype.web.stored_photo import StoredPhoto
from tintype.web.tiles import Tile, shape_at

_NAME = "The picture"
SIDES = (64, 2048)
"""Smallest and largest longest side of a preview, in pixels."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A coloured file.

    Attributes:
        data: Its bytes.
        format: As in `tintype.pipeline.Coloring`.
        name: For a client that saves it.
        notes: What the format could not keep, and other remarks.
    """

    data: bytes
    format: str
    name: str
    notes: tuple[str, ...]


class PhotoStore:
    """What is held, and what can be done with it. Safe to use from several threads.

    Args:
        engine: The loaded model.
        max_pixels: Photographs with more are refused.
        budget: Bytes that everything that is held may take together: photographs with all that is
            made of them, layers, predictions, and the bodies of requests.
        device: What the network runs on.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        max_pixels: int,
        budget: int,
        device: DeviceName = SETTINGS["device"].default,
    ) -> None:
        self.engine = engine
        self._device = device
        self._max_pixels = max_pixels
        self._budget = budget
        self._stored: OrderedDict[tuple[str, str], StoredPhoto] = OrderedDict()  # by owner and id
        # Under the kind as well, so that no mask is taken for scribbles.
        self._layers: OrderedDict[tuple[str, str, str], Layer] = OrderedDict()
        self._predictions = PredictionCache(budget)
        self._reserved = 0
        self._lock = threading.Lock()

    # ----- what is held -----

    def reserve(self, size: int) -> bool:
        """Counts bytes of a request's body as held, and lets go of other things for them.

        Returns:
            Whether there is room; otherwise they are not counted.
        """
        with self._lock:
            self._reserved += size
            room = self._let_go(keep=0) <= self._budget
            if not room:
                self._reserved -= size
            return room

    def release(self, size: int) -> None:
        """They are no longer held."""
        with self._lock:
            self._reserved -= size

    def add(self, data: bytes, *, owner: str, name: str = "") -> StoredPhoto:
        """Takes a photograph. The network runs when it is first coloured: its grey is there sooner.

        Args:
            data: Its file.
            owner: Whose it is.
            name: Of the file, for messages only.

        Raises:
            PhotoError: It cannot be read, or is too large.
            TooLargeError: It takes more memory than everything together may.
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
                f"This takes {size >> 20} MiB of memory, and the server holds"
                f" {self._budget >> 20} MiB.",
                advice="Start it with a larger --memory, or use POST /v1/color.",
            )

    def open(self, data: bytes, *, owner: str, name: str = "") -> StoredPhoto:
        """A photograph for one request: the same as a held one, but nobody can ask for it again.

        Args:
            data: Its file.
            owner: Whose it is.
            name: Of the file, for messages only.

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
            owner: Who asks.

        Raises:
            GoneError: It is not held, or no longer, or it is another's.
        """
        with self._lock:
            if (owner, name) not in self._stored:
                raise GoneError("This photograph is no longer available.", advice="Send it again.")
            self._stored.move_to_end((owner, name))
            return self._stored[owner, name]

    def remove(self, name: str, *, owner: str) -> None:
        """Forgets a photograph; arguments and errors as for `get`."""
        stored = self.get(name, owner=owner)
        with self._lock:
            self._stored.pop((owner, name), None)
        self._predictions.forget(stored.digest)

    def add_layer(self, kind: str, data: bytes, *, owner: str, name: str = "") -> str:
        """Takes a picture that settings can name.

        Args:
            kind: One of `tintype.engine.settings.LAYERS`.
            data: Its file.
            owner: Whose it is.
            name: Of the file, for messages only.

        Raises:
            UsageError: It is no such picture.
            TooLargeError: As for `add`.
        """
        if kind not in LAYERS:
            raise UsageError(
                f"{brief(repr(kind))} is not a kind of layer.", advice=f"Use {', '.join(LAYERS)}."
            )
        layer = layer_from(kind, data, name=name or f"The {kind}", max_pixels=self._max_pixels)
        self._check_size(held_bytes(layer.pixels))
        number = secrets.token_urlsafe(9)
        with self._lock:
            self._layers[owner, kind, number] = layer
            self._let_go()
        return number

    def _let_go(self, *, keep: int = 1) -> int:
        """Forgets what was not used for longest, until the rest fits.

        Args:
            keep: So many of the newest of each kind always stay.

        Returns:
            Bytes that are held now.
        """
        total = self._total()
        if total > self._budget:
            total -= painted_bytes()  # quickly found again
            forget_painted()
        while len(self._layers) > keep and total > self._budget:
            _, layer = self._layers.popitem(last=False)
            total -= held_bytes(layer.pixels)
        for stored in self._stored.values():  # their tiles can be drawn again
            if total > self._budget:
                total -= stored.parts_size
                stored.parts.clear()
        # A prediction can be made again; a photograph would have to be sent again.
        while total > self._budget and (freed := self._predictions.drop_oldest(keep=keep)):
            total -= freed
        while len(self._stored) > keep and total > self._budget:
            _, gone = self._stored.popitem(last=False)
            self._predictions.forget(gone.digest)
            total = self._total()
        return total

    def _total(self) -> int:
        layers = sum(held_bytes(layer.pixels) for layer in self._layers.values())
        photos = sum(stored.size for stored in self._stored.values())
        return layers + photos + self._predictions.size + painted_bytes() + self._reserved

    # ----- what can be done with it -----

    def preview(
        self, stored: StoredPhoto, coloring: ColorRequest, *, side: int, draft: bool = False
    ) -> bytes:
        """A coloured JPEG for the screen.

        Args:
            stored: The photograph.
            coloring: How.
            side: Its longest side, at most the photograph's own.
            draft: It may be less exact where hints reach, to be there sooner.

        Raises:
            UsageError: The request does not fit the photograph.
        """
        settings = self._settings(stored, coloring)
        small = stored.reduced(_shape_of(stored.page.shape, side))
        prediction = (self._draft if draft else self._predict)(stored, settings)
        return _jpeg(self.engine.render(small, prediction, settings, half_chroma=True))

    def comparison(
        self, stored: StoredPhoto, coloring: ColorRequest, *, form: str, rotate: str
    ) -> bytes:
        """A file to show to others, before and after.

        Args:
            stored: The photograph.
            coloring: How.
            form: A key of `tintype.photo.comparison.SIDES`.
            rotate: Degrees by which it is turned, a key of `tintype.photo.turning.QUARTERS`.

        Raises:
            UsageError: The request does not fit the photograph.
        """
        settings = self._settings(stored, coloring)
        small = stored.reduced(_shape_of(stored.page.shape, SIDES_OF_COMPARISONS[form]))
        colored = self.engine.render(small, self._predict(stored, settings), settings)
        provenance = provenance_of(stored.data, self.engine.bundle, settings, Output())
        if rotate != "0":
            colored = turned(colored, QUARTERS[rotate])
        return comparison(colored, form=form, provenance=provenance)

    def grey(self, stored: StoredPhoto, *, side: int) -> bytes:
        """The grey photograph as a JPEG for the screen."""
        return _jpeg(stored.reduced(_shape_of(stored.page.shape, side)))

    def grey_tile(self, stored: StoredPhoto, tile: Tile) -> bytes:
        """A tile of the grey photograph as a JPEG.

        Raises:
            MalformedError: There is no such tile.
        """
        whole = self._at_level(stored, tile)
        rows, columns = tile.spans(whole.shape)
        return _jpeg(replace(whole, grey=whole.grey[rows, columns]))

    def tile(self, stored: StoredPhoto, coloring: ColorRequest, tile: Tile) -> bytes:
        """A tile of the coloured photograph as a JPEG: a part of what is saved.

        Args:
            stored: The photograph.
            coloring: How.
            tile: Which.

        Raises:
            MalformedError: There is no such tile.
            UsageError: The request does not fit the photograph.
        """
        whole = self._at_level(stored, tile)
        settings = self._settings(stored, coloring)
        prediction = self._predict(stored, settings)
        key = tile.level, settings.canonical()
        with stored.drawing:
            if key not in stored.parts:
                stored.parts.clear()
                stored.parts[key] = self.engine.parts(whole, prediction, settings)
            parts = stored.parts[key]
        with self._lock:
            self._let_go()
        return _jpeg(parts.part(*tile.spans(whole.shape)))

    def certainty(self, stored: StoredPhoto, coloring: ColorRequest, *, side: int) -> bytes:
        """Where the colours are a guess, as a grey PNG: 0 is certain."""
        settings = self._settings(stored, coloring)
        found = self.engine.uncertainty(
            stored.reduced(_shape_of(stored.page.shape, side)), self._predict(stored, settings)
        )
        file = io.BytesIO()
        Image.fromarray(found).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def palettes(
        self, stored: StoredPhoto, coloring: ColorRequest
    ) -> list[tuple[float, LookName | None]]:
        """How likely each of the palettes of a request is and what it is called, the default first.

        A palette without a name is a wash of one tint, or much the same as another one.
        """
        settings = self._settings(stored, coloring)
        found = self.engine.palettes(self._predict(stored, settings), settings)
        names = look_names([palette.ab for palette in found])
        return [(palette.share, name) for palette, name in zip(found, names, strict=True)]

    def suggestions(
        self, stored: StoredPhoto, coloring: ColorRequest, x: int, y: int, *, count: int
    ) -> list[tuple[str, float]]:
        """Colours that the model thinks possible at a place, under the photograph's own lightness.

        Returns:
            sRGB as ``#c04030`` and a share, the likeliest first.
        """
        prediction = self._predict(stored, self._settings(stored, coloring))
        found = self.engine.suggestions(prediction, x, y, count=count)
        luma = float(stored.page.grey[y, x]) / (2**stored.page.bits - 1)
        # A place in deep shadow or bright light shows no colour: choosing needs to see one.
        luma = min(max(luma, 0.25), 0.85)
        ab = np.array([[s.a, s.b] for s in found])
        return list(zip(_sentence(luma, ab), (s.share for s in found), strict=True))

    def color_at(self, stored: StoredPhoto, coloring: ColorRequest, x: int, y: int) -> str:
        """The colour that a place has now, as ``#c04030``."""
        settings = self._settings(stored, coloring)
        prediction = self._predict(stored, settings)
        row, column = prediction.fit.output_place(x, y)
        plain = self.engine.chroma(prediction.plain or prediction, settings)
        found = self.engine.with_hints(prediction, plain, settings)
        a, b = found[:, row, column].tolist()
        rgb = lab_to_rgb01(np.array([60.0, a, b])).clip(0, 1)
        return _hex(rgb)

    def finish(self, stored: StoredPhoto, coloring: ColorRequest, output: Output) -> Finished:
        """The coloured file, at full resolution.

        Args:
            stored: The photograph.
            coloring: How.
            output: What to write.

        Raises:
            PhotoError: It cannot be written.
            UsageError: The request does not fit the photograph.
        """
        settings = self._settings(stored, coloring)
        done = colorize_photos(
            stored.photos,
            Request(settings, output),
            name=stored.name,
            engine=self.engine,
            provenance=provenance_of(stored.data, self.engine.bundle, settings, output),
        )
        if output.layer:
            name = f"photo{layer_ending(output.format)}"
        else:
            name = f"photo.color{FORMATS[done.format].suffixes[0]}"
        return Finished(done.data, done.format, name, done.notes)

    # ----- what is made of it on the way -----

    def _predict(self, stored: StoredPhoto, settings: Settings) -> Prediction:
        settings.check_size(stored.page.shape)
        key = key_of(stored.digest, settings, self.engine.bundle.card.capabilities)
        without = self.engine.without_hints(settings)
        # Asked for by itself, it is kept: another hint does not run the network without them again.
        plain = None if without is None else self._predict(stored, without)

        def predict() -> Prediction:
            if plain is None:
                return self.engine.predict(stored.page, settings)
            return self.engine.predict_beside(stored.page, settings, plain)

        return self._kept(stored, key, predict)

    def _draft(self, stored: StoredPhoto, settings: Settings) -> Prediction:
        """As `_predict`; hints that are new are predicted at one size in place of two.

        Both have the same grid, so what lies beyond the reach of hints is the same as well.
        """
        without = self.engine.without_hints(settings)
        key = key_of(stored.digest, settings, self.engine.bundle.card.capabilities)
        if without is None or settings.quality != "high" or self._predictions.kept(key):
            return self._predict(stored, settings)
        settings.check_size(stored.page.shape)
        plain, quick = self._predict(stored, without), replace(settings, quality="normal")
        return self._kept(
            stored,
            (key[0], f"draft {key[1]}"),
            lambda: self.engine.predict_beside(stored.page, quick, plain),
        )

    def _kept(self, stored: StoredPhoto, key: Key, predict: Callable[[], Prediction]) -> Prediction:
        """A prediction that is kept as long as there is room."""
        with stored.lock:  # so that the network runs once
            prediction = self._predictions.get(key, predict)
        size = stored.size + size_of(prediction)
        if size > self._budget:
            self._predictions.forget(stored.digest)
        self._check_size(size)
        with self._lock:
            self._let_go()
        return prediction

    def _at_level(self, stored: StoredPhoto, tile: Tile) -> Photo:
        tile.check(stored.page.shape)
        found = stored.reduced(shape_at(stored.page.shape, tile.level))
        with self._lock:
            self._let_go()
        return found

    def _settings(self, stored: StoredPhoto, coloring: ColorRequest) -> Settings:
        settings = coloring.settings
        painted = (*coloring.strokes, *coloring.grey_strokes)
        check_effort(painted, settings.hints, stored.page.shape)
        if coloring.strokes:
            settings = replace(settings, scribbles=stored.painted_colors(coloring.strokes))
        if coloring.grey_strokes:
            settings = replace(settings, mask=stored.painted_grey(coloring.grey_strokes))
        layers: dict[str, Any] = {
            kind: self._layer(stored.owner, kind, name) for kind, name in coloring.layers.items()
        }
        return replace(settings, device=self._device, **layers)

    def _layer(self, owner: str, kind: str, name: str) -> Layer:
        with self._lock:
            layer = self._layers.get((owner, kind, name))
        if layer is None:
            raise GoneError(f"No {kind} with this id is available.", advice="Send them again.")
        return layer


def _shape_of(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(height, width) of a picture for the screen with this longest side, as far as it may be."""
    longest = max(shape)
    side = min(max(side, SIDES[0]), SIDES[1], longest)
    height, width = (max(1, round(n * side / longest)) for n in shape)
    return height, width


def _jpeg(photo: Photo) -> bytes:
    return encode([photo], format="JPEG", provenance=None).data


def _sentence(luma: float, ab: NDArray[np.float64]) -> list[str]:
    rgb = solve_rgb01(np.full(len(ab), luma), ab)
    return [_hex(color) for color in rgb]


def _hex(rgb01: NDArray[np.floating]) -> str:
    return "#" + bytes(np.rint(rgb01 * 255).astype(np.uint8)).hex()
