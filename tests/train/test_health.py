"""Which intervals tell of a run's loss."""

from trainer.cluster.place import Cluster
from trainer.journal.writer import Writer
from trainer.journal.writers import Writers
from trainer.train.health import Health


class Heard(Writer):
    def __init__(self):
        self.words = []

    def alert(self, step, words):
        self.words.append(words)


def test_an_epochs_last_interval_of_few_rows_is_left_out():
    heard = Heard()
    health = Health(
        Writers([heard]),
        Cluster((), 0),
        replicas=1,
        global_batch_size=128,
        steps_per_epoch=101,
        guess_loss=lambda: 0.6,
    )
    health.of_loss(100, 0.61, 12800)
    # A row that happens to be easy, which is no success either.
    health.of_loss(101, 0.1, 1)
    health.of_loss(201, 0.61, 12800)
    assert heard.words == []
    health.of_loss(401, 0.61, 12800)
    (words,) = heard.words
    assert words.startswith("learns_nothing at step 401")
