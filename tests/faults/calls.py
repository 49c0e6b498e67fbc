"""Jobs on Google Cloud of which one call fails, by the real gcloud.

However a call fails (refused, done and its answer lost, its connection cut,
or half done), what is left when the launcher ends is named by its last lines.
Google's servers are a stand-in on the loopback.
"""

import contextlib
import io
import json
import os
import pathlib
import random
from collections.abc import Iterator
from unittest import mock

from tests.launch.gcp import cloud as clouds
from tests.launch.gcp.launched import CONTROL
from tests.launch.gcp.launched import SPEED
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp import flags
from trainer.launch.gcp import fleet
from trainer.launch.gcp import launcher

COMMON = ("--name=job", "--bucket=gs://mine", "--yes")
_GPU = ("gpu", "--zone=us-central1-a", "--machine_type=g2-standard-8")
_VERTEX = (
    *("vertex", "--region=us-central1", "--machine_type=g2-standard-8"),
    f"--image=ours/strata@sha256:{64 * '0'}",
)
JOBS = {
    "gpu": _GPU,
    "gpu, 3 machines": (*_GPU, "--num_vms=3", "--spot"),
    "tpu": ("tpu", "--zone=us-west4-a", "--accelerator_type=v5litepod-8"),
    "vertex": _VERTEX,
    "vertex, 3 replicas": (*_VERTEX, "--replicas=3", "--spot"),
}
FAILURES = (
    *("refused, 500", "refused, 429", "refused, 403"),
    *("answer lost", "connection cut", "cut before", "half done"),
)


class Failing:
    """A cloud of which one call fails.

    Args:
      cloud: that answers all others.
      number: of the call, from 0; -1 for none.
      failure: of FAILURES.

    Attributes:
      calls: that came so far.
    """

    def __init__(
        self, cloud: clouds.Cloud, number: int, failure: str = ""
    ) -> None:
        self._answer, self._cloud = cloud.answer, cloud
        self._number, self._failure = number, failure
        self.calls = 0
        cloud.answer = self  # type: ignore[method-assign,assignment]

    def __call__(self, call: clouds.Call) -> tuple[int, object]:
        with self._cloud.lock:
            is_it = self.calls == self._number
            self.calls += 1
        if not is_it:
            return self._answer(call)
        if self._failure.startswith("refused"):
            status = int(self._failure.partition(", ")[2])
            return status, clouds._error(status, "A failure of one call")
        if self._failure == "cut before":
            return clouds.CUT, b""
        done = self._answer(call)
        if self._failure == "answer lost":
            return 500, clouds._error(500, "The answer was lost")
        if self._failure == "connection cut":
            return clouds.CUT, b""
        with self._cloud.lock:
            for path in sorted(self._cloud.machines)[1:]:
                del self._cloud.machines[path]
        return done


class Calls:
    """Runs jobs in a folder, each with a cloud of its own.

    Args:
      folder: for what jobs note, and for gcloud's own files.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        # Calls of a job of which none fails.
        self._totals: dict[str, int] = {}

    def attack(self, seed: str) -> tuple[str, str, str]:
        """Has one call of a job fail; returns row, verdict and failure."""
        chance = random.Random(seed)
        kind, failure = chance.choice([*JOBS]), chance.choice(FAILURES)
        if kind not in self._totals:
            total, code, left, told = self._run(kind, -1, "")
            if code or left:
                return kind, "", f"fails by itself ({code}): {left} {told}"
            self._totals[kind] = total
        number = chance.randrange(self._totals[kind])
        _, code, left, told = self._run(kind, number, failure)
        row = f"{kind}: {failure}"
        if not left:
            return row, "done all the same" if code == 0 else "ended, clean", ""
        is_named = "LEFT BEHIND, and paid for: " in told and (
            all(name in told for name in left) or "delete --name=job" in told
        )
        if code and is_named:
            return row, "left, and named", ""
        return row, "", f"call {number} leaves {left}, code {code}: {told}"

    def _run(
        self, kind: str, number: int, failure: str
    ) -> tuple[int, int, list[str], str]:
        """Returns how many calls came, the code, what is left and was told."""
        told = io.StringIO()
        with self._surroundings() as cloud:
            failing = Failing(cloud, number, failure)
            with (
                contextlib.redirect_stderr(told),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                words = [*JOBS[kind], *COMMON, "--", "--config=digits"]
                code = command.main(words)
            return failing.calls, code, cloud.names(), told.getvalue()

    @contextlib.contextmanager
    def _surroundings(self) -> Iterator[clouds.Cloud]:
        with contextlib.ExitStack() as held:
            held.enter_context(contextlib.chdir(self._folder))
            for name, secs in SPEED.items():
                held.enter_context(mock.patch.object(launcher, name, secs))
            held.enter_context(mock.patch.object(launcher, "ROUNDS", 2))
            held.enter_context(mock.patch.object(fleet, "DELETIONS", 2))
            held.enter_context(mock.patch.object(fleet, "LOOK_SECS", 0.05))
            held.enter_context(mock.patch.object(flags, "head", lambda: "HEAD"))
            cloud = held.enter_context(clouds.running())
            cloud.hook = _finishing(cloud)
            (self._folder / "gcloud").mkdir(exist_ok=True)
            own = clouds.environment(cloud, str(self._folder / "gcloud"))
            held.enter_context(mock.patch.dict(os.environ, own))
            yield cloud


def _finishing(cloud: clouds.Cloud):  # type: ignore[no-untyped-def]
    """Ends the job at the third look at its log."""
    looks = []

    def hook(call: clouds.Call) -> None:
        where = call.path + call.query.get("prefix", "")
        if call.method == "GET" and (
            "log-0.txt" in where or "worker_0.log" in where
        ):
            looks.append(call)
            if len(looks) == 3:
                outcome = json.dumps({"code": 0}).encode()
                cloud.put(f"{CONTROL}/outcome.json", outcome)

    return hook
