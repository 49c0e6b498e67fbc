"""The trainer with a step that sums the loss alone: exact metrics left out.

It takes the trainer's flags. benchmarks.overhead runs it beside the trainer to
tell what metrics cost, since the trainer has no flag to leave them out: each
number that it shows is made of them.
"""

import sys

from trainer import task
from trainer.devices import start
from trainer.process.exits import leave


def leave_metrics_out() -> None:
    """Has steps and evaluations return zeros for all sums but the loss's."""
    with start.eased():
        import tensorflow as tf

        from trainer.problem import metrics

    def step_sums(problem, y, p, losses, weight) -> tf.Tensor:
        del y, p
        others = len(metrics.sum_names(problem)) - 1
        loss = tf.reduce_sum(losses * weight)
        return tf.concat([[loss], tf.zeros(others)], axis=0)

    metrics.step_sums = step_sums


if __name__ == "__main__":
    leave_metrics_out()
    leave(task.main(sys.argv[1:]))
