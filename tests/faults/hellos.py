"""Whoever reaches the chief's port before the start, and what they say there.

Bytes by chance, other protocols, hellos of others and altered ones, with the
job's secret and without. None may end the chief, or become a peer.
"""

import contextlib
import json
import pathlib
import random
import socket
import threading
from typing import Any

from tests import processes
from tests.faults.mutations import ODD
from trainer.cluster import joining
from trainer.cluster.channel import Channel
from trainer.cluster.channel import StrangerError
from trainer.cluster.place import Cluster

FACTS = {"config.seed": 1, "code": "abc"}
SPOKEN = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"0" * 32 + b"\n",
)
# How long the chief may take to hang up or to answer.
ANSWER_SECS = 10.0


class Hellos:
    """A chief whose second worker never comes."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._begin()

    def _begin(self) -> None:
        ports = processes.free_ports(3)
        addresses = tuple(f"127.0.0.1:{port}" for port in ports)
        self._port = ports[0]
        self._place = Cluster(addresses, 1, secret=b"of the job")
        chief = Cluster(addresses, 0, secret=b"of the job")
        self._ends: list[BaseException | None] = []
        # It waits until the process ends.
        threading.Thread(target=self._wait, args=(chief,), daemon=True).start()

    def _wait(self, chief: Cluster) -> None:
        ends = self._ends
        try:
            joining.join(chief, FACTS, self._folder, 1e9)
            ends.append(None)
        except BaseException as error:
            ends.append(error)

    def attack(self, seed: str) -> tuple[str, str, str]:
        """Comes once; as `Mutations.attack`."""
        chance = random.Random(seed)
        kinds = {
            "bytes by chance": self._noise,
            "other protocols": self._protocol,
            "another job's worker": self._other,
            "altered hellos": self._altered,
        }
        name = chance.choice([*kinds])
        with self._connected() as connection:
            connection.settimeout(ANSWER_SECS)
            with contextlib.suppress(OSError, StrangerError):
                kinds[name](chance, connection)
        if self._ends:
            failure = f"the chief ended: {self._ends[0]!r}"
            self._begin()
            return name, "", failure
        return name, "ignored", ""

    def _connected(self) -> socket.socket:
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                return socket.create_connection(("127.0.0.1", self._port))

    def _noise(self, chance: random.Random, connection: socket.socket) -> None:
        connection.sendall(chance.randbytes(chance.randrange(2000)))

    def _protocol(
        self, chance: random.Random, connection: socket.socket
    ) -> None:
        more = chance.randbytes(chance.randrange(200))
        connection.sendall(chance.choice(SPOKEN) + more)
        connection.recv(100)

    def _other(self, chance: random.Random, connection: socket.socket) -> None:
        channel = Channel(connection, chance.randbytes(32), is_chief=False)
        channel.read()
        channel.send(_hello())
        connection.recv(1000)

    def _altered(
        self, chance: random.Random, connection: socket.socket
    ) -> None:
        secret = joining._secret(self._place)
        channel = Channel(connection, secret, is_chief=False)
        channel.wait(joining.Welcome, ANSWER_SECS)
        hello = _hello()
        key = chance.choice([*hello])
        if chance.random() < 0.3:
            del hello[key]
        else:
            hello[key] = chance.choice(ODD)
        if chance.random() < 0.1:
            hello = json.loads("[" * 90 + "]" * 90)
        channel.send(hello)
        if chance.random() < 0.5:
            connection.recv(1000)


def _hello() -> dict[str, Any]:
    return {"index": 1, "facts": FACTS, "unix_secs": 0.0}
