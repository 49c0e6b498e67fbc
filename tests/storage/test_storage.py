"""Workdirs and data in a bucket, by Google's client and a bucket of our own."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests import processes
from tests.faults import bucket as buckets
from tests.faults import jobs
from trainer.cluster.place import Cluster
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.storage import copies
from trainer.storage.names import local_folder
from trainer.workdir import lease as leases
from trainer.workdir import mirror
from trainer.workdir import opening

NAME = f"gs://{buckets.BUCKET}/runs/one"
PATH = "runs/one/"
needs_client = pytest.mark.skipif(
    importlib.util.find_spec("google.cloud.storage") is None
    if importlib.util.find_spec("google.cloud")
    else True,
    reason="Strata's extra gcs is not installed",
)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A bucket, which Google's client takes for theirs."""
    with buckets.served() as made:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", made.address)
        monkeypatch.setenv("STRATA_STAGING_DIR", str(tmp_path / "staging"))
        monkeypatch.setattr(leases, "LEASE_SECS", 0.5)
        monkeypatch.setattr(leases, "LOOK_SECS", 0.05)
        monkeypatch.setattr(leases, "RENEW_SECS", 0.1)
        yield made


def test_a_local_workdir_is_itself(tmp_path):
    path = str(tmp_path / "run")
    with opening.opened(path, Cluster()) as store:
        assert store.folder == path
        assert (store.facts, store.shared) == ({}, tmp_path / "run")
        store.settle()
    assert copies.fetched(path) == path
    assert os.listdir(tmp_path) == []


def test_without_the_client_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(UserError, match=r"pip install 'strata\[gcs\]'"):
        copies.fetched(NAME)


@pytest.fixture
def run(server):
    """Opens the workdir as a chief does."""
    return lambda: opening.opened(NAME, Cluster())


def checkpoint(store, step, text="x"):
    """Writes what the trainer would."""
    folder = pathlib.Path(store.folder) / "checkpoints"
    aside = folder / f".step_{step:08d}"
    aside.mkdir(parents=True)
    for name in ("state.npz", "state.json", "manifest.json"):
        (aside / name).write_text(f"{text} {step}")
    aside.rename(folder / f"step_{step:08d}")


def steps_of(server):
    names = server.names(f"{PATH}checkpoints/")
    return sorted({n[5:13] for n in names if n.endswith("manifest.json")})


@needs_client
def test_what_a_run_wrote_is_there_when_it_goes_on(run, server, tmp_path):
    with run() as store:
        folder = pathlib.Path(store.folder)
        (folder / "metrics.jsonl").write_text("1\n")
        (folder / "train").mkdir()
        (folder / "train/events.out.tfevents.1").write_text("e")
        (folder / ".lock").touch()
        checkpoint(store, 5)
        (folder / "result.json").write_text("{}")
    assert server.names(PATH) == {
        "metrics.jsonl",
        "train/events.out.tfevents.1",
        "result.json",
        *(
            f"checkpoints/step_00000005/{name}"
            for name in ("state.npz", "state.json", "manifest.json")
        ),
    }
    before = len(server.done)
    (folder / "metrics.jsonl").write_text("another machine's")
    with run() as store:
        assert (folder / "metrics.jsonl").read_text() == "1\n"
        assert (folder / "checkpoints/step_00000005/state.npz").exists()
        (folder / "result.json").unlink()
    # Nothing else was written again.
    assert [d for d in server.done[before:] if ".lease" not in d[1]] == [
        ("delete", f"{PATH}result.json")
    ]


@needs_client
def test_a_manifest_comes_last_and_a_result_after_it(run, server):
    with run() as store:
        folder = pathlib.Path(store.folder)
        checkpoint(store, 5)
        checkpoint(store, 7)
        (folder / "metrics.jsonl").write_text("1\n")
        (folder / "result.json").write_text("{}")
    written = [n.removeprefix(PATH) for v, n in server.done if v == "write"]
    written = [name for name in written if name != ".lease"]
    place = written.index
    for step in ("step_00000005", "step_00000007"):
        own = [n for n in written if step in n]
        assert own[-1].endswith("manifest.json")
    assert place("checkpoints/step_00000005/manifest.json") < place(
        "checkpoints/step_00000007/state.npz"
    )
    assert place("metrics.jsonl") < place(
        "checkpoints/step_00000007/manifest.json"
    )
    assert written[-1] == "result.json"


