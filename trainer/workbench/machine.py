"""This machine: system, memory, disks, ports and clocks."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator

from trainer.process.surroundings import cores
from trainer.process.surroundings import pairs_in
from trainer.process.surroundings import processor
from trainer.workbench.findings import Finding
from trainer.workbench.findings import gib
from trainer.workbench.findings import shown

# Those that Strata listens on or meets at, unless a flag says another.
PORTS = {
    6006: "strata tensorboard",
    8501: "strata serve",
    11111: "strata launch ssh",
}
# A run and its checkpoints, with a margin.
LEAST_DISK_BYTES = 2**30
# By so much two clocks of one lease may differ: see docs/launch/gcs.md.
MOST_SKEW_SECS = 2.0
# What adjtimex(2) returns where nothing sets the clock right.
_UNSYNCHRONIZED = 5


def system() -> Iterator[Finding]:
    """Names the system, the processor and the memory."""
    libc = " ".join(part for part in platform.libc_ver() if part)
    name = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("system", f"{name}, {libc}" if libc else name)
    yield Finding(
        "processor",
        f"{processor()}; {cores()} of {os.cpu_count()} cores are ours",
    )
    yield Finding("memory", _memory())


def _memory() -> str:
    """Says how much memory there is, and how much of it this process may."""
    told = pairs_in(pathlib.Path("/proc/meminfo"))
    if "MemTotal" not in told:
        return "not told by this system"
    total, free = (
        int(told[name].split()[0]) * 1024
        for name in ("MemTotal", "MemAvailable")
    )
    words = f"{gib(total)}, {gib(free)} of it free"
    with contextlib.suppress(OSError, ValueError):
        limit = int(pathlib.Path("/sys/fs/cgroup/memory.max").read_text())
        words += f"; this container may have {gib(limit)}"
    return words


def disks() -> Iterator[Finding]:
    """Says how much the folders hold that a run writes to."""
    try:
        yield disk("here", os.getcwd())
    except FileNotFoundError:  # another removed it
        yield Finding(
            "here",
            "this folder is no longer there",
            "go to another folder",
            stops=True,
        )
    try:
        yield disk("temporary", tempfile.gettempdir())
    except FileNotFoundError as error:
        yield Finding(
            "temporary",
            str(error.strerror),
            "make a folder, and name it in TMPDIR",
            stops=True,
        )


def disk(name: str, folder: str) -> Finding:
    """Says what can be written to a folder, by writing to it."""
    usage = shutil.disk_usage(folder)
    kind = _file_system(folder)
    words = (
        f"{shown(folder)}: {gib(usage.free)} free of {gib(usage.total)}, {kind}"
    )
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return Finding(
            name,
            f"{words}; cannot be written and locked: {error.strerror}",
            f"make {shown(folder)} writable, or go to another folder",
            stops=True,
        )
    if usage.free < LEAST_DISK_BYTES:
        return Finding(name, words, f"free some of {shown(folder)}'s disk")
    return Finding(name, words)


def _file_system(folder: str) -> str:
    """Names the kind of the file system that a folder is of."""
    real, best = os.path.realpath(folder), ("", "of a kind that is not told")
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            _, place, kind, *_ = line.split()
            within = os.path.commonpath([real, place]) == place
            if within and len(place) >= len(best[0]):
                best = (place, kind)
    return best[1]


def ports() -> Iterator[Finding]:
    """Says whether the ports are free, on this machine's loopback."""
    for number, use in PORTS.items():
        try:
            with socket.create_server(("127.0.0.1", number)):
                words = f"free; {use}"
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            words = f"{reason}; {use} takes another by --port=N"
        yield Finding(f"port {number}", words)
    yield Finding("own name", _own_name())


def _own_name() -> str:
    """Says how this machine's name is known here; no address is told."""
    try:
        found = socket.gethostbyname(socket.gethostname())
    except (OSError, UnicodeError):
        return "no address is known of it here, which workers of a job need"
    if found.startswith("127."):
        return "a loopback address here: other machines are told addresses"
    return "known here"


def clocks() -> Iterator[Finding]:
    """Says what the clock shows, and who sets it right."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    yield Finding("clock", f"{now}, {_set_by()}")
    skew_secs = _disk_skew_secs()
    if skew_secs is None:
        return
    is_off = abs(skew_secs) > MOST_SKEW_SECS
    yield Finding(
        "disk's clock",
        f"{skew_secs:+.1f} s from it" if is_off else "the same",
        "set the clocks of this machine and of its file server" * is_off,
    )


def _set_by() -> str:
    """Says whether the kernel takes its clock for a right one."""
    if sys.platform != "linux":
        return "whether it is set over the network is not told"
    # A struct timex whose modes are 0 changes nothing.
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    right = "nothing sets it right, says the kernel"
    return right if state == _UNSYNCHRONIZED else "set right over the network"


def _disk_skew_secs() -> float | None:
    """Returns by how much a new file's time is ahead of the clock."""
    try:
        with tempfile.TemporaryFile(dir=os.getcwd()) as file:
            file.write(b"-")
            file.flush()
            return os.fstat(file.fileno()).st_mtime - time.time()
    except OSError:
        return None
