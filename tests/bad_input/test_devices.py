"""Devices that are not there are told in a line."""

import os
import socket
import subprocess
import sys

import pytest

from tests.bad_input.commands import command
from tests.bad_input.commands import TIMEOUT_SECS
from tests.bad_input.row import Row
from tests.bad_input.table import check
from tests.bad_input.table import contents
from tests.processes import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--devices=3", "--cpu_devices=2"],
            ("--devices=3", "2 CPU device", "--cpu_devices"),
        ),
        (["--strategy=tpu"], ("--strategy=tpu", "--tpu=local", "no TPU")),
        (
            ["--cpu_devices=3", "--config.virtual_replicas=2"],
            ("config.virtual_replicas=2", "3 replicas", "fewer devices"),
        ),
    ],
    ids=["more devices than made", "no TPU", "more devices than shares"],
)
def test_devices_that_are_not_there(flags, words, here):
    done = command(["--config=digits", *flags], here)
    check(Row("devices", "", words), done.returncode, done.stderr)
    assert contents(here) == {}


@pytest.mark.slow
def test_a_tpu_that_never_answers(here):
    """An address that accepts and says nothing, with a deadline of 1 s."""
    start = (
        "import sys\n"
        "from trainer import task\nfrom trainer.devices import strategies\n"
        "assert strategies.TPU_CONNECT_SECS < 60\n"
        "strategies.TPU_CONNECT_SECS = 1.0\n"
        "sys.exit(task.main(sys.argv[1:]))\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
        done = subprocess.run(
            [
                *(sys.executable, "-c", start, "--config=digits"),
                *("--strategy=tpu", f"--tpu={address}"),
            ],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECS,
        )
    lines = done.stderr.splitlines()
    words = ("--strategy=tpu", address, "no answer in 1 s")
    check(Row("silent", "", words), done.returncode, lines[-1])
    assert "Traceback" not in done.stderr
    assert contents(here) == {}
