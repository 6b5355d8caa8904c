"""Every reader of foreign bytes: how it is called, what a fuzzer starts from and what it watches.

Each read takes bytes and returns nothing. Whatever it raises is a fault: what a reader may raise is
caught here, and an error for people must be one line of ordinary length.
"""

import contextlib
import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from photo.samples import (
    PROVENANCE,
    SRGB,
    XMP,
    exif_block,
    gamma_curve,
    grey_profile,
    iptc_block,
    rgb_profile,
    srgb_curve,
    srgb_parametric,
    table_profile,
)
from photo.table_profiles import TABLES
from promises.mutation import mended
from promises.outcome import TINY
from promises.seeds import OTHERS, PICTURES
from tintype.errors import TintypeError
from tintype.photo.formats.registry import sniff

_MOST_PIXELS = 1_000_000
_LONGEST = 700  # characters of an error


@dataclass(frozen=True, slots=True)
class Reader:
    """One kind of bytes.

    Attributes:
        title: What is read, in words.
        read: Reads bytes; raises where something is wrong with the reader.
        seeds: Makes the files to start from.
        modules: Our own that read it, by name; their lines guide the fuzzer. A name that ends in
            a dot and a star stands for all modules of a package.
        longest: Bytes of an input.
    """

    title: str
    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    modules: tuple[str, ...]
    longest: int = 20_000


@contextlib.contextmanager
def one_line(*also: type[Exception]) -> Iterator[None]:
    """Lets pass what a reader says about bad bytes, where people can read it."""
    try:
        yield
    except also:
        pass
    except TintypeError as error:
        text = str(error)
        if "\n" in text or not text.isprintable() or len(text) > _LONGEST:
            raise AssertionError(f"no line for people: {text[:300]!r}") from error


@cache
def _folder() -> Path:
    """In memory where the system has such a place."""
    memory = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[Any] = []  # removed when the process ends


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


# ----- photographs -----


def read_picture(data: bytes) -> None:
    """A photograph, in and out."""
    from tintype.photo.decode import decode, is_own_picture, read_provenance
    from tintype.photo.encode import encode
    from tintype.photo.metadata.location import without_location

    # With right checksums a PNG's damage reaches what stands behind them.
    if data.startswith(b"\x89PNG"):
        data = mended(data)
    read_provenance(data)
    is_own_picture(data)
    with one_line():
        photos = decode(data, name="file", max_pixels=_MOST_PIXELS)
        form = "TIFF" if len(data) % 8 == 0 else "JPEG"  # both take long, so one of them
        encode([without_location(photos[0])], format=form, provenance=PROVENANCE)


def pictures(form: str) -> list[bytes]:
    """The files of a format."""
    made = [make() for make in PICTURES.values()]
    return [data for data in made if data and sniff(data) == form]


# ----- metadata -----


def read_exif(data: bytes) -> None:
    from tintype.photo.formats.exif_room import exif_within
    from tintype.photo.metadata import exif
    from tintype.photo.metadata.ifd import DamagedTagsError

    block = exif.without_prefix(data)
    exif.orientation(block)
    exif.is_adobe_rgb(block)
    exif.resolution(block)
    exif.text_of(block, exif.SOFTWARE)
    with one_line(DamagedTagsError):
        exif.without_orientation(block)
    with one_line(DamagedTagsError):
        exif.without_location(block)
    with one_line(DamagedTagsError):
        exif_within(block, 300)
    with one_line(DamagedTagsError):
        upright = exif.made_upright(block, shape=(30, 40), became_srgb=len(block) % 2 == 0)
        exif.stored_turned(upright, 6, (40, 30))


def read_xmp(data: bytes) -> None:
    from tintype.photo.metadata import xmp

    xmp.orientation(data)
    xmp.provenance_json(data)
    with one_line(xmp.DamagedXmpError):
        xmp.without_location(data)
    with one_line(xmp.DamagedXmpError):
        upright = xmp.made_upright(data, became_srgb=len(data) % 2 == 0)
        xmp.without_companions(upright)
        packet = xmp.with_provenance(xmp.stored_turned(upright, 8), PROVENANCE)
        assert xmp.provenance_json(packet) == PROVENANCE.to_json()
        xmp.within(packet, 1000)


