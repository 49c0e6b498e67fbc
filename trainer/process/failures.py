"""What fails from outside is told in one line, and may be tried again."""

import errno
import functools
from collections.abc import Callable

from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import ClusterError
from trainer.process.exits import tell

DISK_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EPERM,
    errno.EACCES,
    errno.ESTALE,
)


def told(run: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Makes a command of it that tells of peers and disks, with code 75."""

    @functools.wraps(run)
    def main(argv: list[str]) -> int:
        try:
            return run(argv)
        except ClusterError as error:
            tell(f"a peer or the cluster failed: {error}")
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            tell(
                f"the disk failed: {error}; what was saved before stands, so"
                " mend it and start again"
            )
        return CLUSTER_FAILED

    return main
