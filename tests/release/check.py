"""Whether a release can go out: the files that people install, looked at as they will meet them.

    PYTHONPATH=tests python -m release.check [--final] [--keep FOLDER]     # or: make release-check

Builds the source archive and the wheel, installs the wheel alone, and asks one thing after the
other; a line for each. The tools that it needs it installs from PyPI, into an environment of its
own. With ``--final`` the version must have its date in the changelog. The exit code is 1 where
something is wrong; what does not stand on that is still asked.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.parser import HeaderParser
from pathlib import Path

from docs.pages import links
from release.bench import MB, Bench, ReleaseError, command, run
from release.handed_out import HANDED_OUT

ROOT = Path(__file__).parents[2]

LARGEST_WHEEL = 60 * MB
LARGEST_ENVIRONMENT = 250 * MB

TOOLS = ("build==1.*", "twine>=6", "mypy==2.4.1", "basedpyright==1.*")

PICTURES = re.compile(r"\.(jpe?g|png|tiff?|webp|avif|gif|bmp|heic)$", re.IGNORECASE)
SHELLS: Mapping[str, tuple[str, ...]] = {
    "bash": ("bash", "-n"),
    "zsh": ("zsh", "-n"),
    "fish": ("fish", "--no-execute"),
}


# ----- before anything is built: what the files say -----


def changelog_versions(text: str) -> list[tuple[str, str]]:
    """The versions of a changelog with their dates, the newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", text, re.MULTILINE)


def version_faults(root: Path, *, final: bool) -> list[str]:
    """What does not fit together in what the files say about the version."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    places = {
        "src/tintype/_version.py": rf'^__version__ = "{re.escape(version)}"$',
        "docs/man/tintype.1": rf'^\.TH TINTYPE 1 .*"Tintype {re.escape(version)}"',
        "CHANGELOG.md": rf"^## \[{re.escape(version)}\] - (unreleased|\d{{4}}-\d\d-\d\d)$",
    }
    faults = [
        f"{name} does not say {version}"
        for name, pattern in places.items()
        if not re.search(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = changelog_versions(changes)[:1]
    if not newest or newest[0][0] != version:
        faults.append(f"the newest version of the changelog is not {version}")
    elif final and newest[0][1] == "unreleased":
        faults.append(f"{version} has no date in the changelog")
    entry = changes.partition(f"## [{version}]")[2].partition("\n## [")[0]
    if not re.search(r"^- \S", entry, re.MULTILINE):
        faults.append(f"the changelog says nothing about {version}")
    return faults


def check_version(bench: Bench) -> str:
    """The version is the same everywhere and the changelog tells of it."""
    faults = version_faults(bench.tree, final=bench.final)
    if faults:
        raise ReleaseError("; ".join(faults))
    return "; ".join(changelog_versions((bench.tree / "CHANGELOG.md").read_text())[0])


# ----- what is built -----


def check_build(bench: Bench) -> str:
    """The archive is built from the files of the project, the wheel from the archive."""
    python = bench.python("tools")
    run([python, "-m", "pip", "install", "--quiet", *TOOLS], cwd=bench.work)
    build(bench, bench.tree, bench.dist)
    sizes = [
        f"{path.name} {path.stat().st_size / MB:.1f} MB" for path in sorted(bench.dist.iterdir())
    ]
    return ", ".join(sizes)


def build(bench: Bench, tree: Path, target: Path) -> None:
    """`python -m build`, with the time of the last change as the time of every file."""
    words = [bench.python("tools"), "-m", "build", "--outdir", target, tree]
    # Compiled, hatch_build.py would lie in the tree, with its path in it.
    run(words, cwd=bench.work, SOURCE_DATE_EPOCH=epoch(), PYTHONDONTWRITEBYTECODE="1")


def epoch() -> str:
    """The second of the last commit; in an unpacked archive, the oldest that a zip can hold."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "315532800"


def check_same_bytes(bench: Bench) -> str:
    """Built again, elsewhere and from the archive, the files are the same to the last bit."""
    build(bench, bench.unpacked(), bench.work / "again")
    sums = []
    for path in sorted(bench.dist.iterdir()):
        first, second = (
            hashlib.sha256((folder / path.name).read_bytes()).hexdigest()
            for folder in (bench.dist, bench.work / "again")
        )
        if first != second:
            raise ReleaseError(f"{path.name} differs: {first[:16]} and {second[:16]}")
        sums.append(f"{path.name} {first[:16]}")
    return ", ".join(sums)


