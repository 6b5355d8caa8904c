"""Photo -> Photo: the network predicts colours from the lightness; the grey is preserved."""

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.engine import color_distribution, device_check
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.color_distribution import Palette, Suggestion
from tintype.engine.cores import usable_cores
from tintype.engine.devices import AUTOMATIC, DeviceName, device_of
from tintype.engine.geometry import Fit
from tintype.engine.hint_reach import limited, painted, surroundings
from tintype.engine.hints import covered, hints_at, hold_hints, pins_of
from tintype.engine.inference import Inference
from tintype.engine.network import Network
from tintype.engine.parts import Parts
from tintype.engine.prediction import Prediction, Version
from tintype.engine.render import render_half_chroma, render_u8, render_u16
from tintype.engine.settings import Quality, Settings
from tintype.engine.upsample import ChromaUp
from tintype.errors import ModelError
from tintype.photo.orientation import paired
from tintype.photo.photo import HalfChroma, Photo


class Engine:
    """A model ready to colour photographs. Thread-safe.

    Args:
        bundle: The model; None is the default one.
        threads: Number of threads per photograph; None uses all usable cores.
        at_once: Number of photographs predicted concurrently.
        features: Whether predictions include the features that hints and references need. Without
            them predictions are faster, but support neither.
    """

    def __init__(
        self,
        bundle: Bundle | None = None,
        *,
        threads: int | None = None,
        at_once: int = 1,
        features: bool = True,
    ) -> None:
        self.bundle: Bundle = load_bundle() if bundle is None else bundle
        self._threads = threads or usable_cores()
        self._features = features
        self._inference = Inference(
            self.bundle, threads=self._threads, at_once=at_once, features=features
        )
        self._lock = threading.Lock()
        self._notes: dict[str, str] = {}

    def colorize(
        self,
        photo: Photo,
        settings: Settings | None = None,
        *,
        half_chroma: bool = False,
    ) -> Photo:
        """Colours one photograph.

        Args:
            photo: A photograph of any size and bit depth; decoding has discarded any colour.
            settings: How to colour; None is the default. Hints are passed to networks with a hint
                input, and the output of every network is corrected to match them exactly.
            half_chroma: Return half-size chroma planes, which a JPEG stores without changing the
                grey. This applies to 8-bit photographs only; a 16-bit one gets full-size colour.

        Returns:
            The same photograph with ``color``; everything else is unchanged.

        Raises:
            ModelError: The model does not run, or does not support the settings.
            UsageError: A hint is outside the photograph, or a picture in the settings does not
                match it.
        """
        settings = settings or Settings()
        return self.render(photo, self.predict(photo, settings), settings, half_chroma=half_chroma)

    def predict(self, photo: Photo, settings: Settings | None = None) -> Prediction:
        """Runs the network; `render` decodes the result, any number of times.

        Args:
            photo: As for `colorize`.
            settings: Only quality, hints and the reference matter here.

        Raises:
            ModelError: As for `colorize`.
            UsageError: As for `colorize`.
        """
        settings = settings or Settings()
        settings.check_size(photo.shape)
        without = self.without_hints(settings)
        plain = None if without is None else self.predict(photo, without)
        return self.predict_beside(photo, settings, plain)

    def without_hints(self, settings: Settings) -> Settings | None:
        """The settings for the additional prediction without hints that `predict` needs.

        Returns:
            None if it needs none: there are no hints, or the network has no hint input.
        """
        if settings.hinted and "hints" in self.bundle.card.capabilities:
            return replace(settings, hints=(), scribbles=None)
        return None

    def predict_beside(
        self,
        photo: Photo,
        settings: Settings,
        plain: Prediction | None,
        *,
        draft: Prediction | None = None,
    ) -> Prediction:
        """`predict` if the prediction without hints is already available.

        Args:
            photo: As for `predict`.
            settings: As for `predict`.
            plain: Result of `predict` for `without_hints`; None if that is None.
            draft: Result of `draft` for the same input; the network is not run at its size again.

        Raises:
            ModelError: As for `colorize`.
            UsageError: As for `colorize`.
        """
        fit = self.fit(photo.shape, settings.quality)
        settings.check_size(photo.shape)
        if settings.colors is not None:
            return settings.colors.prediction(photo.grey)
        settings.check_model(self.bundle.label, self.bundle.card.capabilities)
        if settings.quality == "high":
            luma, output = self._inference.run_twice(photo, settings, fit, draft)
        else:
            luma, output = self._inference.run(photo.grey, settings, fit)
        prediction = replace(self._inference.prediction(fit, luma, output), plain=plain)
        if settings.reference is None:
            return prediction
        return self._inference.shifted(prediction, settings)

    def render(
        self, photo: Photo, prediction: Prediction, settings: Settings, *, half_chroma: bool = False
    ) -> Photo:
        """Colours a photograph from a prediction.

        Args:
            photo: The photograph of the prediction, or a smaller copy: the positions of hints
                always refer to the original.
            prediction: Result of `predict` for the same quality, hints and reference.
            settings: How to colour.
            half_chroma: As for `colorize`.

        Returns:
            As for `colorize`.

        Raises:
            ModelError: A palette is requested, but the model predicts no distribution.
        """
        if settings.one_of_several:
            found = self.render_versions(photo, prediction, settings, half_chroma=half_chroma)
            return found[0].photo
        chroma = self.chroma(prediction.plain or prediction, settings)
        return self._render(photo, prediction, chroma, settings, half_chroma=half_chroma)

    def versions(
        self, photo: Photo, settings: Settings, *, half_chroma: bool = False
    ) -> list[Version]:
        """Colours one photograph in several plausible ways from one prediction.

        Args:
            photo: As for `colorize`.
            settings: How, and how many versions; with a `palette`, only that one.
            half_chroma: As for `colorize`.

        Returns:
            The result of `colorize` first, then the others, most likely first.

        Raises:
            ModelError: The model does not run, or predicts no distribution.
            UsageError: As for `colorize`.
        """
        prediction = self.predict(photo, settings)
        return self.render_versions(photo, prediction, settings, half_chroma=half_chroma)

    def render_versions(
        self, photo: Photo, prediction: Prediction, settings: Settings, *, half_chroma: bool = False
    ) -> list[Version]:
        """`versions` from a prediction; arguments as for `render`."""
        found = self.palettes(prediction, settings)
        if settings.palette:
            found = [found[settings.palette - 1]]
        return [
            Version(
                self._render(photo, prediction, one.ab, settings, half_chroma=half_chroma),
                one.share,
            )
            for one in found
        ]

    def palettes(self, prediction: Prediction, settings: Settings) -> list[Palette]:
        """All palettes of a photograph, without hints and not rendered.

        Args:
            prediction: Result of `predict`.
            settings: `settings.palettes` is their number; `settings.palette` is ignored.

        Returns:
            The palettes, the suggested one first.

        Raises:
            ModelError: The model predicts no distribution.
        """
        return color_distribution.palettes(
            self._distribution(prediction.plain or prediction),
            self.bundle.card,
            vividness=self._vividness(settings),
            warmth=settings.warmth,
            count=settings.palettes,
        )

    def uncertainty(
        self, photo: Photo, prediction: Prediction, settings: Settings | None = None
    ) -> NDArray[np.uint8]:
        """A map of how uncertain the colours of a photograph are.

        Args:
            photo: As for `render`.
            prediction: Result of `predict`.
            settings: The settings of the prediction; what their hints and scribbles cover is
                certain. None is without any.

        Returns:
            (H, W) entropy of the distribution without hints as a share of the largest possible,
            times 255: 0 is certain, 255 is most uncertain.

        Raises:
            ModelError: The model predicts no distribution.
        """
        # Not the distribution with the hints: it is wider, most of all under them, and colours
        # beyond their reach are those without.
        logits = self._distribution(prediction.plain or prediction)
        share = color_distribution.uncertainty(logits)
        right, below = (side / prediction.fit.stride for side in prediction.fit.content[::-1])
        image = Image.fromarray(share).resize(
            (photo.width, photo.height), Image.Resampling.BILINEAR, box=(0, 0, right, below)
        )
        found = np.asarray(np.rint(np.asarray(image).clip(0, 1) * 255), np.uint8)
        if settings is not None and settings.hinted:
            found[covered(settings.hints, settings.scribbles, prediction.fit, photo.shape)] = 0
        return found

    def suggestions(
        self, prediction: Prediction, x: int, y: int, *, count: int
    ) -> list[Suggestion]:
        """Colours that the model considers plausible at one point.

        Args:
            prediction: Result of `predict`.
            x: Column in the photograph of the prediction.
            y: Row in that photograph.
            count: Maximum number of suggestions.

        Returns:
            The most likely first, each at least two bins from those before it.

        Raises:
            ModelError: The model predicts no distribution.
            UsageError: The point is outside the photograph.
        """
        logits = self._distribution(prediction)
        row, column = prediction.fit.output_place(x, y)
        return color_distribution.suggestions(logits[:, row, column], count=count)

    def device_note(self, settings: Settings) -> str:
        """A note on the device; empty if its pixels match the CPU's, or if no network is run.

        Other devices are compared with the CPU on first use.

        Raises:
            UsageError: The device is not available.
        """
        device = device_of(settings.device)
        if device.name == AUTOMATIC or settings.colors is not None:
            return ""
        with self._lock:
            known = self._notes.get(device.name)
        if known is None:
            # A temporary engine, so its CPU network is released and no prediction is cached.
            beside = Engine(self.bundle, threads=self._threads, features=self._features)
            beside._inference.adopt(device.name, self.network(settings.device))
            share = device_check.measure(beside, settings.device)
            with self._lock:
                known = self._notes[device.name] = device_check.note(device, share)
        return known

    def network(self, name: DeviceName) -> Network:
        """The network on a device, which is loaded on first use."""
        return self._inference.network(name)

    def prepare(self, settings: Settings) -> None:
        """Starts loading the network in the background, while the caller reads the photograph.

        Args:
            settings: Settings of the next photograph.
        """
        if settings.colors is None:
            self._inference.prepare(settings)

    def fit(self, shape: tuple[int, int], quality: Quality) -> Fit:
        """How `predict` places a photograph in the network's input; see `Inference.fit`."""
        return self._inference.fit(shape, quality)

    def input_pixels(self, shape: tuple[int, int], settings: Settings) -> int:
        """Pixels that the network reads for a photograph; see `Inference.input_pixels`."""
        return self._inference.input_pixels(shape, settings)

    def has_draft(self, shape: tuple[int, int], settings: Settings) -> bool:
        """Whether `draft` returns anything sooner than `predict`; see `Inference.has_draft`."""
        return self._inference.has_draft(shape, settings)

    def _distribution(self, prediction: Prediction) -> NDArray[np.float32]:
        """(bins, h, w) logits of a network that predicts a distribution."""
        if prediction.logits is None:
            raise ModelError(
                f"There is no distribution over colours: the model {self.bundle.label} predicts "
                "only single colours, or they come from another picture.",
                advice="Use tintype-own, or another model whose card lists logits.",
            )
        return prediction.logits

    def draft(
        self, photo: Photo, settings: Settings, plain: Prediction | None = None
    ) -> Prediction:
        """A prediction in a sixth of the time, to display until the exact one is available.

        It is the high-quality prediction at the smallest size only, on the same grid, so everything
        beyond the reach of hints is the same in both.

        Args:
            photo: As for `predict`.
            settings: As for `predict`; `has_draft` must be true for them.
            plain: As for `predict_beside`.

        Raises:
            ModelError: As for `colorize`.
            UsageError: As for `colorize`.
        """
        settings.check_size(photo.shape)
        settings.check_model(self.bundle.label, self.bundle.card.capabilities)
        fit = self.fit(photo.shape, settings.quality)
        found = self._inference.at_smallest(photo, settings, fit)
        return replace(found, plain=plain)

    def _render(
        self,
        photo: Photo,
        prediction: Prediction,
        ab: NDArray[np.float32],
        settings: Settings,
        *,
        half_chroma: bool,
    ) -> Photo:
        """Upsamples (2, h, w) ab without hints to the photograph's size and applies the hints."""
        halved = half_chroma and photo.bits == 8
        full = paired(photo.grey, photo.turn)
        grey = np.asarray(Image.fromarray(full).reduce(2)) if halved else photo.grey
        up = self._chroma_up(grey, prediction, ab, settings)
        color: NDArray[np.uint8] | NDArray[np.uint16] | HalfChroma
        if halved:
            color = render_half_chroma(full, grey, up, threads=self._threads)
        elif photo.bits == 8:
            color = render_u8(grey, up, threads=self._threads)
        else:
            color = render_u16(grey, up, threads=self._threads)
        return replace(photo, color=color)

    def _chroma_up(
        self,
        grey: NDArray[np.unsignedinteger],
        prediction: Prediction,
        ab: NDArray[np.float32],
        settings: Settings,
    ) -> ChromaUp:
        """Chroma with the hints at the size of a grey plane: the photograph's, or half of it."""
        fit = prediction.fit
        shape = grey.shape[0], grey.shape[1]
        return ChromaUp(
            self.with_hints(prediction, ab, settings),
            prediction.luma,
            fit,
            shape,
            pins=pins_of(settings.hints, fit, shape, reach=settings.reach),
            grey=grey,
            scribbles=None if settings.scribbles is None else painted(settings.scribbles, grey),
            mask=None if settings.mask is None else settings.mask.fitted(shape),
        )

    def parts(self, photo: Photo, prediction: Prediction, settings: Settings) -> Parts:
        """`render` with half-size chroma, for rendering a photograph one part at a time.

        Args:
            photo: As for `render`, 8-bit.
            prediction: As for `render`.
            settings: As for `render`.

        Raises:
            ModelError: As for `render`.
        """
        if settings.one_of_several:
            ab = self.palettes(prediction, settings)[settings.palette - 1].ab
        else:
            ab = self.chroma(prediction.plain or prediction, settings)
        grey = np.asarray(Image.fromarray(photo.grey).reduce(2))
        return Parts(photo, self._chroma_up(grey, prediction, ab, settings))

    def _vividness(self, settings: Settings) -> float:
        return self.bundle.card.vividness if settings.vividness is None else settings.vividness

    def with_hints(
        self, prediction: Prediction, ab: NDArray[np.float32], settings: Settings
    ) -> NDArray[np.float32]:
        """Applies the colours of hints to chroma, within their reach.

        Args:
            prediction: The prediction with the hints.
            ab: (2, h, w) chroma without them, CIELAB units.
            settings: The hints and their reach.
        """
        if not settings.hinted:
            return ab
        fit = prediction.fit
        hints = hints_at(settings.hints, settings.scribbles, fit, cell=fit.stride)
        hinted = self.chroma(prediction, settings) if prediction.plain else ab
        held = hold_hints(hints, hinted, prediction.luma, fit)
        plain = prediction.plain or prediction
        around = surroundings(ab, plain.luma, fit, logits=plain.logits, features=plain.features)
        return limited(held, around, hints, reach=settings.reach)

    def chroma(self, prediction: Prediction, settings: Settings) -> NDArray[np.float32]:
        """(2, h, w) ab of a prediction, before hints are made exact."""
        card = self.bundle.card
        if settings.colors is not None:
            factor = np.float32(1 if settings.vividness is None else settings.vividness)
            return np.asarray(prediction.ab * factor + color_distribution.shift(settings.warmth))
        vividness = self._vividness(settings)
        if prediction.logits is not None:
            if (vividness, settings.warmth) == (card.vividness, 0):
                return prediction.ab  # already decoded with these settings
            return color_distribution.colors(
                prediction.logits, card, vividness=vividness, warmth=settings.warmth
            )
        # Without a distribution, vividness can only scale the chroma, relative to the card's
        # default, and warmth can only shift it.
        gain = np.float32(vividness / card.vividness if card.vividness else 1)
        return np.asarray(prediction.ab * gain + color_distribution.shift(settings.warmth))
