"""`strata export`: a run's network for other programs, with a model card."""

import argparse
import contextlib
import dataclasses
import fcntl
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.devices import start
from trainer.finished import trained_run
from trainer.finished.trained_run import TrainedRun
from trainer.process import plain_text
from trainer.process.arguments import Parser
from trainer.process.exits import DISK_FULL
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.extras import missing_package
from trainer.serving import model_card
from trainer.serving import scored_data
from trainer.serving.evaluate import add_data_flag
from trainer.serving.evaluate import evaluate
from trainer.serving.exported_run import CARD
from trainer.serving.exported_run import CARD_TEXT
from trainer.serving.exported_run import SKETCH
from trainer.serving.model_card import FORMATS
from trainer.serving.scored_data import ScoredData
from trainer.serving.sent_cells import as_sent
from trainer.sources.dataset import evenly_spaced
from trainer.sources.table_folder import find_tables
from trainer.storage import staging
from trainer.storage.files import checksums
from trainer.storage.files import lock
from trainer.storage.files import make_folder
from trainer.storage.files import new_folder
from trainer.storage.files import to_json
from trainer.storage.names import MANIFEST
from trainer.tables.given import Given
from trainer.tables.opening import open_table

DESCRIPTION = """\
Writes a run's network into WORKDIR/export/N, N one more than the last, with a
model card. Each format takes rows as they are stored, and is opened again and
compared with the trainer on up to 1,000 test rows.

  strata export --workdir=runs/digits
  strata export --workdir=runs/digits --formats=saved_model,keras,tflite,onnx"""
COMPARED_ROWS = 1000
# A line a class or label, by its number.
LABELS_FILE = "labels.txt"


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata export", DESCRIPTION)
    trained_run.add_flags(parser)
    parser.add_argument(
        "--formats",
        metavar="LIST",
        default="saved_model,keras",
        help=f"of {', '.join(FORMATS)} (default: saved_model,keras)",
    )
    add_data_flag(parser)
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Writes the formats and the model card.

    Raises:
      UserError: before anything is written under its final name.
    """
    arguments = _parse(argv)
    formats = chosen_formats(arguments.formats)
    run = trained_run.read(arguments.workdir, arguments.checkpoint)
    check_precision(run, formats)
    data = scored_data.load(run, arguments.data_dir)
    with contextlib.redirect_stdout(sys.stderr):
        folder, card = export(run, data, formats)
    for name, agreement in card["agreement"].items():
        print(
            f"{name}: {agreement['rows']} rows compared, greatest difference"
            f" {agreement['greatest_difference']:.1e}"
        )
    print(f"exported to {folder}", flush=True)
    return 0


def export(
    run: TrainedRun,
    data: ScoredData,
    formats: Sequence[str],
    *,
    given: Given | None = None,
    starting: Callable[
        [], contextlib.AbstractContextManager[None]
    ] = start.eased,
) -> tuple[Path, dict[str, Any]]:
    """Writes a run's network into a folder of its own.

    Args:
      run: at the checkpoint that is written.
      data: whose test rows each format is compared on.
      formats: from `chosen_formats`, and such as `check_precision` takes.
      given: tables of a program's that `data` was made of.
      starting: surrounds the start of TensorFlow.

    Returns:
      The folder, WORKDIR/export/N, and the model card's values.

    Raises:
      UserError: before anything is written under its final name.
    """
    folder = run.workdir / "export"
    with _numbered(folder) as (aside, version):
        with starting(), _unmarked(aside) as plain:
            card = _write(run, data, formats, plain, given)
        if run.sketch is not None:
            (aside / SKETCH).write_bytes(to_json(run.sketch.to_json()))
        card = {"version": version, **card, "files": checksums(aside)}
        (aside / CARD).write_bytes(to_json(card))
        text = model_card.text_of(card)
        (aside / CARD_TEXT).write_bytes(text.encode())
        manifest = {"files": checksums(aside)}
        (aside / MANIFEST).write_bytes(to_json(manifest))
    return folder / str(version), card


def check_precision(run: TrainedRun, formats: Sequence[str]) -> None:
    """Checks that each format can hold what the run multiplies in.

    Raises:
      UserError: naming the first that cannot.
    """
    if run.config.precision != "bfloat16":
        return
    for name in formats:
        if not FORMATS[name].has_bfloat16:
            raise UserError(
                f"--formats={name}: the run multiplies in bfloat16, which this"
                " format cannot; leave it out, or train with"
                " --config.precision=float32"
            )


@contextlib.contextmanager
def _unmarked(folder: Path) -> Iterator[Path]:
    """Gives a folder whose files TensorFlow finds, and moves them in the end.

    It takes the path of a SavedModel's variables for a pattern.
    """
    if not set("*?[\\") & set(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory() as plain:
        yield Path(plain)
        shutil.copytree(plain, folder, dirs_exist_ok=True)
    print(
        "TensorFlow opens no SavedModel below a folder with one of *?[\\ in its"
        " name; copy it elsewhere to serve it"
    )


def chosen_formats(wanted: str | Sequence[str]) -> list[str]:
    """Returns the names of formats, each once.

    Args:
      wanted: names, parted by commas or in a sequence.

    Raises:
      UserError: there is no such format, or its extra is not installed.
    """
    names: Any = wanted.split(",") if isinstance(wanted, str) else wanted
    if not isinstance(names, list | tuple) or not names:
        names = [wanted]  # whatever it is, it names none
    for name in names:
        if not isinstance(name, str) or name not in FORMATS:
            raise UserError(
                f"--formats={wanted}: {name!r} is none of {', '.join(FORMATS)}"
            )
        missing = [
            package
            for package in FORMATS[name].packages
            if importlib.util.find_spec(package) is None
        ]
        if missing:
            packages = " ".join(missing)
            raise missing_package(f"--formats={name}", packages, name)
    return list(dict.fromkeys(names))


def _write(
    run: TrainedRun,
    data: ScoredData,
    formats: Sequence[str],
    aside: Path,
    given: Given | None,
) -> dict[str, Any]:
    """Scores the run, writes each format, and returns the card's values."""
    import tensorflow as tf

    from trainer.serving import formats as formats_lib
    from trainer.serving.load import TrainedModel

    found = evaluate(run, data, "test", tf.distribute.get_strategy())
    model = TrainedModel(run)
    x = _some_rows(data)
    found_in = {
        name: formats_lib.write_checked(name, model, aside, x)
        for name in formats
    }
    if run.problem.has_labels:
        names = "".join(f"{plain_text.plain(name)}\n" for name in run.labels)
        (aside / LABELS_FILE).write_bytes(names.encode())
    if "saved_model" in formats and run.encoding is not None:
        found_in["saved_model of cells"] = formats_lib.check_table(
            model, aside, _some_cells(data, given)
        )
    agreement = {
        name: {
            "rows": difference.rows,
            "greatest_difference": difference.greatest,
            "labels_that_differ": difference.labels,
        }
        for name, difference in found_in.items()
    }
    return {
        "run": found,
        "members": len(run.members) or 1,
        "parameters": model.network.model.count_params(),
        "threshold": run.problem.threshold
        if run.problem.takes_threshold
        else None,
        "data": {**run.data, "is_the_runs_own": data.is_own},
        "config": dataclasses.asdict(run.config),
        "trained": {
            name: value for name, value in run.record.items() if name != "data"
        },
        "agreement": agreement,
        "tolerance": formats_lib.TOLERANCE,
    }


