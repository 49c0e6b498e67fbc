"""Starts the processes that tests watch, on this machine alone."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

from tests import forked
from tests.fork_server import ROOT

FORKED = (
    "trainer.task",
    "trainer.api.side_by_side",
    "tests.stepping",
    "tests.faults.trainer",
)


def free_ports(count):
    """Returns ports of the loopback that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def free_ports_in_a_row(count):
    """Returns the first of ports that follow one another, all free."""
    while True:
        (first,) = free_ports(1)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + count):
                address = "127.0.0.1", port
                held.enter_context(socket.create_server(address))
            return first


def start(module, *arguments, tf_config=None):
    """Starts `python -m module`, its output to a pipe as text.

    Where it is one that imports TensorFlow, by the fork server: what a test
    says of the start itself takes `start_python("-m", module)`.
    """
    if module not in FORKED:
        return start_python("-m", module, *arguments, tf_config=tf_config)
    environment = forked.keep_compiled() | environment_of(tf_config)
    return forked.start(module, *arguments, environment=environment)


def start_python(
    *arguments,
    python=sys.executable,
    tf_config=None,
    stdout=subprocess.PIPE,
):
    """Starts `python ARGUMENTS`, by default with a pipe for its output.

    A launcher that is run by `forked.python()` has its trainers run by the
    fork server.
    """
    return subprocess.Popen(
        [python, *map(str, arguments)],
        cwd=ROOT,
        env=environment_of(tf_config),
        text=True,
        stdout=stdout,
        stderr=subprocess.STDOUT,
    )


def environment_of(tf_config):
    """Returns this process's variables, of this cluster alone."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "2"
    if tf_config is not None:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return environment


def finish(process, timeout_secs=300):
    """Waits for a process; returns (exit code, what it printed)."""
    try:
        output, _ = process.communicate(timeout=timeout_secs)
    finally:
        process.kill()
    return process.returncode, output


def kill_all(process):
    """Kills a process and what it started, as a power cut does."""
    found = [process.pid]
    for pid in found:
        tasks = pathlib.Path(f"/proc/{pid}/task")
        for file in tasks.glob("*/children"):
            found += map(int, file.read_text().split())
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    process.wait()


def start_cluster(workers, module, *arguments):
    """Starts one process a worker over the loopback, all alike."""
    return start_cluster_of([(module, *arguments)] * workers)


def start_cluster_of(commands):
    """Starts a worker for each (module, *arguments) over the loopback."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(commands))]
    return [
        start(
            *command,
            tf_config={
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            },
        )
        for index, command in enumerate(commands)
    ]
