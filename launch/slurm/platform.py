"""This user's jobs of Slurm, for `strata jobs`."""

import contextlib
import pathlib
import re
import shutil
import time
from collections.abc import Sequence

from trainer.launch.jobs import workdirs
from trainer.launch.jobs.job import Job
from trainer.launch.jobs.job import PlatformError
from trainer.launch.jobs.job import RUNNING
from trainer.launch.jobs.job import WAITING
from trainer.launch.jobs.run import read
from trainer.launch.jobs.run import Run
from trainer.launch.slurm import script
from trainer.launch.slurm.batch import FILE
from trainer.launch.slurm.batch import Stored
from trainer.process.exits import UserError
from trainer.process.programs import ASK_SECS
from trainer.process.programs import complaint
from trainer.process.programs import finish

NAME = "slurm"
# Number, state, start, hosts, their count, and the name, which may hold a |.
_FORMAT = "%i|%T|%S|%N|%D|%j"
_OURS = "strata-"
_STDOUT = re.compile(r"^\s*StdOut=(.+)$", re.MULTILINE)


def find(runs: Sequence[Run]) -> list[Job]:
    """Lists what squeue tells; by slurm.json the workdirs that are theirs.

    Raises:
      PlatformError: squeue failed.
    """
    if not shutil.which("squeue"):
        return []
    done = finish(
        ["squeue", "--me", "--noheader", f"--format={_FORMAT}"], ASK_SECS
    )
    if done.returncode:
        raise PlatformError(f"squeue: {complaint(done)}")
    numbered = {read(r.workdir / FILE, Stored).get("job"): r for r in runs}
    found = []
    for line in done.stdout.splitlines():
        number, state, start, hosts, count, name = line.split("|", 5)
        run = numbered.get(number)
        if run is None and not name.startswith(_OURS):
            continue
        is_running = state in ("RUNNING", "COMPLETING")
        found.append(
            Job(
                launcher=NAME,
                name=number,
                state=RUNNING if is_running else WAITING,
                where=f"{hosts or 'no node yet'}, {name}",
                machines=(("node", int(count)),) if is_running else (),
                run=run,
                began_unix_secs=_unix_secs(start) if is_running else None,
            )
        )
    return found


def _unix_secs(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    return None


def show_log(job: Job) -> int:
    """Prints the file that Slurm writes what the job says into.

    Raises:
      UserError: scontrol does not name it, or it is not to be seen from here.
    """
    done = finish(["scontrol", "show", "job", job.name], ASK_SECS)
    if done.returncode:
        raise UserError(f"scontrol: {complaint(done)}")
    named = _STDOUT.search(done.stdout)
    path = pathlib.Path(named[1] if named else "")
    if not path.is_file():
        raise UserError(
            f"{job.title} says what it says into {path}, as scontrol tells,"
            " which is not to be seen from here"
        )
    return workdirs.print_file(path)


def stop(job: Job) -> str:
    """Stops by the workdir where it is here, else by a signal.

    Raises:
      UserError: scancel refuses.
    """
    if job.run is not None:
        return workdirs.stop_run(job.run)
    done = finish(script.stop(job.name), ASK_SECS)
    if done.returncode:
        raise UserError(f"scancel: {complaint(done)}")
    return (
        "it writes a checkpoint, and with --requeue waits again; scancel"
        f" {job.name} ends it"
    )
