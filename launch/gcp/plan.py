"""What would be done, for people to read before money is spent."""

import json
import shlex
import sys

from trainer.launch.confirmation import confirmed
from trainer.launch.gcp import checkout
from trainer.launch.gcp import creation
from trainer.launch.gcp import custom_job
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import vertex
from trainer.launch.gcp.machine import startup
from trainer.launch.gcp.request import command
from trainer.launch.gcp.request import FOLDER_LABEL
from trainer.launch.gcp.request import LABEL
from trainer.launch.gcp.request import owner
from trainer.launch.gcp.request import Request
from trainer.launch.gcp.revision import ROOT
from trainer.process.exits import INTERRUPTED

SCRIPT = """\
#!/usr/bin/env bash
# Runs a Strata job on Google Cloud, and removes its machines however it ends;
# leaves with the job's code.
set -euo pipefail
if [ -e {results} ] && ! grep -qsF {bucket} {folder}/request.json; then
  echo {taken} >&2
  exit 2
fi
{project}there="$({there})"
if [ -n "$there" ]; then
  echo "--name={name} has machines:" $there"; name another, or remove" \\
    "them by {remove}" >&2
  exit 2
fi
mkdir -p {folder}
cat > {folder}/{handed} <<'STRATA_STARTUP'
{startup}STRATA_STARTUP
cat > {folder}/request.json <<'STRATA_REQUEST'
{request}
STRATA_REQUEST
{brought}if ! {forget} && {outcome} > /dev/null 2>&1; then
  echo "what an earlier start left cannot be removed" >&2
  exit 1
fi
delete() {{ {deletion}; }}
trap delete EXIT
{create}
until outcome="$({outcome} 2> /dev/null)"; do sleep 15; done
echo "$outcome"
delete && trap - EXIT
mkdir -p {results}
{fetch} || echo results stay in {workdir} >&2
exit "$(sed -E 's/.*"code": ([0-9]+).*/\\1/' <<< "$outcome")"
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


def taken(name: str) -> str:
    """Says that the folder here that a job's results would go to is not its."""
    return (
        f"--name={name}: the results would be written over what is in"
        f" {results_folder(name)}, which is not noted as this job's in"
        f" {local_folder(name)}; name another, or move that folder away"
    )


# What pip needs of the code, in the folder that an sdist has.
_INSTALLED = (
    *("setup.py", "pyproject.toml", "README.md", "LICENSE"),
    *("configs", "launch", "trainer"),
)


def archive(request: Request) -> gcloud.Words:
    """Returns the command that prints the packed code of a commit."""
    words = ["git", "-C", str(ROOT), "archive", "--format=tar.gz"]
    if request.kind != gcloud.VERTEX:
        return [*words, request.revision]
    folder = name_of(request.package).removesuffix(".tar.gz")
    return [*words, f"--prefix={folder}/", request.revision, *_INSTALLED]


def name_of(address: str) -> str:
    """Returns the last part of an object's name."""
    return address.rpartition("/")[2]


def handed(request: Request, zone: str) -> tuple[str, str]:
    """Returns what a provider is handed of a job: a file's name, its text."""
    if request.kind != gcloud.VERTEX:
        return "startup.sh", startup.script(request, zone)
    # gcloud reads YAML, which JSON is a part of.
    text = json.dumps(custom_job.specification(request), indent=1)
    return "job.json", text + "\n"


def uploads(request: Request, folder: str) -> list[gcloud.Words]:
    """Returns the commands that bring to the bucket what machines read."""
    code = [name_of(request.package)] if request.revision else []
    return [
        gcloud.upload(
            request.project, f"{folder}/{name}", f"{request.control}/{name}"
        )
        for name in (*code, "request.json", *secrets_of(request))
    ]


def secrets_of(request: Request) -> list[str]:
    """Returns the file by which a job's machines know each other, if any."""
    return ["secret"] if request.num_vms > 1 else []


def script(request: Request, *, has_code: bool = False) -> str:
    """Returns all that would be run, as one shell script.

    Args:
      request: for the job.
      has_code: whether the bucket has what machines read of it.
    """
    zone, folder = request.zones[0], local_folder(request.name)
    project, outcome = request.project, f"{request.control}/outcome.json"
    file, text = handed(request, zone)
    create = creation.create(
        request, zone, request.machines, f"{folder}/{file}"
    )
    return SCRIPT.format(
        project="" if project else OWN_PROJECT,
        name=request.name,
        remove=request.command("delete"),
        # As request.json has it.
        bucket=shlex.quote(json.dumps({"bucket": request.bucket})[1:-1]),
        taken=shlex.quote(taken(request.name)),
        there=shlex.join(gcloud.list_names(request, LABEL, request.name)),
        folder=folder,
        handed=file,
        startup=text,
        request=request.to_json(),
        brought="" if has_code else _bringing(request, folder),
        deletion=deletion(request, zone),
        create=" \\\n  ".join(map(shlex.quote, create)),
        forget=shlex.join(gcloud.forget(request)),
        outcome=shlex.join(gcloud.read(project, outcome)),
        results=results_folder(request.name),
        workdir=shlex.quote(request.workdir),
        fetch=shlex.join(
            gcloud.fetch(project, request.workdir, results_folder(request.name))
        ),
    )


