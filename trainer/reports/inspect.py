"""`strata inspect DATA`: what data is, before it is trained on."""

import argparse
import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from trainer.config import Config
from trainer.config import DataConfig
from trainer.process.arguments import Parser
from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.process.exits import verb

if TYPE_CHECKING:
    from trainer.sources import Dataset
    from trainer.tables.table_file import TableFile

DESCRIPTION = """\
Tells what data holds: rows, splits, columns, classes, what is missing, the same
twice or contradictory, which problem it is, and the command that trains on it.

  strata inspect wine.csv
  strata inspect titanic.csv --target=survived
  strata inspect DIR --format=json

DATA is what --data_dir of the trainer takes of this machine: a table (.csv,
.tsv, .txt, packed or not, .parquet, .feather), or a folder of one, of Parquet
shards, of an .npz, of .npy files, or of MNIST's four files."""
# As configs/your_data.py has it; the splits are those of its runs.
YOUR_DATA = DataConfig(source="files", validation_fraction=0.2)
# Below, a class has too few rows to learn from or to score.
FEW_ROWS = 10
# Columns of a spread that float32 loses that are told one by one.
MOST_SPREADS = 5
MANY_TEXTS = 100
# Years in which databases write that there is no date.
NO_YEARS = ("0001", "9999")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata inspect", DESCRIPTION)
    parser.about("data_dir", "DATA", "a table, or a folder")
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="a table's column of labels; the last by default",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="how it is told (default: table)",
    )
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Prints what the data holds.

    Raises:
      UserError: the data cannot be read.
    """
    arguments = _parse(argv)
    found = inspect(arguments.data_dir, arguments.target)
    if arguments.format == "json":
        print(json.dumps(found, indent=2, allow_nan=False))
        return 0
    from trainer.reports import inspect_text

    print(inspect_text.of(found))
    return 0


def inspect(data_dir: str, target: str | None = None) -> dict[str, Any]:
    """Reads data as the trainer does and tells what it is.

    Args:
      data_dir: as --data_dir of the trainer.
      target: a table's column of labels; None for the last.

    Returns:
      What `strata inspect --format=json` prints; docs/your_data.md lists it.

    Raises:
      UserError: the data cannot be read.
    """
    from trainer.reports import sameness
    from trainer.sources.table_folder import open_tables

    files = open_tables(data_dir)
    if files:
        found, dataset = _of_tables(files, target)
    elif target is not None:
        raise UserError(
            f"--target={target} names a table's column, and {data_dir} holds no"
            " table; leave it out"
        )
    else:
        found, dataset = _of_arrays(data_dir)
    found["command"] = None
    if dataset is not None:
        found |= _labels(dataset) | sameness.compare(dataset)
        found["command"] = _command(found, data_dir, target)
    found["findings"] = _findings(found)
    return found


def _of_tables(
    files: "dict[str, TableFile]", target: str | None
) -> tuple[dict[str, Any], "Dataset | None"]:
    """Reads tables; the dataset leaves out what cannot be trained on."""
    from trainer import sources
    from trainer.reports import column_facts
    from trainer.sources.table_reading import read_tables

    data = dataclasses.replace(YOUR_DATA, target=target)
    tables = read_tables(files, data)
    train = files["train"]
    problems: dict[str, str] = {}
    for path, name, problem in tables.problems():
        problems.setdefault(name, f"{path.name}: {problem}")
    parts = [table.columns for table in tables.tables.values()]
    notes = [*tables.notes, *filter(None, [tables.lack])]
    found: dict[str, Any] = {
        "name": tables.name,
        "source": "csv",
        "path": str(train.path if len(files) == 1 else train.path.parent),
        "kind": "table",
        "config": "your_data",
        "target": tables.target,
        "columns": [
            column_facts.of_table(
                name, [part[name] for part in parts], problems.get(name)
            )
            for name in parts[0]
        ],
        "rows": {split: t.rows for split, t in tables.tables.items()},
        "unlabelled": {s: t.unlabelled for s, t in tables.tables.items()},
        "notes": notes,
        "held_out": [],
        "features": None,
    }
    kept = tables.without(problems)
    if tables.target in problems or len(kept.tables["train"].columns) < 2:
        return found, None
    try:
        dataset = sources.held_out(kept.labelled(), data, Config.seed)
        dataset = kept.encode(dataset, None)
    except UserError as error:  # too few rows or columns
        notes.append(f"training refuses the table: {error}")
        return found, None
    assert dataset.encoding is not None
    left_out = dict(dataset.encoding.left_out)
    for column in found["columns"]:
        column["left_out"] = left_out.get(column["name"])
    notes += [note for note in dataset.notes if note not in notes]
    return found | _rows(dataset, set(files)), dataset


def _of_arrays(data_dir: str) -> tuple[dict[str, Any], "Dataset"]:
    from trainer import sources
    from trainer.reports import column_facts
    from trainer.sources.checks import check_finite
    from trainer.sources.checks import check_form

    dataset, config = _load_arrays(data_dir)
    check_form(dataset)
    unfit = None
    try:
        for name, split in dataset.splits.items():
            check_finite(f"x_{name}", split.x)
    except UserError as error:
        unfit = str(error)
    moments, rows = column_facts.of_arrays(dataset.splits)
    stored = set(dataset.splits)
    if config == "your_data":
        dataset = sources.held_out(dataset, YOUR_DATA, Config.seed)
    x = dataset.splits["train"].x
    found: dict[str, Any] = {
        "name": dataset.name,
        "source": "arrays",
        "path": data_dir,
        "kind": dataset.kind,
        "config": config,
        "x": {"dtype": x.dtype.name, "shape": list(x.shape[1:])},
        "unfit": unfit,
    }
    if dataset.kind == "table":
        found["columns"] = column_facts.of_features(moments, rows, x.dtype)
    else:
        found["values"] = column_facts.of_images(moments, rows)
    return found | _rows(dataset, stored), dataset


def _load_arrays(data_dir: str) -> tuple["Dataset", str]:
    """Returns the dataset of a folder and the config that is made for it."""
    from trainer.sources import files
    from trainer.sources import mnist
    from trainer.sources import streaming
    from trainer.sources.folder import list_folder

    shards = streaming.open_arrays(data_dir)
    if shards is not None:
        name = Path(data_dir).resolve().name
        return files.of_arrays(name, shards, data_dir), "your_data"

    starts = tuple(name for name, _ in mnist.FILES.values())
    dotted = tuple(name.replace("-idx", ".idx") for name in starts)
    if not any(
        name.startswith(starts + dotted) for name in list_folder(data_dir)
    ):
        return files.load_files(data_dir), "your_data"
    try:
        return mnist.load_mnist(data_dir), "mnist"
    except UserError as error:
        if "checksum" not in str(error):
            raise
    # As many images as MNIST has, and others: it is made to look like it.
    return mnist.load_fashion_mnist(data_dir), "fashion_mnist"


def _rows(dataset: "Dataset", stored: set[str]) -> dict[str, Any]:
    return {
        "rows": {name: s.examples for name, s in dataset.splits.items()},
        "held_out": [name for name in dataset.splits if name not in stored],
        "features": int(dataset.splits["train"].x[0].size),
    }


def _labels(dataset: "Dataset") -> dict[str, Any]:
    """Settles the problem, and counts classes or tells the targets' range."""
    import numpy as np

    from trainer.problem import problems
    from trainer.reports import suspects
    from trainer.sources.checks import check_finite
    from trainer.sources.checks import check_names

    guess = problems.guessed(dataset)
    found: dict[str, Any] = {
        "problem": guess.problem,
        "problem_reason": str(guess),
        "refusal": None,
        "labels": {},
    }
    try:
        for name, split in dataset.splits.items():
            check_finite(f"y_{name}", split.y)
        check_names(dataset)
        problem, dataset = problems.settle(Config(), dataset)
    except UserError as error:
        return found | {"refusal": str(error)}
    found["suspects"] = [
        suspect._asdict() for suspect in suspects.find(problem, dataset)
    ]
    labels = {name: s.labels() for name, s in dataset.splits.items()}
    if not problem.has_labels:
        y = np.concatenate(list(labels.values())).astype(np.float64)
        found["labels"] = {
            "least": float(y.min()),
            "greatest": float(y.max()),
            "mean": float(y.mean()),
        }
        return found
    found["labels"] = {
        name: {
            split: int(y[:, index].sum() if y.ndim == 2 else (y == index).sum())
            for split, y in labels.items()
        }
        for index, name in enumerate(problem.labels)
    }
    return found


