"""Files with layers for image editors: what is in them, and what editors make of it."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageCms

import tintype
from tintype.cli.app import main
from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.color.gamut import solve_rgb01
from tintype.engine.settings import Output
from tintype.errors import UnsupportedPhotoError, UsageError
from tintype.photo.decode import decode, read_provenance
from tintype.photo.formats import open_raster
from tintype.photo.photo import rgb_to_grey

Make = Callable[..., Path]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def colorizer(tiny_model: Path) -> "tintype.Colorizer":
    return tintype.Colorizer(tiny_model)


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {entry.filename: file.read(entry) for entry in file.infolist()}


def shades(bits: int = 8, *, width: int = 96, height: int = 64) -> np.ndarray:
    """A grey picture with all lightnesses, from black to white."""
    ramp = np.linspace(0, 2**bits - 1, width)[None] * np.linspace(0.3, 1, height)[:, None]
    return ramp.astype(np.uint8 if bits == 8 else np.uint16)


def png_of(pixels: np.ndarray, **more: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", **more)
    return stream.getvalue()


@pytest.mark.parametrize("bits", [8, 16])
def test_both_layers_are_whole(colorizer: "tintype.Colorizer", bits: int) -> None:
    grey = shades(bits)
    source = png_of(grey, icc_profile=PROFILE, dpi=(300, 300))
    found = parts_of(colorizer.colorize(source, layer=True))
    plain = colorizer.colorize(source)
    assert next(iter(found)) == "mimetype"
    assert found["mimetype"] == b"image/openraster"
    (stack,) = ElementTree.fromstring(found["stack.xml"])
    assert [(layer.get("src"), layer.get("composite-op")) for layer in stack] == [
        ("data/color.png", "svg:color"),
        ("data/photograph.png", "svg:src-over"),
    ]
    (below,) = decode(found["data/photograph.png"], name="")
    (above,) = decode(found["data/color.png"], name="")
    assert below.bits == above.bits == bits
    assert np.array_equal(below.grey, grey)
    assert below.tone == "grey"
    assert np.array_equal(above.grey, grey)
    for name in ("data/photograph.png", "data/color.png", "mergedimage.png"):
        with Image.open(io.BytesIO(found[name])) as image:
            assert (image.mode, image.size) == ("RGB", grey.shape[::-1]), name
            assert image.info["icc_profile"] == PROFILE, name
    with (
        Image.open(io.BytesIO(found["data/color.png"])) as layer,
        Image.open(io.BytesIO(found["mergedimage.png"])) as merged,
        Image.open(io.BytesIO(plain)) as colored,
    ):
        assert np.array_equal(np.asarray(layer), np.asarray(colored))
        assert np.array_equal(np.asarray(merged), np.asarray(colored))
        assert merged.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    with Image.open(io.BytesIO(found["Thumbnails/thumbnail.png"])) as thumbnail:
        assert max(thumbnail.size) <= 256


# ----- what editors show -----


def color_mode(backdrop: np.ndarray, source: np.ndarray) -> np.ndarray:
    """W3C Compositing and Blending 10.2.3, of what Photoshop, Krita and browsers call Color."""
    weights = np.array([0.3, 0.59, 0.11])
    found = source + ((backdrop - source) @ weights)[..., None]
    luma = (found @ weights)[..., None]
    low, high = found.min(-1, keepdims=True), found.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(low < 0, luma + (found - luma) * luma / (luma - low), found)
        return np.where(high > 1, luma + (found - luma) * (1 - luma) / (high - luma), found)


def lch_color_mode(backdrop: np.ndarray, source: np.ndarray) -> np.ndarray:
    """GIMP's "LCh Color": the lightness L* of what lies below, chroma and hue of the layer."""
    lab = rgb01_to_lab(source)
    lab[..., 0] = rgb01_to_lab(backdrop)[..., 0]
    return lab_to_rgb01(lab)


