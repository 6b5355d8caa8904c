"""The command in this process: words in, exit code, stdout and stderr out."""

import errno
import io
import json
import os
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from tintype.cli import app
from tintype.cli.app import main
from tintype.cli.group import COMMANDS, TINTYPE
from tintype.engine.devices import DEVICES

Make = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_HOME", str(tmp_path / "home"))


@pytest.fixture
def color(tiny_model: Path) -> Callable[..., int]:
    """`tintype WORDS` with the tiny model, in one process."""
    return lambda *words: main(["--model", str(tiny_model), "--jobs", "1", *words])


NAMED = ("-o", "--into", "--report", "--hints", "--mask", "--settings", "--save-settings")


def lines(text: str) -> list[str]:
    return text.splitlines()


def names(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_one_photo(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("photo.jpg"))
    assert color("photo.jpg") == 0
    said = capfd.readouterr()
    assert said.out == "photo.color.jpg\n"
    assert lines(said.err) == [f"tintype: photo.jpg is coloured, in {said.err.split()[-2]} s."]
    assert Path("photo.color.jpg").is_file()
    assert color("photo.jpg") == 0
    said = capfd.readouterr()
    assert said.out == ""
    assert "already done" in said.err


def test_several_palettes(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("photo.png"), height=50, width=70)
    assert color("photo.png", "--palettes", "3") == 0
    said = capfd.readouterr()
    outputs = [f"photo.color-{number}.png" for number in (1, 2, 3)]
    assert lines(said.out) == outputs
    assert all(f"Palette {number} of 3: " in said.err for number in (1, 2, 3))
    shares = [int(share) for share in re.findall(r"of 3: (\d+)%", said.err)]
    assert 98 <= sum(shares) <= 102
    pictures = [np.asarray(Image.open(name)).astype(int) for name in outputs]
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.2
    assert np.abs(pictures[1] - pictures[2]).mean() > 0.2
    # Done is done; the first is what the single answer is.
    assert color("photo.png", "--palettes", "3") == 0
    assert capfd.readouterr().out == ""
    assert color("photo.png") == 0
    assert np.abs(np.asarray(Image.open("photo.color.png")).astype(int) - pictures[0]).max() <= 1


def test_saved_settings_give_the_same_bytes(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    make_photo(Path("photo.png"), height=50, width=70)
    words = ["--vividness", "1.2", "--warmth", "0.3", "--hint", "20,30,#c04030,2"]
    assert color("photo.png", *words, "--strip-metadata", "--save-settings", "how.json") == 0
    assert capfd.readouterr().out == "photo.color.png\nhow.json\n"
    assert color("photo.png", "--settings", "how.json", "--into", "again") == 0
    assert Path("again/photo.color.png").read_bytes() == Path("photo.color.png").read_bytes()
    assert color("photo.png", "--settings", "how.json", "--vividness", "0", "-o", "c.png") == 0
    assert Path("c.png").read_bytes() != Path("photo.color.png").read_bytes()
    assert color("photo.png", "--save-settings", "how.json") == 3
    assert "how.json already exists" in capfd.readouterr().err
    assert color("photo.png", "--palettes", "2", "--save-settings", "two.json") == 0
    assert color("photo.png", "--settings", "two.json", "--into", "two") == 0
    assert names("two") == ["photo.color-1.png", "photo.color-2.png"]


def test_saved_settings_know_their_layers(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    make_photo(Path("photo.png"), height=50, width=70)
    strokes = np.zeros((50, 70, 4), np.uint8)
    strokes[10:14, 5:60] = (160, 60, 60, 255)
    Image.fromarray(strokes).save("strokes.png")
    Path("masks").mkdir()
    Image.fromarray(np.repeat(np.uint8([[255] * 70, [0] * 70]), 25, axis=0)).save("masks/m.png")
    words = ["--scribbles", "strokes.png", "--mask", "masks/m.png"]
    assert color("photo.png", *words, "--save-settings", "masks/how.json") == 0
    colored = np.asarray(Image.open("photo.color.png"))
    assert np.ptp(colored[25:], axis=-1).max() == 0
    assert np.ptp(colored[11, 5:60], axis=-1).min() > 0
    assert color("photo.png", "--settings", "masks/how.json", "--into", "again") == 0
    assert Path("again/photo.color.png").read_bytes() == Path("photo.color.png").read_bytes()
    assert color("photo.png", *words, "--into", "again") == 0  # known as done
    make_photo(Path("other.png"))
    assert color("photo.png", "other.png", *words) == 2
    assert color("other.png", *words) == 3
    assert "strokes.png is 70 x 50" in capfd.readouterr().err
    strokes[20] = 255
    Image.fromarray(strokes).save("strokes.png")
    assert color("photo.png", "--settings", "masks/how.json", "-o", "x.png") == 2
    assert "strokes.png has changed" in capfd.readouterr().err


def test_a_reference_serves_a_folder_and_saved_settings_know_it(
    matching_model: Path, make_photo: Make, capfd: Capture
) -> None:
    def color(*words: str) -> int:
        return main(["--model", str(matching_model), "--jobs", "1", *words])

    make_photo(Path("album/one.png"), height=50, width=70)
    make_photo(Path("album/two.png"), seed=1)
    pixels = np.random.default_rng(0).integers(60, 200, (5, 4, 3)).astype(np.uint8)
    Image.fromarray(np.repeat(np.repeat(pixels, 20, axis=0), 20, axis=1)).save("other.jpg")
    assert color("album", "--into", "plain") == 0
    words = ["--reference", "other.jpg", "--strip-metadata"]
    assert color("album", *words, "--into", "as-other", "--save-settings", "how.json") == 0
    for name in ("one.color.png", "two.color.png"):
        plain, told = (np.asarray(Image.open(Path(f) / name)) for f in ("plain", "as-other"))
        assert not np.array_equal(plain, told)
    assert color("album", "--settings", "how.json", "--into", "again") == 0
    for path in Path("as-other").iterdir():
        assert (Path("again") / path.name).read_bytes() == path.read_bytes()
    capfd.readouterr()
    make_photo(Path("grey.png"))
    assert color("album/one.png", "--reference", "grey.png", "-o", "x.png") == 2
    assert capfd.readouterr().err.count("grey.png has no colours") == 1
    assert color("album/one.png", "--reference", "missing.png", "-o", "x.png") == 2
    Image.fromarray(pixels[::-1]).save("other.jpg")
    assert color("album/one.png", "--settings", "how.json", "-o", "x.png") == 2
    assert "other.jpg has changed" in capfd.readouterr().err
    assert not Path("x.png").exists()


def test_settings_that_do_not_fit_are_one_line(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    make_photo(Path("photo.png"))
    assert color("photo.png", "--save-settings", "how.json", "-o", "x.png") == 0
    good = json.loads(Path("how.json").read_text())
    plain = good["settings"]
    damaged = {
        "not a valid settings file": "{",
        "another model": json.dumps(good | {"model_sha256": "0" * 64}),
        "'GIF' is not a valid format": json.dumps(good | {"format": "GIF"}),
        "unknown field `x`": json.dumps(good | {"settings": good["settings"] | {"x": 1}}),
        "Palette 7 of 5": json.dumps(good | {"settings": plain | {"palette": [7, 5]}}),
        "The radius of a hint": json.dumps(
            good | {"settings": plain | {"hints": [[1, 2, 3, 4, -1]]}}
        ),
        "'best' is not a valid quality": json.dumps(
            good | {"settings": {"vividness": 1, "quality": "best"}}
        ),
    }
    for what, text in damaged.items():
        Path("bad.json").write_text(text)
        capfd.readouterr()
        assert color("photo.png", "--settings", "bad.json", "-o", "y.png") in {2, 3}
        said = capfd.readouterr().err
        assert what in said
        assert "bad.json" in said
        assert len(lines(said)) == 1
    assert not Path("y.png").exists()


def test_a_model_that_cannot_is_refused_once(make_photo: Make, capfd: Capture) -> None:
    for name in ("a.png", "b.png", "c.png"):
        make_photo(Path("album") / name)
    plain = str(Path(__file__).parents[1] / "engine" / "tiny-ab.onnx")
    assert main(["album", "--palettes", "3", "--model", plain]) == 3
    said = lines(capfd.readouterr().err)
    assert len(said) == 1
    assert "palettes needs logits" in said[0]
    assert names("album") == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_missing_device_is_said_once(make_photo: Make, capfd: Capture, jobs: str) -> None:
    for name in ("a.png", "b.png"):
        make_photo(Path("album") / name)
    # Each is on one system alone, and another one is here.
    device = "directml" if sys.platform != "win32" else "coreml"
    for words in (["album", "--jobs", jobs], ["album/a.png"]):
        assert main([*words, "--device", device]) == 2
        said = lines(capfd.readouterr().err)
        assert len(said) == 1
        assert f"The device {device} is not available" in said[0]
    assert names("album") == ["a.png", "b.png"]


def test_another_device_is_in_the_provenance(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    if find_spec("openvino") is None:
        pytest.skip("the openvino extra is not installed")
    make_photo(Path("photo.png"))
    assert color("photo.png", "--device", "openvino") == 0
    assert len(lines(capfd.readouterr().err)) == 1  # no note: its pixels are the CPU's
    assert main(["inspect", "--json", "photo.color.png"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["provenance"]["settings"]["device"] == "openvino"
    assert color("photo.png", "--device", "openvino") == 0
    assert "already done" in capfd.readouterr().err


def test_the_devices(tiny_model: Path, capfd: Capture) -> None:
    assert main(["models", "--devices", str(tiny_model)]) == 0
    said = lines(capfd.readouterr().out)
    assert [line.split()[0] for line in said] == list(DEVICES)
    assert said[0].endswith("the default")
    assert main(["models", "--devices", "a", "b"]) == 2


def test_a_map_of_certainty(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("photo.jpg"), height=50, width=70)
    assert color("photo.jpg", "--certainty", "map.png") == 0
    assert capfd.readouterr().out == "photo.color.jpg\nmap.png\n"
    with Image.open("map.png") as image:
        assert image.mode == "L"
        assert image.size == (70, 50)
        assert np.ptp(np.asarray(image).astype(int)) > 0
    before = Path("map.png").read_bytes()
    assert color("photo.jpg", "--certainty", "map.png") == 3
    assert "map.png already exists" in capfd.readouterr().err
    assert color("photo.jpg", "--certainty", "map.png", "--overwrite") == 0
    assert Path("map.png").read_bytes() == before


@pytest.mark.parametrize(
    "case",
    [
        (("photo.png", "other.png", "--certainty", "m.png"), 2, "2 inputs"),
        (("photo.png", "--certainty", "m.jpg"), 2, "is not a PNG"),
        (("photo.png", "--certainty", "photo.png", "--overwrite"), 2, "is an input (PHOTO)"),
        (("photo.png", "-o", "x.png", "--certainty", "x.png"), 2, "name the same file"),
        (("photo.png", "-o", "-", "--certainty", "m.png"), 2, "not for streams"),
        (("photo.png", "-o", "x.png", "--palettes", "2"), 2, "several palettes"),
    ],
)
def test_a_map_that_would_lose_something_is_refused_before_the_work(
    color: Callable[..., int],
    make_photo: Make,
    capfd: Capture,
    case: tuple[tuple[str, ...], int, str],
) -> None:
    words, code, what = case
    make_photo(Path("photo.png"))
    make_photo(Path("other.png"))
    assert color(*words) == code
    assert what in capfd.readouterr().err
    assert sorted(names()) == ["other.png", "photo.png"]


def test_a_folder(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    for name in ("b.png", "a.png", "deep/c.png"):
        make_photo(Path("in", name))
    Path("in/bad.png").write_bytes(b"")
    Path("in/notes.txt").write_text("x")
    assert color("in", "--into", "out", "--recursive", "--report", "out/r.jsonl") == 1
    said = capfd.readouterr()
    written = [Path("out", name) for name in ("a.color.png", "b.color.png", "deep/c.color.png")]
    assert lines(said.out) == [str(path) for path in written]
    assert len(lines(said.err)) == 2
    assert "bad.png is empty" in lines(said.err)[0]
    assert lines(said.err)[1].startswith("tintype: 3 coloured, 1 failed; 1 other file left alone;")
    rows = [json.loads(line) for line in lines(Path("out/r.jsonl").read_text())]
    assert [(Path(row["input"]).name, row["status"]) for row in rows] == [
        ("a.png", "done"),
        ("b.png", "done"),
        ("bad.png", "failed"),
        ("c.png", "done"),
    ]
    assert rows[2]["advice"]
    assert all(
        len(row["sha256"]) == len(row["input_sha256"]) == 64 for row in rows if row["sha256"]
    )


def test_a_full_disk_ends_a_folder_with_one_line(
    color: Callable[..., int], make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    for seed in range(18):
        make_photo(Path(f"in/{seed:02}.png"), seed=seed)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert color("in", "--into", "out", "--jobs", "1", "--report", "r.jsonl") == 1
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = lines(said.err)
    assert "the disk is full (out). Free some space, or choose another folder with --into." in line
    assert line.endswith("The run has stopped: 0 coloured, 1 failed, 17 left.")
    assert len(lines(Path("r.jsonl").read_text())) == 1
    assert names("out") == []


def test_skipped_colour_photographs_are_one_line(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    rainbow = Image.linear_gradient("L").convert("RGB").resize((64, 48))
    rainbow = Image.merge("HSV", (rainbow.split()[0], *[Image.new("L", (64, 48), 220)] * 2))
    make_photo(Path("in/grey.png"))
    for number in range(3):
        rainbow.convert("RGB").save(f"in/{number}.png")
    assert color("in", "--jobs", "1", "--report", "r.jsonl") == 0
    said = lines(capfd.readouterr().err)
    assert said[0] == (
        "tintype: 3 colour photographs are skipped. Use --color-photos color to recolour them."
    )
    assert said[1].startswith("tintype: 1 coloured, 3 skipped (3 in colour);")
    assert len(said) == 2
    rows = [json.loads(line) for line in lines(Path("r.jsonl").read_text())]
    assert [row["reason"] for row in rows].count("a colour photograph") == 3
    assert color("in/0.png", "in/grey.png", "--overwrite") == 0
    assert "1 colour photograph is skipped." in capfd.readouterr().err
    # Alone it is named, and coloured; as an output of an earlier run it is only counted.
    assert color("in/0.png", "--color-photos", "skip") == 0
    assert "0.png is skipped: a colour photograph." in capfd.readouterr().err


def test_folders_left_alone_stand_in_the_last_line(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    for name in ("a.png", "b.png", "@eaDir/c.png", "deep/.dtrash/d.png"):
        make_photo(Path("in", name))
    assert color("in", "--recursive", "--jobs", "1") == 0
    said = lines(capfd.readouterr().err)
    assert said[0].startswith("tintype: 2 coloured; 2 hidden or system folders left alone;")
    assert color("in/deep", "--recursive") == 3
    assert "Hidden and system folders are left alone" in capfd.readouterr().err


def test_several_files_and_a_pattern(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    for name in ("a.png", "b.png", "c.jpg"):
        make_photo(Path(name))
    assert color("*.png", "c.jpg", "--into", "out") == 0
    assert names("out") == ["a.color.png", "b.color.png", "c.color.jpg"]
    assert "3 coloured" in capfd.readouterr().err


def test_an_output_by_name(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("a.png"))
    assert color("a.png", "-o", "b.webp") == 0
    assert capfd.readouterr().out == "b.webp\n"
    with Image.open("b.webp") as image:
        assert image.format == "WEBP"
    assert color("a.png", "-o", "a.png", "--overwrite") == 2
    assert "is an input (PHOTO) and an output (-o)" in capfd.readouterr().err


def test_what_a_format_cannot_carry_is_said(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    make_photo(Path("a.bmp"))
    assert color("a.bmp") == 0
    assert "tintype: a.bmp: BMP cannot record that the file was coloured." in lines(
        capfd.readouterr().err
    )


def test_sixteen_bits_stay_and_are_never_lost_in_silence(
    color: Callable[..., int], capfd: Capture
) -> None:
    ramp = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    Image.fromarray(ramp).save("deep.png")
    assert color("deep.png", "--check") == 0
    assert "identical at all" in capfd.readouterr().err
    assert color("deep.png", "--format", "jpeg", "--check") == 0
    said = capfd.readouterr().err
    assert "8 bits" in said
    assert "not comparable, 8 bits against 16" in said


def test_toned_photographs_are_named_alone_and_counted_among_others(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    make_photo(Path("album/grey.png"))
    level = np.asarray(Image.open("album/grey.png").convert("L"), np.float64)[..., None] / 255
    sepia = (255 * level ** np.array([0.75, 1.0, 1.5])).astype(np.uint8)
    Image.fromarray(sepia).save("album/sepia.png")
    assert color("album/sepia.png", "--into", "alone") == 0
    assert "sepia.png: It was toned in one hue" in capfd.readouterr().err
    assert color("album", "--into", "both", "--report", "r.jsonl") == 0
    said = capfd.readouterr().err
    assert "2 coloured (1 toned in one hue)" in said
    assert "It was toned" not in said
    rows = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [row["tone"] for row in rows] == ["grey", "toned"]
    assert any("toned in one hue" in note for note in rows[1]["notes"])


def test_the_grey_check(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("a.jpg"))
    assert color("a.jpg", "--check") == 0
    said = capfd.readouterr().err
    mean = float(said.split("mean difference ")[1].split(",")[0]) if "mean" in said else 0.0
    assert mean <= 0.5
    assert "compared with the input" in said


def test_exact_luminance(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    pytest.importorskip("jpeglib", reason="the exact extra is not installed")
    make_photo(Path("a.jpg"))
    make_photo(Path("b.png"))
    assert color("a.jpg", "--keep-luminance", "exact", "--save-settings", "how.json") == 0
    said = capfd.readouterr().err
    assert "identical at all 3,072 pixels, its coefficients in all 48 blocks" in said
    # It is a setting: known when asked, part of what is saved, and another output without it.
    assert color("a.jpg", "--keep-luminance", "exact") == 0
    assert color("a.jpg", "--settings", "how.json") == 0
    assert capfd.readouterr().err.count("already done") == 2
    assert color("a.jpg") == 3
    assert "with other settings" in capfd.readouterr().err
    # Of several the report tells, and a PNG is exact anyway.
    words = ["--keep-luminance", "exact", "--into", "out", "--report", "r.jsonl"]
    assert color("a.jpg", "b.png", *words) == 0
    assert "identical" not in capfd.readouterr().err
    rows = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [row["grey_check"].split(",")[1:2] for row in rows] == [["072 pixels"], ["072 pixels"]]
    assert "coefficients" in rows[0]["grey_check"]
    assert Path("out/a.color.jpg").read_bytes() == Path("a.color.jpg").read_bytes()


def test_exact_luminance_without_the_extra_is_said_once(
    color: Callable[..., int], make_photo: Make, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tintype.photo.formats.jpeg_coefficients._file_of_library", lambda: None)
    for number in range(3):
        make_photo(Path(f"{number}.jpg"))
    assert color(".", "--keep-luminance", "exact") == 3
    assert lines(capfd.readouterr().err) == [
        "tintype: Keeping the luminance of a JPEG exactly needs an extra. "
        "Type: pip install 'tintype-colorizer[exact]'"
    ]


def test_a_contact_sheet(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("in/a.jpg"))
    make_photo(Path("in/b.png"))
    Path("in/c.png").write_bytes(b"")
    words = ["in", "--into", "out", "--contact-sheet", "out/sheet.html"]
    assert color(*words) == 1
    first = Path("out/sheet.html").read_bytes()
    assert first.count(b"<img") == 4
    assert b"2 coloured, 1 failed" in first
    assert b'href="../in/a.jpg"' in first
    assert b'href="a.color.jpg"' in first
    assert color(*words) == 1
    assert Path("out/sheet.html").read_bytes() == first
    assert names("out") == ["a.color.jpg", "b.color.png", "sheet.html"]
    capfd.readouterr()


def test_clashing_names_are_usage_and_nothing_is_written(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    make_photo(Path("a.png"))
    make_photo(Path("a.jpg"))
    assert color(".", "--format", "png", "--report", "r.jsonl") == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert len(lines(said.err)) == 1
    assert names() == ["a.jpg", "a.png"]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (["missing.jpg"], 3, "missing.jpg: no such file"),
        (["empty"], 3, "There is no picture in empty"),
        (["nested"], 3, "--recursive"),
        (["*.tiff"], 3, "No file matches"),
        (["a.png", "missing.jpg"], 1, "1 coloured, 1 failed"),
        (["a.png", "--vividness", "3"], 2, "out of range"),
        (["a.png", "--vividness", "nan"], 2, "out of range"),
        (["a.png", "--into", "a.png"], 2, "not a folder"),
        (["a.png", "-o", "nested"], 2, "is a folder"),
        (["a.png", "-o", "x.png", "--into", "y"], 2, "contradict"),
        (["a.png", "empty", "nested/b.png", "-o", "x.png"], 2, "several inputs"),
        (["a.png", "--report", "a.png"], 2, "an output (--report)"),
        (["a.png", "--report", "a.png/r.jsonl"], 1, "cannot be written"),
        (["a.png", "--report", "-"], 2, "name of a file"),
        (["a.png", "--report", "x.jsonl/"], 2, "'x.jsonl/' names a folder, not a file"),
        (["a.png", "-o", "x.png/"], 2, "'x.png/' names a folder, not a file"),
        *((["a.png", option, ""], 2, "the name is empty") for option in NAMED),
        (["a.png", "--into", "simplecache::file:///x"], 2, "is a chain of URLs"),
        (["a.png", "--max-megapixels", "0.001"], 3, "--max-megapixels"),
        (["a.png", "--nonsense"], 2, "No such option"),
        (["model"], 2, "Did you mean tintype models?"),
        (["Inspekt", "a.png"], 2, "Did you mean tintype inspect?"),
        (["help", "vidio"], 2, "Did you mean tintype help video?"),
        (["help", "a.png"], 2, "The commands are video, graft, serve,"),
        (["film.mp4"], 3, "film.mp4 is a film, not a photograph. Use the film command: tintype vi"),
        (["a.png", "film.mp4"], 1, "tintype video FILM"),
        (["-", "a.png"], 2, "A stream is one picture"),
        (["-", "--into", "x"], 2, "--into"),
        (["-", "--contact-sheet", "x.html"], 2, "--contact-sheet"),
        (["a.png", "--contact-sheet", "x"], 2, ".html"),
        (["a.png", "--contact-sheet", "x.html", "--report", "x.html"], 2, "the same file"),
        (["a.png", "--keep-luminance", "roughly"], 2, "standard"),
        (["a.png", "--keep-luminance", "exact", "--format", "jpeg"], 3, "is not a JPEG"),
    ],
)
def test_mistakes_are_one_line(
    *, tiny_model: Path, make_photo: Make, capfd: Capture, words: list[str], code: int, what: str
) -> None:
    make_photo(Path("a.png"))
    make_photo(Path("nested/deep/b.png"))
    Path("film.mp4").write_bytes(b"\0\0\0 ftypisom\0\0\2\0")
    Path("empty").mkdir()
    before = Path("a.png").read_bytes()
    more = [] if words[0] == "help" else ["--jobs", "1", "--model", str(tiny_model)]
    assert main([*words, *more]) == code
    said = capfd.readouterr()
    assert what in said.err
    assert "Traceback" not in said.err
    # A row that failed beside others has its own line and the last one counts.
    assert len(lines(said.err)) <= (2 if code == 1 else 1)
    assert all(line.startswith("tintype: ") for line in lines(said.err))
    assert Path("a.png").read_bytes() == before


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_a_word_too(command: str, capfd: Capture) -> None:
    assert main([*([command] if command else []), "--help"]) == 0
    expected = capfd.readouterr().out
    assert main(["help", *([command] if command else [])]) == 0
    assert capfd.readouterr().out == expected


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_argument_is_one_line(command: str, capfd: Capture) -> None:
    """click writes the choices of one on lines of their own, with tabs."""
    needs = any(
        isinstance(param, click.Argument) and param.required
        for param in TINTYPE.get_command(click.Context(TINTYPE), command).params
    )
    if not needs:
        assert command in {"serve", "models", "shortcut"}
        return
    assert main([command]) == 2
    (line,) = lines(capfd.readouterr().err)
    assert line.isprintable()
    assert "\\" not in line
    assert line.endswith(f"Run tintype {command} --help.")


def test_a_command_word_is_the_command_and_a_path_is_the_file(
    color: Callable[..., int], make_photo: Make, capfd: Capture, tiny_model: Path
) -> None:
    make_photo(Path("models"))
    main(["models"])
    assert "coloured" not in capfd.readouterr().err
    assert main(["./models", "--model", str(tiny_model)]) == 0
    assert capfd.readouterr().out == "models.color.png\n"
    assert color("models", "--overwrite") == 0  # not the first word


def test_a_name_with_a_dash(color: Callable[..., int], make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("-x.png"))
    assert main(["-x.png"]) == 2
    assert "begins with - after --" in capfd.readouterr().err
    assert color("--", "-x.png") == 0
    assert Path("-x.color.png").is_file()


def test_a_name_that_would_drive_the_terminal_is_shown_instead(
    color: Callable[..., int], make_photo: Make, capfd: Capture
) -> None:
    name = "evil\x1b[2J\nline.png"
    make_photo(Path(name))
    Path("bad\x1b\n.png").write_bytes(b"")
    assert color(name) == 0
    assert color("bad\x1b\n.png") == 3
    said = capfd.readouterr()
    assert "\x1b" not in said.err
    assert len(lines(said.err)) == 2
    assert r"evil\x1b[2J\nline.png" in said.err
    # What is not for people is exact.
    assert said.out == "evil\x1b[2J\nline.color.png\n"


class Stdin(io.TextIOWrapper):
    """Standard input with a picture in it."""


def pipe_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(data)))


def test_a_stream(
    color: Callable[..., int],
    make_photo: Make,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    data = make_photo(Path("a.png")).read_bytes()
    pipe_in(monkeypatch, data)
    assert color("-") == 0
    piped = capfdbinary.readouterr()
    assert piped.err == b""
    assert color("a.png", "-o", "-") == 0
    assert capfdbinary.readouterr().out == piped.out
    assert color("a.png") == 0
    assert Path("a.color.png").read_bytes() == piped.out
    pipe_in(monkeypatch, data)
    assert color("-", "-o", "b.png", "--format", "png") == 0
    assert Path("b.png").read_bytes() == piped.out
    pipe_in(monkeypatch, data)
    assert color("-", "-o", "b.png") == 3
    pipe_in(monkeypatch, data)
    capfdbinary.readouterr()
    assert color("-", "--format", "jpeg") == 0
    assert capfdbinary.readouterr().out.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_a_bad_stream_writes_nothing(
    color: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: Capture, data: bytes
) -> None:
    pipe_in(monkeypatch, data)
    assert color("-") == 3
    said = capfd.readouterr()
    assert said.out == ""
    assert len(lines(said.err)) == 1
    assert "standard input" in said.err.lower()


def test_a_picture_is_not_written_to_a_terminal(
    color: Callable[..., int], make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    make_photo(Path("a.png"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert color("a.png", "-o", "-") == 2
    said = capfd.readouterr()
    assert "terminal" in said.err
    assert said.out == ""


def test_a_stream_is_no_work_for_a_cluster(color: Callable[..., int], capfd: Capture) -> None:
    assert color("-", "-o", "x.png", "--executor", "ray") == 2
    assert "not for streams" in capfd.readouterr().err


def test_nothing_piped_in(
    color: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    pipe_in(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert color("-") == 2
    assert "nothing is piped in" in capfd.readouterr().err


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "avif", "jp2", "bmp", "ppm"])
def test_inspect(color: Callable[..., int], make_photo: Make, capfd: Capture, ending: str) -> None:
    make_photo(Path(f"a.{ending}"))
    assert color(f"a.{ending}", "--vividness", "0.7", "--strip-metadata") == 0
    capfd.readouterr()
    assert main(["inspect", "--json", f"a.{ending}", f"a.color.{ending}"]) == 0
    before, after = (json.loads(line) for line in lines(capfd.readouterr().out))
    assert (before["coloured_by_tintype"], before["tone"]) == (False, "grey")
    assert (after["coloured_by_tintype"], after["tone"]) == (True, None)
    assert before["format"] == after["format"]
    assert after["provenance"]["model"] == "tiny"
    assert after["provenance"]["settings"]["vividness"] == 0.7
    assert main(["inspect", f"a.color.{ending}"]) == 0
    said = capfd.readouterr().out
    assert "coloured by Tintype" in said
    assert "with model tiny" in said


def test_inspect_says_what_cannot_be_read(make_photo: Make, capfd: Capture) -> None:
    make_photo(Path("a.png"))
    Path("text.png").write_text("x")
    assert main(["inspect", "text.png"]) == 3
    assert main(["inspect", "a.png", "text.png", "missing.png", "."]) == 1
    said = capfd.readouterr()
    assert lines(said.out) == ["a.png: PNG, black and white"]
    assert len(lines(said.err)) == 4
    assert main(["inspect", "--json", "missing.png"]) == 3
    assert "error" in json.loads(capfd.readouterr().out)


def test_models(tiny_model: Path, capfd: Capture) -> None:
    home = Path("home/models")
    home.mkdir(parents=True)
    (home / "tiny.onnx").write_bytes(tiny_model.read_bytes())
    assert main(["models"]) == 0
    assert "tiny 1: Random weights, for tests" in capfd.readouterr().out
    assert main(["models", "--json", "tiny"]) == 0
    card = json.loads(capfd.readouterr().out)
    assert card["name"] == "tiny"
    assert card["sizes"] == {"fast": 32, "normal": 64, "high": 96}
    assert main(["models", "tiny"]) == 0
    assert "Random weights" in capfd.readouterr().out
    damaged = bytearray(tiny_model.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (home / "damaged.onnx").write_bytes(damaged)
    assert main(["models"]) == 1
    said = capfd.readouterr()
    assert "tiny" in said.out
    assert "damaged" in said.err
    assert main(["models", "no-such"]) == 3


def test_a_damaged_model_is_one_line(make_photo: Make, tiny_model: Path, capfd: Capture) -> None:
    make_photo(Path("a.png"))
    make_photo(Path("b.png"))
    Path("m.onnx").write_bytes(tiny_model.read_bytes()[:-1000])
    assert main(["--model", "m.onnx", ".", "--report", "r.jsonl"]) == 3
    assert len(lines(capfd.readouterr().err)) == 1
    assert names() == ["a.png", "b.png", "m.onnx"]


def test_interrupted(
    color: Callable[..., int], make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    make_photo(Path("a.png"))

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    assert color("a.png") == 130
    assert lines(capfd.readouterr().err) == [
        "tintype: Interrupted. The same command continues where this one stopped."
    ]
    assert names() == ["a.png"]


def test_a_fault_is_one_line_too(
    make_photo: Make, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    def fault(_words: object) -> int:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(app, "run", fault)
    assert main(["x"]) == 3
    said = capfd.readouterr().err
    assert len(lines(said)) == 1
    assert "TINTYPE_TRACEBACK" in said
    monkeypatch.setenv("TINTYPE_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["x"])


def test_without_a_current_folder_one_line_says_so(
    color: Callable[..., int], make_photo: Make, tmp_path: Path, capfd: Capture
) -> None:
    if os.name == "nt":  # where it cannot be removed
        return
    photo = make_photo(tmp_path / "a.png")
    Path("gone").mkdir()
    os.chdir("gone")  # the fixture returns from it
    Path("../gone").rmdir()
    assert color(str(photo), "-o", "x.png") == 3
    (line,) = lines(capfd.readouterr().err)
    assert line == "tintype: The current folder no longer exists. Change to another one."
    assert color(str(photo)) == 0  # which needs none


@pytest.mark.parametrize("command", ["data", "train", "evaluate", "export", "compare"])
def test_without_the_extra_a_learning_command_says_what_to_install(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else 1)
    words = {
        "data": ["audit", "x"],
        "train": ["r.toml", "--data", "x"],
        "evaluate": ["m", "--data", "x"],
        "export": ["r", "-o", "x.onnx", "--data", "x"],
        "compare": ["r"],
    }
    assert main([command, "--help"]) == 0
    assert main([command, *words[command]]) == 3
    assert capfd.readouterr().err.startswith(
        "tintype: Training needs packages that are not installed: torch"
    )
