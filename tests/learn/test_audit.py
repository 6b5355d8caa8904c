import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.cli.app import main
from tintype.learn.data.audit import (
    Audit,
    audit,
    contact_sheet,
    difference_signs,
    grey_thumbnail,
    to_text,
)
from tintype.learn.data.manifest import find_sources

Paint = Callable[[int], np.ndarray]


def _audit(folder: Path, against: Sequence[Path] = ()) -> Audit:
    return audit(
        find_sources([folder]),
        find_sources(against) if against else (),
        min_colorfulness=5,
        dev_share=0,
        report=lambda _: None,
    )


def _small_jpeg(rgb: np.ndarray) -> bytes:
    image = Image.fromarray(rgb)
    out = io.BytesIO()
    image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(out, "JPEG", quality=60)
    return out.getvalue()


@pytest.fixture
def spoilt(photo_folder: Path, colourful: Paint) -> Path:
    """The photographs with one fault of each kind among them."""
    rgb = colourful(7)
    grey = np.asarray(Image.fromarray(colourful(70)).convert("L"))
    tone = np.asarray(Image.fromarray(colourful(71)).convert("L"))
    sepia = (tone[..., None] * np.array([1.0, 0.85, 0.65])).astype(np.uint8)
    extra = photo_folder / "extra"
    extra.mkdir()
    Image.fromarray(grey).save(extra / "grey.png")
    Image.fromarray(sepia).save(extra / "sepia.png")
    Image.fromarray(rgb[:16, :16]).save(extra / "small.png")
    (extra / "broken.jpg").write_bytes(b"no picture")
    (extra / "copy.png").write_bytes((photo_folder / "field" / "00.png").read_bytes())
    first = np.asarray(Image.open(photo_folder / "beach" / "05.png"))
    (extra / "again.jpg").write_bytes(_small_jpeg(first))
    return photo_folder


def test_each_fault_is_found_once_and_nothing_else(spoilt: Path):
    found = _audit(spoilt)
    assert found.counts() == {
        "broken": 1,
        "made by Tintype": 0,
        "too small": 1,
        "grey": 1,
        "sepia": 1,
        "duplicate": 1,
        "near duplicate": 1,
        "split leak": 0,
        "leak": 0,
    }
    named = {find.kind: (find.picture.member, find.twin) for find in found.findings}
    assert named["broken"] == ("extra/broken.jpg", None)
    assert {named["near duplicate"][0], named["near duplicate"][1].member} == {  # type: ignore[union-attr]
        "extra/again.jpg",
        "beach/05.png",
    }
    assert found.pictures == 30


def test_outputs_of_this_program_are_found_and_compared_with_nothing(outputs: Path):
    counts = _audit(outputs).counts()
    assert counts["made by Tintype"] == 6
    assert sum(counts.values()) == 6


def test_leaks_are_found_in_the_other_set_and_in_the_other_split(
    photo_folder: Path, tmp_path: Path, colourful: Paint
):
    held_out = tmp_path / "held-out"
    held_out.mkdir()
    (held_out / "same.png").write_bytes((photo_folder / "field" / "03.png").read_bytes())
    like = np.asarray(Image.open(photo_folder / "beach" / "04.png"))
    (held_out / "like.jpg").write_bytes(_small_jpeg(like))
    Image.fromarray(colourful(999)).save(held_out / "other.png")
    leaks = [find for find in _audit(photo_folder, [held_out]).findings if find.kind == "leak"]
    assert {(find.picture.member, find.twin.member) for find in leaks if find.twin} == {
        ("field/03.png", "same.png"),
        ("beach/04.png", "like.jpg"),
    }
    (photo_folder / "val").mkdir()
    (photo_folder / "val" / "x.jpg").write_bytes(_small_jpeg(like))
    kinds = [find.kind for find in _audit(photo_folder).findings]
    assert kinds == ["near duplicate", "split leak"]


def test_the_hash_survives_size_and_compression_and_nothing_else(colourful: Paint):
    def signs(rgb: np.ndarray) -> np.ndarray:
        return difference_signs(grey_thumbnail(rgb)[None].astype(np.float32))[0]

    rgb = colourful(5)
    again = np.asarray(Image.open(io.BytesIO(_small_jpeg(rgb))))
    assert np.count_nonzero(signs(rgb) != signs(again)) <= 10
    assert np.count_nonzero(signs(rgb) != signs(colourful(6))) > 20
    assert np.count_nonzero(signs(rgb) != signs(rgb[:, ::-1])) > 20


