"""What `in_krita` has Krita's own Python do: colours each picture and hands out the pixels."""

import json
import os
import traceback
from pathlib import Path


def main(*_: object) -> None:
    work = json.loads(os.environ["TINTYPE_TRIAL"])
    folder = Path(work["folder"])
    try:
        _try(work, folder)
    except Exception:  # noqa: BLE001 (handed on; Krita would only log it)
        (folder / "error.txt").write_text(traceback.format_exc())


def _try(work: dict, folder: Path) -> None:
    from krita import Krita
    from tintype_color.extension import color_node
    from tintype_color.tintype_client import Client

    krita = Krita.instance()
    krita.setBatchmode(True)
    for name in work["pictures"]:
        document = krita.openDocument(str(folder / name))
        document.setColorSpace("RGBA", document.colorDepth(), "sRGB-elle-V2-srgbtrc.icc")
        document.waitForDone()
        (photo,) = document.topLevelNodes()
        area = 0, 0, document.width(), document.height()
        before = bytes(photo.pixelData(*area))
        layer = color_node(document, photo, Client(work["server"]), {})
        document.waitForDone()
        assert bytes(photo.pixelData(*area)) == before, "the photograph has changed"
        modes = [node.blendingMode() for node in document.topLevelNodes()]
        assert modes == ["normal", "color"], modes
        _hand_out(folder, name, photo=before, layer=layer.pixelData(*area), document=document)
    document = krita.openDocument(str(folder / work["layers"]))
    document.refreshProjection()
    document.waitForDone()
    modes = [node.blendingMode() for node in document.topLevelNodes()]
    assert modes == ["normal", "color"], modes
    _hand_out(folder, work["layers"], document=document)


def _hand_out(folder: Path, name: str, *, document: object, **pixels: bytes) -> None:
    area = 0, 0, document.width(), document.height()
    for what, data in {**pixels, "shown": document.pixelData(*area)}.items():
        (folder / f"{name}.{what}").write_bytes(bytes(data))
