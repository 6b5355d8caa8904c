"""The page in Firefox and in WebKit, the engine of Safari: one visit, in both.

    make other-browsers OUT=FOLDER ONLY=firefox-390

Each step of the visit does what a person does, checks what comes of it, and leaves a picture to be
looked at. Playwright's tests go much further, in Chromium. Errors of the page's scripts are
failures as well.
"""

import argparse
import base64
import io
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from e2e.webdriver import Browser, Firefox, Look, MissingBrowserError, WebKit
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

BROWSERS = MappingProxyType({"firefox": Firefox, "webkit": WebKit})
LOOKS = MappingProxyType(
    {
        "1280": Look(1280, 800),
        "390": Look(390, 844, touch=True),
        "dark": Look(1280, 800, dark=True),
    }
)
PATIENCE_S = 60.0
STILL_S = 0.7  # longer than between a change and the request for it
SCROLL_S = 0.5  # until what is scrolled can be clicked, in Firefox
CONTROL, LEFT, ENTER = "\ue009", "\ue012", "\ue007"
ALL_KEPT = """import('/workspace.js').then(
  ({ workspace }) => workspace.photos.every(({ stored, revision }) => stored === revision))"""


class Person:
    """One person at the page.

    Attributes:
        browser: Where.
        url: Of the server.
        files: Photographs in grey, two at least.
    """

    def __init__(self, browser: Browser, url: str, files: Sequence[Path]) -> None:
        self.browser = browser
        self.url = url
        self.files = files

    def js(self, expression: str, *values: Any) -> Any:
        """The value of an expression in the page."""
        return self.browser.run(f"return {expression}", *values)

    def count(self, selector: str) -> int:
        """How many elements there are."""
        found: int = self.js("document.querySelectorAll(arguments[0]).length", selector)
        return found

    def until(self, expression: str, *values: Any) -> None:
        """Waits for an expression of the page to become true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.js(expression, *values):
            assert time.monotonic() < deadline, f"never came: {expression} {values}"
            time.sleep(0.05)

    def appears(self, selector: str) -> None:
        """Waits for an element."""
        self.until("document.querySelector(arguments[0]) !== null", selector)

    def place(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """Where a place of an element, in shares of it, lies in the window."""
        left, top, width, height, moved = self.browser.run(
            """const found = document.querySelector(arguments[0]);
            const before = found.getBoundingClientRect().top;
            found.scrollIntoView({ block: "nearest" });
            const { left, top, width, height } = found.getBoundingClientRect();
            return [left, top, width, height, top !== before];""",
            selector,
        )
        if moved:
            time.sleep(SCROLL_S)
        return left + x * width, top + y * height

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Clicks at a place of an element."""
        self.browser.drag(self.place(selector, x, y))

    def drag(self, selector: str, *places: tuple[float, float]) -> None:
        """Drags the mouse over places of an element, in shares of it."""
        self.browser.drag(*(self.place(selector, *one) for one in places))

    def add(self, *files: Path) -> None:
        """Chooses photographs, and waits until they are coloured."""
        before = self.count("#film .frame")
        self.browser.choose_files("#files", files)
        self.until(
            "document.querySelectorAll('#film .frame').length === arguments[0]", before + len(files)
        )
        self.settle()

    def settle(self) -> None:
        """Waits until all is coloured, and what is shown no longer changes."""
        self.until(
            "document.querySelector('#after').complete && document.querySelector('#after').src"
        )
        self.until(
            """[...document.querySelectorAll('#film .state')]
              .every(({ textContent }) => !textContent.endsWith('…'))"""
        )
        last, since = "", time.monotonic()
        deadline = since + PATIENCE_S
        while time.monotonic() - since < STILL_S:
            time.sleep(0.1)
            now = self.js(
                "(({ src, ariaBusy }) => src + ariaBusy)(document.querySelector('#after'))"
            )
            if now != last or self.count("#after[aria-busy]"):
                last, since = now, time.monotonic()
            assert time.monotonic() < deadline, "the picture never came to rest"

    def pixels(self) -> np.ndarray:
        """(H, W, 3), 0..255, the picture in colour."""
        data = self.browser.run(
            """const image = document.querySelector('#after');
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth;
            canvas.height = image.naturalHeight;
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL('image/png').split(',')[1];"""
        )
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGB"), float)

    def changes(self, act: Callable[[], None]) -> None:
        """Does something that must change the colours."""
        before = self.pixels()
        act()
        self.settle()
        assert np.abs(self.pixels() - before).max() > 10, "nothing changed"

    def saved(self, button: str) -> bytes:
        """What the browser saves when a button is clicked."""
        folder = self.browser.downloads
        before = set(folder.iterdir())
        self.until("!document.querySelector(arguments[0]).disabled", button)
        self.click(button)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            new = set(folder.iterdir()) - before
            if new and all(one.suffix != ".part" and one.stat().st_size for one in new):
                self.browser.fit()
                return min(new).read_bytes()
            time.sleep(0.1)
        raise AssertionError(f"{button} saved nothing")


