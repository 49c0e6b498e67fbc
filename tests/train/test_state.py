"""Where a run stands, as its checkpoints hold it."""

import dataclasses

from trainer.storage.files import to_json
from trainer.storage.json_files import parse
from trainer.train.state import State
from trainer.workdir import schemas


def test_all_of_it_is_checked_as_it_is_read():
    scalars = dataclasses.asdict(State(step=7, sums=[1.0], best=0.5))
    assert schemas.State.__annotations__.keys() == scalars.keys()
    assert parse(to_json(scalars), schemas.State) == scalars


def test_what_alerts_know_goes_on_with_it():
    state = State(step=7)
    state.alerts.told.append("diverging")
    state.alerts.first_loss = 2.5
    scalars = dataclasses.asdict(state)
    assert parse(to_json(scalars), schemas.State) == scalars
    assert State.of(scalars) == state
    scalars["alerts"]["later"] = 1
    assert State.of(scalars) == state


def test_what_a_later_version_adds_is_passed_over():
    assert State.of({"step": 7, "later": 1}) == State(step=7)
