"""The entry point: flags, overrides, --help, devices and strategies."""

import dataclasses
import errno
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.processes import environment_of
from tests.runs import read_result
from tests.runs import TRAINED
from trainer import flags as flags_lib
from trainer import task
from trainer.config import Config
from trainer.config.values import flatten
from trainer.devices import start
from trainer.devices import strategies
from trainer.process import exits
from trainer.process.exits import UserError
from trainer.workdir.folder import REPORT_FILE

ROOT = pathlib.Path(__file__).parents[1]


def parsed(*flags, config="digits"):
    return flags_lib.parse([f"--config={config}", *flags])[1]


def values_of(*flags):
    return flatten(parsed(*flags))


@pytest.mark.parametrize(
    ("flag", "path", "value"),
    [
        ("--config.seed=7", "seed", 7),
        ("--config.model.dropout=0.25", "model.dropout", 0.25),
        ("--config.optimizer.learning_rate=1", "optimizer.learning_rate", 1.0),
        ("--config.model.hidden_units=512", "model.hidden_units", [512]),
        (
            "--config.model.hidden_units=512,256",
            "model.hidden_units",
            [512, 256],
        ),
        ("--config.model.hidden_units=(512,)", "model.hidden_units", [512]),
        ("--config.model.hidden_units=()", "model.hidden_units", []),
        (
            "--config.optimizer.schedule.warmup_fraction=0.1",
            "optimizer.schedule.warmup_fraction",
            0.1,
        ),
        ("--config.optimizer.clip_norm=1", "optimizer.clip_norm", 1.0),
        ("--config.optimizer.clip_norm=none", "optimizer.clip_norm", None),
        ("--config.checkpoint.every_secs=None", "checkpoint.every_secs", None),
        ("--config.evaluation.select_by=loss", "evaluation.select_by", "loss"),
        ("--config.data.normalization=none", "data.normalization", "none"),
        ("--config.log.tensorboard=false", "log.tensorboard", False),
        ("--noconfig.log.tensorboard", "log.tensorboard", False),
        ("--config.model.skip_connections", "model.skip_connections", True),
    ],
)
def test_a_field_is_set_by_a_flag(flag, path, value):
    changed = values_of(flag)
    assert changed[path] == value
    assert type(changed[path]) is type(value)
    others = values_of()
    assert {k: v for k, v in changed.items() if k != path} == {
        k: v for k, v in others.items() if k != path
    }


@pytest.mark.parametrize(
    ("flags", "epochs", "steps"),
    [
        ([], 30, None),
        (["--config.epochs=5"], 5, None),
        (["--config.steps=5"], None, 5),
        (["--config.steps=5", "--config.epochs=none"], None, 5),
    ],
    ids=str,
)
def test_a_length_stands_for_the_other(flags, epochs, steps):
    config = parsed(*flags)
    assert (config.epochs, config.steps) == (epochs, steps)


def test_the_last_of_two_flags_counts():
    assert values_of("--config.seed=1", "--config.seed=2")["seed"] == 2
    units = "--config.model.hidden_units"
    values = values_of(f"{units}=1,2", f"{units}=3,")
    assert values["model.hidden_units"] == [3]
    clip = "--config.optimizer.clip_norm"
    for flags, expected in (
        ([f"{clip}=none", f"{clip}=1"], 1),
        ([f"{clip}=1", clip, "none"], None),
    ):
        assert values_of(*flags)["optimizer.clip_norm"] == expected


@pytest.mark.parametrize(
    "argv",
    [
        ["--config=digits", "--config.seed=7"],
        ["--config", "digits", "--config.seed", "7"],
        ["--config.seed=7", "--config=digits"],
        ["-config=digits", "-config.seed=7"],
        [f"--config={flags_lib.CONFIGS}/digits.py", "--config.seed=7"],
    ],
    ids=["name", "words", "field first", "one dash", "file"],
)
def test_ways_to_name_a_config(argv):
    values, config = flags_lib.parse(argv)
    assert config == dataclasses.replace(parsed(), seed=7)
    assert values.run_workdir == "runs/digits"


