"""What is due is due where chunks end, and nowhere else."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import Config
from trainer.input.epochs import Epochs
from trainer.input.pipeline import Plan
from trainer.train.due import Action
from trainer.train.due import Due
from trainer.train.due import due_of
from trainer.train.state import State

steps = st.integers(1, 30)
maybe = steps | st.none()
all_epochs = st.builds(
    Epochs,
    examples=st.integers(1, 200),
    global_batch_size=st.integers(1, 50),
    total_steps=st.integers(1, 90),
)


@st.composite
def configs(draw):
    config = Config()
    config.log.every_steps = draw(steps)
    config.log.tensorboard = draw(st.booleans())
    config.log.norms_every_steps = draw(maybe)
    config.log.histograms_every_steps = draw(maybe)
    config.evaluation.every_steps = draw(maybe)
    config.checkpoint.every_steps = draw(maybe)
    config.checkpoint.keep_every_steps = draw(maybe)
    return config


def chunk_ends(epochs, due, most_steps):
    """Where the loop meets the devices: the beginning, and each chunk's end."""
    plan = Plan(
        **vars(epochs),
        replicas=1,
        most_steps=most_steps,
        cuts=due.cuts,
        ends=due.ends,
    )
    ends = [0]
    while ends[-1] < epochs.total_steps:
        ends.append(plan.chunk_end(ends[-1]))
    return ends


@given(
    configs(),
    all_epochs,
    st.none() | st.tuples(st.integers(0, 40), st.integers(41, 99)),
    st.integers(1, 50),
)
def test_the_plan_cuts_wherever_an_action_is_due(
    config, epochs, profile_steps, most_steps
):
    due = due_of(config, epochs, profile_steps)
    ends = set(chunk_ends(epochs, due, most_steps))
    for field in dataclasses.fields(Due):
        action = getattr(due, field.name)
        its_own = {
            step
            for step in range(epochs.total_steps + 1)
            if action.is_due(State(step=step))
        }
        assert its_own <= ends, field.name


@given(configs(), all_epochs)
def test_the_plan_cuts_nowhere_else(config, epochs):
    due = due_of(config, epochs, None)
    for step in chunk_ends(epochs, due, most_steps=10**6)[1:]:
        assert any(action.is_due(State(step=step)) for action in due.actions)


@given(configs(), all_epochs)
def test_each_action_keeps_its_own_interval(config, epochs):
    due, log = due_of(config, epochs, None), config.log
    epoch, last = epochs.steps_per_epoch, epochs.total_steps

    def multiples(*intervals, and_last=True):
        found = {s for n in intervals if n for s in range(n, last + 1, n)}
        return found | {last} if and_last else found

    shown = log.tensorboard
    expected = {
        "epoch_end": multiples(epoch),
        "train_line": multiples(log.every_steps, epoch),
        "norms": multiples(shown and log.norms_every_steps, and_last=False),
        "histograms": multiples(
            shown and log.histograms_every_steps, and_last=False
        ),
        "evaluation": multiples(config.evaluation.every_steps or epoch),
        "checkpoint": multiples(
            config.checkpoint.every_steps, config.checkpoint.keep_every_steps
        ),
    }
    for name, wanted in expected.items():
        action = getattr(due, name)
        found = {s for s in range(1, last + 1) if action.is_due(State(step=s))}
        assert found == wanted, name


@pytest.mark.parametrize(
    ("examples", "log_steps", "bar_steps"),
    [(100, 7, 10), (90, 20, 27), (90, 18, 18), (90, 4, 9)],
)
def test_short_epochs_share_a_bar_of_whole_ones(examples, log_steps, bar_steps):
    config = Config()
    config.log.every_steps = log_steps
    epochs = Epochs(examples, 10, total_steps=60)
    assert due_of(config, epochs, None).bar.every_steps == (bar_steps,)


def test_an_early_stop_makes_all_due_that_belongs_to_an_end():
    due = due_of(Config(), Epochs(1000, 10, total_steps=500), None)
    at_end = State(step=33, stopped_early=True)
    names = {n for n, action in vars(due).items() if action.is_due(at_end)}
    ends = {"epoch_end", "train_line", "bar", "evaluation", "checkpoint"}
    assert names == ends
    assert not any(a.is_due(State(step=33)) for a in due.actions)


def test_the_step_that_comes_is_previewed_from_the_first_on():
    due = due_of(Config(), Epochs(1000, 10, total_steps=500), None)
    assert due.norms.is_due(State(step=0))
    assert not Action().is_due(State(step=0))
