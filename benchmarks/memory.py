"""Where a run's peak of memory is: what each part adds to the process.

  python -m benchmarks.memory --config=mnist --data_dir=DIR [trainer flags]

Runs the trainer in this process and asks the system, after each import and each
part of the run, how much of the process is in memory: what it wrote itself
(anonymous), and what it maps from files, most of that TensorFlow's own code.
"""

import contextlib
import importlib
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple
from unittest import mock

MB = 1e6


class Held(NamedTuple):
    """Bytes of this process that are in memory."""

    anonymous: int
    mapped: int

    @classmethod
    def now(cls) -> "Held":
        status = pathlib.Path("/proc/self/status").read_text()
        kib = {
            name: int(value.split()[0])
            for name, _, value in (
                line.partition(":") for line in status.splitlines()
            )
            if name.startswith("Rss")
        }
        mapped = kib["RssFile"] + kib["RssShmem"]
        return cls(kib["RssAnon"] * 1024, mapped * 1024)


class Parts:
    """What each part has added so far, in the order of their first ends."""

    def __init__(self) -> None:
        self._last = Held(0, 0)
        self.added: dict[str, Held] = {}

    def end(self, name: str) -> None:
        """Counts what was added since the last end for this part."""
        now, before = Held.now(), self.added.get(name, Held(0, 0))
        self.added[name] = Held(
            before.anonymous + now.anonymous - self._last.anonymous,
            before.mapped + now.mapped - self._last.mapped,
        )
        self._last = now

    def told(self) -> str:
        rows = [
            "| after | anonymous | mapped | both so far |",
            "|---|---:|---:|---:|",
        ]
        total = 0.0
        for name, (anonymous, mapped) in self.added.items():
            total += anonymous + mapped
            rows.append(
                f"| {name} | {anonymous / MB:+.0f} | {mapped / MB:+.0f}"
                f" | {total / MB:,.0f} MB |"
            )
        return "\n".join(rows)


@contextlib.contextmanager
def watched(parts: Parts) -> Iterator[None]:
    """Has each part of a run count what it added, while it is inside."""
    from trainer import sources
    from trainer.process.clock import Clock
    from trainer.process.clock import WORDS

    load, count = sources.load, Clock.count

    def counted_load(*args, **keywords):
        parts.end("Strata, flags and files")
        loaded = load(*args, **keywords)
        parts.end("the rows, as stored")
        return loaded

    @contextlib.contextmanager
    def counted(clock: Clock, category: str) -> Iterator[None]:
        if not clock.secs:
            parts.end("the network and the pipelines")
        with count(clock, category):
            yield
        parts.end(WORDS[category])

    with (
        mock.patch.object(sources, "load", counted_load),
        mock.patch.object(Clock, "count", counted),
    ):
        yield


def main() -> None:
    parts = Parts()
    parts.end("Python")
    importlib.import_module("numpy")
    parts.end("import of NumPy")
    from trainer import task
    from trainer.devices import start
    from trainer.process.stopping import Stop

    parts.end("import of Strata's door")
    with start.eased():
        importlib.import_module("tensorflow")
    parts.end("import of TensorFlow, Keras within it")

    with tempfile.TemporaryDirectory() as workdir, watched(parts):
        task.run([*sys.argv[1:], f"--workdir={workdir}"], Stop())
        parts.end("the page")
    print(parts.told())


if __name__ == "__main__":
    main()
