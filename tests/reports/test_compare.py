"""Runs side by side: what differs, and what is more than noise."""

import json
import re
import shutil

import pytest

from tests import runs
from tests.faults import bucket as buckets
from trainer.finished import stored_run
from trainer.problem import scores
from trainer.process import columns
from trainer.reports import compare


@pytest.fixture
def two(trained, tmp_path):
    """Two copies of a run, which tests make differ."""
    for name in ("first", "second"):
        shutil.copytree(trained("multiclass"), tmp_path / name)
    return tmp_path / "first", tmp_path / "second"


def change(workdir, name, **values):
    path = workdir / name
    stored = json.loads(path.read_text())
    for dotted, value in values.items():
        *folders, last = dotted.split("__")
        place = stored
        for folder in folders:
            place = place[folder]
        place[last] = value
    runs.rewrite(path, stored)


def score(workdir, right, rows=359):
    change(workdir, "result.json", evaluation__test__accuracy=right / rows)
    change(
        workdir,
        "detail.json",
        intervals__accuracy=scores.wilson(right, rows),
    )


def told(capsys, *flags):
    code = compare.main([str(flag) for flag in flags])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_newcombes_own_example():
    # Newcombe 1998, table II: 56 of 70 and 48 of 80, method 10.
    one, other = scores.wilson(56, 70), scores.wilson(48, 80)
    assert one is not None
    assert other is not None
    found = scores.of_difference(56 / 70, one, 48 / 80, other)
    assert found == pytest.approx([0.0524, 0.3339], abs=5e-5)


@pytest.mark.parametrize(
    ("right", "word"), [(300, "noise"), (340, "better"), (250, "worse")]
)
def test_a_difference_is_called_what_it_is(two, capsys, right, word):
    score(two[0], 297)
    score(two[1], right)
    code, out, _ = told(capsys, *two)
    assert code == 0
    (line,) = [x for x in out.splitlines() if "against the first" in x]
    assert line.endswith(f": {word}")
    assert f"{columns.signed((right - 297) / 359)} (" in line


def test_scores_on_other_data_are_not_judged(two, capsys):
    change(two[1], "record.json", data__name="letters")
    _, out, _ = told(capsys, *two)
    assert "other data" in out
    assert ": noise" not in out


def test_scores_on_rows_of_other_labels_are_not_judged(two, capsys):
    """As of another table in a file of the same name."""
    change(two[1], "record.json", data__labels_sha256__test="0" * 64)
    _, out, _ = told(capsys, *two)
    assert "other data" in out
    assert ": noise" not in out
    # An earlier version tells its name alone.
    change(two[1], "record.json", data__labels_sha256=None)
    _, out, _ = told(capsys, *two)
    assert ": noise" in out


def two_of_classes(trained, folder, **changes):
    """Two runs on classes a and b, of which b's rows count three times.

    The second's problem is changed.
    """
    for name, changed in (("first", {}), ("second", changes)):
        shutil.copytree(trained("binary"), folder / name)
        problem = {"class_names": ["a", "b"], "class_weights": [1, 3]} | changed
        values = {f"data__problem__{n}": v for n, v in problem.items()}
        change(folder / name, "record.json", **values)
    return folder / "first", folder / "second"


@pytest.mark.parametrize(
    ("metric", "changes", "words"),
    [
        ("precision", {"class_names": ["b", "a"]}, "of the class 'a', not 'b'"),
        ("accuracy", {"class_names": ["b", "a"]}, None),
        ("loss", {"loss": "binary_focal_crossentropy"}, "another loss"),
        ("loss", {"label_smoothing": 0.1}, "another loss"),
        ("loss", {"class_weights": [0.5, 1.5]}, "another loss"),
        ("loss", {"class_names": ["b", "a"]}, "another loss"),
        ("loss", {"class_names": ["b", "a"], "class_weights": [3, 1]}, None),
        ("accuracy", {"label_smoothing": 0.1}, None),
    ],
)
def test_metrics_of_one_name_may_be_of_two_things(
    trained, tmp_path, metric, changes, words
):
    first, second = map(
        stored_run.read, two_of_classes(trained, tmp_path, **changes)
    )
    assert first.other_measure(second, metric) == words
    assert first.other_measure(first, metric) is None


