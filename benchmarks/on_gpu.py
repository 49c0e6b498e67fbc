"""Everything that is claimed of a GPU, on one, in one table.

  python -m benchmarks.on_gpu --data_dir=DIR [--budget_secs=480]
  python -m benchmarks.on_gpu --dry_device=cpu [--checks=watchdog,recipe]

It takes 8 minutes at most: what there is no time for is left out, and said.
`--dry_device=cpu` runs all of it on the CPU, on digits and small networks, so
that nothing fails for a slip where minutes are paid for. Ends with 1 where
something does not hold.
"""

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile
import time

from benchmarks import bench
from benchmarks.gpu_claims import CLAIMS
from benchmarks.gpu_machine import Machine
from benchmarks.gpu_speeds import SPEEDS
from trainer.process import columns
from trainer.process.exits import UserError
from trainer.process.exits import verb

BUDGET_SECS = 480
# Of the last check that is begun, which may end after the budget does.
LAST_SECS = 60
CHECKS = CLAIMS | SPEEDS


def tried(name: str, machine: Machine) -> tuple[str, str]:
    """Returns the verdict on a check, and what was measured."""
    try:
        return "held", CHECKS[name](machine)
    # Whatever it is, the others are tried, too.
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        return "MISSED", words[:300]


def chosen(wanted: str) -> list[str]:
    """Returns the checks whose names hold one of some words.

    Raises:
      UserError: a word is in none.
    """
    words = [word for word in wanted.split(",") if word]
    for word in words:
        if not any(word in name for name in CHECKS):
            raise UserError(
                f"--checks={wanted}: {word} is in none of {', '.join(CHECKS)}"
            )
    return [
        name
        for name in CHECKS
        if not words or any(word in name for word in words)
    ]


@verb
def main(argv: list[str]) -> int:
    """Tries the checks; prints a table of them.

    Raises:
      UserError: the data is missing, or a check is none.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", help="MNIST's four files")
    parser.add_argument("--dry_device", choices=["cpu"])
    parser.add_argument("--checks", default="", help="words of their names")
    parser.add_argument("--budget_secs", type=float, default=BUDGET_SECS)
    flags = parser.parse_args(argv)
    names = chosen(flags.checks)
    if flags.dry_device:
        for environment in (os.environ, bench.ENVIRONMENT):
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
    elif flags.data_dir is None:
        raise UserError("--data_dir is missing; name MNIST's folder")
    data_dir = flags.data_dir and str(pathlib.Path(flags.data_dir).absolute())
    began, rows = time.monotonic(), []
    with contextlib.ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory())
        kind = "CPU" if flags.dry_device else "GPU"
        machine = Machine(kind, data_dir, pathlib.Path(folder))
        for name in names:
            at = time.monotonic()
            if at - began > flags.budget_secs - LAST_SECS:
                verdict, words = "left out", "no time"
            else:
                verdict, words = tried(name, machine)
            secs = time.monotonic() - at
            rows.append((name, verdict, f"{secs:.0f} s", words))
            print(f"{verdict}: {name}: {words}", file=sys.stderr, flush=True)
    print(columns.lay_out([("check", "", "took", "found"), *rows], left=4))
    print(f"{time.monotonic() - began:.0f} s in all")
    return 1 if any(row[1] == "MISSED" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
