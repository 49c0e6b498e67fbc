"""Estimators, by scikit-learn's own tests of estimators and beside them."""

import functools
import os
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.datasets import load_diabetes
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import trainer
from tests import processes
from trainer.api.estimator import moments_of
from trainer.api.learner import Learner

# See docs/python.md: networks are float32, and this wants 7 equal digits.
FLOAT32 = {
    "check_sample_weight_equivalence_on_dense_data": "float32 arithmetic",
}
# As scikit-learn's own tests shorten its networks.
SHORT: Any = {"epochs": 20, "learning_rate": 0.01, "hidden_units": (16,)}
ESTIMATORS: Any = (trainer.MLPClassifier, trainer.MLPRegressor)
# Asks for a variable that SciPy reads as it is imported.
ARRAY_API = """
import trainer
from sklearn.utils.estimator_checks import check_array_api_input
for name in ("MLPClassifier", "MLPRegressor"):
    check_array_api_input(
        name,
        getattr(trainer, name)(epochs=2),
        array_namespace="numpy",
        expect_only_array_outputs=False,
    )
print("checked")
"""


@parametrize_with_checks(
    [kind(**SHORT) for kind in ESTIMATORS],
    expected_failed_checks=lambda _: FLOAT32,
)
def test_scikit_learns_checks(estimator, check):
    if "array_api" not in str(check):
        check(estimator)


