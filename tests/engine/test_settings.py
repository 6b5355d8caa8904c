"""The table of settings: complete, checked everywhere, and read as version 0.1.0 wrote it."""

import ast
import inspect
import json
import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import tintype
from tintype.api_options import ColorOptions
from tintype.engine.given_colors import GivenColors
from tintype.engine.hints import Hint, hint_of
from tintype.engine.layers import Mask, Scribbles
from tintype.engine.reference import Reference
from tintype.engine.setting_row import Interface, Setting
from tintype.engine.settings import (
    LAYERS,
    OUTPUT,
    SETTINGS,
    Output,
    Settings,
    default_output,
    default_settings,
    rows_of,
)
from tintype.engine.settings_parsing import read_hints, saved_settings
from tintype.errors import ModelError, UsageError

SRC = Path(tintype.__file__).parent
ROWS = {**SETTINGS, **OUTPUT}


def layer(kind: type, digest: str) -> Any:
    return kind("x.png", digest, np.zeros((2, 2), np.uint8))


SCRIBBLES, MASK, REFERENCE = layer(Scribbles, "aa"), layer(Mask, "bb"), layer(Reference, "cc")
COLORS = layer(GivenColors, "dd")

# ----- what version 0.1.0 wrote -----

WRITTEN = [
    (Settings(), Output(), '{"quality":"high","vividness":null}'),
    (Settings(0.9, "normal"), Output(), '{"quality":"normal","vividness":0.9}'),
    (Settings(vividness=1), Output(), '{"quality":"high","vividness":1.0}'),
    (Settings(warmth=-1), Output(), '{"quality":"high","vividness":null,"warmth":-1.0}'),
    (
        Settings(hints=(Hint(1, 2, 3, 4.5, 5), Hint(6, 7, -8.25, 9, 0))),
        Output(),
        '{"hints":[[1,2,3.0,4.5,5],[6,7,-8.25,9.0,0]],"quality":"high","vividness":null}',
    ),
    (
        Settings(quality="fast", scribbles=SCRIBBLES, mask=MASK, reference=REFERENCE),
        Output(),
        '{"mask":"bb","quality":"fast","reference":"cc","scribbles":"aa","vividness":null}',
    ),
    (
        Settings(palettes=5, palette=2),
        Output(),
        '{"palette":[2,5],"quality":"high","vividness":null}',
    ),
    (Settings(palettes=5), Output(), '{"palette":[0,5],"quality":"high","vividness":null}'),
    (
        Settings(),
        Output(strip_metadata=True),
        '{"quality":"high","strip_metadata":true,"vividness":null}',
    ),
    (
        Settings(1.5),
        Output(format="PNG", keep_luminance="exact", keep_location=False),
        '{"keep_luminance":"exact","quality":"high","vividness":1.5}',
    ),
]


@pytest.mark.parametrize(("settings", "output", "text"), WRITTEN, ids=[w[2] for w in WRITTEN])
def test_what_is_recorded_is_what_version_0_1_0_recorded(
    settings: Settings, output: Output, text: str
) -> None:
    assert output.recorded_with(settings.canonical()) == text


@pytest.mark.parametrize("text", [w[2] for w in WRITTEN if w[1] == Output()])
def test_recorded_settings_are_read_again(text: str) -> None:
    found = saved_settings(json.loads(text))
    plain = {key: value for key, value in json.loads(text).items() if key not in LAYERS}
    assert json.loads(found.canonical()) == plain
    # NumPy computes with a subclass of float in another precision.
    assert type(found.warmth) is float
    assert found.vividness is None or type(found.vividness) is float


def test_a_hints_file_of_version_0_1_0_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hints.json"
    path.write_text(
        '[{"x": 120, "y": 80, "color": "#c04030", "radius": 4, "note": "coat"}, '
        '{"x": "3", "y": 2.0, "color": "2e6b3a"}]'
    )
    assert read_hints(path) == [hint_of(120, 80, "#c04030", 4), hint_of(3, 2, "#2e6b3a")]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('"x": true, "y": 1', "Expected `integer`, got `boolean`"),
        ('"x": "1_0", "y": 1', "1_0 is not a whole number"),
        ('"x": "\u0661", "y": 1', "\u0661 is not a whole number"),
        ('"x": " 1", "y": 1', "1 is not a whole number"),
        ('"x": 1e999, "y": 1', "inf is not a whole number"),
        ('"x": NaN, "y": 1', "nan is not a whole number"),
        (f'"x": {"9" * 5000}, "y": 1', "a number has more than 1,000 digits"),
        ('"x": 1, "x": 2, "y": 1', "the key 'x' is there twice"),
    ],
    ids=["boolean", "underscore", "digits", "space", "infinity", "nan", "long", "twice"],
)
def test_a_coordinate_that_is_none_is_said_in_plain_words(
    tmp_path: Path, text: str, what: str
) -> None:
    path = tmp_path / "hints.json"
    path.write_text(f'[{{{text}, "color": "#c04030"}}]', encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read_hints(path)
    assert what in error.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_may_come_from_any_editor(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "hints.json"
    path.write_text('[{"x": 1, "y": 2, "color": "#c04030"}]', encoding=encoding)
    assert len(read_hints(path)) == 1


# ----- the table -----


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_is_whole(row: Setting) -> None:
    assert row.help[0].isupper()
    assert row.help.endswith(".")
    assert row.interfaces
    assert set(row.interfaces) <= set(get_args(Interface))
    assert row.defaults.keys() | row.spelling.keys() <= set(row.interfaces)
    assert (row.low is None) == (row.high is None)
    assert (row.kind == "choice") <= bool(row.choices)
    assert row.default is not None or row.unset or row.kind == "layer"
    row.check(row.default)
    for default in row.defaults.values():
        row.check(default)


def test_the_keywords_of_python_are_those_of_the_table() -> None:
    assert list(ColorOptions.__annotations__) == [*rows_of("python"), "output", "overwrite"]
    parameters = inspect.signature(tintype.colorize).parameters
    for row in rows_of("python").values():
        assert parameters[row.name].default == row.default_of("python")


@pytest.mark.parametrize(
    "row", [r for r in ROWS.values() if r.low is not None], ids=lambda r: r.name
)
def test_a_number_out_of_range_is_refused(row: Setting) -> None:
    assert row.low is not None
    assert row.high is not None
    for value in (row.low - 1, row.high + 1, float("nan")):
        with pytest.raises(UsageError, match=f"Use {row.range_text}"):
            replace(Settings(), **{row.name: value})
    for value in (row.low, row.high):
        replace(Settings(), **{row.name: type(row.default or 1.0)(value)})


def test_a_choice_that_there_is_not_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"'best' is not a valid quality\. Use fast, normal or high"
    ):
        Settings(quality="best")  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=r"'very' is not a valid keep_luminance\. Use standard or exact"
    ):
        Output(keep_luminance="very")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'GIF' is not a valid format"):
        Output(format="GIF")


