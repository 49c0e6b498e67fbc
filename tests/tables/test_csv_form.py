"""What parts a file's lines is told by its start."""

import pytest

from tests.sources.loading import write
from trainer.process.exits import UserError
from trainer.tables import text_file
from trainer.tables.csv_file import open_csv


def test_what_parts_columns_is_told_by_a_files_first_lines(
    tmp_path, monkeypatch
):
    path = write(tmp_path, '"' + "x\n" * 50_000 + '",b\n1,2\n')
    lines, read = [], text_file.lines

    def counted(path):
        for line in read(path):
            lines.append(line)
            yield line

    monkeypatch.setattr(text_file, "lines", counted)
    with pytest.raises(UserError, match="close each quote"):
        open_csv(path)
    assert len(lines) < 60_000
