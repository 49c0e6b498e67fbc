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


def test_rare_texts_are_grouped_by_the_config(tmp_path):
    rows = "".join(f"{'abc'[i % 10 // 4]},{i % 2}\n" for i in range(50))
    write(tmp_path, "letter,y\n" + rows)
    features = load("files", tmp_path, rare_rows=12).encoding.features
    assert features == ("letter=a", "letter=b", "letter rare")
    write(tmp_path, "letter,y\n" + rows.replace("c", "b"))
    features = load("files", tmp_path, rare_rows=12).encoding.features
    assert features == ("letter=a", "letter=b")
