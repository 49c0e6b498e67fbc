"""Where arrays come from: one module a family, NumPy alone."""

from collections.abc import Callable

from trainer.config import DataConfig
from trainer.config import UserError
from trainer.sources import digits
from trainer.sources import files
from trainer.sources import mnist
from trainer.sources import tables
from trainer.sources.checks import check
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import fingerprint
from trainer.sources.dataset import Split
from trainer.sources.splits import hold_out

__all__ = ["Dataset", "Split", "fingerprint", "load"]

# The test rows of a source without a test split are the same for every seed of
# a config, so that the scores of several seeds can be compared.
TEST_SEED = 0

# Sources that need no file: they ship inside scikit-learn.
SHIPPED: dict[str, Callable[[], Dataset]] = {
    "digits": digits.load_digits,
    "digits_attributes": digits.load_digits_attributes,
    "digits_ink": digits.load_digits_ink,
    "breast_cancer": tables.load_breast_cancer,
    "wine": tables.load_wine,
    "diabetes": tables.load_diabetes,
}
# Sources that read --data_dir. To add one, give its loader a name here or
# above, and the name a place in trainer.config.SOURCES.
READ: dict[str, Callable[[str | None], Dataset]] = {
    "mnist": mnist.load_mnist,
    "fashion_mnist": mnist.load_fashion_mnist,
    "files": files.load_files,
}


def load(data: DataConfig, *, seed: int, data_dir: str | None) -> Dataset:
    """Loads a source's arrays, checks them and holds rows out.

    The splits are a pure function of the arrays, the fractions and, for
    validation alone, the seed.

    Args:
      data: the config's section, validated.
      seed: the config's; draws the validation rows.
      data_dir: the folder given by --data_dir, or None. Where it is given,
        nothing else is looked at.

    Returns:
      A dataset with "train", "test" and, where the source has one or the
      config holds one out, "validation".

    Raises:
      UserError: naming the file or array, its value, the rule and the remedy.
    """
    dataset = _read(data.source, data_dir)
    check(dataset)
    if "test" not in dataset.splits:
        dataset = hold_out(
            dataset, "test", fraction=data.test_fraction, seed=TEST_SEED
        )
    if "validation" not in dataset.splits and data.validation_fraction:
        dataset = hold_out(
            dataset, "validation", fraction=data.validation_fraction, seed=seed
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
