"""Failures are counted where they are, and targets are relative to the truth."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import program
from tintype.color.cielab import lab_to_rgb01

failures = program("failures")

SIDE = 256


def of_lab(*colors: tuple[float, float, float]) -> np.ndarray:
    """Vertical stripes."""
    lab = np.repeat(np.array(colors, float)[None], SIDE, axis=0).repeat(SIDE // len(colors), axis=1)
    return np.rint(255 * lab_to_rgb01(lab).clip(0, 1)).astype(np.uint8)


GREY, DARK = (60, 0, 0), (25, 0, 0)
BROWN, BLUE, RED = (60, 10, 25), (60, 5, -25), (25, 25, 5)


def counted(painted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return failures.figures(failures.Look(painted), failures.Look(truth))


def test_a_surface_in_two_colours_is_seen():
    truth = of_lab(GREY)
    assert counted(truth, truth)[failures.TWO_COLORS] == 0
    assert counted(of_lab(BROWN), truth)[failures.TWO_COLORS] == 0
    assert counted(of_lab(BROWN, BLUE), truth)[failures.TWO_COLORS] == 100


def test_a_saturated_spot_is_seen():
    truth = of_lab(GREY)
    spotted = truth.copy()
    spotted[100:130, 100:130] = of_lab((60, 30, 20))[0, 0]
    assert counted(spotted, truth)[failures.SPOTS] == 100
    assert counted(of_lab(BROWN), truth)[failures.SPOTS] == 0


def test_red_on_dark_cloth_and_brown_pictures_are_seen():
    dark, grey = of_lab(DARK), of_lab(GREY)
    assert counted(of_lab(RED), dark)[failures.MAROON] == 100
    assert counted(dark, dark)[failures.MAROON] == 0
    assert counted(of_lab(BROWN), grey)[failures.BROWN] == 100
    assert counted(of_lab(BROWN, BLUE), grey)[failures.BROWN] == 0


class Painter:
    """A model that paints every grey in the same colours."""

    def __init__(self, label: str, picture: np.ndarray) -> None:
        self.label, self.picture = label, picture

    def render(self, grey: np.ndarray) -> np.ndarray:
        assert grey.shape == self.picture.shape[:2]
        return self.picture


def test_several_models_stand_beside_the_truth_in_one_table():
    truths = [of_lab(GREY), of_lab(DARK)]
    models = [Painter("good", of_lab(GREY)), Painter("brown", of_lab(BROWN))]
    found = failures.count(models, truths)
    lines = failures.target_table(found).splitlines()
    assert lines[0] == "| what | pictures | truth | target | good | met | brown | met |"
    brown = next(line for line in lines if line.startswith(f"| {failures.BROWN} | clean"))
    assert "| yes | 100.0 (100.0–100.0) | **no** |" in brown
    assert failures.facts(found)["aged"]["brown"][failures.BROWN][0] == 100
    assert "| what | pictures | truth | good | brown |" in failures.full_table(found["clean"])


def test_the_clean_pictures_are_not_those_that_were_aged():
    seen = []

    class Watching(Painter):
        def render(self, grey: np.ndarray) -> np.ndarray:
            seen.append(grey)
            return super().render(grey)

    failures.count([Watching("one", of_lab(GREY))], [of_lab(BLUE)])
    clean, aged = seen
    assert clean.std() < 1 < aged.std()


def test_the_command_counts_on_what_is_foreign(
    tmp_path: Path, tiny_model: Path, colourful, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "people-00" / "news"
    folder.mkdir(parents=True)
    for number in range(2):
        Image.fromarray(colourful(number)).save(folder / f"{number}.png")
    words = [str(tiny_model), "--data", str(folder.parent), "--out", str(tmp_path / "found")]
    monkeypatch.setattr(sys, "argv", ["failures.py", *words])
    failures.main()
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert set(found) == {"clean", "aged"}
    assert set(found["clean"]) == {"truth", "tiny"}
    text = (tmp_path / "found.md").read_text(encoding="utf-8")
    assert text.startswith("2 pictures of dev: foreign 2\n")
    assert "All, clean:" in text


@pytest.mark.parametrize(("ours", "close"), [(0.4, False), (0.6, True), (1.4, True), (1.6, False)])
def test_a_target_near_the_truth_has_two_sides(ours: float, close: bool):
    assert failures.is_close(ours, 1.0) == close
