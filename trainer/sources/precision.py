"""Whether float32 tells a column's values apart, and what is done where not.

A network works in float32, 24 bits a number. Of seconds since 1970 it keeps
every 128th: a column that varies by minutes becomes one value. Such a column is
taken to its mean and deviation in float64, whole numbers to their mean in
int64, before it becomes float32; all others become float32 as they are.
"""

import numpy as np

# Rounding may be this share of a column's deviation, as if it had ten bits.
MOST_ERROR = 2.0**-11
# Below so many of its own steps a deviation is rounding: a constant column.
LEAST_STEPS = 16
# The same, as a share of the mean, of what was reckoned in float64.
NOISE = LEAST_STEPS * np.finfo(np.float64).eps
# Means and deviations outside leave float32's range in its own arithmetic.
LEAST, GREATEST = 1e-30, 1e30


def spread_told(
    name: str, least: float, greatest: float, dtype: np.dtype
) -> str | None:
    """Says what becomes of a column whose spread is small against its size.

    Args:
      name: of the column.
      least: of its values.
      greatest: of its values.
      dtype: that they are stored in.

    Returns:
      None where float32 has steps enough.
    """
    spread, size = greatest - least, max(abs(least), abs(greatest))
    if not 0 < spread < size * 2.0**-13:
        return None
    words = f"{name!r} varies by {spread:.3g} around {size:,.12g}, "
    if dtype.kind == "f" and spread < LEAST_STEPS * np.spacing(
        dtype.type(size)
    ):
        return (
            f"{words}which {dtype.name} is too coarse for: what tells rows"
            " apart is lost; save it less an offset, or in a wider type"
        )
    if dtype.itemsize <= 2 or dtype == np.float32:
        return None
    if dtype.kind in "iu" and size < 2**24:
        return None
    return (
        f"{words}too little for float32: training takes its mean off in"
        f" {'float64' if dtype.kind == 'f' else 'int64'} first"
    )


def is_suspect(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Whether rounding to float32 may matter, bool [columns].

    Args:
      mean: float64 [columns], as far as float64 tells it.
      std: float64 [columns], the same.
    """
    return (std < np.abs(mean) * 2.0**-13) | is_extreme(mean, std)


def is_extreme(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Whether float32 can hold values, but not their squares: bool [columns].

    Args:
      mean: float64 [columns].
      std: float64 [columns].
    """
    size = np.maximum(np.abs(mean), std)
    return (size > GREATEST) | ((std < LEAST) & (std > 0))


def rounding(values: np.ndarray) -> np.ndarray:
    """Returns how far numbers are from their float32, float64 [columns].

    Args:
      values: [rows, columns], of any dtype.

    Returns:
      The greatest distance in each column; of whole numbers beyond 2^24, the
      greatest that there could be.
    """
    near = values.astype(np.float32)
    if values.dtype.kind == "f":
        return np.abs(values - near.astype(np.float64)).max(axis=0)
    greatest = np.abs(near).max(axis=0)
    step = np.spacing(greatest).astype(np.float64)
    return np.where(greatest > 2**24, step / 2, 0)


def is_lost(
    error: np.ndarray, mean: np.ndarray, std: np.ndarray, *, is_whole: bool
) -> np.ndarray:
    """Whether float32 would lose what tells rows apart, bool [columns].

    Args:
      error: float64 [columns], of `rounding`.
      mean: float64 [columns].
      std: float64 [columns], exact.
      is_whole: whether values are whole numbers, which have no noise.
    """
    varies = std > np.abs(mean) * (0.0 if is_whole else NOISE)
    return varies & ((error > std * MOST_ERROR) | is_extreme(mean, std))
