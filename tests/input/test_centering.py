"""What float32 would lose is taken to its mean before, exactly."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.input.normalization import fit_normalization
from trainer.input.normalization import Normalization
from trainer.sources import Dataset
from trainer.sources import Split

ROWS = 500
SECONDS = np.random.RandomState(0).uniform(0, 60, (ROWS, 1))
WHOLE = SECONDS.astype(np.int64)


def fitted(x, kind="table"):
    return fit_normalization(
        "auto", Dataset("", {"train": Split(x, np.zeros(len(x)))}, kind)
    )


@pytest.mark.parametrize(
    ("x", "plain"),
    [
        (SECONDS + 1.7e9, SECONDS),
        (SECONDS - 1.7e9, SECONDS),
        (SECONDS + 1e14, None),
        (SECONDS * 1e-50, SECONDS),
        (SECONDS * 1e36, SECONDS),
        (WHOLE + 1_700_000_000_000_000_000, WHOLE),
        (WHOLE - 2**62, WHOLE),
        (WHOLE.astype(np.uint64) + np.uint64(2**63 + 2**62), WHOLE),
        ((WHOLE + 2_000_000_000).astype(np.int32), WHOLE),
        ((WHOLE + 4_000_000_000).astype(np.uint32), WHOLE),
    ],
)
@pytest.mark.parametrize("kind", ["table", "image"])
def test_an_offset_or_a_unit_is_no_loss(x, plain, kind):
    x = x.reshape(ROWS, 1, 1) if kind == "image" else x
    normalize = fitted(x, kind)
    assert normalize.center is not None
    found = normalize(tf.constant(x)).numpy()
    plain = SECONDS if plain is None else plain
    wanted = (plain - plain.mean()) / plain.std()
    rounding = 1e-3 if x.max() == 1e14 + SECONDS.max() else 2e-6
    np.testing.assert_allclose(found, wanted, atol=rounding)
    np.testing.assert_allclose(normalize.in_float64(x), found, atol=2e-6)
    again = Normalization.of_arrays({**normalize.arrays(), "model/x": x})
    np.testing.assert_array_equal(again(tf.constant(x)).numpy(), found)


@pytest.mark.parametrize(
    "x",
    [
        SECONDS,
        SECONDS + 1000,
        WHOLE.astype(np.uint8),
        (WHOLE + 60_000).astype(np.uint16),
        WHOLE + 16_000_000,
        (SECONDS + 1.7e9).astype(np.float32),
        np.full((ROWS, 1), 1.7e9),
        np.full((ROWS, 1), 2**60),
        3.3 + np.repeat([[0.0], [4e-16]], ROWS // 2, axis=0),
    ],
)
def test_what_float32_tells_apart_is_as_it_was(x):
    normalize = fitted(x)
    assert (normalize.center, normalize.scale) == (None, None)
    assert set(normalize.arrays()) == {
        "normalization/mean",
        "normalization/std",
    }


def test_other_columns_of_a_table_keep_their_bits():
    beside = np.random.RandomState(1).normal(3, 2, (ROWS, 1))
    alone = fitted(beside)(tf.constant(beside)).numpy()
    x = np.hstack([beside, SECONDS + 1.7e9])
    found = fitted(x)(tf.constant(x)).numpy()
    np.testing.assert_array_equal(found[:, :1], alone)
