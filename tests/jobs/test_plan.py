import gc
import itertools
import os
import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from tintype.errors import UsageError, WriteError
from tintype.jobs.plan import Job, Plan
from tintype.jobs.report import LINK_OUTSIDE, JobResult


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read while planning")


def planned(plan: Plan, root: Path) -> list[tuple[str, str]]:
    plan.check()
    return [
        (item.source.relative_to(root).as_posix(), item.target.relative_to(root).as_posix())
        for item in plan
        if isinstance(item, Job)
    ]


def test_an_output_stands_beside_its_source(tmp_path: Path) -> None:
    touch(tmp_path / "a.JPG")
    assert planned(Plan([str(tmp_path / "a.JPG")]), tmp_path) == [("a.JPG", "a.color.JPG")]


@pytest.mark.parametrize(
    ("source", "form", "target"),
    [
        ("a.jpeg", None, "a.color.jpeg"),
        ("a.b.tif", None, "a.b.color.tif"),
        ("a.pgm", None, "a.color.ppm"),
        ("a.mpo", None, "a.color.jpg"),
        ("a.heic", None, "a.color.avif"),
        ("a.gif", None, "a.color.png"),
        ("a.jpg", "PNG", "a.color.png"),
        ("a.jpeg", "JPEG", "a.color.jpeg"),
        (".hidden.jpg", None, ".hidden.color.jpg"),
        ("-a.jpg", None, "-a.color.jpg"),
    ],
)
def test_names_of_outputs(tmp_path: Path, source: str, form: str | None, target: str) -> None:
    touch(tmp_path / source)
    plan = Plan([str(tmp_path / source)], format=form)
    assert planned(plan, tmp_path) == [(source, target)]


def test_a_file_without_an_ending_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "scan").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    (tmp_path / "notes.v2").write_bytes(b"just text")
    assert planned(Plan([str(tmp_path / "scan")]), tmp_path) == [("scan", "scan.color.png")]
    plan = Plan([str(tmp_path / "notes.v2")])
    plan.check()
    (result,) = plan
    assert isinstance(result, JobResult)
    assert result.status == "failed"


def test_folders_are_sorted_files_first(tmp_path: Path) -> None:
    touch(
        *(tmp_path / "in" / name for name in ("b.png", "a.png", "C/d.png", "C/B/e.png", "A/f.png"))
    )
    plan = Plan([str(tmp_path / "in")], recursive=True)
    sources = [source for source, _ in planned(plan, tmp_path)]
    assert sources == ["in/a.png", "in/b.png", "in/A/f.png", "in/C/d.png", "in/C/B/e.png"]


def test_into_mirrors_the_structure(tmp_path: Path) -> None:
    touch(tmp_path / "in/x.png", tmp_path / "in/deep/er/y.png")
    plan = Plan([str(tmp_path / "in")], into=tmp_path / "out", recursive=True)
    assert planned(plan, tmp_path) == [
        ("in/x.png", "out/x.color.png"),
        ("in/deep/er/y.png", "out/deep/er/y.color.png"),
    ]


def test_folders_inside_are_entered_only_if_recursive_and_counted_otherwise(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "sub/y.png", tmp_path / "notes.txt", tmp_path / "._x.png")
    plan = Plan([str(tmp_path)])
    assert planned(plan, tmp_path) == [("x.png", "x.color.png")]
    counts = plan.check()
    assert (counts.items, counts.other_files, counts.folders_not_entered) == (1, 2, 1)


SYSTEM = (".Trash-1000", ".dtrash", ".stversions", "@eaDir", "#recycle", ".picasaoriginals")


@pytest.mark.parametrize("name", [*SYSTEM, "$RECYCLE.BIN", "lost+found", ".thumbnails"])
def test_hidden_and_system_folders_are_left_alone_and_counted(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "x.png", tmp_path / "deep" / name / "a/y.png", tmp_path / name / "z.png")
    plan = Plan([str(tmp_path)], recursive=True)
    assert planned(plan, tmp_path) == [("x.png", "x.color.png")]
    counts = plan.check()
    assert (counts.system_folders, counts.folders_not_entered) == (2, 0)
    # Who names one means it.
    named = Plan([str(tmp_path / name)], recursive=True)
    assert planned(named, tmp_path) == [(f"{name}/z.png", f"{name}/z.color.png")]


