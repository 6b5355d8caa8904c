"""Detects mode collapse: a generator that colours every picture in the same way.

The source report observed this around its twentieth epoch: "filling extremely chromatic colors to
the middle of each image" (section 2.2.2). The distance from the ground truth hardly changes when it
happens, so each evaluation on dev also measures the colours themselves:

- how many hues there are: the entropy of the hue histogram, weighted by chroma;
- how strong they are: mean chroma as a share of the truth's;
- where they are: chroma in four rings of equal area, from the centre to the border;
- whether the discriminator has won: its accuracy is close to 1.

All thresholds are relative: to the ground truth of the same pictures, and to the healthy
measurement with the smallest loss so far. They are lenient: a cautious, brownish generator has not
collapsed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

_SECTORS = 36  # sectors of the hue circle, ten degrees each: at most 5.17 bits
_RINGS = 4
_UNIT = 1.0  # of chroma; added to both sides of a ratio to avoid division by zero

_FEW_HUES = 0.35  # share of the truth's entropy, in bits
_FEWER_HUES = 0.6  # share of the best measurement's
_OVERSATURATED = 2.0  # mean chroma over the truth's
_MORE_SATURATED = 1.5  # times the best measurement's, if it exceeds the truth's too
_FADED = 0.25  # share of the best measurement's chroma
_CENTRED = 2.0  # ratio of centre to border, relative to that of the truth
_MORE_CENTRED = 1.5  # times the best measurement's, if it exceeds the truth's by as much
_WON = 0.98  # accuracy of the discriminator
_WORSE = 1.3  # times the best measurement's loss

_LATE = 5  # measurements after which a generator that was never healthy counts as collapsed


@dataclass(frozen=True, slots=True)
class Observation:
    """The statistics of a generator in one evaluation on dev.

    Attributes:
        samples: Samples that the run was trained on so far.
        loss: Distance from the truth on dev.
        entropy: Bits in the hue histogram of the generated pictures; at most 5.17.
        true_entropy: The same for the truth.
        chroma: Mean chroma of the generated pictures, relative to the truth's.
        rings: Mean chroma of the generated pictures, from the centre to the border.
        true_rings: The same for the truth.
        accuracy: Accuracy of the discriminator, in [0, 1].
    """

    samples: int
    loss: float
    entropy: float
    true_entropy: float
    chroma: float
    rings: tuple[float, ...]
    true_rings: tuple[float, ...]
    accuracy: float

    @property
    def centred(self) -> float:
        """The ratio of the chroma in the centre to that at the border, relative to the truth's."""
        generated = (self.rings[0] + _UNIT) / (self.rings[-1] + _UNIT)
        return generated * (self.true_rings[-1] + _UNIT) / (self.true_rings[0] + _UNIT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a generator has collapsed, and why.

    Attributes:
        collapsed: Whether a healthy generator has become unhealthy, or none ever became healthy.
        reasons: What is wrong, one sentence each. There may be reasons without a collapse: a
            generator that has hardly been trained is oversaturated too.
        best: Whether these weights are the best so far, the ones to roll back to.
    """

    collapsed: bool
    reasons: tuple[str, ...]
    best: bool


def observe(
    samples: int, predicted: Tensor, truth: Tensor, *, accuracy: float, loss: float
) -> Observation:
    """Computes the statistics of generated pictures.

    Args:
        samples: Samples that the run was trained on so far.
        predicted: (B, 2, H, W) generated a and b, CIELAB units.
        truth: (B, 2, H, W) true a and b of the same pictures.
        accuracy: Accuracy of the discriminator.
        loss: Distance from the truth on dev.
    """
    generated, true = _rings(predicted), _rings(truth)
    strength = float(predicted.float().norm(dim=1).mean())
    true_strength = float(truth.float().norm(dim=1).mean())
    return Observation(
        samples=samples,
        loss=loss,
        entropy=hue_entropy(predicted),
        true_entropy=hue_entropy(truth),
        chroma=(strength + _UNIT) / (true_strength + _UNIT),
        rings=generated,
        true_rings=true,
        accuracy=accuracy,
    )


def hue_entropy(ab: Tensor) -> float:
    """Entropy of the hue histogram in bits: 0 for one hue or none, 5.17 for a uniform histogram.

    Pixels are weighted by their chroma, since the hue of a grey is noise.

    Args:
        ab: (B, 2, H, W) in CIELAB units.
    """
    a, b = ab[:, 0].float(), ab[:, 1].float()
    turn = torch.atan2(b, a) / (2 * torch.pi) + 0.5  # in [0, 1]
    sector = (turn * _SECTORS).long().clamp(0, _SECTORS - 1)
    weight = torch.hypot(a, b).double()
    mass = torch.zeros(_SECTORS, dtype=torch.float64, device=ab.device)
    # A summation in arbitrary order would differ in its last bits between two runs on a GPU.
    for index in range(_SECTORS):
        mass[index] = (weight * (sector == index)).sum()
    share = mass[mass > 0] / mass.sum()
    return float(-(share * share.log2()).sum())


def _rings(ab: Tensor) -> tuple[float, ...]:
    """Mean chroma in square rings of equal area, from the centre to the border."""
    chroma = ab.float().norm(dim=1).mean(dim=0)  # (H, W)
    down, across = (
        ((torch.arange(side, device=ab.device) + 0.5) / side * 2 - 1).abs() for side in chroma.shape
    )
    reach = torch.maximum(down[:, None], across[None, :])  # 0 in the centre, 1 at the border
    ring = (reach.square() * _RINGS).long().clamp(0, _RINGS - 1)
    return tuple(float(chroma[ring == index].mean()) for index in range(_RINGS))


def judge(history: Sequence[Observation]) -> Verdict:
    """Judges the last measurement against the truth and the healthy measurements before it.

    Args:
        history: All healthy measurements in order, then the one to judge; at least one. The
            pictures have at least 4 x 4 locations.

    Returns:
        A verdict. Without earlier measurements, only the truth is compared.
    """
    *before, now = history
    best = min(before, key=lambda one: one.loss, default=None)
    reasons = [*_against_truth(now), *(_against_best(now, best) if best else [])]
    return Verdict(
        collapsed=bool(reasons),
        reasons=tuple(reasons),
        best=not reasons and (best is None or now.loss < best.loss),
    )


def _against_truth(now: Observation) -> list[str]:
    reasons = []
    if now.entropy < _FEW_HUES * now.true_entropy:
        reasons.append(
            f"few hues: {now.entropy:.2f} bits, the true pictures have {now.true_entropy:.2f}"
        )
    if now.chroma > _OVERSATURATED:
        reasons.append(f"oversaturated: {now.chroma:.1f} times the chroma of the true pictures")
    if now.centred > _CENTRED:
        reasons.append(f"colour sits in the centre: {now.centred:.1f} times as much as in truth")
    return reasons


def _against_best(now: Observation, best: Observation) -> list[str]:
    reasons = []
    if now.entropy < _FEWER_HUES * best.entropy:
        reasons.append(f"hues were lost: {now.entropy:.2f} bits, the best had {best.entropy:.2f}")
    if now.chroma > max(1.0, best.chroma) * _MORE_SATURATED:
        reasons.append(f"more saturated: chroma {now.chroma:.1f}, the best had {best.chroma:.1f}")
    if now.chroma < _FADED * best.chroma:
        reasons.append(
            f"colours were lost: chroma {now.chroma:.2f}, the best had {best.chroma:.2f}"
        )
    if now.centred > max(1.0, best.centred) * _MORE_CENTRED:
        reasons.append(f"colour moved to the centre: {now.centred:.1f}, was {best.centred:.1f}")
    if now.accuracy > _WON and now.loss > _WORSE * best.loss:
        reasons.append(
            f"the discriminator has won: right in {now.accuracy:.0%}, and the loss rose from "
            f"{best.loss:.4g} to {now.loss:.4g}"
        )
    return reasons


class CollapseDetector:
    """Monitors a run: keeps its healthy measurements and the best of them.

    A generator that has hardly been trained may be as oversaturated as a collapsed one. So no
    collapse is reported before the first healthy measurement, unless that takes too long.

    Args:
        state: The value of `state` at the last checkpoint.
    """

    def __init__(self, state: Sequence[dict[str, Any]] = ()) -> None:
        observations = [
            Observation(**row | {name: tuple(row[name]) for name in ("rings", "true_rings")})
            for row in state
        ]
        self.early = [one for one in observations if _against_truth(one)]
        self.healthy = [one for one in observations if not _against_truth(one)]
        self.last: Observation | None = None
        """The last measurement, for the log."""

    @property
    def best(self) -> Observation | None:
        """The healthy measurement with the smallest loss; None before there is one."""
        return min(self.healthy, key=lambda one: one.loss, default=None)

    def observe(
        self, samples: int, predicted: Tensor, truth: Tensor, *, accuracy: float, loss: float
    ) -> Verdict:
        """Measures generated pictures and judges them; see the function `observe`."""
        self.last = observe(samples, predicted, truth, accuracy=accuracy, loss=loss)
        verdict = judge([*self.healthy, self.last])
        if not verdict.reasons:
            self.healthy.append(self.last)
        elif not self.healthy:
            self.early.append(self.last)
            verdict = replace(verdict, collapsed=len(self.early) >= _LATE)
        return verdict

    def state(self) -> list[dict[str, Any]]:
        """The measurements so far, as JSON values."""
        return [asdict(one) for one in (*self.early, *self.healthy)]
