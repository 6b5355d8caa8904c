"""Which pages of a TIFF are photographs: not raw data, previews, masks or infrared copies."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile

from photo.samples import opened, saved, scene
from tintype.errors import TintypeError, UnsupportedPhotoError
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.photo import Metadata, Photo

G8 = np.asarray(opened(saved(scene(64, 96), "PNG")).convert("L"))
G16 = G8.astype(np.uint16) * 257
RGB16 = np.dstack([G16] * 3)
SMALL = G8[::4, ::4].copy()
MASK = np.zeros(G8.shape, bool)
MASK[10:] = True
INFRARED = np.full(G8.shape, 52_000, np.uint16)
INFRARED[20:24, 10:80] = 9000


def pages(*given: tuple[np.ndarray, dict[str, Any]], **tags: dict[int, int]) -> bytes:
    """A TIFF of pages; ``page2={254: 4}`` changes tags of the third afterwards."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as out:
        for pixels, options in given:
            settings: dict[str, Any] = {"photometric": "minisblack", "metadata": None, **options}
            out.write(pixels, **settings)
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as found:
        for name, changes in tags.items():
            page = found.pages[int(name.removeprefix("page"))]
            for tag, value in changes.items():
                entry = page.tags[tag]
                data[entry.valueoffset : entry.valueoffset + 2] = value.to_bytes(2, "little")
    return bytes(data)


def sub(
    pixels: np.ndarray, below: list[tuple[np.ndarray, dict[str, Any]]], **options: Any
) -> bytes:
    return pages((pixels, {"subifds": len(below), **options}), *below)


def greys(data: bytes) -> list[np.ndarray]:
    return [found.grey for found in decode(data, name="x")]


def notes(data: bytes) -> str:
    return " ".join(note for found in decode(data, name="x") for note in found.meta.notes)


# --- raw files ----------------------------------------------------------------------------------

PREVIEW = {"subfiletype": 1}
DNG = [(50706, 1, 4, (1, 4, 0, 0), True)]

LEAF = [(34310, 1, 8, b"PKTS" + bytes(4), True)]
HASSELBLAD = [(46275, 7, 8, bytes(8), True)]
SONY = [(28672, 3, 1, 2, True)]
KDC = [(65024, 4, 1, 8, True)]


def with_tag(data: bytes, below: int, tag: int, value: int) -> bytes:
    """Changes a 16-bit tag of a directory below the first page."""
    out = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as found:
        entry = found.pages[0].pages[below].tags[tag]  # type: ignore[index]
        out[entry.valueoffset : entry.valueoffset + 2] = value.to_bytes(2, "little")
    return bytes(out)


RAW: dict[str, Callable[[], bytes]] = {
    "DNG": lambda: sub(SMALL, [(G16, {})], extratags=DNG, **PREVIEW),
    "a DNG whose raw data cannot be found": lambda: (
        pages((RGB16, {"photometric": "rgb", "extratags": DNG})) + bytes(200_000)
    ),
    "a filter array below a preview": lambda: with_tag(
        sub(SMALL, [(G16, {})], **PREVIEW), 0, 262, 32803
    ),
    "linear raw below a preview": lambda: with_tag(
        sub(SMALL, [(G16, {})], **PREVIEW), 0, 262, 34892
    ),
    "a filter array below a whole picture": lambda: with_tag(sub(G8, [(SMALL, {})]), 0, 262, 32803),
    "Nikon's compression": lambda: with_tag(sub(SMALL, [(G16, {})], **PREVIEW), 0, 259, 34713),
    "Sony's compression": lambda: with_tag(sub(SMALL, [(G16, {})], **PREVIEW), 0, 259, 32767),
    "Samsung's second compression": lambda: with_tag(
        sub(SMALL, [(G16, {})], **PREVIEW), 0, 259, 32772
    ),
    "ARW": lambda: sub(SMALL, [(G16, {"extratags": [(28672, 3, 1, 2, True)]})], **PREVIEW),
    "MOS": lambda: pages((G16, {"extratags": LEAF})),
    "3FR": lambda: pages((SMALL, {"extratags": [(46275, 7, 80_000, bytes(80_000), True)]})),
    "KDC": lambda: pages((SMALL, {"extratags": KDC})) + bytes(80_000),
    "a preview with the tag of 3FR": lambda: pages((SMALL, {"extratags": HASSELBLAD, **PREVIEW})),
    "RAW": lambda: bytes(25) + b"ARECOYK" + bytes(500),
    "R3D": lambda: b"\0\0\1\0RED2" + bytes(500),
    "LFP": lambda: b"\x89LFP\r\n\x1a\n" + bytes(500),
    "a filter array as a second page": lambda: pages((SMALL, {}), (G16, {}), page1={262: 32803}),
    "CR2": lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + pages((SMALL, {}))[8:],
    "IIQ": lambda: b"II*\0\x10\0\0\0IIIITwaR" + bytes(400),
    "ORF": lambda: b"IIRO" + pages((SMALL, {}))[4:],
    "RW2": lambda: b"IIU\0" + pages((SMALL, {}))[4:],
    "RAF": lambda: b"FUJIFILMCCD-RAW 0201" + bytes(500),
    "CR3": lambda: b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(500),
}


