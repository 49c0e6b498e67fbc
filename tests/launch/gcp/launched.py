"""What machines do while a launcher follows them, and what it sent."""

import json
import pathlib

from tests.processes import ROOT

CONTROL = "gs://mine/.strata/job"
# Of a machine, and of Vertex AI.
LOGS = (f"{CONTROL}/log-0.txt", "gs://mine/job/logs/worker_0.log")
SPEED = {"POLL_SECS": 0.05, "FIRST_DELAY_SECS": 0.05, "STOP_SECS": 60.0}


def finish(cloud, code=0, log="MLP score: 98.00%\n"):
    """Does what the machines do at the end of a job."""
    for address in LOGS:
        cloud.put(address, log.encode())
    cloud.put("gs://mine/job/result.json", b'{"status": "done"}\n')
    cloud.put(f"{CONTROL}/outcome.json", json.dumps({"code": code}).encode())


def at_look(cloud, *deeds):
    """Does a deed at each look at the job's log, from the first one on."""
    left = list(deeds)

    def hook(call):
        where = call.path + call.query.get("prefix", "")
        if left and any(
            name in where for name in ("log-0.txt", "worker_0.log")
        ):
            # Of the two requests of one look the first.
            if call.path.endswith("/o"):
                return
            left.pop(0)()

    cloud.hook = hook


def without_scripts(value):
    """Replaces the machines' scripts, which have golden files of their own."""
    if isinstance(value, dict):
        return {k: without_scripts(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_scripts(v) for v in value]
    is_script = isinstance(value, str) and value.startswith("#!/usr/bin/env ba")
    return "SCRIPT" if is_script else value


def golden(cloud, name):
    """Compares the last request for machines with a file."""
    sent = without_scripts(cloud.made()[-1])
    text = json.dumps(sent, indent=1, sort_keys=True) + "\n"
    file = pathlib.Path(ROOT) / f"tests/launch/gcp/golden/{name}.json"
    assert text.replace(cloud.base, "BASE") == file.read_text()
