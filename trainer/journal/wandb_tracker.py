"""A run in Weights & Biases, whose own variables say where and whether online.

Each start of a run is a folder of WORKDIR/wandb/ with the one identity, which
`wandb sync` joins.
"""

import pathlib
import struct
from collections.abc import Iterator
from collections.abc import Sequence

import wandb
from wandb.proto.wandb_internal_pb2 import Record

from trainer.journal.tracking import Kept
from trainer.journal.tracking import Tracked
from trainer.journal.tracking import Tracker
from trainer.workdir.lines import Key

DEFAULT_PROJECT = "strata"
_EXIT_CODES = {"done": 0, "stopped": 0}
# The file of a run is LevelDB's log after a head of 7 bytes: blocks of records,
# each with its sum, its size and whether it goes on in the next.
_HEAD_BYTES, _BLOCK_BYTES = 7, 1 << 15
_RECORD = struct.Struct("<IHB")
_WHOLE, _FIRST, _LAST = 1, 2, 4


class WandbTracker(Tracker):
    """One run of a project, the same for all starts of the run."""

    def __init__(self, project: str) -> None:
        """Takes PROJECT or ENTITY/PROJECT."""
        self._entity, _, self._project = project.rpartition("/")

    def open(self, run: Tracked) -> set[Key]:
        folder = run.workdir / "wandb"
        held = {
            key
            for path in sorted(folder.glob(f"*run-*-{run.identity}/*.wandb"))
            for key in keys_in(path)
        }
        self._run = wandb.init(
            project=self._project,
            entity=self._entity or None,
            id=run.identity,
            name=run.name,
            dir=run.workdir,
            config=run.params | run.tags,
            resume="allow",
            # The terminal, the signals and the machine are the run's.
            settings=wandb.Settings(
                console="off", silent=True, disable_code=True
            ),
        )
        return held

    def log(self, kept: Sequence[Kept]) -> None:
        for line in kept:
            self._run.log(line.named, step=line.step)

    def close(self, status: str, files: Sequence[pathlib.Path]) -> None:
        for path in files:
            self._run.save(path, base_path=path.parent, policy="now")
        self._run.finish(exit_code=_EXIT_CODES.get(status, 1))


def keys_in(path: pathlib.Path) -> Iterator[Key]:
    """Yields the (step, split) of each line that a run's file holds."""
    for data in _records(path.read_bytes()):
        record = Record.FromString(data)
        for item in record.history.item:
            name = item.key or "/".join(item.nested_key)
            split, _, metric = name.partition("/")
            if metric == "loss":
                yield record.history.step.num, split


def _records(data: bytes) -> Iterator[bytes]:
    """Yields the records of a log that are whole."""
    place, record = _HEAD_BYTES, b""
    while place + _RECORD.size <= len(data):
        left = -place % _BLOCK_BYTES or _BLOCK_BYTES
        if left < _RECORD.size:
            place += left
            continue
        _, size, kind = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        part = data[place : place + size]
        place += size
        if len(part) < size:
            return  # cut off where its writer was killed
        record = part if kind in (_WHOLE, _FIRST) else record + part
        if kind in (_WHOLE, _LAST):
            yield record