@needs_client
def test_a_checkpoint_is_copied_while_the_run_goes_on(run, server):
    with run() as store:
        checkpoint(store, 5)
        jobs.wait_for("the copy", lambda: steps_of(server) == ["00000005"])


@needs_client
def test_pruned_checkpoints_leave_the_bucket_their_manifests_first(run, server):
    with run() as store:
        for step in (5, 6, 7):
            checkpoint(store, step)
        jobs.wait_for("the copies", lambda: len(steps_of(server)) == 3)
        folder = pathlib.Path(store.folder) / "checkpoints"
        (folder / "step_00000005").rename(folder / ".step_00000005")
    assert steps_of(server) == ["00000006", "00000007"]
    gone = [name for verb, name in server.done if verb == "delete"]
    gone = [name for name in gone if "step_00000005" in name]
    assert gone[0].endswith("manifest.json")
    assert len(gone) == 3


@needs_client
def test_half_a_checkpoint_is_none_and_is_cleared_away(run, server):
    server.put(f"{PATH}checkpoints/step_00000009/state.npz", b"half")
    with run() as store:
        assert not list(pathlib.Path(store.folder).rglob("step_*"))
        checkpoint(store, 10)
    assert steps_of(server) == ["00000010"]
    assert not [n for n in server.names(PATH) if "step_00000009" in n]


@needs_client
def test_a_checkpoint_that_was_refused_is_written_anew(run, server):
    with run() as store:
        checkpoint(store, 5, "torn")
    with run() as store:
        folder = pathlib.Path(store.folder) / "checkpoints/step_00000005"
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        checkpoint(store, 5, "whole")
    name = f"{PATH}checkpoints/step_00000005/state.npz"
    assert server.objects[name].data == b"whole 5"


@needs_client
def test_a_large_file_goes_in_pieces(run, server):
    data = np.random.RandomState(0).bytes(9 << 20)
    with run() as store:
        (pathlib.Path(store.folder) / "large").write_bytes(data)
    assert server.objects[f"{PATH}large"].data == data
    with run() as store:
        (pathlib.Path(store.folder) / "large").unlink()
    with run() as store:
        path = pathlib.Path(store.folder) / "large"
        assert path.read_bytes() == data


@needs_client
def test_names_that_lead_outside_are_left_alone(run, server, tmp_path):
    server.put(f"{PATH}../../../../escaped", b"x")
    with run():
        pass
    assert not list(tmp_path.rglob("escaped"))


@needs_client
def test_a_stop_in_the_bucket_reaches_the_run(run, server, monkeypatch):
    monkeypatch.setattr(mirror, "ASK_SECS", 0.0)
    with run() as store:
        server.put(f"{PATH}STOP", b"")
        stop = pathlib.Path(store.folder) / "STOP"
        jobs.wait_for("the file", stop.exists)
        jobs.wait_for("its end", lambda: "STOP" not in server.names(PATH))


@needs_client
def test_a_stop_from_before_the_start_is_obeyed_once(run, server):
    server.put(f"{PATH}STOP", b"")
    with run() as store:
        assert (pathlib.Path(store.folder) / "STOP").exists()
        assert "STOP" not in server.names(PATH)


@needs_client
def test_a_bucket_that_fails_is_tried_again_and_told_at_the_end(
    run, server, monkeypatch
):
    from google.cloud.storage import retry

    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    with pytest.raises(ClusterError, match="cannot be reached"), run() as store:
        server.refusing = 503
        checkpoint(store, 5)
    assert steps_of(server) == []
    server.refusing = 0
    with run() as store:
        checkpoint(store, 5)
    assert steps_of(server) == ["00000005"]


