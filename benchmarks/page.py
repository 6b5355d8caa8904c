"""How soon the page shows something, and what the server takes in memory for it.

Called by ``python benchmarks/server.py --page``; needs Chromium and Playwright.
"""

import io
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LARGE = (4000, 3000)
MEMORY = 128
DROPS, MOVES, HINTS = 5, 8, 6
SETTLED_MS = 2000  # after which nothing is asked for any more
SWITCHES = ["--disable-gpu", "--disable-background-networking", "--no-sandbox"]

# The time at which the browser presents the frame that shows a picture (the Element Timing API); it
# is in the clock of performance.now().
WATCH = """() => {
  const before = document.querySelector('#before');
  before.setAttribute('elementtiming', 'grey');
  new PerformanceObserver((list) => {
    for (const { identifier, renderTime, loadTime } of list.getEntries()) {
      if (identifier === 'grey') window.grey ??= (renderTime || loadTime) - window.began;
    }
  }).observe({ type: 'element', buffered: true });
  document.querySelector('#files').addEventListener(
    'change', () => { window.began = performance.now(); }, { capture: true, once: true });
  document.querySelector('#after').addEventListener('load', () => {
    window.colored = performance.now() - window.began;
  }, { once: true });
  // From a press of a key to the frame that shows what it did (the Event Timing API); what takes
  // less than 16 ms is not told.
  window.presses = [];
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) {
      if (name === 'keydown') window.presses.push(duration);
    }
  }).observe({ type: 'event', durationThreshold: 16 });
  document.querySelector('#vividness').addEventListener('input', () => {
    const began = performance.now();
    document.querySelector('#after').addEventListener('load', () => requestAnimationFrame(
      () => { window.exact = performance.now() - began; }), { once: true });
  });
}"""
# From an act of the person's until the next picture in colour is in a frame.
UNTIL_DRAWN = """act => new Promise(done => {
  const image = document.querySelector('#after');
  const began = performance.now();
  image.addEventListener('load', () => requestAnimationFrame(
    () => done(performance.now() - began)), { once: true });
  new Function(act)();
})"""
CHOOSE = "document.querySelector('#suggestions button').click();"


def photograph(form: str) -> bytes:
    """12 megapixels."""
    file = io.BytesIO()
    camera = Image.fromarray(skimage.data.camera()).resize(LARGE, Image.Resampling.BICUBIC)
    camera.save(file, form, **({"quality": 90} if form == "JPEG" else {}))
    return file.getvalue()


def visit(browser: "Browser", url: str, path: Path) -> "Page":
    """A page on which a photograph was dropped, in colour; nothing is going on any more."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    page.wait_for_timeout(400)
    page.evaluate(WATCH)
    page.set_input_files("#files", str(path))
    page.wait_for_function("() => window.colored && window.grey", timeout=60_000)
    page.wait_for_timeout(SETTLED_MS)
    return page


def moves(page: "Page") -> tuple[list[float], list[float]]:
    """Seconds from a press on a slider until it is repainted, and until the server's picture is."""
    page.locator("#vividness").focus()
    page.evaluate("window.presses = []")
    seen, exact = [], []
    for step in range(MOVES):
        page.evaluate("window.exact = 0")
        page.keyboard.press("PageUp" if step < MOVES / 2 else "PageDown")
        page.wait_for_function("() => window.exact")
        exact.append(page.evaluate("window.exact") / 1000)
        page.wait_for_timeout(700)
    seen = [one / 1000 for one in page.evaluate("window.presses")]
    return seen + [0.016] * (MOVES - len(seen)), exact


def hints(page: "Page") -> list[float]:
    """Seconds from the choice of a colour to the picture with it."""
    page.locator('input[name="tool"][value="hint"]').check(force=True)
    found = []
    for number in range(HINTS):
        box = page.locator("#sheet").bounding_box()
        place = 0.2 + 0.1 * number
        page.mouse.click(box["x"] + place * box["width"], box["y"] + 0.3 * box["height"])
        page.wait_for_selector("#suggestions button")
        page.wait_for_timeout(300)
        found.append(page.evaluate(UNTIL_DRAWN, CHOOSE) / 1000)
        page.locator("#done").click()
        page.wait_for_timeout(1500)
    return found


def page_times(make_server: Callable[..., Any]) -> None:
    """Prints the table.

    Args:
        make_server: Starts a server with these words, as a context that gives it.
    """
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {
        key: [] for key in ("grey", "color", "grey of a TIFF", "moves", "exact", "hints")
    }
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        paths = {form: Path(folder) / f"photo.{form.lower()}" for form in ("JPEG", "TIFF")}
        for form, path in paths.items():
            path.write_bytes(photograph(form))
        small = io.BytesIO()
        Image.new("L", (64, 64)).save(small, "PNG")
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        with make_server("--memory", str(MEMORY)) as server:
            httpx.post(f"{server.url}v1/color", content=small.getvalue(), timeout=60)
            idle = server.megabytes("VmRSS")
            for number in range(DROPS):
                page = visit(browser, server.url, paths["JPEG"])
                times["grey"].append(page.evaluate("window.grey") / 1000)
                times["color"].append(page.evaluate("window.colored") / 1000)
                for key, found in zip(("moves", "exact"), moves(page), strict=True):
                    times[key].extend(found)
                if number == 0:
                    times["hints"] = hints(page)
                page.close()
            for _ in range(DROPS):
                page = visit(browser, server.url, paths["TIFF"])
                times["grey of a TIFF"].append(page.evaluate("window.grey") / 1000)
                page.close()
            peak = server.megabytes("VmHWM")
        browser.close()
    show(times, idle, peak)


def show(times: dict[str, list[float]], idle: float, peak: float) -> None:
    print("\n## The page\n")
    print("`python benchmarks/server.py --page`: a real browser (Chromium, headless) next to the")
    print(f"server on the same cores; {DROPS} photographs of 12 megapixels dropped,")
    print(f"{len(times['moves'])} slider moves, {HINTS} hints.\n")
    print("| latency | fastest | median | p95 | slowest | target |\n|---|---|---|---|---|---|")
    rows = (
        ("grey", "from the drop to the grey photograph, JPEG", "150 ms"),
        ("grey of a TIFF", "the same, TIFF, rendered by the server", ""),
        ("color", "from the drop to the first colours", "1000 ms"),
        ("moves", "from a slider move to the repainted photograph", "p95 60 ms"),
        ("exact", "from a slider move to the server's picture", ""),
        ("hints", "from the choice of a hint's colour to the new picture", "400 ms"),
    )
    for key, what, target in rows:
        found = sorted(times[key])
        high = found[min(len(found) - 1, int(0.95 * len(found)))]
        figures = (found[0], statistics.median(found), high, found[-1])
        print(f"| {what} | {' | '.join(f'{1000 * s:.0f} ms' for s in figures)} | {target} |")
    print(f"\nThe server, with `--memory {MEMORY}`: {idle:.0f} MB before the first photograph, at")
    print(f"most {peak:.0f} MB during this test.")
