"""Each alert is told once, where its rule holds and not before."""

import pytest

from trainer.journal import alerts
from trainer.journal.alerts import Alerts
from trainer.journal.alerts import Memory

CHUNK = {"secs": 1.0, "wait_secs": 0.0, "own_secs": 0.0}


def of_chunks(watch, count, **changed):
    values = {**CHUNK, **changed, "global_batch_size": 64}
    lines = [watch.of_chunk(step, **values) for step in range(count)]
    return [line for some in lines for line in some]


def test_a_loss_that_falls_or_wavers_is_no_alert():
    watch = Alerts(Memory())
    for step, loss in enumerate([2.3, 1.0, 0.5, 1.9, 0.4, 2.2]):
        assert watch.of_loss(step, loss) == []


def test_a_loss_that_leaves_where_it_began_is_told_once():
    watch = Alerts(Memory())
    assert watch.of_loss(100, 2.3) == []
    assert watch.of_loss(200, 1.0) == []
    (line,) = watch.of_loss(300, 2.5)
    assert line.startswith("diverging at step 300: ")
    assert "2.5, and was 1 at step 200" in line
    assert "learning_rate" in line
    assert watch.of_loss(400, 9.0) == []


def test_a_gradient_explodes_against_its_own_past():
    watch = Alerts(Memory())
    for step in range(alerts.LEAST_GRADIENTS):
        assert watch.of_gradient(step, 0.5) == []
    assert watch.of_gradient(8, 49.0) == []
    (line,) = watch.of_gradient(9, 51.0)
    assert line.startswith("exploding_gradients at step 9: ")
    assert "51, the median before it 0.5" in line


def test_the_first_gradients_are_no_measure():
    watch = Alerts(Memory())
    assert watch.of_gradient(0, 1e-9) == []
    assert watch.of_gradient(1, 1.0) == []


def test_a_long_wait_is_told_at_once():
    (line,) = Alerts(Memory()).of_chunk(
        7, secs=12.0, wait_secs=11.0, own_secs=0.0, global_batch_size=8
    )[:1]
    assert line.startswith("stalled_input at step 7: the next rows took 11 s")


def test_input_that_holds_training_up_is_told_once():
    watch = Alerts(Memory())
    (line,) = of_chunks(watch, 9, wait_secs=0.5)
    assert line.startswith("input_bound at step 2: 50% of the time")
    assert of_chunks(Alerts(Memory()), 9, wait_secs=0.2) == []


def test_replicas_that_mostly_wait_are_told_a_batch_size():
    (line,) = of_chunks(Alerts(Memory()), 9, own_secs=0.2)
    assert line.startswith("small_replicas at step 2: a replica works for 20%")
    assert "config.global_batch_size=1024 on" in line
    assert of_chunks(Alerts(Memory()), 9, own_secs=0.6) == []
    assert of_chunks(Alerts(Memory()), 9, own_secs=0.0) == []


@pytest.mark.parametrize("working", [0.05, 0.2, 0.49])
def test_at_the_wanted_batch_a_replica_works_as_long_as_is_said(working):
    size = alerts.batch_size_wanted(64, working)
    own, rest = working * size / 64, 1 - working
    assert own / (own + rest) >= alerts.WANTED_SHARE
    assert own / 2 / (own / 2 + rest) <= alerts.WANTED_SHARE


def test_a_second_trace_is_told():
    watch = Alerts(Memory())
    assert watch.of_traces(5, 1) == []
    (line,) = watch.of_traces(6, 2)
    assert line.startswith("recompilation at step 6: ")
    assert watch.of_traces(7, 3) == []


def test_a_run_at_chance_for_epochs_is_told_once():
    watch = Alerts(Memory())
    assert watch.of_guess(100, 1.0, 2.31, 2.3) == []
    (line,) = watch.of_guess(300, 3.0, 2.3, 2.3)
    assert line.startswith("learns_nothing at step 300: after 3 epochs the")
    assert "guessing without a look at the rows has 2.3" in line
    assert watch.of_guess(400, 4.0, 2.3, 2.3) == []


def test_a_small_tables_first_steps_are_not_taken_for_its_end():
    watch = Alerts(Memory())
    assert watch.of_guess(6, 3.0, 1.93, 1.78) == []
    assert watch.of_guess(50, 25.0, 1.78, 1.78) == []
    (line,) = watch.of_guess(100, 50.0, 1.78, 1.78)
    assert line.startswith("learns_nothing at step 100: after 50 epochs the")


def test_a_run_that_learnt_once_is_not_at_chance():
    watch = Alerts(Memory())
    assert watch.of_guess(100, 1.0, 2.2, 2.3) == []
    assert watch.of_guess(900, 9.0, 2.4, 2.3) == []


def test_a_loss_below_zero_that_wavers_is_none_that_diverges():
    watch = Alerts(Memory())
    for step, loss in enumerate((-145.0, -145.1, -144.9, -150.0, -120.0)):
        assert watch.of_loss(step, loss) == []
    (line,) = watch.of_loss(9, 10.0)
    assert line.startswith("diverging at step 9")