def read_iptc(data: bytes) -> None:
    from tintype.photo.metadata import iptc
    from tintype.photo.metadata.captions import with_captions

    blocks, _ = iptc.without_thumbnails(data)
    record, others = iptc.split_record(blocks)
    iptc.with_record(others, data)
    for found in (record, data):
        if found is not None:
            with_captions(None, found)


def read_icc(data: bytes) -> None:
    from tintype.photo.metadata import icc

    refused = (icc.DamagedProfileError, icc.NoDeepConversionError)
    with one_line(*refused):
        profile = icc.open_profile(data)
        with one_line(*refused):
            icc.grey_table(profile)
        with one_line(*refused):
            icc.grey_table_u16(profile)
        if profile.space == "RGB":
            with one_line(*refused):
                icc.to_srgb_u16(np.arange(48, dtype=np.uint16).reshape(4, 4, 3) * 1000, profile)


def icc_seeds() -> list[bytes]:
    rgb = [rgb_profile(SRGB, curve) for curve in (gamma_curve(1.8), srgb_curve(16))]
    grey = [grey_profile(curve) for curve in (gamma_curve(2.2), srgb_curve(16))]
    tables = [table_profile(b"CMYK", 4), table_profile(b"RGB ", 3)]
    tables += [made().data for made in TABLES.values()]
    return [*rgb, rgb_profile(SRGB, srgb_parametric()), *grey, *tables]


# ----- parts of containers -----


def read_boxes(data: bytes) -> None:
    from tintype.photo.formats import av1, heif_unknown, iso_boxes, jpeg2000
    from tintype.photo.formats.registry import FORMATS
    from tintype.photo.parts import UnknownParts

    iso_boxes.brands(data)
    av1.largest_frame(data)
    heif_unknown.read_unknown(data, UnknownParts())
    heif_unknown.stated_profile(data, [])
    jpeg2000.read_jp2_metadata(data)
    for name in ("AVIF", "JPEG2000"):
        read = FORMATS[name].read_xmp
        if read is not None:
            read(data)


def read_segments(data: bytes) -> None:
    from tintype.photo.formats import jpeg_mend, jpeg_scans, jpeg_segments, jpeg_trailers

    header = jpeg_segments.read_header(data)
    jpeg_trailers.read_trailers(data, header.scans_at)
    if header.scans_at:
        jpeg_scans.read(data, header.scan_header_at)
    jpeg_mend.mended(data)
    jpeg_segments.for_decoder(data, header.height & 0xFFFF)
    jpeg_segments.without_metadata(data)


# ----- texts -----


def read_settings(data: bytes) -> None:
    from tintype.jobs.sidecar import is_sidecar, read_sidecar

    is_sidecar(data)
    with one_line():
        read_sidecar(_file("settings.json", data), max_pixels=_MOST_PIXELS).settings.canonical()


def read_hints(data: bytes) -> None:
    from tintype.engine.geometry import plan_fit
    from tintype.engine.hints import hints_at, parse_hint
    from tintype.engine.settings_parsing import read_hints as read

    shape = (40, 60)
    with one_line():
        hints = read(_file("hints.json", data))
        fit = plan_fit(shape, short_side=32, multiple=8, stride=4)
        assert np.isfinite(hints_at(hints, None, fit, cell=1)).all()
    with one_line():
        parse_hint(data.decode("utf-8", "surrogateescape"))


def read_palette(data: bytes) -> None:
    from tintype.web.request import coloring_from, coloring_from_query

    text = data.decode("utf-8", "replace")
    with one_line():
        coloring_from_query({"palette": text, "vividness": text, "warmth": text}, [text])
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
        with one_line():
            coloring_from(value if isinstance(value, dict) else {"palette": value})


