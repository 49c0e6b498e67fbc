"""The trainer as its users run it, an epoch when it is told to.

  python -m benchmarks.strata_in_turn FLAGS_OF_THE_TRAINER

An epoch lasts from one epoch's last step to the next one's, with all that the
trainer does between them.
"""

import sys

from benchmarks.peers.data import Epochs
from trainer import task
from trainer.process.clock import Clock
from trainer.process.exits import leave


def main() -> int:
    """Trains; returns the trainer's exit code."""
    epochs = Epochs()
    end_epoch = Clock.end_epoch

    def take_turn(clock: Clock) -> None:
        end_epoch(clock)
        epochs.end()
        epochs.begin()

    Clock.end_epoch = take_turn  # type: ignore[method-assign, assignment]
    epochs.begin()
    return task.main(sys.argv[1:])


if __name__ == "__main__":
    leave(main())
