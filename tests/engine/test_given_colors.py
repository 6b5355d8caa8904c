"""Another program's colours on the photograph's own grey."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import tintype
from tintype.color.cielab import rgb01_to_lab
from tintype.engine.given_colors import GivenColors
from tintype.engine.hints import Hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import UsageError
from tintype.photo.decode import read_provenance
from tintype.photo.metadata.provenance import COMPOSITE
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

TRUTH = skimage.data.coffee()
GREY = np.asarray(rgb_to_grey(TRUTH), np.uint8)


def saved(pixels: np.ndarray, form: str = "PNG", **how: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **how)
    return file.getvalue()


def colors_of(pixels: np.ndarray, form: str = "PNG", **how: object) -> GivenColors:
    return GivenColors.of(saved(pixels, form, **how), name="other.jpg")


def small(pixels: np.ndarray, width: int) -> np.ndarray:
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def photo_of(grey: np.ndarray) -> Photo:
    return Photo(grey, None, "grey", Metadata(format="PNG"))


def pixels_of(photo: Photo) -> np.ndarray:
    assert isinstance(photo.color, np.ndarray)
    return photo.color


def distance(rgb: np.ndarray) -> float:
    largest = np.iinfo(rgb.dtype).max
    ab = rgb01_to_lab(rgb / largest)[..., 1:] - rgb01_to_lab(TRUTH / 255)[..., 1:]
    return float(np.linalg.norm(ab, axis=-1).mean())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(threads=1)


def test_a_small_lossy_version_gives_its_colours_and_none_of_its_grey(engine: Engine) -> None:
    tampered = np.clip(small(TRUTH, 200) * 0.8 + 30, 0, 255).astype(np.uint8)
    found = pixels_of(
        engine.colorize(photo_of(GREY), Settings(colors=colors_of(tampered, "JPEG", quality=80)))
    )
    assert np.array_equal(rgb_to_grey(found), GREY)
    assert distance(found) < 0.5 * distance(np.dstack([GREY] * 3))


def test_sixteen_bits_stay_sixteen_bits(engine: Engine) -> None:
    deep = GREY.astype(np.uint16) * 257
    found = pixels_of(engine.colorize(photo_of(deep), Settings(colors=colors_of(TRUTH))))
    assert found.dtype == np.uint16
    assert distance(found) < 2


def test_lightness_guides_chroma_past_the_resolution_of_the_other_picture(engine: Engine) -> None:
    """Closer to the truth than chroma that was merely enlarged."""
    little = small(TRUTH, 100)
    found = pixels_of(engine.colorize(photo_of(GREY), Settings(colors=colors_of(little))))
    enlarged = np.asarray(
        Image.fromarray(little).resize(TRUTH.shape[1::-1], Image.Resampling.BICUBIC)
    )
    assert distance(found) < distance(enlarged)


def test_vividness_is_a_factor_that_is_one_by_default(engine: Engine) -> None:
    photo, colors = photo_of(GREY), colors_of(TRUTH)
    plain = engine.colorize(photo, Settings(colors=colors))
    assert np.array_equal(
        pixels_of(plain), pixels_of(engine.colorize(photo, Settings(vividness=1, colors=colors)))
    )
    none = pixels_of(engine.colorize(photo, Settings(vividness=0, colors=colors)))
    assert np.array_equal(none, np.dstack([GREY] * 3))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (TRUTH[:, :300], "is 300 x 400, but the photograph is 600 x 400"),
        (np.swapaxes(TRUTH, 0, 1), "is 400 x 600, but the photograph is 600 x 400"),
        (np.ascontiguousarray(TRUTH[::-1, ::-1]), "does not show the same photograph"),
    ],
)
def test_another_framing_is_refused(engine: Engine, other: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        engine.colorize(photo_of(GREY), Settings(colors=colors_of(other)))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 600)])
def test_tiny_pictures_on_both_sides(engine: Engine, size: tuple[int, int]) -> None:
    rgb = np.full((*size, 3), (200, 90, 40), np.uint8)
    grey = np.asarray(rgb_to_grey(rgb), np.uint8)
    found = pixels_of(engine.colorize(photo_of(grey), Settings(colors=colors_of(rgb))))
    assert np.array_equal(rgb_to_grey(found), grey)


def test_a_picture_without_colours_and_what_is_no_picture_are_refused() -> None:
    with pytest.raises(UsageError, match=r"other\.jpg has no colours"):
        colors_of(np.dstack([GREY] * 3))
    with pytest.raises(UsageError, match="odd"):
        GivenColors.of(b"no picture", name="odd")


@pytest.mark.parametrize("name", ["hints", "scribbles", "reference", "palettes"])
def test_what_needs_a_prediction_is_refused_with_it(name: str) -> None:
    others = {
        "hints": (Hint(1, 2, 3, 4),),
        "scribbles": colors_of(TRUTH),  # anything that is not the default
        "reference": colors_of(TRUTH),
        "palettes": 3,
    }
    with pytest.raises(UsageError, match=f"colors and {name} cannot be used together"):
        replace(Settings(colors=colors_of(TRUTH)), **{name: others[name]})


def test_the_file_says_that_no_model_made_its_colours(tmp_path: Path) -> None:
    photo = tmp_path / "scan.png"
    photo.write_bytes(saved(GREY))
    other = tmp_path / "other.png"
    other.write_bytes(saved(TRUTH))
    written = tintype.colorize(photo, colors=other).read_bytes()
    found = read_provenance(written)
    assert found is not None
    assert (found.model, found.model_sha256) == ("", "")
    assert json.loads(found.settings)["colors"] == colors_of(TRUTH).sha256
    assert COMPOSITE.encode() in written
    assert b"colourised with" not in written


def test_the_network_does_not_run(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(engine._inference, "network", never)
    engine.colorize(photo_of(GREY), Settings(colors=colors_of(TRUTH)))


Run = Callable[..., int]


def test_the_command_writes_beside_the_original(tmp_path: Path, capsys, monkeypatch) -> None:
    from tintype.cli.app import main

    monkeypatch.chdir(tmp_path)
    Path("scan.png").write_bytes(saved(GREY))
    Path("other.jpg").write_bytes(saved(small(TRUTH, 200), "JPEG"))
    assert main(["graft", "other.jpg", "scan.png", "--check"]) == 0
    assert "identical at all 240,000 pixels" in capsys.readouterr().err
    grafted = Path("scan.color.png").read_bytes()
    assert main(["scan.png", "--colors", "other.jpg", "-o", "same.png"]) == 0
    assert np.array_equal(
        np.asarray(Image.open(io.BytesIO(grafted))), np.asarray(Image.open("same.png"))
    )
    assert main(["graft", "scan.png", "scan.png"]) == 2
    assert "scan.png has no colours" in capsys.readouterr().err
    assert main(["graft", "other.jpg", "scan.png", "-o", "other.jpg"]) == 2
    assert "is an input" in capsys.readouterr().err
    certainty = ["--certainty", "map.png", "-o", "z.png"]
    assert main(["scan.png", "--colors", "other.jpg", *certainty]) == 2
    assert not Path("z.png").exists()
