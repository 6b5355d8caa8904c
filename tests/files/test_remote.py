import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from jobs.runs import run_plan
from tintype.engine.settings import Output
from tintype.errors import TargetExistsError, UnreadablePhotoError, UsageError, WriteError
from tintype.files import remote
from tintype.files.remote import (
    RemoteEntry,
    RemotePath,
    is_folder,
    list_remote,
    parse_location,
    read,
    read_if_exists,
    write,
)
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Plan
from tintype.jobs.report import OWN_OUTPUT
from tintype.photo.limits import MAX_PIXELS

fsspec = pytest.importorskip("fsspec")

Make = Callable[..., Path]

HOSTILE = ["..", ".", "", "a/b.png", "../../x.png", "a\\b.png", "C:x.png", "nul\0.png"]


@pytest.fixture
def options(tiny_model: Path) -> RunOptions:
    return RunOptions(model=str(tiny_model))


@pytest.fixture
def memory() -> Iterator[object]:
    """A store in this process, with atomic writes as in an object store."""
    found = fsspec.filesystem("memory")
    found.store.clear()
    found.pseudo_dirs[:] = [""]
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


# ----- paths and URLs -----


@pytest.mark.parametrize("word", ["a.jpg", "/a/b", "C:/a", "C://a", "a:b", "./s3:/a", "s3:/a"])
def test_a_path_stays_a_path(word: str) -> None:
    assert parse_location(word) == Path(word)


def test_a_url_is_a_place() -> None:
    location = parse_location("S3://bucket/scans/box 1/")
    assert isinstance(location, RemotePath)
    assert str(location) == "s3://bucket/scans/box 1"
    assert str(location / "x.tar.PNG") == "s3://bucket/scans/box 1/x.tar.PNG"
    assert str(location / PurePosixPath("a/b") / PurePosixPath()) == "s3://bucket/scans/box 1/a/b"
    below = location / "x.tar.PNG"
    assert (below.name, below.stem, below.suffix) == ("x.tar.PNG", "x.tar", ".PNG")
    assert below.parent == location
    assert below.with_name("y.jpg") == location / "y.jpg"


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(UsageError, match="password") as caught:
        parse_location("sftp://me:secret@example.org/scans")
    assert "secret" not in str(caught.value)
    assert isinstance(parse_location("abfs://container@account.example.org/scans"), RemotePath)


@pytest.mark.parametrize(
    "word",
    [
        "zip://a.png::s3://bucket/scans.zip",
        "simplecache::file:///scans",
        "filecache::zip://*::s3://bucket/scans.zip",
        "simplecache::https://me:secret@example.org/scans",
    ],
)
def test_a_chain_of_urls_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="chain") as caught:
        parse_location(word)
    assert "secret" not in str(caught.value)


def test_an_unknown_store_is_one_line() -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        is_folder(RemotePath("nosuchstore://bucket/x"))


def test_without_fsspec_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(UsageError, match="extra") as caught:
        is_folder(RemotePath("s3://bucket/x"))
    assert caught.value.advice == 'Type: pip install "tintype-colorizer[ray]"'


# ----- reading and writing -----


@pytest.mark.parametrize("protocol", ["memory", "local"])
def test_writing_replaces_only_with_overwrite(
    tmp_path: Path, memory: object, protocol: str
) -> None:
    root = parse_location(f"{protocol}://{tmp_path.as_posix()}")
    location = root / "new/x.png"
    assert read_if_exists(location, max_pixels=MAX_PIXELS) is None
    write(location, b"one", overwrite=False)
    with pytest.raises(TargetExistsError, match="--overwrite"):
        write(location, b"two", overwrite=False)
    assert (
        read_if_exists(location, max_pixels=MAX_PIXELS)
        == read(location, max_pixels=MAX_PIXELS)
        == b"one"
    )
    write(location, b"two", overwrite=True)
    assert read_if_exists(location, max_pixels=MAX_PIXELS) == b"two"
    assert [entry.name for entry in list_remote(root / "new")] == ["x.png"]
    assert (is_folder(location), is_folder(root / "new")) == (False, True)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.mv", full)
    with pytest.raises(WriteError, match="No space left"):
        write(parse_location(f"local://{tmp_path.as_posix()}/x.png"), b"data", overwrite=True)
    assert files(tmp_path) == {}


