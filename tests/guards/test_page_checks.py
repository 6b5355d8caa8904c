"""`make page` checks the page's scripts, says so where it cannot, and fails where it must."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")


@pytest.fixture
def without_npm(tmp_path: Path) -> str:
    """A PATH on which there is a shell, and neither Node.js nor npm."""
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / "sh").symlink_to(shell)
    return str(tmp_path)


@pytest.mark.skipif(MAKE is None, reason="needs make")
@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 2)])
def test_without_npm_the_checks_are_named_or_an_error(
    without_npm: str, required: str, code: int
) -> None:
    done = subprocess.run(
        [str(MAKE), "page", "SHELL=sh"],
        cwd=ROOT,
        env={"PATH": without_npm, "TINTYPE_REQUIRE_LEARN": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "npm is not installed" in (done.stderr if required else done.stdout)


def test_check_includes_the_page() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    check = re.search(r"^check: (.*)$", makefile, re.MULTILINE)
    assert check is not None
    assert "page" in check[1].split()


def test_the_lock_file_pins_packages_and_no_registry() -> None:
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert "node_modules/typescript" in installed
    assert all(package["integrity"].startswith("sha512-") for package in installed.values())
    assert "resolved" not in text
    assert "://" not in text
