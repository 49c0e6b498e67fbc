"""What replicas and workers cost: step time, bytes sent, and waiting.

  python -m benchmarks.replicas --data_dir=DIR [--rounds=3]

The course recipe and wider and narrower networks, on one process with one core;
on two logical devices; and on two workers with a core each, over the loopback
and over links of 10 and 1 Gbit/s (network namespaces, shaped by `tc tbf`; needs
root). Of several rounds each point is the median. Writes
benchmarks/replicas.json, which benchmarks.scaling fits and checks
its model on.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from benchmarks import bench
from benchmarks import cost_model
from tests.faults import network

POINTS = bench.ROOT / "benchmarks" / "replicas.json"
WIDTHS = (196, 784, 1568)
BATCHES = (128, 512)
LINKS = {"loopback": None, "10 Gbit/s": 10e9, "1 Gbit/s": 1e9}
STEPS = 300
# Steps of the log's lines that are left out: the first chunks compile.
WARM_STEPS = 100
PORTS = (2222, 2223)
# Of a link's own rate, that passes at once: with less it would be throttled.
BURST_SECS = 0.01


class Ran(NamedTuple):
    """A run's seconds a step, those spent on own work, and bytes sent."""

    step_secs: float
    own_secs: float | None
    sent_bytes: int


def flags_of(width: int, batch: int, steps: int, data_dir: str) -> list[str]:
    """Returns the trainer's flags for a network."""
    return [
        *(sys.executable, "-m", "trainer.task", "--config=mnist"),
        *(f"--data_dir={data_dir}", f"--config.steps={steps}"),
        f"--config.model.hidden_units={width},",
        f"--config.global_batch_size={batch}",
        *("--config.log.every_steps=50", "--config.log.report=false"),
        *("--config.log.tensorboard=false", "--config.steps_per_execution=25"),
        "--config.evaluation.global_batch_size=1000",
    ]


def read(workdir: pathlib.Path) -> tuple[float, float | None]:
    """Returns median seconds a step, and those that a worker itself worked."""
    text = (workdir / "timing.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    lines = [
        line
        for line in lines
        if line["split"] == "train" and line["step"] > WARM_STEPS
    ]
    own = [
        line[name]
        for line in lines
        for name in ("worker_secs/0", "worker_secs/1")
        if name in line
    ]
    return (
        statistics.median(line["step_secs"] for line in lines),
        statistics.median(own) if own else None,
    )


