"""Real ssh servers of a test's own, each on a host of its own network."""

import contextlib
import functools
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

from tests.faults import jobs
from tests.faults import network
from tests.processes import ROOT

TOOLS = ("ssh", "ssh-keygen", "ip", "ss", "nsenter")
SSHD = "/usr/sbin/sshd"
# sshd gives up its rights within this folder, which must exist.
PRIVILEGES = pathlib.Path("/run/sshd")
SERVER = """\
ListenAddress {address}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/key.pub
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
"""
CLIENT = """\
Host *
  User root
  IdentityFile {folder}/key
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile {folder}/known_hosts
  LogLevel ERROR
"""


def missing() -> str | None:
    """Says why there can be no ssh servers here, or None."""
    if os.geteuid() != 0:
        return "to make ssh servers takes root"
    lacking = [tool for tool in (*TOOLS, SSHD) if not shutil.which(tool)]
    if lacking:
        return f"openssh-server, -client and iproute2: no {lacking[0]}"
    return None


class Lab:
    """Hosts that ssh reaches, and one to launch from.

    Attributes:
      config: of ssh.
      hosts: with a server each.
      desk: where launchers run.
    """

    def __init__(self, folder: pathlib.Path, hosts: list[network.Host]) -> None:
        self.config = folder / "config"
        self.desk, *self.hosts = hosts

    def launch(
        self, output: pathlib.Path, python: str, *arguments: str
    ) -> subprocess.Popen[bytes]:
        """Starts `strata launch ssh` on all hosts.

        Args:
          output: file for what it prints.
          python: of the launcher, and of the hosts.
          *arguments: of the launcher.
        """
        names = ",".join(host.address for host in self.hosts)
        words = [
            *self.desk.enter(),
            *(python, "-m", "trainer.launch.ssh", f"--hosts={names}"),
            *(f"--directory={ROOT}", f"--ssh_config={self.config}"),
            *arguments,
        ]
        with open(output, "wb") as file:
            return subprocess.Popen(
                words,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def processes(self, host: network.Host) -> list[int]:
        """Returns the processes on a host."""
        inode = os.stat(f"/run/netns/{host.name}").st_ino
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.stat(process / "ns/net").st_ino == inode:
                    found.append(int(process.name))
        return found


def _listens(host: network.Host) -> bool:
    look = [*host.enter(), "ss", "-Hltn", "sport = :22"]
    return bool(subprocess.run(look, capture_output=True).stdout)


@contextlib.contextmanager
def lab(folder: pathlib.Path, count: int) -> Iterator[Lab]:
    """Starts so many hosts with a server each; ends all that runs on them."""
    for name in ("key", "host_key"):
        subprocess.run(
            [
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-f",
                folder / name,
            ],
            check=True,
        )
    PRIVILEGES.mkdir(exist_ok=True)
    (folder / "config").write_text(CLIENT.format(folder=folder))
    with network.hosts(count + 1) as hosts, contextlib.ExitStack() as held:
        made = Lab(folder, hosts)
        for host in made.hosts:
            path = folder / f"{host.name}.conf"
            path.write_text(SERVER.format(folder=folder, address=host.address))
            server = subprocess.Popen(
                [*host.enter(), SSHD, "-D", "-e", "-f", path],
                stderr=subprocess.DEVNULL,
            )
            held.callback(_end, made, host, server)
        for host in made.hosts:
            jobs.wait_for("a server", functools.partial(_listens, host))
        yield made


def _end(made: Lab, host: network.Host, server: subprocess.Popen) -> None:
    for pid in made.processes(host):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    server.wait()
