"""Runs the real gcloud in children of a process that has its modules imported.

  PYTHON -m tests.launch.gcp.gcloud_server ORDERS PYTHONS

gcloud imports 1,300 modules to print a line: 1.2 s of a processor each time,
and 0.1 s here; and it sleeps where it need not. PYTHON is gcloud's own. What a
run has imported, this process imports before the next one.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import pathlib
import runpy
import select
import shutil
import socket
import sys
import time
from typing import NoReturn

from tests import fork_server

MODULE = "tests.launch.gcp.gcloud_server"
BUNDLED = "platform/bundledpythonunix/bin/python3"
# gcloud asks for the end of what it began once in a second, or in several.
MOST_SLEEP_SECS = 0.02


@functools.cache
def environment() -> dict[str, str]:
    """Returns the variables by which gcloud's Python is this server's."""
    from tests import forked

    root = pathlib.Path(os.path.realpath(shutil.which("gcloud") or ""))
    bundled = root.parent.parent / BUNDLED
    if not bundled.exists():
        return {}
    server = forked.Server(str(bundled), "-m", MODULE)
    return {
        "CLOUDSDK_PYTHON": server.write_python(str(bundled)),
        # As gcloud sets it for the bundled one.
        "CLOUDSDK_PYTHON_SITEPACKAGES": "1",
    }


def _become(
    words: list[str], variables: dict[str, str], telling: socket.socket
) -> NoReturn:
    """Is `python WORDS` from here on; tells what it has imported."""
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = words
    code: object = 0
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as left:
        code = left.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    names = [name for name in sys.modules if name.startswith("google")]
    with contextlib.suppress(BlockingIOError):
        telling.send(json.dumps(names).encode())
    os._exit(code if isinstance(code, int) else 1)


def _learn(told: socket.socket) -> None:
    while select.select([told], [], [], 0)[0]:
        for name in json.loads(told.recv(2**20)):
            # What it makes while it runs is no module of a file.
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    # gcloud looks for garbage as it ends: what is there stays.
    gc.freeze()


def main(orders: int, pythons: int) -> None:
    root = pathlib.Path(sys.executable).parents[3]
    sys.path[:0] = [str(root / "lib/third_party"), str(root / "lib")]
    sleep = time.sleep
    time.sleep = lambda secs: sleep(min(float(secs), MOST_SLEEP_SECS))
    told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    telling.setblocking(False)
    fork_server.serve(
        socket.socket(fileno=orders),
        socket.socket(fileno=pythons),
        functools.partial(_become, telling=telling),
        functools.partial(_learn, told),
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
