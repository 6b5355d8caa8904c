"""Recipes, checkpoints and weights that version 0.1.0 wrote are still read."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tintype.learn.export.weights import load_trained
from tintype.learn.models.cheng import ChengNet
from tintype.learn.models.critic import ColorCritic
from tintype.learn.models.own import OwnNet
from tintype.learn.recipe import read_recipe
from tintype.learn.train.checkpoint import load_checkpoint
from tintype.learn.train.collapse import CollapseDetector

ROOT = Path(__file__).parents[2]

RECIPE = """
name = "tintype-own"

[model]
kind = "own"
encoder = "lite2"
train_encoder_from = 7
train_only_hints = false
widths = [256, 256, 192, 128]
global_vector = true
attention = false
non_local = true
hints = true

[data]
size = 192
dev_share = 0.04
exclude = ["wallpapers*"]
mix = { scenes = 0.5, various = 0.38, more = 0.12 }
favor = { "*market_outdoor" = 4, "flickr8k*" = 4 }
min_colorfulness = 5.0
crop_area = [0.35, 1.0]
crop_ratio = [0.8, 1.25]
mosaic = 0.5
mount = 0.15
age = 0.65
wear = 0.2
hints = 0.25

[loss]
kind = "classification"
decoded = 0.06
colorful = 1.0
wasserstein = 2.5
adversarial = 0.8
adversarial_warmup = 100
grey_mask = false
point_targets = false
lambda = 100.0
smoothing = 0.9
generator_steps = 1
discriminator_rate = 1.0

[train]
batch = 16
learning_rate = 0.00025
encoder_rate = 0.1
warmup_samples = 320
schedule = "constant"
ema = 0.998
checkpoint_seconds = 300.0
evaluate_samples = 240000
keep_every = 6000
watch_collapse = false
rollback = false
"""

PROGRESS = (
    '{"step": 1605, "samples": 25680, "seconds": 2998.4, "cooldown_from": 17680, '
    '"cooldown_samples": 8000, "best": null, "waited": 0, "cuts": 0}'
)
FACTS = (
    '{"recipe": {"name": "small", "model": {"kind": "cheng", "width": 0.05, "variant": "", '
    '"outputs": "bins", "classes": 0, "global_size": 224, "init": "scratch", "encoder": "lite0", '
    '"pretrained": true, "train_encoder_from": 0, "train_only_hints": false, '
    '"widths": [256, 256, 192, 128], "global_vector": true, "attention": false, '
    '"non_local": false, "hints": false}, "data": {"size": 64}, "loss": {"kind": "uv", '
    '"lambda": 100.0}, "train": {"batch": 16}}, "data_hash": "67fd206a", "photos": {"scenes": 4}, '
    '"dropped": {"grey": 1}, "init": null, "trained_on": ["CPU, 1 thread(s), float32"], '
    '"versions": {"tintype": "0.1.0", "torch": "2.13.0+cpu", "python": "3.11.7"}, "watch": []}'
)


def test_a_recipe_of_0_1_0_is_read(tmp_path: Path):
    path = tmp_path / "old.toml"
    path.write_text(RECIPE)
    recipe = read_recipe(path)
    assert recipe.model.widths == (256, 256, 192, 128)
    assert recipe.data.favor == {"*market_outdoor": 4, "flickr8k*": 4}
    assert (recipe.loss.adversarial, recipe.loss.lambda_) == (0.8, 100.0)
    assert recipe.train.ema == 0.998


def test_a_checkpoint_of_0_1_0_is_read(tmp_path: Path):
    shapes = {n: t.shape for n, t in ChengNet(width=0.05).state_dict().items()}
    names = {f"{layer}.{kind}" for layer in ("first", "second", "third", "last")
             for kind in ("weight", "bias")}  # fmt: skip
    assert set(shapes) == names
    tensors = {f"ema.{name}": torch.full(shapes[name], 0.5) for name in names}
    tensors["prior"] = torch.full((313,), 1 / 313)
    path = tmp_path / "small.safetensors"
    save_file(tensors, path, metadata={"progress": PROGRESS, "facts": FACTS})
    _, progress, facts = load_checkpoint(path)
    assert (progress.samples, progress.cooldown_from) == (25680, 17680)
    assert facts["versions"]["tintype"] == "0.1.0"
    trained = load_trained(path)
    assert isinstance(trained.model, ChengNet)
    assert all(bool((p == 0.5).all()) for p in trained.model.parameters())


def test_the_kept_weights_of_the_embedded_model_are_read():
    trained = load_trained(ROOT / "checkpoints" / "own.safetensors")
    assert trained.facts["versions"]["tintype"] == "0.1.0"
    with torch.no_grad():
        logits = trained.model(torch.full((1, 1, 32, 32), 50.0))
    assert logits.shape == (1, 313, 8, 8)
    assert bool(torch.isfinite(logits).all())
    np.testing.assert_allclose(trained.prior.sum(), 1, rtol=1e-3)


def test_weights_keep_their_names():
    model = OwnNet(
        widths=(32, 32, 32, 32), attention=True, non_local=True, color_queries=4, hints=True
    )
    own = {name for name in model.state_dict() if not name.startswith("encoder.")}
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    both = ("weight", "bias")
    expected = {f"{layer}.{kind}" for layer in ("lateral", "whole", "head") for kind in both}
    expected |= {f"{up}.norm.{kind}" for up in ("up16", "up8", "up4") for kind in norm}
    expected |= {f"{up}.conv.weight" for up in ("up16", "up8", "up4")}
    expected |= {"refine.weight", *(f"norm.{kind}" for kind in norm)}
    expected |= {f"attention.{part}.{k}" for part in ("asked", "norm", "out") for k in both}
    expected |= {f"hints.{part}.{n}.weight" for part in ("down", "out") for n in range(4)}
    layers = ("query", "key_value", "out", "self_qkv", "self_out", "mlp.0", "mlp.2")
    norms = ("norm_queries", "norm_places", "norm_self", "norm_mlp")
    expected |= {
        f"queries.{at}.{layer}.{kind}"
        for at in ("at16", "at8")
        for layer in (*layers, *norms)
        for kind in both
    }
    expected |= {"queries.queries", "queries.norm.weight", "queries.norm.bias"}
    expected |= {"queries.out.weight"}
    assert own == expected
    critic = ColorCritic((8, 8, 8, 8, 8)).state_dict()
    assert {name.split(".")[0] for name in critic} == {
        *("colors", "seen8", "join8", "down16", "seen16", "join16"),
        *("more16", "out16", "project", "down32", "out32"),
    }


def test_the_collapse_history_of_a_checkpoint_is_read():
    row = json.loads(
        '{"samples": 16, "loss": 0.2, "entropy": 3.0, "true_entropy": 3.5, "chroma": 0.9, '
        '"rings": [1.0, 1.0, 1.0, 1.0], "true_rings": [1.0, 1.0, 1.0, 1.0], "accuracy": 0.6}'
    )
    best = CollapseDetector([row]).best
    assert best is not None
    assert (best.samples, best.loss) == (16, 0.2)
