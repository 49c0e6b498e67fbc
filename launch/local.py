"""Runs a job's workers on this machine, and restarts them by their exit codes.

Starts `python -m trainer.task` once a worker, with TF_CONFIG set, and watches
until the job is done, ends for good, or makes no progress any more.
"""

import argparse
import codecs
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import pty
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from types import FrameType
from typing import Any

from launch import supervision
from launch.arguments import not_negative
from launch.arguments import parse
from launch.arguments import parser_of
from launch.arguments import positive
from launch.arguments import workdir_of
from trainer.cluster import CLUSTER_FAILED
from trainer.cluster import DONE
from trainer.cluster import HEARTBEAT_FD
from trainer.cluster import STOPPED
from trainer.cluster import STOPPED_BY_USER
from trainer.config import UserError
from trainer.config import verb

DESCRIPTION = """\
Runs a job on this machine as one or several workers, and starts it again where
a worker dies or hangs. The trainer's arguments follow a lone --.

  strata launch local --num_workers=2 -- --config=mnist --data_dir=DIR
"""
TRAINER = (sys.executable, "-m", "trainer.task")
PEER_GRACE_SECS = 10.0
CHECKPOINT_GRACE_SECS = 120.0
HUNG_SECS = 8.0
TICK_SECS = 0.2
LINES_KEPT = 20
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
DEVICES = pathlib.Path("/dev")
# Colours, and steps back: a terminal's control sequences.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")
_CHECKPOINT = re.compile(r"step_(\d{8,})")


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns this launcher's flags, and the trainer's arguments."""
    parser = parser_of("local", DESCRIPTION)
    parser.add_argument(
        "--num_workers",
        type=positive,
        default=1,
        metavar="N",
        help="processes to run; 1 by default",
    )
    parser.add_argument(
        "--devices_per_worker",
        type=positive,
        metavar="D",
        help="GPUs of each worker, an equal share by default; where there are"
        " none, logical CPU devices",
    )
    parser.add_argument(
        "--min_workers",
        type=positive,
        metavar="M",
        help="go on with as few where a worker cannot come back; num_workers"
        " by default",
    )
    parser.add_argument(
        "--max_restarts",
        type=not_negative,
        default=10,
        metavar="R",
        help="restarts in a row without progress; 10 by default",
    )
    return parse(parser, argv)


def newest_step(workdir: pathlib.Path) -> int:
    """Returns the step of the newest checkpoint; 0 where there is none."""
    with contextlib.suppress(OSError):
        names = os.listdir(workdir / "checkpoints")
        matches = [_CHECKPOINT.fullmatch(name) for name in names]
        return max((int(m[1]) for m in matches if m), default=0)
    return 0


def free_addresses(count: int) -> list[str]:
    """Returns addresses of the loopback that nothing listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def gpus() -> list[str]:
    """Names the GPUs that this process may share out."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip()]
    return [path.name[6:] for path in sorted(DEVICES.glob("nvidia[0-9]*"))]


def share_out(
    names: list[str], num_workers: int, devices_per_worker: int | None
) -> list[str]:
    """Returns each worker's CUDA_VISIBLE_DEVICES; [] where there is no GPU.

    Raises:
      UserError: there are fewer GPUs than are asked for.
    """
    if not names:
        return []
    each = devices_per_worker or len(names) // num_workers
    if not each or each * num_workers > len(names):
        raise UserError(
            f"--num_workers={num_workers} with"
            f" --devices_per_worker={devices_per_worker or 1} needs more than"
            f" the {len(names)} GPU(s) here ({','.join(names)}); ask for fewer"
        )
    return [
        ",".join(names[i * each : (i + 1) * each]) for i in range(num_workers)
    ]


class Worker:
    """One process of the job, its output and its heartbeat."""

    def __init__(
        self,
        index: int,
        command: list[str],
        environment: dict[str, str],
        workdir: pathlib.Path,
    ) -> None:
        self.index = index
        # The chief has a terminal where there is one, for its progress bar.
        self._reading, writing = os.pipe()
        if index == 0 and sys.stdout.isatty():
            os.close(self._reading)
            os.close(writing)
            self._reading, writing = pty.openpty()
        self.last_lines: collections.deque[str] = collections.deque(
            maxlen=LINES_KEPT
        )
        self._last_beat: float | None = None
        listening, beating = os.pipe()
        self._process = subprocess.Popen(
            command,
            env={**environment, HEARTBEAT_FD: str(beating)},
            pass_fds=[beating],
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the supervisor alone, which passes it on once.
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        os.close(beating)
        os.close(writing)
        self._threads = [
            threading.Thread(target=self._copy, args=(workdir,)),
            threading.Thread(target=self._listen, args=(listening,)),
        ]
        for thread in self._threads:
            thread.start()

    def _copy(self, workdir: pathlib.Path) -> None:
        """Shows each line, and keeps it where there is a workdir.

        The trainer makes the workdir, once it has found no mistake.
        """
        waiting: list[bytes] = []
        with contextlib.ExitStack() as held:
            write: Callable[[bytes], Any] = waiting.append
            for line in self._lines():
                if write == waiting.append and workdir.is_dir():
                    (workdir / "logs").mkdir(exist_ok=True)
                    log = workdir / "logs" / f"worker_{self.index}.log"
                    file = held.enter_context(open(log, "ab", buffering=0))
                    write = file.write
                    write(b"".join(waiting))
                write(line.encode() + b"\n")
                self.last_lines.append(line)

    def _lines(self) -> Iterator[str]:
        """Shows what comes, and yields each line once it is whole."""
        line, is_start = "", True
        for text in _texts(self._reading):
            shown = []
            for part in re.split(r"(\r*\n|\r)", text):
                if is_start and part.strip("\r\n"):
                    shown.append(f"[{self.index}] ")
                    is_start = False
                shown.append(part)
                is_start = is_start or part.endswith(("\r", "\n"))
                line += part
                if part.endswith("\n"):
                    yield _as_printed(line)
                    line = ""
            # At once, so that the lines of two workers do not mix.
            sys.stdout.write("".join(shown))
            sys.stdout.flush()
        if line:
            yield _as_printed(line)

    def _listen(self, pipe: int) -> None:
        with open(pipe, "rb", buffering=0) as beats:
            while beats.read(64):
                self._last_beat = time.monotonic()

    def is_hung(self) -> bool:
        """Whether it has beaten before, and beats no more."""
        last = self._last_beat
        return last is not None and time.monotonic() - last > HUNG_SECS

    def poll(self) -> int | None:
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def finish(self) -> int:
        """Returns the exit code, once all output is copied."""
        code = self._process.wait()
        for thread in self._threads:
            thread.join()
        return code


def _texts(descriptor: int) -> Iterator[str]:
    """Yields what comes from a pipe, line by line, or from a terminal.

    A pipe's last line may lack its end, which is then added.
    """
    decoder = codecs.getincrementaldecoder("utf8")("replace")
    is_terminal, rest = os.isatty(descriptor), ""
    with open(descriptor, "rb", buffering=0) as source:
        while True:
            try:
                data = source.read(1 << 16)
            except OSError:  # a terminal's end
                data = b""
            rest += decoder.decode(data, final=not data)
            if not data:
                break
            end = len(rest) if is_terminal else rest.rfind("\n") + 1
            if end:
                yield rest[:end]
                rest = rest[end:]
    if rest:
        yield rest + "\n"


def _as_printed(line: str) -> str:
    """Returns a line as a terminal shows it in the end, colours left out."""
    text = _CONTROL.sub("", line.rstrip("\r\n"))
    return text.rpartition("\r")[2]


def die_with_parent() -> None:
    """Has the kernel kill this process when the supervisor dies."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


