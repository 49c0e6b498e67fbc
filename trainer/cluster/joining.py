"""All workers meet before TensorFlow is loaded, and find that they agree.

TensorFlow itself waits for a missing peer without a word, with every Python
thread held, and trains with workers that were given different configs. So the
chief listens first on the address that the cluster gives it, each other worker
comes there with what it knows of the job, and all part with one verdict. Then
the address is TensorFlow's. Anybody may come to it: who does not prove to be of
the job is no peer, and is counted.
"""

import collections
import contextlib
import hashlib
import os
import pathlib
import secrets
import selectors
import socket
import time
from typing import Annotated
from typing import Any
from typing import TypedDict

from msgspec import Meta

from trainer.cluster.channel import Channel
from trainer.cluster.channel import StrangerError
from trainer.cluster.place import Cluster
from trainer.cluster.place import split_address
from trainer.process import ports
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError

# How long a peer may take to answer once it has come; all of its answer.
ANSWER_SECS = 30.0
# How many may be there at once that have not proven to be of the job.
MOST_UNPROVEN = 64
# Of how many strangers the addresses are told.
TOLD_STRANGERS = 3
# How long a network file system may take to show a new file.
SEE_SECS = 10.0
_PROBE = ".strata_probe_"
# No job forms for so long: one that old is of a chief that was killed.
_OLD_PROBE_SECS = 3600.0
RETRY_SECS = 0.2
SAY_SECS = 30.0
CLOCKS_APART_SECS = 5.0
Facts = dict[str, Any]


class Welcome(TypedDict):
    """Says that this is the job's chief, before a worker tells anything."""

    workers: int


class Hello(TypedDict):
    """What a worker knows of the job."""

    index: Annotated[int, Meta(ge=1)]
    facts: Facts
    unix_secs: float


class Answer(TypedDict, total=False):
    """What the chief says: a file to look for, or its verdict."""

    probe: str
    height: Annotated[int, Meta(ge=0)]
    failure: str
    mistake: str | None


class Sight(TypedDict):
    """Whether a worker sees the chief's file."""

    sees: bool


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
    with _own_address(place, deadline_secs) as listener:
        if place.is_chief:
            # Room for strangers, who must keep nobody out.
            listener.listen(place.workers + MOST_UNPROVEN)
            _Chief(place, facts, workdir, listener).meet(deadline_secs)
            return
    _come(place, facts, workdir, deadline_secs)


def _resolved(place: Cluster, deadline_secs: float) -> tuple[Any, Any]:
    """Returns the family and the address of this worker's own name.

    A cluster's DNS may learn of a new pod's name some while after its start.

    Raises:
      ClusterError: it is known to nobody until the deadline.
    """
    host, port = split_address(place.addresses[place.index])
    start, told = time.monotonic(), False
    while True:
        try:
            family, *_, address = ports.resolved(host, port)[0]
            return family, address
        except OSError as error:
            if time.monotonic() - start >= deadline_secs:
                raise ClusterError(
                    f"the address of {place.name_of(place.index)}, this one,"
                    f" cannot be resolved in {deadline_secs:.0f} s ({error})"
                ) from error
        if not told:
            print(f"waiting for {host}, this worker, to be known", flush=True)
            told = True
        time.sleep(RETRY_SECS)


def _own_address(place: Cluster, deadline_secs: float) -> socket.socket:
    """Binds the address that TensorFlow will listen on.

    Raises:
      ClusterError: another process holds it, or nobody knows it.
    """
    family, address = _resolved(place, deadline_secs)
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


def _secret(place: Cluster) -> bytes:
    """Returns the job's secret; where nothing gave one, all that is its own."""
    own = place.secret or f"{place.job} {','.join(place.addresses)}".encode()
    return hashlib.sha256(own).digest()


