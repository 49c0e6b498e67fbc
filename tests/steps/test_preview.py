"""A preview of a step says what the step does, and changes nothing."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests import processes
from tests import stepping
from tests.curves import events
from tests.curves import scalars
from tests.stepping import ALL_AT_ONCE
from tests.stepping import CLIPPED_SGD
from trainer import task
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.steps import preview
from trainer.steps import training
from trainer.train import plan as plan_lib

FLAGS = (
    "--config=digits",
    "--config.steps=60",
    "--config.log.report=false",
    "--config.optimizer.momentum=0.9",
)
PREVIEWS = (
    "--config.log.norms_every_steps=20",
    "--config.log.histograms_every_steps=40",
)
WITHOUT = ("--config.log.norms_every_steps=none",)


def sha256(workdir):
    return json.loads((workdir / "result.json").read_text())["weights_sha256"]


def squares_of(tensors):
    return [np.square(np.asarray(each, "d")).sum() for each in tensors]


@pytest.fixture(scope="module")
def previewed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("preview") / "run"
    assert task.main([*FLAGS, *PREVIEWS, f"--workdir={workdir}"]) == 0
    return workdir


@pytest.mark.parametrize(
    "fields", [{"optimizer.momentum": 0.9}, ALL_AT_ONCE, CLIPPED_SGD]
)
def test_an_update_is_the_one_that_the_step_takes(fields):
    config = stepping.config_of({**fields, "steps": 2})
    strategy = tf.distribute.get_strategy()
    job = stepping.job_of(config, strategy)
    dataset = job.dataset
    network = networks.build(config, job.problem, dataset, strategy, 2)
    plan, options = (
        plan_lib.training_plan(job),
        plan_lib.step_options(job),
    )
    chunks = pipeline.distribute(strategy, dataset.splits["train"], plan)
    chunk = {**next(chunks), "steps": tf.constant(1)}
    trained = network.model.trainable_variables
    before = network.snapshot()
    tried = preview.previewer(strategy, network, options)(chunk)
    weights = [before[f"model/{v.path}"] for v in trained]
    gradients, squares = tried.gradients, tried.squares.numpy()
    np.testing.assert_allclose(squares[0], squares_of(gradients), rtol=1e-5)
    np.testing.assert_allclose(squares[1], squares_of(weights), rtol=1e-5)
    for name, value in network.snapshot().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    loop = training.training_loop(strategy, network, options)
    loop(chunk, tf.zeros([2]))
    after = [v.value.numpy() for v in trained]
    taken = [new - old for new, old in zip(after, weights, strict=True)]
    assert all(np.abs(each).max() > 0 for each in taken)
    np.testing.assert_allclose(squares[2], squares_of(taken), rtol=1e-4)
    if fields is CLIPPED_SGD:
        clipped = config.optimizer.learning_rate * config.optimizer.clip_norm
        assert np.sqrt(squares[2].sum()) == pytest.approx(clipped, rel=1e-5)
        assert np.sqrt(squares[0].sum()) > config.optimizer.clip_norm


def test_a_preview_leaves_every_bit(previewed, tmp_path):
    workdir = tmp_path / "run"
    assert task.main([*FLAGS, *WITHOUT, f"--workdir={workdir}"]) == 0
    assert sha256(workdir) == sha256(previewed)


def test_norms_stand_at_their_steps_and_histograms_at_theirs(previewed):
    found = scalars(previewed / "train", "norms/gradient")
    assert [step for step, _ in found] == [1, 21, 41]
    train = events(previewed / "train")
    tags = train.PluginTagToContent("histograms")
    kernels = [tag for tag in tags if tag.endswith("kernel")]
    assert len(kernels) == 6  # of gradients and of weights
    for tag in tags:
        assert [event.step for event in train.Tensors(tag)] == [1, 41]


@pytest.mark.slow
def test_two_replicas_see_the_same_norms_and_keep_their_bits(
    previewed, tmp_path
):
    running = {
        name: processes.start(
            "trainer.task",
            *(*FLAGS, *flags, "--cpu_devices=2"),
            f"--workdir={tmp_path}/{name}",
        )
        for name, flags in (("with", PREVIEWS), ("without", WITHOUT))
    }
    for process in running.values():
        code, output = processes.finish(process)
        assert code == 0, output
    assert sha256(tmp_path / "with") == sha256(tmp_path / "without")
    for tag in ("gradient", "weights", "update_ratio"):
        one = scalars(previewed / "train", f"norms/{tag}")
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