def _command(
    found: dict[str, Any], data_dir: str, target: str | None
) -> str | None:
    """Returns the command that trains on the data, or None where none can."""
    from trainer.tables.column_choice import flag_value

    if found["refusal"] is not None or found.get("unfit") is not None:
        return None
    words = ["strata", "train", f"--config={found['config']}"]
    words.append(f"--data_dir={data_dir}")
    if found["config"] == "your_data":
        name = re.sub(r"[^\w.-]+", "_", found["name"]).strip(".") or "data"
        words.append(f"--workdir=runs/{name}")
    if target is not None:
        words.append(f"--config.data.target={target}")
    ignored = [
        column["name"]
        for column in found.get("columns", ())
        if column["problem"]
    ] + _row_names(found)
    if ignored:
        words.append(f"--config.data.ignore={flag_value(ignored)}")
    return shlex.join(words)


def _row_names(found: dict[str, Any]) -> list[str]:
    """Returns the columns that number the rows: noise to a network, or worse.

    None where nothing else would be left to learn from.
    """
    features = [
        column
        for column in found.get("columns", ())
        if column["name"] != found.get("target")
        and not column["problem"]
        and not column.get("left_out")
    ]
    names = [
        column["name"]
        for column in features
        if column.get("is_id")
        or (column.get("is_row_number") and column["least"] in (0, 1))
    ]
    return names if len(names) < len(features) else []


