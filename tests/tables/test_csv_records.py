"""A record takes little more than its cells, and has as many as a table has."""

import tracemalloc

from tests.sources.loading import refusal
from tests.sources.loading import write
from trainer.tables.csv_file import open_csv


def test_a_long_cell_takes_few_times_its_size(tmp_path):
    digits = "1" * 2**20
    path = write(tmp_path, f"a,b\n{digits},x\n{digits},y\n")
    tracemalloc.start()
    try:
        assert open_csv(path).columns == ("a", "b")
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


def test_a_line_of_far_too_many_cells_is_refused(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n1" + ",2" * 50_000 + "\n")
    told = refusal(lambda: list(open_csv(path).blocks()))
    assert "line 3 has 50,001 cells; a table has 10,000" in told
    # A spreadsheet ends lines so.
    path = write(tmp_path, "a,b" + "," * 16_382 + "\n1,2" + "," * 16_382)
    assert open_csv(path).columns == ("a", "b")
