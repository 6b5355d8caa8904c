"""The frequency of each of the 313 colours in the training photographs."""

import numpy as np
import torch
from torch import Tensor

from tintype.color.abgrid import AB_LIMIT, BINS, soft_code_table
from tintype.learn.data.batches import Sampler
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.photos import Photos


def color_prior(sampler: Sampler, photos: Photos, *, pictures: int = 4096) -> Tensor:
    """The share of training pixels in each of the 313 bins, estimated from some photographs.

    Args:
        sampler: Loads the photographs.
        photos: The photographs; dev is left out.
        pictures: How many to use, evenly spaced.

    Returns:
        (313,) that sum to 1.
    """
    training = np.flatnonzero(~photos.dev)
    chosen = training[evenly_spaced(len(training), pictures)]
    nearest = torch.from_numpy(soft_code_table(1)[0].copy()).long()[..., 0]
    counts = torch.zeros(BINS, dtype=torch.float64)
    for start in range(0, len(chosen), 64):
        ab = sampler.fixed(chosen[start : start + 64]).ab_at(4).cpu()
        cell = (ab.round().long() + AB_LIMIT).clamp(0, 2 * AB_LIMIT)
        counts += torch.bincount(nearest[cell[:, 0], cell[:, 1]].flatten(), minlength=BINS)
    return (counts / counts.sum()).float()
