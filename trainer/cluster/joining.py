"""All workers meet before TensorFlow is loaded, and find that they agree.

TensorFlow itself waits for a missing peer without a word, with every Python
thread held, and trains with workers that were given different configs. So the
chief listens first on the address that the cluster gives it, each other worker
comes there with what it knows of the job, and all part with one verdict, in
JSON lines. Then the address is TensorFlow's. Standard library alone.
"""

import contextlib
import json
import os
import pathlib
import secrets
import selectors
import socket
import time
from typing import Any

from trainer.cluster.place import Cluster
from trainer.cluster.place import split_address
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError

# What a peer may send, and how long it may take to answer once it has come.
MOST_BYTES = 1 << 20
ANSWER_SECS = 30.0
# How long a network file system may take to show a new file.
SEE_SECS = 10.0
RETRY_SECS = 0.2
SAY_SECS = 30.0
CLOCKS_APART_SECS = 5.0
Facts = dict[str, Any]


def join(
    place: Cluster,
    facts: Facts,
    workdir: pathlib.Path | None,
    deadline_secs: float,
) -> None:
    """Returns once all workers are there and agree.

    Args:
      place: of this process; with one worker there is nothing to do.
      facts: {field: JSON value} that must be the same on all workers.
      workdir: the folder that all must see; None where each has its own.
      deadline_secs: how long to wait for those that are missing.

    Raises:
      UserError: workers differ, naming the worker and the field, or see
        different workdirs.
      ClusterError: this worker's address is taken, or others are missing,
        naming them and the addresses tried.
    """
    if place.workers == 1:
        return
    with _own_address(place) as listener:
        if place.is_chief:
            listener.listen(place.workers)
            _Chief(place, facts, workdir, listener).meet(deadline_secs)
            return
    _come(place, facts, workdir, deadline_secs)


def _own_address(place: Cluster) -> socket.socket:
    """Binds the address that TensorFlow will listen on.

    Raises:
      ClusterError: another process holds it.
    """
    host, port = split_address(place.addresses[place.index])
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
    except OSError as error:
        raise ClusterError(
            f"the address of {place.name_of(place.index)}, this one, cannot be"
            f" resolved ({error})"
        ) from error
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ClusterError(
            f"the address of {place.name_of(place.index)}, this one, cannot be"
            f" listened on ({error}); end what holds it, or give the job"
            " another"
        ) from error
    return listener


