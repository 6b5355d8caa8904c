"""What is installed is listed with its licence, and the core is free of the GPL.

The lists are written by `make sbom`, which needs PyPI; here they are compared with what the project
asks for. If this fails: make sbom.
"""

import importlib.util
import json
import re
import tomllib
from importlib import metadata
from types import ModuleType

import pytest

from docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "licences.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COPYLEFT = re.compile(r"(?<!L)(?<!Lesser )\b(A?GPL|A?GPLv\d|GNU (Affero )?General Public)")


def make_sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sbom", ROOT / "docs" / "make_sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SBOM = make_sbom()


def rows(title: str) -> dict[str, tuple[str, str]]:
    """Version and licence of each package of a part of the page."""
    part = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| ([\w.-]+) \| (\S+) \| (.+?) \|", part, re.MULTILINE)
    heads = {"---", "package"}
    return {name: (version, licence) for name, version, licence in found if name not in heads}


def asked(requirements: list[str]) -> set[str]:
    return {SBOM.normal(re.match(r"[\w.-]+", words)[0]) for words in requirements}


def test_the_core_is_listed_and_free_of_the_gpl() -> None:
    core = rows("Core")
    assert asked(PROJECT["dependencies"]) <= set(core)
    assert [name for name, (_, said) in core.items() if COPYLEFT.search(said)] == []
    assert [name for name, (_, said) in core.items() if said in {"not said", "UNKNOWN"}] == []


@pytest.mark.parametrize("extra", SBOM.EXTRAS)
def test_every_extra_is_listed(extra: str) -> None:
    core, found = rows("Core"), rows(f"Extra {extra}")
    assert asked(PROJECT["optional-dependencies"][extra]) <= set(found) | set(core)
    assert [name for name, (_, said) in found.items() if COPYLEFT.search(said)] == []


def test_every_extra_for_users_has_its_list() -> None:
    inner = {"test", "parity", "browser", "dev", "perceptual", "fuzz", "docs"}
    assert set(PROJECT["optional-dependencies"]) - inner == set(SBOM.EXTRAS)


def test_the_bill_lists_the_core() -> None:
    bill = json.loads((ROOT / "docs" / "sbom.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    said = {SBOM.normal(item["name"]): item["version"] for item in bill["components"]}
    assert {name: version for name, (version, _) in rows("Core").items()}.items() <= said.items()
    assert "/" not in json.dumps([item.get("name") for item in bill["components"]])


def test_what_is_installed_here_says_the_same() -> None:
    """The metadata of this environment, for those packages of the core whose version is listed."""
    for name, (version, licence) in rows("Core").items():
        found = metadata.metadata(name)
        if found["Version"] == version and found.get("License-Expression"):
            assert found["License-Expression"] == licence, name


def test_the_guard_knows_the_gpl() -> None:
    for text in ("GPL-3.0-only", "AGPL-3.0", "GNU General Public License v3 (GPLv3)", "GPLv2"):
        assert COPYLEFT.search(text), text
    for text in ("LGPL-2.1", "MIT", "GNU Lesser General Public License v3 (LGPLv3)"):
        assert not COPYLEFT.search(text), text
