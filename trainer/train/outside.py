"""What TensorFlow says of the disk and of peers, as what it is."""

import contextlib
import errno
import os
from collections.abc import Iterator

import tensorflow as tf

from trainer.cluster import collective_errors
from trainer.cluster.place import Cluster
from trainer.process.exits import ClusterError
from trainer.workdir.folder import Workdir


@contextlib.contextmanager
def named(workdir: Workdir, place: Cluster) -> Iterator[None]:
    """Surrounds all that TensorFlow does.

    Args:
      workdir: of the run.
      place: of this process in the job.

    Raises:
      OSError: the disk is full, or the workdir was removed.
      ClusterError: a peer is gone.
    """
    try:
        yield
    except FileNotFoundError:
        workdir.check_there()
        raise
    except tf.errors.OpError as error:
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
