"""Pictures are opened with a list of formats: Pillow's other plug-ins start programs."""

import ast
from pathlib import Path

import pytest

import tintype

PACKAGE = Path(tintype.__file__).parent
PLACE = "photo/formats/pillow.py"
PLUGINS = Path(__file__).parents[2] / "plugins"


def opened_in(source: str) -> list[ast.AST]:
    """Calls of Pillow's `Image.open` without a list of formats, and other ways to get at it."""
    tree = ast.parse(source)
    listed = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and any(word.arg == "formats" for word in node.keywords)
    }
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "PIL.Image":
            found += [node for alias in node.names if alias.name == "open"]
        if isinstance(node, ast.Attribute) and node.attr == "open" and id(node) not in listed:
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            found += [node] if name == "Image" else []
    return found


@pytest.mark.parametrize(
    "source",
    [
        "from PIL import Image\nImage.open(path)",
        "import PIL.Image\nPIL.Image.open(path, 'r')",
        "from PIL.Image import open as opened",
        "from PIL import Image\nread = Image.open",
    ],
)
def test_a_call_without_formats_is_noticed(source: str) -> None:
    assert opened_in(source)


def test_pictures_are_opened_in_one_place() -> None:
    for path in PACKAGE.rglob("*.py"):
        name, source = path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")
        assert not opened_in(source), name
        assert name == PLACE or "Image.open(" not in source, name


def test_plugins_open_pictures_with_a_list_of_formats() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in PLUGINS.rglob("*.py")}
    assert any("Image.open(" in source for source in sources.values())
    for path, source in sources.items():
        assert not opened_in(source), path
