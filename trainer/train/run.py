"""What happens between two chunks: accounts, logs, scores and saves."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.input.epochs import Epochs
from trainer.journal.profile import Profile
from trainer.journal.writer import Line
from trainer.journal.writers import Writers
from trainer.process.clock import Clock
from trainer.process.facts import peak_memory_bytes
from trainer.process.stopping import StopAskedError
from trainer.process.watchdog import Watchdog
from trainer.steps.preview import Preview
from trainer.train.accounts import Accounts
from trainer.train.due import Due
from trainer.train.health import Health
from trainer.train.keeping import Keeping
from trainer.train.result import Outcome
from trainer.train.scoring import Scores
from trainer.train.scoring import Scoring
from trainer.train.state import State
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import Workdir

# As Keras calls them.
_SHORT = {"validation": "val", "test": "test"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """The parts of a run, each with what it remembers.

    Attributes:
      epochs: how its steps fall into epochs.
      due: what is done after which of them.
      state: where it stands.
      clock: counts its seconds.
      watchdog: ends it where nothing else ends.
      profile: traces some of its steps.
      accounts: adds up its chunks.
      health: warns.
      scoring: scores and selects.
      keeping: saves.
      writers: are told of all this.
      replicas: of the job.
      is_streamed: whether its rows come from afar.
      workdir: that its files stand in.
      meet: returns once all workers have called it.
      asked: returns the code by which to leave, where that is asked.
    """

    epochs: Epochs
    due: Due
    state: State
    clock: Clock
    watchdog: Watchdog
    profile: Profile
    accounts: Accounts
    health: Health
    scoring: Scoring
    keeping: Keeping
    writers: Writers
    replicas: int
    is_streamed: bool
    workdir: Workdir
    meet: Callable[[], None]
    asked: Callable[[], int | None]

    @property
    def is_over(self) -> bool:
        """Whether no step is left to take."""
        return self.state.is_over(self.epochs.total_steps)

    def next_chunk(
        self, chunks: Iterator[dict[str, tf.Tensor]]
    ) -> dict[str, tf.Tensor]:
        """Returns the rows of the steps that come."""
        self.writers.begin_chunk(self.state.step)
        self.profile.at(self.state.step)
        # A window of rows from afar may take as long as a slow disk.
        slow = self.watchdog.patience() if self.is_streamed else nullcontext()
        with self.clock.count("input_wait"), slow:
            return next(chunks)

    def preview_where_due(
        self,
        preview_step: Callable[[dict[str, Any]], Preview],
        chunk: dict[str, Any],
    ) -> None:
        """Shows what the step that comes will do to the weights.

        Args:
          preview_step: of `preview.previewer`; run on all workers alike.
          chunk: that begins with the step.
        """
        has_histograms = self.due.histograms.is_due(self.state)
        if not has_histograms and not self.due.norms.is_due(self.state):
            return
        with self.clock.count("look"), self.watchdog.patience():
            found, step = preview_step(chunk), self.state.step
            norms = found.norms()
            tensors = found.tensors() if has_histograms else {}
            # It is the next step's gradient; what is logged goes with it.
            self.writers.preview(step + 1, norms, tensors)
            self.health.of_gradient(step, norms["norms/gradient"])

    def account(
        self, sums: np.ndarray, own_secs: np.ndarray, traces: int
    ) -> None:
        """Takes in a chunk of steps.

        Args:
          sums: float32 [steps, sums], in the order of `Problem.sum_names`.
          own_secs: float32 [workers], what each one's replicas spent on their
            own work; [0] for a single replica.
          traces: how often the training step was traced by now.

        Raises:
          DivergedError: a step's loss is not finite.
        """
        self.state.step += len(sums)
        step = self.state.step
        spent = self.accounts.add_secs(own_secs, len(sums))
        self.health.of_chunk(step, len(sums), own_secs, spent, traces)
        self.accounts.add(sums)
        if self.epochs.is_epoch_end(step):
            self.clock.end_epoch()

    def end_chunk(self, learning_rate: float, code: int | None) -> int | None:
        """Scores, tells and saves what is due; a stop comes before a score.

        Args:
          learning_rate: of the step that comes.
          code: by which to leave, where that was asked during the chunk.

        Returns:
          The code, where the run stops here, with a checkpoint.

        Raises:
          DivergedError: a split's loss is not finite.
        """
        try:
            is_best = self._evaluate_where_due(code)
        except StopAskedError as asked:
            self.state.owed = self._beside_line(learning_rate)
            self._save_where_due(is_wanted=True)
            return asked.code
        self._log(learning_rate)
        self._save_where_due(is_wanted=is_best or code is not None)
        return None if self.is_over else code

    def settle(self) -> int | None:
        """Scores and tells what the start before this one owed.

        Its checkpoint stands as it is: who goes on from it does this again.

        Returns:
          The code, where the run is asked to stop meanwhile.

        Raises:
          DivergedError: a split's loss is not finite.
        """
        owed = self.state.owed
        if owed is None:
            return None
        try:
            self._evaluate_where_due(None)
        except StopAskedError as asked:
            return asked.code
        self.state.owed = None
        if self.due.train_line.is_due(self.state):
            self._tell_train_line(owed)
        return None

    def _evaluate_where_due(self, code: int | None) -> bool:
        """Scores the splits that are due; returns whether one is the best."""
        if not self.due.evaluation.is_due(self.state):
            self.scoring.forget()
            return False
        if self.is_over:
            # Its checkpoint, the last one, is to say which is the best.
            return self.scoring.evaluate()
        if code is not None:
            raise StopAskedError(code)
        return self.scoring.evaluate(self._heed)

    def _heed(self) -> None:
        if (code := self.asked()) is not None:
            raise StopAskedError(code)

    def _log(self, learning_rate: float) -> None:
        """Tells a train line where one is due, and moves the bar.

        Args:
          learning_rate: of the step that comes.
        """
        if self.due.train_line.is_due(self.state):
            self._tell_train_line(self._beside_line(learning_rate))
        values = self.accounts.bar_values()
        if self.due.epoch_end.is_due(self.state):
            values |= {
                f"{_SHORT[split]}_{name}": value
                for split, scores in self.scoring.scores.items()
                for name, value in scores.items()
                if name != "examples"
            }
        is_last = self.due.bar.is_due(self.state)
        self.writers.progress(self.state.step, values, is_last=is_last)
        if is_last:
            self.accounts.begin_bar()

    def _beside_line(self, learning_rate: float) -> dict[str, float]:
        """Returns what a train line says beside its metrics."""
        speed, worker_secs = self.accounts.take_speed()
        return {
            "learning_rate": learning_rate,
            **speed,
            "host_peak_memory_bytes": peak_memory_bytes(),
            "replicas": self.replicas,
            **worker_secs,
            **_device_memory(),
        }

    def _tell_train_line(self, extra: dict[str, float]) -> None:
        step, examples = self.state.step, self.state.examples
        values = self.accounts.take_metrics()
        self.health.of_loss(step, values["loss"], examples)
        epoch, secs = self.epochs.epoch_of(step), self.clock.goodput()
        self.writers.line(Line(step, epoch, "train", values, extra, secs))

    def _save_where_due(self, *, is_wanted: bool) -> None:
        """Saves where it is wanted, or due by steps, by time or by a user."""
        if not is_wanted and not self.keeping.is_due(self.state):
            return
        with self.clock.count("checkpoint"), self.watchdog.patience():
            self.state.goodput = self.clock.goodput()
            self.keeping.save(self.state)

    def finish(self, status: str, code: int) -> int:
        """Waits for the last checkpoint, scores, and notes the result.

        Args:
          status: "done", "stopped" or "diverged".
          code: of the process.

        Returns:
          The code.

        Raises:
          DivergedError: a split's loss is not finite.
          UserError: the best checkpoint is torn or gone.
        """
        train_secs = self.clock.train_secs
        self.writers.stop()
        self.profile.end(self.state.step)
        with self.clock.count("checkpoint"), self.watchdog.patience():
            self.keeping.wait()
            self.meet()
        evaluation: Scores = {}
        if status == "done":
            self.scoring.choose_weights()
            with self.clock.count("evaluate"):
                self.scoring.decide()
                evaluation = self.scoring.final()
        outcome = Outcome(
            status,
            code,
            evaluation,
            self.scoring.beside,
            self.scoring.decision,
            train_secs,
            self.accounts.examples,
            self.accounts.steps,
        )
        self.keeping.finish(outcome, self.state, self.clock)
        part(self.meet, self.workdir)
        return code


def part(meet: Callable[[], None], workdir: Workdir) -> None:
    """Meets the others a last time, so that none is left waiting.

    Who is first past the meeting may be gone before the others hear of it:
    where the result is written, that is the end all the same.
    """
    try:
        meet()
    except tf.errors.OpError:
        if not (workdir / RESULT_FILE).exists():
            raise


def _device_memory() -> dict[str, int]:
    """The most that a GPU of this process has held so far, where it has one."""
    gpus = tf.config.list_logical_devices("GPU")
    peaks = [
        tf.config.experimental.get_memory_info(gpu.name)["peak"] for gpu in gpus
    ]
    return {"device_peak_memory_bytes": max(peaks)} if peaks else {}
