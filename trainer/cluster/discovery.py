"""Who is in the job: TF_CONFIG, addresses or Slurm, read once."""

import dataclasses
import json
import re
from collections.abc import Mapping
from collections.abc import MutableMapping
from typing import Any

from trainer.cluster import hostlist
from trainer.cluster.place import Cluster
from trainer.cluster.place import JOBS
from trainer.cluster.place import split_address
from trainer.process.exits import UserError
from trainer.storage import vertex

# The ports of a Slurm step's tasks: so many for each of so many jobs, from
# here to below Linux's ephemeral ports.
SLURM_PORTS, SLURM_TASKS, SLURM_JOBS = 12_000, 16, 1_250
# A prime, so that the steps of a job do not fall on the next jobs' ports.
SLURM_STEP_APART = 131
# By which a machine or a pod is told its worker's number.
NUMBERS = ("STRATA_WORKER", "JOB_COMPLETION_INDEX")
# By which its processes are told what proves that they are of one job; never by
# a command line, which all users of a machine see.
SECRET = "STRATA_JOB_SECRET"


def read(environment: Mapping[str, str]) -> Cluster:
    """Reads TF_CONFIG, as TensorFlow's multi-worker guide describes it.

    Keys that a platform adds are left aside.

    Returns:
      One worker where it is unset or names but this one.

    Raises:
      UserError: it is not of that form, or its task is not in its cluster.
    """
    text = environment.get("TF_CONFIG") or "{}"
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is no JSON object")
        cluster, task = value.get("cluster") or {}, value.get("task") or {}
        kind, index = str(task.get("type")), _whole(task.get("index", -1))
        named = {job: _addresses(job, cluster[job]) for job in cluster}
    except (ValueError, TypeError, AttributeError) as error:
        raise _refusal(text, f"cannot be read ({error})") from None
    if "sparseCluster" in value:
        raise _refusal(text, "names not all workers, by 'sparseCluster'")
    # No part of the cluster: TensorFlow and Vertex AI start it beside.
    named.pop("evaluator", None)
    if kind == "evaluator":
        # There a code other than 0 would end the job.
        if vertex.workdir(environment) is None:
            raise _refusal(
                text, "has task type 'evaluator', and a run scores itself"
            )
        return Cluster(is_evaluator=True)
    if task and kind not in JOBS:
        raise _refusal(
            text, f"has task type {kind!r}, and jobs are {' and '.join(JOBS)}"
        )
    others = set(named) - set(JOBS)
    if others:
        raise _refusal(
            text, f"has a job {min(others)!r}; jobs are {' and '.join(JOBS)}"
        )
    if len(named.get("chief", ())) > 1:
        raise _refusal(text, "has more than one chief")
    places = [(job, i) for job in JOBS for i in range(len(named.get(job, ())))]
    if "index" not in task and (task or len(places) > 1):
        without = f"a task of type {kind!r} without an index"
        raise _refusal(text, f"has {without if task else 'no task'}")
    is_alone = len(places) < 2 and (not task or (not places and index == 0))
    if not is_alone and (kind, index) not in places:
        raise _refusal(
            text, f"has task type {kind!r}, index {index}, not of its cluster"
        )
    if len(places) < 2:
        return Cluster()
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


def _whole(value: Any) -> int:
    """Reads a number that JSON may hold as a text.

    Raises:
      ValueError: it is none, or not whole.
    """
    if isinstance(value, bool) or (isinstance(value, float) and value % 1):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def _addresses(job: str, given: Any) -> list[str]:
    """Returns a job's addresses; TensorFlow takes a list, or numbers to them.

    Raises:
      ValueError: it is neither, or a number lacks.
    """
    if isinstance(given, str):
        raise ValueError(
            f"{job!r} is a string where a list of addresses must be"
        )
    if not isinstance(given, dict):
        return list(given)
    numbered = {_whole(number): given[number] for number in given}
    lacking = set(range(len(given))) - numbered.keys()
    if lacking:
        raise ValueError(
            f"{job!r} lacks number {min(lacking)}, and all must be named"
        )
    return [numbered[number] for number in range(len(given))]


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
        in blocks or in turns; or variables of two different steps.
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
    _check_step(tasks, index, len(hosts), per_host)
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
    return Cluster(
        tuple(f"{hosts[i]}:{first + k}" for i, k in places),
        index,
        job=f"{environment['SLURM_JOB_ID']}.{environment['SLURM_STEP_ID']}",
    )


def _check_step(
    tasks: int, index: int, hosts: int, per_host: list[int]
) -> None:
    """Checks that Slurm's variables tell of one step.

    Raises:
      UserError: they do not fit one another: some are of another step, or were
        set by hand.
    """
    told = f"SLURM_STEP_NUM_TASKS={tasks}"
    remedy = (
        "they are of two steps, or were set by hand; start it by srun, or leave"
        " them aside by --cluster=none"
    )
    if not 0 <= index < tasks:
        raise UserError(f"SLURM_PROCID={index} does not fit {told}: {remedy}")
    if len(per_host) != hosts:
        raise UserError(
            f"SLURM_STEP_NODELIST names {hosts} hosts, and"
            f" SLURM_STEP_TASKS_PER_NODE {len(per_host)}: {remedy}"
        )
    if sum(per_host) != tasks:
        raise UserError(
            f"SLURM_STEP_TASKS_PER_NODE adds up to {sum(per_host)}, which does"
            f" not fit {told}: {remedy}"
        )


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
            (name for name, key in SIGNS.items() if environment.get(key)),
            "none",
        )
    return source, _READERS[source](environment)


def enter(source: str, environment: MutableMapping[str, str]) -> Cluster:
    """Finds the cluster, says so, and leaves TF_CONFIG as TensorFlow needs it.

    Args:
      source: as in `find`.
      environment: the process's own; TensorFlow itself reads TF_CONFIG alone,
        and a job started from here may read the rest.

    Raises:
      UserError: what is there cannot be read.
    """
    asked, (source, place) = source, find(source, environment)
    environment.pop("TF_CONFIG", None)
    secret = environment.pop(SECRET, "").encode()
    place = dataclasses.replace(place, secret=secret)
    if place.workers > 1:
        environment["TF_CONFIG"] = place.tf_config()
        print(
            f"cluster: {place.workers} workers, by {source}; this is"
            f" {place.name_of(place.index)}",
            flush=True,
        )
    tasks = environment.get("SLURM_NTASKS", "1")
    if place.workers == 1 and asked == "auto" and tasks != "1":
        print(
            f"cluster: one worker alone, though SLURM_NTASKS={tasks}; start it"
            " by srun to train with all of them, or say --cluster=none",
            flush=True,
        )
    return place


# What each variable's presence says, in the order in which they count.
SIGNS = {
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