@pytest.mark.parametrize("kind", RAW)
def test_a_raw_file_is_refused_as_one(kind: str) -> None:
    with pytest.raises(UnsupportedPhotoError, match="x is a raw file") as caught:
        decode(RAW[kind](), name="x")
    assert "Develop it first" in caught.value.advice
    assert len(kind) > 3 or f"({kind})" in str(caught.value)


@pytest.mark.parametrize("pixels", ["grey", "grey of 16 bits", "RGB", "RGB of 16 bits"])
@pytest.mark.parametrize("tags", [DNG, LEAF, HASSELBLAD, SONY, KDC], ids=lambda tags: tags[0][0])
def test_a_finished_picture_with_a_tag_of_a_maker_is_no_raw_file(
    tags: list[tuple[Any, ...]], pixels: str
) -> None:
    shown = {"grey": G8, "grey of 16 bits": G16, "RGB": RGB16 >> 8, "RGB of 16 bits": RGB16}[pixels]
    shown = shown.astype(np.uint8) if pixels == "RGB" else shown
    photometric = {"photometric": "rgb"} if shown.ndim == 3 else {}
    data = pages((shown, {"extratags": tags, **photometric}))
    if pixels == "grey of 16 bits" and tags in (LEAF, SONY):
        with pytest.raises(UnsupportedPhotoError, match="is a raw file"):
            decode(data, name="x")
        return
    (found,) = decode(data, name="x")
    assert np.array_equal(found.grey, greys(pages((shown, photometric)))[0])
    assert any("Left out: " in note for note in found.meta.notes)
    assert not found.meta.parts
    written = encode([found], format="TIFF", provenance=None).data
    assert np.array_equal(greys(written)[0], found.grey)


def test_metadata_and_previews_beside_a_finished_picture_are_no_raw_data() -> None:
    large = np.tile(G16, (40, 30))
    data = pages((large, {"extratags": DNG}), (SMALL, PREVIEW)) + bytes(60_000)
    assert np.array_equal(greys(data)[0], large)


@pytest.mark.parametrize("first", [b"IIII", b"MMMM", b"CR\2\0"])
def test_pixels_are_no_signature_of_a_raw_file(first: bytes) -> None:
    flat = np.frombuffer(first * 64, np.uint8).reshape(16, 16).copy()
    plain = Photo(flat, None, "grey", Metadata("TIFF", packing="none"))
    data = encode([plain], format="TIFF", provenance=None).data
    assert data[8:12] == first
    assert np.array_equal(greys(data)[0], flat)


# --- previews and directories below a page ------------------------------------------------------


def test_a_preview_before_the_photograph_is_left_out() -> None:
    (found,) = greys(pages((SMALL, {"subfiletype": 1}), (G16, {})))
    assert np.array_equal(found, G16)


def test_a_preview_by_the_old_tag_is_left_out() -> None:
    old = {"extratags": [(255, 3, 1, 2, True)], "subfiletype": None}
    data = pages((G8, {}), (SMALL, old))
    assert [grey.shape for grey in greys(data)] == [G8.shape]


def test_two_photographs_stay_two() -> None:
    assert len(greys(pages((G8, {}), (G8[:, ::-1].copy(), {}), (SMALL, {})))) == 3


