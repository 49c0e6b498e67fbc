"""Tells a supervisor once a second that this process is alive.

A process that is stopped or frozen beats no more, whatever its peers see; one
that runs and gets nowhere is the watchdog's.
"""

import os
import threading
from collections.abc import MutableMapping

# Variable that holds the number of a pipe to a supervisor, for heartbeats.
HEARTBEAT_FD = "STRATA_HEARTBEAT_FD"
BEAT_SECS = 1.0


def start(environment: MutableMapping[str, str]) -> None:
    """Beats for as long as the process lives, where a supervisor listens.

    Args:
      environment: the process's own. A job started from here, as by a command
        of --on_alert, may have a file of its own by that number.
    """
    if HEARTBEAT_FD not in environment:
        return
    pipe = int(environment.pop(HEARTBEAT_FD))
    never = threading.Event()

    def beat() -> None:
        try:
            while not never.wait(BEAT_SECS):
                os.write(pipe, b".")
        except OSError:
            return  # The supervisor is gone, and so soon is this process.

    threading.Thread(target=beat, daemon=True).start()
