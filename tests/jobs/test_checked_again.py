"""`--check` compares the outputs of earlier runs as well, and what a report says of an input."""

import io
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from conftest import grey_pixels
from jobs.runs import run_plan
from tintype.cli.app import main
from tintype.engine.bundle import load_bundle
from tintype.engine.grey_check import worst_part
from tintype.engine.hints import parse_hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings
from tintype.errors import PhotoError
from tintype.jobs.color_files import RunOptions, Worker
from tintype.jobs.plan import Job, Plan
from tintype.jobs.report import COLOR_PHOTO, CORRECTED, JobResult
from tintype.photo.decode import decode
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.photo import Photo
from tintype.pipeline import Request, colorize_photos, provenance_of

Make = Callable[..., Path]
Change = Callable[[Photo], Photo]
HINTED = Settings(hints=(parse_hint("8,8,#c04030"),))


@pytest.fixture
def checking(options: RunOptions) -> RunOptions:
    return replace(options, check_grey=True)


def again(source: Path, options: RunOptions) -> JobResult:
    output = options.output
    plan = Plan([str(source)], format=output.format, layered=output.layer)
    (result,) = run_plan(plan, options)
    return result


def write(
    source: Path,
    target: Path,
    options: RunOptions,
    change: Change,
    *,
    settings: Settings | None = None,
    output: Output | None = None,
) -> None:
    """An output with the provenance of its source, but made from changed pixels."""
    data = source.read_bytes()
    form = None if target.suffix == ".ora" else format_of_suffix(target.suffix)
    output = replace(output or Output(), format=form)
    bundle = load_bundle(options.model)
    colored = colorize_photos(
        [change(photo) for photo in decode(data, name="x")],
        Request(settings or options.settings, output),
        name="x",
        engine=Engine(bundle),
        provenance=provenance_of(data, bundle, settings or options.settings, output),
    )
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(colored.data)


def same(photo: Photo) -> Photo:
    return photo


def with_square(photo: Photo) -> Photo:
    grey = photo.grey.copy()
    grey[16:32, 16:32] = 0
    return replace(photo, grey=grey)


def deep(path: Path) -> Path:
    ramp = np.linspace(9000, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    tifffile.imwrite(path, ramp, photometric="minisblack")
    return path


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "webp", "avif", "jp2", "bmp"])
def test_an_earlier_output_is_compared_like_a_new_one(
    tmp_path: Path, make_photo: Make, checking: RunOptions, ending: str
) -> None:
    source = make_photo(tmp_path / f"x.{ending}")
    new, old = again(source, checking), again(source, checking)
    assert (new.status, old.status) == ("done", "already_done")
    assert old.grey_check == new.grey_check
    assert "pixels" in str(old.grey_check)
    assert again(source, replace(checking, check_grey=False)).grey_check is None


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "webp", "avif", "jp2"])
def test_a_changed_output_fails(
    tmp_path: Path, make_photo: Make, checking: RunOptions, ending: str
) -> None:
    source, target = make_photo(tmp_path / f"x.{ending}"), tmp_path / f"x.color.{ending}"
    write(source, target, checking, with_square)
    before = target.read_bytes()
    result = again(source, checking)
    assert (result.status, result.exit_code) == ("failed", 3)
    assert f"{target} does not have the grey of {source}: mean difference" in str(result.error)
    assert str(result.grey_check) in str(result.error)
    assert result.output == str(target)
    assert result.sha256 == sha256(before).hexdigest()
    assert result.input_sha256 == sha256(source.read_bytes()).hexdigest()
    assert target.read_bytes() == before
    assert again(source, replace(checking, check_grey=False)).status == "already_done"


def test_16_bits_are_compared_at_16_bits(tmp_path: Path, checking: RunOptions) -> None:
    source, target = deep(tmp_path / "x.tif"), tmp_path / "x.color.tif"
    one_step = np.zeros((48, 64), np.uint16)
    one_step[0, 0] = 1
    write(source, target, checking, lambda photo: replace(photo, grey=photo.grey + one_step))
    result = again(source, checking)
    assert "at most 1, at 1 of 3,072 pixels (in steps of 16 bits)" in str(result.error)
    # Eight bits in a format that holds sixteen are not what was written.
    other = tmp_path / "8.tif"
    tifffile.imwrite(other, grey_pixels(48, 64), photometric="minisblack")
    (eight,) = decode(other.read_bytes(), name="8")
    write(source, target, checking, lambda _photo: eight)
    assert "not comparable, 8 bits against 16" in str(again(source, checking).error)
    jpeg = replace(checking, output=Output(format="JPEG"))
    assert [again(source, jpeg).status for _ in range(2)] == ["done", "already_done"]
    assert again(source, jpeg).grey_check == "not comparable, 8 bits against 16"


def test_another_size_or_number_of_pages_fails(
    tmp_path: Path, make_photo: Make, checking: RunOptions
) -> None:
    source, target = make_photo(tmp_path / "x.tif"), tmp_path / "x.color.tif"
    write(source, target, checking, lambda photo: replace(photo, grey=photo.grey[1:]))
    assert "not comparable, 64 x 47 pixels against 64 x 48" in str(again(source, checking).error)
    pages = np.stack([grey_pixels(48, 64)] * 2)
    tifffile.imwrite(source, pages, photometric="minisblack")
    (photo, _) = decode(source.read_bytes(), name="x")
    data, bundle = source.read_bytes(), load_bundle(checking.model)
    provenance = provenance_of(data, bundle, checking.settings, Output())
    request = Request(checking.settings, Output(format="TIFF"))
    colored = colorize_photos(
        [photo], request, name="x", engine=Engine(bundle), provenance=provenance
    )
    target.write_bytes(colored.data)
    assert "not comparable, 1 against 2 pages" in str(again(source, checking).error)


