import errno
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tintype.color.cielab import luma01_to_L
from tintype.errors import LearnError
from tintype.learn.data.batches import (
    PictureTable,
    Sampler,
    bilinear_at_once,
    bilinear_by_rows,
)
from tintype.learn.data.manifest import file_hash, find_sources, is_dev, refuse_overlap
from tintype.learn.data.own_outputs import named_as_outputs
from tintype.learn.data.photos import is_sepia, open_photos
from tintype.learn.evaluate.protocol import load_squares
from tintype.learn.recipe import DataRecipe

Paint = Callable[[int], np.ndarray]
RECIPE = DataRecipe(size=64, dev_share=0.25)
CPU = torch.device("cpu")


def test_a_zip_gives_what_its_folder_gives(photo_folder: Path, tmp_path: Path):
    packed = tmp_path / "zips" / "scenes-00.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(photo_folder.rglob("*.png")):
            archive.write(file, file.relative_to(photo_folder).as_posix())
    folder = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    zipped = open_photos([packed.parent], RECIPE, cache=tmp_path / "cache")
    assert folder.data_hash == zipped.data_hash
    assert folder.group_names == zipped.group_names == ("scenes",)
    assert np.array_equal(folder.picture(5), zipped.picture(5))
    assert np.array_equal(folder.dev, zipped.dev)


def test_grey_sepia_broken_small_and_double_pictures_are_dropped_and_counted(
    photo_folder: Path, tmp_path: Path, colourful: Paint
):
    rgb = colourful(7)
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    sepia = (grey[..., None] * np.array([1.0, 0.85, 0.65])).astype(np.uint8)
    extra = photo_folder / "extra"
    extra.mkdir()
    Image.fromarray(grey).save(extra / "grey.png")
    Image.fromarray(sepia).save(extra / "sepia.png")
    Image.fromarray(rgb[:16, :16]).save(extra / "small.png")
    (extra / "broken.jpg").write_bytes(b"no picture")
    (extra / "copy.png").write_bytes((photo_folder / "field" / "00.png").read_bytes())
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    assert photos.dropped == {"grey": 1, "sepia": 1, "too small": 1, "broken": 1, "duplicate": 1}
    assert len(photos) == 24


def test_outputs_of_this_program_are_dropped_and_counted(outputs: Path, tmp_path: Path):
    photos = open_photos([outputs], RECIPE, cache=tmp_path / "cache")
    assert photos.dropped == {"made by Tintype": 6}
    assert len(photos) == 24


def test_the_name_of_an_output_counts_only_beside_its_source(photo_folder: Path):
    lone = photo_folder / "field" / "traffic.color.png"
    lone.write_bytes((photo_folder / "field" / "00.png").read_bytes())
    assert not named_as_outputs(find_sources([photo_folder]))
    (photo_folder / "beach" / "traffic.jpg").write_bytes(b"of another folder")
    assert not named_as_outputs(find_sources([photo_folder]))
    (photo_folder / "field" / "traffic.jpg").write_bytes(b"its source")
    (named,) = named_as_outputs(find_sources([photo_folder]))
    assert named.member == "field/traffic.color.png"


def test_evaluation_leaves_them_out_and_says_so(outputs: Path):
    said: list[str] = []
    squares = load_squares([outputs], size=32, report=said.append)
    assert sum(map(len, squares.values())) == 24
    assert said == ["24 photographs, left out: {'made by Tintype': 6}"]
    with pytest.raises(LearnError, match=r"All 3 pictures were made by Tintype\."):
        load_squares([outputs / "maps"], size=32)


def test_one_hue_is_not_yet_sepia():
    y, x = np.mgrid[0:96, 0:96] / 96
    sand = np.array([200, 160, 110]) * (0.5 + 0.5 * x)[..., None]
    sky = np.array([210, 190, 170]) * (0.5 + 0.5 * x)[..., None]
    desert = np.where((y > 0.5)[..., None], sand, sky).astype(np.uint8)
    assert not is_sepia(desert)
    assert is_sepia(sand.astype(np.uint8))


def test_the_split_depends_on_the_file_alone():
    digests = [file_hash(bytes([i, j])) for i in range(64) for j in range(64)]
    share = np.mean([is_dev(digest, 0.1) for digest in digests])
    assert 0.08 < share < 0.12
    assert all(is_dev(digest, 0.2) for digest in digests if is_dev(digest, 0.1))


def test_left_out_labels_and_groups(photo_folder: Path):
    labels = {s.label for s in find_sources([photo_folder], exclude=["bea*"])}
    assert labels == {"field"}
    with pytest.raises(LearnError, match="No photographs"):
        find_sources([photo_folder], only_groups=["other"])


