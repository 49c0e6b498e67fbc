"""What a run begins with: a checkpoint's state, or another run's weights."""

import dataclasses
import pathlib

from trainer.input.normalization import Normalization
from trainer.model.network import Network
from trainer.process.exits import UserError
from trainer.steps import meeting
from trainer.train.job import Job
from trainer.train.state import State
from trainer.workdir import checkpoints
from trainer.workdir.folder import Workdir


def begin(network: Network, job: Job) -> tuple[Network, State]:
    """Puts the newest good checkpoint into the network.

    Args:
      network: as it was built.
      job: whose workdir may hold checkpoints.

    Returns:
      The network, and where the run stands; both as they were where there is
      no checkpoint, but for the weights that `init_from` gives.

    Raises:
      UserError: the checkpoints are another model's, all torn, or not the same
        for all workers; `init_from` has none, or none that fits.
    """
    state, path = State(), checkpoints.newest_good(job.workdir.checkpoints)
    if path is not None:
        arrays, scalars = checkpoints.read(path)
        print(f"going on from {path.name}", flush=True)
        network.restore(arrays)
        # By the training rows as they were when the run began.
        normalization = Normalization.of_arrays(arrays)
        network = dataclasses.replace(network, normalization=normalization)
        state = State.of(scalars)
        _check_best(job, state)
    elif job.init_from is not None:
        path, arrays, _ = checkpoints.load(
            job.init_from.workdir.checkpoints, falls_back=True
        )
        _tell_adopted(path, *network.adopt(arrays))
    if job.place.workers > 1 and not meeting.is_same_on_all(
        job.strategy, state.step
    ):
        raise UserError(
            f"--workdir={job.workdir.path}: the workers see different"
            " checkpoints; it must be one folder that all of them share"
        )
    return network, state


def _check_best(job: Job, state: State) -> None:
    """Has the best be looked for anew where its checkpoint is damaged."""
    if state.best_step is None or state.is_over(job.epochs.total_steps):
        return
    path = checkpoints.path_of(job.workdir.checkpoints, state.best_step)
    if wrong := checkpoints.verify(path):
        print(
            f"{path.name}, the best checkpoint, is refused: {wrong}; the best"
            " of those that come is taken",
            flush=True,
        )
        state.best = state.best_step = None


def _tell_adopted(path: pathlib.Path, taken: int, left: list[str]) -> None:
    """Says which weights are another run's."""
    if not taken:
        raise UserError(
            f"--init_from={path.parents[1]}: no weight of {path.name} has the"
            f" name and shape of one here ({', '.join(left)})"
        )
    words = f"; begun anew: {', '.join(left)}" if left else ""
    print(f"{taken} weights from {path}{words}", flush=True)


def best(network: Network, workdir: Workdir, step: int) -> None:
    """Puts the best weights into the network.

    Args:
      network: that was trained.
      workdir: of the run.
      step: of the best weights.

    Raises:
      UserError: the best checkpoint is torn or gone.
    """
    path = checkpoints.path_of(workdir.checkpoints, step)
    if wrong := checkpoints.verify(path):
        raise UserError(
            f"{path.name}, the best checkpoint, is refused: {wrong};"
            " restore it, or name another --workdir to begin anew"
        )
    arrays, _ = checkpoints.read(path)
    network.restore(arrays)
