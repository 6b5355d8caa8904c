"""JPEGs that keep the luminance of their source: the coefficients, compared by another reader."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from photo.jpeg_writer import jpeg
from photo.samples import (
    ADOBE_RGB,
    PROVENANCE,
    XMP,
    carried,
    exif_block,
    exif_facts,
    gamma_curve,
    grey_of,
    iptc_block,
    opened,
    rgb_profile,
    saved,
    scene,
)
from photo.test_hostile import mutant
from tintype.errors import TintypeError, UnsupportedPhotoError
from tintype.photo.decode import decode, read_provenance
from tintype.photo.encode import Encoded, encode
from tintype.photo.formats import jpeg_coefficients, jpeg_exact, jpeg_pixels, jpeg_segments
from tintype.photo.formats.codec import OutputMetadata
from tintype.photo.formats.registry import FORMATS
from tintype.photo.orientation import as_stored, upright
from tintype.photo.photo import HalfChroma, Photo

jpeglib = pytest.importorskip("jpeglib", reason="the exact extra is not installed")

RGB = Image.fromarray(scene(45, 61))
SEPIA = Image.merge("RGB", [RGB.convert("L").point(lambda v, k=k: v * k // 9) for k in (9, 8, 6)])


def ready(data: bytes) -> Photo:
    """The source as it goes to the encoder: coloured, and in the orientation that is stored."""
    (found,) = decode(data, name="x")
    jpeg_exact.check([found], data, codec=FORMATS["JPEG"], name="x")
    y, x = np.mgrid[0 : (found.height + 1) // 2, 0 : (found.width + 1) // 2]
    chroma = HalfChroma((110 + x % 40).astype(np.uint8), (150 - y % 40).astype(np.uint8))
    return replace(found, color=chroma, turn=found.meta.turned)


def kept(data: bytes, **how: object) -> Encoded:
    return encode([ready(data)], format="JPEG", provenance=PROVENANCE, luminance_of=data, **how)


def luma_of(path: Path, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and table, by the package's own reader and libjpeg 6b."""
    path.write_bytes(data)
    found = jpeglib.read_dct(path)
    return np.array(found.Y), np.array(found.qt[found.quant_tbl_no[0]])


