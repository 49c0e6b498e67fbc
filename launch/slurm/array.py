"""A task of a job array: its own number, and a workdir of its own."""

import re
from collections.abc import Mapping

from trainer.launch.command_line import trainer_flags

# Stands for the task's id in the trainer's arguments, as in Slurm's own names
# of files.
TASK = "%a"


def own_number(environment: Mapping[str, str]) -> str:
    """Returns what squeue, scontrol and scancel take for this job alone.

    The SLURM_JOB_ID of one task of an array is the array's number, which they
    take for all of its tasks.
    """
    if "SLURM_ARRAY_TASK_ID" not in environment:
        return environment["SLURM_JOB_ID"]
    array = environment["SLURM_ARRAY_JOB_ID"]
    return f"{array}_{environment['SLURM_ARRAY_TASK_ID']}"


def first_task(options: list[str]) -> dict[str, str]:
    """Returns the variable of an array's first task; {} where there is none.

    Args:
      options: of sbatch.
    """
    for option in options:
        if match := re.match(r"--array=(\d+)", option):
            return {"SLURM_ARRAY_TASK_ID": match[1]}
    return {}


def own_arguments(
    arguments: list[str], environment: Mapping[str, str]
) -> list[str]:
    """Returns the trainer's arguments of this task.

    Of an array, TASK in them is the task's id, and a workdir that would be
    every task's is parted into task_ID.

    Raises:
      UserError: the trainer would refuse them.
    """
    number = environment.get("SLURM_ARRAY_TASK_ID")
    if number is None:
        return arguments
    shared = trainer_flags(arguments).run_workdir
    own = [word.replace(TASK, number) for word in arguments]
    if TASK not in shared:
        own.append(f"--workdir={shared.rstrip('/')}/task_{number}")
    return own
