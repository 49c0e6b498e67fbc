"""What would be done, for people to read before money is spent."""

import shlex
import sys

from trainer.launch.confirmation import confirmed
from trainer.launch.gcp import checkout
from trainer.launch.gcp import gcloud
from trainer.launch.gcp.machine import startup
from trainer.launch.gcp.request import Request
from trainer.launch.gcp.revision import ROOT

SCRIPT = """\
#!/usr/bin/env bash
# Runs a Strata job on Google Cloud, and removes its machines however it ends.
set -euo pipefail
{project}mkdir -p {folder}
cat > {folder}/startup.sh <<'STRATA_STARTUP'
{startup}STRATA_STARTUP
cat > {folder}/request.json <<'STRATA_REQUEST'
{request}
STRATA_REQUEST
{archive} > {folder}/code.tar.gz
{secret}{uploads}
{forget} || true
trap {delete} EXIT
{create}
until {outcome} 2> /dev/null; do sleep 15; done
mkdir -p {results}
{fetch}
"""


# Asked once: in another terminal gcloud may be set to another one meanwhile.
OWN_PROJECT = """\
CLOUDSDK_CORE_PROJECT="$(gcloud config get-value project)"
export CLOUDSDK_CORE_PROJECT
"""


def local_folder(name: str) -> str:
    """Names the folder here where a job is noted."""
    return f".strata/gcp/{name}"


def results_folder(name: str) -> str:
    """Names the folder here that gets a job's results."""
    return f"runs/{name}"


def archive(revision: str) -> gcloud.Words:
    """Returns the command that prints the packed code of a commit."""
    return ["git", "-C", str(ROOT), "archive", "--format=tar.gz", revision]


def uploads(request: Request, folder: str) -> list[gcloud.Words]:
    """Returns the commands that bring to the bucket what machines read."""
    return [
        gcloud.upload(
            request.project, f"{folder}/{name}", f"{request.control}/{name}"
        )
        for name in ("code.tar.gz", "request.json", *secrets_of(request))
    ]


def secrets_of(request: Request) -> list[str]:
    """Returns the file by which a job's machines know each other, if any."""
    return ["secret"] if request.num_vms > 1 else []


def script(request: Request) -> str:
    """Returns all that would be run, as one shell script."""
    zone, folder = request.zones[0], local_folder(request.name)
    project, outcome = request.project, f"{request.control}/outcome.json"
    create = gcloud.create(
        request, zone, request.machines, f"{folder}/startup.sh"
    )
    return SCRIPT.format(
        project="" if project else OWN_PROJECT,
        folder=folder,
        startup=startup.script(request, zone),
        request=request.to_json(),
        archive=shlex.join(archive(request.revision)),
        secret="".join(
            f"(umask 077 && openssl rand -hex 32 > {folder}/{name})\n"
            for name in secrets_of(request)
        ),
        uploads="\n".join(shlex.join(w) for w in uploads(request, folder)),
        delete=shlex.quote(shlex.join(gcloud.delete(request, zone))),
        create=" \\\n  ".join(map(shlex.quote, create)),
        forget=shlex.join(gcloud.forget(request)),
        outcome=shlex.join(gcloud.read(project, outcome)),
        results=results_folder(request.name),
        fetch=shlex.join(
            gcloud.fetch(project, request.workdir, results_folder(request.name))
        ),
    )


def describe(request: Request) -> str:
    """Says what a job takes up, where, and for how long."""
    gpus = f" ({request.gpus} GPU(s) each)" if request.gpus else ""
    project = f" of {request.project}" if request.project else ""
    owner = request.service_account or "the project's default service account"
    market = "spot" if request.spot else "on demand"
    return (
        f"{request.name}: {request.num_vms} x {request.machine_type}{gpus},"
        f" {market}, in {' or '.join(request.zones)}{project}, at most"
        f" {request.max_secs / 3600:g} h each time they are made\n"
        f"  code of commit {request.revision[:12]}, results in"
        f" {request.workdir}\n"
        f"  acting as {owner}\n"
        f"  price: {gcloud.PRICES[request.kind]}"
    )


def remarks(request: Request, detach: bool) -> list[str]:
    """Returns what should be known beforehand."""
    told = checkout.remark(request.revision)
    if request.kind == gcloud.GPU and not request.gpus:
        told.append(
            f"note: how many GPUs {request.machine_type} has is not known here;"
            " the trainer asks for one at least, and takes all that it sees"
        )
    if not request.external_ip:
        told.append(
            "note: --no_external_ip: the machines install packages from the"
            " internet, so their network needs Cloud NAT, and Private Google"
            " Access for the bucket"
        )
    if request.kind == gcloud.TPU:
        told.append(
            "note: the provider sets no limit to a TPU VM's run time; a timer"
            " on the machine deletes it"
        )
    if detach and request.spot:
        told.append(
            "note: --detach with --spot: nothing makes machines again that"
            " are taken away; strata launch gcp resume"
            f" --name={request.name} does"
        )
    if "v100" in (request.accelerator or ""):
        told.append(
            "note: whether the image's driver still knows a V100 is untested;"
            " the job leaves with code 2 where it does not"
        )
    return told


def agreed(request: Request) -> bool:
    """Shows what would be made, and asks.

    Raises:
      UserError: nobody is at the terminal.
    """
    print(describe(request), file=sys.stderr)
    return confirmed(
        "make them?",
        "machines cost money, and nobody is at the terminal to ask; add --yes,"
        " or see what would be done by --dry_run",
    )
