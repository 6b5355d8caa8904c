"""The photographs being edited, and the operations on them for the page and other clients.

Predictions are cached (`tintype.engine.cache`), so moving a slider only requires decoding
(`Engine.render`) at screen size.
"""

import io
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import lab_to_rgb01
from tintype.color.gamut import solve_rgb01
from tintype.engine.cache import Key, key_of
from tintype.engine.devices import DeviceName
from tintype.engine.looks import LookName, look_names
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import SETTINGS, Output, Settings
from tintype.errors import UsageError
from tintype.photo.comparison import SIDES as SIDES_OF_COMPARISONS
from tintype.photo.comparison import comparison
from tintype.photo.encode import encode
from tintype.photo.formats.registry import FORMATS
from tintype.photo.naming import layer_ending
from tintype.photo.photo import Photo
from tintype.photo.turning import QUARTERS, turned
from tintype.pipeline import Request, colorize_photos, provenance_of
from tintype.web.held_photos import HeldPhotos
from tintype.web.request import (
    ColorRequest,
    check_effort,
)
from tintype.web.stored_photo import StoredPhoto
from tintype.web.tiles import Tile, shape_at

SIDES = (64, 2048)
"""Smallest and largest longest side of a preview, in pixels."""
MOST_INPUT = 30_000_000
"""Limit on the pixels that the network reads for the pages of one file: some 100 photographs at
high quality, about a minute of one core."""
_PAGE = 50_000  # fixed cost of a page, in pixels of the network's input read in the same time


@dataclass(frozen=True, slots=True)
class Finished:
    """A coloured file.

    Attributes:
        data: Its bytes.
        format: As in `tintype.pipeline.Coloring`.
        name: Suggested file name for the client.
        notes: What the format could not store, and other remarks.
    """

    data: bytes
    format: str
    name: str
    notes: tuple[str, ...]


