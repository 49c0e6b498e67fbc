"""Study files: what they may say, and each mistake in one line."""

import numpy as np
import optuna
import pytest

from trainer.launch.sweep import space as space_lib
from trainer.launch.sweep.study import Choice
from trainer.launch.sweep.study import Layers
from trainer.launch.sweep.study import Number
from trainer.launch.sweep.study import open_study
from trainer.launch.sweep.study import Whole
from trainer.process.exits import UserError

SPACE = {
    "model.hidden_units": Layers(depth=(1, 3), width=(8, 64)),
    "optimizer.name": Choice(("adam", "sgd")),
    "optimizer.momentum": Number(0.0, 0.9, when=("optimizer.name", ("sgd",))),
    "global_batch_size": Whole(16, 64, log=True),
}


def suggested(seed):
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=seed)
    )
    trial = study.ask()
    return space_lib.suggest(trial, SPACE), trial.params


def test_a_range_is_used_where_its_condition_holds():
    found = [suggested(seed)[0] for seed in range(20)]
    assert {values["optimizer.name"] for values in found} == {"adam", "sgd"}
    for values in found:
        is_sgd = values["optimizer.name"] == "sgd"
        assert ("optimizer.momentum" in values) == is_sgd


def test_what_is_stored_makes_the_same_values():
    for seed in range(5):
        values, params = suggested(seed)
        stored = optuna.trial.FixedTrial(params)
        assert space_lib.suggest(stored, SPACE) == values
        units = values["model.hidden_units"]
        assert 1 <= len(units) <= 3
        assert len(set(units)) == 1


def test_few_rows_take_no_large_batch():
    few = space_lib.default_space(200)["global_batch_size"]
    many = space_lib.default_space(100_000)["global_batch_size"]
    assert few.ends() == (16,)
    assert many.ends()[-1] == 512


def write(folder, body):
    path = folder / "study.py"
    path.write_text(
        "from trainer.launch.sweep.study import Choice, Layers, Number\n"
        "from trainer.launch.sweep.study import Study, Whole\n"
        f"def get_study():\n    return {body}\n"
    )
    return str(path)


def test_a_study_file_is_read(tmp_path):
    assert Number(*np.geomspace(1e-4, 1.0, 2)).fault() == ""
    body = "Study(space={'seed': Whole(0, 1)}, metric='loss', pruner='median')"
    study = open_study(write(tmp_path, body))
    assert study.space == {"seed": Whole(0, 1)}
    assert (study.metric, study.pruner) == ("loss", "median")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("3", "must return a trainer.launch.sweep.study.Study"),
        ("1 / 0", "cannot be read: ZeroDivisionError"),
        ("Study(sampler='tpo')", "did you mean tpe?"),
        ("Study(pruner='best')", "none, median, hyperband"),
        ("Study(seed=-1)", "seed=-1 must be a whole number"),
        ("Study(space={})", "no field"),
        ("Study(space={'a': 3})", "a=3 is no range"),
        ("Study(space={'a': Number(2, 1)})", "2 to 1 is empty"),
        ("Study(space={'a': Number(0, 1, log=True)})", "must be more than 0"),
        ("Study(space=[Whole(0, 1)])", "must be {field: its range}"),
        ("Study(space={5: Whole(0, 1)})", "5, which is no field"),
        ("Study(space={'a': Number('a', 1)})", "'a' and 1 must be numbers"),
        ("Study(space={'a': Number(0, None)})", "must be numbers"),
        (
            "Study(space={'a': Layers(depth=3, width=(1, 2))})",
            "depth=3 must be (least, greatest)",
        ),
        (
            "Study(space={'a': Whole(0, 1), 'b': Whole(0, 1, when=('a', ()))})",
            "when=('a', ()), which must be",
        ),
        (
            "Study(space={'a': Whole(0, 1), 'b': Whole(0, 1, when='a')})",
            "when='a', which must be",
        ),
        ("Study(space={'a': Number(0, 1e999)})", "must be finite"),
        ("Study(space={'a': Whole(0.5, 1)})", "must be whole numbers"),
        ("Study(space={'a': Choice(())})", "it has no value"),
        ("Study(space={'a': Choice(((1,),))})", "no bool, int"),
        (
            "Study(space={'a': Layers(depth=(1, 2), width=(0, 2))})",
            "width: 0 must be more than 0",
        ),
        (
            "Study(space={'a': Whole(0, 1, when=('b', (1,)))})",
            "must be a field before it",
        ),
    ],
)
def test_a_mistake_is_told(tmp_path, body, words):
    with pytest.raises(UserError, match=r".") as told:
        open_study(write(tmp_path, body))
    assert words in str(told.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        open_study(str(tmp_path / "study.py"))
    (tmp_path / "study.py").write_text("x = 1\n")
    with pytest.raises(UserError, match="has a function get_study"):
        open_study(str(tmp_path / "study.py"))
