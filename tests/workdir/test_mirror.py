"""What a run writes is in its bucket: whole, in order, and nothing else."""

import pathlib
import queue

import numpy as np
import pytest

from tests.faults import bucket as buckets
from tests.faults import jobs
from tests.faults.bucket import NAME
from tests.faults.bucket import needs_client
from tests.faults.bucket import PATH
from tests.faults.bucket import steps_of
from trainer.process.exits import ClusterError
from trainer.workdir import mirror
from trainer.workdir.lease import LostError
from trainer.workdir.lease_object import LeaseObject
from trainer.workdir.location import open_location


@pytest.fixture
def server(monkeypatch, tmp_path):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


@pytest.fixture
def run(server):
    """Opens the workdir as a chief does."""
    return lambda: open_location(NAME)


def checkpoint(store, step, text="x"):
    """Writes what the trainer would."""
    folder = pathlib.Path(store.folder) / "checkpoints"
    aside = folder / f".step_{step:08d}"
    aside.mkdir(parents=True)
    for name in ("state.npz", "state.json", "manifest.json"):
        (aside / name).write_text(f"{text} {step}")
    aside.rename(folder / f"step_{step:08d}")


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
def test_nothing_is_copied_to_a_bucket_that_another_has_taken(
    server, monkeypatch
):
    monkeypatch.setattr(LeaseObject, "renew_secs", 0.05)
    lost = queue.Queue()
    with (
        pytest.raises(LostError, match="was taken by another job"),
        open_location(NAME, on_lost=lost.put) as store,
    ):
        theirs = b'{"process": 7}'
        server.put(f"{PATH}.lease", theirs)
        lost.get(timeout=60)
        (pathlib.Path(store.folder) / "metrics.jsonl").write_text("1\n")
        checkpoint(store, 5)
    assert server.names(PATH) == {".lease"}
    assert server.objects[f"{PATH}.lease"].data == theirs


@needs_client
def test_what_another_run_left_in_the_copy_is_not_copied(run, server):
    names = ("export/1/model.keras", "train/events.out.tfevents.1")
    logs = ("logs/worker_0.log", "logs/supervisor.log")
    with run() as store:
        folder = pathlib.Path(store.folder)
        for name in (*names, *logs):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("before")
    assert server.names(PATH) == {*names, *logs}
    server.objects.clear()
    # As a launcher does, which has its log open by then.
    with (folder / logs[0]).open("a") as log, run():
        assert not [name for name in names if (folder / name).exists()]
        log.write("now")
        log.flush()
    assert server.names(PATH) == {logs[0]}


@needs_client
def test_what_a_killed_process_of_the_run_left_is_copied(run, server):
    with run() as store:
        folder = pathlib.Path(store.folder)
        (folder / "config.json").write_text("{}")
    for name in ("logs/worker_0.log", "train/events.out.tfevents.1"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("not copied yet")
    with run():
        pass
    assert {
        "logs/worker_0.log",
        "train/events.out.tfevents.1",
    } < server.names(PATH)


@needs_client
def test_what_is_there_and_was_not_fetched_stays(run, server):
    names = {"export/1/model.keras", "train/events.out.tfevents.1"}
    for _ in range(2):
        with run() as store:
            folder = pathlib.Path(store.folder)
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).touch()
    assert server.names(PATH) == names
    assert all((folder / name).exists() for name in names)


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
    monkeypatch.setattr(mirror, "BUCKET_POLL_SECS", 0.0)
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
    monkeypatch.setattr(mirror, "BUCKET_POLL_SECS", 0.1)
    said = []
    monkeypatch.setattr(mirror, "tell", said.append)
    with run() as store:
        server.refusing = 503
        checkpoint(store, 5)
        jobs.wait_for("word of it", lambda: said)
        server.refusing = 0
        jobs.wait_for("the copy", lambda: steps_of(server))
    assert "not copied, and tried again: gs://" in said[0]
