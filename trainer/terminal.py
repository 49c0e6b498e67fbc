"""What the terminal shows: Keras's progress bar, and the score last."""

import sys

import keras

from trainer.config import LogConfig
from trainer.problems import Problem

# Epochs of fewer steps share a bar of one logging interval.
SHORT_EPOCH_STEPS = 10


class Progress:
    """A bar an epoch, or a line where there is no terminal."""

    def __init__(
        self,
        log: LogConfig,
        *,
        steps_per_epoch: int,
        total_steps: int,
        enabled: bool = True,
    ) -> None:
        short = steps_per_epoch < SHORT_EPOCH_STEPS
        self._span = (
            max(steps_per_epoch, log.every_steps) if short else steps_per_epoch
        )
        self._steps_per_epoch = steps_per_epoch
        self._total = total_steps
        self._enabled = enabled
        self._bar: keras.utils.Progbar | None = None
        self._start = 0

    def begin(self, step: int) -> None:
        """Opens a bar before the first step of its span.

        Args:
          step: global steps done.
        """
        if not self._enabled or self._bar is not None:
            return
        self._start = step // self._span * self._span
        end = min(self._start + self._span, self._total)
        epochs = -(-self._total // self._steps_per_epoch)
        print(f"Epoch {step // self._steps_per_epoch + 1}/{epochs}", flush=True)
        self._bar = keras.utils.Progbar(
            end - self._start, verbose=1 if sys.stdout.isatty() else 2
        )

    def update(
        self, step: int, values: dict[str, float], *, last: bool
    ) -> None:
        """Shows means since the bar began.

        Args:
          step: global steps done.
          values: of the train split, and of others at the bar's end.
          last: whether the bar ends here.
        """
        if self._bar is None:
            return
        # Stateful: shown as they are, not averaged once more.
        self._bar.stateful_metrics |= set(values)
        self._bar.update(
            step - self._start, list(values.items()), finalize=last
        )
        if last:
            self._bar = None

    def end(self) -> None:
        """Leaves the line of a bar that its span's end did not close."""
        if self._bar is not None and sys.stdout.isatty():
            print(flush=True)
        self._bar = None

    def ends_at(self, step: int) -> bool:
        """Whether a bar ends at a step."""
        return step % self._span == 0 or step == self._total


def score_line(problem: Problem, values: dict[str, float]) -> str:
    """Returns the run's last line, such as "MLP score: 97.95%"."""
    value = values[problem.score]
    if problem.score == "accuracy":
        return f"MLP score: {100 * value:.2f}%"
    if problem.score == "binary_accuracy":
        return f"MLP score: {100 * value:.2f}% of labels"
    return f"MLP score: {value:.4f} ({problem.score})"