class PhotoStore(HeldPhotos):
    """The held photographs, and the operations on them.

    Args:
        engine: The loaded model.
        max_pixels: As for `HeldPhotos`.
        budget: As for `HeldPhotos`.
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
        super().__init__(engine, max_pixels=max_pixels, budget=budget)
        self._device = device

    def preview(
        self, stored: StoredPhoto, coloring: ColorRequest, *, side: int, draft: bool = False
    ) -> bytes:
        """A coloured JPEG for the screen.

        Args:
            stored: The photograph.
            coloring: How to colour it.
            side: Longest side of the JPEG, at most the photograph's own.
            draft: Allow a less exact but faster result.

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
        """A before-and-after file for sharing.

        Args:
            stored: The photograph.
            coloring: How to colour it.
            form: A key of `tintype.photo.comparison.SIDES`.
            rotate: Rotation in degrees, a key of `tintype.photo.turning.QUARTERS`.

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
        """A tile of the coloured photograph as a JPEG: a part of the saved result.

        Args:
            stored: The photograph.
            coloring: How to colour it.
            tile: Which tile.

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
        self.make_room()
        return _jpeg(parts.part(*tile.spans(whole.shape)))

    def certainty(self, stored: StoredPhoto, coloring: ColorRequest, *, side: int) -> bytes:
        """A map of the uncertainty of the colours, as a grey PNG: 0 is certain."""
        settings = self._settings(stored, coloring)
        shown = stored.reduced(_shape_of(stored.page.shape, side))
        found = self.engine.uncertainty(shown, self._predict(stored, settings), settings)
        file = io.BytesIO()
        Image.fromarray(found).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def palettes(
        self, stored: StoredPhoto, coloring: ColorRequest
    ) -> list[tuple[float, LookName | None]]:
        """The probability and the name of each palette of a request, the default first.

        A palette without a name is a wash of a single tint, or close to another palette.
        """
        settings = self._settings(stored, coloring)
        found = self.engine.palettes(self._predict(stored, settings), settings)
        names = look_names([palette.ab for palette in found])
        return [(palette.share, name) for palette, name in zip(found, names, strict=True)]

    def suggestions(
        self,
        stored: StoredPhoto,
        coloring: ColorRequest,
        place: tuple[int, int],
        *,
        count: int,
        draft: bool = False,
    ) -> tuple[list[tuple[str, float]], str]:
        """Colours that the model considers possible at a place, at the photograph's own lightness.

        Args:
            stored: The photograph.
            coloring: How to colour it.
            place: Column and row.
            count: Maximum number of colours.
            draft: As for `preview`.

        Returns:
            sRGB as ``#c04030`` and a share, the most likely first; and the current colour there.

        Raises:
            UsageError: As for `preview`.
        """
        settings, (x, y) = self._settings(stored, coloring), place
        prediction = (self._draft if draft else self._predict)(stored, settings)
        found = self.engine.suggestions(prediction, x, y, count=count)
        luma = float(stored.page.grey[y, x]) / (2**stored.page.bits - 1)
        # Deep shadow and bright light show no colour, and choosing a colour requires seeing it.
        luma = min(max(luma, 0.25), 0.85)
        ab = np.array([[s.a, s.b] for s in found])
        possible = list(zip(_sentence(luma, ab), (s.share for s in found), strict=True))
        return possible, self._color_at(prediction, settings, x, y)

    def _color_at(self, prediction: Prediction, settings: Settings, x: int, y: int) -> str:
        """The current colour of a place, as ``#c04030``."""
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
            coloring: How to colour it.
            output: What to write.

        Raises:
            PhotoError: It cannot be written.
            UsageError: The request does not fit the photograph, or its pages would block a worker.
        """
        settings = self._settings(stored, coloring)
        self._check_pages(stored, settings)
        done = colorize_photos(
            stored.photos,
            Request(settings, output),
            name=stored.name,
            engine=self.engine,
            provenance=provenance_of(stored.data, self.engine.bundle, settings, output),
        )
        # The user chose the palette here, so the note about it is only for the command.
        notes = tuple(note for note in done.notes if note != done.palette_note)
        if output.layer:
            name = f"photo{layer_ending(output.format)}"
        else:
            name = f"photo.color{FORMATS[done.format].suffixes[0]}"
        return Finished(done.data, done.format, name, notes)

    def _check_pages(self, stored: StoredPhoto, settings: Settings) -> None:
        """Refuses pages for which the network would run for minutes, since each is a photograph.

        A single page is always accepted: the size of the network's input is bounded.

        Raises:
            UsageError: They cost more than `MOST_INPUT`.
        """
        pages = stored.photos
        cost = sum(_PAGE + self.engine.input_pixels(page.shape, settings) for page in pages)
        if len(pages) > 1 and cost > MOST_INPUT:
            raise UsageError(
                f"{stored.name} has {len(pages)} pages, which would take too long: "
                f"at this size and with these settings, the server colours about "
                f"{MOST_INPUT * len(pages) // cost}.",
                advice="Colour the file with the command: tintype FILE.",
            )

    # ----- intermediate results -----

    def _predict(self, stored: StoredPhoto, settings: Settings) -> Prediction:
        settings.check_size(stored.page.shape)
        key = key_of(stored.digest, settings, self.engine.bundle.card.capabilities)
        plain = self._without_hints(stored, settings)

        def predict() -> Prediction:
            draft = self.predictions.kept(_draft_of(key))
            return self.engine.predict_beside(stored.page, settings, plain, draft=draft)

        prediction = self.kept(stored, key, predict, stored.lock)
        self.predictions.drop(_draft_of(key))
        return prediction

    def _without_hints(self, stored: StoredPhoto, settings: Settings) -> Prediction | None:
        """The prediction without hints that one with hints needs; None if it needs none."""
        without = self.engine.without_hints(settings)
        # Cached separately, so another hint does not run the network without hints again.
        return None if without is None else self._predict(stored, without)

    def _draft(self, stored: StoredPhoto, settings: Settings) -> Prediction:
        """As `_predict`, but predicts only at the smallest size if needed (`Engine.draft`)."""
        settings.check_size(stored.page.shape)
        key = key_of(stored.digest, settings, self.engine.bundle.card.capabilities)
        drafted = self.engine.has_draft(stored.page.shape, settings)
        if not drafted or self.predictions.kept(key):
            return self._predict(stored, settings)
        plain = self._without_hints(stored, settings)
        work = partial(self.engine.draft, stored.page, settings, plain)
        return self.kept(stored, _draft_of(key), work, stored.drafting)

    def _at_level(self, stored: StoredPhoto, tile: Tile) -> Photo:
        tile.check(stored.page.shape)
        found = stored.reduced(shape_at(stored.page.shape, tile.level))
        self.make_room()
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
            kind: self.layer(stored.owner, kind, name) for kind, name in coloring.layers.items()
        }
        return replace(settings, device=self._device, **layers)


def _draft_of(key: Key) -> Key:
    """The key of the draft of a prediction."""
    return key[0], f"draft {key[1]}"


def _shape_of(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(height, width) of a picture for the screen, its longest side clipped to the limits."""
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
