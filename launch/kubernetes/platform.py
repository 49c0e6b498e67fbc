"""Jobs on Kubernetes, for `strata jobs`."""

import datetime
import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from trainer.launch.command_line import stop_command
from trainer.launch.command_line import trainer_flags
from trainer.launch.jobs.job import ENDED
from trainer.launch.jobs.job import Job
from trainer.launch.jobs.job import PlatformError
from trainer.launch.jobs.job import RUNNING
from trainer.launch.jobs.job import WAITING
from trainer.launch.jobs.run import Run
from trainer.launch.kubernetes.kubectl import removal
from trainer.launch.kubernetes.pods import CONTAINER
from trainer.launch.kubernetes.pods import unescaped
from trainer.launch.kubernetes.request import CHIEF
from trainer.launch.kubernetes.request import INSTANCE_LABEL
from trainer.launch.kubernetes.request import NAME_LABEL
from trainer.launch.kubernetes.request import OURS
from trainer.launch.kubernetes.request import selector
from trainer.process.exits import UserError
from trainer.process.programs import ASK_SECS
from trainer.process.programs import complaint
from trainer.process.programs import finish
from trainer.storage.names import is_remote

NAME = "kubernetes"
_ALL = f"{NAME_LABEL}={OURS}"
# A cluster that is away is not waited for.
_REQUEST = "--request-timeout=10s"


def find(runs: Sequence[Run]) -> list[Job]:
    """Lists the Jobs of our label, those of JobSets too.

    Raises:
      PlatformError: the cluster could not be asked.
    """
    if not shutil.which("kubectl"):
        return []
    if _kubectl("config", "current-context").returncode:
        return []  # It knows of no cluster.
    done = _kubectl("get", "jobs", "--selector", _ALL, "--output=json")
    if done.returncode:
        raise PlatformError(f"kubectl: {complaint(done)}")
    return [_job(item) for item in json.loads(done.stdout)["items"]]


def _job(item: dict[str, Any]) -> Job:
    metadata, status = item["metadata"], item.get("status", {})
    active, pods = status.get("active", 0), item["spec"].get("completions", 1)
    ended = [
        c["type"]
        for c in status.get("conditions", [])
        if c["type"] in ("Complete", "Failed") and c["status"] == "True"
    ]
    state = ENDED if ended else RUNNING if active else WAITING
    began = status.get("startTime")
    owners = [owner["kind"] for owner in metadata.get("ownerReferences", [])]
    kind = "JobSet" if "JobSet" in owners else "Job"
    return Job(
        launcher=NAME,
        name=metadata.get("labels", {}).get(INSTANCE_LABEL, metadata["name"]),
        state=state,
        where=ended[0].lower() if ended else f"{active} of {pods} pod(s)",
        machines=(("pod", active),) if active else (),
        began_unix_secs=began
        and datetime.datetime.fromisoformat(began).timestamp(),
        place=f"{metadata['namespace']}/{kind}",
    )


def show_log(job: Job) -> int:
    """Prints the chief's lines, and those of the pods beside it.

    Raises:
      UserError: kubectl's own complaint.
    """
    done = _of_pods(job, "logs", "--tail=-1", "--prefix")
    if done.returncode:
        raise UserError(f"kubectl: {complaint(done)}")
    print(done.stdout, end="")
    return 0


def stop(job: Job) -> str:
    """Puts a STOP file into the workdir, from within the chief's pod.

    Of a sweep's pods any does: none is its chief, and the first may have ended.

    Raises:
      UserError: kubectl's own complaint.
    """
    found = _of_pods(job, "get", "pods", "--output=json")
    if found.returncode:
        raise UserError(f"kubectl: {complaint(found)}")
    pods = [
        pod
        for pod in json.loads(found.stdout)["items"]
        if pod.get("status", {}).get("phase") == "Running"
        and (_is_chief(pod) or _is_of_sweep(pod))
    ]
    namespace, kind = job.place.split("/")
    remove = removal(job.name, namespace, is_job_set=kind == "JobSet")
    if not pods:
        raise UserError(
            f"no pod of {job.title} runs that could stop it; {remove} removes"
            " the job"
        )
    workdir = _workdir(pods[0])
    if not workdir or is_remote(workdir):
        raise UserError(
            f"{job.title} is stopped by {stop_command(workdir or 'WORKDIR')}"
        )
    done = _kubectl(
        *("exec", f"--namespace={namespace}", pods[0]["metadata"]["name"]),
        *(f"--container={CONTAINER}", "--", "touch", f"{workdir}/STOP"),
    )
    if done.returncode:
        raise UserError(f"kubectl: {complaint(done)}")
    return f"it writes a checkpoint and ends with 43; {remove} removes it"


def _is_chief(pod: dict[str, Any]) -> bool:
    key, _, first = CHIEF.partition("=")
    return bool(pod["metadata"]["labels"].get(key) == first)


def _is_of_sweep(pod: dict[str, Any]) -> bool:
    words = _arguments(pod)
    return bool(words) and "--" not in words


def _arguments(pod: dict[str, Any]) -> list[str]:
    words = pod["spec"]["containers"][0].get("args", [])
    return [unescaped(each) for each in words]


def _workdir(pod: dict[str, Any]) -> str | None:
    """Returns the workdir that a pod's words name, of a sweep or a trainer."""
    words = _arguments(pod)
    if not _is_of_sweep(pod):
        return trainer_flags(words[words.index("--") + 1 :]).workdir
    own = "--workdir="
    named = (w.removeprefix(own) for w in words if w.startswith(own))
    return next(named, None)


def _of_pods(job: Job, *words: str) -> subprocess.CompletedProcess[str]:
    """Asks of a job's pods."""
    own = f"--selector={selector(job.name)}"
    namespace = job.place.partition("/")[0]
    return _kubectl(*words, own, f"--namespace={namespace}")


def _kubectl(*words: str) -> subprocess.CompletedProcess[str]:
    return finish(["kubectl", words[0], _REQUEST, *words[1:]], ASK_SECS)
