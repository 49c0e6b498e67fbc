"""What runs on the first node of a Slurm job: srun, again where it pays.

The chief's last words in the workdir (attempt.json) say how the job ended:
srun gives the highest code of all tasks, which hides the others. Where the
chief could say nothing, srun's code counts; and of a gs:// workdir, whose copy
here says it before the bucket holds it.
"""

import argparse
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import time
from typing import Any
from typing import TypedDict

from trainer.cluster.discovery import SECRET
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import trainer_flags
from trainer.launch.command_line import without_flag
from trainer.launch.slurm.array import own_arguments
from trainer.launch.slurm.array import own_number
from trainer.launch.supervise.policy import FINAL
from trainer.launch.supervise.policy import Leave
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.policy import Restart
from trainer.launch.supervise.policy import shell_code
from trainer.launch.supervise.policy import Supervision
from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.trainer import newest_step
from trainer.launch.supervise.trainer import TRAINER
from trainer.process import output
from trainer.process.end_hook import ending
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED
from trainer.process.exits import verb
from trainer.process.programs import ASK_SECS
from trainer.process.programs import finish
from trainer.storage import json_files
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically
from trainer.storage.json_files import DamagedError
from trainer.storage.json_files import sealed
from trainer.storage.names import is_remote
from trainer.storage.names import local_folder

# How long the last workers may take once the first has left: a checkpoint, or
# the watchdog's time to end a collective operation without peers.
PEERS_SECS = 150
TICK_SECS = 0.5
# How long Slurm may take to end a job that was queued again.
REQUEUE_SECS = 60.0
# Slurm's controller may be restarted as a job ends.
TRIES, TRY_AGAIN_SECS = 4, 5.0
FILE = "slurm.json"


class Attempt(TypedDict):
    """What is read of attempt.json."""

    attempt: int
    exit_code: int | None


class Stored(TypedDict):
    """slurm.json: how this job stands."""

    job: str
    step: int
    failures: int
    is_running: bool


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the flags, and the trainer's arguments."""
    parser = LauncherParser(
        "python -m trainer.launch.slurm.batch", __doc__ or ""
    )
    parser.max_restarts()
    parser.switch("--requeue", "where it pays to have the job wait again")
    return parser.read(argv)


def last_attempt(workdir: pathlib.Path) -> dict[str, Any]:
    """Returns what the chief noted of its newest start; {} where nothing."""
    return _read(workdir / "attempt.json", Attempt)


def _read(path: pathlib.Path, schema: Any) -> dict[str, Any]:
    """Returns what a file of the workdir says; {} where nothing is to be had.

    A job is not to end for a file that was altered, which is told.
    """
    try:
        return json_files.read(path, schema).value
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, DamagedError) as error:
        say(f"{path} is passed over: {error}")
        return {}


def code_of(
    before: dict[str, Any], after: dict[str, Any], srun_code: int
) -> int:
    """Returns the code by which a start of the job ended.

    Args:
      before: the chief's last words before it.
      after: those after it.
      srun_code: that of srun.
    """
    own = after.get("exit_code")
    is_new = after.get("attempt") != before.get("attempt")
    return own if is_new and own is not None else srun_code


class StateFile:
    """What must outlive this process, which dies with its node."""

    def __init__(self, workdir: pathlib.Path, number: str) -> None:
        self._path = workdir / FILE
        self._number = number

    def write(self, state: Supervision, is_running: bool) -> None:
        """Notes how the job stands; nothing before there is a workdir."""
        if not self._path.parent.is_dir():
            return
        stored = {
            "job": self._number,
            "step": state.step,
            "failures": state.failures,
            "is_running": is_running,
        }
        write_atomically(self._path, to_json(sealed(stored)))

    def read(self, state: Supervision, step: int) -> Leave | Restart | None:
        """Takes up this job's count; a start that was cut off counts too."""
        stored = _read(self._path, Stored)
        if stored.get("job") != self._number:
            return None
        state.step, state.failures = stored["step"], stored["failures"]
        if not stored["is_running"]:
            return None
        return state.decide([CLUSTER_FAILED], None, step)


def run_step(arguments: list[str], signals: Signals, number: str) -> int:
    """Runs all workers once, and passes on what this process is asked."""
    command = [
        "srun",
        "--label",
        # Peers of a worker that left with a checkpoint may still write theirs.
        "--kill-on-bad-exit=0",
        f"--wait={PEERS_SECS}",
    ]
    if "SLURM_CPUS_PER_TASK" in os.environ:  # srun does not ask for as many
        cores = os.environ["SLURM_CPUS_PER_TASK"]
        command.append(f"--cpus-per-task={cores}")
    process = subprocess.Popen(
        [*command, *TRAINER, *arguments],
        # srun hands it on by Slurm's own sealed messages.
        env={**os.environ, SECRET: secrets.token_hex()},
        start_new_session=True,
    )
    due_secs = time.monotonic()
    while process.poll() is None:
        signals.take(TICK_SECS)
        if signals.received and time.monotonic() >= due_secs:
            # To the tasks of all steps, not to this process. Again and again:
            # the controller may be away, and the step not be there yet. One
            # that was told leaves as before.
            told = finish(["scancel", "--signal=TERM", number], ASK_SECS)
            if told.returncode:
                say(f"the workers could not be told to leave: {told.stderr}")
            due_secs = time.monotonic() + TRY_AGAIN_SECS
    return shell_code(process.returncode)


