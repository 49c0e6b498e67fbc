"""What a job's machines come to, so that none are made and paid in vain."""

import collections
import re
import shlex

from trainer.launch.gcp import gcloud
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.control import say
from trainer.launch.gcp.request import FOLDER_LABEL
from trainer.launch.gcp.request import Request

# Machines in a row that ended without a newer checkpoint, which one that is
# taken away writes first.
MOST_BARREN = 3
CONSOLE_LINES = 20
# By which the machine's own script begins what people should read.
MARK = "strata: "
_NEXT = re.compile(r"--start=(\d+)")


class GivenUpError(Exception):
    """No later try helps a job; says why, in a line."""


class Progress:
    """Watches what comes of a job's machines.

    Args:
      client: to ask by.
      request: for the job.
    """

    def __init__(self, client: Client, request: Request) -> None:
        self._client = client
        self._request = request
        self._newest = ""
        self._barren = 0
        self._next_byte = 0
        # Jobs of Vertex AI whose error was shown.
        self._told: set[str] = set()
        self._console: collections.deque[str] = collections.deque(
            maxlen=CONSOLE_LINES
        )

    def begin(self) -> None:
        """Notes which checkpoint is there before machines are."""
        self._newest = self._newest_checkpoint() or ""

    def account_end(self) -> None:
        """Counts machines that ended before the job did.

        Raises:
          GivenUpError: too many did in a row without a newer checkpoint; the
            last lines of the newest one's console are shown before.
        """
        self._next_byte = 0
        newest = self._newest_checkpoint()
        if newest is None:
            return
        self._barren = 0 if newest > self._newest else self._barren + 1
        self._newest = max(newest, self._newest)
        if self._barren < MOST_BARREN:
            return
        for line in self._console:
            say(f"console: {line}")
        raise GivenUpError(
            f"machines ended {self._barren} times in a row without a newer"
            " checkpoint, so no more are made. May their service account write"
            f" to {self._request.bucket}? {self._request.command('resume')}"
            " tries again"
        )

    def _newest_checkpoint(self) -> str | None:
        """Returns its address, "" for none; None where the bucket is away."""
        address = f"{self._request.workdir}/checkpoints/"
        words = gcloud.list_folder(self._request.project, address)
        try:
            names = (self._client.read(words) or "").split()
        except GcloudError as error:
            say(f"{error}; going on")
            return None
        return max((n for n in names if "/step_" in n), default="")

    def _show_error(self, region: str) -> None:
        project, folder = self._request.project, self._request.folder
        rows = self._client.json(
            gcloud.list_custom_jobs(project, region, folder, label=FOLDER_LABEL)
        )
        if not rows or not (error := rows[0].get("error")):
            return
        number = rows[0]["name"].rpartition("/")[2]
        if number in self._told:
            return
        self._told.add(number)
        say(f"Vertex AI's job {number} ended: {error.get('message', error)}")
        words = gcloud.stream_logs(project, region, number)
        say(f"its lines: {shlex.join(words)}")

    def show_console(self, zone: str) -> None:
        """Shows what the chief's machine says while it is set up.

        A TPU VM has no console that could be asked; of Vertex AI's jobs the
        newest one's error is what there is.
        """
        if self._request.kind == gcloud.VERTEX:
            self._show_error(zone)
        if self._request.kind != gcloud.GPU:
            return
        project, chief = self._request.project, self._request.machines[0]
        answer = self._client.ask(
            gcloud.serial_output(project, zone, chief, self._next_byte)
        )
        if answer.code:
            return  # It has none yet, or is gone.
        if found := _NEXT.search(answer.complaint):
            self._next_byte = int(found[1])
        lines = [line.strip() for line in answer.text.splitlines()]
        self._console.extend(line for line in lines if line)
        for line in lines:
            if MARK in line:
                say(f"{chief}: {line.partition(MARK)[2]}")
