"""TensorFlow's notes at its start, kept from the terminal."""

import contextlib
import glob
import os
import sys
import tempfile
from collections.abc import Iterator

from trainer.config import UserError


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Drops what TensorFlow's C++ logs on stderr as it loads.

    It is a page on every machine without a GPU, and no variable stops it.
    Where there is an NVIDIA device, or it fails, each line may be needed; not
    for a UserError, whose own line says all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if glob.glob("/dev/nvidia[0-9]*"):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
