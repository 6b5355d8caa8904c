"""Whatever names a folder holds: a plan is refused when two outputs meet, and only then."""

import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tintype.errors import UsageError
from tintype.jobs.plan import Job, Plan
from tintype.photo.naming import target_name

STEMS = st.sampled_from(["a", "A", "b", "b.color", "é", unicodedata.normalize("NFD", "é"), "ss"])
ENDINGS = st.sampled_from([".png", ".PNG", ".jpg", ".jpeg", ".pgm", ".ppm", ".txt"])
FOLDERS = st.sampled_from(["", "x/", "x/y/", "X/"])
PATHS = st.lists(st.builds(lambda *parts: "".join(parts), FOLDERS, STEMS, ENDINGS), max_size=12)


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def clash(sources: list[Path], root: Path, *, into: bool, form: str | None) -> bool:
    """The same decision, without regard to memory; folders that exist are compared by name."""
    targets = []
    for source in sources:
        name = folded(target_name(source, form))
        folder = str(source.parent.relative_to(root))
        targets.append((folded(folder) if into else folder, name))
    return len(set(targets)) < len(targets)


@settings(max_examples=120, deadline=None)
@given(
    paths=PATHS,
    form=st.sampled_from([None, "PNG", "JPEG"]),
    into=st.booleans(),
    recursive=st.booleans(),
    overwrite=st.booleans(),
)
def test_a_plan_is_refused_exactly_when_two_outputs_meet(
    *, paths: list[str], form: str | None, into: bool, recursive: bool, overwrite: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "in"
        root.mkdir()
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        target = Path(name) / "out" if into else None
        plan = Plan([str(root)], into=target, recursive=recursive, format=form, overwrite=overwrite)
        found = [
            path
            for path in root.rglob("*")
            if path.is_file() and path.suffix != ".txt" and (recursive or path.parent == root)
        ]
        if clash(found, root, into=into, form=form):
            with pytest.raises(UsageError, match="would both be written"):
                plan.check()
            return
        counts = plan.check()
        jobs = [item for item in plan if isinstance(item, Job)]
        assert {job.source for job in jobs} == set(found)
        assert len(jobs) == counts.items == len(found)
        assert len({job.target for job in jobs}) == len(jobs)
        sources = {job.source for job in jobs}
        for job in jobs:
            assert job.target != job.source
            assert job.target_is_input == (overwrite and job.target in sources)
