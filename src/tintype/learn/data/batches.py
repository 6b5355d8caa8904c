"""Batches from the pixel array: sampling of photographs, crops and ageing.

All randomness of a step is a function of (seed, step). There is no generator state to save, so a
killed run that resumes at step n draws exactly the same samples. Random numbers are always
generated on the CPU; the pixels stay on the model's device.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tintype.color.cielab import REC601, luma01_to_L, rgb01_to_lab
from tintype.errors import LearnError, brief
from tintype.learn.data.ageing import age, wear
from tintype.learn.data.hints import draw_hints
from tintype.learn.data.manifest import matches
from tintype.learn.data.mounts import mount
from tintype.learn.data.photos import Photos
from tintype.learn.recipe import DataRecipe

Indices = NDArray[np.int64]

_GREEN_PLATE = (0.0, 1.0, 0.0)
_BLUE_PLATE = (0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Batch:
    """The data of one step.

    Attributes:
        L: (B, 1, S, S) lightness in [0, 100], with the ageing of the recipe.
        ab: (B, 2, S, S) true chroma in CIELAB units.
        rgb: (B, 3, S, S) the true picture, sRGB in [0, 1].
        labels: (B,) int64, the label (folder) of each photograph.
        hints: (B, 3, S, S) a, b and mask of the hints, or None.
    """

    L: Tensor
    ab: Tensor
    rgb: Tensor
    labels: Tensor
    hints: Tensor | None = None

    def ab_at(self, stride: int) -> Tensor:
        """True chroma, averaged over cells: (B, 2, S/stride, S/stride)."""
        return F.avg_pool2d(self.ab, stride) if stride > 1 else self.ab

    def ab_point(self, stride: int) -> Tensor:
        """True chroma of one pixel per cell: (B, 2, S/stride, S/stride)."""
        return self.ab[:, :, ::stride, ::stride]


class PictureTable(NamedTuple):
    """Offsets and sizes of photographs in the pixel array, one entry per sample."""

    first: Tensor
    heights: Tensor
    widths: Tensor


class CropBoxes(NamedTuple):
    """Crops in pixels, one entry per sample."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


