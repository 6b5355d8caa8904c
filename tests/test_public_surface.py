"""What `import tintype` promises: these names, these parameters. A change here is a decision."""

import inspect

import pytest

import tintype
from tintype import errors

NAMES = [
    "Colorizer",
    "ModelError",
    "PhotoError",
    "PhotoTooLargeError",
    "PhotoWarning",
    "TargetExistsError",
    "TintypeError",
    "UnreadablePhotoError",
    "UnsupportedPhotoError",
    "UsageError",
    "WriteError",
    "__version__",
    "colorize",
]
NOTE = tintype.PhotoWarning


def test_the_names_are_exactly_these() -> None:
    assert sorted(tintype.__all__) == NAMES
    assert dir(tintype) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(tintype, name) is not None


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colourise'"):
        _ = tintype.colourise  # type: ignore[attr-defined]


def parameters(function: object) -> list[tuple[str, str, object]]:
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return [(p.name, p.kind.name, p.default) for p in found if p.name != "self"]


X = ("x", "POSITIONAL_OR_KEYWORD", inspect.Parameter.empty)
SETTINGS = [
    ("vividness", "KEYWORD_ONLY", None),
    ("quality", "KEYWORD_ONLY", "high"),
    ("warmth", "KEYWORD_ONLY", 0.0),
    ("hints", "KEYWORD_ONLY", ()),
    ("scribbles", "KEYWORD_ONLY", None),
    ("reach", "KEYWORD_ONLY", 1.0),
    ("mask", "KEYWORD_ONLY", None),
    ("reference", "KEYWORD_ONLY", None),
    ("colors", "KEYWORD_ONLY", None),
    ("device", "KEYWORD_ONLY", "auto"),
    ("keep_luminance", "KEYWORD_ONLY", "standard"),
    ("layer", "KEYWORD_ONLY", False),
]
WRITING = [("output", "KEYWORD_ONLY", None), ("overwrite", "KEYWORD_ONLY", False)]


def test_the_parameters_are_exactly_these() -> None:
    model = ("model", "KEYWORD_ONLY", None)
    assert parameters(tintype.colorize) == [X, *SETTINGS, model, *WRITING]
    assert parameters(tintype.Colorizer) == [
        ("model", "POSITIONAL_OR_KEYWORD", None),
        ("max_pixels", "KEYWORD_ONLY", 100_000_000),
        ("sandbox", "KEYWORD_ONLY", False),
    ]
    assert parameters(tintype.Colorizer.colorize) == [X, *SETTINGS, *WRITING]
    assert tintype.Colorizer.__call__ is tintype.Colorizer.colorize
    members = {name for name in vars(tintype.Colorizer) if not name.startswith("_")}
    assert members == {"colorize"}


def test_errors_have_one_root_and_an_exit_code() -> None:
    for name in NAMES:
        thing = getattr(tintype, name)
        if isinstance(thing, type) and issubclass(thing, Exception) and thing is not NOTE:
            assert issubclass(thing, errors.TintypeError)
            assert thing.exit_code in {1, 2, 3}
            assert str(thing("What.", advice="Do.")) == "What. Do."


def test_notes_are_warnings_of_the_user() -> None:
    assert issubclass(NOTE, UserWarning)


def test_the_version_is_the_package_s() -> None:
    from importlib.metadata import version

    assert tintype.__version__ == version("tintype-colorizer")
