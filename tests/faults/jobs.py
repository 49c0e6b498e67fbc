"""Jobs that are watched while they are harmed."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import NamedTuple

from tests import fork_server
from tests import forked
from tests import processes
from tests.faults import trainer
from tests.processes import ROOT

MODULE = "tests.faults.trainer"
TOO_LONG_SECS = 180.0
LOOK_SECS = 0.01
# Distortions, dropout, averaging, accumulation, a schedule and a selection: all
# that a checkpoint must carry.
FULL = (
    "--config=digits",
    "--config.global_batch_size=50",
    "--config.data.augmentation.rotation_degrees=5",
    "--config.data.augmentation.elastic_alpha_pixels=2",
    "--config.model.hidden_units=64,32",
    "--config.model.dropout=0.2",
    "--config.optimizer.name=adamw",
    "--config.optimizer.schedule.name=cosine",
    "--config.optimizer.ema_decay=0.99",
    "--config.optimizer.accumulation_steps=2",
    "--config.optimizer.clip_norm=1.0",
    "--config.evaluation.select_by=loss",
    "--config.evaluation.every_steps=260",
    "--config.log.every_steps=100",
    "--config.checkpoint.every_secs=1",
)
PLAIN = (
    "--config=digits",
    "--config.evaluation.every_steps=410",
    "--config.evaluation.select_by=none",
    "--config.log.every_steps=100",
    "--config.checkpoint.every_secs=1",
)
LAUNCHER = (
    "import sys; from trainer.launch import local;"
    " local.TRAINER = (sys.executable, '-m', 'tests.faults.trainer');"
    " sys.exit(local.main(sys.argv[1:]))"
)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a harmed job runs.

    Attributes:
      name: of the kind.
      workers: processes; several stand under `strata launch local`.
      flags: of the trainer.
      least_workers: with which it goes on; None for all of them.
    """

    name: str
    workers: int
    flags: tuple[str, ...]
    least_workers: int | None = None


# What is read on its own is not written here.
BRIEF = (
    *FULL,
    "--config.checkpoint.every_secs=none",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
)
ONE_FULL = Kind("one process, full", 1, (*FULL, "--config.epochs=500"))
ONE_SHORT = Kind(
    "one process, short",
    1,
    (*BRIEF, "--config.epochs=100", "--config.checkpoint.every_steps=200"),
)
ONE_PLAIN = Kind("one process, plain", 1, (*PLAIN, "--config.epochs=800"))
ELASTIC_FULL = Kind(
    "elastic four workers, parted",
    4,
    (*FULL, "--config.virtual_replicas=8", "--config.epochs=120"),
    least_workers=1,
)
TWO_FULL = Kind("two workers, full", 2, (*FULL, "--config.epochs=120"))
# Its bits are those of one process, whatever its workers.
PARTED = (
    *BRIEF,
    "--config.virtual_replicas=8",
    "--config.epochs=24",
    "--config.checkpoint.every_steps=50",
)
ELASTIC = Kind("elastic three workers, parted", 3, PARTED, least_workers=1)
TWO_SHORT = Kind(
    "two workers, short",
    2,
    (*BRIEF, "--config.epochs=24", "--config.checkpoint.every_steps=50"),
)


class Note(NamedTuple):
    """A line of the harmed trainer; the step is 0 at its start."""

    unix_secs: float
    process: int
    worker: int
    step: int = 0


def wait_for(
    what: str,
    look: Callable[[], object],
    too_long_secs: float = TOO_LONG_SECS,
) -> None:
    """Returns once something is so.

    Raises:
      TimeoutError: it is not for too long.
    """
    deadline = time.monotonic() + too_long_secs
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {too_long_secs:.0f} s for {what}")
        time.sleep(LOOK_SECS)


