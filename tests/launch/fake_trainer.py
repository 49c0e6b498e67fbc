"""Stands in for the trainer where its supervisor is tested.

  STRATA_TEST_PLAN=PLAN.json fake_trainer.py --config=x --workdir=DIR

Reads its flags as the trainer does. PLAN.json holds, for each start, what each
worker does: a list of [exit code, step of the checkpoint it leaves behind or
null], or of "hang" (beat once and stop), or of "frozen" (stop before the first
beat), or of "wait" (for a signal, then leave by its code), or of "die" (as
"wait", but by SIGKILL). Each worker notes its start in DIR.
"""

import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from trainer import flags
from trainer.process.facts import is_ignored
from trainer.process.heartbeat import HEARTBEAT_FD

PLAN = "STRATA_TEST_PLAN"


def index_of(environment):
    config = json.loads(environment.get("TF_CONFIG", "{}"))
    return config.get("task", {}).get("index", 0)


def main(arguments):
    workdir = pathlib.Path(flags.read(arguments).run_workdir)
    index = index_of(os.environ)
    workdir.mkdir(parents=True, exist_ok=True)
    start = len(list(workdir.glob(f"started_{index}_*")))
    (workdir / f"arguments_{index}").write_text("\n".join(arguments))
    # Whole as soon as it is there, for those who wait for it.
    aside = workdir / f".{index}_{start}"
    aside.write_text(str(os.getpid()))
    aside.rename(workdir / f"started_{index}_{start}")
    plan = json.loads(pathlib.Path(os.environ[PLAN]).read_text())[start][index]
    codes = {signal.SIGTERM: 42, signal.SIGINT: 43}
    if plan in ("wait", "die"):
        heard = [n for n in codes if not is_ignored(n)]
        signal.pthread_sigmask(signal.SIG_BLOCK, heard)
        print(f"worker {index} waits", flush=True)
        number = signal.sigwait(heard)
        if plan == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return codes[number]
    if plan == "frozen":
        os.kill(os.getpid(), signal.SIGSTOP)
    if plan == "hang":
        os.write(int(os.environ[HEARTBEAT_FD]), b".")
        os.kill(os.getpid(), signal.SIGSTOP)
    if sys.stdout.isatty():
        print("\r1/2 \x1b[1mbar\x1b[0m", end="\r2/2 bar\n", flush=True)
    code, step = plan
    if step is not None:
        (workdir / "checkpoints" / f"step_{step:08d}").mkdir(parents=True)
    print(f"worker {index} of start {start} ends with {code}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