def test_folders_that_only_look_like_those_of_a_system_are_entered(tmp_path: Path) -> None:
    touch(*(tmp_path / name / "x.png" for name in ("recycle", "eaDir", "#1", "@home", "trash.old")))
    assert Plan([str(tmp_path)], recursive=True).check().items == 5


def test_an_output_folder_inside_the_input_is_no_input(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "out/x.color.png")
    plan = Plan([str(tmp_path)], into=tmp_path / "out", recursive=True)
    assert planned(plan, tmp_path) == [("x.png", "out/x.color.png")]


def test_patterns_are_expanded_here(tmp_path: Path) -> None:
    touch(tmp_path / "b.png", tmp_path / "a.png", tmp_path / "deep/c.png", tmp_path / "[x].png")
    pattern = str(tmp_path / "?.png")
    assert [s for s, _ in planned(Plan([pattern]), tmp_path)] == ["a.png", "b.png"]
    deep = str(tmp_path / "**" / "c.png")
    assert [s for s, _ in planned(Plan([deep]), tmp_path)] == ["deep/c.png"]
    literal = str(tmp_path / "[x].png")
    assert [s for s, _ in planned(Plan([literal]), tmp_path)] == ["[x].png"]
    plan = Plan([str(tmp_path / "*.jpg")])
    plan.check()
    (result,) = plan
    assert isinstance(result, JobResult)
    assert "No file matches" in str(result.error)


def test_two_inputs_meeting_in_one_output_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "x.jpg")
    plan = Plan([str(tmp_path)], format="PNG")
    with pytest.raises(UsageError) as caught:
        plan.check()
    assert caught.value.exit_code == 2
    for name in ("x.jpg", "x.png", "x.color.png"):
        assert name in str(caught.value)
    assert caught.value.advice.endswith(", or without --format.")


def test_two_folders_meeting_in_one_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a/x.png", tmp_path / "b/x.png")
    plan = Plan([str(tmp_path / "a"), str(tmp_path / "b")], into=tmp_path / "out")
    with pytest.raises(UsageError, match="would both be written") as caught:
        plan.check()
    assert "--format" not in caught.value.advice


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("photo.png", "PHOTO.png"),
        (unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")),
        ("straße.png", "STRASSE.png"),
    ],
)
def test_names_that_other_file_systems_hold_the_same_are_refused(
    tmp_path: Path, one: str, other: str
) -> None:
    # Into two folders, so that the test works where one folder cannot hold both names.
    touch(tmp_path / "a" / one, tmp_path / "b" / other)
    plan = Plan([str(tmp_path / "a"), str(tmp_path / "b")], into=tmp_path / "out")
    with pytest.raises(UsageError, match="would both be written"):
        plan.check()


def test_new_folders_differing_by_case_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a/Sub/x.png", tmp_path / "b/sub/x.png")
    plan = Plan([str(tmp_path / "a"), str(tmp_path / "b")], into=tmp_path / "o", recursive=True)
    with pytest.raises(UsageError, match="would both be written"):
        plan.check()


def test_the_same_name_in_different_folders_is_no_clash(tmp_path: Path) -> None:
    touch(tmp_path / "a/x.png", tmp_path / "b/x.png")
    assert len(planned(Plan([str(tmp_path / "a"), str(tmp_path / "b")]), tmp_path)) == 2


def test_one_input_named_twice_is_one_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "x.png")
    monkeypatch.chdir(tmp_path)
    plan = Plan(["x.png", "./x.png", str(tmp_path / "x.png"), "."])
    assert plan.check().items == 1
    assert len(list(plan)) == 1