class Harmed:
    """A job in a folder of its own, started again and again.

    Attributes:
      kind: what it runs.
      folder: for its workdir, its notes and what it prints.
      is_forked: whether trainers are the fork server's children; whoever harms
        the start itself has them be commands.
    """

    is_forked = True

    def __init__(self, kind: Kind, folder: pathlib.Path) -> None:
        self.kind = kind
        self.folder = folder
        self.workdir = folder / "run"
        self._outputs: list[pathlib.Path] = []
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Starts the job's command; what it prints goes to a file."""
        python = forked.python() if self.is_forked else sys.executable
        command = [python, "-m", MODULE]
        if self.kind.workers > 1:
            workers = [f"--num_workers={self.kind.workers}"]
            if self.kind.least_workers:
                workers.append(f"--min_workers={self.kind.least_workers}")
            command = [python, "-c", LAUNCHER, *workers, "--"]
        elif self.is_forked:
            command = [MODULE]
        self.process = self.spawn(command)

    def spawn(
        self,
        command: list[str],
        tf_config: dict | None = None,
        also: dict[str, str] | None = None,
    ) -> subprocess.Popen | forked.Run:
        """Starts a command with the trainer's arguments after it.

        Args:
          command: its words, or MODULE alone for a run of the fork server.
          tf_config: of the cluster, where there is one.
          also: variables of its environment.
        """
        environment = processes.environment_of(tf_config) | (also or {})
        environment[trainer.VARIABLE] = os.fspath(self.folder)
        environment["PYTHONUNBUFFERED"] = "1"
        self._outputs.append(self.folder / f"output_{len(self._outputs)}.txt")
        words = [*command, *self.kind.flags, f"--workdir={self.workdir}"]
        with open(self._outputs[-1], "wb") as output:
            if command == [MODULE]:
                environment |= forked.keep_compiled()
                return forked.start(
                    *words, environment=environment, stdout=output
                )
            return subprocess.Popen(
                words,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        """All that was printed, over all starts."""
        return "".join(p.read_text("utf8", "replace") for p in self._outputs)

    def resumed(self) -> list[int]:
        """The step of each checkpoint that a start went on from, in order."""
        named = re.findall(
            r"^(?:\[0\] )?going on from step_(\d+)", self.output(), re.MULTILINE
        )
        return [int(step) for step in named]

    def _notes(self, name: str) -> list[Note]:
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / name).read_text().splitlines()
            return [
                Note(float(line.split()[0]), *map(int, line.split()[1:]))
                for line in lines
            ]
        return []

    def chunks(self) -> list[Note]:
        """Each chunk that the chief has ended."""
        return [n for n in self._notes("chunks.log") if n.worker == 0]

    def alive(self) -> list[Note]:
        """The trainers that run, with the worker that each one is."""
        return [n for n in self._notes("starts.log") if is_alive(n.process)]

    def steps_saved(self) -> list[int]:
        """Steps that have a checkpoint now."""
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self.workdir / "checkpoints")
            return sorted(int(n[5:]) for n in names if n.startswith("step_"))
        return []

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def result(self) -> dict:
        return json.loads((self.workdir / "result.json").read_text())

    def metrics(self) -> list[dict]:
        text = (self.workdir / "metrics.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    @contextlib.contextmanager
    def cleaned_up(self) -> Iterator["Harmed"]:
        """Ends what still runs, whatever happens."""
        try:
            yield self
        finally:
            if self._outputs and not self.has_ended():
                self.process.kill()
                self.process.wait()
            for note in self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(note.process, 9)


def is_alive(pid: int) -> bool:
    """Whether a process runs one of ours; its number may have been reused."""
    with contextlib.suppress(OSError):
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        dead = state.rpartition(")")[2].split()[0] in "ZX"
        ours = (MODULE.encode(), fork_server.__name__.encode())
        return not dead and any(name in command for name in ours)
    return False


def undisturbed(kind: Kind, folder: pathlib.Path) -> Harmed:
    """Runs a job that nobody touches; of an elastic one, in one process."""
    if kind.least_workers:
        kind = dataclasses.replace(kind, workers=1, least_workers=None)
    with Harmed(kind, folder).cleaned_up() as job:
        job.start()
        code = job.process.wait(TOO_LONG_SECS)
        assert code == 0, job.output()[-3000:]
        return job


def assert_same(job: Harmed, calm: Harmed) -> None:
    """Holds a harmed run against one that nobody touched, to the bit."""
    ours, theirs = job.result(), calm.result()
    assert ours["weights_sha256"] == theirs["weights_sha256"]
    assert ours["evaluation"] == theirs["evaluation"]
    assert job.metrics() == calm.metrics()
