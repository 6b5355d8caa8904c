"""The page in a real browser: all that a person does with it, and nothing that leaves."""

import base64
import io
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.engine.predict import Engine
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packages it")

TINY = str(Path(__file__).parents[1] / "engine" / "tiny.onnx")
SIZE = (640, 480)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        switches = ["--disable-gpu", "--disable-background-networking", "--disable-quic"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            switches.append("--no-sandbox")
        running = started.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield running
        running.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(ServerOptions(port=0, model=TINY)) as server:
        yield server.url


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    camera = Image.fromarray(skimage.data.camera()).resize(SIZE)
    camera.save(folder / "camera.png")
    camera.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirrored.jpg")
    (folder / "letter.jpg").write_bytes(b"Dear grandmother,")
    return folder


class Visit:
    """One person at the page.

    Attributes:
        page: Playwright's.
        url: Where the page is.
        asked: Every address that the browser asked for.
        faults: What went wrong in the page's script.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._listen)
        page.goto(url)
        page.wait_for_selector("body[data-ready]")

    def _listen(self, message: Any) -> None:
        # A refused picture is reported by the browser itself, as a failed request.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def drop(self, *paths: Path) -> None:
        self.page.set_input_files("#files", [str(path) for path in paths])
        self.rested()

    def rested(self) -> None:
        """Until every photograph is coloured or refused, and the picture is settled."""
        self.page.wait_for_selector("#film .frame")
        for _ in range(100):
            if not self.page.locator("#film .state:visible:has-text('ing')").count():
                break
            self.page.wait_for_timeout(100)
        self.settled()

    def settled(self) -> None:
        """Until nothing is asked for and what is shown no longer changes."""
        last = ""
        for _ in range(60):
            self.page.wait_for_timeout(250)
            now = self.shown()
            busy = self.page.locator("#after").get_attribute("aria-busy")
            if now == last and now and not busy:
                return
            last = now
        raise AssertionError("the picture never came to rest")

    def shown(self) -> str:
        found: str = self.page.locator("#after").evaluate("image => image.currentSrc")
        return found

    def pixels(self) -> np.ndarray:
        """(H, W, 3) the coloured picture as it is shown."""
        address = self.page.locator("#after").evaluate(
            """image => {
              const canvas = document.createElement('canvas');
              canvas.width = image.naturalWidth;
              canvas.height = image.naturalHeight;
              canvas.getContext('2d').drawImage(image, 0, 0);
              return canvas.toDataURL('image/png');
            }"""
        )
        data = base64.b64decode(address.split(",")[1])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def forget_on_server(self) -> None:
        """As a server that was started again: it knows none of the photographs."""
        asked = {re.search(r"/v1/photos/([^/?]+)", address) for address in self.asked}
        for name in {found[1] for found in asked if found}:
            self.page.evaluate("id => fetch(`v1/photos/${id}`, { method: 'DELETE' })", name)

    def tool(self, name: str) -> None:
        self.page.locator(f'input[name="tool"][value="{name}"]').check(force=True)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place of the sheet, in shares of it, as the mouse counts."""
        box = self.page.locator("#sheet").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def move(self, selector: str, value: float) -> None:
        self.page.locator(selector).evaluate(
            "(it, value) => { it.value = value; it.dispatchEvent(new Event('input')); }",
            value,
        )

    def save(self) -> tuple[str, bytes]:
        with self.page.expect_download() as waiting:
            self.page.locator("#download").click()
        download = waiting.value
        return download.suggested_filename, Path(download.path()).read_bytes()


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


def grey_of(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).convert("L"), int)


