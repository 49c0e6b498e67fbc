"""The session of a machine, run here."""

import io
import json
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from tests import forked
from tests import processes
from tests.faults import bucket as buckets
from tests.faults import jobs
from tests.launch.gcp import cloud as clouds
from tests.launch.gcp.metadata import watch
from trainer.launch.gcp.machine import session
from trainer.launch.gcp.machine import startup
from trainer.launch.supervise.policy import FAILED
from trainer.launch.supervise.policy import FINAL
from trainer.launch.supervise.signals import Signals
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import DONE

needs_gcloud = pytest.mark.skipif(
    not shutil.which("gcloud"), reason="Google's Cloud CLI is not here"
)
CONTROL = "gs://mine/.strata/job"
WORKDIR = f"--workdir=gs://{buckets.BUCKET}/job"


def test_the_units_are_as_systemd_reads_them(tmp_path):
    """And hold what the exit codes ask for."""
    folder = pathlib.Path(startup.__file__).parent
    units = sorted(folder.glob("*.service"))
    assert len(units) == 3
    job = (folder / "strata.service").read_text()
    kept = re.search(r"RestartPreventExitStatus=(.*)", job)[1]
    # All that its own supervisor ends with, but for a request to leave.
    ends = {DONE, FAILED, CLUSTER_FAILED, *FINAL}
    assert set(map(int, kept.split())) == ends
    assert "LimitMEMLOCK=infinity\n" in job
    assert "KillMode=mixed\n" in job
    if not shutil.which("systemd-analyze"):
        return
    for unit in units:
        text = unit.read_text().replace(
            "/opt/strata/.venv/bin/python", "/bin/sh"
        )
        (tmp_path / unit.name).write_text(text.replace("User=strata\n", ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
    )
    told = [x for x in done.stderr.splitlines() if "strata" in x]
    assert not told
    assert done.returncode == 0


def job(**more):
    return {
        "kind": "gpu",
        "project": "demo-project",
        "name": "job",
        "zone": "us-central1-a",
        "machines": ["job-0", "job-1"],
        "control": CONTROL,
        "max_restarts": 3,
        "environment": {},
        "arguments": ["--config=digits", WORKDIR],
        **more,
    }


@pytest.mark.parametrize(
    ("host", "index"),
    [("job-1", 1), ("job-0.c.p.internal", 0), ("t1v-n-1-w-0", 0)],
)
def test_a_machine_knows_its_number(host, index):
    assert session.index_of(job(), host) == index


def test_machines_read_the_jobs_secret_from_its_folder(tmp_path, monkeypatch):
    asked = []

    def finish(words, limit_secs):
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, "0af9\n", "")

    monkeypatch.setattr(session, "finish", finish)
    addresses = {"STRATA_ADDRESSES": "job-0:2222,job-1:2222"}
    several = session.Session(job(environment=addresses), tmp_path)
    assert several._environment()["STRATA_JOB_SECRET"] == "0af9"
    (words,) = asked
    assert words[:4] == ["gcloud", "storage", "cat", f"{CONTROL}/secret"]
    alone = session.Session(job(), tmp_path)
    assert "STRATA_JOB_SECRET" not in alone._environment()
    assert len(asked) == 1


def test_a_machine_without_the_jobs_secret_trains_nothing(
    tmp_path, monkeypatch
):
    asked = []

    def finish(words, limit_secs):
        asked.append(words)
        return subprocess.CompletedProcess(words, 1, "", "ERROR: 503")

    monkeypatch.setattr(session, "finish", finish)
    monkeypatch.setattr(session, "run", recorder([], 0))
    monkeypatch.setattr(session, "SECRET_DELAYS_SECS", (0.0, 0.0))
    environment = {"STRATA_ADDRESSES": "job-0:2222,job-1:2222"}
    one = session.Session(job(environment=environment), tmp_path)
    assert one.run() == CLUSTER_FAILED
    assert len(asked) == 2
    log = (tmp_path / "log-0.txt").read_text()
    assert log == "strata: no secret of the job: ERROR: 503\n"


def recorder(ran, code):
    """Returns a `run` that notes its words, and answers with a code."""

    def run(words):
        ran.append(words)
        return code

    return run


