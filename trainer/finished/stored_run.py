"""A run as its workdir tells it: JSON files alone."""

import dataclasses
import functools
import os
import pathlib
from typing import Any

import numpy as np

from trainer.config import Config
from trainer.config.values import flatten
from trainer.problem.problem import Problem
from trainer.problem.problems import from_record
from trainer.process.exits import UserError
from trainer.process.moments import Moment
from trainer.sources.sketch import Sketch
from trainer.storage import staging
from trainer.storage.names import place
from trainer.workdir import lines
from trainer.workdir.attempt import moment_of
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import SKETCH_FILE
from trainer.workdir.folder import Workdir

Line = dict[str, Any]
# In a folder of runs that are read as one.
ENSEMBLE_FILE = "ensemble.json"
# What `decision` of result.json may say of the problem.
FITTED = ("temperature", "threshold")


@dataclasses.dataclass(frozen=True)
class StoredRun:
    """A run that is done, or goes on; what it wrote is read when asked for.

    Attributes:
      name: the folder's, by which people know the run.
      workdir: the folder.
      config: that the run was started with.
      record: record.json.
      problem: the run's, without what its checkpoints hold of the targets.
      decided_step: of the weights that the problem's temperature and threshold
        were fitted for; None where they are the config's.
    """

    name: str
    workdir: Workdir
    config: Config
    record: Line
    problem: Problem
    decided_step: int | None

    @functools.cached_property
    def result(self) -> Line:
        """result.json; {} while the run goes on."""
        return self.workdir.read_json(RESULT_FILE) or {}

    @functools.cached_property
    def attempts(self) -> list[Line]:
        """Each start, first to last; see trainer/workdir/attempt.py."""
        last = self.workdir.read_json("attempt.json")
        return [*last.get("earlier", []), last] if last else []

    @functools.cached_property
    def detail(self) -> Line:
        """detail.json; {} where it was not written."""
        return self.workdir.read_json("detail.json") or {}

    @functools.cached_property
    def sketch(self) -> Sketch | None:
        """What its training rows look like; None where none was kept.

        Who answers for a run, such as a server, counts the rows that it is
        asked of in `sketch.empty()`, and holds both together.
        """
        kept = self.workdir.read_json(SKETCH_FILE)
        return None if kept is None else Sketch.from_json(kept)

    @functools.cached_property
    def metrics(self) -> list[Line]:
        """The lines of metrics.jsonl; those that are damaged are told."""
        return self._lines(lines.METRICS)

    @functools.cached_property
    def timing(self) -> list[Line]:
        """The lines of timing.jsonl; those that are damaged are told."""
        return self._lines(lines.TIMING)

    def _lines(self, name: str) -> list[Line]:
        # Asked first: it is written after the last line.
        is_over = bool(self.result)
        found = lines.read(self.workdir.path, name, is_over=is_over)
        found.tell()
        return found.values

    @property
    def undecided(self) -> Problem:
        """The problem without the temperature and threshold of `decision`."""
        asked = from_record(self.record["data"]["problem"])
        return dataclasses.replace(
            self.problem,
            temperature=asked.temperature,
            threshold=asked.threshold,
        )

    @property
    def splits(self) -> list[str]:
        """Those that were scored, training first."""
        there = {line["split"] for line in self.metrics}
        return [s for s in ("train", "validation", "test") if s in there]

    def same_labels(self, other: "StoredRun", split: str) -> bool | None:
        """Whether a split's rows have another run's labels, in their order.

        None where one of the two says nothing of them, as earlier versions do.
        """
        found = [
            (run.record["data"].get("labels_sha256") or {}).get(split)
            for run in (self, other)
        ]
        return None if None in found else found[0] == found[1]

    def other_measure(self, other: "StoredRun", metric: str) -> str | None:
        """Says why a metric of two runs is not the same one, or None."""
        if metric == "loss":
            is_same = self._loss == other._loss
            return None if is_same else "another loss"
        own, others = self.problem.labels[-1:], other.problem.labels[-1:]
        if metric not in self.problem.of_last_class or own == others:
            return None
        return f"of the class {others[0]!r}, not {own[0]!r}"

    @property
    def _loss(self) -> tuple[Any, ...]:
        """What the size of the loss hangs on, beside rows and network."""
        problem = self.problem
        return (
            problem.loss,
            problem.focal_gamma,
            problem.label_smoothing,
            dict(zip(problem.labels, problem.class_weights, strict=False)),
            self.config.data.target_normalization,
        )

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """{field: (its default, its value)} of what differs."""
        defaults, values = flatten(Config()), flatten(self.config)
        return {
            path: (defaults[path], value)
            for path, value in values.items()
            if value != defaults[path]
        }

    @property
    def final_split(self) -> str | None:
        """The split whose score is the run's; None while the run goes on."""
        return next(reversed(self.result.get("evaluation", {})), None)

    @property
    def final(self) -> dict[str, float]:
        """The last split's final scores; {} while the run goes on."""
        split = self.final_split
        return self.result["evaluation"][split] if split else {}

    @property
    def final_detail(self) -> Line:
        """detail.json of the final scores; {} where they were not looked at."""
        is_final = self.detail.get("step") == self.result.get("step")
        return self.detail if is_final else {}

    @property
    def intervals(self) -> dict[str, list[float] | None]:
        """Those of the final scores, where they were looked at."""
        return self.final_detail.get("intervals", {})

    @property
    def scored_step(self) -> int | None:
        """The step whose weights the final scores are of.

        None while the run goes on.
        """
        return _scored_step(self.result)

    @property
    def restart_steps(self) -> list[int]:
        """The steps from which the run went on."""
        return [line.get("began_step", 0) for line in self.attempts[1:]]

    @property
    def starts(self) -> list[tuple[float, float, int | None]]:
        """(began, ended, exit code) of each start, in seconds since the first.

        One that goes on, or was killed, could not say when it ended: it did
        with its last line.
        """
        if not self.attempts:
            return []
        begins = [line["began_unix_secs"] for line in self.attempts]
        found: list[tuple[float, float, int | None]] = []
        secs, left = 0.0, None
        for line, following in zip(
            self.attempts, [*begins[1:], float("inf")], strict=True
        ):
            began = moment_of(line, "began")
            assert began is not None
            ended = moment_of(line, "ended")
            ended = ended or self._last_line(began, following)
            began_secs = secs + (began.since(left) if left else 0.0)
            secs, left = began_secs + ended.since(began), ended
            found.append((began_secs, secs, line.get("exit_code")))
        return found

    def _last_line(self, began: Moment, before_unix_secs: float) -> Moment:
        times = [line["unix_secs"] for line in self.timing]
        inside = [t for t in times if began.unix_secs <= t < before_unix_secs]
        return Moment(max(inside, default=began.unix_secs))

    def curve(self, split: str, metric: str) -> tuple[list, list]:
        """Returns (steps, values) of a metric."""
        told = [
            line
            for line in self.metrics
            if line["split"] == split and metric in line
        ]
        told.sort(key=lambda line: line["step"])
        return [line["step"] for line in told], [line[metric] for line in told]

    def run_secs(self, step: int, split: str) -> float | None:
        """Seconds that the run had worked when a line was written."""
        for line in self.timing:
            if line["step"] == step and line["split"] == split:
                return line["run_secs"]
        return None

    def is_better(self, value: float, other: float) -> bool:
        return (value < other) == (
            self.problem.score in self.problem.lower_is_better
        )


