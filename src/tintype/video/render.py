"""Renders chroma for the frames of a film, one after the other."""

import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tintype.engine.bundle import Bundle
from tintype.engine.geometry import Fit, luma_down
from tintype.engine.hints import Hint, pins_of
from tintype.engine.predict import Engine, Prediction
from tintype.engine.settings import Settings
from tintype.engine.upsample import ChromaUp
from tintype.errors import UsageError
from tintype.photo.photo import Metadata, Photo
from tintype.video.chroma import chroma_planes, grey_of, mean_grey
from tintype.video.defaults import EVERY, STEADY
from tintype.video.layout import PlaneLayout, Samples
from tintype.video.optical_flow import FlowEstimator
from tintype.video.propagation import PropagatedChroma
from tintype.video.request import FilmRequest
from tintype.video.shots import Shot, is_cut, track_hints


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """What depends on a frame alone, and can be computed ahead of its turn.

    Attributes:
        grey: Upright, full range.
        luma: ``fit.padded`` Y' at the size of the network's input, uint8.
        fit: How the frame lies in the network's input.
        prediction: Of the network; None if the frame was left out.
    """

    grey: Samples
    luma: NDArray[np.uint8]
    fit: Fit
    prediction: Prediction | None


class Renderer:
    """Renders chroma for one frame after the other; keeps state between them.

    `prepare` may be called ahead and from several threads; `render` takes the frames in order.

    Args:
        engine: The loaded model.
        settings: How to colour; hints belong to `shots`.
        layout: How the stream stores its pictures.
        shots: Hints and references for single shots.
        steady: 0..1, the share of the propagated chroma that is kept at each frame; 0 colours each
            frame by itself. None is `STEADY`.
        every: The network predicts one of so many frames, and those in which much is new. None is
            `EVERY`.

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
        # The state that is kept from frame to frame; `state` and `restore` cover all of it.
        self._frames = 0
        self._frames_since_prediction = 0
        self._shots_begun = 0
        self._shot: Shot | None = None
        self._chroma: PropagatedChroma | None = None
        self._previous_luma: NDArray[np.uint8] | None = None

    def prepare(self, luma: Samples, number: int) -> PreparedFrame:
        """Prepares a frame. This takes most of the time, and needs no other frame.

        Args:
            luma: ``layout.shape`` as stored.
            number: Of the frame, from 0.

        Raises:
            ModelError: The model cannot be run, or lacks a capability that the settings need.
        """
        grey = grey_of(luma, self._layout)
        fit = self._engine.fit((grey.shape[0], grey.shape[1]), self._settings.quality)
        prediction = None
        if number % self._every == 0 or self._steady == 0:
            prediction = self._predict(grey, self._settings)
        small = luma_down(grey, fit) if prediction is None else prediction.luma
        luma_u8 = np.rint(np.clip(small, 0, 255)).astype(np.uint8)
        return PreparedFrame(grey, luma_u8, fit, prediction)

    def render(self, frame: PreparedFrame, seconds: float) -> tuple[Samples, Samples]:
        """Renders chroma for the next frame.

        Args:
            frame: As `prepare` returned it.
            seconds: Its time, for the shots.

        Returns:
            Cb and Cr, both ``layout.chroma_shape``, as the stream stores them.

        Raises:
            ModelError: As `prepare`.
            UsageError: A hint lies outside the frame.
        """
        cut = self._propagate(frame)
        shot_begins = self._begin_shots(seconds, cut=cut)
        chroma = self._chroma
        prediction = frame.prediction
        if chroma is None or shot_begins or (prediction is None and chroma.is_stale):
            prediction = prediction or self._predict(frame.grey, self._settings)
        if prediction is not None and self._shot is not None:
            prediction = self._predict(frame.grey, self._shot_settings(self._shot))
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
        """Ends the shot at a cut, begins one that is due; returns whether one begins."""
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

    # ----- one frame -----

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
        grey = mean_grey(frame.grey, self._layout)
        shape = grey.shape[0], grey.shape[1]
        hints = () if self._shot is None else self._shot.hints
        up = ChromaUp(
            chroma.restored(),
            frame.luma.astype(np.float32),
            frame.fit,
            shape,
            pins=pins_of(hints, frame.fit, shape, reach=self._settings.reach),
            grey=grey,
        )
        return chroma_planes(up, frame.grey, self._layout)

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
        )
        return file.getvalue()

    def restore(self, state: bytes) -> None:
        """Restores a state.

        Args:
            state: As `state` of a renderer with the same arguments returned it.
        """
        with np.load(io.BytesIO(state), allow_pickle=False) as saved:
            counts = [int(v) for v in saved["counts"]]
            self._frames, self._frames_since_prediction, self._shots_begun, has_shot = counts
            chroma = PropagatedChroma(saved["ab"], saved["magnitude"], saved["confidence"])
            self._chroma = chroma if chroma.ab.size else None
            self._previous_luma = saved["luma"] if saved["luma"].size else None
            hints = tuple(
                Hint(int(x), int(y), float(a), float(b), int(radius))
                for x, y, a, b, radius in saved["hints"]
            )
        shot = self._shots[self._shots_begun - 1] if has_shot else None
        self._shot = None if shot is None else replace(shot, hints=hints)


class FrameRenderer(Protocol):
    """Renders chroma: `Renderer`, or its replacement in a test."""

    def prepare(self, luma: Samples, number: int) -> Any:  # noqa: ANN401
        """As `Renderer.prepare`."""

    def render(self, frame: Any, seconds: float) -> tuple[Samples, Samples]:  # noqa: ANN401
        """As `Renderer.render`."""

    def state(self) -> bytes:
        """As `Renderer.state`."""

    def restore(self, state: bytes) -> None:
        """As `Renderer.restore`."""


RendererFactory = Callable[[PlaneLayout], FrameRenderer]


def renderer_factory(request: FilmRequest, bundle: Bundle) -> RendererFactory:
    """Creates renderers for a request.

    Args:
        request: How to colour.
        bundle: The model.

    Returns:
        A function of the layout of the frames.
    """

    def create(layout: PlaneLayout) -> FrameRenderer:
        # One thread for each prediction: several at a time use the cores better than one can.
        engine = Engine(bundle, threads=1)
        return Renderer(
            engine,
            request.settings,
            layout,
            shots=request.shots,
            steady=request.steady,
            every=request.every,
        )

    return create