def _empty(person: Person) -> None:
    person.browser.open(person.url)
    _ready(person)


def _ready(person: Person) -> None:
    person.appears("body[data-ready]")
    person.until(
        """(images => images.length && images.every(({ complete }) => complete))(
          [...document.querySelectorAll('#samples-list img')])"""
    )


def _colored(person: Person) -> None:
    person.add(person.files[0])
    person.appears("#palettes label:nth-child(3):not([hidden]) img[src]")
    assert np.ptp(person.pixels(), axis=2).mean() > 2


def _compared(person: Person) -> None:
    person.drag("#sheet", (0.5, 0.5), (0.4, 0.5), (0.2, 0.5))
    assert 15 < float(person.js("document.querySelector('#compare').value")) < 25


def _vivid(person: Person) -> None:
    person.changes(lambda: person.drag("#vividness", (0.5, 0.5), (0.7, 0.5), (0.9, 0.5)))


def _picker(person: Person) -> None:
    person.click("[name=tool][value=hint]")
    person.click("#sheet", 0.75, 0.3)
    person.appears("#suggestions button:nth-child(2)")


def _hinted(person: Person) -> None:
    person.changes(lambda: person.click("#suggestions button:nth-child(2)"))
    person.click("#done")
    assert person.count("#marks button") == 1


def _brushed(person: Person) -> None:
    person.click("[name=tool][value=brush]")
    person.changes(lambda: person.drag("#sheet", (0.2, 0.6), (0.3, 0.7), (0.4, 0.7)))


def _undone(person: Person) -> None:
    person.changes(lambda: person.browser.press(CONTROL, "z"))


def _guesses(person: Person) -> None:
    person.click("#show-certainty")
    person.appears("body[data-guesses]")
    person.until("document.querySelector('#certainty').width !== 300")


def _look(person: Person) -> None:
    person.click("#show-certainty")
    person.changes(lambda: person.click("#palettes label:nth-child(3) input"))


def _zoomed(person: Person) -> None:
    person.click("[name=tool][value=compare]")
    person.click("[data-zoom=full]")
    person.appears("body[data-zoomed]")
    person.appears("#after-tiles img")
    person.drag("#scroller", (0.8, 0.8), (0.5, 0.5), (0.3, 0.3))
    person.settle()


def _several(person: Person) -> None:
    person.click("[data-zoom=fit]")
    person.add(*person.files[1:])
    with zipfile.ZipFile(io.BytesIO(person.saved("#download-all"))) as album:
        assert album.testzip() is None
        assert sum(name.endswith(".jpg") for name in album.namelist()) == len(person.files)


def _saved(person: Person) -> None:
    with Image.open(io.BytesIO(person.saved("#download"))) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
    for part in (1, 2):
        person.click(f"#panel details:nth-of-type({part}) summary")
    for what, form in (("picture", "JPEG"), ("sweep", "GIF")):
        with Image.open(io.BytesIO(person.saved(f"#share-{what}"))) as image:
            assert image.format == form
    if person.count("#share-film:not([hidden])"):
        assert person.saved("#share-film").startswith(b"\x1a\x45\xdf\xa3")  # of Matroska and WebM


