"""A replica of a job on Vertex AI."""

import json
import os
import secrets

import pytest

from tests import processes
from tests.faults import bucket as buckets
from tests.faults.bucket import BUCKET
from tests.faults.bucket import needs_client
from trainer.launch import local
from trainer.launch.gcp.machine import replica
from trainer.storage import vertex
from trainer.storage.bucket import ConflictError

CONTROL = f"gs://{BUCKET}/.strata/job"
BASE = f"gs://{BUCKET}/job"
CLUSTER = {"chief": ["a:2222"], "worker": ["b:2222"]}


def tf_config(cluster, kind):
    return {
        "cluster": cluster,
        "environment": "cloud",
        "job": {"workerPoolSpecs": [{}, {}]},
        "task": {"type": kind, "index": 0, "cloud": "x"},
    }


@pytest.fixture
def control(monkeypatch, tmp_path):
    """The job's folder: a dictionary of its objects."""
    objects = {"secret": b"abc\n"}

    class Folder:
        def __init__(self, name):
            assert name == CONTROL

        def read(self, name):
            try:
                return objects[name]
            except KeyError:
                raise FileNotFoundError(name) from None

        def upload(self, name, data, *, generation):
            assert generation == 0
            if name in objects:
                raise ConflictError(name)
            objects[name] = data

    monkeypatch.setattr(replica, "Folder", Folder)
    # What it sets for its children is gone after the test.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return objects


def run(monkeypatch, code):
    """Runs a replica whose supervisor ends with a code."""
    began = []

    def supervise(arguments):
        began.append(arguments)
        return code

    monkeypatch.setattr(local, "main", supervise)
    return replica.main([CONTROL, "--", "--config=digits"]), began


@pytest.mark.parametrize(
    ("code", "told", "left"),
    [(0, 0, 0), (43, 43, 0), (2, 2, 2), (75, 75, 75), (42, None, 42)],
)
def test_the_chiefs_end_is_the_jobs(control, monkeypatch, code, told, left):
    """A user's stop is no failure, which Vertex AI would start again."""
    assert run(monkeypatch, code)[0] == left
    said = control.get("outcome.json")
    assert (said and json.loads(said)["code"]) == told


def test_a_job_that_ended_is_not_begun_again(control, monkeypatch):
    control["outcome.json"] = b'{"code": 3, "machine": 0}\n'
    assert run(monkeypatch, 0) == (3, [])


@pytest.mark.parametrize("code", [2, 3])
@pytest.mark.parametrize("chief", [None, 0])
def test_a_worker_says_the_end_that_the_chief_would_wait_for(
    control, monkeypatch, code, chief
):
    """Unless the chief has said another one."""

    def sleep(secs):
        if chief is not None:
            control["outcome.json"] = b'{"code": 0, "machine": 0}\n'

    monkeypatch.setattr(replica.time, "sleep", sleep)
    os.environ["TF_CONFIG"] = json.dumps(tf_config(CLUSTER, "worker"))
    assert run(monkeypatch, code)[0] == code
    said = json.loads(control["outcome.json"])
    expected = {"code": code, "machine": 1}
    assert said == (expected if chief is None else {"code": 0, "machine": 0})


def test_a_worker_keeps_its_place_and_says_no_end(control, monkeypatch):
    told = json.dumps(tf_config(CLUSTER, "worker"))
    os.environ["TF_CONFIG"] = told
    code, began = run(monkeypatch, 1)
    assert (code, began) == (1, [["--", "--config=digits"]])
    assert "outcome.json" not in control
    assert os.environ["TF_CONFIG"] == told
    assert os.environ["STRATA_JOB_SECRET"] == "abc"


def test_an_evaluator_ends_at_once(control, monkeypatch):
    os.environ["TF_CONFIG"] = json.dumps(tf_config(CLUSTER, "evaluator"))
    monkeypatch.setenv(vertex.CHECKPOINTS, f"{BASE}/checkpoints/")
    assert run(monkeypatch, 1) == (0, [])


@needs_client
@pytest.mark.slow
def test_two_replicas_train_in_a_bucket_as_vertex_ai_starts_them(
    monkeypatch, tmp_path
):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as server:
        server.put(".strata/job/secret", secrets.token_hex().encode())
        chief, worker = local.free_addresses(2)
        cluster = {"chief": [chief], "worker": [worker]}
        for variable, part in vertex.PARTS.items():
            monkeypatch.setenv(variable, f"{BASE}/{part}/")
        words = (CONTROL, "--", "--config=digits", "--config.epochs=3")

        def start(kind):
            return processes.start(
                "trainer.launch.gcp.machine.replica",
                *words,
                tf_config=tf_config(cluster, kind),
            )

        replicas = [start("chief"), start("worker")]
        for process in replicas:
            code, output = processes.finish(process)
            assert code == 0, output
        assert server.read(".strata/job/outcome.json")["code"] == 0
        assert server.read("job/result.json")["workers"] == 2
        held = server.names("job/")
        assert "model/saved_model.pb" in held
        assert any(n.startswith("logs/test/events.out.tfevents") for n in held)
        assert any(n.startswith("checkpoints/step_") for n in held)
        assert "logs/worker_0.log" in held
        # What Vertex AI starts again has nothing to do.
        code, output = processes.finish(start("chief"))
        assert code == 0
        assert "this job ended with code 0" in output
