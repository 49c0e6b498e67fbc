"""How long workers are waited for, with workers and a clock of the test's."""

import os
import signal
from typing import Any

import pytest

from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.spare import Spare
from trainer.launch.supervise.tee import Tee
from trainer.launch.supervise.workers import HUNG_SECS
from trainer.launch.supervise.workers import UNKILLABLE_SECS
from trainer.launch.supervise.workers import Worker
from trainer.launch.supervise.workers import WorkerGroup
from trainer.process.awake import AwakeClock
from trainer.process.exits import ClusterError
from trainer.process.heartbeat import HEARTBEAT_FD

START_SECS = 100.0


class Output:
    label = "[0] "


class Quiet:
    """A worker that only does as it is told to.

    Attributes:
      sent: the signals that it was sent.
    """

    index, pid, output = 0, 4711, Output()

    def __init__(self, beats=0, dies=True):
        self.beats, self.dies = beats, dies
        self.code, self.sent = None, []

    def poll(self):
        return self.code

    def send(self, number):
        self.sent.append(number)
        if number == signal.SIGKILL and self.dies:
            self.code = -number

    def finish(self):
        return self.code


class Story(Signals):
    """Signals that never come, and the time that passes meanwhile.

    Args:
      worker: that is watched.
      steps: (seconds, beats) of each look; then a second each without one.
    """

    def __init__(self, worker, steps):
        super().__init__()
        self.now = 0.0
        self.worker, self._steps = worker, iter(steps)
        self.group = WorkerGroup(
            [worker],
            start_secs=START_SECS,
            clock=AwakeClock(lambda: self.now),
        )

    def take(self, timeout_secs):
        secs, beats = next(self._steps, (1.0, 0))
        self.now += secs
        if beats:
            self.worker.beats += beats

    def watch(self):
        return self.group.watch(self)


def test_a_supervisor_that_was_stopped_kills_nobody_for_it():
    worker = Quiet(beats=1)
    # Its beats are read only after the first look.
    steps = [(1, 1), (3600, 0), (1, 1), (1, 1), (75, 0), (1, 1)]
    story = Story(worker, steps)
    assert story.watch() == ([-9], 0)
    # It is killed for its own silence, after the last beat.
    assert story.now == pytest.approx(3600 + 75 + 4 + HUNG_SECS, abs=2)


def test_a_worker_without_a_first_sign_of_life_is_killed(capsys):
    story = Story(Quiet(), [])
    assert story.watch() == ([-9], 0)
    assert story.now == pytest.approx(START_SECS, abs=2)
    assert "[0] no sign of life in 100 s, killed" in capsys.readouterr().out


def test_a_process_that_cannot_be_killed_is_not_waited_for(capsys):
    worker = Quiet(beats=1, dies=False)
    story = Story(worker, [])
    with pytest.raises(ClusterError, match=r"worker 0 \(process 4711\)"):
        story.watch()
    assert worker.sent == [signal.SIGKILL, signal.SIGKILL]
    assert story.now == pytest.approx(HUNG_SECS + UNKILLABLE_SECS, abs=3)
    assert capsys.readouterr().out.count("hung, killed") == 1


class Deaf(Spare):
    """A spare and its child, which beats as the test has it.

    Attributes:
      sent: the signals that the child was sent.
    """

    def __init__(self):
        self.sent = []

    def start(self, words, descriptors, environment):
        self.beating = os.dup(int(environment[HEARTBEAT_FD]))
        return self

    def poll(self):
        return None

    def send_signal(self, number):
        self.sent.append(number)


def test_a_spares_child_is_told_once_it_gives_a_sign():
    child: Any = Deaf()
    worker = Worker(0, ["trainer.task"], {}, Tee("[0] "), spare=child)
    worker.send(signal.SIGTERM)
    assert worker.poll() is None
    assert child.sent == []
    os.write(child.beating, b".")
    while not worker.beats:
        pass
    assert worker.poll() is None
    assert child.sent == [signal.SIGTERM]
    worker.send(signal.SIGINT)
    assert child.sent == [signal.SIGTERM, signal.SIGINT]
    os.close(child.beating)


def test_a_spares_child_is_killed_whatever_it_hears():
    child: Any = Deaf()
    worker = Worker(0, ["trainer.task"], {}, Tee("[0] "), spare=child)
    worker.send(signal.SIGTERM)
    worker.send(signal.SIGKILL)
    assert child.sent == [signal.SIGKILL]
    os.close(child.beating)


def test_a_worker_that_gives_no_sign_here_is_not_waited_for_by_signs():
    class Remote(Quiet):
        def poll(self):
            self.code = 0 if story.now > 10 * START_SECS else None
            return self.code

    story = Story(Remote(beats=None), [(1.0, None)] * 2000)
    assert story.watch() == ([0], None)