@pytest.mark.parametrize("rotate", ["0", "90", "180", "270"])
@pytest.mark.parametrize("change", [same, with_square])
def test_what_was_corrected_by_hand_is_compared_as_it_was_rotated(
    tmp_path: Path, make_photo: Make, checking: RunOptions, rotate: str, change: Change
) -> None:
    source = make_photo(tmp_path / "in" / "x.png")
    target = tmp_path / "out" / "x.color.png"
    output = Output(rotate=rotate)  # type: ignore[arg-type]
    write(source, target, checking, change, settings=HINTED, output=output)
    (result,) = run_plan(Plan([str(tmp_path / "in")], into=tmp_path / "out"), checking)
    if change is same:
        assert (result.status, result.reason) == ("already_done", CORRECTED)
        assert result.grey_check == "identical at all 3,072 pixels"
    else:
        assert result.status == "failed"
        assert "mean difference" in str(result.error)


@pytest.mark.parametrize("change", [same, with_square])
def test_layers_are_compared_as_they_are_merged(
    tmp_path: Path, make_photo: Make, checking: RunOptions, change: Change
) -> None:
    source, target = make_photo(tmp_path / "x.png"), tmp_path / "x.color.ora"
    layers = replace(checking, output=Output(layer=True))
    write(source, target, checking, change, output=layers.output)
    result = again(source, layers)
    assert result.status == ("already_done" if change is same else "failed")
    caged = again(source, replace(layers, sandbox=True))
    assert "OpenRaster files are not opened in the sandbox" in str(caged.grey_check)


def test_a_turned_jpeg_with_exact_luminance(
    tmp_path: Path, make_photo: Make, checking: RunOptions
) -> None:
    pytest.importorskip("jpeglib", reason="the exact extra is not installed")
    source = make_photo(tmp_path / "x.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(source).convert("L").save(source, exif=exif)
    exact = replace(checking, output=Output(keep_luminance="exact"))
    assert "coefficients" in str(again(source, exact).grey_check)
    assert again(source, exact).grey_check == "identical at all 3,072 pixels"
    # Encoded again it has about the same grey, which is not what exact luminance promises.
    target, data = tmp_path / "x.color.jpg", source.read_bytes()
    bundle = load_bundle(checking.model)
    colored = colorize_photos(
        decode(data, name="x"),
        Request(checking.settings, Output(format="JPEG")),
        name="x",
        engine=Engine(bundle),
        provenance=provenance_of(data, bundle, checking.settings, exact.output),
    )
    target.write_bytes(colored.data)
    assert again(source, exact).status == "failed"


def test_several_palettes_are_all_compared(
    tmp_path: Path, make_photo: Make, checking: RunOptions
) -> None:
    source = make_photo(tmp_path / "x.png")
    several = replace(checking, settings=Settings(palettes=2))
    plan = Plan([str(source)], palettes=2)
    assert [row.status for row in run_plan(plan, several)] == ["done", "done"]
    rows = run_plan(plan, several)
    assert [row.status for row in rows] == ["already_done"] * 2
    assert {row.grey_check for row in rows} == {"identical at all 3,072 pixels"}


def test_the_command_tells(
    tmp_path: Path,
    make_photo: Make,
    checking: RunOptions,
    tiny_model: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source, report = make_photo(tmp_path / "x.png"), tmp_path / "r.jsonl"
    words = [str(source), "--model", str(tiny_model), "--check", "--report", str(report)]
    target = tmp_path / "x.color.png"
    assert main(words) == 0
    capfd.readouterr()
    assert main(words) == 0
    assert "identical at all 3,072 pixels" in capfd.readouterr().err
    target.unlink()
    write(source, target, checking, with_square)
    assert main(words) == 3
    assert "does not have the grey of" in capfd.readouterr().err
    assert "mean difference" in json.loads(report.read_text())["grey_check"]


def test_a_small_part_that_differs_is_seen_in_a_large_picture() -> None:
    (photo,) = decode(_png(np.full((500, 700), 200, np.uint8)), name="x")
    grey = photo.grey.copy()
    grey[496:, 688:] = 150
    assert worst_part(photo, replace(photo, grey=grey)) == 50
    assert worst_part(photo, photo) == 0


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_the_hash_of_an_input_is_known_however_it_ended(
    tmp_path: Path, options: RunOptions
) -> None:
    rows, columns = np.mgrid[0:48, 0:64] * 4.0
    color, damaged = tmp_path / "color.png", tmp_path / "damaged.png"
    Image.fromarray(np.dstack([rows, columns, 255 - rows]).astype(np.uint8)).save(color)
    damaged.write_bytes(b"nothing")
    results = run_plan(Plan([str(color), str(damaged)]), options)
    assert [row.status for row in results] == ["skipped", "failed"]
    assert results[0].reason == COLOR_PHOTO
    for row in results:
        assert row.input_sha256 == sha256(Path(row.input).read_bytes()).hexdigest()


def test_an_input_that_ended_a_process_is_not_decoded_for_the_check(
    tmp_path: Path, make_photo: Make, checking: RunOptions
) -> None:
    source, target = make_photo(tmp_path / "x.png"), tmp_path / "x.color.png"
    write(source, target, checking, with_square)
    with closing(Worker(checking, load_bundle(checking.model))) as worker:
        result = worker.run(Job(source, target), refusal=PhotoError("It ended a process."))
    assert result.status == "already_done"
    assert result.grey_check == "not comparable, the input cannot be decoded"
