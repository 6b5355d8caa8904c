"""Chroma planes: with the stored luminance they are the colour that was wanted, in any matrix."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from tintype.engine.geometry import plan_fit
from tintype.engine.upsample import ChromaUp
from tintype.video.chroma import chroma_planes, grey_of, mean_grey
from tintype.video.layout import PlaneLayout

WEIGHTS = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}


def layout_of(shape=(48, 64), **options) -> PlaneLayout:
    return PlaneLayout(shape, **options)


def stored(layout: PlaneLayout, share: np.ndarray) -> np.ndarray:
    """A share of white as the stream stores it."""
    unit = 1 << (layout.bits - 8)
    top = (1 << layout.bits) - 1
    codes = share * top if layout.full_range else (16 + 219 * share) * unit
    return np.rint(codes).astype(np.uint8 if layout.bits == 8 else np.uint16)


def shown(layout: PlaneLayout, luma, cb, cr) -> np.ndarray:
    """What a screen makes of it: ITU-R BT.709-6 items 3.2 to 3.5, written down again; (H, W, 3)."""
    unit = 1 << (layout.bits - 8)
    top = (1 << layout.bits) - 1
    y = luma / top if layout.full_range else (luma / unit - 16) / 219
    wide = top if layout.full_range else 224 * unit
    cb, cr = ((plane.astype(float) - 128 * unit) / wide for plane in (cb, cr))
    for axis, half in enumerate(layout.subsampled):
        if half:
            cb, cr = (np.repeat(p, 2, axis)[: layout.shape[0], : layout.shape[1]] for p in (cb, cr))
    r, g, b = WEIGHTS[layout.matrix]
    red, blue = y + cr * 2 * (1 - r), y + cb * 2 * (1 - b)
    return np.stack([red, (y - r * red - b * blue) / g, blue], -1)


def up_of(layout: PlaneLayout, grey: np.ndarray, ab: tuple[float, float]) -> ChromaUp:
    """One chroma everywhere."""
    fit = plan_fit(grey.shape, short_side=64, multiple=32, stride=4)
    height, width = (side // 4 for side in fit.padded)
    plane = np.broadcast_to(np.array(ab, np.float32)[:, None, None], (2, height, width))
    luma = np.full(fit.padded, 128, np.float32)
    return ChromaUp(plane.copy(), luma, fit, mean_grey(grey, layout).shape)


LAYOUTS = [
    layout_of(),
    layout_of(matrix="bt601"),
    layout_of(matrix="bt2020"),
    layout_of(full_range=True),
    layout_of(bits=10),
    layout_of(bits=10, full_range=True, matrix="bt601"),
    layout_of(bits=12, subsampled=(False, True)),
    layout_of(subsampled=(False, True)),
    layout_of(subsampled=(False, False)),
    layout_of(turn=1),
    layout_of(turn=3, subsampled=(False, True)),
    layout_of((47, 63)),
    layout_of((47, 63), turn=1, bits=10),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("ab", [(18.0, 24.0), (-15.0, 12.0), (6.0, -22.0)])
def test_shown_colour_is_the_wanted_one(layout, ab):
    luma = stored(layout, np.full(layout.shape, 0.55))
    grey = grey_of(luma, layout)
    cb, cr = chroma_planes(up_of(layout, grey, ab), grey, layout)
    assert cb.shape == cr.shape == layout.chroma_shape
    assert cb.dtype == cr.dtype == luma.dtype
    lab = rgb2lab(shown(layout, luma, cb, cr).clip(0, 1))
    # In 8 bits half a code of Cb or Cr is up to 0.9 ab units, and the code of ab itself is two.
    within = 2.2 if layout.bits == 8 else 0.4
    assert np.abs(lab[..., 1:] - ab).max() < within


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_no_chroma_is_the_neutral_code(layout):
    luma = stored(layout, np.linspace(0, 1, layout.shape[1])[None].repeat(layout.shape[0], 0))
    grey = grey_of(luma, layout)
    cb, cr = chroma_planes(up_of(layout, grey, (0, 0)), grey, layout)
    assert np.all(cb == 128 << (layout.bits - 8))
    assert np.all(cr == 128 << (layout.bits - 8))


@pytest.mark.parametrize("layout", [LAYOUTS[0], LAYOUTS[4], LAYOUTS[7]], ids=str)
def test_every_pixel_that_a_sample_serves_stays_inside_the_gamut(layout):
    """Outside of it a screen would clip, and so change the luminance."""
    share = np.random.default_rng(5).uniform(0, 1, layout.shape)
    luma = stored(layout, share)
    grey = grey_of(luma, layout)
    cb, cr = chroma_planes(up_of(layout, grey, (60, 50)), grey, layout)
    rgb = shown(layout, luma, cb, cr)
    step = 2.5 / 255  # half a code of Y' and of both chromas, as a channel sees them
    assert rgb.min() > -step
    assert rgb.max() < 1 + step
    assert np.ptp(cr.astype(int)) > 4 << (layout.bits - 8)  # and it is still in colour


@pytest.mark.parametrize("bits", [8, 10])
def test_codes_outside_of_the_range_are_cut(bits):
    layout = layout_of((2, 2), bits=bits)
    unit = 1 << (bits - 8)
    luma = np.array([[0, 16], [235, 255]], np.uint8 if bits == 8 else np.uint16) * unit
    top = 255 if bits == 8 else 65535
    assert grey_of(luma, layout).tolist() == [[0, 0], [top, top]]


def test_turned_frames_are_seen_upright():
    luma = np.full((4, 6), 16, np.uint8)
    luma[0, 0] = 235
    assert grey_of(luma, layout_of((4, 6), turn=1))[5, 0] == 255
    assert grey_of(luma, layout_of((4, 6), turn=2))[3, 5] == 255
