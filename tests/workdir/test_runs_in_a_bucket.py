"""Whole jobs whose workdir or data is in a bucket and nowhere else."""

import json
import os

import numpy as np
import pytest

from tests import processes
from tests.faults import bucket as buckets
from tests.faults import jobs
from tests.faults.bucket import NAME
from tests.faults.bucket import needs_client
from tests.faults.bucket import PATH
from tests.faults.bucket import steps_of


@pytest.fixture
def server(monkeypatch, tmp_path):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


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


@needs_client
@pytest.mark.slow
def test_rows_streamed_from_a_bucket_train_as_those_of_a_folder(
    server, tmp_path
):
    random = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    # Just more than is read whole.
    x = random.integers(0, 256, (90_000, 28, 28), np.uint8)
    for name, array in (
        ("x_train", x),
        ("y_train", x[:, 0, 0] % 10),
        ("x_test", x[:500]),
        ("y_test", x[:500, 0, 0] % 10),
    ):
        np.save(folder / f"{name}.npy", array)
        content = (folder / f"{name}.npy").read_bytes()
        server.put(f"data/{name}.npy", content)
    bucket = f"gs://{buckets.BUCKET}/data"
    flags = (
        *("--config=mnist", "--config.steps=120", "--config.data.source=files"),
        *("--config.virtual_replicas=2", "--config.checkpoint.every_steps=20"),
        "--data_cache_gib=0.01",
    )
    for name, place in (("local", str(folder)), ("bucket", bucket)):
        process = processes.start(
            *("trainer.task", *flags, f"--data_dir={place}"),
            f"--workdir={tmp_path / name}",
        )
        code, output = processes.finish(process)
        assert code == 0, output
    # Two workers, each with its own rows of a batch; one of them is killed.
    workdir = tmp_path / "workers"
    process = processes.start(
        *("trainer", "launch", "local", "--num_workers=2", "--", *flags),
        *(f"--data_dir={bucket}", f"--workdir={workdir}"),
    )
    saved = workdir / "checkpoints"
    jobs.wait_for("a checkpoint", lambda: any(saved.glob("step_*/manifest*")))
    os.kill(json.loads((workdir / ".lock").read_text())["process"], 9)
    code, output = processes.finish(process)
    assert code == 0, output
    assert "going on from step_" in output
    found = [
        (
            json.loads((folder / "result.json").read_text())["weights_sha256"],
            (folder / "metrics.jsonl").read_bytes(),
        )
        for folder in (tmp_path / "local", tmp_path / "bucket", workdir)
    ]
    assert found[0] == found[1] == found[2]
    assert not any(path.is_file() for path in (tmp_path / "staging").rglob("*"))