def test_from_drop_to_download(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    assert person.page.locator("#welcome").is_visible()
    assert "JPEG 2000" in person.page.locator("#readable").inner_text()
    for chooser in ("#files", "#reference-file"):
        accepted = person.page.locator(chooser).get_attribute("accept").split(",")
        assert {"image/jpeg", ".tif", ".jp2", ".heic"} <= set(accepted)
    person.drop(files / "camera.png")
    assert not person.page.locator("#welcome").is_visible()
    shown = person.pixels()
    camera = np.asarray(Image.open(files / "camera.png"))
    assert shown.shape == (*camera.shape, 3)
    assert np.abs(grey_of(shown) - camera).mean() < 2
    assert np.ptp(shown.astype(int), axis=-1).max() > 8
    name, data = person.save()
    assert name == "camera.color.png"
    saved = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(grey_of(saved), camera)
    assert np.abs(saved.astype(int) - shown).mean() < 4


def test_the_slider_compares(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")

    def colorful(x: float) -> bool:
        """Whether a piece of the screen around a place of the photograph has colours."""
        left, top = person.at(x, 0.5)
        clip = {"x": left - 20, "y": top - 60, "width": 40, "height": 30}
        shot = Image.open(io.BytesIO(person.page.screenshot(clip=clip))).convert("RGB")
        return bool(np.ptp(np.asarray(shot, int), axis=-1).max() > 12)

    assert [colorful(0.25), colorful(0.75)] == [False, True]
    person.move("#compare", 100)
    assert not colorful(0.75)
    person.page.locator("#compare").focus()
    person.page.keyboard.press("Home")
    assert colorful(0.25)
    text = person.page.locator("#compare").get_attribute("aria-valuetext")
    assert text == "0 percent grey"


def test_a_slider_moves_without_a_new_inference(
    visit: Callable[..., Visit], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels()

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked again")

    monkeypatch.setattr(Engine, "predict", refuse)
    person.move("#vividness", 1.6)
    person.settled()
    vivid = person.pixels()
    assert np.ptp(vivid.astype(int), axis=-1).mean() > np.ptp(before.astype(int), axis=-1).mean()
    person.move("#warmth", 1)
    person.settled()
    assert (person.pixels().astype(int) - vivid)[..., 2].mean() < 0
    assert person.page.locator("#warmth-out").text_content() == "+1.00"


def test_looking_at_a_place_changes_nothing(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels()
    person.tool("hint")
    for leave in ("Escape", "#picker-close", "#done"):
        person.page.mouse.click(*person.at(0.25, 0.25))
        person.page.wait_for_selector("#suggestions button")
        assert person.page.locator("#marks .draft").count() == 1
        if leave.startswith("#"):
            person.page.locator(leave).click()
        else:
            person.page.keyboard.press(leave)
        assert not person.page.locator("#picker").is_visible()
        assert person.page.locator("#marks > *").count() == 0
    # A double click is one place, too.
    person.page.mouse.dblclick(*person.at(0.25, 0.25))
    person.page.wait_for_selector("#suggestions button")
    assert person.page.locator("#marks > *").count() == 1
    person.page.keyboard.press("Escape")
    person.settled()
    np.testing.assert_array_equal(person.pixels(), before)
    assert not person.page.locator("#undo").is_enabled()


def test_a_hint_is_moved_cancelled_and_deleted(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.tool("hint")
    person.page.mouse.click(*person.at(0.25, 0.25))
    person.page.locator("#suggestions button").nth(1).click()
    person.page.locator("#done").click()
    person.settled()
    mark = person.page.locator("#marks button")

    def place() -> tuple[float, float]:
        style = mark.evaluate("mark => [mark.style.left, mark.style.top]")
        return float(style[0].rstrip("%")), float(style[1].rstrip("%"))

    assert place() == pytest.approx((25, 25), abs=1)
    chosen = person.pixels()
    # Other colours are tried, and given up.
    mark.click()
    person.page.locator("#suggestions button").nth(0).click()
    person.page.keyboard.press("Escape")
    person.settled()
    np.testing.assert_array_equal(person.pixels(), chosen)
    # It follows the pointer; the photograph beside it is not covered by the dialog.
    mark.hover()
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.5, 0.6), steps=4)
    person.page.mouse.up()
    assert place() == pytest.approx((50, 60), abs=1)
    person.settled()
    assert not person.page.locator("#picker").is_visible()
    mark.focus()
    person.page.keyboard.press("Shift+ArrowRight")
    assert place()[0] > 51
    person.page.keyboard.press("Delete")
    person.settled()
    assert mark.count() == 0


def test_the_picker_stands_beside_the_photograph(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.tool("hint")
    person.page.mouse.click(*person.at(0.9, 0.5))
    person.page.wait_for_selector("#suggestions button")
    picker = person.page.locator("#picker").bounding_box()
    sheet = person.page.locator("#sheet").bounding_box()
    assert picker["x"] >= sheet["x"] + sheet["width"]


def test_the_brush_stays_where_it_paints(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels().astype(int)
    person.tool("brush")
    person.page.locator("#reach").evaluate(
        "field => { field.value = '0'; field.dispatchEvent(new Event('input')); }"
    )
    assert person.page.locator("#reach-out").text_content() == "only here"
    person.page.mouse.move(*person.at(0.2, 0.3))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.3, 0.3), steps=5)
    person.page.mouse.up()
    person.settled()
    moved = np.abs(person.pixels().astype(int) - before).max(axis=-1) > 12
    assert 0.002 < moved.mean() < 0.04
    assert not moved[:, int(0.5 * moved.shape[1]) :].any()


def test_a_hint_its_suggestions_and_undo(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels()
    person.tool("hint")
    person.page.mouse.click(*person.at(0.25, 0.25))
    person.page.wait_for_selector("#suggestions button")
    assert person.page.locator("#picker").is_visible()
    assert person.page.locator("#suggestions button").count() >= 2
    shares = person.page.locator("#suggestions button").all_inner_texts()
    assert all(re.search(r"\d+ %", share) for share in shares)
    person.page.locator("#exact").evaluate(
        "field => { field.value = '#3060d0'; field.dispatchEvent(new Event('input')); }"
    )
    person.settled()
    hinted = person.pixels()
    y, x = 120, 160
    assert hinted[y, x, 2] > int(hinted[y, x, 0]) + 25
    assert person.page.locator("#marks button").count() == 1
    # A suggestion is taken by a click, and a step back by the keyboard.
    person.page.locator("#suggestions button").nth(1).click()
    person.settled()
    assert np.abs(person.pixels()[y, x].astype(int) - hinted[y, x]).sum() > 10
    person.page.locator("#done").click()
    for _ in range(12):
        if not person.page.locator("#undo").is_enabled():
            break
        person.page.keyboard.press("Control+z")
    person.settled()
    assert person.page.locator("#marks button").count() == 0
    np.testing.assert_array_equal(person.pixels(), before)
    person.page.keyboard.press("Control+Shift+z")
    person.settled()
    assert person.page.locator("#marks button").count() == 1


def test_the_wheel_by_keyboard_and_by_mouse(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.page.keyboard.press("2")
    person.page.locator("#sheet").focus()
    person.page.keyboard.press("ArrowRight")
    person.page.keyboard.press("Enter")
    person.page.wait_for_selector("#suggestions button")
    wheel = person.page.locator("#wheel")
    box = wheel.bounding_box()
    person.page.mouse.click(box["x"] + box["width"] * 0.95, box["y"] + box["height"] / 2)
    assert int(wheel.get_attribute("aria-valuenow")) in {0, 1, 359}
    wheel.focus()
    for _ in range(20):
        person.page.keyboard.press("ArrowRight")
    assert abs(int(wheel.get_attribute("aria-valuenow")) - 120) <= 2
    person.settled()
    mark = person.page.locator("#marks button").get_attribute("style")
    assert "background" in mark
    person.page.locator("#remove").click()
    assert person.page.locator("#marks button").count() == 0


def test_strokes_and_palettes(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.tool("grey")
    person.move("#brush-size", 30)
    person.page.mouse.move(*person.at(0.3, 0.2))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.7, 0.2), steps=6)
    person.page.mouse.up()
    person.settled()
    middle = person.pixels()[96, 240:400].astype(int)
    assert np.ptp(middle, axis=-1).mean() < 3  # JPEG
    person.tool("brush")
    person.page.locator("#brush-color").fill("#b04040")
    person.page.mouse.move(*person.at(0.3, 0.85))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.7, 0.85), steps=6)
    person.page.mouse.up()
    person.settled()
    painted = person.pixels()[408, 240:400].astype(int)
    assert (painted[:, 0] - painted[:, 2]).mean() > 10
    before = person.pixels()
    looks = person.page.locator("#palettes label:visible")
    person.page.wait_for_function(
        """() => [...document.querySelectorAll('#palettes label:not([hidden]) img')]
          .every(picture => picture.src)"""
    )
    names = person.page.locator("#palettes label:visible span").all_inner_texts()
    assert names[0] == "Suggested"
    assert len(names) == len(set(names)) >= 2
    assert not re.search(r"[\d%…]", "".join(names))
    # Pointed at, a look is shown large and changes nothing; chosen, it is the photograph's.
    large = person.page.locator("#look")
    looks.nth(1).hover()
    assert large.is_visible()
    person.page.mouse.move(5, 5)
    assert not large.is_visible()
    np.testing.assert_array_equal(person.pixels(), before)
    looks.nth(1).locator("input").check(force=True)
    assert not large.is_visible()
    person.settled()
    assert np.abs(person.pixels().astype(int) - before).mean() > 0.5


def test_where_it_guesses(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    hatching, legend = person.page.locator("#certainty"), person.page.locator("#legend")

    def hatched() -> float:
        """The share of the photograph that is hatched."""
        share: float = hatching.evaluate(
            """c => {
              const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);
              let count = 0;
              for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
              return count / (data.length / 4);
            }"""
        )
        return share

    # For as long as a key is held.
    person.page.keyboard.down("g")
    person.page.wait_for_function("() => document.querySelector('#certainty').width > 300")
    assert legend.is_visible()
    assert 0 < hatched() < 0.2
    person.page.keyboard.up("g")
    assert not hatching.is_visible()
    assert not legend.is_visible()
    # It lies over the grey photograph, and a click is a hint with any tool.
    person.page.locator("#show-certainty").check()
    assert hatching.is_visible()
    covered = "e => getComputedStyle(e).clipPath"
    assert person.page.locator("#before").evaluate(covered) == "none"
    for tool in ("compare", "brush", "grey"):
        person.tool(tool)
        person.page.mouse.click(*person.at(0.3, 0.4))
        person.page.wait_for_selector("#suggestions button")
        assert not hatching.is_visible()  # while a colour is chosen, colours are seen
        person.page.keyboard.press("Escape")
        assert hatching.is_visible()
    assert not person.page.locator("#undo").is_enabled()
    person.page.locator("#show-certainty").uncheck()
    assert not hatching.is_visible()


def test_several_photographs_and_a_bad_one(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png", files / "letter.jpg", files / "mirrored.jpg")
    frames = person.page.locator("#film .frame")
    assert frames.count() == 3
    frames.nth(1).click()
    failure = person.page.locator("#failure")
    assert "letter.jpg is not a picture" in failure.inner_text()
    assert person.page.locator("#download").is_disabled()
    frames.nth(2).click()
    assert not failure.is_visible()
    person.settled()
    assert person.save()[0] == "mirrored.color.jpg"
    # Each keeps its own settings.
    person.move("#vividness", 0.3)
    frames.nth(0).click()
    assert person.page.locator("#vividness").input_value() != "0.3"
    person.page.locator("#film .remove").nth(1).click()
    assert frames.count() == 2


def test_a_sheet_of_keys(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    sheet = person.page.locator("#keys")
    person.page.keyboard.press("?")
    assert sheet.is_visible()
    person.page.keyboard.press("?")
    assert not sheet.is_visible()
    person.drop(files / "camera.png")
    person.page.locator("#help").click()
    text = sheet.inner_text()
    for key in ("G", "Ctrl", "Delete", "[", "?"):
        assert key in text
    # What lies below it is not reached by keys.
    person.page.keyboard.press("3")
    assert person.page.locator('input[name="tool"]:checked').get_attribute("value") == "compare"
    person.page.keyboard.press("Escape")
    assert not sheet.is_visible()
    person.page.keyboard.press("3")
    assert person.page.locator('input[name="tool"]:checked').get_attribute("value") == "brush"


def test_what_is_known_of_a_photograph_is_said(
    visit: Callable[..., Visit], files: Path, tmp_path: Path
) -> None:
    astronaut = Image.fromarray(skimage.data.astronaut()).resize((160, 160))
    astronaut.save(tmp_path / "colours.gif")
    pages = [astronaut.convert("L"), astronaut.convert("L").rotate(180)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    person = visit()
    person.drop(files / "camera.png", tmp_path / "colours.gif", tmp_path / "pages.tif")
    notes = person.page.locator("#notes")
    frames = person.page.locator("#film .frame")
    frames.nth(0).click()
    assert not notes.is_visible()
    frames.nth(1).click()
    said = notes.inner_text()
    assert "Already in colour" in said
    assert "Saved as PNG" in said
    assert "GIF" in said
    frames.nth(2).click()
    assert notes.inner_text().startswith("Page 1 of 2.")
    person.settled()


def test_what_goes_wrong_is_said_and_stays(
    visit: Callable[..., Visit], files: Path, tmp_path: Path
) -> None:
    person = visit()
    failure, notice = person.page.locator("#failure"), person.page.locator("#notice")
    # A folder, as a browser gives it: it has a name, and cannot be read.
    person.page.evaluate(
        """() => {
          const slice = Blob.prototype.slice;
          Blob.prototype.slice = function (...range) {
            const part = slice.apply(this, range);
            if (this.name === 'album') part.arrayBuffer = () => Promise.reject(new Error('folder'));
            return part;
          };
        }"""
    )
    (tmp_path / "album").write_bytes(b"what is read of a folder")
    person.page.set_input_files("#files", str(tmp_path / "album"))
    failure.wait_for(state="visible")
    assert "album cannot be read: it is a folder" in failure.inner_text()
    assert "select all" in failure.inner_text()
    # A good photograph is shown in its place.
    person.drop(files / "camera.png")
    assert not failure.is_visible()
    assert person.page.locator("#sheet").is_visible()
    # What was not done is said without a spinner, until somebody has read it.
    before = person.pixels()
    person.page.route("**/preview?*", lambda route: route.abort())
    person.move("#vividness", 1.9)
    notice.wait_for(state="visible")
    assert "camera.png does not show these settings yet." in notice.inner_text()
    assert "tintype serve" in notice.inner_text()
    assert notice.get_attribute("role") == "alert"
    assert notice.locator(".spinner").count() == 0
    person.page.wait_for_timeout(9000)
    assert notice.is_visible()
    person.page.unroute("**/preview?*")
    person.page.locator("#notice-again").click()
    person.settled()
    assert not notice.is_visible()
    assert np.abs(person.pixels().astype(int) - before).mean() > 0.2


def test_a_photograph_that_was_let_go_comes_back(
    visit: Callable[..., Visit], files: Path, url: str
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.page.evaluate(
        """async () => {
          const real = window.fetch;
          window.fetch = async (path, how) => {
            if (path.endsWith('preview?side=640') && !window.forgot) {
              window.forgot = true;
              await real(path.split('/preview')[0], { method: 'DELETE' });
            }
            return real(path, how);
          };
        }"""
    )
    before = person.pixels()
    person.move("#vividness", 1.5)
    person.settled()
    assert person.page.evaluate("() => window.forgot")
    assert np.abs(person.pixels().astype(int) - before).mean() > 0.2


def held_predictions(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Predictions wait until the event is set."""
    gate = threading.Event()
    predict = Engine.predict

    def slow(engine: Engine, *rest: Any) -> Any:
        gate.wait(20)
        return predict(engine, *rest)

    monkeypatch.setattr(Engine, "predict", slow)
    return gate


def test_a_full_queue_is_waited_for(
    browser: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held_predictions(monkeypatch)
    with serving(ServerOptions(port=0, model=TINY, jobs=1, waiting=0)) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("body[data-ready]")
        paths = [str(files / "camera.png"), str(files / "mirrored.jpg")]
        page.set_input_files("#files", paths)
        page.wait_for_selector("#film .state:has-text('queued')")
        gate.set()
        page.wait_for_selector("#film .state", state="hidden", timeout=20_000)
        for _ in range(100):
            if page.locator("#film .state:visible").count() == 0:
                break
            page.wait_for_timeout(100)
        assert page.locator("#film .frame.bad").count() == 0
        context.close()


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_photograph_is_there_at_once_and_colour_sweeps_over_it(
    browser: Any, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, motion: str
) -> None:
    astronaut = Image.fromarray(skimage.data.astronaut())
    astronaut.save(tmp_path / "astronaut.png")
    gate = held_predictions(monkeypatch)
    with serving(ServerOptions(port=0, model=TINY)) as server:
        context = browser.new_context(reduced_motion=motion)
        person = Visit(context.new_page(), server.url)
        # How far the grey reaches, in percent, whenever it is drawn.
        person.page.evaluate(
            """() => {
              window.shares = [];
              const sheet = document.querySelector('#sheet');
              const note = () => {
                shares.push(parseFloat(getComputedStyle(sheet).getPropertyValue('--share')));
                requestAnimationFrame(note);
              };
              note();
            }"""
        )
        person.page.set_input_files("#files", str(tmp_path / "astronaut.png"))
        before = person.page.locator("#before")
        before.wait_for(state="visible")
        box = person.page.locator("#sheet").bounding_box()
        shot = person.page.screenshot(clip=box | {"height": box["height"] / 2})
        pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int)
        assert np.ptp(pixels, axis=-1).max() <= 2
        assert pixels.std() > 20
        gate.set()
        person.page.wait_for_function("() => shares.at(-1) === 50")
        person.settled()
        between = [share for share in person.page.evaluate("shares") if 51 < share < 99]
        assert bool(between) == (motion == "no-preference")
        assert "own" not in (before.get_attribute("class") or "")
        # What the browser cannot show comes from the server.
        astronaut.convert("L").save(tmp_path / "astronaut.tif")
        person.page.set_input_files("#files", str(tmp_path / "astronaut.tif"))
        person.page.locator("#film .frame").nth(1).click()
        person.settled()
        assert before.evaluate("image => image.naturalWidth") == 512
        assert person.faults == []
        context.close()


def test_colours_of_another_picture(browser: Any, files: Path, tmp_path: Path) -> None:
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "portrait.png")
    with serving(ServerOptions(port=0, model=TINY.replace("tiny", "tiny-features"))) as server:
        context = browser.new_context()
        person = Visit(context.new_page(), server.url)
        person.drop(files / "camera.png")
        before = person.pixels()
        person.page.set_input_files("#reference-file", str(tmp_path / "portrait.png"))
        person.page.wait_for_selector("#reference img")
        person.settled()
        assert np.abs(person.pixels().astype(int) - before).mean() > 0.3
        assert "portrait.png" in person.page.locator("#reference").inner_text()
        person.page.locator("#reference-clear").click()
        person.settled()
        np.testing.assert_array_equal(person.pixels(), before)
        person.page.set_input_files("#reference-file", str(files / "camera.png"))
        notice = person.page.locator("#notice.bad")
        notice.wait_for(state="visible")
        assert "camera.png" in notice.inner_text()
        assert person.faults == []
        context.close()


def test_on_a_telephone_by_touch(visit: Callable[..., Visit], files: Path) -> None:
    person = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    person.drop(files / "camera.png")
    wide = person.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390
    person.page.locator('label:has(input[value="hint"])').tap()
    person.page.touchscreen.tap(*person.at(0.4, 0.4))
    person.page.wait_for_selector("#suggestions button")
    box = person.page.locator("#picker").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 844
    person.page.locator("#suggestions button").first.tap()
    person.page.locator("#done").tap()
    person.settled()
    assert person.page.locator("#marks button").count() == 1


def test_everything_has_a_name_for_screen_readers(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    nameless = person.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, canvas[role]')]
          .filter(e => e.offsetParent && !e.hidden)
          .filter(e => !(e.getAttribute('aria-label') || e.innerText?.trim() || e.title ||
                         e.labels?.length || e.closest('[aria-label]')))
          .map(e => e.outerHTML)"""
    )
    assert nameless == []
    live = person.page.locator("#live")
    assert live.get_attribute("aria-live") == "polite"


def test_which_is_real_by_keyboard(browser: Any, tmp_path: Path) -> None:
    truth = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((160, 160)))
    for k in range(2):
        Image.fromarray(np.roll(truth, 20 * k, axis=1)).save(tmp_path / f"{k}.png")
    with serving(ServerOptions(port=0, model=TINY, pairs=tmp_path)) as server:
        context = browser.new_context(accept_downloads=True)
        page = context.new_page()
        page.goto(f"{server.url}which-is-real")
        page.wait_for_selector("#left:enabled")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#next:enabled")
        assert page.locator(".real").count() == 1
        assert "of 1 times" in page.locator("#rate").inner_text()
        page.keyboard.press(" ")
        page.wait_for_selector("#left:enabled")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#next:enabled")
        with page.expect_download() as waiting:
            page.locator("#results").click()
        assert Path(waiting.value.path()).read_text().count("\n") == 3
        context.close()


def test_a_reload_loses_nothing(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    page = person.page
    assert not page.locator("#offer").is_visible()
    person.drop(files / "camera.png", files / "mirrored.jpg")
    person.move("#warmth", 1)
    person.settled()
    warm = person.pixels()
    page.wait_for_timeout(800)  # longer than it takes until a change is kept
    for leave in ("reload", "back"):
        if leave == "reload":
            page.reload()
        else:
            page.goto(f"{person.url}which-is-real")
            page.go_back()
        page.wait_for_selector("body[data-ready]")
        assert "2 photographs" in page.locator("#offer-text").inner_text()
        if leave == "reload":
            # The server has let everything go.
            person.forget_on_server()
        page.locator("#continue").click()
        person.settled()
        assert page.locator("#film .frame").count() == 2
        assert page.locator("#warmth").input_value() == "1"
        np.testing.assert_array_equal(person.pixels(), warm)
        assert page.locator("#before").evaluate("image => image.naturalWidth") > 0
    # In another tab what is open here is not offered.
    beside = page.context.new_page()
    beside.goto(person.url)
    beside.wait_for_selector("body[data-ready]")
    beside.wait_for_selector("#offer", state="hidden")
    beside.close()
    page.locator("#undo").click()
    person.settled()
    assert page.locator("#warmth").input_value() == "0"
    assert person.save()[0] == "camera.color.png"


def test_only_work_that_is_not_kept_is_warned_about(
    visit: Callable[..., Visit], files: Path
) -> None:
    warns = """() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"""
    person = visit()
    assert not person.page.evaluate(warns)
    person.drop(files / "camera.png")
    person.page.wait_for_timeout(800)
    assert not person.page.evaluate(warns)
    # In a browser that keeps nothing all else works.
    alone = visit(keeps=False)
    alone.drop(files / "camera.png")
    alone.page.wait_for_timeout(800)
    assert alone.page.evaluate(warns)
    alone.save()
    assert not alone.page.evaluate(warns)
    alone.move("#warmth", 1)
    assert alone.page.evaluate(warns)


def test_the_cross_can_be_undone(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    page = person.page
    person.drop(files / "camera.png", files / "mirrored.jpg")
    person.move("#vividness", 0.4)
    person.settled()
    pale = person.pixels()
    frames = page.locator("#film .frame")
    page.locator("#film .remove").first.focus()
    page.keyboard.press("Enter")
    assert frames.count() == 1
    page.locator("#film .remove").first.click()
    assert page.locator("#welcome").is_visible()
    assert "2 photographs removed" in page.locator("#toast").inner_text()
    page.locator("#toast button").focus()
    page.keyboard.press("Enter")
    assert not page.locator("#toast").is_visible()
    assert frames.count() == 2
    person.settled()
    frames.first.click()
    person.settled()
    np.testing.assert_array_equal(person.pixels(), pale)
    # What is not brought back is not kept either.
    page.locator("#film .remove").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#toast') !== null")
    page.wait_for_selector("#toast", state="hidden", timeout=15_000)
    assert page.evaluate("document.activeElement.matches('#film .frame')")
    page.wait_for_timeout(800)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert "mirrored.jpg" in page.locator("#offer-text").inner_text()
    page.locator("#forget").click()
    page.wait_for_selector("#offer", state="hidden")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert not page.locator("#offer").is_visible()


def test_an_album_from_a_folder_to_one_zip(
    visit: Callable[..., Visit], files: Path, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    (album / "inner").mkdir(parents=True)
    for name in ("camera.png", "inner/camera.png", ".hidden.png"):
        shutil.copy(files / "camera.png", album / name)
    shutil.copy(files / "mirrored.jpg", album)
    (album / "list.txt").write_text("aunt, uncle")
    person = visit(viewport={"width": 1280, "height": 800})
    page = person.page
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(album)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
    page.wait_for_selector("#film .frame >> nth=2")
    assert "list.txt" in page.locator("#toast").inner_text()
    frames = page.locator("#film .frame")
    assert frames.count() == 3
    person.rested()

    # The keyboard goes from one to the next, and stops at the ends.
    def shown() -> int:
        current = frames.evaluate_all("all => all.map(one => one.getAttribute('aria-current'))")
        return int(current.index("true"))

    assert shown() == 0
    seen = []
    for key in ("ArrowRight", "n", "n", "ArrowLeft", "p", "p"):
        page.keyboard.press(key)
        seen.append(shown())
    assert seen == [1, 2, 2, 1, 0, 0]
    # In a control the arrows are the control's.
    page.locator("#warmth").focus()
    page.keyboard.press("ArrowRight")
    assert shown() == 0

    person.move("#vividness", 1.5)
    person.settled()
    page.locator("#same-for-all").click()
    assert "2 others" in page.locator("#toast").inner_text()
    page.keyboard.press("n")
    assert page.locator("#vividness").input_value() == "1.5"
    page.locator("#toast button").click()
    assert page.locator("#vividness").input_value() != "1.5"
    page.locator("#redo").click()
    person.settled()

    with page.expect_download() as waiting:
        page.locator("#download-all").click()
    assert waiting.value.suggested_filename == "tintype-album.zip"
    with zipfile.ZipFile(waiting.value.path()) as written:
        assert written.testzip() is None
        names = written.namelist()
        assert names == ["camera.color.png", "camera (2).color.png", "mirrored.color.jpg"]
        pictures = [Image.open(written.open(name)).convert("RGB") for name in names]
    assert all(picture.size == SIZE for picture in pictures)
    # The first two are one photograph, with the same settings again.
    np.testing.assert_array_equal(np.asarray(pictures[1]), np.asarray(pictures[0]))


def test_what_was_added_last_is_shown_and_a_bad_one_is_left_out(
    visit: Callable[..., Visit], files: Path
) -> None:
    person = visit()
    page = person.page
    page.set_input_files("#files", str(files / "letter.jpg"))
    page.wait_for_selector("#failure:visible")
    page.set_input_files("#files", str(files / "mirrored.jpg"))
    person.rested()
    assert not page.locator("#failure").is_visible()
    assert page.locator("#film .frame").nth(1).get_attribute("aria-current") == "true"
    with page.expect_download() as waiting:
        page.locator("#download-all").click()
    with zipfile.ZipFile(waiting.value.path()) as written:
        assert written.namelist() == ["mirrored.color.jpg", "notes.txt"]
        assert written.read("notes.txt").startswith(b"letter.jpg is not in this file: ")
    page.wait_for_selector("#toast:has-text('letter.jpg')")
