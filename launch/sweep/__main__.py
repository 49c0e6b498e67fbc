"""`strata sweep`: many runs of a config, and the best of them."""

import argparse
import contextlib
import functools
import os
import pathlib
import signal
import sys

from trainer.launch.command_line import at_least
from trainer.launch.command_line import positive
from trainer.launch.local import gpus
from trainer.launch.supervise.signals import Signals
from trainer.launch.sweep import page
from trainer.launch.sweep import progress
from trainer.launch.sweep import refit
from trainer.launch.sweep import stored
from trainer.launch.sweep import winner
from trainer.launch.sweep.crew import Crew
from trainer.launch.sweep.crew import shares
from trainer.launch.sweep.crew import Stopped
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.plan import settle
from trainer.launch.sweep.plan import word_of
from trainer.launch.sweep.search import check_possible
from trainer.launch.sweep.search import Search
from trainer.launch.sweep.study import open_study
from trainer.launch.sweep.study import Study
from trainer.launch.warm import Warm

from trainer.process import output
from trainer.process.arguments import Parser
from trainer.process.exits import DONE
from trainer.process.exits import INTERRUPTED
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.storage.names import local_place

DESCRIPTION = """\
Runs a config many times: with settings that a search chooses, with several
seeds, on several folds, or all of it. Trials are chosen by the validation rows;
the winner is scored once on the test rows, at the end. Each trial is a run in
WORKDIR/trials. The same command goes on where it was stopped or killed.

  strata sweep --config=digits --trials=30 --workdir=runs/sweep
  strata sweep --config=mnist --study=sweeps/mnist.py --parallel=2
  strata sweep --config=digits --seeds=5
  strata sweep --config=your_data --data_dir=FILE.csv --folds=5

All further flags are the trainer's: --data_dir, --config.FIELD=VALUE and so
on; see strata train --help."""
TRIALS = 30


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the sweep's own flags, and the trainer's words."""
    parser = Parser("strata sweep", DESCRIPTION)
    add = parser.add_argument
    add("--config", metavar="FILE", help="config file, or a shipped config")
    add(
        "--workdir",
        metavar="DIR",
        type=local_place,
        help="folder of the sweep; by default runs/CONFIG_sweep",
    )
    add(
        "--study",
        metavar="FILE",
        help="study file: what to search; by default width, depth, dropout, l2,"
        " learning rate and batch",
    )
    add(
        "--trials",
        metavar="N",
        type=positive,
        help=f"trials in all; {TRIALS} by default, and one of the config's own"
        " values where --seeds or --folds is given and neither --study nor"
        " this",
    )
    add(
        "--seeds",
        metavar="K",
        type=positive,
        help="run each trial K times, from config.seed on; its score is the"
        " mean",
    )
    add(
        "--folds",
        metavar="K",
        type=functools.partial(at_least, 2),
        help="part the training rows into K folds, and run each trial once a"
        " fold, which is then its validation rows; its score is the mean",
    )
    add(
        "--group",
        metavar="COLUMN",
        help="as --config.data.group: its groups stay whole",
    )
    add(
        "--order",
        metavar="COLUMN",
        help="as --config.data.order: nothing is learnt from later rows",
    )
    add(
        "--keep",
        metavar="K",
        type=positive,
        default=1,
        help="leave the mean of the K best trials as one model: strata predict,"
        " evaluate and export read --workdir=WORKDIR; 1 by default",
    )
    add(
        "--refit",
        action="store_true",
        help="train the winner's config on training and validation rows"
        " together, for the length that did best, in WORKDIR/refit",
    )
    add(
        "--parallel",
        metavar="P",
        type=positive,
        default=1,
        help="trials at a time, each with its share of cores and GPUs; 1 by"
        " default",
    )
    add(
        "--max_secs",
        metavar="S",
        type=positive,
        help="stop after so long, checkpoints written; the same command goes"
        " on",
    )
    wanted, words = parser.parse_known_args(argv)
    if wanted.config is None:
        raise UserError("--config is missing; name a file or a shipped config")
    for field in ("group", "order"):
        if getattr(wanted, field) is not None:
            words.append(word_of(f"data.{field}", getattr(wanted, field)))
    return wanted, [f"--config={wanted.config}", *words]


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
    check_possible()
    workdir = _workdir(wanted)
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
    if wanted.keep > 1 and not plan.is_one_model:
        raise UserError(
            f"--keep={wanted.keep}: with --seeds or --folds each run encodes"
            " the table by its own training rows, and such runs are no one"
            " model; leave one of them out"
        )
    if wanted.refit and plan.has_own_validation:
        raise UserError(
            "--refit: the data has a validation split of its own, which is no"
            " part of its training rows; join their files yourself"
        )
    stored.begin(workdir, plan)
    for note in plan.notes:
        print(note, flush=True)
    return _run(plan, workdir, wanted, TRIALS if is_searched else 1)


def _workdir(wanted: argparse.Namespace) -> pathlib.Path:
    name = f"{pathlib.Path(wanted.config).stem}_sweep"
    return pathlib.Path(wanted.workdir or os.path.join("runs", name))


def _run(
    plan: Plan,
    workdir: pathlib.Path,
    wanted: argparse.Namespace,
    default_trials: int,
) -> int:
    trials = wanted.trials or default_trials
    search = Search(workdir, plan)
    told = progress.Progress(plan, search, trials)
    signals = Signals()
    with signals.caught(), Warm() as warm, contextlib.closing(told):
        crew = Crew(
            plan,
            search,
            workdir,
            warm,
            trials=trials,
            environments=_environments(wanted.parallel),
            cores=_cores(wanted.parallel),
            on_change=told.tell,
        )
        try:
            crew.work(signals, wanted.max_secs)
        except Stopped:
            told.close()
            page.write(plan, search, None, workdir)
            print(
                f"stopped: {told.status()}; the same command goes on",
                flush=True,
            )
            return _code_of(signals)
        told.close()
        outcome = winner.finish(plan, search, crew, workdir, keep=wanted.keep)
        page.write(plan, search, outcome, workdir)
        if wanted.refit:
            scores = refit.refit(plan, outcome, crew, workdir)
    print(winner.told(plan, outcome, workdir), flush=True)
    if wanted.refit:
        score = scores.get(plan.metric)
        print(
            f"refit on all rows but the test's: test {plan.metric} {score:.4f};"
            f" {workdir / refit.FOLDER}",
            flush=True,
        )
    return DONE


def _code_of(signals: Signals) -> int:
    """Returns the code by which a sweep that was stopped leaves."""
    received = signals.received
    if received.count(signal.SIGINT) > 1:
        return INTERRUPTED
    by_user = not received or received[0] == signal.SIGINT
    return STOPPED_BY_USER if by_user else STOPPED


def _environments(parallel: int) -> list[dict[str, str]]:
    """Returns each slot's variables: its GPUs, where there are some."""
    own = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    names = gpus()
    if parallel == 1 or not names:
        return [own] * parallel
    return [
        {**own, "CUDA_VISIBLE_DEVICES": ",".join(share)}
        for share in shares(names, parallel)
    ]


def _cores(parallel: int) -> list[list[int]]:
    """Returns each slot's cores; [] for all that this process has."""
    if parallel == 1 or not hasattr(os, "sched_getaffinity"):
        return [[]] * parallel
    names = [str(core) for core in sorted(os.sched_getaffinity(0))]
    return [[int(core) for core in share] for share in shares(names, parallel)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
