"""What ran: code revision, packages, machine and command line."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
import time
from typing import Any

import trainer

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "tensorboard")

# Stands for the start of the process where the system does not tell it.
_IMPORTED = time.monotonic()

# Where one of these differs between two starts, bits may differ too.
BIT_FIELDS = ("packages", "processor", "threads", "topology")


def collect(
    *, topology: dict[str, Any], data: dict[str, Any]
) -> dict[str, Any]:
    """Describes this start of a run.

    Args:
      topology: strategy, replicas, workers and devices.
      data: name, origin, fingerprint and rows of the dataset.

    Returns:
      What record.json holds.
    """
    return {
        "version": trainer.__version__,
        "revision": revision(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": platform.platform(),
        "processor": _processor(),
        "threads": {
            "cores": _cores(),
            **{
                name: os.environ[name]
                for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
                if name in os.environ
            },
        },
        "topology": topology,
        "data": data,
        "command": [sys.executable, *sys.orig_argv[1:]],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Names what differs between two starts such that bits may too."""
    return [name for name in BIT_FIELDS if before.get(name) != now[name]]


def revision() -> str | None:
    """Returns the checkout's commit, "+" added where it is changed; or None."""
    folder = pathlib.Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cores() -> int | None:
    """Counts the cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor() -> str:
    """The processor's model, as /proc tells it on Linux."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [
        line.split(":", 1)[1].strip()
        for line in text.splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def process_age_secs() -> float:
    """Returns the seconds since this process was started."""
    try:
        stat = pathlib.Path("/proc/self/stat").read_text()
        uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.monotonic() - _IMPORTED
    # Field 22, counted after the name, which may hold spaces.
    ticks = int(stat.rpartition(")")[2].split()[19])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")