def _offered(person: Person) -> None:
    person.until(ALL_KEPT)
    person.browser.reload()
    _ready(person)
    person.appears("#offer:not([hidden])")


def _resumed(person: Person) -> None:
    person.click("#continue")
    person.appears("#film .frame")
    person.settle()
    assert person.count("#film .frame") == len(person.files)


def _keys(person: Person) -> None:
    person.browser.press("?")
    person.appears("#keys[open]")


def _which_is_real(person: Person) -> None:
    person.until(ALL_KEPT)
    person.browser.open(f"{person.url}which-is-real")
    person.appears("#left:enabled")


def _result(person: Person) -> None:
    for _ in range(2):
        person.appears("#left:enabled")
        person.browser.press(LEFT)
        person.appears("#next:enabled")
        person.browser.press(ENTER)
    person.appears("#result[data-ready]")


VISIT: Mapping[str, Callable[[Person], None]] = MappingProxyType(
    {
        "empty": _empty,
        "colored": _colored,
        "compared": _compared,
        "vivid": _vivid,
        "picker": _picker,
        "hinted": _hinted,
        "brushed": _brushed,
        "undone": _undone,
        "guesses": _guesses,
        "look": _look,
        "zoomed": _zoomed,
        "several": _several,
        "saved": _saved,
        "offered": _offered,
        "resumed": _resumed,
        "keys": _keys,
        "which-is-real": _which_is_real,
        "result": _result,
    }
)
"""The steps of the visit, in their order: each goes on from where the one before ended."""


def photographs(folder: Path) -> tuple[list[Path], Path]:
    """Photographs in grey, of a size that can be zoomed into, and a folder of two in colour."""
    files, pairs = [], folder / "pairs"
    pairs.mkdir()
    for name in ("astronaut", "coffee", "chelsea"):
        picture = Image.fromarray(getattr(skimage.data, name)())
        if len(files) < 2:
            picture.save(pairs / f"{name}.png")
        files.append(folder / f"{name}.jpg")
        size = (1600, 1600 * picture.height // picture.width)
        picture.convert("L").resize(size).save(files[-1])
    return files, pairs


def visit(person: Person, name: str, out: Path) -> list[str]:
    """Takes all steps, with a picture after each.

    Returns:
        What went wrong. A step that failed ends the visit: the others build on it.
    """
    for step, take in VISIT.items():
        began = time.monotonic()
        try:
            take(person)
        except (AssertionError, OSError, RuntimeError) as error:
            return [f"{name} {step}: {error}"]
        finally:
            person.browser.screenshot(out / f"{name}-{step}.png")
        print(f"{out / name}-{step}.png ({time.monotonic() - began:.1f} s)", flush=True)
    return [f"{name}, in the console: {one}" for one in person.browser.errors()]


def main() -> None:
    """Visits the page, and writes the pictures."""
    parser = argparse.ArgumentParser(description="The page in Firefox and in WebKit.")
    parser.add_argument("out", type=Path, help="the folder for the pictures")
    parser.add_argument("--only", default="", help="pattern, as in: firefox or 390")
    parser.add_argument("--model", help="another model than the one that is shipped")
    words = parser.parse_args()
    words.out.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        files, pairs = photographs(folder)
        with serving(ServerOptions(port=0, model=words.model, pairs=pairs)) as server:
            for name in (f"{browser}-{look}" for browser in BROWSERS for look in LOOKS):
                if not re.search(words.only, name):
                    continue
                kind, view = name.split("-")
                try:
                    with BROWSERS[kind](folder / name, LOOKS[view]) as browser:
                        print(f"{name}: {browser.version}", flush=True)
                        failures += visit(Person(browser, server.url, files), name, words.out)
                except MissingBrowserError as error:
                    failures.append(f"{name}: {error}")
    sys.exit("\n".join(failures) or 0)


if __name__ == "__main__":
    main()
