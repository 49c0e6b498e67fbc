"""The one compiled training loop. Hosts and devices meet once a chunk."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any
from typing import Literal
from typing import NamedTuple

import keras
import tensorflow as tf

from trainer.cluster.place import Cluster
from trainer.config import AugmentationConfig
from trainer.config import OptimizerConfig
from trainer.model.augmentation import augment
from trainer.model.chance import chance
from trainer.model.network import Network
from trainer.steps import pieces


@dataclasses.dataclass(frozen=True)
class StepOptions:
    """The config's parts that shape a step; see trainer/config/sections.py.

    `compiled` tells what XLA compiles: "step", all of it; "parts", the
    distortions and the update alone, since on CPUs TensorFlow's own bfloat16
    products are several times as fast as XLA's; "none".

    `in_pieces` has XLA know how long its loops are; see `pieces`. On a CPU that
    gains nothing, and its second and third compilation cost a start's time.
    """

    seed: int
    optimizer: OptimizerConfig
    augmentation: AugmentationConfig
    compiled: Literal["step", "parts", "none"]
    total_steps: int
    in_pieces: bool = False


def is_single(strategy: tf.distribute.Strategy) -> bool:
    return strategy.num_replicas_in_sync == 1


class Told(NamedTuple):
    """What a chunk of steps tells the host.

    Attributes:
      sums: float32 [K, sums] over the rows of each step and all replicas, in
        the order of `Problem.sum_names`.
      flags: float32 [flags], more than 0 where a worker's was.
      own_secs: float32 [workers], the seconds that each one's replicas spent on
        their own work, waiting for the others left out, or [0] for a single
        replica and where no CPU does that work.
      learning_rate: float32 scalar, of the step that comes. A schedule that is
        asked outside of a compiled function takes a millisecond.
    """

    sums: tf.Tensor
    flags: tf.Tensor
    own_secs: tf.Tensor
    learning_rate: tf.Tensor


def training_loop(
    strategy: tf.distribute.Strategy,
    network: Network,
    options: StepOptions,
    place: Cluster,
) -> Callable[[dict, tf.Tensor], Told]:
    """Makes the function that runs a chunk of steps.

    With one replica the whole loop is one XLA program, where "step" is what
    XLA compiles. With several, it compiles each replica's forward and backward
    pass, since collectives and mirrored assignments do not compile, and the
    loop stands outside of `strategy.run`.

    Returns:
      A function from a chunk of `pipeline.chunks` and this worker's float32
      [flags] to what the chunk tells. Where the chunk has a "weight", float32
      [K, rows], each row's loss is multiplied by it.
    """
    single = is_single(strategy)
    # XLA, by which a TPU runs all of a replica's step, knows no clock; a GPU
    # would wait for the host's within each step.
    is_timed = not single and all(
        "CPU" in device for device in strategy.extended.worker_devices
    )
    timed_workers = place.workers if is_timed else 0
    gradient = gradient_of(network, options)
    if options.compiled == "step" and not single:
        gradient = tf.function(gradient, jit_compile=True, autograph=False)
    update = _update(network, options)
    if options.compiled == "parts" and single:
        update = tf.function(update, jit_compile=True, autograph=False)
    width = len(network.problem.sum_names)

    def replica_step(
        chunk: dict, i: tf.Tensor, flags: tf.Tensor, own_secs: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        began_secs = [_now_secs([own_secs])] if timed_workers else []
        # On a single core the clock may else be read after the work.
        with tf.control_dependencies(began_secs):
            x = chunk["x"][i]
        gradients, sums = gradient(
            x,
            chunk["y"][i],
            chunk["examples"][i],
            chunk["first_row"],
            chunk["first_step"] + tf.cast(i, tf.int64),
            chunk["weight"][i] if "weight" in chunk else None,
        )
        if timed_workers:
            spent_secs = _now_secs(gradients) - began_secs[0]
            own_secs = tf.one_hot(place.index, timed_workers) * tf.cast(
                spent_secs, tf.float32
            )
        if not single:
            # The one place where a gradient is reduced, and all else with it.
            *gradients, told = context.all_reduce(
                tf.distribute.ReduceOp.SUM,
                [*gradients, tf.concat([sums, flags, own_secs], axis=0)],
            )
            sums, flags, own_secs = tf.split(
                told, [width, flags.shape[0], timed_workers]
            )
        update(gradients)
        return sums, flags, own_secs

    def loop(chunk: dict, flags: tf.Tensor) -> Told:
        local = strategy.experimental_local_results
        slots = local(chunk["x"])[0].shape[0]
        steps = slots if options.in_pieces else local(chunk["steps"])[0]

        def body(i, sums, raised, own_secs):
            step_sums, raised, step_secs = (
                local(each)[0]
                for each in strategy.run(
                    replica_step, args=(chunk, i, flags, own_secs)
                )
            )
            return i + 1, sums.write(i, step_sums), raised, own_secs + step_secs

        # XLA would compile a loop over a range anew for each length of it.
        sums = tf.TensorArray(tf.float32, slots, element_shape=[width])
        _, sums, raised, own_secs = tf.while_loop(
            lambda i, *_: i < steps,
            body,
            [
                tf.constant(0),
                sums,
                tf.zeros_like(flags),
                tf.zeros([timed_workers]),
            ],
        )
        rate = network.optimizer.learning_rate
        return Told(sums.stack(), raised, own_secs, rate)

    program = tf.function(
        loop,
        jit_compile=options.compiled == "step" and single,
        autograph=False,
    )
    return pieces.InPieces(program) if options.in_pieces else program


def _update(network: Network, options: StepOptions) -> Callable:
    """Makes what a step does with the gradient over the global batch."""

    def update(gradients: list[tf.Tensor]) -> None:
        step = tf.cast(network.optimizer.iterations.value, tf.float32)
        take_step(network, options, gradients)
        if network.average is not None:
            most = options.optimizer.ema_decay
            decay = tf.minimum(most, (1 + step) / (10 + step))
            tf.distribute.get_replica_context().merge_call(
                _move_average, args=(network, decay)
            )

    return update


def take_step(
    network: Network, options: StepOptions, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Changes the weights by the gradient over the global batch.

    Returns:
      The gradient that was meant: the penalty's added, nothing clipped.
    """
    gradients = _regularized(network.model, gradients)
    taken, clip_norm = gradients, options.optimizer.clip_norm
    if clip_norm:
        taken, _ = tf.clip_by_global_norm(gradients, clip_norm)
    network.optimizer.apply(taken, network.model.trainable_variables)
    return gradients


