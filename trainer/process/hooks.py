"""Tells a command or a webhook of a user's what happens in a job.

By a thread of its own, which tries again, and gives up: whatever the other side
does, the job goes on.
"""

import contextlib
import json
import os
import platform
import queue
import threading
import time
import urllib.parse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import MaxRetryError

from trainer.process.exits import tell
from trainer.process.programs import finish

# How long one try may take, and whether there is another: two more, the first
# at once and the second after 2 s, also where a server asks for fewer requests
# or fails by itself.
TRY_SECS = 10.0
AGAIN = Retry(
    2,
    backoff_factor=1.0,
    allowed_methods=None,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
    respect_retry_after_header=False,
)
# How long an ending process waits for what is still to be told.
LAST_SECS = 45.0
# What is told at once beyond this is dropped: a hook is no log.
MOST_WAITING = 20
_VARIABLE = "STRATA_EVENT_"


class Hook:
    """A command or a URL that is told of events, each once, in their order."""

    def __init__(self, flag: str, target: str) -> None:
        """Tells nothing yet.

        Args:
          flag: that names the target, for complaints.
          target: a URL, or else a command for the shell.
        """
        self._target = target
        self._is_url = target.startswith(("http://", "https://"))
        # What stands behind a URL's host is often a secret.
        url = urllib.parse.urlsplit(target)
        shown = f"{url.scheme}://{url.hostname}/..." if self._is_url else target
        self._name = f"--{flag}={shown}"
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(
            MOST_WAITING
        )
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def tell(self, kind: str, text: str, **more: Any) -> None:
        """Has the target told of an event, and returns at once.

        Args:
          kind: "alert" or "end".
          text: a line for people.
          **more: what else programs may want to know of it.
        """
        facts = {"host": platform.node(), "unix_secs": round(time.time(), 3)}
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(
                {"kind": kind, "text": text, **more, **facts}
            )

    def close(self, most_secs: float = LAST_SECS) -> None:
        """Waits a while for what is still to be told."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=most_secs)
        self._thread.join(most_secs)

    def _work(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                wrong = self._post(event) if self._is_url else self._run(event)
            except Exception as error:  # whatever it is, the job goes on
                wrong = f"{type(error).__name__}: {error}"
            if wrong:
                tell(f"WARNING: {self._name} was not told: {wrong}")

    def _post(self, event: dict[str, Any]) -> str:
        """Posts an event as JSON; returns what went wrong, or nothing."""
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=AGAIN))
            try:
                answer = session.post(
                    self._target,
                    json=event,
                    timeout=TRY_SECS,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                # Its words hold the URL.
                return type(error).__name__
        # A redirect is no answer, and is not followed: it may lead anywhere.
        is_taken = 200 <= answer.status_code < 300
        return "" if is_taken else f"it answered {answer.status_code}"

    def _run(self, event: dict[str, Any]) -> str:
        """Runs the command; returns what went wrong, or nothing."""
        again = AGAIN
        while wrong := self._run_once(event):
            try:
                again = again.increment(error=OSError(wrong))
            except MaxRetryError:
                return wrong
            again.sleep()
        return ""

    def _run_once(self, event: dict[str, Any]) -> str:
        named = {
            f"{_VARIABLE}{name.upper()}": str(value)
            for name, value in event.items()
        }
        done = finish(
            ["sh", "-c", self._target],
            TRY_SECS,
            text=json.dumps(event),
            environment=os.environ | named,
        )
        if not done.returncode:
            return ""
        said = (done.stderr or done.stdout).strip().splitlines()
        words = f": {said[-1]}" if said else ""
        return f"exit code {done.returncode}{words}"
