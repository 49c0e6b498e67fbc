"""Which intervals tell of a run's loss."""

import dataclasses

from trainer.cluster.place import Cluster
from trainer.journal.writer import Writer
from trainer.journal.writers import Writers
from trainer.train.health import Health
from trainer.train.state import State


class Heard(Writer):
    def __init__(self):
        self.words = []

    def alert(self, step, words):
        self.words.append(words)


def health_of(heard, state, guess_loss=0.6):
    """Begins to watch a run of 101 steps an epoch where it stands."""
    return Health(
        Writers([heard]),
        Cluster((), 0),
        state.alerts,
        replicas=1,
        global_batch_size=128,
        steps_per_epoch=101,
        guess_loss=lambda: guess_loss,
    )


def test_an_epochs_last_interval_of_few_rows_is_left_out():
    heard = Heard()
    health = health_of(heard, State())
    health.of_loss(100, 0.61, 12800)
    # A row that happens to be easy, which is no success either.
    health.of_loss(101, 0.1, 1)
    health.of_loss(201, 0.61, 12800)
    assert heard.words == []
    health.of_loss(401, 0.61, 12800)
    (words,) = heard.words
    assert words.startswith("learns_nothing at step 401")


def test_a_run_that_goes_on_is_held_against_all_of_it():
    """It begins anew after each interval, from what a checkpoint holds."""
    heard, state = Heard(), State()
    told = [
        (100, 2.3, 12800),
        (200, 0.9, 12800),
        # Twice the least, but no more than it began with.
        (300, 2.2, 12800),
        # Of a single row.
        (303, 9.0, 1),
        # The network has learnt before.
        (404, 2.2, 12800),
        (500, 2.5, 12800),
        (600, 2.6, 12800),
    ]
    for each in told:
        health_of(heard, state, guess_loss=2.0).of_loss(*each)
        state = State.of(dataclasses.asdict(state))
    (words,) = heard.words
    assert words.startswith("diverging at step 500")
    assert "was 0.9 at step 200" in words
