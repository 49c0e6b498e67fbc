"""`strata export`: every format says what the trainer says."""

import copy
import csv
import dataclasses
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types
from typing import Any

import hypothesis
import keras
import markdown
import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

from tests import processes
from tests.faults import jobs
from tests.hostile import ACTING
from tests.hostile import NAMES
from tests.runs import held_out_rows
from tests.runs import OF_VALUES
from tests.runs import read_result
from tests.runs import rewrite
from tests.runs import TRAINED
from trainer import load
from trainer import sources
from trainer import task
from trainer.api.run import Run
from trainer.config import DataConfig
from trainer.finished import trained_run
from trainer.process.exits import UserError
from trainer.serving import export
from trainer.serving import formats
from trainer.serving import model_card
from trainer.serving import predict
from trainer.serving.load import build_network
from trainer.serving.portable import portable

ALL = "saved_model,keras,tflite,onnx"


@pytest.fixture(scope="session")
def exported(trained):
    """From a problem's type to the folder of an export in all formats."""
    folders = {}

    def folder(problem):
        if problem not in folders:
            workdir = trained(problem)
            flags = [f"--workdir={workdir}", f"--formats={ALL}"]
            assert export.main(flags) == 0
            folders[problem] = workdir / "export" / "1"
        return folders[problem]

    return folder


@pytest.mark.parametrize("problem", TRAINED)
def test_all_formats_agree_on_every_problem(exported, problem):
    card = json.loads((exported(problem) / "model_card.json").read_text())
    assert set(card["agreement"]) == set(ALL.split(","))
    for found in card["agreement"].values():
        assert found["greatest_difference"] <= 1e-5
        assert found["labels_that_differ"] == 0
        assert found["rows"] > 80


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_a_network_in_bfloat16_is_refused_where_a_format_has_none(
    trained, tmp_path, capsys, name
):
    run = tmp_path / "run"
    without = shutil.ignore_patterns("export")
    shutil.copytree(trained("binary"), run, ignore=without)
    config = json.loads((run / "config.json").read_text())
    rewrite(run / "config.json", config | {"precision": "bfloat16"})
    # Before the data is looked for.
    flags = [f"--workdir={run}", f"--formats=saved_model,{name}"]
    assert export.main([*flags, f"--data_dir={tmp_path}/none"]) == 2
    line = capsys.readouterr().err
    rule = f"--formats={name}: the run multiplies in bfloat16"
    assert rule in line
    assert "--config.precision=float32" in line
    with pytest.raises(UserError, match=rule):
        Run(run, data_dir=f"{tmp_path}/none").export(name)
    assert not (run / "export").exists()


@pytest.mark.parametrize("problem", TRAINED)
def test_plain_tensorflow_serves_it(exported, trained, problem):
    served = tf.saved_model.load(str(exported(problem)))
    signature = served.signatures["serving_default"]
    model = load(trained(problem))
    x = held_out_rows(model.stored)[0]
    found = signature(inputs=tf.constant(x[:7]))
    name = "values" if problem in OF_VALUES else "probabilities"
    np.testing.assert_allclose(
        found[name], model.predict(x[:7]), rtol=1e-5, atol=1e-5
    )
    assert ("class" in found) == (problem in ("binary", "multiclass"))
    if "class" in found:
        assert found["class"].dtype == tf.int64
        assert found["class"].numpy().tolist() == model.classes(x[:7]).tolist()
    assert signature(inputs=tf.constant(x[:1]))[name].shape[0] == 1


@pytest.mark.parametrize("problem", TRAINED)
def test_names_of_classes_are_in_the_export(exported, trained, problem):
    folder = exported(problem)
    served = tf.saved_model.load(str(folder))
    meta = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
    ).get_modelmeta()
    if problem in OF_VALUES:
        assert not hasattr(served, "labels")
        assert not (folder / "labels.txt").exists()
        assert "labels" not in meta.custom_metadata_map
        return
    names = list(load(trained(problem)).stored.labels)
    assert [name.decode() for name in served.labels().numpy()] == names
    assert (folder / "labels.txt").read_text().splitlines() == names
    assert json.loads(meta.custom_metadata_map["labels"]) == names


@pytest.mark.slow
def test_keras_opens_its_file_without_strata(exported, trained, tmp_path):
    model = load(trained("binary"))
    x = held_out_rows(model.stored)[0]
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, keras, numpy as np;"
        "sys.modules['trainer'] = None;"
        "model = keras.saving.load_model(sys.argv[1]);"
        "p = model.predict(np.load(sys.argv[2]), verbose=0);"
        "np.save(sys.argv[3], p)"
    )
    path = exported("binary") / "model.keras"
    arguments = [path, tmp_path / "x.npy", tmp_path / "p.npy"]
    subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "p.npy"), model.predict(x), atol=1e-5
    )


