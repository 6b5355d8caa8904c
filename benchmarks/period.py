"""Compares models on real colours of 1905 to 1944, old photographs whose true colours are known.

Prokudin-Gorskii's three-plate photographs (1905-1915, about 338 x 298 px) and Kodachromes of the
FSA and OWI (1939-1944, about 139 x 105 px) are separate sets. The grey is the luma of the true
colours. Each picture is scaled, uncropped, to a short side of 256 px: small ones are enlarged 2.4
times with bicubic interpolation, so both the input and the truth are soft; larger ones are reduced
with Lanczos. They are coloured through the engine with default settings. Two blocks: (i) each model
as it is, (ii) with its chroma multiplied by one factor per set, so that the set is as colourful as
the truth. Intervals are 95 % bootstrap intervals over pictures.

    python benchmarks/period.py [MODEL ...] --data dev-period-00.zip [--limit 100] [--out FILE]

A model is a name or a file; the default is the embedded model. Without --limit all pictures are
used. FILE receives the table as .md and the numbers as .json. A picture takes about three seconds
of one core for the first model and one and a half for each further one.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import (
    GREY,
    Columns,
    Looked,
    Model,
    Named,
    Perceptual,
    Picture,
    look,
    markdown,
    mean,
    ratio,
    read_models,
    shown,
    whole_pictures,
    write_results,
)
from PIL import Image

SHORT = 256
COLORFUL = (0.8, 1.1)
"""Colourfulness, of the truth's, that is asked of a model at its default."""


def to_short_side(rgb: Picture, short: int = SHORT) -> Picture:
    """The whole picture with a short side of so many pixels."""
    image = Image.fromarray(rgb)
    scale = short / min(image.size)
    size = (round(scale * image.width), round(scale * image.height))
    how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS
    return np.asarray(image.resize(size, how))


def compare(
    models: Sequence[Model],
    pictures: Mapping[str, Sequence[Named]],
    perceptual: Perceptual | None,
    short: int = SHORT,
) -> dict[str, Looked]:
    """What every model got on every set."""
    return {
        name: look(
            models,
            [to_short_side(one.rgb, short) for one in members],
            perceptual,
            also_at_default=True,
        )
        for name, members in pictures.items()
    }


def table(found: Mapping[str, Looked]) -> str:
    titles = ["set", "pictures", "method", "factor of chroma", "colourfulness, of the truth's"]
    titles += ["0.8 to 1.1", "ΔE2000", "ab distance", "LPIPS, VGG16", "LPIPS, AlexNet"]
    rows = []
    for name, looked in found.items():
        number = str(len(looked.equal[GREY]["cf"]))
        rows.append([name, number, GREY, "", "0.00", "", *figures(looked.equal[GREY])])
        rows.append([name, number, "truth", "", "1.00", "", "0", "0", "0", "0"])
        for label, columns in looked.default.items():
            colorful = ratio(columns)
            met = "yes" if COLORFUL[0] <= colorful[0] <= COLORFUL[1] else "**no**"
            cells = ["1", shown(colorful, 2), met, *figures(columns)]
            rows.append([name, number, f"{label}, (i) as it is", *cells])
        for label, gain in looked.gains.items():
            columns = looked.equal[label]
            cells = [f"{gain:.2f}", shown(ratio(columns), 2), "", *figures(columns)]
            rows.append([name, number, f"{label}, (ii) as colourful as the truth", *cells])
    return markdown(titles, rows)


def figures(columns: Columns) -> list[str]:
    digits = {"delta_e": 2, "ab": 2, "lpips_vgg": 3, "lpips_alex": 3}
    return [shown(mean(columns[name]), n) if name in columns else "" for name, n in digits.items()]


def facts(found: Mapping[str, Looked]) -> dict[str, Any]:
    """The figures as JSON can hold them."""

    def of(columns: Columns) -> dict[str, Any]:
        names = [name for name in columns if name not in {"cf", "true_cf"}]
        return {"colorfulness": ratio(columns)} | {name: mean(columns[name]) for name in names}

    return {
        name: {
            "pictures": len(looked.equal[GREY]["cf"]),
            "factor": looked.gains,
            "default": {label: of(columns) for label, columns in looked.default.items()},
            "equal": {label: of(columns) for label, columns in looked.equal.items()},
        }
        for name, looked in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pictures = whole_pictures(options.data, limit=options.limit, by_label=True)
    found = compare(read_models(options.models), pictures, Perceptual())
    write_results(options.out, table(found), facts(found))


if __name__ == "__main__":
    main()
