"""Jobs of which one call to Google fails: no machine is left unnamed.

STRATA_FUZZ_EXAMPLES=200 tries as many; each seed is another call and failure.
"""

import json
import os
import random
import shutil

import pytest

from tests.launch.gcp import cloud as clouds
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp import flags
from trainer.launch.gcp import fleet
from trainer.launch.gcp import launcher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("gcloud"), reason="Google's Cloud CLI is not here"
    ),
]
COUNT = int(os.environ.get("STRATA_FUZZ_EXAMPLES", "4"))
COMMON = ("--name=job", "--bucket=gs://mine", "--yes")
JOBS = (
    ("gpu", "--zone=us-central1-a", "--machine_type=g2-standard-8"),
    (
        "gpu",
        "--zone=us-central1-a",
        "--machine_type=g2-standard-8",
        "--num_vms=3",
    ),
    ("tpu", "--zone=us-west4-a", "--accelerator_type=v5litepod-8"),
)
CONTROL = "gs://mine/.strata/job"
# Calls of a whole job, about.
CALLS = 40


class Failing:
    """A cloud of which one call fails: before it is done, after, or in part.

    Args:
      cloud: that answers all others.
      chance: of which call, and how.
    """

    def __init__(self, cloud, chance):
        self._answer = cloud.answer
        self._cloud = cloud
        self._left = chance.randrange(CALLS)
        self.kind = chance.choice(("500", "429", "answer lost", "partial"))
        cloud.answer = self

    def __call__(self, call):
        self._left -= 1
        if self._left != -1:
            return self._answer(call)
        if self.kind == "answer lost":
            self._answer(call)
            return 500, clouds._error(500, "The answer was lost")
        if self.kind == "partial":
            done = self._answer(call)
            with self._cloud.lock:
                for path in sorted(self._cloud.machines)[1:]:
                    del self._cloud.machines[path]
            return done
        status = int(self.kind)
        return status, clouds._error(status, "A failure of one call")


@pytest.mark.parametrize("seed", range(COUNT))
def test_a_call_that_fails_leaves_no_machine_unnamed(
    seed, tmp_path, monkeypatch, capsys
):
    chance = random.Random(seed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launcher, "POLL_SECS", 0.05)
    monkeypatch.setattr(launcher, "FIRST_DELAY_SECS", 0.05)
    monkeypatch.setattr(fleet, "DELETIONS", 2)
    monkeypatch.setattr(flags, "head", lambda: "HEAD")
    with clouds.running() as cloud:
        (tmp_path / "gcloud").mkdir()
        own = clouds.environment(cloud, str(tmp_path / "gcloud"))
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        looks = []

        def finish(call):
            """Ends the job at its third look."""
            if call.method == "GET" and "log-0.txt" in call.path:
                looks.append(call)
                if len(looks) == 3:
                    outcome = json.dumps({"code": 0}).encode()
                    cloud.put(f"{CONTROL}/outcome.json", outcome)

        cloud.hook = finish
        failing = Failing(cloud, chance)
        job = chance.choice(JOBS)
        code = command.main([*job, *COMMON, "--", "--config=digits"])
        told = capsys.readouterr().err
        left = cloud.names()
    if left:
        assert code
        assert "LEFT BEHIND, and paid for: " in told, (failing.kind, told)
        named = all(name in told for name in left)
        assert named or "delete --name=job" in told, (failing.kind, told)
