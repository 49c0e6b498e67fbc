"""A run goes on with other workers or replicas: same examples, same losses."""

import contextlib
import json

import pytest
import tensorflow as tf

from tests import processes
from trainer.train import run as run_lib
from trainer.workdir.folder import Workdir

STEPS = 8
# 1294 rows in batches of 50: neither divides by 3 or 4, and the last of an
# epoch is short. A constant schedule lets the run grow.
FLAGS = (
    "--config=digits",
    "--config.global_batch_size=50",
    "--config.data.augmentation.rotation_degrees=5",
    "--config.data.augmentation.elastic_alpha_pixels=2",
    "--config.model.hidden_units=32,",
    "--config.model.dropout=0.2",
    "--config.optimizer.ema_decay=0.9",
    "--config.optimizer.clip_norm=1.0",
    "--config.optimizer.learning_rate=3e-4",
    "--config.log.every_steps=1",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
)
ONE = (1, ())
TWO = (2, ())
THREE = (3, ())
FOUR_REPLICAS = (1, ("--cpu_devices=4",))


def run(workdir, topology, steps):
    """Runs the job up to a step; returns the result."""
    workers, flags = topology
    command = (
        "trainer.task",
        *FLAGS,
        *flags,
        f"--config.steps={steps}",
        f"--workdir={workdir}",
    )
    if workers == 1:
        running = [processes.start(*command)]
    else:
        running = processes.start_cluster(workers, *command)
    ended = [processes.finish(process) for process in running]
    assert [code for code, _ in ended] == [0] * workers, ended
    return json.loads((workdir / "result.json").read_text())


def train_losses(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return {
        line["step"]: line["loss"]
        for line in map(json.loads, lines)
        if line["split"] == "train"
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("one") / "run"
    run(workdir, ONE, 4 * STEPS)
    return train_losses(workdir)


@pytest.mark.slow
@pytest.mark.parametrize(
    "topologies",
    [(ONE, TWO, THREE, ONE), (FOUR_REPLICAS, ONE, FOUR_REPLICAS, TWO)],
    ids=["workers", "replicas"],
)
def test_a_run_moves_between_topologies(tmp_path, expected, topologies):
    for part, topology in enumerate(topologies, start=1):
        result = run(tmp_path / "run", topology, part * STEPS)
        assert result["workers"] == topology[0]
    losses = train_losses(tmp_path / "run")
    assert list(losses) == list(range(1, 4 * STEPS + 1))
    for step, loss in losses.items():
        assert loss == pytest.approx(expected[step], abs=1e-5)


@pytest.mark.parametrize("result", [True, False])
def test_a_peer_that_is_gone_at_the_end_harms_only_what_is_not_written(
    tmp_path, result
):
    def meet():
        raise tf.errors.UnavailableError(None, None, "Socket closed")

    if result:
        (tmp_path / "result.json").write_text("{}")
    expected = (
        contextlib.nullcontext()
        if result
        else pytest.raises(tf.errors.UnavailableError)
    )
    with expected:
        run_lib.part(meet, Workdir(str(tmp_path)))
