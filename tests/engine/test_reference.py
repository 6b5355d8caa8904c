"""Colours from another picture: they move where it matches, and it is refused where it has none."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.engine import reference as under_test
from tintype.engine.bundle import Bundle
from tintype.engine.geometry import plan_fit
from tintype.engine.predict import Engine
from tintype.engine.reference import Reference, reference_from
from tintype.engine.settings import Settings
from tintype.errors import ModelError, UsageError
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

PhotoOf = Callable[[np.ndarray], Photo]


def png(pixels: np.ndarray, **how: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **how)
    return file.getvalue()


def of(pixels: np.ndarray) -> Reference:
    return reference_from(png(pixels), name="other.png")


def grey_of(pixels: np.ndarray) -> Photo:
    return Photo(np.asarray(rgb_to_grey(pixels)), None, "grey", Metadata(format="PNG"))


def ab_of(photo: Photo | np.ndarray) -> np.ndarray:
    color = photo.color if isinstance(photo, Photo) else photo
    assert isinstance(color, np.ndarray)
    return rgb01_to_lab(color / 255)[..., 1:]


def distance(photo: Photo, truth: np.ndarray) -> float:
    return float(np.linalg.norm(ab_of(photo) - ab_of(truth), axis=-1).mean())


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The embedded model."""
    return Engine(threads=1)


@pytest.mark.parametrize("picture", ["astronaut", "coffee", "chelsea"])
def test_its_own_colours_are_nearly_restored(engine: Engine, picture: str) -> None:
    truth = getattr(skimage.data, picture)()
    photo = grey_of(truth)
    plain = distance(engine.colorize(photo), truth)
    told = distance(engine.colorize(photo, Settings(reference=of(truth))), truth)
    assert told < 0.4 * plain


def test_a_mirrored_part_says_as_much(engine: Engine) -> None:
    truth = skimage.data.astronaut()
    photo = grey_of(truth)
    part = of(np.ascontiguousarray(truth[40:460, 470:30:-1]))
    told = distance(engine.colorize(photo, Settings(reference=part)), truth)
    assert told < 0.5 * distance(engine.colorize(photo), truth)


def test_what_matches_nothing_leans_to_its_palette(engine: Engine) -> None:
    photo = grey_of(skimage.data.chelsea())
    plain = ab_of(engine.colorize(photo)).mean(axis=(0, 1))
    ramp = np.linspace(40, 255, 200)[:, None, None] * np.ones((200, 200, 1))
    for tint in ([0.45, 0.65, 1.0], [1.0, 0.55, 0.45]):
        other = of((ramp * tint).astype(np.uint8))
        leaning = ab_of(engine.colorize(photo, Settings(reference=other))).mean(axis=(0, 1))
        wanted = ab_of(other.pixels).mean(axis=(0, 1))
        assert (leaning - plain) @ (wanted - plain) > 0
        assert np.linalg.norm(leaning - wanted) < np.linalg.norm(plain - wanted) - 1


def test_it_is_the_same_for_ever_and_nothing_without_it(
    matching: Bundle, tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    settings = Settings(reference=of(skimage.data.coffee()[:200, :333]))
    one, two = (Engine(matching, threads=n) for n in (1, 2))
    first = one.predict(photo, settings)
    assert first.logits is not None
    for other in (one.predict(photo, settings), two.predict(photo, settings)):
        np.testing.assert_array_equal(first.logits, other.logits)
    # The network is the same but for one more output.
    plain, before = one.colorize(photo).color, Engine(tiny, threads=1).colorize(photo).color
    np.testing.assert_array_equal(plain, before)
    colored = one.colorize(photo, settings).color
    assert isinstance(colored, np.ndarray)
    assert not np.array_equal(colored, plain)
    # The answer's two ways to say it agree.
    np.testing.assert_array_equal(first.ab, one.chroma(first, Settings()))


def test_a_folder_has_it_looked_at_once(
    matching: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(matching, threads=1)
    runs = []
    run = engine.network("cpu").run
    monkeypatch.setattr(engine.network("cpu"), "run", lambda *a: runs.append(a) or run(*a))
    settings = Settings(reference=of(skimage.data.coffee()[:120, :120]))
    for left in (0, 100, 200):
        engine.predict(photo_of(cameraman[:, left:]), settings)
    # The reference, and each photograph at two sizes for its colours and at one to compare.
    assert len(runs) == 1 + 3 * 3


def test_models_that_cannot_compare_say_so(
    tiny: Bundle, tiny_ab: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    settings = Settings(reference=of(skimage.data.coffee()[:64, :64]))
    for bundle in (tiny, tiny_ab):
        with pytest.raises(ModelError, match=r"reference needs .*features, which the model tiny"):
            Engine(bundle, threads=1).predict(photo_of(cameraman), settings)


def test_a_reference_needs_colours() -> None:
    for pixels in (skimage.data.camera(), np.repeat(skimage.data.camera()[..., None], 3, axis=2)):
        with pytest.raises(UsageError, match=r"other.png has no colours"):
            of(pixels)
    with pytest.raises(UsageError, match="not a picture"):
        reference_from(b"nothing", name="x.png")
    with pytest.raises(UsageError, match="empty"):
        reference_from(b"", name="x.png")


def test_it_is_upright_and_shrunk_and_known_by_its_file() -> None:
    coffee = skimage.data.coffee()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = reference_from(png(np.ascontiguousarray(np.rot90(coffee)), exif=exif), name="a")
    np.testing.assert_array_equal(turned.pixels, coffee)
    large = np.repeat(np.repeat(coffee, 3, axis=0), 3, axis=1)
    assert of(large).pixels.shape[0] * of(large).pixels.shape[1] <= 1 << 20
    said = Settings(reference=of(coffee)).canonical()
    assert said == Settings(reference=reference_from(png(coffee), name="b")).canonical()
    assert of(coffee).sha256 in said
    assert "reference" not in Settings().canonical()
    assert not Settings(reference=of(coffee)).of_one_photograph


def test_cells_are_taken_apart_and_put_together() -> None:
    planes = np.random.default_rng(0).random((3, 8, 12), np.float32)
    for side in (1, 2, 4):
        cells = under_test._into_cells(planes, side)
        assert cells.shape == (96 // side**2, side**2, 3)
        np.testing.assert_array_equal(cells[0, :, 1], planes[1, :side, :side].ravel())
        back = under_test._out_of_cells(cells, (8, 12))
        np.testing.assert_array_equal(back, planes.reshape(3, -1))


def test_colours_lie_where_the_lightness_does() -> None:
    """A reference narrower than the input's multiple is mirrored as its lightness is."""
    coffee = of(skimage.data.coffee()[:384, :150])
    fit = plan_fit((384, 150), short_side=64, multiple=32, stride=4)
    assert fit.content == (164, 64)
    ab = coffee.ab_down(fit)
    assert ab.shape == (2, 48, 16)
    np.testing.assert_allclose(ab[:, 41:48][:, ::-1], ab[:, 34:41], atol=1e-3)