@pytest.mark.parametrize("make", ["missing", "empty", "text"])
def test_bad_data_is_one_clear_line(tmp_path: Path, make: str):
    path = tmp_path / "x.zip"
    if make == "empty":
        path.mkdir()
    elif make == "text":
        path.write_text("not a zip")
    with pytest.raises(LearnError):
        find_sources([path])


def test_an_evaluation_picture_among_the_training_ones_is_refused(
    photo_folder: Path, tmp_path: Path
):
    held_out = tmp_path / "evaluation"
    held_out.mkdir()
    original = photo_folder / "beach" / "03.png"
    (held_out / "other-name.png").write_bytes(original.read_bytes())
    training, evaluation = find_sources([photo_folder]), find_sources([held_out])
    with pytest.raises(LearnError, match=r"beach/03.png is the evaluation picture .*other-name"):
        refuse_overlap(training, evaluation)
    original.unlink()
    refuse_overlap(find_sources([photo_folder]), evaluation)


def test_a_batch_is_a_function_of_seed_and_step(photo_folder: Path, tmp_path: Path):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    one = Sampler(photos, RECIPE, batch=4, seed=1, device=CPU)
    other = Sampler(photos, RECIPE, batch=4, seed=1, device=CPU)
    for step in (0, 3, 50):
        one.batch(step)
    assert torch.equal(one.batch(7).L, other.batch(7).L)
    assert torch.equal(one.batch(7).ab, other.batch(7).ab)
    assert not torch.equal(one.batch(7).L, one.batch(8).L)
    different = Sampler(photos, RECIPE, batch=4, seed=2, device=CPU)
    assert not torch.equal(one.batch(7).L, different.batch(7).L)


def test_names_that_are_not_utf_8_are_names(photo_folder: Path, tmp_path: Path):
    if sys.platform != "linux":
        return  # other file systems refuse them
    name = os.fsdecode(b"\xff\xfe.png")
    original = photo_folder / "beach" / "03.png"
    original.rename(photo_folder / "beach" / name)
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    again = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    assert len(photos) == len(again)
    assert photos.data_hash == again.data_hash


def test_the_pixels_are_read_where_they_are_mapped(photo_folder: Path, tmp_path: Path):
    """Linux refuses a copy-on-write mapping of more than the memory, a read-only one never."""
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    assert isinstance(photos.pixels, np.memmap)
    sampler = Sampler(photos, RECIPE, batch=4, seed=1, device=CPU)
    assert sampler.pixels.data_ptr() == photos.pixels.ctypes.data


def test_an_epoch_shows_every_training_photograph_once_and_dev_never(
    photo_folder: Path, tmp_path: Path
):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    training = np.flatnonzero(~photos.dev)
    sampler = Sampler(photos, RECIPE, batch=1, seed=0, device=CPU)
    drawn = [int(sampler._choose(0, step, 1)) for step in range(len(training))]
    assert sorted(drawn) == training.tolist()


def test_the_network_sees_the_luma_and_never_the_colour(photo_folder: Path, tmp_path: Path):
    """L of the sample is L* of the neutral colour with the picture's Rec.601 luma."""
    recipe = DataRecipe(size=64, dev_share=0.25, age=0.0)
    photos = open_photos([photo_folder], recipe, cache=tmp_path / "cache")
    index = np.array([0])
    L = Sampler(photos, recipe, batch=1, seed=0, device=CPU).fixed(index).L.numpy()[0, 0]
    rgb = photos.picture(0)
    side = min(rgb.shape[:2])
    left = (rgb.shape[1] - side) // 2
    square = Image.fromarray(rgb[:side, left : left + side])
    expected = luma01_to_L(np.asarray(square.convert("L")) / 255)
    assert abs(float(L.mean()) - float(expected.mean())) < 1.0
    assert (
        np.corrcoef(L.ravel(), np.asarray(square.convert("L").resize((64, 64))).ravel())[0, 1]
        > 0.97
    )


def test_cuts_keep_the_aspect_and_the_colours(photo_folder: Path, tmp_path: Path):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    batch = Sampler(photos, RECIPE, batch=1, seed=0, device=CPU).fixed(np.array([3]))
    from tintype.color.cielab import rgb01_to_lab

    rgb = photos.picture(3)
    side = min(rgb.shape[:2])
    left = (rgb.shape[1] - side) // 2
    lab = rgb01_to_lab(rgb[:side, left : left + side] / 255)
    means = lab[..., 1:].mean(axis=(0, 1))
    assert np.allclose(batch.ab.numpy()[0].mean(axis=(1, 2)), means, atol=1.0)


