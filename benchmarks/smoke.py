"""What must not get worse unseen: `make bench-smoke`.

  python -m benchmarks.smoke --data_dir=DIR [--store]

An epoch, the whole process and its memory are held against those of Keras's
`fit` beside it, so that a slow machine is no failure: none may be 10 % worse
than the ratio that stored_ratios.json has for this kind of processor, which
`--store` measures and writes. On another kind the margins are wide.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks import bench
from benchmarks.contestants import COURSE
from trainer.process import surroundings

STORED = pathlib.Path(__file__).parent / "stored_ratios.json"
# Of Strata's over Keras's, on a kind of processor that was never measured.
WIDE = {"epoch": 0.7, "process": 0.8, "memory": 1.0}
MOST_WORSE = 1.1
# Neighbours after which a ratio may be held, and may be given up.
FEWEST, MOST = 3, 9
EPOCHS = 3
# Chunks of one step each, and what the peak may grow by from the first mark on.
CHUNKS, MARK = 2500, 500
MOST_GROWTH_BYTES = 30 * 2**20
# Of a profile: logs, sums and input against the steps themselves.
MOST_HOST_SHARE = 0.25
FIRST, LAST = 500, 900
# Measured: 0.1, some 5 a chunk of 50 steps, its rows and log lines included. A
# call of each step's own would add 1.
MOST_CALLS_A_STEP = 0.9


class Figures(NamedTuple):
    """What a run took."""

    epoch: float
    process: float
    memory: float


def figures(ran: bench.Ran) -> Figures:
    """Returns what a run took, its first epoch, which warms up, left out."""
    quickest = min(ran.found["epoch_secs"][1:])
    return Figures(quickest, ran.wall_secs, ran.peak_bytes)


def neighbours(data_dir: str) -> Iterator[tuple[Figures, Figures]]:
    """Yields Strata's figures and Keras's, side by side, pair after pair."""
    for seed in range(MOST):
        flags = (f"--data_dir={data_dir}", f"--config.epochs={EPOCHS}")
        yield (
            figures(bench.strata("mnist", *flags, f"--config.seed={seed}")),
            figures(bench.peer(COURSE, data_dir, EPOCHS, seed)),
        )


def ratios(taken: Iterable[tuple[Figures, Figures]]) -> dict[str, float]:
    """Returns Strata's least figures over Keras's.

    Other work on the machine adds to a run, and takes nothing from it: the
    least of several is what it takes by itself.
    """
    ours, theirs = zip(*taken, strict=True)
    return {
        name: min(getattr(run, name) for run in ours)
        / min(getattr(run, name) for run in theirs)
        for name in Figures._fields
    }


def verdict(
    found: Iterable[tuple[Figures, Figures]], most: dict[str, float]
) -> tuple[bool, str]:
    """Holds ratios to the most that they may be.

    Args:
      found: figures of one pair after another. No more are taken than are
        needed: a machine that is busy for a minute is no failure.
      most: by name.

    Returns:
      Whether they were held, and a line of them.
    """
    taken: list[tuple[Figures, Figures]] = []
    least: dict[str, float] = {}
    is_held = False
    for each in found:
        taken.append(each)
        least = ratios(taken)
        is_held = all(least[name] <= most[name] for name in most)
        if is_held and len(taken) >= FEWEST:
            break
    told = ", ".join(
        f"{name} {least[name]:.2f} x (at most {most[name]:.2f})"
        for name in most
    )
    return is_held, f"of Keras's fit, by {len(taken)} pairs: {told}"


def most_now() -> tuple[dict[str, float], str]:
    """Returns the most that each ratio may be here, and why."""
    stored = json.loads(STORED.read_text()).get(surroundings.processor())
    if stored is None:
        return WIDE, f"nothing stored of {surroundings.processor()}"
    return {n: MOST_WORSE * each for n, each in stored.items()}, "as stored"


def store(data_dir: str) -> None:
    """Measures the ratios of this kind of processor, and keeps them."""
    found = ratios(neighbours(data_dir))
    least = {name: round(ratio, 3) for name, ratio in found.items()}
    kept = {
        **json.loads(STORED.read_text()),
        surroundings.processor(): least,
    }
    STORED.write_text(json.dumps(kept, indent=1) + "\n")
    print(f"{surroundings.processor()}: {least}")


def speed(data_dir: str) -> tuple[bool, str]:
    """Holds epoch, process and memory against Keras's."""
    most, why = most_now()
    is_held, words = verdict(neighbours(data_dir), most)
    return is_held, f"{words}; {why}"


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
    parser.add_argument(
        "--store", action="store_true", help="measure and keep what is held"
    )
    asked = parser.parse_args()
    data_dir = asked.data_dir
    if asked.store:
        store(data_dir)
        return 0
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
