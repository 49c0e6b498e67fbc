"""`strata jobs`: what runs where, since when, at which step, at what cost.

Jobs are found by the workdirs here and by the platforms' own tools. A
launcher's part of it is a module of four words: `launch/jobs/job.py`.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable

from trainer.launch.jobs import prices
from trainer.launch.jobs.job import ENDED
from trainer.launch.jobs.job import Job
from trainer.launch.jobs.job import Platform
from trainer.launch.jobs.job import PlatformError
from trainer.launch.jobs.run import Run
from trainer.launch.jobs.run import runs_in
from trainer.launch.jobs.workdirs import LAUNCHERS
from trainer.process.arguments import Parser
from trainer.process.columns import lay_out
from trainer.process.exits import UserError
from trainer.process.exits import verb

DESCRIPTION = """\
Tells of jobs over all launchers: what runs where, since when and at which
step.

  strata jobs                        those that run or wait
  strata jobs list --all             those that ended, too
  strata jobs status gcp/mnist       one of them, its last alert too
  strata jobs logs local/runs/mnist  what its chief said
  strata jobs stop slurm/1200        have it write a checkpoint and end
  strata jobs cost                   what they cost, by .strata/prices.json
"""
# The module of each, in the order in which they may claim a workdir; that of
# the workdirs themselves takes what is left.
PLATFORMS = {
    "slurm": "trainer.launch.slurm.platform",
    "kubernetes": "trainer.launch.kubernetes.platform",
    "gcp": "trainer.launch.gcp.platform",
}
OWN = "trainer.launch.jobs.workdirs"
VERBS = ("list", "status", "logs", "stop", "cost")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata jobs", DESCRIPTION)
    parser.add_argument(
        "verb", nargs="?", choices=VERBS, default="list", help="list if not set"
    )
    parser.add_argument(
        "job", nargs="?", help="LAUNCHER/NAME, as list prints it"
    )
    parser.add_argument(
        "--runs",
        metavar="DIR",
        action="append",
        help="folder of workdirs; runs if not set, and may be given again",
    )
    parser.add_argument(
        "--all", action="store_true", help="list those that ended, too"
    )
    wanted = parser.parse_args(argv)
    for folder in wanted.runs or []:
        if not os.path.isdir(folder):
            raise UserError(
                f"--runs={folder} is no folder; name one that holds workdirs"
            )
    needs_job = wanted.verb in ("status", "logs", "stop")
    if needs_job != (wanted.job is not None):
        need = "needs a JOB" if needs_job else "takes no JOB"
        raise UserError(f"strata jobs {wanted.verb} {need}; see strata jobs")
    return wanted


def platform_of(launcher: str) -> Platform:
    """Returns what a launcher says of its jobs."""
    module = importlib.import_module(PLATFORMS.get(launcher, OWN))
    found: Platform = module  # type: ignore[assignment]
    return found


def find(folders: list[str], title: str | None = None) -> list[Job]:
    """Lists the jobs of all launchers; a platform that fails is told of.

    Args:
      folders: to look in for workdirs.
      title: of the only job that is wanted. One that begins with a launcher has
        no other one asked.
    """
    runs = runs_in(folders)
    found: list[Job] = []
    launcher = (title or "").partition("/")[0]
    is_named = launcher in (*PLATFORMS, *LAUNCHERS)
    for name in PLATFORMS:
        if is_named and name != launcher:
            continue
        try:
            found += platform_of(name).find(runs)
        except PlatformError as error:
            print(
                f"strata: jobs of {name} are not shown: {error}",
                file=sys.stderr,
            )
    claimed = [job.run for job in found if job.run]
    return found + platform_of(OWN).find([r for r in runs if r not in claimed])


def _chosen(jobs: list[Job], title: str) -> Job:
    """Returns the job of a title, or of a name that no other job has.

    Those that have ended give way to others. A workdir's job is the same one
    whichever launcher is seen to have it: between two starts none is.

    Raises:
      UserError: there is none, or there are several.
    """
    launcher, _, name = title.partition("/")
    named = [
        job
        for job in jobs
        if title in (job.title, job.name)
        or (job.name == name and {launcher, job.launcher} <= set(LAUNCHERS))
    ]
    found = [job for job in named if job.title == title] or named
    found = [job for job in found if job.state != ENDED] or found
    titles = sorted({job.title for job in found})
    if len(titles) > 1:
        raise UserError(
            f"{title!r} may be {' or '.join(titles)}; name one of them"
        )
    if found:
        return found[0]
    known = ", ".join(job.title for job in jobs) or "none"
    raise UserError(
        f"there is no job {title!r}; there are {known}: strata jobs list --all"
    )


def _age(began_unix_secs: float | None) -> str:
    if began_unix_secs is None:
        return "?"
    minutes = max(0, time.time() - began_unix_secs) / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def _price(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _list(jobs: list[Job]) -> int:
    if not jobs:
        print("no job runs; strata jobs list --all shows those that ended")
        return 0
    costs = prices.read()
    rows = [("JOB", "STATE", "WHERE", "SINCE", "STEP", "AN HOUR")]
    rows += [
        (
            job.title,
            job.state,
            job.where,
            _age(job.began_unix_secs),
            str(job.run.step) if job.run else "?",
            _price(prices.an_hour(job, costs))
            if costs and job.machines
            else "",
        )
        for job in jobs
    ]
    print(lay_out(rows, left=3))
    return 0


def _status(job: Job) -> int:
    run = job.run
    rows = [
        ("job", job.title),
        ("state", f"{job.state}, {job.where}"),
        ("since", _age(job.began_unix_secs)),
        *(_of_run(run) if run else []),
    ]
    price = prices.an_hour(job, prices.read())
    if job.machines:
        rows.append(("an hour", _price(price)))
    print(lay_out(rows, left=2))
    return 0


def _of_run(run: Run) -> list[tuple[str, str]]:
    return [
        ("step", str(run.step)),
        ("start", f"number {run.attempt.get('attempt', '?')}"),
        ("last alert", run.alert or "none that a log here tells"),
        ("workdir", str(run.workdir)),
    ]


def _cost(jobs: list[Job]) -> int:
    costs = prices.read()
    rows = [("JOB", "MACHINES", "SINCE", "AN HOUR", "SO FAR")]
    total = 0.0
    for job in jobs:
        price, began = prices.an_hour(job, costs), job.began_unix_secs
        hours = (time.time() - began) / 3600 if began else None
        known = price is not None and hours is not None
        so_far = price * hours if known else None  # type: ignore[operator]
        total += price or 0.0
        paid = ", ".join(f"{n} x {kind}" for kind, n in job.machines)
        rows.append(
            (job.title, paid, _age(began), _price(price), _price(so_far))
        )
    print(lay_out(rows, left=2))
    print(f"{total:.2f} an hour in all, by {prices.FILE}")
    missing = {k for j in jobs for k, _ in j.machines} - costs.keys()
    if missing:
        print(f"no price is given of: {', '.join(sorted(missing))}")
    return 0


@verb
def main(argv: list[str]) -> int:
    """Does what the first word says.

    Raises:
      UserError: there is no such job, or it cannot be told.
    """
    wanted = _parse(argv)
    jobs = find(wanted.runs or ["runs"], wanted.job)
    shown = [j for j in jobs if wanted.all or j.state != ENDED]
    if wanted.verb == "list":
        return _list(shown)
    if wanted.verb == "cost":
        return _cost(shown)
    job = _chosen(jobs, wanted.job)
    platform = platform_of(job.launcher)
    if wanted.verb == "stop":
        if job.state == ENDED:
            raise UserError(f"{job.title} does not run: {job.where}")
        print(f"{job.title} was told to stop: {platform.stop(job)}")
        return 0
    show: Callable[[Job], int] = (
        platform.show_log if wanted.verb == "logs" else _status
    )
    return show(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