def test_plain_pictures_are_not_each_others_copies(tmp_path: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    for index in range(3):
        rgb = np.full((40, 40, 3), (30 * index, 100, 200), np.uint8)
        Image.fromarray(rgb).save(folder / f"{index}.png")
    assert _audit(folder).counts()["near duplicate"] == 0


def test_pictures_of_several_blocks_are_all_compared(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    for index in range(12):
        rgb = np.asarray(Image.open(photo_folder / "field" / f"{index:02d}.png"))
        (photo_folder / "beach" / f"again-{index}.jpg").write_bytes(_small_jpeg(rgb))
    whole = _audit(photo_folder)
    monkeypatch.setattr("tintype.learn.data.audit._BLOCK", 5)
    assert _audit(photo_folder) == whole
    assert whole.counts()["near duplicate"] == 12


def test_the_sheet_shows_every_kind_and_the_twin_below(spoilt: Path):
    found = _audit(spoilt)
    sheet = contact_sheet(found, tile=32, columns=4)
    kinds = [kind for kind, count in found.counts().items() if count]
    rows = len(kinds) + 2  # duplicates and near ones have two
    assert sheet.size == (4 * 32, 18 * len(kinds) + 32 * rows)
    assert np.asarray(sheet)[18:50, :32].std() > 0
    assert contact_sheet(Audit(1, 0, ())).size[1] == 18


def test_the_command_prints_a_table_or_json_and_writes_the_sheet(
    spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sheet = tmp_path / "finds.png"
    assert main(["data", "audit", str(spoilt), "--sheet", str(sheet)]) == 0
    table = capsys.readouterr().out
    assert "| near duplicate | 1 |" in table
    assert table.endswith("30 pictures\n")
    with Image.open(sheet) as image:
        assert image.format == "PNG"
    assert main(["data", "audit", str(spoilt), "--against", str(spoilt), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"]["leak"] == 29
    assert facts["counts"]["broken"] == 1
    assert len(facts["finds"]) == sum(facts["counts"].values())


@pytest.mark.skipif(os.name != "posix", reason="there are no such names and no pipes")
def test_json_has_the_real_names_and_counts_what_is_no_file(
    photo_folder: Path, capsys: pytest.CaptureFixture[str]
):
    name = os.fsdecode(b"new\nline\xff.png")
    (photo_folder / name).write_bytes(b"no picture")
    os.mkfifo(photo_folder / "pipe.png")
    (photo_folder / "nowhere.png").symlink_to("missing")
    (photo_folder / "device.jpg").symlink_to(os.devnull)
    (photo_folder / "folder.png").mkdir()
    (photo_folder / "pipe.txt").mkdir()
    assert main(["data", "audit", str(photo_folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["not_regular_files"] == 4
    assert [find["picture"] for find in facts["finds"]] == [f"{photo_folder}/{name}"]
    assert main(["data", "audit", str(photo_folder)]) == 0
    table = capsys.readouterr().out
    assert "new\\nline\\udcff.png |" in table
    assert table.endswith("\nleft out, not regular files: 4\n")


@pytest.mark.parametrize("option", ["PATH", "--against"])
def test_a_sheet_that_is_an_input_is_not_replaced(
    spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
):
    held_out = tmp_path / "held out"
    held_out.mkdir()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(held_out / "a.png")
    sheet = (spoilt if option == "PATH" else held_out) / "finds.png"
    assert main(["data", "audit", str(spoilt), "--sheet", str(sheet)]) == 0
    before = sheet.read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(sheet)
    capsys.readouterr()
    for name in (sheet, link):
        words = ["data", "audit", str(spoilt), "--against", str(held_out), "--sheet", str(name)]
        assert main(words) == 3
        assert "is one of the pictures that are read" in capsys.readouterr().err
    assert sheet.read_bytes() == before


def test_the_sheet_replaces_only_a_sheet(
    spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sheet = tmp_path / "finds.png"
    for _ in range(2):
        assert main(["data", "audit", str(spoilt), "--sheet", str(sheet)]) == 0
    Image.new("L", (8, 8)).save(sheet)
    before = sheet.read_bytes()
    capsys.readouterr()
    assert main(["data", "audit", str(spoilt), "--sheet", str(sheet)]) == 3
    assert "is not an audit sheet made by Tintype" in capsys.readouterr().err
    assert sheet.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["data"], 2, "Missing argument"),
        (["data", "adit", "x"], 2, "adit"),
        (["data", "audit", "missing"], 3, "no such file"),
        (["data", "audit", "{folder}", "--sheet", "x.txt"], 3, "PNG"),
        (["data", "audit", "{folder}", "--sheet", "missing/x.png"], 1, "Create the folder first"),
    ],
)
def test_bad_words_are_one_line(
    photo_folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    says: str,
):
    assert main([word.format(folder=photo_folder) for word in words]) == code
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


def test_an_empty_audit_is_a_table_of_zeros():
    text = to_text(Audit(5, 2, ()))
    assert "| grey | 0 |  |" in text
    assert text.endswith("5 pictures against 2\n")
