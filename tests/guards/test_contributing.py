"""What contributors and CI rely on: one test command, hooks, issue forms, and where tests are."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="the docs extra is not installed")

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(workflow: Any) -> list[str]:
    """What the steps of a workflow run."""
    jobs = workflow["jobs"].values()
    return [step["run"].strip() for job in jobs for step in job["steps"] if "run" in step]


def foreign_hooks(config: Any) -> list[str]:
    """Hooks that bring a version of their own instead of the one in pyproject.toml."""
    return [repo["repo"] for repo in config["repos"] if repo["repo"] != "local"]


def packages_without_tests(package: Path, tests: Path) -> list[str]:
    found = sorted(path.parent.name for path in package.glob("*/__init__.py"))
    return [name for name in found if not any((tests / name).rglob("test_*.py"))]


def test_the_workflow_calls_the_script_of_ci() -> None:
    workflow = loaded(GITHUB / "workflows" / "check.yml")
    assert commands(workflow)[-1] == ".ci/run"
    # YAML 1.1 reads the key `on` as true.
    assert set(workflow[True]) == {"push", "pull_request"}
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_the_hooks_call_the_tools_of_the_project() -> None:
    config = loaded(ROOT / ".pre-commit-config.yaml")
    assert foreign_hooks(config) == []
    hooks = {hook["id"]: hook["entry"] for repo in config["repos"] for hook in repo["hooks"]}
    assert {"ruff-format", "ruff-check", "mypy"} <= set(hooks)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = {re.match(r"[\w-]+", line)[0] for line in project["optional-dependencies"]["dev"]}
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for entry in hooks.values():
        program, argument = entry.split()[:2]
        known = targets if program == "make" else tools
        assert (argument if program == "make" else Path(program).name) in known, entry


def test_a_report_of_a_bug_says_what_is_needed() -> None:
    body = loaded(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")["body"]
    required = {
        field["id"] for field in body if field.get("validations", {}).get("required", False)
    }
    assert required == {"version", "command", "file-type", "what-happened"}
    assert loaded(GITHUB / "ISSUE_TEMPLATE" / "feature.yml")["body"]
    assert (GITHUB / "pull_request_template.md").read_text(encoding="utf-8").strip()


def test_a_clone_is_shallow_where_the_pages_show_one() -> None:
    for name in ("README.md", "docs/tutorial/first-photograph.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        lines = re.findall(r"^git clone .*$", text, re.MULTILINE)
        assert lines, name
        assert [line for line in lines if "--depth 1" not in line] == []


def test_every_package_has_tests_under_its_name() -> None:
    assert packages_without_tests(ROOT / "src" / "tintype", ROOT / "tests") == []


# ----- guards -----


def test_the_guards_see_what_is_missing(tmp_path: Path) -> None:
    assert foreign_hooks({"repos": [{"repo": "https://example.org/ruff-pre-commit"}]}) != []
    assert commands({"jobs": {"check": {"steps": [{"uses": "x"}, {"run": "make check\n"}]}}}) == [
        "make check"
    ]
    for name in ("color", "photo"):
        (tmp_path / "src" / name).mkdir(parents=True)
        (tmp_path / "src" / name / "__init__.py").touch()
    (tmp_path / "tests" / "color").mkdir(parents=True)
    (tmp_path / "tests" / "color" / "test_lab.py").touch()
    (tmp_path / "tests" / "photo").mkdir()
    assert packages_without_tests(tmp_path / "src", tmp_path / "tests") == ["photo"]
