"""Which is real: pairs that differ in colour alone, and a count that can be trusted."""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.errors import UnreadablePhotoError, UsageError
from tintype.web.errors import GoneError, MalformedError
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions
from tintype.web.which_is_real import Pairs, wilson
from web.conftest import TINY

Make = Callable[..., bytes]


@pytest.fixture
def folder(tmp_path: Path, colorful: np.ndarray) -> Path:
    for k in range(6):
        Image.fromarray(np.roll(colorful, 9 * k, axis=1)).save(tmp_path / f"{k}.png")
    Image.fromarray(255 - colorful).save(tmp_path / "3.color.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_pair_shares_its_grey_and_the_real_one_is_the_photograph(
    folder: Path, colorful: np.ndarray
) -> None:
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    assert len(pairs) == 6
    for number in range(6):
        left, right = (
            np.asarray(Image.open(io.BytesIO(pairs.picture(number, side))).convert("RGB"), int)
            for side in ("left", "right")
        )
        said = pairs.answer(number, "left", 1.0)
        real, ours = (left, right) if said["real"] == "left" else (right, left)
        truths = [np.roll(colorful, 9 * k, axis=1) for k in range(6)]
        nearest = min(float(np.abs(real - truth).mean()) for truth in truths)
        assert nearest < 4  # JPEG
        assert min(float(np.abs(ours - truth).mean()) for truth in truths) > 6
    facts = pairs.facts()
    assert facts["answered"] == 6
    assert facts["low"] <= facts["rate"] <= facts["high"]
    rows = list(csv.DictReader(io.StringIO(pairs.csv())))
    assert sum(int(row["fooled"]) for row in rows) == facts["fooled"]
    assert {row["file"] for row in rows} == {f"{k}.png" for k in range(6)}
    with pytest.raises(MalformedError, match="already been answered"):
        pairs.answer(0, "left", 1.0)
    with pytest.raises(GoneError):
        pairs.picture(6, "left")
    with pytest.raises(MalformedError):
        pairs.picture(0, "top")


def test_sides_and_order_come_from_the_seed(folder: Path) -> None:
    engine = Engine(load_bundle(Path(TINY)), threads=1)

    def sides(seed: int) -> list[str]:
        pairs = Pairs(folder, engine, seed=seed)
        return [str(pairs.answer(k, "left", 0)["real"]) for k in range(6)]

    assert sides(1) == sides(1)
    assert len({tuple(sides(seed)) for seed in range(8)}) > 3


def test_each_visitor_plays_a_round(folder: Path) -> None:
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    mine, theirs = pairs.begin(4), pairs.begin(4)
    for number in range(4):
        pairs.answer(number, "left", 0, name=mine)
    assert pairs.facts(name=mine)["answered"] == pairs.facts(name=mine)["pairs"] == 4
    assert pairs.facts(name=theirs)["answered"] == 0
    assert pairs.facts()["answered"] == 0
    said = pairs.answer(0, "right", 0, name=theirs)  # the same number, and not yet answered
    assert said["answered"] == 1
    assert said["everyone"]["answered"] == 5
    assert [answer["number"] for answer in pairs.facts(name=mine)["answers"]] == [0, 1, 2, 3]
    with pytest.raises(MalformedError, match="already been answered"):
        pairs.answer(0, "left", 0, name=mine)
    with pytest.raises(GoneError, match="4 pairs"):
        pairs.picture(4, "left", name=mine)
    with pytest.raises(GoneError, match="no longer known"):
        pairs.facts(name="another")
    rounds = [row["round"] for row in csv.DictReader(io.StringIO(pairs.csv()))]
    assert rounds == ["1", "1", "1", "1", "2"]


def test_rounds_ask_for_all_pairs_before_they_repeat_one(folder: Path) -> None:
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    files = []
    for _ in range(3):
        name = pairs.begin(2)
        for number in range(2):
            pairs.answer(number, "left", 0, name=name)
    files = [row["file"] for row in csv.DictReader(io.StringIO(pairs.csv()))]
    assert sorted(files) == [f"{k}.png" for k in range(6)]
    assert pairs.facts(name=pairs.begin(100))["pairs"] == 6


def test_a_picture_is_the_same_in_all_rounds_but_its_side(folder: Path) -> None:
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    shown = []
    for name in (pairs.begin(6), pairs.begin(6)):
        reals = [pairs.answer(k, "left", 0, name=name)["real"] for k in range(6)]
        shown.append({pairs.picture(k, reals[k], name=name) for k in range(6)})
        assert len(shown[-1]) == 6
    assert shown[0] == shown[1]


