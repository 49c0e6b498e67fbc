"""What a sweep costs beside its trials' own time: `python -m benchmarks.sweep`.

Runs a real sweep, one trial at a time, and adds up for how long a trial's
process was there. What is left is the sweep's own: choosing, noting, waiting.
The start of the process that imports TensorFlow and the winner's scores are
told apart.

  python -m benchmarks.sweep --config=mnist_fast --data_dir=DIR --trials=30
"""

import sys
import tempfile
import time
from typing import Any

from trainer.launch.supervise.enclosure import Enclosure
from trainer.launch.sweep import __main__ as sweep
from trainer.launch.warm import Child
from trainer.launch.warm import Warm


class TimedChild:
    """A child whose seconds are noted when it has ended."""

    def __init__(self, child: Child, spent: list[float]) -> None:
        self._child, self._spent = child, spent
        self._began = time.monotonic()
        self.send_signal = child.send_signal

    def wait(self, timeout_secs: float | None = None) -> int | None:
        """Returns the exit code, or None where it still runs after a while."""
        code = self._child.wait(timeout_secs)
        if code is not None:
            self._spent.append(time.monotonic() - self._began)
        return code


class TimedWarm(Warm):
    """A warm process whose children's seconds are noted.

    Attributes:
      trials, others: seconds of trainers, and of what else was run.
      ready: when the first child was there, once all was imported.
    """

    trials: list[float]
    others: list[float]
    ready: float

    def __init__(self, enclosure: Enclosure | None = None) -> None:
        super().__init__(enclosure)
        TimedWarm.trials, TimedWarm.others, TimedWarm.ready = [], [], 0.0

    def start(self, words: list[str], *args: Any, **how: Any) -> Any:
        """Starts a command, as `Warm` does."""
        child = super().start(words, *args, **how)
        while child.poll() is None and not child.pid:
            child.wait(0.01)
        TimedWarm.ready = TimedWarm.ready or time.monotonic()
        is_trial = words[0] == "trainer.task"
        spent = TimedWarm.trials if is_trial else TimedWarm.others
        return TimedChild(child, spent)


def main(argv: list[str]) -> int:
    """Runs a sweep of the words, and prints what it cost."""
    sweep.Warm = TimedWarm  # type: ignore[assignment, misc]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        code = sweep.main([*argv, f"--workdir={folder}/sweep"])
    whole_secs = time.monotonic() - began
    trials_secs = sum(TimedWarm.trials)
    start_secs = TimedWarm.ready - began
    own_secs = whole_secs - trials_secs - sum(TimedWarm.others) - start_secs
    print(
        f"{len(TimedWarm.trials)} trials {trials_secs:.1f} s, start"
        f" {start_secs:.1f} s, winner's test scores"
        f" {sum(TimedWarm.others):.1f} s, the sweep's own {own_secs:.1f} s:"
        f" {100 * own_secs / trials_secs:.1f} % of the trials' time"
    )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
