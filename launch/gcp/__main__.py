"""`strata launch gcp`: jobs on Google Cloud's machines and Vertex AI."""

import dataclasses
import shutil
import sys

from trainer.launch.gcp import firewall
from trainer.launch.gcp import flags
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import jobs
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.launcher import Launcher
from trainer.launch.gcp.request import Request
from trainer.launch.supervise.policy import FAILED
from trainer.launch.supervise.signals import Signals
from trainer.process.arguments import nearest
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.plain_text import exact

USAGE = """\
usage: strata launch gcp VERB [flags]

  gpu          run a job on GPU machines
  tpu          run a job on a TPU VM
  vertex       run a job on Vertex AI
  list         list the machines of all jobs
  status       say how a job stands
  logs         print the chief's log, and follow it
  tensorboard  show a job's curves, through a tunnel
  stop         have a job write a checkpoint and end
  resume       make a job's machines again, and follow it
  delete       delete a job's machines at once
  firewall     keep others from the machines' ports, by rules of a network

All but gpu, tpu, vertex, list and firewall take --name=NAME. strata launch gcp
VERB --help tells a verb's flags.
"""
MADE = (gcloud.GPU, gcloud.TPU, gcloud.VERTEX)
OTHERS = {**jobs.VERBS, "firewall": firewall.main}
VERBS = (*MADE, *OTHERS)


def _make(kind: str, argv: list[str]) -> int:
    """Runs a job, or shows how."""
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
        with exact():
            print(plan.script(request), end="", flush=True)
        print(plan.ends(request), file=sys.stderr)
        return 0
    if not wanted.yes and not sys.stdin.isatty():
        plan.agreed(request)  # which raises, before anything is asked
    _check_tools()
    project = request.project or Client().project()
    request = dataclasses.replace(request, project=project)
    launcher = _adopted(request)
    if launcher is None:
        if not wanted.yes and not plan.agreed(request):
            print("nothing was made", file=sys.stderr)
            return FAILED
        launcher = Launcher(Client(), request, Signals(hears_hangup=False))
    return launcher.run(detach=wanted.detach, has_code=False)


def _check_tools() -> None:
    for tool in ("gcloud", "git"):
        if not shutil.which(tool):
            raise UserError(
                f"{tool} is not on this machine; install it, or see what would"
                " be run by --dry_run"
            )


def _adopted(request: Request) -> Launcher | None:
    """Returns the launcher of a job of this name that is there already.

    Raises:
      UserError: it is another job.
    """
    launcher = Launcher(Client(), request, Signals(hears_hangup=False))
    if not launcher.there():
        return None
    before = launcher.control.stored()
    if before is None:
        raise UserError(
            f"--name={request.name} has machines, but {request.control} knows"
            f" of no job; name another, or remove them by"
            f" {request.command('delete')}"
        )
    if different := jobs.differing(before, request):
        raise UserError(
            f"--name={request.name} is a job already, with another"
            f" {', '.join(different)}; name another, or remove it by"
            f" {request.command('delete')}"
        )
    # With its own code, not with today's.
    project = before.project or request.project
    before = dataclasses.replace(before, project=project)
    return Launcher(Client(), before, Signals(hears_hangup=False))


@verb
def main(argv: list[str]) -> int:
    """Does what the first word says.

    Raises:
      UserError: it says nothing known, or a flag cannot be meant.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    name, rest = argv[0], argv[1:]
    try:
        if name in MADE:
            return _make(name, rest)
        if name in OTHERS:
            return OTHERS[name](rest)
    except GcloudError as error:
        tell(str(error))
        return FAILED
    remedy = nearest(name, VERBS) or "see --help"
    raise UserError(
        f"strata launch gcp {name!r} is none of {', '.join(VERBS)}; {remedy}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
