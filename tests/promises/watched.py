"""A process that reads files, and one that watches it: crashes, hangs and memory are seen.

Run as a program it is the process that reads. It is asked over its standard input, a line of JSON
and so many bytes, and answers with a line of JSON.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from promises.outcome import environment

ADDRESS_SPACE = 6 << 30
"""Bytes of address space: more is an allocation that no picture here needs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one file.

    Attributes:
        kind: "picture", "refused", "fault" (another exception than ours), "crash", "hang", or
            "printed" (something stood on standard error).
        line: The message, or what the process left.
        seconds: Of processor time.
        megabytes: Above what the process held before.
        peak: Largest resident set of the process.
    """

    kind: str
    line: str
    seconds: float = 0.0
    megabytes: float = 0.0
    peak: float = 0.0


class Watched:
    """A process that reads; restarted when it dies or hangs.

    Args:
        seconds: On the clock, after which a file counts as a hang.
    """

    def __init__(self, *, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._errors.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "promises.watched"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(),
        )

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def ask(self, task: str, data: bytes, *, max_pixels: int = 1_000_000) -> Answer:
        """Has a file read.

        Args:
            task: As in `_TASKS`.
            data: The file.
            max_pixels: The limit it is read with.
        """
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        head = {"task": task, "bytes": len(data), "max_pixels": max_pixels}
        try:
            process.stdin.write(json.dumps(head).encode() + b"\n" + data)
            process.stdin.flush()
        except BrokenPipeError:
            return self._died(process)
        ready, _, _ = select.select([process.stdout], [], [], self._seconds)
        if not ready:
            self._end()
            return Answer("hang", f"no answer in {self._seconds:g} s", self._seconds)
        line = process.stdout.readline()
        if not line:
            return self._died(process)
        answer = Answer(**json.loads(line))
        printed = self._printed()
        return Answer("printed", printed) if printed else answer

    def _died(self, process: "subprocess.Popen[bytes]") -> Answer:
        code = process.wait()
        self._process = None
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        return Answer("crash", f"exit {code}: {self._printed()}")

    def _printed(self) -> str:
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace")
        self._errors.seek(0)
        self._errors.truncate()
        return text[-600:]


# ----- the process that reads -----


def read_picture(data: bytes, max_pixels: int) -> None:
    """All that happens to a photograph but the network: in, out, and in again."""
    from photo.samples import PROVENANCE
    from tintype.photo.decode import decode, read_provenance
    from tintype.photo.encode import encode
    from tintype.photo.formats.registry import FORMATS

    found = read_provenance(data)
    assert found is None or isinstance(found.software, str)
    photos = decode(data, name="file", max_pixels=max_pixels)
    written = encode(photos, format=FORMATS[photos[0].meta.format].writes, provenance=PROVENANCE)
    again = decode(written.data, name="written", max_pixels=max_pixels)
    assert [p.shape for p in again] == [p.shape for p in photos]


def read_other(task: str, data: bytes, max_pixels: int) -> None:
    from photo.samples import PROVENANCE
    from tintype.engine.bundle import load_bundle
    from tintype.engine.settings_parsing import read_hints, read_layer
    from tintype.files.temporary import STATE_FILE
    from tintype.jobs.report import open_report
    from tintype.jobs.resume import ProvenanceReader, record_provenance
    from tintype.jobs.sidecar import read_sidecar
    from tintype.photo.decode import decode_colors

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (STATE_FILE if task == "state" else "file.onnx")
        path.write_bytes(data)
        if task == "model":
            load_bundle(path)
        elif task == "settings":
            read_sidecar(path, max_pixels=max_pixels)
        elif task == "hints":
            read_hints(path)
        elif task == "state":
            ProvenanceReader().read(Path(folder) / "0.bmp", b"BM")
            record_provenance(Path(folder) / "new.bmp", b"BM", PROVENANCE)
            assert ProvenanceReader().read(Path(folder) / "new.bmp", b"BM") == PROVENANCE
        elif task == "report":
            with open_report(path):
                pass
        elif task in {"scribbles", "mask", "reference"}:
            read_layer(task, path, max_pixels=max_pixels)
        elif task == "given_colors":
            read_layer("colors", path, max_pixels=max_pixels)
        elif task == "colors":
            decode_colors(data, name="file", max_pixels=max_pixels)
        else:
            _misbehave(task)


def _misbehave(task: str) -> None:
    """What the process that watches must see; asked for by its own tests."""
    if task == "falls":
        os.abort()
    elif task == "sleeps":
        time.sleep(60)
    elif task == "prints":
        os.write(2, b"a word\n")
    elif task == "fills":
        bytearray(500 << 20)[:: 1 << 12] = b"x" * (500 << 8)
    else:
        raise AssertionError(task)


def _status(key: str) -> float:
    """Megabytes that the kernel counts for this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def _answer(task: str, data: bytes, max_pixels: int) -> dict[str, Any]:
    from tintype.errors import TintypeError

    with contextlib.suppress(OSError):  # not every container has it; then the peak is of all before
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _status("VmRSS")
    began = time.process_time()
    kind, line = "picture", ""
    try:
        if task == "picture":
            read_picture(data, max_pixels)
        else:
            read_other(task, data, max_pixels)
    except TintypeError as error:
        kind, line = "refused", str(error)
    except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
        kind, line = "fault", traceback.format_exc()
    peak = _status("VmHWM")
    return {
        "kind": kind,
        "line": line,
        "seconds": time.process_time() - began,
        "megabytes": peak - before,
        "peak": peak,
    }


def main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what C code prints is not an answer
    warm_up()
    while head := sys.stdin.buffer.readline():
        asked = json.loads(head)
        data = sys.stdin.buffer.read(asked["bytes"])
        said = _answer(asked["task"], data, asked["max_pixels"])
        del data
        answers.write(json.dumps(said).encode() + b"\n")
        answers.flush()


def warm_up() -> None:
    """Loads the libraries, so that their memory is not counted for the first file."""
    from promises.seeds import PICTURES

    for kind in ("JPEG of ours", "JPEG, CMYK", "PNG of ours", "TIFF, LZW", "WebP of ours"):
        _answer("picture", PICTURES[kind](), 1_000_000)


if __name__ == "__main__":
    main()
