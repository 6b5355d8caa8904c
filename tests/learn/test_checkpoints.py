"""Checkpoints of others: weights that fit, or one line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import nn

from tintype.engine.bundle import load_bundle
from tintype.errors import LearnError
from tintype.learn.compare.results import read_result
from tintype.learn.export.bundle import to_int8
from tintype.learn.export.check import differences, require_colors
from tintype.learn.export.weights import load_trained
from tintype.learn.models.cheng import ChengNet
from tintype.learn.models.contract import WarmStarting
from tintype.learn.models.registry import build
from tintype.learn.recipe import ModelRecipe
from tintype.learn.train.checkpoint import (
    load_checkpoint,
    load_weights,
    naming,
    restore_optimizer,
)

TINY = Path(__file__).parents[1] / "engine" / "tiny.onnx"
PROGRESS = {"step": 1, "samples": 4, "seconds": 2.5}
RECIPE = {"name": "small", "model": {"kind": "cheng", "width": 0.05, "pretrained": False}}
FACTS = {"recipe": RECIPE, "data_hash": "00", "versions": {}}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint of a small network; headers and tensors may be replaced."""

    def made(tensors: dict[str, torch.Tensor] | None = None, **headers: str) -> Path:
        path = tmp_path / "a\nb.safetensors"
        weights = {f"ema.{n}": t for n, t in ChengNet(width=0.05).state_dict().items()}
        known = {"progress": json.dumps(PROGRESS), "facts": json.dumps(FACTS)}
        prior = {"prior": torch.full((313,), 1 / 313)}
        save_file(weights | prior | (tensors or {}), path, metadata=known | headers)
        return path

    return made


def test_one_that_fits_is_loaded(write: Callable[..., Path]) -> None:
    _, progress, facts = load_checkpoint(write())
    assert (progress.samples, progress.seconds, progress.best) == (4, 2.5, None)
    assert facts == FACTS
    assert isinstance(load_trained(write()).model, ChengNet)


WRONG: dict[str, tuple[str, Any]] = {
    "counters without end": ("progress", "[" * 100_000),
    "counters that are texts": ("progress", {"step": "\x1b[31m"}),
    "negative counters": ("progress", {"samples": -5}),
    "huge counters": ("progress", {"samples": 10**30}),
    "seconds that are no number": ("progress", '{"seconds": NaN}'),
    "more steps than any run": ("progress", {"step": 2**59}),
    "a cool-down from later on": ("progress", {"samples": 4, "cooldown_from": 5}),
    "the best of all losses": ("progress", '{"best": -Infinity}'),
    "no counter": ("progress", {"samples": None}),
    "a list of counters": ("progress", [1, 2]),
    "facts without end": ("facts", '{"recipe": ' + "[" * 100_000),
    "a number as facts": ("facts", 5),
    "no facts": ("facts", {}),
    "a recipe that is a list": ("facts", FACTS | {"recipe": [1]}),
    "versions that are a text": ("facts", FACTS | {"versions": "x"}),
    "digits without end": ("facts", '{"recipe": ' + "9" * 5000),
}


@pytest.mark.parametrize("name", WRONG)
def test_headers_of_no_run_are_one_line(write: Callable[..., Path], name: str) -> None:
    key, value = WRONG[name]
    text = value if isinstance(value, str) else json.dumps(value)
    with pytest.raises(LearnError, match="not a checkpoint of a run") as error:
        load_checkpoint(write(**{key: text}))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600


def test_weights_of_another_program_are_said_to_be_that(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"format": "pt"})
    with pytest.raises(LearnError, match="it was not made by `tintype train`"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"ema.first.weight": torch.zeros(3)},
        {"ema.\x1b[31m" + "x" * 5000: torch.zeros(3)},
    ],
    ids=["shape", "name"],
)
def test_weights_of_another_network_are_one_line(
    write: Callable[..., Path], tensors: dict[str, torch.Tensor]
) -> None:
    path = write(tensors)
    with pytest.raises(LearnError, match="of another kind or size") as error:
        load_trained(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("name", "tensor", "why"),
    [
        ("ema.output.weight", torch.tensor([1.0, torch.nan]), "values that are not numbers"),
        ("model.output.bias", torch.tensor([-torch.inf]).half(), "values that are not numbers"),
        ("ema.output.bias", torch.tensor([1e200], dtype=torch.float64), "that are not numbers"),
        ("ema.output.weight", torch.tensor([1e30]), "not numbers up to 1e\\+12"),
        ("prior", torch.full((313,), torch.nan).bfloat16(), "values that are not numbers"),
        ("ema.output.bias", torch.ones(2, dtype=torch.complex64), "has the type complex64"),
        ("ema.output.bias", torch.ones(2, dtype=torch.bool), "has the type bool"),
        ("ema.output.bias", torch.ones(2, dtype=torch.int64), "has the type int64"),
        ("model.norm.running_var", -torch.ones(2), "is negative"),
        ("model.norm.num_batches_tracked", torch.tensor(-1), "is negative"),
        ("optimizer.model.0.exp_avg_sq", -torch.ones(2), "is negative"),
        ("optimizer.model.0.exp_avg", torch.tensor([torch.inf]), "values that are not numbers"),
        ("optimizer.model.0.step", torch.tensor(0.0), "not a number of steps"),
        ("\x1b[31m", torch.tensor([torch.nan]), "values that are not numbers"),
    ],
)
def test_tensors_of_no_run_are_one_line(
    write: Callable[..., Path], name: str, tensor: torch.Tensor, why: str
) -> None:
    with pytest.raises(LearnError, match=rf"b\.safetensors: not a checkpoint .*{why}") as error:
        load_checkpoint(write({name: tensor}))
    assert str(error.value).isprintable()


