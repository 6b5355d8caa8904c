"""How to colour: one frozen value, one spelling of it, and back."""

import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tintype.engine.hints import Hint
from tintype.engine.layers import Layer, Mask, Scribbles
from tintype.engine.reference import Reference
from tintype.errors import UsageError

Quality = Literal["fast", "normal", "high"]

LAYERS = ("scribbles", "mask", "reference")
"""The fields that are pictures; `Settings.canonical` knows them by the hash of their file."""

_MOST_PALETTES = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """How to colour.

    Attributes:
        vividness: 0..2, or None for what the model's card says.
        quality: "high" (the mean of what the network says at its smallest and its largest
            size), "normal" or "fast" (at one size).
        warmth: -1..1: what is open leans towards blue, or towards orange.
        hints: Colours that are given at some places of the one photograph they are for; a later
            one covers an earlier one.
        scribbles: Colours painted over that photograph; they cover the hints.
        mask: What of that photograph is coloured.
        reference: A picture to take colours from, for any photograph.
        palettes: How many versions there are, 1 to 16.
        palette: Which of them this is, from 1, the single answer; 0 where there is only one.
    """

    vividness: float | None = None
    quality: Quality = "high"
    warmth: float = 0.0
    hints: tuple[Hint, ...] = ()
    scribbles: Scribbles | None = None
    mask: Mask | None = None
    reference: Reference | None = None
    palettes: int = 1
    palette: int = 0

    def __post_init__(self) -> None:
        if self.quality not in get_args(Quality):
            raise UsageError(
                f"There is no quality {self.quality!r}.", advice="Use fast, normal or high."
            )
        if self.vividness is not None and not 0 <= self.vividness <= 2:
            raise UsageError(
                f"The vividness {self.vividness} is out of range.", advice="Use 0 to 2."
            )
        if not -1 <= self.warmth <= 1:
            raise UsageError(f"The warmth {self.warmth} is out of range.", advice="Use -1 to 1.")
        if not 1 <= self.palettes <= _MOST_PALETTES:
            raise UsageError(f"{self.palettes} palettes cannot be made.", advice="Ask for 1 to 16.")
        if not 0 <= self.palette <= self.palettes:
            raise UsageError(f"There is no palette {self.palette} of {self.palettes}.")

    @property
    def one_of_several(self) -> bool:
        """Whether this is one version among others."""
        return self.palette > 0 and self.palettes > 1

    @property
    def hinted(self) -> bool:
        """Whether colours are given at some places."""
        return bool(self.hints) or self.scribbles is not None

    @property
    def of_one_photograph(self) -> bool:
        """Whether they are about places, and so about one photograph."""
        return self.hinted or self.mask is not None

    @property
    def needs(self) -> frozenset[str]:
        """What the card of a model must list among its capabilities for them."""
        found = {"logits"} if self.palettes > 1 else set()
        return frozenset(found | ({"logits", "features"} if self.reference else set()))

    def check_size(self, shape: tuple[int, int]) -> None:
        """Refuses a photograph that the layers do not fit.

        Args:
            shape: (height, width).

        Raises:
            UsageError: A layer has another size.
        """
        for layer in (self.scribbles, self.mask):
            if layer is not None:
                layer.check_size(shape)

    def canonical(self) -> str:
        """One spelling for one meaning, as provenance and resumed runs compare it."""
        vividness = None if self.vividness is None else float(self.vividness)
        said: dict[str, object] = {"quality": self.quality, "vividness": vividness}
        # What came later stands there only where it is used: earlier outputs are still the same.
        if self.warmth:
            said["warmth"] = float(self.warmth)
        if self.hints:
            said["hints"] = [[h.x, h.y, float(h.a), float(h.b), h.radius] for h in self.hints]
        for key, layer in self.layers().items():
            said[key] = layer.sha256
        if self.palettes > 1:
            said["palette"] = [self.palette, self.palettes]
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    def layers(self) -> dict[str, Layer]:
        """The pictures among them, by the name of their field."""
        found: dict[str, Layer | None] = {
            "scribbles": self.scribbles,
            "mask": self.mask,
            "reference": self.reference,
        }
        return {key: layer for key, layer in found.items() if layer is not None}


def settings_of(said: Any) -> Settings:  # noqa: ANN401
    """Settings from what `Settings.canonical` says, parsed; without the pictures among them.

    Args:
        said: What JSON holds.

    Raises:
        UsageError: It says something else.
    """
    known = {"vividness", "quality", "warmth", "hints", "palette", *LAYERS}
    try:
        if not isinstance(said, dict) or not set(said) <= known:
            raise ValueError("an unknown key")
        palette, palettes = said.get("palette", (0, 1))
        return Settings(
            vividness=None if said["vividness"] is None else float(said["vividness"]),
            quality=said["quality"],
            warmth=float(said.get("warmth", 0)),
            hints=tuple(_hint_of(*values) for values in said.get("hints", ())),
            palettes=int(palettes),
            palette=int(palette),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"These are no settings ({type(error).__name__}: {error}).",
            advice="Give a file that --save-settings has written.",
        ) from error


def _hint_of(x: Any, y: Any, a: Any, b: Any, radius: Any) -> Hint:  # noqa: ANN401
    hint = Hint(int(x), int(y), float(a), float(b), int(radius))
    if not (math.isfinite(hint.a) and math.isfinite(hint.b) and hint.radius >= 0):
        raise ValueError(f"the hint {[x, y, a, b, radius]}")
    return hint
