"""What networks side by side gain: `python -m benchmarks.stack`.

First a chunk of steps of K networks of a width on the digits, as one program,
beside K times that of one network alone, by turns in this process; and what
compiling either takes. Then, with --whole=K, the loops of K whole runs of
configs/digits.py in one process beside that of one run in one, from its first
training call to its end.

  python -m benchmarks.stack --widths=32,64,128,256,512 --networks=4,16
  python -m benchmarks.stack --widths= --whole=16
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
from collections.abc import Callable

import tensorflow as tf

from trainer import flags
from trainer import sources
from trainer.config import Config
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.problem import problems
from trainer.process.columns import lay_out
from trainer.steps import stacked
from trainer.steps import training
from trainer.steps.options import StepOptions

STEPS = 40
ROUNDS = 15


def program(width: int, count: int) -> Callable[[], None]:
    """Returns what trains a chunk of so many networks, and waits for it."""
    strategy = tf.distribute.get_strategy()
    configs, built, chunks = [], [], []
    for seed in range(count):
        words = [
            "--config=digits",
            f"--config.model.hidden_units={width},{width}",
            f"--config.seed={seed}",
        ]
        config = flags.parse(words)[1]
        dataset = sources.load(config.data, seed=seed, data_dir=None)
        problem, dataset = problems.settle(config, dataset)
        built.append(
            networks.build(
                config, problem, dataset, strategy, 10_000, stateless=count > 1
            )
        )
        plan = pipeline.Plan(
            examples=dataset.splits["train"].examples,
            global_batch_size=config.global_batch_size,
            total_steps=STEPS,
            replicas=1,
            most_steps=STEPS,
            seed=seed,
        )
        split = dataset.splits["train"]
        chunks.append(next(pipeline.distribute(strategy, split, plan)))
        configs.append(config)
    options = _options(configs[0])
    if count == 1:
        alone = training.training_loop(strategy, built[0], options)
        return lambda: alone(chunks[0], tf.zeros(2)).sums.numpy()
    beside = stacked.training_loop(built, configs, options)
    active = tf.fill([count], True)
    return lambda: beside(chunks, active).sums.numpy()


def _options(config: Config) -> StepOptions:
    return StepOptions(
        seed=config.seed,
        optimizer=config.optimizer,
        augmentation=config.data.augmentation,
        compiled="step",
        total_steps=10_000,
    )


def _secs(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def told_of_width(width: int, counts: list[int]) -> list[str]:
    """Returns a line of the table: milliseconds a step, and shares."""
    programs = {count: program(width, count) for count in (1, *counts)}
    compiled = {count: _secs(call) for count, call in programs.items()}
    secs: dict[int, list[float]] = {count: [] for count in programs}
    for _ in range(ROUNDS):
        for count, call in programs.items():
            secs[count].append(_secs(call))
    step = {n: 1e3 * statistics.median(s) / STEPS for n, s in secs.items()}
    line = [str(width), f"{step[1]:.3f}", f"{compiled[1]:.1f}"]
    for n in counts:
        line += [
            f"{step[n]:.3f}",
            f"{step[n] / (n * step[1]):.2f}",
            f"{compiled[n]:.1f}",
        ]
    return line


def loop_secs(module: str, commands: list[list[str]]) -> float:
    """Runs commands in a process; returns the seconds of their loop."""
    with tempfile.TemporaryDirectory() as name:
        folder, words = pathlib.Path(name), []
        for number, own in enumerate(commands):
            words += ["+"] * (len(commands) > 1)
            words += [*own, f"--workdir={folder / str(number)}"]
        subprocess.run(
            [sys.executable, "-m", module, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        spent = [
            json.loads(path.read_text())["goodput"]
            for path in folder.glob("*/result.json")
        ]
    return max(sum(s.values()) - s["setup"] for s in spent)


def main(argv: list[str]) -> None:
    """Prints the table of widths, and the loops of whole runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", default="32,64,128,256,512")
    parser.add_argument("--networks", default="4,16")
    parser.add_argument("--whole", type=int, default=0)
    asked, words = parser.parse_known_args(argv)
    widths = [int(w) for w in asked.widths.split(",") if w]
    counts = [int(n) for n in asked.networks.split(",")]
    table = [["width", "1: ms a step", "compiled, s"]]
    for n in counts:
        table[0] += [f"{n}: ms a step", f"of {n} times 1", "compiled, s"]
    for width in widths:
        table.append(told_of_width(width, counts))
    if widths:
        print(lay_out(table))
    if asked.whole:
        plain = ["--config=digits", "--config.evaluation.test_at_end=False"]
        commands = [
            [*plain, f"--config.seed={n}", *words] for n in range(asked.whole)
        ]
        one = loop_secs("trainer.task", commands[:1])
        beside = loop_secs("trainer.api.side_by_side", commands)
        print(
            f"loop of one run {one:.1f} s, of {asked.whole} side by side"
            f" {beside:.1f} s: {beside / one:.1f} times"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
