"""Runs modules in children of a process that has TensorFlow imported.

A test that watches a trainer from outside waits 3 s for its imports alone. The
server has them done, and no device made. Each run gets a process of its own,
with the environment, output, signals and exit code of `python -m MODULE`. Its
threads, its devices and its first frame are its own, too.

  python -m tests.fork_server ORDERS PYTHONS

Both are descriptors of sockets. By the one `tests.forked` gives orders, and the
server ends with it. By the other each `tests.stand_in_python` has a trainer
run in its place.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from trainer.launch import warm_process

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MOST_BYTES = 2**17
COMPILED = "TF_XLA_FLAGS"
Become = Callable[[list[str], dict[str, str]], NoReturn]
# Not every build of Python has it.
_PIDFD_OPEN = 434
_LIBC = ctypes.CDLL(None, use_errno=True)


def keeping(folder: str) -> str:
    """Returns the value of COMPILED by which what is compiled is kept.

    Whoever starts the same job again then finds it there.
    """
    return f"--tf_xla_persistent_cache_directory={folder}/compiled"


def serve(
    orders: socket.socket,
    pythons: socket.socket,
    become: Become,
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Starts a run for each order, until there is nobody to give one.

    Args:
      orders: by which `tests.forked` gives them.
      pythons: to which each `tests.stand_in_python` connects.
      become: is the run from there on, by its words and variables.
      prepare: is called before each run, in this process.
    """
    while True:
        ready, _, _ = select.select([orders, pythons], [], [])
        if pythons in ready:
            connection, _ = pythons.accept()
            prepare()
            if os.fork() == 0:
                orders.close()
                pythons.close()
                _stand_in(connection, become)
            connection.close()
        if orders in ready:
            order, descriptors, _, _ = socket.recv_fds(orders, MOST_BYTES, 2)
            if not order:
                return
            if os.fork() == 0:
                orders.close()
                pythons.close()
                _watch(become, *json.loads(order), *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)


def _watch(
    become: Become,
    words: list[str],
    environment: dict[str, str],
    output: int,
    status: int,
) -> NoReturn:
    """Forks the run itself, and tells its number and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(status)
        warm_process.take([output], {1: output, 2: output})
        become(words, environment)
    os.close(output)
    os.write(status, f"{child}\n".encode())
    _, end = os.waitpid(child, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(end)}\n".encode())
    os._exit(0)


def _stand_in(connection: socket.socket, become: Become) -> NoReturn:
    """Forks the run that stands in the place of a `tests.stand_in_python`."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order, received, _, _ = socket.recv_fds(connection, MOST_BYTES, 64)
    told = json.loads(order)
    folder = os.path.dirname(os.path.dirname(connection.getsockname()))
    compiled = {COMPILED: keeping(folder)}
    child = os.fork()
    if child == 0:
        connection.close()
        _enter(told["process"])
        os.chdir(told["folder"])
        os.setsid()
        wanted = zip(told["descriptors"], received, strict=True)
        warm_process.take(received, dict(wanted))
        become(told["words"], compiled | told["environment"])
    for descriptor in received:
        os.close(descriptor)
    ended = _LIBC.syscall(_PIDFD_OPEN, child, 0)
    either = [ended, connection.fileno()]
    while ended not in select.select(either, [], [])[0]:
        number = connection.recv(16)
        os.kill(child, int(number or signal.SIGKILL))
        if not number:  # Who asked for it is gone.
            break
    _, end = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.send(b"%d" % os.waitstatus_to_exitcode(end))
    os._exit(0)


def _enter(process: int) -> None:
    """Enters another process's network, names and mounts."""
    for kind in ("net", "uts", "mnt"):
        place = f"/proc/{process}/ns/{kind}"
        if os.readlink(place) == os.readlink(f"/proc/self/ns/{kind}"):
            continue
        with open(place) as namespace:
            if _LIBC.setns(namespace.fileno(), 0):
                raise OSError(ctypes.get_errno(), "setns", place)


def _become(words: list[str], environment: dict[str, str]) -> NoReturn:
    """Is `python -m WORDS` from here on, in whatever folder."""
    places = environment.get("PYTHONPATH")
    sys.path[:1] = [os.getcwd(), *(places.split(os.pathsep) if places else [])]
    warm_process.become(words, environment)


def main(orders: int, pythons: int) -> None:
    # Who ends a test run by the keyboard ends its runs, too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody waits for those who watch a run.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    warm_process.import_trainer()
    serve(socket.socket(fileno=orders), socket.socket(fileno=pythons), _become)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
