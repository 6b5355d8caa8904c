"""Before and after in one file: both are there, and the file says that one is a guess."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.errors import UnsupportedPhotoError
from tintype.photo.comparison import CAPTION, SIDES, comparison, possible
from tintype.photo.decode import read_provenance
from tintype.photo.metadata.provenance import DIGITAL_SOURCE_TYPE, Provenance
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

PROVENANCE = Provenance("Tintype", "0.1.0", "tiny", "0" * 64, "{}", "1" * 64)


def colored(size: tuple[int, int], bits: int = 8) -> Photo:
    rgb = np.asarray(Image.fromarray(skimage.data.astronaut()).resize(size))
    grey = rgb_to_grey(rgb)
    if bits == 16:
        grey = grey.astype(np.uint16) * 257
    return Photo(grey, None, "grey", Metadata("TIFF"), color=rgb)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (320, 40), (24, 240), (1, 1), (64, 64)])
def test_side_by_side_has_both_at_full_size(size: tuple[int, int]) -> None:
    photo = colored(size)
    data = comparison(photo, form="jpeg", provenance=PROVENANCE)
    with Image.open(io.BytesIO(data)) as image:
        shown = np.asarray(image.convert("RGB"), int)
    width, height = size
    assert shown.shape[0] > height  # the caption
    assert shown.shape[1] >= 2 * width
    before, after = shown[:height, :width], shown[:height, -width:]
    assert isinstance(photo.color, np.ndarray)
    assert np.ptp(before, axis=2).mean() < 12
    assert np.abs(before.mean(axis=2) - photo.grey).mean() < 6
    if min(size) > 60:
        assert np.abs(after - photo.color).mean() < 6
        band = shown[height:]
        assert (band.max(axis=2) > 120).any()  # letters
        assert np.median(band) < 60
        assert (band[:, :4] < 80).all()  # which are not cut off
        assert (band[:, -4:] < 80).all()


def animated(data: bytes) -> tuple[list[np.ndarray], list[float]]:
    """The frames of a GIF or WebP, and how many milliseconds each stands."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.info.get("loop") == 0
        shown, durations = [], []
        for number in range(image.n_frames):
            image.seek(number)
            shown.append(np.asarray(image.convert("RGB"), int))
            durations.append(image.info["duration"])
    return shown, durations


def film(data: bytes) -> tuple[list[np.ndarray], list[float]]:
    """The same of a film, without the copy of its last frame."""
    av = pytest.importorskip("av")
    shown, starts = [], []
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(video=0):
            shown.append(frame.to_ndarray(format="rgb24").astype(int))
            starts.append(1000 * frame.time)
    assert np.abs(shown[-1] - shown[-2]).max() < 30
    return shown[:-1], np.diff(starts).tolist()


@pytest.mark.parametrize(("form", "near"), [("gif", 14), ("webp", 8), ("webm", 8)])
def test_a_sweep_goes_from_grey_to_colour_and_back(form: str, near: float) -> None:
    photo = colored((240, 180))
    assert isinstance(photo.color, np.ndarray)
    data = comparison(photo, form=form, provenance=PROVENANCE)
    shown, durations = film(data) if form == "webm" else animated(data)
    truth = photo.color.astype(int)
    middle = int(np.argmin([np.abs(frame[:180] - truth).mean() for frame in shown]))
    assert middle == len(shown) // 2
    assert np.abs(shown[middle][:180] - truth).mean() < near
    assert np.ptp(shown[0][:180], axis=2).mean() < near
    share = [(np.ptp(frame[:180], axis=2).mean(axis=0) > 20).mean() for frame in shown]
    assert np.all(np.diff(share[: middle + 1]) >= -0.03)
    assert np.all(np.diff(share[middle:]) <= 0.03)
    assert durations[0] > 1000
    assert durations[middle] > 1000
    # The caption is in every frame, and the line never covers it.
    for frame in shown:
        assert np.abs(frame[186:] - shown[0][186:]).mean() < near


def test_each_says_that_its_colours_are_a_guess() -> None:
    photo = colored((320, 240))
    jpeg = comparison(photo, form="jpeg", provenance=PROVENANCE)
    assert read_provenance(jpeg) == PROVENANCE
    assert DIGITAL_SOURCE_TYPE.encode() in jpeg
    webp = comparison(photo, form="webp", provenance=PROVENANCE)
    with Image.open(io.BytesIO(webp)) as image:
        assert DIGITAL_SOURCE_TYPE.encode() in image.info["xmp"]
    gif = comparison(photo, form="gif", provenance=PROVENANCE)
    with Image.open(io.BytesIO(gif)) as image:
        assert image.info["comment"].startswith(CAPTION.encode())
        assert b"tiny" in image.info["comment"]
    webm = comparison(photo, form="webm", provenance=PROVENANCE)
    with pytest.importorskip("av").open(io.BytesIO(webm)) as film:
        assert film.metadata["title"] == CAPTION
        assert "tiny" in film.metadata["COMMENT"]
    assert comparison(photo, form="webm", provenance=PROVENANCE) == webm


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 480)])
def test_a_film_of_any_size_is_written(size: tuple[int, int]) -> None:
    shown, _ = film(comparison(colored(size), form="webm", provenance=PROVENANCE))
    assert len(shown) == 40


def test_without_the_packages_for_film_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tintype.photo.comparison_webm.find_spec", lambda name: None)
    assert possible() == ("jpeg", "gif", "webp")
    with pytest.raises(UnsupportedPhotoError, match="not installed") as refused:
        comparison(colored((20, 20)), form="webm", provenance=PROVENANCE)
    assert "tintype-colorizer[video]" in refused.value.advice


def test_sixteen_bits_are_shown_as_eight() -> None:
    deep, plain = colored((64, 48), bits=16), colored((64, 48))
    for form in SIDES:
        assert comparison(deep, form=form, provenance=PROVENANCE) == comparison(
            plain, form=form, provenance=PROVENANCE
        )
