"""Runs of one shape are a group; a run that has none trains alone."""

import numpy as np

from tests import stepping
from trainer.train import groups
from trainer.train.job import Work


def work_of(**fields):
    config = stepping.config_of(
        {name.replace("__", "."): value for name, value in fields.items()}
    )
    problem, dataset = stepping.load(config)
    return Work(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint="",
        workdir=None,  # type: ignore[arg-type]
    )


def test_runs_fall_into_groups_in_their_order():
    works = [
        work_of(seed=1),
        work_of(model__hidden_units=[16]),
        work_of(seed=2, optimizer__learning_rate=0.1),
        work_of(virtual_replicas=2),
        work_of(virtual_replicas=2, seed=2),
    ]
    places = [[works.index(w) for w in g] for g in groups.groups_of(works)]
    assert places == [[0, 2], [1], [3], [4]]


def test_standardised_targets_are_no_shape_and_columns_are():
    fields = {
        "problem": "regression",
        "data__source": "diabetes",
        "data__validation_fraction": 0.3,
    }
    works = [work_of(**fields, seed=n) for n in (1, 2)]
    assert not np.array_equal(*(w.problem.target_mean for w in works))
    assert [len(group) for group in groups.groups_of(works)] == [2]
    train = works[0].dataset.splits["train"]
    narrow = work_of(**fields, seed=3)
    split = narrow.dataset.splits["train"]
    object.__setattr__(split, "x", split.x[:, : train.x.shape[1] - 1])
    assert len(groups.groups_of([*works, narrow])) == 2
