"""TOML of others: a table, or one line."""

import tracemalloc
from pathlib import Path

import pytest

from tintype.errors import LearnError, UsageError
from tintype.files.toml import read_toml


@pytest.mark.parametrize(
    "text",
    ["a = " + "9" * 5000, "a = " + "[" * 50_000, "a = " + "{b=" * 5000, "a", "\0", "\ufeffa = 1"],
    ids=["digits", "brackets", "braces", "no value", "nothing", "mark"],
)
def test_what_is_no_toml_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a\nb.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="is not a TOML file") as error:
        read_toml(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
    assert "set_int_max_str_digits" not in str(error.value)
    assert "recursion" not in str(error.value)


DEEP = {
    "bare": "a" + ".a" * 20_000 + "=1",
    "quoted": '"a b"' + " . 'a.b'" * 60 + " = 1",
    "table": "[" + ".".join(["a-b_c"] * 60) + "]",
}


@pytest.mark.parametrize("name", DEEP)
def test_a_key_of_many_parts_is_refused_before_it_is_parsed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(DEEP[name], encoding="utf-8")
    with pytest.raises(UsageError, match="a key of more than 50 parts"):
        read_toml(path)


def test_dots_elsewhere_are_no_key(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    text = f"a = [{'1.5, ' * 100}]\nb = '{'...' * 100} {'A sentence. ' * 100}'\n" + "c.d.e = 1\n"
    path.write_text(text, encoding="utf-8")
    assert read_toml(path)["c"] == {"d": {"e": 1}}


def test_no_more_is_read_than_such_a_file_has(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"a\.toml is longer than 4 MiB"):
            read_toml(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_name_that_is_far_too_long_does_not_fill_the_terminal() -> None:
    with pytest.raises(UsageError) as error:
        read_toml(Path("a/" * 5000), advice="Look there.")
    assert len(str(error.value)) < 2000
    assert str(error.value).startswith("a/a/")
    assert str(error.value).endswith("Look there.")


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(LearnError, match=r"cannot be read: .* Look there"):
        read_toml(path, error=LearnError, advice="Look there.")
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(LearnError, match="is not a TOML file"):
        read_toml(path, error=LearnError)
    path.write_text("a = 1")
    assert read_toml(path) == {"a": 1}
