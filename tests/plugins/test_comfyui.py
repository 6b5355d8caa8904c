"""The node for ComfyUI; of ComfyUI and torch only what their documentation says of a tensor."""

import io
import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from conftest import grey_pixels
from plugins.conftest import png_header
from tintype.photo.photo import rgb_to_grey

Import = Callable[..., ModuleType]


class Tensor:
    """What the node needs of a tensor: `cpu().numpy()` and `new_tensor`."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.asarray(array, np.float32)

    def cpu(self) -> "Tensor":
        return self

    def numpy(self) -> np.ndarray:
        return self.array

    def new_tensor(self, array: np.ndarray) -> "Tensor":
        return Tensor(array)


@pytest.fixture
def node(import_plugin: Import) -> type:
    plugin = import_plugin("tintype_comfyui")
    assert plugin.NODE_DISPLAY_NAME_MAPPINGS.keys() == plugin.NODE_CLASS_MAPPINGS.keys()
    return plugin.NODE_CLASS_MAPPINGS["TintypeColor"]


def test_a_batch_is_colored_and_keeps_its_grey(node: type, server: str) -> None:
    grey = np.stack([grey_pixels(40, 56, seed=seed) for seed in range(2)])
    image = Tensor(np.repeat(grey[..., None], 3, axis=3) / 255)
    colored, certainty = node().color(image, "vivid", "fast", "3,4,dusty rose,2", server)
    assert colored.array.shape == (2, 40, 56, 3)
    assert certainty.array.shape == (2, 40, 56)
    assert colored.array.dtype == certainty.array.dtype == np.float32
    assert 0 <= certainty.array.min() < certainty.array.max() <= 1
    for before, after in zip(grey, colored.array, strict=True):
        assert np.ptp(after, axis=-1).max() > 0
        assert np.array_equal(rgb_to_grey(np.rint(after * 255).astype(np.uint8)), before)


def test_the_inputs_are_those_of_the_function(node: type) -> None:
    inputs = node.INPUT_TYPES()
    names = [*inputs["required"], *inputs["optional"]]
    code = getattr(node, node.FUNCTION).__code__
    assert list(code.co_varnames[1 : code.co_argcount]) == names
    assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == 2


def test_what_goes_wrong_is_said(node: type, server: str) -> None:
    image = Tensor(np.zeros((1, 8, 8, 3)))
    with pytest.raises(Exception, match="not understood"):
        node().color(image, "vivid", "fast", "red", server)
    with pytest.raises(Exception, match="dusty rose"):
        node().color(image, "vivid", "fast", "1,1,dusty rosse", server)


def test_notes_are_logged(node: type, server: str, caplog: pytest.LogCaptureFixture) -> None:
    image = Tensor(np.ones((1, 8, 8, 3)))
    node().color(image, "vivid", "fast", "3,4,#2030c0", server)
    assert "Colour with Tintype: The colour of the hint at 3,4" in caplog.text


def png(mode: str, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("which", [0, 1], ids=["photograph", "map"])
@pytest.mark.parametrize("what", ["cut off", "header alone", "two headers", "text", "large"])
def test_a_damaged_answer_is_one_message(
    node: type, server: str, monkeypatch: pytest.MonkeyPatch, what: str, which: int
) -> None:
    client = sys.modules["tintype_comfyui.tintype_client"]
    kind, mode = [(2, "RGB"), (0, "L")][which]
    header, whole, large = png_header(8, 8, kind=kind), png(mode, (8, 8)), png(mode, (900, 9))
    answer = {
        "cut off": whole[:-30],
        "header alone": header,
        "two headers": header + large[8:],
        "text": b"text",
        "large": large,
    }[what]
    post, end = client.Client._post, ["/file", "/certainty"][which]

    def answered(self: object, path: str, *rest: object, **query: object) -> object:
        found = post(self, path, *rest, **query)
        return found._replace(body=answer) if path.endswith(end) else found

    monkeypatch.setattr(client.Client, "_post", answered)
    with pytest.raises(client.TintypeError, match=r"damaged picture|no PNG of 8 x 8"):
        node().color(Tensor(np.zeros((1, 8, 8, 3))), "vivid", "fast", "", server)