class _Lines:
    """A connection that carries JSON objects, one a line."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._text = b""

    def send(self, value: Facts) -> None:
        self.connection.sendall(json.dumps(value).encode() + b"\n")

    def take(self) -> Facts | None:
        """Reads what is there; returns an object once its line is whole.

        Raises:
          ValueError: it is no JSON object, or too long.
          OSError: the connection is broken or was closed.
        """
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionResetError("it was closed")
        self._text += data
        line, end, self._text = self._text.partition(b"\n")
        if not end:
            self._text = line
            if len(line) > MOST_BYTES:
                raise ValueError("its line does not end")
            return None
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("it sent no object")
        return value

    def wait(self) -> Facts:
        """Returns the next object."""
        while (value := self.take()) is None:
            pass
        return value


class _Chief:
    """Hears every other worker, and gives all the same verdict."""

    def __init__(
        self,
        place: Cluster,
        facts: Facts,
        workdir: pathlib.Path | None,
        listener: socket.socket,
    ) -> None:
        self._place = place
        self._facts = facts
        self._workdir = workdir
        self._listener = listener
        self._peers: dict[int, _Lines] = {}
        self._told: dict[int, Facts] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def meet(self, deadline_secs: float) -> None:
        try:
            self._gather(deadline_secs)
            mistake = self._difference() or self._probe()
            self._tell({"mistake": mistake})
        finally:
            for key in list(self._selector.get_map().values()):
                if key.data is not None:
                    key.data.connection.close()
            self._selector.close()
        if mistake:
            raise UserError(mistake)

    def _missing(self) -> list[int]:
        return [i for i in range(1, self._place.workers) if i not in self._told]

    def _gather(self, deadline_secs: float) -> None:
        """Waits until each worker has come with its facts."""
        start = said = time.monotonic()
        while missing := self._missing():
            now = time.monotonic()
            names = ", ".join(self._place.name_of(i) for i in missing)
            if now - start > deadline_secs:
                failure = (
                    f"{names} did not come to the chief at"
                    f" {self._place.addresses[0]} in {deadline_secs:.0f} s"
                )
                self._tell({"failure": failure})
                raise ClusterError(failure)
            if now - said > SAY_SECS:
                said = now
                print(f"waiting for {names}", flush=True)
            for key, _ in self._selector.select(RETRY_SECS):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._hear(key.data)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._selector.register(
            connection, selectors.EVENT_READ, _Lines(connection)
        )

    def _hear(self, peer: _Lines) -> None:
        """Takes in what a peer says; one that breaks off may come again."""
        known = [i for i, p in self._peers.items() if p is peer]
        try:
            told = peer.take()
            if told is None:
                return
            index = int(told["index"])
            if known or not 0 < index < self._place.workers:
                raise ValueError("it said what is not its turn")
        except (OSError, ValueError, KeyError, TypeError):
            self._selector.unregister(peer.connection)
            peer.connection.close()
            for i in known:
                del self._peers[i], self._told[i]
            return
        told["clock_offset_secs"] = told["unix_secs"] - time.time()
        self._peers[index], self._told[index] = peer, told

    def _difference(self) -> str | None:
        """Names the first field in which a worker differs from the chief."""
        for index, told in sorted(self._told.items()):
            apart_secs = abs(told["clock_offset_secs"])
            if apart_secs > CLOCKS_APART_SECS:
                print(
                    f"WARNING: the clock of {self._place.name_of(index)} is"
                    f" {apart_secs:.0f} s from the chief's; times in logs and"
                    " files may mislead",
                    flush=True,
                )
            theirs = told["facts"]
            for field in sorted(self._facts.keys() | theirs.keys()):
                here, there = self._facts.get(field), theirs.get(field)
                if here != there:
                    return (
                        f"{self._place.name_of(index)} has {field}={there}"
                        f" where the chief has {here}; start all workers with"
                        " the same command, code and data"
                    )
        return None

    def _probe(self) -> str | None:
        """Puts a file where the workdir is or will be; asks who sees it."""
        if self._workdir is None:
            return None
        folders = [self._workdir, *self._workdir.parents]
        height = [folder.is_dir() for folder in folders].index(True)
        probe = folders[height] / f".strata_probe_{secrets.token_hex(8)}"
        try:
            probe.touch()
            self._tell({"probe": probe.name, "height": height})
            for index, peer in sorted(self._peers.items()):
                peer.connection.settimeout(SEE_SECS + ANSWER_SECS)
                if not peer.wait()["sees"]:
                    return (
                        f"--workdir={self._workdir}:"
                        f" {self._place.name_of(index)} does not see the file"
                        f" that the chief wrote in {probe.parent}; name a"
                        " folder that all workers share"
                    )
        except (OSError, ValueError, KeyError) as error:
            raise ClusterError(
                f"a worker left while the job formed ({error})"
            ) from error
        finally:
            probe.unlink(missing_ok=True)
        return None

    def _tell(self, value: Facts) -> None:
        for peer in self._peers.values():
            try:
                peer.send(value)
            except OSError:
                continue  # It has left; what follows tells.


def _come(
    place: Cluster,
    facts: Facts,
    workdir: pathlib.Path | None,
    deadline_secs: float,
) -> None:
    """Comes to the chief again and again until it gives a verdict."""
    host, port = split_address(place.addresses[0])
    reason: Exception | None = None
    deadline = time.monotonic() + deadline_secs
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), 5.0) as connection:
                # The chief's own deadline comes first, and it names who is
                # missing.
                connection.settimeout(deadline_secs + ANSWER_SECS)
                _talk(_Lines(connection), place, facts, workdir)
                return
        except (OSError, ValueError, KeyError) as error:
            reason = error
        time.sleep(RETRY_SECS)
    raise ClusterError(
        f"the chief, {place.name_of(0)}, could not be met in"
        f" {deadline_secs:.0f} s ({reason})"
    )


def _talk(
    chief: _Lines,
    place: Cluster,
    facts: Facts,
    workdir: pathlib.Path | None,
) -> None:
    """Tells the chief what this worker knows, and hears the verdict."""
    chief.send({"index": place.index, "facts": facts, "unix_secs": time.time()})
    answer = chief.wait()
    if "probe" in answer and workdir is not None:
        folder = [workdir, *workdir.parents][answer["height"]]
        chief.send({"sees": _sees(folder, answer["probe"])})
        answer = chief.wait()
    if "failure" in answer:
        raise ClusterError(answer["failure"])
    if answer["mistake"]:
        raise UserError(answer["mistake"])


def _sees(folder: pathlib.Path, name: str) -> bool:
    """Looks for a file; a network file system may show it a while later."""
    deadline = time.monotonic() + SEE_SECS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if name in os.listdir(folder):
                return True
        time.sleep(RETRY_SECS)
    return False
