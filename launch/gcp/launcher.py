"""The launcher at work: makes a job's machines, follows it, removes them."""

import dataclasses
import math
import sys
import time
from typing import Any

from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.control import Control
from trainer.launch.gcp.control import say
from trainer.launch.gcp.fleet import Fleet
from trainer.launch.gcp.fleet import Machine
from trainer.launch.gcp.progress import GivenUpError
from trainer.launch.gcp.progress import Progress
from trainer.launch.gcp.request import Request
from trainer.launch.supervise.policy import FAILED
from trainer.launch.supervise.signals import Signals
from trainer.process import output
from trainer.process.columns import lay_out
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.moments import boot_secs

POLL_SECS = 15.0
FIRST_DELAY_SECS, MOST_DELAY_SECS = 30.0, 600.0
ROUNDS = 10
# For a checkpoint, once the job was told to stop.
STOP_SECS = 180.0
# Machines are not made for less.
LEAST_SECS = 600
# For the machines to end by themselves once --max_hours are over.
LATE_SECS = 600.0


class LeavingError(Exception):
    """The launcher was told to leave."""


class Launcher:
    """One job from its machines to its results.

    Args:
      client: to ask by.
      request: for the job.
      signals: to this process.

    Attributes:
      control: by which it and the machines tell each other.
    """

    def __init__(
        self, client: Client, request: Request, signals: Signals
    ) -> None:
        self._client = client
        self._request = request
        self._signals = signals
        self._fleet = Fleet(
            client,
            request.project,
            request.name,
            (request.kind,),
            request.zones,
            lambda secs: self._signals.take(secs) is not None,
            lambda machine: machine.is_of(request),
        )
        self.control = Control(client, request)
        self._progress = Progress(client, request)
        self._zone = request.zones[0]
        # From the first machines on, this one's sleep included: what is made
        # again gets the rest alone.
        self._deadline: float | None = None

    def there(self) -> list[Machine]:
        """Lists the job's machines.

        Raises:
          UserError: another job has its name, or another run here.
        """
        self.control.check_results()
        machines = self._fleet.named()
        others = [m for m in machines if not m.is_of(self._request)]
        if others:
            name = self._request.name
            raise UserError(
                f"--name={name} is another job's, of {others[0].owner or '?'}:"
                f" {', '.join(m.name for m in others)}; name another, or remove"
                f" it by {self._request.command('delete')}"
            )
        return machines

    def run(self, *, detach: bool, has_code: bool) -> int:
        """Runs the job to its end; returns the exit code.

        Args:
          detach: leave once its machines are there.
          has_code: whether the bucket has the code already.
        """
        # Whoever reads this must not end it: its end is the machines'.
        output.guard()
        output.keep_in(self.control.log)
        # Until it is known what is there, it may be a job that runs.
        code, keeps = FAILED, True
        with self._signals.caught():
            try:
                machines = self._found()
                keeps = False
                if machines:
                    self._zone = machines[0].zone
                    say(f"{self._request.name} is there; following it")
                    self._deadline = boot_secs() + self._request.max_secs
                else:
                    self.control.prepare(has_code)
                    self._progress.begin()
                    self._make_missing()
                if detach:
                    keeps = True
                    self._tell_verbs()
                    return 0
                code = self._follow()
            except LeavingError:
                code = self._signals.unsaved_code()
            except (GcloudError, GivenUpError) as error:
                tell(str(error))
            finally:
                if not keeps:
                    code = self._end(code)
        return code

    def _found(self) -> list[Machine]:
        """Lists the machines that are there before any is made.

        Raises:
          LeavingError: this process was told to leave.
        """
        while (found := self._try(self._fleet.there)) is None:
            self._wait(POLL_SECS)
        return found

    def _tell_verbs(self) -> None:
        verbs = (
            ("status", "how it stands"),
            ("logs", "what it says"),
            ("stop", "end it with a checkpoint"),
            ("delete", "remove its machines at once"),
        )
        rows = [[f"  {self._request.command(v)}", w] for v, w in verbs]
        print(lay_out(rows, left=2), file=sys.stderr)

    def _make_missing(self) -> None:
        """Makes the machines that are not there, where there is room.

        Raises:
          GcloudError: a call failed before the job had machines; later it is
            tried again, as where there is no room.
          GivenUpError: there are none after all tries, or the job ended.
          LeavingError: this process was told to leave.
        """
        delay_secs = FIRST_DELAY_SECS
        for turn in range(ROUNDS):
            if turn and (outcome := self._try(self.control.outcome)):
                code = self._explain(outcome)
                raise GivenUpError(f"the job ended meanwhile, with code {code}")
            try:
                words = self._make_once()
            except GcloudError as error:
                if self._deadline is None:
                    raise
                words = str(error)
                say(words)
            if words is None:
                return
            if turn + 1 < ROUNDS:
                say(f"trying again in {delay_secs:.0f} s")
                self._wait(delay_secs)
                delay_secs = min(2 * delay_secs, MOST_DELAY_SECS)
        raise GivenUpError(
            f"no machine could be had in {ROUNDS} rounds: {words}"
        )

    def _make_once(self) -> str | None:
        """Asks zone by zone; returns the last one's refusal, or None.

        Machines that are there bind the others to their zone.
        """
        alive = self._clear_ended()
        names = [
            name
            for name in self._request.machines
            if name not in {m.name for m in alive}
        ]
        if not names:
            self._zone = alive[0].zone
            return None
        words: str | None = None
        for zone in [alive[0].zone] if alive else self._request.zones:
            words = self._make_in(zone, names)
            if words is None:
                break
            say(f"none in {zone}: {words}")
        return words

    def _clear_ended(self) -> list[Machine]:
        """Deletes what was taken away but is still listed; returns the rest."""
        machines = self._fleet.there()
        for machine in machines:
            if machine.state == "FAILED":
                raise GivenUpError(
                    f"{machine.name}: the provider gave up on the request"
                    " (--wait_hours bounds how long it may wait)"
                )
            if machine.is_ended:
                self._fleet.delete([machine])
        return [m for m in machines if not m.is_ended]

    def _make_in(self, zone: str, names: list[str]) -> str | None:
        """Makes machines in a zone; returns why there are none, or None."""
        left_secs = self._left_secs()
        limited = dataclasses.replace(self._request, max_secs=left_secs)
        file = self.control.keep(*plan.handed(limited, zone))
        say(f"making {', '.join(names)} in {zone}")
        answer = self._fleet.make(limited, zone, names, file)
        if self._signals.received:
            raise LeavingError
        if answer is None:
            self._zone = zone
            self._deadline = self._deadline or boot_secs() + left_secs
            return None
        if not answer.may_succeed_later:
            raise GcloudError(
                f"{', '.join(names)} cannot be made in {zone}: {answer.words()}"
            )
        return answer.words()

    def _left_secs(self) -> int:
        if self._deadline is None:
            return self._request.max_secs
        left_secs = int(self._deadline - boot_secs())
        if left_secs < LEAST_SECS:
            raise self._out_of_time()
        return left_secs

    def _out_of_time(self) -> GivenUpError:
        return GivenUpError(
            f"its time is up; {self._request.command('resume')} goes on"
        )

    def _wait(self, secs: float) -> None:
        if self._signals.take(secs) is not None:
            raise LeavingError

    def _follow(self) -> int:
        """Shows the chief's log until the job ends; returns its code."""
        told_secs, is_asked = None, False
        while True:
            outcome = self._try(self.control.outcome)
            self._try(self.control.show_log)
            if outcome is not None:
                return self._explain(outcome)
            if boot_secs() > (self._deadline or math.inf) + LATE_SECS:
                raise self._out_of_time()
            if not self.control.has_log:
                self._try(lambda: self._progress.show_console(self._zone))
            if told_secs is not None:
                # It was told to stop: its end is waited for, but not long.
                is_asked = is_asked or bool(self._try(self.control.stop))
                if time.monotonic() - told_secs > STOP_SECS:
                    raise LeavingError
            elif self._try(self._any_missing):
                # They may have gone because the job ended meanwhile.
                if self._try(self.control.outcome) is not None:
                    continue
                say("machines were taken away")
                self._try(lambda: self._progress.show_console(self._zone))
                self._progress.account_end()
                self._make_missing()
            if self._signals.take(POLL_SECS) is None:
                continue
            if told_secs is not None:
                raise LeavingError
            told_secs = time.monotonic()
            say(
                "stopping with a checkpoint, then deleting; once more to"
                " delete at once"
            )

    def _try(self, ask: Any) -> Any:
        """Asks once; a failure of the network is tried again later."""
        try:
            return ask()
        except GcloudError as error:
            say(f"{error}; trying again")
            return None

    def _any_missing(self) -> bool:
        alive = {m.name for m in self._fleet.there() if not m.is_ended}
        return not set(self._request.machines) <= alive

    def _explain(self, outcome: dict[str, Any]) -> int:
        code = int(outcome["code"])
        if log := outcome.get("log"):
            address = f"{self._request.control}/{log}"
            say(f"{outcome.get('place')} failed; its log is {address}")
        if who := outcome.get("deleted_by"):
            say(f"{self._request.name} was deleted by {who}")
        return code

    def _end(self, code: int) -> int:
        """Removes all machines, fetches the results; returns the exit code."""
        # Machines are paid for while results, in the bucket, can wait.
        remaining = self._fleet.remove()
        for line in remaining:
            tell(f"LEFT BEHIND, and paid for: {line}")
        if not remaining:
            say("no machine is left")
        try:
            self.control.fetch()
        except (OSError, GcloudError, UserError) as error:
            say(f"results stay in {self._request.workdir}: {error}")
        return code or FAILED if remaining else code
