"""What is asked of Kubernetes."""

import dataclasses

PORT = 2222


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


def labels(name: str) -> dict[str, str]:
    """Returns the labels of all that is made for a job."""
    return {
        "app.kubernetes.io/name": "strata",
        "app.kubernetes.io/instance": name,
    }


def addresses(request: Request) -> list[str]:
    """Returns host:port of each worker, as an Indexed Job names its pods."""
    name = request.name
    return [f"{name}-{i}.{name}:{PORT}" for i in range(request.nodes)]
