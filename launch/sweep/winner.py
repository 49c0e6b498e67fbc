"""The end of a sweep: its winner, scored once on the test rows."""

import hashlib
import math
import os
import pathlib
import shlex
from typing import Any
from typing import TYPE_CHECKING
from typing import TypedDict

from trainer.finished.stored_run import ENSEMBLE_FILE
from trainer.launch.sweep.following import is_done
from trainer.launch.sweep.following import score_of
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.plan import word_of
from trainer.launch.sweep.progress import counts_of
from trainer.launch.sweep.search import END
from trainer.launch.sweep.search import has_failed
from trainer.launch.sweep.stored import Outcome
from trainer.launch.sweep.stored import read
from trainer.launch.sweep.stored import write_outcome
from trainer.launch.sweep.sweep import Sweep
from trainer.process.columns import between
from trainer.process.columns import lay_out
from trainer.process.columns import number
from trainer.process.columns import signed
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically
from trainer.storage.json_files import sealed

if TYPE_CHECKING:
    import optuna

TESTS = "test"


class Evaluation(TypedDict):
    """What is read of `strata evaluate --output`."""

    evaluation: dict[str, dict[str, float]]
    intervals: dict[str, list[float] | None]


def finish(sweep: Sweep, *, keep: int = 1) -> Outcome:
    """Scores the winner on the test rows, unless that was done before.

    Args:
      sweep: whose trials have all ended; its workdir is then read as one model.
      keep: how many of the best trials that model is the mean of.

    Raises:
      UserError: no trial has a score.
      ClusterError: nor has one, as processes failed, or it could not be scored.
      Stopped: that was told to stop.
    """
    best, plan = sweep.search.best(), sweep.plan
    if best is None:
        raise _none_scored(sweep)
    tests = []
    for member in plan.members:
        name = "_".join(filter(None, (f"{best.number:04d}", member.name)))
        tests.append(_test(sweep, plan.folder(best.number, member), name))
    outcome = _outcome(sweep, best, tests)
    outcome["kept"] = [
        os.fspath(plan.folder(trial.number, member))
        for trial in sweep.search.ranked()[:keep]
        for member in plan.members
    ]
    outcome["kept_test"] = _keep(sweep, best.number, outcome["kept"])
    write_outcome(sweep.workdir, outcome)
    return outcome


def _none_scored(sweep: Sweep) -> UserError | ClusterError:
    trials = sweep.search.trials()
    if failed := [t for t in trials if has_failed(t)]:
        runs = [folder for _, folder in sweep.runs_of(failed[0])]
        first = next((run for run in runs if not is_done(run)), runs[0])
        codes = ", ".join(sorted({t.user_attrs[END] for t in failed}))
        return ClusterError(
            f"no trial of {sweep.workdir} has a score, and {len(failed)} failed"
            f" ({codes}); see {first / 'logs'}; the same command tries them"
            " again"
        )
    told = ", ".join(
        f"{n} {name}" for name, n in counts_of(trials).items() if n
    )
    first = sweep.folder(0, sweep.plan.members[0])
    return UserError(
        f"no trial of {sweep.workdir} has a score ({told}; the first:"
        f" {trials[0].user_attrs.get(END)}); see {first / 'logs'}, and search"
        " other ranges"
    )


def _outcome(
    sweep: Sweep, best: "optuna.trial.FrozenTrial", tests: list[Evaluation]
) -> Outcome:
    """Says how a sweep ended, and nothing as yet of who is kept."""
    plan, workdir = sweep.plan, sweep.workdir
    runs = [plan.folder(best.number, member) for member in plan.members]
    validation = [score_of(workdir / run, plan.metric) for run in runs]
    scores = [t["evaluation"]["test"].get(plan.metric) for t in tests]
    return {
        "trial": best.number,
        "metric": plan.metric,
        "validation": [v for v in validation if v is not None],
        "test": scores,
        "test_interval": (
            tests[0]["intervals"].get(plan.metric)
            if len(tests) == 1
            else interval_of([s for s in scores if s is not None], plan.bounds)
        ),
        "fields": sweep.search.values_of(best),
        "members": [os.fspath(run) for run in runs],
        "kept": [],
        "kept_test": None,
        "looks": len({p.name[:4] for p in (workdir / TESTS).glob("*.json")}),
        "trials": counts_of(sweep.search.trials()),
    }


