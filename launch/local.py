"""Runs a job's workers on this machine, and restarts them by their exit codes.

Starts `python -m trainer.task` once a worker, where there are several with
TF_CONFIG set, and watches until the job is done, ends for good, or makes no
progress any more. A single worker finds its cluster as it does without.
"""

import argparse
import contextlib
import itertools
import os
import pathlib
import secrets
import socket
import sys
from collections.abc import Mapping
from collections.abc import Sequence

from trainer.cluster import discovery
from trainer.cluster.discovery import SECRET
from trainer.cluster.place import Cluster
from trainer.flags import Flags
from trainer.flags import parse
from trainer.flags import PLACES
from trainer.launch.command_line import check_cluster
from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import positive
from trainer.launch.command_line import trainer_flags
from trainer.launch.command_line import without_flag
from trainer.launch.supervise import metrics
from trainer.launch.supervise.enclosure import Enclosure
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.spare import Spare
from trainer.launch.supervise.supervisor import supervise
from trainer.launch.supervise.tee import Tee
from trainer.launch.supervise.trainer import MODULE
from trainer.launch.supervise.trainer import newest_step
from trainer.launch.supervise.trainer import TRAINER
from trainer.launch.supervise.workers import Worker
from trainer.process import output
from trainer.process.end_hook import ending
from trainer.process.exits import STOPPED
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.facts import LAUNCHER_VARIABLE
from trainer.storage.names import is_remote
from trainer.storage.names import local_folder

