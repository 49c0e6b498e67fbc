"""A job's processes: each with its output and heartbeat, and all together."""

import functools
import os
import pty
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence

from trainer.launch.supervise.birth import begin
from trainer.launch.supervise.enclosure import Enclosure
from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.spare import Spare
from trainer.launch.supervise.tee import Tee
from trainer.launch.warm import Child
from trainer.process.awake import AwakeClock
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import ClusterError
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exposition import METRICS_FD
from trainer.process.heartbeat import HEARTBEAT_FD

PEER_GRACE_SECS = 10.0
CHECKPOINT_GRACE_SECS = 120.0
HUNG_SECS = 8.0
# A process that was killed ends at once, unless it waits in the kernel for a
# disk or a device (state D).
UNKILLABLE_SECS = 30.0
# How long what outlives a worker may hold on to its output.
OUTPUT_SECS = 10.0
TICK_SECS = 0.2


class Worker:
    """One process of the job, its output and its heartbeat.

    Attributes:
      index: by which people call it.
      output: what it prints.
      beats: how often it gave a sign of life; None where it gives none here.
    """

    beats: int | None = 0

    def __init__(
        self,
        index: int,
        command: Sequence[str],
        environment: dict[str, str],
        output: Tee,
        *,
        stdin: int = subprocess.DEVNULL,
        has_terminal: bool = False,
        enclosure: Enclosure | None = None,
        metrics: socket.socket | None = None,
        spare: Spare | None = None,
    ) -> None:
        """Starts it.

        Args:
          index: by which people call it.
          command: its words; a module and its arguments where there is a spare.
          environment: its variables.
          output: copies what it prints.
          stdin: what it reads.
          has_terminal: whether its output is a terminal's.
          enclosure: the network that it is put into; None for this process's.
          metrics: the socket at which its numbers are asked for.
          spare: whose child it becomes, in its network; None for this process's
            own.
        """
        self.index = index
        self.output = output
        # A terminal for its progress bar.
        reading, writing = pty.openpty() if has_terminal else os.pipe()
        listening, beating = os.pipe()
        environment = {**environment, HEARTBEAT_FD: str(beating)}
        handed = [beating]
        if metrics is not None:
            environment[METRICS_FD] = str(metrics.fileno())
            handed.append(metrics.fileno())
        # What a child is told before it hears, and would die of.
        self._held: list[signal.Signals] = []
        self._is_deaf = spare is not None
        self._process: subprocess.Popen[bytes] | Child
        if spare is not None:
            numbers = {1: writing, 2: writing, **{n: n for n in handed}}
            self._process = spare.start(list(command), numbers, environment)
        else:
            self._process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=handed,
                stdin=stdin,
                stdout=writing,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the supervisor alone, which passes it on once.
                start_new_session=True,
                preexec_fn=functools.partial(begin, enclosure),
            )
        os.close(beating)
        os.close(writing)
        self._threads = [
            threading.Thread(target=each, args=(pipe,), daemon=True)
            for each, pipe in (
                (output.copy, reading),
                (self._listen, listening),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _listen(self, pipe: int) -> None:
        with open(pipe, "rb", buffering=0) as beats:
            while signs := beats.read(64):
                self.beats = (self.beats or 0) + len(signs)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives; any thread may ask, at any time."""
        return self._process.poll() is None

    def poll(self) -> int | None:
        """Returns its exit code, negative for a signal; None while it runs."""
        code = self._process.poll()
        if self._is_deaf and self.beats:
            self._is_deaf = False
            for number in self._held:
                self.send(number)
        return code

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; to a spare's child once it has given a sign."""
        if self._is_deaf and number != signal.SIGKILL:
            self._held.append(number)
        elif self._process.poll() is None:
            self._process.send_signal(number)

    def finish(self) -> int:
        """Returns the exit code, once all output is copied."""
        self._process.wait()
        for thread in self._threads:
            thread.join(OUTPUT_SECS)
        code = self.poll()
        assert code is not None
        return code


class WorkerGroup:
    """All workers of one start, from their first process to the last end.

    What this process slept through, stopped or suspended, is not held against
    them.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        *,
        start_secs: float,
        clock: AwakeClock | None = None,
    ) -> None:
        """Begins to listen.

        Args:
          workers: that were started just now.
          start_secs: until each one's first sign of life.
          clock: to measure by; one of its own by default.
        """
        self.workers = workers
        self._start_secs = start_secs
        self._clock = AwakeClock() if clock is None else clock
        # By place: how often each had beaten when it was heard, and when.
        self._heard = [(0, self._clock.secs())] * len(workers)
        self._killed: dict[int, float] = {}

    def watch(self, signals: Signals) -> tuple[list[int], int | None]:
        """Waits for the end of all workers.

        Returns:
          Their exit codes, and the place of the one that failed first. Where
          none could be started, the cluster failed.

        Raises:
          ClusterError: one does not end, though it was killed.
        """
        if not self.workers:
            return [CLUSTER_FAILED], None
        first_failed, deadline = None, None
        while None in (codes := [w.poll() for w in self.workers]):
            self._clock.tick()
            running = [p for p, code in enumerate(codes) if code is None]
            self._kill_silent(running)
            if first_failed is None:
                first_failed = _first_failed(codes)
            if deadline is None and len(running) < len(codes):
                deadline = self._clock.secs() + _grace_secs(codes)
            if deadline is not None and self._clock.secs() > deadline:
                self._kill(running)
            self._check_killed(running)
            self._pass_on(signals, running)
        finished = [worker.finish() for worker in self.workers]
        if first_failed is None:
            first_failed = _first_failed(finished)
        return finished, first_failed

    def _kill_silent(self, running: list[int]) -> None:
        for place in running:
            if place in self._killed or not self._is_silent(place):
                continue
            worker = self.workers[place]
            said = f"no sign of life in {self._start_secs:g} s"
            words = "hung" if worker.beats else said
            print(f"{worker.output.label}{words}, killed", flush=True)
            self._kill([place])

    def _is_silent(self, place: int) -> bool:
        beats, now = self.workers[place].beats, self._clock.secs()
        if beats is None:
            return False
        before, since = self._heard[place]
        if beats != before:
            self._heard[place] = beats, now
            return False
        return now - since > (HUNG_SECS if beats else self._start_secs)

    def _kill(self, places: list[int]) -> None:
        for place in places:
            self.workers[place].send(signal.SIGKILL)
            self._killed.setdefault(place, self._clock.secs())

    def _check_killed(self, running: list[int]) -> None:
        for place in running:
            since = self._clock.secs() - self._killed.get(place, float("inf"))
            if since > UNKILLABLE_SECS:
                # The others are worth nothing without it.
                self._kill(running)
                worker = self.workers[place]
                raise ClusterError(
                    f"worker {worker.index} (process {worker.pid}) was killed"
                    f" {UNKILLABLE_SECS:g} s ago and does not end: it waits for"
                    " a disk or a device; see to that, and start again"
                )

    def _pass_on(self, signals: Signals, running: list[int]) -> None:
        number = signals.take(TICK_SECS)
        if number == signal.SIGINT and signals.received.count(number) > 1:
            self._kill(running)
        elif number is not None:
            for worker in self.workers:
                worker.send(number)


def _first_failed(codes: Sequence[int | None]) -> int | None:
    return next((place for place, code in enumerate(codes) if code), None)


def _grace_secs(codes: Sequence[int | None]) -> float:
    """Returns how long peers may take once one has ended."""
    ended = {code for code in codes if code is not None}
    # Peers of a worker that wrote a checkpoint still may.
    calm = ended <= {DONE, STOPPED, STOPPED_BY_USER}
    return CHECKPOINT_GRACE_SECS if calm else PEER_GRACE_SECS
