"""Marked rectangles: read, found by their file's hash, judged by the truth's middle half."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.command import main
from tintype.engine.predict import Engine
from tintype.errors import LearnError
from tintype.learn.evaluate.regions import (
    MeasuredRegion,
    Region,
    looks_like_skin,
    measure_marked,
    measure_regions,
    read_marked,
    read_regions,
    regions_to_markdown,
)
from tintype.photo.photo import Photo


class Truthful(Engine):
    """An engine that knows the truth, but for one file."""

    truths: tuple[np.ndarray, ...] = ()

    def colorize(self, photo: Photo, *_: object, **__: object) -> Photo:  # type: ignore[override]
        return replace(photo, color=self.truths[photo.shape[1] > 64])


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """One of two colours, and a wider one of another."""
    files = []
    for name, width, color in (("a", 64, (200, 150, 120)), ("b", 80, (240, 240, 240))):
        rgb = np.full((48, width, 3), color, np.uint8)
        rgb[:, :16] = (30, 90, 200)
        files.append(tmp_path / "in" / f"{name}.png")
        files[-1].parent.mkdir(exist_ok=True)
        Image.fromarray(rgb).save(files[-1])
    return files


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_rectangles_are_found_and_measured(pictures: list[Path]) -> None:
    engine = Truthful(threads=1)
    skin, snow = (np.asarray(Image.open(path)) for path in pictures)
    engine.truths = (skin, np.full_like(snow, (200, 150, 120)))
    regions = [
        Region("skin", digest(pictures[0]), (20, 4, 60, 40)),
        Region("snow", digest(pictures[1]), (20, 4, 60, 40)),
    ]
    found = {one.kind: one for one in measure_regions(engine, regions, [pictures[0].parent])}
    assert found["skin"].predicted == pytest.approx(found["skin"].true)
    assert found["skin"].true == pytest.approx((60, 25), abs=8)
    assert found["snow"].true[1] < 1
    assert found["snow"].predicted[1] > 15


class Tinting(Engine):
    """An engine whose colour depends on the grey alone, and that keeps what it was given."""

    sizes: tuple[tuple[int, int], ...] = ()

    def colorize(self, photo: Photo, *_: object, **__: object) -> Photo:  # type: ignore[override]
        self.sizes += (photo.shape,)
        ramp = np.stack([photo.grey, photo.grey // 2, photo.grey // 4], axis=2)
        return replace(photo, color=ramp)


@pytest.mark.parametrize("copies", [2, 3, 4, 5, 8])
def test_one_of_a_wall_is_looked_at_upright(tmp_path: Path, copies: int) -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[8:24, 4:20] = (250, 180, 150)  # at one side, so that a mirrored copy would miss it
    path = tmp_path / "a.png"
    Image.fromarray(rgb).save(path)
    engine = Tinting(threads=1)
    regions = [Region("skin", digest(path), (4, 8, 20, 24))]
    marked = read_marked(regions, [tmp_path])
    (alone,) = measure_marked(engine, marked)
    (among,) = measure_marked(engine, marked, copies=copies)
    assert engine.sizes == ((48, 64), (48 * copies, 64 * copies))
    assert among.predicted == alone.predicted
    assert among.true == alone.true
    assert alone.share == pytest.approx(16 / 48)
    assert among.share == pytest.approx(16 / 48 / copies)


@pytest.mark.parametrize(
    ("hue", "chroma", "yes"),
    [(50, 25, True), (50, 8, False), (100, 25, False), (-10, 25, False), (26, 12, True)],
)
def test_skin_is_neither_grey_nor_of_another_hue(hue: float, chroma: float, yes: bool) -> None:
    assert looks_like_skin(MeasuredRegion("skin", 60, (50, 25), (hue, chroma))) == yes


def test_a_missing_picture_or_a_rectangle_outside_is_said(pictures: list[Path]) -> None:
    engine = Truthful(threads=1)
    engine.truths = tuple(np.asarray(Image.open(path)) for path in pictures)
    folder = [pictures[0].parent]
    with pytest.raises(LearnError, match="1 of the annotated photographs"):
        measure_regions(engine, [Region("skin", "0" * 64, (0, 0, 8, 8))], folder)
    with pytest.raises(LearnError, match="exceeds the picture"):
        measure_regions(engine, [Region("skin", digest(pictures[0]), (0, 0, 65, 8))], folder)


@pytest.mark.parametrize(
    "text",
    ["[[region]]\nkind = 'skin'", "region = 3", "[[region]]\nkind='x'\npicture='y'\nbox=[4,0,2,9]"],
)
def test_a_file_that_is_not_whole_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "regions.toml"
    path.write_text(text)
    with pytest.raises(LearnError, match=r"regions\.toml"):
        read_regions(path)


def test_the_tables_judge_by_the_middle_half_and_by_six() -> None:
    skin = [MeasuredRegion("skin", 60, (50 + n, 20 + n), (52 + n, 40)) for n in range(5)]
    snow = [MeasuredRegion("snow", 90, (80, 2), (200, 7))]
    table = regions_to_markdown([*skin, *snow])
    assert "| 55–70 | 5 | 51–53° | 54° | 21–23 | 40 | hue no, chroma no |" in table
    assert "| snow | 1 | 2.0 | 7.0 | no |" in table
    good = [MeasuredRegion("skin", 60, one.true, one.true) for one in skin]
    assert "| yes |" in regions_to_markdown(good)


def test_the_command_prints_both_tables(
    tmp_path: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    regions = tmp_path / "regions.toml"
    lines = [
        f'[[region]]\nkind = "{kind}"\npicture = "{digest(path)}"\nbox = [20, 4, 60, 40]\n'
        for kind, path in zip(("skin", "snow"), pictures, strict=True)
    ]
    regions.write_text("".join(lines))
    words = ["--data", str(pictures[0].parent), "--regions", str(regions), "--vividness", "0", "1"]
    assert main("evaluate", ["tintype-own", *words]) == 0
    printed = capsys.readouterr().out
    assert "tintype-own, vividness 1" in printed
    assert printed.count("| snow | 1 |") == 2


def test_the_honesty_of_a_distribution_is_a_table(
    tmp_path: Path, colourful: Callable[[int], np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(colourful(number)).save(folder / f"{number}.png")
    words = ["--data", str(folder), "--size", "64", "--distribution"]
    assert main("evaluate", ["tintype-own", *words]) == 0
    assert main("evaluate", ["tintype-own", *words, "1.5"]) == 0
    rows = [row for row in capsys.readouterr().out.splitlines() if "| tintype-own |" in row]
    assert len(rows) == 4
    assert "| 1.50 |" in rows[-1]
