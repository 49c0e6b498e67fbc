"""What is made of the tables of all splits, and what is not."""

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write
from trainer.sources import table_splits


def test_too_many_features_are_refused_before_they_are_made(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(table_splits, "MAX_BYTES", 100)
    write(tmp_path, HEADER + ROWS)
    line = refusal(load, "files", tmp_path)
    assert "20 rows of 3 features, 240 bytes" in line
    assert "config.data.ignore=colour" in line
