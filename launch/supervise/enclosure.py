"""A network of a job's own, with a loopback and nothing else.

TensorFlow listens on every interface of a machine, and whoever reaches such a
port reads and writes files as the job's user. In a network namespace of Linux
nobody else reaches it: no other machine, and no other user of this one. Where
this process is not root, a user namespace allows it, if the kernel does.
"""

import ctypes
import fcntl
import os
import pathlib
import select
import socket
import struct
import subprocess
import sys

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_REQUEST = "16sh22x"  # struct ifreq
# How long the kernel may take to make one.
_MADE_SECS = 20.0


class Enclosure:
    """The namespaces, held open for as long as this process lives.

    Raises:
      OSError: the kernel does not allow them.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("it is a thing of Linux")
        # Its own process: Python's threads cannot leave a user namespace.
        maker = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._open(maker)
        finally:
            maker.kill()
            maker.communicate()

    def _open(self, maker: subprocess.Popen[bytes]) -> None:
        assert maker.stdout is not None
        ready, _, _ = select.select([maker.stdout], [], [], _MADE_SECS)
        told = os.read(maker.stdout.fileno(), 4096) if ready else b"no answer"
        words = told.decode(errors="replace").strip().splitlines() or [""]
        if words[-1] not in ("user", "root"):
            raise OSError(words[-1])
        folder = f"/proc/{maker.pid}/ns"
        flags = os.O_RDONLY | os.O_CLOEXEC
        self._user = (
            os.open(f"{folder}/user", flags) if words[-1] == "user" else None
        )
        self._net = os.open(f"{folder}/net", flags)
        try:
            subprocess.run(["true"], preexec_fn=self.enter, check=True)
        except subprocess.SubprocessError as error:
            raise OSError("it cannot be entered") from error

    def enter(self) -> None:
        """Takes this process into them, just before it becomes a worker."""
        if self._user is not None:
            _call("setns", self._user, _NEW_USER)
        _call("setns", self._net, _NEW_NET)


def _call(name: str, *arguments: int) -> None:
    """Calls the C library.

    Raises:
      OSError: it failed.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _make() -> str:
    """Moves this process into new namespaces; returns whose right it took."""
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", _NEW_NET)
        kind = "root"
    except PermissionError:
        _call("unshare", _NEW_USER | _NEW_NET)
        own = pathlib.Path("/proc/self")
        # The same person inside as outside, and none other.
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{user} {user} 1")
        (own / "gid_map").write_text(f"{group} {group} 1")
        kind = "user"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack(_REQUEST, b"lo", 0)
        told = fcntl.ioctl(control, _GET_FLAGS, asked)
        _, flags = struct.unpack(_REQUEST, told)
        up = struct.pack(_REQUEST, b"lo", flags | _UP)
        fcntl.ioctl(control, _SET_FLAGS, up)
    return kind


if __name__ == "__main__":
    try:
        print(_make(), flush=True)
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
    sys.stdin.read()
