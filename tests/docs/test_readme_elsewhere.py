"""The README outside the repository: no link of it is relative, and its pictures show."""

import importlib.util
import re
import tomllib
from types import ModuleType

import pytest

from docs.pages import FENCE, ROOT, blocks, links

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLACE = "https://github.com/somebody/tintype"


def _make_readme() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_readme", ROOT / "docs" / "make_readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _make_readme()


def test_every_link_of_the_readme_leads_into_the_repository_at_its_version() -> None:
    text = MAKE.readme_for_elsewhere(README, f"{PLACE}/", "1.2.3")
    assert [link for link in links(text) if not re.match(r"https://|#", link)] == []
    assert len(links(text)) == len(links(README))
    pictures = re.findall(r"!\[[^\]]*\]\((\S+)\)", text)
    assert len(pictures) > 3
    for place in pictures:
        assert place.startswith(f"{PLACE}/raw/v1.2.3/")
        assert (ROOT / place.removeprefix(f"{PLACE}/raw/v1.2.3/")).is_file()


def test_the_pictures_of_the_readme_are_quickly_loaded_and_credited() -> None:
    rights = (ROOT / "examples" / "CREDITS.md").read_text(encoding="utf-8")
    places = [ROOT / place for place in re.findall(r"!\[[^\]]*\]\((\S+)\)", README)]
    for place in places:
        assert place.stat().st_size <= (900_000 if place.suffix == ".webp" else 60_000)
        assert f"`{place.name.replace('-compared', '')}`" in rights


def test_a_clone_is_of_that_repository() -> None:
    text = MAKE.readme_for_elsewhere(README, PLACE, "1.2.3")
    assert f"git clone --depth 1 {PLACE} tintype\n" in text
    assert not [block for block in blocks(text) if re.search(r"\bURL\b", block.text)]
    # Nothing else in a block changes.
    assert FENCE.sub("", text).count("```") == 0
    assert len(blocks(text)) == len(blocks(README))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[a](docs/a.md#b)", f"[a]({PLACE}/blob/v1/docs/a.md#b)"),
        ("![a](b.jpg)", f"![a]({PLACE}/raw/v1/b.jpg)"),
        ("[![a](b.jpg)](c.md)", f"[![a]({PLACE}/raw/v1/b.jpg)]({PLACE}/blob/v1/c.md)"),
        ("[a](#b) [c](https://d.org/) [e](mailto:f@g.org)",) * 2,
        ("```sh\n[a](b)\ngit clone URL x\n```\n", f"```sh\n[a](b)\ngit clone {PLACE} x\n```\n"),
    ],
)
def test_what_becomes_of_a_link(written: str, shown: str) -> None:
    assert MAKE.readme_for_elsewhere(written, PLACE, "1") == shown


def test_without_an_address_nothing_is_made_up() -> None:
    assert MAKE.readme_for_elsewhere(README, "", "1.2.3") == README
    assert MAKE.project_urls("", "1.2.3") == {}
    assert MAKE.project_urls(PLACE, "1.2.3")["Changelog"] == f"{PLACE}/blob/v1.2.3/CHANGELOG.md"


def test_the_build_asks_for_both() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["readme", "urls"]
    assert "repository" in project["tool"]["hatch"]["metadata"]["hooks"]["custom"]
