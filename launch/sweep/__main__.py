"""`strata sweep`: many runs of a config, and the best of them."""

import argparse
import contextlib
import os
import pathlib
import shlex
import signal
import sys

from trainer.launch.supervise.signals import Signals
from trainer.launch.sweep import elsewhere
from trainer.launch.sweep import page
from trainer.launch.sweep import progress
from trainer.launch.sweep import refit
from trainer.launch.sweep import stack
from trainer.launch.sweep import stored
from trainer.launch.sweep import winner
from trainer.launch.sweep.crew import CLAIMS
from trainer.launch.sweep.crew import Crew
from trainer.launch.sweep.flags import read_flags
from trainer.launch.sweep.flags import TRIALS
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.plan import settle
from trainer.launch.sweep.search import check_possible
from trainer.launch.sweep.search import Search
from trainer.launch.sweep.slots import slots_of
from trainer.launch.sweep.study import open_study
from trainer.launch.sweep.study import Study
from trainer.launch.sweep.sweep import Sweep
from trainer.launch.sweep.trainers import Stopped
from trainer.launch.sweep.trainers import Trainers
from trainer.launch.warm import Warm
from trainer.process import output
from trainer.process.columns import lay_out
from trainer.process.columns import shown
from trainer.process.exits import ClusterError
from trainer.process.exits import DONE
from trainer.process.exits import INTERRUPTED
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.workdir.folder import STOP_FILE
from trainer.workdir.lease import Lease
from trainer.workdir.lock_file import LockFile


@verb
def main(argv: list[str]) -> int:
    """Runs the sweep, or goes on with it.

    Returns:
      The exit code: 0, or 42 or 43 where it was stopped.

    Raises:
      UserError: before anything is written.
    """
    output.guard()
    wanted, words = read_flags(argv)
    if wanted.workdir is None:
        name = f"{pathlib.Path(wanted.config).stem}_sweep"
        wanted.workdir = os.path.join("runs", name)
    workdir = pathlib.Path(wanted.workdir)
    if wanted.launcher == "kubernetes":  # the data need not be here
        return elsewhere.on_kubernetes(wanted, words, workdir)
    check_possible()
    output.keep_in(output.supervisor_log(workdir))
    study = open_study(wanted.study) if wanted.study else None
    is_repeated = wanted.seeds or wanted.folds
    is_searched = study or wanted.trials or not is_repeated
    plan = settle(
        words,
        (study or Study()) if is_searched else None,
        seeds=wanted.seeds,
        folds=wanted.folds,
    )
    _check_end(wanted, plan)
    stack.check(wanted.stack, plan)
    wanted.trials = wanted.trials or (TRIALS if is_searched else 1)
    if wanted.launcher == "slurm":
        return elsewhere.on_slurm(plan, wanted, words, workdir)
    if wanted.dry_run:
        print(described(plan, workdir, wanted))
        return DONE
    stored.begin(workdir, plan)
    if "SLURM_ARRAY_TASK_ID" not in os.environ:
        # Tasks that wait in the queue are to find it as they begin; it goes as
        # others are submitted.
        (workdir / STOP_FILE).unlink(missing_ok=True)
    for note in plan.notes:
        print(note, flush=True)
    return _run(plan, workdir, wanted)


def _check_end(wanted: argparse.Namespace, plan: Plan) -> None:
    """Checks what is asked of the winner.

    Raises:
      UserError: the data does not allow it.
    """
    if wanted.refit and plan.has_own_validation:
        raise UserError(
            "--refit: the data has a validation split of its own, which is no"
            " part of its training rows; join their files yourself"
        )


def described(
    plan: Plan, workdir: pathlib.Path, wanted: argparse.Namespace
) -> str:
    """Returns what a sweep would do, in a table."""
    first = os.fspath(workdir / plan.folder(0, plan.members[0]))
    each = ["strata", "train", *plan.run_words({}, plan.members[0], first)]
    rows = [
        ["data", ", ".join(f"{k} {n}" for k, n in plan.rows.items())],
        *(["", note] for note in plan.notes),
        ["metric", f"{plan.metric} of the validation rows"],
        ["trials", f"{wanted.trials}, {wanted.parallel} at a time"],
        *([["side by side", f"{wanted.stack} runs"]] * (wanted.stack > 1)),
        ["runs of each", ", ".join(m.name for m in plan.members) or "1"],
        *([field, found.told] for field, found in plan.space.items()),
        ["each is", shlex.join(each)],
    ]
    return lay_out(rows, left=2)


def _run(plan: Plan, workdir: pathlib.Path, wanted: argparse.Namespace) -> int:
    search = Search(workdir, plan)
    told = progress.Progress(plan, search, wanted.trials)
    signals = Signals()
    with (
        signals.caught(),
        contextlib.closing(Warm()) as warm,
        contextlib.closing(told),
    ):
        trainers = Trainers(
            warm,
            slots_of(wanted.parallel),
            signals,
            workdir / STOP_FILE,
            wanted.max_secs,
        )
        sweep = Sweep(plan, search, workdir, trainers)
        crew = Crew(
            sweep,
            trials=wanted.trials,
            on_change=told.tell,
            at_once=wanted.stack,
        )
        try:
            crew.work()
        except Stopped:
            page.write(sweep, None)
            return _stopped(told, signals)
        told.close()
        try:
            with contextlib.ExitStack() as held:
                if _is_last(sweep, held):
                    _finish(sweep, wanted)
                else:
                    print("others go on, and end the sweep", flush=True)
        except Stopped:
            return _stopped(told, signals)
    return DONE


def _stopped(told: progress.Progress, signals: Signals) -> int:
    """Says how a sweep stands that was stopped; returns its exit code."""
    told.close()
    print(f"stopped: {told.status()}; the same command goes on", flush=True)
    return _code_of(signals)


def _is_last(sweep: Sweep, held: contextlib.ExitStack) -> bool:
    """Whether all trials have ended, and no other process ends the sweep."""
    if progress.counts_of(sweep.search.trials())["running"]:
        return False
    try:
        lease = Lease(LockFile(sweep.workdir / CLAIMS / "end"))
        held.enter_context(lease.held())
    except (UserError, ClusterError):
        return False
    return True


def _finish(sweep: Sweep, wanted: argparse.Namespace) -> None:
    """Scores the winner, and says what it is worth."""
    plan, workdir = sweep.plan, sweep.workdir
    outcome = winner.finish(sweep, keep=wanted.keep)
    page.write(sweep, outcome)
    print(winner.told(plan, outcome, workdir), flush=True)
    if wanted.refit:
        scores = refit.refit(sweep, outcome)
        # None as of one class alone, whose rows have no area.
        score = shown(scores.get(plan.metric))
        print(
            f"refit on all rows but the test's: test {plan.metric} {score};"
            f" {refit.folder_of(outcome, workdir)}",
            flush=True,
        )


def _code_of(signals: Signals) -> int:
    """Returns the code by which a sweep that was stopped leaves."""
    received = signals.received
    if received.count(signal.SIGINT) > 1:
        return INTERRUPTED
    by_user = not received or received[0] == signal.SIGINT
    return STOPPED_BY_USER if by_user else STOPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
