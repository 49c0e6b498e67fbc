"""A run by a call: the command's own, in a process that does other work."""

import os
import pathlib
import random
import signal
import threading
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
from absl import flags as absl_flags
from scipy import sparse

import trainer
from tests import processes
from tests.runs import read_result
from trainer import sources
from trainer import task
from trainer.api import fit as api_fit
from trainer.api import handed
from trainer.api.run import Run
from trainer.finished import trained_run
from trainer.journal.metrics_log import MetricsLines
from trainer.process.exits import UserError
from trainer.process.stopping import Stop
from trainer.serving import scored_data
from trainer.tables.given import Given
from trainer.workdir.lock_file import LockFile


def fit_digits(workdir, **fields):
    """Does what `tests.runs.train` does of "multiclass", by a call."""
    return trainer.fit(
        "digits", epochs=2, workdir=workdir, verbose=False, **fields
    )


def state_of_process():
    return (
        tf.config.experimental.tensor_float_32_execution_enabled(),
        dict(os.environ),
        [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        random.getstate(),
        np.random.get_state()[1].tolist(),
        absl_flags.FLAGS.is_parsed(),
        os.getcwd(),
    )


def test_a_call_trains_the_commands_run(trained, tmp_path, capsys):
    before, threads = state_of_process(), set(threading.enumerate())
    run = fit_digits(tmp_path / "run")
    assert state_of_process() == before
    assert set(threading.enumerate()) <= threads
    assert capsys.readouterr().out == ""
    command = trained("multiclass")
    for name in ("metrics.jsonl", "config.json"):
        found = (run.workdir / name).read_bytes()
        assert found == (command / name).read_bytes()
    assert run.result["weights_sha256"] == weights_of(command)
    flags = ["--config=digits", "--config.epochs=2", f"--workdir={run.workdir}"]
    assert task.main(flags) == 0
    assert "is finished at step 82" in capsys.readouterr().out


def weights_of(workdir: pathlib.Path) -> str:
    return read_result(workdir)["weights_sha256"]


def test_a_precision_without_effect_is_told_by_training_alone(tmp_path, capsys):
    run = trainer.fit(
        "digits",
        steps=1,
        precision="tf32",
        workdir=tmp_path / "run",
        log__report=False,
        log__tensorboard=False,
    )
    assert capsys.readouterr().out.count("precision='tf32' has no effect") == 1
    run.model.predict(np.zeros((2, 8, 8), np.uint8))
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_the_call_goes_on(
    trained, tmp_path, monkeypatch
):
    tell = MetricsLines.line

    def interrupted(writer, line):
        tell(writer, line)
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(MetricsLines, "line", interrupted)
    fields = {"log__every_steps": 10, "log__tensorboard": False}
    run = fit_digits(tmp_path / "run", **fields)
    assert (run.status, run.scores) == ("stopped", {})
    assert run.checkpoint.name == f"step_{run.step:08d}"
    assert 0 < run.step < 82
    assert "stopped at step" in repr(run)
    run = fit_digits(tmp_path / "run", **fields)
    assert run.status == "done"
    assert run.result["weights_sha256"] == weights_of(trained("multiclass"))


def removed(workdir):
    workdir.rename(workdir.with_name("gone"))


def taken(workdir):
    (workdir / ".lock").write_text('{"process": 7, "host": "elsewhere"}')


@pytest.mark.parametrize(
    ("lose", "words"),
    [(removed, "was removed while in use"), (taken, "was taken by")],
)
def test_a_workdir_that_is_lost_is_raised_and_ends_no_process(
    lose, words, tmp_path, monkeypatch
):
    workdir, codes, heard = tmp_path / "run", [], threading.Event()
    tell, hear = MetricsLines.line, Stop.lose

    def lost(writer, line):
        tell(writer, line)
        if not heard.is_set():
            lose(workdir)
            assert heard.wait(60)

    def heard_by(stop, error):
        hear(stop, error)
        heard.set()

    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(LockFile, "renew_secs", 0.05)
    monkeypatch.setattr(MetricsLines, "line", lost)
    monkeypatch.setattr(Stop, "lose", heard_by)
    with pytest.raises(OSError, match=words):
        fit_digits(workdir, log__every_steps=10)
    assert codes == []
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 1
    assert not [*(folder / "checkpoints").iterdir()]
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [("mnist", "train-images-idx3-ubyte"), ("digits", "x_train.npy")],
)
def test_a_folder_is_what_the_configs_own_source_reads(tmp_path, config, told):
    with pytest.raises(trainer.UserError, match=told):
        trainer.fit(config, data=tmp_path)


@pytest.mark.parametrize(
    "words",
    [{"data__source": "mnist"}, {"overrides": {"data.source": "mnist"}}],
)
def test_a_folder_is_what_the_source_that_is_named_reads(tmp_path, words):
    with pytest.raises(trainer.UserError, match="train-images-idx3-ubyte"):
        trainer.fit("digits", data=tmp_path, **words)


