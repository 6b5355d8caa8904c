"""What a client leaves out is what the command and Python do; what was accepted still is."""

from typing import Any

import pytest

from tintype.engine.hints import hint_of
from tintype.engine.settings import SETTINGS, Output, Settings, default_settings
from tintype.errors import TintypeError
from tintype.web.errors import MalformedError
from tintype.web.request import (
    Stroke,
    as_mask,
    as_scribbles,
    coloring_from,
    coloring_from_query,
    output_from_query,
    schemas,
)


def test_nothing_given_is_the_default_of_every_door() -> None:
    assert coloring_from({}).settings == Settings() == default_settings("http")
    assert coloring_from_query({}, []).settings == Settings()
    assert output_from_query({}) == Output(keep_location=False)


def test_a_quality_that_is_given_is_obeyed() -> None:
    assert coloring_from({"quality": "normal"}).settings == Settings(quality="normal")


HINT = {"x": 1, "y": 2, "color": "#c04030"}

ACCEPTED: list[tuple[dict[str, Any], Settings]] = [
    ({"vividness": "1.2"}, Settings(1.2)),
    ({"vividness": 0}, Settings(0.0)),
    ({"vividness": None, "quality": None, "warmth": None, "palettes": None}, Settings()),
    ({"quality": "", "warmth": "", "palettes": "", "palette": 0, "hints": None}, Settings()),
    (
        {"warmth": "-0.5", "palettes": "3", "palette": "2"},
        Settings(warmth=-0.5, palettes=3, palette=2),
    ),
    ({"palettes": 0}, Settings()),
    ({"palettes": 3.0}, Settings(palettes=3)),
    ({"hints": []}, Settings()),
    (
        {"hints": [HINT | {"radius": 4, "note": "coat"}]},
        Settings(hints=(hint_of(1, 2, "#c04030", 4),)),
    ),
    (
        {"hints": [{"x": "1", "y": 2.0, "color": "c04030"}]},
        Settings(hints=(hint_of(1, 2, "#c04030"),)),
    ),
    ({"strokes": None, "grey_strokes": [], "mask": "", "reference": None}, Settings()),
]


@pytest.mark.parametrize(("data", "settings"), ACCEPTED, ids=[str(data) for data, _ in ACCEPTED])
def test_what_version_0_1_0_accepted_is_accepted(data: dict[str, Any], settings: Settings) -> None:
    found = coloring_from(data).settings
    assert found == settings
    # NumPy computes with a subclass of float in another precision.
    assert type(found.warmth) is float
    assert found.vividness is None or type(found.vividness) is float


@pytest.mark.parametrize(
    "data",
    [
        {"vividness": ""},
        {"vividness": "much"},
        {"vividness": []},
        {"vividness": float("nan")},
        {"warmth": 2},
        {"quality": "best"},
        {"quality": 7},
        {"palettes": 17},
        {"palettes": float("inf")},
        {"palettes": 16.5},
        {"palettes": 3.7},
        {"palettes": True},
        {"vividness": True},
        {"warmth": False},
        {"quality": True},
        {"mask": False},
        {"hints": [HINT | {"x": 1.5}]},
        {"hints": [HINT | {"x": "1.5"}]},
        {"hints": [HINT | {"radius": True}]},
        {"hints": [HINT | {"color": True}]},
        {"strokes": [{"points": [[1, 2.9]], "color": "#c04030"}]},
        {"palette": 2},
        {"hints": [7]},
        {"hints": 7},
        {"hints": {}},
        {"quality": {}},
        {"hints": [{"x": 1, "y": 2}]},
        {"hints": [HINT | {"radius": None}]},
        {"hints": [HINT] * 1001},
        {"strokes": [{"points": [[1, 2, 3]], "color": "#c04030"}]},
        {"strokes": [{"points": [[1, 2]]}]},
        {"strokes": [{"points": [], "color": "#c04030"}]},
        {"grey_strokes": [{"points": [[1, 2]], "radius": -1}]},
        {"later": 1},
    ],
    ids=str,
)
def test_what_is_refused_is_one_line(data: dict[str, Any]) -> None:
    with pytest.raises(TintypeError) as caught:
        coloring_from(data)
    assert caught.value.message
    assert "\n" not in str(caught.value)


def test_strokes_have_the_digest_that_outputs_of_version_0_1_0_say() -> None:
    line = {"points": [[20, 60], [140.0, "60"]], "radius": 4}
    found = coloring_from({"strokes": [line | {"color": "#8a6a5a"}], "grey_strokes": [line]})
    assert found.strokes == (Stroke(((20, 60), (140, 60)), 4, "#8a6a5a"),)  # type: ignore[arg-type]
    painted, grey = as_scribbles(found.strokes, (120, 160)), as_mask(found.grey_strokes, (120, 160))
    assert painted.sha256 == "022644e33855b0eb8a5f5ace19efae0871fc46e9b28393fe7688eb1b3ef0103d"
    assert grey.sha256 == "e04ab6a9dde9bcd5a0ea6dc540d63c1567e354c10cf459383b067a877409094f"


def test_layers_are_named_by_their_ids() -> None:
    found = coloring_from({"mask": "abc", "reference": "def", "scribbles": ""})
    assert found.layers == {"mask": "abc", "reference": "def"}


@pytest.mark.parametrize(
    ("query", "output"),
    [
        ({"format": "png"}, Output("PNG", keep_location=False)),
        ({"format": "jpg"}, Output("JPEG", keep_location=False)),
        ({"format": ""}, Output(keep_location=False)),
        ({"keep_location": "1", "strip_metadata": "0"}, Output()),
        ({"strip_metadata": "1"}, Output(strip_metadata=True, keep_location=False)),
        ({"vividness": "1"}, Output(keep_location=False)),
    ],
)
def test_what_to_write_comes_from_the_query(query: dict[str, str], output: Output) -> None:
    assert output_from_query(query) == output


@pytest.mark.parametrize(
    "query",
    [
        {"format": "gif"},
        {"keep_location": "yes"},
        {"strip_metadata": ""},
        {"strip_metadata": "1", "keep_location": "1"},
    ],
)
def test_what_cannot_be_written_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        output_from_query(query)


def test_the_schema_has_the_ranges_and_defaults_of_the_table() -> None:
    found = schemas(place="{name}")["Settings"]
    assert found["additionalProperties"] is False
    for row in (row for row in SETTINGS.values() if "http" in row.interfaces):
        described = found["properties"][row.name]
        assert described["description"] == row.text("http")
        assert described.get("minimum") == row.low
        assert described.get("maximum") == row.high
        if row.kind == "choice":
            assert described["enum"] == list(row.choices)
        if row.kind in {"number", "count", "choice"}:
            assert described["default"] == row.default_of("http")


def test_the_schema_says_that_strings_are_numbers() -> None:
    assert "is a number, too" in schemas(place="{name}")["Settings"]["description"]