def test_processors_and_graphics_cards_cut_alike():
    draw = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (40 * 30 + 20 * 50, 3), dtype=torch.uint8, generator=draw)
    where = PictureTable(
        torch.tensor([0, 1200]), torch.tensor([40.0, 20.0]), torch.tensor([30.0, 50.0])
    )
    # From outside one edge to outside the other, and mirrored in the second.
    rows = torch.stack([torch.linspace(-2, 42, 16), torch.linspace(21, -1, 16)])
    columns = torch.stack([torch.linspace(-2, 31, 16), torch.linspace(50, 3, 16)])
    cut = bilinear_by_rows(pixels, where, rows, columns)
    torch.testing.assert_close(cut, bilinear_at_once(pixels, where, rows, columns))
    assert cut[0, 0, 0].tolist() == pixels[0].tolist()
    assert cut[1, 0, 0].tolist() == pixels[-1].tolist()


def test_ageing_changes_the_lightness_only(photo_folder: Path, tmp_path: Path):
    clean = DataRecipe(size=64, dev_share=0.25, age=0.0)
    aged = DataRecipe(size=64, dev_share=0.25, age=1.0)
    photos = open_photos([photo_folder], clean, cache=tmp_path / "cache")
    one = Sampler(photos, clean, batch=4, seed=1, device=CPU).batch(0)
    other = Sampler(photos, aged, batch=4, seed=1, device=CPU).batch(0)
    assert torch.equal(one.ab, other.ab)
    assert (one.L - other.L).abs().mean() > 1
    assert other.L.min() >= 0
    assert other.L.max() <= 100.001


def test_plates_show_their_share_by_blue_or_by_green_alone(photo_folder: Path, tmp_path: Path):
    clean = DataRecipe(size=64, dev_share=0.25, age=0.0)
    photos = open_photos([photo_folder], clean, cache=tmp_path / "cache")
    plain = Sampler(photos, clean, batch=64, seed=1, device=CPU).batch(0)
    by_plates = clean.model_copy(update={"plate": 0.5})
    seen = Sampler(photos, by_plates, batch=64, seed=1, device=CPU).batch(0)
    assert torch.equal(plain.ab, seen.ab)

    def as_stored(channel: torch.Tensor) -> torch.Tensor:
        return luma01_to_L((channel * 255).round() / 255, xp=torch)

    by_plate = {
        name: (seen.L - as_stored(plain.rgb[:, index : index + 1])).abs().mean((1, 2, 3))
        for name, index in (("green", 1), ("blue", 2))
    }
    as_usual = (seen.L - plain.L).abs().mean((1, 2, 3)) < 0.02
    green, blue = by_plate["green"] < 0.02, by_plate["blue"] < 0.02
    assert (as_usual | green | blue).all()
    assert 8 <= int((green & ~as_usual).sum()) <= 24
    assert 8 <= int((blue & ~as_usual).sum()) <= 24


def test_wear_befalls_its_share_of_the_lightness_only(photo_folder: Path, tmp_path: Path):
    clean = DataRecipe(size=64, dev_share=0.25, age=0.0)
    photos = open_photos([photo_folder], clean, cache=tmp_path / "cache")
    one = Sampler(photos, clean, batch=16, seed=1, device=CPU).batch(0)
    touched = []
    for share in (0.1, 1.0):
        recipe = clean.model_copy(update={"wear": share})
        other = Sampler(photos, recipe, batch=16, seed=1, device=CPU).batch(0)
        assert torch.equal(one.ab, other.ab)
        assert other.L.min() >= 0
        assert other.L.max() <= 100.001
        touched.append(int(((one.L - other.L).abs().amax(dim=(1, 2, 3)) > 1).sum()))
    assert 0 < touched[0] < 12
    assert touched[1] == 16


def test_mosaics_replace_their_share_by_small_photographs(colourful: Paint, tmp_path: Path):
    # Whole squares, neither mirrored nor aged: each tile is its photograph at a quarter or half.
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in range(24):
        Image.fromarray(colourful(seed)).resize((96, 96)).save(folder / f"{seed}.png")
    plain = DataRecipe(
        size=64, dev_share=0.25, age=0.0, mirror=False, crop_area=(1, 1), crop_ratio=(1, 1)
    )
    photos = open_photos([folder], plain, cache=tmp_path / "cache")
    tiled = plain.model_copy(update={"mosaic": 0.6})
    one = Sampler(photos, plain, batch=16, seed=4, device=CPU).batch(0).rgb
    other = Sampler(photos, tiled, batch=16, seed=4, device=CPU).batch(0).rgb
    changed = (one - other).abs().amax(dim=(1, 2, 3)) > 0
    assert 4 <= int(changed.sum()) <= 14
    found = set()
    for place in changed.nonzero().flatten().tolist():
        for across in (2, 4):
            tiles = [one[(place + k) % 16] for k in range(across**2)]
            small = torch.nn.functional.avg_pool2d(torch.stack(tiles), across)
            rows = [torch.cat(list(row), dim=2) for row in small.split(across)]
            # The crop was sampled at another size, so it is not quite the same.
            if (torch.cat(rows, dim=1) - other[place]).abs().mean() < 0.05:
                found.add(across)
                break
        else:
            pytest.fail(f"Sample {place} is neither itself nor a mosaic.")
    assert found == {2, 4}


