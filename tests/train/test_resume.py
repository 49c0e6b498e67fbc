"""The same command goes on, and ends with the weights of an undisturbed run."""

import json
import random
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator,
)

from tests import processes
from trainer import task
from trainer.journal.writers import Writers
from trainer.process.stopping import Stop
from trainer.steps.evaluation import Evaluator
from trainer.train import preparation
from trainer.workdir import checkpoints

# Dropout, averaging, accumulation, a schedule and a selection: all that a
# checkpoint must carry.
FLAGS = (
    "--config=digits",
    "--config.epochs=5",
    "--config.global_batch_size=50",
    "--config.model.hidden_units=32,",
    "--config.model.dropout=0.2",
    "--config.optimizer.schedule.name=cosine",
    "--config.optimizer.ema_decay=0.9",
    "--config.optimizer.accumulation_steps=2",
    "--config.evaluation.select_by=loss",
    "--config.checkpoint.every_steps=17",
    "--config.log.every_steps=10",
    "--config.log.report=false",
)


def read(workdir, name="result.json"):
    return json.loads((workdir / name).read_text())


def metrics_of(workdir):
    text = (workdir / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def start(workdir, *flags):
    return processes.start(
        "trainer.task", *FLAGS, f"--workdir={workdir}", *flags
    )


def run(workdir, *flags):
    """Runs the command in this process, which has TensorFlow already."""
    return task.main([*FLAGS, f"--workdir={workdir}", *flags])


def signal_in_epoch(process, epoch, number):
    """Sends a signal when the process says that an epoch begins."""
    for line in process.stdout:
        if line.startswith(f"Epoch {epoch}/"):
            process.send_signal(number)
            break
    return processes.finish(process)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    code, output = processes.finish(start(workdir))
    assert code == 0, output
    return workdir


def assert_same_run(workdir, undisturbed):
    """To the bit, and each line of the log once."""
    ours, theirs = read(workdir), read(undisturbed)
    assert ours["weights_sha256"] == theirs["weights_sha256"]
    assert ours["evaluation"] == theirs["evaluation"]
    assert metrics_of(workdir) == metrics_of(undisturbed)
    assert_same_curves(workdir)


def assert_same_curves(workdir):
    """TensorBoard shows what metrics.jsonl says, each step once, in order."""
    for split in ("train", "validation"):
        # The reader behind TensorBoard's page, which drops what was run
        # again; event_accumulator's own drops everything but tensors.
        events = EventAccumulator(str(workdir / split)).Reload()
        shown = [
            (event.step, tf.make_ndarray(event.tensor_proto).item())
            for event in events.Tensors("loss")
        ]
        logged = [
            (line["step"], pytest.approx(line["loss"]))
            for line in metrics_of(workdir)
            if line["split"] == split
        ]
        assert shown == logged


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGTERM, 42),
        (signal.SIGINT, 43),
    ],
)
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(
    tmp_path, undisturbed, number, expected
):
    epoch = random.Random(number).randint(2, 5)
    process = start(tmp_path / "run")
    code, output = signal_in_epoch(process, epoch, number)
    assert code == expected, output
    code, output = processes.finish(start(tmp_path / "run"))
    assert code == 0, output
    assert "going on from step_" in output
    assert_same_run(tmp_path / "run", undisturbed)
    assert read(tmp_path / "run")["restarts"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("scheduled", [False, True])
def test_a_budget_of_seconds_stops_the_run(
    tmp_path, undisturbed, monkeypatch, scheduled
):
    if scheduled:
        monkeypatch.setenv("SLURM_JOB_ID", "1")
    # This process is older than a second already.
    code = run(tmp_path / "run", "--max_secs=1")
    assert code == (42 if scheduled else 43)
    assert run(tmp_path / "run") == 0
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("ask", [Path.touch, Path.mkdir])
def test_a_stop_file_stops_the_run_once(tmp_path, undisturbed, ask):
    assert run(tmp_path / "run", "--max_secs=1") == 43
    ask(tmp_path / "run" / "STOP")
    assert run(tmp_path / "run") == 43
    assert not (tmp_path / "run" / "STOP").exists()
    assert run(tmp_path / "run") == 0
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("asked_in", ["steps", "scoring"])
def test_a_stop_waits_for_no_scoring(
    tmp_path, undisturbed, monkeypatch, capsys, asked_in
):
    """What is due where it stops is the next start's, and the same."""
    workdir = tmp_path / "run"
    due = read(undisturbed)["steps_per_epoch"]
    last_chunk = max(s for s in range(due) if s % 10 == 0 or s % 17 == 0)

    def asked(self, *given):
        (workdir / "STOP").touch()
        return do(self, *given)

    def asked_in_last_chunk(self, step):
        if step == last_chunk:
            (workdir / "STOP").touch()

    with monkeypatch.context() as patched:
        if asked_in == "scoring":
            do = Evaluator.__call__
            patched.setattr(Evaluator, "__call__", asked)
        else:
            patched.setattr(Writers, "begin_chunk", asked_in_last_chunk)
        assert run(workdir) == 43
    assert "stopping: the steps taken are saved" in capsys.readouterr().out
    _, _, state = checkpoints.load(workdir / "checkpoints")
    assert state["step"] == due
    assert due not in {line["step"] for line in metrics_of(workdir)}
    # Asked again before it is done.
    (workdir / "STOP").touch()
    assert run(workdir) == 43
    assert read(workdir)["step"] == due
    assert run(workdir) == 0
    assert_same_run(workdir, undisturbed)
    timing = (workdir / "timing.jsonl").read_text().splitlines()
    told = map(json.loads, timing)
    (owed,) = (t for t in told if (t["step"], t["split"]) == (due, "train"))
    assert owed.keys() >= {"learning_rate", "step_secs"}


def test_a_finished_run_says_so(undisturbed, capsys):
    before = (undisturbed / "result.json").read_bytes()
    assert run(undisturbed) == 0
    assert "is finished at step" in capsys.readouterr().out
    assert (undisturbed / "result.json").read_bytes() == before


@pytest.mark.slow
def test_a_torn_checkpoint_is_refused_for_the_one_before(
    tmp_path, undisturbed, capsys
):
    assert run(tmp_path / "run", "--config.checkpoint.keep=50") == 0
    folder = tmp_path / "run" / "checkpoints"
    (tmp_path / "run" / "result.json").unlink()
    newest = checkpoints.path_of(folder, checkpoints.steps_in(folder)[-1])
    content = bytearray((newest / "state.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (newest / "state.npz").write_bytes(content)
    capsys.readouterr()
    assert run(tmp_path / "run", "--config.checkpoint.keep=50") == 0
    assert f"{newest.name} refused" in capsys.readouterr().out
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.slow
def test_a_run_without_a_whole_checkpoint_does_not_begin_anew(tmp_path, capsys):
    assert run(tmp_path / "run", "--config.epochs=1") == 0
    (tmp_path / "run" / "result.json").unlink()
    folder = tmp_path / "run" / "checkpoints"
    for step in checkpoints.steps_in(folder):
        (checkpoints.path_of(folder, step) / "manifest.json").unlink()
    assert run(tmp_path / "run", "--config.epochs=1") == 2
    assert "no checkpoint that is whole" in capsys.readouterr().err


@pytest.mark.slow
def test_more_epochs_extend_a_run_without_a_schedule(tmp_path):
    constant = "--config.optimizer.schedule.name=constant"
    short, long = tmp_path / "short", tmp_path / "long"
    assert run(short, constant, "--config.epochs=3") == 0
    assert run(short, constant, "--config.epochs=5") == 0
    assert run(long, constant, "--config.epochs=5") == 0
    assert read(short)["weights_sha256"] == read(long)["weights_sha256"]
    assert read(short)["epoch"] == 5


@pytest.mark.slow
def test_a_new_run_begins_with_anothers_weights(tmp_path, undisturbed, capsys):
    # At a rate that moves nothing, it scores as the other does. The other's
    # scored weights are its average.
    flags = (
        f"--init_from={undisturbed}",
        "--config.epochs=1",
        "--config.optimizer.learning_rate=1e-12",
        "--config.model.dropout=0.1",
    )
    assert run(tmp_path / "run", *flags) == 0
    assert "4 weights from" in capsys.readouterr().out
    ours, theirs = read(tmp_path / "run"), read(undisturbed)
    assert ours["evaluation"]["test"]["accuracy"] == pytest.approx(
        theirs["evaluation"]["test"]["accuracy"], abs=1e-9
    )


def test_weights_of_another_shape_are_begun_anew(tmp_path, undisturbed, capsys):
    flags = (f"--init_from={undisturbed}", "--config.epochs=1")
    wide = "--config.model.hidden_units=40,"
    assert run(tmp_path / "wide", *flags, wide) == 0
    assert "1 weights from" in capsys.readouterr().out
    assert run(tmp_path / "new", "--init_from=/nowhere") == 2
    assert "holds no checkpoints" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_on_a_folder_goes_on_by_its_workdir_alone(tmp_path, capsys):
    random = np.random.RandomState(0)
    data, workdir = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for split, rows in (("train", 60), ("test", 20)):
        x = random.randn(rows, 3)
        np.save(data / f"x_{split}.npy", x)
        np.save(data / f"y_{split}.npy", (x[:, 0] > 0).astype(int))
    begun = ["--config=your_data", f"--data_dir={data}", "--config.steps=1"]
    own = [str(workdir), "--config.log.report=false"]
    assert task.main([*begun, *own]) == 0
    capsys.readouterr()
    assert task.main(own) == 0
    assert capsys.readouterr().out == f"{workdir} is finished at step 1\n"
    assert task.main([*own, "--config.steps=2"]) == 0
    assert "going on from step_00000001" in capsys.readouterr().out
    data.rename(tmp_path / "gone")
    assert task.main([*own, "--config.steps=3"]) == 2
    told = capsys.readouterr().err
    assert f"{data}, which the run was trained on, is gone" in told
    assert "--data_dir" in told
    assert task.main(own) == 0
    assert "is finished at step 2" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_that_began_with_anothers_weights_knows_them(
    tmp_path, undisturbed, capsys, monkeypatch
):
    workdir, flag = tmp_path / "run", f"--init_from={undisturbed}"
    constant = "--config.optimizer.schedule.name=constant"
    flags = ("--config.steps=2", "--config.epochs=none", constant)
    with monkeypatch.context() as patch:
        # As a kill before the first step.
        patch.setattr(Stop, "poll", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run(workdir, *flags, flag)
    begun = read(workdir, "record.json")["init_from"]
    assert begun == {
        "workdir": str(undisturbed),
        "weights_sha256": read(undisturbed)["weights_sha256"],
    }
    capsys.readouterr()
    assert task.main([str(workdir)]) == 2
    assert capsys.readouterr().err == (
        f"strata: --workdir={workdir} began with the weights of {undisturbed}"
        f" and has no checkpoint as yet; add {flag}, or name another"
        " --workdir\n"
    )
    assert run(workdir, *flags, flag) == 0
    assert "4 weights from" in capsys.readouterr().out
    longer = (*flags, "--config.steps=3")
    assert run(workdir, *longer, flag) == 0
    assert "left aside" not in capsys.readouterr().out
    assert read(workdir, "record.json")["init_from"] == begun
    assert run(workdir, *longer, f"--init_from={tmp_path / 'gone'}") == 0
    assert (
        f"--init_from={tmp_path / 'gone'} is left aside: {workdir} goes on"
        " from its own checkpoint\n"
    ) in capsys.readouterr().out


def killed(stop):
    raise RuntimeError("killed")


@pytest.mark.slow
def test_two_workers_end_with_the_score_of_one(tmp_path, undisturbed):
    running = processes.start_cluster(
        2, "trainer.task", *FLAGS, f"--workdir={tmp_path / 'run'}"
    )
    outputs = [processes.finish(process) for process in running]
    assert [code for code, _ in outputs] == [0, 0], outputs
    ours, theirs = read(tmp_path / "run"), read(undisturbed)
    assert (ours["workers"], ours["replicas"]) == (2, 2)
    scores, expected = ours["evaluation"], theirs["evaluation"]
    for split, values in expected.items():
        for name, value in values.items():
            assert scores[split][name] == pytest.approx(value, abs=2e-3)
    assert "MLP score" in outputs[0][1]
    assert "MLP score" not in outputs[1][1]


def test_workers_of_different_configs_do_not_begin(tmp_path):
    command = ("trainer.task", *FLAGS, f"--workdir={tmp_path / 'run'}")
    running = processes.start_cluster_of(
        [command, (*command, "--config.seed=7")]
    )
    outputs = [processes.finish(process) for process in running]
    assert [code for code, _ in outputs] == [2, 2], outputs
    for _, output in outputs:
        assert "has config.seed=7 where the chief has 42" in output
    assert not (tmp_path / "run").exists()


def test_a_score_that_is_not_finite_ends_the_run(tmp_path, capsys):
    # The only step's loss is that before its update.
    flags = (
        "--config.steps=1",
        "--config.epochs=none",
        "--config.optimizer.name=sgd",
        "--config.optimizer.learning_rate=1e30",
        "--config.optimizer.ema_decay=none",
    )
    assert run(tmp_path / "run", *flags) == 3
    assert "the validation loss is not finite" in capsys.readouterr().out
    assert not list((tmp_path / "run" / "checkpoints").glob("step_*"))


@pytest.mark.slow
def test_a_torn_best_checkpoint_is_refused(tmp_path, capsys):
    # Nothing is better than the first evaluation by so much.
    flags = ("--config.evaluation.min_delta=10", "--config.epochs=3")
    assert run(tmp_path / "run", *flags) == 0
    best = read(tmp_path / "run")["best_step"]
    path = checkpoints.path_of(tmp_path / "run" / "checkpoints", best)
    assert best < read(tmp_path / "run")["step"]
    (path / "state.npz").write_bytes(b"torn")
    (tmp_path / "run" / "result.json").unlink()
    assert run(tmp_path / "run", *flags) == 2
    assert "the best checkpoint, is refused" in capsys.readouterr().err
    # With steps to come another may be the best.
    newest = checkpoints.newest_good(tmp_path / "run" / "checkpoints")
    assert newest is not None
    shutil.rmtree(newest)
    assert run(tmp_path / "run", *flags) == 0
    assert "the best of those that come is taken" in capsys.readouterr().out
    assert read(tmp_path / "run")["best_step"] > best


@pytest.mark.slow
def test_a_run_that_took_all_its_steps_can_be_made_longer(tmp_path, capsys):
    flags = (
        "--config.evaluation.patience=1",
        "--config.evaluation.every_steps=7",
        "--config.evaluation.min_delta=10",
        "--config.optimizer.schedule.name=constant",
        "--config.epochs=none",
    )
    assert run(tmp_path / "run", *flags, "--config.steps=14") == 0
    assert "(stopped early)" not in capsys.readouterr().out
    assert run(tmp_path / "run", *flags, "--config.steps=28") == 0
    assert "done at step 21" in capsys.readouterr().out


def test_an_early_stop_is_an_end_like_any_other(tmp_path, capsys):
    flags = (
        "--config.evaluation.patience=1",
        "--config.evaluation.every_steps=7",
        "--config.optimizer.learning_rate=1e-9",
        "--config.optimizer.ema_decay=none",
        "--config.evaluation.min_delta=0.5",
    )
    assert run(tmp_path / "run", *flags) == 0
    assert "(stopped early)" in capsys.readouterr().out
    lines = metrics_of(tmp_path / "run")
    assert [(line["step"], line["split"]) for line in lines][-3:] == [
        (14, "validation"),
        (14, "train"),
        (7, "test"),  # of the best weights, not the last
    ]
    assert run(tmp_path / "run", *flags) == 0


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, capsys):
    flags = (
        "--config.optimizer.name=sgd",
        "--config.optimizer.learning_rate=1e30",
        "--config.evaluation.select_by=none",
    )
    assert run(tmp_path / "run", *flags) == 3
    assert "not finite at step" in capsys.readouterr().out
    assert read(tmp_path / "run")["status"] == "diverged"


@pytest.mark.slow
def test_a_class_of_no_value_goes_on_in_an_earlier_versions_run(
    tmp_path, monkeypatch
):
    y = np.array(["a", "nan", "b", "b"] * 10)
    x = np.arange(80, dtype=np.float32).reshape(40, 2)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y)

    def train(steps):
        flags = [f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'run'}"]
        flags += [f"--config.steps={steps}", "--config.log.report=false"]
        return task.main(["--config=your_data", *flags])

    with monkeypatch.context() as earlier:
        earlier.setattr(preparation, "check_names", lambda dataset: None)
        assert train(2) == 0
    assert train(4) == 0
    record = read(tmp_path / "run", "record.json")
    assert record["data"]["problem"]["class_names"] == ["a", "b", "nan"]
