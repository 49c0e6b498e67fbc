"""A sweep by several machines: one `strata sweep` a task, in one workdir.

Each task takes the next trial that nobody has, and who ends the last one
scores the winner. A task that is lost costs its trial nothing but time: another
takes it up from its checkpoint.
"""

import argparse
import pathlib
import re
import shlex

from trainer.launch.kubernetes import __main__ as kubernetes
from trainer.launch.kubernetes.manifest import objects
from trainer.launch.kubernetes.manifest import to_yaml
from trainer.launch.kubernetes.pods import escaped
from trainer.launch.slurm import __main__ as slurm
from trainer.launch.slurm.script import script
from trainer.launch.slurm.script import submit
from trainer.launch.slurm.script import told
from trainer.launch.sweep import stored
from trainer.launch.sweep.plan import Plan
from trainer.process.exits import DONE
from trainer.process.exits import UserError
from trainer.process.plain_text import exact
from trainer.workdir.folder import STOP_FILE

# Flags of a task that are those of the whole.
SAME = ("study", "trials", "seeds", "folds", "keep", "stack", "max_secs")


def words_of(wanted: argparse.Namespace, words: list[str]) -> list[str]:
    """Returns the words of a task's `strata sweep`.

    Args:
      wanted: the sweep's own flags.
      words: the trainer's.
    """
    own = [
        f"--{name}={getattr(wanted, name)}"
        for name in SAME
        if getattr(wanted, name) is not None
    ]
    switches = ["--refit"] if wanted.refit else []
    return [*words, f"--workdir={wanted.workdir}", *own, *switches]


def on_slurm(
    plan: Plan,
    wanted: argparse.Namespace,
    words: list[str],
    workdir: pathlib.Path,
) -> int:
    """Submits an array of tasks, or shows its script.

    Raises:
      UserError: a flag of the launcher is unknown or of the wrong kind, the
        workdir is another's, or Slurm refuses the job.
    """
    asked, rest = slurm.read_flags(_flags(wanted))
    _check_nothing_left(rest)
    asked.name = asked.name or _name(workdir)
    asked.requeue = True
    asked.option.append(f"--array=0-{wanted.parallel - 1}")
    slurm.check(asked)
    if (asked.nodes, asked.workers_per_node) != (1, 1):
        raise UserError(
            "--launcher_flags: a trial is one process, so --nodes and"
            " --workers_per_node are 1; ask for more tasks by --parallel"
        )
    text = script(
        asked, words_of(wanted, words), module="trainer.launch.sweep.slurm"
    )
    if wanted.dry_run or asked.dry_run:
        with exact():
            print(text, end="")
        return DONE
    stored.begin(workdir, plan)
    (workdir / STOP_FILE).unlink(missing_ok=True)
    print(told(asked, submit(text), str(workdir), str(workdir)))
    return DONE


def on_kubernetes(
    wanted: argparse.Namespace, words: list[str], workdir: pathlib.Path
) -> int:
    """Prints an Indexed Job of tasks, for `kubectl create -f -`.

    Raises:
      UserError: a flag of the launcher is unknown or of the wrong kind.
    """
    flags = [f"--name={_name(workdir)}", *_flags(wanted)]
    asked, rest = kubernetes.read_flags(flags)
    _check_nothing_left(rest)
    if asked.nodes > 1 or asked.apply:
        raise UserError(
            "--launcher_flags: --nodes and --apply are not for a sweep; ask for"
            " pods by --parallel, and pipe this to kubectl create -f -"
        )
    request = kubernetes.request_of(asked, [*words, f"--workdir={workdir}"])
    if request.is_job_set:
        raise UserError(
            "--launcher_flags: a sweep is an Indexed Job, and --kind=jobset and"
            " --tpu_accelerator ask for a JobSet; leave them out"
        )
    policy, _, job = objects(request)
    spec = job["spec"]
    spec |= {
        "completions": wanted.parallel,
        "parallelism": wanted.parallel,
        "backoffLimit": request.max_restarts * wanted.parallel,
    }
    pod = spec["template"]["spec"]
    del pod["subdomain"]  # no pod has to find another
    (container,) = pod["containers"]
    own = words_of(wanted, words)
    if request.gpus:
        own.append(f"--require_gpus={request.gpus}")
    container["command"] = ["python", "-m", "trainer", "sweep"]
    container["args"] = [escaped(word) for word in own]
    print(to_yaml([policy, job]), end="")
    return DONE


def _flags(wanted: argparse.Namespace) -> list[str]:
    """Returns the launcher's flags, taken apart as by a shell."""
    try:
        return shlex.split(wanted.launcher_flags)
    except ValueError as error:
        raise UserError(f"--launcher_flags: {error}") from None


def _check_nothing_left(rest: list[str]) -> None:
    if rest:
        raise UserError(
            f"--launcher_flags: {rest[0]!r} is no flag of the launcher; the"
            " trainer's stand beside it"
        )


def _name(workdir: pathlib.Path) -> str:
    """Returns a name for the job, as Slurm and Kubernetes take it."""
    stem = re.sub(r"[^a-z0-9-]+", "-", workdir.name.lower()).strip("-")
    return f"strata-{stem}"[:40].rstrip("-")
