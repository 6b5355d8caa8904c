"""Tries the plug-in for GIMP in GIMP 3 itself.

make gimp

Needs gimp-console-3.0 and its Python (in Debian: gimp, gir1.2-gimp-3.0 and python3-gi), which the
ordinary tests do not.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.photo.formats import png_pixels
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GIMP = os.environ.get("GIMP", "gimp-console-3.0")
KINDS = {"grey8.png": np.uint8, "grey16.png": np.uint16}
PLACE = (7, 11)
"""Offsets of the layer in its image, which those of its colours must equal."""

SCRIPT = """
(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{photo}")))
       (layer (vector-ref (car (gimp-image-get-layers image)) 0)))
  (gimp-layer-set-offsets layer {x} {y})
  (plug-in-tintype-color #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector layer)
                         #:strength "model" #:server "{server}")
  (let* ((layers (car (gimp-image-get-layers image)))
         (colors (vector-ref layers 0)))
    (if (not (= 2 (vector-length layers))) (error "there are not two layers"))
    (if (not (= layer (vector-ref layers 1))) (error "the photograph is not below"))
    (if (not (= LAYER-MODE-LCH-COLOR (car (gimp-layer-get-mode colors)))) (error "another mode"))
    (if (not (= {x} (car (gimp-drawable-get-offsets colors)))) (error "it lies elsewhere"))
    (if (not (= {y} (cadr (gimp-drawable-get-offsets colors)))) (error "it lies elsewhere"))
    (gimp-image-resize-to-layers image)
    (gimp-image-merge-visible-layers image CLIP-TO-IMAGE)
    (gimp-file-save RUN-NONINTERACTIVE image "{shown}" -1))
  (gimp-image-delete image))
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
            grey = np.asarray(image.convert("L").resize((320, 240)))
        (folder / "grey8.png").write_bytes(png_pixels.encode(grey))
        (folder / "grey16.png").write_bytes(png_pixels.encode(grey.astype(np.uint16) * 257))
        subprocess.run([sys.executable, ROOT / "plugins" / "pack.py", folder], check=True)
        # Unpacked by a program that keeps who may execute what: `zipfile` does not.
        unpack = ["unzip", "-q", folder / "tintype-gimp.zip", "-d", folder / "plug-ins"]
        subprocess.run(unpack, check=True)
        with serving(ServerOptions(port=0)) as server:
            for picture, kind in KINDS.items():
                check(picture, kind, grey, colored(folder / picture, server.url))
    return 0


def colored(photo: Path, server: str) -> np.ndarray:
    """(H, W, 3) of what GIMP shows, with the samples of the photograph."""
    folder, shown = photo.parent, photo.with_suffix(".tif")
    x, y = PLACE
    script = SCRIPT.format(photo=photo, shown=shown, server=server, x=x, y=y)
    environment = {key: os.environ[key] for key in ("LANG", "LC_ALL") if key in os.environ}
    # Its profile is new each time, and GIMP brings its own Python.
    environment |= {"PATH": os.defpath, "HOME": str(folder), "GIMP3_DIRECTORY": str(folder)}
    words = ["-i", "-d", "-f", "--batch-interpreter", "plug-in-script-fu-eval"]
    done = subprocess.run(
        [*shlex.split(GIMP), *words, "-b", " ".join(script.split()), "--quit"],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert shown.exists(), done.stdout + done.stderr
    return tifffile.imread(shown)[..., :3]


def check(picture: str, kind: type, grey: np.ndarray, shown: np.ndarray) -> None:
    assert shown.dtype == kind, "GIMP shows another depth"
    photo = rgb01_to_lab(np.repeat(grey[..., None] / 255.0, 3, axis=2))
    lab = rgb01_to_lab(shown / float(np.iinfo(kind).max))
    assert np.hypot(lab[..., 1], lab[..., 2]).mean() > 4, "the layer has no colours"
    off = np.abs(lab[..., 0] - photo[..., 0])
    print(f"{picture}: GIMP shows L* within {off.mean():.2f} on average, {off.max():.1f} at most")
    assert off.mean() < 0.3
    assert off.max() < 4


if __name__ == "__main__":
    sys.exit(main())