def test_rounds_that_are_kept_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tintype.web.which_is_real._ROUNDS", 3)
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    names = [pairs.begin(2) for _ in range(5)]
    pairs.answer(0, "left", 0, name=names[-1])
    with pytest.raises(GoneError):
        pairs.facts(name=names[0])
    assert pairs.facts()["pairs"] == 6
    assert pairs.facts(name=names[-1])["answered"] == 1


def test_who_begins_many_rounds_drops_only_those(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tintype.web.which_is_real._ROUNDS", 6)
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    theirs = [pairs.begin(2, owner="quiet") for _ in range(2)]
    pairs.answer(0, "left", 0, owner="shared")
    mine = [pairs.begin(2, owner="busy") for _ in range(20)]
    for name in theirs:
        assert pairs.facts(name=name, owner="quiet")["pairs"] == 2
    assert pairs.facts(owner="shared")["answered"] == 1
    assert pairs.facts(name=mine[-1], owner="busy")["pairs"] == 2
    with pytest.raises(GoneError):
        pairs.facts(name=mine[0], owner="busy")
    for number in range(50):  # keys that have one each
        name = pairs.begin(2, owner=f"key {number}")
        assert pairs.facts(name=name, owner=f"key {number}")["pairs"] == 2
        assert pairs.facts(owner=f"shared {number}")["answered"] == 0
        assert len(pairs._rounds) <= 6


def test_who_answers_most_drops_only_those(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tintype.web.which_is_real._ANSWERS", 8)
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    pairs.answer(0, "left", 0, owner="quiet")
    for _ in range(5):
        name = pairs.begin(6, owner="busy")
        for number in range(6):
            pairs.answer(number, "left", 0, name=name, owner="busy")
    assert pairs.facts()["everyone"]["answered"] == 8
    assert pairs.csv(owner="quiet").count("\n") == 2
    assert pairs.csv(owner="busy").count("\n") == 8
    assert pairs.csv(owner="nobody").count("\n") == 1
    assert pairs.csv().count("\n") == 9


def test_only_pictures_are_taken_for_colored_versions(folder: Path) -> None:
    (folder / "3.color.png").unlink()
    (folder / "3.color.bmp").mkdir()
    (folder / "3.color.json").write_text("{}")
    (folder / "6.png").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "3.color.jpg")
        os.mkfifo(folder / "7.png")
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    assert len(pairs) == 6
    for number in range(6):
        assert pairs.picture(number, "left")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    engine = Engine(load_bundle(Path(TINY)), threads=1)
    with pytest.raises(UsageError, match="no photograph"):
        Pairs(tmp_path, engine)
    with pytest.raises(UsageError, match="not a folder"):
        Pairs(tmp_path / "missing", engine)


def test_wilson_against_its_textbook_values() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    for hits, trials, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        np.testing.assert_allclose(wilson(hits, trials), (low, high), atol=1e-4)
    assert wilson(0, 20)[0] == 0
    assert wilson(0, 20)[1] == pytest.approx(0.1611, abs=1e-4)
    assert wilson(0, 0) == (0, 1)


def test_who_plays_is_not_told_where_files_lie(folder: Path) -> None:
    for k in range(6):
        (folder / f"{k}.png").write_bytes(b"no picture")
    (folder / "3.color.png").unlink()
    (folder / "3.color.jpg").mkdir()  # nor is what is no file taken for one
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    for number in range(6):
        with pytest.raises(UnreadablePhotoError, match=f"of pair {number} cannot") as error:
            pairs.picture(number, "left")
        assert str(folder) not in str(error.value)
        assert ".png" not in str(error.value)


def test_a_pair_that_cannot_be_shown_is_left_out_and_not_counted(
    folder: Path, colorful: np.ndarray
) -> None:
    (folder / "2.png").write_bytes(b"no picture")
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    name = pairs.begin(6)
    found = []
    for number in range(6):
        try:
            pairs.picture(number, "left", name=name)
        except UnreadablePhotoError:
            found.append(number)
    (broken,) = found
    with pytest.raises(UnreadablePhotoError, match=f"of pair {broken} cannot"):
        pairs.answer(broken, "left", 1.0, name=name)
    assert pairs.facts(name=name)["answered"] == 0
    assert len(pairs) == pairs.facts(name=pairs.begin(6))["pairs"] == 5

    Image.fromarray(colorful).save(folder / "2.png")
    pairs.picture(broken, "left", name=name)
    assert pairs.answer(broken, "left", 1.0, name=name)["answered"] == 1
    assert pairs.facts(name=pairs.begin(6))["pairs"] == 6


def test_without_a_pair_that_can_be_shown_there_is_no_round(folder: Path) -> None:
    for k in range(6):
        (folder / f"{k}.png").write_bytes(b"no picture")
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1))
    for number in range(6):
        with pytest.raises(UnreadablePhotoError):
            pairs.picture(number, "left")
    with pytest.raises(UnreadablePhotoError, match="None of the pairs"):
        pairs.begin(10)


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@x.png"])
def test_a_name_is_no_formula_in_a_spreadsheet(
    tmp_path: Path, colorful: np.ndarray, name: str
) -> None:
    Image.fromarray(colorful).save(tmp_path / name)
    pairs = Pairs(tmp_path, Engine(load_bundle(Path(TINY)), threads=1))
    pairs.answer(0, "left", 1.0)
    (row,) = csv.DictReader(io.StringIO(pairs.csv()))
    assert row["file"] == f"'{name}"