def read_card(data: bytes) -> None:
    from tintype.engine.bundle import Card

    with one_line():
        card = Card.parse(data.decode("utf-8", "surrogateescape"), where="card")
        assert 0.01 <= card.temperature <= 1


def read_model(data: bytes) -> None:
    from tintype.engine import onnx_file

    onnx_file.is_own_model(data)
    with one_line():
        onnx_file.check_self_contained(data, where="model")
    with one_line():
        card = onnx_file.read_metadata(data, where="model").get(onnx_file.CARD_KEY, "")
        read_card(card.encode())


def model_seeds() -> list[bytes]:
    folder = TINY.parent
    return [path.read_bytes() for path in sorted(folder.glob("tiny*.onnx"))]


def card_seeds() -> list[bytes]:
    from tintype.engine.onnx_file import CARD_KEY, read_metadata

    return [read_metadata(data, where="")[CARD_KEY].encode() for data in model_seeds()]


def read_shots(data: bytes) -> None:
    from tintype.cli.film import read_shots as read

    with one_line():
        read(_file("shots.toml", data))


def read_state(data: bytes) -> None:
    from tintype.files.temporary import STATE_FILE
    from tintype.jobs.report import open_report
    from tintype.jobs.resume import ProvenanceReader
    from tintype.photo.metadata.provenance import provenance_from_json

    _file(STATE_FILE, data)
    ProvenanceReader().read(_folder() / "0.bmp", b"BM")
    provenance_from_json(data.decode("utf-8", "surrogateescape"))
    with one_line(), open_report(_file("report.jsonl", data)):
        pass


def read_layers(data: bytes) -> None:
    from tintype.engine.settings import LAYERS
    from tintype.engine.settings_parsing import layer_from

    if data.startswith(b"\x89PNG"):
        data = mended(data)
    for kind in LAYERS:
        with one_line():
            layer_from(kind, data, name="layer", max_pixels=_MOST_PIXELS)


# ----- data sets -----


def read_pickle(data: bytes) -> None:
    from tintype.learn.data.plain_pickle import PlainPickleError, loads

    try:
        loads(data)
    except PlainPickleError as error:
        text = str(error)
        assert "\n" not in text and len(text) < 250, text[:300]  # noqa: PT018


def pickle_seeds() -> list[bytes]:
    plain = {b"labels": [0, -7, 2**40, True, None, 1.5], "n": (b"cat", (), (1, 2), [[]], {})}
    arrays = [np.eye(2, 3).astype(code) for code in ("u1", "<i8", ">f4", "b1")]
    batch = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [3, 7], b"batch_label": b"x"}
    values: list[object] = [plain, arrays[:2], np.asfortranarray(arrays[2]), arrays[3]]
    made = [pickle.dumps(value, protocol) for value in values for protocol in range(6)]
    made += [pickle.dumps(batch, 2), pickle.dumps({b"label_names": [b"a", b"b"]}, 2)]
    python_2 = b"(dp1\nS'cafe'\np2\nI12\nsS'b'\n(lp3\nI01\naL7L\naF1.5\nas."
    return [*made, python_2, b"\x80\x02}U\x03ab\xffT\x01\x00\x00\x00zs."]


def read_data_set(data: bytes) -> None:
    """A batch of CIFAR-10 in either version, and a list of classes."""
    from tintype.learn.data.known_datasets import read_classes, recognize

    names = b"airplane\nautomobile\n"
    folders = {"python": "batches.meta", "binary": "batches.meta.txt"}
    for version, meta in folders.items():
        folder = _folder() / version
        folder.mkdir(exist_ok=True)
        (folder / meta).write_bytes(
            names if version == "binary" else pickle.dumps({b"label_names": names.split()}, 2)
        )
        batch = folder / f"data_batch_1{'.bin' if version == 'binary' else ''}"
        batch.write_bytes(data)
        with one_line():
            found = recognize(batch)
            assert found is not None
            for member, _ in found.members():
                found.read(member)
    with one_line():
        read_classes(_file("classes.txt", data))


