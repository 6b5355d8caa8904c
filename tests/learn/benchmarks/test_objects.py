"""The outlined objects are whole, their masks are what was outlined, and pictures are found."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import program
from tintype.errors import LearnError
from tintype.learn.data.manifest import is_dev
from tintype.learn.recipe import read_recipe

objects = program("objects")
measuring = program("measuring")

ENTRY = {
    "sha256": '"00"',
    "photo": '"people/set/a.png"',
    "size": "[12, 16]",
    "name": '"grey box"',
    "kind": '"other"',
    "polygons": "[[[2, 3], [10, 3], [10, 9], [2, 9]]]",
    "holes": "[[[4, 4], [6, 4], [6, 6], [4, 6]]]",
    "hint": "[8, 5]",
    "stroke": "[[7, 4], [8, 7]]",
}


def write(path: Path, *entries: dict[str, str]) -> Path:
    lines = [
        "\n".join(["[[object]]", *(f"{key} = {value}" for key, value in entry.items())])
        for entry in entries
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_thirty_objects_of_every_kind_are_outlined_on_dev():
    marked = objects.read_objects(objects.OBJECTS)
    assert len({one.sha256 for one in marked}) == len(marked) == 30
    kinds = Counter(one.kind for one in marked)
    assert set(kinds) == set(objects.KINDS)
    assert kinds["clothing"] >= 10
    share = read_recipe(measuring.OWN).data.dev_share
    assert all(is_dev(bytes.fromhex(one.sha256), share) for one in marked)
    assert all(0.02 < objects.rasterize(one).mean() < 0.7 for one in marked)


def test_a_mask_is_the_polygons_without_the_holes(tmp_path: Path):
    parts = "[[[2, 3], [10, 3], [10, 9], [2, 9]], [[12, 0], [16, 0], [16, 2.6], [12, 2.6]]]"
    path = write(tmp_path / "objects.toml", ENTRY | {"polygons": parts})
    expected = np.zeros((12, 16), bool)
    expected[3:9, 2:10] = True
    expected[:3, 12:] = True  # more than half of the third row
    expected[4:6, 4:6] = False
    mask = objects.rasterize(objects.read_objects(path)[0])
    assert mask.dtype == bool
    assert np.array_equal(mask, expected)


def test_a_slanted_edge_takes_the_pixels_that_are_mostly_inside(tmp_path: Path):
    corners = "[[[0, 0], [16, 0], [0, 12]]]"
    changed = {"polygons": corners, "holes": "[]", "hint": "[1, 1]", "stroke": "[[1, 1], [2, 2]]"}
    path = write(tmp_path / "objects.toml", ENTRY | changed)
    y, x = np.mgrid[:12, :16] + 0.5
    distance = 1 - x / 16 - y / 12
    mask = objects.rasterize(objects.read_objects(path)[0])
    clear = np.abs(distance) > 1e-9
    assert np.array_equal(mask[clear], distance[clear] > 0)


def save(path: Path, color: tuple[int, int, int]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12), color).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_photographs_are_found_by_their_hash_in_the_order_of_the_objects(tmp_path: Path):
    first = save(tmp_path / "people" / "set" / "z.png", (200, 20, 20))
    second = save(tmp_path / "nature" / "renamed.png", (20, 20, 200))
    save(tmp_path / "people" / "set" / "a.png", (9, 9, 9))  # the name of one, but another picture
    path = write(
        tmp_path / "objects.toml",
        ENTRY | {"sha256": f'"{first}"', "photo": '"people/set/z.png"'},
        ENTRY | {"sha256": f'"{second}"', "name": '"blue box"'},
    )
    marked = objects.read_objects(path)
    found = list(objects.examples(marked, [tmp_path / "nature", tmp_path / "people"]))
    assert [one.marked.name for one in found] == ["grey box", "blue box"]
    assert [tuple(one.rgb[0, 0]) for one in found] == [(200, 20, 20), (20, 20, 200)]
    for one in found:
        rgb, mask, hint, stroke, _ = one
        assert rgb.shape == (12, 16, 3)
        assert mask.sum() == 8 * 6 - 4
        assert (hint, stroke) == ((8, 5), ((7, 4), (8, 7)))


def test_a_photograph_that_is_not_there_is_named(tmp_path: Path):
    save(tmp_path / "people" / "set" / "a.png", (200, 20, 20))
    marked = objects.read_objects(write(tmp_path / "objects.toml", ENTRY))
    with pytest.raises(LearnError, match=r"1 of the marked photographs.*people/set/a\.png"):
        list(objects.examples(marked, [tmp_path / "people"]))


def test_a_photograph_of_another_size_is_refused(tmp_path: Path):
    digest = save(tmp_path / "people" / "set" / "a.png", (200, 20, 20))
    changed = {"sha256": f'"{digest}"', "size": "[12, 17]"}
    marked = objects.read_objects(write(tmp_path / "objects.toml", ENTRY | changed))
    with pytest.raises(LearnError, match=r"people/set/a.png has 12 x 16 pixels, not 12 x 17"):
        list(objects.examples(marked, [tmp_path / "people"]))


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": '"weather"'},
        {"polygons": "[[[2, 3], [10, 3]]]"},
        {"polygons": "[[[2, 3], [17, 3], [10, 9]]]"},
        {"polygons": "[]"},
        {"holes": "[[[4, 4], [6, 4], [6, -1]]]"},
        {"hint": "[1, 1]"},
        {"hint": "[5, 5]"},  # in the hole
        {"hint": "[8, 12]"},
        {"hint": "[8]"},
        {"hint": "[8.5, 5]"},
        {"stroke": "[[7, 4]]"},
        {"stroke": "[[7, 4], [8, 4], [8, 5], [8, 6], [8, 7]]"},
        {"stroke": "[[7, 4], [1, 1]]"},
        {"size": "[12]"},
    ],
)
def test_objects_that_are_not_whole_are_refused(tmp_path: Path, changed: dict[str, str]):
    path = write(tmp_path / "objects.toml", ENTRY | changed)
    with pytest.raises(LearnError, match=r"objects\.toml: .* missing or wrong"):
        objects.read_objects(path)


@pytest.mark.parametrize("key", sorted(ENTRY.keys() - {"holes"}))
def test_only_holes_may_be_left_out(tmp_path: Path, key: str):
    path = write(tmp_path / "objects.toml", {k: v for k, v in ENTRY.items() if k != key})
    with pytest.raises(LearnError, match=f"'{key}' is missing or wrong"):
        objects.read_objects(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(LearnError, match=r"none\.toml: cannot be read"):
        objects.read_objects(tmp_path / "none.toml")
