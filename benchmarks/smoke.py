"""What must not get worse unseen, with wide margins: `make bench-smoke`.

  python -m benchmarks.smoke --data_dir=DIR

Speed is held against Keras's `fit` in the same minute, so that a slow machine
is no failure; memory against the run's own beginning.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from benchmarks import bench

# Measured: 2.1 to 2.4. A loss of half our speed is seen.
LEAST_RATIO = 1.4
ROUNDS = 2
# Chunks of one step each, and what the peak may grow by from the first mark on.
CHUNKS, MARK = 2500, 500
MOST_GROWTH_BYTES = 30 * 2**20
# Of a profile: logs, sums and input against the steps themselves.
MOST_HOST_SHARE = 0.25
FIRST, LAST = 500, 900
# Measured: 0.1, some 5 a chunk of 50 steps, its rows and log lines included. A
# call of each step's own would add 1.
MOST_CALLS_A_STEP = 0.9


def speed(data_dir: str) -> tuple[bool, str]:
    """Holds an epoch of the course recipe against Keras's."""
    ours, theirs = [], []
    for seed in range(ROUNDS):
        flags = (f"--data_dir={data_dir}", "--config.epochs=3")
        ours.append(bench.strata("mnist", *flags, f"--config.seed={seed}"))
        theirs.append(bench.peer("course", sys.executable, data_dir, 3, seed))
    # The quickest after the first, which warms up: other work on the machine
    # disturbed it least.
    mine, keras = (
        min(secs for run in runs for secs in run.found["epoch_secs"][1:])
        for runs in (ours, theirs)
    )
    ratio = keras / mine
    words = (
        f"an epoch takes {mine:.2f} s, Keras's fit {keras:.2f} s: {ratio:.2f} x"
        f" (at least {LEAST_RATIO})"
    )
    return ratio >= LEAST_RATIO, words


def train(workdir: pathlib.Path, *flags: str) -> str:
    """Trains on digits; returns what it printed.

    Raises:
      subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "trainer.task", "--config=digits"]
    ran = subprocess.run(
        [*command, f"--workdir={workdir}", *flags],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return ran.stdout


def memory() -> tuple[bool, str]:
    """Looks for memory that grows with the chunks."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = pathlib.Path(folder) / "run"
        train(
            workdir,
            f"--config.steps={CHUNKS}",
            "--config.steps_per_execution=1",
            f"--config.log.every_steps={MARK}",
            f"--config.evaluation.every_steps={CHUNKS}",
            "--config.log.norms_every_steps=none",
        )
        lines = (workdir / "timing.jsonl").read_text().splitlines()
    peaks = {
        line["step"]: line["host_peak_memory_bytes"]
        for line in map(json.loads, lines)
        if line["split"] == "train"
    }
    growth = peaks[CHUNKS] - peaks[MARK]
    words = (
        f"from chunk {MARK} to {CHUNKS} the peak grew by {growth / 2**20:.1f}"
        f" MiB (at most {MOST_GROWTH_BYTES / 2**20:.0f})"
    )
    return growth <= MOST_GROWTH_BYTES, words


def compilations() -> tuple[bool, str]:
    """Looks for a step that is compiled anew for chunks of another length."""
    with tempfile.TemporaryDirectory() as folder:
        printed = train(
            pathlib.Path(folder) / "run",
            "--config.epochs=3",
            "--config.log.every_steps=5",
            "--config.checkpoint.every_steps=7",
        )
    again = "the training step was compiled" in printed
    words = "compiled once, for chunks of 1 to 5 steps"
    return not again, words if not again else "compiled more than once"


def host_work(data_dir: str) -> tuple[bool, str]:
    """Looks for work of the host that comes with each step."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = pathlib.Path(folder) / "run"
        bench.run(
            [
                *(sys.executable, "-m", "trainer.task", "--config=mnist"),
                *(f"--data_dir={data_dir}", f"--workdir={workdir}"),
                *("--config.epochs=2", f"--profile_steps={FIRST}:{LAST}"),
                "--config.log.norms_every_steps=none",
            ]
        )
        text = (workdir / "profile.txt").read_text()
        calls = host_calls(workdir)
    shares = {
        words[0]: float(words[1].rstrip("%")) / 100
        for words in map(str.split, text.splitlines()[1:8])
    }
    share = shares["host"] + shares["input_wait"]
    per_step = calls / (LAST - FIRST)
    words = (
        f"host and input take {share:.1%} of the steps' time (at most"
        f" {MOST_HOST_SHARE:.0%}), and call TensorFlow {per_step:.2f} times a"
        f" step (at most {MOST_CALLS_A_STEP})"
    )
    return share <= MOST_HOST_SHARE and per_step <= MOST_CALLS_A_STEP, words


def host_calls(workdir: pathlib.Path) -> int:
    """Counts what Python had TensorFlow execute, by a run's trace."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    (path,) = workdir.glob("plugins/profile/*/*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    return sum(
        plane.event_metadata[event.metadata_id].name == "EagerExecute"
        for plane in space.planes
        for line in plane.lines
        for event in line.events
    )


def main() -> int:
    """Prints a line a check; returns 1 where one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", required=True, help="MNIST's four files")
    data_dir = parser.parse_args().data_dir
    held = []
    for check in (
        lambda: speed(data_dir),
        memory,
        compilations,
        lambda: host_work(data_dir),
    ):
        good, words = check()
        held.append(good)
        print(f"{'held' if good else 'MISSED'}: {words}", flush=True)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
