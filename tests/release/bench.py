"""Where the checks of a release work: a copy of the project, what is built of it, environments."""

import os
import subprocess
import tarfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MB = 10**6


class ReleaseError(Exception):
    """Something that must not go out."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the work is done.

    Attributes:
        tree: A copy of the files that belong to the project.
        work: A folder of this run.
        final: Whether the version goes out now.
    """

    tree: Path
    work: Path
    final: bool

    @property
    def dist(self) -> Path:
        """What is built."""
        return self.work / "dist"

    @property
    def wheel(self) -> Path:
        """The one wheel."""
        return _one(self.dist, "*.whl")

    @property
    def archive(self) -> Path:
        """The one source archive."""
        return _one(self.dist, "*.tar.gz")

    def python(self, environment: str) -> Path:
        """The interpreter of an environment, which is made when it is first asked for."""
        home = self.work / environment
        inside = home / ("Scripts" if os.name == "nt" else "bin")
        if not home.exists():
            venv.create(home, with_pip=True)
        return inside / ("python.exe" if os.name == "nt" else "python")

    def unpacked(self) -> Path:
        """The source archive, unpacked."""
        home = self.work / "unpacked"
        if not home.exists():
            with tarfile.open(self.archive) as archive:
                archive.extractall(home, filter="data")
        return _one(home, "tintype_colorizer-*")


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ReleaseError(f"{len(found)} files {pattern} in {folder.name} instead of one")
    return found[0]


def run(words: Sequence[str | Path], *, cwd: Path, **more: str) -> str:
    """A program without anything of ours in its environment; what it says on stdout."""
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TINTYPE_", "PYTEST"))
    }
    clean["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env=clean | more,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-15:]
        raise ReleaseError("\n    ".join([f"{' '.join(map(str, words[:4]))} ... failed:", *said]))
    return done.stdout


def command(bench: Bench, name: str = "tintype") -> Path:
    """An installed command of the environment that has the wheel alone."""
    python = bench.python("alone")
    return python.with_name(f"{name}.exe" if os.name == "nt" else name)
