"""The plug-in for GIMP 3, against a small GIMP that has what its API reference describes.

It was tried in GIMP 3.0.4 as well, with `make gimp`; GIMP 3 is in no Debian before 13.
"""

import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conftest import grey_pixels
from plugins.conftest import answering_with_another_size, loaded
from tintype.photo.decode import decode
from tintype.photo.formats import png_pixels


class Layer:
    def __init__(self, pixels: np.ndarray, name: str = "photo") -> None:
        self.pixels, self.name = pixels, name
        self.mode, self.opacity, self.visible = "NORMAL", 100.0, True
        self.offsets, self.parent = (0, 0), None

    @staticmethod
    def new_from_drawable(drawable: "Layer", _image: "Image") -> "Layer":
        copy = Layer(drawable.pixels.copy(), drawable.name)
        copy.mode, copy.opacity, copy.visible = drawable.mode, drawable.opacity, drawable.visible
        copy.offsets = drawable.offsets
        return copy

    def get_width(self) -> int:
        return self.pixels.shape[1]

    def get_height(self) -> int:
        return self.pixels.shape[0]

    def get_parent(self) -> None:
        return self.parent

    def get_offsets(self) -> tuple[bool, int, int]:
        return True, *self.offsets

    def set_offsets(self, x: int, y: int) -> None:
        self.offsets = x, y

    def set_name(self, name: str) -> None:
        self.name = name

    def set_mode(self, mode: object) -> None:
        self.mode = mode

    def set_opacity(self, opacity: float) -> None:
        self.opacity = opacity

    def set_visible(self, visible: bool) -> None:
        self.visible = visible


class Image:
    alive = 0

    def __init__(self, base: object, precision: object) -> None:
        self.base, self.precision = base, precision
        self.layers: list[Layer] = []
        self.profile: object = "profile of the image"
        self.groups: list[str] = []
        Image.alive += 1

    @staticmethod
    def new_with_precision(_w: int, _h: int, base: object, precision: object) -> "Image":
        return Image(base, precision)

    def get_base_type(self) -> object:
        return self.base

    def get_precision(self) -> object:
        return self.precision

    def get_effective_color_profile(self) -> object:
        return self.profile

    def set_color_profile(self, profile: object) -> bool:
        self.profile = profile
        return True

    def get_item_position(self, layer: Layer) -> int:
        return self.layers.index(layer)

    def insert_layer(self, layer: Layer, _parent: None, position: int) -> bool:
        self.layers.insert(position, layer)
        return True

    def convert_rgb(self) -> bool:
        self.base = Gimp.ImageBaseType.RGB
        return True

    def undo_group_start(self) -> None:
        self.groups.append("start")

    def undo_group_end(self) -> None:
        self.groups.append("end")

    def delete(self) -> None:
        Image.alive -= 1


class Config(dict):
    def get_property(self, name: str) -> object:
        return self[name]


class Procedure:
    def __init__(self, name: str, run: Callable[..., Any]) -> None:
        self.name, self.run = name, run
        self.arguments: dict[str, object] = {}

    @staticmethod
    def new(_plugin: object, name: str, _kind: object, run: object, _data: None) -> "Procedure":
        return Procedure(name, run)  # type: ignore[arg-type]

    def add_choice_argument(self, name: str, *rest: object) -> None:
        self.arguments[name] = rest[3]

    def add_string_argument(self, name: str, *rest: object) -> None:
        self.arguments[name] = rest[2]

    def new_return_values(self, status: object, error: object) -> tuple[object, object]:
        return status, error

    def __getattr__(self, name: str) -> object:
        assert name in {
            "set_image_types",
            "set_sensitivity_mask",
            "set_menu_label",
            "add_menu_path",
            "set_documentation",
            "set_attribution",
        }
        return lambda *_: None


class File:
    def __init__(self, path: str) -> None:
        self.path = Path(path)

    @staticmethod
    def new_for_path(path: str) -> "File":
        return File(path)


