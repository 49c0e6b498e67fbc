"""Jobs on Google Cloud that are noted here, for `strata jobs`."""

import collections
import contextlib
import json
import pathlib
import shutil
from collections.abc import Iterator
from collections.abc import Sequence

from trainer.launch.gcp import fleet
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import jobs
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.fleet import Machine
from trainer.launch.gcp.request import from_json
from trainer.launch.gcp.request import Request
from trainer.launch.jobs.job import ENDED
from trainer.launch.jobs.job import Job
from trainer.launch.jobs.job import PlatformError
from trainer.launch.jobs.job import RUNNING
from trainer.launch.jobs.job import UNKNOWN
from trainer.launch.jobs.run import Run
from trainer.process.exits import tell
from trainer.process.exits import UserError

NAME = "gcp"


def find(runs: Sequence[Run]) -> list[Job]:
    """Lists jobs that are noted in this folder, and their machines.

    Raises:
      PlatformError: gcloud is not here.
    """
    noted = [*_noted()]
    if not noted:
        return []
    if not shutil.which("gcloud"):
        raise PlatformError(
            f"gcloud is not on this machine, and {len(noted)} job(s) are noted"
        )
    return [_job(Client(), request) for request in noted]


def _noted() -> list[Request]:
    folder = pathlib.Path(plan.local_folder("job")).parent
    found = []
    for file in sorted(folder.glob("*/request.json")):
        with contextlib.suppress(OSError, ValueError):
            found.append(from_json(file.read_text()))
    return found


def _job(client: Client, request: Request) -> Job:
    regions = request.zones if request.kind == gcloud.VERTEX else ()
    try:
        machines = fleet.find(
            client, request.project, (request.kind,), request.name, regions
        )
    except GcloudError as error:
        # As where its project is gone: the others are listed all the same.
        tell(f"{NAME}/{request.name} cannot be asked about: {error}")
        return Job(NAME, request.name, UNKNOWN, UNKNOWN)
    alive = [m for m in machines if m.is_of(request) and not m.is_ended]
    return Job(
        launcher=NAME,
        name=request.name,
        state=RUNNING if alive else ENDED,
        where=_where(alive) if alive else f"no machine; {request.workdir}",
        machines=_paid(request, alive),
        began_unix_secs=_began(client, request) if alive else None,
    )


def _where(machines: list[Machine]) -> str:
    counts = collections.Counter((m.type, m.zone) for m in machines)
    return ", ".join(f"{n} x {t} in {z}" for (t, z), n in counts.items())


def _paid(
    request: Request, machines: list[Machine]
) -> tuple[tuple[str, int], ...]:
    """Returns what is paid for; a spot machine has another price."""
    if not machines:
        return ()
    kind = f"{request.machine_type}{' spot' if request.spot else ''}"
    is_one = request.kind == gcloud.GPU
    return ((kind, len(machines) if is_one else request.num_vms),)


def _began(client: Client, request: Request) -> float | None:
    """Returns when the run's newest start began, as its bucket says."""
    address = f"{request.workdir}/attempt.json"
    with contextlib.suppress(GcloudError, ValueError, KeyError, TypeError):
        text = client.read(gcloud.read(request.project, address))
        return float(json.loads(text or "")["began_unix_secs"])
    return None


def show_log(job: Job) -> int:
    """Prints the chief's log, and follows it while there are machines.

    Raises:
      UserError: gcloud's own complaint.
    """
    with _told():
        return jobs.logs([f"--name={job.name}"])


def stop(job: Job) -> str:
    """Puts a STOP object into the workdir.

    Raises:
      UserError: the bucket refuses it.
    """
    with _told():
        jobs.stop([f"--name={job.name}"])
    return "its machines go with it"


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Has a failure of gcloud be one line."""
    try:
        yield
    except GcloudError as error:
        raise UserError(str(error)) from None
