"""Exports a run to a bundle, an ONNX file that contains its card, and compares it with torch.

The moving average is exported. Batch normalisation is folded and the graph is written in float32
(`graph`). Then the weights are stored in float16, or the graph is quantised to int8 (static, per
channel) with photographs of the training split (`quantize`). Both graphs are compared with torch on
photographs of dev (`check`), and a file that differs is not written.
"""

import datetime
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from tintype.color.abgrid import BINS
from tintype.engine.bundle import Bundle
from tintype.engine.onnx_file import CARD_KEY, read_metadata
from tintype.errors import LearnError, shown
from tintype.learn.data.batches import Sampler
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.export.card import with_card
from tintype.learn.export.check import (
    Feed,
    colors_of,
    compare,
    differences,
    make_feeds,
    require_colors,
    torch_ab,
)
from tintype.learn.export.graph import graph_of, halve_weights, write_float32
from tintype.learn.export.quantize import quantize
from tintype.learn.export.weights import Trained
from tintype.learn.models.contract import Factorable, takes_hints
from tintype.learn.recipe import DataRecipe, make_recipe
from tintype.learn.train.checkpoint import write_whole

RANK = 64
"""Default rank of the inputs of a decoder's filters."""

RANK_LEFT_OUT = "rank_left_out"

_SAME = 0.05
"""Largest difference in ab, anywhere, between the float32 graph and torch, due to rounding. Trained
networks differ by 0.0002, a generator collapsed on purpose, with huge activations, by 0.012."""
_MOST = 0.5
"""Largest mean difference in ab that a conversion step may cause."""


