"""A bundle: one ONNX file with its card inside, verified by SHA-256 before it is used.

ONNX Runtime silently loads a file with a flipped byte, and weights from other files that a model
names, so every file is checked before it is loaded (`tintype.engine.onnx_file`).
The models inside the package are pinned by `bundles/index.json`. A user's own model contains its
hash in its metadata: 64 hexadecimal digits under ``tintype.sha256``, the SHA-256 of the file with
those digits replaced by zeros. A second file with the hash was rejected because such files get lost
in transit.
"""

import hashlib
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tintype.engine.onnx_file import CARD_KEY, check_self_contained, read_metadata
from tintype.engine.onnx_graph import input_names
from tintype.errors import ModelError, brief, shown
from tintype.files.json_text import parse_json

_T = TypeVar("_T")

DEFAULT_NAME = "tintype-own"
HASH_KEY = "tintype.sha256"
QUALITIES = ("fast", "normal", "high")
TEMPERATURES = (0.01, 1.0)
"""Below this range, logits divided by the temperature overflow float32, and decoding fails."""
LOG_WEIGHTS = (-100.0, 100.0)
"""A weight of e^100 already dominates all others; a larger one would also overflow."""

_LONGEST_NAME = 100
_LONGEST_LINE = 300
_LONGEST_NOTES = 10_000
_LONGEST_CARD = 1 << 20
_MOST_CAPABILITIES = 16
_DEEPEST = 16
"""Maximum nesting of the free-form parts of a card; ours have four levels."""
_EMBEDDED = Path(__file__).with_name("bundles")
_LIST = "Run `tintype models` to list the installed models."


@dataclass(frozen=True, slots=True)
class Card:
    """The metadata of a model, read from its own file.

    Attributes:
        name: Unique name, as passed to ``--model``; not a path.
        version: The model's version.
        title: One-line description; like the other texts, at most 300 printable characters.
        paper: The paper that it implements; empty for our own models.
        license: Licence of the weights.
        multiple: Height and width of the input are multiples of this.
        stride: Input pixels per output pixel.
        sizes: Short side of the input in pixels for "fast" and "normal"; "high" averages two.
        capabilities: Any of "logits", "hints", "features", each once.
        bins: Number of colours in the distribution; 0 for models without one.
        log_weights: (bins,) log of the rebalancing weights, -100 to 100; empty without a
            distribution.
        temperature: Default temperature of the annealed mean, 0.01 to 1.
        vividness: Default vividness, 0..2.
        data: The training data and its licences.
        recipe: The recipe's name.
        commit: The commit of the code that trained it.
        metrics: Measured figures.
        created: Date, ISO 8601.
        notes: Anything else worth knowing, at most 10,000 characters.
    """

    name: str
    version: str
    title: str
    paper: str
    license: str
    multiple: int
    stride: int
    sizes: Mapping[str, int]
    capabilities: tuple[str, ...]
    bins: int
    log_weights: tuple[float, ...]
    temperature: float
    vividness: float
    data: Any
    recipe: str
    commit: str
    metrics: Mapping[str, Any]
    created: str
    notes: str

    @staticmethod
    def parse(text: str, *, where: str) -> "Card":
        """Reads a card strictly.

        Args:
            text: JSON.
            where: The file's name, for the message.

        Raises:
            ModelError: A key is missing or has a value of the wrong kind.
        """
        if len(text) > _LONGEST_CARD:
            raise ModelError(
                f"{where}: its card has more than {_LONGEST_CARD:,} characters.",
                advice="Export the model again with `tintype export`.",
            )
        try:
            raw = parse_json(text)
        except ValueError as error:
            raise ModelError(
                f"{where}: its card is not JSON ({brief(error, most=200)}).", advice=_LIST
            ) from None
        if not isinstance(raw, dict):
            raise ModelError(f"{where}: its card is not a JSON object.", advice=_LIST)
        return _Reader(raw, where).card()


