"""Programs that do not answer."""

import os
import signal

import pytest

from tests.faults import jobs
from tests.launch.test_local import is_alive
from trainer.process.programs import complaint
from trainer.process.programs import finish
from trainer.process.programs import LATE


def test_a_program_that_answers_is_heard():
    done = finish(["sh", "-c", "cat; echo no >&2; exit 3"], 60, text="yes")
    assert (done.returncode, done.stdout, done.stderr) == (3, "yes", "no\n")


def test_its_complaint_is_one_line():
    done = finish(["sh", "-c", "echo 'no\n  such thing' >&2; exit 3"], 60)
    assert complaint(done) == "no such thing"
    assert complaint(finish(["sh", "-c", "exit 3"], 60)) == "it ended with 3"


def test_one_that_does_not_answer_ends_with_all_that_it_started(tmp_path):
    script = f"trap '' TERM; sleep 600 & echo $! > {tmp_path}/pid; wait"
    done = finish(["sh", "-c", script], 0.5)
    assert done.returncode == LATE
    assert done.stderr == "sh did not answer in 0.5 s"
    pid = int((tmp_path / "pid").read_text())
    jobs.wait_for("its end", lambda: not is_alive(pid))


def test_what_it_leaves_in_the_background_goes_on_and_is_not_waited_for(
    tmp_path,
):
    script = f"cat; sleep 600 & echo $! > {tmp_path}/pid; exit 3"
    done = finish(["sh", "-c", script], 30, text="yes")
    pid = int((tmp_path / "pid").read_text())
    try:
        assert (done.returncode, done.stdout, done.stderr) == (3, "yes", "")
        assert is_alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_an_interruption_ends_it(tmp_path):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR2, interrupt)
    script = (
        f"echo $$ > {tmp_path}/pid; read go; kill -USR2 $PPID; exec sleep 600"
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            finish(["sh", "-c", script], 60, text="go\n")
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_one_that_is_not_there_is_no_program():
    with pytest.raises(FileNotFoundError):
        finish(["/no/such/program"], 60)