def test_a_store_that_copies_to_rename_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fsspec.implementations.local.LocalFileSystem.mv", fsspec.AbstractFileSystem.mv
    )
    with pytest.raises(WriteError, match="cannot rename"):
        write(parse_location(f"local://{tmp_path.as_posix()}/x.png"), b"data", overwrite=True)
    assert files(tmp_path) == {}


def test_what_is_not_there_is_reported(tmp_path: Path) -> None:
    location = parse_location(f"local://{tmp_path.as_posix()}/x.png")
    assert isinstance(location, RemotePath)
    for look_up in (is_folder, partial(read, max_pixels=MAX_PIXELS), list_remote):
        with pytest.raises(UnreadablePhotoError, match=r"x\.png"):
            look_up(location)


def test_a_long_object_is_not_read(memory: object, monkeypatch: pytest.MonkeyPatch) -> None:
    write(RemotePath("memory://x.png"), b"12345678", overwrite=True)
    monkeypatch.setattr("tintype.files.local._METADATA_BYTES", 7)
    monkeypatch.setattr(
        "fsspec.implementations.memory.MemoryFileSystem.cat_file", lambda *_, **__: 1 / 0
    )
    with pytest.raises(UnreadablePhotoError, match="too long"):
        read(RemotePath("memory://x.png"), max_pixels=0)


