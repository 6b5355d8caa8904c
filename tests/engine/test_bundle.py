"""A model file is verified before it is used, and what is wrong is said in one line."""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tintype.engine import bundle as bundles
from tintype.engine.bundle import (
    CARD_KEY,
    DEFAULT_NAME,
    HASH_KEY,
    Bundle,
    Card,
    embedded_bundles,
    list_bundles,
    load_bundle,
    models_folder,
    own_hash,
)
from tintype.engine.onnx_file import read_metadata
from tintype.errors import ModelError

TINY = Path(__file__).with_name("tiny.onnx")


def one_line(error: pytest.ExceptionInfo[ModelError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert error.value.exit_code == 3
    return text


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINTYPE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def raw_card(tiny: Bundle) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(read_metadata(tiny.data, where="tiny")[CARD_KEY])
    return raw


def test_a_sound_file_is_a_bundle(tiny: Bundle) -> None:
    assert tiny.name == tiny.card.name == "tiny"
    assert tiny.data == TINY.read_bytes()
    assert tiny.sha256 == hashlib.sha256(tiny.data).hexdigest()
    assert tiny.card.sizes == {"fast": 32, "normal": 64, "high": 96}
    assert tiny.card.bins == len(tiny.card.log_weights) == 313
    assert not tiny.embedded
    assert len(repr(tiny)) < 100


def test_every_flipped_byte_is_noticed(tmp_path: Path, tiny: Bundle) -> None:
    path = tmp_path / "flipped.onnx"
    for at in range(0, len(tiny.data), len(tiny.data) // 60):
        flipped = bytearray(tiny.data)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        with pytest.raises(ModelError) as error:
            load_bundle(path)
        assert "flipped.onnx" in one_line(error)


@pytest.mark.parametrize("length", [0, 1, 7, 100, 5000, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, tiny: Bundle, length: int) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(tiny.data[:length])
    with pytest.raises(ModelError) as error:
        load_bundle(path)
    assert "short.onnx" in one_line(error)


@pytest.mark.parametrize(
    "data", [b"", b"hello, world\n" * 50, b"\x89PNG\r\n\x1a\n" + bytes(300), bytes(1000)]
)
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as error:
        load_bundle(path)
    assert "other.onnx" in one_line(error)


def test_a_missing_file_a_folder_and_an_unknown_name(tmp_path: Path, home: Path) -> None:
    shutil.copy(TINY, home / "mine.onnx")
    for wanted in (tmp_path / "none.onnx", tmp_path, "nobody"):
        with pytest.raises(ModelError) as error:
            load_bundle(wanted)
        assert "tintype models" in one_line(error)
    assert "mine" in str(error.value)


def test_own_hash_needs_one_place_for_it(tiny: Bundle) -> None:
    claimed = read_metadata(tiny.data, where="tiny")["tintype.sha256"]
    assert own_hash(tiny.data, claimed, where="tiny") == claimed
    for data, digits in (
        (tiny.data + claimed.encode(), claimed),
        (tiny.data, "f" * 64),
        (tiny.data, claimed.upper()),
        (tiny.data, ""),
    ):
        with pytest.raises(ModelError):
            own_hash(data, digits, where="tiny")


def test_users_models_are_found_by_name(home: Path) -> None:
    shutil.copy(TINY, home / "mine.onnx")
    assert load_bundle("mine").card.name == "tiny"
    assert models_folder() == home


def test_listing_says_which_models_are_broken(home: Path) -> None:
    shutil.copy(TINY, home / "mine.onnx")
    (home / "broken.onnx").write_bytes(TINY.read_bytes()[:-1])
    found, wrong = list_bundles()
    assert [bundle.path.name for bundle in found if not bundle.embedded] == ["mine.onnx"]
    assert len(wrong) == 1
    assert "broken.onnx" in str(wrong[0])
    # This is the list itself, so no line sends the reader to it.
    (home / "folder.onnx").mkdir()
    assert not any("tintype models" in str(error) for error in list_bundles()[1])


def test_an_unknown_name_lists_what_could_be_loaded_once(home: Path) -> None:
    shutil.copy(TINY, home / "mine.onnx")
    shutil.copy(TINY, home / "tintype-own.onnx")
    (home / "broken.onnx").write_bytes(TINY.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"installed: tintype-own, mine\. ") as caught:
        load_bundle("nobody")
    assert "nobody" in caught.value.message


def test_embedded_models_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an index of our own, so that this holds whatever the package carries today."""
    shutil.copy(TINY, tmp_path / "own.onnx")
    sha256 = hashlib.sha256(TINY.read_bytes()).hexdigest()
    index = {DEFAULT_NAME: {"file": "own.onnx", "sha256": sha256}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(bundles, "_EMBEDDED", tmp_path)
    assert load_bundle().embedded
    assert load_bundle(DEFAULT_NAME).sha256 == sha256
    assert load_bundle(tmp_path / "own.onnx").embedded
    assert [bundle.path.name for bundle in embedded_bundles()] == ["own.onnx"]
    (tmp_path / "own.onnx").write_bytes(TINY.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="Install Tintype again"):
        load_bundle()


def test_without_an_index_there_is_no_embedded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(bundles, "_EMBEDDED", tmp_path)
    assert embedded_bundles() == ()
    assert list_bundles() == ((), ())
    with pytest.raises(ModelError, match="no model named 'tintype-own'"):
        load_bundle()


def test_what_the_package_carries_is_sound() -> None:
    for bundle in embedded_bundles():
        assert bundle.embedded
        assert bundle.card.license


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "~/.local/share/tintype/models"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/tintype/models"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "~/.local/share/tintype/models"),
        ("darwin", {}, "~/Library/Application Support/tintype/models"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/tintype/models"),
        ("win32", {}, "~/AppData/Local/tintype/models"),
        ("win32", {"TINTYPE_HOME": "/mine"}, "/mine/models"),
    ],
)
def test_where_users_models_lie(
    platform: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TINTYPE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert models_folder() == Path(expected).expanduser()


def test_a_user_without_a_home_has_the_models_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("TINTYPE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", str)  # as posixpath then
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~/.local/share/tintype/models").mkdir(parents=True)  # not ours
    assert models_folder() is None
    assert load_bundle().embedded
    with pytest.raises(ModelError, match="no model named 'mine'"):
        load_bundle("mine")
    with pytest.raises(ModelError, match=r"Cannot read the model ~nobody/x\.onnx"):
        load_bundle("~nobody/x.onnx")


@pytest.mark.parametrize("key", [
    "name", "version", "title", "paper", "license", "multiple", "stride", "sizes", "capabilities",
    "bins", "log_weights", "temperature", "vividness", "recipe", "commit", "metrics", "created",
    "notes",
])  # fmt: skip
def test_a_card_without_a_key_is_refused_by_name(key: str, raw_card: dict[str, Any]) -> None:
    del raw_card[key]
    with pytest.raises(ModelError, match=f"'{key}'") as error:
        Card.parse(json.dumps(raw_card), where="x.onnx")
    assert "x.onnx" in one_line(error)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", 3),
        ("multiple", 0),
        ("multiple", 30),
        ("multiple", True),
        ("stride", 4.0),
        ("sizes", {"fast": 32, "normal": 64}),
        ("sizes", {"fast": 32, "normal": 64, "high": 1_000_000}),
        ("capabilities", "logits"),
        ("capabilities", [1]),
        ("capabilities", ["logits", "logits"]),
        ("capabilities", ["x" * 1000]),
        ("capabilities", ["a\nb"]),
        ("capabilities", [""]),
        ("capabilities", [f"c{n}" for n in range(1000)]),
        ("title", "x" * 1_000_000),
        ("title", "one\ntwo"),
        ("license", "\x1b[2J"),
        ("paper", "x" * 1000),
        ("recipe", "a\nb"),
        ("commit", "\x00"),
        ("created", "2026\x1b[2J"),
        ("notes", "x" * 100_000),
        ("name", "../../x"),
        ("name", "a\\b"),
        ("name", ".."),
        ("log_weights", [True] * 313),
        ("bins", -1),
        ("log_weights", [0.0]),
        ("log_weights", ["a"] * 313),
        ("log_weights", [float("nan")] * 313),
        ("log_weights", [10**400] * 313),
        ("log_weights", [1e300] * 313),
        ("temperature", 0),
        ("temperature", 1e-30),
        ("temperature", 10**400),
        ("vividness", float("inf")),
        ("multiple", 10**400),
        ("name", "\ud800"),
        ("name", "x" * 1000),
        ("version", "1\n2"),
        ("notes", "half \udfff"),
        ("temperature", 1.5),
        ("vividness", 3),
        ("vividness", None),
        ("metrics", []),
        ("metrics", {"loss": float("nan")}),
        ("metrics", {"export": {"of": [float("-inf")]}}),
        ("data", json.loads("[" * 900 + "]" * 900)),
        ("metrics", json.loads('{"a":' * 900 + "1" + "}" * 900)),
    ],
)
def test_a_card_with_a_wrong_value_is_refused(
    key: str, value: object, raw_card: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=f"'{key}'") as error:
        Card.parse(json.dumps(raw_card | {key: value}), where="x.onnx")
    assert len(one_line(error)) < 300


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"card"', "1e999", "9" * 5000, "[1e999]"])
def test_a_card_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"x\.onnx"):
        Card.parse(text, where="x.onnx")


def test_a_card_survives_what_later_versions_add(raw_card: dict[str, Any]) -> None:
    assert Card.parse(json.dumps(raw_card | {"later": 1}), where="x").name == "tiny"


def test_a_capability_of_a_later_version_is_kept(raw_card: dict[str, Any]) -> None:
    raw_card["capabilities"] += ["later"]
    assert Card.parse(json.dumps(raw_card), where="x").capabilities == ("logits", "later")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', f'{{"a": {"9" * 5000}}}', "[" * 5000])
def test_a_card_that_is_not_plain_json_is_said_in_plain_words(text: str) -> None:
    with pytest.raises(ModelError, match="not JSON") as error:
        Card.parse(text, where="x.onnx")
    assert "set_int_max_str_digits" not in one_line(error)
    assert "recursion" not in str(error.value)


def test_a_card_that_is_far_too_long_is_not_parsed(raw_card: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="more than 1,048,576 characters") as error:
        Card.parse(json.dumps(raw_card | {"data": "x" * (1 << 20)}), where="x.onnx")
    one_line(error)


def _entry(key: str, value: str) -> bytes:
    """A key and a value as another entry of a model's metadata."""
    parts = b""
    for number, text in ((1, key.encode()), (2, value.encode())):
        parts += bytes([number << 3 | 2, len(text)]) + text
    return bytes([14 << 3 | 2, len(parts)]) + parts


def test_two_cards_are_refused(tmp_path: Path, tiny: Bundle) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(tiny.data + _entry(CARD_KEY, "{}"))
    with pytest.raises(ModelError, match=r"has the metadata 'tintype\.card' twice") as error:
        load_bundle(path)
    one_line(error)


def test_hints_in_the_card_need_an_input(tmp_path: Path) -> None:
    data = TINY.with_name("tiny-hints.onnx").read_bytes()
    assert data.count(b"hints") > 2
    assert "hints" in load_bundle(TINY.with_name("tiny-hints.onnx")).card.capabilities
    old = read_metadata(data, where="x")
    card = old[CARD_KEY].encode()
    renamed = data.replace(card, b"\0CARD").replace(b"hints", b"hinte").replace(b"\0CARD", card)
    renamed = renamed.replace(old[HASH_KEY].encode(), b"0" * 64)
    path = tmp_path / "deaf.onnx"
    path.write_bytes(renamed.replace(b"0" * 64, hashlib.sha256(renamed).hexdigest().encode()))
    with pytest.raises(ModelError, match="card lists hints, but its network has no such input"):
        load_bundle(path)


def test_a_card_of_brackets_is_one_line() -> None:
    with pytest.raises(ModelError, match="not JSON"):
        Card.parse("[" * 100_000, where="x")


def test_a_pipe_is_not_waited_for_as_a_model(tmp_path: Path) -> None:
    import os

    if not hasattr(os, "mkfifo"):
        return
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelError, match="not a regular file"):
        load_bundle(tmp_path / "pipe.onnx")


def test_a_model_that_is_far_too_long_spoils_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINTYPE_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    shutil.copy(TINY, tmp_path / "models" / "tiny.onnx")
    with (tmp_path / "models" / "big.onnx").open("wb") as file:
        file.truncate((2 << 30) + 1)  # takes no room on the disk
    with pytest.raises(ModelError, match=r"big\.onnx is longer than 2 GiB"):
        load_bundle("big")
    found, wrong = list_bundles()
    assert {bundle.card.name for bundle in found} >= {"tiny"}
    assert ["longer than 2 GiB" in str(error) for error in wrong] == [True]
