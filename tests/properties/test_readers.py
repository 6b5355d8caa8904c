"""Whatever stands in a file or a request: it is read, or refused in one line of ordinary length."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tintype.cli.app import main
from tintype.cli.film import parse_time, read_shots
from tintype.engine.bundle import CARD_KEY, Card, load_bundle
from tintype.engine.geometry import plan_fit
from tintype.engine.hints import Hint, hints_at, pale, parse_hint, pins_of
from tintype.engine.onnx_file import read_metadata
from tintype.engine.settings import SETTINGS, Settings
from tintype.engine.settings_parsing import read_hints, saved_settings
from tintype.errors import TintypeError, UsageError, brief
from tintype.jobs.inspect import Inspection
from tintype.jobs.sidecar import read_sidecar
from tintype.photo.metadata.provenance import Provenance, provenance_from_json
from tintype.web.request import coloring_from, coloring_from_query, output_from_query

MANY = settings(max_examples=150, deadline=None)

HARD_NUMBERS = [
    "1e999", "-1e999", "NaN", "1e308", "-1e308", "1e-320", "0", "-0.0", "-1", "true",
    "9" * 30, "9" * 400, "9" * 4300, "9" * 5000, "-" + "9" * 400, "0.5", "3.7", "2147483648",
]  # fmt: skip
"""As JSON spells them, for every place that takes a number."""
SHAPE = (40, 60)
_folder = tempfile.TemporaryDirectory()  # hypothesis takes no fixture of one test alone

_KEYS = """x y color radius points strokes grey_strokes settings model model_sha256 files format
strip_metadata keep_location name"""
keys = st.sampled_from([*SETTINGS, *_KEYS.split()])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.text(st.characters(), max_size=5)  # halves of characters among them
    | st.sampled_from(["#c04030", "high", "exact", "JPEG", "\ud800", "0" * 10_000, "9" * 5000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Lets an error of ours pass where it can be printed as one line of ordinary length."""
    try:
        yield
    except TintypeError as error:
        text = str(error)
        if not text.isprintable() or len(text) > 700:
            pytest.fail(f"no line for people: {text[:200]!r}")
        text.encode()


def used(hints: list[Hint] | tuple[Hint, ...]) -> None:
    """Does with hints what colouring does."""
    fit = plan_fit(SHAPE, short_side=32, multiple=8, stride=4)
    for cell in (1, 4):
        assert np.isfinite(hints_at(hints, None, fit, cell=cell)).all()
    pins_of(hints, fit, SHAPE, reach=1.0)
    pale(hints, None, np.full(SHAPE, 128, np.uint8))
    Settings(hints=tuple(hints)).canonical()


@pytest.mark.parametrize("number", HARD_NUMBERS, ids=lambda text: text[:12])
@pytest.mark.parametrize("key", ["x", "y", "radius"])
def test_hard_numbers_in_hints(tmp_path: Path, key: str, number: str) -> None:
    entry = {"x": "3", "y": "4", "radius": "1"} | {key: number}
    body = ", ".join(f'"{name}": {value}' for name, value in entry.items())
    path = tmp_path / "hints.json"
    path.write_text(f'[{{"color": "#c04030", {body}}}]')
    with one_line():
        used(read_hints(path))
    typed = ",".join([entry["x"], entry["y"], "#c04030", entry["radius"]])
    with one_line():
        used([parse_hint(typed)])
    with one_line():
        coloring_from_query({}, [typed])


@pytest.mark.parametrize("number", HARD_NUMBERS, ids=lambda text: text[:12])
@pytest.mark.parametrize(
    "place",
    ['"vividness": {}', '"warmth": {}', '"palette": [0, {}]', '"palette": [{}, 3]']
    + [f'"hints": [[{", ".join(["1"] * n + ["{}"] + ["1"] * (4 - n))}]]' for n in range(5)],
)
def test_hard_numbers_in_saved_settings(place: str, number: str) -> None:
    body = '"quality": "high", "vividness": 1, '
    if place.startswith('"vividness"'):
        body = '"quality": "high", '
    try:
        data = json.loads("{" + body + place.format(number) + "}")
    except ValueError:
        return  # five thousand digits are no number to JSON
    with one_line():
        used(saved_settings(data).hints)


@pytest.mark.parametrize("number", HARD_NUMBERS, ids=lambda text: text[:12])
def test_hard_numbers_in_requests(number: str) -> None:
    for key in ("vividness", "warmth", "palettes", "palette"):
        with one_line():
            coloring_from_query({key: number}, [])
        with contextlib.suppress(ValueError), one_line():
            coloring_from({key: json.loads(number)})


