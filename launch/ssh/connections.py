"""Workers on other hosts, by a connection of ssh to each."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from typing import Any
from typing import IO

from trainer.cluster.discovery import SECRET
from trainer.launch.ssh.openssh import is_loopback
from trainer.launch.ssh.openssh import name_of
from trainer.launch.ssh.openssh import probe_command
from trainer.launch.ssh.openssh import SPEAK_SECS
from trainer.launch.ssh.openssh import worker_command
from trainer.launch.supervise.tee import Tee
from trainer.launch.supervise.workers import Worker
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import UserError
from trainer.process.moments import boot_secs
from trainer.process.programs import ASK_SECS
from trainer.process.programs import finish

CONNECTION_FAILED = 255
# A probe of the hosts that is no older needs no other.
FRESH_SECS = 2.0
# How long a kill may take to reach its host.
KILL_SECS = 5.0


class RemoteWorker(Worker):
    """A worker on another host, by its connection.

    Whether it is alive its own host watches, and ssh whether that is there.
    """

    def __init__(self, index: int, command: list[str], secret: str) -> None:
        super().__init__(
            index,
            command,
            dict(os.environ),
            Tee(f"[{index}] "),
            stdin=subprocess.PIPE,
        )
        self.beats = None
        self._spoke = time.monotonic()
        self._kill_at: float | None = None
        # Where nobody of that host sees it, as one does a command line.
        self._say(f"{SECRET} {secret}")

    def poll(self) -> int | None:
        """Returns the remote exit code; says that this launcher is there."""
        now = time.monotonic()
        if now - self._spoke > SPEAK_SECS:
            self._say("")
        if self._kill_at is not None and now > self._kill_at:
            super().send(signal.SIGKILL)
        code = super().poll()
        cut_off = (CONNECTION_FAILED, -signal.SIGKILL)
        return CLUSTER_FAILED if code in cut_off else code

    def send(self, number: signal.Signals) -> None:
        """Has a signal sent; where KILL does not arrive, gives the host up."""
        self._say(number.name.removeprefix("SIG"))
        if number == signal.SIGKILL and self._kill_at is None:
            self._kill_at = time.monotonic() + KILL_SECS

    def finish(self) -> int:
        """Returns the exit code, once all output is copied."""
        code = super().finish()
        self._stdin.close()
        return code

    def _say(self, line: str) -> None:
        self._spoke = time.monotonic()
        if not self.is_running:
            return  # Its stdin may be closed.
        with contextlib.suppress(OSError):  # It ends just now.
            os.write(self._stdin.fileno(), f"{line}\n".encode())

    @property
    def _stdin(self) -> IO[bytes]:
        assert isinstance(self._process, subprocess.Popen)
        assert self._process.stdin is not None
        return self._process.stdin


class RemoteJob:
    """A job whose workers run on other hosts.

    Args:
      wanted: the flags, checked.
      arguments: of the trainer.
    """

    def __init__(
        self, wanted: argparse.Namespace, arguments: list[str]
    ) -> None:
        self._wanted = wanted
        self._arguments = arguments
        self._answers: dict[str, dict[str, Any]] = {}
        self._silent: dict[str, str] = {}
        self._probed_at = float("-inf")

    def check(self) -> None:
        """Probes the hosts before anything is started on them.

        Raises:
          UserError: too few answer; or one does not know the others.
        """
        self._probe()
        if len(self._answers) < self._wanted.min_workers:
            host, said = next(iter(self._silent.items()))
            raise UserError(
                f"--hosts: {host} does not answer ({said}); see that `ssh"
                f" {host}` works without a password, and that it has"
                f" --directory={self._wanted.directory} and"
                f" --python={self._wanted.python}"
            )
        if len(self._wanted.hosts) > 1:
            for host, seen in self._answers.items():
                _check_names(name_of(host), seen["addresses"])

    def newest_step(self) -> int:
        """Returns the newest checkpoint's step, as the hosts see it."""
        self._probe()
        return max((seen["step"] for seen in self._answers.values()), default=0)

    def start(self, count: int, failed: int | None) -> list[Worker]:
        """Starts a worker on as many hosts as answer, or on none.

        Args:
          count: the most.
          failed: which host's failed first last time; left out where not all
            are to start.
        """
        if boot_secs() - self._probed_at > FRESH_SECS:
            self._probe()
        all_hosts = self._wanted.hosts
        hosts = [host for host in all_hosts if host in self._answers]
        if count < len(all_hosts) and failed is not None:
            hosts = [host for host in hosts if host != all_hosts[failed]]
        hosts = hosts[:count]
        for host, said in self._silent.items():
            print(f"strata: {host} does not answer: {said}", flush=True)
        if len(hosts) < self._wanted.min_workers:
            return []
        secret = secrets.token_hex()
        return [
            RemoteWorker(
                all_hosts.index(host),
                worker_command(self._wanted, hosts, place, self._arguments),
                secret,
            )
            for place, host in enumerate(hosts)
        ]

    def _probe(self) -> None:
        """Asks all hosts at once how they stand."""
        hosts = self._wanted.hosts
        with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
            found = dict(zip(hosts, pool.map(self._ask, hosts), strict=True))
        self._answers = {h: v for h, v in found.items() if isinstance(v, dict)}
        self._silent = {h: v for h, v in found.items() if isinstance(v, str)}
        self._probed_at = boot_secs()

    def _ask(self, host: str) -> dict[str, Any] | str:
        """Returns what a host tells, or why it does not."""
        command = probe_command(self._wanted, host, self._arguments)
        done = finish(command, ASK_SECS)
        try:
            # A shell may print a greeting before it.
            return dict(json.loads(done.stdout.splitlines()[-1]))
        except (IndexError, TypeError, ValueError):
            last = done.stderr.strip().splitlines()[-1:]
            return " ".join(last) or f"exit code {done.returncode}"


def _check_names(own: str, addresses: dict[str, str | None]) -> None:
    for name, address in addresses.items():
        if address is None:
            raise UserError(
                f"--hosts: {own} does not know {name}; give addresses, or names"
                " that all hosts know"
            )
    if is_loopback(addresses[own] or ""):
        raise UserError(
            f"--hosts: {own} takes its own name for {addresses[own]}, where no"
            " other host reaches it; give its address"
        )
