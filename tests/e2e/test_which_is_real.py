"""Which is real, in a browser."""

from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from e2e.visits import TINY
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions


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
