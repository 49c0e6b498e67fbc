"""Runs gcloud, and tells its answers apart."""

import dataclasses
import json
import re
import shlex
from typing import Any

from trainer.launch.gcp import gcloud
from trainer.launch.gcp.gcloud import Words
from trainer.launch.supervise.policy import FAILED
from trainer.process.exits import UserError
from trainer.process.parent import die_with_parent
from trainer.process.programs import CHANGE_SECS
from trainer.process.programs import finish

# What the provider says where a later try, or another zone, may succeed.
_AGAIN = re.compile(
    r"RESOURCE_POOL_EXHAUSTED|does not have enough resources|no more capacity"
    r"|stock-?out|\bquota\b|RATE_LIMIT|rateLimitExceeded|RESOURCE_EXHAUSTED"
    r"|(HTTPError|code:?|status:?) \W?(429|503)\b|currently unavailable"
    r"|backendError|Service Unavailable|UNAVAILABLE",
    re.IGNORECASE,
)
# No later try changes that: this project may not have any.
_NONE_ALLOWED = re.compile(r"Limit: 0(\.0+)?\b")
_GONE = re.compile(
    r"not ?found|HTTPError 404|matched no objects|did not find", re.IGNORECASE
)
# A list that lacks what could not be asked for ends with code 0.
_PARTIAL = re.compile(r"Some requests did not succeed")
_DISABLED = re.compile(r"SERVICE_DISABLED|has not been used in project")
# Of a complaint, that a person needs.
_CHARS = 400


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command of gcloud came to.

    Attributes:
      code: its exit code. `bulk create` ends with 0 where it failed, so that
        what it was to make has to be looked for.
      text: its output.
      complaint: what it said on stderr.
    """

    code: int
    text: str
    complaint: str

    @property
    def may_succeed_later(self) -> bool:
        may = _AGAIN.search(self.complaint)
        return bool(may and not _NONE_ALLOWED.search(self.complaint))

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not there."""
        return bool(_GONE.search(self.complaint))

    @property
    def is_disabled(self) -> bool:
        """Whether the project has never used this service."""
        return bool(_DISABLED.search(self.complaint))

    @property
    def is_partial(self) -> bool:
        """Whether a list may lack some."""
        return bool(_PARTIAL.search(self.complaint))

    def words(self) -> str:
        """Returns the provider's own words, on one line."""
        lines = self.complaint.strip().splitlines()
        starts = [i for i, line in enumerate(lines) if "ERROR" in line]
        told = " ".join(" ".join(lines[starts[0] if starts else 0 :]).split())
        told = re.sub(r"\. This command is authenticated .*", "", told)
        return told[:_CHARS] or f"gcloud ended with {self.code}"


class GcloudError(Exception):
    """gcloud failed, or this machine's disk; the job's own exit code is 1."""


class Client:
    """The gcloud of this machine."""

    def ask(self, words: Words, limit_secs: float = CHANGE_SECS) -> Answer:
        """Runs a command to its end.

        Ctrl-C at the terminal must not end it halfway through making or
        deleting a machine, and does not reach it.

        Args:
          words: of its command line.
          limit_secs: how long it may take.

        Raises:
          UserError: there is no gcloud.
        """
        try:
            # Nor may it make a machine after this process was killed.
            done = finish(words, limit_secs, before=die_with_parent)
        except FileNotFoundError:
            raise UserError(
                f"{words[0]} is not on this machine; install Google's Cloud"
                " CLI (cloud.google.com/sdk), or see what would be run by"
                " --dry_run"
            ) from None
        except OSError as error:
            # As where there is no memory for another process.
            return Answer(FAILED, "", f"ERROR: {words[0]}: {error.strerror}")
        return Answer(done.returncode, done.stdout, done.stderr)

    def project(self) -> str:
        """Returns gcloud's own project.

        A job keeps it: gcloud may be set to another one in the next minute, by
        another terminal, and a machine would be looked for there.

        Raises:
          UserError: it is set to none.
        """
        name = self.need(gcloud.own_project()).strip()
        if not name or name == "(unset)":
            raise UserError(
                "gcloud is set to no project; add --project=NAME, or run gcloud"
                " config set project NAME"
            )
        return name

    def need(self, words: Words) -> str:
        """Runs a command that must succeed; returns its output.

        Raises:
          GcloudError: it did not.
        """
        answer = self.ask(words)
        if answer.code or answer.is_partial:
            verb = shlex.join(words[:4])
            raise GcloudError(f"{verb} failed: {answer.words()}")
        return answer.text

    def json(self, words: Words) -> Any:
        """Runs a command that prints JSON; returns it.

        Raises:
          GcloudError: it failed, or printed something else.
        """
        text = self.need(words)
        try:
            return json.loads(text or "[]")
        except ValueError as error:
            raise GcloudError(
                f"{shlex.join(words[:4])} printed no JSON ({error})"
            ) from None

    def read(self, words: Words) -> str | None:
        """Runs a command that prints an object; None where there is none.

        Raises:
          GcloudError: it failed otherwise.
        """
        answer = self.ask(words)
        if answer.code == 0:
            return answer.text
        if answer.is_missing:
            return None
        raise GcloudError(f"{shlex.join(words[:3])} failed: {answer.words()}")