def _some_rows(data: ScoredData) -> np.ndarray:
    """Up to 1,000 evenly spaced test rows."""
    split = data.split("test")
    rows = split.places(evenly_spaced(split.examples, COMPARED_ROWS))
    return np.asarray(split.x[rows])


def _some_cells(data: ScoredData, given: Given | None) -> dict[str, list[str]]:
    """Cells of a table's first rows, up to 1,000, as a client sends them.

    They are the test table's, where there is one; the training table's where
    no row of that is as a client would write it.
    """
    encoding = data.dataset.encoding
    assert encoding is not None
    if given is not None:
        tables = given.tables
    else:
        assert data.dataset.folder is not None
        paths = find_tables(staging.localize(data.dataset.folder))
        tables = {name: open_table(path) for name, path in paths.items()}
    names = {column.name for column in encoding.inputs}
    for name in ("test", "train"):
        if name in tables:
            block = next(tables[name].blocks(COMPARED_ROWS, names))
            found = as_sent(encoding, block.columns)
            if any(found.values()):
                break
    return found


@contextlib.contextmanager
def _numbered(folder: Path) -> Iterator[tuple[Path, int]]:
    """Gives a folder aside that gets the next number when all is written.

    What an export that was killed left aside is removed.

    Yields:
      The folder, and the number.

    Raises:
      UserError: the folder cannot be written, or another export writes there.
    """
    with contextlib.ExitStack() as held:
        try:
            make_folder(folder)
            opened = os.open(folder, os.O_RDONLY)
            held.callback(os.close, opened)
            lock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for leftover in folder.glob(".[0-9]*"):
                shutil.rmtree(leftover)
            taken = [
                int(p.name) for p in folder.iterdir() if p.name.isdecimal()
            ]
            version = max(taken, default=0) + 1
            aside = held.enter_context(new_folder(folder / str(version)))
        except BlockingIOError:
            raise UserError(
                f"{folder} is in use by another export; wait for its end"
            ) from None
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            raise UserError(
                f"{folder} cannot be written ({error}); allow it"
            ) from error
        yield aside, version
