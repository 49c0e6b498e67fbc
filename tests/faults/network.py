"""Networks that are made for a test, and harmed."""

import contextlib
import os
import pathlib
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import NamedTuple

from tests import forked
from tests.faults.jobs import Harmed
from tests.faults.jobs import Kind
from tests.faults.jobs import MODULE
from trainer.cluster.discovery import SECRET

PORT = 2222


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Host(NamedTuple):
    """A network namespace with one interface, eth0."""

    name: str
    address: str

    def enter(self) -> list[str]:
        """The words before a command that is to run on this host."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def link(self, state: str) -> None:
        """Cuts the host's network (`down`), or joins it again (`up`)."""
        _ip("-n", self.name, "link", "set", "eth0", state)

    def slow_down(self, rate: str) -> None:
        """Lets the host send no faster than at a rate, such as `5mbit`."""
        self._tc("add", "tbf", "rate", rate, "burst", "16kb", "latency", "1s")

    def speed_up(self) -> None:
        self._tc("del")

    def _tc(self, verb: str, *rule: str) -> None:
        words = ["qdisc", verb, "dev", "eth0", "root", *rule]
        subprocess.run(["tc", "-n", self.name, *words], check=True)


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Makes hosts on a switch of their own; nothing else can reach them."""
    own = f"strata{os.getpid()}"
    switch = f"{own}switch"
    made = [Host(f"{own}n{i}", f"10.77.0.{10 + i}") for i in range(count)]
    with contextlib.ExitStack() as cleaning:
        for name in [switch, *(host.name for host in made)]:
            _ip("netns", "add", name)
            cleaning.callback(_ip, "netns", "del", name)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for i, host in enumerate(made):
            _ip(
                *("-n", switch, "link", "add", f"port{i}", "type", "veth"),
                *("peer", "name", "eth0", "netns", host.name),
            )
            _ip("-n", switch, "link", "set", f"port{i}", "master", "bridge")
            _ip("-n", switch, "link", "set", f"port{i}", "up")
            network = f"{host.address}/24"
            _ip("-n", host.name, "addr", "add", network, "dev", "eth0")
            _ip("-n", host.name, "link", "set", "lo", "up")
            host.link("up")
        yield made


class Proxy:
    """Passes on what comes to a port, late or not at all.

    Attributes:
      port: that it listens on.
      delay_secs: that each piece waits before it is passed on.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._flowing = threading.Event()
        self._flowing.set()
        self.delay_secs = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._pipes: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Passes nothing on, and closes nothing, until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._flowing.set()
        for pipe in [self._server, *self._pipes]:
            with contextlib.suppress(OSError):
                pipe.shutdown(socket.SHUT_RDWR)
            pipe.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # It was closed.
            while True:
                near, _ = self._server.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to_port))
                except OSError:
                    near.close()
                    continue
                self._pipes += [near, far]
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for ends in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pass_on, args=ends, daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        never = threading.Event()
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                never.wait(self.delay_secs)
                self._flowing.wait()
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Spread(Harmed):
    """A job whose workers nobody supervises, each with its own view.

    Args:
      kind: what runs.
      folder: for its workdir and what it prints.
      addresses: of the workers, as each worker is to see them.
      prefixes: words before each worker's command.
    """

    def __init__(
        self,
        kind: Kind,
        folder: pathlib.Path,
        addresses: list[list[str]],
        prefixes: list[list[str]],
    ) -> None:
        super().__init__(kind, folder)
        self._views = list(zip(addresses, prefixes, strict=True))
        # The views differ, so that what they list proves nothing.
        self._secret = secrets.token_hex()
        self.workers: list[subprocess.Popen | forked.Run] = []

    def start(self) -> None:
        """Starts each worker; the chief is the job's process."""
        command = [forked.python(), "-m", MODULE]
        self.workers = [
            self.spawn(
                [*prefix, *command] if prefix else [MODULE],
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                },
                {SECRET: self._secret},
            )
            for index, (addresses, prefix) in enumerate(self._views)
        ]
        self.process = self.workers[0]

    def codes(self, timeout_secs: float) -> list[int]:
        """Waits for all workers' ends; returns their exit codes."""
        return [worker.wait(timeout_secs) for worker in self.workers]