def test_over_http(folder: Path) -> None:
    with (
        serving(ServerOptions(port=0, model=TINY, pairs=folder)) as server,
        httpx.Client(base_url=server.url, timeout=20) as client,
    ):
        assert client.get("/v1/pairs").json()["pairs"] == 6
        assert client.get("/v1/pairs/0/left").headers["content-type"] == "image/jpeg"
        assert client.get("/v1/pairs/9/left").status_code == 404
        said = client.post("/v1/pairs/0", json={"real": "right", "seconds": 2.5}).json()
        assert said["answered"] == 1
        assert said["real"] in {"left", "right"}
        assert client.post("/v1/pairs/0", json={"real": "right"}).status_code == 400
        for wrong in ("x", True, None, [], -1):
            answer = client.post("/v1/pairs/1", json={"real": "right", "seconds": wrong})
            assert answer.status_code == 400
        assert client.get("/v1/pairs/results.csv").text.count("\n") == 2
        begun = client.post("/v1/pairs/rounds", params={"pairs": 3})
        assert begun.status_code == 201
        assert begun.json()["pairs"] == 3
        assert begun.json()["answered"] == 0
        playing = {"round": begun.json()["round"]}
        assert client.get("/v1/pairs/2/left", params=playing).status_code == 200
        assert client.get("/v1/pairs/3/left", params=playing).status_code == 404
        said = client.post("/v1/pairs/0", params=playing, json={"real": "left"}).json()
        assert (said["answered"], said["everyone"]["answered"]) == (1, 2)
        assert client.get("/v1/pairs", params=playing).json()["answers"][0]["taken"] == "left"
        gone = client.get("/v1/pairs", params={"round": "none"})
        assert gone.status_code == 404
        assert gone.json()["error"]["code"] == "unknown_id"
        assert client.post("/v1/pairs/rounds", params={"pairs": 0}).status_code == 400


def test_a_name_that_is_not_utf8_is_in_the_table(tmp_path: Path, colorful: np.ndarray) -> None:
    data = io.BytesIO()
    Image.fromarray(colorful).save(data, "PNG")
    (tmp_path / os.fsdecode(b"a\xff.png")).write_bytes(data.getvalue())
    pairs = Pairs(tmp_path, Engine(load_bundle(Path(TINY)), threads=1))
    pairs.answer(0, "left", 1.0)
    (row,) = csv.DictReader(io.StringIO(pairs.csv().encode().decode()))
    assert row["file"] == "a\\udcff.png"


@pytest.mark.parametrize("large", ["3.png", "3.color.png"])
def test_pairs_have_the_limit_of_photographs(folder: Path, large: str) -> None:
    for k in range(6):
        if k != 3:
            (folder / f"{k}.png").unlink()
    with Image.open(folder / large) as picture:
        picture.resize((400, 300)).save(folder / large)
    pairs = Pairs(folder, Engine(load_bundle(Path(TINY)), threads=1), max_pixels=100_000)
    with pytest.raises(UnreadablePhotoError, match="of pair 0 cannot"):
        pairs.picture(0, "left")
