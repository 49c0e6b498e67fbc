"""What a sweep is, settled and refused before anything runs."""

import pytest

from trainer import flags
from trainer.launch.sweep import plan as plans
from trainer.launch.sweep import stored
from trainer.launch.sweep.plan import Member
from trainer.launch.sweep.plan import settle
from trainer.launch.sweep.ranges import Value
from trainer.launch.sweep.study import Choice
from trainer.launch.sweep.study import Layers
from trainer.launch.sweep.study import Number
from trainer.launch.sweep.study import Study
from trainer.launch.sweep.study import Whole
from trainer.process.exits import UserError

DIGITS = ["--config=digits"]


def test_the_default_space_is_for_any_data():
    plan = settle(DIGITS, Study())
    assert list(plan.space) == [
        "model.hidden_units",
        "model.dropout",
        "model.l2",
        "optimizer.learning_rate",
        "global_batch_size",
    ]
    assert (plan.metric, plan.is_lower_better) == ("accuracy", False)
    assert plan.members == (Member(),)
    assert not plan.notes


def test_a_trial_is_an_ordinary_command_that_leaves_the_test_rows_alone():
    plan = settle(DIGITS, Study())
    values: dict[str, Value] = {
        "model.hidden_units": (32,),
        "model.dropout": 0.25,
    }
    words = plan.run_words(values, Member("seed_3", {"seed": 3}), "runs/a b")
    given, config = flags.parse(words)
    assert given.workdir == "runs/a b"
    assert config.model.hidden_units == (32,)
    assert (config.model.dropout, config.seed) == (0.25, 3)
    assert not config.evaluation.test_at_end


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.1, 1e-7, (64,), (64, 32), ()],
)
def test_a_word_gives_the_value_back(value):
    field = {
        bool: "model.layer_normalization",
        int: "seed",
        float: "optimizer.learning_rate",
        tuple: "model.hidden_units",
    }.get(type(value), "optimizer.clip_norm")
    word = plans.word_of(field, value)
    config = flags.parse([*DIGITS, word])[1]
    section, _, name = field.rpartition(".")
    holder = getattr(config, section) if section else config
    assert getattr(holder, name) == value


def test_validation_rows_are_held_out_where_there_are_none():
    plan = settle([*DIGITS, "--config.data.validation_fraction=0"], Study())
    assert plan.config.data.validation_fraction == 0.2
    assert "0.2 of the training rows" in plan.notes[0]
    assert plan.rows["validation"]


def test_seeds_begin_at_the_configs_own():
    plan = settle([*DIGITS, "--config.seed=7"], None, seeds=2)
    assert [m.fields for m in plan.members] == [{"seed": 7}, {"seed": 8}]
    assert not plan.space


@pytest.mark.parametrize(
    ("words", "study", "told"),
    [
        (["--config.evaluation.test_each_time"], {}, "never tunes on the test"),
        (["--config.evaluation.select_by=r2"], {}, "none of loss, accuracy"),
        ([], {"metric": "r2"}, "metric='r2' is none of loss, accuracy"),
        ([], {"space": {"model.dorpout": Number(0, 1)}}, "model.dropout?"),
        ([], {"space": {"model": Number(0, 1)}}, "section of the config"),
        ([], {"space": {"seed": Whole(0, 9)}}, "not to be searched"),
        ([], {"space": {"log.every_steps": Whole(1, 9)}}, "not to be searched"),
        ([], {"space": {"model.dropout": Number(0.0, 1.0)}}, "below 1"),
        (
            [],
            {"space": {"global_batch_size": Number(1, 9)}},
            "must be a whole number",
        ),
        ([], {"space": {"model.activation": Choice(("rela",))}}, "relu"),
        ([], {"space": {"loss": Choice(("mse",))}}, "does not fit problem"),
        (
            [],
            {"space": {"model.hidden_units": Choice((64,))}},
            "must be a tuple, each a whole number",
        ),
        (
            ["--config.optimizer.accumulation_steps=64"],
            {"space": {"global_batch_size": Choice((32, 64))}},
            "must not exceed",
        ),
        (
            [],
            {
                "metric": "loss",
                "space": {"label_smoothing": Number(0.0, 0.1)},
            },
            "what the loss is of",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_runs(words, study, told):
    with pytest.raises(UserError) as error:
        settle([*DIGITS, *words], Study(**study))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"folds": 5}, "validation rows of fold_3 are all alike"),
        ({}, "validation rows are all alike"),
    ],
)
def test_a_metric_that_some_validation_rows_cannot_have_is_refused(
    tmp_path, how, told
):
    """As of rows in an order, whose first or last ones are of one class."""
    table = tmp_path / "rows.csv"
    kinds = ["yes", "no"] * 7 + ["no"] * 10 + ["yes", "no"] * 3
    lines = [f"{n % 7},{n},{kind}" for n, kind in enumerate(kinds)]
    table.write_text("\n".join(["x,when,y", *lines]) + "\n")
    words = ["--config=your_data", f"--data_dir={table}", "--config.seed=0"]
    words += ["--config.data.target=y", "--config.data.order=when"]
    study = Study(metric="auc")
    with pytest.raises(UserError) as error:
        settle(words, study, **how)
    assert told in str(error.value)
    assert settle(words, Study(metric="accuracy"), **how).metric == "accuracy"