def check_metadata(bench: Bench) -> str:
    """The metadata is complete, and PyPI would take it."""
    run([bench.python("tools"), "-m", "twine", "check", "--strict", bench.wheel, bench.archive],
        cwd=bench.work)  # fmt: skip
    with zipfile.ZipFile(bench.wheel) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        said = HeaderParser().parsestr(wheel.read(name).decode())
    for key in ("Summary", "License-Expression", "Requires-Python", "Author", "Keywords"):
        if not said[key]:
            raise ReleaseError(f"{key} is missing")
    licences = said.get_all("License-File") or []
    if {"LICENSE", "NOTICE", "WEIGHTS.md"} - {Path(name).name for name in licences}:
        raise ReleaseError(f"of the licences there are only {licences}")
    text = said.get_payload()
    if relative := [link for link in links(text) if not re.match(r"[a-z]+:|#", link)]:
        # Without an address there is nothing to put before them, and nothing to publish.
        if bench.final or said["Project-URL"]:
            raise ReleaseError(
                f"README links to {relative[0]}; is repository in pyproject.toml the address?"
            )
        return f"{said['License-Expression']}; not for PyPI: repository in pyproject.toml is empty"
    return f"{said['License-Expression']}, {', '.join(licences)}"


def strangers(names: Sequence[str], version: str) -> list[str]:
    """Files of a wheel that have no business in it."""
    ours = re.compile(
        rf"tintype/[^/]+(/[^/]+)*\.(py|typed|onnx|json|html|css|js|svg|txt)$"
        rf"|tintype_colorizer-{re.escape(version)}\.dist-info/"
        rf"|tintype_colorizer-{re.escape(version)}\.data/data/share/man/man1/tintype\.1$"
    )
    # The page offers a few photographs to try, and no other picture is in the package.
    samples = re.compile(r"tintype/web/page/samples/[\w-]+\.jpg$")
    return [
        name
        for name in names
        if not samples.match(name)
        and (not ours.match(name) or PICTURES.search(name) or "/tests/" in name or "/test_" in name)
    ]


def check_wheel(bench: Bench) -> str:
    """Everything of the package is in the wheel, and nothing else."""
    package = bench.tree / "src"
    wanted = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    version = bench.wheel.name.split("-")[1]
    with zipfile.ZipFile(bench.wheel) as wheel:
        names = wheel.namelist()
        unpacked = sum(item.file_size for item in wheel.infolist())
    if missing := wanted - set(names):
        raise ReleaseError(f"missing: {', '.join(sorted(missing)[:5])}")
    if found := strangers(names, version):
        raise ReleaseError(f"strangers: {', '.join(found[:5])}")
    needed = ("tintype/py.typed", f"tintype_colorizer-{version}.data/data/share/man/man1/tintype.1")
    if absent := set(needed) - set(names):
        raise ReleaseError(f"missing: {', '.join(absent)}")
    if unpacked > LARGEST_WHEEL:
        raise ReleaseError(f"it takes {unpacked / MB:.0f} MB on the disk")
    return f"{len(names)} files, {unpacked / MB:.1f} MB on the disk, below {LARGEST_WHEEL // MB}"


def check_paths(bench: Bench) -> str:
    """No file tells where it was made."""
    places = {str(path).encode() for path in (ROOT, bench.work, bench.tree)}
    places |= {f"{Path.home()}/".encode()} if len(str(Path.home())) > 1 else set()
    faults, count = [], 0
    with zipfile.ZipFile(bench.wheel) as wheel:
        files = [(name, wheel.read(name)) for name in wheel.namelist()]
    unpacked = bench.unpacked()
    files += [
        (str(p.relative_to(unpacked)), p.read_bytes()) for p in unpacked.rglob("*") if p.is_file()
    ]
    for name, data in files:
        count += 1
        faults += [f"{name} says {place.decode()}" for place in places if place in data]
    if faults:
        raise ReleaseError("; ".join(faults[:5]))
    return f"{count} files"


# ----- what is installed -----


