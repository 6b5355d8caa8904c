"""Renders chroma for the frames of a film, in order."""

import io
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tintype.engine.bundle import Bundle
from tintype.engine.cores import usable_cores
from tintype.engine.geometry import Fit, luma_down, plan_fit
from tintype.engine.hints import Hint, pins_of
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import Settings
from tintype.engine.upsample import ChromaUp
from tintype.errors import UsageError
from tintype.photo.photo import Metadata, Photo
from tintype.video.cards import is_card
from tintype.video.chroma import chroma_planes, grey_of, mean_grey
from tintype.video.defaults import EVERY, STEADY
from tintype.video.fades import Exposure
from tintype.video.layout import PlaneLayout, Samples
from tintype.video.optical_flow import FlowEstimator
from tintype.video.propagation import PropagatedChroma
from tintype.video.request import FilmRequest
from tintype.video.shots import Shot, is_cut, track_hints

_CARD_SIDE = 256  # pixels of the short side
_CARD_FRAMES = 3  # over which a picture becomes neutral if a card appears without a cut


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """The part of the work that depends on one frame alone, and can be done ahead of its turn.

    Attributes:
        grey: Upright, full range.
        light: The same in full light, if a fade has darkened it.
        luma: ``fit.padded`` Y' at the size of the network's input, uint8, in full light.
        fit: The position of the frame in the network's input.
        prediction: Of the network; None if the frame was skipped.
        card: Whether the frame is a title card.
        exposure: How a fade has changed it; None if it is in full light.
    """

    grey: Samples
    light: Samples
    luma: NDArray[np.uint8]
    fit: Fit
    prediction: Prediction | None
    card: bool
    exposure: Exposure | None


