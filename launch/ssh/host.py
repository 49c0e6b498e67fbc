"""What runs on each host of `strata launch ssh`: one worker, for a launcher.

The launcher's words come by stdin, a line each: a signal's name (TERM, USR1,
INT, KILL) to pass on, or nothing, which says that it is still there; the first
holds the job's secret. Where the launcher is gone the worker is told to leave,
and killed if it does not. With --probe it prints what the launcher must know of
this host, and runs nothing.
"""

import argparse
import contextlib
import json
import os
import pathlib
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from trainer.cluster.discovery import SECRET
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import not_negative
from trainer.launch.command_line import trainer_flags
from trainer.launch.supervise.policy import shell_code
from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.tee import Tee
from trainer.launch.supervise.trainer import newest_step
from trainer.launch.supervise.trainer import TRAINER
from trainer.launch.supervise.workers import Worker
from trainer.launch.supervise.workers import WorkerGroup
from trainer.process import output
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import leave
from trainer.process.exits import verb
from trainer.process.ports import resolved
from trainer.storage.names import local_folder

# How long the worker may take to leave once the launcher is gone.
STOP_SECS = 20.0
PASSED_ON = ("TERM", "USR1", "INT", "KILL")


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the flags, and the trainer's arguments."""
    parser = LauncherParser("python -m trainer.launch.ssh.host", __doc__ or "")
    parser.add_argument("--index", type=not_negative, default=0)
    # 0 for any length, for whoever starts it by hand.
    parser.add_argument("--silence_secs", type=not_negative, default=0)
    parser.start_secs()
    parser.add_argument("--probe", metavar="WORKDIR")
    parser.add_argument("--hosts", default="")
    return parser.read(argv)


def probe(workdir: pathlib.Path, hosts: list[str]) -> dict[str, Any]:
    """Returns the newest checkpoint's step, and the address of each host."""
    return {
        "step": newest_step(workdir),
        "addresses": {host: _address_of(host) for host in hosts},
    }


def _address_of(host: str) -> str | None:
    with contextlib.suppress(OSError):
        return str(resolved(host)[0][4][0])
    return None


def heard_lines(descriptor: int, silence_secs: float) -> Iterator[str]:
    """Yields lines until their end, or until none comes for too long."""
    rest = b""
    while select.select([descriptor], [], [], silence_secs or None)[0]:
        data = os.read(descriptor, 4096)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode("ascii", "replace") for line in lines)


def take_secret(
    lines: Iterator[str], environment: dict[str, str], silence_secs: float
) -> None:
    """Hands a worker that has peers the job's secret, where one is told.

    Whoever starts workers by hand has none to tell.
    """
    if "TF_CONFIG" in environment and silence_secs:
        word, _, secret = next(lines, "").partition(" ")
        if word == SECRET:
            environment[SECRET] = secret


def obey(signals: Signals, lines: Iterator[str]) -> None:
    """Takes the launcher's words; ends this process once it is gone."""
    for line in lines:
        if line in PASSED_ON:
            signals.add(signal.Signals[f"SIG{line}"])
    signals.add(signal.SIGTERM)
    threading.Event().wait(STOP_SECS)
    # The kernel kills the worker with this process. Not by the usual way,
    # which may wait for whoever no longer reads.
    os._exit(CLUSTER_FAILED)


@verb
def main(argv: list[str]) -> int:
    """Runs the worker; returns its exit code, as a shell would."""
    output.guard()
    wanted, arguments = read_flags(argv)
    if wanted.probe is not None:
        workdir = local_folder(wanted.probe)
        print(json.dumps(probe(workdir, wanted.hosts.split(","))))
        return 0
    # Of a gs:// workdir each worker has a copy of its own.
    given = trainer_flags(arguments)
    workdir = local_folder(given.run_workdir, f"worker_{wanted.index}")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    tee = Tee("", output.worker_log(workdir, wanted.index))
    signals = Signals()
    lines = heard_lines(sys.stdin.fileno(), wanted.silence_secs)
    take_secret(lines, environment, wanted.silence_secs)
    threading.Thread(target=obey, args=(signals, lines), daemon=True).start()
    with signals.caught():
        worker = Worker(wanted.index, [*TRAINER, *arguments], environment, tee)
        group = WorkerGroup([worker], start_secs=wanted.start_secs)
        (code,), _ = group.watch(signals)
    return shell_code(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
