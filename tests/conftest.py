"""What the tests of several packages share: a tiny model, and small pictures made here."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from require_learn import pytest_collectreport, pytest_runtest_logreport, pytest_sessionfinish

__all__ = ["pytest_collectreport", "pytest_runtest_logreport", "pytest_sessionfinish"]

# How long an example takes says how busy the machine is, where tests run beside each other.
settings.register_profile("beside", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("beside")

TINY = Path(__file__).parent / "engine" / "tiny.onnx"


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """A model with random weights that keeps the contract; most tests need no better one."""
    assert TINY.is_file()
    return TINY


@pytest.fixture(scope="session")
def matching_model() -> Path:
    """The same with features, which reference pictures need."""
    return TINY.with_name("tiny-features.onnx")


def grey_pixels(height: int = 48, width: int = 64, *, seed: int = 0) -> np.ndarray:
    """A smooth grey picture with some noise: (height, width) uint8, different for each seed."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height)[:, None]
    columns = np.linspace(0, 1, width)[None, :]
    smooth = 128 + 90 * np.sin(3 * rows + seed) * np.cos(4 * columns - seed)
    return np.clip(smooth + rng.normal(0, 4, (height, width)), 0, 255).astype(np.uint8)


def picture_bytes(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """A file with these pixels."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


@pytest.fixture
def make_photo() -> Callable[..., Path]:
    """Writes a small grey photograph; its contents follow from the seed."""

    def make(path: Path, *, seed: int = 0, height: int = 48, width: int = 64) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        form = Image.registered_extensions().get(path.suffix.lower(), "PNG")
        path.write_bytes(picture_bytes(grey_pixels(height, width, seed=seed), form))
        return path

    return make


Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def tintype(tiny_model: Path, tmp_path: Path) -> Iterator[Run]:
    """The command in a process of its own, with the tiny model, as a user's shell starts it."""
    environment = os.environ | {"TINTYPE_HOME": str(tmp_path / "tintype-home")}

    def run(*words: str | bytes | Path, model: bool = True, **options: object) -> object:
        command = [sys.executable, "-m", "tintype", *words]
        if model:
            command[3:3] = ["--model", str(tiny_model)]
        given = {"capture_output": True, "timeout": 60, "env": environment} | options
        if "input" not in given:
            given.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(command, check=False, **given)

    return run