class Sampler:
    """Selects and crops the photographs of each step.

    Args:
        photos: All photographs; dev is never sampled.
        recipe: Sizes, shares and augmentation.
        batch: Photographs per step, over all processes.
        seed: Seed of the run.
        device: Device of pixels and batches.
        part: Rank of this process, and number of processes.

    Raises:
        LearnError: `mix` names an unknown group, `favor` an unknown label, or nothing is left to
            train on.
    """

    def __init__(
        self,
        photos: Photos,
        recipe: DataRecipe,
        *,
        batch: int,
        seed: int,
        device: torch.device,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        if batch % part[1]:
            raise LearnError(
                f"A batch of {batch} cannot be divided among {part[1]} processes.",
                advice="Set train.batch to a multiple of their number.",
            )
        self.recipe, self.seed, self.device = recipe, seed, device
        self.part = slice(part[0], None, part[1])
        self.counts, self.pools = _pools(photos, recipe, batch)
        self.photos = photos
        self.pixels = _pixel_rows(photos, device)
        self._orders: dict[tuple[int, int], Tensor] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step; it depends only on the seed and the step.

        Every process draws random numbers for the whole batch and uses its part, so that together
        they get the batch of a single process.

        Args:
            step: Counted from 0.
        """
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        chosen = torch.cat(
            [self._choose(pool, step, count) for pool, count in enumerate(self.counts)]
        )
        rgb = self._crops(chosen, draw)
        if self.recipe.mosaic > 0:
            rgb = self._mosaics(rgb, chosen, draw)
        if self.recipe.mount > 0:
            share, count = self.recipe.mount, len(chosen)
            rgb = mount(rgb, share=share, draw=draw, part=self.part, count=count)
        luma = _luma(rgb, self._emulsions(len(chosen), draw)[self.part])
        luma = age(luma, share=self.recipe.age, draw=draw, part=self.part, count=len(chosen))
        if self.recipe.wear > 0:
            luma = wear(luma, share=self.recipe.wear, draw=draw, part=self.part, count=len(chosen))
        batch = self._batch(rgb, luma, chosen[self.part].numpy())
        if self.recipe.hints == 0:
            return batch
        # Drawn last, so a recipe with hints sees the same crops as one without.
        hints = draw_hints(
            batch.ab,
            share=self.recipe.hints,
            draw=draw,
            part=self.part,
            count=len(chosen),
            published=self.recipe.published_hints,
        )
        return replace(batch, hints=hints)

    def _choose(self, pool: int, step: int, count: int) -> Tensor:
        """Indices from a pool that is shuffled in every epoch, each photograph once per epoch."""
        members = self.pools[pool]
        start = step * count
        picks = []
        for position in range(start, start + count):
            epoch, index = divmod(position, len(members))
            picks.append(int(members[int(self._order(pool, epoch)[index])]))
        return torch.tensor(picks)

    def _order(self, pool: int, epoch: int) -> Tensor:
        key = (pool, epoch)
        if key not in self._orders:
            if len(self._orders) > 4 * len(self.pools):
                self._orders.clear()
            draw = torch.Generator().manual_seed((self.seed * 1009 + pool) * 100_003 + epoch)
            self._orders[key] = torch.randperm(len(self.pools[pool]), generator=draw)
        return self._orders[key]

    def _crops(self, chosen: Tensor, draw: torch.Generator) -> Tensor:
        """Random crops for this process, (B, S, S, 3) in 0..255."""
        uniform = torch.rand(5, len(chosen), generator=draw)[:, self.part]
        return self._random_cut(chosen[self.part], uniform, self.recipe.size)

    def _random_cut(self, chosen: Tensor, uniform: Tensor, size: int) -> Tensor:
        """A crop of each photograph, from (5, B) random numbers in [0, 1]: (B, size, size, 3)."""
        recipe = self.recipe
        index = chosen.numpy()
        _, heights, widths = self._where(index)
        area = recipe.crop_area[0] + (recipe.crop_area[1] - recipe.crop_area[0]) * uniform[0]
        low, high = np.log(recipe.crop_ratio[0]), np.log(recipe.crop_ratio[1])
        ratio = torch.exp(low + (high - low) * uniform[1])
        # Relative to the largest square, so panoramas are not distorted.
        side = torch.sqrt(area) * torch.minimum(heights, widths)
        crop_h = torch.minimum(side / torch.sqrt(ratio), heights)
        crop_w = torch.minimum(side * torch.sqrt(ratio), widths)
        box = CropBoxes(
            (heights - crop_h) * uniform[2], (widths - crop_w) * uniform[3], crop_h, crop_w
        )
        flip = (uniform[4] < 0.5) & recipe.mirror
        return self._cut(index, box, flip, size)

    def _mosaics(self, rgb: Tensor, chosen: Tensor, draw: torch.Generator) -> Tensor:
        """Replaces a share of the crops by 2 x 2 or 4 x 4 small ones, as in a crowd or a street."""
        count, size, share = len(chosen), self.recipe.size, self.recipe.mosaic
        fate = torch.rand(count, generator=draw)
        uniform = torch.rand(5, count, 16, generator=draw)
        rgb = rgb.clone()
        for position, whole in enumerate(range(count)[self.part]):
            if fate[whole] >= share:
                continue
            across = 2 if fate[whole] < share / 2 else 4
            # Uses neighbours in the batch, so the shares of `mix` also hold in mosaics.
            tiles = chosen[(whole + torch.arange(across**2)) % count]
            # Sampled at twice the size and averaged, to avoid aliasing at edges.
            cut = self._random_cut(tiles, uniform[:, whole, : across**2], 2 * size // across)
            small = F.avg_pool2d(cut.permute(0, 3, 1, 2), 2)
            rows = small.view(across, across, *small.shape[1:]).permute(0, 3, 1, 4, 2)
            rgb[position] = rows.reshape(size, size, 3)
        return rgb

    def fixed(self, index: Indices) -> Batch:
        """Given photographs without augmentation: the largest central square, without ageing.

        Args:
            index: (B,) indices of photographs, usually of dev.
        """
        _, heights, widths = self._where(index)
        side = torch.minimum(heights, widths)
        box = CropBoxes((heights - side) / 2, (widths - side) / 2, side, side)
        flip = torch.zeros(len(index), dtype=torch.bool)
        rgb = self._cut(index, box, flip, self.recipe.size)
        luma = _luma(rgb, torch.tensor(REC601).repeat(len(index), 1))
        return self._batch(rgb, luma, index)

    def _cut(self, index: Indices, box: CropBoxes, flip: Tensor, size: int) -> Tensor:
        # One sample per output pixel: crops are reduced by a factor of 1.2 on average and 1.6 at
        # most, and two samples in each direction, against aliasing, cost as much time as the
        # training step.
        grid = (torch.arange(size, dtype=torch.float32) + 0.5) / size
        rows = box.top[:, None] + grid * box.height[:, None] - 0.5
        across = torch.where(flip[:, None], 1 - grid, grid)
        columns = box.left[:, None] + across * box.width[:, None] - 0.5
        # Sampling by rows takes a quarter of the time on CPUs; GPUs are faster with a single
        # gather.
        sample = bilinear_by_rows if self.device.type == "cpu" else bilinear_at_once
        return sample(self.pixels, self._where(index), rows, columns)

    def _where(self, index: Indices) -> PictureTable:
        first = torch.from_numpy(self.photos.offsets[index] // 3)
        heights = torch.from_numpy(self.photos.heights[index].astype(np.float32))
        widths = torch.from_numpy(self.photos.widths[index].astype(np.float32))
        return PictureTable(first, heights, widths)

    def _batch(self, rgb: Tensor, luma: Tensor, index: Indices) -> Batch:
        rgb01 = rgb / 255
        ab = rgb01_to_lab(rgb01, xp=torch)[..., 1:].permute(0, 3, 1, 2)
        labels = torch.from_numpy(self.photos.labels[index].astype(np.int64)).to(self.device)
        return Batch(luma01_to_L(luma, xp=torch), ab, rgb01.permute(0, 3, 1, 2), labels)

    def _emulsions(self, count: int, draw: torch.Generator) -> Tensor:
        """Weights of R, G, B for each sample: Rec.601, or the response of another emulsion."""
        weights = torch.tensor(REC601).repeat(count, 1)
        random = torch.rand(count, 3, generator=draw) ** 1.5
        blind = torch.randint(0, 6, (count,), generator=draw)  # 0: red-blind, 1: green-blind
        random[blind == 0, 0] *= 0.1
        random[blind == 1, 1] *= 0.3
        random = random / random.sum(dim=1, keepdim=True).clamp_min(1e-3)
        other = torch.rand(count, generator=draw) < 0.5 * self.recipe.age
        weights = torch.where(other[:, None], random, weights)
        if self.recipe.plate > 0:
            fate = torch.rand(count, generator=draw)[:, None]
            weights = torch.where(fate < self.recipe.plate, torch.tensor(_GREEN_PLATE), weights)
            weights = torch.where(fate < self.recipe.plate / 2, torch.tensor(_BLUE_PLATE), weights)
        return weights


def _pools(photos: Photos, recipe: DataRecipe, batch: int) -> tuple[list[int], list[Indices]]:
    """The number of photographs per batch from each pool, and the pools."""
    pools = {}
    times = _times(photos.label_names, recipe.favor)
    for index, name in enumerate(photos.group_names):
        members = np.flatnonzero((photos.groups == index) & ~photos.dev)
        if len(members):
            pools[name] = np.repeat(members, times[photos.labels[members]])
    if not pools:
        raise LearnError("No photograph is left for training.", advice="Lower data.dev_share.")
    missing = sorted(set(recipe.mix) - set(pools))
    if missing:
        raise LearnError(
            f"data.mix names {brief(missing[0])}, but the data contain "
            f"{', '.join(map(brief, pools))}.",
            advice="Rename the key, or give that data with --data.",
        )
    shares = recipe.mix or {name: float(len(np.unique(members))) for name, members in pools.items()}
    total = sum(shares.values())
    exact = {name: batch * share / total for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    # Largest-remainder method.
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: batch - sum(counts.values())]:
        counts[name] += 1
    used = [name for name in counts if counts[name]]
    return [counts[name] for name in used], [pools[name] for name in used]


def _times(labels: Sequence[str], favor: Mapping[str, int]) -> NDArray[np.int64]:
    """How often the photographs of each label occur in one epoch of their group."""
    for pattern in favor:
        if not any(matches(label, [pattern]) for label in labels):
            raise LearnError(
                f"data.favor names {brief(pattern)}, but no label matches.",
                advice=f"A label is a folder, as in {brief(repr(labels[0]))}.",
            )
    return np.array(
        [
            next((times for pattern, times in favor.items() if matches(label, [pattern])), 1)
            for label in labels
        ]
    )


def _pixel_rows(photos: Photos, device: torch.device) -> Tensor:
    """The array as (pixels, 3): memory-mapped on the CPU, copied completely to a GPU."""
    with warnings.catch_warnings():
        # The mapping is read-only, and so is what is done with it. A copy-on-write mapping, which
        # would be writable, is refused by Linux if it is larger than the memory.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        rows = torch.from_numpy(photos.pixels).view(-1, 3)
    return rows if device.type == "cpu" else rows.to(device)


def bilinear_at_once(pixels: Tensor, where: PictureTable, rows: Tensor, columns: Tensor) -> Tensor:
    """Samples (B, h, w, 3) at (B, h) rows and (B, w) columns; edge pixels are repeated.

    Args:
        pixels: (N, 3) uint8, all photographs concatenated.
        where: The photographs.
        rows: Coordinates, 0 being the centre of the first pixel; may be fractional or outside.
        columns: Likewise.

    Returns:
        Values in 0..255, float32, on the device of the pixels.
    """
    device = pixels.device
    first, heights, widths = where
    y0, y1, fy = _between(rows, heights[:, None])
    x0, x1, fx = _between(columns, widths[:, None])
    fy, fx = fy.to(device)[:, :, None, None], fx.to(device)[:, None, :, None]
    width = widths.long()[:, None]
    base = first[:, None]
    top, bottom = ((base + r * width).to(device)[:, :, None] for r in (y0, y1))
    left, right = (c.to(device)[:, None, :] for c in (x0, x1))

    def take(row: Tensor, column: Tensor) -> Tensor:
        position = row + column
        return pixels[position.reshape(-1)].view(*position.shape, 3).float()

    upper = torch.lerp(take(top, left), take(top, right), fx)
    lower = torch.lerp(take(bottom, left), take(bottom, right), fx)
    return torch.lerp(upper, lower, fy)


def bilinear_by_rows(pixels: Tensor, where: PictureTable, rows: Tensor, columns: Tensor) -> Tensor:
    """The same as `bilinear_at_once`, one photograph at a time: first rows, then columns."""
    first, heights, widths = where
    y0, y1, fy = _between(rows, heights[:, None])
    x0, x1, fx = _between(columns, widths[:, None])
    found = []
    for i, (start, height, width) in enumerate(
        zip(first.tolist(), heights.long().tolist(), widths.long().tolist(), strict=True)
    ):
        picture = pixels[start : start + height * width].view(height, width * 3)
        upper, lower = (picture.index_select(0, y[i]).float() for y in (y0, y1))
        band = torch.lerp(upper, lower, fy[i, :, None]).view(-1, width, 3)
        left, right = (band.index_select(1, x[i]) for x in (x0, x1))
        found.append(torch.lerp(left, right, fx[i, :, None]))
    return torch.stack(found)


def _between(positions: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two neighbouring pixels of each position, and the weight of the second."""
    inside = torch.minimum(positions.clamp_min(0), sizes - 1)
    before = inside.floor()
    after = torch.minimum(before + 1, sizes - 1)
    return before.long(), after.long(), inside - before


def _luma(rgb: Tensor, weights: Tensor) -> Tensor:
    """(B, S, S, 3) in 0..255 -> (B, 1, S, S) luma in [0, 1], rounded to steps of 1/255."""
    luma = torch.einsum("bhwc,bc->bhw", rgb, weights.to(rgb.device))
    return luma.round()[:, None] / 255
