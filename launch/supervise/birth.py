"""How a process of a job begins: in its network, and bound to its maker."""

from trainer.launch.supervise.enclosure import Enclosure
from trainer.process.parent import die_with_parent


def begin(enclosure: Enclosure | None) -> None:
    """Makes ready this process, just before it becomes a program.

    Args:
      enclosure: the network that it is put into; None for its maker's.
    """
    if enclosure is not None:
        enclosure.enter()
    # Last: the kernel forgets it where rights change.
    die_with_parent()
