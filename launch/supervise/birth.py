"""How a process of a job begins: in its network, and bound to its maker."""

import ctypes
import signal

from trainer.launch.supervise.enclosure import Enclosure

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def begin(enclosure: Enclosure | None) -> None:
    """Makes ready this process, just before it becomes a program.

    Args:
      enclosure: the network that it is put into; None for its maker's.
    """
    if enclosure is not None:
        enclosure.enter()
    # Last: the kernel forgets it where rights change.
    die_with_parent()


def die_with_parent() -> None:
    """Has the kernel kill this process when its maker dies."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