def test_what_is_fitted_takes_some_of_too_many_validation_rows(
    tmp_path, monkeypatch, capsys
):
    fields: Any = {
        "epochs": 2,
        "evaluation__temperature_scaling": True,
        "evaluation__threshold_by": "f1",
        "log__report": False,
        "log__tensorboard": False,
    }
    whole = trainer.fit("breast_cancer", workdir=tmp_path / "whole", **fields)
    assert "fitted on validation rows: temp" in capsys.readouterr().out
    monkeypatch.setattr("trainer.problem.mistakes.MOST_VALUES", 40)
    some = trainer.fit("breast_cancer", workdir=tmp_path / "some", **fields)
    assert "fitted on 40 of the validation rows" in capsys.readouterr().out
    decision = some.result["decision"]
    assert decision.pop("rows") == 40
    assert decision["step"] == some.result["best_step"]
    assert decision.keys() == whole.result["decision"].keys()
    assert some.model.stored.problem.temperature == decision["temperature"]
    assert some.model.stored.problem.threshold == decision["threshold"]


def test_ctrl_c_before_training_is_raised(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("trainer.sources.load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_digits(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_thread_may_call(tmp_path):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(fit_digits(tmp_path / "run"))
    )
    thread.start()
    thread.join()
    assert found[0].status == "done"
    steps, losses = found[0].curve("validation", "loss")
    assert len(steps) == 2
    assert losses[1] < losses[0]
    assert found[0].model.predict(np.zeros((2, 8, 8), np.uint8)).shape == (
        2,
        10,
    )
    before = state_of_process()
    found[0].export("keras")
    assert state_of_process() == before
    assert "<iframe srcdoc=" in found[0].report()._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["frame", "labels apart", "dict"])
def test_a_data_frame_trains_as_its_csv_file(flowers, tmp_path, form):
    workdir, table = flowers
    frame = pd.read_csv(table)
    given = {"data": frame}
    if form == "labels apart":
        given = {"x": frame.drop(columns="kind"), "y": frame["kind"]}
    elif form == "dict":
        given = {"data": {name: frame[name].tolist() for name in frame}}
    fields = {"steps": 100, "log.report": False, "log.tensorboard": False}
    run = trainer.fit(
        **given, overrides=fields, workdir=tmp_path / "run", verbose=False
    )
    assert run.result["weights_sha256"] == weights_of(workdir)


@pytest.mark.parametrize("kind", [lambda y: y, dict, pa.table])
def test_a_frame_of_one_column_is_labels_as_the_column_is(kind):
    frame = pd.DataFrame({"a": [1, 2], "kind": ["x", "y"]})
    given, _ = handed.taken(
        frame[["a"]], kind(frame[["kind"]]), None, None, None
    )
    assert given.tables["train"].values == {"a": [1, 2], "kind": ["x", "y"]}


@pytest.mark.slow
def test_a_new_call_has_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.random.RandomState(0).randn(60, 2)
    fields: Any = {"epochs": 1, "log__report": False}
    runs = [
        trainer.fit(x=rows, y=rows[:, 0] > 0, verbose=False, **fields)
        for _ in range(2)
    ]
    assert [run.workdir for run in runs] == [
        tmp_path / "runs/your_data_1",
        tmp_path / "runs/your_data_2",
    ]
    assert runs[0].result["weights_sha256"] == runs[1].result["weights_sha256"]


def test_a_call_trains_on_the_rows_as_they_are_by_then(tmp_path):
    rows = np.random.RandomState(0).randn(60, 2)
    y = rows[:, 0] > 0
    fields: Any = {
        "epochs": 1,
        "jit_compile": False,
        "log__report": False,
        "log__tensorboard": False,
        "verbose": False,
    }

    def weights(name, x):
        run = trainer.fit(x=x, y=y, workdir=tmp_path / name, **fields)
        return run.result["weights_sha256"]

    first = weights("first", rows)
    rows *= [1, 5]
    rows[:, 1] += rows[:, 0]
    again = weights("again", rows)
    assert again == weights("copied", rows.copy()) != first


def test_a_run_of_an_earlier_version_keeps_the_rows_that_it_held_out(
    tmp_path, monkeypatch
):
    """It drew rows at random where classes are floats."""
    x = np.random.RandomState(0).randn(60, 2)
    y = (x[:, 0] > 1).astype(float)
    fields: Any = {"verbose": False, "jit_compile": False, "log__report": False}

    def call(epochs):
        return trainer.fit(
            x=x, y=y, epochs=epochs, workdir=tmp_path / "run", **fields
        )

    held_out = sources.held_out
    monkeypatch.setattr(
        sources,
        "held_out",
        lambda *given, **_: held_out(*given, as_earlier=True),
    )
    before = call(1).scores["test"]
    monkeypatch.undo()
    given = Given({"x_train": x, "y_train": y})
    stored = trained_run.read(str(tmp_path / "run"))
    assert scored_data.load(stored, None, given).is_own
    run = call(2)
    assert run.status == "done"
    assert run.scores["test"] != before


