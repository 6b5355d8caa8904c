"""The fence, seen from outside: what a fresh interpreter has loaded, and how soon it answers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

HEAVY = ("numpy", "PIL", "onnxruntime", "torch", "tifffile", "simplejpeg", "rich", "onnx")

# `tintype --help` on an idle machine takes a third of this.
HELP_SECONDS = 0.4


def loaded_after(code: str, cwd: Path) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running some code."""
    script = (
        f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=cwd, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_after("import tintype\ntintype.TintypeError\ntintype.__version__", tmp_path)
    assert "tintype" in loaded
    assert loaded.isdisjoint({*HEAVY, "click"})


def test_the_list_of_formats_loads_nothing_heavy(tmp_path: Path) -> None:
    """A codec's module imports what decodes and encodes inside its functions."""
    loaded = loaded_after("import tintype.photo.formats.registry", tmp_path)
    assert "tintype" in loaded
    assert loaded.isdisjoint({*HEAVY, "pi_heif", "xml"})


@pytest.mark.parametrize("words", [["--help"], ["--help-all"], ["--version"], ["--nonsense"], []])
def test_the_command_loads_nothing_heavy_before_it_works(tmp_path: Path, words: list[str]) -> None:
    loaded = loaded_after(f"from tintype.cli.app import main\nmain({words!r})", tmp_path)
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_colouring_a_photo_loads_no_torch(
    tmp_path: Path, make_photo: Callable[..., Path], tiny_model: Path
) -> None:
    for ending in ("jpg", "png", "tif", "webp"):
        make_photo(tmp_path / f"x.{ending}")
    words = ["--model", str(tiny_model), "--jobs", "1", "."]
    code = f"from tintype.cli.app import main\nassert main({words!r}) == 0"
    loaded = loaded_after(code, tmp_path)
    assert (tmp_path / "x.color.tif").is_file()
    assert {"numpy", "PIL", "onnxruntime"} <= loaded
    assert loaded.isdisjoint({"torch", "onnx", "pydantic", "safetensors", "skimage", "scipy"})
    # A sixth of the start: what reads settings and XML had brought along the reader of URLs.
    assert loaded.isdisjoint({"openvino", "msgspec", "http", "ssl", "email", "asyncio"})


def test_help_answers_at_once(tmp_path: Path) -> None:
    # The smallest of several, of the processor where the system says it (other processes that run
    # tests are no children of this one): what the program needs, not what the machine is busy with.
    command = [sys.executable, "-m", "tintype", "--help"]
    seconds = []
    for _ in range(15):
        began = _seconds_of_children()
        subprocess.run(command, stdout=subprocess.DEVNULL, cwd=tmp_path, check=True)
        seconds.append(_seconds_of_children() - began)
        if min(seconds) <= HELP_SECONDS:
            break
    assert min(seconds) <= HELP_SECONDS


def _seconds_of_children() -> float:
    if sys.platform == "win32":
        return time.perf_counter()
    spent = os.times()
    return spent.children_user + spent.children_system


def test_the_guard_sees_what_is_loaded(tmp_path: Path) -> None:
    """The guard of the guard: an import of something heavy is noticed."""
    assert "numpy" in loaded_after("import numpy", tmp_path)


def test_nothing_reaches_for_the_network(
    tmp_path: Path, make_photo: Callable[..., Path], tiny_model: Path
) -> None:
    make_photo(tmp_path / "x.jpg")
    words = ["--model", str(tiny_model), "x.jpg"]
    code = (
        "import sys\n"
        "def watch(event, args):\n"
        "    if event in {'socket.connect', 'socket.getaddrinfo', 'socket.bind'}:\n"
        "        raise RuntimeError(f'{event} {args}')\n"
        "sys.addaudithook(watch)\n"
        "from tintype.cli.app import main\n"
        f"assert main({words!r}) == 0"
    )
    assert "onnxruntime" in loaded_after(code, tmp_path)
    assert os.path.lexists(tmp_path / "x.color.jpg")


@pytest.mark.parametrize(
    "loaded",
    [
        "import tintype.engine.sessions, onnxruntime",
        "import tintype.learn.export.bundle",
        "from tintype.engine.devices import DEVICES\n"
        "from tintype.engine.sessions import check_device\n"
        "check_device(DEVICES['openvino'])",
    ],
)
def test_what_it_runs_on_writes_nothing_down(tmp_path: Path, tiny_model: Path, loaded: str) -> None:
    """ONNX Runtime and OpenVINO begin reports to their makers by writing into these folders."""
    if "learn" in loaded:
        pytest.importorskip("onnx", reason="the learn extra is not installed")
    if "openvino" in loaded and find_spec("openvino") is None:
        pytest.skip("the openvino extra is not installed")
    home = tmp_path / "home"
    home.mkdir()
    folders = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(home))
    code = f"{loaded}\nimport onnxruntime as o\no.InferenceSession({str(tiny_model)!r})"
    environment = os.environ | folders
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, cwd=tmp_path)
    assert list(home.rglob("*")) == []
