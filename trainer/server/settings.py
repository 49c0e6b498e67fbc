"""What a server is told: where it listens, and what it allows a request."""

import dataclasses
import pathlib

from trainer.process.ports import LOOPBACK

# Where several processes keep their numbers, as prometheus_client reads it when
# it is imported.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request may ask for.

    Attributes:
      batch_rows: the most rows that are run at once; None for as many as the
        run's own evaluation.
      batch_wait_secs: how long a row may wait for others to be run with.
      request_rows: rows of a request.
      request_bytes: of its body.
      queue_requests: that may wait for a model.
      request_secs: until it is given up.
    """

    batch_rows: int | None = None
    batch_wait_secs: float = 0.0
    request_rows: int = 10_000
    request_bytes: int = 16 * 2**20
    queue_requests: int = 1000
    request_secs: float = 30.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """A server's, which its processes share.

    Attributes:
      places: (name, place) of what is served.
      checkpoint: of runs; None for the weights that their scores are of.
      runtime: one of `opening.RUNTIMES`.
      limits: of requests.
      poll_secs: between two looks for new exports.
      token: that requests must bear; None for none.
      is_local: whether this machine alone can ask.
      workers: processes that answer.
      grace_secs: for requests in flight, once it is told to end.
    """

    places: tuple[tuple[str, str], ...]
    checkpoint: str | None = None
    runtime: str = "auto"
    limits: Limits = Limits()
    poll_secs: float = 2.0
    token: str | None = dataclasses.field(default=None, repr=False)
    is_local: bool = True
    workers: int = 1
    grace_secs: float = 20.0


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
      host: name or address.
      port: 0 for any that is free.
      certificate: PEM file of TLS; None for plain HTTP.
      key: its private key's file.
    """

    host: str = LOOPBACK
    port: int = 8501
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None
