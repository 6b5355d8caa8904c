"""XML from files is parsed by defusedxml and by nothing else."""

import ast
from pathlib import Path

import pytest

import tintype

PACKAGE = Path(tintype.__file__).parent
# The types of a document's nodes; documents themselves come from defusedxml.
TYPES = {
    "photo/metadata/xmp.py": {"xml.dom"},
    "photo/metadata/xmp_packet.py": {"xml.dom", "xml.parsers.expat"},
}
PARSERS = {"parse", "parseString", "fromstring", "iterparse", "XMLParser", "ParserCreate"}


def parsers_in(source: str, allowed: set[str]) -> set[str]:
    """Imports of XML modules that are not allowed, and calls of their parsers."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            called = f"{node.value.id}.{node.attr}"
            found |= {called} if node.attr in PARSERS and node.value.id == "minidom" else set()
        roots = {"xml", "lxml", "html5lib", "bs4"}
        found |= {name for name in names if name.split(".")[0] in roots and name not in allowed}
    return found


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("import xml.etree.ElementTree as ET", set()),
        ("from xml.dom import minidom", set()),
        ("from lxml import etree", set()),
        ("from xml.dom import minidom\nminidom.parseString(b'')", {"xml.dom"}),
    ],
)
def test_a_parser_is_noticed(source: str, allowed: set[str]) -> None:
    assert parsers_in(source, allowed)


def test_no_module_parses_xml_on_its_own() -> None:
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        assert not parsers_in(path.read_text(encoding="utf-8"), TYPES.get(name, set())), name
