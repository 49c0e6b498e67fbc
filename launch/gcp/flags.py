"""Flags of `strata launch gcp gpu` and `tpu` -> a checked request."""

import argparse
import re
import sys
from typing import Any

from trainer.flags import joined
from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import positive
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import gpus
from trainer.launch.gcp import names
from trainer.launch.gcp import tpus
from trainer.launch.gcp.checkout import check_config
from trainer.launch.gcp.request import Request
from trainer.launch.gcp.revision import head
from trainer.process.exits import UserError
from trainer.storage.names import split_remote

DESCRIPTIONS = {
    "gpu": """\
Runs a job on GPU machines of Google Cloud: makes them, follows the job to its
end, fetches the results and deletes the machines. The trainer's arguments
follow a lone --.

  strata launch gcp gpu --name=mnist --zone=us-central1-a \\
    --machine_type=g2-standard-8 --bucket=gs://BUCKET -- --config=mnist \\
    --data_dir=gs://BUCKET/mnist
""",
    "tpu": """\
Runs a job on a TPU VM of Google Cloud, one host: asks for it, follows the job
to its end, fetches the results and deletes it. The trainer's arguments follow
a lone --.

  strata launch gcp tpu --name=mnist --zone=us-west4-a \\
    --accelerator_type=v5litepod-8 --bucket=gs://BUCKET -- --config=mnist \\
    --data_dir=gs://BUCKET/mnist
""",
}
MOST_VMS = 64
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]")


