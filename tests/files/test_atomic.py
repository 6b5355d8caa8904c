"""Writing all or nothing, in a real folder."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tintype.errors import TargetExistsError, UsageError, WriteError
from tintype.files import atomic, temporary
from tintype.files.atomic import reserved, write_atomically
from tintype.files.temporary import refuse_temporary, remove_abandoned


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.png", b"data", overwrite=False)
    assert (tmp_path / "a.png").read_bytes() == b"data"
    assert contents(tmp_path) == ["a.png"]


def test_an_existing_file_is_kept_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    with pytest.raises(TargetExistsError, match="already exists"):
        write_atomically(target, b"new", overwrite=False)
    assert target.read_bytes() == b"old"
    write_atomically(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"
    assert contents(tmp_path) == ["a.png"]


def test_a_dangling_link_is_a_name_that_is_taken(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetExistsError):
        write_atomically(target, b"new", overwrite=False)
    assert target.is_symlink()


def test_of_many_writers_exactly_one_wins(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    results: list[str] = []
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        try:
            write_atomically(target, bytes([number]) * 100_000, overwrite=False)
        except TargetExistsError:
            results.append("late")
        else:
            results.append("won")

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["late"] * 7 + ["won"]
    data = target.read_bytes()
    assert data == data[:1] * 100_000
    assert contents(tmp_path) == ["a.png"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    write_atomically(target, b"\0" * 300_000, overwrite=False)
    seen: list[bool] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            data = target.read_bytes()
            seen.append(len(data) == 300_000 and data == data[:1] * 300_000)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 30):
        write_atomically(target, bytes([number]) * 300_000, overwrite=True)
    stop.set()
    reader.join()
    assert seen
    assert all(seen)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_rights_are_those_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a.png", b"data", overwrite=False)
        (tmp_path / "plain.png").write_bytes(b"data")
    finally:
        os.umask(before)
    ours, plain = ((tmp_path / name).stat().st_mode for name in ("a.png", "plain.png"))
    assert stat.S_IMODE(ours) == stat.S_IMODE(plain)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "could not be written"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_failure_names_the_folder_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, words: str
) -> None:
    def fail(*_args: object, **_how: object) -> int:
        raise OSError(code, os.strerror(code))

    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    if call == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(WriteError, match=words) as caught:
        write_atomically(target, b"new" * 1000, overwrite=True)
    monkeypatch.undo()
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == ["a.png"]
    assert target.read_bytes() == b"old"


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="the folder does not exist"):
        write_atomically(tmp_path / "gone" / "a.png", b"data", overwrite=False)


def test_without_hard_links_the_name_is_claimed_first(tmp_path: Path) -> None:
    temporary, target = tmp_path / "t", tmp_path / "a.png"
    temporary.write_bytes(b"data")
    atomic._claim_and_replace(temporary, target)
    assert target.read_bytes() == b"data"
    assert contents(tmp_path) == ["a.png"]


def test_without_hard_links_a_name_that_is_taken_stays_so(tmp_path: Path) -> None:
    temporary, target = tmp_path / "t", tmp_path / "a.png"
    temporary.write_bytes(b"data")
    target.write_bytes(b"somebody else's")
    with pytest.raises(TargetExistsError):
        atomic._claim_and_replace(temporary, target)
    assert target.read_bytes() == b"somebody else's"


def test_a_claimed_name_is_given_back_when_the_rest_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic._claim_and_replace(tmp_path / "not there", tmp_path / "a.png")
    assert contents(tmp_path) == []


def test_a_name_is_reserved_by_one_at_a_time(tmp_path: Path) -> None:
    target = tmp_path / "a.html"
    with reserved(target) as first, reserved(target) as second, reserved(tmp_path / "b") as other:
        assert (first, second, other) == (True, False, True)
        assert remove_abandoned(tmp_path) == 0
        with reserved(target) as third:
            assert third is False
    assert contents(tmp_path) == []
    with reserved(target) as again:
        assert again is True


def test_what_a_killed_process_had_reserved_is_free(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from tintype.files.atomic import reserved\n"
        "with reserved(pathlib.Path(sys.argv[1])) as ours: print(ours, flush=True); os._exit(9)"
    )
    target = tmp_path / "a.html"
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("True\n", 9)
    assert len(contents(tmp_path)) == 1
    with reserved(target) as ours:
        assert ours is True
    assert contents(tmp_path) == []


def test_of_many_who_reserve_a_name_one_works_at_a_time(tmp_path: Path) -> None:
    at_work: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(30):
            with reserved(tmp_path / "a") as ours:
                if ours:
                    at_work.append(1)
                    most.append(len(at_work))
                    at_work.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert contents(tmp_path) == []


def test_without_locks_a_name_is_everybody_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_file: object) -> bool:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(atomic, "try_lock", no_locks)
    with reserved(tmp_path / "a") as ours:
        assert ours is True
    monkeypatch.setattr(atomic, "try_lock", lambda _file: (_ for _ in ()).throw(OSError(5, "x")))
    with pytest.raises(OSError, match="x"), reserved(tmp_path / "a"):
        pass


def abandoned(folder: Path) -> Path:
    """What a killed process leaves of a file."""
    path, descriptor = temporary.open_temporary(folder)
    os.write(descriptor, b"half")
    os.close(descriptor)
    return path


def test_only_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    ours = abandoned(tmp_path)
    copied = tmp_path / "copies" / ours.name
    copied.parent.mkdir()
    for other in (copied, tmp_path / ".tintype-0123456789abcdef.tmp"):
        other.write_bytes(b"a photograph of somebody else")
    link = tmp_path / f".tintype-{'0' * 32}.tmp"
    link.symlink_to(ours)
    assert [remove_abandoned(folder) for folder in (tmp_path, copied.parent)] == [1, 0]
    assert contents(tmp_path) == sorted([".tintype-0123456789abcdef.tmp", "copies", link.name])
    assert copied.read_bytes() == b"a photograph of somebody else"


def test_what_was_killed_before_it_had_its_name_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".tintype-0123456789abcdef.tmp").touch()
    assert remove_abandoned(tmp_path) == 1
    (tmp_path / "notes").touch()
    (tmp_path / ".tintype-0123456789abcdef.tmp").hardlink_to(tmp_path / "notes")
    assert remove_abandoned(tmp_path) == 0


def test_another_file_that_gets_the_name_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / ".tintype-0123456789abcdef.tmp"
    other.touch()

    def filled(_file: object) -> bool:
        other.write_bytes(b"somebody else's")
        return True

    monkeypatch.setattr(temporary, "try_lock", filled)
    assert remove_abandoned(tmp_path) == 0
    assert other.exists()


def test_a_name_is_not_reserved_with_a_file_of_somebody_else(tmp_path: Path) -> None:
    with reserved(tmp_path / "a"):
        (name,) = contents(tmp_path)
    (tmp_path / name).write_bytes(b"somebody else's")
    with pytest.raises(OSError, match="not from Tintype"), reserved(tmp_path / "a"):
        pass
    assert (tmp_path / name).read_bytes() == b"somebody else's"


def test_a_temporary_file_is_never_an_input(tmp_path: Path) -> None:
    ours = abandoned(tmp_path)
    (tmp_path / "photo.png").symlink_to(ours)
    for name in (ours.name, "photo.png", ".tintype-0123456789abcdef.tmp"):
        with pytest.raises(UsageError, match="temporary file"):
            refuse_temporary(tmp_path / name)
    refuse_temporary(tmp_path / ".tintype-notes.tmp")
