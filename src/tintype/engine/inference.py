"""Runs the networks of a model on a photograph at each quality; the output is not yet decoded."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tintype.engine import color_distribution
from tintype.engine.bundle import Bundle
from tintype.engine.devices import DeviceName, device_of
from tintype.engine.geometry import Fit, luma_down, luma_to_input, plan_fit, regrid
from tintype.engine.hints import hints_at
from tintype.engine.network import Network, NetworkOutput
from tintype.engine.prediction import Prediction
from tintype.engine.reference import (
    Reference,
    ReferenceColors,
    match_features,
    reference_colors,
    shift_towards,
)
from tintype.engine.settings import Quality, Settings
from tintype.photo.photo import Photo


class Inference:
    """The networks of a model, one per device. Thread-safe.

    Args:
        bundle: The model.
        threads: Number of threads per photograph.
        at_once: Number of photographs predicted concurrently.
        features: Whether to compute features, if the model has any.
    """

    def __init__(
        self, bundle: Bundle, *, threads: int, at_once: int, features: bool = True
    ) -> None:
        self.bundle: Bundle = bundle
        # Logits are decoded by the engine, at the requested vividness.
        left_out = {"ab"} if "logits" in bundle.card.capabilities else set()
        self._without = frozenset(left_out if features else {*left_out, "features"})
        self._threads, self._at_once = threads, at_once
        self._lock = threading.Lock()
        self._networks: dict[str, Network] = {}
        self._last_reference: tuple[Settings, ReferenceColors] | None = None

    def network(self, name: DeviceName) -> Network:
        """The network on a device, which is loaded on first use."""
        device = device_of(name)
        with self._lock:
            if device.name not in self._networks:
                self._networks[device.name] = Network(
                    self.bundle.data,
                    name=self.bundle.label,
                    threads=self._threads,
                    device=device,
                    at_once=self._at_once,
                    without=self._without,
                )
            return self._networks[device.name]

    def prepare(self, settings: Settings) -> None:
        """Starts loading the network in the background.

        Args:
            settings: Settings of the next photograph.
        """
        hinted = settings.hinted and "hints" in self.bundle.card.capabilities
        network = self.network(settings.device)
        threading.Thread(
            target=network.prepare, kwargs={"hinted": hinted}, name="tintype-loading"
        ).start()

    def adopt(self, name: str, network: Network) -> None:
        """Uses a network that is already loaded.

        Args:
            name: Name of its device.
            network: A network of the same model.
        """
        with self._lock:
            self._networks[name] = network

    def fit(self, shape: tuple[int, int], quality: Quality) -> Fit:
        """How `predict` places a photograph in the network's input.

        Args:
            shape: (height, width) of the photograph.
            quality: As in the settings; at high quality several sizes are resampled to one.
        """
        return self._fit(shape, _grid(quality))

    def _fit(self, shape: tuple[int, int], quality: Quality) -> Fit:
        """How a photograph is placed in an input of one of the card's sizes."""
        card = self.bundle.card
        return plan_fit(
            shape,
            short_side=card.sizes[quality],
            multiple=card.multiple,
            stride=card.stride,
        )

    def has_draft(self, shape: tuple[int, int], settings: Settings) -> bool:
        """Whether `draft` returns anything sooner than `predict` does.

        It does not at other qualities, with a reference or given colours, or for tiny photographs.

        Args:
            shape: (height, width) of the photograph.
            settings: As for `predict`.
        """
        alone = settings.colors is None and settings.reference is None
        return alone and settings.quality == "high" and len(self._sizes(shape)) > 1

    def input_pixels(self, shape: tuple[int, int], settings: Settings) -> int:
        """Pixels that the network reads for a photograph in all its runs, which take the time.

        Args:
            shape: (height, width) of the photograph.
            settings: As for `predict`.
        """
        if settings.colors is not None:
            return 0
        fits = [self.fit(shape, settings.quality)]
        if settings.quality == "high":  # see `run_twice`
            sizes = self._sizes(shape)
            compared = settings.reference is not None and sizes != fits
            fits = [*sizes, *fits] if compared else sizes
        pixels = sum(fit.padded[0] * fit.padded[1] for fit in fits)
        hinted = settings.hinted and "hints" in self.bundle.card.capabilities
        return 2 * pixels if hinted else pixels  # with the prediction without hints

    def run(
        self, grey: NDArray[np.unsignedinteger], settings: Settings, fit: Fit
    ) -> tuple[NDArray[np.float32], NetworkOutput]:
        """Runs the network at one size.

        Args:
            grey: (H, W) of the photograph.
            settings: The hints and the device.
            fit: Placement of the photograph in the input.

        Returns:
            The input, (h, w) Y' in 0..255, and the output; its ab is None if it has logits.

        Raises:
            ModelError: The model does not run, or its output does not match its card.
        """
        luma = luma_down(grey, fit)
        network = self.network(settings.device)
        output = network.run(luma_to_input(luma), self._hint_input(settings, fit))
        shape = fit.padded[0] // fit.stride, fit.padded[1] // fit.stride
        card = self.bundle.card
        given = set(card.capabilities) - self._without
        output.check(self.bundle.label, shape=shape, bins=card.bins, capabilities=given)
        return luma, output

    def run_twice(
        self, photo: Photo, settings: Settings, fit: Fit, draft: Prediction | None
    ) -> tuple[NDArray[np.float32], NetworkOutput]:
        """Runs the network at high quality: the mean over the smallest and the largest size.

        The logits are averaged on the grid of the normal size. Features are those of the smallest
        size; with a reference they are compared at the normal size, so the network runs there too.

        Args:
            photo: The photograph.
            settings: The hints, the reference and the device.
            fit: Placement at the normal size.
            draft: Result of `at_smallest` for the same input; None runs the network for it.

        Returns:
            As for `run`.

        Raises:
            ModelError: As for `run`.
        """
        smallest, *larger = self._sizes(photo.shape)
        if not larger and smallest == fit:  # a tiny photograph, for which all sizes are the same
            return self.run(photo.grey, settings, fit)
        if draft is None:
            luma, first = self._at_smallest(photo, settings, fit)
        else:
            luma, first = draft.luma, _output(draft)
        features = first.features
        if settings.reference is not None:
            luma, output = self.run(photo.grey, settings, fit)
            features = output.features
        outputs = [(size, self.run(photo.grey, settings, size)[1]) for size in larger]
        found = [_decided(first), *(regrid(_decided(output), at, fit) for at, output in outputs)]
        mean = _mean(found)[None]
        if first.logits is None:
            return luma, NetworkOutput(mean, None, features)
        return luma, NetworkOutput(None, mean, features)

    def at_smallest(self, photo: Photo, settings: Settings, fit: Fit) -> Prediction:
        """The network's output at the smallest size of high quality, resampled to a grid.

        Args:
            photo: The photograph.
            settings: As for `run`.
            fit: The grid.

        Raises:
            ModelError: As for `run`.
        """
        luma, output = self._at_smallest(photo, settings, fit)
        return self.prediction(fit, luma, output)

    def _at_smallest(
        self, photo: Photo, settings: Settings, fit: Fit
    ) -> tuple[NDArray[np.float32], NetworkOutput]:
        """The input on the grid of `fit`, and `at_smallest` as a `NetworkOutput`."""
        smallest = self._sizes(photo.shape)[0]
        output = self.run(photo.grey, settings, smallest)[1]
        found, features = _decided(output), output.features
        if features is not None:
            coarse = smallest.stride * found.shape[1] // features.shape[2]
            at, to = replace(smallest, stride=coarse), replace(fit, stride=coarse)
            features = regrid(features[0], at, to)[None]
        luma = luma_down(photo.grey, fit)
        brought = regrid(found, smallest, fit)[None]
        if output.logits is None:
            return luma, NetworkOutput(brought, None, features)
        return luma, NetworkOutput(None, brought, features)

    def prediction(self, fit: Fit, luma: NDArray[np.float32], output: NetworkOutput) -> Prediction:
        """A network's output as a prediction, with chroma decoded from its logits if it has any.

        Args:
            fit: Placement of the photograph in the input.
            luma: The input, Y' in 0..255.
            output: The output.
        """
        features = None if output.features is None else output.features[0]
        if output.logits is None:
            return Prediction(fit, luma, _decided(output), None, features)
        logits = output.logits[0]
        return Prediction(fit, luma, self._default_ab(logits), logits, features)

    def shifted(self, prediction: Prediction, settings: Settings) -> Prediction:
        """A prediction shifted towards the reference of the settings.

        Args:
            prediction: Prediction of a network with logits and features.
            settings: Settings with a reference.

        Raises:
            ModelError: As for `run`.
        """
        assert settings.reference is not None
        colors = self._reference_colors(settings.reference, settings)
        assert prediction.logits is not None
        assert prediction.features is not None
        logits = shift_towards(
            prediction.logits,
            match_features(prediction.features, prediction.luma, prediction.fit),
            colors,
        )
        return replace(prediction, ab=self._default_ab(logits), logits=logits)

    def _sizes(self, shape: tuple[int, int]) -> list[Fit]:
        """The sizes that high quality averages over, the smallest first."""
        return list(dict.fromkeys(self._fit(shape, quality) for quality in ("fast", "high")))

    def _default_ab(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(2, h, w) ab at the default vividness of the card."""
        card = self.bundle.card
        return color_distribution.colors(logits, card, vividness=card.vividness)

    def _hint_input(self, settings: Settings, fit: Fit) -> NDArray[np.float32] | None:
        """Hints as the network's input; None if there are none or it has no such input."""
        if not settings.hinted or "hints" not in self.bundle.card.capabilities:
            return None
        return hints_at(settings.hints, settings.scribbles, fit, cell=1)[None]

    def _reference_colors(self, reference: Reference, settings: Settings) -> ReferenceColors:
        """Features and colours of a reference. The last one is cached: a folder shares one."""
        own = Settings(quality=settings.quality, reference=reference, device=settings.device)
        cached = self._last_reference
        if cached is not None and cached[0] == own:
            return cached[1]
        grey = reference.grey()
        fit = self._fit((grey.shape[0], grey.shape[1]), _grid(own.quality))
        luma, output = self.run(grey, own, fit)
        assert output.features is not None
        colors = reference_colors(reference, output.features[0], luma, fit)
        self._last_reference = own, colors
        return colors


def _decided(output: NetworkOutput) -> NDArray[np.float32]:
    """The planes to average over several sizes: (bins, h, w) logits, or (2, h, w) ab."""
    found = output.ab if output.logits is None else output.logits
    assert found is not None
    return np.asarray(found[0])


def _output(prediction: Prediction) -> NetworkOutput:
    logits, features = prediction.logits, prediction.features
    return NetworkOutput(
        prediction.ab[None],
        None if logits is None else logits[None],
        None if features is None else features[None],
    )


def _mean(planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    total = planes[0].copy()
    for plane in planes[1:]:
        total += plane
    total /= len(planes)
    return total


def _grid(quality: Quality) -> Quality:
    """The quality whose size is the output grid; at high quality two sizes are resampled to it."""
    return "normal" if quality == "high" else quality
