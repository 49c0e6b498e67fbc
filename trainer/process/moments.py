"""Points in time that outlive a process, by two clocks.

The wall clock says something on every machine, and may be set. CLOCK_BOOTTIME
cannot be set and counts a machine's sleep; it begins anew with each boot.
"""

import dataclasses
import functools
import pathlib
import time


@functools.cache
def boot_id() -> str | None:
    """Returns the name of this boot of the machine; None where it has none."""
    try:
        path = pathlib.Path("/proc/sys/kernel/random/boot_id")
        return path.read_text().strip()
    except OSError:
        return None


def boot_secs() -> float:
    """Returns the seconds since some point, sleep included where it is told."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclasses.dataclass(frozen=True)
class Moment:
    """A point in time.

    Attributes:
      unix_secs: of the wall clock.
      boot_secs: of CLOCK_BOOTTIME; None where it is not known.
      boot: which boot that counts from.
    """

    unix_secs: float
    boot_secs: float | None = None
    boot: str | None = None

    def since(self, earlier: "Moment") -> float:
        """Returns the seconds from an earlier moment on.

        The smaller of what the two clocks say, those left out that say that it
        was later: a step of the wall clock is then told on one boot, and costs
        nothing or too much on two.
        """
        said = [self.unix_secs - earlier.unix_secs]
        if self.boot_secs is not None and earlier.boot_secs is not None:
            same = self.boot is not None and self.boot == earlier.boot
            said += [self.boot_secs - earlier.boot_secs] if same else []
        return min((secs for secs in said if secs >= 0), default=0.0)

    def before(self, secs: float) -> "Moment":
        """Returns the moment that was so long before."""
        return Moment(
            self.unix_secs - secs,
            None if self.boot_secs is None else self.boot_secs - secs,
            self.boot,
        )


def now() -> Moment:
    """Returns this moment."""
    return Moment(time.time(), boot_secs(), boot_id())
