"""Has the report made at a run's end, by a process of its own."""

import importlib.util
import pathlib
import subprocess
import sys

from trainer.config import tell

# The extra `report`; the page is left out where they are not installed.
NEEDED = ("jinja2", "matplotlib")
MOST_SECS = 60


def make_report(workdir: pathlib.Path) -> None:
    """Writes report.html; a failure is told, and never the run's.

    Args:
      workdir: of a run that has ended.
    """
    if not all(map(importlib.util.find_spec, NEEDED)):
        return
    command = [sys.executable, "-m", "trainer", "report", str(workdir)]
    try:
        made = subprocess.run(
            command, capture_output=True, text=True, timeout=MOST_SECS
        )
    except (OSError, subprocess.SubprocessError) as error:
        tell(f"report.html was not made: {error}")
        return
    if made.returncode:
        reason = made.stderr.strip().splitlines() or ["no reason told"]
        tell(f"report.html was not made: {reason[-1]}")
