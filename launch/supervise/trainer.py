"""The trainer as its launchers see it: its command, its logs, its progress."""

import contextlib
import os
import pathlib
import sys

from trainer.storage.names import step_of

# Holds the package trainer, in which a wheel has this one.
ROOT = pathlib.Path(__file__).parents[3]


def module_command(module: str, python: str = sys.executable) -> list[str]:
    """Returns the words that run a module of Strata's from this folder.

    Python would look into the current folder first, and find a trainer.py that
    a user has there. With -P it does not, and need not but where Strata itself
    stands there.
    """
    stands_here = os.path.samefile(os.curdir, ROOT)
    return [python, *([] if stands_here else ["-P"]), "-m", module]


TRAINER = module_command("trainer.task")


def newest_step(workdir: pathlib.Path) -> int:
    """Returns the step of the newest checkpoint; 0 where there is none."""
    with contextlib.suppress(OSError):
        names = os.listdir(workdir / "checkpoints")
        return max((step_of(name) or 0 for name in names), default=0)
    return 0
