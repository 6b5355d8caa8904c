"""Photo -> Photo: the lightness goes to the network, its colours come back, the grey stays."""

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
from tintype.engine.hints import hints_at, hold_hints, pins_of
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
    """A model ready to colour photographs. Safe to use from several threads.

    Args:
        bundle: The model; None is the default one.
        threads: Cores for one photograph; None means all there are.
        at_once: Photographs that are predicted for at the same time.
        features: Whether predictions have the features that hints and references need. Without
            they take less time, and serve settings without either.
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
            photo: Any size and depth; whatever colour it had was left behind when it was decoded.
            settings: How; None is the default. Hints are an input of networks that take them, and
                the output of every network is corrected to have them exactly.
            half_chroma: Give half-size chroma planes, which a JPEG holds without touching the grey.
                Only 8-bit photographs can; a 16-bit one gets all its pixels.

        Returns:
            The same photograph with ``color``; everything else is untouched.

        Raises:
            ModelError: The model does not run, or cannot do what the settings ask for.
            UsageError: A hint lies outside the photograph, or a picture of the settings does not
                fit it.
        """
        settings = settings or Settings()
        return self.render(photo, self.predict(photo, settings), settings, half_chroma=half_chroma)

    def predict(self, photo: Photo, settings: Settings | None = None) -> Prediction:
        """Runs the network; `render` decodes the result, any number of times.

        Args:
            photo: As for `colorize`.
            settings: Only quality, hints and the reference matter here.

        Raises:
            ModelError: As `colorize`.
            UsageError: As `colorize`.
        """
        settings = settings or Settings()
        settings.check_size(photo.shape)
        without = self.without_hints(settings)
        plain = None if without is None else self.predict(photo, without)
        return self.predict_beside(photo, settings, plain)

    def without_hints(self, settings: Settings) -> Settings | None:
        """The settings of the prediction that `predict` needs beside the one with hints.

        Returns:
            None where it needs none: there are no hints, or the network does not take them.
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
        """`predict` where the prediction without hints is there already.

        Args:
            photo: As for `predict`.
            settings: As for `predict`.
            plain: What `predict` gave for `without_hints`; None where that is None.
            draft: What `draft` gave for the same; the network does not run at its size again.

        Raises:
            ModelError: As `colorize`.
            UsageError: As `colorize`.
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
            photo: The one that was predicted for, or a smaller copy: hints are always placed in
                the original.
            prediction: What `predict` gave for the same quality, hints and reference.
            settings: How.
            half_chroma: As for `colorize`.

        Returns:
            As `colorize`.

        Raises:
            ModelError: A palette is wanted, and the model predicts no distribution.
        """
        if settings.one_of_several:
            found = self.render_versions(photo, prediction, settings, half_chroma=half_chroma)
            return found[0].photo
        chroma = self.chroma(prediction.plain or prediction, settings)
        return self._render(photo, prediction, chroma, settings, half_chroma=half_chroma)

    def versions(
        self, photo: Photo, settings: Settings, *, half_chroma: bool = False
    ) -> list[Version]:
        """Colours one photograph in several plausible ways, with one run of the network.

        Args:
            photo: As for `colorize`.
            settings: How, and how many; with a `palette`, that one alone.
            half_chroma: As for `colorize`.

        Returns:
            What `colorize` gives first, then the others, the likeliest first.

        Raises:
            ModelError: The model does not run, or predicts no distribution.
            UsageError: As `colorize`.
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
            prediction: What `predict` gave.
            settings: `settings.palettes` is their number; `settings.palette` chooses none here.

        Returns:
            The suggested one first.

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

    def uncertainty(self, photo: Photo, prediction: Prediction) -> NDArray[np.uint8]:
        """Where the colours of a photograph are a guess.

        Args:
            photo: As for `render`.
            prediction: What `predict` gave. A hint makes its surroundings certain where the network
                takes hints.

        Returns:
            (H, W) entropy of the distribution as a share of the largest possible, times 255: 0 is
            certain, 255 is most uncertain.

        Raises:
            ModelError: The model predicts no distribution.
        """
        share = color_distribution.uncertainty(self._distribution(prediction))
        right, below = (side / prediction.fit.stride for side in prediction.fit.content[::-1])
        image = Image.fromarray(share).resize(
            (photo.width, photo.height), Image.Resampling.BILINEAR, box=(0, 0, right, below)
        )
        return np.asarray(np.rint(np.asarray(image).clip(0, 1) * 255), np.uint8)

    def suggestions(
        self, prediction: Prediction, x: int, y: int, *, count: int
    ) -> list[Suggestion]:
        """Colours that the model considers plausible at one place.

        Args:
            prediction: What `predict` gave.
            x: Column in the photograph that was predicted for.
            y: Its row.
            count: At most so many.

        Returns:
            The likeliest first, each at least two bins from those before it.

        Raises:
            ModelError: The model predicts no distribution.
            UsageError: The place is outside the photograph.
        """
        logits = self._distribution(prediction)
        row, column = prediction.fit.output_place(x, y)
        return color_distribution.suggestions(logits[:, row, column], count=count)

    def device_note(self, settings: Settings) -> str:
        """What is to be said of the device: empty where its pixels are the CPU's, or there is none.

        Any other device is compared with the CPU when it is first asked about.

        Raises:
            UsageError: The device is not there.
        """
        device = device_of(settings.device)
        if device.name == AUTOMATIC or settings.colors is not None:
            return ""
        with self._lock:
            known = self._notes.get(device.name)
        if known is None:
            # Its network on the CPU is let go of again, and no prediction of it is kept.
            beside = Engine(self.bundle, threads=self._threads, features=self._features)
            beside._inference.adopt(device.name, self.network(settings.device))
            share = device_check.measure(beside, settings.device)
            with self._lock:
                known = self._notes[device.name] = device_check.note(device, share)
        return known

    def network(self, name: DeviceName) -> Network:
        """The network on a device; it is loaded when it is first asked."""
        return self._inference.network(name)

    def prepare(self, settings: Settings) -> None:
        """Begins to load the network, while the caller reads the photograph.

        Args:
            settings: Of the photograph that comes.
        """
        if settings.colors is None:
            self._inference.prepare(settings)

    def fit(self, shape: tuple[int, int], quality: Quality) -> Fit:
        """How `predict` places a photograph in the network's input; see `Inference.fit`."""
        return self._inference.fit(shape, quality)

    def has_draft(self, shape: tuple[int, int], settings: Settings) -> bool:
        """Whether `draft` gives anything sooner than `predict`; see `Inference.has_draft`."""
        return self._inference.has_draft(shape, settings)

    def _distribution(self, prediction: Prediction) -> NDArray[np.float32]:
        """(bins, h, w) of a network that predicts a distribution."""
        if prediction.logits is None:
            raise ModelError(
                f"There is no distribution of colours: the model {self.bundle.label} predicts "
                "single ones, or they are those of another picture.",
                advice="Use tintype-own, or another model whose card lists logits.",
            )
        return prediction.logits

    def draft(
        self, photo: Photo, settings: Settings, plain: Prediction | None = None
    ) -> Prediction:
        """A prediction in a sixth of the time, for what is looked at until the exact one is there.

        It is the part of high quality that comes from the smallest size, on the same grid, so that
        what lies beyond the reach of hints is the same in both.

        Args:
            photo: As for `predict`.
            settings: As for `predict`, those for which `has_draft` says so.
            plain: As for `predict_beside`.

        Raises:
            ModelError: As `colorize`.
            UsageError: As `colorize`.
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
        """Brings (2, h, w) ab without hints to the photograph's size, and gives it the hints."""
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
        """Chroma with the hints for a photograph, or for half of its size, whose grey this is."""
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
        """`render` with half-size chroma, for parts of a photograph that are wanted one by one.

        Args:
            photo: As for `render`, of 8 bits.
            prediction: As for `render`.
            settings: As for `render`.

        Raises:
            ModelError: As `render`.
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
        """Gives chroma the colours of hints, as far as they reach.

        Args:
            prediction: With the hints.
            ab: (2, h, w) of what it is without them, CIELAB units.
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
                return prediction.ab  # decoded with these already
            return color_distribution.colors(
                prediction.logits, card, vividness=vividness, warmth=settings.warmth
            )
        # Without a distribution vividness can only scale, from what the card calls normal, and
        # warmth can only shift.
        gain = np.float32(vividness / card.vividness if card.vividness else 1)
        return np.asarray(prediction.ab * gain + color_distribution.shift(settings.warmth))
