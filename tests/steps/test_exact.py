"""One device, several replicas, several workers and plain Keras agree."""

import functools
import json

import numpy as np
import pytest

from tests import processes
from tests import stepping
from tests.stepping import ALL_AT_ONCE
from tests.stepping import CLIPPED_SGD

pytestmark = pytest.mark.slow

CONFIGS = {
    "rmsprop": {"optimizer.name": "rmsprop"},
    "all_at_once": ALL_AT_ONCE,
    "clipped_sgd": CLIPPED_SGD,
    "parted": {"virtual_replicas": 4},
    # Micro-batches, and a last share without a row.
    "parted_all_at_once": {
        **ALL_AT_ONCE,
        "virtual_replicas": 7,
        "optimizer.clip_norm": 0.1,
        "data.augmentation.rotation_degrees": 5.0,
        "data.augmentation.elastic_alpha_pixels": 2.0,
    },
    # A batch that is smaller than the replicas leaves some without a row.
    "tiny_batch": {"global_batch_size": 3, "optimizer.name": "sgd"},
}

# The topologies, by their replicas and workers, and what runs on each. Four
# replicas have what two cannot show: shares of one row, and none at all.
SEVERAL = {
    "2_replicas": (2, 1, {"all_at_once", "clipped_sgd", "parted_all_at_once"}),
    "4_replicas": (4, 1, {"rmsprop", "parted", "tiny_batch"}),
    "2_workers": (1, 2, {*CONFIGS}),
}
FREE_SGD = {**CLIPPED_SGD, "optimizer.clip_norm": None}


def run_cases(folder, cases, *, replicas=1, workers=1):
    """Runs configs by name; returns the arrays of `tests.stepping`."""
    (folder / "cases.json").write_text(json.dumps(cases))
    arguments = ("tests.stepping", replicas, folder / "cases.json")
    if workers == 1:
        running = [processes.start(*arguments, folder / "out.npz")]
    else:
        running = processes.start_cluster(
            workers, *arguments, folder / "out.npz"
        )
    for process in running:
        code, output = processes.finish(process, timeout_secs=900)
        assert code == 0, output
    return dict(np.load(folder / "out.npz"))


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    cases = {**CONFIGS, "free_sgd": FREE_SGD}
    return run_cases(tmp_path_factory.mktemp("one"), cases)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Returns the arrays of a topology, which runs once."""

    @functools.cache
    def arrays_of(topology):
        replicas, workers, names = SEVERAL[topology]
        folder = tmp_path_factory.mktemp(topology)
        cases = {name: CONFIGS[name] for name in names}
        return run_cases(folder, cases, replicas=replicas, workers=workers)

    return arrays_of


def on_several(*names):
    """Parametrizes a test by the topologies that some of CONFIGS run on."""
    return pytest.mark.parametrize(
        ("topology", "name"),
        [
            (topology, name)
            for topology, (_, _, ran) in SEVERAL.items()
            for name in names
            if name in ran
        ],
    )


def assert_agrees(one, other, *, loss, weights):
    """Compares {"losses", "weights", ...} of two runs."""
    for key, bound in (
        ("losses", loss),
        ("weights", weights),
        ("average", weights),
    ):
        if key in one:
            difference = np.abs(one[key] - other[key]).max()
            assert difference <= bound, f"{key} differ by {difference}"


def of(arrays, name):
    return {
        key.rpartition("/")[2]: value
        for key, value in arrays.items()
        if key.startswith(name + "/")
    }


@on_several("rmsprop", "all_at_once")
def test_replicas_agree_with_one_device(one_device, several, topology, name):
    one = of(one_device, name)
    assert_agrees(one, of(several(topology), name), loss=1e-5, weights=1e-3)
    assert one["losses"][-1] < one["losses"][0]


@on_several("parted", "parted_all_at_once")
def test_shares_end_with_the_same_bits_on_all(
    one_device, several, topology, name
):
    one, other = of(one_device, name), of(several(topology), name)
    for key, array in one.items():
        np.testing.assert_array_equal(array, other[key], err_msg=key)
    assert one["losses"][-1] < one["losses"][0]


@on_several("clipped_sgd", "tiny_batch")
def test_sgd_is_reduced_once_and_clipped_after(
    one_device, several, topology, name
):
    # SGD hides no factor, as Adam and RMSprop do: a gradient that is reduced
    # twice, or clipped before it is reduced, shows at once.
    one = of(one_device, name)
    assert_agrees(one, of(several(topology), name), loss=1e-5, weights=1e-6)


def test_the_clipping_norm_is_active(one_device):
    clipped = of(one_device, "clipped_sgd")["weights"]
    free = of(one_device, "free_sgd")["weights"]
    assert np.abs(clipped - free).max() > 1e-2


def keras_fit(config):
    """Trains the same network by plain `fit`, a step a call, in our order."""
    import keras
    import tensorflow as tf

    from trainer.input import normalization
    from trainer.input import pipeline
    from trainer.model import mlp

    problem, dataset = stepping.load(config)
    split = dataset.splits["train"]
    normalize = normalization.fit_normalization("auto", dataset)
    model = mlp.build(config.model, problem, split.x[0].size, seed=config.seed)
    optimizers = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    optimizer = optimizers[config.optimizer.name](
        config.optimizer.learning_rate
    )
    model.compile(optimizer, loss="categorical_crossentropy")
    plan = pipeline.Plan(
        examples=split.examples,
        global_batch_size=config.global_batch_size,
        replicas=1,
        most_steps=1,
        total_steps=config.steps,
        seed=config.seed,
    )
    losses = []
    for step in range(config.steps):
        rows = pipeline.rows_of_steps(
            plan,
            tf.constant(step, tf.int64),
            tf.constant(1, tf.int64),
            tf.constant(0, tf.int64),
        ).numpy()[0]
        rows = rows[rows >= 0]
        rows = rows if split.rows is None else split.rows[rows]
        x = normalize(tf.constant(split.x[rows])).numpy()
        y = keras.utils.to_categorical(split.y[rows], problem.outputs)
        history = model.fit(
            x, y, batch_size=len(rows), shuffle=False, verbose=0
        )
        losses.append(history.history["loss"][0])
    return np.array(losses), stepping.flat(model.weights)


def compare_with_keras(**fields):
    import tensorflow as tf

    config = stepping.config_of({"steps": 50, **fields})
    ours, network = stepping.run_steps(config, tf.distribute.get_strategy())
    theirs, weights = keras_fit(config)
    difference = np.abs(stepping.flat(network.model.weights) - weights).max()
    return np.abs(ours - theirs).max(), difference


def test_sgd_agrees_with_plain_keras_fit():
    loss, weights = compare_with_keras(
        **{"optimizer.name": "sgd", "optimizer.learning_rate": 0.1}
    )
    assert loss <= 1e-5
    assert weights <= 1e-6


def test_rmsprop_agrees_with_plain_keras_fit():
    loss, weights = compare_with_keras(**{"optimizer.name": "rmsprop"})
    assert loss <= 1e-5
    assert weights <= 1e-3


def test_without_xla_the_bits_are_those_of_plain_keras_fit():
    _, weights = compare_with_keras(
        **{
            "optimizer.name": "rmsprop",
            "jit_compile": False,
            "global_batch_size": 16,
        }
    )
    assert weights == 0
