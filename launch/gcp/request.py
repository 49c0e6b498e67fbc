"""What is asked of Google Cloud."""

import dataclasses
import getpass
import hashlib
import json
import os
import re
import shlex
from typing import Any

from trainer.process.extras import DISTRIBUTION
from trainer.process.facts import LAUNCHER_VARIABLE
from trainer.storage.names import CHIEF
from trainer.storage.names import split_remote
from trainer.storage.names import STAGING_VARIABLE
from trainer.version import __version__

LABEL, OWNER_LABEL = "strata-job", "strata-owner"
# Tells jobs of one name apart, by the folders of their buckets.
FOLDER_LABEL = "strata-folder"
PORT = 2222
# Of machines that others must not reach, where the user names none.
TAG = "strata"
# Where a machine keeps its copies of what is in buckets.
STAGING = "/srv/strata"
STAGING_VERTEX = "/tmp/strata"


@dataclasses.dataclass(frozen=True)
class Request:
    """One job on machines of one kind.

    Attributes:
      kind: "gpu", "tpu" or "vertex".
      name: of the job; its machines' names and labels follow from it.
      zones: to try, in this order; of Vertex AI the region.
      machine_type: of Compute Engine, or the TPU's accelerator type.
      image: its family and project, or the TPU's runtime version and "", or
        of Vertex AI the container's name and what is in it.
      num_vms: machines, a worker each.
      max_secs: after which the machines are deleted, whatever they do.
      bucket: gs://BUCKET[/FOLDER].
      workdir: on gs://, where the run is kept.
      revision: commit whose code runs; "" where an image holds the code.
      arguments: of the trainer, without --workdir.
      spot: whether the provider may take the machines away.
      gpus: of each machine; 0 where its type does not tell.
      accelerator: as `gcloud --accelerator` takes it, or None.
      needs_gvnic: whether the machine takes that network card alone.
      project: or None for gcloud's own, in a dry run alone.
      network: or None for the project's default.
      subnet: likewise.
      service_account: that the machines act as; None for the project's default.
      network_tag: of the machines, for a network's rules; or None.
      external_ip: whether the machines have addresses of the internet.
      disk_gb: of each machine's only disk.
      max_restarts: of a worker in a row without progress.
      wait_secs: how long a request for a TPU may wait in its queue.
      tensorboard: of Vertex AI, that shows the curves; or None.
    """

    kind: str
    name: str
    zones: tuple[str, ...]
    machine_type: str
    image: tuple[str, str]
    num_vms: int
    max_secs: int
    bucket: str
    workdir: str
    revision: str
    arguments: tuple[str, ...]
    spot: bool = False
    gpus: int = 0
    accelerator: str | None = None
    needs_gvnic: bool = False
    project: str | None = None
    network: str | None = None
    subnet: str | None = None
    service_account: str | None = None
    network_tag: str | None = None
    external_ip: bool = True
    disk_gb: int = 100
    max_restarts: int = 10
    wait_secs: int = 6 * 3600
    tensorboard: str | None = None

    @property
    def machines(self) -> list[str]:
        """Names the machines, the chief's first."""
        if self.kind == "gpu":
            return [f"{self.name}-{i}" for i in range(self.num_vms)]
        return [self.name]

    @property
    def control(self) -> str:
        """The folder by which launcher and machines tell each other."""
        return f"{self.bucket}/.strata/{self.name}"

    @property
    def folder(self) -> str:
        """Names that folder in a label, which takes no slash."""
        return hashlib.sha256(self.control.encode()).hexdigest()[:16]

    @property
    def package(self) -> str:
        """The object that holds the code of the commit."""
        if self.kind == "vertex":
            return f"{self.control}/{DISTRIBUTION}-{__version__}.tar.gz"
        return f"{self.control}/code.tar.gz"

    @property
    def log(self) -> str:
        """The object that holds what the chief says."""
        if self.kind == "vertex":
            # As the trainer itself keeps it, in its workdir.
            return f"{self.workdir}/logs/worker_0.log"
        return f"{self.control}/log-0.txt"

    @property
    def stop(self) -> str:
        """The object at which the trainer saves and ends."""
        return f"{self.workdir}/STOP"

    @property
    def copy(self) -> str:
        """The folder of a machine that has the chief's copy of the run."""
        return "/".join((STAGING, CHIEF, *split_remote(self.workdir)))

    def command(self, verb: str) -> str:
        """Returns the command of a verb of this job's, as run from anywhere."""
        return command(
            verb,
            name=self.name,
            project=self.project,
            bucket=self.bucket,
            region=self.zones[0] if self.kind == "vertex" else None,
        )

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


def command(verb: str, **flags: str | None) -> str:
    """Returns a command of this launcher, with those of its flags that are set.

    Its project is told wherever it is known: gcloud's own may be another one
    by the time that the command is run.
    """
    given = [f"--{name}={value}" for name, value in flags.items() if value]
    return shlex.join(["strata", "launch", "gcp", verb, *given])


def owner() -> str:
    """Returns this user's name, as far as a label can hold it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return re.sub(r"[^a-z0-9_-]", "-", name.lower())[:63]


def from_json(text: str) -> Request:
    """Reads what `to_json` wrote.

    Raises:
      ValueError: it is something else.
    """
    try:
        value: dict[str, Any] = json.loads(text)
        for field in ("zones", "image", "arguments"):
            value[field] = tuple(value[field])
        return Request(**value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no request of this launcher ({error!r})") from error


def job(request: Request, zone: str) -> dict[str, Any]:
    """Returns what a machine is told of its job."""
    arguments = [*request.arguments, f"--workdir={request.workdir}"]
    environment = {STAGING_VARIABLE: STAGING, LAUNCHER_VARIABLE: "gcp"}
    if request.kind == "tpu":
        arguments.append("--tpu=local")
    else:
        # Never on the CPU of a machine that is paid for its GPUs.
        arguments.append(f"--require_gpus={request.gpus or 1}")
    if request.num_vms > 1:
        addresses = [f"{name}:{PORT}" for name in request.machines]
        environment["STRATA_ADDRESSES"] = ",".join(addresses)
        # For the last machine to be set up.
        arguments.insert(0, "--join_secs=1800")
    return {
        "kind": request.kind,
        "project": request.project,
        "name": request.name,
        "zone": zone,
        "machines": request.machines,
        "control": request.control,
        "revision": request.revision,
        "max_secs": request.max_secs,
        "max_restarts": request.max_restarts,
        "environment": environment,
        "arguments": arguments,
    }