@pytest.mark.parametrize("name", flags_lib.shipped_configs())
def test_every_shipped_config_keeps_the_rules(name):
    assert isinstance(parsed(config=name), Config)


def test_a_parse_leaves_nothing_for_the_next():
    first = parsed("--config.model.dropout=0.5", "--cpu_devices=2")
    values, second = flags_lib.parse(["--config=digits"])
    assert first.model.dropout == 0.5
    assert second.model.dropout == 0.0
    assert values.cpu_devices is None


def test_the_flags_of_the_process_are_not_read(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest", "--config.seed=7"])
    assert parsed().seed == 42


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_flag_and_fits_a_terminal(flag, capsys):
    assert task.main([flag]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for field in dataclasses.fields(flags_lib.Flags):
        assert f"\n  --{field.name}" in printed.out
    for name in flags_lib.shipped_configs():
        assert name in printed.out
    for code in (0, 2, 3, 42, 43, exits.CLUSTER_FAILED, exits.INTERRUPTED):
        assert f"\n {code:3}  " in printed.out
    assert max(map(len, printed.out.splitlines())) <= 80


def test_help_asks_for_no_config_and_no_tensorflow(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert task.main(["--help", "--config=digits"]) == 0
    assert capsys.readouterr().out.startswith("Trains and scores")


def test_a_finished_run_says_so(trained, monkeypatch, capsys):
    there = trained("multiclass")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    flags = ["--config=digits", "--config.epochs=2", f"--workdir={there}"]
    assert task.main(flags) == 0
    printed = capsys.readouterr()
    assert printed.out.endswith(f"{there} is finished at step 82\n")


def test_a_finished_run_gets_the_page_that_a_kill_took(trained, tmp_path):
    workdir = shutil.copytree(trained("multiclass"), tmp_path / "run")
    (workdir / REPORT_FILE).unlink()
    flags = ["--config=digits", "--config.epochs=2", f"--workdir={workdir}"]
    assert task.main(flags) == 0
    assert "digits" in (workdir / REPORT_FILE).read_text()


def test_a_defect_of_ours_is_not_hidden(monkeypatch):
    def fail(argv, stop):
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(task, "run", fail)
    with pytest.raises(OSError, match="No such file"):
        task.main([])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("first\nsecond"), 2),
        (OSError(errno.ENOSPC, "first\n\tsecond"), exits.CLUSTER_FAILED),
    ],
)
def test_a_message_of_several_lines_is_told_in_one(
    error, code, monkeypatch, capsys
):
    def fail(argv, stop):
        raise error

    monkeypatch.setattr(task, "run", fail)
    assert task.main([]) == code
    told = capsys.readouterr().err
    assert "first second" in told
    assert told.count("\n") == 1


def test_work_in_time_is_returned():
    assert strategies.within_deadline(lambda: "answer", 60) == "answer"


def test_what_work_raises_is_raised():
    def fail():
        raise ValueError("no such TPU")

    with pytest.raises(ValueError, match="no such TPU"):
        strategies.within_deadline(fail, 60)


def test_work_that_hangs_is_left():
    never = threading.Event()
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer in 0 s"):
        strategies.within_deadline(never.wait, 0.05)
    never.set()
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(
    "error", [ValueError("unknown"), RuntimeError("first\nsecond"), KeyError()]
)
def test_a_tpu_that_fails_is_one_line(error, monkeypatch):
    def fail(work, secs):
        assert secs == strategies.TPU_CONNECT_SECS <= 60
        raise error

    monkeypatch.setattr(strategies, "within_deadline", fail)
    with pytest.raises(UserError, match=r"--tpu=nowhere: no TPU there \(") as e:
        strategies.build("tpu", tpu="nowhere")
    assert "\n" not in str(e.value)


