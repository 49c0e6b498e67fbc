"""Sets of runs held against each other, run by run: of folds, or of seeds."""

import math
from collections.abc import Collection
from typing import NamedTuple

from trainer.finished import stored_run
from trainer.finished.stored_run import ENSEMBLE_FILE
from trainer.finished.stored_run import StoredRun
from trainer.problem.scores import judged
from trainer.process.columns import signed
from trainer.process.exits import UserError
from trainer.reports.pages import Table
from trainer.storage.names import path_within
from trainer.workdir.folder import Workdir

LEVEL = 0.95
NOTE = (
    "Sets of runs are held against the first, run by run, on the same"
    " validation rows: Student's paired t, whose variance is corrected where"
    " the runs' training rows overlap (Nadeau & Bengio 2003). A difference"
    " whose 95 % interval holds 0 is called noise."
)
Key = tuple[int, int]


class Paired(NamedTuple):
    """How a metric of one set differs from that of another.

    Attributes:
      difference: mean of the pairs' differences, less the first's.
      interval: of it, at 95 %.
      p: how likely one as great is where there is none.
    """

    difference: float
    interval: list[float]
    p: float


def paired(first: list[float], other: list[float], share: float) -> Paired:
    """Compares two sets, pair by pair.

    C. Nadeau and Y. Bengio 2003, Inference for the generalization error,
    Machine Learning 52: runs whose training rows overlap are no independent
    samples, and the variance of their mean is so much greater.

    Args:
      first: a score of each run; two or more.
      other: those of the other set, in the same order.
      share: validation rows by training rows, where each run has others of
        them; 0 where all have the same.
    """
    import scipy.stats

    count = len(first)
    apart = [b - a for a, b in zip(first, other, strict=True)]
    mean = math.fsum(apart) / count
    variance = math.fsum((d - mean) ** 2 for d in apart) / (count - 1)
    error = math.sqrt(variance * (1 / count + share))
    if not error:
        return Paired(mean, [mean, mean], 0.0 if mean else 1.0)
    t = scipy.stats.t(count - 1)
    half = float(t.ppf((1 + LEVEL) / 2)) * error
    p = 2 * float(t.sf(abs(mean) / error))
    return Paired(mean, [mean - half, mean + half], p)


def is_set(folder: Workdir) -> bool:
    """Whether a folder holds several runs that belong together."""
    found = folder.read_json(ENSEMBLE_FILE)
    return found is not None and len(found["members"]) > 1


def read(path: str, folder: Workdir) -> dict[Key, StoredRun]:
    """Returns a set's runs by their (seed, fold); the first of several.

    Args:
      path: by which the user names it.
      folder: that is here, or was fetched.

    Raises:
      UserError: a run cannot be read, or has no score yet.
    """
    found = folder.read_json(ENSEMBLE_FILE)
    assert found is not None, "is_set says so"
    runs: dict[Key, StoredRun] = {}
    for name in found["members"]:
        run = stored_run.read(path_within(folder.path, name))
        if "validation" not in run.result.get("evaluation", {}):
            raise UserError(f"{path}/{name} has no validation score yet")
        runs.setdefault((run.config.seed, run.config.data.fold), run)
    return runs


def table(folders: dict[str, Workdir]) -> Table:
    """Returns the sets' validation scores, each against the first's.

    Args:
      folders: each by the user's name for it.

    Raises:
      UserError: they are of other data, problems, seeds or folds.
    """
    sets = {path: read(path, folder) for path, folder in folders.items()}
    paths = list(sets)
    first = sets[paths[0]]
    for path, runs in sets.items():
        _check_pairs(paths[0], first, path, runs)
    some, share = next(iter(first.values())), share_of(first.values())
    rows = []
    for metric in ("loss", *some.problem.metrics):
        scores = {path: _scores(runs, metric) for path, runs in sets.items()}
        if any(None in found for found in scores.values()):
            continue
        means = [math.fsum(s) / len(s) for s in scores.values()]  # type: ignore[arg-type]
        rows.append([f"{metric}, mean of {len(first)}", *means])
        told = [
            some.other_measure(next(iter(sets[path].values())), metric)
            or _told(some, metric, scores[paths[0]], scores[path], share)
            for path in paths[1:]
        ]
        rows.append([f"{metric}, against the first", "", *told])
    return Table("Scores (validation split)", ["", *paths], rows)


def _scores(runs: dict[Key, StoredRun], metric: str) -> list[float | None]:
    return [
        runs[key].result["evaluation"]["validation"].get(metric)
        for key in sorted(runs)
    ]


def _told(
    run: StoredRun,
    metric: str,
    first: list[float | None],
    other: list[float | None],
    share: float,
) -> str:
    found = paired(first, other, share)  # type: ignore[arg-type]
    low, high = found.interval
    is_lower = metric in run.problem.lower_is_better
    words = judged(found.interval, is_lower_better=is_lower)
    return (
        f"{signed(found.difference)} ({signed(low)} to {signed(high)}),"
        f" p {found.p:.2g}: {words}"
    )


def share_of(runs: Collection[StoredRun]) -> float:
    """Returns a set's validation rows by training rows, as `paired` takes it.

    Runs have the same rows where the data bring their own validation split,
    or where it is the last of an order.
    """
    data = [run.record["data"] for run in runs]
    if len({found["fingerprint"] for found in data}) == 1:
        return 0.0
    rows = data[0]["examples"]
    return rows["validation"] / rows["train"]


def _check_pairs(
    first_path: str,
    first: dict[Key, StoredRun],
    path: str,
    runs: dict[Key, StoredRun],
) -> None:
    if first.keys() != runs.keys():
        raise UserError(
            f"{path} has other seeds or folds than {first_path}; compare sets"
            " of the same"
        )
    for key, run in runs.items():
        other = first[key]
        if run.problem.type != other.problem.type or not _is_of(run, other):
            raise UserError(
                f"{run.workdir.path} was trained on other rows or for another"
                f" problem than {other.workdir.path}; compare sets of the same"
            )


def _is_of(run: StoredRun, other: StoredRun) -> bool:
    """Whether two runs have the same rows, however each encodes them."""
    ours, theirs = run.record["data"], other.record["data"]
    if ours["fingerprint"] == theirs["fingerprint"]:
        return True
    return ours["name"] == theirs["name"] and all(
        run.same_labels(other, split) for split in ("train", "validation")
    )
