"""TensorFlow's start, made quick and quiet."""

import contextlib
import gc
import glob
import logging
import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator

from trainer.devices.packages import version_of
from trainer.process.exits import UserError
from trainer.process.together import together

# What TensorFlow and Keras import where it is installed, and Strata has no use
# for in them.
UNUSED = ("IPython", "PIL", "matplotlib", "pandas", "scipy", "sklearn")
_BACKEND = "tensorflow"
_FLAG_VARIABLES = {"TF_XLA_FLAGS", "XLA_FLAGS"}
# What TensorFlow, Keras and scikit-learn set as they are imported, or Strata
# for them.
_SET = (
    "ENABLE_RUNTIME_UPTIME_TELEMETRY",
    "HDF5_PLUGIN_PATH",
    "KERAS_BACKEND",
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
    "TF2_BEHAVIOR",
    "TF_CPP_MIN_LOG_LEVEL",
    "TPU_ML_PLATFORM",
    "TPU_ML_PLATFORM_VERSION",
)
# stderr is the process's: one thread at a time has it aside, lest another takes
# that for how it was.
_alone = threading.RLock()


def check_packages() -> None:
    """Raises UserError where two packages hold the same files."""
    if all(map(version_of, ("tensorflow", "tensorflow-tpu"))):
        raise UserError(
            "both tensorflow and tensorflow-tpu are installed, and hold the"
            " same files; make an environment with one of them"
        )


@contextlib.contextmanager
def eased() -> Iterator[None]:
    """Surrounds the import of TensorFlow and what it does at first."""
    with _quick(), _quiet(), _plain_keras():
        yield


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Does as `eased`, in a process that does other work, too.

    What that has imported, or will, stays as it is: nothing is hidden, and
    nothing that it made is kept for good.
    """
    with contextlib.suppress(Exception):  # by its own settings, not by ours
        import matplotlib  # noqa: F401
    with _alone:
        is_there = "keras" in sys.modules
        keras = contextlib.nullcontext() if is_there else _plain_keras()
        with _quiet(), keras:
            yield


@together
@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Sets back what imports change of a process of others.

    That is its environment, and the random numbers that are to come; what other
    threads set and draw meanwhile holds. And what TensorFlow says of functions
    that are traced anew, and for information, is not said: each run has
    functions of its own.
    """
    if "rich.style" not in sys.modules:
        _import_rich()
    before = {name: os.environ.get(name) for name in _SET}
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_news)
    try:
        yield
    finally:
        logger.removeFilter(_is_news)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _import_rich() -> None:
    """Imports what draws one of Python's random numbers, and puts it back.

    Keras and scikit-learn import it, which takes them seconds; here is hardly
    time for another thread to draw.
    """
    chance = random.getstate()
    with contextlib.suppress(ImportError):
        import rich.style  # noqa: F401
    random.setstate(chance)


def _is_news(line: logging.LogRecord) -> bool:
    is_retracing = "triggered tf.function retracing" in line.getMessage()
    return line.levelno > logging.INFO and not is_retracing


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
def _plain_keras() -> Iterator[None]:
    """Has Keras run on TensorFlow, and with its own defaults.

    A shell may name another backend for other work, and ~/.keras/keras.json
    that, another type of numbers and another order of an image's axes.
    """
    asked = os.environ.get("KERAS_BACKEND", _BACKEND)
    if asked != _BACKEND and "keras" not in sys.modules:
        print(f"KERAS_BACKEND={asked} is left aside: this runs on TensorFlow")
    theirs = {n: v for n, v in os.environ.items() if n.startswith("KERAS_")}
    for name in theirs:
        del os.environ[name]
    # No folder, so that no file is read there and none is made.
    os.environ |= {"KERAS_BACKEND": _BACKEND, "KERAS_HOME": os.devnull}
    try:
        yield
        import keras
    finally:
        os.environ.pop("KERAS_HOME", None)  # another thread's import may have
        os.environ.update(theirs | {"KERAS_BACKEND": _BACKEND})
    if keras.config.backend() != _BACKEND:
        raise UserError(
            f"Keras was imported before, with KERAS_BACKEND={asked}; set it to"
            f" {_BACKEND}"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drops what TensorFlow's C++ logs on stderr as it loads.

    It is a page on every machine without a GPU, and no variable stops it.
    Where there is an NVIDIA device, or it fails, each line may be needed; not
    for a UserError, whose own line says all, nor for Ctrl-C. A flag that it
    does not know ends the process at once.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if glob.glob("/dev/nvidia[0-9]*") or _FLAG_VARIABLES & os.environ.keys():
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except (UserError, KeyboardInterrupt):
            raise
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
