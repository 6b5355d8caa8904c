"""Which way of bringing chroma back to full size loses least: the engine's against the others.

The true chroma of colour photographs is shrunk to the size at which a network answers, restored
with each method, and compared with the truth: mean distance in ab over all pixels and over the band
around edges (the tenth of the pixels where true chroma changes most), the mean once more when the
luma has grain that the chroma has not (sigma 12 of 255, an old photograph's), and processor time.

    python benchmarks/chroma_upsampling.py [FOLDER ...]

Without folders the three photographs of scikit-image are used.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import luma01_to_L, rgb01_to_lab, rgb_u8_to_luma_u8
from tintype.engine.geometry import Fit
from tintype.engine.upsample import ChromaUp

F32 = NDArray[np.float32]
Method = Callable[[F32, F32, F32], F32]
"""(2, h, w) ab, (h, w) Y' at its size, (H, W) Y' at full size -> (2, H, W) ab. Y' in 0..255."""

GRID = 64
"""Short side of the network's answer: 256 pixels at a stride of 4; an eighth for small pictures."""
LONGEST = 2400
GRAIN = 12


def resized(planes: F32, shape: tuple[int, int], filter_: Image.Resampling) -> F32:
    size = shape[1], shape[0]
    return np.stack([np.asarray(Image.fromarray(p).resize(size, filter_)) for p in planes])


def window_mean(planes: F32, radius: int) -> F32:
    width = 2 * radius + 1
    p = np.pad(planes, ((0, 0), (radius, radius), (radius, radius)), mode="edge").astype(float)
    for axis in (1, 2):
        total = np.cumsum(p, axis=axis)
        zero = np.zeros_like(np.take(total, [0], axis=axis))
        total = np.concatenate([zero, total], axis=axis)
        count = total.shape[axis]
        upper = np.take(total, range(width, count), axis=axis)
        lower = np.take(total, range(count - width), axis=axis)
        p = (upper - lower) / width
    return p.astype(np.float32)


def regression(ab: F32, low: F32, radius: int, eps: float) -> tuple[F32, F32]:
    mean, mean_ab = window_mean(low[None], radius), window_mean(ab, radius)
    variance = window_mean(low[None] ** 2, radius) - mean**2
    covariance = window_mean(ab * low, radius) - mean_ab * mean
    slope = covariance / (np.maximum(variance, 0) + eps * 2.55**2)
    return slope.astype(np.float32), (mean_ab - slope * mean).astype(np.float32)


def plain(filter_: Image.Resampling) -> Method:
    return lambda ab, low, full: resized(ab, full.shape, filter_)


def injected(radius: int, eps: float) -> Method:
    def method(ab: F32, low: F32, full: F32) -> F32:
        slope, _ = regression(ab, low, radius, eps)
        cubic = Image.Resampling.BICUBIC
        detail = full - resized(low[None], full.shape, cubic)[0]
        return resized(ab, full.shape, cubic) + resized(slope, full.shape, cubic) * detail

    return method


def guided(radius: int, eps: float) -> Method:
    """K. He, J. Sun, "Fast Guided Filter", 2015: coefficients at low size, averaged, enlarged."""

    def method(ab: F32, low: F32, full: F32) -> F32:
        slope, offset = regression(ab, low, radius, eps)
        bilinear = Image.Resampling.BILINEAR
        slope = resized(window_mean(slope, radius), full.shape, bilinear)
        return slope * full + resized(window_mean(offset, radius), full.shape, bilinear)

    return method


def joint_bilateral(sigma: float) -> Method:
    """J. Kopf et al., "Joint Bilateral Upsampling", 2007: 5 x 5 known colours, weighed by luma."""

    def method(ab: F32, low: F32, full: F32) -> F32:
        height, width = full.shape
        y = (np.arange(height) + 0.5) * low.shape[0] / height - 0.5
        x = (np.arange(width) + 0.5) * low.shape[1] / width - 0.5
        total, mass = (
            np.zeros((2, height, width), np.float32),
            np.zeros((height, width), np.float32),
        )
        for dy in range(-2, 3):
            row = np.rint(y).astype(int) + dy
            for dx in range(-2, 3):
                column = np.rint(x).astype(int) + dx
                far = ((row - y) ** 2)[:, None] + ((column - x) ** 2)[None]
                at = np.ix_(np.clip(row, 0, low.shape[0] - 1), np.clip(column, 0, low.shape[1] - 1))
                unlike = (full - low[at]) ** 2
                weight = np.exp(-far / (2 * 0.8**2) - unlike / (2 * (sigma * 2.55) ** 2))
                weight = weight.astype(np.float32) + np.float32(1e-8)
                total += weight * ab[:, at[0], at[1]]
                mass += weight
        return total / mass

    return method


