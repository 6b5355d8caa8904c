"""Decoding in a child process: the same pictures, and nothing that a decoder does harms others."""

import dataclasses
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photo import hostile_decoders
from photo.hostile_decoders import ACTIONS, asking
from photo.samples import PROVENANCE, photo, saved, scene
from promises.seeds import PICTURES
from tintype.cancellation import WorkCancelledError, cancelled_when
from tintype.errors import (
    PhotoError,
    PhotoTooLargeError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
)
from tintype.photo import decode, other_decoder, thumbnail
from tintype.photo.encode import encode
from tintype.photo.formats import jpeg_coefficients, jpeg_exact, pillow
from tintype.photo.photo import Metadata
from tintype.photo.sandbox import sandbox as module
from tintype.photo.sandbox.answers import Pages
from tintype.photo.sandbox.limits import Limits, limits_of
from tintype.photo.sandbox.sandbox import Sandbox
from tintype.photo.sandbox.scope import decoding_in
from tintype.photo.sandbox.wire import DecoderFaultError, NonsenseError, packed, received

LINUX = sys.platform == "linux"
GREY = saved(scene()[..., 0], "PNG")
_MIB = 1 << 20


def tight(size: int, max_pixels: int) -> Limits:
    """A second of work, and memory for small pictures."""
    given = limits_of(size, max_pixels)
    return Limits(memory=300 * _MIB, cpu=1, wall=30.0, file=given.file)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture(scope="module")
