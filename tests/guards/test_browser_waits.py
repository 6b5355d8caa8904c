"""Waits of the browser tests are functions: expressions are evaluated by the page itself.

An expression that is not true at once is evaluated again with eval, which the page's content
security policy forbids, so that a test would fail only where the machine is slow.
"""

import ast
from pathlib import Path

import pytest

E2E = Path(__file__).parents[1] / "e2e"


def expressions(source: str) -> list[str]:
    """What the waits in a module wait for that is no function."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    texts = (
        argument.value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "wait_for_function"
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant)
    )
    return [text for text in texts if "=>" not in text]


@pytest.mark.parametrize("path", sorted(E2E.glob("*.py")), ids=lambda path: path.stem)
def test_browser_tests_wait_for_functions(path: Path) -> None:
    assert expressions(path.read_text(encoding="utf-8")) == []


def test_an_expression_is_seen() -> None:
    assert expressions('page.wait_for_function("1 === 1")') == ["1 === 1"]
    assert expressions('page.wait_for_function("() => true")') == []
