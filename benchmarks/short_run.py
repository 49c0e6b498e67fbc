"""Where the seconds of a short run go, from the command to its end.

  python -m benchmarks.short_run --config=digits [--before=CHECKOUT] [--pairs=4]
      [--image=docs/images/short_run.png] [--data_dir=DIR]

Runs a config as users do and adds up what `result.json` tells of its time; what
is left of the process's own is the page and the end. With --before, the same
in another checkout of Strata, in turn: both see much the same of what else the
machine does. Processor time beside it is that of all threads.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from trainer.process.clock import WORDS

PAGE = "page and end"


class Measured(NamedTuple):
    """A run's seconds, in all and by part, and the bits that it ended with."""

    wall_secs: float
    processor_secs: float
    parts: dict[str, float]
    weights_sha256: str


def parts_of(wall_secs: float, goodput: dict[str, float]) -> dict[str, float]:
    """Returns a process's seconds by part.

    Args:
      wall_secs: of the whole process.
      goodput: of its `result.json`.
    """
    told = {WORDS.get(name, name): secs for name, secs in goodput.items()}
    return {**told, PAGE: wall_secs - sum(goodput.values())}


def measure(checkout: pathlib.Path, flags: list[str]) -> Measured:
    """Runs the trainer of a checkout once, in a workdir of its own."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "-m", "trainer.task", *flags]
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, f"--workdir={workdir}"],
            cwd=checkout,
            stdout=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_secs = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"a run in {checkout} ended with {process.returncode}")
        text = pathlib.Path(workdir, "result.json").read_text()
    result = json.loads(text)
    return Measured(
        wall_secs,
        used.ru_utime + used.ru_stime,
        parts_of(wall_secs, result["goodput"]),
        result["weights_sha256"],
    )


def medians(runs: list[Measured]) -> dict[str, float]:
    """Returns the median of each part, the greatest first."""
    names = dict.fromkeys(name for run in runs for name in run.parts)
    found = {
        name: statistics.median(run.parts.get(name, 0.0) for run in runs)
        for name in names
    }
    return dict(sorted(found.items(), key=lambda part: -part[1]))


def draw(parts: dict[str, dict[str, float]], path: pathlib.Path) -> None:
    """Draws a bar for each checkout, its parts beside each other."""
    from matplotlib.figure import Figure

    from trainer.charts.drawings import COLOURS

    figure = Figure(figsize=(8, 1.6 + 0.7 * len(parts)), layout="constrained")
    axes = figure.subplots()
    names = list(next(reversed(parts.values())))[: len(COLOURS)]
    for row, of in enumerate(parts.values()):
        left = 0.0
        for name, colour in zip(names, COLOURS, strict=False):
            label = name if row == 0 else None
            secs = of.get(name, 0.0)
            axes.barh(row, secs, left=left, color=colour, label=label)
            left += secs
        rest = sum(of.values()) - left
        label = "the rest" if row == 0 else None
        axes.barh(row, rest, left=left, color="#808080", label=label)
    axes.set_yticks(range(len(parts)), list(parts))
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Prints each run, the medians by part and the ratios of pairs."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", default="digits")
    parser.add_argument("--data_dir", help="of a config that reads one")
    parser.add_argument("--before", type=pathlib.Path, metavar="CHECKOUT")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--image", type=pathlib.Path, help="a picture to draw")
    given = parser.parse_args()
    flags = [f"--config={given.config}"]
    if given.data_dir:
        flags.append(f"--data_dir={os.path.abspath(given.data_dir)}")
    checkouts = {"before": given.before} if given.before else {}
    checkouts["now"] = pathlib.Path(__file__).parents[1]
    runs: dict[str, list[Measured]] = {name: [] for name in checkouts}
    for _ in range(given.pairs):
        for name, checkout in checkouts.items():
            runs[name].append(run := measure(checkout, flags))
            print(
                f"{name}: {run.wall_secs:.2f} s, of processors"
                f" {run.processor_secs:.2f} s, weights"
                f" {run.weights_sha256[:12]}",
                flush=True,
            )
    parts = {name: medians(of) for name, of in runs.items()}
    for name, of in parts.items():
        told = ", ".join(f"{part} {secs:.2f}" for part, secs in of.items())
        print(f"{name}: {told}")
    if given.before:
        for field in ("wall_secs", "processor_secs"):
            ratios = sorted(
                getattr(now, field) / getattr(before, field)
                for before, now in zip(runs["before"], runs["now"], strict=True)
            )
            print(
                f"{field}: {statistics.median(ratios):.2f} of before"
                f" ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            )
    if given.image:
        draw(parts, given.image)


if __name__ == "__main__":
    main()
