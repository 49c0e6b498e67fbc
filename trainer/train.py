"""The one readable loop: data, model, restore; chunk, log, evaluate, save."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from trainer import checkpoints
from trainer import metrics
from trainer import network as networks
from trainer import pipeline
from trainer import record
from trainer import steps
from trainer import stopping
from trainer.config import Config
from trainer.evaluation import Evaluator
from trainer.goodput import Clock
from trainer.journal import Journal
from trainer.network import Network
from trainer.problems import LOWER_IS_BETTER
from trainer.problems import Problem
from trainer.sources import Dataset
from trainer.terminal import score_line
from trainer.workdir import Workdir

DONE = 0
DIVERGED = 3


@dataclasses.dataclass(frozen=True)
class Job:
    """What one run of the trainer works on.

    Attributes:
      config: validated.
      problem: settled for the dataset.
      dataset: its labels as `problems.settle` left them.
      fingerprint: of the data.
      workdir: held by this process where it is the chief.
      strategy: that the job runs on.
      workers: processes in the job.
      is_chief: whether this process writes.
    """

    config: Config
    problem: Problem
    dataset: Dataset
    fingerprint: str
    workdir: Workdir
    strategy: tf.distribute.Strategy
    workers: int = 1
    is_chief: bool = True

    @property
    def steps_per_epoch(self) -> int:
        examples = self.dataset.splits["train"].examples
        return -(-examples // self.config.global_batch_size)

    @property
    def total_steps(self) -> int:
        epochs = self.config.epochs or 0
        return self.config.steps or epochs * self.steps_per_epoch


@dataclasses.dataclass
class State:
    """What a checkpoint holds beside the arrays; all of it is JSON.

    Attributes:
      step: global steps done.
      sums, examples: of the training rows since the last train line.
      best, best_step: value and step of the best `select_by` so far.
      worse: evaluations since then.
      stopped_early: whether `patience` has run out.
      restarts: how often the run was taken up again.
      goodput: seconds by category, over all starts.
    """

    step: int = 0
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    examples: int = 0
    best: float | None = None
    best_step: int | None = None
    worse: int = 0
    stopped_early: bool = False
    restarts: int = 0
    goodput: dict[str, float] = dataclasses.field(default_factory=dict)


def train_and_evaluate(job: Job) -> int:
    """Trains from the newest good checkpoint to the end, and scores it.

    Returns:
      The exit code: 0 done, 3 diverged, 42 or 43 stopped with a checkpoint.

    Raises:
      UserError: the workdir's checkpoints are another model's, or all torn.
      OSError: the disk is full or gone.
    """
    network = networks.build(
        job.config, job.problem, job.dataset, job.strategy, job.total_steps
    )
    state = restore(network, job.workdir)
    plan = training_plan(job)
    chunks = iter(
        pipeline.distribute(
            job.strategy,
            job.dataset.splits["train"],
            plan,
            first_step=state.step,
        )
    )
    train_chunk = steps.training_loop(
        job.strategy, network, step_options(job.config)
    )
    stop = stopping.Stop()
    with Run(job, network, state).open() as run, stop.on_signals():
        while state.step < job.total_steps and not state.stopped_early:
            with run.clock.count("input_wait"):
                chunk = next(chunks)
            with run.clock.count("train"):
                sums, flags = train_chunk(chunk, tf.constant(stop.flags))
                sums, flags = sums.numpy(), flags.numpy()
            steps_done = plan.chunk_end(state.step) - state.step
            if not run.account(sums[:steps_done]):
                return run.finish("diverged", DIVERGED)
            improved = run.evaluate_where_due()
            run.log()
            code = stopping.code_of(flags)
            if improved or code or run.is_saving_due():
                run.save()
            if code and state.step < job.total_steps:
                return run.finish("stopped", code)
        return run.finish("done", DONE)


def restore(network: Network, workdir: Workdir) -> State:
    """Puts the newest good checkpoint into the network; returns its state."""
    path = checkpoints.newest_good(workdir.checkpoints)
    if path is None:
        return State()
    arrays, scalars = checkpoints.read(path)
    checkpoints.assign(network, arrays)
    state = State(**scalars)
    state.restarts += 1
    print(f"going on from {path.name}", flush=True)
    return state


def step_options(config: Config) -> steps.StepOptions:
    return steps.StepOptions(
        seed=config.seed,
        micro_batches=config.optimizer.accumulation_steps,
        clip_norm=config.optimizer.clip_norm,
        ema_decay=config.optimizer.ema_decay,
        jit_compile=config.jit_compile,
    )


def training_plan(job: Job) -> pipeline.Plan:
    """Settles the order of the run and where its chunks end."""
    config, train = job.config, job.dataset.splits["train"]
    longest = min(
        config.steps_per_execution, job.steps_per_epoch, job.total_steps
    )
    cuts = (
        config.log.every_steps,
        config.evaluation.every_steps,
        config.checkpoint.every_steps,
    )
    return pipeline.Plan(
        examples=train.examples,
        global_batch_size=config.global_batch_size,
        replicas=job.strategy.num_replicas_in_sync,
        micro_batches=config.optimizer.accumulation_steps,
        most_steps=pipeline.steps_that_fit(
            train, config.global_batch_size, longest
        ),
        last_step=job.total_steps,
        seed=config.seed,
        cuts=tuple(cut for cut in cuts if cut),
    )


class Run:
    """What happens between two chunks: accounts, logs, scores and saves."""

    def __init__(self, job: Job, network: Network, state: State) -> None:
        self.job = job
        self.network = network
        self.state = state
        self.names = metrics.sum_names(job.problem)
        self.evaluate = Evaluator(
            job.strategy, network, job.config, job.dataset
        )
        self._first_step = state.step
        self._goodput_before = state.goodput
        self._shown = np.zeros(len(self.names))
        self._shown_examples = 0
        self._train_values: dict[str, float] = {}
        self._scores: dict[str, dict[str, float]] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator["Run"]:
        """Opens the workdir's files, and closes them whatever happens."""
        job = self.job
        about = {
            "strategy": type(job.strategy).__name__.removeprefix("_"),
            "replicas": job.strategy.num_replicas_in_sync,
            "workers": job.workers,
        }
        self.about = about
        if job.is_chief:
            self._begin()
        self.journal = Journal(
            job.config,
            job.workdir,
            step=self.state.step,
            steps_per_epoch=job.steps_per_epoch,
            total_steps=job.total_steps,
            is_chief=job.is_chief,
        )
        self.journal.introduce(job.config, self.network, job.dataset)
        self.saver = None
        if job.is_chief:
            checkpoints.clean(job.workdir.checkpoints)
            portable = networks.PortableModel(job.config, self.network)
            self.saver = checkpoints.Saver(
                job.workdir.checkpoints,
                job.config.checkpoint.keep,
                portable.save,
            )
        self.clock = Clock()
        self._saved_at = time.monotonic()
        try:
            yield self
        finally:
            self.journal.close()
            if self.saver is not None:
                self.saver.close()

    def _begin(self) -> None:
        """Notes what runs, and says where bits may differ from before."""
        job = self.job
        now = record.collect(
            topology=self.about,
            data={
                "name": job.dataset.name,
                "origin": job.dataset.origin,
                "fingerprint": job.fingerprint,
                "examples": {
                    name: split.examples
                    for name, split in job.dataset.splits.items()
                },
            },
        )
        if self.state.step:
            before = job.workdir.read_json("record.json")
            for name in record.differences(before, now):
                print(
                    f"{name} differ from the run's last start: results may"
                    " differ in their last bits",
                    flush=True,
                )
        job.workdir.start(job.config, now)

    def account(self, sums: np.ndarray) -> bool:
        """Takes in the sums of a chunk's steps.

        Args:
          sums: float32 [steps, sums].

        Returns:
          Whether every step's loss is finite.
        """
        state, job = self.state, self.job
        first, state.step = state.step, state.step + len(sums)
        finite = np.isfinite(sums[:, 0])
        if not finite.all():
            bad = first + int(np.argmin(finite)) + 1
            print(
                f"the loss is not finite at step {bad} (steps {first + 1} to"
                f" {state.step}); lower config.optimizer.learning_rate or set"
                " config.optimizer.clip_norm",
                flush=True,
            )
            return False
        examples = self._examples_of(first, state.step)
        added = sums.astype(np.float64).sum(axis=0)
        self._shown += added
        self._shown_examples += examples
        state.examples += examples
        for name, value in zip(self.names, added.tolist(), strict=True):
            state.sums[name] = state.sums.get(name, 0.0) + value
        if state.step % job.steps_per_epoch == 0:
            self.clock.end_epoch()
        return True

    def _examples_of(self, first: int, last: int) -> int:
        """Counts the examples of steps [first, last) of one epoch."""
        job = self.job
        total = job.dataset.splits["train"].examples
        place = first % job.steps_per_epoch
        batch = job.config.global_batch_size
        end = min(total, (place + last - first) * batch)
        return end - place * batch

    def _values(self, sums: dict[str, float], examples: int) -> dict[str, float]:
        return metrics.values(self.job.problem, sums, examples)

    def _at_end_of_epoch(self) -> bool:
        step = self.state.step
        return step % self.job.steps_per_epoch == 0 or self._at_end()

    def _at_end(self) -> bool:
        return self.state.step == self.job.total_steps

    def evaluate_where_due(self) -> bool:
        """Scores the splits that are due; returns whether one is the best."""
        config, state = self.job.config.evaluation, self.state
        every = config.every_steps
        due = state.step % every == 0 if every else self._at_end_of_epoch()
        if not due and not self._at_end():
            return False
        with self.clock.count("evaluate"):
            self._scores = {
                split: self.evaluate(split)
                for split in ("validation", "test")
                if split in self.evaluate
                and (split == "validation" or config.test_each_time)
            }
        for split, values in self._scores.items():
            self.journal.evaluation(split, state.step, values)
        return bool(config.select_by) and self._select()

    def _select(self) -> bool:
        """Updates the best so far; returns whether it is this step."""
        config, state = self.job.config.evaluation, self.state
        assert config.select_by is not None
        value = self._scores["validation"][config.select_by]
        sign = -1 if config.select_by in LOWER_IS_BETTER else 1
        if (
            state.best is None
            or sign * (value - state.best) > config.min_delta
            or math.isnan(state.best)
        ):
            state.best, state.best_step, state.worse = value, state.step, 0
            return True
        state.worse += 1
        state.stopped_early = state.worse >= (config.patience or math.inf)
        return False

    def log(self) -> None:
        """Writes the train line where one is due, and moves the bar."""
        job, state, clock = self.job, self.state, self.clock
        due = state.step % job.config.log.every_steps == 0
        if due or self._at_end_of_epoch():
            values = self._values(state.sums, state.examples)
            rate = self.network.optimizer.learning_rate
            self.journal.train(
                state.step,
                values,
                {
                    "learning_rate": float(rate.numpy()),
                    "examples_per_sec": self._examples_per_sec(),
                },
            )
            state.sums, state.examples = {}, 0
        progress = self.journal.progress
        sums = dict(zip(self.names, self._shown.tolist(), strict=True))
        values = self._values(sums, self._shown_examples)
        if self._at_end_of_epoch():
            for split, scores in self._scores.items():
                values |= {
                    f"{split}_{name}": value
                    for name, value in scores.items()
                    if name != "examples"
                }
        progress.update(state.step, values)
        if progress.ends_at(state.step):
            self._shown[:] = 0
            self._shown_examples = 0

    def _examples_per_sec(self) -> float:
        return self._trained_examples() / max(self.clock.train_secs, 1e-9)

    def _trained_examples(self) -> int:
        """Examples trained on by this process."""
        total = self.job.dataset.splits["train"].examples

        def until(step: int) -> int:
            epochs, rest = divmod(step, self.job.steps_per_epoch)
            return epochs * total + rest * self.job.config.global_batch_size

        return until(self.state.step) - until(self._first_step)

    def is_saving_due(self) -> bool:
        config, step = self.job.config.checkpoint, self.state.step
        by_steps = config.every_steps and step % config.every_steps == 0
        by_epoch = config.every_epoch and self._at_end_of_epoch()
        age_secs = time.monotonic() - self._saved_at
        by_time = config.every_secs and age_secs >= config.every_secs
        ends = self._at_end() or self.state.stopped_early
        return bool(by_steps or by_epoch or by_time or ends)

    def save(self) -> None:
        """Hands a snapshot of this step to the background writer."""
        if self.saver is None:
            return
        with self.clock.count("checkpoint"):
            self.state.goodput = self.clock.goodput(self._goodput_before)
            self.journal.sync()
            self.saver.save(
                self.state.step,
                checkpoints.snapshot(self.network),
                dataclasses.asdict(self.state),
                self.state.best_step,
            )
        self._saved_at = time.monotonic()

    def finish(self, status: str, code: int) -> int:
        """Waits for the last checkpoint, scores, writes result.json."""
        train_secs = self.clock.train_secs
        if self.saver is not None:
            with self.clock.count("checkpoint"):
                self.saver.wait()
        self._barrier()
        evaluation = {}
        if status == "done":
            self._choose_weights()
            with self.clock.count("evaluate"):
                evaluation = self._final_scores()
        if self.job.is_chief:
            result = self._result(status, evaluation, train_secs)
            self.job.workdir.write_json("result.json", result)
            self._say(status, evaluation)
        self._barrier()
        return code

    def _barrier(self) -> None:
        """No worker goes on before all are here."""
        if self.job.workers > 1:
            strategy = self.job.strategy
            one = strategy.run(lambda: tf.constant(1.0))
            strategy.reduce(tf.distribute.ReduceOp.SUM, one, axis=None).numpy()

    def _choose_weights(self) -> None:
        """Takes the best weights where the config selects, else the last."""
        best = self.state.best_step
        if best is None or best == self.state.step:
            return
        path = checkpoints.path_of(self.job.workdir.checkpoints, best)
        arrays, _ = checkpoints.read(path)
        checkpoints.assign(self.network, arrays)
        self._scores = {}

    def _final_scores(self) -> dict[str, dict[str, float]]:
        scores = {
            split: self._scores.get(split) or self.evaluate(split)
            for split in ("validation", "test")
            if split in self.evaluate
        }
        for split, values in scores.items():
            self.journal.evaluation(split, self.state.step, values)
        return scores

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
            **self.about,
            "best_step": state.best_step,
            "weights_sha256": checkpoints.weights_sha256(self.network.scored),
            "evaluation": evaluation,
            "timing": {
                "setup_secs": clock.setup_secs,
                "train_secs": train_secs,
                "epoch_secs": clock.epoch_secs,
                "evaluate_secs": clock.of("evaluate"),
                "checkpoint_secs": clock.of("checkpoint"),
                "process_secs": record.process_age_secs(),
            },
            "examples_per_sec": self._trained_examples() / max(train_secs, 1e-9),
            "restarts": state.restarts,
            "goodput": clock.goodput(self._goodput_before),
        }

    def _say(self, status: str, evaluation: dict) -> None:
        where = f"step {self.state.step}; {self.job.workdir.path}"
        if status != "done":
            print(f"{status} at {where}", flush=True)
            return
        best = self.state.best_step
        chosen = f"weights of step {best}; " if best else ""
        print(f"done at {where}; {chosen}see result.json", flush=True)
        if "test" in evaluation:
            print(score_line(self.job.problem, evaluation["test"]), flush=True)
