"""The colours of one frame after the other."""

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit, luma_down
from tintype.engine.hints import Hint, hints_at, hold_hints, pins_of
from tintype.engine.predict import Engine, Prediction
from tintype.engine.reference import Reference
from tintype.engine.settings import Settings
from tintype.engine.upsample import ChromaUp
from tintype.errors import UsageError
from tintype.photo.photo import Metadata, Photo
from tintype.video.chroma import Samples, chroma_planes, grey_of, served_grey
from tintype.video.layout import Layout
from tintype.video.steady import Follower, Held, seen

STEADY = 0.8
"""How much of the carried colours is kept at each frame."""
EVERY = 2
"""Of so many frames the network is asked about one."""

_LOST = 20.0  # mean difference of Y' around a followed point beyond which it is given up
_AROUND = (15, 15)  # pixels of the network's input around a point that is followed


@dataclass(frozen=True, slots=True)
class Shot:
    """What a person says about one shot.

    Attributes:
        start: Seconds; it holds from the first frame that is not earlier, until the next cut.
        hints: Colours at places of that first frame; they move with what they are on.
        reference: A picture to take colours from.
    """

    start: float
    hints: tuple[Hint, ...] = ()
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What can be known of a frame by itself, ahead of its turn.

    Attributes:
        grey: Upright, full range.
        small: ``fit.padded`` Y' as the network sees it, uint8.
        fit: How the frame lies in the network's input.
        prediction: What the network says; None where it was not asked.
    """

    grey: Samples
    small: NDArray[np.uint8]
    fit: Fit
    prediction: Prediction | None


class Renderer:
    """Colours of one frame after the other; holds what must be remembered between them.

    `look` may be called ahead and from several threads; `render` takes the frames in their order.

    Args:
        engine: The loaded model.
        settings: How to colour; hints belong to shots.
        layout: How the stream stores its pictures.
        shots: What is said about shots, in the order of their starts.
        steady: 0..1, how much of the carried colours is kept at each frame; 0 colours each frame
            by itself. None is `STEADY`.
        every: The network is asked about one of so many frames, and about those where much is new.
            None is `EVERY`.

    Raises:
        UsageError: The settings are about one photograph, or a number is out of range.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        layout: Layout,
        *,
        shots: Sequence[Shot] = (),
        steady: float | None = None,
        every: int | None = None,
    ) -> None:
        if settings.of_one_photograph or settings.palettes > 1:
            raise UsageError("Hints, scribbles, masks and palettes are for one photograph.")
        self._steady = STEADY if steady is None else steady
        self._every = EVERY if every is None else every
        if not 0 <= self._steady < 1:
            raise UsageError(
                f"The steadiness {self._steady} is out of range.", advice="Use 0 to 0.99."
            )
        if self._every < 1:
            raise UsageError(f"Every {self._every} frames cannot be.", advice="Use 1 or more.")
        self._engine = engine
        self._settings = settings
        self._layout = layout
        self._shots = sorted(shots, key=lambda shot: shot.start)
        self._follower = Follower()
        self._predicting = threading.Lock()  # around the engine's memory of a reference
        # What is remembered from frame to frame; `state` and `restore` know all of it.
        self._number = 0
        self._since = 0
        self._said = 0
        self._active: Shot | None = None
        self._held: Held | None = None
        self._small: NDArray[np.uint8] | None = None

    def look(self, luma: Samples, number: int) -> Look:
        """Prepares a frame: what needs most of the time, and nothing of the other frames.

        Args:
            luma: ``layout.shape`` as stored.
            number: Of the frame, from 0.

        Raises:
            ModelError: The model does not run, or cannot do what the settings ask for.
        """
        grey = grey_of(luma, self._layout)
        fit = self._engine.fit((grey.shape[0], grey.shape[1]), self._settings.quality)
        prediction = None
        if number % self._every == 0 or self._steady == 0:
            prediction = self._predict(grey, self._settings)
        luma_small = luma_down(grey, fit) if prediction is None else prediction.luma
        small = np.rint(np.clip(luma_small, 0, 255)).astype(np.uint8)
        return Look(grey, small, fit, prediction)

    def render(self, look: Look, seconds: float) -> tuple[Samples, Samples]:
        """Colours the next frame.

        Args:
            look: What `look` gave for it.
            seconds: Its time, for the shots.

        Returns:
            Cb and Cr, both ``layout.chroma_shape``, as the stream stores them.

        Raises:
            ModelError: As `look`.
            UsageError: A hint lies outside the frame.
        """
        cut = self._carry(look)
        began = self._begin_shot(seconds, cut=cut)
        held = self._held
        prediction = look.prediction
        if held is None or began or (prediction is None and held.stale):
            prediction = prediction or self._predict(look.grey, self._settings)
        if prediction is not None and self._active is not None:
            prediction = self._predict(look.grey, self._shot_settings(self._active))
        if prediction is not None:
            ab = self._decoded(prediction)
            share = self._steady ** (self._since + 1)
            fresh = held is None or began or self._steady == 0
            held = seen(ab) if fresh or held is None else held.mixed(ab, share)
            self._since = 0
        else:
            self._since += 1
        assert held is not None, "the first frame is always asked about"
        self._held, self._small = held, look.small
        self._number += 1
        return self._planes(look, held)

    # ----- from frame to frame -----

    def _carry(self, look: Look) -> bool:
        """Brings what is remembered to this frame, or forgets it at a cut and says so."""
        if self._held is None or self._small is None:
            return True
        if self._steady == 0 and self._active is None:
            return False
        motion = self._follower.between(self._small, look.small, look.fit)
        if motion.cut:
            self._held, self._since = None, 0
            return True
        self._held = self._held.carried(motion)
        if self._active is not None and self._active.hints:
            self._active = replace(self._active, hints=self._moved(self._active.hints, look))
        return False

    def _moved(self, hints: tuple[Hint, ...], look: Look) -> tuple[Hint, ...]:
        """Hints one frame later; those that are lost are given up.

        Source: Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker", 1999.
        """
        fit = look.fit
        scale = np.array([fit.content[1] / fit.shape[1], fit.content[0] / fit.shape[0]], np.float32)
        before = (np.array([[h.x, h.y] for h in hints], np.float32) + 0.5) * scale
        assert self._small is not None
        now, found, unlike = cv2.calcOpticalFlowPyrLK(
            self._small, look.small, before, None, winSize=_AROUND
        )
        kept = []
        for hint, place, ok, far in zip(
            hints, now / scale, found.ravel(), unlike.ravel(), strict=True
        ):
            x, y = (int(v) for v in np.floor(place))
            inside = 0 <= x < fit.shape[1] and 0 <= y < fit.shape[0]
            if ok and inside and far < _LOST:
                kept.append(replace(hint, x=x, y=y))
        return tuple(kept)

    def _begin_shot(self, seconds: float, *, cut: bool) -> bool:
        """Ends the active shot at a cut, and begins the one whose time has come."""
        if cut:
            self._active = None
        began = False
        while self._said < len(self._shots) and self._shots[self._said].start <= seconds + 1e-6:
            self._active = self._shots[self._said]
            self._said += 1
            began = True
        return began

    # ----- one frame -----

    def _shot_settings(self, shot: Shot) -> Settings:
        reference = shot.reference or self._settings.reference
        return replace(self._settings, hints=shot.hints, reference=reference)

    def _predict(self, grey: Samples, settings: Settings) -> Prediction:
        photo = Photo(grey, None, "grey", Metadata("film"))
        if settings.reference is None:
            return self._engine.predict(photo, settings)
        with self._predicting:
            return self._engine.predict(photo, settings)

    def _decoded(self, prediction: Prediction) -> NDArray[np.float32]:
        ab = self._engine.chroma(prediction, self._settings)
        if self._active is not None and self._active.hints:
            told = hints_at(self._active.hints, None, prediction.fit, cell=prediction.fit.stride)
            ab = hold_hints(told, ab, prediction.luma, prediction.fit)
        return ab

    def _planes(self, look: Look, held: Held) -> tuple[Samples, Samples]:
        served = served_grey(look.grey, self._layout)
        shape = served.shape[0], served.shape[1]
        hints = () if self._active is None else self._active.hints
        up = ChromaUp(
            held.colors(),
            look.small.astype(np.float32),
            look.fit,
            shape,
            pins=pins_of(hints, look.fit, shape),
            grey=served,
        )
        return chroma_planes(up, look.grey, self._layout)

    # ----- remembering -----

    def state(self) -> bytes:
        """All that is remembered, exactly."""
        file = io.BytesIO()
        empty = np.zeros((0, 0, 0), np.float32)
        hints = () if self._active is None else self._active.hints
        np.savez(
            file,
            counts=np.array([self._number, self._since, self._said, self._active is not None]),
            hints=np.array([[h.x, h.y, h.a, h.b, h.radius] for h in hints], np.float64),
            ab=empty if self._held is None else self._held.ab,
            chroma=empty if self._held is None else self._held.chroma,
            trust=empty if self._held is None else self._held.trust,
            small=empty if self._small is None else self._small,
        )
        return file.getvalue()

    def restore(self, state: bytes) -> None:
        """Goes on from what `state` gave.

        Args:
            state: Of a painter with the same arguments.
        """
        with np.load(io.BytesIO(state), allow_pickle=False) as told:
            self._number, self._since, self._said, active = (int(v) for v in told["counts"])
            held = Held(told["ab"], told["chroma"], told["trust"])
            self._held = held if held.ab.size else None
            self._small = told["small"] if told["small"].size else None
            hints = tuple(
                Hint(int(x), int(y), float(a), float(b), int(radius))
                for x, y, a, b, radius in told["hints"]
            )
        self._active = replace(self._shots[self._said - 1], hints=hints) if active else None