def engine(ab: F32, low: F32, full: F32) -> F32:
    grid = (low.shape[0], low.shape[1])
    shape = (full.shape[0], full.shape[1])
    up = ChromaUp(ab, low, Fit(shape, grid, grid, 1), shape)
    grey = full.astype(np.uint8)
    return np.concatenate(
        [up.rows(top, grey[top : top + 32]) for top in range(0, shape[0], 32)], axis=1
    )


METHODS: dict[str, Method] = {
    "nearest": plain(Image.Resampling.NEAREST),
    "bilinear": plain(Image.Resampling.BILINEAR),
    "bicubic": plain(Image.Resampling.BICUBIC),
    "Lanczos": plain(Image.Resampling.LANCZOS),
    "bicubic + detail, r 1, eps 20": injected(1, 20),
    "bicubic + detail, r 1, eps 80": injected(1, 80),
    "bicubic + detail, r 1, eps 320": injected(1, 320),
    "bicubic + detail, r 2, eps 80": injected(2, 80),
    "bicubic + detail, r 4, eps 80": injected(4, 80),
    "guided filter, r 1, eps 10": guided(1, 10),
    "guided filter, r 1, eps 80": guided(1, 80),
    "guided filter, r 2, eps 80": guided(2, 80),
    "guided filter, r 4, eps 80": guided(4, 80),
    "joint bilateral, sigma 5": joint_bilateral(5),
    "joint bilateral, sigma 20": joint_bilateral(20),
    "**the engine**": engine,
}


def photographs(folders: list[str]) -> list[NDArray[np.uint8]]:
    if not folders:
        return [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    found = []
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
                with Image.open(path) as image:
                    rgb = image.convert("RGB")
                rgb.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
                found.append(np.asarray(rgb))
    return found


def shrunk(plane: F32, shape: tuple[int, int]) -> F32:
    return resized(plane[None], shape, Image.Resampling.BOX)[0]


def main() -> None:
    pictures = photographs(sys.argv[1:])
    totals = {name: np.zeros(4) for name in METHODS}
    shrinking = []
    rng = np.random.default_rng(0)
    for rgb_u8 in pictures:
        height, width = rgb_u8.shape[:2]
        scale = min(GRID / min(height, width), 1 / 8)
        grid = round(height * scale), round(width * scale)
        grey = rgb_u8_to_luma_u8(rgb_u8)
        full = grey.astype(np.float32)
        lab = rgb01_to_lab(rgb_u8 / np.float32(255)).astype(np.float32)
        truth = np.ascontiguousarray(np.moveaxis(lab[..., 1:], -1, 0))
        ab = np.stack([shrunk(plane, grid) for plane in truth])
        low = shrunk(full, grid)
        by_L = shrunk(luma01_to_L(full / 255).astype(np.float32), grid)
        shrinking.append(np.abs(luma01_to_L(low / 255) - by_L).mean())
        change = sum(np.hypot(*np.gradient(plane)) for plane in truth)
        edge = change >= np.quantile(change, 0.9)
        grainy = np.clip(full + rng.normal(0, GRAIN, full.shape), 0, 255).astype(np.float32)
        grainy_low = shrunk(grainy, grid)
        for name, method in METHODS.items():
            start = time.process_time()
            got = method(ab, low, full)
            spent = time.process_time() - start
            distance = np.hypot(*(got - truth))
            pixels = height * width / 1e6
            rough = np.hypot(*(method(ab, grainy_low, grainy) - truth)).mean()
            totals[name] += distance.mean(), distance[edge].mean(), rough, spent * 1e3 / pixels
    source = "the three photographs of scikit-image"
    if sys.argv[1:]:
        source = f"{len(pictures)} photographs of up to {LONGEST} pixels"
    print(f"## {source}\n")
    print(f"The chroma is known on a grid with a short side of {GRID}, an eighth of that", end=" ")
    print("of small photographs.\n")
    print("| method | mean distance in ab | around edges | with grain | ms per megapixel |")
    print("|---|---|---|---|---|")
    for name, total in totals.items():
        mean, edges, rough, spent = total / len(pictures)
        print(f"| {name} | {mean:.2f} | {edges:.2f} | {rough:.2f} | {spent:.0f} |")
    moved = float(np.mean(shrinking))
    print(f"\nDownscaling Y' instead of L changes the network's input L by {moved:.2f} on average.")


if __name__ == "__main__":
    main()
