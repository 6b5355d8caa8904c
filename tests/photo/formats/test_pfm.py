"""PFM: floating-point light, upside down, in either order of bytes."""

import numpy as np
import pytest

from tintype.errors import UnreadablePhotoError
from tintype.photo.decode import decode
from tintype.photo.photo import Photo

LIGHT = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)


def pfm(light: np.ndarray, order: str = "<") -> bytes:
    height, width = light.shape[:2]
    kind, scale = "PF" if light.ndim == 3 else "Pf", "-1.0" if order == "<" else "1.0"
    head = f"{kind}\n{width} {height}\n{scale}\n".encode()
    return head + light[::-1].astype(f"{order}f4").tobytes()


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="a.pfm")
    return found


def encoded(light: np.ndarray) -> np.ndarray:
    """As sRGB, 16 bits."""
    low = light <= 0.0031308
    return (
        np.where(low, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055) * 65_535
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_light_becomes_16_bits(order: str) -> None:
    found = one(pfm(LIGHT, order))
    assert found.grey.dtype == np.uint16
    assert np.abs(found.grey - encoded(LIGHT)).max() < 1
    assert found.meta.notes == (
        "Its 32-bit floating-point values are written with 16 bits; 0 is black, 1 is white.",
    )
    assert found.meta.format == "PPM"


def test_colours_and_light_above_white() -> None:
    found = one(pfm(np.stack([LIGHT * 4] * 3, -1)))
    assert np.abs(found.grey - encoded(LIGHT)).max() < 2
    assert "4 is white" in found.meta.notes[0]


@pytest.mark.parametrize(
    "change", [lambda d: d[:-1], lambda d: b"Pf\nx 6\n" + d, lambda _: b"Pf \n"]
)
def test_a_damaged_one_is_one_line(change: object) -> None:
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        one(change(pfm(LIGHT)))  # type: ignore[operator]


@pytest.mark.parametrize(
    "bits", [0x7F800001, 0x7FC00000, 0x7F800000, 0xFF800000], ids=["signalling", "quiet", "+", "-"]
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_number_is_black_or_white(bits: int) -> None:
    data = bytearray(pfm(LIGHT))
    data[-4:] = bits.to_bytes(4, "little")  # the last of the top row
    found = one(bytes(data))
    assert found.grey[0, -1] == (65_535 if bits == 0x7F800000 else 0)
