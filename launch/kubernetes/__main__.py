"""Runs a job on Kubernetes: prints its manifest, or hands it to kubectl.

Kubernetes starts the pods, and new ones for those that it takes away; in each
of them `python -m trainer.launch.local` starts one worker of the trainer again
where it ends by a peer's fault.
"""

import argparse
import math
import sys

from trainer.launch.command_line import check_cluster
from trainer.launch.command_line import check_name
from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LABEL_CHARS
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import positive
from trainer.launch.kubernetes import kubectl
from trainer.launch.kubernetes.manifest import objects
from trainer.launch.kubernetes.manifest import to_yaml
from trainer.launch.kubernetes.names import bytes_of
from trainer.launch.kubernetes.names import check_label
from trainer.launch.kubernetes.names import check_workdir
from trainer.launch.kubernetes.names import cores_of
from trainer.launch.kubernetes.names import has_digest
from trainer.launch.kubernetes.names import volume_of
from trainer.launch.kubernetes.pods import own_folders
from trainer.launch.kubernetes.request import REPLICATED
from trainer.launch.kubernetes.request import Request
from trainer.launch.kubernetes.request import Slice
from trainer.launch.kubernetes.request import slice_of
from trainer.process.exits import UserError
from trainer.process.exits import verb

DESCRIPTION = """\
Prints what runs a job on Kubernetes, an Indexed Job and a headless Service (or
a JobSet), or creates it by kubectl. The trainer's arguments follow a lone --.

  strata launch kubernetes --name=mnist --nodes=2 --image=IMAGE \\
      --volume=CLAIM:/shared -- --config=mnist --data_dir=/shared/mnist \\
      --workdir=/shared/runs/mnist
"""
MOST_NODES = 1000
LEAST_MEMORY_BYTES = 1 << 30
MOST_HOURS = 24 * 365


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns this launcher's flags, and the trainer's arguments."""
    parser = LauncherParser("strata launch kubernetes", DESCRIPTION)
    add = parser.flag
    add("--name", "NAME", "of the job; needed", required=True)
    add(
        "--nodes",
        "N",
        "pods, a worker each; 1 by default",
        type=positive,
        default=1,
    )
    add("--image", "IMAGE", "that holds Strata; needed", required=True)
    add("--volume", "CLAIM:PATH", "a claim that all pods mount at a path")
    add("--gpus", "G", "NVIDIA GPUs of each pod", type=positive)
    add("--cpu", "CORES", "of each pod; 2 by default", default="2")
    add("--memory", "SIZE", "of each pod; 4Gi by default", default="4Gi")
    add("--tpu_accelerator", "TYPE", "such as tpu-v5-lite-podslice")
    add("--tpu_topology", "SHAPE", "of one host's chips, such as 2x4")
    add("--namespace", "NAME", "kubectl's own by default")
    add(
        "--queue", "NAME", "local queue of Kueue, which starts all pods or none"
    )
    add("--priority", "NAME", "priority class of Kueue's workload")
    add(
        "--kind",
        "job|jobset",
        "an Indexed Job, or a JobSet that makes one; job by default, jobset for"
        " a TPU",
        choices=("job", "jobset"),
    )
    parser.max_restarts(" of a worker")
    add(
        "--max_hours",
        "H",
        "after which the cluster ends the job; 24 by default",
        type=float,
        default=24.0,
    )
    parser.switch("--dry_run", "print the manifest alone, as without --apply")
    parser.switch("--apply", "create the job by kubectl, after a question")
    parser.switch("--yes", "create it without a question")
    return parser.read(argv)


def request_of(wanted: argparse.Namespace, arguments: list[str]) -> Request:
    """Checks the flags, and returns what they ask for.

    Raises:
      UserError: naming the flag, its value and the rule.
    """
    if wanted.nodes > MOST_NODES:
        raise UserError(
            f"--nodes={wanted.nodes} must be {MOST_NODES} or fewer: the"
            " addresses of more do not fit in one variable"
        )
    # It begins the names of the service and of the pods, each a label of DNS.
    longest_suffix = f"-{REPLICATED}-0-{wanted.nodes - 1}"
    check_name("--name", wanted.name, LABEL_CHARS - len(longest_suffix))
    check_label("--namespace", wanted.namespace)
    check_label("--queue", wanted.queue)
    check_label("--priority", wanted.priority)
    if wanted.priority and not wanted.queue:
        raise UserError(
            f"--priority={wanted.priority} is Kueue's, which orders what waits"
            " in a queue; add --queue=NAME"
        )
    tpu = _tpu_of(wanted)
    if tpu and wanted.kind == "job":
        raise UserError(
            "--kind=job does not fit --tpu_accelerator, whose nodes take"
            " JobSets; leave --kind out"
        )
    own = own_folders(tpu).values()
    volume = volume_of("--volume", wanted.volume, own)
    given = checked_flags(arguments, files_are_here=False)
    check_cluster(given, wanted.nodes, "kubernetes", "addresses")
    check_workdir(given.run_workdir, volume)
    _check_arguments(arguments)
    _check_amounts(wanted)
    return Request(
        name=wanted.name,
        nodes=wanted.nodes,
        image=wanted.image,
        arguments=tuple(arguments),
        max_restarts=wanted.max_restarts,
        max_secs=math.ceil(wanted.max_hours * 3600),
        cpu=wanted.cpu,
        memory=wanted.memory,
        gpus=wanted.gpus or 0,
        tpu=tpu,
        volume=volume,
        namespace=wanted.namespace,
        queue=wanted.queue,
        priority=wanted.priority,
        is_job_set=wanted.kind == "jobset" or tpu is not None,
    )


def _check_amounts(wanted: argparse.Namespace) -> None:
    cores_of("--cpu", wanted.cpu)
    if bytes_of("--memory", wanted.memory) < LEAST_MEMORY_BYTES:
        raise UserError(
            f"--memory={wanted.memory} must be 1Gi or more, which TensorFlow"
            " takes; name a unit, such as 4Gi"
        )
    if not 0.1 <= wanted.max_hours <= MOST_HOURS:
        raise UserError(
            f"--max_hours={wanted.max_hours} must be from 0.1 to {MOST_HOURS}"
        )


def _tpu_of(wanted: argparse.Namespace) -> Slice | None:
    tpu = slice_of(wanted.tpu_accelerator, wanted.tpu_topology)
    if tpu and (wanted.gpus or wanted.nodes > 1):
        raise UserError(
            f"--nodes={wanted.nodes} --gpus={wanted.gpus or 0} does not fit"
            f" --tpu_topology={tpu.topology}, which is one host without GPUs;"
            " leave --nodes and --gpus out"
        )
    return tpu


def _check_arguments(arguments: list[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"the trainer's argument {argument!r} is no UTF-8, and YAML"
                " holds nothing else"
            ) from None


@verb
def main(argv: list[str]) -> int:
    """Prints or creates a job.

    Raises:
      UserError: a flag that is unknown, or whose value cannot be meant.
    """
    wanted, arguments = read_flags(argv)
    if wanted.yes and not wanted.apply:
        raise UserError("--yes answers what --apply asks; add --apply")
    request = request_of(wanted, arguments)
    if not has_digest("--image", request.image):
        print(
            f"note: --image={request.image} has no @sha256: digest; a pod that"
            " is made later may get other code, and is refused by the rest",
            file=sys.stderr,
        )
    if wanted.apply and not wanted.dry_run:
        return kubectl.create(request, ask=not wanted.yes)
    print(to_yaml(objects(request)), end="", flush=True)
    print(kubectl.ends(request), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
