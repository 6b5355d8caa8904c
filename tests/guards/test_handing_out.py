"""What hands the project out: the workflow that publishes, and the recipe of the container."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from release.handed_out import RECIPE, context_of, instructions, recipe_faults
from tintype.cli.serve import SERVE
from tintype.web.server_options import PORT

yaml = pytest.importorskip("yaml", reason="the docs extra is not installed")

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCKERFILE = (ROOT / RECIPE).read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "container" / "compose.yaml").read_text(encoding="utf-8"))

USES = re.compile(r"^\s*(?:- )?uses: (\S+)(.*)$", re.MULTILINE)


# ----- the workflow -----


def loose_actions(text: str) -> list[str]:
    """Actions of a workflow that somebody else could exchange: those without a commit."""
    return [
        action
        for action, comment in USES.findall(text)
        if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)
        or not re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert USES.findall(text)
    assert loose_actions(text) == []


def test_the_guard_sees_a_loose_action() -> None:
    commit = "0123456789" * 4
    assert loose_actions(f"- uses: a/b@{commit} # v1.2.3\n") == []
    assert loose_actions("  uses: a/b@v4\n- uses: a/c@release/v1\n") == ["a/b@v4", "a/c@release/v1"]
    assert loose_actions(f"- uses: a/b@{commit}\n") == [f"a/b@{commit}"]


def test_publishing_is_started_by_hand_and_knows_no_secret() -> None:
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    workflow: Any = yaml.safe_load(text)
    assert set(workflow[True]) == {"workflow_dispatch"}  # YAML 1.1 reads the key `on` as true
    assert "secrets." not in text
    assert workflow["permissions"] == {}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert build["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "build"
    assert "refs/tags/v" in build["if"]
    # Nothing of the project runs where the token is.
    assert [step for step in publish["steps"] if "run" in step] == []
    assert any("release.check --final" in step.get("run", "") for step in build["steps"])


# ----- the container -----


def test_the_recipe_makes_a_small_image_without_root() -> None:
    assert recipe_faults(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("USER 65532:65532", "USER root", "it runs as root"),
        ("USER 65532:65532\n", "", "it runs as root"),
        ("USER 65532:65532", "USER 0:0", "it runs as 0"),
        ("debian:trixie-slim", "debian:latest", "the base has no version"),
        ("debian:trixie-slim", "debian", "the base has no version"),
        ("HEALTHCHECK", "# HEALTHCHECK", "HEALTHCHECK is missing"),
        ("COPY . /source", "ADD https://example.org/x /source", "ADD https"),
        (" --no-install-recommends python3 ", " python3 ", "it installs more than it needs"),
        ("    && rm -rf /var/lib/apt/lists/*\n", "    && true\n", "it keeps lists"),
    ],
)
def test_the_guard_sees_what_is_wrong_with_a_recipe(old: str, new: str, fault: str) -> None:
    assert old in DOCKERFILE
    broken = DOCKERFILE.replace(old, new)
    assert any(found.startswith(fault) for found in recipe_faults(broken)), recipe_faults(broken)


def test_what_the_image_and_the_service_run_are_commands_of_tintype() -> None:
    final = dict(instructions(DOCKERFILE.rpartition("FROM")[2]))
    assert json.loads(final["ENTRYPOINT"]) == ["tintype"]
    service = COMPOSE["services"]["page"]
    for words in (json.loads(final["CMD"]), service["command"]):
        assert words[0] == "serve"
        arguments = SERVE.make_context("serve", [re.sub(r"\$\{.*\}", "x", w) for w in words[1:]])
        assert arguments.params["host"] == "0.0.0.0"
        assert arguments.params["port"] == PORT
        assert arguments.params["no_browser"]
    assert final["EXPOSE"] == str(PORT)
    assert f":{PORT}/" in final["HEALTHCHECK"]
    assert service["ports"] == [f"${{TINTYPE_PORT:-{PORT}}}:{PORT}"]


def test_the_service_can_do_little() -> None:
    service = COMPOSE["services"]["page"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"volumes", "privileged", "network_mode", "devices"} & set(service)
    dockerfile = ROOT / "container" / service["build"]["context"] / service["build"]["dockerfile"]
    assert dockerfile.resolve() == ROOT / RECIPE


def test_the_source_archive_has_all_of_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    kept = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    assert {"container", ".dockerignore", "hatch_build.py", ".github", "docs", "src"} <= kept


def test_a_build_is_given_what_the_package_is_made_of_and_nothing_else(tmp_path: Path) -> None:
    context_of(ROOT, tmp_path)
    given = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    licences = re.search(r"license-files = \[(.*)\]", project)
    assert licences is not None
    manual = re.search(r'^"(docs/man/[^"]+)" = ', project, re.MULTILINE)
    assert manual is not None
    needed = {"pyproject.toml", "hatch_build.py", "docs/make_readme.py", "README.md", manual[1]}
    needed |= set(re.findall(r'"([^"]+)"', licences[1]))
    assert needed == {name for name in given if not name.startswith("src/")}
    assert "src/tintype/py.typed" in given
