"""Prints what a process is told, and ends as it is told.

python -m tests.faults.told WORD CODE
"""

import os
import signal
import sys

if __name__ == "__main__":
    print("STRATA_TOLD", os.environ.get("STRATA_TOLD"), flush=True)
    print("PATH", os.environ.get("PATH"))
    print(sys.argv[1:], sys.orig_argv, os.getcwd(), sys.path[0])
    print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))
    print("stdin", sys.stdin.read(), file=sys.stderr, flush=True)
    if sys.argv[1] == "wait":
        print("process", os.getpid(), "waits", flush=True)
        signal.pause()
    sys.exit(int(sys.argv[2]))
