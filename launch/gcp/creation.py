"""The command lines that make machines, or a job of Vertex AI. Pure."""

from trainer.launch.gcp.gcloud import gcloud
from trainer.launch.gcp.gcloud import GPU
from trainer.launch.gcp.gcloud import TPU
from trainer.launch.gcp.gcloud import VERTEX
from trainer.launch.gcp.gcloud import Words
from trainer.launch.gcp.request import FOLDER_LABEL
from trainer.launch.gcp.request import LABEL
from trainer.launch.gcp.request import owner
from trainer.launch.gcp.request import OWNER_LABEL
from trainer.launch.gcp.request import Request

# What a machine does itself: objects of the run, its own deletion, its log.
# The API of TPUs knows no narrower scope than the last.
SCOPES = {
    GPU: "storage-rw,compute-rw,logging-write",
    TPU: "https://www.googleapis.com/auth/cloud-platform",
}


def create(
    request: Request, zone: str, machines: list[str], startup: str
) -> Words:
    """Returns the command that makes machines.

    Args:
      request: for the job.
      zone: where.
      machines: their names, all of the job's or some of them.
      startup: file of the script that each runs as it starts; of Vertex AI,
        of the job's specification.
    """
    kinds = {GPU: _create_gpu, TPU: _create_tpu, VERTEX: _create_custom_job}
    create_kind = kinds[request.kind]
    return gcloud(
        request.project, *create_kind(request, zone, machines, startup)
    )


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
        _labels(request),
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
        _labels(request),
        f"--metadata-from-file=startup-script={startup}",
    ]


def _create_custom_job(
    request: Request, region: str, machines: list[str], specification: str
) -> Words:
    return [
        *("ai", "custom-jobs", "create", f"--region={region}"),
        f"--display-name={machines[0]}",
        f"--config={specification}",
        _labels(request),
    ]


def _labels(request: Request) -> str:
    labels = {
        LABEL: request.name,
        OWNER_LABEL: owner(),
        FOLDER_LABEL: request.folder,
    }
    return f"--labels={','.join(f'{k}={v}' for k, v in labels.items())}"
