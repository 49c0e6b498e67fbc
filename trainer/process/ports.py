"""A port of this machine, taken before anything listens there."""

import contextlib
import socket
from typing import Any

from trainer.process.exits import UserError

LOOPBACK = "127.0.0.1"
MOST_PORT = 65_535


def resolved(host: str, port: int | None = None) -> list[Any]:
    """Returns what `socket.getaddrinfo` finds of a name for connections.

    Raises:
      OSError: nobody knows it, or can, as it has a part that is empty or longer
        than 63 characters.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("no machine can have that name") from None


def bound(host: str, port: int, flags: str = "") -> socket.socket:
    """Takes a port; who connects to it is refused until it listens.

    Args:
      host: an address or a name of this machine's.
      port: 0 for any that is free.
      flags: before "port" and "host" in the names of the flags that gave them.

    Raises:
      UserError: it cannot be had.
    """
    if not 0 <= port <= MOST_PORT:
        raise UserError(f"--{flags}port={port} must be from 0 to {MOST_PORT}")
    try:
        family = resolved(host, port)[0][0]
        with contextlib.ExitStack() as held:
            taken = held.enter_context(
                socket.socket(family, socket.SOCK_STREAM)
            )
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, port))
            held.pop_all()
    except OSError as error:
        raise cannot_be_had(host, port, error, flags) from None
    return taken


def cannot_be_had(
    host: str, port: int, error: OSError, flags: str = ""
) -> UserError:
    """Returns the mistake of a port that an error keeps from us."""
    return UserError(
        f"--{flags}port={port} of --{flags}host={host} cannot be had"
        f" ({error.strerror or error}); name another"
    )
