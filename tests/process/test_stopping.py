"""What a process that is asked to leave does, by real signals."""

import json
import subprocess
import sys

import pytest

from tests import processes

# Sends itself signals, and waits until each was heard; then says its code.
SCRIPT = """
import os, pathlib, signal, sys, threading
from trainer.process import stopping
from trainer.process.end_hook import ending
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
stop = stopping.Stop()
told = pathlib.Path(sys.argv[3]).with_name("told")
with ending(f"cat > {told}", "runs/a"), stop.listening():
    if sys.argv[2] == "training":
        stop.begin_training(pathlib.Path(sys.argv[3]), None)
    for name in sys.argv[4:]:
        if name == "wait":
            threading.Event().wait()
        os.kill(os.getpid(), getattr(signal, name))
        while name != "SIGHUP" or sys.argv[1] == "SIG_DFL":
            if stopping.code_of(stop.flags):
                break
    os._exit(stopping.code_of(stop.poll()) or 0)
"""


def leave(hangup, phase, *names, folder):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, hangup, phase, folder / "STOP", *names],
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SIGTERM", 42), ("SIGUSR1", 42), ("SIGHUP", 42), ("SIGINT", 43)],
)
def test_a_request_is_heard(name, expected, tmp_path):
    for phase in ("starting", "training"):
        code, said = leave("SIG_DFL", phase, name, folder=tmp_path)
        assert code == expected
        assert said == (
            "left as asked, before a step was taken\n"
            if phase == "starting"
            else ""
        )
        if phase == "starting":
            assert told(tmp_path) == (expected, "stopped")


def told(folder):
    """Returns the code and the status that `--on_end` was told."""
    event = json.loads((folder / "told").read_text())
    return event["code"], event["status"]


def test_under_nohup_a_closed_terminal_is_no_request(tmp_path):
    assert leave("SIG_IGN", "training", "SIGHUP", folder=tmp_path) == (0, "")


def test_a_second_ctrl_c_leaves_without_a_checkpoint(tmp_path):
    words = ("SIG_DFL", "training", "SIGINT", "SIGINT", "wait")
    code, said = leave(*words, folder=tmp_path)
    assert (code, said) == (
        130,
        "left at once; the newest checkpoint stands\n",
    )
    assert told(tmp_path) == (130, "interrupted")
