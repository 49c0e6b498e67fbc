"""What is asked of Kubernetes."""

import dataclasses

from trainer.process.arguments import nearest
from trainer.process.exits import UserError

PORT = 2222
# Of a JobSet, its only replicated job.
REPLICATED = "worker"
# Labels of all that is made: that it is ours, and of which job.
NAME_LABEL, INSTANCE_LABEL = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
)
OURS = "strata"
# By which the cluster tells the chief's pod from the others.
CHIEF = "batch.kubernetes.io/job-completion-index=0"
# Chips by topology, of slices of one host: "Plan TPUs in GKE",
# cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus.
_FLAT = {"1x1": 1, "2x2": 4, "2x4": 8}
_CUBE = {"2x2x1": 4}
CHIPS = {
    "tpu-v4-podslice": _CUBE,
    "tpu-v5-lite-podslice": _FLAT,
    "tpu-v5p-slice": _CUBE,
    "tpu-v6e-slice": _FLAT,
}


@dataclasses.dataclass(frozen=True)
class Volume:
    """A claim that all pods mount, and where."""

    claim: str
    path: str


@dataclasses.dataclass(frozen=True)
class Slice:
    """A TPU slice of one host, as Google's Kubernetes names it."""

    accelerator: str
    topology: str
    chips: int


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of a cluster.

    Attributes:
      name: of the job, and of all that is made for it.
      nodes: pods, a worker each.
      image: that holds Strata.
      arguments: of the trainer.
      max_restarts: of a worker, in a row without progress.
      max_secs: after which the cluster ends the job.
      cpu: cores of a pod, as Kubernetes writes them.
      memory: of a pod, likewise.
      gpus: of a pod; 0 for none.
      tpu: of the pod, or None.
      volume: shared by all pods, or None.
      namespace: or None for the one that kubectl is set to.
      queue: Kueue's, or None.
      priority: of Kueue's workload, or None.
      is_job_set: whether a JobSet makes the Job.
    """

    name: str
    nodes: int
    image: str
    arguments: tuple[str, ...]
    max_restarts: int
    max_secs: int
    cpu: str
    memory: str
    gpus: int = 0
    tpu: Slice | None = None
    volume: Volume | None = None
    namespace: str | None = None
    queue: str | None = None
    priority: str | None = None
    is_job_set: bool = False


def labels(name: str) -> dict[str, str]:
    """Returns the labels of all that is made for a job."""
    return {NAME_LABEL: OURS, INSTANCE_LABEL: name}


def selector(name: str) -> str:
    """Returns what selects all of it, and no release of Helm of that name."""
    return ",".join(f"{k}={v}" for k, v in labels(name).items())


def addresses(request: Request) -> list[str]:
    """Returns host:port of each worker, as its Job's pods are named.

    An Indexed Job names them by its own name, which a JobSet makes of its own
    and the replicated job's.
    """
    name = request.name
    job = f"{name}-{REPLICATED}-0" if request.is_job_set else name
    return [f"{job}-{i}.{name}:{PORT}" for i in range(request.nodes)]


def slice_of(accelerator: str | None, topology: str | None) -> Slice | None:
    """Returns the slice that two flags name, or None where both are absent.

    Raises:
      UserError: one is absent, or they name none of one host.
    """
    if accelerator is None and topology is None:
        return None
    if accelerator not in CHIPS:
        remedy = nearest(accelerator or "", CHIPS) or "name one of them"
        raise UserError(
            f"--tpu_accelerator={accelerator} is none of {', '.join(CHIPS)};"
            f" {remedy}"
        )
    if topology not in CHIPS[accelerator]:
        raise UserError(
            f"--tpu_topology={topology} is no slice of one host of"
            f" {accelerator}; those are {', '.join(CHIPS[accelerator])}, and"
            " TensorFlow's servers on further hosts crash or hang in its last"
            " releases for TPUs (tensorflow#82208, #93618)"
        )
    return Slice(accelerator, topology, CHIPS[accelerator][topology])