def data_set_seeds() -> list[bytes]:
    batch = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}
    return [pickle.dumps(batch, 2), (b"\1" + bytes(3072)) * 2, b"# classes\nbarn\na/beach 2\n"]


def read_zip(data: bytes) -> None:
    from tintype.learn.data.manifest import find_sources, read_sources

    with one_line():
        for _, found in read_sources(find_sources([_file("photos.zip", data)])):
            assert len(found) <= 400 * 2**20


def zip_seeds() -> list[bytes]:
    seeds = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for number in range(3):
                archive.writestr(f"barn/{number}.ppm", b"P5 2 2 255\n" + bytes(4))
            archive.writestr("read me.txt", "text", compress_type=zipfile.ZIP_STORED)
        seeds.append(stream.getvalue())
    return seeds


# ----- film -----


def read_film(data: bytes) -> None:
    from tintype.video.probe import probe

    with one_line():
        probe(_file("film", data))


def film_seeds() -> list[bytes]:
    from video.clips import make_clip

    def clip(suffix: str, codec: str, **more: Any) -> bytes:
        path = make_clip(_folder() / f"seed.{suffix}", count=4, size=(32, 32), codec=codec, **more)
        return path.read_bytes()

    return [
        clip("mp4", "mpeg4", turned=90),
        clip("mp4", "libx264", sound="aac", chapters=True),
        clip("mkv", "mpeg4", sound="aac", texts="srt", title="Title"),
        clip("avi", "mjpeg", form="yuvj420p"),
        clip("ts", "mpeg4"),
        clip("mov", "mpeg4", timecode="01:00:00:00"),
    ]


_METADATA = ("tintype.photo.metadata.*",)
_PHOTO = ("tintype.photo.*", "tintype.photo.formats.*", "tintype.photo.metadata.*")
_SETTINGS = (
    "tintype.engine.settings", "tintype.engine.settings_parsing", "tintype.engine.setting_row",
    "tintype.engine.hints", "tintype.engine.layers", "tintype.jobs.sidecar",
)  # fmt: skip


