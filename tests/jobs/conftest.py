from pathlib import Path

import pytest

from tintype.jobs.color_files import RunOptions


@pytest.fixture
def options(tiny_model: Path) -> RunOptions:
    return RunOptions(model=str(tiny_model))
