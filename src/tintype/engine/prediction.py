"""What an engine predicts for a photograph, and the versions that are decoded from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit
from tintype.photo.photo import Photo


@dataclass(frozen=True, slots=True)
class Prediction:
    """A network's output for one photograph; colours are decoded from it without running it again.

    Attributes:
        fit: How the photograph lies in the network's input.
        luma: ``fit.padded`` its input, Y' in 0..255.
        ab: (2, h, w) CIELAB units, at the card's default vividness and temperature.
        logits: (bins, h, w) log-probabilities up to a constant, or None.
        features: (channels, h', w') by which places are compared, or None.
        plain: The prediction without hints, for what lies beyond their reach; None where there are
            no hints, or the network does not take them.
    """

    fit: Fit
    luma: NDArray[np.float32]
    ab: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    features: NDArray[np.float32] | None
    plain: "Prediction | None" = None


@dataclass(frozen=True, slots=True)
class Version:
    """One of several ways to colour a photograph.

    Attributes:
        photo: Coloured.
        share: How much of what the model believes lies nearer to this version than to the others.
    """

    photo: Photo
    share: float
