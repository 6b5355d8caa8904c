"""The settings file: what version 0.1.0 wrote is read, and the same is written."""

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.engine.hints import Hint
from tintype.engine.settings import OUTPUT, Output, Settings
from tintype.errors import UsageError
from tintype.jobs.sidecar import Sidecar, read_sidecar, write_sidecar

# As version 0.1.0 wrote them, to the byte.
PLAIN = """{
 "tintype": "0.1.0",
 "model": "tintype-own",
 "model_sha256": "ab12",
 "settings": {
  "quality": "high",
  "vividness": null
 },
 "format": null,
 "strip_metadata": false
}
"""
FULL = """{
 "tintype": "0.1.0",
 "model": "tintype-own",
 "model_sha256": "ab12",
 "settings": {
  "hints": [
   [
    1,
    2,
    3.0,
    4.5,
    5
   ]
  ],
  "mask": "MASK",
  "palette": [
   0,
   3
  ],
  "quality": "normal",
  "vividness": 0.9,
  "warmth": -0.5
 },
 "format": "PNG",
 "strip_metadata": true,
 "keep_luminance": "exact",
 "files": {
  "mask": "masks/m.png"
 }
}
"""


@pytest.fixture
def mask(tmp_path: Path) -> str:
    """A mask where the file names it; its digest."""
    path = tmp_path / "masks" / "m.png"
    path.parent.mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    return sha256(path.read_bytes()).hexdigest()


def test_a_plain_file_of_version_0_1_0(tmp_path: Path) -> None:
    path = tmp_path / "how.json"
    path.write_text(PLAIN)
    sidecar = read_sidecar(path)
    assert sidecar == Sidecar("tintype-own", "ab12", Settings(), Output())
    write_sidecar(path, sidecar, overwrite=True)
    assert path.read_text() == PLAIN


def test_a_full_file_of_version_0_1_0(tmp_path: Path, mask: str) -> None:
    path = tmp_path / "how.json"
    path.write_text(FULL.replace("MASK", mask))
    sidecar = read_sidecar(path)
    plain = Settings(0.9, "normal", -0.5, (Hint(1, 2, 3.0, 4.5, 5),), palettes=3)
    assert replace(sidecar.settings, mask=None) == plain
    assert sidecar.settings.mask is not None
    assert sidecar.settings.mask.sha256 == mask
    assert sidecar.output == Output("PNG", strip_metadata=True, keep_luminance="exact")
    write_sidecar(path, sidecar, overwrite=True)
    assert path.read_text() == FULL.replace("MASK", mask)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": None}, "model"),
        ({"format": "GIF"}, "'GIF' is not a valid format"),
        ({"keep_luminance": "very"}, "'very' is not a valid keep_luminance"),
        ({"strip_metadata": "yes"}, "strip_metadata"),
        ({"settings": {"quality": "high"}}, "vividness"),
        ({"settings": {"quality": "high", "vividness": 7}}, "vividness 7"),
        ({"settings": {"quality": "high", "vividness": None, "mask": "aa"}}, "mask"),
        ({"settings": []}, "settings"),
        ({"settings": {"quality": "high", "vividness": True}}, "got `boolean` - at `$.vividness`"),
        ({"settings": {"quality": "high", "vividness": "1"}}, "got `string` - at `$.vividness`"),
        ({"settings": {"quality": 1, "vividness": 1}}, "got `number` - at `$.quality`"),
        ({"settings": {"quality": "high", "vividness": 1, "palette": [1, 1.5]}}, "1.5 is not a wh"),
        ({"settings": {"quality": "high", "vividness": 1, "palette": [1, True]}}, "got `boolean`"),
        (
            {
                "settings": {"quality": "high", "vividness": 1, "mask": "aa"},
                "files": {"mask": "x" * 5000},
            },
            "its name is too long",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, change: dict[str, object], what: str
) -> None:
    path = tmp_path / "how.json"
    path.write_text(json.dumps(json.loads(PLAIN) | change))
    with pytest.raises(UsageError) as caught:
        read_sidecar(path)
    assert what in caught.value.message
    assert "how.json" in caught.value.message
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (PLAIN.replace('"model":', '"model": "other", "model":'), "'model' is there twice"),
        (PLAIN.replace("null", "9" * 5000, 1), "a number has more than 1,000 digits"),
        (PLAIN.replace("null", "[" * 100_000, 1), "it is nested too deeply"),
    ],
    ids=["a key twice", "digits", "deep"],
)
def test_what_is_not_plain_json_is_said_in_plain_words(
    tmp_path: Path, text: str, what: str
) -> None:
    path = tmp_path / "how.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=what):
        read_sidecar(path)


def test_the_former_name_of_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "how.json"
    path.write_text(json.dumps(json.loads(PLAIN) | {"keep_luminance": "usual"}))
    sidecar = read_sidecar(path)
    assert sidecar.output == Output()
    write_sidecar(path, sidecar, overwrite=True)
    assert path.read_text() == PLAIN


def test_keys_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "how.json"
    path.write_text(json.dumps(json.loads(PLAIN) | {"later": 1}))
    assert read_sidecar(path).output == Output()
    assert {row.name for row in OUTPUT.values() if "file" in row.interfaces} == {
        "format",
        "layer",
        "strip_metadata",
        "keep_luminance",
    }


@pytest.mark.parametrize("kind", ["device", "pipe"])
@pytest.mark.parametrize("layer", ["mask", "scribbles"])
def test_a_pipe_or_device_that_it_names_is_not_opened(
    tmp_path: Path, kind: str, layer: str
) -> None:
    if not hasattr(os, "mkfifo"):
        return
    os.mkfifo(tmp_path / "pipe")
    named = os.devnull if kind == "device" else "pipe"
    change = {
        "settings": {"quality": "high", "vividness": 1, layer: "aa"},
        "files": {layer: named},
    }
    path = tmp_path / "how.json"
    path.write_text(json.dumps(json.loads(PLAIN) | change))
    with pytest.raises(UsageError, match="cannot be read: it is not a regular file"):
        read_sidecar(path)
