"""What a real TensorBoard tells of a run, asked over HTTP."""

import contextlib
import json
import shutil
import socket

import pytest

from tests import browser
from tests.faults import jobs
from trainer import task
from trainer.config import ScheduleConfig
from trainer.reports import tensorboard


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Returns a function that asks a TensorBoard of one run.

    It was stopped once, and then made longer.
    """
    folder = tmp_path_factory.mktemp("board")
    flags = ["--config=digits", f"--workdir={folder}/run"]
    (folder / "run").mkdir()
    (folder / "run" / "STOP").touch()
    assert task.main([*flags, "--config.epochs=2"]) == 43
    assert task.main([*flags, "--config.epochs=3"]) == 0
    with browser.serving(folder) as board:
        jobs.wait_for("TensorBoard", lambda: is_read(board.ask))
        yield board.ask, folder / "run"


def is_read(ask):
    with contextlib.suppress(OSError):
        tags = ask("plugin/scalars/tags")
        splits = {f"run/{x}" for x in ("train", "validation", "test")}
        if "run" in ask("runs") and splits <= set(tags):
            last = "plugin/scalars/scalars?run=run/validation&tag=loss"
            return "goodput/share" in tags["run/train"] and ask(last)[2:]
    return False


def test_links_to_runs_are_runs(tmp_path):
    run = tmp_path / "real" / "run" / "train"
    run.mkdir(parents=True)
    links = tmp_path / "links"
    links.mkdir()
    (links / "back").symlink_to(links)
    assert not tensorboard.holds_run(str(links))
    (links / "first").symlink_to(run.parent)
    assert not tensorboard.holds_run(str(links))
    (run / "events.out.tfevents.1.host").touch()
    assert tensorboard.holds_run(str(links))


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_a_port_is_looked_for_by_ipv6_too(tmp_path, monkeypatch, capsys):
    (tmp_path / "events.out.tfevents.1.host").touch()
    started = []
    monkeypatch.setattr(tensorboard.os, "execv", lambda _, x: started.append(x))
    assert tensorboard.main([str(tmp_path), "--host=::1", "--port=0"]) is None
    assert "--host=::1" in started[0]
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        assert tensorboard.main(["--host=::1", f"--port={port}", "."]) == 2
    assert "--host=no.such" not in capsys.readouterr().err
    assert tensorboard.main([str(tmp_path), "--host=no.such.host"]) == 2
    assert "cannot be had" in capsys.readouterr().err


def test_the_curve_is_unbroken(board):
    ask, _ = board
    points = ask("plugin/scalars/scalars?run=run/train&tag=loss")
    assert [step for _, step, _ in points] == [41, 82, 123]


def test_every_number_is_there(board):
    ask, workdir = board
    tags = ask("plugin/scalars/tags")
    of_classes = {
        f"{m}/{i}" for m in ("precision", "recall") for i in range(10)
    }
    assert set(tags["run/validation"]) == {
        "loss",
        "accuracy",
        "calibration_error",
        *of_classes,
    }
    assert {
        "loss",
        "accuracy",
        "learning_rate",
        "examples_per_sec",
        "step_secs",
        "input_wait_share",
        "host_peak_memory_bytes",
        "goodput/share",
        "replicas",
        "norms/gradient",
        "norms/weights",
        "norms/update_ratio",
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
    assert group["hparams"]["epochs"] == 3  # not those of the first start
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
    first, *_ = ask("plugins_listing")
    assert first == "custom_scalars"
    layout = ask("plugin/custom_scalars/layout")
    shown = {
        category["title"]: [chart["title"] for chart in category["chart"]]
        for category in layout["category"]
    }
    assert shown == {
        "Scores": ["loss", "accuracy"],
        "Training": ["examples_per_sec"],  # the rate is the same throughout
    }


def test_a_rate_that_changes_has_a_chart():
    assert ScheduleConfig().is_constant
    assert not ScheduleConfig(name="cosine").is_constant
    assert not ScheduleConfig(warmup_fraction=0.1).is_constant


def test_pictures_and_tables_stand_behind_each_score(board):
    ask, _ = board
    images = ask("plugin/images/tags")
    assert "first_images" in images["run/train"]
    assert {"confusion_matrix", "most_wrong"} <= set(images["run/test"])
    shown = ask("plugin/images/images?run=run/test&tag=most_wrong&sample=0")
    assert shown
    told = ask("plugin/text/text?run=run/validation&tag=confusion_counts")
    assert [entry["step"] for entry in told] == [41, 82, 123]
    assert "<table>" in told[-1]["text"]


@pytest.mark.slow
def test_three_kills_leave_one_unbroken_curve(tmp_path):
    run = ("--config=digits", "--config.log.report=false")
    length = ("--config.epochs=120", "--config.log.every_steps=100")
    looks = ("--config.log.norms_every_steps=200",)
    saves = ("--config.checkpoint.every_secs=0.2",)
    kind = jobs.Kind("killed", 1, (*run, *length, *looks, *saves))
    with jobs.Harmed(kind, tmp_path).cleaned_up() as job:
        for _ in range(3):
            before = max(job.steps_saved(), default=0)
            job.start()
            jobs.wait_for(
                "a later checkpoint",
                lambda: max(job.steps_saved(), default=0) > before + 300,  # noqa: B023
            )
            job.process.kill()
            job.process.wait()
        assert not (job.workdir / "result.json").exists()
        job.start()
        assert job.process.wait(jobs.TOO_LONG_SECS) == 0
        resumed = job.resumed()
    with browser.serving(tmp_path) as board:
        ask = board.ask
        last = "plugin/scalars/scalars?run=run/test&tag=loss"
        board.wait_for("the last score", last)
        lines = [line for line in job.metrics() if line["split"] == "train"]
        steps = [line["step"] for line in lines]
        points = ask("plugin/scalars/scalars?run=run/train&tag=loss")
        # TensorBoard keeps a sample of a long curve.
        assert len(points) > 50
        assert [step for _, step, _ in points] == sorted(
            {step for _, step, _ in points}
        )
        assert {step for _, step, _ in points} <= set(steps)
        told = ask("plugin/text/text?run=run/train&tag=restarts")
        assert [entry["step"] for entry in told] == resumed
        assert len(resumed) == 3
        looked = ask("plugin/scalars/scalars?run=run/train&tag=norms/gradient")
        assert [step for _, step, _ in looked] == list(
            range(1, job.result()["step"] + 1, 200)
        )


@pytest.mark.slow
def test_a_torn_event_file_shows_what_is_whole(board, tmp_path):
    _, workdir = board
    shutil.copytree(workdir / "train", tmp_path / "run" / "train")
    *_, newest = sorted((tmp_path / "run" / "train").iterdir())
    data = newest.read_bytes()
    newest.write_bytes(data[: len(data) - 7])
    with browser.serving(tmp_path) as other:
        path = "plugin/scalars/scalars?run=run/train&tag=loss"
        points = other.wait_for("the curve", path)
        assert {step for _, step, _ in points} >= {41, 82}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["{here}"], "holds no run that TensorBoard could show"),
        (["{here}/none"], "holds no run that TensorBoard could show"),
        (["{run}", "--port=99999"], "--port=99999 must be from 0 to 65535"),
        (["{run}", "--port={taken}"], "cannot be had (Address already in use)"),
        (["{run}", "--host=1.2.3.4"], "--host=1.2.3.4 cannot be had"),
        (["{run}", "--prot=1"], "--prot"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments, words, tmp_path, capsys):
    run = tmp_path / "runs" / "run"
    run.mkdir(parents=True)
    (run / "events.out.tfevents.1").touch()
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        named = {
            "here": tmp_path / "empty",
            "run": run.parent,
            "taken": taken.getsockname()[1],
        }
        argv = [argument.format(**named) for argument in arguments]
        assert tensorboard.main(argv) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert words in error
    assert error.count("\n") == 1
