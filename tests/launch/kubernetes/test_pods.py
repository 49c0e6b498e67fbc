"""Pods run for real: the manifest's command and environment, on two hosts.

What a cluster would do is done by hand: a network and a name for each pod, the
expansion of its arguments, the volume, deletion by SIGTERM and by SIGKILL.
"""

import os
import shutil
import signal

import pytest
import yaml

from tests import forked
from tests.faults import jobs
from tests.faults.network import hosts
from tests.launch.kubernetes import by_hand
from tests.launch.kubernetes.example import container_of
from trainer.launch.kubernetes import __main__ as kubernetes

pytestmark = pytest.mark.slow

NAME = "digits"
# A name of its own, and an /etc/hosts that answers as a cluster's DNS would.
IN_POD = 'hostname "$0" && mount --bind "$1" /etc/hosts && shift && exec "$@"'


class Pods(jobs.Harmed):
    """A Job's pods, each with one container, on hosts of their own."""

    def __init__(self, folder, network, job):
        super().__init__(jobs.TWO_SHORT, folder)
        self._network = network
        self._container = container_of(job)
        addresses = self._environment()["STRATA_ADDRESSES"].split(",")
        names = [address.rpartition(":")[0] for address in addresses]
        lines = [
            f"{h.address} {n}" for h, n in zip(network, names, strict=True)
        ]
        self._hosts = folder / "hosts"
        self._hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        self.running = {}

    def _environment(self):
        uid = "8e4d7e0e-3c1f-4f8f-9a53-0d9a3f0f5c11"
        return {e["name"]: e.get("value", uid) for e in self._container["env"]}

    def create(self, index):
        """Starts the pod of an index."""
        programs = os.path.dirname(forked.python())
        path = f"{programs}:{os.environ['PATH']}"
        self._outputs.append(self.folder / f"pod_{len(self._outputs)}.txt")
        host = [
            *self._network[index].enter(),
            *("unshare", "--mount", "--uts", "sh", "-c", IN_POD),
            *(f"{NAME}-{index}", str(self._hosts)),
        ]
        self.running[index] = by_hand.start(
            self._container,
            index,
            host,
            {**self._environment(), "PATH": path},
            self._outputs[-1],
        )

    def end_of(self, index, timeout_secs=jobs.TOO_LONG_SECS):
        return self.running[index].wait(timeout_secs)

    def outputs(self):
        """What each pod printed, in the order of their creation."""
        return [path.read_text("utf8", "replace") for path in self._outputs]

    def newest(self):
        return max(self.steps_saved(), default=0)


@pytest.fixture
def network():
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("to make network namespaces takes root and iproute2")
    with hosts(2) as two:
        yield two


@pytest.fixture
def pods(tmp_path, network, capsys):
    folder = tmp_path / "shared"
    folder.mkdir()
    flags = (f"--name={NAME}", "--nodes=2", "--image=strata:1")
    volume = f"--volume=results:{folder}"
    trainer = (*jobs.TWO_SHORT.flags, f"--workdir={folder / 'run'}")
    assert kubernetes.main([*flags, volume, "--", *trainer]) == 0
    *_, job = yaml.safe_load_all(capsys.readouterr().out)
    made = Pods(folder, network, job)
    with by_hand.ended(made.running):
        yield made


def wait_for_progress(pods):
    before = pods.newest()
    jobs.wait_for("a newer checkpoint", lambda: pods.newest() > before)


def test_pods_that_are_deleted_cost_nothing_but_time(pods, undisturbed):
    calm = undisturbed(jobs.TWO_SHORT)
    for index in (0, 1):
        pods.create(index)
    wait_for_progress(pods)
    # The cluster takes a pod away, and waits for it.
    pods.running[1].send_signal(signal.SIGTERM)
    assert pods.end_of(1) == 42, pods.output()[-3000:]
    assert pods.running[0].poll() is None
    pods.create(1)
    wait_for_progress(pods)
    # The chief's node is lost.
    pods.running[0].kill()
    assert pods.end_of(0) == -signal.SIGKILL
    pods.create(0)
    ends = [pods.end_of(index) for index in (0, 1)]
    assert ends == [0, 0], pods.output()[-3000:]
    jobs.assert_same(pods, calm)
    assert len(pods.resumed()) == 2
    # The peer of each stayed in its pod, and went on there.
    first, second, third, fourth = pods.outputs()
    assert "workers ended with [42]; starting 1 again" in first
    assert "workers ended with [75]; starting 1 again" in third
    for new in (second, fourth):
        assert "workers ended with" not in new
    logs = sorted(os.listdir(pods.workdir / "logs"))
    assert logs == ["worker_0.log", "worker_1.log"]