def test_a_choice_by_its_former_name() -> None:
    former = Output(keep_luminance="usual")  # type: ignore[arg-type]
    assert former == Output(keep_luminance="standard") == Output()
    for output in (former, Output()):
        assert output.recorded_with("{}") == "{}"
    assert Output(keep_luminance="exact").recorded_with("{}") == '{"keep_luminance":"exact"}'


def test_doors_have_defaults_of_their_own() -> None:
    assert default_settings("command") == default_settings("python") == Settings()
    assert default_settings("film") == Settings(quality="normal")
    assert default_output("command") == Output()
    assert default_output("http") == Output(keep_location=False)


def test_settings_can_be_sent_to_another_process() -> None:
    settings = Settings(0.5, hints=(Hint(1, 2, 3, 4),), mask=MASK)
    assert pickle.loads(pickle.dumps(settings)) == settings


# ----- what reaches the network -----


@pytest.mark.parametrize("row", SETTINGS.values(), ids=SETTINGS)
def test_only_what_reaches_the_network_is_in_the_key_of_a_prediction(row: Setting) -> None:
    others = {
        "vividness": 0.5,
        "quality": "fast",
        "warmth": 0.5,
        "hints": (Hint(1, 2, 3, 4),),
        "scribbles": SCRIBBLES,
        "reach": 0.2,
        "mask": MASK,
        "reference": REFERENCE,
        "colors": COLORS,
        "palettes": 3,
        "device": "openvino",
        "palette": 1,
    }
    changed = Settings(**{row.name: others[row.name]})
    known = {"logits", "features", "hints"}
    assert (changed.for_network(known) != Settings()) == (row.stage == "network")
    if row.heard_by:
        assert changed.for_network(known - {row.heard_by}) == Settings()


def test_a_model_that_cannot_do_it_is_refused_by_name() -> None:
    Settings(0.5, hints=(Hint(1, 2, 3, 4),)).check_model("plain", ())
    with pytest.raises(ModelError, match="palettes needs logits, which the model plain"):
        Settings(palettes=2).check_model("plain", ("hints",))
    with pytest.raises(ModelError, match="reference needs features, which the model plain"):
        Settings(reference=REFERENCE).check_model("plain", ("logits",))
    assert Settings(reference=REFERENCE).needs == {"logits", "features"}


# ----- a default stands in the table alone -----


def defaults_typed_in(source: str) -> list[str]:
    """Names of the table that get a value of their own where a function or class is defined."""
    found = []
    for node in ast.walk(ast.parse(source)):
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            spec = node.args
            named = [*spec.posonlyargs, *spec.args]
            pairs += [(a.arg, d) for a, d in zip(named[::-1], spec.defaults[::-1], strict=False)]
            pairs += [(a.arg, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            pairs.append((node.target.id, node.value))
        for name, value in pairs:
            if name in ROWS and isinstance(value, ast.Constant) and value.value is not None:
                found.append(name)
    return found


NEUTRAL = {
    "engine/color_distribution.py": {"warmth"},  # no shift, whatever an interface's default is
    "photo/encode.py": {"strip_metadata"},  # below the table
    "jobs/plan.py": {"palette", "palettes"},  # a plan of one output for each input
}
"""Values that would stay if the table's default changed."""


def test_no_default_of_the_table_is_typed_a_second_time() -> None:
    for path in sorted(SRC.rglob("*.py")):
        place = path.relative_to(SRC).as_posix()
        # Training and its measurements choose for themselves, and say so in their results.
        if not place.startswith("learn/") and place != "engine/settings.py":
            found = set(defaults_typed_in(path.read_text(encoding="utf-8")))
            assert found == NEUTRAL.get(place, set()), place


def test_the_guard_finds_a_second_default() -> None:
    assert defaults_typed_in("def f(x, quality='high', *, warmth=0.0): ...") == [
        "quality",
        "warmth",
    ]
    assert defaults_typed_in("class A:\n    keep_luminance: str = 'standard'") == ["keep_luminance"]
    assert defaults_typed_in("def f(quality, vividness=None, *, mask=m): ...") == []
    assert {field.name for field in (*fields(Settings), *fields(Output))} == set(ROWS)
