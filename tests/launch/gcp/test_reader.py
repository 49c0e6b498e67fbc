"""A launcher whose reader leaves, which must not take the machines with it."""

import os
import subprocess
import sys

from tests import processes
from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TRAINER
from trainer.launch.gcp import flags
from trainer.launch.gcp import plan

# A launcher that only speaks; it waits for a word before it does.
SCRIPT = """
import sys
from trainer.launch.gcp.fleet import Machine
from trainer.launch.gcp.launcher import Launcher
from trainer.launch.gcp.request import from_json
from trainer.launch.supervise.signals import Signals

class Speaking(Launcher):
    def _found(self):
        return [Machine("gpu", "mnist-0", "a", "mnist", "RUNNING", "x")]

    def _follow(self):
        sys.stdin.readline()
        print("\\n".join(map(str, range(20000))), flush=True)
        return 3

    def _end(self, code):
        print("its machines are removed")
        return code

request = from_json(sys.argv[1])
launcher = Speaking(None, request, Signals(hears_hangup=False))
sys.exit(launcher.run(detach=False, has_code=True))
"""


def test_a_reader_that_leaves_does_not_end_the_job(tmp_path):
    request = flags.request_of(
        "gpu", *flags.read_flags("gpu", [*GPU[1:], "--", *TRAINER])
    )
    folder = tmp_path / plan.local_folder("mnist")
    folder.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, request.to_json()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": processes.ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout.readline() == "strata: mnist is there; following it\n"
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(60) == 3
    told = (folder / "logs/launcher.log").read_text()
    assert told.endswith("19999\nits machines are removed\n")
