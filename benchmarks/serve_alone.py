r"""How soon `strata serve` is ready, what it holds, and whether it stays so.

  python -m benchmarks.serve_alone --workdir=runs/mnist [--soak_secs=600]

Ready are medians of some starts, each beside the import of TensorFlow alone
where that answers. Then 64 clients ask for one row of 28 x 28 pixels, each as
soon as it is answered. Leaves with 1 where a request failed, or where the
server's memory grew by more than 5 % after the first half minute.

The run is exported before: --formats=saved_model,onnx.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import load
from benchmarks.serve import instances

CLIENTS = 64
# Between two looks at the memory, and until the first.
LOOK_SECS = 30.0
MOST_GROWTH = 1.05
IMPORT = [sys.executable, "-c", "import tensorflow"]


class Started(NamedTuple):
    """A server that is ready.

    Attributes:
      process: of the server.
      port: that it listens on.
      secs: from its start until it was ready.
    """

    process: subprocess.Popen[str]
    port: int
    secs: float

    @property
    def cpu_secs(self) -> float:
        """Processor time that it has taken."""
        found = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        ticks = found.rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_mb(self) -> float:
        """Memory that it holds."""
        found = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(found.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


@contextlib.contextmanager
def started(workdir: str, runtime: str) -> Iterator[Started]:
    """Yields a server once it is ready, and ends it."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "trainer", "serve", f"mnist={workdir}",
         "--port=0", f"--runtime={runtime}"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        secs = time.perf_counter() - began
        if not line:
            sys.exit("strata serve has ended: see what it says above")
        try:
            yield Started(process, int(line.rpartition(":")[2]), secs)
        finally:
            process.terminate()


def show_ready(workdir: str, runtime: str, starts: int) -> None:
    """Prints how soon a runtime is ready."""
    secs, cpu_secs, memory_mb, import_secs = [], [], [], []
    for _ in range(starts):
        if runtime == "tensorflow":
            began = time.perf_counter()
            subprocess.run(IMPORT, check=True, stderr=subprocess.DEVNULL)
            import_secs.append(time.perf_counter() - began)
        with started(workdir, runtime) as server:
            secs.append(server.secs)
            cpu_secs.append(server.cpu_secs)
            memory_mb.append(server.memory_mb)
    middle = statistics.median
    beside = ""
    if import_secs:
        beside = f", `import tensorflow` alone {middle(import_secs):.2f} s"
    print(
        f"{runtime}: ready in {middle(secs):.2f} s ({middle(cpu_secs):.2f} s of"
        f" processor){beside}; {middle(memory_mb):.0f} MB",
        flush=True,
    )


def soak(server: Started, secs: float) -> bool:
    """Asks for some seconds; returns whether it stayed as it was."""
    row = np.random.default_rng(0).integers(0, 256, (28, 28))
    asked = "/v1/models/mnist:predict", instances(row), CLIENTS
    load.ask(server.port, *asked, LOOK_SECS)
    first_mb = most_mb = server.memory_mb
    print(f"{first_mb:.1f} MB after {LOOK_SECS:.0f} s", flush=True)
    total, failed, until = 0.0, 0, time.perf_counter() + secs
    while (left := until - time.perf_counter()) > 1:
        look_secs = min(LOOK_SECS, left)
        seen = load.ask(server.port, *asked, look_secs)
        total, failed = total + seen.rate * look_secs, failed + seen.failed
        most_mb = max(most_mb, server.memory_mb)
        print(
            f"{seen.rate:6.0f} /s, p99 {seen.p99_ms:6.1f} ms, {failed} failed,"
            f" {server.memory_mb:.1f} MB",
            flush=True,
        )
    print(
        f"{total:,.0f} requests of {CLIENTS} clients in {secs:.0f} s, {failed}"
        f" failed; memory x{most_mb / first_mb:.3f} at most"
    )
    return not failed and most_mb <= MOST_GROWTH * first_mb


def main() -> int:
    """Prints what was seen; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--soak_secs", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.starts:
        for runtime in ("onnx", "tensorflow"):
            show_ready(arguments.workdir, runtime, arguments.starts)
    if not arguments.soak_secs:
        return 0
    with started(arguments.workdir, "onnx") as server:
        return 0 if soak(server, arguments.soak_secs) else 1


if __name__ == "__main__":
    sys.exit(main())
