"""`strata launch gcp status|logs|tensorboard|stop|delete|resume|list`."""

import json
import shlex
import sys
import time
from collections.abc import Callable

from trainer.launch.confirmation import confirmed
from trainer.launch.gcp import fleet
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import launcher
from trainer.launch.gcp import plan
from trainer.launch.gcp import tunnel
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.request import LABEL
from trainer.launch.gcp.request import owner
from trainer.launch.gcp.request import Request
from trainer.launch.gcp.target import add_region
from trainer.launch.gcp.target import KINDS
from trainer.launch.gcp.target import parser_of
from trainer.launch.gcp.target import show
from trainer.launch.gcp.target import Target
from trainer.launch.gcp.target import target_of
from trainer.launch.gcp.target import tell_unasked
from trainer.launch.supervise.policy import FAILED
from trainer.launch.supervise.signals import Signals
from trainer.process.columns import lay_out
from trainer.process.exits import tell


def _table(machines: list[fleet.Machine]) -> str:
    rows = [("JOB", "MACHINE", "TYPE", "ZONE", "STATE", "MADE BY")]
    rows += [
        (m.job, m.name, m.type, m.zone, m.state, m.owner or "?")
        for m in machines
    ]
    return lay_out(rows, left=6)


def list_jobs(argv: list[str]) -> int:
    """Lists the machines of all jobs, by their label."""
    parser = parser_of("list", "Lists the machines of all jobs.")
    add_region(parser, "in which jobs of Vertex AI are looked for, too")
    flags = parser.parse_args(argv)
    tell_unasked(KINDS, flags.region)
    if flags.dry_run:
        listings = fleet.listings(flags.project, KINDS, None, flags.region)
        return show(*(words for _, words in listings))
    machines = fleet.find(Client(), flags.project, KINDS, None, flags.region)
    if not machines:
        print(f"no machine has the label {LABEL}")
        return 0
    print(_table(machines))
    return 0


def status(argv: list[str]) -> int:
    """Shows a job's machines, and how it ended."""
    target = target_of("status", "Shows how a job stands.", argv)
    tell_unasked(target.kinds, target.regions)
    if target.flags.dry_run:
        return show(*target.listings())
    machines = target.machines()
    print(_table(machines) if machines else "no machine is there")
    if target.request:
        outcome = target.control().outcome()
        if outcome:
            print(f"the job ended with code {outcome['code']}")
        print(f"results: {target.request.workdir}")
    return 0


def logs(argv: list[str]) -> int:
    """Prints the chief's log, and follows it while there are machines."""
    target = target_of("logs", "Prints the chief's log, and follows it.", argv)
    request = target.known()
    if target.flags.dry_run:
        return show(gcloud.read(target.project, request.log))
    control, signals = target.control(), Signals()
    with signals.caught():
        while True:
            ended = control.outcome() is not None
            control.show_log()
            if ended or not target.machines():
                return 0
            if signals.take(launcher.POLL_SECS) is not None:
                return 0


def stop(argv: list[str]) -> int:
    """Has a job write a checkpoint and end; its machines go with it."""
    target = target_of("stop", "Stops a job with a checkpoint.", argv)
    request = target.known()
    if target.flags.dry_run:
        return show(
            ["touch", f"{plan.local_folder(request.name)}/stop"],
            gcloud.upload(
                target.project,
                f"{plan.local_folder(request.name)}/stop",
                request.stop,
            ),
        )
    target.control().stop()
    what = "its job on Vertex AI ends"
    if request.kind != gcloud.VERTEX:
        what = "its machines delete themselves"
    print(
        f"{request.name} was told to stop; {what} once its checkpoint is in the"
        f" bucket: {request.command('status')}"
    )
    return 0


def delete(argv: list[str]) -> int:
    """Deletes a job's machines, at once, and looks whether they are gone.

    Shows them first, as they may be another's of this name, and asks.
    """
    target = target_of("delete", "Deletes a job's machines at once.", argv)
    name = target.flags.name
    tell_unasked(target.kinds, target.regions)
    if target.flags.dry_run:
        show(*target.listings())
        if target.request:
            words = gcloud.tell_end(target.request, "-")
            print(f"echo {shlex.quote(plan.deleted())} | {shlex.join(words)}")
            for zone in target.request.zones:
                print(plan.deletion(target.request, zone))
        return 0
    crew = fleet.Fleet(
        target.client,
        target.project,
        name,
        target.kinds,
        target.regions,
        _pause,
    )
    machines = crew.there()
    if machines and not target.flags.yes and not _agreed(name, machines):
        print("nothing was deleted", file=sys.stderr)
        return FAILED
    _tell_launcher(target, machines)
    remaining = crew.remove()
    for line in remaining:
        tell(f"LEFT BEHIND, and paid for: {line}")
    if not remaining:
        print(f"no machine of {name} is left")
    return FAILED if remaining else 0


def _tell_launcher(target: Target, machines: list[fleet.Machine]) -> None:
    """Has a launcher that follows the job not take this for a loss."""
    request = target.request
    if request and all(m.is_of(request) for m in machines):
        try:
            target.control().tell_deletion()
            return
        except GcloudError as error:
            tell(str(error))
    print(
        "note: a launcher that follows the job is not told, and makes its"
        " machines again; end it, too, or add the --bucket=gs://... of the job",
        file=sys.stderr,
    )


def _agreed(name: str, machines: list[fleet.Machine]) -> bool:
    """Shows what would be deleted, and whose it is, and asks.

    Raises:
      UserError: nobody is at the terminal.
    """
    print(_table(machines), file=sys.stderr)
    others = sorted({m.owner for m in machines} - {owner(), ""})
    if others:
        print(f"WARNING: made by {', '.join(others)}", file=sys.stderr)
    return confirmed(
        "delete them?",
        f"--name={name} has {len(machines)} machine(s), and nobody is at the"
        " terminal to ask; add --yes",
    )


def _pause(secs: float) -> bool:
    time.sleep(secs)
    return False


def resume(argv: list[str]) -> int:
    """Makes a job's machines again where they are gone, and follows it."""
    target = target_of("resume", "Goes on with a job from its bucket.", argv)
    request = target.known()
    if target.flags.dry_run:
        print(plan.script(request, has_code=True), end="")
        return 0
    job = target.launcher()
    if not job.there():
        outcome = job.control.outcome()
        if outcome and outcome["code"] == 0:
            print(f"{request.name} is finished; see {request.workdir}")
            return 0
        if not target.flags.yes and not plan.agreed(request):
            print("nothing was made", file=sys.stderr)
            return FAILED
    return job.run(detach=target.flags.detach, has_code=True)


def differing(before: Request, now: Request) -> list[str]:
    """Names what differs between a job's request and one of the same name."""
    may_differ = {"revision", "max_secs", "wait_secs", "zones", "max_restarts"}
    if before.project is None:  # It was noted by an earlier version.
        may_differ.add("project")
    old = json.loads(before.to_json())
    new = json.loads(now.to_json())
    return [k for k in old if k not in may_differ and old[k] != new[k]]


VERBS: dict[str, Callable[[list[str]], int]] = {
    "status": status,
    "logs": logs,
    "tensorboard": tunnel.tensorboard,
    "stop": stop,
    "delete": delete,
    "resume": resume,
    "list": list_jobs,
}
