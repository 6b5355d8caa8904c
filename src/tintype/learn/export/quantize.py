"""Quantises a model to int8 while preserving its colours.

Rounding all weights to the nearest step caused differences of 1.2 to 16 ab
(docs/experiments/int8.md). Here channels are scaled to share a step (`equalize`), weights are
rounded for their actual inputs (`rounding`), and the convolutions with the largest colour change
relative to the work saved stay in float, as do all nodes that are not convolutions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tintype.errors import LearnError, brief
from tintype.learn.export.check import Feed
from tintype.learn.export.equalize import equalize
from tintype.learn.export.int8_graph import (
    Convolution,
    Int8Graph,
    convolutions,
    prepared,
    reached,
    step_of,
    weights,
)
from tintype.learn.export.rounding import Rounded, rounded

Floats = NDArray[np.float32]

_PERCENTILE = 99.999
"""Percentile range of a tensor that is kept; the rest is clipped. After a ReLU, the maximum is
kept."""
_FEWEST, _MOST = 512, 4096
"""Number of locations at which the inputs of a convolution are sampled; four for each weight of a
filter."""
_JUDGES = 6
"""Number of photographs used only to evaluate convolutions, not for calibration."""
_GOAL = 0.4
"""Target mean difference in ab: the export refuses 0.5 on other photographs."""
_FEWER = 0.85
"""Factor by which the allowance shrinks if the convolutions together exceed the target."""


@dataclass(slots=True)
class _Seen:
    """Statistics of the inputs and outputs of the convolutions."""

    low: dict[str, Floats] = field(default_factory=dict)  # of each channel
    high: dict[str, Floats] = field(default_factory=dict)
    some: dict[str, list[Floats]] = field(default_factory=dict)
    patches: dict[str, list[Floats]] = field(default_factory=dict)  # by the name of the weights
    places: dict[str, int] = field(default_factory=dict)  # pixels, of the last photograph

    def range(self, name: str) -> tuple[float, float]:
        """The range that the int8 scale is fitted to."""
        low, high = float(self.low[name].min()), float(self.high[name].max())
        if low >= 0:
            return 0.0, high
        values = np.concatenate(self.some[name])
        low, high = np.percentile(values, [100 - _PERCENTILE, _PERCENTILE]).tolist()
        return low, high

    def span(self, name: str) -> Floats:
        """The maximum absolute value of each channel."""
        return np.maximum(np.abs(self.low[name]), np.abs(self.high[name]))


@dataclass(frozen=True, slots=True)
class Quantized:
    """A model in int8 and how it was chosen.

    Attributes:
        model: The model; its parts in float are unchanged.
        in_float: The convolutions that stay in float, by the name of their weights.
        difference: Mean difference in ab on some of the photographs given.
    """

    model: onnx.ModelProto
    in_float: tuple[str, ...]
    difference: float


def quantize(model: onnx.ModelProto, feeds: Sequence[Feed], *, goal: float = _GOAL) -> Quantized:
    """Converts a model's convolutions to int8 as far as its colours are preserved.

    Weights have 7 bits, see `tintype.learn.export.rounding.LARGEST`. The hint branch stays in
    float: without hints it adds exactly zero.

    Args:
        model: In float32, or with weights stored in float16.
        feeds: Photographs.
        goal: Target mean difference in ab.

    Raises:
        LearnError: No convolution can be in int8 without changing the colours.
    """
    judges = list(feeds[:: max(2, len(feeds) // _JUDGES)])[:_JUDGES]
    others = [feed for feed in feeds if not any(feed is judge for judge in judges)]
    plain = prepared(model)
    seen = _observe(plain, others, patches=False)
    plain = equalize(plain, {name: seen.span(name) for name in seen.low})
    seen = _observe(plain, others, patches=True)
    ranges = {name: seen.range(name) for name in seen.low}
    candidates = {conv.name: conv for conv in _candidates(plain)}
    small = {
        name: rounded(
            _weight(plain, conv),
            np.concatenate(seen.patches.pop(name)),
            _least(plain, conv, ranges),
        )
        for name, conv in candidates.items()
    }
    judged = _Judged(plain, ranges, judges)
    harm = {name: judged.difference({name: small[name]}) for name in small}
    work = {name: _weight(plain, c).size * seen.places[c.output] for name, c in candidates.items()}
    allowed = goal
    while True:
        chosen = _worthwhile(harm, work, allowed)
        if not chosen:
            raise LearnError("No convolution of this model can be in int8.")
        together = {name: small[name] for name in chosen}
        difference = judged.difference(together)
        if difference <= goal:
            result = Int8Graph(plain, ranges).with_int8(together)
            left = tuple(name for name in candidates if name not in together)
            return Quantized(result, left, difference)
        allowed *= _FEWER


def _worthwhile(harm: Mapping[str, float], work: Mapping[str, int], allowed: float) -> list[str]:
    """The convolutions with the least error per work, within an allowance for independent errors.

    In the smaller half, all count as equal work: otherwise cheap convolutions between others would
    stay in float although their inputs and outputs are rounded anyway.
    """
    usual = float(np.median(list(work.values())))
    left, chosen = allowed**2, []
    for name in sorted(harm, key=lambda name: harm[name] ** 2 / max(work[name], usual)):
        if harm[name] ** 2 <= left:
            left -= harm[name] ** 2
            chosen.append(name)
    return chosen


class _Judged:
    """The change in the colours of some photographs caused by convolutions in int8."""

    def __init__(
        self,
        model: onnx.ModelProto,
        ranges: Mapping[str, tuple[float, float]],
        feeds: Sequence[Feed],
    ) -> None:
        self._model, self._ranges, self._feeds = model, ranges, feeds
        self._expected = self._colors(model)

    def difference(self, chosen: Mapping[str, Rounded]) -> float:
        """Mean difference in ab."""
        found = self._colors(Int8Graph(self._model, self._ranges).with_int8(chosen))
        pairs = zip(found, self._expected, strict=True)
        return float(np.mean([np.hypot(*(one - other)[0]).mean() for one, other in pairs]))

    def _colors(self, model: onnx.ModelProto) -> list[Floats]:
        session = _session(model)
        return [session.run(["ab"], dict(feed))[0] for feed in self._feeds]


def _candidates(model: onnx.ModelProto) -> list[Convolution]:
    """The convolutions on the photograph, before the logits are decoded."""
    seeing, decoded = reached(model, {"L"}), reached(model, {"logits"})
    return [
        conv for conv in convolutions(model) if conv.input in seeing and conv.input not in decoded
    ]


def _weight(model: onnx.ModelProto, conv: Convolution) -> Floats:
    return np.asarray(numpy_helper.to_array(weights(model.graph)[conv.name]), np.float32)


def _least(
    model: onnx.ModelProto, conv: Convolution, ranges: Mapping[str, tuple[float, float]]
) -> NDArray[np.float64]:
    """Scales of the weights at which the bias still fits into 32 bits."""
    bias = numpy_helper.to_array(weights(model.graph)[conv.node.input[2]]).astype(np.float64)
    return np.maximum(np.abs(bias) / (step_of(ranges[conv.input])[0] * 2.0**30), 1e-12)


def _observe(model: onnx.ModelProto, feeds: Sequence[Feed], *, patches: bool) -> _Seen:
    """Runs a model in float and records the inputs and outputs of its convolutions."""
    candidates = _candidates(model)
    names = sorted({name for conv in candidates for name in (conv.input, conv.output)})
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    given = {value.name for value in (*watched.graph.input, *watched.graph.output)}
    for name in names:
        if name not in given:
            watched.graph.output.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            )
    session, seen, draw = _session(watched), _Seen(), np.random.default_rng(0)
    for feed in feeds:
        asked = [name for name in names if name not in feed]
        values = dict(zip(asked, session.run(asked, dict(feed)), strict=True)) | dict(feed)
        for name in names:
            _remember(seen, name, values[name][0], draw)
        for conv in candidates if patches else ():
            weight = _weight(model, conv)
            count = int(np.clip(4 * weight[0].size, _FEWEST, _MOST)) // len(feeds) + 1
            found = _patches(conv, weight.shape, values[conv.input][0], count, draw)
            seen.patches.setdefault(conv.name, []).append(found)
    return seen


def _remember(seen: _Seen, name: str, value: Floats, draw: np.random.Generator) -> None:
    flat = value.reshape(len(value), -1)
    seen.places[name] = flat.shape[1]
    low, high = flat.min(axis=1), flat.max(axis=1)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise LearnError(
            f"Inside the model, {brief(name)} has values that are not numbers.",
            advice="Leave out --precision int8.",
        )
    seen.low[name] = np.minimum(seen.low.get(name, low), low)
    seen.high[name] = np.maximum(seen.high.get(name, high), high)
    seen.some.setdefault(name, []).append(draw.choice(flat.ravel(), min(flat.size, 20000)))


def _patches(
    conv: Convolution,
    shape: Sequence[int],
    value: Floats,
    count: int,
    draw: np.random.Generator,
) -> Floats:
    """(count, groups, inputs of a group * k * k) inputs of the filters at some locations."""
    top, left, bottom, right = conv.attribute("pads", [0, 0, 0, 0])
    down, across = conv.attribute("strides", [1, 1])
    (groups,) = conv.attribute("group", [1])
    tall, wide = shape[2:]
    padded = np.pad(value, ((0, 0), (top, bottom), (left, right)))
    rows = draw.integers(0, (padded.shape[1] - tall) // down + 1, count) * down
    columns = draw.integers(0, (padded.shape[2] - wide) // across + 1, count) * across
    y = rows[:, None, None] + np.arange(tall)[:, None]
    x = columns[:, None, None] + np.arange(wide)
    found = padded[:, y, x].transpose(1, 0, 2, 3)  # (count, channels, k, k)
    return np.ascontiguousarray(found).reshape(count, groups, -1)


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
