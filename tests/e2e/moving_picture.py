"""The moving picture of the page: somebody tries a sample photograph and corrects one colour.

    make moving-picture

Writes examples/page.webp, an animation. The colours are those of the model that is shipped.
"""

import argparse
import base64
import io
import os
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from e2e.visits import Visit
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

WINDOW = (1120, 700)
WIDTH = 800
LARGEST = 900_000
"""Bytes: it is loaded with the page that shows it."""

SHORTEST = 60
LONGEST = 160
"""Milliseconds of a frame: what changes faster is passed over, and waiting is cut."""

LAST = 2500
"""Milliseconds of the last frame."""

ORANGE = "#c8602a"

# A browser that is not seen has no pointer, so the page gets one.
POINTER = """() => {
  const dot = document.createElement('div');
  Object.assign(dot.style, {
    position: 'fixed', left: '0', top: '0', width: '16px', height: '16px', zIndex: '2147483647',
    borderRadius: '50%', background: '#fffc', border: '2px solid #222', pointerEvents: 'none',
    margin: '-10px', transform: 'translate(560px, 620px)',
  });
  // A dialog that is shown lies above everything else, but for what is shown after it.
  dot.popover = 'manual';
  document.body.append(dot);
  dot.showPopover();
  const raise = () => { dot.hidePopover(); dot.showPopover(); };
  new MutationObserver(raise).observe(
    document.querySelector('#picker'), { attributes: true, attributeFilter: ['open'] });
  addEventListener('mousemove', (event) => {
    dot.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
  }, true);
}"""


@dataclass
class Frame:
    """What a page showed.

    Attributes:
        second: Since when.
        picture: A PNG.
        hold: Milliseconds that it stays, or 0 where the next one ends it.
    """

    second: float
    picture: bytes
    hold: int = 0


class Film:
    """Each change of what a page shows."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._frames: list[Frame] = []
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.on("Page.screencastFrame", self._keep)
        self._devtools.send("Page.startScreencast", {"format": "png"})

    def _keep(self, event: dict[str, Any]) -> None:
        picture = base64.b64decode(event["data"])
        self._frames.append(Frame(event["metadata"]["timestamp"], picture))
        self._devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    def pause(self, milliseconds: int) -> None:
        """What is shown now stays for a while."""
        self._page.wait_for_timeout(400)
        self._frames[-1].hold = milliseconds

    def ended(self) -> list[tuple[int, bytes]]:
        """Ends it; milliseconds and picture of each frame that stands for long enough."""
        self._devtools.send("Page.stopScreencast")
        self._page.wait_for_timeout(400)
        kept = self._frames[:1]
        for frame in self._frames[1:]:
            if frame.hold or (frame.second - kept[-1].second) * 1000 >= SHORTEST:
                kept.append(frame)
        lengths = [
            one.hold or min(LONGEST, max(SHORTEST, round((following.second - one.second) * 1000)))
            for one, following in pairwise(kept)
        ]
        return list(zip([*lengths, LAST], (frame.picture for frame in kept), strict=True))


def animation(frames: list[tuple[int, bytes]], quality: int) -> bytes:
    """The frames as animated WebP, small."""
    pictures = []
    for _, data in frames:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        height = round(picture.height * WIDTH / picture.width)
        pictures.append(picture.resize((WIDTH, height), Image.Resampling.LANCZOS))
    file = io.BytesIO()
    pictures[0].save(
        file, "WEBP", save_all=True, append_images=pictures[1:], loop=0,
        duration=[length for length, _ in frames], quality=quality, method=4, kmax=200, kmin=100,
    )  # fmt: skip
    return file.getvalue()


def glide(person: Visit, x: float, y: float) -> None:
    """The pointer goes somewhere as slowly as a hand."""
    person.page.mouse.move(x, y, steps=8)
    person.page.wait_for_timeout(150)


def center(person: Visit, selector: str) -> tuple[float, float]:
    """The middle of an element, as the mouse counts."""
    box = person.page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def click(person: Visit, x: float, y: float) -> None:
    """The pointer goes somewhere and presses."""
    glide(person, x, y)
    person.page.mouse.click(x, y)


def on_wheel(person: Visit, color: str) -> tuple[float, float]:
    """Where a colour is on the wheel, as the mouse counts."""
    x, y = person.page.evaluate(
        """async (color) => {
          const { hexToHueStrength } = await import('./color.js');
          const { h, s } = hexToHueStrength(color);
          const angle = (h * Math.PI) / 180;
          return [Math.cos(angle) * s, Math.sin(angle) * s];
        }""",
        color,
    )
    box = person.page.locator("#wheel").bounding_box()
    radius = box["width"] / 2
    return box["x"] + radius * (1 + x), box["y"] + radius * (1 + y)


def play(person: Visit, film: Film) -> None:
    """What is to be seen, from the first page on."""
    page = person.page
    film.pause(900)
    click(person, *center(person, "#samples-list button"))
    person.rested()
    film.pause(900)
    # Before and after: the handle goes to the right and back.
    glide(person, *person.at(0.5, 0.6))
    page.mouse.down()
    page.mouse.move(*person.at(0.85, 0.6), steps=14)
    page.mouse.move(*person.at(0.06, 0.6), steps=18)
    page.mouse.up()
    film.pause(700)
    # Her suit was orange: a hint says so.
    glide(person, *center(person, 'label:has(input[value="hint"])'))
    person.tool("hint")
    click(person, *person.at(0.3, 0.8))
    page.wait_for_selector("#suggestions button")
    film.pause(900)
    click(person, *on_wheel(person, ORANGE))
    person.settled()
    film.pause(500)
    click(person, *center(person, "#done"))
    person.settled()
    film.pause(800)


def main() -> None:
    """Films the page and writes the animation."""
    parser = argparse.ArgumentParser(description="The moving picture of the page.")
    parser.add_argument("--output", type=Path, default=ROOT / "examples" / "page.webp")
    words = parser.parse_args()
    switches = ["--disable-gpu"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        switches.append("--no-sandbox")
    with serving(ServerOptions(port=0)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=switches)
        width, height = WINDOW
        page = browser.new_page(viewport={"width": width, "height": height})
        person = Visit(page, server.url)
        page.evaluate(POINTER)
        film = Film(page)
        play(person, film)
        frames = film.ended()
        browser.close()
    for quality in range(80, 20, -10):
        data = animation(frames, quality)
        if len(data) <= LARGEST:
            words.output.write_bytes(data)
            seconds = sum(length for length, _ in frames) / 1000
            print(f"{words.output}: {len(frames)} frames, {seconds:.0f} s, {len(data):,} bytes")
            return
    raise SystemExit(f"{len(frames)} frames do not fit into {LARGEST:,} bytes.")


if __name__ == "__main__":
    main()
