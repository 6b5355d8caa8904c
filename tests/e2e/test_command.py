"""The command as people start it: a process of its own, pipes, kills, two at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.files.temporary import open_temporary

Make = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

POSIX = os.name == "posix"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_one_photo(tintype: Run, make_photo: Make, tmp_path: Path) -> None:
    make_photo(tmp_path / "photo.jpg")
    done = tintype("photo.jpg", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == b"photo.color.jpg" + os.linesep.encode()[-1:]
    assert b"photo.jpg is coloured" in done.stderr
    with Image.open(tmp_path / "photo.color.jpg") as image:
        assert np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=2).max() > 8


def test_the_installed_script_is_the_command(make_photo: Make, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("tintype.exe" if os.name == "nt" else "tintype")
    done = subprocess.run([script, "--version"], capture_output=True, check=True, cwd=tmp_path)
    module = subprocess.run(
        [sys.executable, "-m", "tintype", "--version"], capture_output=True, check=True
    )
    assert done.stdout == module.stdout


def test_pipes(tintype: Run, make_photo: Make, tmp_path: Path) -> None:
    data = make_photo(tmp_path / "photo.png").read_bytes()
    piped = tintype("-", input=data)
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert tintype("photo.png", cwd=tmp_path).returncode == 0
    assert (tmp_path / "photo.color.png").read_bytes() == piped.stdout
    again = tintype("-", "--format", "webp", input=piped.stdout)
    assert b"A colour photograph" in again.stderr
    assert again.stdout[:4] == b"RIFF"


def test_a_reader_that_goes_away(tiny_model: Path, make_photo: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (600, 600), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    for words, code in ((["noise.png", "-o", "-"], 1), (["--help"], 0), (["noise.png"], 0)):
        command = [sys.executable, "-m", "tintype", *words]
        if words != ["--help"]:
            command += ["--model", str(tiny_model)]
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            said = process.stderr.read()
            assert process.wait(timeout=60) == code
        assert b"Traceback" not in said
        assert b"Exception ignored" not in said
        assert said.count(b"\n") == (0 if words == ["--help"] else 1)
    # Nobody read the path, but the photograph is there.
    assert (tmp_path / "noise.color.png").is_file()


def test_output_that_has_no_room(tintype: Run, make_photo: Make, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        assert not sys.platform.startswith("linux")
        return
    make_photo(tmp_path / "photo.png")
    with full.open("wb") as sink:
        done = tintype(
            "photo.png",
            "-o",
            "-",
            cwd=tmp_path,
            capture_output=False,
            stdout=sink,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"No space left" in done.stderr


def test_a_disk_with_no_room(tiny_model: Path, make_photo: Make, tmp_path: Path) -> None:
    """A real limit on the length of files: the final name is absent, and nothing else remains."""
    if not POSIX:
        assert sys.platform == "win32"
        return
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    make_photo(tmp_path / "photo.png")
    done = subprocess.run(
        [sys.executable, "-m", "tintype", "--model", str(tiny_model), "photo.png"],
        cwd=tmp_path, capture_output=True, check=False, preexec_fn=limit, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert list(contents(tmp_path)) == ["photo.png"]


def test_names_of_any_bytes(tintype: Run, make_photo: Make, tmp_path: Path) -> None:
    names = ["with space.png", "line\nbreak.png", "-dash.png", "é.png", "👨‍👩‍👧.png", "$(x).png"]
    if sys.platform.startswith("linux"):
        names.append(os.fsdecode(b"latin \xe9.png"))
    folder = tmp_path / "in"
    for seed, name in enumerate(names):
        make_photo(folder / name, seed=seed)
    done = tintype(".", "--report", "../r.jsonl", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    for name in names:
        assert (folder / f"{name[:-4]}.color.png").is_file()
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert sorted(row["input"] for row in rows) == sorted(names)
    printed = b"".join(os.fsencode(str(row["output"])) + b"\n" for row in rows)
    assert done.stdout == printed


def listen_to_interrupts() -> None:
    """A process started in a shell's background inherits that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(words: list[str], **options: object) -> "subprocess.Popen[bytes]":
    """A run in a process group of its own, so that a signal reaches its processes too."""
    command = [sys.executable, "-m", "tintype", *words]
    group: dict[str, object] = {"start_new_session": True} if POSIX else {}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **group,
        **options,
        preexec_fn=listen_to_interrupts if POSIX else None,  # noqa: PLW1509 - no threads here
    )


