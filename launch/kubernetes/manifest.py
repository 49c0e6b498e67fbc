"""The objects by which Kubernetes runs a job: as dictionaries, and as YAML.

What they may hold is told on kubernetes.io (Job, Service) and
jobset.sigs.k8s.io (JobSet).
"""

import re
from typing import Any

import yaml

from trainer.launch.kubernetes.pods import CONTAINER
from trainer.launch.kubernetes.pods import pod_spec
from trainer.launch.kubernetes.request import labels
from trainer.launch.kubernetes.request import PORT
from trainer.launch.kubernetes.request import REPLICATED
from trainer.launch.kubernetes.request import Request
from trainer.launch.supervise.policy import FINAL
from trainer.process.exits import STOPPED

Values = dict[str, Any]

# A finished job's pods hold nothing but their logs.
KEPT_SECS = 7 * 24 * 3600
# Text that every reader of YAML takes for a string without quotes, where
# PyYAML does too.
_PLAIN = re.compile(r"[A-Za-z][\w./-]+", re.ASCII)


def objects(request: Request) -> list[Values]:
    """Returns the objects that run a job, in the order of their creation."""
    if request.is_job_set:
        return [_policy(request), _job_set(request)]
    return [_policy(request), _service(request), _job(request)]


def _metadata(request: Request, *, queued: bool) -> Values:
    metadata: Values = {"name": request.name}
    if request.namespace:
        metadata["namespace"] = request.namespace
    metadata["labels"] = labels(request.name)
    if queued and request.queue:
        metadata["labels"]["kueue.x-k8s.io/queue-name"] = request.queue
    if queued and request.priority:
        priority = request.priority
        metadata["labels"]["kueue.x-k8s.io/priority-class"] = priority
    return metadata


def _policy(request: Request) -> Values:
    """Lets the job's own pods reach each other, and none else reach them.

    Whoever reaches TensorFlow's port reads and writes files in the pod. All
    ports, as NCCL takes any. The cluster's network must enforce policies.
    """
    own = {"podSelector": {"matchLabels": labels(request.name)}}
    spec: Values = {**own, "policyTypes": ["Ingress"]}
    if request.nodes > 1:
        spec["ingress"] = [{"from": [own]}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(request, queued=False),
        "spec": spec,
    }


def _service(request: Request) -> Values:
    """Names each pod, from its start on: workers meet before they are ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(request, queued=False),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels(request.name),
            "ports": [{"name": "grpc", "port": PORT}],
        },
    }


def _job(request: Request) -> Values:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(request, queued=True),
        "spec": {
            **_job_spec(request),
            "ttlSecondsAfterFinished": KEPT_SECS,
        },
    }


def _job_set(request: Request) -> Values:
    """Makes the Job; restarts are the Job's own, which its deadline ends.

    A JobSet's restart would begin the deadline anew. It brings a Service.
    """
    replicated = {
        "name": REPLICATED,
        "replicas": 1,
        "template": {
            "metadata": {"labels": labels(request.name)},
            "spec": _job_spec(request),
        },
    }
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": _metadata(request, queued=True),
        "spec": {
            "failurePolicy": {"maxRestarts": 0},
            "network": {
                "enableDNSHostnames": True,
                "publishNotReadyAddresses": True,
            },
            "replicatedJobs": [replicated],
            "ttlSecondsAfterFinished": KEPT_SECS,
        },
    }


def _job_spec(request: Request) -> Values:
    return {
        "completionMode": "Indexed",
        "completions": request.nodes,
        "parallelism": request.nodes,
        "backoffLimit": request.max_restarts * request.nodes,
        "activeDeadlineSeconds": request.max_secs,
        "podFailurePolicy": {"rules": _rules()},
        # A worker's name must be free before it is given again.
        "podReplacementPolicy": "Failed",
        "template": {
            "metadata": {"labels": labels(request.name)},
            "spec": pod_spec(request),
        },
    }


def _rules() -> list[Values]:
    """What the end of a pod means; the first rule that fits is taken."""

    def on_codes(action: str, *codes: int) -> Values:
        codes_of = {"containerName": CONTAINER, "operator": "In"}
        return {
            "action": action,
            "onExitCodes": {**codes_of, "values": list(codes)},
        }

    disrupted = {"type": "DisruptionTarget", "status": "True"}
    return [
        on_codes("FailJob", *FINAL),
        on_codes("Ignore", STOPPED),
        {"action": "Ignore", "onPodConditions": [disrupted]},
    ]


def to_yaml(documents: list[Values]) -> str:
    """Returns YAML that every reader reads alike, `---` between documents."""
    return "---\n".join(
        yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=10**6)
        for each in documents
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what a reader of another YAML than PyYAML's would not read back.

    Go's readers take 1e3 for a number and y for a truth value.
    """

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)