def read(path: str | os.PathLike[str]) -> StoredRun:
    """Reads a run's workdir, a folder here or of a bucket.

    Raises:
      UserError: it holds no run, or one of another version.
    """
    return read_in(Workdir(staging.localize(path)), path)


def read_in(workdir: Workdir, path: str | os.PathLike[str]) -> StoredRun:
    """Reads a run's workdir that is here, or was fetched.

    Args:
      workdir: the folder, or its copy.
      path: by which the user names it.

    Raises:
      UserError: as `read`.
    """
    config, record = workdir.read_config(), workdir.read_json("record.json")
    if config is None and (found := workdir.read_json(ENSEMBLE_FILE)):
        raise UserError(
            f"{path} holds runs that are one model, and is no run itself; name"
            f" one of them, such as {os.path.join(path, found['members'][0])}"
        )
    if config is None or record is None:
        raise UserError(
            f"{path} holds no run (no config.json and record.json); name a"
            " run's workdir"
        )
    name = pathlib.Path(place(path)).absolute().name
    result = workdir.read_json(RESULT_FILE) or {}
    problem = _problem(workdir, record, result.get("decision", {}))
    return StoredRun(
        name, workdir, config, record, problem, _decided_step(result)
    )


def _decided_step(result: Line) -> int | None:
    decision = result.get("decision")
    if not decision:
        return None
    # Earlier versions fitted it for the weights that were scored, too.
    return decision.get("step", _scored_step(result))


def _scored_step(result: Line) -> int | None:
    best_step = result.get("best_step")
    return result.get("step") if best_step is None else best_step


def _problem(workdir: Workdir, record: Line, decision: Line) -> Problem:
    try:
        fitted = {n: decision[n] for n in FITTED if n in decision}
        values = record["data"]["problem"] | fitted
        np.dtype(record["data"]["x"]["dtype"])
        return from_record(values)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{workdir / 'record.json'} does not say what the run predicts"
            f" ({error}); it is of another version of Strata: train again, in"
            " another --workdir"
        ) from None
