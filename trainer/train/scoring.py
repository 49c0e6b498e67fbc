"""Scores the splits, chooses the best weights, and says when to stop."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.config import EvaluationConfig
from trainer.input.epochs import Epochs
from trainer.journal.alerts import REMEDY
from trainer.journal.writer import Line
from trainer.journal.writers import Writers
from trainer.model.network import Network
from trainer.model.probe import NetworkProbe
from trainer.problem import baselines
from trainer.problem import mistakes
from trainer.process.clock import Clock
from trainer.process.watchdog import Watchdog
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.dataset import evenly_spaced
from trainer.steps.evaluation import Evaluator
from trainer.train.accounts import DivergedError
from trainer.train.state import State

SPLITS = ("validation", "test")
Scores = dict[str, dict[str, float]]


class Scoring:
    """Scores splits, and tells the writers.

    Attributes:
      scores: {split: {"examples", metric: value …}} at the step where the run
        stands; {} where nothing was scored there.
      beside: what `baselines.compare` finds of the final score, by its split.
      decision: what was fitted on validation rows: "temperature", "threshold";
        the "step" of the weights that it is for; and on how many "rows", where
        that is not all of them.
    """

    def __init__(
        self,
        evaluator_of: Callable[..., Evaluator],
        *,
        network: Network,
        dataset: Dataset,
        config: EvaluationConfig,
        epochs: Epochs,
        state: State,
        clock: Clock,
        writers: Writers,
        watchdog: Watchdog,
        restore_best: Callable[[int], None],
    ) -> None:
        """Has scored nothing yet.

        Args:
          evaluator_of: makes what scores a network on a `dataset`.
          network: that is trained.
          dataset: whose splits are scored.
          config: what is scored, and how the best is selected.
          epochs: how the steps fall into epochs.
          state: where the run stands; the best so far is noted in it.
          clock: that counts the seconds.
          writers: that are told.
          watchdog: told of each part of a scoring.
          restore_best: puts the weights of a step into the network.
        """
        self._evaluator_of, self._network = evaluator_of, network
        self._evaluate = evaluator_of(network, dataset=dataset)
        self._dataset = dataset
        self._config, self._epochs, self._state = config, epochs, state
        self._clock, self._writers, self._watchdog = clock, writers, watchdog
        self._restore_best = restore_best
        self.scores: Scores = {}
        self.beside: dict[str, dict[str, Any]] = {}
        self.decision: dict[str, float] = {}

    def evaluate(self, on_chunk: Callable[[], None] = lambda: None) -> bool:
        """Scores the splits; returns whether these weights are the best so far.

        Args:
          on_chunk: called after each chunk of batches. What it raises ends the
            scoring, of which nothing is noted or told.

        Raises:
          DivergedError: a split's loss is not finite.
        """
        with self._clock.count("evaluate"):
            self.scores = {
                split: self._score(split, self._evaluate, on_chunk)
                for split in SPLITS
                if split in self._evaluate
                and (split == "validation" or self._config.test_each_time)
            }
        for split, values in self.scores.items():
            self._writers.line(self._line(split, values, self._state.step))
            with self._clock.count("evaluate"):
                self._tell_outputs(split, self._state.step)
        if not self._config.select_by:
            return False
        # "auc" is left out where the split has one class alone.
        value = self.scores["validation"].get(self._config.select_by)
        is_lower_better = (
            self._config.select_by in self._network.problem.lower_is_better
        )
        is_best = select(
            self._config, self._state, value, is_lower_better=is_lower_better
        )
        # A run that has taken all its steps may be made longer.
        self._state.stopped_early &= self._state.step < self._epochs.total_steps
        return is_best

    def forget(self) -> None:
        """Says that what was scored last is not the network any more."""
        self.scores = {}

    def choose_weights(self) -> None:
        """Takes the best weights where the config selects, else the last.

        Raises:
          UserError: the best checkpoint is torn or gone.
        """
        best_step = self._state.best_step
        if best_step is not None and best_step != self._state.step:
            self._restore_best(best_step)
            self.forget()

    @property
    def _chosen_step(self) -> int:
        """The step of the weights that are the run's answer so far."""
        best_step = self._state.best_step
        return self._state.step if best_step is None else best_step

    def decide(self) -> None:
        """Fits temperature and threshold on validation rows, where asked to.

        Raises:
          DivergedError: their loss is not finite.
        """
        problem = self._network.problem
        if (
            not problem.has_decision(self._config)
            or "validation" not in self._evaluate
        ):
            return
        whole = self._dataset.splits["validation"]
        split = _some_of(whole, mistakes.MOST_VALUES // problem.outputs)
        truth, fitted = split.labels(), {}
        if self._config.temperature_scaling:
            temperature = problem.temperature_of(
                self._outputs_now(split), truth, self._watchdog.touch
            )
            self._network.temper(temperature)
            self.forget()
            problem = dataclasses.replace(problem, temperature=temperature)
            fitted["temperature"] = temperature
        outputs = self._outputs_now(split)
        with self._watchdog.patience():
            threshold = problem.threshold_of(outputs, truth, self._config)
        if problem.takes_threshold:
            fitted["threshold"] = threshold
        problem = dataclasses.replace(problem, threshold=threshold)
        self._network = dataclasses.replace(self._network, problem=problem)
        self._evaluate = self._evaluator_of(
            self._network, dataset=self._dataset
        )
        self.forget()
        told = ", ".join(f"{n} {v:.4g}" for n, v in fitted.items())
        some = "" if split is whole else f"{split.examples:,} of the "
        print(f"fitted on {some}validation rows: {told}", flush=True)
        rows = {} if split is whole else {"rows": split.examples}
        self.decision = {**fitted, "step": self._chosen_step, **rows}

    def _outputs_now(self, split: Split) -> np.ndarray:
        """Returns the outputs of the validation split, or of some of it."""
        name, evaluate = "validation", self._evaluate
        if split is not self._dataset.splits[name]:
            some = dataclasses.replace(self._dataset, splits={name: split})
            evaluate = self._evaluator_of(self._network, dataset=some)
            self._score(name, evaluate)
        elif name not in self.scores:
            self._score(name, evaluate)
        found = evaluate.outputs(name)
        assert found is not None, "so many are kept"
        return found

    def final(self) -> Scores:
        """Scores all splits that were not just scored, and tells of mistakes.

        Their lines are of the step of the chosen weights.

        Raises:
          DivergedError: a split's loss is not finite.
        """
        scores = {
            split: self.scores.get(split) or self._score(split, self._evaluate)
            for split in SPLITS
            if split in self._evaluate
        }
        for split, values in scores.items():
            line = self._line(split, values, self._chosen_step)
            # TensorBoard would drop what it was told of later steps.
            is_last = line.step == self._state.step
            is_told = split in self.scores or not (
                is_last or self._writers.is_new(line)
            )
            self._writers.line(line)
            if not is_told:
                self._tell_outputs(split, line.step)
        if scores:
            last = next(reversed(scores))
            self._tell_mistakes(last)
            self._hold_against_guessing(last)
        return scores

    def _score(
        self,
        split: str,
        evaluate: Evaluator,
        on_chunk: Callable[[], None] = lambda: None,
    ) -> dict[str, float]:
        with self._watchdog.chunks((evaluate, split)) as end_chunk:

            def after_chunk() -> None:
                end_chunk()
                on_chunk()

            values = evaluate(split, after_chunk)
        if not math.isfinite(values["loss"]):
            raise DivergedError(
                f"the {split} loss is not finite after step {self._state.step};"
                f" {REMEDY}"
            )
        return values

    def _line(self, split: str, values: dict[str, float], step: int) -> Line:
        return Line(
            step,
            self._epochs.epoch_of(step),
            split,
            values={k: v for k, v in values.items() if k != "examples"},
            extra={},
            secs=self._clock.goodput(),
        )

    def _tell_outputs(self, split: str, step: int) -> None:
        outputs = self._evaluate.outputs(split)
        if outputs is not None:
            with self._watchdog.patience():
                self._writers.outputs(
                    split, step, outputs, self._network.problem
                )

    def _hold_against_guessing(self, split: str) -> None:
        outputs = self._evaluate.outputs(split)
        if outputs is None:
            return
        with self._watchdog.patience():
            found = baselines.compare(
                self._network.problem,
                self._dataset,
                self._dataset.splits[split],
                outputs,
                normalized=self._network.normalization.in_float64,
            )
        if found is None:
            return
        self.beside = {split: found}
        if words := baselines.warning(found):
            self._writers.alert(
                self._state.step,
                f"no_better_than_guessing at step {self._state.step}: {words}",
            )

    def _tell_mistakes(self, split: str) -> None:
        outputs = self._evaluate.outputs(split)
        if outputs is None:
            return
        find = functools.cache(
            lambda: mistakes.look(
                self._network.problem,
                self._dataset,
                split,
                outputs,
                NetworkProbe(self._network, self._dataset.splits[split].x),
            )
        )
        with self._watchdog.patience():
            self._writers.mistakes(split, self._state.step, find)


def _some_of(split: Split, most_rows: int) -> Split:
    """Returns a split, or evenly spaced rows of one that has more."""
    if split.examples <= most_rows:
        return split
    rows = split.places(evenly_spaced(split.examples, most_rows))
    return dataclasses.replace(split, rows=rows)


def select(
    config: EvaluationConfig,
    state: State,
    value: float | None,
    *,
    is_lower_better: bool,
) -> bool:
    """Notes whether a score is the best so far, and whether to go on.

    Args:
      config: what counts as better, and for how long to wait for it.
      state: holds the best so far; changed.
      value: of `config.select_by`; None where the split has none.
      is_lower_better: whether less of it is better.

    Returns:
      Whether it is the best.
    """
    sign = -1 if is_lower_better else 1
    if value is not None and (
        state.best is None or sign * (value - state.best) > config.min_delta
    ):
        state.best, state.best_step, state.worse = value, state.step, 0
        return True
    state.worse += 1
    state.stopped_early = state.worse >= (config.patience or math.inf)
    return False
