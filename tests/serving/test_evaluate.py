"""`strata evaluate`: the numbers of training, and what stands behind them."""

import json
import os
import shutil
from unittest import mock

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from tests import processes
from tests.runs import held_out_rows
from tests.runs import read_result
from tests.runs import TRAINED
from trainer import load
from trainer import task
from trainer.finished import trained_run
from trainer.problem import scores
from trainer.process.exits import UserError
from trainer.serving import evaluate
from trainer.serving import evaluation_text
from trainer.serving import scored_data
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.workdir import checkpoints


def found_by(workdir, *flags, capsys):
    capsys.readouterr()  # what training printed
    arguments = [f"--workdir={workdir}", "--format=json", *flags]
    assert evaluate.main(arguments) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("problem", TRAINED)
def test_the_numbers_are_those_of_training_to_the_bit(trained, problem, capsys):
    workdir = trained(problem)
    result = read_result(workdir)
    for split, values in result["evaluation"].items():
        found = found_by(workdir, f"--split={split}", capsys=capsys)
        assert found["evaluation"] == {split: values}
        assert found["weights_sha256"] == result["weights_sha256"]
        assert found["data"]["is_the_runs_own"]


def test_the_tables_are_scikit_learns(trained, capsys):
    workdir = trained("multiclass")
    found = found_by(workdir, capsys=capsys)
    model = load(workdir)
    x, truth = held_out_rows(model.stored)
    chosen = model.classes(x)
    matrix = sklearn_metrics.confusion_matrix(truth, chosen)
    assert found["confusion"]["matrix"] == matrix.tolist()
    values = found["evaluation"]["test"]
    assert np.trace(matrix) / matrix.sum() == values["accuracy"]
    columns = sklearn_metrics.precision_recall_fscore_support(
        truth, chosen, zero_division=0
    )
    for name, column in zip(
        ("precision", "recall", "f1", "support"), columns, strict=True
    ):
        ours = [row[name] for row in found["per_class"]]
        np.testing.assert_allclose(ours, column, rtol=1e-12)
    pairs = found["confusion"]["most_confused"]
    counts = matrix - np.diag(np.diag(matrix))
    assert pairs[0]["rows"] == counts.max()
    assert sum(pair["rows"] for pair in pairs) <= counts.sum()


def test_a_label_has_a_matrix_of_its_own(trained, capsys):
    workdir = trained("multilabel")
    found = found_by(workdir, capsys=capsys)
    model = load(workdir)
    x, truth = held_out_rows(model.stored)
    matrices = sklearn_metrics.multilabel_confusion_matrix(
        truth, model.classes(x)
    )
    ours = [row["matrix"] for row in found["per_class"]]
    assert ours == matrices.tolist()
    exact = found["evaluation"]["test"]["exact_match"]
    low, high = found["intervals"]["exact_match"]
    assert low < exact < high


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (5, 5), (3, 7), (97, 100)])
def test_wilsons_interval_is_scipys(part, whole):
    theirs = stats.binomtest(part, whole).proportion_ci(method="wilson")
    assert scores.wilson(part, whole) == pytest.approx(
        [theirs.low, theirs.high], abs=1e-12
    )


def test_no_rows_have_no_interval():
    assert scores.wilson(0, 0) is None
    assert scores.of_mean(np.ones(1)) is None


def test_the_interval_of_a_mean_is_the_normal_one():
    values = np.random.RandomState(0).normal(3, 2, 1000)
    theirs = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert scores.of_mean(values) == pytest.approx(theirs, rel=1e-9)


def test_no_mean_error_is_said_to_be_below_0():
    found = scores.of_mean(np.array([0.0, 0.0, 9.0]))
    assert found is not None
    assert found[0] == 0.0


