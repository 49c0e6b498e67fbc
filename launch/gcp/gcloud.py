"""The command lines of gcloud, as lists of words.

Pure: nothing is started. `gcloud` 528 takes them all.
"""

from trainer.launch.gcp.request import LABEL
from trainer.launch.gcp.request import owner
from trainer.launch.gcp.request import OWNER_LABEL
from trainer.launch.gcp.request import Request

Words = list[str]
GPU, TPU = "gpu", "tpu"
# Where the provider's prices stand; ours would be wrong tomorrow.
PRICES = {
    GPU: "https://cloud.google.com/compute/gpus-pricing",
    TPU: "https://cloud.google.com/tpu/pricing",
}
# What a machine does itself: objects of the run, its own deletion, its log.
# The API of TPUs knows no narrower scope than the last.
SCOPES = {
    GPU: "storage-rw,compute-rw,logging-write",
    TPU: "https://www.googleapis.com/auth/cloud-platform",
}


def own_project() -> Words:
    """Returns the command that tells gcloud's own project."""
    return gcloud(None, "config", "get-value", "project")


def gcloud(project: str | None, *words: str) -> Words:
    """Returns a command that asks nothing."""
    chosen = [f"--project={project}"] if project else []
    return ["gcloud", *words, "--quiet", *chosen]


def create(
    request: Request, zone: str, machines: list[str], startup: str
) -> Words:
    """Returns the command that makes machines.

    Args:
      request: for the job.
      zone: where.
      machines: their names, all of the job's or some of them.
      startup: file of the script that each runs as it starts.
    """
    kind = _create_tpu if request.kind == TPU else _create_gpu
    return gcloud(request.project, *kind(request, zone, machines, startup))


def _create_gpu(
    request: Request, zone: str, machines: list[str], startup: str
) -> Words:
    several = len(machines) > 1
    count = len(machines)
    family, image_project = request.image
    words = ["compute", "instances"]
    if several:
        # All of them or none: a part could only wait for the rest.
        words += [
            "bulk",
            "create",
            f"--predefined-names={','.join(machines)}",
            f"--count={count}",
            f"--min-count={count}",
            "--on-host-maintenance=TERMINATE",
        ]
    else:
        words += ["create", *machines, "--maintenance-policy=TERMINATE"]
    words += [f"--zone={zone}", f"--machine-type={request.machine_type}"]
    if request.accelerator:
        words.append(f"--accelerator={request.accelerator}")
    if interface := _interface(request):
        words.append(f"--network-interface={interface}")
    return [
        *words,
        f"--image-family={family}",
        f"--image-project={image_project}",
        f"--boot-disk-size={request.disk_gb}GB",
        "--boot-disk-type=pd-balanced",
        f"--provisioning-model={'SPOT' if request.spot else 'STANDARD'}",
        "--instance-termination-action=DELETE",
        f"--max-run-duration={request.max_secs}s",
        "--no-restart-on-failure",
        *_identity(request),
        f"--labels={LABEL}={request.name},{OWNER_LABEL}={owner()}",
        f"--metadata-from-file=startup-script={startup}",
    ]


def _interface(request: Request) -> str:
    wanted = []
    if request.network:
        wanted.append(f"network={request.network}")
    if request.subnet:
        wanted.append(f"subnet={request.subnet}")
    if not request.external_ip:
        wanted.append("no-address")
    if request.needs_gvnic:
        wanted.append("nic-type=GVNIC")
    return ",".join(wanted)


def _identity(request: Request) -> Words:
    """Says whom the machines act as, and what their network calls them."""
    words = [f"--scopes={SCOPES[request.kind]}"]
    if request.service_account:
        words.append(f"--service-account={request.service_account}")
    if request.network_tag:
        words.append(f"--tags={request.network_tag}")
    return words


