"""Static int8 quantisation of an exported graph."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from tintype.learn.export.check import Feed


class _CalibrationFeeds(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._rest = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._rest, None)


def quantize(plain: Path, target: Path, calibration: Sequence[Feed], *, in_float: int) -> None:
    """Static int8 quantisation, per channel, with 7-bit weights: safe on CPUs without VNNI.

    Without VNNI, two products of 8-bit values are added in 16 bits, which can overflow; with 7-bit
    weights it cannot.

    The first `in_float` convolutions stay in float32: with them in int8 the mean difference in ab
    was 1.5, otherwise 0.4. Keeping the last ones in float32, clipping ranges at a percentile, and
    moving averages of ranges made no difference.
    """
    prepared = plain.with_name("prepared.onnx")
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    # The annealed mean stays in float32: through its exponential, one step of int8 changes the
    # colour.
    model = onnx.load(prepared)
    decode = _nodes_after_logits(model)
    early = [node.name for node in model.graph.node if node.op_type == "Conv"][:in_float]
    quantize_static(
        str(prepared),
        str(target),
        _CalibrationFeeds(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=decode + early,
    )


def _nodes_after_logits(model: onnx.ModelProto) -> list[str]:
    reached, names = {"logits"}, []
    for node in model.graph.node:
        if reached & set(node.input):
            reached |= set(node.output)
            names.append(node.name)
    return names
