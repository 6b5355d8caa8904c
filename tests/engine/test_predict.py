"""Photo -> Photo: the grey untouched at any size and depth, the same answer every time."""

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tintype.color.abgrid import bin_centers
from tintype.color.cielab import luma01_to_L, rgb01_to_lab
from tintype.engine import color_distribution, render
from tintype.engine.bundle import Bundle
from tintype.engine.geometry import luma_down, luma_to_input, plan_fit, regrid
from tintype.engine.given_colors import GivenColors
from tintype.engine.grey_check import GreyCheck, verify_grey
from tintype.engine.hints import Hint, hint_of
from tintype.engine.layers import Scribbles
from tintype.engine.network import Network, NetworkOutput
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.reference import Reference
from tintype.engine.settings import Settings
from tintype.errors import ModelError, UsageError
from tintype.photo.photo import HalfChroma, Photo

PhotoOf = Callable[[np.ndarray], Photo]
SHAPES = [(1, 1), (1, 2), (3, 2), (17, 33), (1, 500), (500, 1), (64, 64), (129, 255)]


@pytest.fixture(scope="module")
def engine(tiny: Bundle) -> Engine:
    return Engine(tiny, threads=2)


class Painted(Engine):
    """An engine whose network answers with noise as far out as one likes."""

    reach = 60.0

    def chroma(self, prediction: Prediction, settings: Settings) -> np.ndarray:
        del settings
        noise = np.random.default_rng(0).uniform(-self.reach, self.reach, prediction.ab.shape)
        return noise.astype(np.float32)


def noise(shape: tuple[int, int], kind: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(kind).max + 1, shape).astype(kind)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("quality", ["fast", "normal", "high"])
def test_any_size_and_depth_keeps_its_grey(
    engine: Engine, photo_of: PhotoOf, shape: tuple[int, int], kind: type, quality: str
) -> None:
    photo = photo_of(noise(shape, kind))
    colored = engine.colorize(photo, Settings(quality=quality))  # type: ignore[arg-type]
    assert isinstance(colored.color, np.ndarray)
    assert colored.color.shape == (*shape, 3)
    assert colored.color.dtype == kind
    assert verify_grey(photo, colored) == GreyCheck(0, 0, 0.0)
    assert colored.grey is photo.grey


@pytest.mark.parametrize("reach", [0.0, 30.0, 150.0, 1000.0])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_whatever_the_network_says(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, reach: float, kind: type
) -> None:
    rendered = Painted(tiny, threads=2)
    rendered.reach = reach
    grey = cameraman if kind == np.uint8 else cameraman.astype(np.uint16) * 251 + 77
    colored = rendered.colorize(photo_of(grey))
    assert verify_grey(photo_of(grey), colored) == GreyCheck(0, 0, 0.0)
    if reach == 0:
        assert isinstance(colored.color, np.ndarray)
        spread = colored.color.max(axis=-1).astype(int) - colored.color.min(axis=-1)
        assert spread.max() <= (0 if kind == np.uint8 else 2)


def test_it_does_color(engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray) -> None:
    color = engine.colorize(photo_of(cameraman)).color
    assert isinstance(color, np.ndarray)
    assert np.ptp(color.astype(int), axis=-1).mean() > 10


