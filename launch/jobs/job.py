"""A job, as `strata jobs` knows it, and what a launcher says of its own."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from trainer.launch.jobs.run import Run

RUNNING, WAITING, ENDED = "running", "waiting", "ended"
# Of one that could not be asked about.
UNKNOWN = "?"


@dataclasses.dataclass(frozen=True)
class Job:
    """One job of a launcher.

    Attributes:
      launcher: that runs it.
      name: by which its launcher knows it.
      state: RUNNING, WAITING, ENDED or UNKNOWN.
      where: hosts, machines or pods, in words.
      machines: (kind, how many) of what is paid for, as prices name them.
      run: what its workdir shows, where that can be seen from here.
      began_unix_secs: since when it runs; None where that is not known.
      place: what its launcher needs to find it again.
    """

    launcher: str
    name: str
    state: str
    where: str
    machines: tuple[tuple[str, int], ...] = ()
    run: Run | None = None
    began_unix_secs: float | None = None
    place: str = ""

    @property
    def title(self) -> str:
        """By which a person names it."""
        return f"{self.launcher}/{self.name}"


class Platform(Protocol):
    """What a launcher's room says of its jobs, in a module `platform`."""

    def find(self, runs: Sequence[Run]) -> list[Job]:
        """Lists the jobs; those whose tools are not here are none.

        Args:
          runs: what the workdirs here show; a platform may know whose.

        Raises:
          PlatformError: the platform could not be asked.
        """
        ...

    def show_log(self, job: Job) -> int:
        """Prints what its chief said; returns the exit code."""
        ...

    def stop(self, job: Job) -> str:
        """Has it write a checkpoint and end; returns what follows, in words.

        Raises:
          UserError: it cannot be told.
        """
        ...


class PlatformError(Exception):
    """A platform could not be asked; says why, in a line."""
