"""What a user would pick instead, in the same run on the same photograph.

    python benchmarks/beside.py [--megapixels N] [--rounds N]

Two things make a photograph's time: the road from the file to the file, and the network. Roads are
measured with the same colours from the network, and each network by itself on 256 x 256 pixels.
Everything runs on one thread. The unit is Pillow decoding and encoding the same file right before;
processor time is what a busy machine changes least. Needs the extras learn and video (OpenCV).

The networks have random weights: how long they take does not depend on them.
"""

import argparse
import io
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL import Image
from speed import photograph, pillow, save

from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.learn.models import registry
from tintype.learn.recipe import ModelRecipe
from tintype.photo.decode import decode
from tintype.photo.encode import encode

SIDE = 256
SHAPES = {1: (1000, 1000), 12: (3000, 4000)}


def both(work: Callable[[], object]) -> NDArray[np.float64]:
    """Seconds on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - clock, time.process_time() - processor])


def small_ab(engine: Engine, data: bytes) -> NDArray[np.float32]:
    """(h, w, 2) what the network says of a photograph, for the roads of others."""
    photo = decode(data, name="photo.jpg")[0]
    found = engine.predict(photo, Settings(quality="normal")).ab
    return np.ascontiguousarray(np.moveaxis(found, 0, -1))


def opencv_road(data: bytes, ab: NDArray[np.float32]) -> bytes:
    """As the examples of OpenCV colour: Lab at full size in float32, chroma resized."""
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(np.float32) / 255
    lab = cv2.cvtColor(grey, cv2.COLOR_BGR2LAB)
    lab[..., 1:] = cv2.resize(ab, lab.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    colored = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)
    pixels = np.clip(colored * 255 + 0.5, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def numpy_road(data: bytes, ab: NDArray[np.float32]) -> bytes:
    """The formulas of CIELAB at full size in NumPy, files by Pillow."""
    with Image.open(io.BytesIO(data)) as image:
        rgb01 = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    lab = rgb01_to_lab(rgb01)
    for channel in (0, 1):
        plane = Image.fromarray(ab[..., channel])
        lab[..., 1 + channel] = plane.resize(rgb01.shape[1::-1], Image.Resampling.BICUBIC)
    pixels = np.clip(lab_to_rgb01(lab) * 255 + 0.5, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def session_of(data: bytes | str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def of_kind(kind: str, folder: Path) -> tuple[onnxruntime.InferenceSession, float]:
    """A network of ours with a paper's shape, and its parameters in millions."""
    model = registry.build(ModelRecipe(kind=kind, pretrained=False)).eval()
    path = folder / f"{kind}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.rand(1, 1, SIDE, SIDE) * 100,), str(path), input_names=["L"], dynamo=False
        )
    return session_of(str(path)), sum(p.numel() for p in model.parameters()) / 1e6


def weights_of(data: bytes) -> float:
    """The numbers stored in a model file, in millions."""
    import onnx

    stored = onnx.load_from_string(data).graph.initializer
    return sum(int(np.prod(tensor.dims)) for tensor in stored) / 1e6


def networks(rounds: int) -> None:
    bundle = load_bundle()
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, SIDE, SIDE)).astype(np.float32)
    hints = np.zeros((1, 3, SIDE, SIDE), np.float32)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        own = session_of(bundle.data)
        rows.append((f"{bundle.name}", own, {"L": L, "hints": hints}, weights_of(bundle.data)))
        for kind, title in (
            ("zhang", "architecture of Zhang et al. 2016"),
            ("pix2pix", "U-Net with 54 million parameters (Isola et al. 2017)"),
        ):
            session, millions = of_kind(kind, Path(folder))
            rows.append((title, session, {"L": L}, millions))
        found = {title: np.full(2, np.inf) for title, *_ in rows}
        for _ in range(1 + rounds):
            for title, session, feed, _ in rows:
                taken = both(lambda session=session, feed=feed: session.run(None, feed))
                found[title] = np.minimum(found[title], taken)
    print(f"\n| network, {SIDE} x {SIDE} pixels, one thread | millions of weights | ms | CPU ms |")
    print("|---|---|---|---|")
    for title, _, _, millions in rows:
        clock, processor = found[title] * 1000
        print(f"| {title} | {millions:.1f} | {clock:.0f} | {processor:.0f} |")


def roads(megapixels: int, rounds: int) -> None:
    data = save(photograph(SHAPES[megapixels]), "JPEG")
    engine = Engine(load_bundle(), threads=1)
    ab = small_ab(engine, data)

    def tintype(quality: str) -> None:
        photo = decode(data, name="photo.jpg")[0]
        colored = engine.colorize(photo, Settings(quality=quality), half_chroma=True)
        encode([colored], format="JPEG", provenance=None)

    def tintype_road() -> None:
        photo = decode(data, name="photo.jpg")[0]
        colored = engine.render(photo, prediction, Settings(quality="normal"), half_chroma=True)
        encode([colored], format="JPEG", provenance=None)

    prediction = engine.predict(decode(data, name="photo.jpg")[0], Settings(quality="normal"))
    works: dict[str, Callable[[], object]] = {
        "Tintype, high quality, complete": lambda: tintype("high"),
        "Tintype, normal quality, complete": lambda: tintype("normal"),
        "Tintype without the network": tintype_road,
        "OpenCV, Lab in float32, without a network": lambda: opencv_road(data, ab),
        "NumPy, Lab in float32, without a network": lambda: numpy_road(data, ab),
    }
    print(f"| {megapixels} megapixels, JPEG to JPEG, one thread | ratio | CPU ratio |")
    print("|---|---|---|")
    for title, work in works.items():
        work()
        ratios = []
        for _ in range(rounds):
            base = both(lambda: pillow(data))
            ratios.append(both(work) / base)
        clock, processor = np.median(ratios, axis=0)
        print(f"| {title} | {clock:.2f} | {processor:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=int, choices=sorted(SHAPES), default=12)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    roads(options.megapixels, options.rounds)
    networks(options.rounds)


if __name__ == "__main__":
    main()