@pytest.mark.slow
def test_scikit_learns_check_of_arrays_of_other_kinds(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    done = processes.start_python("-c", ARRAY_API)
    assert "checked" in processes.finish(done)[1]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_weight_counts_as_so_many_rows(kind):
    random = np.random.RandomState(0)
    x, y = random.rand(30, 4), random.randint(0, 3, 30)
    weight = random.randint(0, 4, 30)
    shape = {**SHORT, "batch_size": 128, "random_state": 0}
    weighted = kind(**shape).fit(x, y, sample_weight=weight)
    repeated = kind(**shape).fit(x.repeat(weight, axis=0), y.repeat(weight))
    name = "predict_proba" if hasattr(kind, "predict_proba") else "predict"
    found, wanted = (getattr(e, name)(x) for e in (weighted, repeated))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert np.abs(found - getattr(kind(**shape).fit(x, y), name)(x)).max() > 0.1


@pytest.mark.parametrize("parts", [3, 12])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_each_row_of_a_batch_is_in_one_of_its_parts(kind, parts):
    x, y = load_iris(return_X_y=True)
    shape = {**SHORT, "optimizer": "sgd", "random_state": 0}
    fields = {"optimizer.accumulation_steps": parts}
    whole, parted = (
        kind(**shape, fields=given).fit(x, y) for given in (None, fields)
    )
    np.testing.assert_allclose(parted.loss_curve_, whole.loss_curve_, rtol=1e-5)


def classes_of(kind) -> dict[str, Any]:
    """Returns what a first `partial_fit` on iris wants to know."""
    return {"classes": [0, 1, 2]} if hasattr(kind, "predict_proba") else {}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_parts_of_a_fit_are_the_fit(kind):
    x, y = load_iris(return_X_y=True)
    whole = kind(**SHORT | {"epochs": 3}, random_state=0).fit(x, y)
    parts = kind(**SHORT, random_state=0)
    more = classes_of(kind)
    for _ in range(3):
        parts.partial_fit(x, y, **more)
    assert parts.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(parts.predict(x), whole.predict(x))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_weights_count_from_one_part_to_the_next(kind):
    x, y = load_iris(return_X_y=True)
    given = {**SHORT, "batch_size": 50, "optimizer": "sgd", "random_state": 0}
    weighted, slower = kind(**given), kind(**given)
    for estimator in (weighted, slower):
        estimator.partial_fit(x, y, **classes_of(kind))
    weighted.partial_fit(x[:50], y[:50], sample_weight=np.full(50, 0.1))
    slower.set_params(learning_rate=SHORT["learning_rate"] / 10)
    slower.partial_fit(x[:50], y[:50])
    for name, array in weighted._state.items():
        np.testing.assert_allclose(array, slower._state[name], atol=1e-6)


def test_a_class_weight_counts_in_parts_of_one_class():
    x, y = load_iris(return_X_y=True)
    weighted, plain = (
        trainer.MLPClassifier(**SHORT, random_state=0, class_weight=weights)
        for weights in ({1: 0.01, 2: 1}, None)
    )
    for estimator in (weighted, plain):
        for label in (0, 1):
            of_class = y == label
            estimator.partial_fit(x[of_class], y[of_class], classes=[0, 1, 2])
    assert weighted.loss_curve_[0] == plain.loss_curve_[0]
    assert weighted.loss_curve_[1] < plain.loss_curve_[1] / 10


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_schedule_ends_no_part_of_a_fit(kind):
    x, y = load_iris(return_X_y=True)
    cosine = {"optimizer.schedule.name": "cosine"}
    plain, planned = (
        kind(**SHORT, fields=fields, random_state=0)
        for fields in (None, cosine)
    )
    for _ in range(3):
        for estimator in (plain, planned):
            estimator.partial_fit(x, y, **classes_of(kind))
    assert planned.loss_curve_ == plain.loss_curve_
    planned.fit(x, y)
    for _ in range(2):
        planned.partial_fit(x, y)
    assert planned.loss_curve_[-1] < planned.loss_curve_[-3]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_values_beyond_float32_are_refused(kind):
    x, y = load_iris(return_X_y=True)
    found = kind(**SHORT | {"epochs": 1})
    with pytest.raises(ValueError, match=r"X has .*e\+200 in row 0; .* 3.4e"):
        found.fit(x * 1e200, y)
    if kind is trainer.MLPRegressor:
        with pytest.raises(ValueError, match=r"y has 1e\+200 in row 50; "):
            found.fit(x, y * 1e200)
    found.fit(x * 1e30, y)
    assert np.isfinite(found.predict(x.astype(float))).all()
    with pytest.raises(ValueError, match=r"row 1, .* scale column 3, or"):
        found.predict(np.where(np.arange(600).reshape(x.shape) == 7, 1e99, x))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_outputs_that_are_not_finite_are_no_answer(kind):
    x = np.linspace(0, 1, 20)[:, None]
    fitted = kind(activation="exponential", epochs=1).fit(x, x[:, 0] > 0.5)
    with pytest.raises(ValueError, match="row 1 has values so large"):
        fitted.predict([[0.5], [1e6]])


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"optimizer": "adam"}, "momentum was nothing in the last fit, and"),
        (
            {"hidden_units": (8,)},
            r"bias was \[16\] .*, and is \[8\] by",
        ),
        ({"hidden_units": (16, 16)}, "hidden_1/bias was nothing"),
    ],
)
def test_parts_are_of_the_network_and_optimizer_that_were_fitted(
    kind, others, words
):
    x, y = load_iris(return_X_y=True)
    found = kind(**SHORT | {"epochs": 1, "optimizer": "sgd"}).fit(x, y)
    before, asked = found.predict(x), found.get_params()
    found.set_params(**others)
    with pytest.raises(ValueError, match=f"{words}.*, or fit anew") as told:
        found.partial_fit(x, y)
    assert "\n" not in str(told.value)
    np.testing.assert_array_equal(found.predict(x), before)
    found.set_params(**asked | {"learning_rate": 0.1})
    assert found.partial_fit(x, y).n_iter_ == 2


def test_parts_have_as_many_values_a_row():
    x, y = load_diabetes(return_X_y=True)
    found = trainer.MLPRegressor(**SHORT).partial_fit(x, y)
    with pytest.raises(ValueError, match=r"2 value\(s\) a row, .* had 1;"):
        found.partial_fit(x, np.stack([y, y], axis=1))


@pytest.mark.parametrize("weights", [{0: 0, 1: 0}, {0: -1.0}, {0: np.nan}])
def test_class_weights_that_weigh_nothing_are_refused(weights):
    x, y = np.eye(4), [0, 1, 0, 1]
    found = trainer.MLPClassifier(**SHORT, class_weight=weights)
    part = functools.partial(found.partial_fit, classes=[0, 1])
    for fit in (found.fit, part):
        with pytest.raises(ValueError, match=r"class_weight=.* must be 0 or"):
            fit(x, y)


