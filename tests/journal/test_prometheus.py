"""What Prometheus reads of a run, by its own client."""

import prometheus_client
import pytest

from tests.journal.subjects import subject_of
from tests.journal.subjects import tell_all
from trainer.journal.prometheus import GAUGES
from trainer.journal.prometheus import Prometheus


@pytest.fixture
def heard(tmp_path):
    """A writer of a run that goes on from step 8, and what it shows."""
    registry = prometheus_client.CollectorRegistry()
    writer = Prometheus(subject_of(tmp_path), registry)
    return writer, registry.get_sample_value


def test_it_shows_where_the_run_stands_and_nothing_that_is_not_known(heard):
    _, value = heard
    assert value("strata_step") == 8
    assert value("strata_last_step") == 20
    assert value("strata_restarts_total") == 2
    for name in GAUGES.keys() - {"step", "epoch", "last_step"}:
        assert value(f"strata_{name}") is None, name


def test_chunks_add_up_to_steps_and_rows(heard):
    writer, value = heard
    tell_all(writer)
    assert value("strata_step") == 12
    assert value("strata_epoch") == 3
    assert value("strata_steps_total") == 4
    # The last batch of an epoch has 30 - 3 * 8 rows.
    assert value("strata_examples_total") == 3 * 8 + 6


def test_a_line_says_loss_scores_speed_and_time(heard):
    writer, value = heard
    tell_all(writer)
    assert value("strata_loss", {"split": "train"}) == 0.5
    assert value("strata_loss", {"split": "test"}) == 0.7
    labels = {"split": "train", "metric": "accuracy"}
    assert value("strata_score", labels) == 0.75
    assert value("strata_examples_per_second") == 100
    assert value("strata_step_seconds") == 0.5
    assert value("strata_input_wait_ratio") == 0.25
    assert value("strata_worker_step_seconds", {"worker": "1"}) == 0.3
    assert value("strata_goodput_ratio") == 0.75


def test_a_total_does_not_step_back(heard):
    writer, value = heard
    label = {"category": "other"}
    seen = []
    for secs in (5.0, 4.9, 5.5):
        writer.goodput(10, {"train": 1.0, "other": secs})
        seen.append(value("strata_goodput_seconds_total", label))
    assert seen == pytest.approx([5.0, 5.0, 5.5])


def test_alerts_count_by_name_and_a_checkpoint_has_its_time(heard):
    writer, value = heard
    tell_all(writer)
    assert value("strata_alerts_total", {"name": "input_bound"}) == 1
    assert value("strata_checkpoint_step") == 9
    assert value("strata_checkpoint_write_seconds") == 0.25
    assert value("strata_checkpoint_timestamp_seconds") > 1e9
