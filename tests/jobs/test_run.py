import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jobs.runs import names, run_plan
from tintype.engine.bundle import load_bundle
from tintype.engine.hints import parse_hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings
from tintype.errors import ModelError
from tintype.files import remote
from tintype.files.temporary import open_temporary
from tintype.jobs import color_files
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Plan
from tintype.jobs.report import COLOR_PHOTO, OWN_OUTPUT, JobResult, Tally
from tintype.jobs.run import run
from tintype.photo.decode import decode
from tintype.pipeline import Request, colorize_photos, provenance_of

Make = Callable[..., Path]


def one(source: Path, options: RunOptions, **how: object) -> JobResult:
    (result,) = run_plan(Plan([str(source)], overwrite=options.overwrite, **how), options)
    return result


def save_color(path: Path) -> Path:
    rows, columns = np.mgrid[0:48, 0:64] * 4.0
    Image.fromarray(np.dstack([rows, columns, 255 - rows]).astype(np.uint8)).save(path)
    return path


def test_a_photo_is_coloured_and_its_grey_is_kept(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    source = make_photo(tmp_path / "x.png")
    before = source.read_bytes()
    result = one(source, replace(options, check_grey=True))
    assert (result.status, result.output) == ("done", str(tmp_path / "x.color.png"))
    assert result.grey_check == "identical at all 3,072 pixels"
    with Image.open(source) as grey, Image.open(tmp_path / "x.color.png") as color:
        assert color.mode == "RGB"
        assert np.ptp(np.asarray(color).astype(int), axis=2).max() > 8
        np.testing.assert_array_equal(np.asarray(color.convert("L")), np.asarray(grey))
    assert source.read_bytes() == before
    assert names(tmp_path) == ["x.color.png", "x.png"]


def test_pure_black_and_white_is_written_and_said(tmp_path: Path, options: RunOptions) -> None:
    source = tmp_path / "fax.tif"
    Image.fromarray(np.eye(64, dtype=bool)).save(source, compression="group4")
    result = one(source, replace(options, check_grey=True))
    assert result.status == "done"
    assert "There is nothing to colour in pure black and white." in result.notes


def test_a_page_that_belongs_to_a_photograph_is_no_page_to_compare(
    tmp_path: Path, options: RunOptions
) -> None:
    source = tmp_path / "scan.tif"
    grey = np.arange(48 * 64).astype(np.uint16).reshape(48, 64) * 21
    with tifffile.TiffWriter(source) as out:
        out.write(grey, photometric="minisblack")
        out.write(grey > 9000, photometric="mask", subfiletype=4)
    result = one(source, replace(options, check_grey=True))
    assert result.grey_check == "identical at all 3,072 pixels"
    with tifffile.TiffFile(tmp_path / "scan.color.tif") as found:
        assert [page.photometric.name for page in found.pages] == ["RGB", "MASK"]


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "avif", "jp2", "bmp", "ppm"])
def test_a_second_run_does_nothing_again(
    tmp_path: Path, make_photo: Make, options: RunOptions, ending: str
) -> None:
    source = make_photo(tmp_path / f"x.{ending}")
    first = one(source, options)
    target = Path(str(first.output))
    stamp = target.stat().st_mtime_ns
    second = one(source, options)
    assert (first.status, second.status) == ("done", "already_done")
    assert first.sha256 == second.sha256
    assert target.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_another_input_setting_or_model_is_not_done_already(
    tmp_path: Path, make_photo: Make, options: RunOptions, ending: str
) -> None:
    source = make_photo(tmp_path / f"x.{ending}")
    one(source, options)
    target = tmp_path / f"x.color.{ending}"
    before = target.read_bytes()
    other_settings = [
        replace(options, settings=Settings(vividness=1.5)),
        replace(options, settings=Settings(quality="fast")),
        replace(options, output=Output(strip_metadata=True)),
    ]
    for other in other_settings:
        result = one(source, other)
        assert result.status == "failed"
        assert "with other settings" in str(result.error)
        assert "--overwrite" in str(result.advice)
    make_photo(source, seed=1)
    result = one(source, options)
    assert "from another picture" in str(result.error)
    assert target.read_bytes() == before
    result = one(source, replace(options, overwrite=True))
    assert result.status == "done"
    assert target.read_bytes() != before