def _format(title: str, form: str) -> Reader:
    return Reader(title, read_picture, lambda: pictures(form), _PHOTO)


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "pickle": Reader(
            "pickles of CIFAR-10", read_pickle, pickle_seeds,
            ("tintype.learn.data.plain_pickle", "pickletools"), 8_000,
        ),
        "exif": Reader(
            "EXIF",
            read_exif,
            lambda: [exif_block(6), exif_block(1, order=">"), exif_block(3, thumbnail=False)],
            ("tintype.photo.metadata.exif", "tintype.photo.metadata.ifd",
             "tintype.photo.formats.exif_room", "tintype.photo.formats.tiff_tags"),
        ),
        "xmp": Reader(
            "XMP",
            read_xmp,
            lambda: [XMP, XMP.decode().encode("utf-16"), _ours_xmp()],
            ("tintype.photo.metadata.xmp", "tintype.photo.metadata.xmp_packet"),
        ),
        "iptc": Reader(
            "IPTC and Photoshop resources",
            read_iptc,
            lambda: [iptc_block(), b"\x1c\x02\x78\0\1x\x1c\x02\x37\0\x0820260101"],
            ("tintype.photo.metadata.iptc", "tintype.photo.metadata.captions"),
        ),
        "icc": Reader(
            "ICC profiles", read_icc, icc_seeds,
            ("tintype.photo.metadata.icc", "tintype.photo.metadata.icc_curves",
             "tintype.photo.metadata.icc_tables"), 40_000,
        ),
        "segments": Reader(
            "segments of JPEG", read_segments, lambda: pictures("JPEG"),
            ("tintype.photo.formats.jpeg_segments", "tintype.photo.formats.jpeg_trailers",
             "tintype.photo.formats.jpeg_scans", "tintype.photo.formats.jpeg_mend",
             "tintype.photo.formats.jpeg_profile", "tintype.photo.metadata.iptc",
             "tintype.photo.metadata.ifd"),
        ),
        "boxes": Reader(
            "boxes of AVIF, HEIC and JPEG 2000",
            read_boxes,
            lambda: [d for form in ("AVIF", "HEIC", "JPEG2000") for d in pictures(form)],
            ("tintype.photo.formats.iso_boxes", "tintype.photo.formats.av1",
             "tintype.photo.formats.heif_unknown", "tintype.photo.formats.jpeg2000",
             "tintype.photo.formats.avif"),
        ),
        "jpeg": _format("JPEG and MPO", "JPEG"),
        "png": _format("PNG", "PNG"),
        "tiff": _format("TIFF", "TIFF"),
        "webp": _format("WebP", "WEBP"),
        "avif": _format("AVIF", "AVIF"),
        "heic": _format("HEIC", "HEIC"),
        "jpeg2000": _format("JPEG 2000", "JPEG2000"),
        "bmp": _format("BMP", "BMP"),
        "ppm": _format("PPM, PGM and PBM", "PPM"),
        "gif": _format("GIF", "GIF"),
        "layers": Reader(
            "masks, scribbles, reference pictures and colours of other programs",
            read_layers,
            lambda: [OTHERS[kind]() for kind in ("scribbles", "mask", "reference")],
            (*_PHOTO, "tintype.engine.layers"),
        ),
        "settings": Reader(
            "settings files", read_settings, lambda: [OTHERS["settings"]()], _SETTINGS
        ),
        "hints": Reader(
            "hints",
            read_hints,
            lambda: [OTHERS["hints"](), b"120,80,#c04030", b"1,2,#c04030,12"],
            _SETTINGS,
        ),
        "palette": Reader(
            "palettes and settings of a request",
            read_palette,
            lambda: [b"3", b"0,3", b'{"vividness": 1, "palette": [0, 2], "hints": []}', b"1.5"],
            (*_SETTINGS, "tintype.web.request", "tintype.web.parameters"),
        ),
        "shots": Reader(
            "hints for shots",
            read_shots,
            lambda: [b'[[shot]]\nat = "0:12.5"\nhints = ["120,80,#c04030"]\n', b"[[shot]]\nat = 3"],
            ("tintype.cli.film", "tintype.engine.hints"),
        ),
        "state": Reader(
            "states of folders and reports",
            read_state,
            lambda: [OTHERS["state"](), OTHERS["report"]()],
            ("tintype.jobs.resume", "tintype.jobs.report", "tintype.photo.metadata.provenance"),
        ),
        "card": Reader("cards of models", read_card, card_seeds, ("tintype.engine.bundle",)),
        "model": Reader(
            "ONNX models",
            read_model,
            model_seeds,
            ("tintype.engine.onnx_file", "tintype.engine.bundle"),
            40_000,
        ),
        "data-set": Reader(
            "batches and lists of data sets",
            read_data_set,
            data_set_seeds,
            ("tintype.learn.data.known_datasets", "tintype.learn.data.plain_pickle"),
        ),
        "zip": Reader(
            "zips of photographs", read_zip, zip_seeds, ("tintype.learn.data.manifest", "zipfile")
        ),
        "film": Reader("containers of film", read_film, film_seeds, ("tintype.video.*",), 60_000),
    }
)  # fmt: skip
"""By the name that `python -m promises.fuzz` takes."""


def reader(name: str) -> Reader:
    """A reader by its name; "broken" is one for the tests of the fuzzer."""
    return _BROKEN if name == "broken" else READERS[name]


def _read_broken(data: bytes) -> None:
    if b"W" in data:
        raise KeyError("the fault")


_BROKEN = Reader("a reader with a fault", _read_broken, lambda: [b"VVVVVVVV"], ("json.decoder",))


def _ours_xmp() -> bytes:
    from tintype.photo.metadata.xmp import with_provenance

    return with_provenance(XMP, PROVENANCE)
