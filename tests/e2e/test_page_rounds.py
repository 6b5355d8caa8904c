"""Which is real: each visitor plays a round, and has a result to send."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from e2e.visits import TINY, connect, lose
from tintype.web.serve import Listening, serving
from tintype.web.server_options import ServerOptions

PAIRS = 3


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Listening]:
    truth = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((160, 160)))
    for k in range(PAIRS):
        Image.fromarray(np.roll(truth, 20 * k, axis=1)).save(tmp_path / f"{k}.png")
    with serving(ServerOptions(port=0, model=TINY, pairs=tmp_path)) as server:
        yield server


@pytest.fixture
def friend(browser: Any, game: Listening) -> Iterator[Any]:
    """Opens the page for somebody new."""
    contexts = []

    def arrive(path: str = "which-is-real") -> Any:
        contexts.append(browser.new_context(accept_downloads=True))
        page = contexts[-1].new_page()
        page.goto(f"{game.url}{path}")
        return page

    yield arrive
    for context in contexts:
        context.close()


def play(page: Any, answers: int, key: str = "ArrowLeft") -> None:
    """With the keyboard alone."""
    for _ in range(answers):
        page.wait_for_selector("#left:enabled")
        page.keyboard.press(key)
        page.wait_for_selector("#next:enabled")
        assert page.evaluate("document.activeElement.id") == "next"
        page.keyboard.press("Enter")


def is_broken(page: Any, side: str) -> bool:
    image = page.locator(f"#{side} img")
    return bool(image.evaluate("it => !it.complete || it.naturalWidth === 0"))


def test_the_next_friend_plays_a_round_too(friend: Any) -> None:
    first = friend()
    play(first, PAIRS)
    first.wait_for_selector("#result[data-ready]")
    second = friend()
    second.wait_for_selector("#left:enabled")
    assert second.locator("#question").inner_text().startswith(f"1 of {PAIRS}:")
    assert not is_broken(second, "left")
    assert not is_broken(second, "right")
    play(second, PAIRS, "ArrowRight")
    second.wait_for_selector("#result[data-ready]")
    assert f"of {2 * PAIRS} times" in second.locator("#rate").inner_text()
    second.get_by_role("button", name="Play another round").click()
    second.wait_for_selector("#left:enabled")
    assert second.locator("#question").inner_text().startswith(f"1 of {PAIRS}:")


def test_a_reload_goes_on_with_the_round(friend: Any) -> None:
    page = friend()
    play(page, 1)
    page.wait_for_selector("#left:enabled")
    page.reload()
    page.wait_for_selector("#left:enabled")
    assert page.locator("#question").inner_text().startswith(f"2 of {PAIRS}:")
    assert "of 1 times" in page.locator("#rate").inner_text()


def test_the_result_is_a_picture_with_the_pairs_that_were_missed(friend: Any) -> None:
    page = friend()
    missed = 0
    for number in range(PAIRS):
        page.wait_for_selector("#left:enabled")
        page.locator("#left").click()
        page.wait_for_selector("#next:enabled")
        missed += page.locator("#message").inner_text().startswith("Fooled")
        # Whoever sees no colours reads which is which.
        assert {page.locator(f"#{side} span").inner_text() for side in ("left", "right")} == {
            "Real",
            "Coloured by a computer",
        }
        last = number == PAIRS - 1
        assert page.locator("#next").inner_text() == ("See the result" if last else "Next")
        page.locator("#next").click()
    page.wait_for_selector("#result[data-ready]")
    said = page.locator("#card").get_attribute("aria-label")
    assert f"I found {PAIRS - missed} of {PAIRS} real photographs." in said
    assert page.locator("#question").inner_text() in said
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save this result as a picture").click()
    assert waiting.value.suggested_filename == "which-is-real.jpg"
    with Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes())) as image:
        assert image.format == "JPEG"
        assert image.width == 1080
        # Two square pictures side by side take about 480 rows.
        assert image.height == pytest.approx(260 + missed * (484 + 60), abs=20)


def test_a_button_does_what_it_says_to_the_keyboard(friend: Any) -> None:
    page = friend()
    page.wait_for_selector("#left:enabled")
    page.locator("#right").focus()
    page.keyboard.press(" ")
    page.wait_for_selector("#next:enabled")
    assert "one is real" in page.locator("#message").inner_text()
    assert "of 1 times" in page.locator("#rate").inner_text()
    names = page.get_by_role("button").all_inner_texts()
    assert "Next" in names
    assert page.get_by_role("link", name="Colour photographs").is_visible()


def test_a_round_that_the_server_forgot_is_begun_again(friend: Any) -> None:
    page = friend()
    page.wait_for_selector("#left:enabled")
    page.evaluate("sessionStorage.setItem('tintype-round', 'gone')")
    page.reload()
    page.wait_for_selector("#left:enabled")
    assert page.locator("#question").inner_text().startswith("1 of")


def test_an_answer_that_is_lost_can_be_given_again(friend: Any) -> None:
    page = friend()
    page.wait_for_selector("#left:enabled")
    lose(page, "v1/pairs/0?")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#message:has-text('is not responding')")
    connect(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#next:enabled")


def test_the_main_page_leads_there(friend: Any, browser: Any, url: str) -> None:
    page = friend("")
    page.wait_for_selector("body[data-ready]")
    page.get_by_role("link", name="Which is real?").click()
    page.wait_for_selector("#left:enabled")
    page.get_by_role("link", name="Colour photographs").click()
    page.wait_for_selector("body[data-ready]")
    # Where there are no pairs, there is no link.
    other = browser.new_context()
    plain = other.new_page()
    plain.goto(url)
    plain.wait_for_selector("body[data-ready]")
    assert not plain.get_by_role("link", name="Which is real?").is_visible()
    other.close()
