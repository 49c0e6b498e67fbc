"""What happens between two chunks: accounts, logs, scores and saves."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from trainer.cluster.stragglers import Stragglers
from trainer.journal import display
from trainer.journal import pictures
from trainer.journal.alerts import Alerts
from trainer.journal.clock import Clock
from trainer.journal.journal import Journal
from trainer.journal.profile import Profile
from trainer.journal.terminal import end_table
from trainer.journal.terminal import score_line
from trainer.model import network as networks
from trainer.model.network import Network
from trainer.problem import metrics
from trainer.problem import mistakes
from trainer.problem.problems import LOWER_IS_BETTER
from trainer.process.exits import UserError
from trainer.process.facts import command
from trainer.process.facts import peak_memory_bytes
from trainer.process.facts import process_age_secs
from trainer.process.watchdog import Watchdog
from trainer.steps import meeting
from trainer.steps import preview
from trainer.steps.evaluation import Evaluator
from trainer.train import record
from trainer.train.job import Job
from trainer.train.job import State
from trainer.workdir import attempt
from trainer.workdir import checkpoints
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import SAVE_FILE
from trainer.workdir.folder import STOP_FILE

REMEDY = (
    "lower config.optimizer.learning_rate or set config.optimizer.clip_norm"
)


class DivergedError(Exception):
    """A loss is not finite any more; says where, and the remedy."""


class Run:
    """What happens between two chunks: accounts, logs, scores and saves."""

    def __init__(
        self, job: Job, network: Network, state: State, watchdog: Watchdog
    ) -> None:
        self.job = job
        self.watchdog = watchdog
        self.network = network
        self.state = state
        self.names = metrics.sum_names(job.problem)
        self.evaluate = Evaluator(
            job.strategy,
            network,
            job.config,
            job.dataset,
            most_outputs=mistakes.MOST_VALUES
            if job.config.log.report or job.config.log.tensorboard
            else 0,
        )
        self._meet = meeting.barrier(job.strategy)
        self._stragglers = Stragglers(job.place)
        self._alerts = Alerts()
        # Seconds of training and of waiting for input at the last chunk.
        self._seen_secs = self._seen_wait_secs = 0.0
        self._own_secs = np.zeros(job.place.workers)
        # Since the bar on the screen began.
        self._shown = np.zeros(len(self.names))
        self._shown_examples = 0
        # By this process: all, and at the last train line.
        self._trained_examples = 0
        self._steps_taken = 0
        self._logged_examples = 0
        self._logged_secs = 0.0
        self._logged_wait_secs = 0.0
        self._logged_step = state.step
        self._scores: dict[str, dict[str, float]] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator["Run"]:
        """Opens the workdir's files, and closes them whatever happens."""
        job, before = self.job, {}
        if job.place.is_chief:
            before = self._begin()
        self.journal = Journal(
            job.config,
            job.workdir,
            job.display,
            step=self.state.step,
            steps_per_epoch=job.steps_per_epoch,
            total_steps=job.total_steps,
            is_chief=job.place.is_chief,
        )
        self.journal.introduce(
            job.config,
            self.network,
            job.dataset,
            command(),
            self.state.step,
        )
        self.saver = None
        if job.place.is_chief:
            checkpoints.clean(job.workdir.checkpoints)
            portable = networks.PortableModel(job.config, self.network)
            self.saver = checkpoints.Saver(
                job.workdir.checkpoints,
                job.config.checkpoint,
                portable.save,
            )
        self.clock = Clock(before)
        replicas = job.strategy.num_replicas_in_sync
        self.profile = Profile(
            job.profile_steps if job.place.is_chief else None,
            job.workdir,
            self.clock,
            self.network,
            -(-job.config.global_batch_size // replicas),
        )
        self._saved_at = time.monotonic()
        try:
            yield self
        finally:
            self.journal.close()
            if self.saver is not None:
                self.saver.close()

    def _begin(self) -> dict[str, float]:
        """Notes what runs, and says where bits may differ from before.

        Returns:
          Seconds by category of the run so far, those lost included.
        """
        job, state = self.job, self.state
        now = record.collect(
            topology=job.topology,
            data=record.describe_data(
                job.dataset, job.problem, job.fingerprint
            ),
        )
        before = job.workdir.read_json("record.json")
        if state.step and before is not None:
            for name in record.differences(before, now):
                print(
                    f"{name} differ from the run's last start: results may"
                    " differ in their last bits",
                    flush=True,
                )
        job.workdir.start(job.config, now)
        began_unix_secs = time.time() - process_age_secs()
        self.attempt, lost = attempt.begin(
            job.workdir,
            began_unix_secs,
            state.saved_unix_secs,
            state.step,
            job.last_alive_unix_secs,
        )
        names = state.goodput.keys() | lost.keys()
        return {n: state.goodput.get(n, 0.0) + lost.get(n, 0.0) for n in names}

    def begin_chunk(self) -> None:
        """Opens a bar, and begins or ends a profile."""
        self.journal.progress.begin(self.state.step)
        self.profile.at(self.state.step)

    def is_looking_due(self) -> bool:
        """Whether the step that comes is looked at; alike on all workers."""
        log, step = self.job.config.log, self.state.step
        cuts = (log.norms_every_steps, log.histograms_every_steps)
        return log.tensorboard and any(
            every and step % every == 0 for every in cuts
        )

    def look(self, look_ahead: Callable, chunk: dict) -> None:
        """Shows what the step that comes will do to the weights.

        Args:
          look_ahead: of `preview.look_ahead`.
          chunk: that begins with the step.
        """
        with self.clock.count("look"), self.watchdog.patience():
            looked = look_ahead(chunk)
            if self.job.place.is_chief:
                self._show_look(looked)

    def _show_look(self, looked: preview.Look) -> None:
        every, step = (
            self.job.config.log.histograms_every_steps,
            self.state.step,
        )
        trained = self.network.model.trainable_variables
        names = [v.path for v in trained]
        arrays = {}
        if every and step % every == 0:
            arrays = {
                f"{part}/{name}": np.asarray(values)
                for part, tensors in (
                    ("gradient", looked.gradients),
                    ("weights", [v.value for v in trained]),
                )
                for name, values in zip(names, tensors, strict=True)
            }
        found = preview.norms(names, looked.squares.numpy())
        # It is the next step's gradient; what is logged of it goes with it.
        self.journal.look(step + 1, found, arrays)
        self._warn(self._alerts.of_gradient(step + 1, found["norms/gradient"]))

    def _warn(self, lines: list[str]) -> None:
        for line in lines:
            self.journal.alert(self.state.step, line)

    def account(
        self, sums: np.ndarray, own_secs: np.ndarray, traces: int
    ) -> None:
        """Takes in the sums of a chunk's steps.

        Args:
          sums: float32 [steps, sums].
          own_secs: float32 [workers], what each one's replicas spent on their
            own work; [0] for a single replica.
          traces: how often the training step was traced by now.

        Raises:
          DivergedError: a step's loss is not finite.
        """
        state, job = self.state, self.job
        first, state.step = state.step, state.step + len(sums)
        self.watchdog.beat(state.step)
        for line in self._stragglers.account(own_secs, len(sums)):
            print(line, flush=True)
        self._look_at_time(own_secs)
        self._warn(self._alerts.of_traces(state.step, traces))
        finite = np.isfinite(sums[:, 0])
        if not finite.all():
            bad = first + int(np.argmin(finite)) + 1
            raise DivergedError(
                f"the loss is not finite at step {bad} (steps {first + 1} to"
                f" {state.step}); {REMEDY}"
            )
        examples = job.examples_of(first, state.step)
        added = sums.astype(np.float64).sum(axis=0)
        self._trained_examples += examples
        self._steps_taken += len(sums)
        self._shown_examples += examples
        self._shown += added
        state.examples += examples
        state.sums = (added + (state.sums or 0.0)).tolist()
        if state.step % job.steps_per_epoch == 0:
            self.clock.end_epoch()

    def _look_at_time(self, own_secs: np.ndarray) -> None:
        secs, wait_secs = self.clock.of("train"), self.clock.of("input_wait")
        trained_secs = secs - self._seen_secs
        # The first chunk compiles, and tells nothing of speed.
        if trained_secs:
            self._own_secs += own_secs if own_secs.size else 0
            replicas = self.job.strategy.num_replicas_in_sync
            wait_since_secs = wait_secs - self._seen_wait_secs
            self._warn(
                self._alerts.of_chunk(
                    self.state.step,
                    secs=trained_secs + wait_since_secs,
                    wait_secs=wait_since_secs,
                    own_secs=float(own_secs.sum()) / replicas,
                    global_batch_size=self.job.config.global_batch_size,
                )
            )
        self._seen_secs, self._seen_wait_secs = secs, wait_secs

    def _values(self, sums: Iterable[float], examples: int) -> dict[str, float]:
        named = dict(zip(self.names, sums, strict=True))
        return metrics.values(self.job.problem, named, examples)

    def _at_end_of_epoch(self) -> bool:
        step = self.state.step
        return step % self.job.steps_per_epoch == 0 or self.at_end()

    def at_end(self) -> bool:
        """Whether no step is left to take."""
        state = self.state
        return state.stopped_early or state.step >= self.job.total_steps

    def evaluate_where_due(self) -> bool:
        """Scores the splits that are due; returns whether one is the best.

        Raises:
          DivergedError: a split's loss is not finite.
        """
        config, state = self.job.config.evaluation, self.state
        every = config.every_steps
        due = state.step % every == 0 if every else self._at_end_of_epoch()
        self._scores = {}
        if not due and not self.at_end():
            return False
        with self.clock.count("evaluate"):
            self._scores = {
                split: self._score(split)
                for split in ("validation", "test")
                if split in self.evaluate
                and (split == "validation" or config.test_each_time)
            }
        for split, values in self._scores.items():
            self.journal.evaluation(
                split, state.step, values, self.clock.run_secs()
            )
            self._show_behind(split)
        return bool(config.select_by) and self._select()

    def _show_behind(self, split: str) -> None:
        """Shows what stands behind a score that was just taken."""
        outputs = self.evaluate.outputs(split)
        if outputs is None or not self.journal.shows_detail():
            return
        with self.clock.count("evaluate"):
            truth = self.job.dataset.splits[split].labels()
            found = pictures.numbers(self.job.problem, outputs, truth)
            self.journal.behind(split, self.state.step, found)

    def _score(self, split: str) -> dict[str, float]:
        values = self.evaluate(split, self.watchdog.touch)
        if not math.isfinite(values["loss"]):
            raise DivergedError(
                f"the {split} loss is not finite after step {self.state.step};"
                f" {REMEDY}"
            )
        return values

    def _select(self) -> bool:
        """Updates the best so far; returns whether it is this step."""
        config, state = self.job.config.evaluation, self.state
        assert config.select_by is not None
        # "auc" is left out where the split has one class alone.
        value = self._scores["validation"].get(config.select_by)
        sign = -1 if config.select_by in LOWER_IS_BETTER else 1
        if value is not None and (
            state.best is None or sign * (value - state.best) > config.min_delta
        ):
            state.best, state.best_step, state.worse = value, state.step, 0
            return True
        state.worse += 1
        state.stopped_early = state.worse >= (config.patience or math.inf)
        return False

    def log(self, learning_rate: float) -> None:
        """Writes the train line where one is due, and moves the bar.

        Args:
          learning_rate: of the step that comes.
        """
        every = self.job.config.log.every_steps
        if self.state.step % every == 0 or self._at_end_of_epoch():
            self._log_train(learning_rate)
        values = self._values(self._shown.tolist(), self._shown_examples)
        if self._at_end_of_epoch():
            short = {"validation": "val", "test": "test"}  # as Keras does
            values |= {
                f"{short[split]}_{name}": value
                for split, scores in self._scores.items()
                for name, value in scores.items()
                if name != "examples"
            }
        progress = self.journal.progress
        last = self.at_end() or progress.ends_at(self.state.step)
        progress.update(self.state.step, values, last=last)
        if last:
            self._shown[:] = 0
            self._shown_examples = 0

    def _log_train(self, learning_rate: float) -> None:
        """Writes the means and the speed since the last train line."""
        state, secs = self.state, self.clock.train_secs
        examples = self._trained_examples - self._logged_examples
        since_secs = secs - self._logged_secs
        wait_secs = self.clock.of("input_wait")
        steps_since = state.step - self._logged_step
        values = self._values(state.sums, state.examples)
        self._warn(self._alerts.of_loss(state.step, values["loss"]))
        own = {
            f"worker_secs/{i}": secs / steps_since
            for i, secs in enumerate(self._own_secs.tolist())
            if secs
        }
        self._own_secs[:] = 0
        self.journal.train(
            state.step,
            values,
            {
                "learning_rate": learning_rate,
                "examples_per_sec": examples / since_secs,
                "step_secs": since_secs / steps_since,
                "input_wait_share": (wait_secs - self._logged_wait_secs)
                / since_secs,
                "host_peak_memory_bytes": peak_memory_bytes(),
                "replicas": self.job.strategy.num_replicas_in_sync,
                **own,
                **_device_memory(),
            },
            self.clock.run_secs(),
        )
        self._logged_examples, self._logged_secs = self._trained_examples, secs
        self._logged_wait_secs, self._logged_step = wait_secs, state.step
        state.sums, state.examples = [], 0

    def is_saving_due(self) -> bool:
        config, step = self.job.config.checkpoint, self.state.step
        cuts = (config.every_steps, config.keep_every_steps)
        by_steps = any(every and step % every == 0 for every in cuts)
        age_secs = time.monotonic() - self._saved_at
        by_time = config.every_secs and age_secs >= config.every_secs
        wanted = (self.job.workdir / SAVE_FILE).exists()
        return bool(by_steps or by_time or wanted or self.at_end())

    def save(self) -> None:
        """Hands a snapshot of this step to the background writer."""
        if self.saver is None:
            return
        with self.clock.count("checkpoint"), self.watchdog.patience():
            (self.job.workdir / SAVE_FILE).unlink(missing_ok=True)
            self.state.saved_unix_secs = time.time()
            self.state.goodput = self.clock.goodput()
            self.journal.goodput(self.state.step, self.state.goodput)
            self.journal.sync()
            self.saver.save(
                self.state.step,
                self.network.snapshot(),
                dataclasses.asdict(self.state),
                self.state.best_step,
            )
        self._saved_at = time.monotonic()

    def finish(self, status: str, code: int) -> int:
        """Waits for the last checkpoint, scores, writes result.json.

        Raises:
          DivergedError: a split's loss is not finite.
        """
        train_secs = self.clock.train_secs
        self.journal.progress.end()
        self.profile.end(self.state.step)
        with self.clock.count("checkpoint"), self.watchdog.patience():
            if self.saver is not None:
                self.saver.wait()
            self._meet()
        evaluation = {}
        if status == "done":
            self._choose_weights()
            with self.clock.count("evaluate"):
                evaluation = self._final_scores()
        if self.job.place.is_chief:
            result = self._result(status, evaluation, train_secs)
            self.job.workdir.write_json(RESULT_FILE, result)
            self.attempt.end(self.job.workdir, code, self.state.step)
            (self.job.workdir / STOP_FILE).unlink(missing_ok=True)
            self._say(status, evaluation, result)
            if status == "done":
                self.journal.end()
        self._part()
        return code

    def _part(self) -> None:
        """Meets the others a last time, so that none is left waiting.

        Who is first past the meeting may be gone before the others hear of it:
        where the result is written, that is the end all the same.
        """
        try:
            self._meet()
        except tf.errors.OpError:
            if not (self.job.workdir / RESULT_FILE).exists():
                raise

    def _choose_weights(self) -> None:
        """Takes the best weights where the config selects, else the last.

        Raises:
          UserError: the best checkpoint is torn or gone.
        """
        best = self.state.best_step
        if best is None or best == self.state.step:
            return
        path = checkpoints.path_of(self.job.workdir.checkpoints, best)
        wrong = checkpoints.verify(path)
        if wrong:
            raise UserError(
                f"{path.name}, the best checkpoint, is refused: {wrong};"
                " restore it, or name another --workdir to begin anew"
            )
        arrays, _ = checkpoints.read(path)
        self.network.restored(arrays)
        self._scores = {}

    def _final_scores(self) -> dict[str, dict[str, float]]:
        scores = {
            split: self._scores.get(split) or self._score(split)
            for split in ("validation", "test")
            if split in self.evaluate
        }
        for split, values in scores.items():
            self.journal.evaluation(
                split, self.state.step, values, self.clock.run_secs()
            )
            if split not in self._scores:
                self._show_behind(split)
        self._look_closer(scores)
        return scores

    def _look_closer(self, scores: dict[str, dict[str, float]]) -> None:
        """Keeps what stands behind the last split's score."""
        job = self.job
        split = next(reversed(scores), None)
        outputs = self.evaluate.outputs(split) if split else None
        if split is None or outputs is None or not job.place.is_chief:
            return
        found = mistakes.look(job.problem, job.dataset, split, outputs)
        if job.config.log.report:
            self.journal.detail({"step": self.state.step, **found})
        if self.journal.shows_detail():
            drawn = pictures.drawings(found)
            self.journal.behind(split, self.state.step, drawn)

    def _result(
        self, status: str, evaluation: dict, train_secs: float
    ) -> dict[str, object]:
        job, clock, state = self.job, self.clock, self.state
        return {
            "status": status,
            "parameters": self.network.model.count_params(),
            "step": state.step,
            "epoch": self.journal.epoch(state.step),
            "steps_per_epoch": job.steps_per_epoch,
            "global_batch_size": job.config.global_batch_size,
            **job.topology,
            "best_step": state.best_step,
            "weights_sha256": self.network.sha256(),
            "evaluation": evaluation,
            "timing": {
                "setup_secs": clock.setup_secs,
                "train_secs": train_secs,
                "epoch_secs": clock.epoch_secs,
                "evaluate_secs": clock.of("evaluate"),
                "checkpoint_secs": clock.of("checkpoint"),
                "process_secs": process_age_secs(),
            },
            "examples_per_sec": self._trained_examples / max(train_secs, 1e-9),
            "restarts": self.attempt.attempt - 1,
            "wall_secs": time.time() - self.attempt.run_began_unix_secs,
            "goodput": clock.goodput(),
        }

    def _say(self, status: str, evaluation: dict, result: dict) -> None:
        display.tell({"result": result})
        step_secs = result["timing"]["train_secs"] / max(1, self._steps_taken)
        table = end_table(
            {"workdir": str(self.job.workdir.path)},
            evaluation,
            self.clock.goodput(),
            examples_per_sec=result["examples_per_sec"],
            step_secs=step_secs,
        )
        if not self.job.display.is_json:
            print(table, flush=True)
        where = f"step {self.state.step}; {self.job.workdir.path}"
        if status != "done":
            print(f"{status} at {where}", flush=True)
            return
        best = self.state.best_step
        chosen = f"weights of step {best}; " if best else ""
        early = " (stopped early)" if self.state.stopped_early else ""
        print(f"done at {where}{early}; {chosen}see result.json", flush=True)
        if "test" in evaluation:
            print(score_line(self.job.problem, evaluation["test"]), flush=True)


def _device_memory() -> dict[str, int]:
    """The most that a GPU of this process has held so far, where it has one."""
    gpus = tf.config.list_logical_devices("GPU")
    peaks = [
        tf.config.experimental.get_memory_info(gpu.name)["peak"] for gpu in gpus
    ]
    return {"device_peak_memory_bytes": max(peaks)} if peaks else {}