@needs_client
def test_a_bucket_that_failed_gets_what_it_missed(run, server, monkeypatch):
    from google.cloud.storage import retry

    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    monkeypatch.setattr(mirror, "ASK_SECS", 0.1)
    said = []
    monkeypatch.setattr(mirror, "tell", said.append)
    with run() as store:
        server.refusing = 503
        checkpoint(store, 5)
        jobs.wait_for("word of it", lambda: said)
        server.refusing = 0
        jobs.wait_for("the copy", lambda: steps_of(server))
    assert "not copied, and tried again: gs://" in said[0]


@needs_client
def test_rights_that_are_missing_are_a_mistake(server):
    server.refusing = 403
    with pytest.raises(UserError, match=r"may not be used .*not now"):
        copies.fetched(NAME)


@needs_client
def test_another_bucket_is_a_mistake(server):
    with pytest.raises(UserError, match="there is no such bucket"):
        copies.fetched("gs://nowhere/run")


@needs_client
def test_a_peer_takes_what_the_chief_sees(run, server):
    with run() as store:
        checkpoint(store, 5)
    place = Cluster(("a:1", "b:1"), 1)
    with opening.opened(NAME, place) as store:
        assert store.folder != str(local_folder(NAME))
        server.put(f"{PATH}checkpoints/step_00000005/state.npz", b"newer")
        store.settle()
        path = pathlib.Path(store.folder)
        path /= "checkpoints/step_00000005/state.npz"
        assert path.read_bytes() == b"newer"
        assert store.facts == {"workdir": NAME}
        before = list(server.done)
        (path.parent / "own").touch()
    assert server.done == before


@needs_client
def test_data_is_fetched_a_folder_or_a_file(server):
    server.put("data/a/x.npy", b"1")
    server.put("data/a.csv", b"2")
    folder = pathlib.Path(copies.fetched(f"gs://{buckets.BUCKET}/data/a/"))
    assert (folder / "x.npy").read_bytes() == b"1"
    file = pathlib.Path(copies.fetched(f"gs://{buckets.BUCKET}/data/a.csv"))
    assert file.read_bytes() == b"2"
    with pytest.raises(UserError, match="holds nothing"):
        copies.fetched(f"gs://{buckets.BUCKET}/data/b")


def lease_of(monkeypatch, machine):
    from trainer.storage.bucket import Folder

    with monkeypatch.context() as patch:
        patch.setattr(leases, "_machine", lambda: machine)
        return leases.Lease(Folder(NAME))


@needs_client
def test_a_live_holder_keeps_the_lease(server, monkeypatch):
    first = lease_of(monkeypatch, "a")
    first.acquire()
    with pytest.raises(UserError, match="is in use by process"):
        lease_of(monkeypatch, "b").acquire()
    first.release()
    assert server.names(PATH) == set()
    second = lease_of(monkeypatch, "b")
    second.acquire()
    second.release()


