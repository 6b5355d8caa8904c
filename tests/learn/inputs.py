"""What is trained on in tests: small photographs, and a recipe of a few seconds."""

from pathlib import Path

import numpy as np
from PIL import Image


def colourful_picture(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A picture with sky, ground and a bright disc: colours that follow from the lightness."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    horizon = height * draw.uniform(0.3, 0.7)
    sky = np.array([90, 140, 220]) + draw.integers(-20, 20, 3)
    ground = np.array([60, 120, 40]) + draw.integers(-20, 20, 3)
    rgb = np.where((y < horizon)[..., None], sky, ground).astype(float)
    centre, radius = draw.uniform(0.2, 0.8, 2) * (height, width), draw.uniform(10, 25)
    disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    rgb[disc] = np.array([220, 60, 40])
    rgb *= draw.uniform(0.7, 1.1) * (1 + 0.2 * np.sin(x / draw.uniform(3, 9)))[..., None]
    return (rgb + draw.normal(0, 4, rgb.shape)).clip(0, 255).astype(np.uint8)


def write_photographs(root: Path) -> Path:
    """Twenty-four photographs in two folders of this one; its name is that of their group."""
    for label in ("field", "beach"):
        (root / label).mkdir(parents=True)
        for index in range(12):
            rgb = colourful_picture(index + 100 * (label == "beach"), 96 + 8 * (index % 3), 128)
            Image.fromarray(rgb).save(root / label / f"{index:02d}.png")
    return root


def write_recipe(
    path: Path, *, model: str = "", data: str = "", train: str = "", loss: str = ""
) -> Path:
    """A recipe of a few seconds; lines of its tables may be replaced."""
    path.write_text(
        f"""
name = "tiny"
[model]
pretrained = false
widths = [16, 16, 16, 16]
{model}
[data]
size = 64
dev_share = 0.25
{data}
{"[loss]" if loss else ""}
{loss}
[train]
batch = 4
warmup_samples = 8
amp = false
log_every = 1
evaluate_samples = 16
{train}
"""
    )
    return path
