"""The trainer as a user starts it."""

import os
import subprocess
import sys

from tests.processes import ROOT

TIMEOUT_SECS = 120


def command(arguments, here, *, before=(), **environment):
    """Runs the trainer as a user does; returns what is left of it."""
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    path = os.pathsep.join(str(folder) for folder in (*before, ROOT))
    return subprocess.run(
        [sys.executable, "-m", "trainer.task", *map(str, arguments)],
        cwd=here,
        env={**inherited, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECS,
    )
