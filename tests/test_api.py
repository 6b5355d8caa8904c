"""The Python API: same kind out as in, and the same pixels through every interface."""

import io
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tintype
from conftest import picture_bytes
from photo.samples import XMP
from tintype.cli.app import main
from tintype.jobs.inspect import inspect
from tintype.photo.encode import encode
from tintype.photo.photo import Metadata, Photo
from tintype.pipeline import TONED_NOTE

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def colorizer(tiny_model: Path) -> "tintype.Colorizer":
    return tintype.Colorizer(tiny_model)


@pytest.fixture
def photo(tmp_path: Path, make_photo: Make) -> Path:
    return make_photo(tmp_path / "photo.png", height=97, width=131)


def pixels(data: bytes | Path) -> np.ndarray:
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as image:
        assert image.mode in {"RGB", "RGBA"}
        return np.asarray(image)


def test_all_doors_give_the_same_pixels(
    colorizer: "tintype.Colorizer",
    photo: Path,
    tiny_model: Path,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    data = photo.read_bytes()
    with Image.open(photo) as image:
        grey = np.asarray(image)
        by_image = colorizer.colorize(image)
    written = colorizer.colorize(photo)
    assert written == tmp_path / "photo.color.png"
    expected = pixels(written)
    assert np.ptp(expected.astype(int), axis=2).max() > 8
    interfaces = {
        "bytes": pixels(colorizer.colorize(data)),
        "stream": pixels(colorizer.colorize(io.BytesIO(data)).getvalue()),
        "image": np.asarray(by_image),
        "array": colorizer.colorize(grey),
        "called": colorizer(grey),
        "function": tintype.colorize(grey, model=tiny_model),
    }
    out = tmp_path / "out"
    assert main([str(photo), "--model", str(tiny_model), "--into", str(out)]) == 0
    interfaces["command"] = pixels(out / "photo.color.png")
    capfdbinary.readouterr()
    assert main([str(photo), "--model", str(tiny_model), "-o", "-"]) == 0
    interfaces["stdout"] = pixels(capfdbinary.readouterr().out)
    for interface, found in interfaces.items():
        np.testing.assert_array_equal(found, expected, err_msg=interface)
    # Not only the pixels: the whole file, whatever it came through.
    assert (out / "photo.color.png").read_bytes() == written.read_bytes()
    assert colorizer.colorize(data) == written.read_bytes()


def test_a_path_may_be_text(colorizer: "tintype.Colorizer", photo: Path) -> None:
    written = colorizer.colorize(str(photo))
    assert isinstance(written, Path)
    made = inspect(written).provenance
    assert made is not None
    assert made.model == "tiny"


def test_a_path_never_replaces_anything_unless_asked(
    colorizer: "tintype.Colorizer", photo: Path
) -> None:
    before = photo.read_bytes()
    target = photo.with_name("photo.color.png")
    target.write_bytes(b"mine")
    with pytest.raises(tintype.TargetExistsError, match="overwrite=True"):
        colorizer.colorize(photo)
    assert target.read_bytes() == b"mine"
    with pytest.raises(tintype.TargetExistsError, match="never replaced"):
        colorizer.colorize(photo, overwrite=True)
    assert target.read_bytes() == b"mine"
    target.unlink()
    assert colorizer.colorize(photo) == target
    first = target.read_bytes()
    assert colorizer.colorize(photo, vividness=1.5, overwrite=True) == target
    assert target.read_bytes() != first
    target.unlink()
    target.hardlink_to(photo)
    with pytest.raises(tintype.TargetExistsError, match="never replaced"):
        colorizer.colorize(photo, overwrite=True)
    assert photo.read_bytes() == before


def test_a_path_can_be_written_elsewhere(
    colorizer: "tintype.Colorizer", photo: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.jpg"
    assert colorizer(photo, output=target) == target
    with Image.open(target) as image:
        assert image.format == "JPEG"
    with pytest.raises(tintype.TargetExistsError, match="overwrite=True"):
        colorizer(photo, output=str(target))
    assert colorizer(photo, output=str(target), overwrite=True) == target
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jpg", "photo.png"]
    with pytest.raises(tintype.TargetExistsError, match="never replaced"):
        colorizer(photo, output=photo, overwrite=True)
    with pytest.raises(tintype.WriteError, match="folder does not exist"):
        colorizer(photo, output=tmp_path / "none" / "x.png")


def test_a_stream_at_its_end_is_read_from_its_start(
    colorizer: "tintype.Colorizer", photo: Path
) -> None:
    stream = io.BytesIO()
    stream.write(photo.read_bytes())
    assert colorizer(stream).getvalue() == colorizer(photo.read_bytes())
    with photo.open("rb") as file:
        file.read()
        assert colorizer(file).getvalue() == colorizer(photo.read_bytes())
    with pytest.raises(tintype.UnreadablePhotoError, match="closed"):
        colorizer(file)
    with pytest.raises(tintype.UnreadablePhotoError, match="is empty"):
        colorizer(io.BytesIO())


def test_an_unbuffered_pipe_is_read_to_its_end(
    colorizer: "tintype.Colorizer", make_photo: Make, tmp_path: Path
) -> None:
    data = make_photo(tmp_path / "a.png", height=400, width=500).read_bytes()
    assert len(data) > 1 << 16  # more than a pipe holds
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    words = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdout is not None
        assert isinstance(child.stdout, io.RawIOBase)
        assert colorizer(child.stdout).getvalue() == colorizer(data)


def test_a_pipe_that_does_not_wait_is_refused(colorizer: "tintype.Colorizer") -> None:
    if os.name == "nt":  # where pipes always wait
        assert sys.platform == "win32"
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        open(writing, "wb"),  # noqa: PTH123
        open(reading, "rb", buffering=0) as stream,  # noqa: PTH123
        pytest.raises(tintype.UsageError, match="is non-blocking"),
    ):
        colorizer(stream)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "PPM", "JPEG2000"])
