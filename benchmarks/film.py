"""Temporal consistency of film: warp error and colourfulness, propagated and frame by frame.

    python benchmarks/film.py                     # clips made of the example photographs
    python benchmarks/film.py --clips A.mp4 ...   # and films of your own, in colour or not
    python benchmarks/film.py --sheet film.png    # and a sheet of frames

The clips made here pan over a photograph and zoom into it, once clean and once like old film:
grain, flickering exposure, dust. Warp error, after Lai et al. (ECCV 2018), is the mean distance
between the colours of a frame and those of the previous one warped along the optical flow, where
forward and backward flow agree. The flow (DIS at its medium setting, at full size) is another one
than the renderer's. Chroma is compared as CIELAB ab.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.video.layout import PlaneLayout
from tintype.video.render import Renderer

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZE = (360, 640)
FRAMES = 40


class Clip(NamedTuple):
    name: str
    lumas: list[np.ndarray]
    layout: PlaneLayout


class Score(NamedTuple):
    warp_error: float
    colourfulness: float
    ms: float


def clips(paths: list[Path]) -> Iterator[Clip]:
    layout = PlaneLayout(SIZE, matrix="bt601", full_range=True)
    for name in ("valley.jpg", "coffee.jpg", "astronaut.jpg"):
        path = EXAMPLES / name
        picture = np.asarray(Image.open(path).convert("L"))
        clean = list(pan(picture))
        yield Clip(f"pan over {path.stem}", clean, layout)
        yield Clip(f"pan, worn ({path.stem})", list(worn(clean)), layout)
    for path in paths:
        yield film(path)


def pan(picture: np.ndarray) -> Iterator[np.ndarray]:
    """A camera that pans over a photograph from left to right, and zooms in."""
    height, width = picture.shape
    for t in np.linspace(0, 1, FRAMES):
        across = min(width, height * SIZE[1] / SIZE[0]) * (0.9 - 0.25 * t)
        down = across * SIZE[0] / SIZE[1]
        left, top = (width - across) * t, (height - down) * (0.5 + 0.4 * np.sin(3 * t))
        place = np.array([[across / SIZE[1], 0, left], [0, down / SIZE[0], top]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        yield cv2.warpAffine(picture, place, SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT)


def worn(frames: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Grain, flickering exposure, dust: different in each frame."""
    rng = np.random.default_rng(1)
    for frame in frames:
        bright = frame * rng.normal(1, 0.03) + rng.normal(0, 5)
        grain = cv2.GaussianBlur(rng.normal(0, 14, frame.shape), (0, 0), 0.8)
        dusty = np.clip(bright + grain, 0, 255).astype(np.uint8)
        for _ in range(rng.poisson(4)):
            y, x = rng.integers(0, SIZE[0]), rng.integers(0, SIZE[1])
            cv2.circle(
                dusty, (int(x), int(y)), int(rng.integers(1, 6)), int(rng.choice([15, 240])), -1
            )
        yield dusty


def film(path: Path) -> Clip:
    """The luma of the first frames of a file."""
    with av.open(str(path)) as container:
        frames = []
        for frame in container.decode(video=0):
            plane = frame.reformat(format="yuv420p").planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)
            frames.append(rows[:, : frame.width].copy())
            if len(frames) == 60:
                break
    shape = frames[0].shape
    return Clip(
        path.stem, frames, PlaneLayout(shape, matrix="bt709" if shape[0] >= 720 else "bt601")
    )


def colored(clip: Clip, renderer: Renderer) -> tuple[list[np.ndarray], float]:
    """(H, W, 3) sRGB of each frame, and milliseconds of one core per frame."""
    found, spent = [], 0.0
    for number, luma in enumerate(clip.lumas):
        began = time.process_time()
        cb, cr = renderer.render(renderer.prepare(luma, number), number / 25)
        spent += time.process_time() - began
        found.append(to_rgb(luma, cb, cr, clip.layout))
    return found, spent / len(clip.lumas) * 1e3