def test_a_worn_batch_of_mounted_mosaics_is_the_same_for_one_process_and_for_its_parts(
    photo_folder: Path, tmp_path: Path
):
    recipe = DataRecipe(size=64, dev_share=0.25, wear=0.5, hints=0.5, mosaic=0.5, mount=0.5)
    photos = open_photos([photo_folder], recipe, cache=tmp_path / "cache")
    whole = Sampler(photos, recipe, batch=8, seed=2, device=CPU).batch(3)
    for rank in range(2):
        part = Sampler(photos, recipe, batch=8, seed=2, device=CPU, part=(rank, 2)).batch(3)
        assert torch.equal(part.rgb, whole.rgb[rank::2])
        assert torch.equal(part.L, whole.L[rank::2])
        assert torch.equal(part.hints, whole.hints[rank::2])


def test_mounts_cover_the_edges_of_their_share_with_grey(photo_folder: Path, tmp_path: Path):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    plain = RECIPE.model_copy(update={"age": 0.0})
    mounted = plain.model_copy(update={"mount": 0.5})
    one = Sampler(photos, plain, batch=32, seed=4, device=CPU).batch(0).rgb
    other = Sampler(photos, mounted, batch=32, seed=4, device=CPU).batch(0).rgb
    changed = (one - other).abs().amax(dim=1) > 1e-6
    samples = changed.any(dim=(1, 2))
    assert 6 <= int(samples.sum()) <= 22
    assert not changed[:, 28:36, 28:36].any()
    covered = changed.float().mean(dim=(1, 2))[samples]
    assert covered.max() < 0.7
    corners = [(y, x) for y in (0, -1) for x in (0, -1)]
    grey = torch.cat([other[changed[:, y, x], :, y, x] for y, x in corners])
    assert len(grey) >= 10
    # A few corners lie on the line where card and photograph meet.
    assert ((grey.amax(dim=1) - grey.amin(dim=1)) < 1e-6).float().mean() > 0.8
    assert grey.std() > 0.2  # dark and light ones


def test_favored_labels_come_several_times_in_each_walk_through_their_group(
    photo_folder: Path, tmp_path: Path
):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    name = photos.label_names[0]
    others = int(((photos.labels > 0) & ~photos.dev).sum())
    favored = int(((photos.labels == 0) & ~photos.dev).sum())
    assert others > 0
    assert favored > 0
    recipe = RECIPE.model_copy(update={"favor": {f"{name[:-1]}?": 3, "*": 1}})
    sampler = Sampler(photos, recipe, batch=3 * favored + others, seed=0, device=CPU)
    assert int((sampler.batch(5).labels == 0).sum()) == 3 * favored


def test_a_favored_label_that_is_not_there_is_named(photo_folder: Path, tmp_path: Path):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    recipe = DataRecipe(size=64, favor={"*bazaar*": 2})
    with pytest.raises(LearnError, match=r"\*bazaar\*"):
        Sampler(photos, recipe, batch=4, seed=0, device=CPU)


def test_a_group_in_the_mix_that_is_not_there_is_named(photo_folder: Path, tmp_path: Path):
    photos = open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    recipe = DataRecipe(size=64, mix={"faces": 1.0})
    with pytest.raises(LearnError, match="faces"):
        Sampler(photos, recipe, batch=4, seed=0, device=CPU)


def test_a_cache_that_is_no_folder_is_one_line(photo_folder: Path, tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("mine")
    for cache in (file, file / "below"):
        with pytest.raises(LearnError, match="cannot be kept") as raised:
            open_photos([photo_folder], RECIPE, cache=cache)
        assert str(cache) in raised.value.message
        assert raised.value.advice == "Choose another folder with --cache."
    assert file.read_text() == "mine"


def test_a_disk_without_room_for_the_cache(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(LearnError, match="No space left") as raised:
        open_photos([photo_folder], RECIPE, cache=tmp_path / "cache")
    assert "more room" in raised.value.advice
