"""The page of a run: its figures are those of the run, whatever happened."""

import json
import re
import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.util.tensor_util import make_ndarray

from tests import runs
from tests.runs import TRAINED
from trainer import task
from trainer.finished import stored_run
from trainer.process import columns
from trainer.reports import heading
from trainer.reports import pages
from trainer.reports import report
from trainer.workdir.folder import REPORT_FILE

QUICK = ("--config=digits", "--config.epochs=3")


@pytest.fixture
def run_copy(trained, tmp_path):
    """A run's workdir that a test may harm."""
    path = tmp_path / "run"
    shutil.copytree(trained("multiclass"), path)
    (path / REPORT_FILE).unlink()
    return path


def page_of(workdir):
    return (workdir / REPORT_FILE).read_text()


def last_of(workdir, split, tag):
    events = EventAccumulator(str(workdir / split))
    events.Reload()
    return float(make_ndarray(events.Tensors(tag)[-1].tensor_proto))


@pytest.mark.parametrize("problem", TRAINED)
def test_a_finished_run_has_a_page_that_names_its_scores(trained, problem):
    workdir = trained(problem)
    result = json.loads((workdir / "result.json").read_text())
    page = page_of(workdir)
    for values in result["evaluation"].values():
        for value in values.values():
            assert columns.shown(value) in page
    assert result["weights_sha256"] in page
    assert "strata report" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_five_places_tell_the_same_loss(tmp_path, capsys):
    workdir = tmp_path / "run"
    assert task.main([*QUICK, f"--workdir={workdir}"]) == 0
    printed = capsys.readouterr().out
    result = json.loads((workdir / "result.json").read_text())
    loss = result["evaluation"]["validation"]["loss"]
    lines = [
        json.loads(line)
        for line in (workdir / "metrics.jsonl").read_text().splitlines()
    ]
    (journal,) = [x["loss"] for x in lines if x["split"] == "validation"][-1:]
    assert journal == loss
    assert last_of(workdir, "validation", "loss") == pytest.approx(loss, 1e-6)
    shown = re.findall(r"val_loss: ([0-9.]+)", printed)[-1]
    assert shown == f"{loss:.4f}"
    assert f">{loss:.4f}<" in page_of(workdir)
    accuracy = result["evaluation"]["test"]["accuracy"]
    assert printed.endswith(f"MLP score: {100 * accuracy:.2f}%\n")


def test_without_its_switch_nothing_is_made(tmp_path):
    flags = [*QUICK, "--config.log.report=False"]
    assert task.main([*flags, f"--workdir={tmp_path}/run"]) == 0
    assert not (tmp_path / "run" / REPORT_FILE).exists()
    assert not (tmp_path / "run" / "detail.json").exists()


