"""The import contracts refuse what they promise to refuse: one forbidden import of each kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = (
    ("color/gamut.py", "import torch"),
    ("cli/coloring.py", "import torch"),
    ("api.py", "from scipy import ndimage"),
    ("jobs/run.py", "import pydantic"),
    ("engine/layers.py", "import onnxruntime"),
    ("learn/losses.py", "import onnxruntime"),
    ("jobs/sidecar.py", "import fsspec"),
    ("web/app.py", "import ray"),
    ("files/atomic.py", "import pyarrow"),
    ("photo/tone.py", "import cv2"),
    ("engine/predict.py", "import av"),
    ("jobs/report.py", "import starlette.responses"),
    ("pipeline.py", "import click"),
    ("learn/train/log.py", "import rich.console"),
    ("photo/decode.py", "import tintype.engine.predict"),
    ("files/local.py", "import tintype.photo.decode"),
    ("color/cielab.py", "import tintype.files.local"),
    ("engine/cache.py", "import tintype.pipeline"),
    ("jobs/plan.py", "import tintype.api"),
    ("web/serve.py", "import tintype.jobs.plan"),
    ("video/film.py", "import tintype.learn.losses"),
    ("cli/show.py", "import tintype.learn.losses"),
)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy with all of them planted."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copytree(
        ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "bundles")
    )
    for name, line in PLANTED:
        with (copy / "src" / "tintype" / name).open("a", encoding="utf-8") as file:
            file.write(f"\n\ndef _planted_{abs(hash(line))}() -> None:\n    {line}  # planted\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = dict(os.environ, PYTHONPATH=str(copy / "src"), COLUMNS="200")
    ran = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    return ran.stdout


@pytest.mark.parametrize(("name", "line"), PLANTED)
def test_a_forbidden_import_is_refused(name: str, line: str, broken: str) -> None:
    module = "tintype." + name.removesuffix(".py").replace("/", ".")
    target = line.split()[1]
    if not target.startswith("tintype."):
        target = target.split(".")[0]
    assert f"{module} -> {target} (l." in broken