def check_install(bench: Bench) -> str:
    """The wheel installs alone, its needs agree, and the environment stays small."""
    python = bench.python("alone")
    before = size_of(bench.work / "alone")
    run([python, "-m", "pip", "install", "--quiet", bench.wheel], cwd=bench.work)
    run([python, "-m", "pip", "check"], cwd=bench.work)
    took = size_of(bench.work / "alone") - before
    if took > LARGEST_ENVIRONMENT:
        raise ReleaseError(f"{took / MB:.0f} MB with all that it needs")
    listed = json.loads(run([python, "-m", "pip", "list", "--format=json"], cwd=bench.work))
    names = {package["name"].lower() for package in listed}
    if heavy := names & {"torch", "onnx", "scipy", "pydantic", "ray", "av"}:
        raise ReleaseError(f"it brings {', '.join(heavy)}")
    largest = sorted(sizes_of(bench.work / "alone").items(), key=lambda item: -item[1])[:4]
    told = ", ".join(f"{name} {size / MB:.0f}" for name, size in largest)
    return f"{took / MB:.0f} MB with all that it needs ({told}), below {LARGEST_ENVIRONMENT // MB}"


def size_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def sizes_of(environment: Path) -> dict[str, int]:
    """Bytes by the folders among the installed packages."""
    place = next(environment.rglob("site-packages"))
    return {path.name: size_of(path) for path in place.iterdir() if path.is_dir()}


COMPARE = """
import sys
import numpy as np
from PIL import Image
made, golden, grey = (np.asarray(Image.open(name).convert(mode)).astype(int)
                      for name, mode in zip(sys.argv[1:], ("RGB", "RGB", "L")))
luma = np.asarray(Image.open(sys.argv[1]).convert("L")).astype(int)
off = np.abs(made - golden)
print(off.mean(), (off <= 6).mean(), np.abs(luma - grey).max())
"""


def check_photographs(bench: Bench) -> str:
    """The installed command colours photographs as it did."""
    work = bench.work / "photographs"
    goldens = bench.tree / "tests" / "golden"
    told = []
    for grey in sorted(goldens.glob("*.grey.png")):
        name = grey.name.removesuffix(".grey.png")
        work.mkdir(exist_ok=True)
        shutil.copy(grey, work / f"{name}.png")
        made = run([command(bench), f"{name}.png"], cwd=work).strip()
        words = [bench.python("alone"), "-c", COMPARE, made, goldens / f"{name}.color.png", grey]
        mean, near, luma = map(float, run(words, cwd=work).split())
        if mean >= 1 or near <= 0.99 or luma != 0:
            raise ReleaseError(
                f"{name}: {mean:.2f} off in the mean, {near:.1%} near, grey off by {luma:.0f}"
            )
        told.append(f"{name} {mean:.3f}")
    if not told:
        raise ReleaseError("there is no golden")
    return f"steps of 255 off in the mean: {', '.join(told)}; the grey is the same"


def check_command(bench: Bench) -> str:
    """`tintype` and `python -m tintype` are one command, whose scripts the shells can read."""
    version = bench.wheel.name.split("-")[1]
    words = ([command(bench)], [bench.python("alone"), "-m", "tintype"])
    said = [run([*start, "--version"], cwd=bench.work).strip() for start in words]
    if said != [f"tintype {version}"] * 2:
        raise ReleaseError(f"they say {said}")
    helps = [run([*start, "--help-all"], cwd=bench.work) for start in words]
    if helps[0] != helps[1]:
        raise ReleaseError("their help differs")
    tried = []
    for shell, parses in SHELLS.items():
        script = bench.work / f"completion.{shell}"
        script.write_text(run([command(bench), "completion", shell], cwd=bench.work))
        if shutil.which(shell):
            run([*parses, script], cwd=bench.work)
            tried.append(shell)
    return f"{said[0]}; completion read by {', '.join(tried)}"


def check_manual(bench: Bench) -> str:
    """The manual page lies where `man` looks beside the command, and is well-formed."""
    page = bench.work / "alone" / "share" / "man" / "man1" / "tintype.1"
    if not page.is_file():
        raise ReleaseError("it is not installed")
    if not shutil.which("mandoc"):
        return "installed; mandoc is not, which would look through it"
    # Without a release there is no date, of which mandoc warns.
    level = "warning" if bench.final else "error"
    run(["mandoc", "-T", "lint", "-W", level, page], cwd=bench.work)
    return "installed; mandoc finds nothing"


