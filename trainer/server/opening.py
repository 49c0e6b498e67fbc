"""From a place to what can be run: a run's network, or an export.

TensorFlow is imported where it is needed alone: an export as ONNX is served
without it.
"""

import contextlib
import importlib.util
import math
import os
import pathlib
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple
from typing import TypeVar

import numpy as np

from trainer.devices import start
from trainer.finished import trained_run
from trainer.finished.stored_run import ENSEMBLE_FILE
from trainer.finished.trained_run import TrainedRun
from trainer.process.exits import UserError
from trainer.process.extras import missing_package
from trainer.serving import exported_run
from trainer.serving.exported_run import ExportedRun
from trainer.serving.model_card import FORMATS
from trainer.storage.names import CONFIG_FILE
from trainer.storage.names import is_remote
from trainer.storage.staging import local_files
from trainer.storage.staging import Signature

RUNTIMES = ("auto", "onnx", "tensorflow")
# Of a run that has no export.
RUN_VERSION = 0
# One of them a workdir has: a run's, or a sweep's.
_WORKDIR_FILES = (CONFIG_FILE, ENSEMBLE_FILE)
# To part the layers of a smaller network among threads, and to wait for each,
# takes longer than it saves.
SMALL_BYTES = 16 * 2**20
# Until an export is tried again for which, say, memory or files were wanting.
RETRY_SECS = 30.0
_SAVED_MODEL = "saved_model"
_ONNX = "onnx"
T = TypeVar("T")


class Source(NamedTuple):
    """What is to be served.

    Attributes:
      version: of the export; RUN_VERSION of a run itself.
      run: it, read and verified.
    """

    version: int
    run: TrainedRun | ExportedRun


class Refused(NamedTuple):
    """An export that cannot be served, as its files were.

    Attributes:
      version: of the export.
      files: it was made of.
      why: it cannot be.
      told: the same for clients, who are told no folder of this machine.
      until_secs: by time.monotonic(), when it is tried again though its files
        stay: what may pass is no fault of theirs.
    """

    version: int
    files: dict[str, Signature]
    why: str
    told: str
    until_secs: float


class Opened(NamedTuple):
    """What can be run.

    Attributes:
      runtime: "onnx" or "tensorflow".
      predict: from a batch of stored rows, [size, *shape], to float32 [size,
        outputs] in the target's own units.
    """

    runtime: str
    predict: Callable[[np.ndarray], np.ndarray]


def exports_of(place: str) -> pathlib.Path | None:
    """Returns the folder where new exports of a place appear, if they can.

    Args:
      place: a workdir, its folder of exports, or one export.
    """
    path = pathlib.Path(place)
    if is_remote(place) or exported_run.is_export(path):
        return None
    is_workdir = any((path / name).is_file() for name in _WORKDIR_FILES)
    return path / "export" if is_workdir else path


def versions(folder: pathlib.Path) -> list[int]:
    """Returns the numbers of the exports in a folder, the newest first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [int(name) for name in names if name.isdecimal()]
    return sorted(
        (n for n in found if exported_run.is_export(folder / str(n))),
        reverse=True,
    )


def name_of(place: str) -> str:
    """Returns the name of a place: the folder's own.

    That of an export is of the folder that has it: digits of digits/export/3.
    """
    path = pathlib.Path(os.path.abspath(place))
    if exported_run.is_export(path) and path.name.isdecimal():
        path = path.parent
    return path.parent.name if path.name == "export" else path.name


def find(place: str, checkpoint: str | None, runtime: str) -> Source:
    """Finds what a place has to serve: its newest export, or the run itself.

    Raises:
      UserError: there is nothing, or nothing that the runtime can run; of
        exports it tells what is wrong with the newest.
    """
    path = pathlib.Path(place)
    if exported_run.is_export(path):
        if checkpoint is not None:
            raise UserError(
                f"--checkpoint={checkpoint} is of runs, and {place} is an"
                " export, which has one; leave it out, or name the workdir"
            )
        version = int(path.name) if path.name.isdecimal() else 1
        return Source(version, read(path, runtime))
    if runtime == _ONNX and checkpoint is not None:
        raise UserError(
            f"--checkpoint={checkpoint} takes the run itself, which TensorFlow"
            " alone runs; leave out --runtime=onnx, or --checkpoint"
        )
    folder = exports_of(place)
    if folder is not None and checkpoint is None:
        found, refused = newest(
            folder, lambda number, path: Source(number, read(path, runtime))
        )
        if found is not None:
            return found
        if refused:
            raise UserError(refused[0].why)
    if runtime == _ONNX:
        raise UserError(
            f"--runtime=onnx: {place} has no export; write one by strata export"
            f" --workdir={place} --formats=onnx"
        )
    return Source(RUN_VERSION, trained_run.read(place, checkpoint))


def newest(
    folder: pathlib.Path,
    use: Callable[[int, pathlib.Path], T],
    *,
    above: int = -1,
    known: Sequence[Refused] = (),
) -> tuple[T | None, list[Refused]]:
    """Uses the newest export in a folder that can be used.

    Args:
      folder: of exports.
      use: of a version and its folder; it raises where that cannot be used.
      above: a version, where newer ones alone are wanted.
      known: those that are not tried again yet while their files stay.

    Returns:
      What came of it, or None; and those that cannot be used and are newer,
      the newest first.
    """
    refused: list[Refused] = []
    for version in versions(folder):
        if version <= above:
            break
        path = folder / str(version)
        # Before it is read: who copies it here may be done meanwhile.
        files = local_files(path)
        was = [
            each
            for each in known
            if each[:2] == (version, files)
            and time.monotonic() < each.until_secs
        ]
        if was:
            refused += was
            continue
        try:
            with refusing(path):
                return use(version, path), refused
        except UserError as error:
            refused.append(_refused(version, path, files, error))
    return None, refused


def _refused(
    version: int,
    path: pathlib.Path,
    files: dict[str, Signature],
    error: UserError,
) -> Refused:
    shown, why = f"version {version}", str(error)
    if error.__cause__ is None:
        told = why.replace(str(path), shown)
        return Refused(version, files, why, told, math.inf)
    # It came of the machine, or of what runs the files, and may name anything.
    told = f"{shown} cannot be read or run; the server's log says why"
    return Refused(version, files, why, told, time.monotonic() + RETRY_SECS)


@contextlib.contextmanager
def refusing(path: pathlib.Path) -> Iterator[None]:
    """Refuses an export by whatever its files make of their readers.

    Raises:
      UserError: within, the export at `path` cannot be used.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} cannot be run ({type(error).__name__}: {text}); export it"
            " again"
        ) from error


