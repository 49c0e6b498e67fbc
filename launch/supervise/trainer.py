"""The trainer as its launchers see it: its command, its logs, its progress."""

import contextlib
import os
import pathlib

from trainer.process.surroundings import module_command
from trainer.storage.names import step_of

MODULE = "trainer.task"
TRAINER = module_command(MODULE)


def newest_step(workdir: pathlib.Path) -> int:
    """Returns the step of the newest checkpoint; 0 where there is none."""
    with contextlib.suppress(OSError):
        names = os.listdir(workdir / "checkpoints")
        return max((step_of(name) or 0 for name in names), default=0)
    return 0
