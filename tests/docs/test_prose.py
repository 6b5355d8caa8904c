"""What the pages say of a setting agrees with the table: values, ranges, defaults and choices."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pages import ROOT, make_reference, pages
from tintype.engine.setting_row import Setting
from tintype.engine.settings import OUTPUT, SETTINGS
from tintype.photo.limits import MAX_PIXELS
from tintype.web.server_options import PORT
from tintype.web.server_options import ServerOptions as ServeOptions

REFERENCE = make_reference()
ROWS = {**SETTINGS, **OUTPUT}
# What was tried is told as it was; cards and reproductions are records as well.
RECORDS = {"adr", "experiments", "cards", "reproduction"}
PAGES = [page for page in pages() if not RECORDS & set(page.relative_to(ROOT).parts)]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

MISTAKES = {"--vividness 5"}
"""What a page shows on purpose, with the message that follows."""

NUMBER = r"-?\d+(?:\.\d+)?"


def wrong_values(text: str) -> Iterator[str]:
    """Values in commands, calls, JSON and addresses that a setting does not have."""
    for row in ROWS.values():
        option, name = re.escape(row.name.replace("_", "-")), re.escape(row.name)
        value = r"[\"'`]?(-?[\w.]+)"
        for pattern in (rf"--{option}[ =]{value}", rf"\b{name}={value}", rf'"{name}": {value}'):
            for found in re.finditer(pattern, text):
                if not fits(row, found[1].rstrip(".")):
                    yield found[0]


def fits(row: Setting, value: str) -> bool:
    """Whether a written value is one that a setting has; words of a sentence are none."""
    if row.kind == "choice":
        return value in row.choices or value.isupper()  # the name of a value, as in a usage line
    if row.low is not None and row.high is not None and re.fullmatch(NUMBER, value):
        return row.low <= float(value) <= row.high
    return True


def wrong_ranges(text: str) -> Iterator[str]:
    """Sentences that name an option and another range than its own."""
    for row in ROWS.values():
        if row.low is None:
            continue
        name = row.name.replace("_", "-")
        for sentence in re.split(r"(?<=[.:;])\s|\n\n|\|", text):
            if re.search(rf"(--|`){name}\b", sentence):
                for found in re.finditer(
                    rf"(?<![\w.-])({NUMBER}) to ({NUMBER})(?![\w.-]*\d)", sentence
                ):
                    if (float(found[1]), float(found[2])) != (row.low, row.high):
                        yield f"{row.name}: {found[0]}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_values_and_ranges_on_a_page_are_possible(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(wrong_values(text)) <= MISTAKES
    assert list(wrong_ranges(text)) == []


def test_the_guards_find_what_drifted() -> None:
    assert list(wrong_values('`--quality best`, quality="slow", --vividness 3 --palettes 5')) == [
        "--vividness 3",
        "--quality best",
        'quality="slow',
    ]
    assert list(wrong_values('{"warmth": -2, "vividness": null} ?vividness=0.9')) == [
        '"warmth": -2'
    ]
    assert list(wrong_ranges("`--warmth` goes from 0 to 1. `--vividness`: 0 to 2")) == [
        "warmth: 0 to 1"
    ]


QUALITY = SETTINGS["quality"]
MEGAPIXELS = f"{MAX_PIXELS / 1e6:g}"
SERVE = ServeOptions()

# Page, what is said there, and what the code says. A sentence that goes takes its row with it.
FACTS = (
    ("how-to/choose-vividness.md", r"\*\*(\w+)\*\* is the default\.", QUALITY.default),
    ("how-to/color-a-film.md", r"quality of a film is `(\w+)`", QUALITY.default_of("film")),
    ("how-to/color-an-archive-of-scans.md", r"above (\d+) megapixels", MEGAPIXELS),
    ("promises.md", r"`--max-megapixels` \((\d+) unless", MEGAPIXELS),
    ("explanation/a-hundred-million.md", r"the default, (\w+) quality", QUALITY.default),
    ("reference/models.md", r"In `(\w+)` quality, the\s+default", QUALITY.default),
    ("reference/http.md", r"\| (\d+) megapixels;", MEGAPIXELS),
    ("reference/http.md", r"\| waiting \| (\d+),", f"{SERVE.waiting}"),
    ("reference/http.md", r"predictions, bodies \| (\d+) MiB", f"{SERVE.memory}"),
    ("reference/http.md", r"a body \| (\d+) seconds", f"{SERVE.body_seconds:g}"),
    ("reference/http.md", r"a response \| (\d+) seconds, waiting", f"{SERVE.seconds:g}"),
    ("reference/http.md", r"connections \| (\d+);", f"{SERVE.connections}"),
    ("how-to/use-over-http.md", r"http://127\.0\.0\.1:(\d+)/", f"{PORT}"),
)


@pytest.mark.parametrize(("page", "pattern", "value"), FACTS, ids=[f[1] for f in FACTS])
def test_a_default_in_prose_is_the_one_of_the_code(page: str, pattern: str, value: str) -> None:
    found = re.findall(pattern, (ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert found, "the sentence is gone: take its row out, or write its new words there"
    assert set(found) == {value}


def test_films_in_prose_have_the_defaults_of_the_code() -> None:
    pytest.importorskip("av", reason="the video extra is not installed")
    pytest.importorskip("cv2", reason="the video extra is not installed")
    from tintype.video.encoding import _ENCODERS

    text = (ROOT / "docs" / "how-to" / "color-a-film.md").read_text(encoding="utf-8")
    assert re.findall(r"at `--crf (\d+)`", text) == [f"{_ENCODERS['h264'].crf:g}"]


def test_the_description_of_the_http_api_is_written_from_the_table() -> None:
    """If this fails: python docs/make_reference.py."""
    text = REFERENCE.OPENAPI.read_text(encoding="utf-8")
    assert REFERENCE.openapi_rewritten(text) == text
    assert json.loads(text)["components"]["schemas"]["Settings"]["properties"].keys() >= {
        row.name for row in SETTINGS.values() if "http" in row.interfaces
    }
