"""Makes the comparisons with true colours: each photograph in grey, as coloured, and as it was.

python examples/make_true_colors.py
python examples/make_true_colors.py --model my.onnx --output elsewhere
"""

import argparse
import io
from pathlib import Path

from PIL import Image

import tintype

HERE = Path(__file__).parent / "true-colors"
GAP = 4
LARGEST = 60_000
"""Bytes of one comparison: pages load all of them."""


def strip(truth: Image.Image, colorizer: tintype.Colorizer) -> Image.Image:
    """Grey, coloured and true, from left to right, at the size of the photograph."""
    grey = truth.convert("L")
    whole = Image.new("RGB", (3 * truth.width + 2 * GAP, truth.height), "white")
    for column, picture in enumerate((grey, colorizer(grey), truth)):
        whole.paste(picture.convert("RGB"), (column * (truth.width + GAP), 0))
    return whole


def small_jpeg(picture: Image.Image) -> bytes:
    """The best JPEG that is not too large."""
    for quality in range(90, 10, -1):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= LARGEST:
            return file.getvalue()
    raise ValueError(f"No quality brings {picture.size} below {LARGEST} bytes.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or file of a model; usually the one that is shipped")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the comparisons")
    options = parser.parse_args()
    colorizer = tintype.Colorizer(options.model)
    for path in sorted(HERE.glob("*.jpg")):
        if path.stem.endswith("-compared"):
            continue
        with Image.open(path) as file:
            picture = strip(file.convert("RGB"), colorizer)
        (options.output / f"{path.stem}-compared.jpg").write_bytes(small_jpeg(picture))


if __name__ == "__main__":
    main()
