"""A look at a step says what the step does, and changes nothing."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests import processes
from tests import stepping
from tests.journal.test_journal import events
from tests.journal.test_journal import scalars
from tests.steps.test_exact import ALL_AT_ONCE
from tests.steps.test_exact import CLIPPED_SGD
from trainer import task
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.steps import preview
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train.job import Job

FLAGS = (
    "--config=digits",
    "--config.steps=60",
    "--config.log.report=false",
    "--config.optimizer.momentum=0.9",
)
LOOKING = (
    "--config.log.norms_every_steps=20",
    "--config.log.histograms_every_steps=40",
)
NOT_LOOKING = ("--config.log.norms_every_steps=none",)


def sha256(workdir):
    return json.loads((workdir / "result.json").read_text())["weights_sha256"]


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("look") / "run"
    assert task.main([*FLAGS, *LOOKING, f"--workdir={workdir}"]) == 0
    return workdir


@pytest.mark.parametrize(
    "fields", [{"optimizer.momentum": 0.9}, ALL_AT_ONCE, CLIPPED_SGD]
)
def test_an_update_is_the_one_that_the_step_takes(fields):
    config = stepping.config_of({**fields, "steps": 2})
    problem, dataset = stepping.load(config)
    strategy = tf.distribute.get_strategy()
    job = Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint="",
        workdir=None,
        strategy=strategy,
    )
    network = networks.build(config, problem, dataset, strategy, 2)
    plan, options = (
        plan_lib.training_plan(job),
        plan_lib.step_options(job),
    )
    chunks = pipeline.distribute(strategy, dataset.splits["train"], plan)
    chunk = {**next(chunks), "steps": tf.constant(1)}
    trained = network.model.trainable_variables
    before = network.snapshot()
    looked = preview.look_ahead(strategy, network, options)(chunk)
    weights = [before[f"model/{v.path}"] for v in trained]
    for part, tensors in enumerate((looked.gradients, weights, looked.updates)):
        found = [np.square(np.asarray(t, "d")).sum() for t in tensors]
        np.testing.assert_allclose(looked.squares[part], found, rtol=1e-5)
    for name, value in network.snapshot().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    loop = training.training_loop(strategy, network, options, job.place)
    loop(chunk, tf.zeros([2]))
    for variable, update in zip(trained, looked.updates, strict=True):
        name = f"model/{variable.path}"
        taken = variable.value.numpy() - before[name]
        np.testing.assert_allclose(update, taken, atol=2e-7, err_msg=name)
        assert np.abs(taken).max() > 0
    if fields is CLIPPED_SGD:
        flat = np.concatenate([np.ravel(u) for u in looked.updates])
        clipped = config.optimizer.learning_rate * config.optimizer.clip_norm
        assert np.linalg.norm(flat) == pytest.approx(clipped, rel=1e-5)
        flat = np.concatenate([np.ravel(g) for g in looked.gradients])
        assert np.linalg.norm(flat) > config.optimizer.clip_norm


def test_looking_leaves_every_bit(looked_at, tmp_path):
    workdir = tmp_path / "run"
    assert task.main([*FLAGS, *NOT_LOOKING, f"--workdir={workdir}"]) == 0
    assert sha256(workdir) == sha256(looked_at)


def test_norms_stand_at_their_steps_and_histograms_at_theirs(looked_at):
    found = scalars(looked_at / "train", "norms/gradient")
    assert [step for step, _ in found] == [1, 21, 41]
    train = events(looked_at / "train")
    tags = train.PluginTagToContent("histograms")
    kernels = [tag for tag in tags if tag.endswith("kernel")]
    assert len(kernels) == 6  # of gradients and of weights
    for tag in tags:
        assert [event.step for event in train.Tensors(tag)] == [1, 41]


def test_two_replicas_see_the_same_norms_and_keep_their_bits(
    looked_at, tmp_path
):
    running = {
        name: processes.start(
            "trainer.task",
            *(*FLAGS, *flags, "--cpu_devices=2"),
            f"--workdir={tmp_path}/{name}",
        )
        for name, flags in (("with", LOOKING), ("without", NOT_LOOKING))
    }
    for process in running.values():
        code, output = processes.finish(process)
        assert code == 0, output
    assert sha256(tmp_path / "with") == sha256(tmp_path / "without")
    for tag in ("gradient", "weights", "update_ratio"):
        one = scalars(looked_at / "train", f"norms/{tag}")
        two = scalars(tmp_path / "with" / "train", f"norms/{tag}")
        np.testing.assert_allclose(one, two, rtol=1e-3)


def test_norms_are_those_of_all_variables_together():
    rng = np.random.default_rng(0)
    gradient, weights, update = tensors = rng.normal(size=(3, 2, 7))
    weights[1] = 0
    found = preview.norms(["a", "b"], np.square(tensors).sum(axis=2))
    assert found["norms/gradient"] == pytest.approx(np.linalg.norm(gradient))
    ratio = np.linalg.norm(update) / np.linalg.norm(weights)
    assert found["norms/update_ratio"] == pytest.approx(ratio)
    assert found["norms/gradient/b"] == pytest.approx(
        np.linalg.norm(gradient[1])
    )
    assert found["norms/weights/b"] == 0
    assert "norms/update_ratio/b" not in found
