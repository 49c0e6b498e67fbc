"""One run by shares on MNIST, on whatever devices: the same bits at its end."""

import json
import random

import pytest

from tests import processes
from tests.faults.jobs import wait_for

pytestmark = pytest.mark.slow

FLAGS = (
    "--config=mnist",
    "--config.virtual_replicas=8",
    "--config.epochs=none",
    "--config.steps=150",
    "--config.global_batch_size=100",
    "--config.model.hidden_units=128,64",
    "--config.model.dropout=0.2",
    "--config.optimizer.ema_decay=0.99",
    "--config.evaluation.every_steps=50",
    "--config.log.every_steps=10",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
    "--config.checkpoint.every_steps=20",
)


@pytest.fixture(scope="module")
def flags(mnist_dir):
    return (*FLAGS, f"--data_dir={mnist_dir}")


def train(workdir, *flags, workers=1):
    """Starts a job's processes."""
    command = ("trainer.task", *flags, f"--workdir={workdir}")
    if workers == 1:
        return [processes.start(*command)]
    return processes.start_cluster(workers, *command)


def finish(running):
    for process in running:
        code, output = processes.finish(process, timeout_secs=900)
        assert code == 0, output


def end_of(workdir):
    """Returns what must be the same: weights, scores and metric lines."""
    result = json.loads((workdir / "result.json").read_text())
    lines = (workdir / "metrics.jsonl").read_text()
    return result["weights_sha256"], result["evaluation"], lines


@pytest.fixture(scope="module")
def expected(tmp_path_factory, flags):
    workdir = tmp_path_factory.mktemp("one") / "run"
    finish(train(workdir, *flags))
    return end_of(workdir)


@pytest.mark.parametrize("devices", [3, 8])
def test_devices_end_with_the_bits_of_one(devices, tmp_path, flags, expected):
    workdir = tmp_path / "run"
    finish(train(workdir, *flags, f"--cpu_devices={devices}"))
    assert end_of(workdir) == expected


def test_two_workers_end_with_the_bits_of_one(tmp_path, flags, expected):
    workdir = tmp_path / "run"
    finish(train(workdir, *flags, workers=2))
    assert end_of(workdir) == expected


def test_four_workers_that_become_two_end_with_the_bits_of_one(
    tmp_path, flags, expected
):
    workdir = tmp_path / "run"
    folder = workdir / "checkpoints"
    four = train(workdir, *flags, workers=4)
    first = f"step_{20 * random.randint(1, 5):08}"
    wait_for(first, lambda: any(p.name >= first for p in folder.glob("step_*")))
    for process in four:
        process.kill()
    for process in four:
        processes.finish(process)
    finish(train(workdir, *flags, workers=2))
    assert end_of(workdir) == expected
