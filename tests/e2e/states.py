"""The states that the page can be in, and how a person gets there: one table for the pictures of
`screenshots.py` and for the tests that look at every state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from e2e.visits import Visit


@dataclass(frozen=True)
class Material:
    """Files that visitors bring along.

    Attributes:
        photographs: In grey; two at least.
        letter: Named like a photograph, and none.
        noted: Photographs that there is something to say about.
        reference: A picture in colour.
    """

    photographs: list[Path]
    letter: Path
    noted: list[Path]
    reference: Path


def material(folder: Path, pictures: list[Image.Image]) -> Material:
    """Writes it.

    Args:
        folder: Where to.
        pictures: In colour; two at least.
    """
    photographs = []
    for number, picture in enumerate(pictures, 1):
        photographs.append(folder / f"grandmother-{number}.jpg")
        picture.convert("L").save(photographs[-1])
    letter = folder / "letter.jpg"
    letter.write_bytes(b"Dear grandmother,")
    reference = folder / "in-colour.png"
    pictures[0].convert("RGB").save(reference)
    colors, pages = folder / "colours.gif", folder / "pages.tif"
    pictures[0].save(colors)
    grey = pictures[1].convert("L")
    grey.save(pages, save_all=True, append_images=[grey.rotate(180)])
    return Material(photographs, letter, [colors, pages], reference)


def _colored(person: Visit, files: Material) -> None:
    person.drop(files.photographs[0])


def _drag_over(person: Visit, files: Material) -> None:
    devtools = person.page.context.new_cdp_session(person.page)
    data = {"items": [], "files": [str(files.photographs[0])], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 300, "data": data})
    person.page.wait_for_selector("#drop-overlay:visible")


def _coloring(person: Visit, files: Material) -> None:
    person.page.evaluate(
        """() => {
          const real = window.fetch;
          const never = new Promise(() => {});
          window.fetch = (path, how) => (path.includes('/preview') ? never : real(path, how));
        }"""
    )
    person.page.set_input_files("#files", [str(path) for path in files.photographs[:2]])
    person.page.wait_for_selector("#before:visible")


def _compared(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.move("#compare", 20)
    person.page.locator("#compare").focus()


def _picker(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.tool("hint")
    person.page.mouse.click(*person.at(0.75, 0.3))
    person.page.wait_for_selector("#suggestions button")


def _hinted(person: Visit, files: Material) -> None:
    _picker(person, files)
    person.page.locator("#suggestions button").nth(1).click()
    person.page.locator("#done").click()
    person.settled()


def _brush(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.tool("brush")
    person.page.mouse.move(*person.at(0.3, 0.3))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.6, 0.5), steps=4)


def _grey(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.tool("grey")
    person.page.mouse.move(*person.at(0.3, 0.3))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.6, 0.5), steps=4)
    person.page.mouse.up()
    person.settled()


def _zoomed(person: Visit, files: Material) -> None:
    _colored(person, files)
    for _ in range(3):
        person.page.keyboard.press("+")
    person.settled()


def _guesses(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.page.locator("#show-certainty").check(force=True)
    person.page.wait_for_function("() => document.querySelector('#certainty').width > 300")


def _looks(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.page.wait_for_function(
        """() => [...document.querySelectorAll('#palettes label:not([hidden]) img')]
          .every(picture => picture.src)"""
    )
    person.page.locator("#palettes label:visible input").nth(1).focus()


def _several(person: Visit, files: Material) -> None:
    person.drop(*files.photographs, files.letter)


def _removed(person: Visit, files: Material) -> None:
    person.drop(*files.photographs)
    person.page.locator("#film .remove").first.focus()
    person.page.keyboard.press("Enter")


def _refused(person: Visit, files: Material) -> None:
    person.page.set_input_files("#files", str(files.letter))
    person.page.wait_for_selector("#failure:visible")


def _offline(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.page.context.set_offline(True)
    person.move("#vividness", 0.8)
    person.page.wait_for_selector("#notice:visible")


def _noted(person: Visit, files: Material) -> None:
    person.drop(*files.noted)


def _keys(person: Visit, _files: Material) -> None:
    person.page.locator("#help").click()
    person.page.wait_for_selector("#keys:visible")


def _offered(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.page.wait_for_timeout(800)  # longer than it takes until it is kept
    person.page.reload()
    person.page.wait_for_selector("#offer:visible")


def _saving(person: Visit, files: Material) -> None:
    _colored(person, files)
    for title in person.page.locator("#panel summary").all():
        title.click()


def _reference(person: Visit, files: Material) -> None:
    _colored(person, files)
    person.page.set_input_files("#reference-file", str(files.reference))
    person.page.wait_for_selector("#reference img")
    person.settled()


STATES: Mapping[str, Callable[[Visit, Material], None]] = MappingProxyType(
    {
        "empty": lambda _person, _files: None,
        "drag-over": _drag_over,
        "coloring": _coloring,
        "colored": _colored,
        "compared": _compared,
        "picker": _picker,
        "hinted": _hinted,
        "brush": _brush,
        "keep-grey": _grey,
        "zoomed": _zoomed,
        "guesses": _guesses,
        "looks": _looks,
        "several": _several,
        "removed": _removed,
        "refused": _refused,
        "offline": _offline,
        "noted": _noted,
        "keys": _keys,
        "offered": _offered,
        "saving": _saving,
        "reference": _reference,
    }
)
"""Name, and what a person does to get there from the first screen."""


@dataclass(frozen=True)
class View:
    """A window that the page is looked at in.

    Attributes:
        width: CSS pixels.
        height: CSS pixels.
        options: Of Playwright's context.
    """

    width: int
    height: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, Any]:
        """All options of Playwright's context."""
        return {"viewport": {"width": self.width, "height": self.height}, **self.options}


_TOUCH = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "1280": View(1280, 800),
        "390": View(390, 844, _TOUCH),
        "820": View(820, 1180, _TOUCH),
        "1920": View(1920, 1080),
        "2560": View(2560, 1440),
        "dark": View(1280, 800, {"color_scheme": "dark"}),
        "dark-390": View(390, 844, {"color_scheme": "dark", **_TOUCH}),
        # What a window of 1280 by 800 has room for at a zoom of 200 %.
        "zoom-200": View(640, 400, {"device_scale_factor": 2}),
        "reduced-motion": View(1280, 800, {"reduced_motion": "reduce"}),
    }
)
"""Name and window."""

ALL_STATES = ("1280", "390", "dark", "dark-390")
"""The views in which every state is looked at."""

EVERYWHERE = ("empty", "colored", "picker", "several")
"""The states that are looked at in every view."""
