"""What a machine finds around it."""

import os

import pytest

from tests.http_server import serving
from tests.launch.gcp import cloud as clouds
from tests.launch.gcp.launched import SPEED
from tests.launch.gcp.metadata import Metadata
from trainer.launch.gcp import flags
from trainer.launch.gcp import fleet
from trainer.launch.gcp import launcher


@pytest.fixture(autouse=True)
def me(monkeypatch):
    """Who makes machines."""
    monkeypatch.setenv("LOGNAME", "me")


@pytest.fixture
def metadata():
    server = Metadata()
    with serving(server.handler) as server.address:
        yield server


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


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """Google's servers, which gcloud talks to; a launcher that is quick."""
    monkeypatch.chdir(tmp_path)
    for name, secs in SPEED.items():
        monkeypatch.setattr(launcher, name, secs)
    monkeypatch.setattr(fleet, "DELETIONS", 2)
    monkeypatch.setattr(fleet, "LOOK_SECS", 0.05)
    # The code is packed once; what it is does not matter here.
    monkeypatch.setattr(flags, "head", lambda: "HEAD")
    with clouds.running() as running:
        folder = tmp_path / "gcloud"
        folder.mkdir()
        for name, value in clouds.environment(running, str(folder)).items():
            monkeypatch.setenv(name, value)
        yield running
