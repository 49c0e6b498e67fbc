"""The one compiled training loop. Hosts and devices meet once a chunk."""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import tensorflow as tf

from trainer.input.parting import Parting
from trainer.model.network import Network
from trainer.steps import pieces
from trainer.steps import shares
from trainer.steps import stateless
from trainer.steps.gradient import gradient_of
from trainer.steps.options import StepOptions
from trainer.steps.update import update_of


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
    *,
    worker: int = 0,
    workers: int = 1,
) -> Callable[[dict, tf.Tensor], Told]:
    """Makes the function that runs a chunk of steps.

    With one replica the whole loop is one XLA program, where "step" is what
    XLA compiles. With several, it compiles each replica's forward and backward
    pass, since collectives and mirrored assignments do not compile, and the
    loop stands outside of `strategy.run`.

    Args:
      strategy: that the steps are spread by.
      network: that learns.
      options: of the step.
      worker: number of this process among those that train.
      workers: how many these are.

    Returns:
      A function from a chunk of `pipeline.chunks` and this worker's float32
      [flags] to what the chunk tells. Where the chunk has a "weight", float32
      [K, rows], each row's loss is multiplied by it.
    """
    single = is_single(strategy)
    is_parted = options.virtual_replicas is not None
    # XLA, by which a TPU runs all of a replica's step, knows no clock; a GPU
    # would wait for the host's within each step.
    is_timed = not single and all(
        "CPU" in device for device in strategy.extended.worker_devices
    )
    timed_workers = workers if is_timed else 0
    replica_step = _replica_step(
        halves_of(strategy, network, options),
        _update_of(network, options, single=single),
        single=single,
        worker=worker,
        timed_workers=timed_workers,
    )

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
        width = len(network.problem.sum_names)
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
        jit_compile=options.compiled == "step" and single and not is_parted,
        autograph=False,
    )
    return pieces.InPieces(program) if options.in_pieces else program


class Halves(NamedTuple):
    """The two halves of a step's gradient, between which replicas meet.

    Attributes:
      own: a replica's, as `gradient_of` makes it; what it returns is added over
        replicas.
      whole: from these sums to the gradient and sums of the global batch.
    """

    own: Callable
    whole: Callable


def halves_of(
    strategy: tf.distribute.Strategy, network: Network, options: StepOptions
) -> Halves:
    """Makes what a replica does of a step."""
    gradient = gradient_of(network, options)
    is_parted = options.virtual_replicas is not None
    if options.compiled == "step" and (is_parted or not is_single(strategy)):
        gradient = tf.function(gradient, jit_compile=True, autograph=False)
    elif is_parted:
        gradient = shares.apart(gradient)
    if options.virtual_replicas is None:
        return Halves(gradient, lambda *sums: sums)
    shapes = [v.shape for v in network.model.trainable_variables]
    parted = shares.Shares(
        Parting(options.virtual_replicas, strategy.num_replicas_in_sync),
        gradient,
        [tf.TensorShape(shape) for shape in shapes]
        + [tf.TensorShape([len(network.problem.sum_names)])],
        is_compiled=options.compiled != "none",
    )
    return Halves(parted.own, parted.whole)


def _update_of(
    network: Network, options: StepOptions, *, single: bool
) -> Callable:
    """Makes what the step does with the gradient over the global batch."""
    if options.virtual_replicas is not None:
        return stateless.assigning_update_of(network, options)
    update = update_of(network, options)
    if options.compiled == "parts" and single:
        return tf.function(update, jit_compile=True, autograph=False)
    return update


def _replica_step(
    halves: Halves,
    update: Callable,
    *,
    single: bool,
    worker: int,
    timed_workers: int,
) -> Callable:
    """Makes a replica's step, of what `training_loop` has settled."""

    def replica_step(
        chunk: dict, i: tf.Tensor, flags: tf.Tensor, after: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        began_secs = [_now_secs([after])] if timed_workers else []
        # On a single core the clock may else be read after the work.
        with tf.control_dependencies(began_secs):
            rows = rows_of_step(chunk, i)
        gradients, sums = halves.own(*rows)
        own_secs = tf.zeros([timed_workers])
        if timed_workers:
            spent_secs = _now_secs(gradients) - began_secs[0]
            own_secs = tf.one_hot(worker, timed_workers) * tf.cast(
                spent_secs, tf.float32
            )
        if not single:
            # The one place where a gradient is reduced, and all else with it.
            *gradients, told = context.all_reduce(
                tf.distribute.ReduceOp.SUM,
                [*gradients, tf.concat([sums, flags, own_secs], axis=0)],
            )
            sums, flags, own_secs = tf.split(
                told, [sums.shape[0], flags.shape[0], timed_workers]
            )
        gradients, sums = halves.whole(gradients, sums)
        update(gradients)
        return sums, flags, own_secs

    return replica_step


def rows_of_step(chunk: dict, i: Any) -> tuple[tf.Tensor | None, ...]:
    """Returns what `Halves.own` takes of a chunk's i-th step."""
    return (
        chunk["x"][i],
        chunk["y"][i],
        chunk["examples"][i],
        chunk["first_row"],
        chunk["first_step"] + tf.cast(i, tf.int64),
        chunk["weight"][i] if "weight" in chunk else None,
    )


def traces(function: Any) -> int:
    """Returns how often a function of `training_loop` was traced by now."""
    return function.experimental_get_tracing_count()


def _now_secs(after: list[tf.Tensor]) -> tf.Tensor:
    """Reads the clock once some tensors are there."""
    with tf.control_dependencies(after):
        return tf.timestamp()
