"""What a machine finds around it."""

import os

import pytest

from tests.launch.gcp.metadata import Metadata


@pytest.fixture(autouse=True)
def me(monkeypatch):
    """Who makes machines."""
    monkeypatch.setenv("LOGNAME", "me")


@pytest.fixture
def metadata():
    server = Metadata()
    yield server
    server.close()


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A systemctl that passes `stop` on to the process of a unit's file."""
    tools = tmp_path / "tools"
    tools.mkdir()
    file = tools / "systemctl"
    file.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/asked\n'
        f"case $1 in stop) kill -TERM $(cat {tmp_path}/pid) ;; *) exit 1; esac"
        "\n"
    )
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return tmp_path
