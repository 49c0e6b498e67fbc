"""A pod that runs one worker: what it holds and may do."""

from typing import Any

from trainer.cluster.discovery import SECRET
from trainer.launch.kubernetes.request import addresses
from trainer.launch.kubernetes.request import PORT
from trainer.launch.kubernetes.request import Request
from trainer.launch.kubernetes.request import Slice
from trainer.launch.tpu import tpu_environment

Values = dict[str, Any]

CONTAINER = "trainer"
# A pod that is told to leave ends its chunk and writes a checkpoint first.
GRACE_SECS = 180
# For the last pod to find a node, and to pull its image.
JOIN_SECS = 900
# Of the user and the group; launch/Dockerfile makes them.
USER = 1000
LIBTPU = "/lib/libtpu.so"
_JOB_UID = "metadata.labels['batch.kubernetes.io/controller-uid']"


def pod_spec(request: Request) -> Values:
    """Returns the specification of each pod."""
    spec: Values = {
        "subdomain": request.name,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            **_user(request),
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(request)],
    }
    if request.is_job_set:
        del spec["subdomain"]  # The JobSet gives one.
    if request.tpu:
        spec["nodeSelector"] = {
            "cloud.google.com/gke-tpu-accelerator": request.tpu.accelerator,
            "cloud.google.com/gke-tpu-topology": request.tpu.topology,
        }
    if name := _device(request):
        # Nodes with devices are kept free of pods that do not ask for them.
        toleration = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
        spec["tolerations"] = [toleration]
    spec["volumes"] = [volume for volume, _ in _volumes(request)]
    return spec


def _user(request: Request) -> Values:
    """Says whom a pod's processes are.

    Those that drive a TPU raise their limit of locked memory, which takes a
    capability that Kubernetes hands to root alone.
    """
    if request.tpu:
        return {"runAsUser": 0, "runAsGroup": 0}
    return {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER}


def own_folders(tpu: Slice | None) -> dict[str, str]:
    """Returns the folders that go with a pod, by the names of their volumes."""
    return {"tmp": "/tmp", "home": "/root" if tpu else "/home/strata"}


def _volumes(request: Request) -> list[tuple[Values, Values]]:
    """Returns (volume, mount) of each folder that is not the image's.

    Nothing else can be written: temporary files, and caches in the home folder
    (the copy of a gs:// workdir is one).
    """
    pairs = [
        ({"name": name, "emptyDir": {}}, {"name": name, "mountPath": path})
        for name, path in own_folders(request.tpu).items()
    ]
    if request.volume:
        claim = {"claimName": request.volume.claim}
        pairs.append(
            (
                {"name": "shared", "persistentVolumeClaim": claim},
                {"name": "shared", "mountPath": request.volume.path},
            )
        )
    if request.gpus > 1:
        # NCCL passes gradients between a pod's GPUs through it, and the
        # runtime's own holds 64 MiB.
        pairs.append(
            (
                {"name": "memory", "emptyDir": {"medium": "Memory"}},
                {"name": "memory", "mountPath": "/dev/shm"},
            )
        )
    return pairs


def _container(request: Request) -> Values:
    container: Values = {
        "name": CONTAINER,
        "image": request.image,
        # One worker's supervisor: what ends by a peer's fault is started again
        # in its place, and the pod stays.
        "command": [
            *_unlocked(request),
            "python",
            "-m",
            "trainer.launch.local",
        ],
        "args": [
            f"--max_restarts={request.max_restarts}",
            "--",
            *(escaped(each) for each in _trainer_arguments(request)),
        ],
        "resources": _resources(request),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": _capabilities(request),
        },
    }
    if request.nodes > 1:
        port = {"name": "grpc", "containerPort": PORT, "protocol": "TCP"}
        container["ports"] = [port]
    named = _environment(request)
    if named:
        container["env"] = [{"name": n, "value": v} for n, v in named.items()]
    if "STRATA_ADDRESSES" in named:
        # The Job's number of its own, which none but its namespace is told.
        source = {"fieldRef": {"fieldPath": _JOB_UID}}
        container["env"].append({"name": SECRET, "valueFrom": source})
    container["volumeMounts"] = [mount for _, mount in _volumes(request)]
    return container


def _unlocked(request: Request) -> list[str]:
    """Returns what takes the limit off before the rest of a command."""
    # Of the kernel's own pages for the TPU: cloud.google.com/kubernetes-engine/
    # docs/how-to/tpus.
    raised = 'ulimit -l unlimited && exec "$@"'
    return ["sh", "-c", raised, "sh"] if request.tpu else []


def _capabilities(request: Request) -> Values:
    """Says what a pod's root may do; DAC_OVERRIDE lets it write the volume."""
    added = {"add": ["SYS_RESOURCE", "DAC_OVERRIDE"]} if request.tpu else {}
    return {"drop": ["ALL"], **added}


def escaped(text: str) -> str:
    """Has Kubernetes, which replaces $(NAME) and $$, leave a text as it is."""
    return text.replace("$", "$$")


def unescaped(text: str) -> str:
    """Returns the text that was escaped."""
    return text.replace("$$", "$")


def _trainer_arguments(request: Request) -> list[str]:
    """Returns the trainer's arguments; of two that differ the later holds."""
    ours = []
    if request.nodes > 1:
        ours.append(f"--join_secs={JOIN_SECS}")
    if request.gpus:
        ours.append(f"--require_gpus={request.gpus}")
    if request.tpu:
        ours.append("--tpu=local")
    return [*ours, *request.arguments]


def _environment(request: Request) -> dict[str, str]:
    """Returns what the trainer reads beside Kubernetes' own variables."""
    if request.tpu:
        return tpu_environment(LIBTPU)
    if request.nodes > 1:
        return {"STRATA_ADDRESSES": ",".join(addresses(request))}
    return {}


def _device(request: Request) -> str | None:
    """Returns what a cluster calls the devices that are asked for."""
    if request.tpu:
        return "google.com/tpu"
    return "nvidia.com/gpu" if request.gpus else None


def _resources(request: Request) -> Values:
    """Asks for as much as it allows, so that others' load is not ours."""
    wanted: Values = {"cpu": request.cpu, "memory": request.memory}
    if name := _device(request):
        wanted[name] = request.tpu.chips if request.tpu else request.gpus
    return {"requests": wanted, "limits": wanted}