def test_calibration_follows_its_definition():
    confidence = np.array([0.2, 0.2, 0.95, 1.0, 1 / 15], np.float32)
    right = np.array([True, False, True, True, False])
    found = scores.calibration(confidence, right)
    assert [bin["rows"] for bin in found["bins"]] == [1, 2, 2]
    expected = (1 * (1 / 15) + 2 * abs(0.5 - 0.2) + 2 * abs(1 - 0.975)) / 5
    assert found["ece"] == pytest.approx(expected, abs=1e-6)


def test_every_row_of_every_split_is_scored_once(trained, capsys):
    workdir = trained("multiclass")
    *each, every = (
        found_by(workdir, f"--split={name}", capsys=capsys)["evaluation"][name]
        for name in ("train", "validation", "test", "all")
    )
    assert every["examples"] == sum(values["examples"] for values in each)
    loss = sum(values["examples"] * values["loss"] for values in each)
    assert every["loss"] == pytest.approx(loss / every["examples"], rel=1e-6)


def test_rows_that_nothing_but_floats_hold_together_are_not_joined():
    splits = {
        split: Split(np.full((2, 1), 2**60, dtype), np.arange(2))
        for split, dtype in (("train", np.int64), ("test", np.uint64))
    }
    dataset = Dataset("numbers", splits, "table")
    scored = scored_data.ScoredData(dataset, mock.Mock(), "", is_own=True)
    assert scored.split("test") is splits["test"]
    with pytest.raises(UserError, match="--split=all: rows are int64, uint64"):
        scored.split("all")


def test_the_table_shows_four_decimals_or_more(trained, capsys):
    workdir = trained("multiclass")
    values = read_result(workdir)["evaluation"]["test"]
    assert evaluate.main([f"--workdir={workdir}"]) == 0
    text = capsys.readouterr().out
    assert f"accuracy  {values['accuracy']:.4f}" in text
    assert "class \\ predicted" in text
    assert "expected calibration error" in text


@pytest.mark.parametrize("problem", TRAINED)
def test_every_problem_has_a_table(trained, problem, capsys):
    assert evaluate.main([f"--workdir={trained(problem)}"]) == 0
    assert "95 % interval" in capsys.readouterr().out


def test_many_classes_are_told_by_their_worst_pairs():
    truth = np.arange(300)
    found = scores.confusion(tuple(map(str, truth)), truth, np.roll(truth, 1))
    assert "matrix" not in found
    assert len(found["most_confused"]) == scores.MOST_CONFUSED_PAIRS
    rows = [{"class": str(i)} for i in truth]
    assert "predicted" in evaluation_text._confusion(rows, found)


def test_the_json_goes_to_a_file_too(trained, tmp_path, capsys):
    workdir = trained("binary")
    output = tmp_path / "scores.json"
    flags = [f"--workdir={workdir}", f"--output={output}"]
    assert evaluate.main(flags) == 0
    assert "benign" in capsys.readouterr().out
    values = read_result(workdir)["evaluation"]["test"]
    found = json.loads(output.read_text())
    assert found["evaluation"]["test"] == values
    low, high = found["intervals"]["recall"]
    assert low < values["recall"] <= high


@pytest.mark.slow
def test_two_devices_agree_with_one(trained):
    workdir = trained("binary")
    process = processes.start(
        "trainer", "evaluate", f"--workdir={workdir}", "--cpu_devices=2"
    )
    code, output = processes.finish(process)
    assert code == 0, output
    assert "replicas: 2" in output
    process = processes.start(
        "trainer", "evaluate", f"--workdir={workdir}", "--devices=1"
    )
    _, alone = processes.finish(process)
    assert output.splitlines()[1:] == alone.splitlines()