class _Peer:
    """Who came to the chief.

    Attributes:
      host: from where.
      channel: to it.
      since_secs: when it came, by the monotonic clock.
      is_welcomed: whether it was told that this is the chief.
      told: what it said, once it has proven to be of the job.
      clock_offset_secs: of its clock from the chief's.
    """

    def __init__(self, channel: Channel, host: str) -> None:
        self.host = host
        self.channel = channel
        self.since_secs = time.monotonic()
        self.is_welcomed = False
        self.told: Hello | None = None
        self.clock_offset_secs = 0.0


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
        self._secret = _secret(place)
        self._peers: dict[int, _Peer] = {}
        self._unproven: list[_Peer] = []
        self._strangers: collections.Counter[str] = collections.Counter()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def meet(self, deadline_secs: float) -> None:
        try:
            self._gather(deadline_secs)
            mistake = self._difference() or self._probe()
            self._tell({"mistake": mistake})
        finally:
            for peer in [*self._unproven, *self._peers.values()]:
                peer.channel.connection.close()
            self._selector.close()
        if mistake:
            raise UserError(mistake)

    def _missing(self) -> list[int]:
        return [
            i for i in range(1, self._place.workers) if i not in self._peers
        ]

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
                    f"{self._of_strangers()}"
                )
                self._tell({"failure": failure})
                raise ClusterError(failure)
            if now - said > SAY_SECS:
                said = now
                print(f"waiting for {names}{self._of_strangers()}", flush=True)
            for key, _ in self._selector.select(RETRY_SECS):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._hear(key.data)
            self._give_up()

    def _of_strangers(self) -> str:
        """Says who came that is not of the job."""
        if not self._strangers:
            return ""
        count, hosts = self._strangers.total(), list(self._strangers)
        more = ", ..." if len(hosts) > TOLD_STRANGERS else ""
        return (
            f"; {count} connections came that did not prove to be of this job,"
            f" from {', '.join(hosts[:TOLD_STRANGERS])}{more}: of another job"
            " or program, or of a worker that was started in another way"
        )

    def _accept(self) -> None:
        try:
            connection, (host, *_) = self._listener.accept()
        except OSError:
            return  # It has left, or there are too many.
        connection.settimeout(ANSWER_SECS)
        try:
            channel = Channel(connection, self._secret, is_chief=True)
        except OSError:
            connection.close()
            return
        peer = _Peer(channel, host)
        self._unproven.append(peer)
        self._selector.register(connection, selectors.EVENT_READ, peer)

    def _give_up(self) -> None:
        """Hangs up on those that do not prove themselves, the oldest first."""
        late_secs = time.monotonic() - ANSWER_SECS
        excess = len(self._unproven) - MOST_UNPROVEN
        for place, peer in enumerate(list(self._unproven)):
            if place < excess or peer.since_secs < late_secs:
                self._strangers[peer.host] += 1
                self._drop(peer)

    def _drop(self, peer: _Peer) -> None:
        with contextlib.suppress(KeyError, ValueError):  # it was before
            self._selector.unregister(peer.channel.connection)
        peer.channel.connection.close()
        if peer in self._unproven:
            self._unproven.remove(peer)
        for index in [i for i, known in self._peers.items() if known is peer]:
            del self._peers[index]

    def _hear(self, peer: _Peer) -> None:
        """Takes in what a peer says; one that breaks off may come again."""
        try:
            peer.channel.read()
            if peer.channel.is_greeted and not peer.is_welcomed:
                peer.channel.send(dict(Welcome(workers=self._place.workers)))
                peer.is_welcomed = True
            told = peer.channel.take(Hello)
            if told is None:
                return
            if peer.told or told["index"] >= self._place.workers:
                raise StrangerError("it said what is not its turn")
        except (OSError, StrangerError):
            if peer in self._unproven:
                self._strangers[peer.host] += 1
            self._drop(peer)
            return
        self._unproven.remove(peer)
        if before := self._peers.get(told["index"]):
            self._drop(before)  # It was started again.
        peer.told = told
        peer.clock_offset_secs = told["unix_secs"] - time.time()
        self._peers[told["index"]] = peer

    def _difference(self) -> str | None:
        """Names the first field in which a worker differs from the chief."""
        for index, peer in sorted(self._peers.items()):
            apart_secs = abs(peer.clock_offset_secs)
            if apart_secs > CLOCKS_APART_SECS:
                print(
                    f"WARNING: the clock of {self._place.name_of(index)} is"
                    f" {apart_secs:.0f} s from the chief's; times in logs and"
                    " files may mislead",
                    flush=True,
                )
            assert peer.told is not None
            theirs = peer.told["facts"]
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
        probe = folders[height] / f"{_PROBE}{secrets.token_hex(8)}"
        try:
            probe.touch(exist_ok=False)
            _remove_old_probes(probe)
            self._tell({"probe": probe.name, "height": height})
            for index, peer in sorted(self._peers.items()):
                limit_secs = SEE_SECS + ANSWER_SECS
                if not peer.channel.wait(Sight, limit_secs)["sees"]:
                    return (
                        f"--workdir={self._workdir}:"
                        f" {self._place.name_of(index)} does not see the file"
                        f" that the chief wrote in {probe.parent}; name a"
                        " folder that all workers share"
                    )
        except (OSError, StrangerError) as error:
            raise ClusterError(
                f"a worker left while the job formed ({error})"
            ) from error
        finally:
            probe.unlink(missing_ok=True)
        return None

    def _tell(self, answer: Answer) -> None:
        for peer in self._peers.values():
            try:
                peer.channel.send(dict(answer))
            except OSError:
                continue  # It has left; what follows tells.


def _remove_old_probes(probe: pathlib.Path) -> None:
    """Removes those beside a new one, by the clock that dates them all."""
    oldest_secs = probe.stat().st_mtime - _OLD_PROBE_SECS
    for other in probe.parent.glob(f"{_PROBE}*"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if other.stat().st_mtime < oldest_secs:
                other.unlink()


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
                channel = Channel(connection, _secret(place), is_chief=False)
                # The chief's own deadline comes first, and it names who is
                # missing.
                answer_secs = deadline_secs + ANSWER_SECS
                _talk(channel, place, facts, workdir, answer_secs)
                return
        except (OSError, StrangerError) as error:
            reason = error
        time.sleep(RETRY_SECS)
    raise ClusterError(
        f"the chief, {place.name_of(0)}, could not be met in"
        f" {deadline_secs:.0f} s ({reason})"
    )


def _talk(
    chief: Channel,
    place: Cluster,
    facts: Facts,
    workdir: pathlib.Path | None,
    answer_secs: float,
) -> None:
    """Tells the chief what this worker knows, and hears the verdict."""
    chief.wait(Welcome, ANSWER_SECS)
    hello = Hello(index=place.index, facts=facts, unix_secs=time.time())
    chief.send(dict(hello))
    answer = chief.wait(Answer, answer_secs)
    if "probe" in answer and workdir is not None:
        folders = [workdir, *workdir.parents][answer["height"] :]
        sees = bool(folders) and _sees(folders[0], answer["probe"])
        chief.send({"sees": sees})
        answer = chief.wait(Answer, answer_secs)
    if failure := answer.get("failure"):
        raise ClusterError(failure)
    if mistake := answer.get("mistake"):
        raise UserError(mistake)


def _sees(folder: pathlib.Path, name: str) -> bool:
    """Looks for a file; a network file system may show it a while later."""
    deadline = time.monotonic() + SEE_SECS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if name in os.listdir(folder):
                return True
        time.sleep(RETRY_SECS)
    return False
