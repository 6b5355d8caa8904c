"""Makes the picture of the README: the grey examples and what Tintype makes of them, side by side.

python examples/make_before_after.py
python examples/make_before_after.py --model my.onnx --output elsewhere.jpg
"""

import argparse
from pathlib import Path

from PIL import Image

import tintype

HERE = Path(__file__).parent
NAMES = ("valley.jpg", "astronaut.jpg", "coffee.jpg")
WIDTH = 480
GAP = 4


def pair(grey: Image.Image, colored: Image.Image) -> Image.Image:
    """One photograph before and after, at the width of the sheet."""
    height = round(grey.height * WIDTH / grey.width)
    row = Image.new("RGB", (2 * WIDTH + GAP, height), "white")
    for column, picture in enumerate((grey, colored)):
        small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        row.paste(small, (column * (WIDTH + GAP), 0))
    return row


def sheet(colorizer: tintype.Colorizer, names: tuple[str, ...]) -> Image.Image:
    """All pairs, one below the other."""
    rows = []
    for name in names:
        with Image.open(HERE / name) as grey:
            rows.append(pair(grey, colorizer(grey)))
    height = sum(row.height for row in rows) + GAP * (len(rows) - 1)
    whole = Image.new("RGB", (rows[0].width, height), "white")
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height + GAP
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or file of a model; usually the one that is shipped")
    parser.add_argument("--output", type=Path, default=HERE / "before-after.jpg")
    parser.add_argument("--names", nargs="+", default=NAMES, help="which of the examples")
    options = parser.parse_args()
    picture = sheet(tintype.Colorizer(options.model), tuple(options.names))
    picture.save(options.output, quality=90, optimize=True)


if __name__ == "__main__":
    main()
