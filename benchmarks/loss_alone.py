"""The trainer with a step that sums the loss alone: exact metrics left out.

It takes the trainer's flags. benchmarks.overhead runs it beside the trainer to
tell what metrics cost, since the trainer has no flag to leave them out: each
number that it shows is made of them.
"""

import sys

from trainer import task
from trainer.config.values import rules
from trainer.devices import start
from trainer.process.exits import leave


def leave_metrics_out() -> None:
    """Has steps and evaluations return zeros for all sums but the loss's."""
    with start.eased():
        import tensorflow as tf

        from trainer.problem import problems

    def step_sums(problem, y, p, losses, weight) -> tf.Tensor:
        del y, p
        others = len(problem.sum_names) - 1
        loss = tf.reduce_sum(losses * weight)
        return tf.concat([[loss], tf.zeros(others)], axis=0)

    for name in set(rules()["problem"].choices) - {"auto"}:
        problems.type_of(name).step_sums = step_sums  # type: ignore


if __name__ == "__main__":
    leave_metrics_out()
    leave(task.main(sys.argv[1:]))