def hostile() -> Iterator[Sandbox]:
    """A sandbox whose decoders can be taken over, with tight limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
        with Sandbox(limits=tight) as box:
            yield box


def outcome(work: Callable[[], Any]) -> Any:
    """What comes out, or the error as a user sees it."""
    try:
        return work()
    except PhotoError as error:
        return type(error), str(error)


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal in every pixel and every field."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if dataclasses.is_dataclass(a):
        names = [field.name for field in dataclasses.fields(a)]
        return all(same(getattr(a, name), getattr(b, name)) for name in names)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


# ----- the same results -----


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_what_is_decoded_is_the_same(sandbox: Sandbox, name: str) -> None:
    data = PICTURES[name]()
    here = outcome(lambda: decode.decode(data, name="x"))
    with decoding_in(sandbox):
        there = outcome(lambda: decode.decode(data, name="x"))
    assert same(here, there), (here, there)


def test_all_that_reads_foreign_bytes_gives_the_same(sandbox: Sandbox) -> None:
    source = saved(scene()[..., 0], "JPEG", quality=95)
    colored = encode([photo(scene(), form="JPEG")], format="JPEG", provenance=PROVENANCE).data
    deep, cmyk = PICTURES["PNG, 16 bits"](), PICTURES["JPEG, CMYK"]()
    size = jpeg_coefficients.blocks_of(40), jpeg_coefficients.blocks_of(56)
    (read,) = decode.decode(source, name="x")
    questions: list[Callable[[], Any]] = [
        lambda: decode.decode_colors(colored, name="x"),
        lambda: decode.decode_colors(deep, name="x"),
        lambda: decode.decode_layer(deep, name="x", max_pixels=10**6)[1],
        lambda: np.asarray(decode.decode_layer(cmyk, name="x", max_pixels=10**6)[0]),
        lambda: decode.read_provenance(colored),
        lambda: decode.read_provenance(source),
        lambda: other_decoder.shown_grey(source, (40, 56)),
        lambda: other_decoder.shown_grey(source, (41, 56)),
        lambda: other_decoder.difference_shown(read, source, colored),
        lambda: thumbnail.of_file(colored, name="x", max_pixels=10**6),
        lambda: jpeg_exact.read_luminance(source, size),
    ]
    for number, question in enumerate(questions):
        here = question()
        with decoding_in(sandbox):
            there = question()
        assert same(here, there), number
        assert here is not None or number in (5, 7)


def test_a_file_that_is_refused_is_refused_in_the_same_words(sandbox: Sandbox) -> None:
    for data in (b"", b"no picture", GREY[:60], b"%PDF-1.4", PICTURES["APNG"]()):
        here = outcome(lambda data=data: decode.decode(data, name="x"))
        with decoding_in(sandbox):
            assert outcome(lambda data=data: decode.decode(data, name="x")) == here
    with decoding_in(sandbox), pytest.raises(PhotoTooLargeError, match="--max-megapixels"):
        decode.decode(GREY, name="x", max_pixels=100)


def test_a_jpeg_without_luminance_coefficients_is_refused_there_too(sandbox: Sandbox) -> None:
    source = saved(scene()[..., 0], "JPEG")
    for data, size in ((source, (1, 1)), (source[:-40], (5, 7))):
        with pytest.raises(ValueError, match=r".") as here:
            jpeg_exact.read_luminance(data, size)
        with decoding_in(sandbox), pytest.raises(ValueError, match=r".") as there:
            jpeg_exact.read_luminance(data, size)
        assert str(here.value) in str(there.value)


def test_without_a_process_for_each_file_it_is_the_same() -> None:
    with Sandbox(forks=False) as box, decoding_in(box):
        (found,) = decode.decode(GREY, name="x")
        assert np.array_equal(found.grey, scene()[..., 0])
        first = box._idle[0]
        assert not box.filtered
        for _ in range(module._FILES_PER_CHILD):
            decode.decode(GREY, name="x")
        assert not first.alive  # replaced after some files
        with pytest.raises(UnreadablePhotoError, match="damaged"):
            decode.decode(GREY[:60], name="x")


def test_decoding_imports_nothing_once_it_has_begun() -> None:
    """In a sandbox no file can be opened, so what is missing then stays missing."""
    code = (
        "import sys; from tintype.photo.sandbox.child import preload; preload()\n"
        "from tintype.photo.sandbox.operations import OPERATIONS\n"
        "from promises.seeds import PICTURES\n"
        "files = [make() for make in PICTURES.values()]\n"
        "before = set(sys.modules)\n"
        "for data in files:\n"
        "    for work in OPERATIONS.values():\n"
        "        try: work(data, 'x', (10**6, 10**6))\n"
        "        except Exception: pass\n"
        "print(sorted(set(sys.modules) - before))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert said.stdout.strip() == "[]"


def test_several_threads_have_children_of_their_own(sandbox: Sandbox) -> None:
    def work(number: int) -> bool:
        pixels = scene(30 + number, 40)[..., 0]
        with decoding_in(sandbox):
            return np.array_equal(decode.decode(saved(pixels, "PNG"), name="x")[0].grey, pixels)

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(work, range(9)))
    assert len(sandbox._idle) <= 3


# ----- encoding -----

ENCODED = {
    "AVIF": photo(scene(), form="JPEG"),
    "JPEG2000": photo(scene(), form="JPEG"),
    "WEBP": photo(scene(), form="JPEG"),
    "WEBP, lossless": dataclasses.replace(
        photo(scene(), form="JPEG"), meta=Metadata(format="WEBP", packing="lossless")
    ),
    "AVIF, alpha": dataclasses.replace(photo(scene(), form="JPEG"), alpha=scene()[..., 1].copy()),
    "JPEG2000, grey": dataclasses.replace(photo(scene(), form="JPEG"), color=None),
}


@pytest.mark.parametrize("name", ENCODED)
def test_what_is_encoded_is_the_same(sandbox: Sandbox, name: str) -> None:
    form = name.partition(",")[0]
    here = encode([ENCODED[name]], format=form, provenance=PROVENANCE)
    with decoding_in(sandbox), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image.Image, "save", None)  # it is not done in this process
        there = encode([ENCODED[name]], format=form, provenance=PROVENANCE)
    assert here == there


def test_without_a_process_for_each_file_what_is_encoded_is_the_same() -> None:
    here = encode([ENCODED["AVIF"]], format="AVIF", provenance=PROVENANCE)
    with Sandbox(forks=False) as box, decoding_in(box):
        assert encode([ENCODED["AVIF"]], format="AVIF", provenance=PROVENANCE) == here


def test_what_an_encoder_refuses_is_refused_in_the_same_words(sandbox: Sandbox) -> None:
    wide = Image.new("L", (17_000, 1))
    with pytest.raises(ValueError, match="encoding error") as here:
        pillow.save(wide, "WEBP")
    with decoding_in(sandbox), pytest.raises(ValueError, match="encoding error") as there:
        pillow.save(wide, "WEBP")
    assert str(here.value) == str(there.value)


@pytest.mark.parametrize(
    ("action", "why"),
    [("segfault", "crashed (SIGSEGV)"), ("another type", "returned an invalid answer (")],
)
def test_an_encoder_that_crashes_is_one_line(hostile: Sandbox, action: str, why: str) -> None:
    image = Image.new("L", (4, 3))
    with decoding_in(hostile):
        with pytest.raises(UnsupportedPhotoError) as error:
            pillow.save(image, "AVIF", last=asking(action))
        assert f"The AVIF cannot be written: its encoder {why}" in str(error.value)
        assert "--format png" in error.value.advice
        assert pillow.save(image, "AVIF")


def test_an_encoder_ends_with_the_wish_for_its_file(hostile: Sandbox) -> None:
    began = time.monotonic()
    with (
        decoding_in(hostile),
        cancelled_when(lambda: True),
        pytest.raises(WorkCancelledError),
    ):
        pillow.save(Image.new("L", (4, 3)), "JPEG2000", last=asking("sleep"))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("form", ["PNG", "PNG, 16 bits", "TIFF", "BMP"])
def test_encoders_in_this_process_ask_between_slices(form: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 300, 3), np.uint8)
    deep = pixels.astype(np.uint16) * 257 if "16" in form else pixels
    asked = []

    def unwanted() -> bool:
        asked.append(form)
        return len(asked) > 1

    with cancelled_when(unwanted), pytest.raises(WorkCancelledError):
        encode([photo(deep)], format=form.partition(",")[0], provenance=None)


# ----- what a decoder does -----


def refused(box: Sandbox, action: str) -> str:
    """The line about a file whose decoder does something; the next one is decoded all the same."""
    with decoding_in(box):
        with pytest.raises(PhotoError) as error:
            decode.decode(asking(action), name="bad.jpg", max_pixels=10_000)
        assert decode.decode(GREY, name="x")[0].shape == (40, 56)
    return str(error.value)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("segfault", "its decoder crashed (SIGSEGV)"),
        ("abort", "its decoder crashed (SIGABRT)"),
        ("exit", "its decoder crashed (exit code 7)"),
        ("loop", "decoding it took more than 1 seconds of CPU time"),
    ],
)
def test_a_decoder_that_does_not_return_costs_one_file(
    hostile: Sandbox, action: str, why: str
) -> None:
    said = refused(hostile, action)
    assert said.startswith(f"bad.jpg cannot be decoded: {why}.")
    assert "\n" not in said


def test_a_decoder_that_sleeps_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    with Sandbox(limits=lambda *_: Limits(2000 * _MIB, 5, 2.0, _MIB)) as box:
        assert "took longer than 2 seconds" in refused(box, "sleep")


def test_a_decoder_that_eats_memory_is_stopped(hostile: Sandbox) -> None:
    if not LINUX:
        return  # no other system holds a process to its address space
    with decoding_in(hostile):
        with pytest.raises(MemoryError):
            decode.decode(asking("eat memory"), name="x")
        assert decode.decode(GREY, name="x")


def test_a_fault_of_ours_is_one(hostile: Sandbox) -> None:
    with decoding_in(hostile), pytest.raises(DecoderFaultError, match="ZeroDivisionError"):
        decode.decode(asking("bug"), name="x")


def test_on_linux_a_decoder_can_only_compute(hostile: Sandbox) -> None:
    assert hostile.filtered == LINUX
    said = refused(hostile, "forbidden")
    if LINUX:
        assert said == "It could: nothing."
        assert not Path("/tmp/tintype-was-here").exists()


def test_secrets_of_the_environment_stay_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_PASSWORD", "x")
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    with Sandbox() as box:
        said = refused(box, "environment")
    assert "MY_PASSWORD" not in said
    assert "OMP_NUM_THREADS" in said


def test_work_that_nobody_wants_ends_while_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    with Sandbox() as box:
        box.filtered  # noqa: B018 (started)
        child = box._idle[0]
        began = time.monotonic()
        with (
            decoding_in(box),
            cancelled_when(lambda: time.monotonic() > began + 1),
            pytest.raises(WorkCancelledError),
        ):
            decode.decode(asking("sleep"), name="x")
        assert time.monotonic() - began < 30
        assert not child.alive


# ----- what a decoder answers -----

NONSENSE = list(ACTIONS)[list(ACTIONS).index("no pages") :]


@pytest.mark.parametrize("action", [*NONSENSE, "shout"])
def test_an_answer_that_makes_no_sense_is_refused(hostile: Sandbox, action: str) -> None:
    said = refused(hostile, action)
    assert said.startswith("bad.jpg cannot be decoded: its decoder returned an invalid answer (")
    assert len(said) < 400


def test_what_it_says_cannot_drive_a_terminal(hostile: Sandbox) -> None:
    said = refused(hostile, "escapes")
    assert said.isprintable()
    assert said.startswith(r"a\x1b[2Jb\nc")
    assert len(said) < 2100


def read_of(data: bytes, **bounds: int) -> Pages:
    stream = io.BytesIO(data)

    def read(view: memoryview) -> None:
        if stream.readinto(view) < len(view):
            raise EOFError

    return received(read, Pages, **{"size": 100, "most_bytes": 1000, **bounds})


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_are_no_answer(data: bytes, framed: bool) -> None:
    data = len(data).to_bytes(4, "big") + data if framed else data
    with pytest.raises((EOFError, NonsenseError, PhotoError, DecoderFaultError)):
        read_of(data)


@given(st.data())
def test_an_answer_that_was_changed_is_an_answer_or_nonsense(data: st.DataObject) -> None:
    pages = hostile_decoders._page(alpha=np.ones((4, 5), np.uint8), notes=("a note",))
    head, planes = packed(pages)
    whole = bytearray(head + b"".join(plane.tobytes() for plane in planes))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        photos = read_of(bytes(whole)).photos(1000)
    except (EOFError, NonsenseError, PhotoError, DecoderFaultError, MemoryError):
        return
    assert all(page.grey.ndim == 2 and page.grey.size <= 1000 for page in photos)


def test_planes_are_bounded_before_they_are_allocated() -> None:
    head, _ = packed(hostile_decoders._page(np.zeros((40, 50), np.uint8)))
    with pytest.raises(NonsenseError, match="2,000 bytes of pixels"):
        read_of(head)
    with pytest.raises(NonsenseError, match="no end"):
        read_of((1 << 31).to_bytes(4, "big"))


# ----- processes -----


def test_closing_leaves_no_process_and_it_can_be_used_again() -> None:
    box = Sandbox()
    with decoding_in(box):
        decode.decode(GREY, name="x")
        child = box._idle[0]
        box.close()
        assert not child.alive
        decode.decode(GREY, name="x")
    again = box._idle[0]
    del box  # forgotten, and not closed
    assert not again.alive


def test_a_child_that_cannot_start_is_no_fault_of_the_photograph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OPERATIONS", "no.such.module")
    with Sandbox() as box, decoding_in(box), pytest.raises(PhotoError, match="--no-sandbox"):
        decode.decode(GREY, name="x")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with Sandbox() as box, decoding_in(box), pytest.raises(PhotoError, match="not be started"):
        decode.decode(GREY, name="x")


def test_a_child_ends_with_its_parent() -> None:
    if not LINUX:
        return  # processes are looked up in /proc
    code = (
        "import os, threading, time\n"
        "from tintype.photo.sandbox import sandbox as module\n"
        "from tintype.photo.sandbox.scope import decoding_in\n"
        "from tintype.photo import decode\n"
        "module.OPERATIONS = 'photo.hostile_decoders'\n"
        "box = module.Sandbox()\n"
        "box.filtered\n"
        "print(box._idle[0]._process.pid, flush=True)\n"
        "threading.Timer(1, lambda: os._exit(3)).start()\n"
        "with decoding_in(box): decode.decode(b'DO:sleep', name='x')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        group = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        assert process.wait(60) == 3
    end = time.monotonic() + 30
    while any(_runs(pid) for pid in group) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(_runs(pid) for pid in group)


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
