"""One replica of a job on Vertex AI: the supervisor, and its last word.

  python -m trainer.launch.gcp.machine.replica CONTROL [flags] -- ARGUMENTS

CONTROL is the job's folder in its bucket. The supervisor is that of
`launch local`, of one worker.
"""

import contextlib
import json
import os
import sys
import time

from trainer.cluster import discovery
from trainer.launch import local
from trainer.launch.gcp.machine.session import CHIEF_SECS
from trainer.launch.gcp.machine.session import ENDS_OF_ALL
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exits import verb
from trainer.storage.bucket import ConflictError
from trainer.storage.bucket import Folder

OUTCOME = "outcome.json"


@verb
def main(argv: list[str]) -> int:
    """Runs one worker; the chief's end is the job's, or one that all wait for.

    Returns:
      The exit code, but 0 where its user stopped the job: Vertex AI starts
      again what ends with another.

    Raises:
      UserError: the bucket cannot be used.
      ClusterError: it cannot be reached.
    """
    control, arguments = Folder(argv[0]), argv[1:]
    with contextlib.suppress(FileNotFoundError):
        # Vertex AI starts it again; the job has ended.
        code = int(json.loads(control.read(OUTCOME))["code"])
        print(f"strata: this job ended with code {code}", flush=True)
        return _for_vertex(code)
    place = discovery.read(os.environ)
    if place.is_evaluator:
        print("strata: nothing to do for an evaluator: a run scores itself")
        return DONE
    if place.workers > 1:
        os.environ[discovery.SECRET] = control.read("secret").decode().strip()
    code = local.main(arguments)
    if code in ENDS_OF_ALL or (place.is_chief and code != STOPPED):
        if not place.is_chief:
            time.sleep(CHIEF_SECS)
        told = json.dumps({"code": code, "machine": place.index}) + "\n"
        with contextlib.suppress(ConflictError):  # the first word stands
            control.upload(OUTCOME, told.encode(), generation=0)
    return _for_vertex(code)


def _for_vertex(code: int) -> int:
    return DONE if code == STOPPED_BY_USER else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
