"""Hands a job to a cluster by kubectl."""

import shutil
import subprocess
import sys

from trainer.launch.confirmation import confirmed
from trainer.launch.kubernetes.manifest import objects
from trainer.launch.kubernetes.manifest import to_yaml
from trainer.launch.kubernetes.request import CHIEF
from trainer.launch.kubernetes.request import Request
from trainer.launch.kubernetes.request import selector
from trainer.launch.supervise.policy import FAILED
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.programs import ASK_SECS
from trainer.process.programs import CHANGE_SECS
from trainer.process.programs import complaint
from trainer.process.programs import finish


def describe(request: Request, context: str) -> str:
    """Says what a job takes up, where, and for how long.

    Args:
      request: for the job.
      context: kubectl's name for the cluster and the user.
    """
    pod = [f"{request.cpu} CPU", f"{request.memory} memory"]
    if request.gpus:
        pod.append(f"{request.gpus} GPU(s)")
    if request.tpu:
        tpu = request.tpu
        pod.append(f"{tpu.accelerator} {tpu.topology} ({tpu.chips} chips)")
    namespace = request.namespace or "kubectl's own"
    return (
        f"{request.name}: {request.nodes} pod(s) of {', '.join(pod)}\n"
        f"  cluster {context}, namespace {namespace}, at most"
        f" {request.max_secs / 3600:g} h\n"
        "  its price stands with the provider of the cluster's nodes"
    )


def removal(name: str, namespace: str | None, *, is_job_set: bool) -> str:
    """Returns the command that removes all that is made for a job.

    A cluster that knows of no JobSets refuses the word.
    """
    where = f" --namespace={namespace}" if namespace else ""
    own = "jobset" if is_job_set else "job,service"
    return f"kubectl delete {own},networkpolicy{where} -l {selector(name)}"


def _removal_of(request: Request) -> str:
    return removal(
        request.name, request.namespace, is_job_set=request.is_job_set
    )


def ends(request: Request) -> str:
    """Says what a job makes, and what deletes it."""
    kinds = " and ".join(made["kind"] for made in objects(request))
    return (
        f"makes: {kinds} {request.name}, {request.nodes} pod(s)\n"
        f"deleted by: the cluster, which ends it after"
        f" {request.max_secs / 3600:g} h and removes it a week later, or"
        f" {_removal_of(request)}"
    )


def create(request: Request, *, ask: bool) -> int:
    """Has kubectl create a job; returns the exit code.

    Raises:
      UserError: there is no kubectl, no cluster, or nobody to ask.
    """
    if not shutil.which("kubectl"):
        raise UserError(
            "--apply needs kubectl, which is not on the PATH; install it, or"
            " leave --apply out and hand the manifest on by yourself"
        )
    context = _kubectl("config", "current-context")
    if context.returncode:
        raise UserError(
            f"--apply needs a cluster, and kubectl knows of none"
            f" ({complaint(context)}); see kubectl config use-context"
        )
    print(describe(request, context.stdout.strip()), file=sys.stderr)
    if ask and not confirmed(
        "create it?",
        "--apply asks before it creates anything, and nobody is at the"
        " terminal; add --yes",
    ):
        print("nothing was created", file=sys.stderr)
        return FAILED
    return _create(request)


def _create(request: Request) -> int:
    text = to_yaml(objects(request))
    where = f" --namespace={request.namespace}" if request.namespace else ""
    own = f"-l {selector(request.name)}"
    remove = _removal_of(request)
    # The cluster checks all of it before it makes any of it. Not `apply`,
    # which would change a job of the same name.
    words = ("create", "--validate=strict", "--filename=-")
    done = _kubectl(*words, "--dry-run=server", text=text)
    if done.returncode:
        tell(f"nothing was created; kubectl: {complaint(done)}")
        return FAILED
    try:
        done = _kubectl(*words, text=text)
    except KeyboardInterrupt:
        tell(f"interrupted; remove what was created by: {remove}")
        return FAILED
    if done.returncode:
        tell(
            f"kubectl: {complaint(done)}; remove what was created by: {remove}"
        )
        return FAILED
    print(
        f"watch:   kubectl get pods{where} {own}\n"
        f"log:     kubectl logs{where} --follow {own},{CHIEF}\n"
        f"remove:  {remove}"
    )
    return 0


def _kubectl(
    *words: str, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    limit_secs = ASK_SECS if text is None else CHANGE_SECS
    return finish(["kubectl", *words], limit_secs, text=text)