DESCRIPTION = """\
Runs a job on this machine as one or several workers, and starts it again where
a worker dies or hangs. The trainer's arguments follow a lone --.

  strata launch local --num_workers=2 -- --config=mnist --data_dir=DIR
"""
# Data that the trainer fetches where no folder of it is named.
DOWNLOADED = ("mnist", "fashion_mnist")
DEVICES = pathlib.Path("/dev")
# By which a pod of a Job and a machine of ours can tell that what leaves with a
# checkpoint is started again.
STARTED_AGAIN = ("JOB_COMPLETION_INDEX", LAUNCHER_VARIABLE)


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns this launcher's flags, and the trainer's arguments."""
    parser = LauncherParser("strata launch local", DESCRIPTION)
    parser.flag(
        "--num_workers",
        "N",
        "processes to run; 1 by default",
        type=positive,
        default=1,
    )
    parser.flag(
        "--devices_per_worker",
        "D",
        "GPUs of each worker, an equal share by default; where there are none,"
        " logical CPU devices",
        type=positive,
    )
    parser.flag(
        "--min_workers",
        "M",
        "go on with as few where a worker cannot come back; num_workers by"
        " default",
        type=positive,
    )
    parser.flag(
        "--network",
        "auto|host",
        "auto gives several workers a loopback of their own, where the kernel"
        " allows it and nothing is read from elsewhere; host this machine's",
        choices=("auto", "host"),
        default="auto",
    )
    parser.switch(
        "--spare",
        "have workers be children of a process that has TensorFlow imported,"
        " so that a restart need not import it; costs memory",
    )
    parser.max_restarts()
    parser.start_secs()
    return parser.read(argv)


def free_addresses(count: int) -> list[str]:
    """Returns addresses of the loopback that nothing listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def gpus() -> list[str]:
    """Names the GPUs that this process may share out."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # CUDA reads up to the first that it cannot take: -1 hides all.
        return list(itertools.takewhile(_may_be_seen, names))
    # By their count: in a container that was given /dev/nvidia3 alone, CUDA's
    # only GPU is 0.
    return [str(i) for i, _ in enumerate(DEVICES.glob("nvidia[0-9]*"))]


def _may_be_seen(name: str) -> bool:
    return bool(name) and not name.startswith("-") and name != "NoDevFiles"


def share_out(
    names: list[str], num_workers: int, devices_per_worker: int | None
) -> list[str]:
    """Returns each worker's CUDA_VISIBLE_DEVICES; [] to leave it as it is.

    That is where there is no GPU, and where one worker takes all.

    Raises:
      UserError: there are fewer GPUs than are asked for.
    """
    if not names or (num_workers == 1 and devices_per_worker is None):
        return []
    each = devices_per_worker or len(names) // num_workers
    if not each or each * num_workers > len(names):
        raise UserError(
            f"--num_workers={num_workers} with"
            f" --devices_per_worker={devices_per_worker or 1} needs more than"
            f" the {len(names)} GPU(s) here ({','.join(names)}); ask for fewer"
        )
    return [
        ",".join(names[i * each : (i + 1) * each]) for i in range(num_workers)
    ]


class LocalJob:
    """A job whose workers run on this machine.

    Args:
      arguments: of the trainer.
      workdir: where the workers' lines are kept.
      gpu_shares: each worker's CUDA_VISIBLE_DEVICES, or [].
      first_index: by which the first worker is called.
      network: that they share, or None for this machine's, and why it is that.
      sockets: at which each worker's numbers are asked for, or [].
      spare: whose children the workers are; None for this process's own.
    """

    def __init__(
        self,
        arguments: list[str],
        workdir: pathlib.Path,
        gpu_shares: list[str],
        first_index: int,
        network: tuple[Enclosure | None, str] = (None, ""),
        sockets: Sequence[socket.socket] = (),
        spare: Spare | None = None,
    ) -> None:
        self._command = [*([MODULE] if spare else TRAINER), *arguments]
        self._spare = spare
        self._workdir = workdir
        self._gpu_shares = gpu_shares
        self._first_index = first_index
        self._enclosure, self._exposed = network
        self._sockets = sockets

    def newest_step(self) -> int:
        """Returns the step of the newest checkpoint."""
        return newest_step(self._workdir)

    def start(self, count: int, failed: int | None) -> list[Worker]:
        """Starts so many workers; they are all alike, whichever failed."""
        addresses = free_addresses(count)
        secret = secrets.token_hex()
        if count > 1:
            self._warn(addresses)
        return [
            self._worker(addresses, place, secret) for place in range(count)
        ]

    def _warn(self, addresses: list[str]) -> None:
        """Says once which ports are open to others."""
        if not self._exposed:
            return
        ports = ", ".join(address.rpartition(":")[2] for address in addresses)
        tell(
            f"WARNING: TensorFlow listens on ports {ports} of all this"
            f" machine's addresses ({self._exposed}); whoever reaches them can"
            " read and write files as you: see docs/security.md"
        )
        self._exposed = ""

    def _worker(self, addresses: list[str], place: int, secret: str) -> Worker:
        index = self._first_index + place
        return Worker(
            index,
            self._command,
            _environment(addresses, place, secret, self._gpu_shares),
            Tee(f"[{index}] ", output.worker_log(self._workdir, index)),
            has_terminal=index == 0 and sys.stdout.isatty(),
            enclosure=self._enclosure,
            metrics=self._sockets[place] if self._sockets else None,
            spare=self._spare,
        )


def _environment(
    addresses: list[str], index: int, secret: str, gpu_shares: list[str]
) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if gpu_shares:
        environment["CUDA_VISIBLE_DEVICES"] = gpu_shares[index]
    if len(addresses) > 1:
        environment["TF_CONFIG"] = Cluster(tuple(addresses), index).tf_config()
        environment[SECRET] = secret
    return environment


def _network(
    wanted: argparse.Namespace, arguments: list[str]
) -> tuple[Enclosure | None, str]:
    """Returns the workers' own network, or why they share this machine's."""
    if wanted.num_workers == 1:
        return None, ""
    if wanted.network == "host":
        return None, "--network=host"
    if reason := _needs_net(arguments):
        return None, reason
    try:
        return Enclosure(), ""
    except OSError as error:
        return None, f"this system allows them no network of their own: {error}"


def _needs_net(arguments: list[str]) -> str:
    """Says why the trainer needs more than a loopback; "" where it does not."""
    given = trainer_flags(arguments)
    for name in PLACES:
        place = getattr(given, name)
        if place is not None and is_remote(place):
            return f"--{name}={place} is in a bucket"
    for name in ("on_alert", "log_to"):
        if getattr(given, name) is not None:
            return f"--{name} may tell what is not of this machine"
    if given.data_dir is not None:
        return ""
    try:
        source = parse(arguments)[1].data.source
    except UserError as error:
        return f"the config cannot be read: {error}"  # as the trainer tells
    if source in DOWNLOADED:
        return f"{source} may be downloaded, as there is no --data_dir"
    return ""


def own_place(
    given: Flags, environment: Mapping[str, str], num_workers: int
) -> Cluster:
    """Returns which worker this machine, pod or task is to run.

    Args:
      given: the trainer's flags.
      environment: of this process.
      num_workers: of this machine.

    Raises:
      UserError: it is one of several already, and would be several.
    """
    check_cluster(given, num_workers, "tf_config")
    source, place = discovery.find(given.cluster, environment)
    if place.workers > 1 and num_workers > 1:
        sign = discovery.SIGNS[source]
        raise UserError(
            f"--num_workers={num_workers} makes a job of its own, and {sign}"
            f" names {place.workers} workers; leave --num_workers out to run"
            f" the one of them that is this machine's, or unset {sign}"
        )
    return place


@verb
def main(argv: list[str]) -> int:
    """Parses the flags and supervises the job.

    Raises:
      UserError: a flag that is unknown or of the wrong kind.
    """
    output.guard()
    wanted, arguments = read_flags(argv)
    given = checked_flags(arguments)
    arguments = without_flag(arguments, "on_end")
    num_workers = wanted.num_workers
    min_workers = wanted.min_workers or num_workers
    if min_workers > num_workers:
        raise UserError(
            f"--min_workers={min_workers} must not exceed"
            f" --num_workers={num_workers}"
        )
    each = wanted.devices_per_worker
    names = gpus()
    gpu_shares = share_out(names, num_workers, each)
    if each and not names:
        arguments.append(f"--cpu_devices={each}")
    place = own_place(given, os.environ, num_workers)
    first_index = place.index
    on_end = given.on_end if place.is_chief else None
    registry, sockets = metrics.listen(
        given.metrics_host, given.metrics_port, num_workers
    )
    # Of a gs:// workdir each worker has a copy of its own.
    workdir = local_folder(given.run_workdir, f"worker_{first_index}")
    output.keep_in(output.supervisor_log(workdir))
    network = _network(wanted, arguments)
    policy = Policy(
        num_workers,
        min_workers,
        wanted.max_restarts,
        start_secs=wanted.start_secs,
    )
    with (
        ending(on_end, given.run_workdir) as end,
        contextlib.closing(Spare(network[0]))
        if wanted.spare
        else contextlib.nullcontext() as spare,
    ):
        job = LocalJob(
            arguments, workdir, gpu_shares, first_index, network, sockets, spare
        )
        code = supervise(policy, job.start, job.newest_step, registry)
        is_to_return = any(name in os.environ for name in STARTED_AGAIN)
        end.code = None if is_to_return and code == STOPPED else code
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
