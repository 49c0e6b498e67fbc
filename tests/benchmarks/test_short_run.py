"""A short run's parts add up to its process."""

import pytest

from benchmarks import short_run


def test_what_no_part_tells_is_the_page_and_the_end():
    parts = short_run.parts_of(9.0, {"setup": 5.0, "compile": 2.5})
    assert parts == {"set-up": 5, "compiling": 2.5, short_run.PAGE: 1.5}


def test_medians_have_the_greatest_part_first():
    runs = [
        short_run.Measured(9.0, 9.0, {"a": 1.0, "b": secs}, "")
        for secs in (2.0, 3.0, 9.0)
    ]
    runs.append(short_run.Measured(9.0, 9.0, {"c": 1.0}, ""))
    found = short_run.medians(runs)
    assert found == {"b": 2.5, "a": 1.0, "c": 0.0}
    assert list(found) == ["b", "a", "c"]


def test_a_picture_is_drawn(tmp_path):
    short_run.draw({"now": {"a": 1.0, "b": 0.5}}, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_fails_is_told(tmp_path):
    with pytest.raises(SystemExit, match="ended with 2"):
        short_run.measure(tmp_path, ["--config=nothing"])