def test_bytes_come_back_in_their_own_format(colorizer: "tintype.Colorizer", form: str) -> None:
    file = io.BytesIO()
    Image.fromarray(np.arange(64 * 48, dtype=np.uint8).reshape(48, 64)).save(file, form)
    with warnings.catch_warnings(record=True, action="always") as said:
        colored = colorizer.colorize(file.getvalue())
    assert bool(said) == (form in {"BMP", "PPM"})  # no place for what made them
    with Image.open(io.BytesIO(colored)) as image:
        assert image.format == form
        assert image.size == (64, 48)


@pytest.mark.filterwarnings("ignore::tintype.PhotoWarning")  # three channels are in colour
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 1), (40, 56, 2), (40, 56, 3), (40, 56, 4)])
def test_arrays_of_every_kind(
    colorizer: "tintype.Colorizer", dtype: type, shape: tuple[int, ...]
) -> None:
    top = 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    ramp = (np.arange(np.prod(shape)).reshape(shape) % 97) / 97 * top
    array = ramp.astype(dtype)
    before = array.copy()
    colored = colorizer.colorize(array)
    has_alpha = len(shape) == 3 and shape[2] in {2, 4}
    assert colored.shape == (40, 56, 4 if has_alpha else 3)
    assert colored.dtype == array.dtype
    assert float(colored.max()) <= top
    if has_alpha:
        np.testing.assert_allclose(colored[..., 3], array[..., -1], atol=top / 65535)
    np.testing.assert_array_equal(array, before)


FLOATS = [np.dtype(code) for code in ("e", "f", "d", "g")]


@pytest.mark.parametrize("dtype", FLOATS + [kind.newbyteorder() for kind in FLOATS], ids=str)
@pytest.mark.parametrize("channels", [1, 4])
def test_every_floating_point_type_gives_what_float64_gives(
    colorizer: "tintype.Colorizer", dtype: np.dtype, channels: int
) -> None:
    ramp = np.linspace(0, 1, 40 * 56 * channels).reshape(40, 56, channels).astype(dtype)
    colored = colorizer(ramp, vividness=1.5)
    expected = colorizer(ramp.astype(np.float64), vividness=1.5)
    assert colored.dtype == dtype
    np.testing.assert_array_equal(colored, expected.astype(dtype))
    # In half precision 65535 is infinite: everything came out black.
    assert np.ptp(expected[..., 0]) > 0.5


@pytest.mark.parametrize("code", ["u1", "<u2", ">u2"])
def test_every_integer_type_gives_what_float64_gives(
    colorizer: "tintype.Colorizer", code: str
) -> None:
    dtype = np.dtype(code)
    top = np.iinfo(dtype).max
    ramp = np.linspace(0, top, 40 * 56).reshape(40, 56).astype(dtype)
    colored = colorizer(ramp)
    assert colored.dtype == dtype
    expected = np.rint(colorizer(ramp.astype(np.float64) / top) * top)
    np.testing.assert_allclose(colored.astype(float), expected, atol=1 if top == 255 else 0)


