"""One task of a sweep's array on Slurm: works, and waits again where it pays.

Slurm itself queues a task again that it preempts, or whose node is lost.
"""

import os
import sys

from trainer.launch.slurm.array import own_number
from trainer.launch.slurm.batch import read_flags
from trainer.launch.slurm.batch import requeue
from trainer.launch.sweep import __main__ as sweep
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import STOPPED
from trainer.process.exits import verb


@verb
def main(argv: list[str]) -> int:
    """Runs the task; returns the sweep's exit code.

    Raises:
      UserError: a flag that is unknown or of the wrong kind.
    """
    wanted, words = read_flags(argv)
    code = sweep.main(words)
    starts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    failed_once = code == CLUSTER_FAILED and starts < wanted.max_restarts
    if wanted.requeue and (code == STOPPED or failed_once):
        requeue(own_number(os.environ))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
