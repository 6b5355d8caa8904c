"""Regenerates the goldens: ``python tests/golden/make_goldens.py``. Then look at them.

The pictures come from scikit-image's wheel: astronaut (NASA, public domain), chelsea (Stefan van
der Walt, CC0), coffee (Pikolo Espresso Bar, CC0), and a plain grey field, which the first
model takes for a sky.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import tintype

HERE = Path(__file__).parent


def main() -> None:
    pictures = {name: getattr(data, name)() for name in ("astronaut", "chelsea", "coffee")}
    pictures["wall"] = np.full((96, 128, 3), 180, np.uint8)
    for name, rgb_u8 in pictures.items():
        grey = Image.fromarray(rgb_u8).convert("L")
        grey.thumbnail((160, 160), Image.Resampling.LANCZOS)
        grey.save(HERE / f"{name}.grey.png", optimize=True)
        color = tintype.colorize(np.asarray(grey))
        Image.fromarray(color).save(HERE / f"{name}.color.png", optimize=True)


if __name__ == "__main__":
    main()
