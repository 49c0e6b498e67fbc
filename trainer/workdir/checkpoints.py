"""Atomic, checksummed save and restore of all that a run needs to go on.

A checkpoint is a folder `step_NNNNNNNN`: `state.npz` (weights, average,
optimizer, normalisation), `state.json` (step, best so far, counters),
`model.keras` (the network alone, which Keras opens without Strata) and
`manifest.json` (size and SHA-256 of each). It is written aside in a folder
whose name begins with a dot, synced and renamed.
"""

import concurrent.futures
import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.config import CheckpointConfig
from trainer.process.exits import UserError
from trainer.storage.files import checksum
from trainer.storage.files import new_folder
from trainer.storage.files import to_json
from trainer.storage.names import checkpoint_name
from trainer.storage.names import MANIFEST
from trainer.storage.names import step_of

FILES = {"state.npz", "state.json", "model.keras"}


def steps_in(folder: pathlib.Path) -> list[int]:
    """Lists the steps that have a checkpoint, oldest first."""
    if not folder.is_dir():
        return []
    steps = (step_of(path.name) for path in folder.iterdir())
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
        files = {path.name: checksum(path) for path in sorted(aside.iterdir())}
        (aside / MANIFEST).write_bytes(to_json({"step": step, "files": files}))
        # Only a checkpoint that was refused can be in the way.
        shutil.rmtree(target, ignore_errors=True)


def verify(path: pathlib.Path) -> str | None:
    """Returns what is wrong with a checkpoint, or None where it is whole."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        if path_of(path.parent, manifest["step"]) != path:
            return f"its manifest is of step {manifest['step']}"
        if set(manifest["files"]) != FILES:
            return "its manifest does not name all files"
        for name, expected in manifest["files"].items():
            if checksum(path / name) != expected:
                return f"{name} does not match its SHA-256"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its manifest or a file cannot be read ({error})"
    return None


def read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns (arrays, scalars) of a checkpoint that was verified."""
    with np.load(path / "state.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return arrays, json.loads((path / "state.json").read_text())


def newest_good(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the newest checkpoint whose every file is whole, or None.

    Prints one line for each that is refused.

    Raises:
      UserError: there are checkpoints, and none is good.
    """
    steps = steps_in(folder)
    for step in reversed(steps):
        path = path_of(folder, step)
        wrong = verify(path)
        if wrong is None:
            return path
        print(f"{path.name} refused: {wrong}", flush=True)
    if steps:
        raise UserError(
            f"{folder} holds no checkpoint that is whole; restore one, or name"
            " another --workdir to begin anew"
        )
    return None


def choose(
    folder: pathlib.Path, wanted: str | None = None, *, falls_back: bool = False
) -> pathlib.Path:
    """Returns the checkpoint of a run that is meant, every file of it whole.

    Args:
      folder: of the run's checkpoints.
      wanted: "best", "last" or the number of a step; None for the weights that
        the run's own scores are of: the best where its config selects by a
        metric, else the last.
      falls_back: whether the newest one that is whole, which is told, may
        stand in for another that is not; else that is refused.

    Raises:
      UserError: there is none, or none as wanted, or it is not whole.
    """
    steps = steps_in(folder)
    if not steps:
        raise none_in(folder.parent)
    if wanted not in (None, "best", "last"):
        return _at_step(folder, wanted, steps)
    newest = newest_good(folder) if falls_back else None
    newest = newest or _whole(path_of(folder, steps[-1]))
    best_step = json.loads((newest / "state.json").read_text())["best_step"]
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
    if wrong := verify(path):
        raise UserError(
            f"{path} is refused: {wrong}; restore it, or name the step of"
            " another by --checkpoint"
        )
    return path


class Saver:
    """Writes checkpoints in the background, one at a time, and prunes them."""

    def __init__(
        self,
        folder: pathlib.Path,
        config: CheckpointConfig,
        save_model: Callable[[pathlib.Path, dict[str, np.ndarray]], None],
    ) -> None:
        self._folder = folder
        self._config = config
        self._save_model = save_model
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
        write(self._folder, step, arrays, scalars, self._save_model)
        steps = [s for s in steps_in(self._folder) if s <= step]
        every = self._config.keep_every_steps
        for old in steps[: -self._config.keep]:
            if old == best_step or (every and old % every == 0):
                continue
            # Renamed first: half a checkpoint never stands under its name.
            path = path_of(self._folder, old)
            doomed = path.rename(path.with_name(f".{path.name}"))
            shutil.rmtree(doomed)
