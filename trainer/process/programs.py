"""Programs of others, each with a time limit.

gcloud, kubectl, ssh and Slurm's ask servers that may never answer, and what a
user names may do anything.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import IO

# As timeout(1) says that a command took too long.
LATE = 124
# For a question; for what makes, changes or removes something.
ASK_SECS, CHANGE_SECS = 60.0, 900.0
# For a copy of all that a job wrote.
COPY_SECS = 6 * 3600.0
# How long one may take to end that was killed, before it is left behind.
_KILL_SECS = 5.0


def finish(
    words: Sequence[str],
    limit_secs: float,
    *,
    text: str | None = None,
    stdout: IO[bytes] | None = None,
    before: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, or ends it.

    It is in a session of its own: Ctrl-C at the terminal is for this process
    alone. What it leaves in the background goes on, and is not waited for.

    Args:
      words: of its command line.
      limit_secs: how long it may take.
      text: for its stdin; none by default.
      stdout: a file for its output, in place of the result's.
      before: is called in its process before it begins.
      environment: its variables; this process's by default.

    Returns:
      Its exit code and what it said; of one that took too long LATE, and that
      it did.

    Raises:
      FileNotFoundError: there is no such program.
    """
    # Not pipes: what is left in the background would hold them open.
    with _output() as own, _output() as complaints:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=stdout or own,
            stderr=complaints,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=before,
            env=environment,
        )
        try:
            process.communicate(text, timeout=limit_secs)
        except subprocess.TimeoutExpired:
            late = f"{words[0]} did not answer in {limit_secs:g} s"
            return subprocess.CompletedProcess(list(words), LATE, "", late)
        finally:
            _end(process)
        for file in (own, complaints):
            file.seek(0)
        return subprocess.CompletedProcess(
            list(words), process.returncode, own.read(), complaints.read()
        )


def _output() -> IO[str]:
    """Makes a file, which no other process finds, for what a program says."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Returns in a line what a program that failed said, or its exit code."""
    said = " ".join(done.stderr.split())
    return said or f"it ended with {done.returncode}"


def _end(process: subprocess.Popen[str]) -> None:
    """Ends what still runs, with all that it started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_SECS)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