def check_types(bench: Bench) -> str:
    """A program that uses the package is typed strictly, and every public name has a known type."""
    consumer = bench.tree / "tests" / "release" / "consumer.py"
    tools, alone = bench.python("tools"), bench.python("alone")
    run([tools, "-m", "mypy", "--strict", "--python-executable", alone, consumer], cwd=bench.work)
    # Pyright finds an environment by what is activated, and fails where a name is unknown. The
    # types of film and of exact JPEG are those of their extras.
    whole = with_extras(bench)
    activated = {
        "VIRTUAL_ENV": str(whole.parents[1]),
        "PATH": f"{whole.parent}{os.pathsep}{os.environ['PATH']}",
    }
    words = ["--verifytypes", "tintype", "--ignoreexternal", "--outputjson"]
    said = subprocess.run(
        [tools.with_name("basedpyright"), *words],
        cwd=consumer.parent, env=os.environ | activated,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    symbols = json.loads(said.stdout)["typeCompleteness"]["symbols"]
    # Training stands on torch, which is not there, and is not what programs import.
    public = [s for s in symbols if s["isExported"] and not s["name"].startswith("tintype.learn")]
    unknown = [s["name"] for s in public if not s["isTypeKnown"]]
    if unknown or len(public) < 100:
        raise ReleaseError(
            f"{len(unknown)} of {len(public)} names unknown: {', '.join(unknown[:5])}"
        )
    return f"mypy --strict; pyright knows all {len(public)} names outside tintype.learn"


def check_surface(bench: Bench) -> str:
    """The installed wheel keeps what the public-surface test promises."""
    with_extras(bench)
    return tested(bench, "tests/test_public_surface.py")


def with_extras(bench: Bench) -> Path:
    """The Python of the environment that has the wheel with its extras."""
    python = bench.python("tests")
    needed = f"{bench.wheel}[test,heic,video,exact]"
    run([python, "-m", "pip", "install", "--quiet", needed], cwd=bench.work)
    return python


def check_tests(bench: Bench) -> str:
    """The tests of the source archive pass on the installed wheel; training's are left out."""
    return tested(
        bench, "tests", "--ignore", "tests/learn", "-n", "auto", "--maxprocesses", "4",
        "--dist", "worksteal",
    )  # fmt: skip


def tested(bench: Bench, *words: str) -> str:
    """The last line of pytest in the unpacked archive, on the wheel and not on the sources."""
    python, tree = bench.python("tests"), bench.unpacked()
    place = run([python, "-c", "import tintype; print(tintype.__file__)"], cwd=tree).strip()
    if not Path(place).is_relative_to(bench.work / "tests"):
        raise ReleaseError(f"it would test {place}")
    said = run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words], cwd=tree)
    return said.strip().splitlines()[-1]


CHECKS: tuple[tuple[str, Callable[[Bench], str]], ...] = (
    ("version", check_version),
    ("build", check_build),
    ("same bytes", check_same_bytes),
    ("metadata", check_metadata),
    ("wheel", check_wheel),
    ("paths", check_paths),
    ("install", check_install),
    ("photographs", check_photographs),
    ("command", check_command),
    ("manual", check_manual),
    *HANDED_OUT,
    ("types", check_types),
    ("surface", check_surface),
    ("tests", check_tests),
)


def copy_tree(target: Path) -> None:
    """The files that belong to the project, and none that merely lie beside them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:  # an unpacked archive
        shutil.copytree(
            ROOT, target, ignore=shutil.ignore_patterns(".venv", "__pycache__", ".*_cache")
        )
        return
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def main() -> int:
    """Asks everything; prints a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--final", action="store_true", help="the version goes out now")
    parser.add_argument("--keep", type=Path, help="work in this new folder and leave it")
    parser.add_argument("--only", nargs="+", metavar="CHECK", help="these alone, in a kept folder")
    options = parser.parse_args()
    work = options.keep or Path(tempfile.mkdtemp(prefix="tintype-release-"))
    bench = Bench(work.resolve() / "tree", work.resolve(), options.final)
    if not bench.tree.exists():
        copy_tree(bench.tree)
    wrong = 0
    for title, check in CHECKS:
        if options.only and title not in options.only:
            continue
        began = time.monotonic()
        try:
            mark, said = "ok", check(bench)
        except ReleaseError as fault:
            mark, said = "WRONG", str(fault)
            wrong += 1
        print(f"{mark:6}{title:12} {time.monotonic() - began:5.0f} s  {said}", flush=True)
        if mark != "ok" and title == "build":
            break
    if options.keep is None:
        shutil.rmtree(work)
    print("A release can go out." if wrong == 0 else f"{wrong} of the checks say no.")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
