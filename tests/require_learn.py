"""With TINTYPE_REQUIRE_LEARN=1, a run in which something was skipped, or nothing learned, fails.

A contributor without torch sees the tests of training skipped, which is right. CI installs torch,
and there a skip means that the installation is broken: it must not look like success.
"""

import os

import pytest

VARIABLE = "TINTYPE_REQUIRE_LEARN"

_learned: list[str] = []
_skipped: list[str] = []


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)
    if report.when == "call" and report.passed and "learn" in report.keywords:
        _learned.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get(VARIABLE) != "1" or hasattr(session.config, "workerinput"):
        return
    faults = [f"{name} was skipped" for name in _skipped]
    if not _learned:
        faults.append("no test of training passed; are torch and the learn extra installed?")
    if faults:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        for fault in faults:
            terminal.write_line(f"{VARIABLE}=1: {fault}", red=True)
