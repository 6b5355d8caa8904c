"""Two processes are one: the same gradients, the same weights, the same resumed run."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from learn.command import main
from tintype.errors import LearnError
from tintype.learn.data.batches import Sampler
from tintype.learn.data.photos import open_photos
from tintype.learn.recipe import DataRecipe
from tintype.learn.train.checkpoint import load_checkpoint
from tintype.learn.train.distributed import ProcessGroup

WriteRecipe = Callable[..., Path]
CPU = torch.device("cpu")


def together(words: list[str], *, processes: int = 2) -> None:
    """Runs ``tintype train`` as torchrun would, without its supervisor."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(processes):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
        children.append(
            subprocess.Popen(
                [sys.executable, "-m", "tintype", "train", *words],
                env=os.environ | place | where,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
        )
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors.decode()


def words(recipe: Path, data: Path, run: Path, *more: str) -> list[str]:
    cache = run.parent / "cache"
    return [str(recipe), "--data", str(data), "--run", str(run), "--cache", str(cache), *more]


def weights(run: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(run / "checkpoint.safetensors")
    return {name: t for name, t in tensors.items() if name.startswith("model.")}


@pytest.fixture
def without_norms(recipe_file: WriteRecipe) -> Path:
    """Cheng's network has no batch statistics, and plain SGD shows the gradient itself."""
    path = recipe_file(
        model='kind = "cheng"',
        train='optimizer = "sgd"\nmomentum = 0.0\nweight_decay = 0.0\nclip = 0.0\nema = 0.0',
    )
    path.write_text(path.read_text() + '\n[loss]\nkind = "l2"\n')
    return path


def test_the_parts_of_two_processes_are_the_batch_of_one(photo_folder: Path, tmp_path: Path):
    recipe = DataRecipe(size=64, dev_share=0.25, age=1.0)
    photos = open_photos([photo_folder], recipe, cache=tmp_path / "cache")
    whole = Sampler(photos, recipe, batch=4, seed=3, device=CPU).batch(5)
    parts = [
        Sampler(photos, recipe, batch=4, seed=3, device=CPU, part=(rank, 2)).batch(5)
        for rank in range(2)
    ]
    for rank, part in enumerate(parts):
        assert torch.equal(part.L, whole.L[rank::2])
        assert torch.equal(part.ab, whole.ab[rank::2])
        assert torch.equal(part.labels, whole.labels[rank::2])


def test_each_process_computes_on_its_own_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (ProcessGroup().device("auto"), ProcessGroup(1, 2).device("auto")) == ("cpu", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (ProcessGroup().device("auto"), ProcessGroup(1, 2).device("auto")) == ("cuda", "cuda:1")
    assert (ProcessGroup(1, 2).device("cuda"), ProcessGroup(1, 2).device("cpu")) == (
        "cuda:1",
        "cpu",
    )


def test_a_batch_that_cannot_be_shared_is_refused(photo_folder: Path, tmp_path: Path):
    recipe = DataRecipe(size=64, dev_share=0.25)
    photos = open_photos([photo_folder], recipe, cache=tmp_path / "cache")
    with pytest.raises(LearnError, match="cannot be divided among 3"):
        Sampler(photos, recipe, batch=4, seed=0, device=CPU, part=(0, 3))


def test_two_processes_move_the_weights_as_one_does(
    tmp_path: Path, photo_folder: Path, without_norms: Path
):
    one, two = tmp_path / "one", tmp_path / "two"
    main("train", words(without_norms, photo_folder, one, "--max-samples", "24"))
    together(words(without_norms, photo_folder, two, "--max-samples", "24"))
    alone, shared = weights(one), weights(two)
    assert alone.keys() == shared.keys()
    for name, tensor in alone.items():
        assert torch.allclose(tensor, shared[name], atol=1e-5), name
    assert len((one / "log.jsonl").read_text().splitlines()) == len(
        (two / "log.jsonl").read_text().splitlines()
    )


def test_a_shared_run_in_two_sittings_ends_with_the_same_bits(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    """Our own network this time, batch statistics and all."""
    recipe = recipe_file()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    together(words(recipe, photo_folder, whole, "--max-samples", "24"))
    together(words(recipe, photo_folder, parts, "--max-samples", "8"))
    together(words(recipe, photo_folder, parts, "--max-samples", "24", "--resume"))
    one, other = weights(whole), weights(parts)
    assert all(torch.equal(one[name], other[name]) for name in one)
    _, progress, _ = load_checkpoint(parts / "checkpoint.safetensors")
    assert progress.samples == 24