class Choice(dict):
    @staticmethod
    def new() -> "Choice":
        return Choice()

    def add(self, key: str, number: int, label: str, _help: str) -> None:
        self[key] = number, label


def words(name: str, *members: str) -> Any:
    return Enum(name, [(member, member) for member in members])


def save(_mode: object, image: Image, file: File, options: None) -> bool:
    assert options is None
    (layer,) = image.layers
    assert (layer.mode, layer.opacity, layer.visible) == (Gimp.LayerMode.NORMAL, 100, True)
    file.path.write_bytes(png_pixels.encode(layer.pixels))
    return True


def load(_mode: object, image: Image, file: File) -> Layer:
    assert image.base is Gimp.ImageBaseType.RGB
    return Layer(colors(file.path.read_bytes()), "photo.png")


def colors(data: bytes) -> np.ndarray:
    import io

    from PIL import Image as Pictures

    with Pictures.open(io.BytesIO(data)) as image:
        return np.asarray(image)


class GLibError(Exception):
    """Raised by GIMP's functions."""

    @property
    def message(self) -> str:
        return str(self)


SAID: list[str] = []
"""Messages to the user."""

Gimp: Any = SimpleNamespace(
    Choice=Choice,
    Image=Image,
    ImageProcedure=Procedure,
    Layer=Layer,
    PlugIn=object,
    ImageBaseType=words("ImageBaseType", "RGB", "GRAY", "INDEXED"),
    LayerMode=words("LayerMode", "NORMAL", "LCH_COLOR"),
    PDBProcType=words("PDBProcType", "PLUGIN"),
    PDBStatusType=words("PDBStatusType", "SUCCESS", "CANCEL", "CALLING_ERROR", "EXECUTION_ERROR"),
    ProcedureSensitivityMask=words("ProcedureSensitivityMask", "DRAWABLE"),
    RunMode=words("RunMode", "INTERACTIVE", "NONINTERACTIVE"),
    displays_flush=lambda: None,
    file_load_layer=load,
    file_save=save,
    message=SAID.append,
    progress_init=lambda _text: True,
)


