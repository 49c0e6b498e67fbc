"""Who is in the job, and by which codes its processes part.

Standard library alone, so that launchers can read it.
"""

import dataclasses
import json
import re
from collections.abc import Mapping

from trainer import hostlist
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
# The ports of a Slurm step's tasks: so many for each of so many jobs, from
# here to below Linux's ephemeral ports.
SLURM_PORTS, SLURM_TASKS, SLURM_JOBS = 12_000, 16, 1_250
# A prime, so that the steps of a job do not fall on the next jobs' ports.
SLURM_STEP_APART = 131
# Variable that holds the number of a pipe to a supervisor, for heartbeats.
HEARTBEAT_FD = "STRATA_HEARTBEAT_FD"
# By which a machine or a pod is told its worker's number.
NUMBERS = ("STRATA_WORKER", "JOB_COMPLETION_INDEX")


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

    def tf_config(self) -> str:
        """Returns what TF_CONFIG is to say to TensorFlow of several workers."""
        first = int(self.has_chief_task)
        jobs = {"chief": self.addresses[:first]} if first else {}
        cluster = jobs | {"worker": self.addresses[first:]}
        is_worker = self.index >= first
        return json.dumps(
            {
                "cluster": cluster,
                "task": {
                    "type": "worker" if is_worker else "chief",
                    "index": self.index - first if is_worker else 0,
                },
            }
        )

    @property
    def workers(self) -> int:
        """Processes that train."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this process writes."""
        return self.index == 0

    def on_host(self) -> tuple[int, int]:
        """Returns this worker's number on its host, and how many are there."""
        if self.workers == 1:
            return 0, 1
        hosts = [split_address(address)[0] for address in self.addresses]
        own = hosts[self.index]
        return hosts[: self.index].count(own), hosts.count(own)

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


def from_addresses(environment: Mapping[str, str]) -> Cluster:
    """Reads STRATA_ADDRESSES, host:port of all workers between commas.

    This process is the STRATA_WORKER-th of them, from 0; in a Kubernetes
    Indexed Job or a JobSet the JOB_COMPLETION_INDEX-th.

    Raises:
      UserError: a variable is missing, or not of that form.
    """
    text = environment.get("STRATA_ADDRESSES", "")
    addresses = tuple(text.split(","))
    for address in addresses:
        try:
            split_address(address)
        except ValueError:
            raise UserError(
                f"STRATA_ADDRESSES={text!r} has {address!r}, which is no"
                " host:port; set it to those of all workers, between commas"
            ) from None
    if len(set(addresses)) < len(addresses):
        raise UserError(
            f"STRATA_ADDRESSES={text!r} names an address twice; give each"
            " worker its own"
        )
    name = next((n for n in NUMBERS if n in environment), NUMBERS[0])
    given = environment.get(name, "")
    if given not in map(str, range(len(addresses))):
        raise UserError(
            f"{name}={given!r} must be a whole number below"
            f" {len(addresses)}, the count of STRATA_ADDRESSES"
        )
    several = len(addresses) > 1
    return Cluster(addresses, int(given)) if several else Cluster()


def from_slurm(environment: Mapping[str, str]) -> Cluster:
    """Reads what `srun` tells each task: one worker a task.

    The ports follow from the job and the step, so that two jobs that share a
    host seldom meet.

    Raises:
      UserError: not a task of srun; or tasks that are laid out otherwise than
        in blocks or in turns.
    """
    try:
        tasks = int(environment["SLURM_STEP_NUM_TASKS"])
        index = int(environment["SLURM_PROCID"])
        hosts = hostlist.expand(environment["SLURM_STEP_NODELIST"])
        per_host = _counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        number = int(environment["SLURM_JOB_ID"]) + SLURM_STEP_APART * int(
            environment["SLURM_STEP_ID"]
        )
    except (KeyError, ValueError) as error:
        raise UserError(
            f"--cluster=slurm: no task of srun ({error!r}); start it by srun,"
            " or by strata launch slurm"
        ) from None
    if tasks == 1:
        return Cluster()
    layout = environment.get("SLURM_DISTRIBUTION", "block").partition(":")[0]
    places = [(i, k) for i, count in enumerate(per_host) for k in range(count)]
    if layout == "cyclic":
        places.sort(key=lambda place: place[::-1])
    elif layout != "block" and max(per_host) > 1:
        raise UserError(
            f"SLURM_DISTRIBUTION={layout}: several tasks a node must be laid"
            " out by --distribution=block or cyclic"
        )
    first = SLURM_PORTS + SLURM_TASKS * (number % SLURM_JOBS)
    return Cluster(tuple(f"{hosts[i]}:{first + k}" for i, k in places), index)


def _counts(text: str) -> list[int]:
    """Writes out `2(x3),1`, Slurm's short form of 2, 2, 2, 1."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not match:
            raise ValueError(f"SLURM_STEP_TASKS_PER_NODE={text}")
        found += [int(match[1])] * int(match[2] or 1)
    return found


def find(source: str, environment: Mapping[str, str]) -> tuple[str, Cluster]:
    """Finds the cluster that a process was started in.

    Args:
      source: one of SOURCES. "auto" takes the first of TF_CONFIG,
        STRATA_ADDRESSES and a task of srun that is there.
      environment: the process's.

    Returns:
      Which source it was, and the cluster; ("none", one worker) where there is
      none.

    Raises:
      UserError: what is there cannot be read.
    """
    if source == "auto":
        source = next(
            (name for name, key in _SIGNS.items() if environment.get(key)),
            "none",
        )
    return source, _READERS[source](environment)


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
            "--strategy=multiworker needs two workers or more, by TF_CONFIG,"
            " Slurm or STRATA_ADDRESSES; for one, --strategy=auto fits"
        )
    if several and name != "multiworker":
        raise UserError(
            f"--strategy={name} is of one process, and there are"
            f" {place.workers} workers; give --cluster=none to leave them"
            " aside, or leave --strategy at auto"
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


# What each variable's presence says, in the order in which they count.
_SIGNS = {
    "tf_config": "TF_CONFIG",
    "kubernetes": "STRATA_ADDRESSES",
    "slurm": "SLURM_STEP_NUM_TASKS",
}
_READERS = {
    "none": lambda environment: Cluster(),
    "tf_config": read,
    "addresses": from_addresses,
    "kubernetes": from_addresses,
    "slurm": from_slurm,
}
SOURCES = ("auto", *_READERS)


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