@pytest.mark.parametrize(
    ("index", "code", "removed"),
    [
        (0, "0", ["job-0", "job-1"]),
        (0, "2", ["job-0", "job-1"]),
        (0, "1", ["job-0", "job-1"]),
        (0, "42", []),
        (0, "left", []),
        (1, "0", []),
        (1, "2", ["job-0", "job-1"]),
        (1, "3", ["job-0", "job-1"]),
        (1, "43", []),
        (1, "42", []),
        (1, "75", ["job-1"]),
        (0, None, []),
    ],
)
def test_what_an_end_removes(
    index, code, removed, tmp_path, monkeypatch, systemctl
):
    ran, slept = [], []
    monkeypatch.setattr(session, "run", recorder(ran, 0))
    monkeypatch.setattr(session.time, "sleep", slept.append)
    one = session.Session(job(), tmp_path)
    one.index = index
    if code is not None:
        (tmp_path / "exit_code").write_text(code)
    one.end()
    deleted = [words[4:-3] for words in ran if "delete" in words]
    told = [words for words in ran if f"{CONTROL}/outcome.json" in words]
    # systemctl, as it stands here, says that the unit has not failed for good.
    assert deleted == ([removed] if removed else [])
    assert len(told) == (len(removed) == 2)
    assert all("--no-clobber" in words for words in told)
    # The chief is given time to say it, and to write what it has.
    assert (session.CHIEF_SECS in slept) == (bool(told) and index == 1)


def test_the_log_of_a_peer_that_ends_the_job_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "run", recorder([], 0))
    monkeypatch.setattr(session.time, "sleep", lambda _: None)
    monkeypatch.setattr(session.socket, "gethostname", lambda: "job-1")
    (tmp_path / "exit_code").write_text("2")
    session.Session(job(), tmp_path).end()
    assert json.loads((tmp_path / "outcome.json").read_text()) == {
        **{"code": 2, "machine": 1},
        **{"place": "job-1", "log": "log-1.txt"},
    }


def test_a_session_that_is_killed_as_it_leaves_removes_nothing(
    tmp_path, monkeypatch
):
    """Its checkpoint took longer than the machine had."""
    ran = []
    monkeypatch.setattr(session, "run", recorder(ran, 0))
    one = session.Session(job(), tmp_path)

    class Stuck:
        returncode = -9
        looks = 0

        def send_signal(self, number):
            one.end()

        def poll(self):
            self.looks += 1
            return None if self.looks < 2 else self.returncode

    class Told(Signals):
        def take(self, secs):
            return signal.SIGTERM

    monkeypatch.setattr(session, "_start", lambda *_: Stuck())
    one._train(io.BytesIO(), Told())
    assert not [words for words in ran if "delete" in words]


def test_a_stale_lockfile_is_told_of_and_removed(tmp_path, capsys):
    lockfile = tmp_path / "libtpu_lockfile"
    session.unlock(lockfile)
    assert capsys.readouterr().out == ""
    lockfile.touch()
    session.unlock(lockfile)
    assert not lockfile.exists()
    assert "left by a killed process" in capsys.readouterr().out


def test_a_preflight_that_fails_ends_a_tpus_session(tmp_path, monkeypatch):
    """As here, where there is no TPU and the other TensorFlow."""
    monkeypatch.setattr(session, "LOCKFILE", tmp_path / "lockfile")
    ran = []
    monkeypatch.setattr(session, "run", recorder(ran, 1))
    one = session.Session(job(kind="tpu", machines=["job"]), tmp_path)
    assert one.run() == 2
    log = (tmp_path / "log-0.txt").read_text()
    assert log.count("\n") == 1
    assert "the TPU cannot be used: tensorflow is installed" in log
    one.end()
    assert ran[-1][:5] == [
        *("gcloud", "compute", "tpus", "queued-resources", "delete")
    ]


STEP = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from trainer.devices import tpu_preflight
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert tpu_preflight.step(strategy) is None
"""


@pytest.mark.slow
def test_the_preflights_step_adds_up_over_replicas():
    process = processes.start_python("-c", STEP)
    code, output = processes.finish(process)
    assert code == 0, output
    assert "preflight: 2 replicas, sum 2048" in output


DRIVER = """
import json, pathlib, sys
from trainer.launch.gcp.machine import session
session.LOG_SECS = float(sys.argv[3])
session.socket.gethostname = lambda: sys.argv[4]
one = session.Session(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]))
code = one.run()
one.end()
sys.exit(code)
"""


@pytest.fixture
def google(tmp_path, monkeypatch):
    """A cloud, which gcloud asks, and a bucket, which the trainer asks."""
    with clouds.running() as cloud, buckets.served() as bucket:
        (tmp_path / "gcloud").mkdir()
        own = clouds.environment(cloud, str(tmp_path / "gcloud"))
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.address)
        yield cloud, bucket


def start(home, log_secs, arguments, host="job-0", addresses=None):
    """Starts the session of a new machine."""
    home.mkdir()
    own = {"STRATA_STAGING_DIR": str(home / "staging")}
    if addresses:
        own["STRATA_ADDRESSES"] = addresses
    told = json.dumps(job(environment=own, arguments=arguments))
    words = ("-c", DRIVER, told, home, log_secs, host)
    return processes.start_python(*words, python=forked.python())


def manifests(folder):
    """Names the checkpoints that stand on a machine's disk."""
    return {path.parent.name for path in folder.rglob("step_*/manifest.json")}