def test_a_second_export_is_the_next_version(trained, capsys):
    workdir = trained("bounded_regression")
    before = len(list((workdir / "export").glob("*")))
    for number in (before + 1, before + 2):
        assert export.main([f"--workdir={workdir}"]) == 0
        folder = workdir / "export" / str(number)
        assert (folder / "saved_model.pb").is_file()
        assert (folder / "model.keras").is_file()
        assert not (folder / "model.onnx").exists()
        assert f"exported to {folder}" in capsys.readouterr().out


def test_the_card_says_what_is_known(exported, trained):
    folder = exported("multiclass")
    text = (folder / "model_card.md").read_text()
    card = json.loads((folder / "model_card.json").read_text())
    result = read_result(trained("multiclass"))
    values = result["evaluation"]["test"]
    assert card["run"]["evaluation"] == {"test": values}
    assert result["weights_sha256"] in text
    assert f"| accuracy | {values['accuracy']:.4f} |" in text
    assert "CC BY 4.0" in text
    assert "weakest" in text
    assert "```sh\npython " in text.split("How to train it again")[1]
    assert card["config"]["data"]["source"] == "digits"
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*")}
    assert set(card["files"]) <= files
    assert {"saved_model.pb", "model.keras", "model.tflite"} <= set(
        card["files"]
    )


def named(card, name):
    """Returns a card of a run where a stranger gave the names."""
    card = copy.deepcopy(card)
    card["data"] |= {"name": name, "origin": name, "fingerprint": name}
    names = [f"{name}{i}" for i in range(10)]
    card["data"]["problem"]["class_names"] = names
    columns = [{"name": f"{name}{i}"} for i in range(2)]
    card["data"]["encoding"] = {"columns": columns}
    for row in card["run"]["per_class"]:
        row["class"] = name
    pair = {"class": name, "predicted": name, "rows": 1}
    card["run"]["confusion"] = {"most_confused": [pair]}
    card["trained"]["command"] = ["x", "trainer/task.py", f"--data_dir={name}"]
    card["trained"]["processor"] = name
    return card


@hypothesis.given(NAMES)
@hypothesis.settings(max_examples=100)
def test_a_card_has_no_marks_of_names_and_nothing_that_acts(digits_card, name):
    def shown(name):
        text = model_card.text_of(named(digits_card, name))
        assert not {c for c in text if c in ACTING} - {"\n"}
        assert "<script" not in text
        found = markdown.markdown(text, extensions=["tables", "fenced_code"])
        return re.findall(r"<(\w+)", found)

    assert shown(name) == shown("a")


@hypothesis.given(NAMES)
@hypothesis.settings(max_examples=30)
def test_the_cards_command_is_the_one_that_was_given(name):
    hypothesis.assume("\0" not in name)
    quoted = str(model_card._command(["printf", "%s", name]))
    done = subprocess.run(
        ["bash", "-c", quoted],
        capture_output=True,
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
    )
    assert done.stdout.decode() == name


@pytest.fixture(scope="module")
def digits_card(exported):
    return json.loads((exported("multiclass") / "model_card.json").read_text())


@pytest.mark.parametrize("problem", TRAINED)
def test_every_problem_has_a_card(exported, problem):
    text = (exported(problem) / "model_card.md").read_text()
    assert text.startswith("# Model card: ")
    assert "None" not in text


@pytest.mark.slow
def test_a_network_of_all_parts_is_exported(tmp_path, capsys):
    flags = [
        "--config=diabetes",
        f"--workdir={tmp_path / 'run'}",
        "--config.epochs=1",
        "--config.model.hidden_units=16,16,8",
        "--config.model.dropout=0.5",
        "--config.model.layer_normalization=true",
        "--config.model.skip_connections=true",
        "--config.model.activation=silu",
        "--config.optimizer.ema_decay=0.9",
    ]
    assert task.main(flags) == 0
    flags = [f"--workdir={tmp_path / 'run'}", f"--formats={ALL}"]
    assert export.main(flags) == 0


@pytest.mark.slow
def test_what_a_converter_does_not_know_is_one_line(tmp_path, capsys):
    flags = [
        "--config=digits",
        f"--workdir={tmp_path / 'run'}",
        "--config.epochs=1",
        "--config.model.activation=gelu",
    ]
    assert task.main(flags) == 0
    capsys.readouterr()
    flags = [f"--workdir={tmp_path / 'run'}", "--formats=onnx"]
    assert export.main(flags) == 2
    error = capsys.readouterr().err
    assert "leave the format out" in error.splitlines()[-1]
    assert not list((tmp_path / "run" / "export").iterdir())


