"""An old model against a new one."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import Blend, program

measuring, versions = program("measuring"), program("versions")


@pytest.fixture
def pictures(colourful) -> dict[str, list]:
    return {
        group: [measuring.Named(f"{group}/{n}", colourful(10 * at + n)) for n in range(3)]
        for at, group in enumerate(("places", "people", "foreign"))
    }


def test_the_nearer_model_is_found_nearer(pictures: dict[str, list]):
    models = [Blend("old", 0.6, (90, 60, 200)), Blend("new", 0.9, (90, 60, 200))]
    for model in models:
        model.equal_gain = lambda _: 1.0
    found = versions.compare(models, pictures, None, 64, ["places", "people"])
    assert set(found) == {"places", "people", "foreign", "dev, all"}
    facts = versions.facts(found, pictures)
    assert len(facts["dev, all"]["models"]["new"]["default"]["cf"]) == 6
    for group in found:
        value, low, high = facts[group]["models"]["new"]["nearer"]["delta_e"]
        assert 20 < low <= value <= high
        assert facts[group]["models"]["old"]["nearer"]["delta_e"] == (0, 0, 0)
    text = versions.table(found)
    assert text.count("| ΔE2000 |") == 4
    assert "| new nearer by, % |" in text


def test_a_dull_model_is_not_nearer_for_being_dull(pictures: dict[str, list]):
    models = [Blend("old", 1.0), Blend("new", 0.5)]
    found = versions.compare(models, {"places": pictures["places"]}, None, 64)
    assert measuring.ratio(found["places"].default["new"])[0] < 0.6
    # What is left is the rounding to whole numbers before the chroma is scaled.
    assert found["places"].equal["new"]["delta_e"].max() < 0.5
    assert "dev, all" not in found


def test_the_command_writes_a_table_and_its_numbers(
    tmp_path: Path, tiny_model: Path, colourful, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "people-00" / "cfcnet" / "none"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(colourful(number)).save(folder / f"{number}.png")
    monkeypatch.setattr(
        versions, "Perceptual", lambda: lambda some, _: [{"lpips_vgg": 0.1}] * len(some)
    )
    words = [str(tiny_model), str(tiny_model), "--data", str(tmp_path / "people-00")]
    words += ["--size", "64", "--limit", "2", "--out", str(tmp_path / "out" / "x")]
    monkeypatch.setattr(sys, "argv", ["versions.py", *words])
    versions.main()
    found = json.loads((tmp_path / "out" / "x.json").read_text(encoding="utf-8"))
    assert found["foreign"]["pictures"] == ["cfcnet/none/0.png", "cfcnet/none/2.png"]
    new = found["foreign"]["models"]["tiny (2)"]
    assert new["nearer"]["lpips_vgg"] == [0, 0, 0]
    assert len(new["equal"]["ab"]) == 2
    assert "| foreign | 2 |" in (tmp_path / "out" / "x.md").read_text(encoding="utf-8")
    assert np.isfinite(new["factor"])
