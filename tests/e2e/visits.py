"""One person at the page, for the tests in a browser."""

import base64
import io
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tintype.engine.inference import Inference

TINY = str(Path(__file__).parents[1] / "engine" / "tiny.onnx")
SIZE = (640, 480)


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


def grey_of(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).convert("L"), int)


def held_predictions(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The network waits until the event is set."""
    gate = threading.Event()
    run = Inference.run

    def slow(inference: Inference, *rest: Any) -> Any:
        gate.wait(20)
        return run(inference, *rest)

    monkeypatch.setattr(Inference, "run", slow)
    return gate


def lose(page: Any, part: str) -> None:
    """From now on requests with this part in their address fail, as where a connection is lost.

    A route of Playwright would let one through at times, where the page is open already.
    """
    page.evaluate(
        """part => {
          window.connected ??= window.fetch;
          window.fetch = (url, ...rest) => String(url).includes(part)
            ? Promise.reject(new TypeError("lost")) : window.connected(url, ...rest);
        }""",
        part,
    )


def connect(page: Any) -> None:
    """Requests are sent again, after `lose`."""
    page.evaluate("window.fetch = window.connected")