def test_a_format_that_says_something_else_is_no_export(
    trained, monkeypatch, capsys
):
    workdir = trained("multilabel")
    before = sorted((workdir / "export").glob("*"))

    def write(model, path):
        weight = model.network.scored.weights[0]
        kept = weight.numpy()
        weight.assign(kept * 1.001)
        formats.write_saved_model(model, path)
        weight.assign(kept)

    wrong = formats.TABLE["saved_model"]._replace(write=write)
    monkeypatch.setitem(formats.TABLE, "saved_model", wrong)
    assert export.main([f"--workdir={workdir}"]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "it differs from the trainer by up to" in error
    assert sorted((workdir / "export").glob("*")) == before


@pytest.mark.parametrize(("unit", "share"), [(1e4, 2e-5), (1e-4, 2.0)])
def test_values_near_0_are_compared_by_their_deviation(
    trained, monkeypatch, unit, share
):
    """Rounding is multiplied by it, however near to 0 a value comes out."""
    model = load(trained("regression"))
    x = held_out_rows(model.stored)[0]
    deviation = np.full(1, unit, np.float32)
    problem = dataclasses.replace(model.stored.problem, target_std=deviation)
    model.stored = dataclasses.replace(model.stored, problem=problem)
    ours = np.full((len(x), 1), 0.1, np.float32)
    monkeypatch.setattr(model, "predict_blocks", lambda rows: iter([ours]))
    found = formats.compare(model, lambda part: ours[: len(part)] + 0.2, x)
    assert found.greatest == pytest.approx(share)


def test_labels_are_compared_but_for_ties(trained):
    model = load(trained("multiclass"))
    x = held_out_rows(model.stored)[0]
    p = model.predict(x)
    found = formats.compare(model, lambda part: p[: len(part)], x[:9])
    assert found == (9, 0.0, 0)
    swapped = p[:9, ::-1]
    assert formats.compare(model, lambda part: swapped, x[:9]).labels == 9
    two = np.array([[0.5, 0.5 - 1e-7], [0.6, 0.4]], np.float32)
    differ = model.stored.problem.differ(two, two[:, ::-1], formats.TOLERANCE)
    assert differ.tolist() == [False, True]


def test_formats_are_a_text_or_a_sequence():
    names = ["keras", "saved_model"]
    assert export.chosen_formats("keras,saved_model,keras") == names
    assert export.chosen_formats(names) == names
    assert export.chosen_formats(("keras",)) == ["keras"]
    wrong: Any
    for wrong in ([], None, 3, ["keras", 3], [["keras"]], {"keras": 1}):
        with pytest.raises(UserError, match="is none of saved_model, keras"):
            export.chosen_formats(wrong)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--formats=keras,coreml"], "'coreml' is none of saved_model, keras"),
        (["--formats="], "is none of"),
        (["--checkpoint=3"], "is none of best"),
        (["--data_dir=."], "is not read by"),
    ],
)
def test_a_mistake_is_one_line(trained, capsys, flags, words):
    assert export.main([f"--workdir={trained('multiclass')}", *flags]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err


def test_an_extra_that_is_missing_is_named(trained, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "tf2onnx" else find(name),
    )
    flags = [f"--workdir={trained('multiclass')}", "--formats=onnx"]
    assert export.main(flags) == 2
    told = capsys.readouterr().err
    assert "needs tf2onnx" in told
    assert "-m pip install 'strata-mlp[onnx]'" in told


def test_a_folder_whose_name_is_a_pattern_to_tensorflow(
    trained, tmp_path, capsys
):
    workdir = tmp_path / "a[1] b*?"
    shutil.copytree(trained("multiclass"), workdir)
    shutil.rmtree(workdir / "export", ignore_errors=True)
    assert export.main([f"--workdir={workdir}", "--formats=saved_model"]) == 0
    assert "opens no SavedModel below" in capsys.readouterr().err
    shutil.copytree(workdir / "export" / "1", tmp_path / "plain")
    served = tf.saved_model.load(str(tmp_path / "plain"))
    assert "serving_default" in served.signatures


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "export").write_text("a file")
    with (
        pytest.raises(UserError, match="cannot be written"),
        export._numbered(tmp_path / "export"),
    ):
        pass