def test_the_grey_of_an_array_is_kept(colorizer: "tintype.Colorizer") -> None:
    grey = np.arange(200, dtype=np.uint8).repeat(9).reshape(40, 45)
    colored = Image.fromarray(colorizer.colorize(grey))
    np.testing.assert_array_equal(np.asarray(colored.convert("L")), grey)


@pytest.mark.filterwarnings("ignore::tintype.PhotoWarning")  # black and white, and a palette
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_images_of_every_mode(colorizer: "tintype.Colorizer", mode: str) -> None:
    image = Image.linear_gradient("L").resize((56, 40)).convert("RGB").convert(mode)
    image.info["dpi"] = (300.0, 300.0)
    colored = colorizer.colorize(image)
    assert colored.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")
    assert colored.size == (56, 40)


def test_an_image_keeps_what_pillow_saves_by_itself(
    colorizer: "tintype.Colorizer", tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Grandmother"
    exif[0x0112] = 6
    Image.linear_gradient("L").crop((0, 0, 80, 60)).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        colored = colorizer.colorize(image)
    assert colored.size == (60, 80)
    assert colored.getexif()[0x010E] == "Grandmother"
    assert colored.getexif()[0x0112] == 1


def test_sixteen_bit_images_are_refused_not_cut(colorizer: "tintype.Colorizer") -> None:
    image = Image.fromarray(np.arange(0, 60000, 20, dtype=np.uint16).reshape(50, 60))
    with pytest.raises(tintype.UnsupportedPhotoError, match="16-bit"):
        colorizer.colorize(image)


def test_settings_matter(colorizer: "tintype.Colorizer", photo: Path) -> None:
    data = photo.read_bytes()
    plain = colorizer.colorize(data)
    assert colorizer.colorize(data) == plain
    assert colorizer.colorize(data, vividness=1.7) != plain
    assert colorizer.colorize(data, quality="normal") != plain


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: c.colorize(42), tintype.UsageError),
        (lambda c: c.colorize(None), tintype.UsageError),
        (lambda c: c.colorize(io.StringIO("text")), tintype.UsageError),
        (lambda c: c.colorize(b"", vividness=9), tintype.UsageError),
        (lambda c: c.colorize(b"", quality="best"), tintype.UsageError),
        (lambda c: c.colorize(b""), tintype.UnreadablePhotoError),
        (lambda c: c.colorize("missing.png"), tintype.UnreadablePhotoError),
        (lambda c: c.colorize("nul\0byte.png"), tintype.UnreadablePhotoError),
        (lambda c: c.colorize("."), tintype.UnreadablePhotoError),
        (lambda c: c.colorize(np.zeros((4, 4, 7), np.uint8)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.zeros((4, 4), np.int64)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.full((4, 4), 1.5)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.full((4, 4), np.nan)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.full((4, 4), np.inf, np.float16)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.full((), 0.5)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.ones((4, 4), bool)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.ones((4, 4), complex)), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(np.ones((4, 0))), tintype.UnsupportedPhotoError),
        (lambda c: c.colorize(b"", vividness="1"), tintype.UsageError),
        (lambda c: c.colorize(b"", vividness=[1]), tintype.UsageError),
        (lambda c: c.colorize(b"", warmth=True), tintype.UsageError),
        (lambda c: c.colorize(b"", quality=3), tintype.UsageError),
        (lambda c: c.colorize(b"", quality=np.zeros(2)), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=3), tintype.UsageError),
        (lambda c: c.colorize(b"", hints="120,80,red"), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=(60, 40, "red")), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60, 40)]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[("60", 40, "red")]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60.5, 40, "red")]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60, 40, (192, 64))]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60, 40, (0.7, 0.2, 0.1))]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60, 40, (300, 0, 0))]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60, 40, None)]), tintype.UsageError),
        (lambda c: c.colorize(b"", hints=[(60, 40, "stealblue")]), tintype.UsageError),
        (lambda c: c.colorize(b"", mask=np.zeros((4, 4), int)), tintype.UsageError),
        (lambda c: c.colorize(b"", mask=np.full((4, 4), 2.0)), tintype.UsageError),
        (lambda c: c.colorize(b"", mask=np.eye(4, dtype=np.uint8)), tintype.UsageError),
        (lambda c: c.colorize(b"", reference=np.zeros((4, 4, 9), np.uint8)), tintype.UsageError),
        (lambda c: c.colorize(b"", output="x.png"), tintype.UsageError),
        (lambda c: c.colorize("photo.png", output="."), tintype.UsageError),
        (lambda c: c.colorize("photo.png", output="x.gif"), tintype.UsageError),
        (lambda c: c.colorize("photo.png", output="x"), tintype.UsageError),
        (lambda c: c.colorize("photo.png", output=3), tintype.UsageError),
        (lambda _: tintype.Colorizer(3), tintype.UsageError),
        (lambda _: tintype.Colorizer(max_pixels="1e8"), tintype.UsageError),
        (lambda _: tintype.Colorizer("no-such-model"), tintype.ModelError),
        (lambda _: tintype.colorize(b"", model="no-such-model"), tintype.ModelError),
    ],
)
def test_mistakes(
    colorizer: "tintype.Colorizer",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[["tintype.Colorizer"], object],
    error: type[tintype.TintypeError],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        call(colorizer)
    assert str(caught.value)
    assert isinstance(caught.value, tintype.TintypeError)


def test_the_limit_is_the_colorizer_s(tiny_model: Path, photo: Path) -> None:
    small = tintype.Colorizer(tiny_model, max_pixels=1000)
    data = photo.read_bytes()
    for x in (photo, data, io.BytesIO(data)):
        with pytest.raises(tintype.PhotoTooLargeError):
            small.colorize(x)
    assert tintype.Colorizer(tiny_model, max_pixels=97 * 131).colorize(data)


def test_a_colorizer_can_be_pickled(
    tmp_path: Path, tiny_model: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "mine.onnx"
    model.write_bytes(tiny_model.read_bytes())
    own = tintype.Colorizer(model, max_pixels=97 * 131)
    expected = own(photo.read_bytes())
    pickled = pickle.dumps(own)
    model.unlink()  # a model of one's own travels with it
    again = pickle.loads(pickled)
    assert again(photo.read_bytes()) == expected
    with pytest.raises(tintype.PhotoTooLargeError):
        again(picture_bytes(np.zeros((98, 131), np.uint8)))
    shipped = pickle.dumps(tintype.Colorizer())
    assert len(shipped) < 1000  # the package has it on the other side too
    assert type(pickle.loads(shipped)) is tintype.Colorizer
    other = own._engine.bundle
    monkeypatch.setattr("tintype.api.load_bundle", lambda _name: other)
    with pytest.raises(tintype.ModelError, match="not the one that was pickled"):
        pickle.loads(shipped)


def test_several_threads_share_one_model(tiny_model: Path) -> None:
    rng = np.random.default_rng(3)
    greys = [rng.integers(0, 256, (60 + n, 80), dtype=np.uint8) for n in range(8)]
    alone = [tintype.Colorizer(tiny_model).colorize(grey) for grey in greys]
    shared = tintype.Colorizer(tiny_model)
    together: list[np.ndarray | None] = [None] * len(greys)

    def work(index: int) -> None:
        together[index] = shared.colorize(greys[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(greys))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_hints_and_warmth_through_both_doors(
    colorizer: "tintype.Colorizer", photo: Path, tiny_model: Path, tmp_path: Path
) -> None:
    data = photo.read_bytes()
    plain = pixels(colorizer.colorize(data))
    told = pixels(colorizer.colorize(data, warmth=0.5, hints=[(60, 40, "#c04030", 3)]))
    red = told[40, 60].astype(int)
    assert red[0] > red[1] + 15
    assert red[0] > red[2] + 15
    assert not np.array_equal(plain, told)
    out = tmp_path / "out"
    words = ["--warmth", "0.5", "--hint", "60,40,#c04030,3", "--into", str(out)]
    assert main([str(photo), "--model", str(tiny_model), *words]) == 0
    written = pixels(out / "photo.color.png")
    assert np.array_equal(written, told)
    # The same command finds its work done; without the hint it is another picture.
    assert main([str(photo), "--model", str(tiny_model), *words]) == 0
    assert main([str(photo), "--model", str(tiny_model), "--into", str(out)]) == 3


def test_hints_are_for_one_photograph(
    photo: Path, tiny_model: Path, make_photo: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_photo(photo.with_name("other.png"), height=97, width=131)
    words = [str(photo), str(other), "--model", str(tiny_model), "--hint", "1,2,#c04030"]
    assert main(words) == 2
    assert "2 inputs" in capsys.readouterr().err
    assert not list(photo.parent.glob("*.color.*"))


@pytest.mark.parametrize(
    "color",
    ["steelblue", "SteelBlue", "4682b4", (70, 130, 180), np.array([70, 130, 180], np.uint8)],
    ids=str,
)
def test_a_colour_is_taken_in_every_spelling(
    colorizer: "tintype.Colorizer", photo: Path, color: object
) -> None:
    data = photo.read_bytes()
    expected = colorizer(data, hints=[(60, 40, "#4682b4", 3)])
    assert colorizer(data, hints=[(60, 40, color, 3)]) == expected  # type: ignore[list-item]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int16, np.float32, float])
def test_the_numbers_of_a_hint_may_be_of_any_library(
    colorizer: "tintype.Colorizer", photo: Path, kind: Callable[[int], int]
) -> None:
    data = photo.read_bytes()
    hint = (kind(60), kind(40), "#4682b4", kind(3))
    assert colorizer(data, hints=[hint]) == colorizer(data, hints=[(60, 40, "#4682b4", 3)])
    assert colorizer(data, vividness=kind(1)) == colorizer(data, vividness=1.0)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble, Fraction])
def test_a_number_of_any_library_gives_what_a_float_gives(
    colorizer: "tintype.Colorizer", photo: Path, kind: Callable[[float], float]
) -> None:
    data = photo.read_bytes()
    told = colorizer(data, vividness=kind(0.6875), warmth=kind(-0.3125))
    assert told == colorizer(data, vividness=0.6875, warmth=-0.3125)


def test_a_misspelt_colour_is_answered_with_the_nearest(colorizer: "tintype.Colorizer") -> None:
    with pytest.raises(tintype.UsageError, match=r"Did you mean .*steelblue"):
        colorizer(b"", hints=[(1, 2, "stealblue")])


@pytest.mark.parametrize("kind", ["?", "u1", "<u2", ">u2", "e", "f", "d"])
def test_a_mask_is_an_array_of_any_type(colorizer: "tintype.Colorizer", kind: str) -> None:
    grey = np.full((40, 56), 120, np.uint8)
    half = np.zeros((40, 56), kind)
    half[:, 28:] = 1 if np.dtype(kind).kind in "bf" else np.iinfo(kind).max
    colored = colorizer(grey, mask=half, vividness=2).astype(int)
    assert np.ptp(colored[:, :20], axis=2).max() == 0
    assert np.ptp(colored[:, 36:], axis=2).min() > 3
    np.testing.assert_array_equal(colored, colorizer(grey, mask=half[..., None], vividness=2))


def test_warm_is_more_orange_than_cold(colorizer: "tintype.Colorizer", photo: Path) -> None:
    data = photo.read_bytes()
    warm, cold = (pixels(colorizer.colorize(data, warmth=w)).astype(int) for w in (1, -1))
    lean = (warm[..., 0] - warm[..., 2]) - (cold[..., 0] - cold[..., 2])
    assert lean.mean() > 5


def test_a_reference_comes_in_every_kind(matching_model: Path, photo: Path, tmp_path: Path) -> None:
    colorizer = tintype.Colorizer(matching_model)
    grey = np.asarray(Image.open(photo))
    other = np.random.default_rng(0).integers(60, 200, (64, 80, 3)).astype(np.uint8)
    path = tmp_path / "other.png"
    Image.fromarray(other).save(path)
    with Image.open(path) as image:
        kinds = [path, str(path), path.read_bytes(), image, other]
        results = [colorizer(grey, reference=kind) for kind in kinds]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    assert not np.array_equal(results[0], colorizer(grey))
    with pytest.raises(tintype.UsageError, match="the reference has no colours"):
        colorizer(grey, reference=grey)
    cmyk = Image.fromarray(other).convert("CMYK")
    with pytest.raises(tintype.UsageError, match="CMYK"):
        colorizer(grey, reference=cmyk)
    with pytest.raises(tintype.UsageError, match="cannot be the reference"):
        colorizer(grey, reference=7)  # type: ignore[arg-type]


def test_exact_luminance_through_every_door(tiny_model: Path) -> None:
    pytest.importorskip("jpeglib", reason="the exact extra is not installed")
    colorizer = tintype.Colorizer(tiny_model)
    data = io.BytesIO()
    Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64).astype(np.uint8)).save(
        data, "JPEG"
    )
    exact = colorizer(data.getvalue(), keep_luminance="exact")
    assert colorizer(io.BytesIO(data.getvalue()), keep_luminance="exact").read() == exact
    standard = colorizer(data.getvalue(), keep_luminance="standard")
    former = colorizer(data.getvalue(), keep_luminance="usual")  # type: ignore[typeddict-item]
    assert former == standard
    grey = Image.open(io.BytesIO(exact))
    grey.draft("L", grey.size)
    assert np.array_equal(np.asarray(grey), np.asarray(Image.open(data)))
    with pytest.raises(tintype.UsageError, match="standard or exact"):
        colorizer(exact, keep_luminance="very")


