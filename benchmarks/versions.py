"""Compares an old model with newer ones at equal colourfulness, on dev and on the foreign source.

The pictures are 256 px squares, coloured through the engine with each model's default settings.
Colourfulness is measured at those settings. For all distances each model's chroma is multiplied by
one factor per set, so that the set is as colourful as the truth; otherwise the paler model would
win. "Nearer by" is the decrease of the mean relative to the first model in percent, with a paired
bootstrap interval over pictures.

    python benchmarks/versions.py OLD [NEW ...] --data PACK ... [--whole PACK ...] [--limit 100]
        [--out FILE]

A model is a name or a file. Of training packs (--data) only the held-out share is used, selected by
file hash, and all of the sets `news` and `cfcnet`, as the group `foreign`. Packs that nobody trains
on are named after --whole; one replaces a group of the same name. At most --limit pictures of each
group are used, evenly spaced, the same ones each time. FILE receives the table as .md and all
numbers, for every picture, as .json. A hundred pictures take about four minutes of one core for two
models, most of it for VGG16.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import (
    GREY,
    Columns,
    Looked,
    Model,
    Named,
    Perceptual,
    dev_pictures,
    joined,
    look,
    markdown,
    mean,
    nearer,
    ratio,
    read_models,
    shown,
    squares,
    whole_pictures,
    write_results,
)

DISTANCES = {
    "delta_e": ("ΔE2000", 2),
    "ab": ("ab distance", 2),
    "lpips_vgg": ("LPIPS, VGG16", 4),
    "lpips_alex": ("LPIPS, AlexNet", 4),
}
POOLED = "dev, all"
FOREIGN_GROUP = "foreign"


def compare(
    models: Sequence[Model],
    pictures: Mapping[str, Sequence[Named]],
    perceptual: Perceptual | None,
    size: int = 256,
    pooled: Sequence[str] = (),
) -> dict[str, Looked]:
    """What every model got on every group, and on some of them together."""
    found = {}
    for group, members in pictures.items():
        found[group] = look(models, squares(members, size), perceptual)
    if len(pooled) > 1:
        parts = [found[group] for group in pooled]
        labels = [model.label for model in models]
        found[POOLED] = Looked(
            default={label: joined([part.default[label] for part in parts]) for label in labels},
            equal={
                label: joined([part.equal[label] for part in parts]) for label in [GREY, *labels]
            },
        )
    return found


def table(found: Mapping[str, Looked]) -> str:
    """One block of rows for each group."""
    labels = list(next(iter(found.values())).default)
    titles = ["set", "pictures", "what", GREY, *labels]
    titles += [f"{label} nearer by, %" for label in labels[1:]]
    rows = []
    for group, looked in found.items():
        number = str(len(looked.default[labels[0]]["cf"]))
        cells = [shown(ratio(looked.default[label]), 2) for label in labels]
        empty = [""] * (len(labels) - 1)
        rows.append([group, number, "colourfulness, of the truth's, at the default", "0"])
        rows[-1] += cells + empty
        if looked.gains:
            gains = [f"{looked.gains[label]:.2f}" for label in labels]
            rows.append([group, number, "factor of chroma", "", *gains, *empty])
        rows += distances(group, number, looked.equal, labels)
    return markdown(titles, rows)


def distances(
    group: str, number: str, equal: Mapping[str, Columns], labels: Sequence[str]
) -> list[list[str]]:
    rows = []
    for name, (title, digits) in DISTANCES.items():
        if name not in equal[GREY]:
            continue
        cells = [f"{equal[GREY][name].mean():.{digits}f}"]
        cells += [shown(mean(equal[label][name]), digits) for label in labels]
        old = equal[labels[0]][name]
        cells += [shown(nearer(old, equal[label][name])) for label in labels[1:]]
        rows.append([group, number, title, *cells])
    return rows


def facts(found: Mapping[str, Looked], pictures: Mapping[str, Sequence[Named]]) -> dict[str, Any]:
    """Everything as JSON can hold it: figures, and the columns they are made of."""
    groups = {}
    for group, looked in found.items():
        labels = list(looked.default)
        models = {
            label: {
                "factor": looked.gains.get(label),
                "colorfulness": ratio(looked.default[label]),
                "default": {n: c.round(4).tolist() for n, c in looked.default[label].items()},
                "equal": {n: c.round(4).tolist() for n, c in looked.equal[label].items()},
                "means": {
                    n: mean(looked.equal[label][n]) for n in DISTANCES if n in looked.equal[label]
                },
                "nearer": {
                    n: nearer(looked.equal[labels[0]][n], looked.equal[label][n])
                    for n in DISTANCES
                    if n in looked.equal[label]
                },
            }
            for label in labels
        }
        grey = {n: float(c.mean()) for n, c in looked.equal[GREY].items()}
        names = [one.name for one in pictures.get(group, ())]
        groups[group] = {"pictures": names, GREY: grey, "models": models}
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, nargs="+", default=[])
    parser.add_argument("--whole", type=Path, nargs="+", default=[])
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not (options.data or options.whole):
        parser.error("name packs after --data or --whole")
    models = read_models(options.models)
    pictures = dev_pictures(options.data, limit=options.limit) if options.data else {}
    pooled = [group for group in pictures if group != FOREIGN_GROUP]
    pictures |= whole_pictures(options.whole, limit=options.limit)
    found = compare(models, pictures, Perceptual(), options.size, pooled)
    write_results(options.out, table(found), facts(found, pictures))


if __name__ == "__main__":
    main()