class _Reader:
    """Reads values from a JSON object; its errors name the wrong one."""

    def __init__(self, raw: dict[str, Any], where: str) -> None:
        self._raw = raw
        self._where = where

    def _wrong(self, key: str, wanted: str) -> ModelError:
        found = "nothing" if key not in self._raw else repr(self._raw[key])[:40]
        return ModelError(
            f"{self._where}: its card needs {key!r} to be {wanted}, but has {found}.",
            advice="Export the model again with `tintype export`.",
        )

    def _get(self, key: str, kind: type[_T], wanted: str) -> _T:
        value = self._raw.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._wrong(key, wanted)
        return value

    def _text(self, key: str) -> str:
        value = self._get(key, str, "a string")
        # A lone surrogate cannot be encoded in any file.
        if not value.isascii() and value != value.encode("utf-8", "replace").decode():
            raise self._wrong(key, "a string of valid Unicode characters")
        return value

    def _name(self, key: str) -> str:
        value = self._text(key)
        # It is written into every coloured file.
        if not value or len(value) > _LONGEST_NAME or not value.isprintable():
            raise self._wrong(key, f"a string of 1 to {_LONGEST_NAME} printable characters")
        # As a value of --model, it would be taken for a path.
        if value.startswith(".") or "/" in value or "\\" in value:
            raise self._wrong(key, "a name, not a path")
        return value

    def _line(self, key: str) -> str:
        """A text that is printed as a part of a line; may be empty."""
        value = self._text(key)
        if len(value) > _LONGEST_LINE or not value.isprintable():
            raise self._wrong(key, f"a string of at most {_LONGEST_LINE} printable characters")
        return value

    def _notes(self) -> str:
        value = self._text("notes")
        if len(value) > _LONGEST_NOTES:
            raise self._wrong("notes", f"a string of at most {_LONGEST_NOTES:,} characters")
        return value

    def _capabilities(self) -> tuple[str, ...]:
        """The capabilities; those of later versions may be among them."""
        found = self._get("capabilities", list, "a list of strings")
        if (
            len(found) > _MOST_CAPABILITIES
            or not all(isinstance(item, str) and _is_word(item) for item in found)
            or len(set(found)) < len(found)
        ):
            raise self._wrong(
                "capabilities", f"a list of at most {_MOST_CAPABILITIES} different words"
            )
        return tuple(found)

    def _number(self, key: str, low: float, high: float) -> float:
        value = self._raw.get(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self._wrong(key, f"a number between {low:g} and {high:g}")
        return float(value)

    def _whole(self, key: str, low: int, high: int) -> int:
        wanted = f"a whole number between {low} and {high}"
        value = self._get(key, int, wanted)
        if not low <= value <= high:
            raise self._wrong(key, wanted)
        return value

    def card(self) -> Card:
        capabilities = self._capabilities()
        for key in ("data", "metrics"):
            if not _is_plain(self._raw.get(key), depth=_DEEPEST):
                raise self._wrong(key, f"JSON nested at most {_DEEPEST} levels deep, without NaN")
        bins = self._whole("bins", 0, 10_000)
        log_weights = self._get("log_weights", list, "a list of numbers")
        low, high = LOG_WEIGHTS
        if len(log_weights) != (bins if "logits" in capabilities else len(log_weights)) or not all(
            isinstance(item, int | float) and not isinstance(item, bool) and low <= item <= high
            for item in log_weights
        ):
            raise self._wrong("log_weights", f"a list of {bins} numbers from {low:g} to {high:g}")
        multiple = self._whole("multiple", 1, 1024)
        stride = self._whole("stride", 1, 64)
        if multiple % stride:
            raise self._wrong("multiple", f"a multiple of the stride {stride}")
        sizes = self._get("sizes", dict, "an object")
        for quality in QUALITIES:
            size = sizes.get(quality)
            if not isinstance(size, int) or isinstance(size, bool) or not 16 <= size <= 4096:
                raise self._wrong("sizes", f"an object with a size of 16 to 4096 for {quality!r}")
        return Card(
            name=self._name("name"),
            version=self._name("version"),
            title=self._line("title"),
            paper=self._line("paper"),
            license=self._line("license"),
            multiple=multiple,
            stride=stride,
            sizes={quality: sizes[quality] for quality in QUALITIES},
            capabilities=capabilities,
            bins=bins,
            log_weights=tuple(float(item) for item in log_weights),
            temperature=self._number("temperature", *TEMPERATURES),
            vividness=self._number("vividness", 0, 2),
            data=self._raw.get("data", ""),
            recipe=self._line("recipe"),
            commit=self._line("commit"),
            metrics=self._get("metrics", dict, "an object"),
            created=self._line("created"),
            notes=self._notes(),
        )


def _is_word(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _is_plain(value: object, *, depth: int) -> bool:
    """Whether a free-form value of a card can be written back as standard JSON."""
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_is_plain(item, depth=depth - 1) for item in items)
    return not isinstance(value, float) or math.isfinite(value)


@dataclass(frozen=True, slots=True, repr=False)
class Bundle:
    """A verified model file.

    Attributes:
        name: The name in its card.
        path: Path of the file.
        data: The verified bytes of the file.
        sha256: SHA-256 of the file, hexadecimal.
        card: Its metadata.
        embedded: Whether it was installed with the package.
    """

    name: str
    path: Path
    data: bytes
    sha256: str
    card: Card
    embedded: bool

    @property
    def label(self) -> str:
        """The model's name in messages, with its file if it is not an installed model."""
        return self.name if self.embedded else f"{self.name} in {shown(self.path.name)}"

    def __repr__(self) -> str:
        return f"Bundle({self.name!r}, {self.path.name!r}, sha256={self.sha256[:12]!r})"


# --- reading ------------------------------------------------------------------------------------


def own_hash(data: bytes, claimed: str, *, where: str) -> str:
    """The hash that a file should contain: its SHA-256 with the claimed digits set to zero.

    Args:
        data: The file.
        claimed: The 64 digits in its metadata.
        where: The file's name, for the message.

    Raises:
        ModelError: The digits are malformed or occur in the file more than once.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", claimed) or data.count(claimed.encode()) != 1:
        raise ModelError(
            f"{where}: the SHA-256 in its metadata is malformed.",
            advice="Export the model again with `tintype export`.",
        )
    return hashlib.sha256(data.replace(claimed.encode(), b"0" * 64)).hexdigest()


_MOST_BYTES = 2 << 30
"""Size limit of a model: an ONNX file without external data cannot be larger."""


def _read(path: Path) -> bytes:
    try:
        # Reading a pipe could block for ever, and a device never ends.
        if path.exists() and not path.is_file():
            raise ModelError(f"The model {shown(path)} is not a regular file.", advice=_LIST)
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            raise ModelError(
                f"The model {shown(path)} is longer than {_MOST_BYTES >> 30} GiB.", advice=_LIST
            )
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise ModelError(f"Cannot read the model {shown(path)}: {why}.", advice=_LIST) from None


def _open(path: Path, *, pinned: str | None) -> Bundle:
    """Reads and verifies one file; `pinned` is its hash in the package's index, if listed there."""
    data = _read(path)
    where = shown(path)
    sha256 = hashlib.sha256(data).hexdigest()
    if pinned is not None and sha256 != pinned:
        raise ModelError(
            f"The model {path.name} of this installation is damaged (SHA-256 does not match).",
            advice="Install Tintype again.",
        )
    metadata = read_metadata(data, where=where)
    if CARD_KEY not in metadata:
        raise ModelError(
            f"{where} is not a Tintype model: it has no card.",
            advice="Models are made with `tintype export`.",
        )
    if pinned is None:
        claimed = metadata.get(HASH_KEY, "")
        if own_hash(data, claimed, where=where) != claimed:
            raise ModelError(
                f"{where} is damaged (SHA-256 does not match).", advice="Copy or export it again."
            )
        check_self_contained(data, where=where)
    card = Card.parse(metadata[CARD_KEY], where=where)
    if "hints" in card.capabilities and "hints" not in input_names(data):
        raise ModelError(
            f"{where}: its card lists hints, but its network has no such input.",
            advice="Export the model again with `tintype export`.",
        )
    return Bundle(card.name, path, data, sha256, card, pinned is not None)


# --- finding ------------------------------------------------------------------------------------


def models_folder() -> Path | None:
    """The folder of the user's own models: ``models`` in ``TINTYPE_HOME`` or in the data folder.

    Returns:
        None for a user without a home folder, as in some containers.
    """
    if home := os.environ.get("TINTYPE_HOME"):
        return _expanded(Path(home)) / "models"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    elif sys.platform == "darwin":
        base = Path("~/Library/Application Support")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", ""))
        # According to the XDG specification, a relative path is ignored.
        base = base if base.is_absolute() else Path("~/.local/share")
    folder = _expanded(base) / "tintype" / "models"
    return None if folder.parts[0] == "~" else folder


def _expanded(path: Path) -> Path:
    """Expands ``~`` in a path; without a home folder, returns it unchanged."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser would raise


def _index() -> dict[str, tuple[Path, str]]:
    """The embedded models: name -> file and pinned SHA-256."""
    path = _EMBEDDED / "index.json"
    if not path.is_file():
        return {}
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {name: (_EMBEDDED / entry["file"], entry["sha256"]) for name, entry in entries.items()}


def embedded_bundles() -> tuple[Bundle, ...]:
    """The models installed with the package, verified, the default first."""
    index = _index()
    names = sorted(index, key=lambda name: (name != DEFAULT_NAME, name))
    return tuple(_open(index[name][0], pinned=index[name][1]) for name in names)


def _user_files() -> tuple[Path, ...]:
    folder = models_folder()
    return tuple(sorted(folder.glob("*.onnx"))) if folder is not None and folder.is_dir() else ()


def list_bundles() -> tuple[tuple[Bundle, ...], tuple[ModelError, ...]]:
    """All installed models, embedded ones first, and the errors of those that do not load."""
    found, wrong = list(embedded_bundles()), []
    for path in _user_files():
        try:
            found.append(_open(path, pinned=None))
        except ModelError as error:
            # This is the list that the advice would name.
            advice = "Remove it, or copy it again." if error.advice == _LIST else error.advice
            wrong.append(ModelError(error.message, advice=advice))
    return tuple(found), tuple(wrong)


def _usable(names: Iterable[str]) -> tuple[str, ...]:
    """These names, and those of the user's own models that load."""
    found = dict.fromkeys(names)  # a file with the name of an embedded model is not found by it
    for path in _user_files():
        with suppress(ModelError):
            _open(path, pinned=None)
            found[path.stem] = None
    return tuple(found)


def load_bundle(model: str | Path | None = None) -> Bundle:
    """Finds, reads and verifies a model.

    Args:
        model: The name of an embedded model, the name of a file in the user's models folder
            (without ``.onnx``), or the path of a file. None is the default model.

    Raises:
        ModelError: There is no such model, or the file is damaged or not a model.
    """
    wanted = DEFAULT_NAME if model is None else model
    index = _index()
    if isinstance(wanted, str) and wanted in index:
        path, pinned = index[wanted]
        return _open(path, pinned=pinned)
    # A string with a folder or the extension .onnx is a path; any other is a name.
    is_path = isinstance(wanted, Path) or wanted.endswith(".onnx") or Path(wanted).name != wanted
    if is_path:
        path = _expanded(Path(wanted))
        # A model of the package is still embedded if it is opened by its path.
        for file, pinned in index.values():
            if os.path.realpath(path) == os.path.realpath(file):
                return _open(file, pinned=pinned)
        return _open(path, pinned=None)
    for path in _user_files():
        if path.stem == wanted:
            return _open(path, pinned=None)
    known = ", ".join(shown(name) for name in _usable(index)) or "none"
    raise ModelError(f"There is no model named {wanted!r}; installed: {known}.", advice=_LIST)
