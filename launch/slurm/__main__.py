"""Submits a job to Slurm: one worker a task, requeued by the exit codes.

Writes the sbatch script; what happens in the allocation is batch.py's.
"""

import argparse
import re
import sys

from trainer.launch.command_line import check_cluster
from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import positive
from trainer.launch.command_line import trainer_flags
from trainer.launch.slurm.array import first_task
from trainer.launch.slurm.array import own_arguments
from trainer.launch.slurm.script import nodes_of
from trainer.launch.slurm.script import script
from trainer.launch.slurm.script import submit
from trainer.launch.slurm.script import told
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.plain_text import exact

DESCRIPTION = """\
Submits a job to Slurm, a worker on each node. The trainer's arguments follow a
lone --. The workdir, the data and Strata itself are on storage that all nodes
share.

  strata launch slurm --nodes=2 --time=4:00:00 --requeue -- \\
    --config=mnist --data_dir=DIR
"""
# Slurm's own forms of a time limit, and of an amount of memory.
_TIME = re.compile(r"(\d+-)?\d+(:\d+){0,2}")
_MEMORY = re.compile(r"\d+[KMGT]?")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_NAMES = re.compile(r"[A-Za-z0-9][\w.,-]*")
_OPTION = re.compile(r"--[a-z][a-z-]*(=[^\s'\"\\#]+)?")


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns this launcher's flags, and the trainer's arguments."""
    parser = LauncherParser("strata launch slurm", DESCRIPTION)
    add = parser.flag
    add("--nodes", "N", "nodes; 1 by default", type=positive, default=1)
    add(
        "--min_nodes",
        "M",
        "the fewest nodes to start on; as many as --nodes by default. With"
        " --requeue the job goes on with fewer after a loss, to the same bits"
        " where it has config.virtual_replicas",
        type=positive,
    )
    add(
        "--workers_per_node",
        "N",
        "processes a node; 1 by default, which takes all its GPUs",
        type=positive,
        default=1,
    )
    add("--gpus_per_node", "N", "GPUs of each node", type=positive)
    add("--cpus_per_worker", "N", "cores of each process", type=positive)
    add("--memory", "AMOUNT", "of each node, such as 16G")
    add("--time", "LIMIT", "such as 90 (minutes), 4:00:00 or 2-00")
    add("--partition", "NAME", "where to run; the cluster's default if not set")
    add("--account", "NAME", "whom to charge")
    add("--qos", "NAME", "quality of service")
    add("--name", "NAME", "of the job; strata-CONFIG by default")
    add(
        "--option",
        "--OPTION",
        "a further option of sbatch, such as --option=--constraint=a100; may"
        " be given several times",
        action="append",
        default=[],
    )
    add(
        "--stop_secs",
        "N",
        "how long before the time limit the job is told; 120 by default",
        type=positive,
        default=120,
    )
    parser.max_restarts()
    parser.switch(
        "--requeue",
        "have the job wait again where it was preempted, came to its time"
        " limit or lost a node",
    )
    parser.switch("--dry_run", "print the script, and do nothing")
    return parser.read(argv)


def check(wanted: argparse.Namespace) -> None:
    """Checks the words that Slurm would read.

    Raises:
      UserError: one is not of its form.
    """
    rules = {
        "name": (_NAME, "letters, digits, dots and hyphens"),
        "time": (_TIME, "minutes, H:MM:SS, D-HH or D-HH:MM:SS"),
        "memory": (_MEMORY, "a number and K, M, G or T, such as 16G"),
        "partition": (_NAMES, "names between commas"),
        "account": (_NAME, "letters, digits, dots and hyphens"),
        "qos": (_NAME, "letters, digits, dots and hyphens"),
    }
    for field, (form, words) in rules.items():
        value = getattr(wanted, field)
        if value is not None and not form.fullmatch(value):
            raise UserError(f"--{field}={value!r} must be {words}")
    for option in wanted.option:
        if not _OPTION.fullmatch(option):
            raise UserError(
                f"--option={option!r} must be an option of sbatch, --NAME or"
                " --NAME=VALUE without spaces or quotes"
            )
    if wanted.min_nodes and wanted.min_nodes > wanted.nodes:
        raise UserError(
            f"--min_nodes={wanted.min_nodes} must not exceed"
            f" --nodes={wanted.nodes}"
        )
    gpus, workers = wanted.gpus_per_node, wanted.workers_per_node
    if wanted.min_nodes and workers > 1:
        raise UserError(
            f"--min_nodes={wanted.min_nodes} takes a worker a node, and not"
            f" --workers_per_node={workers}; leave one of them out"
        )
    if gpus and gpus % workers:
        raise UserError(
            f"--gpus_per_node={gpus} cannot be shared out evenly to"
            f" --workers_per_node={workers}; ask for a multiple"
        )


@verb
def main(argv: list[str]) -> int:
    """Submits the job, or shows how.

    Raises:
      UserError: a flag that is unknown or of the wrong kind.
    """
    wanted, arguments = read_flags(argv)
    own = own_arguments(arguments, first_task(wanted.option))
    first = checked_flags(own).run_workdir
    given = trainer_flags(arguments)
    if wanted.name is None:
        name = re.sub(r"[^\w.-]", "_", given.config_name)
        wanted.name = f"strata-{name}"
    check(wanted)
    check_cluster(given, wanted.nodes * wanted.workers_per_node, "slurm")
    text = script(wanted, arguments)
    if wanted.dry_run:
        with exact():
            print(text, end="", flush=True)
        print(
            f"makes: a job {wanted.name} of {nodes_of(wanted)} node(s), its"
            f" log and {given.run_workdir}\n"
            "ended by: itself, the time limit, or scancel and its number",
            file=sys.stderr,
        )
        return 0
    print(told(wanted, submit(text), given.run_workdir, first))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
