"""What TensorFlow says of the disk and of peers, as what it is."""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from trainer.cluster import collective_errors
from trainer.cluster.place import Cluster
from trainer.process.exits import ClusterError
from trainer.sources import Dataset
from trainer.workdir.folder import Workdir


@contextlib.contextmanager
def named(workdir: Workdir, place: Cluster, dataset: Dataset) -> Iterator[None]:
    """Surrounds all that TensorFlow does.

    Args:
      workdir: of the run.
      place: of this process in the job.
      dataset: that it reads.

    Raises:
      UserError: the data was changed meanwhile.
      OSError: the disk is full, or the workdir was removed.
      ClusterError: a peer is gone, or the data cannot be reached.
    """
    try:
        yield
    except FileNotFoundError as error:
        workdir.check_there()
        _check_is_elsewhere(error, workdir)
        raise
    except tf.errors.OpError as error:
        dataset.check_read()
        # TensorFlow itself writes the event files, and has its own errors.
        if os.strerror(errno.ENOSPC) in error.message:
            raise OSError(errno.ENOSPC, error.message) from error
        if place.is_chief:
            workdir.check_there()
        if place.workers == 1:
            raise
        raise ClusterError(
            collective_errors.explain(error.message, place)
        ) from error


def _check_is_elsewhere(error: FileNotFoundError, workdir: Workdir) -> None:
    """Raises OSError where a part of the workdir was removed meanwhile."""
    path = pathlib.Path(error.filename or os.devnull).absolute()
    if path.is_relative_to(workdir.path.absolute()):
        raise OSError(
            errno.ESTALE, f"{path} was removed while in use"
        ) from error
