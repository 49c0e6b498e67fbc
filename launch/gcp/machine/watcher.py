"""Tells a job that its machine is taken away. Runs on the machine, as root.

Compute Engine sends a process nothing: it changes values of its metadata
server. A spot machine is gone some 30 s later, and one with GPUs that is to be
maintained an hour later, so that the job goes on for most of it.
cloud.google.com/compute/docs/instances/spot and
cloud.google.com/compute/docs/instances/monitor-plan-host-maintenance-event.
Standard library alone.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.request

SERVER = "http://metadata.google.internal"
PATH = "/computeMetadata/v1/instance/"
UNIT = "strata.service"
# Each value, and what it says while nothing is wrong. A machine with GPUs is
# never moved: all else ends it.
CALM = {"preempted": ("FALSE",), "maintenance-event": ("NONE",)}
# The server answers once a value changes, or after this long.
CHANGE_SECS = 60
RETRY_SECS = 1.0
# systemd itself kills the job after 600 s.
STOP_SECS = 620.0
# The notice of maintenance is 3,600 s (so TensorFlow's own handler has it):
# what is left after this is for the checkpoint.
WORK_ON_SECS = 2700.0
MAINTENANCE = "maintenance-event"


def wait(server: str, name: str, retry_secs: float = RETRY_SECS) -> str:
    """Returns what a value comes to be once something is wrong.

    Args:
      server: where the metadata stands.
      name: of the value.
      retry_secs: between two questions where the server does not answer.
    """
    etag, calm = "", CALM[name]
    while True:
        address = f"{server}{PATH}{name}"
        if etag:
            address += (
                f"?wait_for_change=true&timeout_sec={CHANGE_SECS}"
                f"&last_etag={etag}"
            )
        asked = urllib.request.Request(
            address, headers={"Metadata-Flavor": "Google"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=CHANGE_SECS + 10) as got:
                value = got.read().decode().strip()
                etag = got.headers.get("ETag", "")
        except (OSError, ValueError):
            # The value is not there on a machine of another kind; the server
            # restarts now and then.
            etag = ""
            time.sleep(retry_secs)
            continue
        if value not in calm:
            return value
        if not etag:
            time.sleep(retry_secs)


def stop(unit: str) -> None:
    """Has systemd stop the job: SIGTERM, and no new start."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["systemctl", "stop", unit], check=False, timeout=STOP_SECS
        )


def power_off() -> None:
    """Ends this machine, which would idle until it is maintained, and be paid.

    Its launcher, or who resumes the job, makes another one.
    """
    subprocess.run(["systemctl", "poweroff"], check=False)


def main(server: str) -> int:
    """Waits for the first sign that is urgent, and stops the job."""
    signs: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def watch(name: str) -> None:
        signs.put((name, wait(server, name)))

    for name in CALM:
        threading.Thread(target=watch, args=(name,), daemon=True).start()
    name, value = signs.get()
    if name == MAINTENANCE:
        print(f"strata: {name} is {value}; working on for now", flush=True)
        with contextlib.suppress(queue.Empty):
            name, value = signs.get(timeout=WORK_ON_SECS)
    print(f"strata: {name} is {value}; stopping the job", flush=True)
    stop(UNIT)
    if name == MAINTENANCE:
        power_off()
    return 0


if __name__ == "__main__":
    # A test names its own server.
    sys.exit(main(os.environ.get("STRATA_METADATA_SERVER", SERVER)))
