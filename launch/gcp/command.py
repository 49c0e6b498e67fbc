"""`strata launch gcp`: jobs on Google Cloud's GPU and TPU machines."""

import difflib
import sys

from launch.gcp import flags
from launch.gcp import plan
from trainer.config import UserError
from trainer.config import verb

USAGE = """\
usage: strata launch gcp VERB [flags]

  gpu          run a job on GPU machines
  tpu          run a job on a TPU VM
"""
MADE = ("gpu", "tpu")
VERBS = MADE


def _make(kind: str, argv: list[str]) -> int:
    """Makes machines for a job, or shows how."""
    wanted, arguments = flags.read_flags(kind, argv)
    request = flags.request_of(kind, wanted, arguments)
    for remark in plan.remarks(request, wanted.detach):
        print(remark, file=sys.stderr)
    if wanted.dry_run:
        for zone in request.zones[1:]:
            print(
                f"note: where it has none left, the same in {zone}",
                file=sys.stderr,
            )
        print(plan.describe(request), file=sys.stderr)
        print(plan.script(request), end="")
        return 0
    raise UserError("only --dry_run is there yet; add it")


@verb
def main(argv: list[str]) -> int:
    """Does what the first word says.

    Raises:
      UserError: it says nothing known, or a flag cannot be meant.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if argv[0] in MADE:
        return _make(argv[0], argv[1:])
    near = difflib.get_close_matches(argv[0], VERBS, n=1)
    remedy = f"did you mean {near[0]}?" if near else "see --help"
    raise UserError(
        f"strata launch gcp {argv[0]!r} is none of {', '.join(VERBS)}; {remedy}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
