"""What Vertex AI is asked to run.

cloud.google.com/vertex-ai/docs/reference/rest/v1/CustomJobSpec
"""

from typing import Any

from trainer.launch.gcp.request import Request
from trainer.launch.gcp.request import STAGING_VERTEX
from trainer.launch.gcp.vertex import CONTAINER
from trainer.process.facts import LAUNCHER_VARIABLE
from trainer.storage.names import STAGING_VARIABLE

MODULE = "trainer.launch.gcp.machine.replica"


def specification(request: Request) -> dict[str, Any]:
    """Returns the CustomJobSpec of a job."""
    one = _pool(request)
    pools = [{**one, "replicaCount": 1}]
    if request.num_vms > 1:
        # TF_CONFIG calls the first pool the chief, the second the workers.
        pools.append({**one, "replicaCount": request.num_vms - 1})
    scheduling = {"timeout": f"{request.max_secs}s"}
    if request.spot:
        scheduling["strategy"] = "SPOT"
    found: dict[str, Any] = {
        "workerPoolSpecs": pools,
        "scheduling": scheduling,
        # By which the trainer is told its workdir.
        "baseOutputDirectory": {"outputUriPrefix": request.workdir},
    }
    for key, value in (
        ("serviceAccount", request.service_account),
        ("network", request.network),
        ("tensorboard", request.tensorboard),
    ):
        if value:
            found[key] = value
    return found


def _pool(request: Request) -> dict[str, Any]:
    machine: dict[str, Any] = {"machineType": request.machine_type}
    if request.gpus:
        machine["acceleratorType"] = request.accelerator
        machine["acceleratorCount"] = request.gpus
    arguments = [
        request.control,
        f"--max_restarts={request.max_restarts}",
        "--",
        *([f"--require_gpus={request.gpus}"] if request.gpus else []),
        # For the last replica to be set up.
        *(["--join_secs=1800"] if request.num_vms > 1 else []),
        *request.arguments,
    ]
    environment = {LAUNCHER_VARIABLE: "gcp", STAGING_VARIABLE: STAGING_VERTEX}
    env = [{"name": n, "value": v} for n, v in environment.items()]
    image, use = request.image
    if use == CONTAINER:
        command = ["python", "-m", MODULE]
        runs = {
            "containerSpec": {
                "imageUri": image,
                "command": command,
                "args": arguments,
                "env": env,
            }
        }
    else:
        runs = {
            "pythonPackageSpec": {
                "executorImageUri": image,
                "packageUris": [request.package],
                "pythonModule": MODULE,
                "args": arguments,
                "env": env,
            }
        }
    disk = {"bootDiskType": "pd-ssd", "bootDiskSizeGb": request.disk_gb}
    return {"machineSpec": machine, "diskSpec": disk, **runs}
