"""A job's processes: each with its output and heartbeat, and all together."""

import ctypes
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Sequence

from launch.supervise.signals import Signals
from launch.supervise.tee import Tee
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.heartbeat import HEARTBEAT_FD

PEER_GRACE_SECS = 10.0
CHECKPOINT_GRACE_SECS = 120.0
HUNG_SECS = 8.0
TICK_SECS = 0.2
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Worker:
    """One process of the job, its output and its heartbeat.

    Attributes:
      index: by which people call it.
      output: what it prints.
    """

    def __init__(
        self,
        index: int,
        command: Sequence[str],
        environment: dict[str, str],
        output: Tee,
        *,
        stdin: int = subprocess.DEVNULL,
        has_terminal: bool = False,
    ) -> None:
        self.index = index
        self.output = output
        # A terminal for its progress bar.
        reading, writing = pty.openpty() if has_terminal else os.pipe()
        self._last_beat: float | None = None
        listening, beating = os.pipe()
        self._process = subprocess.Popen(
            command,
            env={**environment, HEARTBEAT_FD: str(beating)},
            pass_fds=[beating],
            stdin=stdin,
            stdout=writing,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the supervisor alone, which passes it on once.
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        os.close(beating)
        os.close(writing)
        self._threads = [
            threading.Thread(target=output.copy, args=(reading,)),
            threading.Thread(target=self._listen, args=(listening,)),
        ]
        for thread in self._threads:
            thread.start()

    def _listen(self, pipe: int) -> None:
        with open(pipe, "rb", buffering=0) as beats:
            while beats.read(64):
                self._last_beat = time.monotonic()

    def is_hung(self) -> bool:
        """Whether it has beaten before, and beats no more."""
        last = self._last_beat
        return last is not None and time.monotonic() - last > HUNG_SECS

    def poll(self) -> int | None:
        """Returns its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def finish(self) -> int:
        """Returns the exit code, once all output is copied."""
        self._process.wait()
        for thread in self._threads:
            thread.join()
        code = self.poll()
        assert code is not None
        return code


def die_with_parent() -> None:
    """Has the kernel kill this process when the supervisor dies."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


class WorkerGroup:
    """All workers of one start, from their first process to the last end."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers

    def watch(self, signals: Signals) -> tuple[list[int], int | None]:
        """Waits for the end of all workers.

        Returns:
          Their exit codes, and the place of the one that failed first. Where
          none could be started, the cluster failed.
        """
        if not self.workers:
            return [CLUSTER_FAILED], None
        first_failed, deadline = None, None
        while None in (codes := [w.poll() for w in self.workers]):
            for place, worker in enumerate(self.workers):
                if codes[place] is None and worker.is_hung():
                    print(f"{worker.output.label}hung, killed", flush=True)
                    worker.send(signal.SIGKILL)
                elif codes[place] and first_failed is None:
                    first_failed = place
            ended = [code for code in codes if code is not None]
            if ended and deadline is None:
                # Peers of a worker that wrote a checkpoint still may.
                calm = set(ended) <= {DONE, STOPPED, STOPPED_BY_USER}
                grace = CHECKPOINT_GRACE_SECS if calm else PEER_GRACE_SECS
                deadline = time.monotonic() + grace
            if deadline is not None and time.monotonic() > deadline:
                self.send(signal.SIGKILL)
            self._pass_on(signals)
        finished = [worker.finish() for worker in self.workers]
        if first_failed is None:
            failed = (i for i, code in enumerate(finished) if code)
            first_failed = next(failed, None)
        return finished, first_failed

    def _pass_on(self, signals: Signals) -> None:
        number = signals.take(TICK_SECS)
        if number == signal.SIGINT and signals.received.count(number) > 1:
            self.send(signal.SIGKILL)
        elif number is not None:
            self.send(number)

    def send(self, number: signal.Signals) -> None:
        for worker in self.workers:
            worker.send(number)