def test_a_target_from_elsewhere_is_an_error_result(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    source = make_photo(tmp_path / "x.png")
    target = make_photo(tmp_path / "x.color.png", seed=9)
    before = target.read_bytes()
    result = one(source, options)
    assert result.status == "failed"
    assert "was not written by Tintype" in str(result.error)
    assert target.read_bytes() == before
    result = one(source, replace(options, overwrite=True))
    assert result.status == "failed"
    assert "never replaced" in str(result.error)
    assert target.read_bytes() == before
    target.write_bytes(b"")  # there is nothing in it to lose
    assert one(source, options).status == "failed"
    assert one(source, replace(options, overwrite=True)).status == "done"


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_the_input_is_never_replaced_under_another_name(
    tmp_path: Path, make_photo: Make, options: RunOptions, kind: str
) -> None:
    source = make_photo(tmp_path / "x.png")
    before = source.read_bytes()
    target = tmp_path / "x.color.png"
    target.hardlink_to(source) if kind == "hard" else target.symlink_to(source)
    result = one(source, replace(options, overwrite=True))
    assert result.status == "failed"
    assert "never replaced" in str(result.error)
    assert source.read_bytes() == before
    assert target.samefile(source)


def test_another_input_is_never_replaced(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    make_photo(tmp_path / "x.png")
    other = make_photo(tmp_path / "x.color.png", seed=1)
    before = other.read_bytes()
    plan = Plan([str(tmp_path / "x.png"), str(other)], overwrite=True)
    first, second = run_plan(plan, replace(options, overwrite=True))
    assert first.status == "failed"
    assert "one of the inputs" in str(first.error)
    assert second.status == "done"
    assert other.read_bytes() == before


def test_a_folder_coloured_twice_with_overwrite(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    make_photo(tmp_path / "x.png")
    first = run_plan(Plan([str(tmp_path)]), options)
    options = replace(options, overwrite=True)
    again = run_plan(Plan([str(tmp_path)], overwrite=True), options)
    other = replace(options, settings=Settings(vividness=1))
    vivid = run_plan(Plan([str(tmp_path)], overwrite=True), other)
    assert [result.status for result in first] == ["done"]
    assert [Path(result.input).name for result in again] == ["x.color.png", "x.png"]
    assert [result.status for result in again] == ["skipped", "already_done"]
    assert [result.status for result in vivid] == ["skipped", "done"]


def test_an_output_of_another_version_is_done_unless_overwriting(
    tmp_path: Path, make_photo: Make, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_photo(tmp_path / "x.png")
    monkeypatch.setattr("tintype.pipeline.__version__", "0.0.1")
    one(source, options)
    monkeypatch.undo()
    assert one(source, options).status == "already_done"
    assert one(source, replace(options, overwrite=True)).status == "done"
    assert one(source, replace(options, overwrite=True)).status == "already_done"


def test_outputs_of_ours_are_not_coloured_again(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    for ending in ("png", "bmp", "jpg"):
        make_photo(tmp_path / f"{ending}.{ending}")
    run_plan(Plan([str(tmp_path)]), options)
    results = run_plan(Plan([str(tmp_path)]), options)
    skipped = {
        Path(result.input).name: result.reason for result in results if result.status == "skipped"
    }
    assert skipped == dict.fromkeys(("bmp.color.bmp", "jpg.color.jpg", "png.color.png"), OWN_OUTPUT)
    assert sum(result.status == "already_done" for result in results) == 3
    # Outputs moved to another folder and renamed say themselves what they are.
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "png.color.png").rename(tmp_path / "elsewhere" / "renamed.png")
    (result,) = run_plan(Plan([str(tmp_path / "elsewhere")]), options)
    assert result.reason == OWN_OUTPUT


def test_colour_photographs(tmp_path: Path, make_photo: Make, options: RunOptions) -> None:
    color = save_color(tmp_path / "c.png")
    grey = make_photo(tmp_path / "g.png")
    both = [str(color), str(grey)]
    skipped, done = run_plan(Plan(both), options)
    assert (skipped.status, skipped.reason, done.status) == ("skipped", COLOR_PHOTO, "done")
    assert skipped.output is None
    assert not (tmp_path / "c.color.png").exists()
    assert one(color, replace(options, color_photos="skip")).status == "skipped"
    alone = one(color, options)
    assert alone.status == "done"
    assert any("colour photograph" in note for note in alone.notes)
    into = Plan(both, into=tmp_path / "out")
    results = run_plan(into, replace(options, color_photos="color"))
    assert [result.status for result in results] == ["done", "done"]


def save_sepia(path: Path, grey: Path) -> Path:
    level = np.asarray(Image.open(grey).convert("L"), np.float64)[..., None] / 255
    Image.fromarray((255 * level ** np.array([0.75, 1.0, 1.5])).astype(np.uint8)).save(path)
    return path


def test_a_toned_photograph_is_coloured_and_said_to_be_toned(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    grey = make_photo(tmp_path / "g.png")
    save_sepia(tmp_path / "s.png", grey)
    results = run_plan(Plan([str(tmp_path)]), options)
    assert [(result.status, result.tone) for result in results] == [
        ("done", "grey"),
        ("done", "toned"),
    ]
    assert not results[0].notes
    assert any("toned in one hue" in note for note in results[1].notes)


def test_a_stamp_is_coloured_over_and_named(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    rgb = np.array(Image.open(make_photo(tmp_path / "g.png")).convert("RGB"))
    rgb[30:36, 40:56] = (190, 30, 50)
    Image.fromarray(rgb).save(tmp_path / "stamped.png")
    _, stamped = run_plan(Plan([str(tmp_path)]), options)
    assert (stamped.status, stamped.tone) == ("done", "grey")
    assert any("a stamp, ink, a colour target" in note for note in stamped.notes)


def test_bad_inputs_fail_and_the_rest_continues(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    good = make_photo(tmp_path / "good.png")
    whole = good.read_bytes()
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("Dear diary,\n")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "huge.png").write_bytes(whole[:16] + b"\0\0\x7f\xff\0\0\x7f\xff" + whole[24:])
    results = {
        Path(result.input).name: result for result in run_plan(Plan([str(tmp_path)]), options)
    }
    assert results.pop("good.png").status == "done"
    assert sorted(results) == ["cut.png", "empty.jpg", "huge.png", "text.jpg"]
    for name, result in results.items():
        assert result.status == "failed"
        assert name in str(result.error)
        assert "bug" not in str(result.error)
        assert "\n" not in str(result.error)
    assert "--max-megapixels" in f"{results['huge.png'].error} {results['huge.png'].advice}"
    assert len(names(tmp_path)) == 6


def test_a_file_too_long_for_a_photo_is_not_read(tmp_path: Path, options: RunOptions) -> None:
    path = tmp_path / "endless.jpg"
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff")
        file.truncate(200 * 2**20)
    result = one(path, replace(options, max_pixels=1_000_000))
    assert result.status == "failed"
    assert "too long" in str(result.error)
    assert "--max-megapixels" in str(result.advice)


def test_a_folder_without_permission_is_a_result(
    tmp_path: Path, make_photo: Make, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo(tmp_path / "open/x.png")
    make_photo(tmp_path / "closed/y.png")
    scandir = os.scandir

    # Permissions do not bind every user that tests run as.
    def guarded(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    results = run_plan(Plan([str(tmp_path)], recursive=True), options)
    assert [(Path(result.input).name, result.status) for result in results] == [
        ("closed", "failed"),
        ("x.png", "done"),
    ]
    assert "permission denied" in str(results[0].error)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_loses_nothing(
    tmp_path: Path,
    make_photo: Make,
    options: RunOptions,
    monkeypatch: pytest.MonkeyPatch,
    overwrite: bool,
) -> None:
    source = make_photo(tmp_path / "x.png")
    options = replace(options, overwrite=overwrite)
    if overwrite:
        one(source, replace(options, settings=Settings(vividness=0.1)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = one(source, options)
    assert result.status == "failed"
    assert "disk is full" in str(result.error)
    assert result.exit_code == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only")],
)
def test_a_disk_that_takes_no_more_ends_the_run(
    *,
    tmp_path: Path,
    make_photo: Make,
    options: RunOptions,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
) -> None:
    for index in range(6):
        make_photo(tmp_path / f"in/{index}.png", seed=index)
    computed, synced = [], os.fsync
    colorize = color_files.colorize_photos

    def count(*given: object, **more: object) -> object:
        computed.append(more["name"])
        return colorize(*given, **more)  # type: ignore[arg-type]

    def full(descriptor: int) -> None:
        if len(computed) > 2:
            raise OSError(number, os.strerror(number))
        synced(descriptor)

    monkeypatch.setattr(color_files, "colorize_photos", count)
    monkeypatch.setattr(os, "fsync", full)
    plan = Plan([str(tmp_path / "in")], into=tmp_path / "out")
    results = run_plan(plan, options)
    assert [result.status for result in results] == ["done", "done", "failed"]
    assert [result.stops for result in results] == [False, False, True]
    assert words in str(results[-1].error)
    assert len(computed) == 3
    assert names(tmp_path / "out") == ["0.color.png", "1.color.png"]


class Refused:
    """A file system that says of itself what a test wants, as `os.statvfs` tells it."""

    def __init__(self, *, flags: int = 0, free: int = 5, blocks: int = 9) -> None:
        self.f_flag, self.f_bfree, self.f_blocks = flags, free, blocks


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        (Refused(flags=1), "the disk is read-only"),
        (Refused(free=0), "the disk is full"),
        (Refused(free=0, blocks=0), ""),
    ],
)
def test_a_disk_that_takes_nothing_is_seen_before_the_work(
    *,
    tmp_path: Path,
    make_photo: Make,
    options: RunOptions,
    monkeypatch: pytest.MonkeyPatch,
    disk: Refused,
    words: str,
) -> None:
    for index in range(3):
        make_photo(tmp_path / f"in/{index}.png", seed=index)
    monkeypatch.setattr(os, "statvfs", lambda _folder: disk, raising=False)
    monkeypatch.setattr(os, "ST_RDONLY", 1, raising=False)
    if words:
        monkeypatch.setattr(color_files, "colorize_photos", None)  # it would be a bug in the report
    results = run_plan(Plan([str(tmp_path / "in")], into=tmp_path / "a/b"), options)
    assert len(results) == (1 if words else 3)
    assert words in str(results[0].error)
    assert results[0].exit_code == (1 if words else 0)
    assert (tmp_path / "a").exists() != bool(words)


def test_a_folder_without_permission_ends_the_run_only_at_its_start(
    tmp_path: Path, make_photo: Make, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, name in enumerate(("a/0", "a/1", "b/2", "c/3")):
        make_photo(tmp_path / f"{name}.png", seed=index)
    closed = {"b"}
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name not in closed)
    plan = Plan([str(tmp_path)], recursive=True)
    results = run_plan(plan, options)
    assert [result.status for result in results] == ["done", "done", "failed", "done"]
    assert "no permission" in str(results[2].error)
    closed = {"new"}
    (tmp_path / "new").mkdir()
    results = run_plan(Plan([str(tmp_path / "a")], into=tmp_path / "new"), options)
    photographs = [result for result in results if result.status != "skipped"]
    assert [(result.status, result.stops) for result in photographs] == [("failed", True)]


def test_a_target_folder_that_cannot_be_made_is_reported(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    source = make_photo(tmp_path / "x.png")
    (tmp_path / "file").write_bytes(b"")
    result = one(source, options, into=tmp_path / "file" / "below")
    assert result.status == "failed"
    assert (tmp_path / "file").read_bytes() == b""


def test_a_bug_is_a_failed_result(
    tmp_path: Path, make_photo: Make, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo(tmp_path / "x.png")
    make_photo(tmp_path / "y.png")
    faults: Iterator[Exception] = iter([ZeroDivisionError("by\nzero"), MemoryError()])

    def break_down(*_: object, **__: object) -> None:
        raise next(faults)

    monkeypatch.setattr(color_files, "colorize_photos", break_down)
    first, second = run_plan(Plan([str(tmp_path)]), options)
    assert "ZeroDivisionError" in str(first.error)
    assert "memory" in str(second.error)
    assert names(tmp_path) == ["x.png", "y.png"]


def test_a_missing_model_is_one_error_before_anything(tmp_path: Path, make_photo: Make) -> None:
    plan = Plan([str(make_photo(tmp_path / "x.png"))])
    with pytest.raises(ModelError):
        run(plan, RunOptions(model="no-such-model"), items=1)


def test_what_a_killed_run_left_is_removed(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    make_photo(tmp_path / "x.png")
    left, descriptor = open_temporary(tmp_path)
    os.write(descriptor, b"half a picture")
    os.close(descriptor)
    mine = tmp_path / ".tintype-notes.tmp"
    mine.write_bytes(b"not made by write_atomically")
    run_plan(Plan([str(tmp_path)]), options)
    assert not left.exists()
    assert mine.exists()


def test_the_winner_of_a_race_is_accepted(
    tmp_path: Path, make_photo: Make, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run finishes the same picture between the check of the target and the write."""
    source = make_photo(tmp_path / "x.png")
    write = remote.write_atomically

    def overtaken(path: Path, data: bytes, *, overwrite: bool) -> None:
        write(path, data, overwrite=overwrite)
        write(path, data, overwrite=overwrite)

    monkeypatch.setattr(remote, "write_atomically", overtaken)
    assert one(source, options).status == "done"

    def beaten_by_a_stranger(path: Path, data: bytes, *, overwrite: bool) -> None:
        path.write_bytes(b"a stranger's file")
        write(path, data, overwrite=overwrite)

    monkeypatch.setattr(remote, "write_atomically", beaten_by_a_stranger)
    result = one(make_photo(tmp_path / "y.png"), options)
    assert result.status == "failed"
    assert (tmp_path / "y.color.png").read_bytes() == b"a stranger's file"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_pipe_under_the_name_of_a_target_is_not_waited_for(
    tmp_path: Path, make_photo: Make, options: RunOptions, overwrite: bool
) -> None:
    if not hasattr(os, "mkfifo"):
        return
    source = make_photo(tmp_path / "x.png")
    os.mkfifo(tmp_path / "x.color.png")
    result = one(source, replace(options, overwrite=overwrite))
    assert result.status == "failed"
    assert "is not a regular file" in str(result.error)
    assert (tmp_path / "x.color.png").is_fifo()


def test_a_pipe_under_the_name_of_the_state_file_is_not_waited_for(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    if not hasattr(os, "mkfifo"):
        return
    for name in ("a.bmp", "b.png"):
        make_photo(tmp_path / name)
    os.mkfifo(tmp_path / ".tintype-state.jsonl")
    results = run_plan(Plan([str(tmp_path)]), options)
    assert [result.status for result in results] == ["failed", "done"]
    assert "tintype-state.jsonl cannot be written" in str(results[0].error)


def test_a_name_that_leaves_no_room_for_the_ending_is_reported(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    result = one(make_photo(tmp_path / ("n" * 251 + ".png")), options)
    assert result.status == "failed"
    assert "the name is too long" in str(result.error)
    assert "-o" in str(result.advice)
    assert result.exit_code == 1


def test_a_folder_keeps_what_was_corrected_by_hand(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    sources = [make_photo(album / name, seed=n) for n, name in enumerate(("a.png", "b.bmp"))]
    into = tmp_path / "out"
    plan = Plan([str(album)], into=into)
    run_plan(plan, options)
    hinted = replace(options, settings=Settings(hints=(parse_hint("10,10,navy"),)), overwrite=True)
    for source in sources:
        assert one(source, hinted, into=into).status == "done"
    corrected = [path.read_bytes() for path in sorted(into.glob("*.color.*"))]
    # Neither a failure nor done again, whatever the settings of the folder are.
    for other in (options, replace(options, settings=Settings(vividness=1.5))):
        results = run_plan(Plan([str(album)], into=into), other)
        assert [(row.status, row.reason) for row in results] == [
            ("already_done", "corrected by hand")
        ] * 2
    assert [path.read_bytes() for path in sorted(into.glob("*.color.*"))] == corrected
    tally = Tally()
    for row in results:
        tally.add(row)
    assert tally.sentence() == "0 coloured, 2 already done (2 corrected by hand)"
    # By itself it is refused: who leaves the hint out may want it away. --overwrite undoes it.
    alone = one(sources[0], options, into=into)
    assert "with other settings" in str(alone.error)
    again = run_plan(
        Plan([str(album)], into=into, overwrite=True), replace(options, overwrite=True)
    )
    assert [row.status for row in again] == ["done", "done"]


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        (Settings(palettes=5, palette=2), Output(format="PNG")),
        (Settings(), Output(format="PNG", rotate="90")),
    ],
)
def test_a_folder_keeps_what_only_a_person_chooses(
    tmp_path: Path, make_photo: Make, options: RunOptions, settings: Settings, output: Output
) -> None:
    album, into = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    into.mkdir()
    data = make_photo(album / "a.png").read_bytes()
    bundle = load_bundle(options.model)
    saved = colorize_photos(
        decode(data, name="a.png"),
        Request(settings, output, "color"),
        name="a.png",
        engine=Engine(bundle),
        provenance=provenance_of(data, bundle, settings, output),
    ).data
    (into / "a.color.png").write_bytes(saved)
    (result,) = run_plan(Plan([str(album)], into=into), options)
    assert (result.status, result.reason) == ("already_done", "corrected by hand")
    assert (into / "a.color.png").read_bytes() == saved


def test_a_numbered_version_is_no_correction(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    album, into = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    make_photo(album / "a.png")
    for count, wanted in ((3, "done"), (2, "failed")):
        several = replace(options, settings=Settings(palettes=count))
        results = run_plan(Plan([str(album)], into=into, palettes=count), several)
        assert {row.status for row in results} == {wanted}
    assert "which also undoes what was corrected by hand" in str(results[0].advice)


def test_a_hint_outside_the_photograph_names_the_file(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    source = make_photo(tmp_path / "a.png")
    far = replace(options, settings=Settings(hints=(parse_hint("9000,10,navy"),)))
    result = one(source, far, into=tmp_path / "out")
    assert result.status == "failed"
    assert str(result.error).startswith(f"{source}: The hint at 9000,10 is outside")


def test_a_folder_keeps_no_correction_of_another_picture_or_of_everything(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    source = make_photo(album / "a.png")
    into = tmp_path / "out"
    hinted = replace(options, settings=Settings(hints=(parse_hint("10,10,navy"),)))
    one(source, hinted, into=into)
    make_photo(source, seed=1)
    (result,) = run_plan(Plan([str(album)], into=into), options)
    assert "from another picture" in str(result.error)
    (into / "a.color.png").unlink()
    one(source, replace(options, settings=Settings(warmth=0.5)), into=into)
    (result,) = run_plan(Plan([str(album)], into=into), options)
    assert "with other settings" in str(result.error)