SOURCES = {
    "grey": lambda: saved(RGB.convert("L"), "JPEG", quality=70),
    "grey, progressive": lambda: saved(RGB.convert("L"), "JPEG", progressive=True),
    "4:4:4": lambda: saved(RGB, "JPEG", subsampling="4:4:4", quality=92),
    "4:2:2": lambda: saved(RGB, "JPEG", subsampling="4:2:2", quality=35),
    "4:2:0": lambda: saved(RGB, "JPEG", subsampling="4:2:0"),
    "4:2:0, progressive": lambda: saved(RGB, "JPEG", subsampling="4:2:0", progressive=True),
    "restarts": lambda: saved(RGB, "JPEG", restart_marker_blocks=3),
    "sepia": lambda: saved(SEPIA, "JPEG", quality=80),
    "one pixel": lambda: saved(RGB.convert("L").crop((0, 0, 1, 1)), "JPEG"),
    "16 x 8": lambda: saved(RGB.crop((0, 0, 16, 8)), "JPEG"),
    "17 x 9": lambda: saved(RGB.crop((0, 0, 17, 9)), "JPEG"),
    "table of 16 bits": lambda: saved(RGB, "JPEG", qtables=[[300] * 64, [90] * 64]),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_coefficient_is_the_source_s(tmp_path: Path, kind: str) -> None:
    data = SOURCES[kind]()
    written = kept(data)
    before, table_before = luma_of(tmp_path / "before.jpg", data)
    after, table_after = luma_of(tmp_path / "after.jpg", written.data)
    np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(table_after, table_before)
    assert written.blocks == before.shape[0] * before.shape[1]
    found = opened(written.data)
    assert found.mode == "RGB"
    assert [layer[:3] for layer in found.layer] == [(1, 2, 2), (2, 1, 1), (3, 1, 1)]


ODD = {
    "no end marker": lambda d: d[:-2],
    "padding": lambda d: d[:-2] + bytes(500) + d[-2:],
    "empty scan parameters": lambda d: d.replace(b"\0\x3f\0", bytes(3), 1),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_keeps_its_coefficients(tmp_path: Path, kind: str) -> None:
    sound = SOURCES["4:2:0"]()
    data = ODD[kind](sound)
    assert data != sound
    for before, after in zip(
        luma_of(tmp_path / "1.jpg", sound),
        luma_of(tmp_path / "2.jpg", kept(data).data),
        strict=True,
    ):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("factors", [[(3, 1), (1, 1), (1, 1)], [(2, 2), (2, 1), (1, 1)]])
def test_unusual_sampling_factors_keep_their_coefficients(
    tmp_path: Path, factors: list[tuple[int, int]]
) -> None:
    planes = [np.asarray(RGB.convert("YCbCr"))[..., i] for i in range(3)]
    data = jpeg(planes, factors)
    before, _ = luma_of(tmp_path / "1.jpg", data)
    after, _ = luma_of(tmp_path / "2.jpg", kept(data).data)
    np.testing.assert_array_equal(after, before)


def test_the_chroma_is_what_was_given(tmp_path: Path) -> None:
    data = SOURCES["grey"]()
    planes = np.asarray(opened(kept(data).data).convert("YCbCr"))
    chroma = ready(data).color
    assert isinstance(chroma, HalfChroma)
    for plane, wanted in ((planes[..., 1], chroma.cb), (planes[..., 2], chroma.cr)):
        assert np.abs(plane[::2, ::2].astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_picture_stays_as_it_is_stored(tmp_path: Path, turn: int) -> None:
    data = jpeg_segments.with_metadata(
        saved(RGB, "JPEG", quality=90), OutputMetadata(exif=exif_block(turn), dpi=(300, 200))
    )
    written = kept(data).data
    for before, after in zip(
        luma_of(tmp_path / "1.jpg", data), luma_of(tmp_path / "2.jpg", written), strict=True
    ):
        np.testing.assert_array_equal(after, before)
    facts = exif_facts(jpeg_segments.read_header(written).exif)
    assert facts["orientation"] == turn
    assert facts["maker note"] == exif_facts(exif_block(turn))["maker note"]
    assert facts["size"] == (45, 61)
    assert not facts["thumbnail"]
    assert opened(written).info["dpi"] == (300, 200)
    (again,) = decode(written, name="x")
    (source,) = decode(data, name="x")
    np.testing.assert_array_equal(again.grey, source.grey)
    # Shown upright, the colours lie where they were painted.
    chroma = ready(data).color
    assert isinstance(chroma, HalfChroma)
    shown = np.asarray(
        Image.fromarray(upright(jpeg_pixels.decode_rgb(written), turn)).convert("YCbCr")
    )
    for plane, wanted in ((shown[..., 1], chroma.cb), (shown[..., 2], chroma.cr)):
        # Pairs are counted from the edge that the file begins with.
        small = Image.fromarray(as_stored(plane, turn)).reduce(2)
        difference = np.asarray(small).astype(int) - as_stored(wanted, turn)
        assert np.abs(difference).mean() < 3


def test_an_orientation_that_only_xmp_knows_is_kept() -> None:
    data = jpeg_segments.with_metadata(saved(RGB, "JPEG"), OutputMetadata(xmp=XMP))
    written = kept(data).data
    assert b">6</tiff:Orientation>" in jpeg_segments.read_header(written).xmp
    assert exif_facts(jpeg_segments.read_header(written).exif)["orientation"] == 6
    stripped = kept(data, strip_metadata=True).data
    assert exif_facts(jpeg_segments.read_header(stripped).exif)["orientation"] == 6
    assert np.array_equal(decode(stripped, name="x")[0].grey, decode(data, name="x")[0].grey)


def test_metadata_are_those_of_an_ordinary_jpeg() -> None:
    data = jpeg_segments.with_metadata(
        saved(RGB, "JPEG"),
        OutputMetadata(
            exif=exif_block(1),
            xmp=XMP.replace(b'Orientation="6"', b'Orientation="1"'),
            iptc=iptc_block(),
            comment="A comment",
            dpi=(300.0, 300.0),
        ),
    )
    plain = replace(ready(data), turn=1)
    usual = encode([plain], format="JPEG", provenance=PROVENANCE)
    exactly = kept(data)
    assert carried(exactly.data) == carried(usual.data)
    assert exactly.lost == usual.lost
    assert read_provenance(exactly.data) == PROVENANCE


def test_a_coefficient_that_changes_on_the_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SOURCES["grey"]()
    write = jpeg_coefficients.write

    def careless(luma: jpeg_coefficients.Component, *rest: object) -> bytes:
        blocks = luma.blocks.copy()
        blocks[-1, -1, 63] ^= 1  # the finest detail of the last block
        return write(replace(luma, blocks=blocks), *rest)

    monkeypatch.setattr(jpeg_coefficients, "write", careless)
    with pytest.raises(UnsupportedPhotoError, match="came out different"):
        kept(data)


def test_a_change_after_the_writing_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SOURCES["grey"]()
    with_metadata = jpeg_segments.with_metadata

    def careless(*given: object) -> bytes:
        return saved(opened(with_metadata(*given)), "JPEG", quality=99)

    monkeypatch.setattr(jpeg_segments, "with_metadata", careless)
    with pytest.raises(UnsupportedPhotoError, match="came out different"):
        kept(data)


def refusal(data: bytes, form: str = "JPEG") -> str:
    photos = decode(data, name="x.jpg")
    with pytest.raises(UnsupportedPhotoError) as caught:
        jpeg_exact.check(photos, data, codec=FORMATS[form], name="x.jpg")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_has_no_luminance_is_refused() -> None:
    assert "CMYK" in refusal(saved(RGB.convert("CMYK"), "JPEG", icc_profile=None))
    assert "RGB" in refusal(saved(RGB, "JPEG", keep_rgb=True))
    small_luma = bytearray(saved(RGB, "JPEG", subsampling="4:4:4"))
    at = small_luma.index(b"\xff\xc0") + 4 + 6
    small_luma[at + 4] = 0x22  # Cb at full size, Y at half of it
    assert not jpeg_segments.read_header(bytes(small_luma)).has_luminance
    wide = rgb_profile(ADOBE_RGB, gamma_curve(2.2))
    assert "profile is not sRGB" in refusal(saved(RGB, "JPEG", icc_profile=wide))


def test_another_format_is_refused_where_it_cannot_do_it() -> None:
    assert "is not a JPEG" in refusal(saved(RGB.convert("L"), "PNG"))
    grey = saved(RGB.convert("L"), "JPEG")
    assert "AVIF" in refusal(grey, "AVIF")
    assert "WebP" in refusal(grey, "WEBP")
    jpeg_exact.check(decode(grey, name="x"), grey, codec=FORMATS["PNG"], name="x")


def test_without_the_extra_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_coefficients, "_file_of_library", lambda: None)
    assert "pip install 'tintype-colorizer[exact]'" in refusal(saved(RGB.convert("L"), "JPEG"))


def test_coefficients_too_large_for_a_sequential_jpeg_are_refused() -> None:
    blocks = np.zeros((1, 1, 64), np.int16)
    blocks[0, 0, 1] = 5000
    luma = jpeg_coefficients.Component(blocks, np.ones(64, np.uint16))
    chroma = jpeg_coefficients.Component(np.zeros((1, 1, 64), np.int16), np.ones(64, np.uint16))
    with pytest.raises(jpeg_coefficients.CoefficientsError):
        jpeg_coefficients.write(luma, chroma, chroma, (8, 8))


def test_the_colours_fit_the_grey_beside_them() -> None:
    """Whoever shows the file clips nothing, so the luma of what is shown is the grey."""
    grey = Image.fromarray(scene(64, 80)).convert("L")
    data = saved(grey, "JPEG", quality=90)
    shown = simplejpeg.decode_jpeg(kept(data).data, colorspace="RGB")
    luma = np.asarray(Image.fromarray(shown).convert("L")).astype(int)
    assert np.abs(luma - grey_of(data)).mean() < 1


def test_damaged_files_are_refused_and_never_end_the_process() -> None:
    seeds = [
        saved(RGB, "JPEG", subsampling="4:2:0", progressive=True),
        saved(RGB, "JPEG", subsampling="4:4:4", restart_marker_blocks=2),
        saved(RGB.convert("L"), "JPEG"),
    ]
    rng = np.random.default_rng(5)
    done = 0
    for number in range(400):
        try:
            written = kept(mutant(seeds[number % 3], rng))
        except TintypeError:
            continue
        assert written.blocks
        done += 1
    assert 10 < done < 390


def test_padding_of_a_camera_and_odd_segments_are_no_obstacle(tmp_path: Path) -> None:
    plain = saved(RGB, "JPEG")
    comments = b"".join(b"\xff\xfe\0\5abc" for _ in range(200))  # more than the package's table has
    data = plain[:2] + comments + plain[2:-2] + bytes(6) + plain[-2:]
    written = kept(data).data
    assert np.array_equal(
        luma_of(tmp_path / "1.jpg", plain)[0], luma_of(tmp_path / "2.jpg", written)[0]
    )


def test_nothing_is_left_behind_and_nothing_is_printed(tmp_path: Path) -> None:
    source = tmp_path / "x.jpg"
    source.write_bytes(saved(RGB.convert("L"), "JPEG"))
    script = (
        "import tintype, sys; from pathlib import Path;"
        "print(tintype.colorize(Path(sys.argv[1]), keep_luminance='exact', model=sys.argv[2]))"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    model = Path(__file__).parents[2] / "engine" / "tiny.onnx"
    found = subprocess.run(
        [sys.executable, "-c", script, source, model],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert found.stdout == f"{tmp_path / 'x.color.jpg'}\n"
    assert found.stderr == ""
    left = {path.name for path in temporary.iterdir()}
    assert left <= {".ses"}  # ONNX Runtime's own
    assert Image.open(io.BytesIO((tmp_path / "x.color.jpg").read_bytes())).mode == "RGB"