def test_a_clash_that_appears_after_the_check_is_a_result(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    plan = Plan([str(tmp_path)], format="PNG")
    plan.check()
    touch(tmp_path / "x.jpg")
    first, second = plan
    assert isinstance(first, Job)
    assert isinstance(second, JobResult)
    assert second.status == "failed"


def test_one_output_name_for_several_inputs_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "b.png")
    for inputs in ([str(tmp_path)], [str(tmp_path / "a.png"), str(tmp_path / "b.png")]):
        with pytest.raises(UsageError, match="several inputs"):
            Plan(inputs, output=tmp_path / "c.png").check()


@pytest.mark.parametrize(
    ("output", "form", "what"),
    [
        ("x.png", None, "the input itself"),
        ("folder", None, "is a folder"),
        ("y.txt", None, "does not have the extension"),
        ("y.heic", None, "can be read but not written"),
        ("y.png", "JPEG", "--format is JPEG"),
    ],
)
def test_output_names_that_cannot_be(
    tmp_path: Path, output: str, form: str | None, what: str
) -> None:
    touch(tmp_path / "x.png")
    (tmp_path / "folder").mkdir()
    plan = Plan([str(tmp_path / "x.png")], output=tmp_path / output, format=form, overwrite=True)
    with pytest.raises(UsageError, match=what):
        plan.check()


def test_the_input_is_refused_as_output_under_any_name(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "x.png")
    (tmp_path / "soft.png").symlink_to(tmp_path / "x.png")
    for alias in ("hard.png", "soft.png"):
        plan = Plan([str(tmp_path / "x.png")], output=tmp_path / alias, overwrite=True)
        with pytest.raises(UsageError, match="the input itself"):
            plan.check()


def test_into_a_file_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "file")
    with pytest.raises(UsageError, match="not a folder"):
        Plan([str(tmp_path / "x.png")], into=tmp_path / "file").check()


def test_only_a_file_named_alone_is_alone(tmp_path: Path) -> None:
    touch(tmp_path / "in/x.png", tmp_path / "y.png")

    def alone(*inputs: str) -> list[bool]:
        return [item.alone for item in Plan(inputs) if isinstance(item, Job)]

    assert alone(str(tmp_path / "y.png")) == [True]
    assert alone(str(tmp_path / "in")) == [False]
    assert alone(str(tmp_path / "y.png"), str(tmp_path / "in/x.png")) == [False, False]


def test_links_are_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    touch(tmp_path / "in/x.png", tmp_path / "elsewhere/y.png", tmp_path / "elsewhere/sub/z.png")
    (tmp_path / "in/out.png").symlink_to(tmp_path / "elsewhere/y.png")
    (tmp_path / "in/inside.png").symlink_to(tmp_path / "in/x.png")
    (tmp_path / "in/dangling.png").symlink_to(tmp_path / "in/nothing.png")
    (tmp_path / "in/folder").symlink_to(tmp_path / "elsewhere/sub")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    plan = Plan([str(tmp_path / "in")], recursive=True)
    counts = plan.check()
    results = [item for item in plan if isinstance(item, JobResult)]
    assert [(Path(result.input).name, result.status, result.reason) for result in results] == [
        ("out.png", "skipped", LINK_OUTSIDE)
    ]
    assert [source for source, _ in planned(plan, tmp_path)] == ["in/inside.png", "in/x.png"]
    assert counts.other_files == 3


def test_a_link_named_by_the_user_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/y.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "elsewhere/y.png")
    plan = Plan([str(tmp_path / "link.png")])
    assert planned(plan, tmp_path) == [("link.png", "link.color.png")]