def _findings(found: dict[str, Any]) -> list[str]:
    """Returns what a reader should know before training, a line each."""
    columns = found.get("columns", [])
    lines = [*found.get("notes", ())]
    lines += [
        f"{column['name']!r} cannot be trained on: {column['problem']}"
        + ("; correct it, or name another by --target" if is_target else "")
        for column in columns
        if column["problem"]
        for is_target in (column["name"] == found.get("target"),)
    ]
    left = [c for c in columns if not c["problem"]]
    if [c["name"] for c in left] == [found.get("target")]:
        lines.append("no column is left to learn from")
    if found["config"] == "fashion_mnist":
        lines.append("not MNIST's own files: taken for Fashion-MNIST's")
    if found.get("unfit"):
        lines.append(f"training refuses the values: {found['unfit']}")
    if found.get("refusal"):
        lines.append(f"training refuses the labels: {found['refusal']}")
    for key, words in (
        ("is_constant", "the same in every row"),
        ("is_row_number", "rises by 1 from row to row, as a row's number does"),
    ):
        names = [c["name"] for c in left if c.get(key)]
        if names:
            lines.append(f"{_some(names)}: {words}; nothing is learnt from it")
    lines += [c["spread"] for c in left if c.get("spread")][:MOST_SPREADS]
    lines += [
        f"{column['name']!r} has {end}, which often stands for no time, and"
        " beside which all others are alike; empty such cells"
        for column in left
        if column["kind"] == "time" and not column["is_constant"]
        for end in (column["least"], column["greatest"])
        if end and end[:4] in NO_YEARS
    ]
    left = [c for c in left if not c.get("left_out")]
    names = [c["name"] for c in left if c.get("is_id")]
    if names:
        lines.append(f"{_some(names)}: another whole number in each row, an id")
    names = _row_names(found)
    if names and found["command"]:
        lines.append(f"{_some(names)}: left out by the command below")
    for column in left:
        if column.get("is_shared_id") and column["name"] != found.get("target"):
            name = column["name"]
            lines.append(
                f"{name!r}: an id that rows share; keep each one's rows on one"
                f" side of a split by --config.data.group={shlex.quote(name)}"
            )
    names = [c["name"] for c in left if c.get("texts", 0) > MANY_TEXTS]
    if names:
        lines.append(f"{_some(names)}: a feature for each of many texts")
    lines += [
        f"{suspect['name']!r} alone scores {suspect['score']:.3f}, all columns"
        f" {suspect['all_score']:.3f} (a linear model's): a suspect, see"
        " whether it gives the answer away"
        for suspect in found.get("suspects", ())[:3]
    ]
    return lines + _missing(found, left) + _of_rows(found)


def _missing(found: dict[str, Any], good: list[dict[str, Any]]) -> list[str]:
    names = [c["name"] for c in good if c["missing"]]
    values = found.get("values", {})
    if found["source"] == "csv" and names:
        return [
            f"{_some(names)}: missing in places; numbers get the training rows'"
            " median, and a feature marks them"
        ]
    lines = []
    if names or values.get("missing"):
        where = _some(names) if names else "images"
        lines.append(f"{where}: NaN or infinity")
    if values.get("blank_images"):
        lines.append(f"{values['blank_images']} images are of a single value")
    return lines


def _of_rows(found: dict[str, Any]) -> list[str]:
    """Returns what is wrong with rows and classes."""
    from trainer.problem import problems

    lines = [
        f"{count} rows of {split} repeat another of its rows"
        for split, count in found.get("duplicates", {}).items()
        if count
    ]
    for pair, count in found.get("leaks", {}).items():
        if count:
            first, second = pair.split(", ")
            lines.append(
                f"{count} rows of {second} are in {first} too: a leak, which"
                " makes the score too good"
            )
    if found.get("conflicts"):
        lines.append(
            f"{found['conflicts']} rows have a twin with another label"
        )
    if found.get("labels") and problems.type_of(found["problem"]).has_labels:
        few = [
            name
            for name, counts in found["labels"].items()
            if counts["train"] < FEW_ROWS
        ]
        if few:
            lines.append(
                f"{_some(few)}: fewer than {FEW_ROWS} training rows of a class"
            )
    return lines


def _some(names: list[str]) -> str:
    """Names a few of many."""
    return some([*map(repr, names)], 5)