def requeue(number: str) -> bool:
    """Has the job wait again, unless it was cancelled; may not return.

    Returns:
      Whether it does.
    """
    asked = ["squeue", "--noheader", "--format=%T", f"--jobs={number}"]
    state = _insist(asked)
    if state.stdout.strip() != "RUNNING":
        found = state.stdout.strip() or "gone"
        why = state.stderr if state.returncode else f"the job is {found}"
        say(f"not queued again: {why}")
        return False
    # Slurm ends this process, by SIGTERM at first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    done = _insist(["scontrol", "requeue", number])
    if done.returncode:
        say(f"not queued again: {done.stderr}")
        return False
    time.sleep(REQUEUE_SECS)
    return True


def _insist(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a program of Slurm's, whose controller may be away for a moment."""
    done = finish(words, ASK_SECS)
    for _ in range(TRIES - 1):
        if not done.returncode:
            break
        time.sleep(TRY_AGAIN_SECS)
        done = finish(words, ASK_SECS)
    return done


def say(text: str) -> None:
    print(f"strata: {text}", flush=True)


class Allocation:
    """The starts of one job in one allocation.

    Attributes:
      workdir: of the job.
      given: the trainer's flags.
      goes_on: whether it was queued again.
    """

    def __init__(
        self, wanted: argparse.Namespace, arguments: list[str]
    ) -> None:
        arguments = own_arguments(arguments, os.environ)
        self.given = trainer_flags(arguments)
        # Told once by this process, whatever becomes of the workers.
        self._arguments = without_flag(arguments, "on_end")
        self.workdir = local_folder(self.given.run_workdir)
        self._is_copy = is_remote(self.given.run_workdir)
        self.goes_on = False
        self._number = own_number(os.environ)
        self._may_requeue = wanted.requeue
        self._state = Supervision(Policy(1, 1, wanted.max_restarts))
        self._stored = StateFile(self.workdir, self._number)
        self._signals = Signals()

    def run(self) -> int:
        """Runs the job to its end; returns the exit code."""
        step = newest_step(self.workdir)
        verdict = self._stored.read(self._state, step)
        self._state.step = max(step, self._state.step)
        with self._signals.caught():
            while not isinstance(verdict, Leave):
                if verdict is not None and self._wait(verdict):
                    return self._leave(CLUSTER_FAILED, may_return=True)
                verdict = self._start()
            told = bool(self._signals.received)
        may_return = verdict.code == STOPPED or told
        return self._leave(verdict.code, may_return=may_return)

    def _start(self) -> Leave | Restart:
        """Runs the workers once, and decides what follows."""
        self._stored.write(self._state, is_running=True)
        before = self._last_words()
        srun_code = run_step(self._arguments, self._signals, self._number)
        code = code_of(before, self._last_words(), srun_code)
        say(f"srun ended with {srun_code}; the job's code is {code}")
        if code == STOPPED:
            return Leave(STOPPED)
        verdict = self._state.decide([code], None, newest_step(self.workdir))
        if self._signals.received and isinstance(verdict, Restart):
            say(
                f"told to leave, but the workers ended with {code}; the newest"
                " checkpoint stands"
            )
            return Leave(CLUSTER_FAILED)
        return verdict

    def _last_words(self) -> dict[str, Any]:
        return {} if self._is_copy else last_attempt(self.workdir)

    def _wait(self, restart: Restart) -> bool:
        """Waits before a restart; returns whether it was asked to leave."""
        say(
            f"starting again in {restart.delay_secs:.0f} s, from step"
            f" {self._state.step}"
        )
        return self._signals.take(restart.delay_secs or 1e-3) is not None

    def _leave(self, code: int, *, may_return: bool = False) -> int:
        """Notes the end, and has the job wait again where that pays.

        Args:
          code: of the job.
          may_return: whether it ends at its surroundings' wish.
        """
        again = may_return and code not in (DONE, *FINAL)
        pays = again and self._state.pays_to_return(newest_step(self.workdir))
        self._stored.write(self._state, is_running=False)
        if again and not pays:
            say(
                f"not queued again: {self._state.failures} stops in a row came"
                " without a newer checkpoint"
            )
        elif again and self._may_requeue:
            self.goes_on = requeue(self._number)
        elif code == STOPPED:
            say("stopped with a checkpoint; submit it again to go on")
        elif code != DONE:
            say(f"leaving with {code}, which is not tried again")
        return code


@verb
def main(argv: list[str]) -> int:
    """Runs the job in its allocation.

    Raises:
      UserError: a flag that is unknown or of the wrong kind.
    """
    output.guard()
    wanted, arguments = read_flags(argv)
    allocation = Allocation(wanted, arguments)
    output.keep_in(output.supervisor_log(allocation.workdir))
    given = allocation.given
    with ending(given.on_end, given.run_workdir) as end:
        code = allocation.run()
        end.code = None if allocation.goes_on else code
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