@pytest.mark.parametrize("names", [[0, 1, 2], ["a", "b", "c"]])
def test_class_weights_are_of_all_classes_whatever_a_part_holds(names):
    x, classes = np.eye(4), np.array(names)
    found, plain = (
        trainer.MLPClassifier(**SHORT, random_state=0, class_weight=weights)
        for weights in ({names[0]: 2.0}, None)
    )
    for held in ([1, 1, 2, 1], [0, 1, 0, 2]):
        y = classes[held]
        weight = np.where(y == classes[0], 2.0, 1.0)
        found.partial_fit(x, y, classes=classes)
        plain.partial_fit(x, y, classes=classes, sample_weight=weight)
    assert found.loss_curve_ == plain.loss_curve_


def test_a_weight_of_no_class_is_refused():
    found = trainer.MLPClassifier(**SHORT, class_weight={0: 2.0, 5: 1.0})
    part = functools.partial(found.partial_fit, classes=[0, 1])
    for fit in (found.fit, part):
        with pytest.raises(ValueError, match=r"\[1\], are not in class_weight"):
            fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("seed", "jit_compile"), [(0, False), (1, False), (2, True)]
)
def test_a_fit_is_a_run_of_the_same_config(tmp_path, seed, jit_compile):
    x, y = load_breast_cancer(return_X_y=True)
    fields: Any = {"epochs": 2, "learning_rate": 0.01, "dropout": 0.2}
    found = trainer.MLPClassifier(
        **fields, random_state=seed, fields={"jit_compile": jit_compile}
    ).fit(x, y)
    run = trainer.fit(
        trainer.Config(),
        x=x,
        y=y,
        test=(x, y),
        **fields,
        seed=seed,
        global_batch_size=32,
        optimizer__name="adam",
        jit_compile=jit_compile,
        log__report=False,
        log__tensorboard=False,
        workdir=tmp_path / "run",
        verbose=False,
    )
    np.testing.assert_allclose(
        found.predict_proba(x)[:, 1:], run.model.predict(x), atol=1e-3
    )


def test_a_seed_may_be_a_number_of_numpys():
    x, y = np.eye(4), [0, 1, 0, 1]
    for kind in (np.int64, np.uint32):
        seed = kind(3)
        found = trainer.MLPClassifier(**SHORT, random_state=seed).fit(x, y)
        alike = trainer.MLPClassifier(**SHORT, random_state=3).fit(x, y)
        np.testing.assert_array_equal(
            found.predict_proba(x), alike.predict_proba(x)
        )
    for none in (-1, 2**64):
        with pytest.raises(ValueError, match="random_state"):
            trainer.MLPClassifier(**SHORT, random_state=none).fit(x, y)


def test_frames_pipelines_and_what_scikit_learn_does_with_them():
    frame, y = load_breast_cancer(return_X_y=True, as_frame=True)
    names = np.array(["malignant", "benign"])[y]
    estimator = trainer.MLPClassifier(**SHORT, random_state=0)
    scaler = MinMaxScaler().set_output(transform="pandas")
    steps = make_pipeline(scaler, estimator)
    assert cross_val_score(steps, frame, names, cv=3).min() > 0.9
    steps.fit(frame, names)
    assert list(steps[-1].feature_names_in_) == list(frame.columns)
    assert list(steps.classes_) == ["benign", "malignant"]
    again = pickle.loads(pickle.dumps(steps))
    np.testing.assert_array_equal(
        again.predict_proba(frame), steps.predict_proba(frame)
    )
    found = permutation_importance(steps, frame[:50], names[:50], n_repeats=1)
    assert found.importances_mean.shape == (30,)
    calibrated = CalibratedClassifierCV(steps, cv=2).fit(frame, names)
    assert calibrated.score(frame, names) > 0.9


