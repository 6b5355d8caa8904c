"""The pages of the documentation, taken apart: fenced blocks, headings, links."""

import importlib.util
import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: The word behind the fence.
        text: What is inside, with its last newline.
        answer: The block of language ``text`` that follows with nothing between, or None.
    """

    language: str
    text: str
    answer: str | None


def pages() -> list[Path]:
    """Every page that is read by people."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = list(FENCE.finditer(text))
    result = []
    for one, following in zip_longest(found, found[1:]):
        answer = None
        if following is not None and following[1] == "text":
            between = text[one.end() : following.start()]
            answer = following[2] if not between.strip() else None
        result.append(Block(one[1], one[2], answer))
    return result


def links(text: str) -> list[str]:
    """Where a page links to; what stands in fenced blocks does not count."""
    return LINK.findall(FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors that headings get, as GitHub makes them."""
    titles = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def make_reference() -> ModuleType:
    """The program docs/make_reference.py, which is no part of the package."""
    path = ROOT / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