def read_flags(
    kind: str, argv: list[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Returns a launcher's flags, and the trainer's arguments."""
    parser = LauncherParser(f"strata launch gcp {kind}", DESCRIPTIONS[kind])
    add = parser.flag
    add("--name", "NAME", "of the job; needed", required=True)
    add("--zone", "ZONE", "where; needed", required=True)
    add("--zones", "ZONE,...", "to try next where it has none left")
    add("--bucket", "gs://BUCKET", "keeps the run; needed", required=True)
    add("--project", "NAME", "gcloud's own by default")
    add("--network", "NAME", "the project's default if not set")
    add("--subnet", "NAME", "of the network, where it makes none by itself")
    add(
        "--service_account",
        "EMAIL",
        "that the machines act as; the project's default if not set",
    )
    add("--network_tag", "NAME", "of the machines, for the network's rules")
    parser.switch(
        "--no_external_ip", "give the machines no address of the internet"
    )
    add(
        "--max_hours",
        "H",
        "after which the machines are deleted; 24 by default",
        type=float,
        default=24.0,
    )
    parser.max_restarts(" of a worker")
    parser.switch(
        "--spot", "cheaper machines, which may be taken away at any time"
    )
    parser.switch("--detach", "leave once the machines are there")
    parser.switch("--yes", "make them without a question")
    parser.switch("--dry_run", "print the commands, and do nothing")
    (_add_gpu if kind == gcloud.GPU else _add_tpu)(parser)
    return parser.read(argv)


def _add_gpu(parser: LauncherParser) -> None:
    parser.flag(
        "--machine_type",
        "TYPE",
        "such as g2-standard-8 (L4) or a2-highgpu-8g (A100); needed",
        required=True,
    )
    parser.flag(
        "--accelerator",
        "TYPE",
        "GPUs that an n1 machine gets, such as type=nvidia-tesla-t4,count=2",
    )
    parser.flag(
        "--num_vms",
        "N",
        "machines, a worker each; 1 by default",
        type=positive,
        default=1,
    )
    parser.flag(
        "--disk_gb",
        "N",
        "of each machine; 100 by default",
        type=positive,
        default=100,
    )


def _add_tpu(parser: LauncherParser) -> None:
    parser.flag(
        "--accelerator_type",
        "TYPE",
        "such as v5litepod-8 or v2-8; needed",
        required=True,
    )
    parser.flag(
        "--runtime_version",
        "IMAGE",
        "the accelerator's plain Ubuntu by default",
    )
    parser.flag(
        "--wait_hours",
        "H",
        "how long the request may wait in its queue; 6 by default",
        type=float,
        default=6.0,
    )


def request_of(
    kind: str, wanted: argparse.Namespace, arguments: list[str]
) -> Request:
    """Checks the flags, and returns what they ask for.

    Raises:
      UserError: naming the flag, its value and the rule.
    """
    zones = names.zones_of("--zone", wanted.zone)
    if len(zones) > 1:
        raise UserError(
            f"--zone={wanted.zone!r} must be one zone; name further ones by"
            " --zones"
        )
    if wanted.zones is not None:
        zones += names.zones_of("--zones", wanted.zones)
    if wanted.project is not None and not _PROJECT.fullmatch(wanted.project):
        raise UserError(
            f"--project={wanted.project!r} must be a project's name, 6 to 30"
            " of a-z, 0-9 and -"
        )
    for flag in ("network", "subnet", "network_tag"):
        names.check_network(f"--{flag}", getattr(wanted, flag))
    names.check_account("--service_account", wanted.service_account)
    name = names.check_name(wanted.name)
    bucket = names.bucket_of("--bucket", wanted.bucket)
    machines_of = _gpu_of if kind == gcloud.GPU else _tpu_of
    workdir, arguments = _check_arguments(arguments, f"{bucket}/{name}")
    _check_detached(wanted)
    return Request(
        kind=kind,
        name=name,
        zones=tuple(dict.fromkeys(zones)),
        max_secs=names.seconds_of("--max_hours", wanted.max_hours),
        bucket=bucket,
        workdir=workdir,
        revision=head(),
        arguments=tuple(arguments),
        spot=wanted.spot,
        project=wanted.project,
        network=wanted.network,
        subnet=wanted.subnet,
        service_account=wanted.service_account,
        network_tag=wanted.network_tag,
        external_ip=not wanted.no_external_ip,
        max_restarts=wanted.max_restarts,
        **machines_of(wanted),
    )


def _check_detached(wanted: argparse.Namespace) -> None:
    several = getattr(wanted, "num_vms", 1) > 1
    if wanted.detach and wanted.spot and several:
        raise UserError(
            f"--detach with --spot and --num_vms={wanted.num_vms}: nothing"
            " would make a machine again that is taken away, and the others"
            " would wait for it, and be paid; leave --detach or --spot out"
        )


def _gpu_of(wanted: argparse.Namespace) -> dict[str, Any]:
    found = gpus.gpus_of(wanted.machine_type, wanted.accelerator)
    if doubt := gpus.doubt_of(wanted.machine_type):
        print(f"WARNING: {doubt}", file=sys.stderr, flush=True)
    if wanted.num_vms > MOST_VMS:
        raise UserError(
            f"--num_vms={wanted.num_vms} must be {MOST_VMS} or fewer"
        )
    if not 50 <= wanted.disk_gb <= 65536:
        raise UserError(
            f"--disk_gb={wanted.disk_gb} must be from 50, which the system and"
            " CUDA take, to 65536"
        )
    return {
        "machine_type": wanted.machine_type,
        "image": gpus.IMAGE,
        "num_vms": wanted.num_vms,
        "disk_gb": wanted.disk_gb,
        "gpus": found.count,
        "accelerator": found.accelerator,
        "needs_gvnic": found.needs_gvnic,
    }


def _tpu_of(wanted: argparse.Namespace) -> dict[str, Any]:
    runtime = tpus.runtime_of(wanted.accelerator_type, wanted.runtime_version)
    return {
        "machine_type": wanted.accelerator_type,
        "image": (runtime, ""),
        "num_vms": 1,
        "wait_secs": names.seconds_of("--wait_hours", wanted.wait_hours),
    }


def _check_arguments(
    arguments: list[str], default_workdir: str
) -> tuple[str, list[str]]:
    """Returns the workdir on gs://, and the trainer's other arguments."""
    given = checked_flags(arguments)
    check_config(given.config)
    for name in ("workdir", "data_dir", "init_from"):
        value = getattr(given, name)
        if value is not None:
            _check_folder(f"--{name}", value)
    workdir = (given.workdir or default_workdir).rstrip("/")
    own = ("--workdir=", "-workdir=")
    return workdir, [w for w in joined(arguments) if not w.startswith(own)]


def _check_folder(flag: str, value: str) -> None:
    if not value.startswith("gs://"):
        raise UserError(
            f"'{flag}={value}' must be {flag}=gs://..., since the machines see"
            " no folder of this one, and theirs are deleted with them"
        )
    names.bucket_of(flag, value)
    split_remote(value)