@needs_client
def test_a_silent_holder_loses_the_lease_and_leaves(server, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_SECS", 100.0)
    first, second = (lease_of(monkeypatch, machine) for machine in "ab")
    first.acquire()
    second.acquire()
    left = []
    monkeypatch.setattr(leases.os, "_exit", left.append)
    first.renew()
    assert left == [75]
    second.renew()
    assert left == [75]
    first.release()
    assert server.names(PATH) == {".lease"}
    second.release()


@needs_client
def test_a_dead_process_of_this_machine_holds_nothing(server, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_SECS", 1000.0)
    gone = subprocess.Popen(["true"])
    gone.wait()
    holder = {"process": gone.pid, "machine": "a"}
    server.put(f"{PATH}.lease", json.dumps(holder).encode())
    monkeypatch.setattr(leases, "_machine", lambda: "a")
    lease = lease_of(monkeypatch, "a")
    lease.acquire()
    lease.release()


@needs_client
def test_an_answer_that_was_lost_is_no_loss(server, monkeypatch):
    lease = lease_of(monkeypatch, "a")
    lease.acquire()
    # The write came, its answer did not: another generation, our content.
    stored = server.objects[f"{PATH}.lease"]
    server.put(f"{PATH}.lease", stored.data)
    lease.renew()
    lease.release()
    assert server.names(PATH) == set()


RACER = """
import sys
from trainer.process.exits import UserError
from trainer.storage.bucket import Folder
from trainer.workdir import lease
lease.LEASE_SECS = 2.0
lease.RENEW_SECS = 0.2
one = lease.Lease(Folder(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    one.acquire()
except UserError as error:
    print(f"lost: {error}", flush=True)
else:
    print("won", flush=True)
    sys.stdin.readline()
    one.release()
"""


def verdict(racer):
    """Returns how a racer ended; it may tell before that it waits."""
    lines = iter(racer.stdout.readline, "")
    return next(x for x in lines if x.startswith(("won", "lost")))


@needs_client
def test_of_two_that_race_for_the_lease_one_wins(server):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, NAME],
            cwd=processes.ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = sorted(map(verdict, racers))
    for racer in racers:
        racer.communicate("\n")
    assert said[0].startswith(f"lost: --workdir={NAME} is in use by process")
    assert said[1] == "won\n"


FLAGS = (
    "--config=digits",
    "--config.epochs=60",
    "--config.model.dropout=0.2",
    "--config.checkpoint.every_secs=1",
)


@needs_client
@pytest.mark.slow
def test_a_killed_run_goes_on_from_the_bucket_alone(
    server, tmp_path, monkeypatch
):
    calm = processes.start(
        "trainer.task", *FLAGS, f"--workdir={tmp_path / 'calm'}"
    )
    code, output = processes.finish(calm)
    assert code == 0, output
    killed = processes.start("trainer.task", *FLAGS, f"--workdir={NAME}")
    jobs.wait_for("a checkpoint", lambda: steps_of(server))
    killed.kill()
    processes.finish(killed)
    # Another machine's folder.
    monkeypatch.setenv("STRATA_STAGING_DIR", str(tmp_path / "other"))
    second = processes.start("trainer.task", *FLAGS, f"--workdir={NAME}")
    code, output = processes.finish(second)
    assert code == 0, output
    assert "going on from step_" in output
    expected = json.loads((tmp_path / "calm/result.json").read_text())
    found = server.read(f"{PATH}result.json")
    assert found["weights_sha256"] == expected["weights_sha256"]
    assert found["evaluation"] == expected["evaluation"]
    assert found["restarts"] == 1
    lines = server.objects[f"{PATH}metrics.jsonl"].data
    assert lines == (tmp_path / "calm/metrics.jsonl").read_bytes()
    assert ".lease" not in server.names(PATH)
    held = server.names(PATH)
    assert {"report.html", "attempt.json", "config.json"} <= held
    for split in ("train", "test"):
        assert any(n.startswith(f"{split}/events.out.tfevents") for n in held)
    again = processes.start("trainer.task", *FLAGS, f"--workdir={NAME}")
    code, output = processes.finish(again)
    assert code == 0
    assert "is finished at step" in output


@needs_client
@pytest.mark.slow
def test_two_workers_share_a_bucket_alone(server, tmp_path):
    process = processes.start(
        *("trainer", "launch", "local", "--num_workers=2", "--"),
        *(*FLAGS, "--config.epochs=10", f"--workdir={NAME}"),
    )
    code, output = processes.finish(process)
    assert code == 0, output
    assert server.read(f"{PATH}result.json")["workers"] == 2
    scored = processes.start("trainer", "evaluate", f"--workdir={NAME}")
    code, output = processes.finish(scored)
    assert code == 0, output


@needs_client
@pytest.mark.slow
def test_data_in_a_bucket_trains(server, tmp_path):
    table = "x,y\n" + "".join(f"{i % 7},{'ab'[i % 7 > 3]}\n" for i in range(99))
    server.put("data/table.csv", table.encode())
    process = processes.start(
        *("trainer.task", "--config=your_data", "--config.steps=20"),
        f"--data_dir=gs://{buckets.BUCKET}/data/table.csv",
        f"--workdir={tmp_path / 'run'}",
    )
    code, output = processes.finish(process)
    assert code == 0, output
    record = json.loads((tmp_path / "run/record.json").read_text())
    assert record["data"]["folder"].startswith("gs://")
