"""Who is in the job, and by which codes its processes part.

Standard library alone, so that launchers can read it.
"""

import dataclasses
import json
import re
from collections.abc import Mapping

from trainer.config import UserError

# Exit codes, for supervisors and schedulers: see the README.
DONE = 0
MISTAKE = 2
DIVERGED = 3
STOPPED = 42
STOPPED_BY_USER = 43
CLUSTER_FAILED = 75

JOBS = ("chief", "worker")
STRATEGIES = (
    "auto",
    "default",
    "one_device",
    "mirrored",
    "multiworker",
    "tpu",
)
# What a collective operation's error says, and where its advice begins.
_CAUSE = re.compile(
    r"aborted by:(.*?)(?:Additional GRPC|The tasks have crashed|The error could"
    r"|\Z)",
    re.DOTALL,
)
_TASK = re.compile(r"/job:(chief|worker)/(?:replica:0/)?task:(\d+)")
# Variable that holds the number of a pipe to a supervisor, for heartbeats.
HEARTBEAT_FD = "STRATA_HEARTBEAT_FD"


class ClusterError(Exception):
    """A peer or the cluster failed: told in one line, exit code 75."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The place of this process in the job.

    Attributes:
      addresses: host:port of each process that trains, the chief's first; ()
        where there is but this one.
      index: of this process among them.
      has_chief_task: whether the first is a task of a job "chief", beside
        which workers are counted from 0.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0
    has_chief_task: bool = False

    @property
    def workers(self) -> int:
        """Processes that train."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this process writes."""
        return self.index == 0

    def name_of(self, index: int) -> str:
        """Names a worker for people."""
        return f"worker {index} ({self.addresses[index]})"

    def told_by(self, message: str) -> str:
        """Returns what TensorFlow's message says of a failed peer, for people.

        Args:
          message: of an error of the ring of workers, whose stack and advice
            fill pages.
        """
        found = _CAUSE.search(message)
        told = " ".join((found[1] if found else message).split())[:300]
        named = _TASK.sub(self._name_of_task, told)
        peers = sorted(set(map(self._name_of_task, _TASK.finditer(message))))
        if named == told and peers:
            return f"{', '.join(peers)}: {told}"
        return named

    def _name_of_task(self, task: re.Match) -> str:
        job, index = task[1], int(task[2])
        return self.name_of(index + (job == "worker" and self.has_chief_task))


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
        named = {job: list(cluster[job]) for job in cluster}
    except (ValueError, TypeError, AttributeError) as error:
        raise _refusal(text, f"cannot be read ({error})") from None
    if any(isinstance(addresses, str) for addresses in cluster.values()):
        raise _refusal(text, "has a string where a list of addresses must be")
    others = set(named) - set(JOBS)
    if others:
        raise _refusal(
            text, f"has a job {min(others)!r}; jobs are {' and '.join(JOBS)}"
        )
    places = [(job, i) for job in JOBS for i in range(len(named.get(job, ())))]
    if len(places) < 2:
        return Cluster()
    if (kind, index) not in places:
        raise _refusal(
            text, f"has task type {kind!r}, index {index}, not of its cluster"
        )
    addresses = [named[job][i] for job, i in places]
    for address in addresses:
        _check_address(text, address)
        if addresses.count(address) > 1:
            raise _refusal(text, f"names {address} twice")
    return Cluster(
        tuple(addresses),
        places.index((kind, index)),
        has_chief_task=("chief", 0) in places,
    )


def fit_strategy(
    name: str, place: Cluster, devices: int | None, tpu: str | None
) -> str:
    """Chooses "tpu" or "multiworker" for "auto" where one is meant.

    Args:
      name: one of STRATEGIES.
      place: of this process.
      devices: how many local devices to use.
      tpu: a TPU's name or address, or "local".

    Raises:
      UserError: a strategy would silently leave aside what was asked for.
    """
    several = place.workers > 1
    if name == "auto" and (tpu or several):
        name = "tpu" if tpu else "multiworker"
    if name == "multiworker" and not several:
        raise UserError(
            "--strategy=multiworker needs TF_CONFIG with two workers or more;"
            " unset it is one process, for which --strategy=auto fits"
        )
    if several and name != "multiworker":
        raise UserError(
            f"--strategy={name} is of one process, and TF_CONFIG names"
            " several workers; unset it, or leave --strategy at auto"
        )
    if tpu and name != "tpu":
        raise UserError(f"--tpu={tpu} does not fit --strategy={name}")
    if devices and name in ("multiworker", "tpu"):
        raise UserError(
            f"--devices={devices} does not fit --strategy={name}, which takes"
            " all devices"
        )
    return name


def split_address(address: str) -> tuple[str, int]:
    """Returns (host, port) of "host:port", "[...]" of IPv6 taken off.

    Raises:
      ValueError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not 0 < int(port) < 65536:
        raise ValueError("no host:port")
    return host, int(port)


def _check_address(text: str, address: object) -> None:
    try:
        split_address(str(address))
    except ValueError:
        raise _refusal(
            text, f"has {address!r}, which is no host:port"
        ) from None


def _refusal(text: str, reason: str) -> UserError:
    return UserError(
        f"TF_CONFIG={text!r} {reason}; mend it, after TensorFlow's multi-worker"
        " guide, or unset it"
    )
