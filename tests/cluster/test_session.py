import os
import sys
from pathlib import Path

import pytest

from tintype.cluster.session import session
from tintype.errors import ClusterError, UsageError


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS"):
        monkeypatch.setenv(name, "")
    for name in (
        "RAY_BACKEND_LOG_LEVEL",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
    ):
        monkeypatch.setenv(name, "0")


@pytest.mark.parametrize("address", [None, "auto"])
def test_without_ray_the_message_is_one_line(
    monkeypatch: pytest.MonkeyPatch, address: str | None, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UsageError, match="needs an extra") as caught, session(2):
        pass
    assert caught.value.advice == 'Type: pip install "tintype-colorizer[ray]"'
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_ray_client_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://example.org:10001")
    with pytest.raises(UsageError, match="ray job submit"), session(2):
        pass


class Unreachable:
    @staticmethod
    def is_initialized() -> bool:
        return False

    @staticmethod
    def init(**_: object) -> None:
        os.write(2, b"printed by Ray")
        raise ConnectionError("no answer\nat all")


def test_an_unreachable_cluster_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tintype.cluster.session._import_ray", lambda: Unreachable)
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")
    with pytest.raises(ClusterError, match=r"192\.0\.2\.1:6379 cannot be reached \(no answer\)"):
        session(2).__enter__()
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with pytest.raises(ClusterError, match=r"did not start on this machine \(no answer\)"):
        session(2).__enter__()
    assert capfd.readouterr() == ("", "")
