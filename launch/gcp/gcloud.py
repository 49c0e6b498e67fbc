"""The command lines of gcloud, as lists of words.

Pure: nothing is started. `gcloud` 528 takes them all.
"""

from trainer.launch.gcp.request import LABEL
from trainer.launch.gcp.request import Request

Words = list[str]
GPU, TPU, VERTEX = "gpu", "tpu", "vertex"
# Of a custom job of Vertex AI, which keeps it for ever.
OVER = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "CANCELLING")
# Where the provider's prices stand; ours would be wrong tomorrow.
PRICES = {
    GPU: "https://cloud.google.com/compute/gpus-pricing",
    TPU: "https://cloud.google.com/tpu/pricing",
    VERTEX: "https://cloud.google.com/vertex-ai/pricing",
}


def own_project() -> Words:
    """Returns the command that tells gcloud's own project."""
    return gcloud(None, "config", "get-value", "project")


def gcloud(project: str | None, *words: str) -> Words:
    """Returns a command that asks nothing."""
    chosen = [f"--project={project}"] if project else []
    return ["gcloud", *words, "--quiet", *chosen]


def list_gpus(project: str | None, name: str | None) -> Words:
    """Returns the command that lists a job's machines; of all jobs for None."""
    wanted = f"labels.{LABEL}={name}" if name else f"labels.{LABEL}:*"
    return gcloud(
        project,
        *("compute", "instances", "list", f"--filter={wanted}"),
        "--format=json(name,zone.basename(),status,labels,machineType.basename())",
    )


def list_tpus(project: str | None) -> Words:
    """Returns the command that lists requests for TPUs in all zones."""
    return gcloud(
        project,
        *("compute", "tpus", "queued-resources", "list", "--zone=-"),
        "--format=json",
    )


def list_custom_jobs(
    project: str | None, region: str, name: str | None, label: str = LABEL
) -> Words:
    """Returns the command that lists custom jobs, the newest first.

    Vertex AI keeps those that ended; none of them costs anything.
    """
    wanted = f"labels.{label}={name}" if name else f"labels.{label}:*"
    return gcloud(
        project,
        *("ai", "custom-jobs", "list", f"--region={region}"),
        f"--filter={wanted}",
        "--sort-by=~createTime",
        "--format=json(name,displayName,state,labels,error,createTime)",
    )


def list_names(
    request: Request, label: str, value: str, zone: str | None = None
) -> Words:
    """Returns the command that names what has a label, one a line.

    Args:
      request: for machines of its kind; of Vertex AI, jobs that go on.
      label: that they have.
      value: of it.
      zone: or None for all of them; of Vertex AI the request's region.
    """
    wanted = f"labels.{label}={value}"
    if request.kind == GPU:
        zones = [f"--zones={zone}"] if zone else []
        words = ["compute", "instances", "list", *zones]
    elif request.kind == TPU:
        where = f"--zone={zone or '-'}"
        words = ["compute", "tpus", "queued-resources", "list", where]
        wanted = f"tpu.nodeSpec[0].node.{wanted}"
    else:
        region = f"--region={request.zones[0]}"
        words = ["ai", "custom-jobs", "list", region]
        over = " ".join(f"JOB_STATE_{state}" for state in OVER)
        wanted = f"{wanted} AND NOT state=({over})"
    form = "--format=value(name.basename())"
    return gcloud(request.project, *words, f"--filter={wanted}", form)


def cancel_custom_job(project: str | None, region: str, number: str) -> Words:
    """Returns the command that ends a custom job."""
    return gcloud(
        project, "ai", "custom-jobs", "cancel", number, f"--region={region}"
    )


def stream_logs(project: str | None, region: str, number: str) -> Words:
    """Returns the command that prints what a custom job's replicas say."""
    return gcloud(
        project,
        *("ai", "custom-jobs", "stream-logs", number, f"--region={region}"),
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
    """Returns the command that deletes all machines of a job in a zone.

    Not of Vertex AI's, which takes a number that it gives itself.
    """
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


def tell_end(request: Request, file: str) -> Words:
    """Returns the command that notes how a job ended; the first word stands."""
    address = f"{request.control}/outcome.json"
    return [*upload(request.project, file, address), "--no-clobber"]


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
