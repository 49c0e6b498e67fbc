"""Tables as R and others write them: the command that inspect prints works.

Each seed makes a small table of a shape that R's own data sets have: measures,
counts, factors and dates, NA among them, labels of any kind, row names.
"""

import csv
import datetime
import gzip
import io
import random
import shlex

import pytest

from tests.verbs import strata
from trainer.reports.inspect import inspect

SEEDS = range(40)
SHORT = (
    "--config.steps=10",
    "--config.evaluation.every_steps=10",
    "--config.model.hidden_units=8",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
)
# From a random generator to a function from a row's number to its cell.
COLUMNS = {
    "measure": lambda draw: lambda i: round(draw.gauss(5, 2), 3),
    "small": lambda draw: lambda i: draw.random() * 1e-7,
    "count": lambda draw: lambda i: draw.randrange(30),
    "year": lambda draw: lambda i: 1900 + i % 100,
    "factor": lambda draw: lambda i: draw.choice(["low", "mid, so", 'h"i']),
    "logical": lambda draw: lambda i: draw.choice(["TRUE", "FALSE"]),
    "mark": lambda draw: lambda i: draw.randrange(2),
    "constant": lambda draw: lambda i: 1,
    "number of the row": lambda draw: lambda i: i,
    "date": lambda draw: (
        lambda i: datetime.date(1990, 1, 1) + datetime.timedelta(i)
    ),
    "name": lambda draw: lambda i: f"{draw.choice('ABC')}{i} Ltd",
    "empty": lambda draw: lambda i: None,
}
LABELS = ("measure", "count", "year", "factor", "logical", "mark")


def table_of(draw):
    """Draws a header and its rows; None where a value is missing."""
    kinds = draw.choices(list(COLUMNS), k=draw.randint(1, 7))
    kinds += ["measure", draw.choice(LABELS)]
    makers = [COLUMNS[kind](draw) for kind in kinds]
    gaps = [draw.choice([0, 0, 0.1]) for _ in kinds]
    header = [draw.choice([kind, "x", f"{kind}.{n}", "a b"])
              for n, kind in enumerate(kinds)]  # fmt: skip
    rows = [
        [
            None if draw.random() < gap else maker(i)
            for gap, maker in zip(gaps, makers, strict=True)
        ]
        for i in range(draw.choice([30, 60, 200]))
    ]
    return header, rows


def write(draw, path):
    """Writes a table as one of several programs does; returns its rows."""
    header, rows = table_of(draw)
    named = draw.random() < 0.8
    held = io.StringIO()
    writer = csv.writer(
        held,
        delimiter=draw.choice([",", ",", ";", "\t"]),
        quoting=draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
        lineterminator=draw.choice(["\n", "\r\n"]),
    )
    gap = draw.choice(["NA", ""])
    writer.writerow([""] * named + header)
    for i, row in enumerate(rows, 1):
        cells = [gap if cell is None else cell for cell in row]
        writer.writerow([f"row {i}"] * named + cells)
    content = held.getvalue().encode(draw.choice(["utf-8", "utf-8-sig"]))
    packs = path.suffix == ".gz"
    path.write_bytes(gzip.compress(content) if packs else content)
    return len(rows), named


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_what_inspect_prints_trains_and_predicts(tmp_path, seed):
    draw = random.Random(seed)
    path = tmp_path / draw.choice(["a table.csv", "t.txt", "t.csv.gz"])
    count, named = write(draw, path)
    found = inspect(str(path))
    assert found["command"], found["findings"]
    name, verb, *words = shlex.split(found["command"])
    assert (name, verb) == ("strata", "train")
    workdir = tmp_path / "run"
    code, _, err = strata(verb, *words, f"--workdir={workdir}", *SHORT)
    assert code == 0, err
    flags = [f"--workdir={workdir}", f"--input={path}"]
    code, out, err = strata("predict", *flags)
    assert code == 0, err
    header, *rows = csv.reader(out.splitlines())
    assert len(rows) == count
    assert (header[0] == "") == named
    if named:
        assert [row[0] for row in rows] == [
            f"row {i}" for i in range(1, count + 1)
        ]
