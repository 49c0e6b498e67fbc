"""Atomic, checksummed save and restore of all that a run needs to go on.

A checkpoint is a folder `step_NNNNNNNN`: `state.npz` (weights, average,
optimizer, normalisation), `state.json` (step, best so far, counters),
`model.keras` (the network alone, which Keras opens without Strata) and
`manifest.json` (size and SHA-256 of each). It is written aside in a folder
whose name begins with a dot, synced and renamed.
"""

import concurrent.futures
import contextlib
import errno
import os
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import Any
from typing import TypeVar

import numpy as np

from trainer.config import CheckpointConfig
from trainer.process.exits import UserError
from trainer.storage.arrays import read_arrays
from trainer.storage.files import checksums
from trainer.storage.files import difference
from trainer.storage.files import new_folder
from trainer.storage.files import sync_folder
from trainer.storage.files import to_json
from trainer.storage.json_files import DamagedError
from trainer.storage.json_files import parse
from trainer.storage.names import checkpoint_name
from trainer.storage.names import MANIFEST
from trainer.storage.names import step_of
from trainer.workdir.schemas import Manifest
from trainer.workdir.schemas import State

Found = TypeVar("Found")
FILES = {"state.npz", "state.json", "model.keras"}


def steps_in(folder: pathlib.Path) -> list[int]:
    """Lists the steps that have a checkpoint, oldest first."""
    try:
        steps = [step_of(name) for name in os.listdir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(step for step in steps if step is not None)


def clean(folder: pathlib.Path) -> None:
    """Removes what killed processes left aside."""
    for path in folder.glob(".step_*"):
        shutil.rmtree(path)


def path_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    return folder / checkpoint_name(step)


def write(
    folder: pathlib.Path,
    step: int,
    arrays: dict[str, np.ndarray],
    scalars: dict[str, Any],
    save_model: Callable[[pathlib.Path, dict[str, np.ndarray]], None],
) -> None:
    """Writes one checkpoint; it is there whole, or not at all.

    Args:
      folder: of all checkpoints, which is there.
      step: the global step of the state.
      arrays: {name: array}.
      scalars: JSON values.
      save_model: writes a .keras file of the arrays.

    Raises:
      OSError: the disk is full or gone; what was written before stays.
    """
    target = path_of(folder, step)
    with new_folder(target) as aside:
        with open(aside / "state.npz", "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        (aside / "state.json").write_bytes(to_json(scalars))
        save_model(aside / "model.keras", arrays)
        manifest = {"step": step, "files": checksums(aside)}
        (aside / MANIFEST).write_bytes(to_json(manifest))
        # Only a checkpoint that was refused can be in the way.
        shutil.rmtree(target, ignore_errors=True)


def remove(path: pathlib.Path) -> None:
    """Removes a checkpoint; half of one never stands under its name."""
    doomed = path.with_name(f".{path.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):  # a user was first
        path.rename(doomed)
        sync_folder(path.parent)
    shutil.rmtree(doomed, ignore_errors=True)


def verify(path: pathlib.Path) -> str | None:
    """Returns what is wrong with a checkpoint, or None where it is whole."""
    try:
        manifest = parse((path / MANIFEST).read_bytes(), Manifest)
        if path_of(path.parent, manifest["step"]) != path:
            return f"its manifest is of step {manifest['step']}"
        if set(manifest["files"]) != FILES:
            return "its manifest does not name all files"
        return difference(path, manifest["files"])
    except (OSError, DamagedError) as error:
        return f"its manifest or a file cannot be read ({error})"


def read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns (arrays, scalars) of a checkpoint that was verified.

    Raises:
      UserError: another program wrote it, so that its sums are right and what
        it holds is not.
    """
    try:
        arrays = read_arrays(path / "state.npz")
    except DamagedError as error:
        raise _refused(path, str(error)) from None
    return arrays, _scalars(path)


def _scalars(path: pathlib.Path) -> dict[str, Any]:
    try:
        return parse((path / "state.json").read_bytes(), State)
    except DamagedError as error:
        raise _refused(path, f"state.json: {error}") from None


def _refused(path: pathlib.Path, wrong: str) -> UserError:
    return UserError(
        f"{path} is refused: {wrong}; restore it, or name the step of another"
        " by --checkpoint"
    )


def newest_good(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the newest checkpoint whose every file is whole, or None.

    Prints one line for each that is refused.

    Raises:
      UserError: there are checkpoints, and none is good.
    """
    return _looked_at(folder, _newest_good)


def _newest_good(folder: pathlib.Path) -> pathlib.Path | None:
    steps = steps_in(folder)
    for step in reversed(steps):
        path = path_of(folder, step)
        wrong = wrong_with(path)
        if wrong is None:
            return path
        print(f"{path.name} refused: {wrong}", flush=True)
    if steps:
        raise UserError(
            f"{folder} holds no checkpoint that is whole; restore one, or name"
            " another --workdir to begin anew"
        )
    return None


def wrong_with(path: pathlib.Path) -> str | None:
    """As `verify`; raises FileNotFoundError where the folder is gone."""
    wrong = verify(path)
    if wrong and not path.exists():
        raise FileNotFoundError(errno.ENOENT, wrong, str(path))
    return wrong


def _looked_at(
    folder: pathlib.Path, look: Callable[[pathlib.Path], Found]
) -> Found:
    """Looks again where the run removed meanwhile what was looked at."""
    before = steps_in(folder)
    while True:
        try:
            return look(folder)
        except FileNotFoundError as error:
            # A run that goes on has others by now; else the files are at fault.
            now = steps_in(folder)
            if now == before:
                raise UserError(
                    f"{error.filename} is gone; restore it, or name the step of"
                    " another by --checkpoint"
                ) from None
            before = now


def load(
    folder: pathlib.Path, wanted: str | None = None, *, falls_back: bool = False
) -> tuple[pathlib.Path, dict[str, np.ndarray], dict[str, Any]]:
    """Returns the checkpoint of a run that is meant, and what it holds.

    Args:
      folder: of the run's checkpoints.
      wanted: "best", "last" or the number of a step; None for the weights that
        the run's own scores are of: the best where its config selects by a
        metric, else the last.
      falls_back: whether the newest one that is whole, which is told, may
        stand in for another that is not; else that is refused.

    Returns:
      Its folder, every file of it whole, and the arrays and scalars in it.

    Raises:
      UserError: there is none, or none as wanted, or it is not whole.
    """

    def look(
        folder: pathlib.Path,
    ) -> tuple[pathlib.Path, dict[str, np.ndarray], dict[str, Any]]:
        path = _choose(folder, wanted, falls_back)
        return path, *read(path)

    return _looked_at(folder, look)


def _choose(
    folder: pathlib.Path, wanted: str | None, falls_back: bool
) -> pathlib.Path:
    steps = steps_in(folder)
    if not steps:
        raise none_in(folder.parent)
    if wanted not in (None, "best", "last"):
        return _at_step(folder, wanted, steps)
    newest = _newest_good(folder) if falls_back else None
    newest = newest or _whole(path_of(folder, steps[-1]))
    best_step = _scalars(newest).get("best_step")
    if wanted == "best" and best_step is None:
        raise UserError(
            "--checkpoint=best: the run's config selects by no metric; leave"
            " the flag out, or train with config.evaluation.select_by"
        )
    if wanted == "last" or best_step is None:
        return newest
    best = path_of(folder, best_step)
    if falls_back:
        return best if verify(best) is None else newest
    return _whole(best)


def none_in(workdir: object) -> UserError:
    """Says that a workdir holds no checkpoint."""
    return UserError(f"{workdir} holds no checkpoint; name a run's workdir")


def _at_step(
    folder: pathlib.Path, wanted: str | None, steps: list[int]
) -> pathlib.Path:
    there = ", ".join(map(str, steps))
    step = int(wanted) if wanted and wanted.isdecimal() else -1
    if step not in steps:
        raise UserError(
            f"--checkpoint={wanted} is none of best, last and the steps"
            f" {there} of {folder.parent}"
        )
    return _whole(path_of(folder, step))


def _whole(path: pathlib.Path) -> pathlib.Path:
    if wrong := wrong_with(path):
        raise _refused(path, wrong)
    return path


class Saver:
    """Writes checkpoints in the background, one at a time, and prunes them."""

    def __init__(
        self,
        folder: pathlib.Path,
        config: CheckpointConfig,
        save_model: Callable[[pathlib.Path, dict[str, np.ndarray]], None],
        tell: Callable[[int, float], None] = lambda step, secs: None,
    ) -> None:
        """Has nothing to write yet.

        Args:
          folder: of all checkpoints.
          config: which of them are kept.
          save_model: writes a .keras file of the arrays.
          tell: is told of each checkpoint that is whole: its step, and the
            seconds that it took.
        """
        self._folder = folder
        self._config = config
        self._save_model = save_model
        self._tell = tell
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._pending: concurrent.futures.Future | None = None

    def save(
        self,
        step: int,
        arrays: dict[str, np.ndarray],
        scalars: dict[str, Any],
        best_step: int | None,
    ) -> None:
        """Begins to write a snapshot, after the one before is committed."""
        self.wait()
        self._pending = self._thread.submit(
            self._write_and_prune, step, arrays, scalars, best_step
        )

    def wait(self) -> None:
        """Returns when nothing is left to write; raises what went wrong."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        self.wait()
        self._thread.shutdown()

    def _write_and_prune(
        self,
        step: int,
        arrays: dict[str, np.ndarray],
        scalars: dict[str, Any],
        best_step: int | None,
    ) -> None:
        began_secs = time.monotonic()
        write(self._folder, step, arrays, scalars, self._save_model)
        self._tell(step, time.monotonic() - began_secs)
        steps = [s for s in steps_in(self._folder) if s <= step]
        every = self._config.keep_every_steps
        for old in steps[: -self._config.keep]:
            if old == best_step or (every and old % every == 0):
                continue
            remove(path_of(self._folder, old))
