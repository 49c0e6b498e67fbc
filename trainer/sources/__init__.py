"""Where arrays come from: one module a family, NumPy alone."""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Mapping

from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.sources import digits
from trainer.sources import files
from trainer.sources import mnist
from trainer.sources import sklearn_tables
from trainer.sources import streaming
from trainer.sources.checks import check
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import fingerprint
from trainer.sources.dataset import rows_sha256
from trainer.sources.dataset import Split
from trainer.sources.folds import hold_out_fold
from trainer.sources.labels import CLASS_PROBLEMS
from trainer.sources.labels import guess
from trainer.sources.splits import hold_out
from trainer.sources.splits import strata_of
from trainer.sources.table_folder import open_tables
from trainer.sources.table_reading import read_tables
from trainer.storage import staging
from trainer.storage.names import whole_place
from trainer.tables.encoding import Encoding
from trainer.tables.given import Given
from trainer.tables.table_file import TableFile

__all__ = [
    "Dataset",
    "Encoding",
    "Split",
    "fingerprint",
    "held_out",
    "load",
    "rows_sha256",
]

# The test rows of a source without a test split are the same for every seed of
# a config, so that the scores of several seeds can be compared.
TEST_SEED = 0

# Sources that need no file: they ship inside scikit-learn.
SHIPPED: dict[str, Callable[[], Dataset]] = {
    "digits": digits.load_digits,
    "digits_attributes": digits.load_digits_attributes,
    "digits_ink": digits.load_digits_ink,
    "digits_pixels": digits.load_digits_pixels,
    "breast_cancer": sklearn_tables.load_breast_cancer,
    "wine": sklearn_tables.load_wine,
    "diabetes": sklearn_tables.load_diabetes,
}
# Sources that read --data_dir. To add one, give its loader a name here or
# above, and the name a place among the choices of config.data.source.
READ: dict[str, Callable[[str | None], Dataset]] = {
    "mnist": mnist.load_mnist,
    "fashion_mnist": mnist.load_fashion_mnist,
    "files": files.load_files,
}


def load(
    data: DataConfig,
    *,
    seed: int,
    data_dir: str | None,
    problem: str = "auto",
    known: str | None = None,
    encoding: Encoding | None = None,
    given: Given | None = None,
    cache_gib: float = staging.CACHE_GIB,
) -> Dataset:
    """Loads a source's arrays, checks them and holds rows out.

    The splits are a pure function of the arrays, the fractions and, for
    validation alone, the seed.

    Args:
      data: the config's section, validated.
      seed: the config's; draws the validation rows.
      data_dir: the folder given by --data_dir, or None. Where it is given,
        nothing else is looked at.
      problem: the config's, or that of the run that the data is for: where
        labels are classes, each keeps a row in training.
      known: fingerprint of the run that the data is for, whose rows are held
        out as it did; None where there is none yet.
      encoding: of the run that a CSV file's rows are for; None to settle one
        by the training rows.
      given: arrays or tables of a program's, which stand for files.
      cache_gib: most of the disk that rows take of each array that is
        streamed from a bucket.

    Returns:
      A dataset with "train", "test" and, where the source has one or the
      config holds one out, "validation".

    Raises:
      UserError: naming the file or array, its value, the rule and the remedy.
    """
    named = data_dir
    arrays = None
    if data.source == "files" and data_dir is not None:
        arrays = streaming.open_arrays(data_dir, cache_gib)
    if arrays is None and data_dir is not None:
        data_dir = staging.localize(data_dir)
    opened = {} if arrays is not None else _tables(data, data_dir, given)
    tables = read_tables(opened, data, encoding) if opened else None
    if tables is not None:
        tables.check()
        whole = tables.labelled()
    else:
        _check_no_column(data)
        if given is not None:
            whole = files.of_arrays("arrays", given.arrays, "a program")
        elif arrays is not None:
            name = os.path.basename(str(named).rstrip("/"))
            whole = files.of_arrays(name, arrays, str(named))
        else:
            whole = _read(data.source, data_dir)
        check(whole)

    def parted(*, as_earlier: bool = False) -> Dataset:
        # Test rows must have no say in the encoding: first they are held out.
        found = held_out(whole, data, seed, problem, as_earlier=as_earlier)
        return found if tables is None else tables.encode(found, encoding)

    dataset = parted()
    may_be_earlier = known is not None and _are_spread_anew(whole, problem)
    if may_be_earlier and fingerprint(dataset) != known:
        earlier = parted(as_earlier=True)
        dataset = earlier if fingerprint(earlier) == known else dataset
    _check_augmented(data, dataset)
    if named is None:
        return dataset
    return dataclasses.replace(dataset, folder=whole_place(named))