def wait_for_outputs(folder: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if folder.is_dir() and sum(".color." in path.name for path in folder.iterdir()) >= count:
            return
        time.sleep(0.002)


def kill(process: "subprocess.Popen[bytes]") -> None:
    if POSIX:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate(timeout=60)


def test_a_batch_survives_being_killed(tiny_model: Path, make_photo: Make, tmp_path: Path) -> None:
    endings = ("png", "jpg", "bmp", "ppm")
    total = 16
    for number in range(total):
        make_photo(tmp_path / f"in/{number:02}.{endings[number % 4]}", seed=number, height=300,
                   width=400)  # fmt: skip
    words = ["--model", str(tiny_model), str(tmp_path / "in"), "--jobs", "2", "--into"]
    whole = start([*words, str(tmp_path / "undisturbed")])
    whole.communicate(timeout=60)
    assert whole.returncode == 0
    out = tmp_path / "out"
    for survivors in (1, 6, 11):
        process = start([*words, str(out)])
        wait_for_outputs(out, survivors, process)
        kill(process)
    # As if one kill had struck in the middle of writing, which is rare enough to be made here.
    _, descriptor = open_temporary(out)
    os.write(descriptor, b"half")
    os.close(descriptor)
    last = start([*words, str(out), "--report", str(tmp_path / "r.jsonl")])
    _, said = last.communicate(timeout=60)
    assert last.returncode == 0, said
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {row["status"] for row in rows} <= {"done", "already_done"}
    assert sum(row["status"] == "already_done" for row in rows) >= 6
    after, wanted = contents(out), contents(tmp_path / "undisturbed")
    # The state file may tell of a target twice: before the kill, and when it was written after all.
    state = ".tintype-state.jsonl"
    assert set(wanted.pop(state).splitlines()) == set(after.pop(state).splitlines())
    assert len(after) == total
    assert after == wanted


def test_the_processes_end_with_a_killed_parent(
    tiny_model: Path, make_photo: Make, tmp_path: Path
) -> None:
    for number in range(30):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number, height=300, width=400)
    words = ["--model", str(tiny_model), "in", "--jobs", "2", "--into", "out"]
    process = start(words, cwd=tmp_path)
    wait_for_outputs(tmp_path / "out", 2, process)
    process.kill()
    # The pipe ends when the last process that holds it has ended: orphans would keep it open.
    process.communicate(timeout=30)


