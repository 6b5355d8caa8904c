"""The plug-in for Krita, against a small Krita and the parts of Qt that it uses.

It was tried in Krita 5.1 as well, with `make krita`.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from conftest import grey_pixels
from plugins.conftest import answering_with_another_size
from tintype.photo.decode import decode
from tintype.photo.formats import png_chunks, png_pixels
from tintype.photo.formats.input_file import InputFile

Import = Callable[..., ModuleType]
DEPTHS = {"U8": np.uint8, "U16": np.uint16}


class QImage:
    """Pixels with four samples."""

    Format_RGBA8888, Format_RGBA64 = np.uint8, np.uint16

    def __init__(self, data: bytes, width: int, height: int, stride: int, kind: Any) -> None:
        assert stride == width * 4 * np.dtype(kind).itemsize
        self.pixels = np.frombuffer(data, kind).reshape(height, width, 4)

    @classmethod
    def of(cls, pixels: np.ndarray) -> "QImage":
        height, width = pixels.shape[:2]
        stride = pixels.dtype.itemsize * width * 4
        return cls(pixels.tobytes(), width, height, stride, pixels.dtype)

    @classmethod
    def fromData(cls, data: bytes, _form: str) -> "QImage":
        file = InputFile(data, "", 10**6)
        page = png_pixels.decode(file, png_chunks.read_chunks(data))
        rgb = np.asarray(page.picture)
        opaque = np.full(rgb.shape[:2], np.iinfo(rgb.dtype).max, rgb.dtype)
        return cls.of(np.dstack([rgb, opaque if page.alpha is None else page.alpha]))

    def convertToFormat(self, kind: Any) -> "QImage":
        assert self.pixels.dtype == kind
        return self

    def rgbSwapped(self) -> "QImage":
        return QImage.of(np.ascontiguousarray(self.pixels[..., [2, 1, 0, 3]]))

    def save(self, buffer: "QBuffer", form: str) -> bool:
        assert form == "PNG"
        buffer.data.extend(png_pixels.encode(self.pixels))
        return True

    def width(self) -> int:
        return self.pixels.shape[1]

    def height(self) -> int:
        return self.pixels.shape[0]

    def bytesPerLine(self) -> int:
        return self.pixels.strides[0]

    def sizeInBytes(self) -> int:
        return self.pixels.nbytes

    def constBits(self) -> "Bits":
        return Bits(self.pixels.tobytes())


class Bits(bytes):
    def setsize(self, size: int) -> None:
        assert size == len(self)


class QBuffer:
    def __init__(self, data: bytearray) -> None:
        self.data = data

    def open(self, _mode: object) -> bool:
        return True


class Node:
    def __init__(self, name: str, pixels: bytes = b"", parent: "Node | None" = None) -> None:
        self.name, self.pixels, self.parent = name, pixels, parent
        self.mode, self.children = "normal", [] if parent is None else None

    def projectionPixelData(self, *_area: int) -> bytes:
        return self.pixels

    def setPixelData(self, data: bytes, *_area: int) -> bool:
        self.pixels = bytes(data)
        return True

    def setBlendingMode(self, mode: str) -> None:
        self.mode = mode

    def parentNode(self) -> "Node":
        assert self.parent is not None
        return self.parent

    def addChildNode(self, child: "Node", above: "Node") -> bool:
        assert self.children is not None
        self.children.insert(self.children.index(above) + 1, child)
        return True


class Document:
    def __init__(self, grey: np.ndarray, *, model: str = "RGBA", depth: str = "") -> None:
        opaque = np.full(grey.shape, np.iinfo(grey.dtype).max, grey.dtype)
        self.shape, self.model = grey.shape, model
        self.depth = depth or {1: "U8", 2: "U16"}[grey.dtype.itemsize]
        self.root = Node("root")
        self.photo = Node("photo", np.dstack([grey] * 3 + [opaque]).tobytes(), self.root)
        self.root.children = [Node("below", b"", self.root), self.photo]

    def colorModel(self) -> str:
        return self.model

    def colorDepth(self) -> str:
        return self.depth

    def width(self) -> int:
        return self.shape[1]

    def height(self) -> int:
        return self.shape[0]

    def createNode(self, name: str, kind: str) -> Node:
        assert kind == "paintlayer"
        return Node(name, b"", self.root)

    def refreshProjection(self) -> None: ...

    def activeNode(self) -> Node:
        return self.photo


class Krita:
    extensions: ClassVar[list[Any]] = []
    document: ClassVar[Document | None] = None
    settings: ClassVar[dict[str, str]] = {}

    @staticmethod
    def instance() -> "type[Krita]":
        return Krita

    @classmethod
    def addExtension(cls, extension: Any) -> None:
        cls.extensions.append(extension)

    @classmethod
    def activeDocument(cls) -> Document | None:
        return cls.document

    @classmethod
    def readSetting(cls, group: str, name: str, default: str) -> str:
        assert group == "tintype"
        return cls.settings.get(name, default)


class Extension:
    def __init__(self, _parent: object) -> None: ...


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown to the user."""
    found: list[str] = []

    class Box:
        Warning = 2

        def __init__(self, icon: int, _title: str, text: str) -> None:
            assert icon == self.Warning
            self.text, self.format = text, "guessed"

        def setTextFormat(self, form: str) -> None:
            self.format = form

        def exec_(self) -> None:
            assert self.format == "plain"
            found.append(self.text)

    parts: dict[str, dict[str, object]] = {
        "krita": {"Krita": Krita, "Extension": Extension},
        "PyQt5": {},
        "PyQt5.QtCore": {
            "QBuffer": QBuffer,
            "QByteArray": bytearray,
            "QIODevice": SimpleNamespace(WriteOnly=2),
            "Qt": SimpleNamespace(PlainText="plain"),
        },
        "PyQt5.QtGui": {"QImage": QImage},
        "PyQt5.QtWidgets": {"QMessageBox": Box},
    }
    for name, members in parts.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Krita, "extensions", [])
    monkeypatch.setattr(Krita, "document", None)
    return found