def _keep(sweep: Sweep, number: int, kept: list[str]) -> float | None:
    """Makes one model of runs; returns the test score of several's mean."""
    value = sealed({"members": kept})
    write_atomically(sweep.workdir / ENSEMBLE_FILE, to_json(value))
    if len(kept) == 1:
        return None
    name = f"{number:04d}_{mean_name(kept)}"
    found = _test(sweep, pathlib.PurePath(), name)
    return found["evaluation"]["test"].get(sweep.plan.metric)


def mean_name(kept: list[str]) -> str:
    """Names the mean of runs; others that are as many have another name."""
    digest = hashlib.sha256("\n".join(kept).encode()).hexdigest()
    return f"mean_of_{len(kept)}_{digest[:8]}"


def _test(sweep: Sweep, run: pathlib.PurePath, stem: str) -> Evaluation:
    """Returns a run's scores on the test rows, which are asked for once."""
    path = sweep.workdir / TESTS / f"{stem}.json"
    found: Any = read(path.parent, path.name, Evaluation)
    if found is not None:
        return found
    path.parent.mkdir(exist_ok=True)
    folder = sweep.workdir / run
    words = [
        "trainer",
        "evaluate",
        f"--workdir={folder}",
        "--split=test",
        f"--output={path}",
    ]
    if sweep.plan.data_dir is not None:
        words.append(f"--data_dir={sweep.plan.data_dir}")
    code = sweep.trainers.run(words, folder)
    found = read(path.parent, path.name, Evaluation)
    if found is None:
        raise ClusterError(
            f"the winner could not be scored (exit code {code}); see"
            f" {folder / 'logs'}"
        )
    return found


def interval_of(
    values: list[float], bounds: tuple[float, float]
) -> list[float] | None:
    """Returns the interval of a mean by Student's t, at 95 %.

    Args:
      values: of independent runs; None is returned for one.
      bounds: the least and the greatest that a value can be.
    """
    if len(values) < 2:
        return None
    import scipy.stats

    mean = sum(values) / len(values)
    t = float(scipy.stats.t.ppf(0.975, len(values) - 1))
    half = t * deviation_of(values) / math.sqrt(len(values))
    return [max(bounds[0], mean - half), min(bounds[1], mean + half)]


def deviation_of(values: list[float]) -> float:
    """Returns the standard deviation of which values are a sample."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def told(plan: Plan, outcome: Outcome, workdir: pathlib.Path) -> str:
    """Returns the end of a sweep as a short table."""
    validation, metric = outcome["validation"], outcome["metric"]
    test = [v for v in outcome["test"] if v is not None]
    rows = [["winner", f"trial {outcome['trial']}"]]
    rows.append([f"validation {metric}", _score(validation)])
    if test:
        words = f"{_score(test)}, 95 % {between(outcome['test_interval'])}"
        looks = outcome["looks"]
        rows.append([f"test {metric}", words])
        gap = sum(validation) / len(validation) - sum(test) / len(test)
        rows.append(["optimism", f"{signed(gap)}, validation less test"])
        if looks > 1:
            rows.append(
                ["", f"{looks} winners were scored on these test rows so far"]
            )
    if outcome["kept_test"] is not None:
        name = f"mean of {len(outcome['kept'])} runs"
        rows.append([name, f"test {metric} {number(outcome['kept_test'])}"])
    place = shlex.quote(os.fspath(workdir))
    rows.append(["model", f"strata predict --workdir={place} …"])
    rows.append(["command", command_of(plan, outcome, workdir)])
    rows.append(["workdir", os.fspath(workdir)])
    return lay_out(rows, left=2)


def _score(values: list[float]) -> str:
    mean = sum(values) / len(values)
    if len(values) == 1:
        return number(mean)
    deviation = number(deviation_of(values))
    return f"{number(mean)} ± {deviation} of {len(values)} runs"


def command_of(plan: Plan, outcome: Outcome, workdir: pathlib.Path) -> str:
    """Returns the command that trains the winner's config by itself.

    Args:
      plan: of the sweep.
      outcome: of the sweep.
      workdir: of the sweep, in which the command has its own.
    """
    ours = (
        word_of("evaluation.test_at_end", False),
        word_of("data.folds", plan.config.data.folds),
    )
    words = [word for word in plan.words if word not in ours]
    fields = [word_of(name, v) for name, v in outcome["fields"].items()]
    own = f"--workdir={workdir / 'winner'}"
    return shlex.join(["strata", "train", *words, *fields, own])