def lightness_examples(
    trained: Trained, paths: Sequence[Path], *, cache: Path, calibration: int = 96, check: int = 24
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Lightness of photographs: from the training split for calibration, from dev for comparison.

    Args:
        trained: From `load_trained`; its recipe selects the photographs.
        paths: The data of the run.
        cache: Folder for the decoded photographs.
        calibration: Number of photographs from the training split.
        check: Number of photographs from dev.

    Returns:
        Two lists of (1, 1, 256, 256).

    Raises:
        LearnError: The data are not those of the run, or none of them belongs to dev.
    """
    recipe = make_recipe(trained.facts["recipe"], name="the run's recipe").data
    photos = open_photos(paths, recipe, cache=cache)
    if photos.data_hash != trained.facts["data_hash"]:
        raise LearnError(
            "These are not the photographs that the run was trained on.", advice="Check --data."
        )
    _check_dev(
        photos,
        what="The run has no photographs of dev",
        advice="Train it with data.dev_share above 0, such as 0.04, and enough photographs.",
    )
    return _examples(photos, recipe, calibration=calibration, check=check)


def lightness_of(
    paths: Sequence[Path], *, cache: Path, calibration: int = 96, check: int = 24
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """`lightness_examples` for arbitrary photographs, for a model whose run is not available."""
    recipe = DataRecipe()
    photos = open_photos(paths, recipe, cache=cache)
    _check_dev(
        photos,
        what=f"None of these {len(photos)} photographs belongs to dev",
        advice="Give more photographs with --data: one in 25 belongs to dev.",
    )
    return _examples(photos, recipe, calibration=calibration, check=check)


def _check_dev(photos: Photos, *, what: str, advice: str) -> None:
    """Refuses photographs of which none can be used for the comparison."""
    if not photos.dev.any():
        raise LearnError(f"{what}, on which the model file is compared with torch.", advice=advice)


def _examples(
    photos: Photos, recipe: DataRecipe, *, calibration: int, check: int
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    large = recipe.model_copy(update={"size": 256})
    sampler = Sampler(photos, large, batch=1, seed=0, device=torch.device("cpu"))

    def examples(members: NDArray[np.bool_], count: int) -> list[NDArray[np.float32]]:
        index = np.flatnonzero(members)
        chosen = index[evenly_spaced(len(index), count)]
        return [sampler.fixed(chosen[i : i + 1]).L.numpy() for i in range(len(chosen))]

    return examples(~photos.dev, calibration), examples(photos.dev, check)


def export(
    trained: Trained,
    target: Path,
    *,
    card: Mapping[str, Any],
    calibration: Sequence[NDArray[np.float32]],
    check: Sequence[NDArray[np.float32]],
    precision: str = "float16",
    rank: int | None = 0,
) -> dict[str, float]:
    """Writes a bundle.

    Args:
        trained: From `load_trained`.
        target: The ONNX file; replaced if it exists.
        card: Fields of the card; bins, colour weights, metrics and date are added here.
        calibration: Lightness (1, 1, h, w) of training photographs, for computing the low-rank
            projections and the ranges of int8.
        check: Lightness (1, 1, h, w) of other photographs, for the comparison with torch.
        precision: ``float16`` (stored, computed in float32), ``int8`` or ``float32``.
        rank: Rank of the filters' inputs, for a `Factorable` network; 0 for no factorisation. None
            is `RANK`, or 0 if that would change the colours, as after a short training.

    Returns:
        Mean and maximum difference in ab: between the float32 graph and torch, between the written
            file and torch, and in torch between the factored network and the original one. If the
            default rank was not used, `RANK_LEFT_OUT` is the mean difference that it would make.

    Raises:
        LearnError: The network's colours are not finite or are all the same, the float32 graph
            differs from torch by more than 0.05 ab anywhere, or another step by more than 0.5 on
            average.
    """
    vividness, temperature = float(card["vividness"]), float(card["temperature"])
    graph = graph_of(trained, vividness=vividness, temperature=temperature)
    hinted = takes_hints(trained.model)
    feeds, ranges = make_feeds(check, hinted=hinted), make_feeds(calibration, hinted=hinted)
    expected = [torch_ab(graph, feed) for feed in feeds]
    require_colors(f"The run {trained.facts['recipe']['name']}", expected)
    report: dict[str, float] = {}
    if rank != 0 and isinstance(trained.model, Factorable):
        wanted = RANK if rank is None else rank
        smaller = replace(trained, model=_factored(trained.model, ranges, wanted))
        reduced = graph_of(smaller, vividness=vividness, temperature=temperature)
        found = [torch_ab(reduced, feed) for feed in feeds]
        change = differences(f"rank{wanted}", found, expected)
        if _agrees(change, wanted, chosen=rank is not None):
            trained, graph, expected = smaller, reduced, found
            report |= change
        else:
            report[RANK_LEFT_OUT] = change[f"rank{wanted}_mean"]
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float32.onnx"
        write_float32(trained, graph, plain)
        report |= compare("float32", plain, feeds, expected)
        final = _at_precision(plain, precision, ranges)
        if final != plain:
            report |= compare(precision, final, feeds, expected)
        _refuse_differing(report)
        write_whole(target, with_card(onnx.load(final), _completed(card, trained, report)))
    return report


def to_int8(
    bundle: Bundle,
    target: Path,
    *,
    calibration: Sequence[NDArray[np.float32]],
    check: Sequence[NDArray[np.float32]],
) -> dict[str, float]:
    """Converts a model file in float to int8.

    Args:
        bundle: The model.
        target: The ONNX file; replaced if it exists.
        calibration: As for `export`.
        check: As for `export`.

    Returns:
        Mean and maximum difference in ab between the two files.

    Raises:
        LearnError: It is already in int8, its colours are not finite, or the difference is more
            than 0.5 on average.
    """
    model = onnx.load_from_string(bundle.data)
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise LearnError(f"{bundle.path}: this model is in int8 already.")
    hinted = "hints" in bundle.card.capabilities
    feeds, ranges = make_feeds(check, hinted=hinted), make_feeds(calibration, hinted=hinted)
    card = json.loads(read_metadata(bundle.data, where=bundle.name)[CARD_KEY])
    exported = card["metrics"].get("export", {})
    if not isinstance(exported, dict):
        raise LearnError(f"{shown(bundle.path)}: in its card, metrics.export is not an object.")
    with tempfile.TemporaryDirectory() as folder:
        plain, final = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(bundle.data)
        expected = colors_of(plain, feeds)
        require_colors(str(bundle.path), expected)
        made = halve_weights(quantize(model, ranges).model)
        onnx.save(made, final)
        report = differences("int8", colors_of(final, feeds), expected)
    _refuse_differing(report)
    card["metrics"] |= {"export": exported | report}
    card["created"] = datetime.date.today().isoformat()
    write_whole(target, with_card(made, card))
    return report


def _agrees(change: Mapping[str, float], rank: int, *, chosen: bool) -> bool:
    """Whether filters of a rank preserve the colours of the trained network.

    Raises:
        LearnError: They do not, and the user chose this rank.
    """
    difference = change[f"rank{rank}_mean"]
    if chosen and not difference <= _MOST:
        raise LearnError(
            f"With --rank {rank} the colours differ by {difference} ab from those of the network "
            f"as trained, more than {_MOST}.",
            advice="Give --rank 0, which leaves the filters as trained, or a higher rank.",
        )
    return difference <= _MOST


def _refuse_differing(report: Mapping[str, float]) -> None:
    """Refuses a file whose colours differ from torch's.

    Raises:
        LearnError: The difference exceeds the tolerance.
    """
    if not report.get("float32_max", 0) <= _SAME:  # also where it is not a number
        raise LearnError(f"The exported graph differs from torch by {report['float32_max']} ab.")
    for step, difference in report.items():
        if step.endswith("_mean") and not difference <= _MOST:
            raise LearnError(f"{step.removesuffix('_mean')} differs by {difference} ab.")


def _completed(
    card: Mapping[str, Any], trained: Trained, report: Mapping[str, float]
) -> dict[str, Any]:
    return {
        **card,
        "log_weights": [round(float(w), 6) for w in trained.log_weights],
        "bins": BINS,
        "created": datetime.date.today().isoformat(),
        "metrics": {**card.get("metrics", {}), "export": report},
    }


def _at_precision(plain: Path, precision: str, calibration: Sequence[Feed]) -> Path:
    """Converts the float32 graph; returns the converted file, or the graph itself for float32."""
    final = plain.with_name(f"{precision}.onnx")
    if precision == "float16":
        onnx.save(halve_weights(onnx.load(plain)), final)
    if precision == "int8":
        onnx.save(halve_weights(quantize(onnx.load(plain), calibration).model), final)
    return final


def _factored(model: Factorable, feeds: Sequence[Feed], rank: int) -> nn.Module:
    joined = {name: torch.from_numpy(np.concatenate([f[name] for f in feeds])) for name in feeds[0]}
    return model.factored(joined["L"], joined.get("hints"), rank)