def run(
    commands: list[list[str]],
    environments: list[dict[str, str]],
    counter: tuple[network.Host, str] | None = None,
) -> Ran:
    """Runs a job's processes to their end, in a workdir that they share.

    Args:
      commands: a worker each, the chief first.
      environments: what each adds to this process's environment.
      counter: the chief's host and the device that it sends by.

    Raises:
      RuntimeError: one of them failed.
    """
    with tempfile.TemporaryDirectory() as name:
        workdir = pathlib.Path(name) / "run"
        before = _bytes(counter)
        processes = [
            subprocess.Popen(
                [*command, f"--workdir={workdir}"],
                env={**os.environ, **more},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for command, more in zip(commands, environments, strict=True)
        ]
        codes = [process.wait() for process in processes]
        if any(codes):
            raise RuntimeError(f"the workers left with {codes}")
        return Ran(*read(workdir), _bytes(counter) - before)


def _bytes(counter: tuple[network.Host, str] | None) -> int:
    """Returns what a host has sent by a device so far."""
    if counter is None:
        return 0
    host, device = counter
    told = subprocess.run(
        ["ip", "-n", host.name, "-s", "-j", "link", "show", "dev", device],
        capture_output=True,
        check=True,
    )
    return json.loads(told.stdout)[0]["stats64"]["tx"]["bytes"]


class Lab:
    """Two hosts that are made for this, each with one core for its worker."""

    def __init__(self, hosts: list[network.Host], link: str) -> None:
        """Shapes the link; over the loopback both workers are on one host."""
        self._near = link == "loopback"
        self._hosts = hosts[:1] * 2 if self._near else hosts
        self._rate = LINKS[link]

    @contextlib.contextmanager
    def shaped(self) -> Iterator[None]:
        """Holds the link at its rate, both ways."""
        if self._rate is None:
            yield
            return
        words = ["qdisc", "add", "dev", "eth0", "root", "tbf"]
        size = int(BURST_SECS * self._rate / 8)
        rule = ["rate", f"{self._rate / 1e6:.0f}mbit", "burst", str(size)]
        for host in self._hosts:
            subprocess.run(
                ["tc", "-n", host.name, *words, *rule, "latency", "50ms"],
                check=True,
            )
        try:
            yield
        finally:
            for host in self._hosts:
                host.speed_up()

    def run(self, flags: list[str]) -> Ran:
        """Trains by two workers."""
        places = ["127.0.0.1"] * 2
        if not self._near:
            places = [host.address for host in self._hosts]
        workers = [f"{a}:{p}" for a, p in zip(places, PORTS, strict=True)]
        commands, environments = [], []
        for index, host in enumerate(self._hosts):
            pinned = ["taskset", "--cpu-list", str(index)]
            commands.append([*host.enter(), *pinned, *flags])
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": workers}, "task": task}
            environments.append({"TF_CONFIG": json.dumps(cluster)})
        device = "lo" if self._near else "eth0"
        counter = (self._hosts[0], device)
        return run(commands, environments, counter)


def single(flags: list[str], *more: str, cores: str) -> Ran:
    """Trains in one process, on some of the cores."""
    command = ["taskset", "--cpu-list", cores, *flags, *more]
    return run([command], [{}])


def point(kind: str, width: int, batch: int, ran: Ran, **more: Any) -> dict:
    """Returns what is kept of a run, and prints it."""
    replicas = 1 if kind == "one core" else 2
    sizes = cost_model.Network(784, (width,), 10)
    found = {
        "kind": kind,
        "width": width,
        "batch": batch,
        "replicas": replicas,
        "gradient_bytes": cost_model.FLOAT_BYTES * sizes.weights,
        "step_secs": ran.step_secs,
        "own_secs": ran.own_secs,
        **more,
    }
    waits = "" if ran.own_secs is None else f", own {1e3 * ran.own_secs:.2f}"
    print(
        f"{kind:20} 784-{width}-10, batch {batch}:"
        f" {1e3 * ran.step_secs:7.2f} ms a step{waits}",
        flush=True,
    )
    return found


def measure(data_dir: str) -> Iterator[dict]:
    """Yields a point for each network, batch and way of running."""
    sizes = [(width, batch) for width in WIDTHS for batch in BATCHES]
    for width, batch in sizes:
        flags = flags_of(width, batch, STEPS, data_dir)
        yield point("one core", width, batch, single(flags, cores="0"))
        if batch == BATCHES[0]:
            ran = single(flags, "--cpu_devices=2", cores="0,1")
            yield point("two logical devices", width, batch, ran)
    with network.hosts(2) as hosts:
        for link, rate in LINKS.items():
            lab = Lab(hosts, link)
            with lab.shaped():
                for width, batch in sizes:
                    ran = lab.run(flags_of(width, batch, STEPS, data_dir))
                    more: dict[str, Any] = {"bits_per_sec": rate}
                    # Twice as many steps: what is left is the steps' alone.
                    if batch == BATCHES[0] and rate == LINKS["1 Gbit/s"]:
                        flags = flags_of(width, batch, 2 * STEPS, data_dir)
                        sent = lab.run(flags).sent_bytes - ran.sent_bytes
                        more["sent_bytes"] = sent / STEPS
                    yield point(f"workers, {link}", width, batch, ran, **more)


def median_of(rounds: tuple[dict, ...]) -> dict:
    """Returns a point whose figures are the medians of each round's."""
    found = dict(rounds[0])
    for name in ("step_secs", "own_secs", "sent_bytes"):
        if found.get(name) is not None:
            found[name] = statistics.median(each[name] for each in rounds)
    return found | {"rounds_step_secs": [each["step_secs"] for each in rounds]}


def main() -> None:
    """Prints and keeps what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", required=True, help="MNIST's four files")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rounds = [list(measure(asked.data_dir)) for _ in range(asked.rounds)]
    found: dict[str, Any] = {
        "machine": bench.machine(),
        "points": list(map(median_of, zip(*rounds, strict=True))),
    }
    POINTS.write_text(json.dumps(found, indent=1) + "\n")
    for each in found["points"]:
        if "sent_bytes" in each:
            wanted = cost_model.ring_bytes(each["gradient_bytes"], 2)
            print(
                f"784-{each['width']}-10 sends {each['sent_bytes']:,.0f} bytes"
                f" a step; a ring's {wanted:,.0f}:"
                f" {each['sent_bytes'] / wanted:.4f} x"
            )


if __name__ == "__main__":
    main()