@pytest.mark.slow
def test_two_workers_agree_with_one(trained, tmp_path, capsys):
    workdir = trained("multiclass")
    output = tmp_path / "scores.json"
    running = processes.start_cluster(
        2, "trainer", "evaluate", f"--workdir={workdir}", f"--output={output}"
    )
    outputs = [processes.finish(process) for process in running]
    assert [code for code, _ in outputs] == [0, 0], outputs
    assert "95 % interval" in outputs[0][1]
    assert "95 % interval" not in outputs[1][1]
    ours = json.loads(output.read_text())
    alone = found_by(workdir, capsys=capsys)
    for name in ("per_class", "confusion", "intervals"):
        assert ours[name] == alone[name]
    assert ours["evaluation"]["test"] == pytest.approx(
        alone["evaluation"]["test"], abs=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 2])
def test_tasks_of_srun_are_its_workers(trained, tmp_path, monkeypatch, tasks):
    step = {
        # The ports follow from the job's number.
        "SLURM_JOB_ID": os.getpid(),
        "SLURM_STEP_ID": 0,
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_NUM_TASKS": tasks,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
    }
    for name, value in step.items():
        monkeypatch.setenv(name, str(value))
    running = []
    for index in range(tasks):
        monkeypatch.setenv("SLURM_PROCID", str(index))
        flags = (
            f"--workdir={trained('binary')}",
            f"--output={tmp_path}/{index}",
        )
        running.append(processes.start("trainer", "evaluate", *flags))
    outputs = [processes.finish(process) for process in running]
    assert [code for code, _ in outputs] == [0] * tasks, outputs
    found = "cluster: 2 workers, by slurm" in outputs[0][1]
    assert found == (tasks == 2)
    # The first one alone tells what all of them found.
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    assert ["95 % interval" in output for _, output in outputs] == [
        index == 0 for index in range(tasks)
    ]


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A run on a folder of arrays with named classes, and its folder."""
    folder = tmp_path_factory.mktemp("trees")
    random = np.random.RandomState(0)
    kind = random.randint(3, size=90)
    arrays: dict = {
        "x_train": random.normal(size=(90, 4)) + 5 * kind[:, None],
        "y_train": np.array(["ash", "oak", "yew"])[kind],
    }
    (folder / "data").mkdir()
    np.savez(folder / "data" / "trees.npz", **arrays)
    flags = [
        "--config=your_data",
        f"--data_dir={folder / 'data'}",
        f"--workdir={folder / 'run'}",
        "--config.steps=60",
    ]
    assert task.main(flags) == 0
    return folder, arrays


def test_averaged_weights_are_the_ones_that_are_scored(trees, capsys):
    folder, _ = trees
    result = read_result(folder / "run")
    found = found_by(folder / "run", capsys=capsys)
    assert found["evaluation"]["test"] == result["evaluation"]["test"]
    assert found["weights_sha256"] == result["weights_sha256"]


def test_other_data_is_scored_by_the_names_of_its_classes(trees, capsys):
    folder, arrays = trees
    (folder / "two").mkdir(exist_ok=True)
    # "oak" and "yew" alone would be classes 0 and 1 there.
    rows = arrays["y_train"] != "ash"
    two = {name: array[rows] for name, array in arrays.items()}
    np.savez(folder / "two" / "two.npz", **two)
    found = found_by(
        folder / "run",
        f"--data_dir={folder / 'two'}",
        "--split=all",
        capsys=capsys,
    )
    assert not found["data"]["is_the_runs_own"]
    (values,) = found["evaluation"].values()
    assert values["examples"] == rows.sum()
    assert values["accuracy"] >= 0.9
    assert [row["class"] for row in found["per_class"]] == ["ash", "oak", "yew"]
    assert found["per_class"][0]["support"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"y_train": np.array(["ash", "elm"] * 45)},
            "'elm', a class that the run does",
        ),
        ({"x_train": np.zeros((90, 5))}, "rows of float64 (5,)"),
        ({"x_train": np.zeros((90, 4), int)}, "rows of int64 (4,)"),
        ({"y_train": np.zeros((90, 2))}, "a single 1"),
        ({"x_train": None}, "lacks x_train"),
    ],
)
def test_data_of_another_make_is_refused(trees, tmp_path, change, words):
    folder, arrays = trees
    held = {k: v for k, v in {**arrays, **change}.items() if v is not None}
    np.savez(tmp_path / "other.npz", **held)
    with pytest.raises(UserError) as error:
        scored_data.load(trained_run.read(str(folder / "run")), str(tmp_path))
    assert words in str(error.value)


def test_data_that_is_gone_is_told(trees, tmp_path):
    folder, _ = trees
    run = trained_run.read(str(folder / "run"))
    run.record["data"]["folder"] = str(tmp_path / "gone")
    with pytest.raises(UserError, match="is gone; name the data's folder"):
        scored_data.load(run, None)


@pytest.mark.parametrize(
    ("folder", "host"),
    [
        (None, "another"),
        (None, None),
        ("gs://strata-lab/data", "another"),
        ("gs://strata-lab/data", ""),
    ],
)
def test_a_strangers_workdir_does_not_say_what_is_read(trees, folder, host):
    run = trained_run.read(str(trees[0] / "run"))
    folder = folder or run.data["folder"]
    run.record["data"]["folder"] = folder
    if host is None:
        del run.record["host"]
    elif host:
        run.record["host"] = host
    with pytest.raises(UserError, match=f"name it by --data_dir={folder}"):
        scored_data.load(run, None)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--split=dev"], "invalid choice"),
        (["--cpu_devices=0"], "--cpu_devices=0 must be 1 or more"),
        (["--output=none/scores.json"], "cannot be written"),
        (["--checkpoint=3"], "is none of best, last"),
        (["--data_dir=."], "is not read by config.data.source='digits'"),
        (["--format=yaml"], "see strata evaluate --help"),
    ],
)
def test_a_mistake_is_one_line(trained, capsys, flags, words):
    workdir = trained("multiclass")
    assert evaluate.main([f"--workdir={workdir}", *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err


def test_a_split_that_is_not_there_is_told(trees, capsys):
    folder, _ = trees
    data = scored_data.load(trained_run.read(str(folder / "run")), None)
    assert data.is_own
    with pytest.raises(UserError, match="train, validation, test, or all"):
        data.split("dev")


def test_a_torn_checkpoint_is_refused(trained, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained("regression"), run)
    *_, before, last = checkpoints.steps_in(run / "checkpoints")
    path = checkpoints.path_of(run / "checkpoints", last)
    (path / "state.npz").write_bytes(b"torn")
    assert evaluate.main([f"--workdir={run}"]) == 2
    assert "name the step of another" in capsys.readouterr().err
    flags = [f"--workdir={run}", f"--checkpoint={before}"]
    assert evaluate.main(flags) == 0


@pytest.mark.slow
def test_all_rows_of_another_table_need_nothing_to_part_them(tmp_path, capsys):
    """Neither rows enough for it, nor the columns by which they are parted."""
    lines = [f"{n},{n % 7},{n // 4},{n % 2}" for n in range(80)]
    table = tmp_path / "own.csv"
    table.write_text("\n".join(["day,size,farm,y", *lines]) + "\n")
    run = tmp_path / "run"
    flags = ["--config.steps=5", "--config.data.order=day"]
    flags += ["--config.data.folds=3", "--config.data.fold=1"]
    flags += ["--config.data.weight=farm", "--config.log.report=False"]
    flags += ["--config=your_data", f"--data_dir={table}", f"--workdir={run}"]
    assert task.main(flags) == 0
    found = found_by(run, "--split=all", capsys=capsys)
    assert found["data"]["is_the_runs_own"]
    for count in (1, 40):
        rows = [f"{n % 7},{n % 2}" for n in range(count)]
        (tmp_path / "new.csv").write_text("\n".join(["size,y", *rows]) + "\n")
        flags = [f"--data_dir={tmp_path / 'new.csv'}", "--split=all"]
        found = found_by(run, *flags, capsys=capsys)
        assert not found["data"]["is_the_runs_own"]
        assert found["evaluation"]["all"]["examples"] == count