SIGNALS = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("group", [True, False], ids=["group", "alone"])
def test_interrupted(
    *, tiny_model: Path, make_photo: Make, tmp_path: Path, jobs: str, name: str, group: bool
) -> None:
    if not POSIX:
        assert sys.platform == "win32"
        return
    for number in range(40):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number, height=300, width=400)
    words = ["--model", str(tiny_model), "in", "--jobs", jobs, "--into", "out"]
    process = start(words, cwd=tmp_path)
    wait_for_outputs(tmp_path / "out", 2, process)
    (os.killpg if group else os.kill)(process.pid, getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == b"tintype: Interrupted. The same command continues where this one stopped.\n"
    outputs = contents(tmp_path / "out")
    assert 2 <= len(outputs) < 40
    assert not [name for name in outputs if name.startswith(".")]
    for data in outputs.values():
        assert data.endswith(b"IEND\xaeB\x60\x82")


def test_a_hang_up_that_is_ignored_ends_nothing(
    tiny_model: Path, make_photo: Make, tmp_path: Path
) -> None:
    """What ``nohup`` promises."""
    if not POSIX:
        assert sys.platform == "win32"
        return
    for number in range(12):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number, height=300, width=400)
    words = ["--model", str(tiny_model), "in", "--jobs", "2", "--into", "out"]
    process = subprocess.Popen(
        ["nohup", sys.executable, "-m", "tintype", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    wait_for_outputs(tmp_path / "out", 2, process)
    os.killpg(process.pid, signal.SIGHUP)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert len(contents(tmp_path / "out")) == 12


def test_without_a_home_and_an_entry_of_the_user(
    tiny_model: Path, make_photo: Make, tmp_path: Path
) -> None:
    """A container that runs under a number nobody has given a name."""
    make_photo(tmp_path / "a.png")
    code = """
import os, sys
try:
    import pwd
except ModuleNotFoundError:  # Windows
    pass
else:
    def nobody(_number):
        raise KeyError("uid not found")
    pwd.getpwuid = pwd.getpwnam = nobody
from tintype.cli.app import main
assert main(["models"]) == 0
assert main(["a.png"]) == 0
assert main(["a.png", "--model", sys.argv[1], "-o", "b.png"]) == 0
sys.exit(main(["a.png", "--model", "~/mine.onnx", "-o", "c.png"]))
"""
    names = {"HOME", "USER", "LOGNAME", "USERNAME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model)], cwd=tmp_path, env=environment,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert sorted(contents(tmp_path)) == ["a.color.png", "a.png", "b.png"]
    assert done.stderr.splitlines()[-1].startswith(b"tintype: Cannot read the model ~")
    assert b"Traceback" not in done.stderr


def test_interrupted_twice(tiny_model: Path, make_photo: Make, tmp_path: Path) -> None:
    """Who asks twice does not wait for the pictures in hand; no output is left broken."""
    if not POSIX:
        assert sys.platform == "win32"
        return
    for number in range(12):
        make_photo(tmp_path / f"in/{number:02}.webp", seed=number, height=1500, width=2000)
    words = ["--model", str(tiny_model), "in", "--jobs", "2", "--into", "out"]
    process = start(words, cwd=tmp_path)
    wait_for_outputs(tmp_path / "out", 1, process)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    for name, data in contents(tmp_path / "out").items():
        if not name.startswith("."):
            assert len(data) == int.from_bytes(data[4:8], "little") + 8


def test_two_runs_at_once(tiny_model: Path, make_photo: Make, tmp_path: Path) -> None:
    for number in range(12):
        make_photo(tmp_path / f"in/{number:02}.{'bmp' if number % 3 else 'png'}", seed=number)
    words = ["--model", str(tiny_model), "in", "--jobs", "1", "--into", "out"]
    runs = [start([*words, "--report", f"{name}.jsonl"], cwd=tmp_path) for name in "ab"]
    for process in runs:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    rows = [
        json.loads(line)
        for name in "ab"
        for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()
    ]
    assert len(rows) == 24
    assert {row["status"] for row in rows} <= {"done", "already_done"}
    outputs = contents(tmp_path / "out")
    assert len([name for name in outputs if not name.startswith(".")]) == 12
    assert not [name for name in outputs if name.endswith(".tmp")]


def test_a_folder_on_a_terminal_has_a_bar(
    tiny_model: Path, make_photo: Make, tmp_path: Path
) -> None:
    if not POSIX:
        assert sys.platform == "win32"
        return
    import pty

    for number in range(3):
        make_photo(tmp_path / f"in/{number}.png", seed=number)
    (tmp_path / "in/bad\x1b[2J.png").write_bytes(b"")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "tintype", "--model", str(tiny_model), "in", "--jobs", "1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:
        pass  # Linux says "end of a terminal" with an error.
    os.close(ours)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    assert b"colouring" in said
    assert b"4/4" in said
    assert b"is empty" in said
    assert b"\x1b[2J" not in said
    assert b"3 coloured, 1 failed" in said
