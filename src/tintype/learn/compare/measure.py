"""Measures a model file, or any other colorizer, for its row of the table."""

import copy
import hashlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.network import Network
from tintype.learn.compare.results import Result, write_result
from tintype.learn.compare.score import (
    Block,
    Colorize,
    Pictures,
    engine_colorizer,
    find_gain,
    score_block,
    score_distribution,
    score_perceptual,
)
from tintype.learn.compare.strip import write_strip
from tintype.learn.models.contract import ColorizationNetwork

_TIMED = 7


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How methods are trained, and where their results are written.

    Attributes:
        data: The training photographs.
        runs: Folder of the runs.
        into: Folder of the results.
        cache: Folder of the decoded photographs.
        seconds: Training time of each method; None for no limit.
        samples: Training samples of each method; None for no limit.
        device: Device for training.
        strip: True pictures for the sample strips.
    """

    data: Sequence[Path]
    runs: Path
    into: Path
    cache: Path
    seconds: float | None
    samples: int | None
    device: str
    strip: Sequence[np.ndarray[Any, np.dtype[np.uint8]]]


def score_bundle(
    result: Result, bundle: Bundle, pictures: Pictures, options: ScoringOptions
) -> Result:
    """Adds all measurements of a model file to a result.

    Args:
        result: The result so far.
        bundle: The model.
        pictures: The evaluation pictures.
        options: The folder for the strip.
    """
    colorize = engine_colorizer(bundle)
    temperature, distribution = score_distribution(bundle, pictures)
    result = score_colorizer(result, colorize, pictures, options)
    return replace(
        result,
        temperature=temperature,
        distribution=distribution,
        file_bytes=len(bundle.data),
        milliseconds=time_of(bundle),
        sha256=bundle.sha256,
    )


def score_colorizer(
    result: Result,
    colorize: Colorize,
    pictures: Pictures,
    options: ScoringOptions,
    *,
    scaled: bool = True,
) -> Result:
    """Adds both blocks and the sample strip of a colorizer.

    Args:
        result: The result so far.
        colorize: The method.
        pictures: The evaluation pictures.
        options: The folder for the strip.
        scaled: Whether block (ii) makes sense for it.
    """
    blocks: dict[str, Block] = {"published": score_block(colorize, pictures, 1.0)}
    gain = find_gain(colorize, pictures.dev, threads=pictures.threads) if scaled else None
    if gain is not None:
        blocks["equal"] = score_block(colorize, pictures, gain)
    strip = f"{result.name}.jpg"
    write_strip(options.into / strip, [colorize(truth, 1.0) for truth in options.strip])
    return replace(
        result,
        published=blocks["published"].figures,
        equal=blocks["equal"].figures if "equal" in blocks else {},
        perceptual=score_perceptual(colorize, pictures, gains_of(gain)),
        gain=gain,
        pictures={name: block.kept for name, block in blocks.items()},
        measured=measured_on(pictures),
        strip=strip,
    )


def gains_of(gain: float | None) -> dict[str, float]:
    """The factor of each block; the second block may be missing."""
    return {"published": 1.0} if gain is None else {"published": 1.0, "equal": gain}


def lacks_perceptual(result: Result, pictures: Pictures) -> bool:
    """Whether a result lacks scores of perceptual networks that are installed.

    Args:
        result: The result of the method.
        pictures: The evaluation pictures.
    """
    names = pictures.perceptual_metrics.names
    blocks = gains_of(result.gain) if names else ()
    return any(not set(names) <= set(result.perceptual.get(block, ())) for block in blocks)


def add_perceptual(
    result: Result, colorize: Colorize, pictures: Pictures, options: ScoringOptions
) -> Result:
    """Scores a method with these networks only, and writes its result again.

    Args:
        result: The result of the method.
        colorize: The method.
        pictures: The evaluation pictures.
        options: The folder for the result.
    """
    found = score_perceptual(colorize, pictures, gains_of(result.gain))
    # Scores by networks that are installed on another machine only are kept.
    both = {block: result.perceptual.get(block, {}) | figures for block, figures in found.items()}
    result = replace(result, perceptual=both)
    write_result(options.into, result)
    return result


def kept_colorizer(result: Result, options: ScoringOptions) -> Colorize | None:
    """The method that was scored, or None if its exported file is missing or has changed.

    Args:
        result: The result of the method.
        options: The folder of the runs.
    """
    path = options.runs / result.name / "model.onnx"
    if not path.exists():
        return None
    bundle = load_bundle(path)
    return engine_colorizer(bundle) if bundle.sha256 == result.sha256 else None


def measured_on(pictures: Pictures) -> dict[str, Any]:
    """Describes the pictures that a result was measured on."""
    digest = hashlib.sha256()
    for truths in pictures.sets.values():
        for truth in truths:
            digest.update(truth.tobytes())
    return {
        "sets": {name: len(truths) for name, truths in pictures.sets.items()},
        "size": len(next(iter(pictures.sets.values()))[0]),
        "dev": len(pictures.dev),
        "sha256": digest.hexdigest(),
    }


def time_of(bundle: Bundle) -> float:
    """Median time of an inference at 256 px on one core, in milliseconds."""
    session = Network(bundle.data, name=bundle.name, threads=1)
    multiple = bundle.card.multiple
    side = -(-256 // multiple) * multiple
    L = np.full((1, 1, side, side), 50, np.float32)
    session.run(L)
    times = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        session.run(L)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def count_gmac(model: torch.nn.Module) -> float:
    """Billions of multiply-accumulate operations for a 256-px picture."""
    from torch.utils.flop_counter import FlopCounterMode

    assert isinstance(model, ColorizationNetwork)
    side = -(-256 // model.multiple) * model.multiple
    # The counter looks for gradients of the arguments of modules, even of parameters.
    frozen = copy.deepcopy(model).requires_grad_(False)
    assert isinstance(frozen, ColorizationNetwork)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        frozen.to_ab(frozen.forward(torch.full((1, 1, side, side), 50.0)))
    return float(counter.get_total_flops()) / 2e9