class Renderer:
    """Renders chroma for frame after frame; keeps state between them.

    `prepare` may be called ahead and from several threads; `render` expects the frames in order.

    Args:
        engine: The loaded model.
        settings: How to colour; hints belong to `shots`.
        layout: The layout of the stream's pictures.
        shots: Hints and references for single shots.
        steady: 0..1, the share of the propagated chroma that is kept at each frame; 0 colours each
            frame independently. None is `STEADY`.
        every: The network predicts one frame in this many, and those in which much is new. None
            is `EVERY`.

    Raises:
        UsageError: The settings apply to single photographs, or a number is out of range.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        layout: PlaneLayout,
        *,
        shots: Sequence[Shot] = (),
        steady: float | None = None,
        every: int | None = None,
    ) -> None:
        if settings.of_one_photograph or settings.palettes > 1:
            raise UsageError("Hints, scribbles, masks and palettes apply to one photograph.")
        self._steady = STEADY if steady is None else steady
        self._every = EVERY if every is None else every
        if not 0 <= self._steady < 1:
            raise UsageError(f"--steady {self._steady} is out of range.", advice="Use 0 to 0.99.")
        if self._every < 1:
            raise UsageError(f"--every {self._every} is out of range.", advice="Use 1 or more.")
        self._engine = engine
        self._settings = settings
        self._layout = layout
        self._shots = sorted(shots, key=lambda shot: shot.start)
        self._flow = FlowEstimator()
        self._reference_lock = threading.Lock()  # for the engine's cache of the reference
        # The state kept from frame to frame; `state` and `restore` cover all of it.
        self._frames = 0
        self._frames_since_prediction = 0
        self._shots_begun = 0
        self._shot: Shot | None = None
        self._chroma: PropagatedChroma | None = None
        self._previous_luma: NDArray[np.uint8] | None = None
        self._neutral = 0.0  # 1 on a title card
        self._was_card = False

    def prepare(
        self, luma: Samples, number: int, exposure: Exposure | None = None
    ) -> PreparedFrame:
        """Prepares a frame. This takes most of the time, and does not need any other frame.

        Args:
            luma: ``layout.shape`` as stored.
            number: Of the frame, from 0.
            exposure: How a fade has changed it; None if it is in full light.

        Raises:
            ModelError: The model cannot be run, or lacks a capability that the settings need.
        """
        grey = grey_of(luma, self._layout)
        fit = self._engine.fit((grey.shape[0], grey.shape[1]), self._settings.quality)
        light = grey if exposure is None else exposure.undone(grey)
        prediction = None
        if exposure is not None and exposure.stand_in is not None:
            light = self._stand_in(*exposure.stand_in)
        due = number % self._every == 0 or self._steady == 0
        if due and not (exposure is not None and exposure.is_too_dark):
            prediction = self._predict(light, self._settings)
        small = luma_down(light, fit) if prediction is None else prediction.luma
        luma_u8 = np.rint(np.clip(small, 0, 255)).astype(np.uint8)
        card = is_card(_for_cards(light))
        return PreparedFrame(grey, light, luma_u8, fit, prediction, card, exposure)

    def render(self, frame: PreparedFrame, seconds: float) -> tuple[Samples, Samples]:
        """Renders chroma for the next frame.

        Args:
            frame: As returned by `prepare`.
            seconds: Its time, for the shots.

        Returns:
            Cb and Cr, both ``layout.chroma_shape``, as the stream stores them.

        Raises:
            ModelError: As `prepare`.
            UsageError: A hint is outside the frame.
        """
        cut = self._propagate(frame)
        shot_begins = self._begin_shots(seconds, cut=cut)
        chroma = self._chroma
        prediction = frame.prediction
        if chroma is None or shot_begins or (prediction is None and chroma.is_stale):
            prediction = prediction or self._predict(frame.light, self._settings)
        if prediction is not None and self._shot is not None:
            prediction = self._predict(frame.light, self._shot_settings(self._shot))
        if prediction is not None:
            ab = self._decode(prediction)
            if chroma is None or shot_begins or self._steady == 0:
                chroma = PropagatedChroma.predicted(ab)
            else:
                chroma = chroma.blended(ab, self._steady ** (self._frames_since_prediction + 1))
            self._frames_since_prediction = 0
        else:
            self._frames_since_prediction += 1
        assert chroma is not None, "the first frame is always predicted"
        self._chroma, self._previous_luma = chroma, frame.luma
        self._frames += 1
        self._follow_card(frame, cut=cut)
        return self._planes(frame, chroma)

    # ----- from frame to frame -----

    def _propagate(self, frame: PreparedFrame) -> bool:
        """Propagates the state to this frame, or drops it at a cut; returns whether it is a cut."""
        if self._chroma is None or self._previous_luma is None:
            return True
        if self._steady == 0 and self._shot is None:
            return False
        flow = self._flow.estimate(self._previous_luma, frame.luma, frame.fit)
        if is_cut(flow):
            self._chroma, self._frames_since_prediction = None, 0
            return True
        self._chroma = self._chroma.warped(flow)
        if self._shot is not None and self._shot.hints:
            hints = track_hints(self._shot.hints, self._previous_luma, frame.luma, frame.fit)
            self._shot = replace(self._shot, hints=hints)
        return False

    def _begin_shots(self, seconds: float, *, cut: bool) -> bool:
        """Ends the shot at a cut, and begins one that is due; returns whether one begins."""
        if cut:
            self._shot = None
        begins = False
        while (
            self._shots_begun < len(self._shots)
            and self._shots[self._shots_begun].start <= seconds + 1e-6
        ):
            self._shot = self._shots[self._shots_begun]
            self._shots_begun += 1
            begins = True
        return begins

    def _follow_card(self, frame: PreparedFrame, *, cut: bool) -> None:
        """Makes title cards neutral: immediately at a cut, otherwise over some frames."""
        if cut or frame.exposure is not None:
            self._neutral = float(frame.card)
        elif frame.card == self._was_card:  # a single frame may be misclassified
            step = 1 / _CARD_FRAMES if frame.card else -1 / _CARD_FRAMES
            self._neutral = min(max(self._neutral + step, 0.0), 1.0)
        self._was_card = frame.card

    # ----- one frame -----

    def _stand_in(self, luma: Samples, exposure: Exposure | None) -> Samples:
        grey = grey_of(luma, self._layout)
        return grey if exposure is None else exposure.undone(grey)

    def _shot_settings(self, shot: Shot) -> Settings:
        reference = shot.reference or self._settings.reference
        return replace(self._settings, hints=shot.hints, reference=reference)

    def _predict(self, grey: Samples, settings: Settings) -> Prediction:
        photo = Photo(grey, None, "grey", Metadata("film"))
        if settings.reference is None:
            return self._engine.predict(photo, settings)
        with self._reference_lock:
            return self._engine.predict(photo, settings)

    def _decode(self, prediction: Prediction) -> NDArray[np.float32]:
        ab = self._engine.chroma(prediction.plain or prediction, self._settings)
        if self._shot is not None and self._shot.hints:
            ab = self._engine.with_hints(prediction, ab, self._shot_settings(self._shot))
        return ab

    def _planes(self, frame: PreparedFrame, chroma: PropagatedChroma) -> tuple[Samples, Samples]:
        exposure = frame.exposure
        whole = frame.grey if exposure is None else exposure.undone(frame.grey)
        grey = mean_grey(whole, self._layout)
        shape = grey.shape[0], grey.shape[1]
        hints = () if self._shot is None else self._shot.hints
        ab = chroma.restored()
        if self._neutral > 0:
            ab = ab * np.float32(1 - self._neutral)
        up = ChromaUp(
            ab,
            frame.luma.astype(np.float32),
            frame.fit,
            shape,
            pins=pins_of(hints, frame.fit, shape, reach=self._settings.reach),
            grey=grey,
        )
        cb, cr = chroma_planes(up, whole, self._layout)
        if exposure is None:
            return cb, cr
        return exposure.applied(cb, self._layout), exposure.applied(cr, self._layout)

    # ----- state -----

    def state(self) -> bytes:
        """The complete state, exactly."""
        file = io.BytesIO()
        empty = np.zeros((0, 0, 0), np.float32)
        hints = () if self._shot is None else self._shot.hints
        chroma = self._chroma
        np.savez(
            file,
            counts=np.array(
                [
                    self._frames,
                    self._frames_since_prediction,
                    self._shots_begun,
                    self._shot is not None,
                ]
            ),
            hints=np.array([[h.x, h.y, h.a, h.b, h.radius] for h in hints], np.float64),
            ab=empty if chroma is None else chroma.ab,
            magnitude=empty if chroma is None else chroma.magnitude,
            confidence=empty if chroma is None else chroma.confidence,
            luma=empty if self._previous_luma is None else self._previous_luma,
            card=np.array([self._neutral, self._was_card], np.float64),
        )
        return file.getvalue()

    def restore(self, state: bytes) -> None:
        """Restores a state.

        Args:
            state: Returned by `state` of a renderer with the same arguments.

        Raises:
            LookupError, ValueError, zipfile.BadZipFile: It is not such a state.
        """
        with zipfile.ZipFile(io.BytesIO(state)) as parts:
            # It is written without compression, so nothing in it can be larger than the file.
            if sum(entry.file_size for entry in parts.infolist()) > len(state):
                raise ValueError("compressed")
        with np.load(io.BytesIO(state), allow_pickle=False) as saved:
            counts = [int(v) for v in saved["counts"]]
            self._frames, self._frames_since_prediction, self._shots_begun, has_shot = counts
            chroma = PropagatedChroma(saved["ab"], saved["magnitude"], saved["confidence"])
            self._chroma = chroma if chroma.ab.size else None
            self._previous_luma = saved["luma"] if saved["luma"].size else None
            self._neutral, self._was_card = float(saved["card"][0]), bool(saved["card"][1])
            hints = tuple(
                Hint(int(x), int(y), float(a), float(b), int(radius))
                for x, y, a, b, radius in saved["hints"]
            )
        shot = self._shots[self._shots_begun - 1] if has_shot else None
        self._shot = None if shot is None else replace(shot, hints=hints)


class FrameRenderer(Protocol):
    """Renders chroma: `Renderer`, or its replacement in a test."""

    def prepare(self, luma: Samples, number: int, exposure: Exposure | None = None) -> Any:  # noqa: ANN401
        """As `Renderer.prepare`."""

    def render(self, frame: Any, seconds: float) -> tuple[Samples, Samples]:  # noqa: ANN401
        """As `Renderer.render`."""

    def state(self) -> bytes:
        """As `Renderer.state`."""

    def restore(self, state: bytes) -> None:
        """As `Renderer.restore`."""


RendererFactory = Callable[[PlaneLayout], FrameRenderer]


def _for_cards(grey: Samples) -> NDArray[np.uint8]:
    """(h, w) Y' at the size for which `is_card` was measured, whatever that of the network is."""
    shape = grey.shape[0], grey.shape[1]
    fit = plan_fit(shape, short_side=_CARD_SIDE, multiple=1, stride=1)
    small = luma_down(grey, fit)[: fit.content[0], : fit.content[1]]
    return np.rint(np.clip(small, 0, 255)).astype(np.uint8)


def renderer_factory(request: FilmRequest, bundle: Bundle) -> RendererFactory:
    """Creates renderers for a request.

    Args:
        request: How to colour.
        bundle: The model.

    Returns:
        A function that takes the layout of the frames.
    """
    told = (request.settings.reference, *(shot.reference or shot.hints for shot in request.shots))
    compared = request.settings.hinted or any(told)

    def create(layout: PlaneLayout) -> FrameRenderer:
        # One thread per prediction: several predictions at once use the cores better than one can.
        engine = Engine(bundle, threads=1, at_once=usable_cores(), features=compared)
        return Renderer(
            engine,
            request.settings,
            layout,
            shots=request.shots,
            steady=request.steady,
            every=request.every,
        )

    return create
