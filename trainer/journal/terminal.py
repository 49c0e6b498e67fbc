"""What the terminal shows: Keras's progress bar, and a short table last."""

import sys
import time

import keras

from trainer.journal import ending
from trainer.journal.printed import Printed
from trainer.journal.writer import Ending
from trainer.journal.writer import Subject
from trainer.process.columns import number
from trainer.process.plain_text import exact


class Terminal(Printed):
    """A bar an epoch; where there is no terminal, a line now and then."""

    def __init__(self, subject: Subject, every_secs: float) -> None:
        """Shows nothing yet.

        Args:
          subject: the run.
          every_secs: between two lines where there is no terminal.
        """
        super().__init__(subject)
        self._model = subject.network.model
        self._config = subject.config
        self._epochs = subject.epochs
        self._span = subject.bar_steps
        self._every_secs = every_secs
        self._bar: keras.utils.Progbar | None = None
        self._start = 0
        self._told_step, self._told_secs = -1, 0.0

    def introduce(self) -> None:
        # Without its optimizer's variables, that a compiled model adds.
        model = self._model
        with exact():
            keras.Model(model.inputs, model.outputs, name="mlp").summary()

    def begin_chunk(self, step: int) -> None:
        if self._bar is not None:
            return
        if self._told_step < 0:
            self._told_step, self._told_secs = step, time.monotonic()
        self._start = step // self._span * self._span
        end = min(self._start + self._span, self._epochs.total_steps)
        print(self._epochs_of(step, end), flush=True)
        self._bar = keras.utils.Progbar(
            end - self._start, verbose=1 if _is_live() else 2
        )

    def _epochs_of(self, step: int, end: int) -> str:
        """Names the epochs of the steps from one that comes to an end."""
        epochs = self._epochs
        first, last = epochs.epoch_of(step + 1), epochs.epoch_of(end)
        if first == last:
            return self._epoch(step)
        return f"Epochs {first} to {last} of {epochs.count}"

    def _epoch(self, step: int) -> str:
        """Names the epoch of the step that comes."""
        return f"Epoch {self._epochs.epoch_of(step + 1)}/{self._epochs.count}"

    def progress(
        self, step: int, values: dict[str, float], *, is_last: bool
    ) -> None:
        if self._bar is None:
            return
        # Stateful: shown as they are, not averaged once more.
        self._bar.stateful_metrics |= set(values)
        with exact():
            self._bar.update(
                step - self._start, list(values.items()), finalize=is_last
            )
        if is_last:
            self._bar = None
        elif not _is_live():
            self._tell(step, values)

    def _tell(self, step: int, values: dict[str, float]) -> None:
        """Prints a line once in a while, where no bar moves."""
        now_secs = time.monotonic()
        since_secs = now_secs - self._told_secs
        if since_secs < self._every_secs:
            return
        speed = (step - self._told_step) / since_secs
        total = self._epochs.total_steps
        left_secs = (total - step) / speed
        self._told_step, self._told_secs = step, now_secs
        shown = ", ".join(f"{k} {number(v)}" for k, v in values.items())
        print(
            f"{self._epoch(step)}, step {step}/{total}: {shown};"
            f" {1e3 / speed:.3g} ms a step, {left_secs:.0f} s left",
            flush=True,
        )

    def stop(self) -> None:
        """Leaves the line of a bar that its span's end did not close."""
        if self._bar is not None and _is_live():
            print(flush=True)
        self._bar = None

    def end(self, told: Ending) -> None:
        result = told.result
        if result["evaluation"]:
            print(ending.scores(result["evaluation"]))
        self.tell_beside(result)
        self.tell_done(told)
        if result["status"] == "done":
            print(ending.next_steps(str(self._workdir.path), self._config))
        print(ending.spent(result, step_secs=told.step_secs), flush=True)
        self.tell_score(result)


def _is_live() -> bool:
    """Whether a line can be written over: in a terminal, or a notebook."""
    kind = type(sys.stdout).__module__
    return sys.stdout.isatty() or kind == "ipykernel.iostream"