def _bringing(request: Request, folder: str) -> str:
    """Returns what packs the code, makes the secret and brings both, a shell's.

    Args:
      request: for the job.
      folder: here, where the job is noted.
    """
    lines = []
    if request.revision:
        packed = f"{folder}/{name_of(request.package)}"
        lines.append(f"{shlex.join(archive(request))} > {packed}")
    lines += [
        f"(umask 077 && openssl rand -hex 32 > {folder}/{name})"
        for name in secrets_of(request)
    ]
    lines += map(shlex.join, uploads(request, folder))
    return "".join(f"{line}\n" for line in lines)


def deleted() -> str:
    """Returns what is noted of a job's end where it is deleted."""
    return json.dumps({"code": INTERRUPTED, "deleted_by": owner()})


def deletion(request: Request, zone: str) -> str:
    """Returns what deletes all that a job has in a zone, for a shell.

    By the label of its folder, since others may have its name.
    """
    project = request.project
    names = gcloud.list_names(request, FOLDER_LABEL, request.folder, zone)
    if request.kind == gcloud.GPU:
        # All at once, their names last.
        words = gcloud.delete_gpus(project, zone, [])
    elif request.kind == gcloud.TPU:
        words = ["-I", "NAME", *gcloud.delete_tpu(project, zone, "NAME")]
    else:
        words = ["-I", "NAME", *gcloud.cancel_custom_job(project, zone, "NAME")]
    return f"{shlex.join(names)} | xargs -r {shlex.join(words)}"


def describe(request: Request) -> str:
    """Says what a job takes up, where, and for how long."""
    gpus = f" ({request.gpus} GPU(s) each)" if request.gpus else ""
    code = f"code of commit {request.revision[:12]}"
    if not request.revision:
        code = f"code of {request.image[0]}"
    project = f" of {request.project}" if request.project else ""
    owner = request.service_account or "the project's default service account"
    market = "spot" if request.spot else "on demand"
    return (
        f"{request.name}: {request.num_vms} x {request.machine_type}{gpus},"
        f" {market}, in {' or '.join(request.zones)}{project}, at most"
        f" {request.max_secs / 3600:g} h each time they are made\n"
        f"  {code}, results in {request.workdir}\n"
        f"  acting as {owner}\n"
        f"  price: {gcloud.PRICES[request.kind]}"
    )


def ends(request: Request) -> str:
    """Says what a job makes, and what deletes it."""
    made = {
        gcloud.GPU: f"machines {', '.join(request.machines)}",
        gcloud.TPU: f"the queued resource {request.name} and its TPU VM",
        gcloud.VERTEX: f"a custom job {request.name}",
    }
    bound = {
        gcloud.GPU: "--max-run-duration",
        gcloud.TPU: "a timer on the machine",
        gcloud.VERTEX: "the job's own timeout",
    }
    name, folder = request.name, local_folder(request.name)
    return (
        f"makes: {made[request.kind]}; {request.workdir} and"
        f" {request.control}; {folder} and {results_folder(name)} here\n"
        f"deleted by: the launcher's end, the chief's end,"
        f" {bound[request.kind]}, or {request.command('delete')}; objects and"
        " folders stay"
    )


def remarks(request: Request, detach: bool) -> list[str]:
    """Returns what should be known beforehand."""
    told = checkout.remark(request.revision) if request.revision else []
    if request.kind == gcloud.GPU and not request.gpus:
        told.append(
            f"note: how many GPUs {request.machine_type} has is not known here;"
            " the trainer asks for one at least, and takes all that it sees"
        )
    if request.num_vms > 1 and request.kind == gcloud.GPU:
        network = request.network or "default"
        firewall = command(
            "firewall",
            network=network,
            network_tag=request.network_tag,
            project=request.project,
        )
        told.append(
            "note: whoever reaches the machines' ports in the network"
            f" {network} can act as the job, unless rules keep them away:"
            f" {firewall}"
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
    if detach and request.spot and request.kind != gcloud.VERTEX:
        told.append(
            "note: --detach with --spot: nothing makes machines again that"
            f" are taken away; {request.command('resume')} does"
        )
    if request.kind == gcloud.VERTEX:
        told += _vertex_remarks(request)
    if "v100" in (request.accelerator or ""):
        told.append(
            "note: whether the image's driver still knows a V100 is untested;"
            " the job leaves with code 2 where it does not"
        )
    return told


def _vertex_remarks(request: Request) -> list[str]:
    image, use = request.image
    if use == vertex.CONTAINER and "@sha256:" not in image:
        return [
            f"note: --image={image} has no @sha256: digest; a replica that is"
            " started later may get other code, and is refused by the rest"
        ]
    if use == vertex.EXECUTOR:
        return [
            "note: --executor_image: pip installs the commit's dependencies at"
            " each start, newest versions within setup.py's bounds, not those"
            " of the lock"
        ]
    return []


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