@pytest.fixture
def extension(said: list[str], import_plugin: Import) -> Any:
    import_plugin("tintype_color")
    (found,) = Krita.extensions
    return found


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_colors_lie_above_the_photograph_which_stays(
    extension: Any, said: list[str], server: str, depth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = grey_pixels(40, 56).astype(DEPTHS[depth])
    if depth == "U16":
        grey = grey * np.uint16(251) + np.uint16(7)
    document = Document(grey)
    monkeypatch.setattr(Krita, "document", document)
    monkeypatch.setattr(Krita, "settings", {"server": server, "vividness": "vivid"})
    before = document.photo.pixels
    extension.color_active_layer()
    assert said == []
    assert document.root.children is not None
    below, photo, layer = document.root.children
    assert (below.name, photo.name, layer.mode) == ("below", "photo", "color")
    assert photo.pixels == before
    found = np.frombuffer(layer.pixels, grey.dtype).reshape(*grey.shape, 4)
    rgb = np.ascontiguousarray(found[..., [2, 1, 0]])
    assert np.ptp(rgb, axis=2).max() > 0
    assert np.array_equal(decode(png_pixels.encode(rgb), name="")[0].grey, grey)


def test_other_color_spaces_are_refused(extension: Any, said: list[str]) -> None:
    for more in ({"model": "GRAYA"}, {"model": "CMYKA"}, {"depth": "F32"}):
        Krita.document = Document(grey_pixels(8, 8), **more)
        extension.color_active_layer()
        assert "has to be RGB" in said.pop()


def test_what_goes_wrong_is_shown(
    extension: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Document(grey_pixels(8, 8))
    monkeypatch.setattr(Krita, "document", document)
    monkeypatch.setattr(Krita, "settings", {"server": "http://127.0.0.1:9"})
    extension.color_active_layer()
    assert "tintype serve" in said.pop()
    assert document.root.children is not None
    assert len(document.root.children) == 2


def test_notes_are_shown(
    extension: Any, said: list[str], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Krita, "document", Document(grey_pixels(8, 8)))
    monkeypatch.setattr(Krita, "settings", {"server": server})
    client = sys.modules["tintype_color.tintype_client"]
    monkeypatch.setattr(client, "_notes_of", lambda _header: ["One.", "Two."])
    extension.color_active_layer()
    assert said == ["One.\nTwo."]


def test_another_size_is_refused_before_it_is_decoded(
    extension: Any, said: list[str], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Document(grey_pixels(8, 8))
    monkeypatch.setattr(Krita, "document", document)
    monkeypatch.setattr(Krita, "settings", {"server": server})
    answering_with_another_size(sys.modules["tintype_color.tintype_client"], monkeypatch)
    monkeypatch.setattr(QImage, "fromData", None)
    extension.color_active_layer()
    assert "no PNG of 8 x 8 pixels" in said.pop()
    assert document.root.children is not None
    assert len(document.root.children) == 2


def test_without_a_document_nothing_happens(extension: Any, said: list[str]) -> None:
    extension.color_active_layer()
    assert said == []


def test_it_has_a_menu_entry(extension: Any) -> None:
    made = {}

    class Action:
        triggered = SimpleNamespace(connect=lambda slot: made.update(slot=slot))

    def create(name: str, label: str, menu: str) -> type[Action]:
        made.update(name=name, label=label, menu=menu)
        return Action

    extension.setup()
    extension.createActions(SimpleNamespace(createAction=create))
    assert made["menu"] == "tools/scripts"
    assert made["slot"] == extension.color_active_layer


def test_a_desktop_file_names_the_package(installed: Path) -> None:
    text = (installed / "tintype_color.desktop").read_text(encoding="utf-8")
    assert "X-KDE-Library=tintype_color\n" in text


def test_the_small_qt_reads_what_it_writes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4), np.uint8)
    data = bytearray()
    QImage.of(pixels).save(QBuffer(data), "PNG")
    assert np.array_equal(QImage.fromData(bytes(data), "PNG").pixels, pixels)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGBA"