def test_a_photograph_below_its_preview_is_the_one_that_is_read() -> None:
    data = sub(
        SMALL,
        [(RGB16, {"photometric": "rgb"})],
        description="A street",
        **PREVIEW,
    )
    (found,) = decode(data, name="x")
    assert np.array_equal(found.grey, G16)
    assert found.meta.exif is not None
    assert b"A street" in found.meta.exif


def test_a_preview_that_is_not_flagged_is_told_by_its_size() -> None:
    assert [grey.shape for grey in greys(sub(SMALL, [(G8, {})]))] == [G8.shape]


def test_reduced_copies_below_a_page_are_left_out_silently() -> None:
    data = sub(G8, [(G8[::2, ::2].copy(), PREVIEW), (SMALL, PREVIEW)], tile=(16, 16))
    assert np.array_equal(greys(data)[0], G8)
    assert notes(data) == ""


def test_other_pictures_below_a_page_are_named() -> None:
    data = sub(G8, [(SMALL, {})])
    assert np.array_equal(greys(data)[0], G8)
    assert "Left out: 1 other picture below page 1" in notes(data)


def test_where_all_are_reduced_the_largest_is_read() -> None:
    data = pages((SMALL, PREVIEW), (G8, PREVIEW))
    assert [grey.shape for grey in greys(data)] == [G8.shape]


def test_directories_below_each_other_in_a_circle_end() -> None:
    data = bytearray(sub(SMALL, [(G8, {})]))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as found:
        place = found.pages[0].tags[330].valueoffset
        data[place : place + 4] = found.pages[0].offset.to_bytes(4, "little")
    assert [grey.shape for grey in greys(bytes(data))] == [SMALL.shape]


def test_a_damaged_directory_below_a_page_is_named() -> None:
    data = bytearray(sub(G8, [(SMALL, PREVIEW)]))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as found:
        place = found.pages[0].tags[330].valueoffset
    data[place : place + 4] = (len(data) - 3).to_bytes(4, "little")
    assert np.array_equal(greys(bytes(data))[0], G8)
    assert "below page 1 is damaged" in notes(bytes(data))


# --- masks and infrared copies ------------------------------------------------------------------


def masked(**more: Any) -> bytes:
    given = {"subfiletype": 4, **more}
    return pages((G8, {}), (MASK, given), page1={262: 4})


def infrared(flags: int = 4, **more: Any) -> bytes:
    return pages(
        (RGB16, {"photometric": "rgb"}), (INFRARED, {"subfiletype": 2, **more}), page1={254: flags}
    )


def attached_page(data: bytes) -> tifffile.TiffPage:
    with tifffile.TiffFile(io.BytesIO(data)) as found:
        assert len(found.pages) == 2
        return found.pages[1].aspage()


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("packing", [None, "zlib"])
def test_a_mask_is_copied_with_its_kind(options: dict[str, Any], packing: str | None) -> None:
    data = pages(
        (G8, {"compression": packing}),
        (MASK, {"subfiletype": 2, **options}),
        page1={262: 4, 254: 4},
    )
    (found,) = decode(data, name="x")
    assert np.array_equal(found.grey, G8)
    written = encode([found], format="TIFF", provenance=None)
    assert written.lost == ()
    page = attached_page(written.data)
    assert (page.tags[254].value, page.photometric, page.bitspersample) == (4, 4, 1)
    with tifffile.TiffFile(io.BytesIO(written.data)) as read:
        assert np.array_equal(read.pages[1].asarray(), MASK)
    (again,) = decode(written.data, name="x")
    assert np.array_equal(again.meta.attached[0].pixels, found.meta.attached[0].pixels)


def test_a_mask_of_8_bits_keeps_them() -> None:
    soft = G8[::-1].copy()
    data = pages((G8, {}), (soft, {"subfiletype": 2}), page1={262: 4, 254: 4})
    (found,) = decode(data, name="x")
    written = encode([found], format="TIFF", provenance=None).data
    with tifffile.TiffFile(io.BytesIO(written)) as read:
        assert np.array_equal(read.pages[1].asarray(), soft)


