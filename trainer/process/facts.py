"""What this process is: its age, its memory and the words that started it."""

import os
import pathlib
import resource
import signal
import sys
import time

from trainer.process.moments import boot_secs

# A job that runs under one of these is started again by it.
SCHEDULERS = ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST")
# Set by a launcher of ours that makes machines again.
LAUNCHER_VARIABLE = "STRATA_LAUNCHER"
# Stands for the start of the process where the system does not tell it.
_IMPORTED = time.monotonic()


def command() -> list[str]:
    """Returns the words that started this process."""
    return [sys.executable, *sys.orig_argv[1:]]


def is_ignored(number: signal.Signals) -> bool:
    """Whether this process was started with a signal ignored.

    So nohup does with SIGHUP, and a script with SIGINT for what it starts in
    the background; neither is then meant for it.
    """
    return signal.getsignal(number) == signal.SIG_IGN


def is_started_again() -> bool:
    """Whether someone starts this job again where it leaves for a while."""
    return any(n in os.environ for n in (*SCHEDULERS, LAUNCHER_VARIABLE))


def peak_memory_bytes() -> int:
    """Returns the most memory that this process held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def process_age_secs() -> float:
    """Returns the seconds since this process was started, sleep included."""
    try:
        stat = pathlib.Path("/proc/self/stat").read_text()
    except OSError:
        return time.monotonic() - _IMPORTED
    # Field 22, counted after the name, which may hold spaces.
    ticks = int(stat.rpartition(")")[2].split()[19])
    return boot_secs() - ticks / os.sysconf("SC_CLK_TCK")