STRATEGIES = """
import json, sys
from trainer.cluster.place import Cluster
from trainer.devices import strategies
strategies.prepare_devices(3, None, Cluster())
found = {}
for name, devices in json.loads(sys.argv[1]):
    strategy = strategies.build(name, devices=devices)
    kind = type(strategy).__name__.strip("_")
    found[f"{name} {devices}"] = [kind, strategy.num_replicas_in_sync]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_strategy_by_its_name():
    expected = {
        "auto None": ["MirroredStrategy", 3],
        "auto 2": ["MirroredStrategy", 2],
        "auto 1": ["DefaultDistributionStrategy", 1],
        "default None": ["DefaultDistributionStrategy", 1],
        "one_device None": ["OneDeviceStrategy", 1],
        "mirrored 1": ["MirroredStrategy", 1],
        "mirrored None": ["MirroredStrategy", 3],
    }
    pairs = [key.split() for key in expected]
    asked = [(name, None if n == "None" else int(n)) for name, n in pairs]
    done = subprocess.run(
        [sys.executable, "-c", STRATEGIES, json.dumps(asked)],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "TF_CONFIG"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_what_keras_has_no_need_for_is_hidden_while_it_loads(monkeypatch):
    for name in start.UNUSED:
        for module in [m for m in sys.modules if m.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
    with start.eased():
        for name in start.UNUSED:
            with pytest.raises(ImportError):
                importlib.import_module(name)
    assert importlib.util.find_spec("matplotlib") is not None


@pytest.mark.slow
def test_other_works_keras_settings_are_left_aside(trained, tmp_path):
    """A backend that is not here, and defaults that would change the run."""
    dotfile = tmp_path / "keras.json"
    dotfile.write_text(
        '{"backend": "torch", "floatx": "float64", "epsilon": 0.1,'
        ' "image_data_format": "channels_first"}'
    )
    config, length = TRAINED["multiclass"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "trainer.task", f"--config={config}"),
            *(length, f"--workdir={tmp_path / 'run'}"),
        ],
        cwd=ROOT,
        env=environment_of(None)
        | {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "KERAS_BACKEND=torch is left aside" in done.stdout
    expected = read_result(trained("multiclass"))["weights_sha256"]
    assert read_result(tmp_path / "run")["weights_sha256"] == expected
    assert sorted(os.listdir(tmp_path)) == ["keras.json", "run"]


def test_test_rows_that_are_left_alone_have_no_say(tmp_path):
    """Whatever their labels: those of the second folder are of no class."""
    random = np.random.RandomState(0)
    x = random.randn(80, 4).astype(np.float32)
    found = []
    for name, offset in (("good", 0), ("poisoned", 7)):
        folder = tmp_path / name
        folder.mkdir()
        np.savez(
            folder / "data.npz",
            x_train=x,
            y_train=(x[:, 0] > 0).astype(np.int64),
            x_test=x[:40] + offset,
            y_test=np.arange(40) % 2 + offset,
        )
        workdir = tmp_path / f"{name}_run"
        flags = [f"--data_dir={folder}", f"--workdir={workdir}"]
        fields = ["steps=20", "jit_compile=False", "evaluation.test_at_end=0"]
        fields += ["evaluation.threshold_by=f1"]
        flags += [f"--config.{field}" for field in fields]
        assert task.main(["--config=your_data", *flags]) == 0
        result = read_result(workdir)
        assert list(result["evaluation"]) == ["validation"]
        lines = (workdir / "metrics.jsonl").read_text()
        found.append((result["weights_sha256"], result["decision"], lines))
    assert found[0] == found[1]


def test_test_rows_are_scored_each_time_or_left_alone():
    with pytest.raises(UserError, match="test_each_time=True with test_at_end"):
        parsed(
            "--config.evaluation.test_each_time",
            "--config.evaluation.test_at_end=False",
        )