def _are_spread_anew(whole: Dataset, problem: str) -> bool:
    """Whether earlier versions held out other rows of these labels."""
    train = whole.splits["train"]
    are_classes = problem in CLASS_PROBLEMS
    return are_classes and strata_of(train, are_classes=False) is None


def _tables(
    data: DataConfig, data_dir: str | None, given: Given | None
) -> Mapping[str, TableFile]:
    """Returns the tables that rows are read from; {} where there are none."""
    if given is not None:
        return given.tables
    if data.source != "files" or data_dir is None:
        return {}
    return open_tables(data_dir)


def _check_augmented(data: DataConfig, dataset: Dataset) -> None:
    shape = dataset.splits["train"].x.shape[1:]
    if data.augmentation.distorts and len(shape) not in (2, 3):
        raise UserError(
            "config.data.augmentation distorts images of shape [height, width]"
            f" or [height, width, channels], and {dataset.name}'s rows have"
            f" {list(shape)}; leave its fields at 0"
        )


def _check_no_column(data: DataConfig) -> None:
    """Refuses columns that are named where no table has any."""
    for field in (
        "target",
        "ignore",
        "read_as",
        "group",
        "order",
        "weight",
        "heavy_tails",
        "rare_rows",
    ):
        value = getattr(data, field)
        if value != getattr(DataConfig, field):
            raise UserError(
                f"config.data.{field}={value!r} is for columns of a table,"
                " and there is none; leave it out, or give --data_dir=FILE.csv"
                " and --config.data.source=files"
            )


def held_out(
    dataset: Dataset,
    data: DataConfig,
    seed: int,
    problem: str = "auto",
    *,
    as_earlier: bool = False,
) -> Dataset:
    """Holds out the splits that a dataset lacks and the config asks for.

    Where the problem is to be guessed, that is done first, by all the rows:
    what is held out has no say in it.

    Args:
      dataset: as it is stored.
      data: the config's section.
      seed: draws the validation rows.
      problem: as in `load`.
      as_earlier: as in `hold_out`.

    Raises:
      UserError: there are too few rows.
    """
    if problem == "auto":
        named = bool(dataset.class_names)
        found = guess(dataset.splits["train"].labels(), are_named=named)
        dataset = dataclasses.replace(dataset, guess=found)
        problem = found.problem
    wanted = {
        "test": (data.test_fraction, TEST_SEED),
        "validation": (data.validation_fraction, seed),
    }
    for name, (fraction, drawn_by) in wanted.items():
        if name == "validation" and data.folds is not None:
            dataset = hold_out_fold(
                dataset,
                folds=data.folds,
                fold=data.fold,
                seed=seed,
                keeps_classes=problem in CLASS_PROBLEMS,
                as_earlier=as_earlier,
            )
        elif name not in dataset.splits and fraction:
            dataset = hold_out(
                dataset,
                name,
                fraction=fraction,
                seed=drawn_by,
                keeps_classes=problem in CLASS_PROBLEMS,
                as_earlier=as_earlier,
            )
    return dataset


def _read(source: str, data_dir: str | None) -> Dataset:
    if source in READ:
        return READ[source](data_dir)
    if data_dir is not None:
        raise UserError(
            f"--data_dir={data_dir} is not read by config.data.source="
            f"{source!r}, which ships inside scikit-learn; leave --data_dir"
            " out, or set --config.data.source=files for arrays of your own"
        )
    return SHIPPED[source]()
