"""How a job's processes are started, watched, and started again."""

import contextlib
import ctypes
import os
import pathlib
import pty
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from types import FrameType

from launch import supervision
from launch.output import Output
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.heartbeat import HEARTBEAT_FD
from trainer.workdir.checkpoints import steps_in

TRAINER = (sys.executable, "-m", "trainer.task")
PEER_GRACE_SECS = 10.0
CHECKPOINT_GRACE_SECS = 120.0
HUNG_SECS = 8.0
TICK_SECS = 0.2
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def newest_step(workdir: pathlib.Path) -> int:
    """Returns the step of the newest checkpoint; 0 where there is none."""
    with contextlib.suppress(OSError):
        return max(steps_in(workdir / "checkpoints"), default=0)
    return 0


def log_of(workdir: pathlib.Path, index: int) -> pathlib.Path:
    """Returns where a worker's lines are kept."""
    return workdir / "logs" / f"worker_{index}.log"


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
        output: Output,
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


class Requests:
    """What the supervisor itself is asked, by signals or otherwise."""

    def __init__(self) -> None:
        self.asked: list[signal.Signals] = []
        self._new: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()

    def add(self, number: signal.Signals) -> None:
        self.asked.append(number)
        self._new.put(number)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Takes this process's own signals for requests."""

        def hear(number: int, frame: FrameType | None) -> None:
            self.add(signal.Signals(number))

        numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
        before = {number: signal.signal(number, hear) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def take(self, timeout_secs: float) -> signal.Signals | None:
        """Returns the next request, or None after a while without one."""
        with contextlib.suppress(queue.Empty):
            return self._new.get(timeout=timeout_secs)
        return None

    def code(self) -> int:
        """Returns the exit code that the first request stands for."""
        by_user = self.asked[0] == signal.SIGINT
        return STOPPED_BY_USER if by_user else STOPPED


class Job:
    """All workers of one start, from their first process to the last end."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers

    def watch(self, requests: Requests) -> tuple[list[int], int | None]:
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
            self._pass_on(requests)
        finished = [worker.finish() for worker in self.workers]
        if first_failed is None:
            failed = (i for i, code in enumerate(finished) if code)
            first_failed = next(failed, None)
        return finished, first_failed

    def _pass_on(self, requests: Requests) -> None:
        number = requests.take(TICK_SECS)
        if number == signal.SIGINT and requests.asked.count(number) > 1:
            self.send(signal.SIGKILL)
        elif number is not None:
            self.send(number)

    def send(self, number: signal.Signals) -> None:
        for worker in self.workers:
            worker.send(number)


# From how many workers to start, and which one failed first last time, to those
# that were started: none where so few can be had that it does not pay.
Starter = Callable[[int, int | None], Sequence[Worker]]


def supervise(
    policy: supervision.Policy, start: Starter, newest_step: Callable[[], int]
) -> int:
    """Runs the job to its end; returns the exit code.

    Args:
      policy: how long to try.
      start: starts the workers.
      newest_step: of the newest checkpoint.
    """
    state = supervision.Supervision(policy, step=newest_step())
    requests = Requests()
    with requests.heard():
        while True:
            job = Job(start(state.workers, state.first_failed))
            codes, failed = job.watch(requests)
            if requests.asked:
                return 0 if codes[0] == DONE else requests.code()
            index = None if failed is None else job.workers[failed].index
            verdict = state.decide(codes, index, newest_step())
            if isinstance(verdict, supervision.Leave):
                if verdict.code in (supervision.FAILED, CLUSTER_FAILED):
                    _explain(job, codes, failed)
                return verdict.code
            print(
                f"workers ended with {codes}; starting {verdict.workers} again"
                f" in {verdict.delay_secs:.0f} s, from step {state.step}",
                flush=True,
            )
            if requests.take(verdict.delay_secs or 1e-3):
                return requests.code()


def _explain(job: Job, codes: list[int], first_failed: int | None) -> None:
    text = f"strata: no progress any more: workers ended with {codes}"
    if job.workers:
        worker = job.workers[first_failed or 0]
        lines = "\n".join(f"  {line}" for line in worker.output.last_lines)
        text += f"; worker {worker.index} failed first, and said last:\n{lines}"
    print(text, file=sys.stderr)
