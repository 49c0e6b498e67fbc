"""Each exit code, of a real `python -m trainer.task`."""

import os
import signal

import pytest

from tests import processes
from trainer.process import exits

SHORT = (
    "--config=digits",
    "--config.epochs=none",
    "--config.steps=1",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
)
DIVERGES = (
    "--config.optimizer.name=sgd",
    "--config.optimizer.learning_rate=1e30",
)


def start(workdir, *flags, tf_config=None):
    return processes.start_python(
        *("-m", "trainer.task", *SHORT, f"--workdir={workdir}", *flags),
        tf_config=tf_config,
    )


def test_a_reader_that_leaves(tmp_path):
    flags = (*SHORT, f"--workdir={tmp_path / 'run'}")
    process = processes.start("trainer.task", *flags)
    assert process.stdout.readline().startswith("data: digits")
    process.stdout.close()
    assert process.wait(60) == exits.DONE
    log = (tmp_path / "run/logs/worker_0.log").read_text()
    assert "MLP score: " in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "expected"),
    [((), exits.DONE), (DIVERGES, exits.DIVERGED)],
    ids=["done", "diverged"],
)
def test_what_became_of_the_training(tmp_path, flags, expected):
    code, output = processes.finish(start(tmp_path / "run", *flags))
    assert code == expected, output
    assert "strata: " not in output


def test_a_mistake(tmp_path):
    code, output = processes.finish(start(tmp_path / "run", "--epochs=3"))
    assert code == exits.MISTAKE
    assert output.startswith("strata: ")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGTERM, exits.STOPPED),
        (signal.SIGINT, exits.STOPPED_BY_USER),
    ],
)
def test_a_request_while_tensorflow_is_imported(tmp_path, number, expected):
    process = start(tmp_path / "run")
    assert process.stdout.readline().startswith("data: digits")
    process.send_signal(number)
    code, output = processes.finish(process)
    assert code == expected, output
    assert "left as asked" in output
    assert not os.path.exists(tmp_path / "run")


def test_a_peer_that_does_not_come(tmp_path):
    address = f"127.0.0.1:{processes.free_ports(1)[0]}"
    cluster = {"worker": [address, "127.0.0.1:1"]}
    process = start(
        tmp_path / "run",
        "--join_secs=1",
        tf_config={"cluster": cluster, "task": {"type": "worker", "index": 0}},
    )
    code, output = processes.finish(process)
    assert code == exits.CLUSTER_FAILED, output
    assert "worker 1 (127.0.0.1:1) did not come to the chief" in output
