"""Epochs of two programs in turn: both see the same weather.

What else a shared machine does changes its speed by a half within seconds, so
that two runs one after the other say little of which is quicker. Here both are
started and warmed up; then one waits while the other trains an epoch.
"""

import subprocess
import time

from benchmarks.peers.data import IN_TURN
from benchmarks.peers.data import MARK

# Threads that spin for more work have given up by then.
REST_SECS = 0.2


class Contestant:
    """A program that trains an epoch when it is told to."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command,
            env={**environment, IN_TURN: "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the program, wherever it is."""
        self._process.kill()
        self._process.communicate()

    def epoch_secs(self) -> float:
        """Trains an epoch; returns its seconds by the program's own clock.

        Raises:
          RuntimeError: the program ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            # What the program says itself may stand before it.
            if MARK in line:
                return float(line.rpartition(MARK)[2])
        raise RuntimeError(f"{self._command} ended before its time")


def take(
    ours: list[str],
    theirs: list[str],
    environment: dict[str, str],
    turns: int,
) -> list[tuple[float, float]]:
    """Returns the seconds of (our, their) epoch of each turn.

    Args:
      ours: a command whose epochs are timed by peers/data.py.
      theirs: likewise.
      environment: of both.
      turns: how many, after one that warms up.
    """
    with (
        Contestant(ours, environment) as one,
        Contestant(theirs, environment) as other,
    ):
        found = []
        for turn in range(turns + 1):
            pair = (one, other) if turn % 2 else (other, one)
            secs = {}
            for contestant in pair:
                time.sleep(REST_SECS)
                secs[contestant] = contestant.epoch_secs()
            found.append((secs[one], secs[other]))
        return found[1:]