@pytest.mark.slow
def test_a_killed_export_leaves_nothing_behind(trained, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(trained("multiclass"), workdir)
    shutil.rmtree(workdir / "export", ignore_errors=True)
    command = [sys.executable, "-m", "trainer", "export"]
    killed = subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        cwd=processes.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    written = workdir / "export" / ".1" / "variables"
    try:
        jobs.wait_for("a half-written export", written.exists)
        with (
            pytest.raises(UserError, match="in use by another export"),
            export._numbered(workdir / "export"),
        ):
            pass
    finally:
        killed.kill()
        killed.wait()
    names = [path.name for path in (workdir / "export").iterdir()]
    assert names == [".1"]
    assert export.main([f"--workdir={workdir}", "--formats=keras"]) == 0
    names = [path.name for path in (workdir / "export").iterdir()]
    assert names == ["1"]


@pytest.mark.slow
def test_all_formats_agree_on_all_of_mnists_test_images(
    mnist_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "COMPARED_ROWS", 10_000)
    flags = [f"--workdir={tmp_path / 'run'}", f"--data_dir={mnist_dir}"]
    length = "--config.epochs=1"
    assert task.main(["--config=mnist", length, *flags]) == 0
    assert export.main([flags[0], f"--formats={ALL}"]) == 0
    path = tmp_path / "run" / "export" / "1" / "model_card.json"
    for found in json.loads(path.read_text())["agreement"].values():
        assert found["rows"] == 10_000
        assert found["greatest_difference"] <= 1e-5
        assert found["labels_that_differ"] == 0


@pytest.mark.parametrize(("styles", "first"), [(True, 8), (False, 0)])
def test_cells_that_nobody_sends_are_not_compared(tmp_path, styles, first):
    """As those of test rows that are typed, where people wrote the others."""
    told = [f"{n + 0.5:.2f}".replace(".", ",") for n in range(20)]
    written: list = told if styles else [n + 0.5 for n in range(20)]
    kinds = ["oak", "yew"] * 10
    header, rows = "price,kind", zip(written[:8], kinds, strict=False)
    lines = [header, *(f'"{price}",{kind}' for price, kind in rows)]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    prices = [n + 0.5 for n in range(8, 20)]
    table = pa.table({"price": prices, "kind": kinds[8:]})
    parquet.write_table(table, str(tmp_path / "test.parquet"))
    config = DataConfig(source="files", target="kind")
    found = sources.load(config, seed=0, data_dir=str(tmp_path))
    data: Any = types.SimpleNamespace(dataset=found)
    expected = told[:first] or [*map(str, prices)]
    assert export._some_cells(data, None) == {"price": expected}


def test_a_cell_that_the_export_refuses_is_one_line(monkeypatch, tmp_path):
    def refuse(cells):
        raise tf.errors.InvalidArgumentError(None, None, "must be a number")

    served = types.SimpleNamespace(
        columns=lambda: tf.constant([b"price"]), signatures={"table": refuse}
    )
    monkeypatch.setattr(tf.saved_model, "load", lambda _: served)
    model: Any = types.SimpleNamespace(
        stored=types.SimpleNamespace(encoding="some")
    )
    with pytest.raises(UserError, match=r"refuses cells .*must be a number"):
        formats.check_table(model, tmp_path, {"price": ["9,5"]})
    assert formats.check_table(model, tmp_path, {"price": []}).rows == 0


def test_a_portable_model_is_standard_keras(trained):
    run = trained_run.read(trained("regression"))
    whole = portable(run, build_network(run))
    assert "trainer" not in json.dumps(whole.get_config())
    assert isinstance(whole, keras.Model)


@pytest.mark.slow
def test_a_chosen_threshold_and_temperature_are_in_every_format(tmp_path):
    random = np.random.RandomState(0)
    x = random.randn(600, 3).round(3)
    y = np.where(x[:, 0] + random.randn(600) > 2.2, "yes", "no")
    rows = "".join(
        f"{a},{b},{c},{left}\n" for (a, b, c), left in zip(x, y, strict=True)
    )
    (tmp_path / "customers.csv").write_text("a,b,c,left\n" + rows)
    run = tmp_path / "run"
    flags = ["--config=your_data", "--config.steps=200"]
    flags += [f"--data_dir={tmp_path}/customers.csv", f"--workdir={run}"]
    flags.append("--config.evaluation.temperature_scaling=True")
    assert task.main(flags) == 0
    decision = read_result(run)["decision"]
    assert decision["threshold"] < 0.5
    assert export.main([f"--workdir={run}", f"--formats={ALL}"]) == 0
    folder = run / "export" / "1"
    card = json.loads((folder / "model_card.json").read_text())
    assert card["threshold"] == decision["threshold"]
    told = (folder / "model_card.md").read_text()
    assert f"1 where the chance is more than {decision['threshold']}" in told
    # Which also holds the classes that it answers against ours.
    answer = formats.open_tflite(load(run), folder / "model.tflite")
    chances = answer(x.astype(np.float32))[:, 0]
    assert ((chances > decision["threshold"]) & (chances < 0.5)).any()
    written = tmp_path / "answers.csv"
    assert (
        predict.main(
            [
                f"--workdir={run}",
                f"--input={tmp_path}/customers.csv",
                f"--output={written}",
            ]
        )
        == 0
    )
    answers = list(csv.DictReader(written.read_text().splitlines()))
    told_yes = [row["class"] == "yes" for row in answers]
    np.testing.assert_array_equal(told_yes, chances > decision["threshold"])
