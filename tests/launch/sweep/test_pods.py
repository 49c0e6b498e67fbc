"""A sweep's pods run for real: the Job's command, on two hosts' names.

What a cluster would do is done by hand: a name for each pod, the expansion of
its arguments, the volume, deletion by SIGTERM and by SIGKILL.
"""

import os
import pathlib
import shutil
import signal
import sys

import pytest
import yaml

from tests.faults import jobs
from tests.launch.kubernetes import by_hand
from tests.launch.kubernetes.example import container_of
from tests.launch.sweep.test_main import begun
from tests.launch.sweep.test_main import outcome_of
from tests.launch.sweep.test_main import QUICK
from tests.verbs import strata
from trainer.finished import stored_run
from trainer.process.exits import STOPPED

pytestmark = pytest.mark.slow
TRIALS = 2
LONG = (
    "--config.epochs=300",
    "--config.evaluation.patience=none",
    "--config.checkpoint.every_steps=50",
)
IN_POD = 'hostname "$0" && exec "$@"'


class Pods:
    """The pods of a sweep's Job, each with one container."""

    def __init__(self, folder, job):
        self._folder, self._name = folder, job["metadata"]["name"]
        self._container = container_of(job)
        self._outputs = []
        self.running = {}

    def create(self, index):
        """Starts the pod of an index."""
        assert "env" not in self._container
        path = f"{pathlib.Path(sys.executable).parent}:{os.defpath}"
        self._outputs.append(self._folder / f"pod_{len(self._outputs)}.txt")
        host = ["unshare", "--uts", "sh", "-c", IN_POD, f"{self._name}-{index}"]
        self.running[index] = by_hand.start(
            self._container, index, host, {"PATH": path}, self._outputs[-1]
        )

    def end_of(self, index):
        return self.running[index].wait(600)

    def output(self):
        return "".join(path.read_text() for path in self._outputs)


@pytest.fixture
def pods(tmp_path):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("to give a process a host's name takes root and unshare")
    code, out, err = strata(
        *("sweep", *QUICK, *LONG, f"--trials={TRIALS}", "--parallel=2"),
        "--launcher=kubernetes",
        f"--launcher_flags=--image=strata:1 --volume=claim:{tmp_path}",
        f"--workdir={tmp_path / 'sweep'}",
    )
    assert (code, err) == (0, "")
    *_, job = yaml.safe_load_all(out)
    made = Pods(tmp_path, job)
    with by_hand.ended(made.running):
        yield made


def test_pods_that_are_deleted_cost_their_trials_nothing(pods, tmp_path):
    folder = tmp_path / "sweep"

    for index in (0, 1):
        pods.create(index)
    jobs.wait_for("two trials", lambda: begun(folder) > 1, 600)
    # The cluster takes a pod away, and waits for it; a node of it is lost.
    pods.running[1].send_signal(signal.SIGTERM)
    assert pods.end_of(1) == STOPPED, pods.output()
    pods.running[0].kill()
    assert pods.end_of(0) == -signal.SIGKILL
    for index in (0, 1):
        pods.create(index)
    ends = [pods.end_of(index) for index in (0, 1)]
    assert ends == [0, 0], pods.output()
    assert outcome_of(folder)["trials"]["done"] == TRIALS
    runs = [stored_run.read(folder / f"trials/000{n}") for n in range(TRIALS)]
    assert sum(run.result["restarts"] for run in runs) >= 2, pods.output()
    assert pods.output().count("winner  ") == 1
