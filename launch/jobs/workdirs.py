"""Jobs that the workdirs here show: `strata train`, `launch local`, `ssh`."""

import contextlib
import pathlib
import socket
from collections.abc import Sequence

from trainer.launch.jobs.job import ENDED
from trainer.launch.jobs.job import Job
from trainer.launch.jobs.job import RUNNING
from trainer.launch.jobs.run import Run
from trainer.process.exits import UserError
from trainer.workdir.folder import STOP_FILE

# The module of a process's parent, and which launcher that is.
_PARENTS = {
    b"trainer.launch.local": "local",
    b"trainer.launch.warm_process": "local",
    b"trainer.launch.ssh.host": "ssh",
}
PLAIN = "train"
LAUNCHERS = tuple(dict.fromkeys((PLAIN, *_PARENTS.values())))


def find(runs: Sequence[Run]) -> list[Job]:
    """Lists a job for each workdir."""
    return [_job(run) for run in runs]


def _job(run: Run) -> Job:
    host = str(run.holder.get("host", "?"))
    code = run.attempt.get("exit_code")
    ended = "killed" if code is None else f"ended with {code}"
    return Job(
        launcher=launcher_of(run),
        name=str(run.workdir),
        state=RUNNING if run.is_held else ENDED,
        where=f"host {host}" if run.is_held else ended,
        machines=(("host", 1),) if run.is_held else (),
        run=run,
        began_unix_secs=run.attempt.get("began_unix_secs"),
    )


def launcher_of(run: Run) -> str:
    """Returns which launcher started a run's chief, where that can be seen."""
    process = run.holder.get("process")
    if not run.is_held or run.holder.get("host") != socket.gethostname():
        return PLAIN
    with contextlib.suppress(OSError, IndexError, ValueError, TypeError):
        words = command_of(int(process)).split(b"\0")  # type: ignore[arg-type]
        if b"launch" in words and b"local" in words:  # strata launch local
            return "local"
        return next((n for w, n in _PARENTS.items() if w in words), PLAIN)
    return PLAIN


def command_of(process: int) -> bytes:
    """Returns the command line of a process's parent, as the kernel has it."""
    stat = pathlib.Path(f"/proc/{process}/stat").read_text()
    # The second word after the name, which may hold spaces.
    parent = int(stat.rpartition(")")[2].split()[1])
    return pathlib.Path(f"/proc/{parent}/cmdline").read_bytes()


def show_log(job: Job) -> int:
    """Prints the chief's log, which a supervisor keeps.

    Raises:
      UserError: there is none.
    """
    assert job.run is not None
    return print_file(job.run.log)


def print_file(path: pathlib.Path) -> int:
    """Prints a log.

    Raises:
      UserError: it cannot be read.
    """
    try:
        print(path.read_text(encoding="utf-8", errors="replace"), end="")
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); a run without a"
            " supervisor keeps no log: start it by strata launch local"
        ) from None
    return 0


def stop(job: Job) -> str:
    """Puts a STOP file into the workdir."""
    assert job.run is not None
    return stop_run(job.run)


def stop_run(run: Run) -> str:
    """Puts a STOP file into a workdir; returns what follows.

    Raises:
      UserError: it cannot be written.
    """
    try:
        (run.workdir / STOP_FILE).touch()
    except OSError as error:
        raise UserError(
            f"{run.workdir / STOP_FILE} cannot be written ({error.strerror})"
        ) from None
    return "it writes a checkpoint and ends with 43"
