"""Photo -> Photo: the lightness goes to the network, its colours come back, the grey stays."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color import gamut_grid
from tintype.color.cielab import rgb_u8_to_luma_u8, rgb_u16_to_luma_u16
from tintype.engine import decode
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.decode import Suggestion
from tintype.engine.geometry import (
    ChromaUp,
    Fit,
    halved_range,
    luma_down,
    luma_to_input,
    plan_fit,
    regrid,
)
from tintype.engine.hints import hints_at, hold_hints, pins_of
from tintype.engine.network import Network, NetworkOutput
from tintype.engine.reference import Known, Reference, know, pulled, see
from tintype.engine.settings import Quality, Settings
from tintype.errors import ModelError, UsageError
from tintype.photo.photo import HalfChroma, Photo, paired

_STRIP = 1 << 16
"""Pixels of a strip: five float planes of it stay in a core's cache."""
_BAND = 1 << 20
"""Pixels of a band, what a thread takes at a time: Pillow unpacks its table anew for each."""


@dataclass(frozen=True, slots=True)
class GreyCheck:
    """Whether the grey of a coloured photograph is still the grey it was.

    Attributes:
        max_difference: Largest difference of Y', in steps of the photograph's own depth.
        differing: How many pixels differ.
        mean_difference: Mean of the absolute difference over all pixels.
    """

    max_difference: int
    differing: int
    mean_difference: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network said about one photograph; colours are decoded from it without asking again.

    Attributes:
        fit: How the photograph lies in the network's input.
        luma: ``fit.padded`` what it was asked, Y' in 0..255.
        ab: (2, h, w) CIELAB units, at the card's default vividness and temperature.
        logits: (bins, h, w) log-probabilities up to a constant, or None.
        features: (channels, h', w') for matching, or None.
    """

    fit: Fit
    luma: NDArray[np.float32]
    ab: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    features: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Version:
    """One of several ways to colour a photograph.

    Attributes:
        photo: Coloured.
        share: How much of what the model believes lies nearer to this version than to the others.
    """

    photo: Photo
    share: float


class Engine:
    """A model ready to colour photographs. Safe to use from several threads.

    Args:
        bundle: The model; None is the default one.
        threads: Cores for one photograph; None means all there are.
    """

    def __init__(self, bundle: Bundle | None = None, *, threads: int | None = None) -> None:
        self.bundle: Bundle = load_bundle() if bundle is None else bundle
        self._threads = threads or usable_cores()
        self._network = Network(self.bundle.data, name=self.bundle.name, threads=self._threads)
        self._last_known: tuple[Reference, Quality, Known] | None = None

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
            settings: How; None is the default. Hints are told to networks that listen, and every
                network's answer is corrected to have them exactly.
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
        """Runs the network: what `render` makes colours of, as often as one likes.

        Args:
            photo: As for `colorize`.
            settings: Only quality, hints and the reference count here.

        Raises:
            ModelError: As `colorize`.
            UsageError: As `colorize`.
        """
        settings = settings or Settings()
        fit = self.fit(photo.shape, settings.quality)
        settings.check_size(photo.shape)
        settings.check_model(self.bundle.name, self.bundle.card.capabilities)
        if settings.quality == "high":
            luma, said = self._look_closely(photo, settings, fit)
        else:
            luma, said = self._look(photo.grey, settings, fit)
        logits = None if said.logits is None else said.logits[0]
        features = None if said.features is None else said.features[0]
        prediction = Prediction(fit, luma, said.ab[0], logits, features)
        if settings.reference is None:
            return prediction
        return self._referred(prediction, self._know(settings.reference, settings.quality))

    def render(
        self, photo: Photo, prediction: Prediction, settings: Settings, *, half_chroma: bool = False
    ) -> Photo:
        """Colours a photograph with what the network has said about it.

        Args:
            photo: The one that was asked about, or the same in smaller: places of hints are always
                those of the one that was asked about.
            prediction: What `predict` gave for the same quality, hints and reference.
            settings: How.
            half_chroma: As for `colorize`.

        Returns:
            As `colorize`.

        Raises:
            ModelError: A palette is wanted, and the model predicts no distribution.
        """
        if settings.one_of_several:
            return self.render_versions(photo, prediction, settings, half_chroma=half_chroma)[
                0
            ].photo
        chroma = self.chroma(prediction, settings)
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
        """`versions` of what the network has said; arguments as for `render`."""
        found = decode.palettes(
            self._distribution(prediction),
            self.bundle.card,
            vividness=self._vividness(settings),
            warmth=settings.warmth,
            count=settings.palettes,
        )
        if settings.palette:
            found = [found[settings.palette - 1]]
        return [
            Version(
                self._render(photo, prediction, one.ab, settings, half_chroma=half_chroma),
                one.share,
            )
            for one in found
        ]

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
        share = decode.uncertainty(self._distribution(prediction))
        right, below = (side / prediction.fit.stride for side in prediction.fit.content[::-1])
        image = Image.fromarray(share).resize(
            (photo.width, photo.height), Image.Resampling.BILINEAR, box=(0, 0, right, below)
        )
        return np.asarray(np.rint(np.asarray(image).clip(0, 1) * 255), np.uint8)

    def suggestions(
        self, prediction: Prediction, x: int, y: int, *, count: int
    ) -> list[Suggestion]:
        """Colours that the model thinks possible at one place.

        Args:
            prediction: What `predict` gave.
            x: Column of the photograph that was asked about.
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
        return decode.suggestions(logits[:, row, column], count=count)

    def _distribution(self, prediction: Prediction) -> NDArray[np.float32]:
        """(bins, h, w) of a network that predicts a distribution."""
        if prediction.logits is None:
            raise ModelError(
                f"The model {self.bundle.name} gives one answer, not a distribution.",
                advice="Use tintype-own, or another model whose card lists logits.",
            )
        return prediction.logits

    def _told(self, settings: Settings, fit: Fit) -> NDArray[np.float32] | None:
        """Hints as the network's input; None where there are none or it has no such input."""
        if not settings.hinted or "hints" not in self.bundle.card.capabilities:
            return None
        return hints_at(settings.hints, settings.scribbles, fit, cell=1)[None]

    def _referred(self, prediction: Prediction, known: Known) -> Prediction:
        """An answer drawn towards a reference."""
        assert prediction.logits is not None
        assert prediction.features is not None
        logits = pulled(
            prediction.logits, see(prediction.features, prediction.luma, prediction.fit), known
        )
        return replace(prediction, ab=self._usual(logits), logits=logits)

    def _usual(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(2, h, w) ab at the card's own vividness."""
        card = self.bundle.card
        return decode.colors(logits, card, vividness=card.vividness)

    def _know(self, reference: Reference, quality: Quality) -> Known:
        """What a reference has to give; the last one is kept, as a folder has one for all."""
        kept = self._last_known
        if kept is not None and kept[:2] == (reference, quality):
            return kept[2]
        grey = reference.grey()
        fit = self._fit((grey.shape[0], grey.shape[1]), _grid(quality))
        luma, said = self._look(grey, Settings(), fit)
        assert said.features is not None
        known = know(reference, said.features[0], luma, fit)
        self._last_known = reference, quality, known
        return known

    def _look(
        self, grey: NDArray[np.unsignedinteger], settings: Settings, fit: Fit
    ) -> tuple[NDArray[np.float32], NetworkOutput]:
        """What the network is asked at one size, Y' in 0..255, and what it says."""
        luma = luma_down(grey, fit)
        return luma, self._network.run(luma_to_input(luma), self._told(settings, fit))

    def _look_closely(
        self, photo: Photo, settings: Settings, fit: Fit
    ) -> tuple[NDArray[np.float32], NetworkOutput]:
        """`_look` in high quality: the mean of what is said at the smallest and the largest size.

        The mean is taken of logits, on the grid of the normal size. Features are compared at one
        size, so only a reference has the network asked at the normal one too.
        """
        fits = dict.fromkeys(self._fit(photo.shape, quality) for quality in ("fast", "high"))
        if list(fits) == [fit]:  # a tiny picture is enlarged no further: nothing else would be said
            return self._look(photo.grey, settings, fit)
        if settings.reference is None:
            luma, features = luma_down(photo.grey, fit), None
        else:
            luma, said = self._look(photo.grey, settings, fit)
            features = said.features
        heard = [(there, self._look(photo.grey, settings, there)[1]) for there in fits]
        found = [
            regrid(said.logits[0], there, fit) for there, said in heard if said.logits is not None
        ]
        if not found:
            ab = _mean([regrid(said.ab[0], there, fit) for there, said in heard])
            return luma, NetworkOutput(ab[None], None, features)
        logits = _mean(found)
        return luma, NetworkOutput(self._usual(logits)[None], logits[None], features)

    def fit(self, shape: tuple[int, int], quality: Quality) -> Fit:
        """How `predict` lays a photograph into the network's input.

        Args:
            shape: (height, width) of the photograph.
            quality: As in the settings; in high quality several sizes are brought to one.
        """
        return self._fit(shape, _grid(quality))

    def _fit(self, shape: tuple[int, int], quality: Quality) -> Fit:
        """How a photograph lies in the network's input of one of the card's sizes."""
        card = self.bundle.card
        return plan_fit(
            shape,
            short_side=card.sizes[quality],
            multiple=card.multiple,
            stride=card.stride,
        )

    def _render(
        self,
        photo: Photo,
        prediction: Prediction,
        ab: NDArray[np.float32],
        settings: Settings,
        *,
        half_chroma: bool,
    ) -> Photo:
        """Brings (2, h, w) ab to the photograph's size and under its grey; hints become exact."""
        fit = prediction.fit
        if settings.hinted:
            told = hints_at(settings.hints, settings.scribbles, fit, cell=fit.stride)
            ab = hold_hints(told, ab, prediction.luma, fit)
        halved = half_chroma and photo.bits == 8
        full = paired(photo.grey, photo.turn)
        grey = np.asarray(Image.fromarray(full).reduce(2)) if halved else photo.grey
        shape = grey.shape[0], grey.shape[1]
        up = ChromaUp(
            ab,
            prediction.luma,
            fit,
            shape,
            pins=pins_of(settings.hints, fit, shape),
            grey=grey,
            scribbles=None if settings.scribbles is None else settings.scribbles.fitted(shape),
            mask=None if settings.mask is None else settings.mask.fitted(shape),
        )
        step = gamut_grid.step_for(up.largest)
        color: NDArray[np.uint8] | NDArray[np.uint16] | HalfChroma
        if halved:
            color = self._half(full, grey, up, step)
        elif photo.bits == 8:
            color = self._full_u8(grey, up, step)
        else:
            color = self._full_u16(grey, up, step)
        return replace(photo, color=color)

    def _vividness(self, settings: Settings) -> float:
        return self.bundle.card.vividness if settings.vividness is None else settings.vividness

    def chroma(self, prediction: Prediction, settings: Settings) -> NDArray[np.float32]:
        """(2, h, w) ab of what the network said, before hints are held."""
        card = self.bundle.card
        vividness = self._vividness(settings)
        if prediction.logits is not None:
            return decode.colors(
                prediction.logits, card, vividness=vividness, warmth=settings.warmth
            )
        # Without a distribution vividness can only scale, from what the card calls normal, and
        # warmth can only shift.
        gain = np.float32(vividness / card.vividness if card.vividness else 1)
        return np.asarray(prediction.ab * gain + decode.shift(settings.warmth))

    def _full_u8(self, grey: NDArray[np.uint8], up: ChromaUp, step: float) -> NDArray[np.uint8]:
        color = np.empty((*grey.shape, 3), np.uint8)
        up.express(*gamut_grid.rgb_u8_coding(step))

        def band(rows: slice) -> None:
            codes = np.empty((2, rows.stop - rows.start, grey.shape[1]), np.uint8)
            for strip in _strips(rows, grey.shape[1]):
                coded = up.rows(strip.start, grey[strip])
                np.clip(coded, 0, 255, out=coded)
                codes[:, strip.start - rows.start : strip.stop - rows.start] = coded
            color[rows] = gamut_grid.codes_to_rgb_u8(grey[rows], codes, step=step)

        self._each_band(grey.shape, band)
        return color

    def _half(
        self, full: NDArray[np.uint8], grey: NDArray[np.uint8], up: ChromaUp, step: float
    ) -> HalfChroma:
        half = HalfChroma(np.empty_like(grey), np.empty_like(grey))
        up.express(*gamut_grid.chroma_u8_coding(step))

        def band(rows: slice) -> None:
            for strip in _strips(rows, grey.shape[1]):
                coded = up.rows(strip.start, grey[strip])
                extremes = halved_range(full[2 * strip.start : 2 * strip.stop])
                half.cb[strip], half.cr[strip] = gamut_grid.codes_to_chroma_u8(
                    grey[strip], *extremes, coded, step=step
                )

        self._each_band(grey.shape, band)
        return half

    def _full_u16(self, grey: NDArray[np.uint16], up: ChromaUp, step: float) -> NDArray[np.uint16]:
        color = np.empty((*grey.shape, 3), np.uint16)
        up.express(*gamut_grid.rgb_u16_coding(step))

        def band(rows: slice) -> None:
            for strip in _strips(rows, grey.shape[1]):
                coded = up.rows(strip.start, grey[strip])
                color[strip] = gamut_grid.codes_to_rgb_u16(grey[strip], coded, step=step)

        self._each_band(grey.shape, band)
        return color

    def _each_band(self, shape: tuple[int, ...], work: Callable[[slice], None]) -> None:
        """Works on the rows of a picture, in bands that the cores share evenly."""
        height, width = shape[0], shape[1]
        count = -(-height * width // _BAND)
        if height * width >= _STRIP:
            count = -(-count // self._threads) * self._threads
        rows = -(-height // count)
        bands = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
        if len(bands) == 1 or self._threads == 1:
            for band in bands:
                work(band)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, bands))


def _mean(planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.mean(planes, axis=0, dtype=np.float32)  # type: ignore[no-any-return]


def _grid(quality: Quality) -> Quality:
    """At which of the card's sizes an answer lies: in high quality several are brought there."""
    return "normal" if quality == "high" else quality


def usable_cores() -> int:
    """The cores this process may use, which containers and `taskset` make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _strips(rows: slice, width: int) -> Iterator[slice]:
    height = max(1, _STRIP // width)
    for top in range(rows.start, rows.stop, height):
        yield slice(top, min(top + height, rows.stop))


def verify_grey(before: Photo, after: Photo) -> GreyCheck:
    """Compares the luma of a coloured photograph with the grey it was made from.

    Args:
        before: The photograph as it was decoded.
        after: The coloured one: as the engine gave it, or decoded again from the written file.

    Returns:
        The check; 16-bit lumas are compared in 16 bits.
    """
    if before.shape != after.shape or before.bits != after.bits:
        raise UsageError("The two photographs differ in size or depth, their greys cannot match.")
    largest = differing = total = 0
    color = after.color if isinstance(after.color, np.ndarray) else None
    for rows in _strips(slice(0, before.height), before.width):
        if color is None:
            grey = after.grey[rows]
        elif after.bits == 8:
            grey = rgb_u8_to_luma_u8(color[rows])
        else:
            grey = rgb_u16_to_luma_u16(color[rows])
        difference = np.abs(grey.astype(np.int32) - before.grey[rows])
        largest = max(largest, int(difference.max()))
        differing += int(np.count_nonzero(difference))
        total += int(difference.sum())
    return GreyCheck(largest, differing, total / (before.height * before.width))
