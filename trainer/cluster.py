"""Who is in the job, and by which codes its processes part.

Standard library alone, so that launchers can read it.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from trainer.config import UserError

# Exit codes, for supervisors and schedulers: see the README.
DONE = 0
MISTAKE = 2
DIVERGED = 3
STOPPED = 42
STOPPED_BY_USER = 43
CLUSTER_FAILED = 75

JOBS = ("chief", "worker")
# Variable that holds the number of a pipe to a supervisor, for heartbeats.
HEARTBEAT_FD = "STRATA_HEARTBEAT_FD"


class Cluster(NamedTuple):
    """The place of this process in the job.

    Attributes:
      workers: processes that train.
      is_chief: whether this one writes.
    """

    workers: int = 1
    is_chief: bool = True


def read(environment: Mapping[str, str]) -> Cluster:
    """Reads TF_CONFIG, as TensorFlow's multi-worker guide describes it.

    Returns:
      One worker where it is unset or names fewer than two.

    Raises:
      UserError: it is not of that form, or its task is not in its cluster.
    """
    text = environment.get("TF_CONFIG") or "{}"
    try:
        value = json.loads(text)
        cluster, task = value.get("cluster", {}), value.get("task", {})
        kind, index = str(task.get("type")), int(task.get("index", -1))
        sizes = {job: len(list(cluster[job])) for job in cluster}
    except (ValueError, TypeError, AttributeError) as error:
        raise _refusal(text, f"cannot be read ({error})") from None
    if any(isinstance(addresses, str) for addresses in cluster.values()):
        raise _refusal(text, "has a string where a list of addresses must be")
    others = set(sizes) - set(JOBS)
    if others:
        raise _refusal(
            text, f"has a job {min(others)!r}; jobs are {' and '.join(JOBS)}"
        )
    workers = sum(sizes.values())
    if workers < 2:
        return Cluster()
    if not 0 <= index < sizes.get(kind, 0):
        raise _refusal(
            text, f"has task type {kind!r}, index {index}, not of its cluster"
        )
    first = "chief" if sizes.get("chief") else "worker"
    return Cluster(workers, (kind, index) == (first, 0))


def _refusal(text: str, reason: str) -> UserError:
    return UserError(
        f"TF_CONFIG={text!r} {reason}; mend it, after TensorFlow's multi-worker"
        " guide, or unset it"
    )
