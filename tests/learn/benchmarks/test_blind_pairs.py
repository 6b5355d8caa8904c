"""Pairs tell nothing but to who has the key, and verdicts are counted by it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import Blend, program
from tintype.errors import LearnError
from tintype.learn.data.manifest import file_hash, is_dev
from tintype.web.which_is_real import wilson

pairs = program("blind_pairs")

RED, BLUE = Blend("own-v8", 0.01, (220, 40, 40)), Blend("own-v9", 0.01, (40, 40, 220))


@pytest.fixture
def photographs(colourful) -> list[tuple[str, np.ndarray]]:
    return [(f"{number}.png", colourful(number)) for number in range(8)]


def is_red(picture: Image.Image) -> bool:
    r, _, b = np.asarray(picture, float).mean(axis=(0, 1))
    return bool(r > b)


def test_the_key_says_which_side_is_whose(tmp_path: Path, photographs):
    out = tmp_path / "judge"
    key = pairs.make([RED, BLUE], photographs, out, seed=3)
    assert (key["a"], key["b"], len(key["pairs"])) == ("own-v8", "own-v9", 8)
    for row in key["pairs"]:
        with Image.open(out / f"pair-{row['pair']:03d}.jpg") as pair:
            assert pair.width <= 1000
            half = pair.width // 2
            left = is_red(pair.crop((0, 0, half - 8, pair.height)))
            assert left != is_red(pair.crop((half + 8, 0, pair.width, pair.height)))
        assert ("a" if left else "b") == row["left"]
    assert sum(row["left"] == "a" for row in key["pairs"]) == 4


def test_what_judges_get_names_no_model(tmp_path: Path, photographs):
    out = tmp_path / "judge"
    pairs.make([RED, BLUE], photographs, out, seed=0)
    names = sorted(path.name for path in out.iterdir())
    assert names == [
        *("page-1.jpg", "page-2.jpg"),
        *(f"pair-{number:03d}.jpg" for number in range(1, 9)),
        *("question.txt", "verdicts.csv"),
    ]
    for path in out.iterdir():
        data = path.read_bytes()
        assert not any(word in data for word in (b"own-v", b".png", b"Exif"))


def test_one_seed_gives_the_same_pairs(tmp_path: Path, photographs):
    first, again, other = (
        pairs.make([RED, BLUE], photographs, tmp_path / str(n), seed)["pairs"]
        for n, seed in enumerate((1, 1, 2))
    )
    assert first == again != other


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, photographs):
    (tmp_path / "verdicts.csv").write_text("pair,verdict\n1,left\n", encoding="utf-8")
    with pytest.raises(LearnError, match="not empty"):
        pairs.make([RED, BLUE], photographs, tmp_path, seed=0)


@pytest.fixture
def pack(tmp_path: Path, colourful) -> Path:
    for label, first in (("street", 0), ("news", 100)):
        (tmp_path / "people" / label).mkdir(parents=True)
        for number in range(60 if label == "street" else 2):
            picture = Image.fromarray(colourful(first + number)[::2, ::2])
            picture.save(tmp_path / "people" / label / f"{number:02d}.png")
    grey = Image.fromarray(np.full((48, 64, 3), 99, np.uint8))
    grey.save(tmp_path / "people" / "news" / "grey.png")
    return tmp_path / "people"


def choose(pack: Path, count: int, **more: object) -> list[str]:
    options = {"dev": False, "labels": (), "colored": False} | more
    return [name for name, _ in pairs.choose([pack], count, 0, **options)]


def test_of_a_training_pack_only_what_is_held_out_is_judged(pack: Path):
    files = list((pack / "street").iterdir())
    held = {f"street/{f.name}" for f in files if is_dev(file_hash(f.read_bytes()), 0.04)}
    wanted = held | {"news/00.png", "news/01.png", "news/grey.png"}
    assert held
    assert set(choose(pack, len(wanted), dev=True)) == wanted
    with pytest.raises(LearnError, match="are wanted"):
        choose(pack, len(wanted) + 1, dev=True)


def test_what_has_no_colours_is_not_laid_beside_them(pack: Path):
    assert "news/grey.png" in choose(pack, 3, labels=("news",))
    assert set(choose(pack, 2, labels=("news",), colored=True)) == {"news/00.png", "news/01.png"}
    with pytest.raises(LearnError, match="2 can be used"):
        choose(pack, 3, labels=("news",), colored=True)


KEY = {
    "a": "old",
    "b": "new",
    "pairs": [{"pair": n, "left": "ab"[n % 2], "photograph": ""} for n in range(1, 5)],
}


def test_verdicts_are_counted_by_the_key():
    # Left is "new" in pairs 1 and 3, "old" in 2 and 4.
    votes, verdicts = pairs.count_verdicts(KEY, [{1: "left", 2: "left", 3: "tie", 4: "right"}])
    assert votes == verdicts == {"b": 2, "a": 1, "tie": 1}


def test_a_pair_goes_to_what_more_judges_prefer():
    judges = [{1: "left", 2: "left"}, {1: "left", 2: "right"}, {1: "right"}]
    votes, verdicts = pairs.count_verdicts(KEY, judges)
    assert votes == {"b": 1, "tie": 1}
    assert verdicts == {"b": 3, "a": 2}
    text = pairs.report(KEY, judges)
    low, high = (round(100 * bound) for bound in wilson(1, 2))
    assert f"new preferred: 1 of 2 (50 %, 95 % {low} to {high}) pairs" in text
    assert "verdicts: old 2, new 3, ties 0" in text


def test_who_takes_the_model_for_the_truth_is_fooled():
    key = KEY | {"a": "own", "b": "truth"}
    text = pairs.report(key, [{1: "left", 2: "left", 3: "right", 4: "tie"}])
    low, high = (round(100 * bound) for bound in wilson(2, 4))
    assert f"taken for the real one: 2 of 4 (50 %, 95 % {low} to {high}) verdicts" in text
    assert "of those who decided: 2 of 3" in text
    assert "1 ties" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "pair,verdict\n1,left\n2, Right \n3,\n4,tie\n"),
        ("a.json", '{"1": "left", "2": "right", "3": null, "4": "tie"}'),
        (
            "a.json",
            '[{"pair": 1, "verdict": "left"}, {"pair": 2, "verdict": "right"},'
            ' {"pair": 4, "verdict": "tie"}]',
        ),
    ],
)
def test_verdicts_are_read(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert pairs.read_verdicts(tmp_path / name) == {1: "left", 2: "right", 4: "tie"}


@pytest.mark.parametrize(
    "text", ["pair,verdict\n1,old\n", "pair,verdict\n1,left\n1,left\n", "number,side\n1,left\n"]
)
def test_what_is_no_verdict_is_refused(tmp_path: Path, text: str):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(LearnError, match="no verdict"):
        pairs.read_verdicts(tmp_path / "a.csv")


def test_verdicts_about_other_pairs_are_refused():
    with pytest.raises(LearnError, match="no pair 9"):
        pairs.report(KEY, [{9: "left"}])


def test_both_commands_go_together(
    tmp_path: Path, pack: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    out = tmp_path / "judge"
    words = ["make", str(tiny_model), "truth", "--photos", str(pack), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["blind_pairs.py", *words, "--count", "2", "--labels", "news"])
    pairs.main()
    key = tmp_path / "judge-key.json"
    rows = json.loads(key.read_text(encoding="utf-8"))["pairs"]
    assert sorted(row["photograph"] for row in rows) == ["news/00.png", "news/01.png"]
    verdicts = out / "verdicts.csv"
    filled = verdicts.read_text(encoding="utf-8").replace("1,", "1,left").replace("2,", "2,left")
    verdicts.write_text(filled, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["blind_pairs.py", "score", str(key), str(verdicts)])
    pairs.main()
    assert "taken for the real one: 1 of 2" in capsys.readouterr().out