def test_a_long_output_is_not_read(
    tmp_path: Path, memory: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tintype.files.local._METADATA_BYTES", 7)
    for location in (tmp_path / "x.png", RemotePath("memory://x.png")):
        write(location, b"12345678", overwrite=True)
        with pytest.raises(OSError, match="longer than 0 MiB"):
            read_if_exists(location, max_pixels=0)


# ----- folders -----


def test_a_store_gives_what_a_disk_gives(
    tmp_path: Path, make_photo: Make, options: RunOptions, memory: object
) -> None:
    """The same files, in the same order, whether the photographs come by path or by URL."""
    for number, name in enumerate(["b.png", "a.jpg", "1931/c.tif", "1931/deep/d.png"]):
        make_photo(tmp_path / "in" / name, seed=number)
    (tmp_path / "in/1931/broken.png").write_bytes(b"no picture")
    (tmp_path / "in/notes.txt").write_bytes(b"")
    for name, data in files(tmp_path / "in").items():
        memory.pipe_file(f"/scans/{name}", data)  # type: ignore[attr-defined]
    into = tmp_path / "out"
    here = run_plan(Plan([str(tmp_path / "in")], recursive=True, into=into), options)
    there = run_plan(
        Plan(["memory://scans"], recursive=True, into=RemotePath("memory://coloured")), options
    )
    assert [result.status for result in here] == ["done", "done", "failed", "done", "done"]
    assert [(result.status, result.sha256, result.notes) for result in here] == [
        (result.status, result.sha256, result.notes) for result in there
    ]
    assert [Path(result.input).name for result in here] == [
        Path(result.input).name for result in there
    ]
    assert there[0].input == "memory://scans/a.jpg"
    assert there[0].output == "memory://coloured/a.color.jpg"
    written = memory.find("/coloured")  # type: ignore[attr-defined]
    assert {
        name.removeprefix("/coloured/"): memory.cat_file(name)  # type: ignore[attr-defined]
        for name in written
    } == files(into)


@pytest.mark.parametrize("protocol", ["memory", "local"])
def test_a_second_run_does_nothing_again(
    tmp_path: Path, make_photo: Make, options: RunOptions, memory: object, protocol: str
) -> None:
    root = parse_location(f"{protocol}://{tmp_path.as_posix()}")
    data = make_photo(tmp_path / "away/x.png").read_bytes()
    write(root / "in/x.png", data, overwrite=True)
    plan = Plan([f"{root}/in"])
    (first,) = run_plan(plan, options)
    assert (first.status, first.output) == ("done", f"{root}/in/x.color.png")
    again = run_plan(Plan([f"{root}/in"]), options)
    assert [(result.status, result.reason) for result in again] == [
        ("skipped", OWN_OUTPUT),
        ("already_done", None),
    ]
    assert again[1].sha256 == first.sha256
    other = replace(options, output=Output(strip_metadata=True))
    (result,) = run_plan(Plan([f"{root}/in/x.png"]), other)
    assert result.status == "failed"
    assert "with other settings" in str(result.error)
    (result,) = run_plan(Plan([f"{root}/in/x.png"], overwrite=True), replace(other, overwrite=True))
    assert result.status == "done"


def test_the_input_is_never_replaced(make_photo: Make, tmp_path: Path, memory: object) -> None:
    data = make_photo(tmp_path / "x.png").read_bytes()
    write(RemotePath("memory://x.png"), data, overwrite=True)
    with pytest.raises(UsageError, match="never replaced"):
        Plan(["memory://x.png"], output=RemotePath("memory://x.png"), overwrite=True).check()


def test_two_inputs_for_one_output_are_refused(memory: object) -> None:
    for name in ("a.png", "a.jpg"):
        write(RemotePath(f"memory://in/{name}"), b"", overwrite=True)
    plan = Plan(["memory://in"], format="PNG", into=RemotePath("memory://out"))
    with pytest.raises(UsageError, match=r"memory://in/a\.jpg and memory://in/a\.png"):
        plan.check()


def test_system_folders_of_a_store_are_left_alone_and_counted(memory: object) -> None:
    for name in ("a.png", "@eaDir/b.png", "deep/.Trash-1000/c.png", "deep/d.png"):
        write(RemotePath(f"memory://in/{name}"), b"x", overwrite=True)
    counts = Plan(["memory://in"], recursive=True).check()
    assert (counts.items, counts.system_folders) == (2, 2)
    assert Plan(["memory://in"]).check().folders_not_entered == 1


def test_outputs_below_the_inputs_are_no_inputs(
    tmp_path: Path, make_photo: Make, options: RunOptions, memory: object
) -> None:
    write(
        RemotePath("memory://in/x.png"), make_photo(tmp_path / "x.png").read_bytes(), overwrite=True
    )
    for _ in range(2):
        results = run_plan(
            Plan(["memory://in"], recursive=True, into=RemotePath("memory://in/coloured")), options
        )
        assert [result.input for result in results] == ["memory://in/x.png"]


def test_a_format_that_forgets_is_refused_in_a_store(
    tmp_path: Path, make_photo: Make, options: RunOptions, memory: object
) -> None:
    write(RemotePath("memory://x.bmp"), make_photo(tmp_path / "x.bmp").read_bytes(), overwrite=True)
    (result,) = run_plan(Plan(["memory://x.bmp"]), options)
    assert result.status == "failed"
    assert "--format png" in str(result.advice)
    (result,) = run_plan(
        Plan(["memory://x.bmp"], format="PNG"), replace(options, output=Output(format="PNG"))
    )
    assert result.status == "done"


def test_several_processes(tmp_path: Path, make_photo: Make, options: RunOptions) -> None:
    for number in range(4):
        make_photo(tmp_path / f"in/{number}.png", seed=number)
    root = tmp_path.as_posix()
    here = run_plan(Plan([str(tmp_path / "in")], into=tmp_path / "one"), options)
    into = parse_location(f"local://{root}/two")
    there = run_plan(Plan([f"local://{root}/in"], into=into), options, jobs=2)
    assert [result.sha256 for result in here] == [result.sha256 for result in there]
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_folder_for_outputs_is_not_entered_however_it_is_named(
    tmp_path: Path, make_photo: Make
) -> None:
    make_photo(tmp_path / "in/a.png")
    make_photo(tmp_path / "in/out/b.png")
    folder = (tmp_path / "in").as_posix()
    for inputs, into in (
        (folder, f"file://{folder}/out"),
        (f"local://{folder}", f"{folder}/./out"),
        (f"local://{folder}", f"file://{folder}/out"),
    ):
        plan = Plan([inputs], into=parse_location(into), recursive=True)
        assert plan.check().items == 1
    assert Plan([folder], recursive=True).check().items == 2


# ----- hostile names -----


class Hostile(fsspec.AbstractFileSystem):  # type: ignore[misc, name-defined]
    """A store whose listing says whatever `names` says."""

    protocol = "hostile"
    names: tuple[tuple[str, str], ...] = ()

    def info(self, path: str, **_: object) -> dict[str, object]:
        return {"name": path, "type": "directory", "size": 0}

    def ls(self, path: str, detail: bool = True, **_: object) -> list[dict[str, object]]:
        assert detail
        return [{"name": name, "type": kind, "size": 1} for name, kind in self.names]

    def cat_file(self, path: str, *_: object, **__: object) -> bytes:
        raise AssertionError(f"{path} was read")


@pytest.fixture
def hostile() -> Iterator[type[Hostile]]:
    fsspec.register_implementation("hostile", Hostile, clobber=True)
    yield Hostile
    Hostile.names = ()


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_hostile_name_fails_and_is_not_followed(
    tmp_path: Path, options: RunOptions, hostile: type[Hostile], name: str, what: str
) -> None:
    full = f"scans/{name}"
    if (name, what) == ("", "directory"):
        full = "scans/"  # as an object store says it; as a file it would be the folder's own mark
    elif not name:
        full = "/etc/x.png"  # not below the folder at all
    hostile.names = ((full, what), ("scans/notes.txt", "file"))
    plan = Plan(["hostile://scans"], recursive=True, into=tmp_path / "out")
    (result,) = run_plan(plan, options)
    assert result.status == "failed"
    assert "no folder on a disk can hold" in str(result.error)
    assert "\0" not in str(result.error)
    assert files(tmp_path) == {}


@pytest.mark.parametrize("name", ["x..y.png", "...png", "12:30.png", "é (1) #?%20.png"])
def test_an_unusual_name_is_no_hostile_one(hostile: type[Hostile], name: str) -> None:
    hostile.names = ((f"scans/{name}", "file"),)
    assert list_remote(RemotePath("hostile://scans")) == [
        RemoteEntry(name, is_folder=False, safe=True)
    ]


def test_the_mark_of_a_folder_is_no_entry(hostile: type[Hostile]) -> None:
    hostile.names = (("scans", "directory"), ("scans/", "file"), ("scans/a/", "directory"))
    assert list_remote(RemotePath("hostile://scans")) == [
        RemoteEntry("a", is_folder=True, safe=True)
    ]


# ----- the command -----


def test_the_command_takes_urls(
    tmp_path: Path, make_photo: Make, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tintype.cli.app import main

    make_photo(tmp_path / "in/x.png")
    url = f"local://{tmp_path.as_posix()}"
    arguments = ["--model", str(tiny_model), f"{url}/in", "--into", f"{url}/out"]
    report = tmp_path / "r.jsonl"
    assert main([*arguments, "--report", str(report)]) == 0
    assert capfd.readouterr().out == f"{url}/out/x.color.png\n"
    result = json.loads(report.read_text())
    assert (result["input"], result["output"]) == (f"{url}/in/x.png", f"{url}/out/x.color.png")
    for option in ("--report", "--certainty", "--save-settings"):
        assert main([*arguments, option, f"{url}/r.png"]) == 2
        assert "is a URL" in capfd.readouterr().err
    assert main(["--model", str(tiny_model), f"{url}/in/x.png", "-o", "-"]) == 2
    assert sorted(os.listdir(tmp_path)) == ["in", "out", "r.jsonl"]  # noqa: PTH208
    assert (
        remote.read_if_exists(parse_location(f"{url}/out/x.color.png"), max_pixels=MAX_PIXELS)
        is not None
    )
