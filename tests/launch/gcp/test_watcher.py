"""The watcher of a machine, which a stand-in tells what is to come."""

import signal
import subprocess
import threading

import pytest

from tests.launch.gcp.metadata import watch
from trainer.launch.gcp.machine import watcher


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preempted", "TRUE"),
        ("maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE"),
    ],
)
def test_a_change_is_told_once_it_comes(name, value, metadata):
    told = []
    thread = threading.Thread(
        target=lambda: told.append(watcher.wait(metadata.address, name, 0.01))
    )
    thread.start()
    while len(metadata.asked) < 2:  # The second question waits.
        thread.join(0.01)
    assert not told
    metadata.change(name, value)
    thread.join(30)
    assert told == [value]
    assert len(metadata.asked) == 2
    assert "wait_for_change=true" in metadata.asked[1]


def test_a_server_that_fails_is_asked_again(metadata):
    metadata.failures = 3
    metadata.change("preempted", "TRUE")
    assert watcher.wait(metadata.address, "preempted", 0.01) == "TRUE"
    assert len(metadata.asked) == 4


def test_a_maintained_machine_works_on_and_then_ends(
    metadata, monkeypatch, capsys
):
    """It has an hour's notice; left idle, it would be paid for that hour."""
    done = []
    monkeypatch.setattr(watcher, "WORK_ON_SECS", 0.05)
    monkeypatch.setattr(watcher, "stop", lambda unit: done.append(unit))
    monkeypatch.setattr(watcher, "power_off", lambda: done.append("off"))
    metadata.change("maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE")
    assert watcher.main(metadata.address) == 0
    assert done == ["strata.service", "off"]
    assert "working on for now" in capsys.readouterr().out


def test_a_machine_that_is_taken_away_does_not_wait_for_maintenance(
    metadata, monkeypatch
):
    done = []
    monkeypatch.setattr(watcher, "WORK_ON_SECS", 600)
    monkeypatch.setattr(watcher, "stop", lambda unit: done.append(unit))
    metadata.change("maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE")
    metadata.change("preempted", "TRUE")
    assert watcher.main(metadata.address) == 0
    assert done == ["strata.service"]


def test_the_unit_is_stopped_once(metadata, systemctl):
    job = subprocess.Popen(["sleep", "600"])
    (systemctl / "pid").write_text(str(job.pid))
    process = watch(metadata)
    try:
        metadata.change("preempted", "TRUE")
        assert process.wait(60) == 0
        assert job.wait(60) == -signal.SIGTERM
    finally:
        process.kill()
        job.kill()
    assert "preempted is TRUE" in process.stdout.read()
    process.stdout.close()
    assert (systemctl / "asked").read_text() == "stop strata.service\n"