def notes_of(call: Callable[[], object]) -> list[str]:
    """The warnings of a call; each stands at this line, where the package was called."""
    with warnings.catch_warnings(record=True, action="always") as said:
        call()
    assert all(found.category is tintype.PhotoWarning for found in said)
    assert all(Path(found.filename) == Path(__file__) for found in said)
    return [str(found.message) for found in said]


def deep_and_transparent(tmp_path: Path) -> Path:
    grey = np.linspace(0, 65535, 40 * 56).reshape(40, 56).astype(np.uint16)
    path = tmp_path / "deep.png"
    path.write_bytes(
        encode(
            [Photo(grey, np.full_like(grey, 60000), "grey", Metadata("PNG"))],
            format="PNG",
            provenance=None,
        ).data
    )
    return path


def test_what_a_format_cannot_carry_is_said_as_the_command_says_it(
    colorizer: "tintype.Colorizer",
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = deep_and_transparent(tmp_path)
    said = notes_of(lambda: colorizer(photo, output=tmp_path / "out.jpg"))
    assert said == [
        f"{photo}: JPEG is written with 8 bits a channel; the source has 16.",
        f"{photo}: JPEG has no transparency.",
    ]
    assert main([str(photo), "-o", str(tmp_path / "b.jpg"), "--model", str(tiny_model)]) == 0
    printed = capsys.readouterr().err
    assert all(sentence.partition(": ")[2] in printed for sentence in said)
    assert not notes_of(lambda: colorizer(photo, output=tmp_path / "out.png"))
    assert not notes_of(lambda: colorizer(photo.read_bytes()))


def test_remarks_are_said_through_every_door(colorizer: "tintype.Colorizer") -> None:
    grey = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64).astype(np.uint8)
    sepia = (grey[..., None] * np.array([1.0, 0.8, 0.55])).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(sepia).save(file, "PNG")
    for name, door in {
        "the picture": file.getvalue(),
        "the stream": io.BytesIO(file.getvalue()),
        "the image": Image.fromarray(sepia),
        "the array": sepia,
    }.items():
        assert notes_of(lambda door=door: colorizer(door)) == [f"{name}: {TONED_NOTE}"]


