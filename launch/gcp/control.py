"""What launcher and machines tell each other, by a folder of the bucket."""

import contextlib
import json
import pathlib
import secrets
import sys
from typing import Any

from trainer.launch.gcp import gcloud
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.request import from_json
from trainer.launch.gcp.request import Request
from trainer.process.exits import UserError
from trainer.process.programs import CHANGE_SECS
from trainer.process.programs import COPY_SECS
from trainer.process.programs import finish
from trainer.storage.files import write_atomically


def say(text: str) -> None:
    print(f"strata: {text}", file=sys.stderr, flush=True)


class Control:
    """The launcher's end of it, with the job's folder here.

    Args:
      client: to ask by.
      request: for the job.

    Attributes:
      log: file of what the launcher says and nobody takes.
    """

    def __init__(self, client: Client, request: Request) -> None:
        self._client = client
        self._request = request
        self._folder = pathlib.Path(plan.local_folder(request.name))
        # What the launcher says where nobody takes it.
        self.log = self._folder / "logs" / "launcher.log"
        self._shown_bytes = 0

    def check_results(self) -> None:
        """Checks that results are not fetched over another run.

        Raises:
          UserError: their folder is there, and not noted as this job's.
        """
        name = self._request.name
        if not pathlib.Path(plan.results_folder(name)).exists():
            return
        with contextlib.suppress(OSError, ValueError):
            noted = from_json((self._folder / "request.json").read_text())
            if noted.control == self._request.control:
                return
        raise UserError(plan.taken(name))

    def note(self) -> None:
        """Notes the job here, with all that is fetched of it.

        Raises:
          GcloudError: this machine's disk refuses it.
        """
        self.keep("request.json", self._request.to_json() + "\n")

    def prepare(self, has_code: bool) -> None:
        """Puts into the bucket what the machines read."""
        self.note()
        if not has_code:
            if self._request.revision:
                self._pack()
            for name in plan.secrets_of(self._request):
                file = self._folder / name
                secret = secrets.token_hex().encode()
                write_atomically(file, secret, mode=0o600)
            for words in plan.uploads(self._request, str(self._folder)):
                self._client.need(words)
        answer = self._client.ask(gcloud.forget(self._request))
        # Some are missing as a rule, which hides why another one stays.
        if answer.code and (not answer.is_missing or self.outcome()):
            raise GcloudError(
                "what an earlier start left cannot be removed:"
                f" {answer.words()}"
            )

    def keep(self, name: str, text: str) -> str:
        """Keeps a text here, in the job's folder; returns its file.

        Raises:
          GcloudError: this machine's disk refuses it, which ends no job.
        """
        file = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        except OSError as error:
            raise GcloudError(
                f"{file} cannot be written: {error.strerror}"
            ) from None
        return str(file)

    def _pack(self) -> None:
        name = plan.name_of(self._request.package)
        with open(self._folder / name, "wb") as file:
            words = plan.archive(self._request)
            done = finish(words, CHANGE_SECS, stdout=file)
        if done.returncode:
            raise GcloudError(f"git archive failed: {done.stderr}")

    def stored(self) -> Request | None:
        """Returns the request by which the job was started; None for none."""
        address = f"{self._request.control}/request.json"
        text = self._client.read(gcloud.read(self._request.project, address))
        try:
            return from_json(text) if text else None
        except ValueError as error:
            raise GcloudError(f"{address} is {error}") from None

    def outcome(self) -> dict[str, Any] | None:
        """Returns how the job ended; None where it did not."""
        address = f"{self._request.control}/outcome.json"
        text = self._client.read(gcloud.read(self._request.project, address))
        try:
            value = json.loads(text) if text else None
        except ValueError:
            return None
        return value if isinstance(value, dict) and "code" in value else None

    def stop(self) -> bool:
        """Has the job write a checkpoint and end."""
        file = self.keep("stop", "stop\n")
        self._client.need(
            gcloud.upload(self._request.project, file, self._request.stop)
        )
        return True

    def tell_deletion(self) -> None:
        """Has whoever follows the job make no machine again.

        Raises:
          GcloudError: the bucket refuses the word, or this machine's disk.
        """
        file = self.keep("deleted.json", plan.deleted() + "\n")
        self._client.need(gcloud.tell_end(self._request, file))

    @property
    def has_log(self) -> bool:
        """Whether the chief said anything by now."""
        return self._shown_bytes > 0

    def show_log(self) -> None:
        """Prints what the chief said since it was last asked."""
        text = self._client.read(
            gcloud.read(
                self._request.project,
                self._request.log,
                self._shown_bytes,
            )
        )
        if text:
            self._shown_bytes += len(text.encode())
            print(text, end="", flush=True)

    def fetch(self) -> None:
        """Copies the results to this machine."""
        self.note()
        folder = pathlib.Path(plan.results_folder(self._request.name))
        folder.mkdir(parents=True, exist_ok=True)
        words = gcloud.fetch(
            self._request.project, self._request.workdir, str(folder)
        )
        answer = self._client.ask(words, COPY_SECS)
        if answer.code == 0:
            say(f"results are in {folder}")
        elif not answer.is_missing:
            say(f"results stay in {self._request.workdir}: {answer.words()}")
