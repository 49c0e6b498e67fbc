"""A run as its workdir tells it, for people: JSON files alone."""

import contextlib
import dataclasses
import json
import pathlib
from typing import Any

from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.problem.problems import LOWER_IS_BETTER
from trainer.problem.problems import TABLE
from trainer.process.exits import UserError
from trainer.storage import staging
from trainer.workdir.folder import Workdir

Line = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class StoredRun:
    """What a workdir holds.

    Attributes:
      name: the folder's, by which people know the run.
      workdir: the folder.
      config: of the run.
      record: record.json.
      result: result.json, or {} while the run goes on.
      attempts: each start, first to last; see trainer/workdir/attempt.py.
      detail: detail.json, or {} where it was not written.
      metrics, timing: the lines of metrics.jsonl and timing.jsonl.
    """

    name: str
    workdir: Workdir
    config: Config
    record: Line
    result: Line
    attempts: list[Line]
    detail: Line
    metrics: list[Line]
    timing: list[Line]

    @property
    def path(self) -> pathlib.Path:
        return self.workdir / ""

    @property
    def problem(self) -> str:
        return self.record["data"]["problem"]["type"]

    @property
    def score(self) -> str:
        """The metric that a run's last line shows."""
        names = TABLE[self.problem].metrics
        return "r2" if "r2" in names else names[0]

    @property
    def splits(self) -> list[str]:
        """Those that were scored, training first."""
        there = {line["split"] for line in self.metrics}
        return [s for s in ("train", "validation", "test") if s in there]

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
    def final(self) -> dict[str, float]:
        """The last split's final scores; {} while the run goes on."""
        evaluation = self.result.get("evaluation", {})
        return next(reversed(evaluation.values()), {})

    @property
    def intervals(self) -> dict[str, list[float] | None]:
        """Those of the final scores, where they were looked at."""
        is_final = self.detail.get("step") == self.result.get("step")
        return self.detail.get("intervals", {}) if is_final else {}

    @property
    def restart_steps(self) -> list[int]:
        """The steps from which the run went on."""
        return [line["began_step"] for line in self.attempts[1:]]

    @property
    def starts(self) -> list[tuple[float, float, int | None]]:
        """(began, ended, exit code) of each start, in seconds since the first.

        One that was killed could not say when: it ended with its last line, or
        as the next began.
        """
        if not self.attempts:
            return []
        first = self.attempts[0]["began_unix_secs"]
        found = []
        begins = [line["began_unix_secs"] for line in self.attempts]
        for line, following in zip(
            self.attempts, [*begins[1:], float("inf")], strict=True
        ):
            began, ended = line["began_unix_secs"], line.get("ended_unix_secs")
            if ended is None:
                times = [t["unix_secs"] for t in self.timing]
                inside = [t for t in times if began <= t < following]
                ended = max(inside, default=began)
            found.append((began - first, ended - first, line.get("exit_code")))
        return found

    def curve(self, split: str, metric: str) -> tuple[list, list]:
        """Returns (steps, values) of a metric."""
        lines = [
            line
            for line in self.metrics
            if line["split"] == split and metric in line
        ]
        lines.sort(key=lambda line: line["step"])
        return [line["step"] for line in lines], [
            line[metric] for line in lines
        ]

    def run_secs(self, step: int, split: str) -> float | None:
        """Seconds that the run had worked when a line was written."""
        for line in self.timing:
            if line["step"] == step and line["split"] == split:
                return line["run_secs"]
        return None

    def is_better(self, value: float, other: float) -> bool:
        return (value < other) == (self.score in LOWER_IS_BETTER)


def read(path: str) -> StoredRun:
    """Reads a workdir.

    Raises:
      UserError: it holds no run, or one of another version.
    """
    workdir = Workdir(staging.localize(path))
    values, record, attempt = (
        workdir.read_json(f"{name}.json")
        for name in ("config", "record", "attempt")
    )
    if values is None or record is None:
        raise UserError(
            f"{path} holds no run (no config.json and record.json); name a"
            " run's workdir"
        )
    try:
        config = validate(from_dict(values))
        record["data"]["problem"]["type"]
    except (UserError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is of another version of Strata ({error}); train again,"
            " in another --workdir"
        ) from error
    attempt = attempt or {}
    return StoredRun(
        pathlib.Path(path).absolute().name,
        workdir,
        config,
        record,
        workdir.read_json("result.json") or {},
        [*attempt.get("earlier", []), attempt] if attempt else [],
        workdir.read_json("detail.json") or {},
        _lines(workdir, "metrics.jsonl"),
        _lines(workdir, "timing.jsonl"),
    )


def _lines(workdir: Workdir, name: str) -> list[Line]:
    """A file's whole lines; one that was torn is left out."""
    lines = []
    with contextlib.suppress(FileNotFoundError):
        for text in (workdir / name).read_text().splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(text))
    return lines