def test_a_missing_input_fails_and_the_rest_continues(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    inputs = [str(tmp_path / "no.png"), os.devnull, str(tmp_path / "x.png"), "nul\0byte.png"]
    plan = Plan(inputs)
    assert plan.check().items == 4
    kinds = [item.status if isinstance(item, JobResult) else "job" for item in plan]
    assert kinds == ["failed", "failed", "job", "failed"]


def test_with_overwrite_inputs_and_earlier_outputs_are_distinguished(tmp_path: Path) -> None:
    touch(
        tmp_path / "x.png", tmp_path / "x.color.png", tmp_path / "y.png", tmp_path / "y.color.png"
    )
    inputs = [str(tmp_path / name) for name in ("x.png", "x.color.png", "y.png")]
    plan = Plan(inputs, overwrite=True)
    plan.check()
    marked = {item.source.name: item.target_is_input for item in plan if isinstance(item, Job)}
    assert marked == {"x.png": True, "x.color.png": False, "y.png": False}


def test_a_great_plan_is_never_held(tmp_path: Path) -> None:
    """Whatever the number of inputs, only the present one is in memory."""
    for number in range(300):
        (tmp_path / f"{number:03}.png").touch()
    plan = Plan([str(tmp_path)])
    plan.check()
    gc.collect()  # what errors of other tests hold in their tracebacks
    held = [
        sum(type(item) is Job for item in gc.get_objects())
        for number, _ in enumerate(plan)
        if number % 100 == 99
    ]
    assert len(held) == 3
    assert max(held) <= 2


@pytest.mark.parametrize("folders", [1, 20])
def test_a_photograph_of_a_plan_takes_less_than_a_hundred_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: int
) -> None:
    """Names and digests together, at their peak, in addition to a fixed amount."""
    monkeypatch.setattr("tintype.jobs.folder._CHUNK", 256)

    def make(photos: int) -> Path:
        home = tmp_path / str(photos)
        for folder in range(folders):
            (home / str(folder)).mkdir(parents=True)
        for number in range(photos):
            (home / str(number % folders) / f"photograph-{number:05}.png").touch()
        return home

    def peak(home: Path, photos: int) -> int:
        plan = Plan([str(home)], recursive=True)
        tracemalloc.start()
        assert plan.check().items == photos
        assert sum(1 for _ in plan) == photos
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # More than once, because Python's table of names (pathlib interns them) grows now and then.
    few, many = (
        min(peak(home, photos) for _ in range(2))
        for photos in (200, 1700)
        for home in [make(photos)]
    )
    assert (many - few) / 1500 < 100


def test_equal_digests_of_different_outputs_are_no_clash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "x.png", tmp_path / "y.png")
    numbers = itertools.count(1)
    # All targets get the same digest, each source another one.
    monkeypatch.setattr(
        "tintype.jobs.same_file.digest", lambda _: 7 if (n := next(numbers)) % 2 else n
    )
    plan = Plan([str(tmp_path)])
    assert plan.check().items == 2
    assert [source for source, _ in planned(plan, tmp_path)] == ["x.png", "y.png"]


def test_loops_of_links_and_links_to_nowhere_leave_the_rest_alone(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("nothing.jpg")
    plan = Plan([str(tmp_path)], into=tmp_path / "out")
    assert plan.check().items == 1
    assert [item.source.name for item in plan if isinstance(item, Job)] == ["x.png"]
    (tmp_path / "loop").symlink_to("loop")
    (result,) = Plan([str(tmp_path / "loop")], into=tmp_path / "loop" / "out")
    assert isinstance(result, JobResult)
    assert "symbolic links" in str(result.error)


def test_an_empty_name_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.png").touch()
    monkeypatch.chdir(tmp_path)
    (result,) = Plan([""])
    assert isinstance(result, JobResult)
    assert result.error == "The name of an input is empty."


@pytest.mark.parametrize("how", [{"output": Path("y" * 300 + ".png")}, {"into": Path("y" * 300)}])
def test_names_that_no_file_can_have_are_reported(tmp_path: Path, how: dict[str, Path]) -> None:
    (tmp_path / "x.png").touch()
    with pytest.raises(WriteError, match="the name is too long"):
        Plan([str(tmp_path / "x.png")], **how).check()


def test_a_temporary_file_is_refused_before_anything_is_removed(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    (tmp_path / ".tintype-0123456789abcdef.tmp").touch()
    for word in (".tintype-0123456789abcdef.tmp", ".tintype-*"):
        with pytest.raises(UsageError, match="name of a temporary file"):
            Plan([str(tmp_path / "x.png"), str(tmp_path / word)]).check()
