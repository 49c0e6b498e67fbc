"""The network: shape, dropout, penalty and the file that opens anywhere."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import stepping
from trainer.config import ModelConfig
from trainer.input import pipeline
from trainer.model import chance
from trainer.model import mlp
from trainer.model import network as networks
from trainer.problem.multiclass import Multiclass
from trainer.steps import training
from trainer.train import plan as plan_lib

TEN_CLASSES = Multiclass(
    "multiclass",
    "softmax",
    "categorical_crossentropy",
    ("accuracy",),
    10,
    True,
    (),
)


def build(features=20, **fields):
    return mlp.build(ModelConfig(**fields), TEN_CLASSES, features, seed=1)


def test_the_course_network_has_623290_parameters():
    model = build(784, hidden_units=(784,))
    assert model.count_params() == 623_290
    assert isinstance(model, keras.Sequential)


def test_skip_connections_add_the_input_projected_where_widths_differ():
    model = build(hidden_units=(16, 16), skip_connections=True)
    assert not isinstance(model, keras.Sequential)
    x = tf.random.stateless_normal([5, 20], [1, 2])
    get = model.get_layer
    first = get("hidden_0")(x) + get("hidden_0_skip")(x)
    second = get("hidden_1")(first) + first
    np.testing.assert_allclose(
        model(x), get("outputs")(second), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("activation", ["leaky_relu", "sigmoid", "gelu"])
@pytest.mark.parametrize("layer_normalization", [False, True])
def test_a_hidden_layer_is_what_keras_makes_of_it(
    activation, layer_normalization
):
    model = build(
        hidden_units=(16,),
        activation=activation,
        leaky_relu_slope=0.2,
        layer_normalization=layer_normalization,
    )
    x = tf.random.stateless_normal([5, 20], [1, 2])
    kernel, bias = model.get_layer("hidden_0").get_weights()
    hidden = x @ kernel + bias
    if layer_normalization:
        hidden = keras.layers.LayerNormalization()(hidden)
    if activation == "leaky_relu":
        hidden = tf.where(hidden > 0, hidden, 0.2 * hidden)
    else:
        hidden = keras.activations.get(activation)(hidden)
    np.testing.assert_allclose(
        model(x), model.get_layer("outputs")(hidden), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("initializer", ["he_normal", "orthogonal"])
def test_weights_are_drawn_as_keras_does_beside_a_program_that_draws(
    initializer, monkeypatch
):
    random.seed(1)
    wanted = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(16, kernel_initializer=initializer),
            keras.layers.Dense(8, kernel_initializer=initializer),
            keras.layers.Dense(10),
        ]
    )
    dense = mlp._dense

    def beside_another(*given, **kwargs):
        random.random()  # as a thread may at any time
        return dense(*given, **kwargs)

    monkeypatch.setattr(mlp, "_dense", beside_another)
    random.seed(7)
    found = build(hidden_units=(16, 8), kernel_initializer=initializer)
    for weight, other in zip(found.weights, wanted.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    drawn = random.Random(7)
    drawn.random(), drawn.random()
    assert random.getstate() == drawn.getstate()


def test_no_hidden_layer_makes_a_linear_model():
    assert build(hidden_units=()).count_params() == 20 * 10 + 10


def test_bfloat16_keeps_weights_and_outputs_in_float32():
    model = mlp.build(
        ModelConfig(hidden_units=(16,)),
        TEN_CLASSES,
        20,
        seed=1,
        precision="bfloat16",
    )
    assert {w.dtype for w in model.weights} == {"float32"}
    assert model.get_layer("hidden_0").compute_dtype == "bfloat16"
    assert model(tf.zeros([2, 20])).dtype == tf.float32


def dropped(layer, first_row, rows, step=3, *, jit_compile):
    # Neither is known when the function is compiled: what is computed from
    # constants beforehand would be computed without XLA.
    @tf.function(jit_compile=jit_compile)
    def call(step, first_row):
        with chance.chance(7, step, first_row, is_compiled=jit_compile):
            return layer(tf.ones([rows, 10]), training=True)

    return call(tf.constant(step, tf.int64), tf.constant(first_row)).numpy()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_row_is_dropped_alike_wherever_it_is_computed(jit_compile):
    layer = mlp.StatelessDropout(0.25, place=1)
    whole = dropped(layer, 0, 64, jit_compile=False)
    part = dropped(layer, 24, 16, jit_compile=jit_compile)
    np.testing.assert_array_equal(whole[24:40], part)
    other_step = dropped(layer, 0, 64, step=4, jit_compile=False)
    other_place = dropped(
        mlp.StatelessDropout(0.25, place=2), 0, 64, jit_compile=False
    )
    assert (whole != other_step).any()
    assert (whole != other_place).any()


def test_dropout_keeps_its_share_and_the_mean():
    layer = mlp.StatelessDropout(0.25, place=0)
    values = dropped(layer, 0, 2000, jit_compile=False)
    assert set(np.unique(values)) == {0, np.float32(1 / 0.75)}
    assert values.mean() == pytest.approx(1, abs=0.02)


def test_dropout_outside_of_a_step_is_refused():
    with pytest.raises(LookupError):
        mlp.StatelessDropout(0.5, place=0)(tf.ones([1, 4]), training=True)


def test_the_penalty_is_added_once_and_not_shown():
    # One plain SGD step: the weights with a penalty are those without, less
    # rate * 2 * l2 * kernel; the loss that is shown stays that of the data.
    def one_step(l2):
        config = stepping.config_of(
            {
                "steps": 1,
                "optimizer.name": "sgd",
                "optimizer.learning_rate": 0.1,
                "model.l2": l2,
            }
        )
        return stepping.run_steps(config, tf.distribute.get_strategy())

    losses, plain = one_step(0.0)
    penalised_losses, penalised = one_step(0.01)
    assert losses == penalised_losses
    start = mlp.build(
        ModelConfig(hidden_units=(48, 32)), TEN_CLASSES, 64, seed=42
    )
    for w0, w1, w2 in zip(
        start.weights, plain.model.weights, penalised.model.weights, strict=True
    ):
        share = 0.1 * 2 * 0.01 if w0.path.endswith("kernel") else 0
        np.testing.assert_allclose(
            w2.value, w1.value - share * w0.value, atol=1e-7
        )


def test_the_keras_file_opens_without_strata(tmp_path):
    config = stepping.config_of(
        {
            "steps": 5,
            "model.dropout": 0.5,
            "optimizer.ema_decay": 0.9,
            "optimizer.schedule.name": "cosine",
        }
    )
    _, network = stepping.run_steps(config, tf.distribute.get_strategy())
    networks.PortableModel(config, network).save(
        tmp_path / "model.keras", network.snapshot()
    )
    x = tf.random.stateless_normal([9, 64], [1, 2])
    opened = keras.models.load_model(tmp_path / "model.keras")
    assert "strata" not in str(opened.get_config()).lower()
    np.testing.assert_array_equal(opened(x), network.average(x))


def test_micro_batches_give_the_step_of_the_whole_batch():
    def weights(accumulation_steps):
        config = stepping.config_of(
            {
                "steps": 20,
                "optimizer.name": "sgd",
                "optimizer.learning_rate": 0.1,
                "optimizer.accumulation_steps": accumulation_steps,
            }
        )
        _, network = stepping.run_steps(config, tf.distribute.get_strategy())
        return stepping.flat(network.model.weights)

    np.testing.assert_allclose(weights(1), weights(4), atol=1e-6)


def test_the_chunk_changes_no_number():
    def losses(steps_per_execution):
        config = stepping.config_of(
            {"steps": 40, "steps_per_execution": steps_per_execution}
        )
        run, network = stepping.run_steps(config, tf.distribute.get_strategy())
        return run, network.sha256()

    one, one_hash = losses(7)
    other, other_hash = losses(50)
    assert one.tolist() == other.tolist()
    assert one_hash == other_hash


def test_a_chunk_of_any_length_is_compiled_once():
    config = stepping.config_of({"steps": 40, "log.every_steps": 9})
    strategy = tf.distribute.get_strategy()
    job = stepping.job_of(config, strategy)
    dataset = job.dataset
    network = networks.build(config, job.problem, dataset, strategy, 40)
    options = plan_lib.step_options(job)
    loop = training.training_loop(strategy, network, options)
    lengths = set()
    for chunk in pipeline.distribute(
        strategy,
        dataset.splits["train"],
        plan_lib.training_plan(job),
        first_step=0,
    ):
        lengths.add(int(chunk["steps"]))
        loop(chunk, tf.zeros(2))
    assert len(lengths) > 2
    count = loop.experimental_get_tracing_count()  # type: ignore[attr-defined]
    assert count == 1
