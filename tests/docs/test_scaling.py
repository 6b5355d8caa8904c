"""The tables on the pages about scaling are what their program makes of what it measured."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from docs.pages import ROOT


def scaling() -> ModuleType:
    path = ROOT / "benchmarks" / "scaling.py"
    spec = importlib.util.spec_from_file_location("scaling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks its module up.
    sys.modules["scaling"] = module
    spec.loader.exec_module(module)
    return module


SCALING = scaling()
FOUND = json.loads(SCALING.FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", SCALING.PAGES, ids=lambda page: page.name)
def test_the_tables_are_computed(page: Path) -> None:
    """If this fails: python benchmarks/scaling.py."""
    text = page.read_text(encoding="utf-8")
    assert SCALING.rewritten(text, FOUND) == text


def test_every_table_is_on_a_page() -> None:
    used = {
        at[2]
        for page in SCALING.PAGES
        for at in SCALING.BLOCK.finditer(page.read_text(encoding="utf-8"))
    }
    assert used == set(SCALING.TABLES)


def test_the_guard_sees_another_measurement() -> None:
    page = SCALING.PAGES[1]
    text = page.read_text(encoding="utf-8")
    dearer = FOUND | {"row_bytes": FOUND["row_bytes"] * 2}
    assert SCALING.rewritten(text, dearer) != text


def test_a_line_is_found_again() -> None:
    start, each = SCALING.line([1, 2, 4], [5.5, 8.0, 13.0])
    assert start == pytest.approx(3.0)
    assert each == pytest.approx(2.5)