@pytest.mark.parametrize("shape", SHAPES)
def test_half_chroma_has_half_the_size(
    engine: Engine, photo_of: PhotoOf, shape: tuple[int, int]
) -> None:
    colored = engine.colorize(photo_of(noise(shape)), half_chroma=True)
    assert isinstance(colored.color, HalfChroma)
    expected = -(-shape[0] // 2), -(-shape[1] // 2)
    assert colored.color.cb.shape == colored.color.cr.shape == expected


def test_half_chroma_is_the_full_picture_halved(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    half = engine.colorize(photo, half_chroma=True).color
    full = engine.colorize(photo).color
    assert isinstance(half, HalfChroma)
    assert isinstance(full, np.ndarray)
    expected = np.asarray(Image.fromarray(full).convert("YCbCr").reduce(2)).astype(int)
    assert np.abs(half.cb - expected[..., 1]).mean() < 1.5
    assert np.abs(half.cr - expected[..., 2]).mean() < 1.5


@pytest.mark.parametrize("reach", [30.0, 110.0])
def test_a_jpeg_reads_back_with_its_grey(
    tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, reach: float
) -> None:
    """Through the YCbCr arithmetic of a decoder, chroma enlarged, before any quantisation."""
    rendered = Painted(tiny, threads=1)
    rendered.reach = reach
    half = rendered.colorize(photo_of(cameraman), half_chroma=True).color
    assert isinstance(half, HalfChroma)
    size = cameraman.shape[1], cameraman.shape[0]
    planes = [
        Image.fromarray(p).resize(size, Image.Resampling.BILINEAR) for p in (half.cb, half.cr)
    ]
    rgb = Image.merge("YCbCr", [Image.fromarray(cameraman), *planes]).convert("RGB")
    back = np.asarray(rgb.convert("L")).astype(int)
    assert np.abs(back - cameraman).mean() < 0.5


def test_16_bits_never_become_half_chroma(engine: Engine, photo_of: PhotoOf) -> None:
    colored = engine.colorize(photo_of(noise((20, 30), np.uint16)), half_chroma=True)
    assert isinstance(colored.color, np.ndarray)
    assert colored.color.dtype == np.uint16


@pytest.mark.parametrize("half_chroma", [False, True])
def test_strips_bands_and_threads_do_not_show(
    tiny: Bundle,
    photo_of: PhotoOf,
    cameraman: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    half_chroma: bool,
) -> None:
    """Small strips and bands give the picture that one large one gives."""

    def colored(strip: int, band: int, threads: int) -> np.ndarray:
        monkeypatch.setattr(render, "_STRIP", strip)
        monkeypatch.setattr(render, "_BAND", band)
        engine = Engine(tiny, threads=1)
        engine._threads = threads
        color = engine.colorize(photo_of(cameraman), half_chroma=half_chroma).color
        if isinstance(color, HalfChroma):
            return np.stack([color.cb, color.cr], -1).astype(int)
        return np.asarray(color).astype(int)

    whole = colored(1 << 24, 1 << 24, 1)
    for strip, band, threads in ((457, 5000, 1), (3000, 9000, 3), (64, 457, 2)):
        apart = np.abs(colored(strip, band, threads) - whole)
        # A last bit of a sum may fall differently; a seam would move whole rows.
        assert apart.max() <= 2
        assert np.mean(apart > 0) < 1e-4


def test_the_same_photo_gives_the_same_answer(
    engine: Engine, tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    first = engine.colorize(photo).color
    assert isinstance(first, np.ndarray)
    high = Settings(quality="high")
    np.testing.assert_array_equal(
        engine.colorize(photo, high).color, Engine(tiny, threads=2).colorize(photo, high).color
    )
    again = [engine.colorize(photo).color, Engine(tiny, threads=2).colorize(photo).color]
    with ThreadPoolExecutor(4) as pool:
        again += list(pool.map(lambda _: engine.colorize(photo).color, range(4)))
    for other in again:
        assert isinstance(other, np.ndarray)
        np.testing.assert_array_equal(other, first)


def test_everything_else_passes_through(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    alpha = noise(cameraman.shape)
    photo = replace(photo_of(cameraman), alpha=alpha, tone="color")
    colored = engine.colorize(photo)
    assert colored.alpha is alpha
    assert colored.meta is photo.meta
    assert colored.tone == "color"
    plain = engine.colorize(photo_of(cameraman))
    np.testing.assert_array_equal(colored.color, plain.color)


def test_read_only_pixels_are_fine(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    locked = cameraman.copy()
    locked.setflags(write=False)
    np.testing.assert_array_equal(
        engine.colorize(photo_of(locked)).color, engine.colorize(photo_of(cameraman)).color
    )


def test_vividness_changes_colors_and_default_is_the_cards(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    default = engine.colorize(photo).color
    same = engine.colorize(photo, Settings(vividness=engine.bundle.card.vividness)).color
    other = engine.colorize(photo, Settings(vividness=2)).color
    np.testing.assert_array_equal(default, same)
    assert isinstance(default, np.ndarray)
    assert isinstance(other, np.ndarray)
    assert np.abs(default.astype(int) - other).mean() > 0.5


def test_a_model_without_a_distribution_scales_its_chroma(
    tiny_ab: Bundle, tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    engine = Engine(tiny_ab, threads=1)
    grey = engine.colorize(photo, Settings(vividness=0)).color
    np.testing.assert_array_equal(grey, np.stack([cameraman] * 3, -1))
    once = Settings(quality="normal")
    with_logits = Engine(tiny, threads=1).colorize(photo, once).color
    assert isinstance(with_logits, np.ndarray)
    plain = engine.colorize(photo, once).color
    assert isinstance(plain, np.ndarray)
    # Decoded in the graph or here: the same picture.
    assert np.mean(np.abs(plain.astype(int) - with_logits) <= 1) > 0.999


def test_high_quality_answers_on_the_grid_of_normal(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    normal = engine.predict(photo_of(cameraman), Settings(quality="normal"))
    high = engine.predict(photo_of(cameraman))
    assert high.fit == normal.fit
    assert high.logits is not None
    assert normal.logits is not None
    assert high.logits.shape == normal.logits.shape
    np.testing.assert_array_equal(high.luma, normal.luma)
    card = engine.bundle.card
    decoded = color_distribution.colors(high.logits, card, vividness=card.vividness)
    np.testing.assert_allclose(high.ab, decoded, atol=1e-3)
    # One flat grey has one answer at every size, away from the edges of what the network sees.
    flat = photo_of(np.full((128, 256), 70, np.uint8))
    one, mean = (engine.predict(flat, Settings(quality=q)).ab for q in ("normal", "high"))
    np.testing.assert_allclose(mean[:, 4:-4, 4:-4], one[:, 4:-4, 4:-4], atol=0.05)


def test_high_quality_of_a_tiny_picture_is_the_normal_one(
    engine: Engine, photo_of: PhotoOf
) -> None:
    """Enlarged four times at most, it has one size whatever is asked for."""
    photo = photo_of(noise((3, 2)))
    high = engine.predict(photo)
    normal = engine.predict(photo, Settings(quality="normal"))
    np.testing.assert_array_equal(high.logits, normal.logits)
    np.testing.assert_array_equal(high.ab, normal.ab)


def test_high_quality_is_the_mean_of_the_smallest_and_the_largest_size(
    engine: Engine, tiny: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    prediction = engine.predict(photo_of(cameraman), Settings(quality="high"))
    session, expected = Network(tiny.data, name="tiny"), []
    for quality in ("fast", "high"):
        side = tiny.card.sizes[quality]
        fit = plan_fit(cameraman.shape, short_side=side, multiple=32, stride=4)
        logits = session.run(luma_to_input(luma_down(cameraman, fit))).logits
        assert logits is not None
        expected.append(regrid(logits[0], fit, prediction.fit))
    np.testing.assert_allclose(prediction.logits, np.mean(expected, axis=0), rtol=1e-4, atol=1e-4)


def test_a_draft_is_a_part_of_what_is_exact(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, settings = photo_of(cameraman), Settings()
    runs = []
    run = Network.run
    monkeypatch.setattr(
        Network, "run", lambda self, L, hints: runs.append(1) or run(self, L, hints)
    )
    exact = engine.predict(photo, settings)
    once = len(runs)
    assert engine.has_draft(photo.shape, settings)
    draft = engine.draft(photo, settings)
    assert len(runs) == once + 1
    assert draft.fit == exact.fit
    assert draft.logits is not None
    assert exact.logits is not None
    assert draft.logits.shape == exact.logits.shape
    assert not np.array_equal(draft.logits, exact.logits)
    # What is made with it has the same bits, and needs one run less.
    again = engine.predict_beside(photo, settings, None, draft=draft)
    assert len(runs) == 2 * once
    np.testing.assert_array_equal(again.logits, exact.logits)
    np.testing.assert_array_equal(again.ab, exact.ab)
    np.testing.assert_array_equal(again.luma, exact.luma)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((480, 640), Settings(quality="fast")),
        ((480, 640), Settings(quality="normal")),
        ((6, 5), Settings()),
    ],
)
def test_there_is_no_draft_of_what_is_one_run(
    engine: Engine, shape: tuple[int, int], settings: Settings
) -> None:
    assert not engine.has_draft(shape, settings)


def test_high_quality_tells_its_hints_at_every_size(
    hinted: Bundle, photo_of: PhotoOf, cameraman: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, heard = Engine(hinted, threads=1), []
    run = engine.network("cpu").run

    def listening(L: np.ndarray, hints: np.ndarray | None = None) -> NetworkOutput:
        if hints is None:  # the prediction without them, for what is beyond their reach
            return run(L)
        assert hints.shape[2:] == L.shape[2:]
        rows, columns = np.nonzero(hints[0, 2])
        heard.append((L.shape[3], rows.mean() / L.shape[2], columns.mean() / L.shape[3]))
        return run(L, hints)

    monkeypatch.setattr(engine.network("cpu"), "run", listening)
    grey = photo_of(np.ascontiguousarray(cameraman[:228, :456]))
    told = Settings(quality="high", hints=(hint_of(100, 60, "#c04030", 8),))
    prediction = engine.predict(grey, told)
    assert sorted(width for width, *_ in heard) == [64, 192]
    for width, down, across in heard:
        assert across * width == pytest.approx(100 / 456 * width, abs=1.01)
        assert down * width / 2 == pytest.approx(60 / 228 * width / 2, abs=1.01)
    monkeypatch.undo()
    untold = engine.predict(grey, Settings(quality="high"))
    assert np.abs(prediction.ab - untold.ab).max() > 1
    color = engine.render(grey, prediction, told).color
    assert isinstance(color, np.ndarray)
    a, b = rgb01_to_lab(color[60, 100] / 255)[1:]
    # It is dark there: the gamut has the colour in paler only.
    assert np.arctan2(b, a) == pytest.approx(np.arctan2(told.hints[0].b, told.hints[0].a), abs=0.1)
    assert a > 15


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("hinted", {}),
        ("hinted", {"hints": (hint_of(0, 0, "#c04030"),)}),
        ("matching", {"hints": (hint_of(0, 0, "#c04030"),)}),
        ("matching", {"reference": Reference("x", "x", np.zeros((64, 64, 3), np.uint8))}),
    ],
    ids=["plain", "hints", "no input for hints", "reference"],
)
def test_what_the_network_reads_is_known_before(
    request: pytest.FixtureRequest,
    photo_of: PhotoOf,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    given: dict[str, Any],
) -> None:
    engine = Engine(request.getfixturevalue(model), threads=1)
    run = engine.network("cpu").run

    def counting(L: np.ndarray, hints: np.ndarray | None = None) -> NetworkOutput:
        read.append(L.shape[2] * L.shape[3])
        return run(L, hints)

    for quality, shape in itertools.product(("fast", "normal", "high"), SHAPES[-4:]):
        settings, read = Settings(quality=quality, **given), []
        engine.predict(photo_of(noise((500, 500))), settings)  # reads the reference, once for all
        with monkeypatch.context() as patch:
            patch.setattr(engine.network("cpu"), "run", counting)
            engine.predict(photo_of(noise(shape)), settings)
        assert engine.input_pixels(shape, settings) == sum(read)


def test_given_colors_need_no_network(engine: Engine) -> None:
    given = GivenColors("x", "x", np.zeros((40, 40, 3), np.uint8))
    assert engine.input_pixels((40, 40), Settings(colors=given)) == 0


def test_palettes_are_several_versions_and_the_first_is_the_single_one(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    versions = engine.versions(photo, Settings(palettes=3))
    assert len(versions) == 3
    single, first = engine.colorize(photo).color, versions[0].photo.color
    assert isinstance(single, np.ndarray)
    assert isinstance(first, np.ndarray)
    assert np.abs(single.astype(int) - first).max() <= 1
    for version in versions:
        assert verify_grey(photo, version.photo).max_difference <= 1
    for one, other in itertools.combinations(versions, 2):
        assert isinstance(one.photo.color, np.ndarray)
        assert isinstance(other.photo.color, np.ndarray)
        assert np.abs(one.photo.color.astype(int) - other.photo.color).mean() > 0.2
    second = engine.colorize(photo, Settings(palettes=3, palette=2)).color
    assert isinstance(versions[1].photo.color, np.ndarray)
    np.testing.assert_array_equal(second, versions[1].photo.color)
    with pytest.raises(UsageError, match="number of palettes, 0"):
        Settings(palettes=0)


def test_a_model_without_a_distribution_has_no_palettes_and_no_certainty(
    tiny_ab: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    with pytest.raises(ModelError, match="palettes needs logits, which the model tiny-ab"):
        Engine(tiny_ab, threads=1).versions(photo_of(cameraman), Settings(palettes=2))
    engine = Engine(tiny_ab, threads=1)
    prediction = engine.predict(photo_of(cameraman))
    with pytest.raises(ModelError, match="no distribution"):
        engine.uncertainty(photo_of(cameraman), prediction)
    with pytest.raises(ModelError, match="no distribution"):
        engine.suggestions(prediction, 0, 0, count=3)


def test_uncertainty_has_the_size_of_the_photograph_and_is_the_networks(
    engine: Engine, photo_of: PhotoOf
) -> None:
    flat = np.full((128, 192), 70, np.uint8)
    found = engine.uncertainty(photo_of(flat), engine.predict(photo_of(flat)))
    assert found.shape == (128, 192)
    assert found.dtype == np.uint8
    L = np.full((1, 1, 64, 96), float(luma01_to_L(np.float64(70 / 255))), np.float32)
    logits = Network(engine.bundle.data, name="tiny").run(L).logits
    assert logits is not None
    share = color_distribution.uncertainty(logits[0])[8, 12]
    assert found[64, 96] == pytest.approx(255 * share, abs=1.5)


@pytest.mark.parametrize("model", ["tiny", "hinted"])
def test_what_a_hint_covers_is_certain(
    model: str, request: pytest.FixtureRequest, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    engine = Engine(request.getfixturevalue(model), threads=1)
    photo = photo_of(np.ascontiguousarray(cameraman[:228, :456]))
    layer = np.zeros((*photo.shape, 4), np.uint8)
    layer[180:200, 300:340] = 0, 0, 255, 255
    settings = Settings(
        quality="fast",
        hints=(hint_of(100, 60, "#c04030", 8), hint_of(0, 227, "navy")),
        scribbles=Scribbles("s.png", "s", layer),
    )
    plain = engine.predict(photo, Settings(quality="fast"))
    prediction = engine.predict(photo, settings)
    known = layer[..., 3] > 0
    known[52:69, 92:109] = known[227, 0] = True
    without = engine.uncertainty(photo, plain)
    assert without.min() > 0
    found = engine.uncertainty(photo, prediction, settings)
    np.testing.assert_array_equal(found, np.where(known, 0, without))
    smaller = photo_of(np.ascontiguousarray(photo.grey[::4, ::4]))
    found = engine.uncertainty(smaller, prediction, settings)
    assert not found[14:17, 24:27].any()
    assert not found[45:50, 75:85].any()
    assert found[56, 0] == 0
    assert np.count_nonzero(found == 0) <= 5 * 5 + 5 * 10 + 1


@pytest.mark.parametrize("vividness", [-0.1, 2.1, float("nan")])
def test_vividness_out_of_range_is_refused(vividness: float) -> None:
    with pytest.raises(UsageError, match="0 to 2"):
        Settings(vividness=vividness)


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(UsageError, match="fast, normal or high"):
        Settings(quality="best")  # type: ignore[arg-type]


def test_settings_have_one_spelling() -> None:
    assert Settings(vividness=1).canonical() == Settings(vividness=1.0).canonical()
    assert Settings().canonical() == '{"quality":"high","vividness":null}'
    assert json.loads(Settings(0.5, "fast").canonical()) == {"quality": "fast", "vividness": 0.5}


def test_the_check_finds_a_single_wrong_pixel(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    """The guard of every test here that calls `verify_grey`."""
    photo = photo_of(cameraman)
    colored = engine.colorize(photo)
    assert isinstance(colored.color, np.ndarray)
    color = colored.color.copy()
    color[123, 45] = 255 - np.median(cameraman)
    color[299, 456] = (0, 0, 0) if cameraman[299, 456] > 5 else (255, 255, 255)
    check = verify_grey(photo, replace(colored, color=color))
    assert check.differing == 2
    assert check.max_difference > 5


def test_the_check_reads_written_files_and_16_bits(photo_of: PhotoOf) -> None:
    grey = noise((40, 50), np.uint16)
    other = grey.copy()
    other[3, 4] ^= 1
    assert verify_grey(photo_of(grey), photo_of(other)) == GreyCheck(1, 1, 1 / 2000)
    with pytest.raises(UsageError, match="size or bit depth"):
        verify_grey(photo_of(grey), photo_of(grey[1:]))


def test_no_torch_is_loaded(engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray) -> None:
    buffer = BytesIO()
    Image.fromarray(np.asarray(engine.colorize(photo_of(cameraman)).color)).save(buffer, "PNG")
    assert not {"torch", "onnx"} & set(sys.modules) or "tintype.learn" in sys.modules


def _cores_used(work: Callable[[], object]) -> float:
    """Processor time of this process, all its threads together, over the time of the clock."""
    work()
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(10):
        work()
    return (time.process_time() - processor) / (time.perf_counter() - clock)


@pytest.mark.parametrize("shape", [(816, 1224), (400, 3000)])
@pytest.mark.parametrize("half_chroma", [True, False])
def test_one_thread_is_one_thread(
    tiny: Bundle, photo_of: PhotoOf, shape: tuple[int, int], half_chroma: bool
) -> None:
    """OpenBLAS must not wake threads that spin: in a folder they take the other processes' cores.

    A busy machine makes the clock's time longer and so hides a fault, but never makes one up.
    """
    engine, photo = Engine(tiny, threads=1), photo_of(noise(shape))
    assert _cores_used(lambda: engine.colorize(photo, half_chroma=half_chroma)) < 1.15


def test_what_was_asked_once_is_painted_often_and_in_smaller(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    prediction = engine.predict(photo)
    vivid = Settings(vividness=1.4)
    once = engine.colorize(photo, vivid).color
    np.testing.assert_array_equal(engine.render(photo, prediction, vivid).color, once)
    small = photo_of(np.asarray(Image.fromarray(cameraman).resize((228, 150))))
    hinted = Settings(hints=(hint_of(200, 100, "#c04030", 12),))
    preview, full = (engine.render(p, prediction, hinted).color for p in (small, photo))
    assert isinstance(preview, np.ndarray)
    assert isinstance(full, np.ndarray)
    chroma = [rgb01_to_lab(p[y, x] / 255)[1:] for p, y, x in ((preview, 50, 100), (full, 100, 200))]
    np.testing.assert_allclose(chroma[0], chroma[1], atol=3)
    halved = np.asarray(Image.fromarray(full).resize((228, 150)), int)
    assert np.abs(halved - preview).mean() < 6


def test_suggestions_are_the_distributions_own(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    prediction = engine.predict(photo_of(cameraman))
    found = engine.suggestions(prediction, 456, 299, count=4)
    assert [s.share for s in found] == sorted((s.share for s in found), reverse=True)
    assert sum(s.share for s in found) == pytest.approx(1)
    for one, other in itertools.combinations(found, 2):
        assert np.hypot(one.a - other.a, one.b - other.b) >= 25
    logits = np.full(313, -20.0, np.float32)
    centers = bin_centers()
    near = np.linalg.norm(centers - (40, 30), axis=1).argmin()
    far = np.linalg.norm(centers - (-30, -30), axis=1).argmin()
    logits[near], logits[far] = np.log(0.7), np.log(0.3)
    first, second, *_ = color_distribution.suggestions(logits, count=3)
    assert (first.a, first.b) == tuple(centers[near])
    assert (second.a, second.b) == tuple(centers[far])
    assert first.share == pytest.approx(0.7, abs=1e-3)
    with pytest.raises(UsageError, match="457,0 is outside"):
        engine.suggestions(prediction, 457, 0, count=1)


# ----- only what is wanted -----


def test_without_features_the_pixels_are_the_same(
    matching: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    whole, part = Engine(matching), Engine(matching, features=False)
    assert whole.predict(photo).features is not None
    assert part.predict(photo).features is None
    np.testing.assert_array_equal(part.colorize(photo).color, whole.colorize(photo).color)


def test_the_network_is_loaded_while_the_photograph_is_read(
    tiny: Bundle, hinted: Bundle, photo_of: PhotoOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, bool]] = []
    start = Network._start

    def watched(self: Network, *, hinted: bool) -> object:
        loaded.append((threading.current_thread().name, hinted))
        return start(self, hinted=hinted)

    monkeypatch.setattr(Network, "_start", watched)
    engine = Engine(tiny)
    engine.prepare(Settings())
    engine.colorize(photo_of(noise((40, 60))))
    assert loaded == [("tintype-loading", False)]
    Engine(hinted).prepare(Settings(hints=(Hint(1, 1, 10, 10),)))
    for thread in threading.enumerate():
        if thread.name == "tintype-loading":
            thread.join()
    assert loaded[1:] == [("tintype-loading", True)]


def test_a_model_that_does_not_load_says_so_when_it_is_asked(
    tiny: Bundle, photo_of: PhotoOf
) -> None:
    engine = Engine(replace(tiny, data=b"no model"))
    engine.prepare(Settings())
    with pytest.raises(ModelError, match="rejects the model tiny"):
        engine.colorize(photo_of(noise((40, 60))))