@pytest.mark.parametrize("number", HARD_NUMBERS, ids=lambda text: text[:12])
@pytest.mark.parametrize("key", ["temperature", "vividness", "multiple", "stride", "bins", "sizes"])
def test_hard_numbers_in_cards(key: str, number: str) -> None:
    tiny = Path(__file__).parents[1] / "engine" / "tiny.onnx"
    raw = json.loads(read_metadata(tiny.read_bytes(), where="tiny")[CARD_KEY])
    raw[key] = {"fast": "@", "normal": 64, "high": 96} if key == "sizes" else "@"
    with one_line():
        card = Card.parse(json.dumps(raw).replace('"@"', number), where="x")
        assert 0.01 <= card.temperature <= 1


@MANY
@given(values)
def test_any_json_is_hints_or_one_line(data: Any) -> None:
    path = Path(_folder.name) / "hints.json"
    path.write_text(json.dumps(data))
    with one_line():
        used(read_hints(path))


@MANY
@given(values, st.dictionaries(keys, values, max_size=6))
def test_any_json_is_a_settings_file_or_one_line(data: Any, inner: dict[str, Any]) -> None:
    path = Path(_folder.name) / "settings.json"
    known = {"model": "m", "model_sha256": "0", "format": None, "strip_metadata": False}
    for whole in (data, {**known, "settings": inner}, {**known, **inner, "settings": {}}):
        path.write_text(json.dumps(whole))
        with one_line():
            used(read_sidecar(path).settings.hints)


@MANY
@given(st.dictionaries(keys, values, max_size=6))
def test_any_json_is_a_request_or_one_line(data: dict[str, Any]) -> None:
    with one_line():
        used(coloring_from(data).settings.hints)
    query = {key: str(value) for key, value in data.items() if not isinstance(value, int)}
    with one_line():
        coloring_from_query(query, list(query.values()))
    with one_line():
        output_from_query(query)


@MANY
@given(st.dictionaries(st.sampled_from(Card.__slots__), values, max_size=4))
def test_any_json_is_a_card_or_one_line(data: dict[str, Any]) -> None:
    raw = json.loads(read_metadata(load_bundle().data, where="own")[CARD_KEY])
    with one_line():
        card = Card.parse(json.dumps(raw | data), where="x")
        # What is written into every coloured file.
        Provenance("Tintype", "1", card.name, "0", "{}", "0").sentence.encode()


@MANY
@given(values)
def test_any_json_is_a_provenance_or_none(data: Any) -> None:
    text = json.dumps(data)
    assert provenance_from_json(text) is None
    found = Provenance("Tintype", "1", "m", "0", text, "0")
    Inspection("x", "JPEG", None, found).to_json()
    Inspection("x", "JPEG", None, Provenance("T", "1", "m", "0", "[" * 100_000, "0")).to_json()


@pytest.mark.parametrize(
    "text",
    [
        "shot = [1, 2]",
        "[[shot]]\nat = inf\nhints = []",
        "[[shot]]\nat = 1e999\nhints = [1e999]",
        "[[shot]]\nat = 0x" + "f" * 6000 + "\nhints = []",
        "[[shot]]\nat = " + "9" * 5000,
        "[[shot]]\nat = " + "[" * 5000,
        "[[shot]]\nat = 0\nhints = [0x" + "f" * 6000 + "]",
        "[[shot]]\nat = 0\nhints = 7",
        '[[shot]]\nat = 0\nreference = "\\u0000"',
        '[[shot]]\nat = "' + "9" * 5000 + '"\nhints = []',
    ],
    ids=range(10),
)
def test_hard_values_in_shots(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shots.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_shots(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 700


@MANY
@given(st.text(max_size=30) | st.from_regex(r"\A\d{1,3}:\d{1,3}(\.\d+)?\Z"))
def test_any_text_is_a_time_or_one_line(text: str) -> None:
    with one_line():
        assert parse_time(text) >= 0


def test_a_quote_is_never_longer_than_a_line() -> None:
    assert brief("x" * 1000) == "x" * 57 + "..."
    assert brief(10**5000) == "a number of thousands of digits"
    assert brief("a\nb\x1b") == "a\\nb\\x1b"
    assert (brief(""), brief(" ")) == ('""', '" "')


@pytest.mark.parametrize(
    "words",
    [
        ["x.jpg", "--max-megapixels", "1e300"],
        ["x.jpg", "--max-megapixels", "inf"],
        ["x.jpg", "--max-megapixels", "nan"],
        ["x.jpg", "--jobs", "1" + "0" * 30],
        ["x.jpg", "--vividness", "1e999"],
        ["x.jpg", "--hint", "1,1,#c04030," + "9" * 5000],
        ["serve", "--queue", "9" * 400],
        ["serve", "--memory", "9" * 400],
        ["serve", "--max-megapixels", "1e300"],
        ["video", "x.mp4", "--preview", "1e300"],
        ["video", "x.mp4", "--every", "9" * 400],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_hard_numbers_on_the_command_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Internal error" not in said
    assert said.startswith("tintype: ")
