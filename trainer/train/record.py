"""What ran: code revision, packages, machine and command line."""

import dataclasses
import hashlib
import math
import os
import pathlib
import platform
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.config import Config
from trainer.config.values import flatten
from trainer.devices.packages import version_of
from trainer.input.moments import MOST_MOMENT_BYTES
from trainer.input.moments import row_bytes_of
from trainer.problem.problem import Problem
from trainer.process.surroundings import cores
from trainer.process.surroundings import processor
from trainer.process.surroundings import revision
from trainer.sources import Dataset
from trainer.version import __version__

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "tensorboard")
# Features of a table beyond which their ranges are not kept.
MOST_RANGES = 1000
# Where one of these differs between two starts, bits may differ too.
BIT_FIELDS = ("packages", "processor", "threads", "topology")


def collect(
    *,
    topology: dict[str, Any],
    data: dict[str, Any],
    command: Sequence[str],
    init_from: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Describes this start of a run.

    Args:
      topology: strategy, replicas, workers and devices.
      data: from `describe_data`.
      command: that starts the run.
      init_from: "workdir" and "weights_sha256" of the weights of another run
        that it began with.

    Returns:
      What record.json holds.
    """
    return {
        "version": __version__,
        "revision": revision(),
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "machine": platform.platform(),
        "host": platform.node(),
        "processor": processor(),
        "threads": {
            "cores": cores(),
            **{
                name: os.environ[name]
                for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
                if name in os.environ
            },
        },
        "topology": topology,
        "data": data,
        "init_from": init_from,
        "command": list(command),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def describe_data(
    dataset: Dataset,
    problem: Problem,
    fingerprint: str,
    rows_sha256: Mapping[str, str],
) -> dict[str, Any]:
    """Describes the data such that the run can be used without it.

    Args:
      dataset: that the run trains on.
      problem: settled for it.
      fingerprint: of it.
      rows_sha256: of each split's rows.
    """
    x = dataset.splits["train"].x
    arrays = ("target_mean", "target_std", "target_center")  # in checkpoints
    return {
        "name": dataset.name,
        "origin": dataset.origin,
        "folder": dataset.folder,
        "fingerprint": fingerprint,
        "labels_sha256": {
            name: labels_sha256(split.labels(), problem)
            for name, split in dataset.splits.items()
        },
        "rows_sha256": dict(rows_sha256),
        "examples": {
            name: split.examples for name, split in dataset.splits.items()
        },
        "kind": dataset.kind,
        "x": {"dtype": x.dtype.name, "shape": list(x.shape[1:])},
        "largest": dataset.largest,
        "encoding": dataset.encoding and dataset.encoding.to_json(),
        "ranges": _ranges(dataset),
        "problem": {
            name: value
            for name, value in dataclasses.asdict(problem).items()
            if name not in arrays
        },
    }


def labels_sha256(y: np.ndarray, problem: Problem) -> str:
    """Tells rows from others by their labels and their order, in hex.

    However a run encodes its rows and numbers its classes.

    Args:
      y: labels of the rows, converted.
      problem: of the run.
    """
    digest = hashlib.sha256()
    if problem.has_class:
        digest.update(repr(sorted(problem.labels)).encode())
        y = np.argsort(np.argsort(problem.labels))[y]
    digest.update(f" {y.shape} {y.dtype.str} ".encode())
    digest.update(np.ascontiguousarray(y).tobytes())
    return digest.hexdigest()


def _ranges(dataset: Dataset) -> dict[str, list[float]] | None:
    """Returns each feature's "least" and "greatest" in the training rows.

    None of images, and of tables too wide or too large to look at in passing.
    """
    train = dataset.splits["train"]
    width = math.prod(train.x.shape[1:])
    if (
        dataset.kind != "table"
        or width > MOST_RANGES
        or train.examples * row_bytes_of(train) > MOST_MOMENT_BYTES
    ):
        return None
    rows = train.x if train.rows is None else train.x[train.rows]
    flat = np.asarray(rows, np.float64).reshape(train.examples, -1)
    return {
        "least": flat.min(axis=0).tolist(),
        "greatest": flat.max(axis=0).tolist(),
    }


def facts(
    config: Config, fingerprint: str, rows_sha256: Mapping[str, str]
) -> dict[str, Any]:
    """Returns what must be the same on all workers of a job.

    Args:
      config: of the run.
      fingerprint: of the data.
      rows_sha256: of each split's rows.
    """
    data = " ".join([fingerprint, *rows_sha256.values()])
    fields = {
        f"config.{name}": value for name, value in flatten(config).items()
    }
    packages = {name: version_of(name) for name in ("tensorflow", "keras")}
    return {
        **fields,
        **packages,
        "code": _code_sha256(),
        "data": hashlib.sha256(data.encode()).hexdigest(),
    }


def _code_sha256() -> str:
    """Hashes the trainer's sources, committed or not."""
    folder = pathlib.Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        # A checkout has them beside this package, a wheel within.
        if name.parts[0] not in ("configs", "launch"):
            digest.update(name.as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def differences(
    before: dict[str, Any], now: dict[str, Any], *, is_parted: bool = False
) -> list[str]:
    """Names what differs between two starts such that bits may too.

    Args:
      before: what record.json holds of the start before.
      now: from `collect`.
      is_parted: whether steps are parted into shares, whatever the topology.
    """
    fields = [n for n in BIT_FIELDS if not (is_parted and n == "topology")]
    return [name for name in fields if before.get(name) != now[name]]