@pytest.fixture(scope="module")
def grey_and_color() -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) of 0 to 1: all lightnesses, and the same with strong colours of all hues."""
    grey = shades(width=48, height=12)
    ab = np.random.default_rng(0).uniform(-60, 60, (grey.size, 2))
    color = np.rint(solve_rgb01((grey / 255).ravel(), ab) * 255) / 255
    return np.repeat(grey[..., None], 3, axis=-1) / 255, color.reshape(*grey.shape, 3)


def change(
    pictures: tuple[np.ndarray, np.ndarray],
    blend: Callable[..., np.ndarray],
    measure: Callable[..., np.ndarray],
) -> np.ndarray:
    """By how much a blend mode changes what it is to keep, as an editor of 8 bits shows it."""
    below, _ = pictures
    shown = np.rint(blend(*pictures).clip(0, 1) * 255).astype(np.uint8)
    return np.abs(measure(shown) - measure(np.rint(below * 255).astype(np.uint8)))


def luma(rgb: np.ndarray) -> np.ndarray:
    return rgb_to_grey(rgb).astype(float)


def lightness(rgb: np.ndarray) -> np.ndarray:
    return rgb01_to_lab(rgb / 255)[..., 0]


def test_color_mode_keeps_the_luma_of_the_photograph(
    grey_and_color: tuple[np.ndarray, np.ndarray],
) -> None:
    assert change(grey_and_color, color_mode, luma).max() <= 1


def test_lch_color_keeps_the_lightness_where_srgb_has_the_color(
    grey_and_color: tuple[np.ndarray, np.ndarray],
) -> None:
    found = change(grey_and_color, lch_color_mode, lightness)
    assert np.median(found) < 0.3
    assert found.max() < 5  # what lies outside of sRGB is cut off


# ----- recognised like any other output -----


def test_an_earlier_file_is_recognised_and_replaced_on_request(
    make_photo: Make, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(make_photo(tmp_path / "photo.jpg"))
    words = [photo, "--layer", "--model", str(tiny_model)]
    assert main(words) == 0
    written = tmp_path / "photo.color.ora"
    first = written.read_bytes()
    found = read_provenance(first)
    assert found is not None
    assert '"layer":true' in found.settings
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.color.ora", "photo.jpg"]
    assert main(words) == 0
    assert "already done" in capsys.readouterr().err
    assert main([*words, "--vividness", "0.5"]) != 0
    assert written.read_bytes() == first
    assert main([*words, "--vividness", "0.5", "--overwrite"]) == 0
    assert written.read_bytes() != first
    assert main(["inspect", str(written)]) == 0
    assert "ORA, coloured by Tintype" in capsys.readouterr().out


def test_the_layer_alone_has_a_name_of_its_own(
    make_photo: Make, tiny_model: Path, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "photo.jpg")
    for form, name in (("png", "photo.layer.png"), ("tiff", "photo.layer.tif")):
        assert main([str(photo), "--layer", "--format", form, "--model", str(tiny_model)]) == 0
        (layer,) = decode((tmp_path / name).read_bytes(), name=name)
        (source,) = decode(photo.read_bytes(), name="photo.jpg")
        assert np.array_equal(layer.grey, source.grey)


def test_the_grey_can_be_checked_and_the_luminance_required(
    make_photo: Make,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = str(make_photo(tmp_path / "photo.png"))
    assert main([photo, "--layer", "--check", "--model", str(tiny_model)]) == 0
    assert "identical at all" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layer", "--format", "jpg"], "A layer cannot be written as JPEG."),
        (["--layer", "-o", "x.webp"], "is not the name of a file with layers"),
        (["-o", "x.ora"], "Add --layer; in Python, layer=True."),
        (["--layer", "-o", "x.ora", "--format", "png"], "the format is PNG"),
    ],
)
def test_what_contradicts_itself_is_refused(  # noqa: PLR0917 (fixtures)
    words: list[str],
    said: str,
    make_photo: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_photo(tmp_path / "photo.jpg")
    assert main(["photo.jpg", *words]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_several_pages_are_refused_as_one_document(colorizer: "tintype.Colorizer") -> None:
    stream = io.BytesIO()
    page = Image.fromarray(shades())
    page.save(stream, "TIFF", save_all=True, append_images=[page])
    with pytest.raises(UnsupportedPhotoError, match="cannot hold the 2 pages"):
        colorizer.colorize(stream.getvalue(), layer=True)


@pytest.mark.parametrize("kind", [np.asarray, Image.fromarray])
def test_only_files_have_layers_in_python(
    colorizer: "tintype.Colorizer", kind: Callable[..., object]
) -> None:
    with pytest.raises(UsageError, match="applies to files"):
        colorizer.colorize(kind(shades()), layer=True)


def test_a_path_gets_the_name_and_the_ending_decides(
    colorizer: "tintype.Colorizer", tmp_path: Path
) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(png_of(shades()))
    assert colorizer.colorize(photo, layer=True) == tmp_path / "a.color.ora"
    alone = colorizer.colorize(photo, layer=True, output=tmp_path / "b.tif")
    assert decode(alone.read_bytes(), name="b.tif")[0].meta.format == "TIFF"
    with pytest.raises(UsageError, match="not the name of a file with layers"):
        colorizer.colorize(photo, layer=True, output=tmp_path / "c.jpg")


def test_a_format_with_loss_is_no_layer() -> None:
    assert Output(layer=True, format="PNG").layer
    with pytest.raises(UsageError, match="cannot be written as AVIF"):
        Output(layer=True, format="AVIF")


# ----- archives of others -----


def archived(merged: bytes, kind: int = zipfile.ZIP_STORED, name: str = "mergedimage.png") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("mimetype", "image/openraster")
        file.writestr(name, merged, kind)
    return stream.getvalue()


def test_the_merged_picture_is_taken_only_as_it_is_stored() -> None:
    assert open_raster.merged_picture(archived(b"x" * 99)) == b"x" * 99
    assert open_raster.merged_picture(archived(b"x" * 99, zipfile.ZIP_DEFLATED)) is None
    assert open_raster.merged_picture(archived(b"x", name="other.png")) is None
    assert open_raster.merged_picture(b"PK\3\4 something else") is None


def test_damaged_archives_have_no_merged_picture() -> None:
    whole = archived(b"x" * 99)
    for end in range(0, len(whole), 7):
        assert open_raster.merged_picture(whole[:end]) in (None, b"x" * 99)
        broken = bytearray(whole)
        broken[end] ^= 0xFF
        found = open_raster.merged_picture(bytes(broken))
        assert found is None or len(found) <= len(whole)