@pytest.mark.parametrize(
    "data",
    [
        infrared(),
        infrared(0, description="Infrared"),
        infrared(0, extratags=[(285, 2, 0, "infrared", True)]),
    ],
    ids=["flag", "description", "page name"],
)
def test_an_infrared_copy_is_no_photograph_and_is_copied(data: bytes) -> None:
    (found,) = decode(data, name="x")
    assert np.array_equal(found.grey, G16)
    (attached,) = found.meta.attached
    assert attached.kind == "infrared"
    written = encode([found], format="TIFF", provenance=None).data
    with (
        tifffile.TiffFile(io.BytesIO(data)) as before,
        tifffile.TiffFile(io.BytesIO(written)) as after,
    ):
        assert np.array_equal(after.pages[1].asarray(), INFRARED)
        assert after.pages[1].tags[254].value == before.pages[1].tags[254].value
    (again,) = decode(written, name="x")
    assert np.array_equal(again.meta.attached[0].pixels, INFRARED)


def test_a_stripped_file_has_no_description_of_an_attached_page() -> None:
    data = infrared(0, description="Infrared of Aunt Frida")
    stripped = encode(decode(data, name="x"), format="TIFF", provenance=None, strip_metadata=True)
    assert b"Frida" not in stripped.data
    assert len(decode(stripped.data, name="x")[0].meta.attached) == 1


def test_a_photograph_taken_in_infrared_is_a_photograph() -> None:
    named = {"description": "On infrared film"}
    assert len(greys(pages((G8, named)))) == 1
    assert len(greys(pages((G8, {}), (SMALL, named)))) == 2


def test_a_flag_without_a_photograph_before_it_hides_nothing() -> None:
    assert len(greys(pages((G8, {"subfiletype": 2}), page0={254: 4}))) == 1


def test_formats_without_pages_say_what_they_leave_out() -> None:
    for data, said in ((masked(), "a transparency mask"), (infrared(), "an infrared copy")):
        lost = encode(decode(data, name="x"), format="PNG", provenance=None).lost
        assert f"PNG cannot store {said}." in lost


def test_a_mask_alone_is_no_photograph() -> None:
    with pytest.raises(UnsupportedPhotoError, match="a mask but no photograph"):
        decode(pages((MASK, {"subfiletype": 2}), page0={254: 4, 262: 4}), name="x")


def test_a_mask_before_its_photograph_belongs_to_it() -> None:
    data = pages((MASK, {"subfiletype": 2}), (G8, {}), page0={254: 4, 262: 4})
    (found,) = decode(data, name="x")
    assert np.array_equal(found.grey, G8)
    assert len(found.meta.attached) == 1


def test_masks_stay_with_their_own_photographs() -> None:
    mask = {"subfiletype": 2}
    data = pages(
        (G8, {}),
        (MASK, mask),
        (SMALL, {}),
        (~MASK, mask),
        page1={254: 4, 262: 4},
        page3={254: 4, 262: 4},
    )
    first, second = decode(data, name="x")
    written = encode([first, second], format="TIFF", provenance=None).data
    with tifffile.TiffFile(io.BytesIO(written)) as found:
        assert [page.photometric for page in found.pages] == [1, 4, 1, 4]
        assert np.array_equal(found.pages[3].asarray(), ~MASK)


def test_an_attached_page_is_turned_with_its_photograph() -> None:
    tag = {"extratags": [(274, 3, 1, 6, True)]}
    (found,) = decode(
        pages((G8, tag), (MASK, {"subfiletype": 2}), page1={254: 4, 262: 4}), name="x"
    )
    assert found.shape == (96, 64)
    (attached,) = found.meta.attached
    assert np.array_equal(attached.pixels, np.rot90(MASK, -1) * np.uint8(255))


def test_a_damaged_mask_does_not_cost_the_photograph() -> None:
    data = pages(
        (G8, {}), (MASK, {"subfiletype": 2, "compression": "zlib"}), page1={254: 4, 262: 4}
    )
    with tifffile.TiffFile(io.BytesIO(data)) as found:
        at = found.pages[1].dataoffsets[0]
    damaged = data[:at] + b"\xff" * 8 + data[at + 8 :]
    (photograph,) = decode(damaged, name="x")
    assert np.array_equal(photograph.grey, G8)
    said = notes(damaged)
    assert "transparency mask" in said


def test_masks_count_towards_the_limit_of_pixels() -> None:
    with pytest.raises(TintypeError, match="--max-megapixels"):
        decode(masked(), name="x", max_pixels=G8.size * 3 // 2)
