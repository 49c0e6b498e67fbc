"""What is made of the tables of all splits, and what is not."""

import re
import shlex

import pytest

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write
from trainer import flags
from trainer import sources
from trainer.sources import table_splits
from trainer.tables import column_choice


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


def test_classes_that_differ_by_case_alone_are_told(tmp_path):
    names = ["Yes", "no", "yes", "No", "maybe", "Yes"] * 5
    rows = [f"{row},{name}" for row, name in enumerate(names)]
    write(tmp_path, "\n".join(["a,y", *rows]))
    (note,) = load("files", tmp_path).notes
    assert "case alone: 'No', 'no', 'Yes', 'yes'; write" in note
    write(tmp_path, HEADER + ROWS)
    assert not load("files", tmp_path).notes


def flagged(line, field):
    """Returns what a shell makes of a refusal's flags of a field."""
    quoted = r"""'[^']*'|"[^"]*\""""
    pattern = rf"--config\.data\.{field}=(?:{quoted}|[^\s'\";,]|,(?=\S))+"
    return [shlex.split(found)[0] for found in re.findall(pattern, line)]


def obeyed(folder, *given):
    """Loads as the command does that has these flags."""
    words = ["--config=your_data", f"--data_dir={folder}", *given]
    _, config = flags.parse(words)
    return sources.load(config.data, seed=1, data_dir=str(folder))


@pytest.mark.parametrize("entry", ["a b", "a!b", "$(b)", "it's", "`b`,\\", ""])
def test_a_shell_takes_a_flag_of_texts_as_the_trainer_does(entry):
    words = shlex.split(column_choice.flag("ignore", [entry]))
    _, config = flags.parse(["--config=your_data", *words])
    assert config.data.ignore == (entry,)
    # Where a shell is asked by hand, it expands !b within double quotes.
    assert '"' not in column_choice.flag("ignore", ["a!b"])


TWO = "d1,d2,a,b,y\n" + "".join(
    f"0{i % 9 + 1}/0{i % 7 + 1}/2024,0{i % 5 + 1}/0{i % 4 + 1}/2024,"
    f"{i},{i % 7},{i % 2}\n"
    for i in range(60)
)


def test_one_flag_settles_all_columns_that_are_refused_alike(tmp_path):
    write(tmp_path, TWO)
    line = refusal(obeyed, tmp_path, "--config.data.read_as=b=text")
    assert "refused, too: 'd2'" in line
    days, months = flagged(line, "read_as")
    assert days.endswith("=b=text,d1=day_first,d2=day_first")
    assert months.endswith("=b=text,d1=month_first,d2=month_first")
    features = obeyed(tmp_path, days).encoding.features
    assert "b=3" in features
    (ignore,) = flagged(
        refusal(obeyed, tmp_path, "--config.data.ignore=b"), "ignore"
    )
    assert ignore.endswith("=b,d1,d2")
    assert obeyed(tmp_path, ignore).encoding.features == ("a",)


@pytest.mark.parametrize(
    "name", ["None", "('a','b')", '"a"', "it's", "a, b", "()", "x y", "1"]
)
def test_a_refusals_flag_names_any_column(tmp_path, name):
    cell = '"' + name.replace('"', '""') + '"'
    rows = "".join(f",{i},{i % 2}\n" for i in range(20))
    write(tmp_path, f"{cell},a,y\n" + rows)
    (ignore,) = flagged(refusal(obeyed, tmp_path), "ignore")
    assert obeyed(tmp_path, ignore).encoding.features == ("a",)
    (ignore,) = flagged(
        refusal(obeyed, tmp_path, "--config.data.ignore=a"), "ignore"
    )
    line = refusal(obeyed, tmp_path, ignore)
    assert "has the columns y to train on" in line