SGD = ("optimizer.name", ("sgd",))
NESTEROV = ("optimizer.nesterov", (True,))


@pytest.mark.parametrize(
    "space",
    [
        {
            "optimizer.nesterov": Choice((False, True), when=SGD),
            "optimizer.momentum": Number(0.5, 0.99, when=NESTEROV),
        },
        {
            "optimizer.momentum": Number(0.0, 0.99, when=SGD),
            "optimizer.nesterov": Choice((False, True), when=SGD),
        },
    ],
)
def test_what_others_of_its_ranges_allow_is_searched(space):
    space = {"optimizer.name": Choice(("adam", "sgd")), **space}
    assert settle(DIGITS, Study(space=space)).space == space
    space["optimizer.momentum"] = Choice((0.0,), when=SGD)
    with pytest.raises(UserError, match=r"study's optimizer.nesterov: .*momen"):
        settle(DIGITS, Study(space=space))


def test_a_choice_of_layers_is_one_of_widths():
    space = {"model.hidden_units": Layers(depth=(1, 2), width=(8, 16))}
    assert settle(DIGITS, Study(space=space)).space == space


def test_another_sweeps_workdir_is_refused(tmp_path):
    folder = tmp_path / "sweep"
    stored.begin(folder, settle(DIGITS, Study()))
    stored.begin(folder, settle(DIGITS, Study()))
    others = [
        (settle([*DIGITS, "--config.seed=1"], Study()), "config.seed: 42 -> 1"),
        (settle(DIGITS, Study(seed=1)), "study.seed: 0 -> 1"),
        (settle(DIGITS, None, seeds=2), "members"),
        (
            settle(DIGITS, Study(space={"model.dropout": Number(0, 0.4)})),
            "study.space.model.dropout",
        ),
    ]
    for plan, words in others:
        with pytest.raises(UserError, match="belongs to another sweep") as told:
            stored.begin(folder, plan)
        assert words in str(told.value)


def test_a_runs_workdir_and_a_file_are_refused(tmp_path):
    plan = settle(DIGITS, Study())
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="is a run's"):
        stored.begin(tmp_path, plan)
    with pytest.raises(UserError, match="is not a folder"):
        stored.begin(tmp_path / "config.json", plan)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        stored.begin(tmp_path / "sweep", plan)


def test_each_fold_of_each_seed_is_a_run():
    plan = settle(DIGITS, None, seeds=2, folds=2)
    assert [m.name for m in plan.members] == [
        "seed_42_fold_0",
        "seed_42_fold_1",
        "seed_43_fold_0",
        "seed_43_fold_1",
    ]
    words = plan.run_words({}, plan.members[3], "runs/a")
    config = flags.parse(words)[1]
    assert (config.seed, config.data.folds, config.data.fold) == (43, 2, 1)


def test_a_column_with_a_blank_in_its_name_is_one_word():
    assert plans.word_of("data.group", "a b") == "--config.data.group=a b"
