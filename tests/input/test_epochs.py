"""Steps fall into epochs as one object says."""

from hypothesis import given
from hypothesis import strategies as st

from trainer.input.epochs import Epochs

epochs_of = st.builds(
    Epochs,
    examples=st.integers(1, 300),
    global_batch_size=st.integers(1, 70),
    total_steps=st.integers(1, 90),
)


@given(epochs_of)
def test_an_epoch_ends_where_its_rows_do(epochs):
    rows, ends = 0, []
    for step in range(1, epochs.total_steps + 1):
        assert epochs.epoch_of(step) == len(ends) + 1
        rows += epochs.examples_of(step - 1, step)
        if epochs.is_epoch_end(step):
            ends.append(step)
            assert rows == len(ends) * epochs.examples
    left = epochs.total_steps % epochs.steps_per_epoch
    assert epochs.count == len(ends) + bool(left)


def test_nothing_that_is_done_belongs_to_the_first_epoch():
    assert Epochs(100, 10, 20).epoch_of(0) == 1
