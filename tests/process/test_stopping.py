"""What a process that is asked to leave does, by real signals."""

import json
import signal
import subprocess
import sys

import pytest

from tests import processes
from trainer.process import stopping

# Sends itself signals, and waits until each was heard; then says its code.
SCRIPT = """
import os, pathlib, signal, sys, threading
from trainer.process import stopping
from trainer.process.end_hook import ending
heard = threading.Semaphore(0)
class Stop(stopping.Stop):
    def _hear(self, code):
        super()._hear(code)
        heard.release()
ignored, phase, file, *names = sys.argv[1:]
if ignored:
    signal.signal(getattr(signal, ignored), signal.SIG_IGN)
stop = Stop()
told = pathlib.Path(file).with_name("told")
with ending(f"cat > {told}", "runs/a"), stop.listening():
    if phase != "starting":
        max_secs = 1e-3 if phase == "late" else None
        stop.begin_training(pathlib.Path(file), max_secs)
        stop.poll()
    if phase == "over":
        stop.end_training()
    for name in names:
        if name == "wait":
            threading.Event().wait()
        os.kill(os.getpid(), getattr(signal, name))
        heard.acquire(timeout=0.5 if name == ignored else None)
    os._exit(stopping.code_of(stop.poll()) or 0)
"""


SAVED = "stopping: the steps taken are saved first\n"


def leave(ignored, phase, *names, folder):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, ignored, phase, folder / "STOP", *names],
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
        code, said = leave("", phase, name, folder=tmp_path)
        assert code == expected
        assert said == (
            "left as asked, before a step was taken\n"
            if phase == "starting"
            else SAVED
        )
        if phase == "starting":
            assert told(tmp_path) == (expected, "stopped")


def told(folder):
    """Returns the code and the status that `--on_end` was told."""
    event = json.loads((folder / "told").read_text())
    return event["code"], event["status"]


def test_a_request_after_the_end_promises_no_steps(tmp_path):
    said = leave("", "over", "SIGINT", folder=tmp_path)[1]
    assert said == "the run is over: its page is written first\n"


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT"])
def test_a_signal_that_is_ignored_at_the_start_is_no_request(name, tmp_path):
    assert leave(name, "training", name, folder=tmp_path) == (0, "")


def test_a_second_ctrl_c_leaves_without_a_checkpoint(tmp_path):
    words = ("", "training", "SIGINT", "SIGINT", "wait")
    code, said = leave(*words, folder=tmp_path)
    assert (code, said) == (
        130,
        f"{SAVED}left at once; the newest checkpoint stands\n",
    )
    assert told(tmp_path) == (130, "interrupted")


@pytest.mark.parametrize("phase", ["training", "late"])
def test_a_first_ctrl_c_waits_for_the_checkpoint_asked_for_before(
    phase, tmp_path
):
    if phase == "training":
        (tmp_path / "STOP").touch()
    assert leave("", phase, "SIGINT", folder=tmp_path) == (43, SAVED)
    code, _ = leave("", phase, "SIGINT", "SIGINT", "wait", folder=tmp_path)
    assert code == 130


def test_in_a_program_it_waits_too(tmp_path):
    (tmp_path / "STOP").touch()
    stop = stopping.Stop()
    with stop.interruptible():
        stop.begin_training(tmp_path / "STOP", None)
        stop.poll()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
