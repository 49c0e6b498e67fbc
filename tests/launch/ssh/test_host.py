"""What runs on each host, with trainers that do as they are told."""

import contextlib
import subprocess
import sys

import pytest

from tests import processes
from tests.launch.ssh.test_connections import wait_for_end
from trainer.launch.ssh import host

ENDED_SECS = 30.0


@pytest.fixture
def remote(tmp_path):
    """Starts what runs on a host, with a trainer that does as it is told."""
    started = []

    def start(trainer, *flags, said=None):
        script = (
            "import sys; from trainer.launch.ssh import host;"
            "host.STOP_SECS = 0.5;"
            f"host.TRAINER = (sys.executable, '-c', {trainer!r});"
            "host.leave(host.main(sys.argv[1:]))"
        )
        words = [*flags, "--", "--config=digits", f"--workdir={tmp_path}"]
        process = subprocess.Popen(
            [sys.executable, "-c", script, *words],
            cwd=processes.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        started.append(process)
        if said is not None:
            process.stdin.write(f"{said}\n")
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True: signal.pause()
"""
CALM = """
import os, signal, sys
wanted = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print(os.getpid(), flush=True)
number = signal.sigwait(wanted)
print("saved", flush=True)
sys.exit(number)
"""


@pytest.mark.parametrize(
    ("word", "code"), [("TERM", 15), ("USR1", 10), ("INT", 2), ("KILL", 137)]
)
def test_a_word_becomes_a_signal(remote, word, code):
    process, _ = remote(CALM)
    process.stdin.write(f"\nnonsense\n{word}\n")
    assert process.wait(ENDED_SECS) == code


def test_a_worker_leaves_once_its_launcher_is_gone(remote, tmp_path):
    process, pid = remote(CALM)
    # As when the connection breaks.
    process.stdout.close()
    process.stdin.close()
    assert process.wait(ENDED_SECS) == 15
    log = (tmp_path / "logs/worker_0.log").read_text()
    assert log.splitlines()[1] == "saved"
    wait_for_end([pid])


KEEPS_A_SECRET = """
import os, signal
print(os.getpid(), flush=True)
print(os.environ.get("STRATA_JOB_SECRET"), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("first", ["STRATA_JOB_SECRET 0af9", ""])
def test_the_first_line_is_the_jobs_secret(remote, monkeypatch, first):
    monkeypatch.setenv("TF_CONFIG", "{}")
    process, _ = remote(KEEPS_A_SECRET, "--silence_secs=20", said=first)
    heard = process.stdout.readline().strip()
    assert heard == (first.partition(" ")[2] or "None")
    process.stdin.write("KILL\n")
    assert process.wait(ENDED_SECS) == 137


@pytest.mark.parametrize("silent", [False, True])
def test_a_worker_that_does_not_leave_is_killed(remote, silent):
    process, pid = remote(DEAF, *(["--silence_secs=1"] if silent else []))
    if not silent:
        process.stdin.close()
    assert process.wait(ENDED_SECS) == 75
    wait_for_end([pid])


@pytest.mark.parametrize("name", [".foo", "a" * 64])
def test_a_name_that_no_machine_can_have_is_unknown(name):
    assert host._address_of(name) is None