def _create_tpu(
    request: Request, zone: str, machines: list[str], startup: str
) -> Words:
    return [
        *("compute", "tpus", "queued-resources", "create", request.name),
        f"--node-id={machines[0]}",
        f"--zone={zone}",
        f"--accelerator-type={request.machine_type}",
        f"--runtime-version={request.image[0]}",
        # It limits the wait alone: a timer on the machine limits the run.
        f"--valid-until-duration={request.wait_secs}s",
        *(["--spot"] if request.spot else []),
        *([f"--network={request.network}"] if request.network else []),
        *([f"--subnetwork={request.subnet}"] if request.subnet else []),
        *([] if request.external_ip else ["--internal-ips"]),
        *_identity(request),
        f"--labels={LABEL}={request.name},{OWNER_LABEL}={owner()}",
        f"--metadata-from-file=startup-script={startup}",
    ]


def list_gpus(project: str | None, name: str | None) -> Words:
    """Returns the command that lists a job's machines; of all jobs for None."""
    wanted = f"labels.{LABEL}={name}" if name else f"labels.{LABEL}:*"
    return gcloud(
        project,
        *("compute", "instances", "list", f"--filter={wanted}"),
        "--format=json(name,zone.basename(),status,labels,machineType.basename())",
    )


def list_tpus(project: str | None, zones: str = "-") -> Words:
    """Returns the command that lists requests for TPUs; in all zones for -."""
    return gcloud(
        project,
        *("compute", "tpus", "queued-resources", "list", f"--zone={zones}"),
        "--format=json",
    )


def delete_gpus(project: str | None, zone: str, machines: list[str]) -> Words:
    """Returns the command that deletes machines of one zone."""
    return gcloud(
        project, "compute", "instances", "delete", *machines, f"--zone={zone}"
    )


def delete_tpu(project: str | None, zone: str, name: str) -> Words:
    """Returns the command that deletes a request for a TPU, and the TPU."""
    return gcloud(
        project,
        *("compute", "tpus", "queued-resources", "delete", name),
        f"--zone={zone}",
        "--force",
    )


def delete(request: Request, zone: str) -> Words:
    """Returns the command that deletes all machines of a job in a zone."""
    if request.kind == TPU:
        return delete_tpu(request.project, zone, request.name)
    return delete_gpus(request.project, zone, request.machines)


def serial_output(
    project: str | None, zone: str, machine: str, first_byte: int
) -> Words:
    """Returns the command that prints a machine's console from a byte on."""
    return gcloud(
        project,
        *("compute", "instances", "get-serial-port-output", machine),
        f"--zone={zone}",
        f"--start={first_byte}",
    )


def upload(project: str | None, file: str, address: str) -> Words:
    return gcloud(project, "storage", "cp", file, address)


def forget(request: Request) -> Words:
    """Returns the command that removes what was said of an earlier start."""
    control = request.control
    told = (f"{control}/outcome.json", f"{control}/setup.log", request.stop)
    return gcloud(request.project, "storage", "rm", *told)


def read(project: str | None, address: str, first_byte: int = 0) -> Words:
    """Returns the command that prints an object from a byte on."""
    wanted = [f"--range={first_byte}-"] if first_byte else []
    return gcloud(project, "storage", "cat", *wanted, address)


def list_folder(project: str | None, address: str) -> Words:
    """Returns the command that names what is in a folder, one a line."""
    return gcloud(project, "storage", "ls", address)


def fetch(project: str | None, address: str, folder: str) -> Words:
    return gcloud(project, "storage", "rsync", "--recursive", address, folder)


def ssh(request: Request, project: str | None, zone: str, *more: str) -> Words:
    """Returns the command that opens a shell on a job's chief."""
    is_tpu = request.kind == TPU
    part = ["tpus", "tpu-vm"] if is_tpu else []
    tunnel, track = [], []
    if not request.external_ip:
        tunnel = ["--tunnel-through-iap"]
        track = ["alpha"] if is_tpu else []  # which alone has it for TPUs
    return gcloud(
        project,
        *track,
        *("compute", *part, "ssh", request.machines[0], f"--zone={zone}"),
        *tunnel,
        *more,
    )
