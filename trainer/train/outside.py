"""What TensorFlow says of disk, memory and peers, as what it is."""

import contextlib
import errno
import os
import pathlib
import re
from collections.abc import Iterator

import tensorflow as tf

from trainer.cluster import collective_errors
from trainer.process.exits import ClusterError
from trainer.process.exits import DISK_FULL
from trainer.process.exits import UserError
from trainer.train.job import Work
from trainer.workdir.folder import Workdir

# As TensorFlow's kernels and XLA's say it. A disk or a peer's connection that
# has no more room is RESOURCE_EXHAUSTED, too.
_NO_MEMORY = re.compile("OOM when allocating|out of memory", re.IGNORECASE)
# Not what peers that are silent or forbidden say, too.
_OF_DISKS = (*DISK_FULL, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE)


@contextlib.contextmanager
def named(work: Work) -> Iterator[None]:
    """Surrounds all that TensorFlow does for a run.

    Raises:
      UserError: the data was changed meanwhile, or the run needs more memory
        than there is.
      OSError: the disk is full, or the workdir was removed.
      ClusterError: a peer is gone, or the data cannot be reached.
    """
    workdir, place = work.workdir, work.place
    try:
        yield
    except MemoryError as error:
        raise _too_large(work, str(error)) from error
    except FileNotFoundError as error:
        workdir.check_there()
        _check_is_elsewhere(error, workdir)
        raise
    except tf.errors.OpError as error:
        work.dataset.check_read()
        # TensorFlow itself writes the event files, and has its own errors.
        for number in _OF_DISKS:
            if os.strerror(number) in error.message:
                raise OSError(number, error.message) from error
        if found := _NO_MEMORY.search(error.message):
            told = error.message[found.start() :]
            raise _too_large(work, told) from error
        if place.is_chief:
            workdir.check_there()
        if place.workers == 1:
            raise
        raise ClusterError(
            collective_errors.explain(error.message, place)
        ) from error


def _too_large(work: Work, message: str) -> UserError:
    config = work.config
    return UserError(
        f"config.model.hidden_units={config.model.hidden_units} and"
        f" config.global_batch_size={config.global_batch_size} need more memory"
        f" than there is ({' '.join(message.split())[:80]}); lower one of"
        " them, or raise config.optimizer.accumulation_steps="
        f"{config.optimizer.accumulation_steps}, which parts a step's rows"
    )


def _check_is_elsewhere(error: FileNotFoundError, workdir: Workdir) -> None:
    """Raises OSError where a part of the workdir was removed meanwhile."""
    path = pathlib.Path(error.filename or os.devnull).absolute()
    if path.is_relative_to(workdir.path.absolute()):
        raise OSError(
            errno.ESTALE, f"{path} was removed while in use"
        ) from error
