"""How well a grey encoder recognises photographs, beside the published one in colour.

Photographs of dev, whole squares, clean and made to look old. For each checkpoint of
`recipes/grey-encoder.toml`, and for ImageNet's weights with the stem summed over the colours: how
often the likeliest of the 1,000 classes is the one that the network in colour finds, the divergence
of the classes, the distance of the features, and top-1 where the labels are the WordNet numbers of
Imagenette's ten classes (their logits alone are compared).

    python benchmarks/grey_encoder.py runs/grey-encoder/checkpoint.safetensors --data DATA ...
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tintype.color.cielab import REC601, luma01_to_L
from tintype.learn.data.ageing import age
from tintype.learn.data.batches import Batch, Sampler
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.models.efficientnet import Classifier
from tintype.learn.models.registry import build
from tintype.learn.recipe import Recipe, read_recipe
from tintype.learn.train.checkpoint import load_checkpoint, part
from tintype.learn.train.objectives.distillation import Distillation

RECIPE = Path(__file__).parents[1] / "recipes" / "grey-encoder.toml"
IMAGENETTE = {
    "n01440764": 0,
    "n02102040": 217,
    "n02979186": 482,
    "n03000684": 491,
    "n03028079": 497,
    "n03394916": 566,
    "n03417042": 569,
    "n03425413": 571,
    "n03445777": 574,
    "n03888257": 701,
}
"""WordNet number to the class of ImageNet."""
AT_A_TIME = 50
COLUMNS = (
    "agree, %",
    "divergence",
    "features",
    "top-1, %",
    "agree, old, %",
    "features, old",
    "top-1, old, %",
)


def batches(sampler: Sampler, index: np.ndarray, *, old: bool) -> Iterator[Batch]:
    """Whole squares of some photographs, aged all of them or none."""
    for start in range(0, len(index), AT_A_TIME):
        batch = sampler.fixed(index[start : start + AT_A_TIME])
        if old:
            weights = torch.tensor(REC601, dtype=torch.float32).view(1, 3, 1, 1)
            luma = (batch.rgb * weights).sum(dim=1, keepdim=True)
            draw = torch.Generator().manual_seed(start)
            luma = age(luma, share=1.0, draw=draw, part=slice(0, None), count=len(luma))
            batch = replace(batch, L=luma01_to_L(luma, xp=torch))
        yield batch


def means(
    objective: Distillation, model: Classifier, sampler: Sampler, index: np.ndarray, *, old: bool
) -> dict[str, float]:
    """What the objective measures, on average."""
    totals: dict[str, float] = {}
    with torch.no_grad():
        for batch in batches(sampler, index, old=old):
            for name, value in objective(model, batch).items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(batch.L)
    return {name: total / len(index) for name, total in totals.items()}


def top1(network: Classifier, sampler: Sampler, index: np.ndarray, *, old: bool) -> float:
    """Share of photographs whose own class is the likeliest of the ten, in percent."""
    names = sampler.photos.label_names
    classes = torch.tensor(list(IMAGENETTE.values()))
    numbers = list(IMAGENETTE)
    right = 0
    with torch.no_grad():
        for batch in batches(sampler, index, old=old):
            pixels: Tensor = batch.L if network.encoder.inputs == 1 else batch.rgb * 100
            found = network(pixels)[1][:, classes].argmax(dim=1)
            true = [numbers.index(Path(names[label]).name) for label in batch.labels.tolist()]
            right += int((found == torch.tensor(true)).sum())
    return 100 * right / len(index)


def spread(chosen: np.ndarray, count: int) -> np.ndarray:
    """At most so many, evenly over all."""
    return chosen[np.linspace(0, len(chosen) - 1, min(count, len(chosen))).astype(int)]


def labelled(photos: Photos) -> np.ndarray:
    """Photographs of dev whose label is one of Imagenette's ten classes."""
    known = [Path(name).name in IMAGENETTE for name in photos.label_names]
    return np.flatnonzero(photos.dev & np.array(known)[photos.labels])


def networks(recipe: Recipe, checkpoints: list[Path]) -> Iterator[tuple[str, Classifier]]:
    """ImageNet's weights, then the moving average of each checkpoint."""
    model = build(recipe.model)
    assert isinstance(model, Classifier)
    model.load_pretrained()
    yield "ImageNet, stem summed", model.eval()
    for path in checkpoints:
        tensors, progress, _ = load_checkpoint(path)
        average = part(tensors, "ema.")
        model.load_state_dict({name: tensor.float() for name, tensor in average.items()})
        yield f"{progress.samples:,} photographs", model.eval()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", type=Path, nargs="*")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--limit", type=int, default=500)
    options = parser.parse_args()
    recipe = read_recipe(RECIPE)
    # What training leaves out has the labels.
    data = recipe.data.model_copy(update={"exclude": ("wallpapers*",)})
    photos = open_photos(options.data, data, cache=options.cache)
    data = data.model_copy(update={"mix": {}})
    sampler = Sampler(photos, data, batch=1, seed=0, device=torch.device("cpu"))
    dev = spread(np.flatnonzero(photos.dev), options.limit)
    ten = spread(labelled(photos), options.limit)
    objective = Distillation(recipe.model)
    print(f"{len(dev)} photographs of dev, {len(ten)} of Imagenette's classes")
    print(f"| encoder | {' | '.join(COLUMNS)} |")
    print("|---|---|---|---|---|---|---|---|")
    if len(ten):
        right = top1(objective.teacher, sampler, ten, old=False)
        print(f"| in colour | 100 | 0 | 0 | {right:.1f} | | | |")
    for name, model in networks(recipe, options.checkpoints):
        clean, old = (means(objective, model, sampler, dev, old=old) for old in (False, True))
        shares = ["", ""]
        if len(ten):
            shares = [f"{top1(model, sampler, ten, old=old):.1f}" for old in (False, True)]
        print(
            f"| {name} | {100 * clean['agreement']:.1f} | {clean['divergence']:.2f} "
            f"| {clean['features']:.3f} | {shares[0]} | {100 * old['agreement']:.1f} "
            f"| {old['features']:.3f} | {shares[1]} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
