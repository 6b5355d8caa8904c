"""The prediction of an engine for a photograph, and the versions decoded from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit
from tintype.photo.photo import Photo


@dataclass(frozen=True, slots=True)
class Prediction:
    """A network's output for one photograph; colours are decoded from it without another run.

    Attributes:
        fit: Placement of the photograph in the network's input.
        luma: ``fit.padded`` the network's input, Y' in 0..255.
        ab: (2, h, w) CIELAB units, at the card's default vividness and temperature.
        logits: (bins, h, w) log-probabilities up to a constant, or None.
        features: (channels, h', w') for comparing positions, or None.
        plain: The prediction without hints, used beyond their reach; None if there are no hints, or
            the network has no hint input.
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
        photo: The coloured photograph.
        share: Fraction of the predicted distribution that is nearer to this version than to the
            others.
    """

    photo: Photo
    share: float
