"""What a real TensorBoard tells of a run, asked over HTTP."""

import contextlib
import json
import urllib.request

import pytest

from tests import processes
from tests.faults import jobs
from trainer import task


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Returns a function that asks a TensorBoard of one run, stopped once."""
    folder = tmp_path_factory.mktemp("board")
    flags = ["--config=digits", "--config.epochs=3", f"--workdir={folder}/run"]
    (folder / "run").mkdir()
    (folder / "run" / "STOP").touch()
    assert task.main(flags) == 43
    assert task.main(flags) == 0
    (port,) = processes.free_ports(1)
    url = f"http://127.0.0.1:{port}/"
    server = processes.start(
        "tensorboard.main",
        f"--logdir={folder}",
        "--host=127.0.0.1",
        f"--port={port}",
        "--load_fast=false",
    )

    def ask(path, **body):
        data = json.dumps(body).encode() if body else None
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}data/{path}", data, kind)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def is_read():
        with contextlib.suppress(OSError):
            tags = ask("plugin/scalars/tags")
            splits = {f"run/{x}" for x in ("train", "validation", "test")}
            if "run" in ask("runs") and splits <= set(tags):
                last = "plugin/scalars/scalars?run=run/validation&tag=loss"
                return "goodput/share" in tags["run/train"] and ask(last)[2:]
        return False

    jobs.wait_for("TensorBoard", is_read)
    yield ask, folder / "run"
    server.kill()
    server.communicate()


def test_the_curve_is_unbroken(board):
    ask, _ = board
    points = ask("plugin/scalars/scalars?run=run/train&tag=loss")
    assert [step for _, step, _ in points] == [41, 82, 123]


def test_every_number_is_there(board):
    ask, workdir = board
    tags = ask("plugin/scalars/tags")
    assert set(tags["run/validation"]) == {"loss", "accuracy"}
    assert {
        "loss",
        "accuracy",
        "learning_rate",
        "examples_per_sec",
        "step_secs",
        "input_wait_share",
        "host_peak_memory_bytes",
        "goodput/share",
    } <= set(tags["run/train"])
    lines = (workdir / "timing.jsonl").read_text().splitlines()
    timed = [json.loads(x) for x in lines if '"train"' in x]
    for name in ("step_secs", "input_wait_share", "host_peak_memory_bytes"):
        points = ask(f"plugin/scalars/scalars?run=run/train&tag={name}")
        told = [value for _, _, value in points]
        assert told == pytest.approx([line[name] for line in timed], rel=1e-6)
        assert min(told) >= 0
    peak = timed[-1]["host_peak_memory_bytes"]
    assert 1e8 < peak < 1e11


def test_a_restart_is_told(board):
    ask, _ = board
    (told,) = ask("plugin/text/text?run=run/train&tag=restarts")
    assert told["step"] == 41
    assert "went on from step 41" in told["text"]
    commands = ask("plugin/text/text?run=run/train&tag=reproduce")
    assert "python" in commands[-1]["text"]


def test_hyperparameters_stand_beside_every_splits_scores(board):
    ask, workdir = board
    experiment = ask("plugin/hparams/experiment", hparamsLimit=0)
    names = {info["name"] for info in experiment["hparamInfos"]}
    assert {"seed", "optimizer.learning_rate", "model.hidden_units"} <= names
    told = ask(
        "plugin/hparams/session_groups",
        startIndex=0,
        sliceSize=9,
        allowedStatuses=["STATUS_SUCCESS"],
        colParams=[],
    )
    (group,) = told["sessionGroups"]
    assert group["hparams"]["model.hidden_units"] == "[128, 64]"
    scores = {
        (value["name"]["group"], value["name"]["tag"]): value["value"]
        for value in group["metricValues"]
    }
    result = json.loads((workdir / "result.json").read_text())
    for split in ("validation", "test"):
        wanted = result["evaluation"][split]["accuracy"]
        assert scores[(split, "accuracy")] == pytest.approx(wanted, rel=1e-6)


def test_the_charts_that_matter_stand_first(board):
    ask, _ = board
    layout = ask("plugin/custom_scalars/layout")
    (category,) = layout["category"]
    assert [chart["title"] for chart in category["chart"]] == [
        "loss",
        "accuracy",
        "learning_rate",
        "examples_per_sec",
    ]
