"""Compares an exported file with torch on the same inputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from tintype.errors import LearnError, shown

Feed = Mapping[str, NDArray[np.float32]]
"""The inputs of an inference, by name."""


def make_feeds(pictures: Sequence[NDArray[np.float32]], *, hinted: bool) -> list[Feed]:
    """Lightness and, for networks that accept hints, five hints in every second picture."""
    feeds: list[Feed] = []
    draw = np.random.default_rng(0)
    for index, L in enumerate(pictures):
        if not hinted:
            feeds.append({"L": L})
            continue
        hints = np.zeros((1, 3, *L.shape[2:]), np.float32)
        for _ in range(5 * (index % 2)):
            y, x = (int(draw.integers(0, side)) for side in L.shape[2:])
            hint = np.array([*draw.uniform(-60, 60, 2), 1], np.float32)
            hints[0, :, y : y + 5, x : x + 5] = hint[:, None, None]
        feeds.append({"L": L, "hints": hints})
    return feeds


def torch_ab(graph: nn.Module, feed: Feed) -> NDArray[np.float32]:
    """(1, 2, h, w) chroma computed by torch, CIELAB units."""
    with torch.no_grad():
        inputs = {name: torch.from_numpy(value) for name, value in feed.items()}
        ab: NDArray[np.float32] = graph(**inputs)[0].numpy()
    return ab


def compare(
    name: str,
    path: Path,
    feeds: Sequence[Feed],
    expected: Sequence[NDArray[np.float32]],
) -> dict[str, float]:
    """Runs a file in ONNX Runtime and compares its chroma with torch's.

    Args:
        name: Prefix of the keys of the result.
        path: The ONNX file.
        feeds: The inputs.
        expected: (1, 2, h, w) chroma for each of them.

    Returns:
        See `differences`.
    """
    return differences(name, colors_of(path, feeds), expected)


def colors_of(path: Path, feeds: Sequence[Feed]) -> list[NDArray[np.float32]]:
    """(1, 2, h, w) chroma that a file outputs for each input."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [session.run(["ab"], dict(feed))[0] for feed in feeds]


def require_colors(name: str, found: Sequence[NDArray[np.float32]]) -> None:
    """Refuses a network that diverged in training, and one whose weights are all zero.

    Args:
        name: The run or the file, for the message.
        found: (1, 2, h, w) chroma.

    Raises:
        LearnError: A value is not finite, or all locations of all photographs have the same colour.
    """
    if not all(np.isfinite(ab).all() for ab in found):
        raise LearnError(
            f"{shown(name)} predicts colours that are not numbers: its weights are damaged.",
            advice="Export another run, or an earlier checkpoint.",
        )
    places = np.concatenate([ab.reshape(2, -1) for ab in found], axis=1)
    if not np.ptp(places, axis=1).any():
        raise LearnError(
            f"{shown(name)} predicts the same colour for every photograph: its weights are empty.",
            advice="Export another run, or an earlier checkpoint.",
        )


def differences(
    name: str, found: Sequence[NDArray[np.float32]], expected: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """Mean and maximum distance in ab, as ``NAME_mean`` and ``NAME_max``.

    Raises:
        LearnError: A colour that was found is infinite or no number.
    """
    if not all(np.isfinite(ab).all() for ab in found):
        raise LearnError(
            f"In {name} the network gives colours that are not numbers: its weights are too large.",
            advice="Export another run, or an earlier checkpoint.",
        )
    distances = [np.hypot(*(ab - other)[0]) for ab, other in zip(found, expected, strict=True)]
    return {
        f"{name}_mean": round(float(np.mean([d.mean() for d in distances])), 5),
        f"{name}_max": round(float(np.max([d.max() for d in distances])), 5),
    }
