"""Flags of `strata launch gcp gpu`, `tpu` and `vertex` -> a request."""

import argparse
import re
from typing import Any

from trainer.flags import Flags
from trainer.flags import PLACES
from trainer.launch.command_line import check_cluster
from trainer.launch.command_line import check_name
from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LauncherParser
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import gpus
from trainer.launch.gcp import names
from trainer.launch.gcp import tpus
from trainer.launch.gcp import vertex
from trainer.launch.gcp.checkout import config_there
from trainer.launch.gcp.request import Request
from trainer.launch.gcp.request import TAG
from trainer.launch.gcp.revision import head
from trainer.process.exits import UserError
from trainer.storage.names import is_remote
from trainer.storage.names import split_remote

DESCRIPTIONS = {
    "gpu": """\
Runs a job on GPU machines of Google Cloud: makes them, follows the job to its
end, deletes the machines and fetches the results. The trainer's arguments
follow a lone --.

  strata launch gcp gpu --name=mnist --zone=us-central1-a \\
    --machine_type=g2-standard-8 --bucket=gs://BUCKET -- --config=mnist \\
    --data_dir=gs://BUCKET/mnist
""",
    "tpu": """\
Runs a job on a TPU VM of Google Cloud, one host: asks for it, follows the job
to its end, deletes it and fetches the results. The trainer's arguments follow
a lone --.

  strata launch gcp tpu --name=mnist --zone=us-west4-a \\
    --accelerator_type=v5litepod-8 --bucket=gs://BUCKET -- --config=mnist \\
    --data_dir=gs://BUCKET/mnist
""",
    "vertex": """\
Runs a job on Vertex AI, as a custom job: asks for it, follows it to its end,
cancels what is left and fetches the results. The trainer's arguments follow a
lone --.

  strata launch gcp vertex --name=mnist --region=us-central1 \\
    --machine_type=g2-standard-8 --image=IMAGE --bucket=gs://BUCKET \\
    -- --config=mnist --data_dir=gs://BUCKET/mnist
""",
}
# What a kind alone has: its flags, and what they ask for.
_KINDS = {gcloud.GPU: gpus, gcloud.TPU: tpus, gcloud.VERTEX: vertex}
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]")


def read_flags(
    kind: str, argv: list[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Returns a launcher's flags, and the trainer's arguments."""
    parser = LauncherParser(f"strata launch gcp {kind}", DESCRIPTIONS[kind])
    add = parser.flag
    add("--name", "NAME", "of the job; needed", required=True)
    add("--bucket", "gs://BUCKET", "keeps the run; needed", required=True)
    add("--project", "NAME", "gcloud's own by default")
    add(
        "--service_account",
        "EMAIL",
        "that the machines act as; the project's default if not set",
    )
    add(
        "--max_hours",
        "H",
        "after which the job ends and its machines go; 24 by default",
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
    if kind != gcloud.VERTEX:
        _add_places(parser)
    _KINDS[kind].add_flags(parser)
    return parser.read(argv)


def _add_places(parser: LauncherParser) -> None:
    """Adds where machines of one's own stand, and how they are reached."""
    add = parser.flag
    add("--zone", "ZONE", "where; needed", required=True)
    add("--zones", "ZONE,...", "to try next where it has none left")
    add("--network", "NAME", "the project's default if not set")
    add("--subnet", "NAME", "of the network, where it makes none by itself")
    add("--network_tag", "NAME", "of the machines, for the network's rules")
    parser.switch(
        "--no_external_ip", "give the machines no address of the internet"
    )


def request_of(
    kind: str, wanted: argparse.Namespace, arguments: list[str]
) -> Request:
    """Checks the flags, and returns what they ask for.

    Raises:
      UserError: naming the flag, its value and the rule.
    """
    if wanted.project is not None and not _PROJECT.fullmatch(wanted.project):
        raise UserError(
            f"--project={wanted.project!r} must be a project's name, 6 to 30"
            " of a-z, 0-9 and -"
        )
    names.check_account("--service_account", wanted.service_account)
    placed = {} if kind == gcloud.VERTEX else _places_of(wanted)
    check_name("--name", wanted.name, names.NAME_CHARS)
    bucket = names.bucket_of("--bucket", wanted.bucket)
    machines = _KINDS[kind].machines_of(wanted)
    has_code = machines["image"][1] == vertex.CONTAINER
    given = _check_arguments(arguments)
    by_vertex = kind == gcloud.VERTEX
    told_by = ("tf_config",) if by_vertex else ("kubernetes", "addresses")
    check_cluster(given, machines["num_vms"], *told_by)
    config = config_there(
        given.config or "",
        is_installed=by_vertex,
        is_committed=not has_code,
    )
    _check_detached(wanted)
    return Request(
        kind=kind,
        name=wanted.name,
        max_secs=names.seconds_of("--max_hours", wanted.max_hours),
        bucket=bucket,
        workdir=(given.workdir or f"{bucket}/{wanted.name}").rstrip("/"),
        revision="" if has_code else head(),
        arguments=tuple(_handed(arguments, config)),
        spot=wanted.spot,
        project=wanted.project,
        service_account=wanted.service_account,
        max_restarts=wanted.max_restarts,
        **placed,
        **machines,
    )


def _places_of(wanted: argparse.Namespace) -> dict[str, Any]:
    zones = names.zones_of("--zone", wanted.zone)
    if len(zones) > 1:
        raise UserError(
            f"--zone={wanted.zone!r} must be one zone; name further ones by"
            " --zones"
        )
    if wanted.zones is not None:
        zones += names.zones_of("--zones", wanted.zones)
    for flag in ("network", "subnet", "network_tag"):
        if (name := getattr(wanted, flag)) is not None:
            check_name(f"--{flag}", name)
    return {
        "zones": tuple(dict.fromkeys(zones)),
        "network": wanted.network,
        "subnet": wanted.subnet,
        "network_tag": wanted.network_tag or _tag_of(wanted),
        "external_ip": not wanted.no_external_ip,
    }


def _tag_of(wanted: argparse.Namespace) -> str | None:
    """Returns what several machines, which listen, are called in rules."""
    return TAG if getattr(wanted, "num_vms", 1) > 1 else None


def _check_detached(wanted: argparse.Namespace) -> None:
    several = getattr(wanted, "num_vms", 1) > 1
    if wanted.detach and wanted.spot and several:
        raise UserError(
            f"--detach with --spot and --num_vms={wanted.num_vms}: nothing"
            " would make a machine again that is taken away, and the others"
            " would wait for it, and be paid; leave --detach or --spot out"
        )


def _check_arguments(arguments: list[str]) -> Flags:
    """Reads the trainer's arguments, whose folders are all on gs://."""
    given = checked_flags(arguments)
    for name in PLACES:
        value = getattr(given, name)
        if value is not None:
            _check_folder(f"--{name}", value)
    return given


def _handed(arguments: list[str], config: str) -> list[str]:
    """Returns the trainer's arguments as they are handed on.

    Args:
      arguments: as given; the workdir is told apart from them.
      config: as it is named where the job runs.
    """
    own = re.compile("--?(config|workdir)=")
    found = ((own.match(word), word) for word in arguments)
    return [
        f"--config={config}" if match else word
        for match, word in found
        if not match or match[1] == "config"
    ]


def _check_folder(flag: str, value: str) -> None:
    if not is_remote(value):
        raise UserError(
            f"'{flag}={value}' must be {flag}=gs://..., since the machines see"
            " no folder of this one, and theirs are deleted with them"
        )
    names.bucket_of(flag, value)
    split_remote(value)
