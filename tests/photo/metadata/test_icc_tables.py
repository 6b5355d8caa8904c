"""Tables of a profile in 16 bits: LittleCMS gives the same in 8, and the depth stays."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from photo.samples import ADOBE_RGB, _profile, gamma_curve, rgb_profile
from photo.table_profiles import ADOBE, SQUARED, TABLES, corners, lab_of, lut16, tabled
from photo.unknown import RGB
from tintype.photo.metadata import icc, icc_curves
from tintype.photo.metadata.icc_curves import DamagedProfileError
from tintype.photo.metadata.icc_tables import Tables

DEEP = RGB.astype(np.uint16) * 257
GREY_RAMP = np.repeat(np.arange(65_536, dtype=np.uint16)[None, :, None], 3, 2)


@pytest.mark.parametrize("kind", TABLES)
def test_16_bits_through_tables_are_those_of_8_bits(kind: str) -> None:
    profile = TABLES[kind]()
    exactly = icc._transform(icc._core(profile.data), "RGB", icc._FEW_PIXELS)
    eight = np.asarray(ImageCms.applyTransform(Image.fromarray(RGB), exactly))
    assert np.abs(icc.to_srgb_u16(DEEP, profile) / 257 - eight).max() <= 1.5


@pytest.mark.parametrize("kind", TABLES)
def test_the_depth_stays(kind: str) -> None:
    out = icc.to_srgb_u16(GREY_RAMP, TABLES[kind]())[0]
    assert len(np.unique(out[:, 1])) > 30_000
    assert (np.diff(out[:, 1].astype(int)) >= 0).all()


@pytest.mark.parametrize("kind", [name for name in TABLES if "black" not in name])
def test_tables_of_adobe_rgb_are_adobe_rgb(kind: str) -> None:
    matrix = icc.to_srgb_u16(
        DEEP, icc.open_profile(rgb_profile(ADOBE_RGB, gamma_curve(2.2)))
    ).astype(int)
    off = np.abs(icc.to_srgb_u16(DEEP, TABLES[kind]()).astype(int) - matrix) / 257
    assert off.mean() < 0.5
    assert off.max() < 8  # where red is black, between two nodes


def test_greys_go_through_the_tables_of_rgb_and_of_grey() -> None:
    steps = corners(1, 33) ** 2
    grey = tabled(lut16(lab_of(np.repeat(steps, 3, 1)), 1, 33), space=b"GRAY")
    for profile in (grey, TABLES["lut16"]()):
        deep = icc.grey_table_u16(profile)
        assert np.abs(deep[::257] / 257 - icc.grey_table(profile).astype(float)).max() < 1.2
        assert len(np.unique(deep)) > 30_000


def test_a_profile_that_nothing_here_applies_is_refused_in_16_bits() -> None:
    """No curves, and tables that lead to colours LittleCMS does not show."""
    honest = TABLES["lut16"]()
    other = lut16(lab_of(SQUARED**1.3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(icc_curves, "tags", lambda data, wanted: {b"A2B0": other})
        patch.setattr(icc_curves, "primaries", lambda found: ADOBE)
        with pytest.raises(icc.NoDeepConversionError):
            icc.to_srgb_u16(DEEP, honest)


WHOLE = lut16(lab_of(SQUARED))
BROKEN = {
    "cut": WHOLE[:900],
    "another type": b"mXYZ" + WHOLE[4:],
    "one node": WHOLE[:10] + b"\1" + WHOLE[11:],
    "four channels": WHOLE[:8] + b"\4" + WHOLE[9:],
    "no entries": WHOLE[:48] + bytes(4) + WHOLE[52:],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_damaged_tables_are_damaged_in_16_bits(kind: str) -> None:
    found = {b"A2B0": BROKEN[kind]}
    data = _profile(b"RGB ", b"scnr", found, pcs=b"Lab ")
    with pytest.raises(DamagedProfileError):
        Tables(found, data, 3, ADOBE, compensates=True)