def test_a_network_that_weights_do_not_fit_names_their_file() -> None:
    model = build(ModelRecipe(kind="own", pretrained=False, widths=[16, 16, 16, 16]))
    assert isinstance(model, WarmStarting)
    with (
        pytest.raises(LearnError, match=r"x: its weights are of .* another kind"),
        naming(Path("x")),
    ):
        model.warm_start({"head.weight": torch.zeros(3)})


@pytest.mark.parametrize("prior", [torch.zeros(313), torch.ones(3), -torch.ones(313)])
def test_a_prior_that_is_none_is_one_line(write: Callable[..., Path], prior: torch.Tensor) -> None:
    with pytest.raises(LearnError, match="its colour prior is not one of 313 shares"):
        load_trained(write({"prior": prior}))


@pytest.mark.parametrize(
    "data", [b"", b"\x93NUMPY", b"nonsense", b"\x93NUMPY\x01\x00\x08\x00{'a': 1}"]
)
def test_a_damaged_prior_of_a_run_is_one_line(write: Callable[..., Path], data: bytes) -> None:
    run = write().parent
    (run / "a\nb.safetensors").rename(run / "checkpoint.safetensors")
    (run / "prior.npy").write_bytes(data)
    with pytest.raises(LearnError, match=r"prior\.npy: cannot be read"):
        load_trained(run)
    np.save(run / "prior.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(LearnError, match=r"prior\.npy: cannot be read"):
        load_trained(run)


def test_weights_and_moments_that_fit_are_restored() -> None:
    model = nn.Linear(2, 1)
    load_weights(model, {"ema.weight": torch.ones(1, 2), "ema.bias": torch.ones(1)}, Path("a"))
    assert model.weight.sum() == 2
    optimizer = torch.optim.Adam(model.parameters())
    moments = {"0.step": torch.tensor(1.0), "0.exp_avg": torch.ones(1, 2)}
    found = {f"optimizer.model.{name}": tensor for name, tensor in moments.items()}
    restore_optimizer(optimizer, found, "model")
    assert optimizer.state_dict()["state"][0]["exp_avg"].sum() == 2
    for name, tensor in {
        "0.exp_avg": torch.ones(3),
        "9.exp_avg": torch.ones(1, 2),
        "x.exp_avg": torch.ones(1, 2),
    }.items():
        with pytest.raises((ValueError, LookupError)):
            restore_optimizer(optimizer, {f"optimizer.model.{name}": tensor}, "model")


def test_colours_that_are_not_numbers_are_one_line(tmp_path: Path) -> None:
    wild = onnx.load(TINY)
    (last,) = (tensor for tensor in wild.graph.initializer if tensor.name == "centers")
    last.CopyFrom(numpy_helper.from_array(np.full((2, 313, 1, 1), np.nan, np.float32), last.name))
    bundle = replace(load_bundle(TINY), data=wild.SerializeToString())
    L = [np.full((1, 1, 32, 32), 50, np.float32)]
    with pytest.raises(LearnError, match=r"tiny\.onnx predicts colours that are not numbers"):
        to_int8(bundle, tmp_path / "x.onnx", calibration=L, check=L)
    with pytest.raises(LearnError, match="a run predicts colours that are not numbers"):
        require_colors("a run", [np.zeros((1, 2, 4, 4)), np.full((1, 2, 4, 4), np.inf)])
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_weights_too_large_for_what_is_exported_are_one_line(value: float) -> None:
    expected, found = np.ones((1, 2, 4, 4), np.float32), np.ones((1, 2, 4, 4), np.float32)
    found[0, 1, 2, 3] = value
    with pytest.raises(LearnError, match="In float16 the network gives colours that are not num"):
        differences("float16", [expected, found], [expected, expected])
    assert differences("int8", [expected], [expected]) == {"int8_mean": 0, "int8_max": 0}


def test_a_network_of_zeros_is_refused() -> None:
    with pytest.raises(LearnError, match="a run predicts the same colour for every photograph"):
        require_colors("a run", [np.full((1, 2, 4, 4), 7.0), np.full((1, 2, 8, 8), 7.0)])
    require_colors("a run", [np.full((1, 2, 4, 4), 7.0), np.full((1, 2, 8, 8), 8.0)])


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"nom": 1}', "\x1b[31m" * 500])
def test_a_result_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a\nb.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LearnError, match="not a result") as error:
        read_result(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600