@pytest.mark.slow
def test_a_grid_is_searched_by_two_processes():
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    steps = make_pipeline(
        MinMaxScaler(), trainer.MLPRegressor(**SHORT, random_state=0)
    )
    grid = {"mlpregressor__hidden_units": [(8,), (8, 8)]}
    search = GridSearchCV(steps, grid, cv=2, n_jobs=2).fit(x, y)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(x), search.predict(x))
    alone = GridSearchCV(clone(steps), grid, cv=2).fit(x, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"],
        alone.cv_results_["mean_test_score"],
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"hidden_units": (0,)}, "must be widths of 1 or more"),
        ({"optimizer": "adm"}, "did you mean adam?"),
        ({"fields": {"data.target": "y"}}, "and precision and jit_compile"),
        ({"fields": {"model.l2": 0.1}}, "a parameter of its own"),
        ({"fields": {"optimizer.rate": 0.1}}, "is not a field of the config"),
        ({"fields": {"loss": "poisson"}}, "does not fit problem"),
        ({"learning_rate": 1e30, "optimizer": "sgd"}, "lower learning_rate"),
    ],
)
def test_a_wrong_parameter_is_told_in_a_line(parameters, words):
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError) as told:
        trainer.MLPRegressor(**{**SHORT, **parameters}).fit(x * 1e9, y)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_what_others_say_on_stderr_during_a_fit_is_kept(monkeypatch, capfd):
    train = Learner.train

    def loud(*given):
        os.write(2, b"of another thread")
        return train(*given)

    monkeypatch.setattr(Learner, "train", loud)
    x, y = load_iris(return_X_y=True)
    trainer.MLPRegressor(**SHORT | {"epochs": 1}).fit(x, y)
    assert capfd.readouterr().err == "of another thread"


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_masked_values_are_refused(kind):
    x, y = load_iris(return_X_y=True)
    masked = np.ma.masked_less(x, 0.2)
    found = kind(**SHORT | {"epochs": 1})
    with pytest.raises(ValueError, match="X has masked values"):
        found.fit(masked, y)
    with pytest.raises(ValueError, match="y has masked values"):
        found.fit(x, np.ma.masked_equal(y, 2))
    with pytest.raises(ValueError, match="sample_weight has masked values"):
        found.fit(x, y, sample_weight=masked[:, 3])
    found.fit(np.ma.masked_less(x, 0), y)
    with pytest.raises(ValueError, match="X has masked values"):
        found.predict(masked)


@pytest.mark.parametrize(
    ("offset", "spread"), [(1e3, 1e-5), (1.7e12, 1e5), (0.0, 1e-60)]
)
def test_narrow_columns_are_told_apart_as_float64_does(offset, spread):
    random = np.random.default_rng(0)
    narrow, constant, noise = random.normal(size=(3, 200))
    constant = np.where(constant > 0, 0.3, 0.1 + 0.2)
    y = (narrow > 0).astype(int)
    x = np.stack([offset + spread * narrow, noise, constant], axis=1)
    classifier = trainer.MLPClassifier(**SHORT, random_state=0).fit(x, y)
    assert classifier.score(x, y) > 0.95
    assert classifier._std[2] == 1
    regressor = trainer.MLPRegressor(**SHORT, random_state=0)
    regressor.fit(narrow[:, None], x[:, 0])
    assert regressor.score(narrow[:, None], x[:, 0]) > 0.95


def test_a_column_of_one_value_is_constant_however_many_rows():
    x = np.full((100_001, 1), 0.1)
    mean, std = moments_of(x, np.linspace(0.1, 3, len(x)))
    np.testing.assert_array_equal((mean, std), ([0.1], [1]))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_fit_that_fails_leaves_nothing_that_answers(kind, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    x, y = load_iris(return_X_y=True)
    fresh, fitted = (kind(**SHORT | {"epochs": 1}) for _ in range(2))
    fitted.fit(x, y)
    monkeypatch.setattr("trainer.api.learner.Learner.train", interrupted)
    for estimator in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(x, y)
        with pytest.raises(NotFittedError):
            estimator.predict(x)
    monkeypatch.undo()
    assert fresh.partial_fit(x, y, **classes_of(kind)).n_iter_ == 1


def test_the_process_stays_as_it_was():
    from tests.api.test_fit import state_of_process

    x, y = load_iris(return_X_y=True)
    before = state_of_process()
    estimator = trainer.MLPClassifier(
        **SHORT, fields={"optimizer.ema_decay": 0.9}, random_state=1
    )
    assert estimator.fit(pd.DataFrame(x).set_axis(list("abcd"), axis=1), y)
    assert estimator.score(pd.DataFrame(x, columns=list("abcd")), y) > 0.8
    assert state_of_process() == before