@pytest.mark.slow
@needs_gcloud
def test_a_job_goes_on_on_a_new_machine(tmp_path, google, metadata, systemctl):
    """Its machine is taken away: a checkpoint is in the bucket in time."""
    cloud, bucket = google
    trainer = (
        "--config=digits",
        "--config.epochs=150",
        "--config.model.dropout=0.2",
        "--config.checkpoint.every_secs=1",
        "--config.log.report=false",
        "--config.log.tensorboard=false",
    )
    first = start(tmp_path / "one", 600, [*trainer, WORKDIR])
    (systemctl / "pid").write_text(str(first.pid))
    watching = watch(metadata)
    jobs.wait_for("a checkpoint", lambda: manifests(tmp_path / "one"))
    metadata.change("preempted", "TRUE")
    code, output = processes.finish(first)
    watching.wait(30)
    watching.stdout.close()
    assert code == 42, output
    assert cloud.get(f"{CONTROL}/outcome.json") is None
    newest = max(manifests(tmp_path / "one"))
    held = bucket.names("job/")
    assert f"checkpoints/{newest}/manifest.json" in held
    assert ".lease" not in held
    second = start(tmp_path / "two", 600, [*trainer, WORKDIR])
    code, output = processes.finish(second)
    assert code == 0, output
    outcome = json.loads(cloud.get(f"{CONTROL}/outcome.json"))
    assert outcome == {"code": 0, "machine": 0}
    log = cloud.get(f"{CONTROL}/log-0.txt").decode()
    assert f"going on from {newest}" in log
    assert log.count("data: digits") == 2
    calm = processes.start(
        "trainer.task", *trainer, f"--workdir={tmp_path / 'calm'}"
    )
    assert processes.finish(calm)[0] == 0
    undisturbed = json.loads((tmp_path / "calm/result.json").read_text())
    result = bucket.read("job/result.json")
    assert result["weights_sha256"] == undisturbed["weights_sha256"]
    assert result["restarts"] == 1


@pytest.mark.slow
@needs_gcloud
def test_a_job_is_stopped_by_an_object(tmp_path, google):
    cloud, bucket = google
    endless = ["--config=digits", "--config.epochs=100000", WORKDIR]
    bucket.put("job/STOP", b"stop\n")
    one = start(tmp_path / "one", 0.5, endless)
    code, output = processes.finish(one)
    assert code == 43, output
    outcome = json.loads(cloud.get(f"{CONTROL}/outcome.json"))
    assert outcome["code"] == 43
    held = bucket.names("job/")
    assert any(name.endswith("/manifest.json") for name in held)
    assert "STOP" not in held


@pytest.mark.slow
@needs_gcloud
def test_a_chief_that_is_gone_is_made_again_alone(tmp_path, google, systemctl):
    """Its peer's machine stays, and takes what the bucket holds."""
    cloud, bucket = google
    cloud.put(f"{CONTROL}/secret", b"a secret of the job")
    trainer = (
        "--config=digits",
        "--config.epochs=40",
        "--config.checkpoint.every_secs=1",
        "--config.log.report=false",
        "--config.log.tensorboard=false",
        WORKDIR,
    )
    ports = processes.free_ports(2)
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    chief, peer = (
        start(tmp_path / host, 600, trainer, host, addresses)
        for host in ("job-0", "job-1")
    )
    try:
        jobs.wait_for(
            "a checkpoint",
            lambda: any("/manifest.json" in n for n in bucket.names("job/")),
        )
    finally:
        processes.kill_all(chief)
    chief.stdout.close()
    again = start(tmp_path / "again", 600, trainer, "job-0", addresses)
    try:
        code, output = processes.finish(again)
        assert code == 0, output
        assert peer.wait(60) == 0
    finally:
        if peer.poll() is None:
            processes.kill_all(peer)
        peer.stdout.close()
    assert bucket.read("job/result.json")["workers"] == 2
    log = (tmp_path / "again/log-0.txt").read_text()
    assert "going on from step_" in log
    # Its supervisor looks where its trainer works.
    copy = tmp_path / "job-1/staging/worker_1"
    assert manifests(copy)
    assert list(copy.rglob("logs/worker_1.log"))
