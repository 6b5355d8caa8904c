"""A few rounds of `kills.py`, and that it finds what it looks for."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from promises.kills import Result, check, kills


def test_a_batch_survives_kills_at_random_moments(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        assert not Path("/proc/self/task").exists()
        return
    (played,) = kills(tmp_path, rounds=1, photos=8, jobs=2, seed=3)
    assert " at " in played


@pytest.mark.parametrize("what", ["other bytes", "a file more", "left behind"])
def test_it_would_be_noticed(tmp_path: Path, what: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "temporary").mkdir()
    (tmp_path / "report.jsonl").write_bytes(b"")
    (tmp_path / "out/x.color.png").write_bytes(b"as it was")
    wanted = Result({"x.color.png": b"as it was"}, {}, [])
    check(tmp_path, wanted)
    if what == "other bytes":
        wanted = replace(wanted, outputs={"x.color.png": b"as it should be"})
    elif what == "a file more":
        (tmp_path / "out/.tintype-0011223344556677.tmp").write_bytes(b"half")
    else:
        (tmp_path / "temporary/tmpabc.jpeg").write_bytes(b"a photograph")
    with pytest.raises(AssertionError):
        check(tmp_path, wanted)