def test_threads_at_once_have_a_folder_each_and_leave_all_as_it_was(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    before, rows = state_of_process(), np.random.RandomState(0).randn(60, 2)
    runs, meeting = list[Any](), threading.Barrier(2)
    train = api_fit._train

    def both_inside(*given):
        meeting.wait(60)
        return train(*given)

    monkeypatch.setattr(api_fit, "_train", both_inside)
    fields: Any = {"log__report": False, "log__tensorboard": False}

    def call(epochs):
        runs.append(
            trainer.fit(
                x=rows,
                y=rows[:, 0] > 0,
                verbose=False,
                epochs=epochs,
                **fields,
            )
        )

    threads = [threading.Thread(target=call, args=(n,)) for n in (1, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.status for run in runs] == ["done"] * 2
    assert len({run.workdir for run in runs}) == 2
    assert state_of_process() == before
    print("heard")
    assert capsys.readouterr().out == "heard\n"


ON_TWO = """
import gc, sys, weakref
import tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import trainer
from trainer.devices import strategies
from trainer.model import network
strategies.build = lambda _: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
build, models = network.build, []
def noted(*given):
    found = build(*given)
    models.append(weakref.ref(found.model))
    return found
network.build = noted
run = trainer.fit("digits", steps=1, workdir=sys.argv[1], verbose=False)
gc.collect()
print(run.result["replicas"], [model() for model in models])
"""


@pytest.mark.slow
def test_a_run_on_several_devices_is_freed(tmp_path):
    started = processes.start_python("-c", ON_TWO, tmp_path / "run")
    assert processes.finish(started)[1].endswith("2 [None]\n")


def test_a_mistake_leaves_no_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="y_train has nan"):
        trainer.fit(x=np.zeros((4, 2)), y=np.full(4, np.nan), verbose=False)
    assert not list(tmp_path.iterdir())
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="y_train has nan"):
        trainer.fit(x=np.zeros((4, 2)), y=np.full(4, np.nan), verbose=False)
    assert not list((tmp_path / "runs").iterdir())


def test_a_run_is_found_from_another_folder(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained("multiclass").parent)
    run = Run(pathlib.Path(trained("multiclass").name), data_dir="rows.csv")
    monkeypatch.chdir(tmp_path)
    assert run.status == "done"

    def refuse(run, data_dir, given):
        raise UserError(data_dir)

    monkeypatch.setattr("trainer.serving.scored_data.load", refuse)
    with pytest.raises(UserError) as told:
        run.export()
    assert str(told.value) == str(run.workdir.parent / "rows.csv")


ROWS = np.zeros((4, 2))
FRAME = pd.DataFrame({"a": range(4), "b": range(4)})
MASKED = np.ma.masked_equal([[-999, 1], [2, 3], [4, 5], [6, 7]], -999)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x": ROWS}, "x= is given without y="),
        ({"y": ROWS}, "y= is given without x="),
        ({"x": ROWS, "y": ROWS, "data": "a.csv"}, "both given"),
        ({"data": 3}, "data= is a int"),
        ({"data": {}}, "has no columns"),
        ({"data": {"a": [1], "b": [1, 2]}}, "'b' has 2 rows"),
        ({"x": [[1], [1, 2]], "y": [0, 1]}, "is no array"),
        (
            {"x": FRAME, "y": FRAME[["b", "a"]]},
            "y of data has 2 columns, 'b', 'a'; rows of a data frame have one"
            " label, such as y['b']",
        ),
        ({"x": MASKED, "y": ROWS[:, 0]}, "x of train has masked values"),
        ({"x": list(MASKED), "y": ROWS[:, 0]}, "x of train has masked"),
        ({"x": ROWS, "y": MASKED[:, 0]}, "y of train has masked values"),
        ({"x": sparse.csr_array(ROWS), "y": ROWS[:, 0]}, "which is sparse"),
        (
            {"data": FRAME.assign(y=[*"kkmm"]), "test": FRAME.assign(y="z")},
            "data: y_test[0] is 'z'",
        ),
        ({"x": ROWS, "y": ROWS[:, 0], "test": ROWS}, "must be (x, y)"),
        ({"data": "a.csv", "test": ROWS}, "test= goes with"),
        ({"x": ROWS, "y": ROWS[:, 0], "source": "mnist"}, "source='mnist' is"),
        ({"config": 5}, "config= is a int; it must be"),
        ({"config": "digitz"}, "did you mean digits?"),
        ({"epoch": 3}, "did you mean config.epochs?"),
        ({"every_steps": 3}, "several fields end so"),
        ({"dropout": 3.0}, "config.model.dropout=3.0"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(given, words, tmp_path):
    with pytest.raises(UserError) as told:
        trainer.fit(**given, workdir=tmp_path / "run")
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()
