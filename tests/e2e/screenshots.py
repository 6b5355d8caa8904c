"""Pictures of the page in every state, to be looked at.

    make screenshots OUT=FOLDER ONLY=^390

Without ``--model`` the colours are those of the model that is shipped. The page is served from
this folder's sources, so that a change of it is seen at once.
"""

import argparse
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import skimage.data
from PIL import Image
from playwright.sync_api import sync_playwright

from e2e.states import ALL_STATES, EVERYWHERE, STATES, VIEWS, Material, material
from e2e.visits import Visit
from tintype.web.serve import listen, serving
from tintype.web.server_options import ServerOptions

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pictures(only: str) -> list[tuple[str, str]]:
    """View and state of each picture whose name matches the pattern."""
    wanted = [
        (view, state)
        for view in VIEWS
        for state in STATES
        if view in ALL_STATES or state in EVERYWHERE
    ]
    return [pair for pair in wanted if re.search(only, "-".join(pair))]


def take(browser: Any, url: str, pair: tuple[str, str], files: Material, out: Path) -> None:
    """One picture, in a browser that knows nothing yet."""
    view, state = pair
    context = browser.new_context(**VIEWS[view].context)
    try:
        person = Visit(context.new_page(), url)
        STATES[state](person, files)
        person.page.wait_for_timeout(300)
        person.page.screenshot(path=out / f"{view}-{state}.png")
    finally:
        context.close()


def take_duel(browser: Any, view: str, files: Material, out: Path, model: str | None) -> None:
    """Which is real."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(2):
            shutil.copy(files.reference, Path(folder) / f"{number}.png")
        with serving(ServerOptions(port=0, model=model, pairs=Path(folder))) as server:
            context = browser.new_context(**VIEWS[view].context)
            page = context.new_page()
            page.goto(f"{server.url}which-is-real")
            page.wait_for_selector("#left:enabled")
            page.screenshot(path=out / f"{view}-which-is-real.png")
            for _ in range(2):
                page.wait_for_selector("#left:enabled")
                page.keyboard.press("ArrowLeft")
                page.wait_for_selector("#next:enabled")
                page.keyboard.press("Enter")
            page.wait_for_selector("#result[data-ready]")
            page.screenshot(path=out / f"{view}-which-is-real-result.png")
            context.close()


def take_door(browser: Any, view: str, out: Path, model: str | None) -> None:
    """The page on another device, before the code is entered."""
    ready = threading.Event()
    options = ServerOptions(host="0.0.0.0", port=0, model=model)
    server = listen(options, invite=lambda _invitation: None, opened=ready.set)
    thread = threading.Thread(target=server.run)
    thread.start()
    ready.wait()
    try:
        context = browser.new_context(**VIEWS[view].context)
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("#code")
        page.screenshot(path=out / f"{view}-door.png")
        context.close()
    finally:
        server.stop()
        thread.join()


def main() -> None:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(description="Pictures of the page in every state.")
    parser.add_argument("out", type=Path, help="the folder for the pictures")
    parser.add_argument("--only", default="", help="pattern of the names, as in: ^390 or picker")
    parser.add_argument("--model", help="another model than the one that is shipped")
    words = parser.parse_args()
    words.out.mkdir(parents=True, exist_ok=True)
    switches = ["--disable-gpu"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        switches.append("--no-sandbox")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(ServerOptions(port=0, model=words.model)) as server,
        sync_playwright() as playwright,
    ):
        colors = (skimage.data.chelsea(), skimage.data.astronaut(), skimage.data.coffee())
        files = material(Path(folder), [Image.fromarray(pixels) for pixels in colors])
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=switches)
        for pair in pictures(words.only):
            take(browser, server.url, pair, files, words.out)
            print(words.out / f"{'-'.join(pair)}.png", flush=True)
        for view in VIEWS:
            if re.search(words.only, f"{view}-which-is-real"):
                take_duel(browser, view, files, words.out, words.model)
            if view in ALL_STATES and re.search(words.only, f"{view}-door"):
                take_door(browser, view, words.out, words.model)
        browser.close()


if __name__ == "__main__":
    main()
