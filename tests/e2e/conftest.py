"""A browser, a server and photographs, for the tests of the page."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image

from e2e.states import Material, material
from e2e.visits import SIZE, TINY, Visit
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Chromium, as Debian packages it")
    with playwright.sync_playwright() as started:
        switches = ["--disable-gpu", "--disable-background-networking", "--disable-quic"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            switches.append("--no-sandbox")
        running = started.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield running
        running.close()


@pytest.fixture(scope="module")
def model() -> str:
    """The model of the server, where a file of tests wants another one."""
    return "tiny"


@pytest.fixture(scope="module")
def url(model: str) -> Iterator[str]:
    with serving(ServerOptions(port=0, model=TINY.replace("tiny", model))) as server:
        yield server.url


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    camera = Image.fromarray(skimage.data.camera()).resize(SIZE)
    camera.save(folder / "camera.png")
    camera.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirrored.jpg")
    (folder / "letter.jpg").write_bytes(b"Dear grandmother,")
    return folder


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """What a visit of every state needs."""
    pictures = [
        Image.fromarray(pixels).resize((320, 240))
        for pixels in (skimage.data.chelsea(), skimage.data.astronaut())
    ]
    return material(tmp_path_factory.mktemp("brought"), pictures)


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Callable[..., Visit]]:
    """Opens the page; at the end nothing may have gone wrong, and nothing been asked elsewhere."""
    visits: list[Visit] = []
    contexts = []

    def arrive(*, keeps: bool = True, **how: Any) -> Visit:
        how = {"viewport": {"width": 1280, "height": 800}} | how
        contexts.append(browser.new_context(accept_downloads=True, **how))
        if not keeps:
            contexts[-1].add_init_script("indexedDB.open = () => { throw new Error('private'); }")
        visits.append(Visit(contexts[-1].new_page(), url))
        return visits[-1]

    yield arrive
    for one in visits:
        assert one.faults == []
        assert one.asked
        for address in one.asked:
            assert address.startswith((url, f"blob:{url}")), address
    for context in contexts:
        context.close()