def test_what_the_image_returned_has_no_place_for_is_named(
    colorizer: "tintype.Colorizer",
) -> None:
    grey, file = Image.linear_gradient("L").resize((56, 40)), io.BytesIO()
    grey.save(file, "TIFF", save_all=True, append_images=[grey])
    frames = Image.open(file)
    assert notes_of(lambda: colorizer(frames)) == [
        "the image: Only one of its 2 frames is coloured; give the file for all pages."
    ]
    file = io.BytesIO()
    grey.save(file, "JPEG", comment="by the lake", xmp=XMP)
    assert notes_of(lambda: colorizer(Image.open(file))) == [
        "the image: The returned image has no XMP.",
        "the image: The returned image has no comment.",
    ]


def test_a_warning_turned_into_an_error_loses_no_file(
    colorizer: "tintype.Colorizer", tmp_path: Path
) -> None:
    photo, target = deep_and_transparent(tmp_path), tmp_path / "out.jpg"
    with pytest.raises(tintype.PhotoWarning, match="8 bits a channel"):
        colorizer(photo, output=target)
    assert pixels(target).shape == (40, 56, 3)


def test_files_can_be_decoded_in_a_sandbox(
    tiny_model: Path, photo: Path, colorizer: "tintype.Colorizer", monkeypatch: pytest.MonkeyPatch
) -> None:
    from photo import hostile_decoders
    from tintype.photo.sandbox import sandbox as module

    data = photo.read_bytes()
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    hostile = hostile_decoders.asking("segfault", data)
    for caged in (
        tintype.Colorizer(tiny_model, sandbox=True),
        pickle.loads(pickle.dumps(tintype.Colorizer(tiny_model, sandbox=True))),
    ):
        assert caged(data) == colorizer(data)
        with pytest.raises(tintype.UnreadablePhotoError, match="SIGSEGV"):
            caged(hostile)
    mask = hostile_decoders.asking("segfault", data)
    with pytest.raises(tintype.UsageError):
        caged(data, mask=mask)
