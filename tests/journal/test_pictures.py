"""What TensorBoard shows behind a score is what scikit-learn says of it."""

import base64
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sk

from tests.curves import events
from trainer.charts import rendering
from trainer.journal import matrices
from trainer.journal import pictures
from trainer.problem import curves
from trainer.problem import problems

RNG = np.random.default_rng(5)


def problem_of(name, outputs):
    kind = problems.type_of(name)
    fields = dataclasses.fields(kind)
    values = {"type": name, "outputs": outputs, "metrics": kind.metrics}  # type: ignore[misc]
    rest = {f.name: None for f in fields if f.default is dataclasses.MISSING}
    return kind(**{**rest, **values})


def test_classes_are_counted_as_scikit_learn_does():
    truth = RNG.integers(4, size=500).astype(np.int32)
    outputs = RNG.dirichlet(np.ones(4), 500).astype("f")
    found = pictures.numbers(problem_of("multiclass", 4), outputs, truth)
    guess = outputs.argmax(axis=1)
    precision, recall, _, _ = sk.precision_recall_fscore_support(truth, guess)
    for label in range(4):
        assert found.scalars[f"precision/{label}"] == precision[label]
        assert found.scalars[f"recall/{label}"] == recall[label]
    table = found.texts["confusion_counts"].splitlines()[2:]
    counts = [[int(n) for n in row.split("|")[2:-1]] for row in table]
    np.testing.assert_array_equal(counts, sk.confusion_matrix(truth, guess))
    np.testing.assert_array_equal(found.matrix, counts)


@pytest.mark.parametrize("name, outputs", [("binary", 1), ("multilabel", 3)])
def test_curves_are_scikit_learns_at_their_thresholds(name, outputs):
    truth = RNG.integers(2, size=(400, outputs)).astype(np.uint8)
    chances = RNG.uniform(size=(400, outputs)).astype("f")
    chances[:40] = np.round(chances[:40], 1)
    truth_as_held = truth[:, 0] if name == "binary" else truth
    found = pictures.numbers(problem_of(name, outputs), chances, truth_as_held)
    assert len(found.curves) == outputs
    for i, counts in enumerate(found.curves.values()):
        for place in (0, 10, 50, 99, 100):
            edge = np.linspace(0, 1, curves.THRESHOLDS)[place]
            guess = chances[:, i].astype(float) >= edge
            (rest, false), (missed, hits) = sk.confusion_matrix(
                truth[:, i], guess, labels=[0, 1]
            )
            assert counts[:, place].tolist() == [hits, false, rest, missed]


def matrices_drawn(labels, counts_of):
    shown = []
    drawn = matrices.Matrices(labels, lambda *what: shown.append(what))
    for split, step in counts_of:
        drawn.add(split, step, np.full((2, 2), step))
    drawn.finish()
    return shown


def test_matrices_are_drawn_ever_more_rarely_and_the_last_at_the_end():
    steps = range(10, 110, 10)
    scored = [(split, n) for n in steps for split in ("validation", "test")]
    shown = matrices_drawn(("a", "b"), scored)
    for split in ("validation", "test"):
        of_split = [step for name, step, _ in shown if name == split]
        assert of_split == [10, 20, 40, 80, 100]
    last = rendering.MatrixPixels(("a", "b"))(np.full((2, 2), 100))
    np.testing.assert_array_equal(shown[-1][2], last)


def test_a_last_matrix_is_not_drawn_twice():
    shown = matrices_drawn(("a", "b"), [("test", 7)])
    assert [where[:2] for where in shown] == [("test", 7)]


def test_without_its_extra_no_matrix_is_drawn(monkeypatch):
    monkeypatch.setattr(matrices, "has_charts", lambda: False)
    assert matrices_drawn(("a", "b"), [("test", 7)]) == []


SHOWN = {
    "multiclass": {"confusion_matrix", "calibration", "most_wrong"},
    "binary": {"confusion_matrix", "calibration", "importance"},
    "multilabel": {"calibration", "most_wrong"},
    "regression": {"predicted_by_true", "importance"},
    "bounded_regression": {"predicted_by_true"},
    "count": {"predicted_by_true"},
}


@pytest.mark.slow
@pytest.mark.parametrize("problem", SHOWN)
def test_a_run_shows_the_pictures_of_its_problem(trained, problem):
    found = events(trained(problem) / "test")
    pictures = set(found.PluginTagToContent("images"))
    assert SHOWN[problem] <= pictures
    tags = found.Tags()["tensors"]
    shown = [tag for tag in tags if tag.startswith("precision_recall/")]
    assert bool(shown) == (problem in ("binary", "multilabel"))


def test_the_worst_rows_are_those_of_the_report(trained):
    workdir = trained("multiclass")
    (shown,) = events(workdir / "test").Tensors("most_wrong")
    pngs = tf.make_ndarray(shown.tensor_proto)[2:]  # after width and height
    found = json.loads((workdir / "detail.json").read_text())["mistakes"]
    assert len(pngs) == len(found) > 1
    for png, mistake in zip(pngs, found, strict=True):
        np.testing.assert_array_equal(
            tf.io.decode_png(png),
            tf.io.decode_png(base64.b64decode(mistake["picture"])),
        )