def to_rgb(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray, layout: PlaneLayout) -> np.ndarray:
    """The planes as sRGB."""
    r, g, b = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}[layout.matrix]
    y = luma.astype(np.float32) if layout.full_range else (luma - np.float32(16)) * 255 / 219
    gain = 1 if layout.full_range else 255 / 224
    cb, cr = (
        (cv2.resize(p, luma.shape[::-1], interpolation=cv2.INTER_LINEAR) - np.float32(128)) * gain
        for p in (cb, cr)
    )
    red, blue = y + 2 * (1 - r) * cr, y + 2 * (1 - b) * cb
    return np.clip(np.stack([red, (y - r * red - b * blue) / g, blue], -1), 0, 255).astype(np.uint8)


class Flow(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    visible: np.ndarray


def flows(clip: Clip) -> list[Flow]:
    """From each frame back to the one before it, and where both show the same object."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = []
    for before, now in pairwise(clip.lumas):
        there, back = flow.calc(now, before, None), flow.calc(before, now, None)
        x = there[..., 0] + np.arange(now.shape[1], dtype=np.float32)
        y = there[..., 1] + np.arange(now.shape[0], dtype=np.float32)[:, None]
        again = cv2.remap(back, x, y, cv2.INTER_LINEAR)
        # Sundaram, Brox, Keutzer, ECCV 2010, equation 5: where something was covered or uncovered.
        apart = ((there + again) ** 2).sum(-1)
        visible = apart < 0.01 * ((there**2).sum(-1) + (again**2).sum(-1)) + 0.5
        visible &= (x >= 0) & (y >= 0) & (x < now.shape[1] - 1) & (y < now.shape[0] - 1)
        found.append(Flow(x, y, visible))
    return found


def score(paths: list[Flow], colors: list[np.ndarray], ms: float) -> Score:
    abs_ = [rgb01_to_lab(frame.astype(np.float32) / 255)[..., 1:] for frame in colors]
    errors = []
    for flow, (old, new) in zip(paths, pairwise(abs_), strict=True):
        if flow.visible.mean() > 0.3:  # otherwise a cut
            warped = cv2.remap(old, flow.x, flow.y, cv2.INTER_LINEAR)
            errors.append(np.linalg.norm(new - warped, axis=-1)[flow.visible].mean())
    spread = [np.hypot(*ab.std((0, 1))) + 0.37 * np.hypot(*ab.mean((0, 1))) for ab in abs_]
    return Score(float(np.mean(errors)), float(np.mean(spread)), ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    parser.add_argument("--quality", default="normal")
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    engine = Engine(threads=1)
    settings = Settings(quality=arguments.quality)
    ways: dict[str, Callable[[PlaneLayout], Renderer]] = {
        "each frame by itself": lambda lay: Renderer(engine, settings, lay, steady=0, every=1),
        "steady, every frame": lambda lay: Renderer(engine, settings, lay, every=1),
        "steady (as shipped)": lambda lay: Renderer(engine, settings, lay),
        "steady, every fourth": lambda lay: Renderer(engine, settings, lay, every=4),
    }
    print("| clip | method | warp error | against frame by frame ", end="")
    print("| colourfulness | ms of one core |")
    print("|---|---|---|---|---|---|")
    rows = []
    for clip in clips(arguments.clips):
        first: Score | None = None
        paths = flows(clip)
        for way, make in ways.items():
            colors, ms = colored(clip, make(clip.layout))
            got = score(paths, colors, ms)
            first = first or got
            print(
                f"| {clip.name} | {way} | {got.warp_error:.2f} "
                f"| {got.warp_error / first.warp_error - 1:+.0%} "
                f"| {got.colourfulness:.1f} ({got.colourfulness / first.colourfulness - 1:+.1%}) "
                f"| {got.ms:.0f} |",
                flush=True,
            )
            numbers = np.linspace(0, len(colors) - 1, 6).astype(int)
            rows.append([cv2.resize(colors[i], SIZE[::-1]) for i in numbers])
    if arguments.sheet:
        sheet = np.vstack([np.hstack(row) for row in rows])
        Image.fromarray(sheet).reduce(2).save(arguments.sheet)


if __name__ == "__main__":
    main()