def traces(function: Any) -> int:
    """Returns how often a function of this module was traced by now."""
    return function.experimental_get_tracing_count()


def _now_secs(after: list[tf.Tensor]) -> tf.Tensor:
    """Reads the clock once some tensors are there."""
    with tf.control_dependencies(after):
        return tf.timestamp()


def gradient_of(network: Network, options: StepOptions) -> Callable:
    """Makes one replica's part of a step: the gradient and sums of its rows."""
    variables = [v.value for v in network.model.trainable_variables]
    problem = network.problem
    width = len(problem.sum_names)
    micro_batches = options.optimizer.accumulation_steps
    distort = functools.partial(augment, options.augmentation)
    if options.compiled == "parts" and options.augmentation.distorts:
        distort = tf.function(distort, jit_compile=True, autograph=False)

    def of_rows(x, y, examples, first_row, step, row_weight):
        y = problem.targets(y)
        row = first_row + tf.range(x.shape[0])
        weight = tf.cast(row < examples, tf.float32)
        with chance(options.seed, step, first_row), tf.GradientTape() as tape:
            progress = tf.cast(step, tf.float32) / options.total_steps
            x = network.normalization(distort(x, progress))
            p = network.model(x, training=True)
            losses = problem.row_losses(y, p)
            if row_weight is not None:
                losses = losses * row_weight
            # Divided by the rows of the global batch, known beforehand, so that
            # replicas and micro-batches need only be added.
            share = tf.reduce_sum(losses * weight) / tf.cast(
                examples, tf.float32
            )
        sums = problem.step_sums(y, p, losses, weight)
        return tape.gradient(share, variables), sums

    def gradient(x, y, examples, first_row, step, row_weight=None):
        if micro_batches == 1:
            return of_rows(x, y, examples, first_row, step, row_weight)
        rows = x.shape[0] // micro_batches
        parts_x = tf.reshape(x, [-1, rows, *x.shape[1:]])
        parts_y = tf.reshape(y, [-1, rows, *y.shape[1:]])
        parts_weight = (
            None if row_weight is None else tf.reshape(row_weight, [-1, rows])
        )
        added = [tf.zeros_like(v) for v in variables]
        sums = tf.zeros([width])

        def body(i, added, sums):
            more, more_sums = of_rows(
                parts_x[i],
                parts_y[i],
                examples,
                first_row + i * rows,
                step,
                None if parts_weight is None else parts_weight[i],
            )
            added = [a + m for a, m in zip(added, more, strict=True)]
            return i + 1, added, sums + more_sums

        _, added, sums = tf.while_loop(
            lambda i, *_: i < micro_batches,
            body,
            [tf.constant(0), added, sums],
        )
        return added, sums

    return gradient


def _regularized(
    model: keras.Model, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Adds the penalty's gradient: once a global step, after the reduction."""
    with tf.GradientTape() as tape:
        penalties = [
            v.regularizer(v) for v in model.trainable_variables if v.regularizer
        ]
        penalty = tf.add_n(penalties) if penalties else None
    if penalty is None:
        return gradients
    extra = tape.gradient(penalty, [v.value for v in model.trainable_variables])
    return [
        g if e is None else g + e for g, e in zip(gradients, extra, strict=True)
    ]


def _move_average(
    strategy: tf.distribute.Strategy, network: Network, decay: tf.Tensor
) -> None:
    """Adds (1 - decay) * (weight - mean); called across replicas."""
    assert network.average is not None
    for mean, weight in zip(
        network.average.weights, network.model.weights, strict=True
    ):
        strategy.extended.update(
            mean.value,
            lambda m, w, d: m.assign_add((1 - d) * (w - m)),
            args=(weight.value, decay),
            group=False,
        )
