"""The place of this process in its job, and the names of its peers."""

import dataclasses
import json

JOBS = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The place of this process in the job.

    Attributes:
      addresses: host:port of each process that trains, the chief's first; ()
        where there is but this one.
      index: of this process among them.
      has_chief_task: whether the first is a task of a job "chief", beside
        which workers are counted from 0.
      job: by which its surroundings know the job; "" where they do not.
      secret: that the job's processes alone know; empty where there is none.
      is_evaluator: whether this process was started to score beside the job.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0
    has_chief_task: bool = False
    job: str = ""
    secret: bytes = dataclasses.field(default=b"", repr=False)
    is_evaluator: bool = False

    def tf_config(self) -> str:
        """Returns what TF_CONFIG is to say to TensorFlow of several workers."""
        first = int(self.has_chief_task)
        jobs = {"chief": self.addresses[:first]} if first else {}
        cluster = jobs | {"worker": self.addresses[first:]}
        is_worker = self.index >= first
        return json.dumps(
            {
                "cluster": cluster,
                "task": {
                    "type": "worker" if is_worker else "chief",
                    "index": self.index - first if is_worker else 0,
                },
            }
        )

    @property
    def workers(self) -> int:
        """Processes that train."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this process writes."""
        return self.index == 0

    def on_host(self) -> tuple[int, int]:
        """Returns this worker's number on its host, and how many are there."""
        if self.workers == 1:
            return 0, 1
        hosts = [split_address(address)[0] for address in self.addresses]
        own = hosts[self.index]
        return hosts[: self.index].count(own), hosts.count(own)

    def name_of(self, index: int) -> str:
        """Names a worker for people."""
        return f"worker {index} ({self.addresses[index]})"


def split_address(address: str) -> tuple[str, int]:
    """Returns (host, port) of "host:port", "[...]" of IPv6 taken off.

    Raises:
      ValueError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    # Without brackets, the last part of an IPv6 address looks like a port.
    if not bare or not 0 < int(port) < 65536 or (":" in host and host == bare):
        raise ValueError("no host:port")
    bare.encode("idna")  # as connections do, of what no machine can be named
    return bare, int(port)
