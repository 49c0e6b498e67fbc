"""Where all workers of a job meet on their devices."""

from collections.abc import Callable

import tensorflow as tf


def barrier(strategy: tf.distribute.Strategy) -> Callable[[], None]:
    """Makes the function that returns once all workers have called it."""

    @tf.function(autograph=False)
    def meet() -> tf.Tensor:
        ones = strategy.run(lambda: tf.constant(1.0))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, ones, axis=None)

    return lambda: meet().numpy()


def is_same_on_all(strategy: tf.distribute.Strategy, number: int) -> bool:
    """Returns whether every worker calls this with the same number."""

    @tf.function(autograph=False)
    def gather(value: tf.Tensor) -> tf.Tensor:
        return strategy.gather(strategy.run(lambda: value[None]), axis=0)

    numbers = gather(tf.constant(number, tf.int64)).numpy()
    return bool((numbers == number).all())
