"""How players turn and mirror a film: the network sees it upright, and the output says the same."""

from pathlib import Path

import av
import numpy as np
import pytest

from tintype.engine.bundle import Bundle
from tintype.video.chroma import grey_of
from tintype.video.decode import Damage, read_frames
from tintype.video.layout import PlaneLayout, orientation
from tintype.video.probe import probe
from video.clips import make_clip, planes_of
from video.conftest import assert_same_luma, colored

ONE = 1 << 16

# (a, b, c, d) of the matrix, and what turns a stored plane into what players show.
EIGHT = {
    "as it is": ((1, 0, 0, 1), lambda plane: plane),
    "mirrored": ((-1, 0, 0, 1), lambda plane: plane[:, ::-1]),
    "upside down": ((-1, 0, 0, -1), lambda plane: plane[::-1, ::-1]),
    "flipped": ((1, 0, 0, -1), lambda plane: plane[::-1]),
    "to the left": ((0, -1, 1, 0), lambda plane: plane.T[::-1]),
    "to the right": ((0, 1, -1, 0), lambda plane: plane.T[:, ::-1]),
    "transposed": ((0, 1, 1, 0), lambda plane: plane.T),
    "transposed, upside down": ((0, -1, -1, 0), lambda plane: plane.T[::-1, ::-1]),
}


def matrix_of(a: float, b: float, c: float, d: float) -> tuple[int, ...]:
    numbers = (a, b, 0, c, d, 0, 0, 0)
    return *(round(number * ONE) for number in numbers), 1 << 30


@pytest.mark.parametrize("name", EIGHT)
def test_the_network_sees_the_film_upright(tmp_path: Path, bundle: Bundle, name: str) -> None:
    numbers, shown = EIGHT[name]
    path = make_clip(tmp_path / "a.mp4", count=2, size=(48, 64), matrix=matrix_of(*numbers))
    source = probe(path)
    assert source.warnings == ()
    frame = next(iter(read_frames(source, Damage())))
    with av.open(str(path)) as container:
        stored = planes_of(next(container.decode(video=0)))[0]
    assert np.array_equal(frame.luma, stored)
    seen = grey_of(frame.luma, source.layout)
    upright = shown(stored)
    assert np.array_equal(seen, grey_of(upright, PlaneLayout(upright.shape, matrix="bt601")))
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"b{suffix}"
        job = colored(path, bundle, target=target)
        assert_same_luma(path, target)
        assert probe(target).layout == job.source.layout


def test_chroma_is_stored_as_it_was_turned() -> None:
    plane = np.arange(48 * 64).reshape(48, 64)
    for numbers, shown in EIGHT.values():
        turn, mirrored = orientation(matrix_of(*numbers))
        layout = PlaneLayout((48, 64), turn=turn, mirrored=mirrored)
        assert np.array_equal(layout.upright(plane), shown(plane))
        assert np.array_equal(layout.stored(layout.upright(plane)), plane)


def test_a_scaled_matrix_is_the_same() -> None:
    assert orientation(matrix_of(0, -0.5, 0.5, 0)) == (1, False)
    assert orientation(matrix_of(-1, 0.001, 0, 1)) == (0, True)


@pytest.mark.parametrize("numbers", [(0.7, 0.7, -0.7, 0.7), (1, 0, 0.5, 1), (0, 0, 0, 0)])
def test_other_matrices_are_reported(tmp_path: Path, numbers: tuple[float, ...]) -> None:
    assert orientation(matrix_of(*numbers)) is None
    if any(numbers):
        path = make_clip(tmp_path / "a.mp4", count=2, size=(48, 64), matrix=matrix_of(*numbers))
        assert any("coloured as stored" in warning for warning in probe(path).warnings)
