"""What the terminal shows: Keras's progress bar, and the score last."""

import sys
import time

import keras

from trainer.config import LogConfig
from trainer.journal import clock
from trainer.journal.display import Display
from trainer.problem.problems import Problem

# Epochs of fewer steps share a bar of one logging interval.
SHORT_EPOCH_STEPS = 10


class Progress:
    """A bar an epoch; where there is no terminal, a line now and then."""

    def __init__(
        self,
        log: LogConfig,
        display: Display,
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
        # Machines are told of the same numbers by the journal.
        self._enabled = enabled and not display.is_json
        self._every_secs = display.every_secs
        self._bar: keras.utils.Progbar | None = None
        self._start = 0
        self._told_step, self._told_secs = 0, time.monotonic()

    def begin(self, step: int) -> None:
        """Opens a bar before the first step of its span.

        Args:
          step: global steps done.
        """
        if not self._enabled or self._bar is not None:
            return
        if not self._told_step:
            self._told_step, self._told_secs = step, time.monotonic()
        self._start = step // self._span * self._span
        end = min(self._start + self._span, self._total)
        print(self._epoch(step), flush=True)
        self._bar = keras.utils.Progbar(
            end - self._start, verbose=1 if sys.stdout.isatty() else 2
        )

    def _epoch(self, step: int) -> str:
        epochs = -(-self._total // self._steps_per_epoch)
        return f"Epoch {step // self._steps_per_epoch + 1}/{epochs}"

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
        elif not sys.stdout.isatty():
            self._tell(step, values)

    def _tell(self, step: int, values: dict[str, float]) -> None:
        """Prints a line once in a while, where no bar moves."""
        now_secs = time.monotonic()
        since_secs = now_secs - self._told_secs
        if since_secs < self._every_secs:
            return
        speed = (step - self._told_step) / since_secs
        left_secs = (self._total - step) / speed
        self._told_step, self._told_secs = step, now_secs
        shown = ", ".join(f"{k} {v:.4f}" for k, v in values.items())
        print(
            f"{self._epoch(step)}, step {step}/{self._total}: {shown};"
            f" {1e3 / speed:.3g} ms a step, {left_secs:.0f} s left",
            flush=True,
        )

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


def end_table(
    where: dict[str, str],
    evaluation: dict[str, dict[str, float]],
    secs: dict[str, float],
    *,
    examples_per_sec: float,
    step_secs: float,
) -> str:
    """Returns the run's end as a short table.

    Args:
      where: {what: path} of what was written.
      evaluation: {split: {metric: value}}.
      secs: wall time by category, restarts included.
      examples_per_sec: of this process, in training.
      step_secs: the same, a step.
    """
    rows = {
        "time": clock.listed(secs),
        "goodput": clock.describe(secs),
        "speed": f"{examples_per_sec:,.0f} examples/s,"
        f" {1e3 * step_secs:.3g} ms a step",
    }
    for split, values in evaluation.items():
        rows[split] = ", ".join(
            f"{name} {value:.4f}"
            for name, value in values.items()
            if name != "examples"
        )
    rows |= where
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows.items())
