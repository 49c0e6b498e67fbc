"""The command line of `strata sweep`."""

import argparse
import difflib
import functools
from collections.abc import Collection

from trainer import flags
from trainer.launch.command_line import at_least
from trainer.launch.command_line import positive
from trainer.launch.sweep.plan import word_of
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
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
_OWN = "--workdir="


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the sweep's own flags, and the trainer's words.

    Raises:
      UserError: a flag that is unknown or cannot be meant, or no config.
    """
    parser = Parser("strata sweep", DESCRIPTION)
    _add_what(parser)
    _add_where(parser)
    argv = [*argv]
    if "--" in argv:
        # As the launchers' commands have it; here all flags stand together.
        argv.remove("--")
    return _settled(*parser.parse_known_args(argv))


def _add_what(parser: Parser) -> None:
    """Adds the flags that say which runs there are, and what they leave."""
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
        help="train the winner's config on all rows but the test's, for the"
        " length that did best, in WORKDIR/refit",
    )


def _add_where(parser: Parser) -> None:
    """Adds the flags that say how, where and for how long they run."""
    add = parser.add_argument
    add(
        "--parallel",
        metavar="P",
        type=positive,
        default=1,
        help="trials at a time, each with its share of cores and GPUs; 1 by"
        " default",
    )
    add(
        "--stack",
        metavar="K",
        type=positive,
        default=1,
        help="train K runs at a time as one program, where they differ in seed,"
        " fold, learning rate, weight decay, dropout or l2 alone; one of"
        " another shape trains by itself. Scores are those of the runs alone"
        " but for rounding; no pruner. 1 by default",
    )
    add(
        "--max_secs",
        metavar="S",
        type=positive,
        help="stop after so long, checkpoints written; the same command goes"
        " on",
    )
    add(
        "--launcher",
        choices=("local", "slurm", "kubernetes"),
        default="local",
        help="where: slurm submits an array of P tasks, kubernetes prints an"
        " Indexed Job of P pods; they share the workdir",
    )
    add(
        "--launcher_flags",
        metavar="WORDS",
        default="",
        help="flags of strata launch slurm or kubernetes, in one word, such as"
        " '--time=4:00:00 --partition=main'",
    )
    add(
        "--dry_run",
        action="store_true",
        help="show what would be done, and do nothing",
    )


def _settled(
    wanted: argparse.Namespace, words: list[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Checks flags, and takes out of the words what is the sweep's own."""
    words = flags.joined(words)
    # A folder that stands alone is the sweep's, as a run's is the trainer's.
    for word in [w for w in words if w.startswith(_OWN)]:
        words.remove(word)
        wanted.workdir = local_place(word.removeprefix(_OWN))
    if wanted.config is None:
        raise UserError("--config is missing; name a file or a shipped config")
    for field in ("group", "order"):
        if getattr(wanted, field) is not None:
            words.append(word_of(f"data.{field}", getattr(wanted, field)))
    if wanted.launcher_flags and wanted.launcher == "local":
        raise UserError(
            "--launcher_flags are for --launcher=slurm or kubernetes; name one"
            " of them, or leave the flags out"
        )
    words = [f"--config={wanted.config}", *words]
    given = _read(words, own=set(vars(wanted)))
    # Pods alone have a network each.
    share_ports = wanted.parallel > 1 and wanted.launcher != "kubernetes"
    if given.metrics_port is not None and share_ports:
        raise UserError(
            f"--metrics_port={given.metrics_port} is one port, which"
            f" --parallel={wanted.parallel} trials at a time cannot share;"
            " leave one of the two out"
        )
    return wanted, words


def _read(words: list[str], own: Collection[str]) -> flags.Flags:
    """Reads the flags of the trainer, all that the sweep does not know.

    Args:
      words: of the trainer.
      own: the names of the sweep's flags, one of which may be meant.

    Raises:
      UserError: it does not know them, or would refuse them otherwise.
    """
    try:
        return flags.read(words)
    except flags.UnknownFlagError as error:
        near = difflib.get_close_matches(error.name, own, n=1)
        if not near:
            raise
        raise UserError(
            f"--{error.name} is not a flag of strata sweep; did you mean"
            f" --{near[0]}?"
        ) from error
