"""A sweep on a real Slurm, one of whose nodes is lost meanwhile."""

import re
import sys

import pytest

from tests.faults import jobs
from tests.faults import slurm
from tests.launch.sweep.test_main import outcome_of
from tests.launch.sweep.test_main import QUICK
from tests.processes import ROOT
from trainer.finished import stored_run

pytestmark = pytest.mark.slow
TRIALS = 4
# Longer than Slurm takes to miss a node.
LONG = ("--config.epochs=12000", "--config.checkpoint.every_steps=200")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A cluster of two nodes."""
    if wrong := slurm.missing():
        pytest.skip(wrong)
    with slurm.cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


def running(folder):
    """Returns how many trials have a checkpoint and no end yet."""
    trials = {path.parents[1] for path in folder.glob("trials/*/checkpoints/*")}
    return sum(not (trial / "result.json").exists() for trial in trials)


def test_a_lost_node_costs_its_trial_nothing_but_time(
    lab, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", ROOT)
    folder = tmp_path / "sweep"
    number = lab.submit(
        *(sys.executable, "-m", "trainer", "sweep", *QUICK, *LONG),
        f"--trials={TRIALS}",
        *("--launcher=slurm", "--parallel=2"),
        "--launcher_flags=--cpus_per_worker=2",
        f"--workdir={folder}",
        cwd=tmp_path,
    )

    def logs():
        files = sorted(tmp_path.glob("*.log"))
        return "".join(log.read_text("utf8", "replace") for log in files)

    # So that the node holds one of them.
    jobs.wait_for("two trials at once", lambda: running(folder) > 1, 600)
    lab.kill_node("n09")
    down = ("sinfo", "-hNt", "down", "-o", "%N")
    jobs.wait_for("the loss", lambda: "n09" in lab.ask(*down))
    lab.start_node("n09")
    jobs.wait_for("the end", (folder / "outcome.json").exists, 900)
    outcome = outcome_of(folder)
    assert outcome["trials"]["done"] == TRIALS, logs()
    runs = [stored_run.read(folder / f"trials/000{n}") for n in range(TRIALS)]
    assert sum(run.result["restarts"] for run in runs) >= 1, logs()
    jobs.wait_for(
        "an empty queue",
        lambda: not lab.ask("squeue", "-h", f"--jobs={number}"),
        300,
    )
    # A task that is queued again once all is over says it again.
    assert len(set(re.findall(r"winner +trial \d+", logs()))) == 1
