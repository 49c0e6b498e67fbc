"""What a user can get wrong, found before TensorFlow is imported."""

import shlex
from collections.abc import Mapping
from typing import Any

from trainer import sources
from trainer.cluster import joining
from trainer.config import Config
from trainer.problem import problems
from trainer.problem.problem import Problem
from trainer.problem.problems import from_record
from trainer.process.exits import UserError
from trainer.sources.checks import check_names
from trainer.sources.checks import check_weights
from trainer.sources.folder import recorded_folder
from trainer.storage import staging
from trainer.storage.names import whole_place
from trainer.tables.given import Given
from trainer.train import record
from trainer.train.job import Asked
from trainer.train.job import Origin
from trainer.train.job import Work
from trainer.workdir import checkpoints
from trainer.workdir.folder import Workdir
from trainer.workdir.location import Location


def prepare(
    asked: Asked,
    location: Location,
    *,
    data_dir: str | None,
    data_cache_gib: float = staging.CACHE_GIB,
    init_from: str | None = None,
    join_secs: float = 0.0,
    given: Given | None = None,
) -> Work | None:
    """Checks the workdir and the data, and meets the peers.

    Args:
      asked: of the run.
      location: where the run's files stand.
      data_dir: where the source's files stand; None for where they stood at
        the run's last start.
      data_cache_gib: most of the disk that each array takes that is streamed.
      init_from: workdir of a run whose weights a new run begins with.
      join_secs: for which peers are waited for.
      given: arrays or tables of a program's, which stand for files.

    Returns:
      What there is to do; None where the run is finished.

    Raises:
      UserError: before anything is written.
    """
    config, workdir = asked.config, Workdir(location.folder)
    finished = workdir.check(config)
    noted = workdir.read_json("record.json") or {}
    other = _origin(workdir, noted, init_from)
    if asked.place.is_chief:
        workdir.check_unlocked()
    if data_dir is None and given is None:
        if finished:
            _tell_finished(workdir, finished)
            return None
        data_dir = _recorded_folder(noted, config)
    begun = noted.get("data", {})
    # What an earlier start settled holds.
    earlier = from_record(begun["problem"]) if "problem" in begun else None
    dataset = sources.load(
        config.data,
        seed=config.seed,
        data_dir=data_dir,
        problem=earlier.type if earlier else config.problem,
        known=begun.get("fingerprint"),
        given=given,
        cache_gib=data_cache_gib,
    )
    if earlier is None:
        check_names(dataset)
        check_weights(dataset, config.data.weight)
        _check_scaled(config, dataset)
    fingerprint = sources.fingerprint(dataset)
    if not config.evaluation.test_at_end:
        dataset = dataset.without("test")
    rows_sha256 = sources.rows_sha256(dataset)
    workdir.check_data(fingerprint, rows_sha256)
    if finished:
        _tell_finished(workdir, finished)
        return None
    facts = {**record.facts(config, fingerprint, rows_sha256), **location.facts}
    joining.join(asked.place, facts, location.shared, join_secs)
    location.settle()
    problem, dataset = problems.settle(config, dataset, earlier)
    _describe(dataset, problem)
    if dataset.guess is not None:
        print(f"guessed: {problem.type}, {dataset.guess}", flush=True)
    return Work(
        **vars(asked),
        problem=problem,
        dataset=dataset,
        fingerprint=fingerprint,
        rows_sha256=rows_sha256,
        workdir=workdir,
        init_from=other,
    )


def _tell_finished(workdir: Workdir, result: dict[str, Any]) -> None:
    print(f"{workdir.path} is finished at step {result['step']}")


def _recorded_folder(noted: Mapping[str, Any], config: Config) -> str | None:
    """Returns where the run's files stood; None where there are none.

    Raises:
      UserError: they are not to be read there, and no other place is known.
    """
    try:
        return recorded_folder(noted)
    except UserError:
        if config.data.source == "files":
            raise
        return None  # where the source itself looks


def _check_scaled(config: Config, dataset: sources.Dataset) -> None:
    """Refuses to divide by a largest value that is not known.

    Raises:
      UserError: it is asked for.
    """
    if config.data.normalization == "scale" and dataset.largest is None:
        raise UserError(
            "config.data.normalization='scale' divides by the largest value of"
            f" the data's kind, and none is known of {dataset.name}, of kind"
            f" {dataset.kind}; set it to auto or standardize"
        )


def _origin(
    workdir: Workdir, noted: Mapping[str, Any], name: str | None
) -> Origin | None:
    """Returns the other run whose weights are taken, a copy of it here.

    Raises:
      UserError: it has none; or the run began with another's weights, has no
        checkpoint that they are in, and does not name it any more.
    """
    before = (noted.get("init_from") or {}).get("workdir")
    goes_on = bool(checkpoints.steps_in(workdir.checkpoints))
    if name is None:
        if before is not None and not goes_on:
            raise UserError(
                f"--workdir={workdir.path} began with the weights of {before}"
                " and has no checkpoint as yet; add"
                f" {shlex.join([f'--init_from={before}'])}, or name another"
                " --workdir"
            )
        return None
    named = whole_place(name)
    if goes_on:
        if named != before:
            print(
                f"--init_from={name} is left aside: {workdir.path} goes on"
                " from its own checkpoint",
                flush=True,
            )
        return None
    folder = staging.localize(name)
    other = Workdir(folder)
    if not other.checkpoints.is_dir():
        raise UserError(
            f"--init_from={folder} holds no checkpoints; name a run's workdir"
        )
    return Origin(named, other)


def _describe(dataset: sources.Dataset, problem: Problem) -> None:
    """Prints what was found in the data."""
    rows = ", ".join(f"{k} {s.examples}" for k, s in dataset.splits.items())
    x = dataset.splits["train"].x
    shape = "x".join(str(n) for n in x.shape[1:])
    print(
        f"data: {dataset.name}, {dataset.kind}, {x.dtype} {shape}; {rows}\n"
        f"problem: {problem.type}, outputs: {problem.outputs}, loss:"
        f" {problem.loss}",
        *problem.told(),
        sep=", ",
        flush=True,
    )
    for note in dataset.notes:
        print(f"data: {note}", flush=True)
