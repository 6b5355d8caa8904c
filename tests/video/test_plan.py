"""Everything that can be checked before a frame is coloured."""

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tintype.engine.bundle import Bundle
from tintype.engine.devices import DeviceName
from tintype.engine.hints import Hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import FilmError, ModelError, TargetExistsError, UsageError
from tintype.video.plan import plan
from tintype.video.request import FilmRequest, Window
from tintype.video.run import color
from tintype.video.shots import Shot
from video.clips import make_clip
from video.conftest import LOSSLESS, MILLI, FakeRenderer


def test_requests_are_checked_before_the_work(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", turned=90)

    def refused(
        request: FilmRequest, error: type[Exception], text: str, name: str = "b.mp4"
    ) -> None:
        with pytest.raises(error, match=text):
            plan(path, tmp_path / name, request, bundle)

    refused(FilmRequest(crf=60), UsageError, "--crf 60 is out of range")
    refused(FilmRequest(crf=20, lossless=True), UsageError, "Leave --crf out")
    refused(FilmRequest(steady=2), UsageError, "--steady 2 is out of range")
    refused(FilmRequest(codec="ffv1"), UsageError, r"\.mkv")
    refused(FilmRequest(), UsageError, "ends in .gif", "b.gif")
    refused(FilmRequest(), UsageError, "the film itself", "a.mp4")
    refused(FilmRequest(window=Window(Fraction(9), Fraction(1))), UsageError, "shorter than 9 s")
    # Upright it is 96 wide and 128 high.
    shots = (Shot(1.0, (Hint(100, 20, 9, 9),)),)
    refused(FilmRequest(shots=shots), UsageError, "outside the film of 96 x 128")
    shots = (Shot(0.0, (Hint(9, 9, 9, 9, 99),) * 170_000),)
    refused(FilmRequest(shots=shots), UsageError, "hints paint 2,088 million pixels")


def test_a_model_without_references_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    from skimage import data

    from tintype.engine.reference import Reference

    reference = Reference("a.png", "0" * 64, data.coffee()[::8, ::8])
    path = make_clip(tmp_path / "a.mp4")
    for request in (
        FilmRequest(settings=Settings(reference=reference)),
        FilmRequest(shots=(Shot(0.0, (), reference),)),
    ):
        with pytest.raises(ModelError, match="features"):
            plan(path, None, request, bundle)


def test_a_film_needs_its_device_before_it_is_begun(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    device: DeviceName = "directml" if sys.platform != "win32" else "coreml"
    request = FilmRequest(settings=replace(FilmRequest().settings, device=device))
    with pytest.raises(UsageError, match=f"The device {device} is not available"):
        plan(path, None, request, bundle)


def test_a_film_says_that_its_device_differs(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_clip(tmp_path / "a.mp4")
    before = plan(path, None, FilmRequest(), bundle).warnings
    monkeypatch.setattr(Engine, "device_note", lambda *_: "It differs.")
    assert plan(path, None, FilmRequest(), bundle).warnings == (*before, "It differs.")


def test_a_codec_with_too_few_bits_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", form="yuv420p16le", clock=MILLI)
    with pytest.raises(FilmError, match="16 bits per sample, which"):
        plan(path, None, FilmRequest(codec="h264"), bundle)


def test_a_missing_encoder_is_reported(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"ffv1"})
    with pytest.raises(FilmError, match="no libx264, which"):
        plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)


def test_an_output_is_replaced_only_with_overwrite(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    (tmp_path / "a.color.mp4").write_text("somebody's")
    for overwrite in (False, True):
        with pytest.raises(TargetExistsError, match="never replaced"):
            plan(path, None, LOSSLESS, bundle, overwrite=overwrite)
    assert (tmp_path / "a.color.mp4").read_text() == "somebody's"
    (tmp_path / "a.color.mp4").write_text("")
    with pytest.raises(TargetExistsError, match="already exists"):
        plan(path, None, LOSSLESS, bundle)
    job = plan(path, None, LOSSLESS, bundle, overwrite=True)
    color(job, bundle, renderers=FakeRenderer, overwrite=True)
    assert plan(path, None, LOSSLESS, bundle).done
    with pytest.raises(TargetExistsError, match="made with other settings"):
        plan(path, None, replace(LOSSLESS, every=7), bundle)
    assert not plan(path, None, replace(LOSSLESS, every=7), bundle, overwrite=True).done


def test_the_default_quality_predicts_each_frame_at_one_size() -> None:
    assert FilmRequest().settings == Settings(quality="normal")
