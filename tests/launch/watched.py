"""Runs a launcher that may make no process and no connection."""

import subprocess
import sys
from typing import NamedTuple

from tests.processes import ROOT

_SCRIPT = """
import importlib, sys
def watch(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.fork",
                 "os.posix_spawn", "socket.connect", "socket.bind"):
        sys.exit(f"made {event}")
sys.addaudithook(watch)
sys.exit(importlib.import_module(sys.argv[1]).main(sys.argv[2:]))
"""


class Shown(NamedTuple):
    out: str
    err: str


def run_watched(launcher, *words):
    """Returns what a launcher's module prints, which ends with 0."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, launcher, *words],
        capture_output=True,
        text=True,
        env={"PATH": "", "PYTHONPATH": ROOT},
    )
    assert done.returncode == 0, done.stderr
    return Shown(done.stdout, done.stderr)
