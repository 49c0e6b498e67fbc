"""Runs a job's workers on hosts that ssh reaches, and restarts them.

On each host `python -m trainer.launch.ssh.host` runs one worker. This process
watches their connections, as trainer.launch.local watches processes.
"""

import argparse
import contextlib
import ipaddress
import os
import re
import shlex
import sys

from trainer.launch.command_line import check_cluster
from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import positive
from trainer.launch.command_line import without_flag
from trainer.launch.ssh.connections import RemoteJob
from trainer.launch.ssh.openssh import is_loopback
from trainer.launch.ssh.openssh import name_of
from trainer.launch.ssh.openssh import probe_command
from trainer.launch.ssh.openssh import worker_command
from trainer.launch.supervise import metrics
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.supervisor import supervise
from trainer.process import output
from trainer.process.end_hook import ending
from trainer.process.exits import INTERRUPTED
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.plain_text import exact
from trainer.storage.names import local_folder

DESCRIPTION = """\
Runs a job on your own machines, a worker on each, and starts it again where a
worker dies or a host is cut off. `ssh HOST` must work without a password. The
trainer's arguments follow a lone --. The workdir, the data, Strata and its
Python have the same paths on all hosts; the workdir is on storage they share.

  strata launch ssh --hosts=a,b -- --config=mnist --data_dir=DIR --workdir=DIR
"""
_HOST = re.compile(r"(?:[A-Za-z_][\w.-]*@)?[A-Za-z0-9][\w.-]*", re.ASCII)
# Below Linux's ephemeral ports, and beside those of Slurm's steps.
PORT, PORTS = 11_111, range(1024, 65_536)


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns this launcher's flags, and the trainer's arguments."""
    parser = LauncherParser("strata launch ssh", DESCRIPTION)
    parser.flag(
        "--hosts",
        "A,B",
        "[USER@]NAME or IPv4 address of each; needed. The first is the chief."
        " The hosts reach one another by the same names",
    )
    parser.flag(
        "--min_workers",
        "M",
        "go on with as few where a host cannot be reached; all by default",
        type=positive,
    )
    parser.max_restarts()
    parser.start_secs()
    parser.flag(
        "--port",
        "P",
        f"on which the workers meet; {PORT} by default",
        type=positive,
        default=PORT,
    )
    parser.flag("--python", "FILE", "on the hosts; this one by default")
    parser.flag(
        "--directory", "DIR", "on the hosts; the current one by default"
    )
    parser.flag("--ssh_config", "FILE", "for ssh, in place of ~/.ssh/config")
    parser.switch("--dry_run", "print the commands, and do nothing")
    wanted, arguments = parser.read(argv)
    if wanted.hosts is None:
        raise UserError("--hosts=A,B is missing; name the hosts to run on")
    wanted.hosts = wanted.hosts.split(",")
    if wanted.python is None:
        wanted.python = sys.executable
    if wanted.directory is None:
        wanted.directory = os.getcwd()
    return wanted, arguments


def check(wanted: argparse.Namespace) -> None:
    """Checks the flags.

    Raises:
      UserError: one cannot be meant.
    """
    names = [name_of(host) for host in wanted.hosts]
    for host, name in zip(wanted.hosts, names, strict=True):
        if not _HOST.fullmatch(host) or not _may_be_address(name):
            raise UserError(
                f"--hosts: {host!r} must be a name or an IPv4 address, with"
                " USER@ before it where need be"
            )
        if names.count(name) > 1:
            raise UserError(f"--hosts names {name} twice; name each host once")
        if len(names) > 1 and is_loopback(name):
            raise UserError(
                f"--hosts: {name} is another host to each; give the name or"
                " address by which the others reach it"
            )
    if wanted.min_workers is None:
        wanted.min_workers = len(names)
    if wanted.min_workers > len(names):
        raise UserError(
            f"--min_workers={wanted.min_workers} must not exceed the"
            f" {len(names)} of --hosts"
        )
    if wanted.port not in PORTS:
        raise UserError(
            f"--port={wanted.port} must be from {PORTS[0]} to {PORTS[-1]}"
        )
    if not wanted.directory.startswith("/"):
        raise UserError(
            f"--directory={wanted.directory!r} must begin with /: it is that of"
            " the hosts"
        )
    if not wanted.python or wanted.python.startswith("-"):
        raise UserError(
            f"--python={wanted.python!r} must name a Python of the hosts"
        )
    if wanted.ssh_config is not None and not os.path.isfile(wanted.ssh_config):
        raise UserError(f"--ssh_config={wanted.ssh_config} is not a file")


def _may_be_address(name: str) -> bool:
    """Whether a name that looks like an IPv4 address is one."""
    if not re.fullmatch(r"[\d.]+", name):
        return True
    with contextlib.suppress(ValueError):
        return bool(ipaddress.IPv4Address(name))
    return False


@verb
def main(argv: list[str]) -> int:
    """Runs the job, or shows how.

    Raises:
      UserError: a flag that is unknown or of the wrong kind, or a host that
        cannot be used.
    """
    output.guard()
    wanted, arguments = read_flags(argv)
    given = checked_flags(arguments, files_are_here=False)
    arguments = without_flag(arguments, "on_end")
    check(wanted)
    hosts = wanted.hosts
    check_cluster(given, len(hosts), "tf_config")
    if wanted.dry_run:
        with exact():
            for host in hosts:
                print(shlex.join(probe_command(wanted, host, arguments)))
            for place in range(len(hosts)):
                command = worker_command(wanted, hosts, place, arguments)
                print(shlex.join(command), flush=True)
        print(
            f"makes: a worker on {', '.join(hosts)}, and {given.run_workdir}\n"
            "ended by: the job's end, Ctrl-C, or the launcher's end; the"
            " workdir stays",
            file=sys.stderr,
        )
        return 0
    output.keep_in(output.supervisor_log(local_folder(given.run_workdir)))
    # Those of the workers are on their hosts: see worker_command.
    registry, _ = metrics.listen(given.metrics_host, given.metrics_port, 0)
    job = RemoteJob(wanted, arguments)
    try:
        job.check()
    except FileNotFoundError:
        raise UserError(
            "ssh is not on this machine; install openssh-client, or see the"
            " commands by --dry_run"
        ) from None
    except KeyboardInterrupt:
        return INTERRUPTED
    policy = Policy(
        len(hosts),
        wanted.min_workers,
        wanted.max_restarts,
        start_secs=wanted.start_secs,
    )
    with ending(given.on_end, given.run_workdir) as end:
        end.code = code = supervise(
            policy, job.start, job.newest_step, registry, shows_step=False
        )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