def read(path: pathlib.Path, runtime: str) -> ExportedRun:
    """Reads an export that a runtime can run.

    Raises:
      UserError: it is not whole, or of no format that the runtime takes.
    """
    export = exported_run.read(path)
    chosen_runtime(export, runtime)
    return export


def chosen_runtime(export: ExportedRun, runtime: str) -> str:
    """Chooses what runs an export: ONNX, where it is there and agrees.

    Raises:
      UserError: it has no format of a runtime that is there.
    """
    has_onnx = export.agrees(_ONNX)
    has_tensorflow = export.agrees(_SAVED_MODEL)
    has_package = importlib.util.find_spec("onnxruntime") is not None
    if runtime == _ONNX and not has_package:
        raise missing_package("--runtime=onnx", "onnxruntime", _ONNX)
    if has_onnx and has_package and runtime != "tensorflow":
        return _ONNX
    if has_tensorflow and runtime != _ONNX:
        return "tensorflow"
    wanted = {_ONNX: _ONNX, "tensorflow": _SAVED_MODEL}.get(
        runtime, f"{_ONNX} or {_SAVED_MODEL}"
    )
    raise UserError(
        f"--runtime={runtime}: {export.path} has no {wanted} that agrees with"
        " the trainer; name it among the --formats of strata export"
    )


def open_source(source: Source, runtime: str) -> Opened:
    """Opens a source.

    Raises:
      UserError: it does not fit what was said of it.
    """
    run = source.run
    if isinstance(run, TrainedRun):
        return Opened("tensorflow", _of_run(run))
    chosen = chosen_runtime(run, runtime)
    opener = {_ONNX: _of_onnx, "tensorflow": _of_saved_model}[chosen]
    return Opened(chosen, opener(run))


def _of_run(run: TrainedRun) -> Callable[[np.ndarray], np.ndarray]:
    with start.eased():
        from trainer.serving.load import TrainedModel

        model = TrainedModel(run)
    return lambda batch: model.outputs_of(batch, len(batch))


def _of_onnx(export: ExportedRun) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    path = export.path / FORMATS[_ONNX].file
    options = onnxruntime.SessionOptions()
    if path.stat().st_size < SMALL_BYTES:
        options.intra_op_num_threads = 1
    # Threads that spin between batches take the time of whoever waits.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(path),
        options,
        providers=["CPUExecutionProvider"],
    )
    (inputs,) = session.get_inputs()
    outputs = export.problem.outputs

    def predict(batch: np.ndarray) -> np.ndarray:
        found = session.run(None, {inputs.name: batch})[0]
        return found.reshape(len(batch), outputs)

    return predict


def _of_saved_model(export: ExportedRun) -> Callable[[np.ndarray], np.ndarray]:
    with start.eased():
        import tensorflow as tf

        from trainer.model import optimizers
        from trainer.serving.served import SIGNATURE

        loaded = tf.saved_model.load(str(export.path))
    served = loaded.signatures[SIGNATURE]
    precision = export.card["config"]["precision"]
    name = export.problem.output_name

    def predict(batch: np.ndarray) -> np.ndarray:
        with optimizers.precise(precision):
            return served(inputs=tf.constant(batch))[name].numpy()

    # The signature alone does not keep its weights.
    predict.loaded = loaded  # type: ignore[attr-defined]
    return predict
