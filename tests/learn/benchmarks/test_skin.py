"""The marks are whole, views show what was marked, and what is counted is skin."""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import Blend, program
from tintype.errors import LearnError

skin = program("skin")

SKIN, CLOTH, PLASTER = (200, 150, 120), (60, 90, 160), (190, 188, 186)


def test_enough_is_marked_of_every_kind_tone_and_age():
    marks = skin.read_marks(skin.MARKS)
    assert len(marks) >= 150
    assert len(set(marks)) == len(marks)
    words = Counter(word for mark in marks for word in mark.words)
    assert min(words[word] for word in (*skin.KINDS, *skin.TONES, *skin.AGES)) >= 25


def marked(height: int, width: int, box: tuple[float, float, float, float]) -> np.ndarray:
    """Cloth with skin where the mark is, and a little beyond."""
    picture = np.full((height, width, 3), CLOTH, np.uint8)
    left, top, right, bottom = box
    y, x = (
        slice(int(top * height) - 2, int(bottom * height) + 2),
        slice(max(0, int(left * width) - 2), int(right * width) + 2),
    )
    picture[y, x] = SKIN
    return picture


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((192, 256), (0.5, 0.4, 0.6, 0.55)),
        ((192, 256), (0.0, 0.8, 0.1, 0.98)),  # at an edge
        ((300, 200), (0.9, 0.1, 0.99, 0.2)),
        ((105, 139), (0.3, 0.3, 0.4, 0.45)),  # smaller than what is shown of it
        ((192, 192), (0.1, 0.1, 0.9, 0.8)),  # a face that fills its picture
    ],
)
def test_the_mark_is_found_in_every_view(size, box):
    truth = marked(*size, box)
    expected = skin.color_of(np.full((1, 1, 3), SKIN, np.uint8), (0, 0, 1, 1))
    views = skin.views(truth, box)
    assert list(views) == ["portrait", "whole", "43 px"]
    for view in views.values():
        assert skin.color_of(view.rgb, view.box) == pytest.approx(expected, abs=4)
    portrait, small = views["portrait"], views["43 px"]
    assert portrait.rgb.shape == small.rgb.shape == (256, 256, 3)
    longer = max((box[2] - box[0]) * size[1], (box[3] - box[1]) * size[0])
    left, top, right, bottom = small.box
    expected_longer = 43 * longer / min(5 * longer, *size)
    assert max(right - left, bottom - top) == pytest.approx(expected_longer, abs=1.1)


def test_copies_of_the_photograph_are_added_beyond_its_edges():
    """Mirrored to the sides, upright above and below."""
    halves = np.full((96, 96, 3), CLOTH, np.uint8)
    halves[:, 48:] = SKIN
    halves[:48] //= 2
    small = skin.views(halves, (0.4, 0.4, 0.6, 0.6))["43 px"].rgb
    # Halves of 21 px meet their mirror images to the sides, so the colour changes every 43 px; the
    # copies above and below are not mirrored, so dark and bright alternate every 21 px.
    is_skin = small[128, :, 0] > small[128, :, 2]
    is_dark = small[:, 128].sum(axis=1) < 260
    changes = [(np.diff(line.astype(int)) != 0).sum() for line in (is_skin, is_dark)]
    assert changes == [pytest.approx(256 / 43, abs=1), pytest.approx(512 / 43, abs=1)]


def seen(name: str, number: int, **colors: tuple[float, float]):
    box = (0.1 * number, 0.1, 0.1 * number + 0.05, 0.2)
    return skin.Seen(skin.Mark(name, "old", "face", "light", box), "whole", colors)


GOOD, GREY, GREEN = (50.0, 20.0), (50.0, 3.0), (120.0, 20.0)


def test_skin_is_counted_beside_how_much_is_in_truth():
    some = [
        *(seen("a", 1, truth=GOOD, own=GOOD), seen("a", 2, truth=GOOD, own=GREEN)),
        *(seen("b", 1, truth=GREEN, own=GOOD), seen("b", 2, truth=GOOD, own=GOOD)),
    ]
    found = skin.rates(some, "own")
    assert found["rate"][0] == 75
    assert found["of the truth's"][0] == 100
    assert found["kept"][0] == pytest.approx(200 / 3)
    assert found["kept"][1] < found["kept"][0] < found["kept"][2]


def test_chalk_is_what_lost_its_colour_beside_a_coloured_face():
    beside = [seen("a", 1, truth=GOOD, own=GREY), seen("a", 2, truth=GOOD, own=GOOD)]
    alone = [seen("b", 1, truth=GOOD, own=GREY), seen("b", 2, truth=GOOD, own=GREY)]
    pale = [seen("c", 1, truth=GREY, own=GREY), seen("c", 2, truth=GOOD, own=GOOD)]
    assert skin.chalk(beside, "own", beside) == 1
    assert skin.chalk(beside[:1], "own", beside) == 1
    assert skin.chalk([*alone, *pale], "own", [*alone, *pale]) == 0


def test_a_model_that_knows_skin_and_one_that_does_not():
    box = (0.5, 0.4, 0.6, 0.55)
    marks = [skin.Mark("a", "new", "hand", "medium", box)]
    models = [Blend("good", 1.0), Blend("plaster", 0.0, PLASTER)]
    found = list(skin.look_at(models, marks, {"a": marked(192, 256, box)}))
    for one in found:
        assert skin.rates([one], "good")["kept"][0] == 100
        assert skin.rates([one], "plaster")["kept"][0] == 0
    text = skin.table(found)
    assert "| portrait | all | 1 | 100 | at least 95 | 100 (100 to 100) |" in text
    assert skin.facts(found)["figures"]["43 px"]["hand"]["plaster"]["rate"] == (0, 0, 0)


@pytest.mark.parametrize(
    "mark",
    [
        '{ kind = "foot", tone = "light", box = [0.1, 0.1, 0.2, 0.2] }',
        '{ kind = "face", tone = "light", box = [0.2, 0.1, 0.1, 0.2] }',
        '{ kind = "face", tone = "light", box = [10, 10, 20, 20] }',
        '{ kind = "face", box = [0.1, 0.1, 0.2, 0.2] }',
    ],
)
def test_marks_that_are_not_whole_are_refused(tmp_path: Path, mark: str):
    path = tmp_path / "skin.toml"
    path.write_text(f'[[picture]]\nsha256 = "00"\nage = "old"\nmarks = [{mark}]\n')
    with pytest.raises(LearnError, match="missing or wrong"):
        skin.read_marks(path)


def test_the_command_finds_pictures_by_their_hash(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
):
    box = (0.5, 0.4, 0.6, 0.55)
    picture = tmp_path / "people" / "x.png"
    picture.parent.mkdir()
    Image.fromarray(marked(96, 128, box)).save(picture)
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    marks = tmp_path / "skin.toml"
    text = '[[picture]]\nsha256 = "{}"\nage = "old"\n'
    text += 'marks = [{{ kind = "arm", tone = "dark", box = {} }}]\n'
    words = [str(tiny_model), "--data", str(picture.parent), "--marks", str(marks)]
    monkeypatch.setattr(sys, "argv", ["skin.py", *words, "--out", str(tmp_path / "found")])
    marks.write_text(text.format(digest, list(box)))
    skin.main()
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["figures"]["whole"]["arm"]["marks"] == 1
    assert {mark["picture"] for mark in found["marks"]} == {digest}
    marks.write_text(text.format("00" * 32, list(box)))
    with pytest.raises(LearnError, match="1 of the marked photographs"):
        skin.main()
