"""Training goes on exactly where it was killed.

    PYTHONPATH=tests python -m promises.training [--rounds 12]

Each round trains a tiny network, kills the process without warning after a random time, once or
several times, and lets it go on with ``--resume``. The weights, their average and the optimiser's
moments must be those of a run that nothing has disturbed: all tensors of the last checkpoint have
one SHA-256. The same of two processes that train together is in tests/learn/test_distributed.py.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open

from promises.outcome import Outcome, Words, environment, run_script

SAMPLES = 320
RECIPE = """
name = "tiny"
[model]
pretrained = false
widths = [16, 16, 16, 16]
hints = true
[data]
size = 64
dev_share = 0.25
hints = 0.5
age = 0.5
wear = 0.2
[train]
batch = 4
warmup_samples = 32
checkpoint_seconds = 1
evaluate_samples = 80
"""


def photographs(folder: Path) -> None:
    """Two dozen pictures of soft colours."""
    draw = np.random.default_rng(0)
    folder.mkdir()
    for number in range(24):
        coarse = draw.integers(0, 256, (6, 8, 3), np.uint8)
        large = Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC)
        large.save(folder / f"{number:02}.png")


def start(home: Path, run: Path) -> "subprocess.Popen[bytes]":
    words = ["train", "tiny.toml", "--data", "scenes", "--run", str(run), "--cache", "cache"]
    resume = ["--resume"] if (home / run / "checkpoint.safetensors").exists() else []
    return subprocess.Popen(
        [sys.executable, "-m", "tintype", *words, "--max-samples", str(SAMPLES), *resume],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def finish(home: Path, run: Path) -> str:
    """Trains to the end; the SHA-256 over the tensors of its checkpoint, by name."""
    process = start(home, run)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said.decode()
    digest = hashlib.sha256()
    with safe_open(home / run / "checkpoint.safetensors", "np") as tensors:
        # One that somebody else has asked to stop ends well too, but early.
        done = json.loads(tensors.metadata()["progress"])["samples"]
        assert done == SAMPLES, f"stopped from outside after {done} samples"
        for name in sorted(tensors.keys()):
            digest.update(name.encode() + tensors.get_tensor(name).tobytes())
    return digest.hexdigest()


def train(words: Words, outcome: Outcome) -> None:
    """Kills runs at random steps and compares what comes of them."""
    chance = random.Random(words.seed)
    kills = early = 0
    digests = set()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        photographs(home / "scenes")
        (home / "tiny.toml").write_text(RECIPE)
        began = time.monotonic()
        digests.add(finish(home, Path("whole")))
        whole = time.monotonic() - began
        for number in range(words.rounds):
            run = Path(f"run-{number}")
            for _ in range(chance.randint(1, 3)):
                process = start(home, run)
                try:
                    process.communicate(timeout=chance.uniform(0.2, 1) * whole)
                except subprocess.TimeoutExpired:
                    os.kill(process.pid, signal.SIGKILL)
                    process.communicate()
                    kills += 1
                    early += not (home / run / "checkpoint.safetensors").exists()
            digests.add(finish(home, run))
            outcome.expect(len(digests) == 1, f"round {number}: other weights")
    outcome.figures = {
        "runs killed one to three times and continued": f"{words.rounds}, with {kills} kills",
        "of them before there was a checkpoint": str(early),
        "different last checkpoints, one run undisturbed": str(len(digests)),
    }
    outcome.expect(kills > early, "no kill found a checkpoint")


if __name__ == "__main__":
    sys.exit(run_script("training", train, rounds=12, quick=2))