def test_scores_of_other_splits_are_not_judged(two, capsys):
    stored = runs.read_result(two[1])["evaluation"]
    change(
        two[1],
        "result.json",
        evaluation={"validation": stored["validation"]},
    )
    change(two[1], "detail.json", split="validation")
    _, out, _ = told(capsys, *two)
    lines = out.split("\n\n")[0].splitlines()
    assert lines[0] == "Scores (test or validation split)"
    assert lines[2].split() == ["split", "test", "validation"]
    assert "other rows: validation, not test" in out
    assert ": noise" not in out


def test_the_fields_that_differ_are_named_by_their_paths(two, capsys):
    change(two[1], "config.json", optimizer__learning_rate=0.125)
    _, out, _ = told(capsys, *two)
    block = out.split("\n\n")[0].splitlines()
    assert block[0] == "What differs"
    assert [line.split()[0] for line in block[2:]] == [
        "optimizer.learning_rate"
    ]
    assert block[2].split()[2] == "0.125"


def test_seconds_are_those_of_the_line_that_reached_the_score(two, capsys):
    run = stored_run.read(str(two[0]))
    steps, values = run.curve("validation", "accuracy")
    low = min(values)
    code, out, _ = told(capsys, *two, f"--score={low}")
    secs = run.run_secs(steps[0], "validation")
    (line,) = [x for x in out.splitlines() if x.startswith("seconds to")]
    assert code == 0
    assert line.split()[-1] == columns.shown(secs)
    _, out, _ = told(capsys, *two, "--score=1.5")
    (line,) = [x for x in out.splitlines() if x.startswith("seconds to")]
    assert line.split()[-2:] == ["–", "–"]


def test_no_time_is_told_to_a_score_of_two_classes(trained, tmp_path, capsys):
    two = two_of_classes(trained, tmp_path, class_names=["b", "a"])
    for run in two:
        change(run, "record.json", data__problem__headline="average_precision")
    _, out, _ = told(capsys, *two)
    assert "of the class 'a', not 'b'" in out
    assert "seconds to" not in out
    _, out, _ = told(capsys, *two, "--score=0.5")
    assert "seconds to" in out


@buckets.needs_client
def test_runs_in_a_bucket_are_fetched_once(two, capsys, tmp_path, monkeypatch):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as server:
        for path in two:
            server.put_folder(path.name, path)
        places = [f"gs://{buckets.BUCKET}/{path.name}" for path in two]
        code, out, _ = told(capsys, *places)
        assert code == 0
        assert "first" in out
        assert server.listed == ["first/", "second/"]


def test_the_cost_is_device_hours_by_price(two, capsys):
    change(two[1], "result.json", wall_secs=7200.0)
    change(two[1], "record.json", topology__replicas=4)
    _, out, _ = told(capsys, *two, "--usd_per_device_hour=2.5")
    rows = {x.split()[0]: x.split()[-1] for x in out.splitlines() if x}
    assert rows["device-hours"] == "8.0000"
    assert rows["USD"] == "20.0000"


def test_the_page_holds_the_tables(two, capsys, tmp_path):
    output = tmp_path / "compare.html"
    code, out, _ = told(capsys, *two, f"--output={output}")
    assert code == 0
    assert out.endswith(f"{output}\n")
    page = output.read_text()
    assert "device-hours" in page
    assert "2 runs. digits: one of 10 classes from images of 8" in page
    assert re.search(r'class="score">accuracy of \S+ against \S+: [-+]0', page)
    assert page.count("<svg") >= 3


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "WORKDIR"),
        (("{0}",), "nothing to compare"),
        (("{0}", "{0}"), "named twice"),
        (("{0}", "{0}/../first"), "named twice"),
        (("{0}", "{2}"), "compare runs of one problem"),
        (("{0}", "{0}/checkpoints"), "holds no run"),
        (("{0}", "{1}", "--output={0}"), "is a folder"),
        (("{0}", "{1}", "--output={0}/none/x.html"), "there is no folder"),
        (("{0}", "{1}", "--score=high"), "--score"),
    ],
)
def test_a_mistake_is_one_line(trained, two, capsys, flags, words):
    workdirs = (*two, trained("binary"))
    capsys.readouterr()
    code, out, err = told(capsys, *(f.format(*workdirs) for f in flags))
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert not out
