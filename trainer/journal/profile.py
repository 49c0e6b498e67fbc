"""A trace of some steps, and ten lines on where their time went."""

import contextlib
import time
from collections.abc import Iterator

import tensorflow as tf

from trainer.model.network import Network
from trainer.process.clock import Clock
from trainer.process.clock import Since
from trainer.storage.files import write_atomically
from trainer.workdir.folder import PROFILE_FILE
from trainer.workdir.folder import Workdir

_WORDS = {
    "input_wait": "waiting for the next rows",
    "dispatch": "calling the compiled steps; on CPUs, which are not"
    " asynchronous, running them",
    "device": "waiting for the devices' results",
    "evaluate": "scoring",
    "checkpoint": "handing snapshots to the writer",
    "look": "norms and histograms",
    "host": "all else: logs, sums, event files",
}
_TIMED_PRODUCTS = 20


class Profile:
    """Traces steps [first, last) of a run, where they are wanted."""

    def __init__(
        self,
        steps: tuple[int, int] | None,
        workdir: Workdir,
        clock: Clock,
        network: Network,
        replica_batch_size: int,
    ) -> None:
        """Waits for the first step.

        Args:
          steps: (first, last), or None for no profile.
          workdir: that the trace and the text go to.
          clock: that counts the other stages.
          network: whose arithmetic is estimated.
          replica_batch_size: rows of a replica's step.
        """
        self._steps = steps
        self._workdir, self._clock = workdir, clock
        self._network, self._rows = network, replica_batch_size
        self._began: tuple[int, float, Since] | None = None
        self._secs: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        spent = time.perf_counter() - start
        self._secs[name] = self._secs.get(name, 0.0) + spent

    def at(self, step: int) -> None:
        """Begins or ends where the run stands at this step.

        Raises:
          OSError: the workdir cannot be written.
        """
        if self._steps is None:
            return
        first, last = self._steps
        if self._began is None and first <= step < last:
            tf.profiler.experimental.start(str(self._workdir.path))
            self._secs = {}
            since = Since(self._clock.secs)
            self._began = (step, time.perf_counter(), since)
        elif step >= last:
            self.end(step)

    def end(self, step: int) -> None:
        """Ends where one was begun, and says what was found.

        Raises:
          OSError: the workdir cannot be written.
        """
        if self._steps is None:
            return
        if self._began is None:
            first, last = self._steps
            print(f"no profile: this start took no step of {first} to {last}")
            self._steps = None
            return
        first, began, since = self._began
        wall_secs = time.perf_counter() - began
        tf.profiler.experimental.stop()
        self._steps = None
        names = ("input_wait", "evaluate", "checkpoint", "look")
        spent = since.take({name: self._clock.of(name) for name in names})
        secs = self._secs | spent
        secs["host"] = max(0.0, wall_secs - sum(secs.values()))
        text = (
            describe(first, step, wall_secs, secs)
            + "\n"
            + self._estimate(
                (secs["dispatch"] + secs["device"]) / (step - first)
            )
        )
        write_atomically(self._workdir / PROFILE_FILE, text.encode())
        print(text, end="", flush=True)

    def _estimate(self, step_secs: float) -> str:
        """Says what the matrix products take, from their arithmetic alone.

        A kernel of n weights takes 2 n operations a row forward, as many for
        its own gradient, and as many for that of its input, which the first
        layer does without.
        """
        kernels = [
            v.value
            for v in self._network.model.trainable_variables
            if len(v.shape) == 2
        ]
        sizes = [int(tf.size(k)) for k in kernels]
        operations = self._rows * (6 * sum(sizes) - 2 * sizes[0])
        widest = max(kernels, key=lambda k: int(tf.size(k)))
        x = tf.ones([self._rows, widest.shape[0]])
        tf.matmul(x, widest).numpy()
        start = time.perf_counter()
        for _ in range(_TIMED_PRODUCTS):
            y = tf.matmul(x, widest)
        y.numpy()
        speed = (
            _TIMED_PRODUCTS
            * 2
            * self._rows
            * int(tf.size(widest))
            / (time.perf_counter() - start)
        )
        share = operations / speed / max(step_secs, 1e-9)
        return (
            f"estimate: a replica's matrix products, {operations / 1e9:.2f}"
            f" GFLOP a step, take {1e3 * operations / speed:.2f} ms at the"
            f" {speed / 1e9:.0f} GFLOP/s that TensorFlow's own reaches here for"
            f" the widest layer: {share:.0%} of dispatch and device\n"
            'trace: TensorBoard\'s tab Profile, with the extra "profile"\n'
        )


def describe(
    first: int, last: int, wall_secs: float, secs: dict[str, float]
) -> str:
    """Returns a line on the whole and one on each stage.

    Args:
      first: step that the profile began at.
      last: step that it ended at.
      wall_secs: that it took.
      secs: by stage.
    """
    steps = last - first
    lines = [
        f"profile: steps {first} to {last} took {wall_secs:.3f} s,"
        f" {1e3 * wall_secs / steps:.2f} ms a step"
    ]
    for name, words in _WORDS.items():
        spent = secs.get(name, 0.0)
        lines.append(
            f"  {name:10}  {spent / wall_secs:6.1%}  {spent:8.3f} s  {words}"
        )
    return "\n".join(lines)
