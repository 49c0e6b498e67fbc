"""The command lines of OpenSSH, as lists of words."""

import argparse
import contextlib
import ipaddress
import os
import shlex

from trainer.cluster.place import Cluster
from trainer.launch.command_line import trainer_flags
from trainer.launch.command_line import without_flag
from trainer.process.surroundings import module_command

CONNECT_SECS = 10
# A host that is silent for so long is taken for cut off, by ssh here and by
# trainer.launch.ssh.host there; each hears of the other so often.
SILENCE_SECS, SPEAK_SECS = 30, 5
OPTIONS = (
    "BatchMode=yes",
    f"ConnectTimeout={CONNECT_SECS}",
    f"ServerAliveInterval={SPEAK_SECS}",
    f"ServerAliveCountMax={SILENCE_SECS // SPEAK_SECS}",
    # A connection of its own, which ends with its ssh.
    "ControlPath=none",
    "ClearAllForwardings=yes",
)


def name_of(host: str) -> str:
    """Returns a host's name without its user."""
    return host.rpartition("@")[2]


def ssh_command(
    wanted: argparse.Namespace, host: str, words: list[str]
) -> list[str]:
    """Returns the words that run a command in the directory of a host."""
    options = [f"-o{option}" for option in OPTIONS]
    if wanted.ssh_config is not None:
        options += ["-F", wanted.ssh_config]
    # The host's shell reads this, so every word is quoted for it.
    text = f"cd {shlex.quote(wanted.directory)} && exec {shlex.join(words)}"
    return ["ssh", "-T", *options, host, text]


def probe_command(
    wanted: argparse.Namespace, host: str, arguments: list[str]
) -> list[str]:
    """Returns the words by which a host says how it stands."""
    names = ",".join(map(name_of, wanted.hosts))
    workdir = trainer_flags(arguments).run_workdir
    own = [f"--probe={workdir}", f"--hosts={names}"]
    words = [*_host_command(wanted), *own]
    return ssh_command(wanted, host, words)


def _host_command(wanted: argparse.Namespace) -> list[str]:
    """Returns the words that run trainer.launch.ssh.host; paths are as here."""
    if wanted.directory == os.getcwd():
        return module_command("trainer.launch.ssh.host", wanted.python)
    return [wanted.python, "-m", "trainer.launch.ssh.host"]


def worker_command(
    wanted: argparse.Namespace,
    hosts: list[str],
    place: int,
    arguments: list[str],
) -> list[str]:
    """Returns the words that run a worker.

    Args:
      wanted: the flags, checked.
      hosts: that take part.
      place: of the worker's host among them.
      arguments: of the trainer.
    """
    environment = []
    if len(hosts) > 1:
        addresses = tuple(f"{name_of(host)}:{wanted.port}" for host in hosts)
        text = Cluster(addresses, place).tf_config()
        environment = ["env", f"TF_CONFIG={text}"]
    index = wanted.hosts.index(hosts[place])
    port = trainer_flags(arguments).metrics_port
    if port is not None:  # the launcher's own, and it may be one of the hosts
        others = without_flag(arguments, "metrics_port")
        arguments = [*others, f"--metrics_port={port + 1 + index}"]
    own = [
        f"--index={index}",
        f"--silence_secs={SILENCE_SECS}",
        f"--start_secs={wanted.start_secs}",
    ]
    remote = [*_host_command(wanted), *own]
    words = [*environment, *remote, "--", *arguments]
    return ssh_command(wanted, hosts[place], words)


def is_loopback(name: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost"
