"""TensorFlow's start, made quick and quiet."""

import contextlib
import gc
import glob
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Iterator

from trainer.process.exits import UserError

# What TensorFlow and Keras import where it is installed, and Strata has no use
# for in them.
UNUSED = ("matplotlib", "scipy", "sklearn")


def check_packages() -> None:
    """Raises UserError where two packages hold the same files."""
    found = {
        str(d.metadata["Name"]).lower()
        for d in importlib.metadata.distributions()
    }
    if {"tensorflow", "tensorflow-tpu"} <= found:
        raise UserError(
            "both tensorflow and tensorflow-tpu are installed, and hold the"
            " same files; make an environment with one of them"
        )


@contextlib.contextmanager
def eased() -> Iterator[None]:
    """Surrounds the import of TensorFlow and what it does at first."""
    with _quick(), _quiet():
        yield


@contextlib.contextmanager
def _quick() -> Iterator[None]:
    """Saves a third of the import's time.

    Modules are made that stay, so looking for garbage among them is in vain,
    then and later. And TensorFlow and Keras import what they find installed,
    for wrappers, pictures and sparse arrays that nobody uses here.
    """
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
