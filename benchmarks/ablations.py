"""What each part of our own model is worth: the same few photographs for every variant.

Each variant is `recipes/own.toml` with some keys changed, without hints, trained from the same
start on as many samples with the rate falling to zero, and measured on photographs of dev: the
cross-entropy in nats a pixel, and the distance in ab and CIEDE2000 where its chroma at the
default vividness, times one factor, is nine tenths as colourful as the truth: so few photographs
make networks that no vividness makes colourful. Each figure also less that of "as it is", on the
same photographs. A run that is there already is not made again.

    python benchmarks/ablations.py --data DATA ... --runs runs/ablations --samples 6144
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tintype.color.abgrid import annealed_mean, rebalancing_weights
from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.learn.compare.measure import count_gmac
from tintype.learn.data.batches import Sampler
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.evaluate.metrics import ab_distance, colorfulness, delta_e_2000, interval
from tintype.learn.export.weights import load_trained
from tintype.learn.losses import SoftCrossEntropy
from tintype.learn.recipe import Recipe, read_recipe
from tintype.learn.train.loop import train
from tintype.learn.train.run import TrainingSession

OWN = Path(__file__).parents[1] / "recipes" / "own.toml"
VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "as it is": {},
    "as it is, another seed": {"train": {"seed": 1}},
    "encoder Lite0": {"model": {"encoder": "lite0", "train_encoder_from": 5}},
    "encoder grey ResNet-18, our classifier": {
        "model": {"encoder": "resnet18", "train_encoder_from": 0, "init": "classifier"}
    },
    "encoder grey ResNet-18, from scratch": {
        "model": {"encoder": "resnet18", "train_encoder_from": 0, "pretrained": False},
        "train": {"encoder_rate": 1.0},
    },
    "no global vector": {"model": {"global_vector": False}},
    "attention at 1/16": {"model": {"attention": True}},
    "rebalanced in training": {"loss": {"rebalance": 1.0}},
    "decoded colours count": {"loss": {"decoded": 0.06}},
    "encoder frozen": {"model": {"train_encoder_from": 999}},
    "narrower decoder": {"model": {"widths": (256, 192, 128, 96)}},
    "192 px": {"data": {"size": 192}},
    "averaged over surfaces": {"model": {"non_local": True}},
}
BATCH = 16  # of few samples, twice the steps of the recipe's 32
COLORFUL = 0.9
FACTORS = np.geomspace(0.25, 8, 13)
VIVIDNESS = 0.8
TEMPERATURE = 0.38


def variant(name: str, samples: int) -> Recipe:
    recipe = read_recipe(OWN)
    changes: dict[str, dict[str, Any]] = {
        "model": {"hints": False},
        "data": {"hints": 0.0},
        "loss": {},
        "train": {
            "batch": BATCH,
            "schedule": "cosine",
            "total_samples": samples,
            "warmup_samples": samples // 16,
            "evaluate_samples": 10 * samples,
            "checkpoint_seconds": 60,
            "ema": 0.98,
        },
    }
    for table, keys in VARIANTS[name].items():
        changes[table] |= keys
    tables = {
        table: getattr(recipe, table).model_copy(update=keys) for table, keys in changes.items()
    }
    return recipe.model_copy(update={"name": name} | tables)


def measure(folder: Path, photos: Photos, count: int) -> dict[str, NDArray[np.float64]]:
    """(pictures,) cross-entropy, and ab distance and CIEDE2000 at equal colourfulness."""
    trained = load_trained(folder)
    recipe = trained.facts["recipe"]["data"]
    data = read_recipe(OWN).data.model_copy(update={"size": recipe["size"], "hints": 0.0})
    sampler = Sampler(photos, data, batch=2, seed=0, device=torch.device("cpu"))
    dev = np.flatnonzero(photos.dev)
    dev = dev[np.linspace(0, len(dev) - 1, count).astype(int)]
    loss = SoftCrossEntropy()
    # Zhang's weights over this data; what training has weighted already is not weighted again.
    weights = np.log(np.maximum(rebalancing_weights(trained.prior.astype(np.float64)), 1e-3))
    tau = VIVIDNESS - trained.facts["recipe"]["loss"]["rebalance"]
    bias = (tau * weights).astype(np.float32)
    nats, true_cf = [], []
    table = np.zeros((3, len(FACTORS), count))
    for place, index in enumerate(dev):
        batch = sampler.fixed(np.array([index]))
        ab = batch.ab_at(4)
        with torch.no_grad():
            logits = trained.model(batch.L)
        nats.append(float(loss(logits, ab)))
        L = torch.nn.functional.avg_pool2d(batch.L, 4)
        truth = torch.cat([L, ab], dim=1)[0].permute(1, 2, 0).double().numpy()
        true_cf.append(colorfulness(_shown(truth)))
        color = annealed_mean(logits[0].numpy(), temperature=TEMPERATURE, bias=bias)
        color = color.transpose(1, 2, 0)
        for row, factor in enumerate(FACTORS):
            rendered = _shown(np.concatenate([truth[..., :1], factor * color], axis=2))
            lab = rgb01_to_lab(rendered / 255)
            table[:, row, place] = (
                colorfulness(rendered),
                ab_distance(lab, truth).mean(),
                delta_e_2000(lab, truth).mean(),
            )
    ratios = table[0].mean(axis=1) / np.mean(true_cf)
    if not ratios.min() <= COLORFUL <= ratios.max():
        sys.exit(f"{folder}: no factor makes it {COLORFUL} as colourful as the truth: {ratios}.")
    order = np.argsort(ratios)
    at = {
        key: np.array(
            [np.interp(COLORFUL, ratios[order], column[order]) for column in table[which].T]
        )
        for which, key in ((1, "ab"), (2, "delta_e"))
    }
    return {"nats": np.array(nats)} | at


def cell(values: NDArray[np.float64], sign: str = "") -> str:
    low, high = interval(values)
    return f"{values.mean():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _shown(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(lab_to_rgb01(lab).clip(0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--classifier", type=Path, help="checkpoint of a grey ResNet-18")
    parser.add_argument("--samples", type=int, default=6144)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    options = parser.parse_args()
    print("| variant | parameters (M) | GMAC | nats | less | ab distance | less | ΔE2000 | less |")
    print("|---|---|---|---|---|---|---|---|---|")
    first = None
    for name in options.only:
        recipe = variant(name, options.samples)
        photos = open_photos(options.data, recipe.data, cache=options.cache)
        folder = options.runs / re.sub(r"\W+", "-", name)
        progress = train(folder, recipe, photos, TrainingSession(classifier=options.classifier))
        if progress.samples < options.samples:
            sys.exit(f"Stopped in {name!r}; the same command continues there.")
        model = load_trained(folder).model
        size = sum(p.numel() for p in model.parameters()) / 1e6
        cells = [name, f"{size:.1f}", f"{count_gmac(model):.2f}"]
        figures = measure(folder, photos, options.pictures)
        first = first or figures
        for key, values in figures.items():
            less = "" if first is figures else cell(values - first[key], "+")
            cells += [cell(values), less]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
