"""TOML of others: a table, or one line."""

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


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(LearnError, match=r"cannot be read: .* Look there"):
        read_toml(path, error=LearnError, advice="Look there.")
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(LearnError, match="is not a TOML file"):
        read_toml(path, error=LearnError)
    path.write_text("a = 1")
    assert read_toml(path) == {"a": 1}
