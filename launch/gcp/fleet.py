"""The machines of a job: found, made and removed."""

import dataclasses
import json
import shlex
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from trainer.launch.gcp import creation
from trainer.launch.gcp import gcloud
from trainer.launch.gcp.client import Answer
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.request import command
from trainer.launch.gcp.request import FOLDER_LABEL
from trainer.launch.gcp.request import LABEL
from trainer.launch.gcp.request import owner
from trainer.launch.gcp.request import OWNER_LABEL
from trainer.launch.gcp.request import Request

# Of a TPU's request and of a machine: taken away, or about to be.
_ENDED = (
    "STOPPING",
    "STOPPED",
    "TERMINATED",
    "SUSPENDING",
    "SUSPENDED",
    "FAILED",
    "DELETING",
)
DELETIONS = 5
# From a deletion to the first look at what is left; the next ones wait longer.
LOOK_SECS = 2.0


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine, a request for a TPU, or a job of Vertex AI.

    Attributes:
      folder: of the job, as its label names it; "" of an earlier version's.
      number: of a job of Vertex AI, by which alone it can be cancelled.
    """

    kind: str
    name: str
    zone: str
    job: str
    state: str
    type: str
    owner: str = ""
    folder: str = ""
    number: str = ""

    @property
    def is_ended(self) -> bool:
        return self.state in _ENDED

    def is_of(self, request: Request) -> bool:
        """Whether it is a job's, and not of another one of that name.

        What does not tell its folder is taken for its maker's.
        """
        if self.folder:
            return self.folder == request.folder
        return self.owner in (owner(), "")


def listings(
    project: str | None,
    kinds: tuple[str, ...],
    name: str | None,
    regions: Sequence[str] = (),
) -> list[tuple[str, gcloud.Words]]:
    """Returns the commands by which `find` asks, each beside its kind."""
    found = []
    if gcloud.GPU in kinds:
        found.append((gcloud.GPU, gcloud.list_gpus(project, name)))
    if gcloud.TPU in kinds:
        found.append((gcloud.TPU, gcloud.list_tpus(project)))
    for region in regions if gcloud.VERTEX in kinds else ():
        words = gcloud.list_custom_jobs(project, region, name)
        found.append((gcloud.VERTEX, words))
    return found


def find(
    client: Client,
    project: str | None,
    kinds: tuple[str, ...],
    name: str | None,
    regions: Sequence[str] = (),
) -> list[Machine]:
    """Lists the machines of a job; of all jobs where its name is None.

    Args:
      client: to ask by.
      project: or None for gcloud's own.
      kinds: of machines to look for.
      name: of the job.
      regions: to look for jobs of Vertex AI in.

    Raises:
      GcloudError: gcloud could not list them.
    """
    read = {gcloud.GPU: _gpu, gcloud.TPU: _tpu, gcloud.VERTEX: _custom_job}
    found: list[Machine] = []
    for kind, words in listings(project, kinds, name, regions):
        rows = (
            _tpus(client, words) if kind == gcloud.TPU else client.json(words)
        )
        found += filter(None, map(read[kind], rows))
    return [m for m in found if name is None or m.job == name]


def _tpus(client: Client, words: gcloud.Words) -> list[dict[str, Any]]:
    answer = client.ask(words)
    # A project that never had a TPU has none to list.
    if answer.code and not answer.is_disabled:
        raise GcloudError(f"TPUs cannot be listed: {answer.words()}")
    return json.loads(answer.text or "[]") if answer.code == 0 else []


def _told(labels: dict[str, str]) -> dict[str, str]:
    """Returns what labels tell of a machine, as fields of it."""
    fields = {"job": LABEL, "owner": OWNER_LABEL, "folder": FOLDER_LABEL}
    return {field: labels.get(label, "") for field, label in fields.items()}


def _gpu(row: dict[str, Any]) -> Machine:
    return Machine(
        kind=gcloud.GPU,
        name=row["name"],
        zone=row["zone"],
        state=row.get("status", "?"),
        type=row.get("machineType", "?"),
        **_told(row.get("labels", {})),
    )


def _tpu(row: dict[str, Any]) -> Machine | None:
    """Returns a request for a TPU, or None for one that is not ours."""
    parts = row["name"].split("/")
    nodes = row.get("tpu", {}).get("nodeSpec") or [{}]
    node = nodes[0].get("node", {})
    labels = node.get("labels", {})
    if not labels.get(LABEL):
        return None
    return Machine(
        kind=gcloud.TPU,
        name=parts[-1],
        zone=parts[3],
        state=row.get("state", {}).get("state", "?"),
        type=node.get("acceleratorType", "?"),
        **_told(labels),
    )


def _custom_job(row: dict[str, Any]) -> Machine | None:
    """Returns a job of Vertex AI, or None for one that has ended."""
    parts = row["name"].split("/")
    state = row.get("state", "?").removeprefix("JOB_STATE_")
    if state in gcloud.OVER:
        return None
    return Machine(
        kind=gcloud.VERTEX,
        name=row["displayName"],
        zone=parts[3],
        state=state,
        type="custom job",
        number=parts[-1],
        **_told(row.get("labels", {})),
    )


class Fleet:
    """The machines of one job.

    Args:
      client: to ask by.
      project: or None for gcloud's own.
      name: of the job.
      kinds: of machines that it may have.
      zones: of Vertex AI, the regions that it may be in.
      pause: waits so many seconds; says whether to give up meanwhile.
      is_ours: whether a machine that has the name is of the job.
    """

    def __init__(
        self,
        client: Client,
        project: str | None,
        name: str,
        kinds: tuple[str, ...],
        zones: Sequence[str],
        pause: Callable[[float], bool],
        is_ours: Callable[[Machine], bool] = lambda machine: True,
    ) -> None:
        self._client = client
        self._project = project
        self._name = name
        self._kinds = kinds
        self._zones = zones
        self._pause = pause
        self._is_ours = is_ours

    def named(self) -> list[Machine]:
        """Lists what has the job's name, of other jobs, too."""
        return find(
            self._client, self._project, self._kinds, self._name, self._zones
        )

    def there(self) -> list[Machine]:
        """Lists what there is of the job."""
        return [m for m in self.named() if self._is_ours(m)]

    def make(
        self, request: Request, zone: str, names: list[str], startup: str
    ) -> Answer | None:
        """Makes machines, all or none; returns why it could not, or None."""
        answer = self._client.ask(
            creation.create(request, zone, names, startup)
        )
        made = {m.name for m in self.there() if m.zone == zone}
        if set(names) <= made:
            return None
        if left := sorted(made & set(names)):
            self.delete([m for m in self.there() if m.name in left])
        return answer

    def delete(self, machines: list[Machine]) -> Answer | None:
        """Asks for a deletion; returns the last complaint, or None."""
        failed = None
        for words in deletions(self._project, machines):
            answer = self._client.ask(words)
            if answer.code and not answer.is_missing:
                failed = answer
        return failed

    def remove(self) -> list[str]:
        """Deletes all, and looks whether they are gone; again where not.

        Returns:
          What remains, with the command that removes it; [] for nothing.
        """
        remaining: list[str] = []
        is_region = self._zones and gcloud.VERTEX in self._kinds
        delete = command(
            "delete",
            name=self._name,
            project=self._project,
            region=self._zones[0] if is_region else None,
        )
        for attempt in range(DELETIONS):
            if attempt:
                self._pause(LOOK_SECS * 2 ** (attempt - 1))
            try:
                machines = self.there()
            except GcloudError as error:
                remaining = [f"what remains is unknown ({error}); run {delete}"]
                continue
            if not machines:
                return []
            failed = self.delete(machines)
            remaining = [
                shlex.join(words)
                for words in deletions(self._project, machines)
            ]
            if failed:
                remaining.append(f"the provider said: {failed.words()}")
        try:
            return remaining if self.there() else []
        except GcloudError:
            return remaining


def deletions(
    project: str | None, machines: list[Machine]
) -> list[gcloud.Words]:
    """Returns the commands that delete machines: one a zone, or a TPU."""
    zones: dict[str, list[str]] = {}
    found = []
    for machine in machines:
        if machine.kind == gcloud.TPU:
            found.append(gcloud.delete_tpu(project, machine.zone, machine.name))
        elif machine.kind == gcloud.VERTEX:
            found.append(
                gcloud.cancel_custom_job(project, machine.zone, machine.number)
            )
        else:
            zones.setdefault(machine.zone, []).append(machine.name)
    return [
        *found,
        *(gcloud.delete_gpus(project, z, names) for z, names in zones.items()),
    ]