def test_a_page_that_fails_leaves_the_run_done(tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise ValueError("no ink")

    monkeypatch.setattr(report, "write", fail)
    assert task.main([*QUICK, f"--workdir={tmp_path}/run"]) == 0
    assert "no report was made: ValueError('no ink')" in capsys.readouterr().err


def test_without_its_extra_a_run_says_that_it_has_no_page(
    run_copy, monkeypatch, capsys
):
    monkeypatch.setattr(pages, "PACKAGE", "no_such_ink")
    report.write_at_the_end(str(run_copy))
    told = capsys.readouterr().err
    assert told.startswith("no report was made: a page needs no_such_ink")
    assert told.count("\n") == 1
    assert not (run_copy / REPORT_FILE).exists()


TITLES = {
    "binary": "breast_cancer: malignant or benign from 30 numbers",
    "multiclass": "digits: one of 10 classes from images of 8 × 8 pixels",
    "multilabel": "digits_attributes: even, closed loop, more than four, prime"
    " from images of 8 × 8 pixels",
    "regression": "diabetes: a value from 10 numbers",
    "bounded_regression": "digits_ink: a value from images of 4 × 8 pixels",
    "count": "digits_pixels: a value from images of 4 × 8 pixels",
}


@pytest.mark.parametrize("problem", TRAINED)
def test_a_page_says_what_was_learnt(trained, problem):
    run = stored_run.read(str(trained(problem)))
    assert heading.title(run) == TITLES[problem]
    assert f"<h1>{TITLES[problem]}</h1>" in page_of(trained(problem))


def test_a_page_says_how_well_and_from_what(trained):
    run = stored_run.read(str(trained("multiclass")))
    right = run.final["accuracy"]
    score = heading.score(run)
    assert score.startswith(f"{100 * right:.2f} % of 359 test rows are right")
    ends = [f"{100 * end:.2f}" for end in run.intervals["accuracy"] or ()]
    assert score.endswith(f" (95 %: {' to '.join(ends)} %)")
    assert len(ends) == 2
    lead = heading.lead(run)
    assert "trained on 1,294 rows, with 144 validation rows and 359" in lead
    assert "Done after 2 epochs (82 steps)" in lead
    assert "process(es)" not in lead


def test_a_rate_that_stays_and_a_lone_start_are_not_drawn(run_copy):
    assert report.main([str(run_copy)]) == 0
    page = page_of(run_copy)
    assert "learning rate by step" not in page
    assert "Each start of the run" not in page
    assert "No held-out rows were scored" not in page


def test_a_rate_that_changes_is_drawn_and_a_missing_curve_is_told(run_copy):
    run = stored_run.read(str(run_copy))
    train = [line for line in run.timing if "learning_rate" in line]
    lines = [{**x, "learning_rate": 1 / x["step"]} for x in train]
    known = [x for x in run.metrics if x["split"] != "validation"]
    vars(run).update(timing=lines, metrics=known)
    report.write(run, run_copy / REPORT_FILE)
    page = page_of(run_copy)
    assert "learning rate by step" in page
    assert "No held-out rows were scored" in page


def test_a_page_tells_which_columns_a_table_is_answered_by(trained, flowers):
    page = page_of(trained("binary"))
    found = stored_run.read(str(trained("binary"))).detail["columns"]
    assert len(found["importance"]) == 30
    assert "Permutation importance, 114 test rows; 10 columns of less" in page
    first = found["dependence"][0]
    assert first["column"] == found["importance"][0]["column"]
    assert list(first["outputs"]) == ["benign"]
    assert f"mean chance of benign by {first['column']}" in page
    run, _ = flowers
    of_flowers = stored_run.read(str(run)).detail["columns"]["dependence"]
    values = {each["column"]: each["values"] for each in of_flowers}
    assert {"red", "blue", "(missing)"} <= set(values["colour"])
    assert 2 < len(values["size"]) <= 20
    assert "mean chance of yew by colour" in page_of(run)


def test_a_page_shows_what_led_to_a_mistake(trained):
    detail = stored_run.read(str(trained("multiclass"))).detail
    assert "columns" not in detail
    assert all(row["why"] for row in detail["mistakes"])
    page = page_of(trained("multiclass"))
    assert page.count("data:image/png") >= 2 * len(detail["mistakes"])
    assert detail["mistakes"][0]["why"] in page
    assert "Columns that it answers by" not in page
    of_table = stored_run.read(str(trained("binary"))).detail["mistakes"]
    assert {row["why"] for row in of_table} == {None}


def test_columns_that_were_left_out_are_told(run_copy):
    run = stored_run.read(str(run_copy))
    run.detail["columns"] = {"left_out": "they are too many"}
    report.write(run, run_copy / REPORT_FILE)
    assert "Left out: they are too many." in page_of(run_copy)


def test_restarts_are_marked(run_copy):
    path = run_copy / "attempt.json"
    attempt = json.loads(path.read_text())
    began = attempt["began_unix_secs"]
    killed = {"attempt": 1, "began_unix_secs": began - 9, "began_step": 0}
    attempt |= {"attempt": 2, "began_step": 41, "earlier": [killed]}
    runs.rewrite(path, attempt)
    run = stored_run.read(str(run_copy))
    assert run.restart_steps == [41]
    assert [code for _, _, code in run.starts] == [None, 0]
    assert run.starts[1][0] == pytest.approx(9)
    assert report.main([str(run_copy)]) == 0
    assert "start 1 from 0 to 0 s, killed, or still" in page_of(run_copy)


def test_a_run_that_goes_on_has_a_page_too(run_copy):
    for name in ("result.json", "detail.json"):
        (run_copy / name).unlink()
    with (run_copy / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "los')
    assert report.main([str(run_copy), f"--output={run_copy}/mine.html"]) == 0
    page = (run_copy / "mine.html").read_text()
    assert "not finished" in page
    assert "Worst mistakes" not in page


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["{empty}"], "holds no run"),
        (["{empty}/none"], "holds no run"),
        ([], "workdir"),
        (["{run}", "--output={empty}"], "is a folder"),
        (["{run}", "--output={empty}/none/a.html"], "there is no folder"),
        (["{run}", "--out=a"], "--out=a"),
    ],
)
def test_a_mistake_is_one_line(trained, tmp_path, capsys, flags, words):
    workdir = trained("multiclass")
    before = sorted(workdir.iterdir())
    capsys.readouterr()
    given = [f.format(empty=tmp_path, run=workdir) for f in flags]
    assert report.main(given) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.err.count("\n") == 1
    assert not told.out
    assert not list(tmp_path.iterdir())
    assert sorted(workdir.iterdir()) == before


def test_without_its_extra_a_page_is_refused(trained, monkeypatch, capsys):
    monkeypatch.setattr(pages, "PACKAGE", "no_such_ink")
    assert report.main([str(trained("multiclass"))]) == 2
    assert "needs no_such_ink" in capsys.readouterr().err


@pytest.mark.parametrize("problem", TRAINED)
def test_the_worst_mistakes_are_mistakes(trained, problem):
    text = (trained(problem) / "detail.json").read_text()
    found = json.loads(text)["mistakes"]
    assert found
    wrongness = [row["how_wrong"] for row in found]
    assert wrongness == sorted(wrongness, reverse=True)
    assert all(row["true"] != row["predicted"] for row in found)