class Requests:
    """What the supervisor itself is asked by signals."""

    def __init__(self) -> None:
        self.asked: list[signal.Signals] = []
        self._new: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        def hear(number: int, frame: FrameType | None) -> None:
            self.asked.append(signal.Signals(number))
            self._new.put(signal.Signals(number))

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

    def __init__(
        self,
        num_workers: int,
        arguments: list[str],
        workdir: pathlib.Path,
        gpu_shares: list[str],
        first_index: int,
    ) -> None:
        addresses = free_addresses(num_workers)
        command = [*TRAINER, *arguments]
        self.workers = [
            Worker(
                first_index + place,
                command,
                _environment(addresses, place, gpu_shares),
                workdir,
            )
            for place in range(num_workers)
        ]

    def watch(self, requests: Requests) -> tuple[list[int], int | None]:
        """Waits for the end of all workers.

        Returns:
          Their exit codes, and the worker that failed first.
        """
        first_failed, deadline = None, None
        while None in (codes := [w.poll() for w in self.workers]):
            for place, worker in enumerate(self.workers):
                if codes[place] is None and worker.is_hung():
                    print(f"[{worker.index}] hung, killed", flush=True)
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


def _environment(
    addresses: list[str], index: int, gpu_shares: list[str]
) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    environment["PYTHONUNBUFFERED"] = "1"
    if gpu_shares:
        environment["CUDA_VISIBLE_DEVICES"] = gpu_shares[index]
    if len(addresses) > 1:
        environment["TF_CONFIG"] = json.dumps(
            {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
        )
    return environment


def supervise(
    policy: supervision.Policy,
    arguments: list[str],
    workdir: pathlib.Path,
    gpu_shares: list[str],
    first_index: int = 0,
) -> int:
    """Runs the job to its end; returns the exit code.

    Args:
      policy: how long to try.
      arguments: of the trainer.
      workdir: where the workers' lines are kept.
      gpu_shares: each worker's CUDA_VISIBLE_DEVICES, or [].
      first_index: by which the first worker is called.
    """
    state = supervision.Supervision(policy, step=newest_step(workdir))
    requests, workers = Requests(), policy.num_workers
    with requests.heard():
        while True:
            job = Job(workers, arguments, workdir, gpu_shares, first_index)
            codes, first_failed = job.watch(requests)
            if requests.asked:
                return 0 if codes[0] == 0 else requests.code()
            verdict = state.decide(codes, first_failed, newest_step(workdir))
            if isinstance(verdict, supervision.Leave):
                if verdict.code in (supervision.FAILED, CLUSTER_FAILED):
                    _explain(job, codes, first_failed)
                return verdict.code
            workers = verdict.workers
            print(
                f"workers ended with {codes}; starting {workers} again in"
                f" {verdict.delay_secs:.0f} s, from step {state.step}",
                flush=True,
            )
            if requests.take(verdict.delay_secs or 1e-3):
                return requests.code()


def _explain(job: Job, codes: list[int], first_failed: int | None) -> None:
    worker = job.workers[first_failed or 0]
    lines = "\n".join(f"  {line}" for line in worker.last_lines)
    print(
        f"strata: no progress any more: workers ended with {codes}; worker"
        f" {worker.index} failed first, and said last:\n{lines}",
        file=sys.stderr,
    )


def own_index(environment: Mapping[str, str]) -> int:
    """Returns the number of a Kubernetes Job's pod that this is; else 0."""
    text = environment.get("JOB_COMPLETION_INDEX", "")
    return int(text) if text.isdecimal() else 0


@verb
def main(argv: list[str]) -> int:
    """Parses the flags and supervises the job.

    Raises:
      UserError: a flag that is unknown or of the wrong kind.
    """
    wanted, arguments = read_flags(argv)
    num_workers = wanted.num_workers
    min_workers = wanted.min_workers or num_workers
    if min_workers > num_workers:
        raise UserError(
            f"--min_workers={min_workers} must not exceed"
            f" --num_workers={num_workers}"
        )
    each = wanted.devices_per_worker
    gpu_shares = share_out(gpus(), num_workers, each)
    if each and not gpu_shares:
        arguments.append(f"--cpu_devices={each}")
    workdir = workdir_of(arguments)
    return supervise(
        supervision.Policy(num_workers, min_workers, wanted.max_restarts),
        arguments,
        pathlib.Path(workdir).expanduser(),
        gpu_shares,
        own_index(os.environ) if num_workers == 1 else 0,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