@pytest.fixture
def plugin(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    gi = ModuleType("gi")
    gi.require_version = lambda _name, version: None  # type: ignore[attr-defined]
    repository = ModuleType("gi.repository")
    repository.Gimp = Gimp  # type: ignore[attr-defined]
    repository.Gio = SimpleNamespace(File=File)  # type: ignore[attr-defined]
    repository.GLib = SimpleNamespace(Error=GLibError)  # type: ignore[attr-defined]
    flags = SimpleNamespace(READWRITE=3)
    repository.GObject = SimpleNamespace(ParamFlags=flags)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gi", gi)
    monkeypatch.setitem(sys.modules, "gi.repository", repository)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield loaded(installed / "tintype-color" / "tintype-color.py", "tintype_gimp")
    sys.modules.pop("tintype_client", None)


@pytest.fixture
def photo() -> np.ndarray:
    return grey_pixels(40, 56)


def image_of(pixels: np.ndarray, base: object) -> tuple[Image, Layer]:
    image, layer = Image(base, "U8_NON_LINEAR"), Layer(pixels)
    layer.offsets, layer.opacity, layer.mode = (7, 9), 60.0, "SCREEN"
    image.layers = [Layer(pixels, "above"), layer, Layer(pixels, "below")]
    return image, layer


def called(
    plugin: ModuleType, image: Image, layers: list[Any], **config: object
) -> tuple[object, object]:
    procedure = plugin.Tintype().do_create_procedure(plugin.PROCEDURE)
    assert procedure.arguments.keys() == {"strength", "server"}
    given = Config({"strength": "model", "server": procedure.arguments["server"]} | config)
    mode = Gimp.RunMode.NONINTERACTIVE
    result: tuple[object, object] = procedure.run(procedure, mode, image, layers, given, None)
    return result


@pytest.mark.parametrize("base", ["RGB", "GRAY"])
def test_the_colors_lie_above_the_photograph_which_stays(
    plugin: ModuleType, server: str, photo: np.ndarray, base: str
) -> None:
    alive = Image.alive
    pixels = photo if base == "GRAY" else np.repeat(photo[..., None], 3, axis=2)
    image, layer = image_of(pixels, Gimp.ImageBaseType[base])
    status, error = called(plugin, image, [layer], server=server, strength="vivid")
    assert (status, error) == (Gimp.PDBStatusType.SUCCESS, None)
    assert SAID == []
    assert [each.name for each in image.layers] == ["above", plugin.NAME, "photo", "below"]
    colored = image.layers[1]
    assert colored.mode is Gimp.LayerMode.LCH_COLOR
    assert colored.offsets == (7, 9)
    assert np.ptp(colored.pixels[..., :3], axis=2).max() > 0
    (found,) = decode(png_pixels.encode(colored.pixels), name="")
    assert np.array_equal(found.grey, photo)
    assert np.array_equal(layer.pixels, pixels)
    assert (layer.mode, layer.opacity) == ("SCREEN", 60.0)
    assert image.base is Gimp.ImageBaseType.RGB
    assert image.groups == ["start", "end"]
    assert Image.alive == alive + 1  # the image itself: what was made to be sent is deleted


def test_notes_are_shown(
    plugin: ModuleType, server: str, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sys.modules["tintype_client"]
    monkeypatch.setattr(client, "_notes_of", lambda _header: ["One.", "Two."])
    image, layer = image_of(photo, Gimp.ImageBaseType.GRAY)
    assert called(plugin, image, [layer], server=server)[0] is Gimp.PDBStatusType.SUCCESS
    assert SAID.pop() == "One.\nTwo."


def test_what_goes_wrong_changes_nothing(plugin: ModuleType, photo: np.ndarray) -> None:
    image, layer = image_of(photo, Gimp.ImageBaseType.GRAY)
    status, error = called(plugin, image, [layer], server="http://127.0.0.1:9/")
    assert status is Gimp.PDBStatusType.EXECUTION_ERROR
    assert "tintype serve" in str(error)
    assert len(image.layers) == 3
    assert image.base is Gimp.ImageBaseType.GRAY
    assert image.groups == []


def test_another_size_is_refused_before_it_is_loaded(
    plugin: ModuleType, server: str, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering_with_another_size(sys.modules["tintype_client"], monkeypatch)
    image, layer = image_of(photo, Gimp.ImageBaseType.GRAY)
    status, error = called(plugin, image, [layer], server=server)
    assert status is Gimp.PDBStatusType.EXECUTION_ERROR
    assert "no PNG of 56 x 40 pixels" in str(error)
    assert image.groups == []
    assert image.base is Gimp.ImageBaseType.GRAY


@pytest.mark.parametrize("function", ["file_load_layer", "file_save"])
def test_an_error_of_gimp_is_a_message(
    plugin: ModuleType,
    server: str,
    photo: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    def fails(*_: object) -> None:
        raise GLibError("The file is corrupt.")

    monkeypatch.setattr(Gimp, function, fails)
    image, layer = image_of(photo, Gimp.ImageBaseType.GRAY)
    status, error = called(plugin, image, [layer], server=server)
    assert status is Gimp.PDBStatusType.EXECUTION_ERROR
    assert "The file is corrupt." in str(error)
    assert len(image.layers) == 3


def test_one_layer_has_to_be_selected(plugin: ModuleType, photo: np.ndarray) -> None:
    image, layer = image_of(photo, Gimp.ImageBaseType.GRAY)
    for layers in ([], [layer, layer], ["a channel"]):
        status, error = called(plugin, image, layers)
        assert status is Gimp.PDBStatusType.CALLING_ERROR
        assert "Select one layer" in str(error)


def test_it_is_found_by_its_name(plugin: ModuleType) -> None:
    made = plugin.Tintype()
    assert made.do_query_procedures() == ["plug-in-tintype-color"]
    assert made.do_create_procedure("plug-in-tintype-color").name == "plug-in-tintype-color"
    assert made.do_set_i18n("x") is False
