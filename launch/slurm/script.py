"""The sbatch script of a job, and how Slurm is given it."""

import argparse
import shlex

from trainer.launch.command_line import stop_command
from trainer.launch.slurm.array import first_task
from trainer.process.columns import lay_out
from trainer.process.exits import UserError
from trainer.process.programs import CHANGE_SECS
from trainer.process.programs import finish
from trainer.process.programs import LATE
from trainer.process.surroundings import module_command

SCRIPT = """\
#!/usr/bin/env bash
# A Strata job. Slurm starts this on the first node; batch.py starts the
# workers by srun and decides by their exit codes what follows. SIGTERM comes
# {stop_secs} s before the time limit: time for a checkpoint.
{directives}
export PYTHONUNBUFFERED=1
exec {command}
"""


def is_array(wanted: argparse.Namespace) -> bool:
    """Whether the job is an array of jobs."""
    return any(option.startswith("--array=") for option in wanted.option)


def nodes_of(wanted: argparse.Namespace) -> str:
    """Returns how many nodes a job may start on, as Slurm writes it."""
    if wanted.min_nodes in (None, wanted.nodes):
        return str(wanted.nodes)
    return f"{wanted.min_nodes}-{wanted.nodes}"


def log_of(wanted: argparse.Namespace, number: str) -> str:
    """Returns the file of a job's lines."""
    return f"{wanted.name}-{number}.log"


def gpus_of(options: list[str]) -> int | None:
    """Returns how many GPUs a process sees by options of sbatch; or None."""
    count = None
    for option in options:
        name, _, value = option.partition("=")
        parts = value.split(",")[0].split(":")
        is_gres = name == "--gres" and parts[0] == "gpu"
        if is_gres or name in ("--gpus-per-node", "--gpus-per-task"):
            # Such as a100:2, gpu:2 and a100, which is one.
            count = int(parts[-1]) if parts[-1].isdecimal() else 1
    return count


def script(
    wanted: argparse.Namespace,
    arguments: list[str],
    module: str = "trainer.launch.slurm.batch",
) -> str:
    """Returns the sbatch script.

    Args:
      wanted: the flags, checked.
      arguments: of the trainer.
      module: that runs on the first node, and reads the flags that batch.py
        does.
    """
    is_range = nodes_of(wanted) != str(wanted.nodes)
    given = {
        "job-name": wanted.name,
        "output": log_of(wanted, "%A_%a" if is_array(wanted) else "%j"),
        "open-mode": "append",
        "nodes": nodes_of(wanted),
        # Where it is given, Slurm takes the fewest nodes of a range; else the
        # most that are there, and a task on each.
        "ntasks-per-node": None if is_range else wanted.workers_per_node,
        "gpus-per-node": wanted.gpus_per_node,
        "cpus-per-task": wanted.cpus_per_worker,
        "mem": wanted.memory,
        "time": wanted.time,
        "partition": wanted.partition,
        "account": wanted.account,
        "qos": wanted.qos,
        "signal": f"B:TERM@{wanted.stop_secs}",
    }
    options = [f"--{k}={v}" for k, v in given.items() if v is not None]
    options.append("--requeue" if wanted.requeue else "--no-requeue")
    words = [
        *module_command(module),
        f"--max_restarts={wanted.max_restarts}",
        *(["--requeue"] if wanted.requeue else []),
        "--",
        *arguments,
    ]
    if gpus := wanted.gpus_per_node or gpus_of(wanted.option):
        # Never on the CPU of a node that was asked for its GPUs.
        words.append(f"--require_gpus={gpus}")
    return SCRIPT.format(
        stop_secs=wanted.stop_secs,
        directives="\n".join(
            f"#SBATCH {option}" for option in [*options, *wanted.option]
        ),
        command=" \\\n  ".join(shlex.quote(word) for word in words),
    )


def submit(text: str) -> str:
    """Gives the script to sbatch; returns the job's number.

    Raises:
      UserError: there is no sbatch here, or it refuses, in its words.
    """
    try:
        done = finish(["sbatch", "--parsable"], CHANGE_SECS, text=text)
    except FileNotFoundError:
        raise UserError(
            "sbatch is not on this machine; run on one of the cluster's, or"
            " see the script by --dry_run"
        ) from None
    if done.returncode == LATE:
        raise UserError(
            f"{done.stderr}; see by squeue whether it took the job all the same"
        )
    if done.returncode:
        raise UserError(f"sbatch refused the job: {done.stderr}")
    return done.stdout.strip().partition(";")[0]


def stop(number: str) -> list[str]:
    """Returns the command that has a job write a checkpoint and leave.

    With --requeue it waits again. It tells the batch script, which alone stands
    between two starts of the workers, and which is all that a task of a sweep
    has.
    """
    return ["scancel", "--batch", "--signal=TERM", number]


def told(
    wanted: argparse.Namespace, number: str, workdir: str, first: str
) -> str:
    """Returns how a job that was submitted is followed and ended.

    Args:
      wanted: its flags.
      number: that Slurm gave it.
      workdir: of the job.
      first: workdir of an array's first task; of all that share one, that.
    """
    log, says, which = log_of(wanted, number), "what it says", "it"
    for task in first_task(wanted.option).values():
        log = log_of(wanted, f"{number}_{task}")
        each = log_of(wanted, f"{number}_N")
        says = f"what task {task} says; {each} is of task N"
        if first != workdir:
            which = f"task {task}, and others by their workdirs,"
    signal = " ".join(stop(number))
    stops = [[signal, "stop it with a checkpoint"]]
    if wanted.requeue:
        stops = [
            [stop_command(first), f"stop {which} with a checkpoint"],
            [signal, "have it write a checkpoint and wait again"],
        ]
    rows = [
        [f"squeue --jobs={number}", "how it stands"],
        [f"tail -F {log}", says],
        *stops,
        [f"scancel {number}", "end it"],
    ]
    lines = lay_out([[f"  {row[0]}", row[1]] for row in rows], left=2)
    return (
        f"job {number}, {wanted.name}, is submitted; workdir {workdir}\n{lines}"
    )
