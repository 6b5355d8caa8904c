"""From the drop to the download: colouring, comparing and the sliders."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from e2e.visits import TINY, Visit, connect, grey_of, held_predictions, lose
from tintype.engine.predict import Engine
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions


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
    # Before the server can have answered, the picture is shown in about these colours.
    # What is recommended is the middle of the slider, and a person comes back to it.
    slider, said = person.page.locator("#vividness"), person.page.locator("#vividness-out")
    assert [slider.input_value(), said.text_content()] == ["0", "0%"]
    person.move("#vividness", -1)
    assert said.text_content() == "−100%"
    person.move("#vividness", 0)
    person.settled()
    np.testing.assert_array_equal(person.pixels(), before)
    filters = "getComputedStyle(document.querySelector('#after')).filter"
    assert person.page.evaluate(filters) == "none"
    lose(person.page, "/preview")
    # Nothing else is drawn anew: not the picture in the strip, nor what has not changed.
    person.page.evaluate(
        """() => {
          window.anew = [];
          const note = () => anew.push('the picture in the strip');
          document.querySelector('#film img').addEventListener('load', note);
          new MutationObserver(() => anew.push('the reference')).observe(
            document.querySelector('#reference'), { childList: true });
          new MutationObserver(() => anew.push('the sheet')).observe(
            document.querySelector('#sheet'), { attributeFilter: ['style'] });
        }"""
    )
    at_once = person.page.locator("#vividness").evaluate(
        f"""slider => {{
          slider.value = '0.6';
          slider.dispatchEvent(new Event('input'));
          return {filters};
        }}"""
    )
    assert "#shade" in at_once
    # Where no answer comes, it is shown as the server made it.
    person.page.wait_for_selector("#notice:visible")
    assert person.page.evaluate(filters) == "none"
    assert person.page.evaluate("anew") == []
    connect(person.page)
    person.page.locator("#notice-again").click()
    person.settled()
    assert person.page.evaluate(filters) == "none"
    vivid = person.pixels()
    assert np.ptp(vivid.astype(int), axis=-1).mean() > np.ptp(before.astype(int), axis=-1).mean()
    person.move("#warmth", 1)
    person.settled()
    assert (person.pixels().astype(int) - vivid)[..., 2].mean() < 0
    assert person.page.locator("#warmth-out").text_content() == "+100%"


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
