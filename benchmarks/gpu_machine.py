"""Runs of the trainer on the device at hand, for benchmarks.on_gpu."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.gpu_wrapped import Wrapping
from trainer.workdir import checkpoints

ROOT = pathlib.Path(__file__).parents[1]
# Of any one process: the first compilations on a GPU autotune, and minutes are
# paid for; a CPU may be busy, and costs nothing.
GPU_SECS, CPU_SECS = 150, 1200


class MissedError(Exception):
    """What is claimed does not hold."""


def hold(is_true: bool, words: str) -> None:
    """Raises MissedError, with these words, where something is not true."""
    if not is_true:
        raise MissedError(words)


@dataclasses.dataclass(frozen=True)
class Run:
    """A trainer that ended.

    Attributes:
      workdir: of the run.
      code: that it ended with.
      text: that it printed.
    """

    workdir: pathlib.Path
    code: int
    text: str

    @property
    def result(self) -> dict:
        """What result.json says."""
        return json.loads((self.workdir / "result.json").read_text())

    @property
    def accuracy(self) -> float:
        """Of the test split."""
        return self.result["evaluation"]["test"]["accuracy"]

    @property
    def epoch_secs(self) -> float:
        """Of the quickest epoch after the first, which compiles."""
        return min(self.result["timing"]["epoch_secs"][1:])

    @property
    def losses(self) -> np.ndarray:
        """Those of the logged steps, float [steps]."""
        lines = self._lines("metrics.jsonl")
        return np.array(
            [line["loss"] for line in lines if line["split"] == "train"]
        )

    @property
    def device_peak_bytes(self) -> int | None:
        """The most memory that a device of it held; None where untold."""
        name = "device_peak_memory_bytes"
        lines = self._lines("timing.jsonl")
        found = [line[name] for line in lines if name in line]
        return max(found, default=None)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """All arrays of the newest checkpoint."""
        path = checkpoints.newest_good(self.workdir / "checkpoints")
        hold(path is not None, f"{self.workdir.name} has no checkpoint")
        assert path is not None
        with np.load(path / "state.npz") as arrays:
            return dict(arrays)

    def _lines(self, name: str) -> list[dict]:
        text = (self.workdir / name).read_text()
        return [json.loads(line) for line in text.splitlines()]


def is_same(one: Run, other: Run) -> bool:
    """Whether two runs ended with the same weights, to the bit."""
    ours, theirs = one.weights, other.weights
    return ours.keys() == theirs.keys() and all(
        np.array_equal(ours[name], theirs[name]) for name in ours
    )


def apart(one: Run, other: Run) -> float:
    """Returns by how much, at most, the losses of two runs differ."""
    ours, theirs = one.losses, other.losses
    hold(ours.shape == theirs.shape, f"{ours.size} losses and {theirs.size}")
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))


class Machine:
    """The device that is tried, and the runs that several checks look at."""

    def __init__(
        self, kind: str, data_dir: str | None, folder: pathlib.Path
    ) -> None:
        """Has run nothing yet.

        Args:
          kind: "GPU", or "CPU", where all is tried on less.
          data_dir: of MNIST's four files.
          folder: for workdirs.
        """
        self.kind, self.data_dir, self.folder = kind, data_dir, folder
        self.is_dry = kind == "CPU"
        self.recipe = (
            ("--config=digits", "--config.epochs=5")
            if self.is_dry
            else ("--config=mnist", f"--data_dir={data_dir}")
        )
        # Of the recipe's 185 steps, or 2345.
        self.checkpoint_steps, self.at_step = (
            (40, 100) if self.is_dry else (500, 1200)
        )
        self.most_secs = CPU_SECS if self.is_dry else GPU_SECS
        self.floor = 0.5 if self.is_dry else 0.97

    def train(
        self,
        name: str,
        *flags: str,
        wrapping: Wrapping | None = None,
        code: int = 0,
        on_cpu: bool = False,
    ) -> Run:
        """Runs the trainer.

        Args:
          name: of the workdir.
          flags: of the trainer.
          wrapping: what is done to it.
          code: that it is to end with.
          on_cpu: whatever devices there are.

        Raises:
          MissedError: it ended with another code.
        """
        with self.started(
            name, *flags, wrapping=wrapping, on_cpu=on_cpu
        ) as process:
            text, _ = process.communicate(timeout=self.most_secs)
        last = " / ".join(text.splitlines()[-3:])
        hold(
            process.returncode == code,
            f"{name} ended with {process.returncode}, not {code}: {last}",
        )
        return Run(self.folder / name, process.returncode, text)

    @contextlib.contextmanager
    def started(
        self,
        name: str,
        *flags: str,
        wrapping: Wrapping | None = None,
        on_cpu: bool = False,
    ) -> Iterator[subprocess.Popen]:
        """Starts the trainer, and ends it in the end."""
        module = ["trainer.task"]
        if wrapping is not None:
            words = json.dumps(dataclasses.asdict(wrapping))
            module = ["benchmarks.gpu_wrapped", words]
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if on_cpu else {}
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", *module),
                *(f"--workdir={self.folder / name}", *flags),
            ],
            cwd=ROOT,
            env={**os.environ, **hidden},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def trained(self, name: str, *flags: str) -> Run:
        """Trains the recipe, checkpoints and all, and holds its score."""
        run = self.train(name, *self.recipe, *self._saved, *flags)
        hold(
            run.accuracy >= self.floor,
            f"{name} scored {run.accuracy:.2%}, less than {self.floor:.0%}",
        )
        return run

    def interrupted(self, name: str, what: str, code: int) -> Run:
        """Trains the recipe until something happens; see `Wrapping.what`."""
        wrapping = Wrapping(self.kind, at_step=self.at_step, what=what)
        flags = (*self.recipe, *self._saved)
        return self.train(name, *flags, wrapping=wrapping, code=code)

    def fifty(
        self,
        name: str,
        *flags: str,
        wrapping: Wrapping | None = None,
        on_cpu: bool = False,
    ) -> Run:
        """Trains 50 steps of the recipe, each logged."""
        return self.train(
            name,
            *self.recipe,
            *("--config.epochs=none", "--config.steps=50"),
            *("--config.log.every_steps=1", "--config.log.report=False"),
            *flags,
            wrapping=wrapping,
            on_cpu=on_cpu,
        )

    @property
    def _saved(self) -> tuple[str, str]:
        every = f"--config.checkpoint.every_steps={self.checkpoint_steps}"
        return every, "--config.log.report=False"

    @functools.cached_property
    def reference(self) -> Run:
        """The recipe, undisturbed."""
        return self.trained("recipe")

    @functools.cached_property
    def first_fifty(self) -> Run:
        """Its first 50 steps."""
        return self.fifty("fifty")

    def devices(self, run: Run) -> str:
        """Says what devices a run told of."""
        found = re.search(r"devices here: (.*)", run.text)
        hold(found is not None, "the devices are not told")
        assert found is not None
        return found[1]
