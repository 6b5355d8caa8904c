"""Tries the plug-in for Krita, and a file with layers, in Krita itself.

make krita

Needs kritarunner and python3-pyqt5, which the ordinary tests do not.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

import tintype
from tintype.photo.formats import png_pixels
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KINDS = {"grey8.png": np.uint8, "grey16.png": np.uint16}
LAYERS = "photo.ora"
WEIGHTS = np.array([0.299, 0.587, 0.114])


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
            grey = np.asarray(image.convert("L").resize((320, 240)))
        (folder / "grey8.png").write_bytes(png_pixels.encode(grey))
        (folder / "grey16.png").write_bytes(png_pixels.encode(grey.astype(np.uint16) * 257))
        tintype.colorize(folder / "grey8.png", layer=True, output=folder / LAYERS)
        subprocess.run([sys.executable, ROOT / "plugins" / "pack.py", folder], check=True)
        with zipfile.ZipFile(folder / "tintype-krita.zip") as archive:
            archive.extractall(folder / "pykrita")
        with serving(ServerOptions(port=0)) as server:
            run_krita(folder, server.url)
        for picture, kind in KINDS.items():
            photo, layer, shown = (
                pixels(folder / f"{picture}.{what}", kind) for what in ("photo", "layer", "shown")
            )
            assert np.ptp(layer, axis=2).mean() > 2, "the layer has no colours"
            check(picture, np.abs(shown - layer).max(), np.abs((shown - photo) @ WEIGHTS).max())
        shown = pixels(folder / f"{LAYERS}.shown", np.uint8)
        grey3 = np.repeat(grey[..., None], 3, axis=2).astype(float)
        with zipfile.ZipFile(folder / LAYERS) as archive, archive.open("mergedimage.png") as file:
            merged = np.asarray(Image.open(file), float)
        check(LAYERS, np.abs(shown - merged).max(), np.abs((shown - grey3) @ WEIGHTS).max())
    return 0


def run_krita(folder: Path, server: str) -> None:
    work = {"folder": str(folder), "server": server, "pictures": list(KINDS), "layers": LAYERS}
    # Krita brings its own Python, which must not be taken for that of an environment.
    environment = {key: os.environ[key] for key in ("LANG", "LC_ALL") if key in os.environ}
    environment |= {
        "PATH": os.defpath,
        "HOME": str(folder),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": f"{folder / 'pykrita'}{os.pathsep}{HERE}",
        "TINTYPE_TRIAL": json.dumps(work),
    }
    command = ["kritarunner", "-s", "krita_script", "-f", "main"]
    subprocess.run(command, check=True, env=environment, timeout=300, stdout=subprocess.DEVNULL)
    error = folder / "error.txt"
    assert not error.exists(), error.read_text()


def pixels(path: Path, kind: type) -> np.ndarray:
    """(H, W, 3) red, green, blue."""
    return np.fromfile(path, kind).reshape(240, 320, 4)[..., 2::-1].astype(float)


def check(name: str, colors: float, luma: float) -> None:
    print(f"{name}: Krita shows the colours within {colors:g}, the luma within {luma:.2f} steps")
    assert colors <= 1
    assert luma <= 1


if __name__ == "__main__":
    sys.exit(main())
