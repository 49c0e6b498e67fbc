"""Who may write a gs:// workdir: one, and who is silent loses it."""

import contextlib
import json
import os
import subprocess
import sys

import pytest

from tests import processes
from tests.faults import bucket as buckets
from tests.faults.bucket import NAME
from tests.faults.bucket import needs_client
from tests.faults.bucket import PATH
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.storage.bucket import Folder
from trainer.workdir import lease
from trainer.workdir.lease import Lease
from trainer.workdir.lease import LostError
from trainer.workdir.lease_object import LeaseObject


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(LeaseObject, "expiry_secs", 0.5)
    monkeypatch.setattr(LeaseObject, "poll_secs", 0.05)
    monkeypatch.setattr(LeaseObject, "renew_secs", 0.1)
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


def lease_of(monkeypatch, machine):
    with monkeypatch.context() as patch:
        patch.setattr(lease, "_machine", lambda: machine)
        return Lease(LeaseObject(Folder(NAME)))


@needs_client
def test_a_live_holder_keeps_the_lease(server, monkeypatch):
    with lease_of(monkeypatch, "a").held():
        second = lease_of(monkeypatch, "b")
        with (
            pytest.raises(UserError, match="is in use by process"),
            second.held(),
        ):
            pytest.fail("held twice")
    assert server.names(PATH) == set()
    with lease_of(monkeypatch, "b").held():
        assert server.names(PATH) == {".lease"}


@needs_client
@pytest.mark.parametrize(
    "variable", ["SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST", "STRATA_LAUNCHER"]
)
def test_under_a_scheduler_a_live_holder_is_one_that_passes(
    variable, server, monkeypatch
):
    """It may be this job, before it was queued again, on a node cut off."""
    with lease_of(monkeypatch, "a").held():
        monkeypatch.setenv(variable, "1")
        second = lease_of(monkeypatch, "b")
        with (
            pytest.raises(ClusterError, match="is in use by process"),
            second.held(),
        ):
            pytest.fail("held twice")


@needs_client
def test_a_silent_holder_loses_the_lease_and_leaves(server, monkeypatch):
    monkeypatch.setattr(LeaseObject, "renew_secs", 100.0)
    first, second = (lease_of(monkeypatch, machine) for machine in "ab")
    with contextlib.ExitStack() as late:
        with first.held():
            late.enter_context(second.held())
            left = []
            monkeypatch.setattr(os, "_exit", left.append)
            with pytest.raises(LostError):
                first.renew()
            assert left == [75]
            second.renew()
            assert left == [75]
        assert server.names(PATH) == {".lease"}


@needs_client
def test_a_dead_process_of_this_machine_holds_nothing(server, monkeypatch):
    monkeypatch.setattr(LeaseObject, "expiry_secs", 1000.0)
    gone = subprocess.Popen(["true"])
    gone.wait()
    holder = {"process": gone.pid, "machine": "a"}
    server.put(f"{PATH}.lease", json.dumps(holder).encode())
    monkeypatch.setattr(lease, "_machine", lambda: "a")
    with lease_of(monkeypatch, "a").held():
        assert server.read(f"{PATH}.lease")["process"] == os.getpid()


@needs_client
def test_a_long_wait_for_a_holder_is_told(server, monkeypatch, capsys):
    monkeypatch.setattr(lease, "TOLD_SECS", 0.1)
    server.put(f"{PATH}.lease", b'{"process": 7, "host": "far"}')
    with lease_of(monkeypatch, "a").held():
        assert capsys.readouterr().out == (
            f"{NAME} was held by process 7 of far; watching for 0 s"
            " whether it is alive\n"
        )


@needs_client
def test_an_answer_that_was_lost_is_no_loss(server, monkeypatch):
    ours = lease_of(monkeypatch, "a")
    with ours.held():
        # The write came, its answer did not: another generation, our content.
        stored = server.objects[f"{PATH}.lease"]
        server.put(f"{PATH}.lease", stored.data)
        ours.renew()
    assert server.names(PATH) == set()


RACER = """
import sys
from trainer.process.exits import UserError
from trainer.storage.bucket import Folder
from trainer.workdir.lease import Lease
from trainer.workdir.lease import LostError
from trainer.workdir.lease_object import LeaseObject
LeaseObject.expiry_secs = 2.0
LeaseObject.renew_secs = 0.2
one = Lease(LeaseObject(Folder(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
try:
    with one.held():
        print("won", flush=True)
        sys.stdin.readline()
except UserError as error:
    print(f"lost: {error}", flush=True)
"""


def verdict(racer):
    """Returns how a racer ended; it may tell before that it waits."""
    lines = iter(racer.stdout.readline, "")
    return next(x for x in lines if x.startswith(("won", "lost")))


@needs_client
def test_of_two_that_race_for_the_lease_one_wins(server):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, NAME],
            cwd=processes.ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = sorted(map(verdict, racers))
    for racer in racers:
        racer.communicate("\n")
    assert said[0].startswith(f"lost: --workdir={NAME} is in use by process")
    assert said[1] == "won\n"
